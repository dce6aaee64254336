"""Read configs off a trial: which can be read, and the readings themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from tune.completion import Completion, calls_for
from tune.errors import SpaceError
from tune.pricing.prices import Price
from tune.readout.aggregate import parse_aggregate
from tune.readout.reader import Reader, Rows, cut_of
from tune.readout.reading import Reading
from tune.readout.token_rates import rates_of
from tune.readout.truncate import cut
from tune.space import Config
from tune.task.extract import Extractor


class Bought(Protocol):
    """What is read of a trial; `tune.readout.trial.Trial` has it all, and says what it means."""

    @property
    def number(self) -> int: ...  # noqa: D102
    @property
    def cap(self) -> int: ...  # noqa: D102
    @property
    def draws(self) -> Mapping[int, Sequence[Completion]]: ...  # noqa: D102
    @property
    def unanswered(self) -> Mapping[int, str]: ...  # noqa: D102
    @property
    def config_failed(self) -> Mapping[int, str]: ...  # noqa: D102
    @property
    def measured(self) -> Mapping[int, Sequence[Completion]]: ...  # noqa: D102


def readable(trial: Bought, configs: Iterable[Config]) -> list[Config]:
    """Those of the configs that the draws of a trial can say something about.

    Left out are caps above the bought one, also where every draw ended by itself; caps below it
    where the model reasons in secret, as nobody knows what a shorter thought would have led to; and
    n beyond the draws of every example.
    """
    hidden = any(draw.reasoning_tokens for draws in trial.draws.values() for draw in draws)
    least = trial.cap if hidden else 1
    most = max((len(draws) for draws in trial.draws.values()), default=0)
    if trial.config_failed and not most:
        most = math.inf  # type: ignore[assignment]  # no draw was had, and none would be at any n
    return [
        config for config in configs if least <= config.max_tokens <= trial.cap and config.n <= most
    ]


def wanted(
    trial: Bought,
    configs: Iterable[Config],
    *,
    extract: Extractor,
    examples: Collection[int] | None = None,
) -> list[tuple[str, int]]:
    """The (answer, position) pairs whose scores `read` will ask for, each once: for metrics that
    must be awaited.

    What an aggregate of the user's own makes up is not among them.
    """
    reader, rates = Reader(extract), rates_of(trial.draws, trial.measured)
    variants = list(dict.fromkeys(map(cut_of, readable(trial, configs))))
    found: dict[tuple[str, int], None] = {}
    for group in _groups(trial, examples):
        for position, draws in group.items():
            for cap, stop in variants:
                for draw in draws:
                    answer = reader.answer(cut(draw, cap, stop, rates))
                    if answer is not None:
                        found[answer, position] = None
    return list(found)


def read(
    trial: Bought,
    configs: Iterable[Config],
    *,
    extract: Extractor,
    score: Callable[[Any, int], float],
    worst: float,
    price: Price,
    most_n: int,
    verifier: Callable[[str, int], float] | None = None,
    weigh: Callable[[int], float] | None = None,
    larger_is_better: bool = True,
    over_responses: bool = False,
    examples: Collection[int] | None = None,
    seed: int = 0,
) -> list[Reading]:
    """Read configs with the paid point of a trial off its draws.

    Examples that are `unanswered`, or have fewer draws than a config's n, are not in its reading;
    those that are `config_failed` have the worst score.

    Args:
        trial: what was bought.
        configs: what to read; those that `readable` leaves out, and those without a scored
            example, give no reading.
        extract: takes the answer out of a text; out of a cut text anew.
        score: the metric's value of (answer, position); asked once for each pair. NaN means not
            scored: the example is left out of every reading that the answer has a part in. With
            `over_responses` it gets a tuple of n answers.
        worst: the metric's worst value, which a text without an answer gets.
        price: of the model.
        most_n: so many answers cost the prompt's tokens once.
        verifier: for "best": the verdict on (answer, position), made without the target.
        weigh: how much the example at a position counts in the mean; None where all count the same.
        larger_is_better: the metric's direction, which "any" goes by.
        over_responses: whether the metric judges all n answers at once; then draws are taken n at
            a time, as they were drawn, and the aggregate has no say.
        examples: positions to read; all that the trial has by default.
        seed: of the random subsets, where these stand for all of them.

    Raises:
        SpaceError: an aggregate is unknown, or "best" has no verifier.
        MetricError: a callable of the user raised or left its bounds.
    """
    chosen = list(dict.fromkeys(readable(trial, configs)))
    rules = {config.aggregate: parse_aggregate(config.aggregate) for config in chosen}
    if "best" in rules and verifier is None and not over_responses:
        raise SpaceError(
            'the aggregate "best" needs a verifier: a callable (answer, example) -> float'
        )
    rates = rates_of(trial.draws, trial.measured)
    reader = Reader(
        extract, score, worst, verifier, larger_is_better, over_responses, seed, _pace(trial), rates
    )
    found: dict[Config, list[Rows]] = {config: [] for config in chosen}
    for group in _groups(trial, examples):
        for config, rows in reader.rows(group, chosen, rules).items():
            found[config].append(rows)
    config_failed = _config_failed(trial, examples, worst)
    readings = (
        _reading(trial.number, config, [*rows, config_failed], price, most_n)
        for config, rows in found.items()
    )
    scored = [reading for reading in readings if reading.examples]
    if weigh is None:
        return scored
    return [
        replace(reading, weights=np.array([weigh(position) for position in reading.examples]))
        for reading in scored
    ]


def _groups(
    trial: Bought, examples: Collection[int] | None
) -> list[dict[int, Sequence[Completion]]]:
    """The examples without a fault, those with equally many draws together."""
    asked = trial.draws.keys() if examples is None else trial.draws.keys() & set(examples)
    groups: dict[int, dict[int, Sequence[Completion]]] = {}
    for position in sorted(asked - trial.unanswered.keys() - trial.config_failed.keys()):
        draws = trial.draws[position]
        if draws:
            groups.setdefault(len(draws), {})[position] = draws
    return list(groups.values())


def _config_failed(trial: Bought, examples: Collection[int] | None, worst: float) -> Rows:
    """The examples that no config of this trial can answer: certainly the worst score, at a cost
    nobody saw.
    """
    asked = (
        trial.config_failed.keys()
        if examples is None
        else trial.config_failed.keys() & set(examples)
    )
    positions = sorted(asked - trial.unanswered.keys())
    unknown = np.full(len(positions), np.nan)
    scores, certain = np.full(len(positions), worst), np.zeros(len(positions))
    return Rows(positions, scores, certain, unknown, unknown, unknown, exact=True)


def _pace(trial: Bought) -> float:
    """Seconds per completion token: the slope over all draws of the trial, their ratio where all
    are equally long.
    """
    draws = [
        draw for position in sorted(trial.draws) for draw in trial.draws[position]
    ]  # not as they arrived
    tokens = np.array([draw.completion_tokens for draw in draws], dtype=float)
    seconds = np.array([draw.seconds for draw in draws])
    if not tokens.any():
        return 0.0
    spread = tokens - tokens.mean()
    if not spread.any():
        return float(seconds.sum() / tokens.sum())
    return max(0.0, float(spread @ seconds / (spread @ spread)))


def _reading(
    trial: int, config: Config, groups: Sequence[Rows], price: Price, most_n: int
) -> Reading:
    positions, scores, variances, prompt, tokens, seconds = (
        np.concatenate([rows[field] for rows in groups]) for field in range(6)
    )
    prompts = calls_for(config.n, most_n)
    costs = (
        prompts * prompt * price.input + config.n * tokens * price.output
    ) / 1e6 + prompts * price.request
    order = np.argsort(positions)
    order = order[~np.isnan(scores[order])]
    return Reading(
        config=config,
        trial=trial,
        examples=tuple(int(p) for p in positions[order]),
        scores=scores[order],
        variances=variances[order],
        costs=costs[order],
        seconds=seconds[order],
        approximate=not all(rows.exact for rows in groups),
    )
