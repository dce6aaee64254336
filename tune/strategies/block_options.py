"""The blocks of examples that can be bought next, and what each costs and shows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tune.strategies.blocks import block_sizes, first_block
from tune.strategies.candidates import Candidates
from tune.strategies.posterior import share_of_gain
from tune.strategies.problem import Array
from tune.strategies.race import Race, TrialState
from tune.strategies.settings import KnowledgeGradientSettings


class BlockOption(NamedTuple):
    """A block that could be bought.

    Attributes:
        candidate: number of its point.
        examples: that the point's trial would have.
        draws: of each of them.
        least: the fewest draws that make a reading of its point.
        cost: expected dollars.
        noise: variance of what it would show of the quality with the fewest answers.
        gain_noise: of what it would show of the gain of endless answers; inf where that is nothing.
        chance: probability that the point keeps the limits.
    """

    candidate: int
    examples: int
    draws: int
    least: int
    cost: float
    noise: float
    gain_noise: float
    chance: float


@dataclass(slots=True)
class BlockOptions:
    """Options as arrays, one entry each.

    Attributes:
        candidate: see `BlockOption`.
        cost: expected dollars.
        noise: see `BlockOption`.
        gain_noise: see `BlockOption`.
        chance: probability that its point keeps the limits.
        share: share of the gain of endless answers that its draws have.
        there: whether it can still be bought.
        beyond: whether it goes beyond the next block of its point. The option of that block alone
            comes right before it.
    """

    candidate: np.ndarray
    cost: Array
    noise: Array
    gain_noise: Array
    chance: Array
    share: Array
    there: np.ndarray
    beyond: np.ndarray

    def settle(self, values: Array) -> Array:
        """Return values, with 0 where the next block alone is worth as much per dollar."""
        rate = values / self.cost
        # The option before each one is the next block alone; see `beyond`.
        no_better = rate <= np.roll(rate, 1)
        return np.where(self.beyond & no_better, 0.0, values)


def as_arrays(
    options: Sequence[BlockOption],
    money: float,
    long_share: float,
) -> BlockOptions:
    """Return options as arrays.

    Args:
        options: those of one point stand side by side.
        money: dollars that one option may cost.
        long_share: share of the money that an option beyond the next block may cost.
    """
    # Without options the columns are missing, and empty ones take their place.
    columns = list(zip(*options, strict=True)) or [()] * len(BlockOption._fields)
    candidate, _, draws, _, cost, noise, gain_noise, chance = map(np.array, columns)
    pairs = [(one.draws, one.least) for one in options]
    # Few pairs are different.
    shares = {
        pair: share_of_gain(pair[0]) - share_of_gain(pair[1]) for pair in {*pairs}
    }
    # Free models cost nothing, and values are divided by cost.
    cost = np.maximum(cost, 1e-12)
    # More draws for the examples that are there are an option with more draws, so they differ.
    same_point = candidate[1:] == candidate[:-1]
    same_draws = draws[1:] == draws[:-1]
    beyond = np.append(False, same_point & same_draws)[: len(options)]
    # All remaining examples at once are a gamble: only small ones are offered.
    most = np.where(beyond, long_share * money, money)
    return BlockOptions(
        candidate=candidate,
        cost=cost,
        noise=noise,
        gain_noise=gain_noise,
        chance=chance,
        share=np.array([shares[pair] for pair in pairs]),
        there=cost <= most,
        beyond=beyond,
    )


class NextBlocks:
    """The options of a wave: more of each point that was begun, and the first of each fresh one.

    Args:
        race: all trials, and what they cost.
        candidates: the points.
        settings: of the strategy.
    """

    def __init__(
        self,
        race: Race,
        candidates: Candidates,
        settings: KnowledgeGradientSettings,
    ) -> None:
        self._race = race
        self._candidates = candidates
        self._settings = settings
        self._sizes = block_sizes(race.problem.examples)
        # Of a fresh point's first block; unknown until it is known what calls cost.
        self._first_block: int | None = None
        # Of a score on one example, by draws and the fewest draws; see `_noise`.
        self._noises: dict[tuple[int, int], tuple[float, float]] = {}

    def first_size(self, money: float) -> int:
        """Return the number of examples in a fresh point's first block.

        Points of one model and prompt are alike, so they do not all count: the number of kinds is
        that of the models with prompts, or of the values of a setting if those are more.
        """
        fresh = self._candidates.fresh
        kinds: dict[str, set[object]] = {}
        for point in fresh:
            pair = point["model"], point["prompt"]
            kinds.setdefault("pair", set()).add(pair)
            for name, value in point.items():
                kinds.setdefault(name, set()).add(value)
        prices = []
        for state in map(self._race.unlisted, fresh):
            prices.append(self._race.expected_price(state, state.ladder[0]))
        # Free models cost nothing, and money is divided by the price.
        price = max(sum(prices) / max(1, len(prices)), 1e-15)
        most = max(map(len, kinds.values()), default=0)
        return first_block(self._race.problem.examples, most, money / price)

    def options(self, money: float) -> list[BlockOption]:
        """Return all blocks that can be bought next. Those of one point stand side by side."""
        candidates = self._candidates
        # What was learned of the noise may have changed since the last wave.
        self._noises.clear()
        # It stays: late in a search, a smaller block would not stand up to what is known of others.
        if self._first_block is None:
            self._first_block = self.first_size(money)
        size = self._first_block
        found: list[BlockOption] = []
        for candidate, evidence in enumerate(candidates.shown):
            if evidence.feasible:
                found += self._more_examples(candidate, money)
                found += self._more_draws(candidate)
        # Fresh points have no evidence yet, so they come last in the numbering.
        for candidate in range(len(candidates.shown), len(candidates.points)):
            found += self._first_blocks(candidate, size)
        return found

    def _first_blocks(self, candidate: int, size: int) -> list[BlockOption]:
        """Return a fresh point's first block, with the fewest draws and with some more.

        There is none where another max_tokens is to be tried first.

        Args:
            candidate: number of the point.
            size: examples in the block.
        """
        point = self._candidates.points[candidate]
        if self._candidates.comes_later(point):
            return []
        state = self._race.unlisted(point)
        least = state.ladder[0]
        # Two answers that vote show nothing of the gain, so three is the least.
        several = max(self._settings.first_repeats, least + 1)
        more = [n for n in state.ladder if n >= several]
        chance = self._candidates.chance(point, least)
        found = []
        for draws in (least, *more[:1]):
            found.append(self._option(candidate, state, size, draws, size, chance))
        return found

    def _more_examples(self, candidate: int, money: float) -> list[BlockOption]:
        """Return the next block of a point, and all its remaining examples.

        Where one block is too few to change the choice, all may be worth their money.
        """
        state = self._candidates.states[candidate]
        # Blocks double, so that points meet the same examples and can be compared in pairs.
        larger = self._sizes[bisect_right(self._sizes, state.examples) :]
        if not larger:
            return []
        larger[0] = self._next_size(state, larger[0], money)
        found = []
        for size in dict.fromkeys((larger[0], larger[-1])):
            fresh = size - state.examples
            found.append(self._option(candidate, state, size, state.draws, fresh, 1.0))
        return found

    def _next_size(self, state: TrialState, size: int, money: float) -> int:
        """Return the examples that a point has after its next block: half way to a size, or there.

        With little money, one doubling takes what could show two others to be better.
        """
        settings = self._settings
        half = (state.examples + size) // 2
        # One example more would be a wave for nothing.
        if state.examples not in self._sizes or half < state.examples + 2:
            return size
        if state.examples <= settings.halved_examples:
            return half
        cost = self._race.expected_cost(state, size, state.draws)
        return half if cost > settings.halved_share * money else size

    def _more_draws(self, candidate: int) -> list[BlockOption]:
        """Return the next two numbers of answers, for the examples that a point has."""
        shown = self._candidates.shown[candidate]
        state = self._candidates.states[candidate]
        before = self._noise(state, state.draws)[0]
        numbers = []
        for n in state.ladder:
            if n > state.draws and self._candidates.limit_use(shown, n) <= 1.0:
                numbers.append(n)
        found = []
        for draws in numbers[:2]:
            after = self._noise(state, draws)[0]
            # The examples are the same, so only the reduction of noise is news.
            news = state.examples * (1.0 / after - 1.0 / before)
            noise = 1.0 / max(news, 1e-9)
            met = state.examples
            found.append(self._option(candidate, state, met, draws, met, 1.0, noise))
        return found

    def _option(
        self,
        candidate: int,
        state: TrialState,
        examples: int,
        draws: int,
        fresh: int,
        chance: float,
        noise: float | None = None,
    ) -> BlockOption:
        """Return the option of bringing a point to so many examples and draws.

        Args:
            candidate: number of the point.
            state: its orders so far.
            examples: that it would have.
            draws: of each.
            fresh: examples that tell something new.
            chance: probability that it keeps the limits.
            noise: variance of what it shows of the quality; by default that of fresh examples.
        """
        of_one, gain_of_one = self._noise(state, draws)
        # By position: a thousand are made for each wave, and names take half as long again.
        return BlockOption(
            candidate,
            examples,
            draws,
            state.ladder[0],
            self._race.expected_cost(state, examples, draws),
            of_one / fresh if noise is None else noise,
            gain_of_one / fresh,
            chance,
        )

    def _noise(self, state: TrialState, draws: int) -> tuple[float, float]:
        """Return the variances of the quality and of the gain as seen on one example.

        Few numbers of draws are different, so each is worked out once for each wave.
        """
        key = draws, state.ladder[0]
        found = self._noises.get(key)
        if found is None:
            posterior = self._candidates.posterior
            found = posterior.noise(draws), posterior.gain_noise(*key)
            self._noises[key] = found
        return found
