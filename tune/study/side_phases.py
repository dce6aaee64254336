"""Phases that show what a selected config would do. What they buy is no part of the search."""

from __future__ import annotations

from collections.abc import Generator

from tune.readout.trial import Step, Trial
from tune.space import Config
from tune.strategies import Outcome, Problem, measured_truncation, tried_settings
from tune.strategies.measured_truncation import measure_caps
from tune.strategies.tried_settings import Settings, try_settings
from tune.study.holdout import holdout_configs
from tune.study.selector import Selector
from tune.study.standings import Standings

SIDE_PHASES = frozenset((*measured_truncation.PHASES, *tried_settings.PHASES))
"""Names of these phases. They decide nothing about the search."""


class SidePhases:
    """Begins these phases, and holds their trials.

    Args:
        selector: selects among the trials of the search.
        standings: the trials of the search with their readings.

    Attributes:
        measuring: trials that measure where a smaller max_tokens cuts.
        trying: trials that show whether a model takes the settings of the choice.
    """

    def __init__(self, selector: Selector, standings: Standings) -> None:
        self._selector = selector
        self._standings = standings
        self._tried: set[Settings] = set()
        self.measuring: dict[int, Trial] = {}
        self.trying: dict[int, Trial] = {}

    def trials(self) -> list[Trial]:
        """Return the trials of all these phases."""
        return [*self.measuring.values(), *self.trying.values()]

    def trials_of(self, phase: str) -> dict[int, Trial]:
        """Return the trials that one of these phases buys for."""
        if phase in measured_truncation.PHASES:
            return self.measuring
        return self.trying

    def begin(
        self, phase: str, problem: Problem, left: float
    ) -> Generator[list[Step], Outcome, None]:
        """Begin a phase.

        Args:
            phase: its name.
            problem: what is searched.
            left: dollars that may still be spent.
        """
        view = self._standings.weighed
        if phase in measured_truncation.PHASES:
            number = measured_truncation.FIRST_NUMBER + len(self.measuring)
            return measure_caps(problem, view, number, left)
        number = tried_settings.FIRST_NUMBER + len(self.trying)
        return try_settings(problem, self._choices, view, self._tried, number, left)

    def _choices(self) -> list[Config]:
        """Return the configs that would meet the holdout if nothing more were bought."""
        selection = self._selector.select()
        if selection is None:
            return []
        single_answer = self._selector.single_answer(selection)
        return holdout_configs(self._selector.plan, selection, single_answer)
