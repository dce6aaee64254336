"""Count all answers that the search bought, and the money for answers that bring nothing."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tune.pricing.prices import Price
from tune.readout.columns import DrawColumns, Integers, list_prices, total
from tune.readout.outcomes import KINDS, Outcomes
from tune.report import SearchAnswers
from tune.space import Config
from tune.study.record import RunRecord


def count_bought(record: RunRecord) -> SearchAnswers:
    """Count the answers of all trials by kind, as they were bought, with no further cut."""
    found: Counter[str] = Counter()
    # Whole picodollars, by kind.
    spent: Counter[str] = Counter()
    answers, cap = 0, 0
    everything, hidden = 0, False
    for trial in record.trials.values():
        # At a smaller max_tokens more of these answers would be cut.
        as_bought = Config({**trial.point, "max_tokens": trial.cap})
        counts = record.reader.outcomes(trial, as_bought)
        answers += counts.answers
        for kind in KINDS:
            found[kind] += counts.count(kind)
        cap = max(cap, trial.cap)
        model = record.model_of(trial)
        draws = record.reader.columns(trial)
        hidden = hidden or draws.reasons
        costs = _costs(model.price, draws, model.most_n)
        everything += total(costs)
        # Right and wrong answers were worth their money. This counts what brought nothing.
        kinds = record.reader.kinds(trial)
        for place in np.unique(kinds[kinds >= 0]).tolist():
            spent[KINDS[place]] += total(costs[kinds == place])
    shares = {}
    if everything:
        shares = {kind: cost / everything for kind, cost in spent.items()}
    # A kind with no answer stands in the counts with 0, so every field is there.
    outcomes = Outcomes(answers=answers, **found)
    return SearchAnswers(outcomes, shares, hidden, cap)


def _costs(price: Price, draws: DrawColumns, most_n: int) -> Integers:
    """Return the list price of each draw; the first of each call bears its prompt."""
    calls = draws.call_starts(most_n)
    prompts = np.zeros_like(draws.prompt_tokens)
    prompts[calls] = draws.prompt_tokens[calls]
    return list_prices(price, prompts, draws.completion_tokens)
