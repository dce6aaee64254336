"""Read configurations off a trial: list the readable ones, and make their readings."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from tune.completion import Completion, calls_for
from tune.errors import SpaceError
from tune.pricing.prices import Price
from tune.readout.aggregate import NO_VERIFIER, parse_aggregate
from tune.readout.reader import Reader, Rows, variant_of
from tune.readout.reading import Reading
from tune.readout.token_rates import rates_of
from tune.readout.truncate import cut
from tune.space import Config
from tune.stats.arrays import Array
from tune.task.extract import Extractor


class Bought(Protocol):
    """The part of a trial that readings need; see `tune.readout.trial.Trial` for the meaning."""

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


def readable(
    trial: Bought, configs: Iterable[Config], *, reasons: bool | None = None
) -> list[Config]:
    """Return the configs that can be read off the draws of a trial.

    These are left out:

    - caps above the bought one, even where every draw ended by itself;
    - caps below it where the model reasons in secret: a shorter thought could have led elsewhere;
    - n above the number of draws of every example.

    Args:
        trial: what was bought.
        configs: to choose from.
        reasons: whether a draw has hidden reasoning; by default the draws are looked at.
    """
    if reasons is None:
        reasons = any(draw.reasoning_tokens for draw in _all_draws(trial))
    # One draw with hidden reasoning shows that the model reasons: the cap then limits thinking too.
    least_cap = trial.cap if reasons else 1
    most_n: float = max(map(len, trial.draws.values()), default=0)
    if trial.config_failed and not most_n:
        # The config fails on every example, so no n would bring an answer: all n read the same.
        most_n = math.inf
    found = []
    for config in configs:
        if least_cap <= config.max_tokens <= trial.cap and config.n <= most_n:
            found.append(config)
    return found


def _all_draws(trial: Bought) -> list[Completion]:
    """Return the draws of all examples, by position."""
    draws: list[Completion] = []
    # Draws arrive in any order, and a sum of floats depends on it.
    for position in sorted(trial.draws):
        draws += trial.draws[position]
    return draws


def wanted(
    trial: Bought,
    configs: Iterable[Config],
    *,
    extract: Extractor,
    examples: Collection[int] | None = None,
) -> list[tuple[str, int]]:
    """Return the (answer, position) pairs whose scores `read` will need, each once.

    A metric that must be awaited, such as a judge, scores these first. Answers that a user's own
    aggregate makes up are not among them.
    """
    reader = Reader(extract)
    rates = rates_of(trial.draws, trial.measured)
    # n and the aggregate do not change the texts, so each way to cut is looked at once.
    read_off = readable(trial, configs)
    variants = list(dict.fromkeys(map(variant_of, read_off)))
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

    A reading has no number for examples that are unanswered, or that have fewer draws than the
    config's n. Examples on which the config failed have the worst score.

    Args:
        trial: the trial and what was bought for it.
        configs: the configs to read. Those that `readable` leaves out, and those without a scored
            example, give no reading.
        extract: takes the answer out of a text. A cut text is read anew.
        score: the metric's value of (answer, position); asked once for each pair. NaN means not
            scored: then no reading has the example if the answer plays a part in it. With
            `over_responses` it is given a tuple of n answers.
        worst: the metric's worst value. A text without an answer has it.
        price: the model's price.
        most_n: the number of answers that share one charge for the prompt.
        verifier: for "best": the verdict on (answer, position), made without the target.
        weigh: the weight of the example at a position; None where all count the same.
        larger_is_better: the metric's direction. The oracle "any" needs it.
        over_responses: the metric judges all n answers at once. Then draws are taken n at a time,
            in the order drawn, and the aggregate has no say.
        examples: positions to read; by default all that the trial has.
        seed: of random subsets, where there are too many to count.

    Raises:
        SpaceError: an aggregate is unknown, or "best" has no verifier.
        MetricError: a callable of the user raised or left its bounds.
    """
    found = read_rows(
        trial,
        configs,
        extract=extract,
        score=score,
        worst=worst,
        verifier=verifier,
        larger_is_better=larger_is_better,
        over_responses=over_responses,
        examples=examples,
        seed=seed,
    )
    return to_readings(trial.number, found, price=price, most_n=most_n, weigh=weigh)


def read_rows(
    trial: Bought,
    configs: Iterable[Config],
    *,
    extract: Extractor,
    score: Callable[[Any, int], float],
    worst: float,
    verifier: Callable[[str, int], float] | None = None,
    larger_is_better: bool = True,
    over_responses: bool = False,
    examples: Collection[int] | None = None,
    seed: int = 0,
) -> dict[Config, Rows]:
    """Return the rows of configs: all that a reading has, but for prices and weights.

    The arguments and the errors are those of `read`.
    """
    # dict.fromkeys removes duplicates and keeps the order, so that results do not depend on
    # hashing.
    chosen = list(dict.fromkeys(readable(trial, configs)))
    rules = {config.aggregate: parse_aggregate(config.aggregate) for config in chosen}
    if "best" in rules and verifier is None and not over_responses:
        raise SpaceError(NO_VERIFIER)
    reader = Reader(
        extract=extract,
        ask=score,
        worst=worst,
        verifier=verifier,
        larger_is_better=larger_is_better,
        over_responses=over_responses,
        seed=seed,
        seconds_per_token=_seconds_per_token(trial),
        rates=rates_of(trial.draws, trial.measured),
    )
    found: dict[Config, list[Rows]] = {config: [] for config in chosen}
    for group in _groups(trial, examples):
        for config, rows in reader.rows(group, chosen, rules).items():
            found[config].append(rows)
    failed = _failed_rows(trial, examples, worst)
    return {config: _joined([*groups, failed]) for config, groups in found.items()}


