"""The next examples of the finalists, where they may change the choice.

The examples of a finalist are worth their knowledge gradient (`tune.strategies.acquisition`) if the
rest of the money were spent on it alone, up to all examples. So a finalist that is far behind, or
too expensive to be known well, gets none. Only the next block is bought: what it shows may change
all values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tune.readout.trial import Reason, Step
from tune.strategies.acquisition import acquisition_values, first_of_largest
from tune.strategies.block_options import BlockOption, as_arrays
from tune.strategies.blocks import rung_sizes
from tune.strategies.posterior import Posterior
from tune.strategies.race import Race, TrialState
from tune.strategies.trial_posterior import joint_posterior
from tune.strategies.wave_plan import WavePlan

_FEWEST_BESIDE = 8
"""Calls of a part of a block that the money must allow side by side."""


def next_blocks(
    race: Race, finalists: Sequence[TrialState], reason: Reason
) -> list[Step]:
    """Return the next examples of the finalists for which they are worth the most.

    Where the money does not pay for a whole block, a part of it is bought. It is no less than half,
    as a wave of a few examples takes as long as a large one. There is none where its calls would
    have to wait for each other.
    """
    waiting = {
        state.trial: state
        for state in finalists
        if state.examples < race.problem.examples
    }
    if len(finalists) < 2 or not waiting:
        return []
    wave = WavePlan(race, race.left)
    worth = _Worth(race)
    least = 0.0
    while True:
        payable = [one for one in waiting.values() if _next_size(race, one, wave)]
        if not payable:
            break
        trial, value = worth.best(payable, wave)
        if value <= least:
            break
        # Finalists that are worth nearly as much go along: it takes no longer.
        share = race.problem.settings.final_comparison.worth_of_best
        least = max(least, share * value)
        state = waiting.pop(trial)
        before = state.examples
        target = _next_size(race, state, wave)
        if wave.add(state, target, state.draws, reason):
            worth.buy(state, target - before)
    return wave.steps


def _next_size(race: Race, state: TrialState, wave: WavePlan) -> int:
    """Return the examples that a finalist has after its next block; 0 if that is too expensive."""
    # The same sizes as in the search, so that finalists meet the same examples and stay paired.
    sizes = [
        size for size in rung_sizes(race.problem.examples) if size > state.examples
    ]
    share = race.problem.settings.final_comparison.cheap_share
    target = sizes[0]
    for size in sizes[1:]:
        # Of a cheap finalist several blocks are bought at once: each wave takes its time.
        if race.expected_cost(state, size, state.draws) <= share * race.left:
            target = size
    block = target - state.examples
    room = wave.room(state, state.draws)
    if room >= block:
        return target
    # Calls whose ceilings do not fit side by side wait for each other.
    beside = wave.money / race.ceiling(state, state.draws)
    if room < block / 2 or beside < _FEWEST_BESIDE:
        return 0
    return state.examples + room


class _Worth:
    """The value of further examples of the finalists."""

    def __init__(self, race: Race) -> None:
        self._race = race
        joint = joint_posterior(race.problem, list(race.standings.values()))
        # The posterior is shared, and blocks of this wave are tried on it.
        self._posterior: Posterior = joint.posterior.copy()
        self._number = {trial: number for number, trial in enumerate(joint.trials)}
        # Compared by one answer each: the gain of more answers was seen for few finalists, and it
        # would decide between these and the others.
        self._gain = np.zeros(len(joint.trials))

    def best(self, states: Sequence[TrialState], wave: WavePlan) -> tuple[int, float]:
        """Return the trial whose examples are worth the most, and what they are worth.

        The value is a share of the metric's range.

        Args:
            states: of which the money pays for one example at least.
            wave: what is bought in this wave already.
        """
        options = [self._option(state, wave) for state in states]
        arrays = as_arrays(options, math.inf, 1.0)
        values = acquisition_values(
            self._posterior,
            arrays,
            self._gain,
            self._gain,
            len(self._gain),
            np.ones(len(options)),
        )
        place = first_of_largest(values)
        return states[place].trial, float(values[place])

    def buy(self, state: TrialState, examples: int) -> None:
        """Take so many examples of a trial as known for the other values of this wave."""
        noise = self._posterior.noise(state.draws) / examples
        self._posterior.quality.buy(self._number[state.trial], noise)

    def _option(self, state: TrialState, wave: WavePlan) -> BlockOption:
        """Return the option of spending all of a wave's money on one trial."""
        more = wave.room(state, state.draws)
        examples = state.examples + more
        return BlockOption(
            candidate=self._number[state.trial],
            examples=examples,
            draws=state.draws,
            least=state.draws,
            cost=self._race.expected_cost(state, examples, state.draws),
            noise=self._posterior.noise(state.draws) / more,
            gain_noise=math.inf,
            chance=1.0,
        )
