"""The comparisons between the search and the holdout: they tell the finalists apart, and select."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Protocol, TypeAlias, TypeVar

from tune.readout.trial import Step
from tune.strategies import (
    Outcome,
    Problem,
    Selection,
    Standing,
    final_comparison,
    measured_truncation,
    tried_settings,
)
from tune.study.selector import Selector
from tune.study.side_phases import SidePhases
from tune.study.standings import Standings

T = TypeVar("T")

View: TypeAlias = Callable[[], Mapping[int, Standing]]
"""Returns the trials as a strategy sees them."""

SINGLE_ANSWERS = "single-answer comparison"
"""Name of a phase."""

SINGLE_ANSWER_SHARE = 0.5
"""Share of the money left that single answers get, where the choice is none."""


class Drive(Protocol):
    """Buys what a strategy asks for; see `tune.study.run`."""

    async def __call__(
        self,
        phase: str,
        begin: Callable[[float], Generator[list[Step], Outcome, T]],
        view: View | None = None,
    ) -> T | None:
        """Return the strategy's own return value."""


class Comparisons:
    """Buys what tells the best configurations apart, phase by phase.

    Args:
        drive: buys what a phase asks for.
        selector: selects among the trials.
        standings: the trials with their readings.
        side: the phases that show whether the choice does as it was read off.
    """

    def __init__(
        self, drive: Drive, selector: Selector, standings: Standings, side: SidePhases
    ) -> None:
        self._drive = drive
        self._selector = selector
        self._standings = standings
        self._side = side

    async def go(
        self, problem: Problem, has_money: Callable[[], bool]
    ) -> Selection | None:
        """Go through the phases, and select; None where nothing was scored.

        An agent may be unable to take the selected configuration. Then the configurations that it
        can take are compared too. Where that is seen before, they get their share of the money
        first: the final comparison takes all that is left.

        Args:
            problem: what is searched.
            has_money: returns False where the run was stopped and may buy no more.
        """
        await self._check(0, problem)
        is_needed = has_money() and self._lacks_single_answer(self._selector.select())
        if is_needed:
            await self._compare_single_answers(problem, SINGLE_ANSWER_SHARE)
        selection = await self._drive(
            "final comparison",
            lambda left: final_comparison(problem, self._standings.weighed(), left),
        )
        if not is_needed and has_money() and self._lacks_single_answer(selection):
            await self._compare_single_answers(problem, 1.0)
        await self._check(1, problem)
        if selection is None:
            return None
        # Select again: later phases may have bought more of the trials that were compared before.
        return self._selector.select()

    async def _check(self, time: int, problem: Problem) -> None:
        """Buy what shows whether the choice does as it was read off.

        Args:
            time: 0 before the comparisons, 1 after them.
            problem: what is searched.
        """
        for phases in (measured_truncation.PHASES, tried_settings.PHASES):
            phase = phases[time]

            def begin(
                left: float, phase: str = phase
            ) -> Generator[list[Step], Outcome, None]:
                return self._side.begin(phase, problem, left)

            await self._drive(phase, begin)

    async def _compare_single_answers(self, problem: Problem, share: float) -> None:
        """Compare the configurations that an agent can take, with a share of the money."""
        view = self._selector.single_answer_standings
        await self._drive(
            SINGLE_ANSWERS,
            lambda left: final_comparison(
                problem, view(), left, kept=(1.0 - share) * left
            ),
            view,
        )

    def _lacks_single_answer(self, selection: Selection | None) -> bool:
        """Return True if an agent may be unable to take what is selected."""
        if selection is None:
            return False
        return not self._selector.is_single_answer(selection.shown.config)
