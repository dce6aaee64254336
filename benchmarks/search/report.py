"""The runs of `benchmarks/search/`, grouped by worlds, and the numbers that a page takes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.search.numbers import Interval, behind, median, runs
from benchmarks.search.runs import Found, Run, Task

CLOSE = 1.0
"""Points of regret within which a choice counts as close to the best."""


@dataclass(frozen=True)
class Report:
    """Everything that was run, and how it is grouped.

    Attributes:
        found: the runs.
        simulated: worlds that are made up.
        recorded: worlds that were recorded.
        outside: tables from outside.
        reported: the worlds on which no setting was chosen.
        ours: the name of our method.
        labels: for people, by method.
        ablations: names of ours with a part taken out.
        units: budgets.
        exhausting: dollars that it takes to buy everything in a task's world.
        points: paid points of each world.
    """

    found: Found
    simulated: Sequence[str]
    recorded: Sequence[str]
    outside: Sequence[str]
    reported: Sequence[str]
    ours: str
    labels: Mapping[str, str]
    ablations: Sequence[str]
    units: Sequence[float]
    exhausting: Callable[[Task], float]
    points: Mapping[str, int]

    # --- groups of worlds

    @property
    def everything(self) -> Sequence[str]:
        """All worlds."""
        return [*self.outside, *self.recorded, *self.simulated]

    def pools(self) -> dict[str, Sequence[str]]:
        """Return the groups of several worlds: those on which nothing was chosen come second."""
        reported = [world for world in self.everything if world in self.reported]
        pools = {
            "All worlds": self.everything,
            "The half that is reported": reported,
            "All tables from outside": self.outside,
            "All recorded tables": self.recorded,
            "All simulated worlds": self.simulated,
        }
        found: dict[str, Sequence[str]] = {}
        for title, worlds in pools.items():
            if len(worlds) > 1 and list(worlds) not in map(list, found.values()):
                found[title] = worlds
        return found

    def single(self) -> dict[str, Sequence[str]]:
        """Return every world on its own."""
        kinds = (
            ("Outside", self.outside),
            ("Recorded", self.recorded),
            ("Simulated", self.simulated),
        )
        return {
            f"{kind}: {world.partition('#')[0]}": (world,)
            for kind, worlds in kinds
            for world in worlds
        }

    def groups(self) -> dict[str, Sequence[str]]:
        """Return the worlds of each table: several together, and each on its own."""
        return self.pools() | self.single()

    def scopes(self) -> dict[str, Sequence[str]]:
        """Return what promises are judged over: everything, and the half that is reported."""
        pools = self.pools()
        names = ("All worlds", "The half that is reported")
        there = {name.lower(): pools[name] for name in names if name in pools}
        return there or {"all worlds": self.everything}

    # --- methods and their numbers

    def methods(self, kind: str, setting: str = "plain") -> list[str]:
        """The methods that were run so, ours first, without ablations."""
        ran = {
            task.method
            for task in self.found
            if (task.kind, task.setting) == (kind, setting)
        }
        return [
            name for name in self.labels if name in ran and name not in self.ablations
        ]

    def rivals(self, kind: str, setting: str = "plain") -> list[str]:
        """The methods but ours."""
        return [name for name in self.methods(kind, setting) if name != self.ours]

    def held(
        self,
        worlds: Sequence[str],
        method: str,
        kind: str,
        units: float,
        setting: str = "plain",
    ) -> list[Run]:
        """Return the runs of a method."""
        wanted = {"method": method, "kind": kind, "units": units, "setting": setting}
        return list(runs(self.found, worlds, **wanted).values())

    def behind(
        self,
        worlds: Sequence[str],
        method: str,
        kind: str,
        units: float,
        setting: str = "plain",
    ) -> Interval:
        """Return by how many points a method is behind ours, in pairs."""
        return behind(
            self.found,
            worlds,
            method,
            self.ours,
            kind=kind,
            units=units,
            setting=setting,
        )

    def mean_regret(
        self,
        worlds: Sequence[str],
        method: str,
        kind: str,
        units: float,
        setting: str = "plain",
    ) -> float:
        """Return the mean regret, every world counting alike; NaN where there is no run."""
        means = []
        for world in worlds:
            held = self.held([world], method, kind, units, setting)
            if held:
                means.append(np.mean([run.regret for run in held]))
        return float(np.mean(means)) if means else float("nan")

    def median_regret(
        self, worlds: Sequence[str], method: str, kind: str, units: float
    ) -> Interval:
        """Return the median regret of all runs."""
        return median([run.regret for run in self.held(worlds, method, kind, units)])


def share_close(held: Sequence[Run]) -> float:
    """Return the share of runs that come close to the best."""
    return float(np.mean([run.regret <= CLOSE for run in held]))


def percent(share: float) -> str:
    """Return a share for people."""
    return "" if np.isnan(share) else f"{100 * share:.0f} %"


def points(value: float) -> str:
    """Return points of regret for people; "" where there are none."""
    if np.isnan(value):
        return ""
    return f"{value:.1f}" if abs(value) >= 0.995 else f"{value:.2f}"
