"""Error analysis of the winner, from bought draws: confusion, slices, and doubtful labels."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tune.plan.default_space import find_labels
from tune.plan.plan import Plan
from tune.readout import Reading
from tune.readout.aggregate import tied_votes, vote
from tune.readout.answers import ReadDraw
from tune.readout.trial import Trial
from tune.report import Confusion, DoubtfulLabel, Failing, Slice
from tune.result.answers import TrialAnswers
from tune.result.evidence import Evidence
from tune.space import Config
from tune.strategies import Selection
from tune.study.record import RunRecord
from tune.task.example import Example, to_text

STRONG = 0.6
"""Strong configurations score at least this share of the metric's range."""

NEAR = 0.05
"""Strong configurations are at most this far behind the best, as a share of the range."""

LEAST_STRONG, MOST_STRONG = 3, 6
"""Trials that must agree on a label, and the most that are asked."""

ONE_VOICE = 2 / 3
"""The share of a trial's own answers to a row that must be the same."""

MOST_SUBSETS = 200
"""Ways of taking n of the draws of an example that are counted."""

MOST_VALUES = 12
"""The most values of a column that get a slice each. More numbers are put into four ranges."""


def find_failing(
    record: RunRecord,
    choice: Selection | None,
    met: Mapping[Config, Reading],
    evidence: Evidence,
) -> Failing | None:
    """Return the errors of the selected config, on the holdout if it met that, else on tuning."""
    if choice is None:
        return None
    config = choice.shown.config
    on, shown, trial = "tuning", choice.reading, record.trials.get(choice.reading.trial)
    if config in met:
        on, shown, trial = "holdout", met[config], record.holdout_trials.get(config)
    confusion = None
    if trial is not None:
        confusion = _confusion(record, trial, shown.config)
    baseline = met.get(record.plan.baseline)
    slices = _slices(record.plan, evidence, shown, baseline, holdout=on == "holdout")
    return Failing(
        on=on,
        confusion=confusion,
        slices=tuple(slices),
        doubtful_labels=tuple(_doubtful_labels(record)),
    )


def _confusion(record: RunRecord, trial: Trial, config: Config) -> Confusion | None:
    """Count the winner's answers by label.

    None where the targets are not labels, where the answers are not, as the replies that a judge
    reads, or where the metric judges several answers together.
    """
    labels, metric = find_labels(record.plan.data), record.plan.metric
    if not labels or metric.over_responses or metric.costs:
        return None
    places = {_fold(label): place for place, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels) + 2))
    read = TrialAnswers(record, trial, config)
    for position in sorted(trial.draws.keys() | trial.config_failed.keys()):
        example = record.plan.examples[position]
        if example.target is None or position in trial.unanswered:
            continue
        row = places.get(_fold(to_text(example.target)))
        if row is None:
            continue
        for answer, share in _shares(read, position).items():
            # Behind the labels: one column for other answers, and one for no answer.
            column = len(labels) + 1
            if answer is not None:
                column = places.get(_fold(answer), len(labels))
            counts[row, column] += share
    # A metric of the user's own may read whole texts, which no label is compared with.
    if not counts[:, : len(labels)].any():
        return None
    # Shares are sums of fractions. Rounding hides their last digits.
    rows = np.round(counts, 6).tolist()
    return Confusion(tuple(labels), tuple(map(tuple, rows)))


def _shares(read: TrialAnswers, position: int) -> dict[str | None, float]:
    """Return the share of each answer to an example, over the orders in which its draws may come.

    A score is the mean over the same orders, so the matrix and the score agree.
    """
    config = read.config
    draws: Sequence[ReadDraw] = ()
    if position not in read.trial.config_failed:
        draws = read.draws(position)
    if not draws:
        return {None: 1.0}
    n = min(config.n, len(draws))
    if n == 1 or config.aggregate == "first":
        # Each draw comes first equally often.
        counts = Counter(draw.answer for draw in draws)
        return {answer: times / len(draws) for answer, times in counts.items()}
    every = itertools.combinations(draws, n)
    subsets: list[Sequence[ReadDraw]] = list(itertools.islice(every, MOST_SUBSETS))
    # Too many to count: a random sample, which depends on the position alone.
    if math.comb(len(draws), n) > MOST_SUBSETS:
        rng = random.Random(position)
        subsets = [rng.sample(draws, n) for _ in range(MOST_SUBSETS)]
    found: Counter[str | None] = Counter()
    for subset in subsets:
        chosen = _chosen(read, position, subset)
        for answer in chosen:
            found[answer] += 1 / len(chosen) / len(subsets)  # type: ignore[assignment]
    return dict(found)


def _chosen(
    read: TrialAnswers, position: int, draws: Sequence[ReadDraw]
) -> Sequence[str | None]:
    """Return the answer that is made of these, or all of a tie: the order decides between them."""
    if read.config.aggregate == "vote":
        return tied_votes([draw.answer for draw in draws]) or [None]
    answer = read.choose(position, draws).answer
    return answer if isinstance(answer, tuple) else [answer]


