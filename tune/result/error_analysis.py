"""Where the winner fails, found in what was bought: confusion, slices, and labels that look wrong."""

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
from tune.readout.aggregate import blind, choose, vote
from tune.readout.trial import Trial
from tune.readout.truncate import cut
from tune.report import Confusion, DoubtfulLabel, Failing, Slice
from tune.result.evidence import Evidence
from tune.space import Config
from tune.strategies import Selection
from tune.study.record import RunRecord
from tune.task.example import Example, to_text

STRONG = 0.6
"""Strong configurations score at least this share of the metric's range."""

NEAR = 0.05
"""And are no further behind the best, as a share of the range."""

LEAST_STRONG, MOST_STRONG = 3, 6
"""Trials that must agree on a label, and the most that are asked."""

ONE_VOICE = 2 / 3
"""The share of a trial's own answers to a row that must be the same."""

MOST_SUBSETS = 200
"""Ways of taking n of the draws of an example that are counted."""

MOST_VALUES = 12
"""Values of a column that are slices of their own; numbers of more values are cut into four ranges."""


def find_failing(
    record: RunRecord,
    choice: Selection | None,
    met: Mapping[Config, Reading],
    evidence: Evidence,
) -> Failing | None:
    """Return where the choice fails: on holdout examples where it met them, else on tuning
    examples.
    """
    if choice is None:
        return None
    config, reading = choice.shown.config, met.get(choice.shown.config)
    on = "tuning" if reading is None else "holdout"
    trial = (
        record.trials.get(choice.reading.trial)
        if reading is None
        else record.holdout_trials.get(config)
    )
    shown = choice.reading if reading is None else reading
    return Failing(
        on=on,
        confusion=None if trial is None else _confusion(record, trial, shown.config),
        slices=tuple(
            _slices(
                record.plan,
                evidence,
                shown,
                met.get(record.plan.baseline),
                holdout=reading is not None,
            )
        ),
        doubtful_labels=tuple(_doubtful_labels(record)),
    )


def _confusion(record: RunRecord, trial: Trial, config: Config) -> Confusion | None:
    """The winner's answers by label; None where the targets are no labels, or the metric judges
    several answers.
    """
    labels = find_labels(record.plan.data)
    if not labels or record.plan.metric.over_responses:
        return None
    places = {_fold(label): place for place, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels) + 2))
    for position in sorted(trial.draws.keys() | trial.config_failed.keys()):
        example = record.plan.examples[position]
        row = places.get(_fold(to_text(example.target))) if example.target is not None else None
        if row is None or position in trial.unanswered:
            continue
        for answer, share in _shares(record, trial, config, position).items():
            column = len(labels) + 1 if answer is None else places.get(_fold(answer), len(labels))
            counts[row, column] += share
    return Confusion(
        tuple(labels), tuple(tuple(round(float(cell), 6) for cell in row) for row in counts)
    )


def _shares(
    record: RunRecord, trial: Trial, config: Config, position: int
) -> dict[str | None, float]:
    """How often a config gives each answer to an example, over the orders in which its draws may
    come.

    A score is the mean over these too, so that the matrix and the score agree.
    """
    answers = [] if position in trial.config_failed else _answers(record, trial, config, position)
    if not answers:
        return {None: 1.0}
    n = min(config.n, len(answers))
    if n == 1 or config.aggregate == "first":
        return {answer: times / len(answers) for answer, times in Counter(answers).items()}
    subsets: list[Sequence[str | None]] = list(
        itertools.islice(itertools.combinations(answers, n), MOST_SUBSETS)
    )
    if math.comb(len(answers), n) > MOST_SUBSETS:
        rng = random.Random(position)
        subsets = [rng.sample(answers, n) for _ in range(MOST_SUBSETS)]
    found: Counter[str | None] = Counter()
    for subset in subsets:
        chosen = _chosen(record, config, position, subset)
        for answer in chosen:
            found[answer] += 1 / len(chosen) / len(subsets)  # type: ignore[assignment]
    return dict(found)


def _chosen(
    record: RunRecord, config: Config, position: int, answers: Sequence[str | None]
) -> list[str | None]:
    """What is made of these answers; several where the order decides between them."""
    if config.aggregate == "vote":
        votes = Counter(answer for answer in answers if answer is not None)
        most = max(votes.values(), default=0)
        return [answer for answer, count in votes.items() if count == most] or [None]
    verifier = record.plan.verifier
    verify = None if verifier is None else blind(verifier, record.plan.examples[position])
    return [choose(config.aggregate, answers, verifier=verify)]


def _answers(record: RunRecord, trial: Trial, config: Config, position: int) -> list[str | None]:
    """What is taken out of each draw of an example, cut as the config cuts it."""
    found: list[str | None] = []
    for draw in trial.draws.get(position, ()):
        said = cut(draw, config.max_tokens, config.stop)
        withheld = said.finish_reason == "content_filter"
        found.append(None if withheld else record.reader.extract(said.text))
    return found


