"""Main effects of the dimensions of a search, and how well models and prompts go together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tune.readout import Reading
from tune.report.search_records import Dimension, Effect, PairCell
from tune.report.text import describe_value
from tune.result.free_effects import free_effects
from tune.space import Point
from tune.stats.arrays import Array
from tune.stats.intervals import Interval
from tune.stats.linear_effects import LinearEffects, linear_effects
from tune.strategies.paired import adjusted_means, quality_table
from tune.study.record import RunRecord

MOST_VALUES = 6
"""Values of a number that are compared one by one; more are put into ranges."""

_RANGES = 4
"""Ranges of a number with many values, with equally many trials in each."""

_EXAMPLE_VARIANCE = 0.25
"""The largest variance of a score between 0 and 1: that of right or wrong at even odds."""

_PAIR = "model x prompt"
"""The name of the coefficients of models with prompts."""

_LEAST_VARIANCE = 1e-4
"""Prior variance of effects where all trials look alike: a hundredth of the metric's range."""


@dataclass(frozen=True, slots=True)
class _Trials:
    """Trials that are compared.

    Attributes:
        levels: the value of each dimension in words, by trial.
        counts: the number of trials with each value, by dimension; pairs of model and prompt too.
        values: adjusted means, as a share of the metric's range.
        variances: their sampling variances.
    """

    levels: list[dict[str, str]]
    counts: Mapping[str, Counter[str]]
    values: Array
    variances: Array


@dataclass(frozen=True, slots=True)
class _Model:
    """A fitted additive model.

    Attributes:
        trials: the trials that it was fitted to.
        columns: the place of the coefficient of each dimension and value.
        effects: its posterior.
    """

    trials: _Trials
    columns: Mapping[tuple[str, str], int]
    effects: LinearEffects

    def average(self, held: Mapping[str, str]) -> Array:
        """Return the contrast of the mean quality, with some dimensions held at a value.

        The other dimensions count as often as they were tried.
        """
        weights = np.zeros(len(self.effects.mean))
        weights[0] = 1.0
        trials = len(self.trials.levels)
        # One trial after another is added, so that the rounding is that of any other sum of them.
        shares = np.cumsum(np.full(trials, 1.0 / trials)).tolist()
        for name, counts in self.trials.counts.items():
            seen: Mapping[str, int] = counts
            if name in held:
                seen = {held[name]: trials}
            if name == _PAIR:
                seen = self._pairs(held)
            for value, count in seen.items():
                place = self.columns.get((name, value))
                # A model that was never tried with a prompt has no coefficient with it.
                if place is not None:
                    weights[place] = shares[count - 1]
        return weights

    def _pairs(self, held: Mapping[str, str]) -> Mapping[str, int]:
        """Return how often each model would be tried with each prompt, with some values held."""
        if not held.keys() & {"model", "prompt"}:
            return self.trials.counts[_PAIR]
        trials = len(self.trials.levels)
        models, prompts = self.trials.counts["model"], self.trials.counts["prompt"]
        if "model" in held:
            models = Counter({held["model"]: trials})
        if "prompt" in held:
            prompts = Counter({held["prompt"]: trials})
        found: dict[str, int] = {}
        for model, of_model in models.items():
            for prompt, of_prompt in prompts.items():
                pair = _with_pair({"model": model, "prompt": prompt})[_PAIR]
                # One of the two holds for all trials.
                found[pair] = min(of_model, of_prompt)
        return found


def find_effects(
    record: RunRecord,
) -> tuple[tuple[Dimension, ...], tuple[PairCell, ...]]:
    """Return the main effects of all dimensions, and the models with their prompts.

    A paid dimension is compared over trials: each trial counts by the quality of one answer, as if
    it had met all examples. A free dimension is compared within trials, on the same draws.
    """
    bases = _base_readings(record)
    model = None
    dimensions: list[Dimension] = []
    if len(bases) >= 2:
        model = _fit(record, bases)
    if model is not None:
        dimensions += _paid_dimensions(record, model)

    dimensions += free_effects(record)
    pairs = [] if model is None else _pairs(record, model)
    return tuple(sorted(dimensions, key=_largest, reverse=True)), tuple(pairs)


def _largest(dimension: Dimension) -> float:
    """Return the largest difference of a dimension."""
    found = [0.0]
    for effect in dimension.effects:
        if effect.difference is not None:
            found.append(abs(effect.difference.mean))
    return max(found)


def _base_readings(record: RunRecord) -> dict[int, Reading]:
    """Return the reading of each trial with the fewest answers and the largest cap."""
    found: dict[int, Reading] = {}
    for number, standing in record.standings.items():
        whole = [one for one in standing.whole() if one.n_examples]
        if whole:
            found[number] = min(whole, key=_base_first)
    return found


def _base_first(reading: Reading) -> tuple[int, int, int, int]:
    config = reading.config
    return config.n, -config.max_tokens, len(config.stop), -reading.n_examples


def _fit(record: RunRecord, bases: Mapping[int, Reading]) -> _Model | None:
    """Fit the additive model of the trials; None where no dimension has two values."""
    trials = _read(record, bases)
    columns = _columns(trials.levels)
    if not columns:
        return None
    design = np.zeros((len(trials.levels), len(columns) + 1))
    design[:, 0] = 1.0
    for row, levels in enumerate(trials.levels):
        for level in _with_pair(levels).items():
            if level in columns:
                design[row, columns[level]] = 1.0
    spread = max(float(trials.values.var()), _LEAST_VARIANCE)
    prior = [math.inf]
    for dimension, _ in columns:
        # Interactions are smaller than main effects as a rule.
        prior.append(spread / 4 if dimension == _PAIR else spread)
    effects = linear_effects(design, trials.values, trials.variances, prior)
    return _Model(trials, columns, effects)