def _slices(
    plan: Plan,
    evidence: Evidence,
    reading: Reading,
    baseline: Reading | None,
    *,
    holdout: bool,
) -> list[Slice]:
    found = []
    for column in plan.by:
        cells = {}
        for position in reading.examples:
            cells[position] = _cell(plan.examples[position], column)
        for name, positions in _parts(cells).items():
            quality = evidence.quality(reading.among(positions), holdout=holdout)
            before = None
            # On tuning examples the two may have met different ones.
            if baseline is not None and holdout:
                other = baseline.among(positions)
                if other.examples:
                    before = evidence.quality(other, holdout=holdout)
            found.append(Slice(column, name, quality, before))
    return found


def _cell(example: Example, column: str) -> Any:
    # An input column wins over a field of the example with the same name.
    if column in example.inputs:
        return example.inputs[column]
    return example[column]


def _parts(cells: Mapping[int, Any]) -> dict[str, list[int]]:
    """Group positions by value, the most common first.

    Numbers with many values are grouped into four ranges with about equally many rows.
    """
    texts: dict[int, str] = {}
    numbers: dict[int, float] = {}
    for position, cell in cells.items():
        texts[position] = "(nothing)"
        if cell is not None:
            texts[position] = to_text(cell)
        number = _number(texts[position])
        if number is not None:
            numbers[position] = number
    sizes = Counter(texts.values())
    if len(sizes) > MOST_VALUES and len(numbers) == len(texts):
        return _ranges(numbers)
    found: dict[str, list[int]] = {}
    for value, _ in sizes.most_common(MOST_VALUES):
        found[value] = []
    for position, text in texts.items():
        name = text
        if text not in found:
            name = "(any other)"
        found.setdefault(name, []).append(position)
    return found


def _ranges(numbers: Mapping[int, float]) -> dict[str, list[int]]:
    limits = np.quantile(list(numbers.values()), [0.0, 0.25, 0.5, 0.75, 1.0])
    found: dict[str, list[int]] = {}
    for position, number in numbers.items():
        # A number on a limit belongs to the range above it.
        part = int(np.searchsorted(limits[1:4], number, side="right"))
        name = f"{limits[part]:g} to {limits[part + 1]:g}"
        found.setdefault(name, []).append(position)
    return dict(sorted(found.items(), key=lambda one: float(one[0].split()[0])))


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    # "nan" and "inf" are words in most columns.
    if not math.isfinite(found):
        return None
    return found


def _doubtful_labels(record: RunRecord) -> list[DoubtfulLabel]:
    """Find tuning rows on which all strong configs agree against the data's label."""
    if record.plan.metric.over_responses or record.plan.metric.costs:
        return []
    strong = []
    for reading in _strong(record):
        trial = record.trials[reading.trial]
        strong.append(TrialAnswers(record, trial, reading.config))
    found = []
    for position in range(len(record.plan.split.tuning)):
        doubt = _doubt(record, strong, position)
        if doubt is not None:
            found.append(doubt)
    return found


def _doubt(
    record: RunRecord, strong: Sequence[TrialAnswers], position: int
) -> DoubtfulLabel | None:
    """Return the doubt about the label of one row; None if the strong configs do not agree."""
    answers: list[str] = []
    asked = draws = 0
    for read in strong:
        asked += bool(read.trial.draws.get(position))
        voice = _voice(read, position)
        if voice is not None:
            answers.append(voice[0])
            draws += voice[1]
    # One config that was asked and has no clear answer is enough to leave the label alone.
    if len(answers) < max(LEAST_STRONG, asked) or len(set(map(_fold, answers))) != 1:
        return None
    if not record.reader.scores.is_worst(answers[0], position):
        return None
    example = record.plan.examples[position]
    # One line of a table has room for about so much.
    text = " ".join(" ".join(example.inputs.values()).split())
    if len(text) > 100:
        text = f"{text[:100]} ..."
    return DoubtfulLabel(
        example=example.id,
        label=to_text(example.target),
        answer=answers[0],
        configs=len(answers),
        answers=draws,
        shown=text,
    )


def _strong(record: RunRecord) -> list[Reading]:
    """Return the best reading of each of the best trials, if it is good."""
    problem = record.problem
    strong: list[tuple[float, Reading]] = []
    for standing in record.standings.values():
        best = standing.best(problem)
        if best is None or not best.n_examples:
            continue
        quality = float(np.mean(problem.quality(best.scores)))
        if quality >= STRONG:
            strong.append((quality, best))
    most = max((quality for quality, _ in strong), default=0.0)
    near = [one for one in strong if one[0] >= most - NEAR]
    # More examples first: such a trial can judge more labels.
    near.sort(key=lambda one: (-one[1].n_examples, -one[0]))
    return [best for _, best in near[:MOST_STRONG]]


def _voice(read: TrialAnswers, position: int) -> tuple[str, int] | None:
    """Return a trial's answer to an example, and the number of its draws; None if they disagree."""
    answers = [draw.answer for draw in read.draws(position)]
    answer = vote(answers)
    if answer is None or answers.count(answer) < ONE_VOICE * len(answers):
        return None
    return answer, len(answers)


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