def to_readings(
    trial: int,
    found: Mapping[Config, Rows],
    *,
    price: Price,
    most_n: int,
    weigh: Callable[[int], float] | None = None,
) -> list[Reading]:
    """Return the readings of rows at a price; rows without a scored example give none.

    Args:
        trial: the number of the trial.
        found: the rows, by config.
        price: as for `read`.
        most_n: as for `read`.
        weigh: as for `read`.
    """
    readings: list[Reading] = []
    examples: tuple[int, ...] = ()
    for config, rows in found.items():
        reading = _reading(trial, config, rows, price, most_n, examples)
        examples = reading.examples
        if reading.examples:
            readings.append(_weighted(reading, weigh))
    return readings


def _weighted(reading: Reading, weigh: Callable[[int], float] | None) -> Reading:
    """Return the reading with the weights of its examples."""
    if weigh is None:
        return reading
    weights = list(map(weigh, reading.examples))
    return replace(reading, weights=np.array(weights))


def _groups(
    trial: Bought, examples: Collection[int] | None
) -> list[dict[int, Sequence[Completion]]]:
    """Group the examples without a fault by their number of draws."""
    positions = set(trial.draws)
    positions -= trial.unanswered.keys()
    positions -= trial.config_failed.keys()
    if examples is not None:
        positions &= set(examples)
    groups: dict[int, dict[int, Sequence[Completion]]] = {}
    for position in sorted(positions):
        draws = trial.draws[position]
        if draws:
            # Rows of one group have equally many draws, so that numpy can work on whole tables.
            groups.setdefault(len(draws), {})[position] = draws
    return list(groups.values())


def _failed_rows(trial: Bought, examples: Collection[int] | None, worst: float) -> Rows:
    """Return the rows of examples on which the config failed.

    The score is the worst, with certainty. The cost is unknown: no answer was seen.
    """
    failed = set(trial.config_failed) - trial.unanswered.keys()
    if examples is not None:
        failed &= set(examples)
    positions = sorted(failed)
    # NaN, not 0: an unknown cost must not make the config look cheap.
    unknown = np.full(len(positions), np.nan)
    return Rows(
        positions=positions,
        scores=np.full(len(positions), worst),
        variances=np.zeros(len(positions)),
        prompt_tokens=unknown,
        tokens=unknown,
        seconds=unknown,
        exact=True,
    )


def _seconds_per_token(trial: Bought) -> float:
    """Return the seconds of one more completion token: the slope over all draws of a trial.

    Where all draws are equally long there is no slope; then it is the ratio of seconds to tokens.
    """
    draws = _all_draws(trial)
    tokens = np.array([draw.completion_tokens for draw in draws], dtype=float)
    seconds = np.array([draw.seconds for draw in draws])
    if not tokens.any():
        return 0.0
    spread = tokens - tokens.mean()
    # A slope needs two different lengths.
    if not spread.any():
        return float(seconds.sum() / tokens.sum())
    slope = spread @ seconds / (spread @ spread)
    # Noise can make it negative, but a longer answer never takes less time.
    return max(0.0, float(slope))


def _reading(
    trial: int,
    config: Config,
    rows: Rows,
    price: Price,
    most_n: int,
    before: tuple[int, ...],
) -> Reading:
    """Return the reading of all rows, its examples in order.

    Args:
        trial: the number of the trial.
        config: the config.
        rows: of this config.
        price: as for `read`.
        most_n: as for `read`.
        before: examples of the reading before. Most readings have the same ones, and share them.
    """
    # The prompt is billed once per call, and a call returns at most `most_n` answers.
    calls = calls_for(config.n, most_n)
    prompt_dollars = calls * rows.prompt_tokens * price.input
    answer_dollars = config.n * rows.tokens * price.output
    costs = (prompt_dollars + answer_dollars) / 1e6 + calls * price.request
    positions = np.asarray(rows.positions, dtype=np.int64)
    order = np.argsort(positions)
    # A metric returns NaN for "not scored". Such an example has no part in the reading.
    order = order[~np.isnan(rows.scores[order])]
    examples = tuple(positions[order].tolist())
    return Reading(
        config=config,
        trial=trial,
        examples=before if before == examples else examples,
        scores=rows.scores[order],
        variances=rows.variances[order],
        costs=costs[order],
        seconds=rows.seconds[order],
        approximate=not rows.exact,
    )


def _joined(groups: Sequence[Rows]) -> Rows:
    """Return the rows of several groups as one."""

    def column(name: str) -> Array:
        return np.concatenate([getattr(rows, name) for rows in groups])

    return Rows(
        positions=column("positions").tolist(),
        scores=column("scores"),
        variances=column("variances"),
        prompt_tokens=column("prompt_tokens"),
        tokens=column("tokens"),
        seconds=column("seconds"),
        exact=all(rows.exact for rows in groups),
    )