def _columns(trials: Sequence[Mapping[str, str]]) -> dict[tuple[str, str], int]:
    """Return a place for each dimension and value that can be compared, from 1."""
    columns: dict[tuple[str, str], int] = {}
    for name in dict.fromkeys(name for levels in trials for name in levels):
        values = dict.fromkeys(levels[name] for levels in trials)
        if len(values) > 1:
            for value in values:
                columns[name, value] = len(columns) + 1
    # An interaction needs models and prompts that were both compared.
    if {"model", "prompt"} <= {name for name, _ in columns}:
        for levels in trials:
            pair = _PAIR, _with_pair(levels)[_PAIR]
            columns.setdefault(pair, len(columns) + 1)
    return columns


def _with_pair(levels: Mapping[str, str]) -> dict[str, str]:
    """Return levels with the pair of model and prompt as one more."""
    return {**levels, _PAIR: f"{levels['model']}\n{levels['prompt']}"}


def _read(record: RunRecord, bases: Mapping[int, Reading]) -> _Trials:
    readings = list(bases.values())
    means = adjusted_means(quality_table(record.problem, readings))
    points = [record.trials[number].point for number in bases]
    names = dict.fromkeys(name for point in points for name in point)
    words = {name: _words(name, points) for name in names}
    levels = []
    for point in points:
        levels.append({name: words[name](point.get(name)) for name in names})
    sizes = np.array([reading.n_examples for reading in readings])
    return _Trials(levels, _counts(levels), means, _EXAMPLE_VARIANCE / sizes)


def _counts(trials: Sequence[Mapping[str, str]]) -> dict[str, Counter[str]]:
    """Return the number of trials with each value, by dimension."""
    counts: dict[str, Counter[str]] = {}
    for levels in trials:
        for name, value in _with_pair(levels).items():
            counts.setdefault(name, Counter())[value] += 1
    return counts


def _words(name: str, points: Sequence[Point]) -> Any:
    """Return a function from a value of a dimension to its level."""
    values = [point.get(name) for point in points]
    numbers = [value for value in values if isinstance(value, int | float)]
    if len(set(numbers)) <= MOST_VALUES:
        return describe_value
    edges: Array = np.quantile(np.array(numbers, float), np.linspace(0, 1, _RANGES + 1))

    def words(value: Any) -> str:
        if not _is_number(value):
            return describe_value(value)
        place = int(
            np.clip(np.searchsorted(edges, value, side="right") - 1, 0, _RANGES - 1)
        )
        return f"{edges[place]:.3g} to {edges[place + 1]:.3g}"

    return words


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _paid_dimensions(record: RunRecord, model: _Model) -> list[Dimension]:
    found = []
    for name in dict.fromkeys(name for name, _ in model.columns):
        if name != _PAIR:
            found.append(_paid_dimension(record, model, name))
    return found


def _paid_dimension(record: RunRecord, model: _Model, name: str) -> Dimension:
    counts = Counter(levels[name] for levels in model.trials.levels)
    # The value of today, if it was tried twice; else the one that was tried most often.
    reference = describe_value(record.plan.baseline.get(name))
    if counts[reference] < 2:
        reference = counts.most_common(1)[0][0]
    common = model.average({name: reference})
    effects = []
    for value, trials in counts.items():
        contrast = model.average({name: value})
        mean = model.effects.contrast(contrast, trials).mean
        difference = None
        if value != reference:
            share = model.effects.contrast(contrast - common, trials)
            difference = _scaled(record, share)
        effects.append(Effect(value, _quality(record, mean), difference, trials))
    return Dimension(name, free=False, effects=tuple(effects))


def _quality(record: RunRecord, share: float) -> float:
    """Return a share of the metric's range in the metric's own scale."""
    problem = record.problem
    if not problem.larger_is_better:
        share = 1.0 - share
    return problem.low + share * (problem.high - problem.low)


def _scaled(record: RunRecord, share: Interval) -> Interval:
    """Return a difference of shares in the metric's own scale."""
    problem = record.problem
    width = problem.high - problem.low
    if problem.larger_is_better:
        return Interval(
            width * share.mean, width * share.low, width * share.high, share.n
        )
    return Interval(
        -width * share.mean, -width * share.high, -width * share.low, share.n
    )


def _level(record: RunRecord, share: Interval) -> Interval:
    """Return a quality with its limits in the metric's own scale."""
    limits = sorted([_quality(record, share.low), _quality(record, share.high)])
    return Interval(_quality(record, share.mean), limits[0], limits[1], share.n)


def _pairs(record: RunRecord, model: _Model) -> list[PairCell]:
    """Return every model with every prompt that it was tried with."""
    counts: Counter[tuple[str, str]] = Counter()
    for levels in model.trials.levels:
        counts[levels["model"], levels["prompt"]] += 1
    found = []
    for (name, prompt), trials in counts.items():
        held = {"model": name, "prompt": prompt}
        contrast = model.average(held)
        only = np.zeros(len(contrast))
        place = model.columns.get((_PAIR, f"{name}\n{prompt}"))
        if place is not None:
            only[place] = 1.0
        quality = _level(record, model.effects.contrast(contrast, trials))
        excess = _scaled(record, model.effects.contrast(only, trials))
        found.append(PairCell(name, prompt, quality, excess, trials))
    return found
