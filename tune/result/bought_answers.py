"""Count all answers that the search bought, and the money for answers that bring nothing."""

from __future__ import annotations

from collections import Counter, defaultdict

from tune.pricing.prices import to_dollars
from tune.readout.outcomes import KINDS, Outcomes, count_outcomes, kind_of
from tune.readout.trial import Trial
from tune.report import SearchAnswers
from tune.space import Config
from tune.study.record import RunRecord


def count_bought(record: RunRecord) -> SearchAnswers:
    """Count the answers of all trials by kind, as they were bought, with no further cut."""
    found: Counter[str] = Counter()
    dollars: defaultdict[str, float] = defaultdict(float)
    answers, cap = 0, 0
    total, hidden = 0.0, False
    for trial in record.trials.values():
        counts = _counts(record, trial)
        answers += counts.answers
        for kind in KINDS:
            found[kind] += counts.count(kind)
        cap = max(cap, trial.cap)
        model = record.model_of(trial)
        for draws in trial.draws.values():
            for place, draw in enumerate(draws):
                # Draws of one call share the charge for its prompt.
                is_first = place % model.most_n == 0
                prompt = 0
                if is_first:
                    prompt = draw.prompt_tokens
                cost = to_dollars(model.price.cost(prompt, draw.completion_tokens))
                total += cost
                hidden = hidden or draw.reasoning_tokens > 0
                # Right and wrong answers were worth their money. This counts what brought nothing.
                kind = kind_of(draw, record.reader.extract(draw.text), is_worst=False)
                if kind:
                    dollars[kind] += cost
    shares = {}
    if total > 0:
        shares = {kind: spent / total for kind, spent in dollars.items()}
    # A kind with no answer stands in the counts with 0, so every field is there.
    outcomes = Outcomes(answers=answers, **found)
    return SearchAnswers(outcomes, shares, hidden, cap)


def _counts(record: RunRecord, trial: Trial) -> Outcomes:
    reader = record.reader
    # At a smaller max_tokens more of these answers would be cut.
    as_bought = Config({**trial.point, "max_tokens": trial.cap})
    return count_outcomes(
        trial,
        as_bought,
        answer=lambda said: reader.extract(said.text),
        is_worst=reader.scores.is_worst,
    )