def _slices(
    plan: Plan, evidence: Evidence, reading: Reading, baseline: Reading | None, *, holdout: bool
) -> list[Slice]:
    found = []
    for column in plan.by:
        cells = {position: _cell(plan.examples[position], column) for position in reading.examples}
        for name, positions in _parts(cells).items():
            part = reading.among(positions)
            other = None if baseline is None or not holdout else baseline.among(positions)
            found.append(
                Slice(
                    column,
                    name,
                    evidence.quality(part, holdout=holdout),
                    evidence.quality(other, holdout=holdout)
                    if other is not None and other.examples
                    else None,
                )
            )
    return found


def _cell(example: Example, column: str) -> Any:
    return example.inputs[column] if column in example.inputs else example[column]


def _parts(cells: Mapping[int, Any]) -> dict[str, list[int]]:
    """Positions by value, the commonest first; numbers of many values in four ranges of about
    equally many rows.
    """
    texts = {
        position: "(nothing)" if cell is None else to_text(cell) for position, cell in cells.items()
    }
    sizes = Counter(texts.values())
    numbers = {position: _number(text) for position, text in texts.items()}
    if len(sizes) > MOST_VALUES and all(number is not None for number in numbers.values()):
        return _ranges(
            {position: number for position, number in numbers.items() if number is not None}
        )
    kept = [value for value, _ in sizes.most_common(MOST_VALUES)]
    found: dict[str, list[int]] = {value: [] for value in kept}
    for position, text in texts.items():
        found.setdefault(text if text in kept else "(any other)", []).append(position)
    return found


def _ranges(numbers: Mapping[int, float]) -> dict[str, list[int]]:
    limits = np.quantile(list(numbers.values()), [0.0, 0.25, 0.5, 0.75, 1.0])
    found: dict[str, list[int]] = {}
    for position, number in numbers.items():
        part = sum(bool(number >= limit) for limit in limits[1:4])
        found.setdefault(f"{limits[part]:g} to {limits[part + 1]:g}", []).append(position)
    return dict(sorted(found.items(), key=lambda one: float(one[0].split()[0])))


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _doubtful_labels(record: RunRecord) -> list[DoubtfulLabel]:
    """Tuning rows on which all strong configurations say the same, and something else than the
    data.
    """
    if record.plan.metric.over_responses or record.plan.metric.costs:
        return []
    strong = _strong(record)
    found = []
    for position in range(len(record.plan.split.tuning)):
        voices = [
            _voice(record, record.trials[reading.trial], reading.config, position)
            for reading in strong
        ]
        heard = [voice for voice in voices if voice is not None]
        answers = {_fold(answer) for answer, _ in heard}
        asked = sum(_met(record, reading, position) for reading in strong)
        if len(heard) < max(LEAST_STRONG, asked) or len(answers) != 1:
            continue
        answer = heard[0][0]
        if record.reader.scores.is_worst(answer, position):
            found.append(
                _doubt(
                    record.plan.examples[position],
                    answer,
                    len(heard),
                    sum(count for _, count in heard),
                )
            )
    return found


def _met(record: RunRecord, reading: Reading, position: int) -> bool:
    return bool(record.trials[reading.trial].draws.get(position))


def _strong(record: RunRecord) -> list[Reading]:
    """The best reading of each of the best trials, provided that they are good."""
    problem = record.problem
    bests = [
        best
        for standing in record.standings.values()
        if (best := standing.best(problem)) is not None
    ]
    level = {
        id(best): float(np.mean(problem.quality(best.scores))) for best in bests if best.n_examples
    }
    known = [best for best in bests if best.n_examples and level[id(best)] >= STRONG]
    most = max((level[id(best)] for best in known), default=0.0)
    near = [best for best in known if level[id(best)] >= most - NEAR]
    return sorted(near, key=lambda best: (-best.n_examples, -level[id(best)]))[:MOST_STRONG]


def _voice(
    record: RunRecord, trial: Trial, config: Config, position: int
) -> tuple[str, int] | None:
    """What a trial says of an example with one voice, and in how many answers; None where it has
    none.
    """
    answers = _answers(record, trial, config, position)
    answer = vote(answers)
    if answer is None or sum(one == answer for one in answers) < ONE_VOICE * len(answers):
        return None
    return answer, len(answers)


def _doubt(example: Example, answer: str, configs: int, answers: int) -> DoubtfulLabel:
    text = " ".join(" ".join(example.inputs.values()).split())
    shown = text if len(text) <= 100 else f"{text[:100]} ..."
    return DoubtfulLabel(example.id, to_text(example.target), answer, configs, answers, shown)


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
