"""Ours, as `tune.py` searches by default, and ours with a part taken out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from benchmarks.rivals.methods import METHODS, Method
from tune.plan.options import STRATEGY_FOR_GOAL
from tune.readout import Reading
from tune.readout.trial import Step
from tune.search import SEARCHERS
from tune.search.history import Searcher
from tune.strategies import STRATEGIES, Outcome, Problem, Standing, final_comparison
from tune.strategies.knowledge_gradient import KnowledgeGradient
from tune.strategies.select import select_config
from tune.strategies.settings import (
    KnowledgeGradientSettings,
    PosteriorSettings,
    ProcessSettings,
)

VERSION = 17
"""Counted up when the strategy or the final comparison changes, so that its kept runs are made
anew.
"""

Edit: TypeAlias = Callable[[Any], Any]
"""Returns settings with one part taken out."""


def _alone(prior: ProcessSettings) -> ProcessSettings:
    """Return a prior with all of the variance in the points' own part: none tells of another."""
    parts = np.array(prior.parts)
    own = (*(1e-9 for _ in prior.parts[1:]), float(parts.sum()))
    return replace(prior, parts=own, setting_part=1e-9)


def _posterior(**changes: Any) -> Edit:
    """Return an edit of the settings of the posterior."""
    return lambda shared: replace(
        shared, posterior=replace(shared.posterior, **changes)
    )


def _variance(**changes: Any) -> Edit:
    """Return an edit of the settings of the variance components."""
    return _posterior(variance=replace(PosteriorSettings().variance, **changes))


def _selection(**changes: Any) -> Edit:
    """Return an edit of the settings of the selection."""
    return lambda shared: replace(
        shared, selection=replace(shared.selection, **changes)
    )


PRIOR = PosteriorSettings()

SHARED: dict[str, tuple[str, Edit]] = {
    "unpaired": ("without pairing", _variance(paired=False)),
    "unkind": (
        "without what examples add for a family",
        _variance(max_interaction=0.0),
    ),
    "alone": (
        "points that tell nothing of each other",
        _posterior(quality=_alone(PRIOR.quality), gain=_alone(PRIOR.gain)),
    ),
    "unforeseen": (
        "never more answers than were bought",
        _selection(extrapolate=False),
    ),
    "uncut": (
        "a cap that cut nothing yet taken to cut nothing",
        _selection(unseen_cuts=0.0),
    ),
    "alike": (
        "trials that met all examples judged by likeness too",
        _posterior(met_share=2.0),
    ),
}
"""Ablations of the parts that all strategies share: in words, and the settings without the part."""

OWN: dict[str, tuple[str, dict[str, float]]] = {
    "costless": ("value alone, whatever it costs", {"greed": 0.0}),
    "greedy": ("value per dollar to the end", {"greed": 1.0}),
    "endless": ("without money for a final comparison", {"final_share": 0.0}),
    "stepwise": (
        "a block after the other, never all examples at once",
        {"long_share": 0.0},
    ),
    "single": ("one answer for a point's first block", {"first_repeats": 10**6}),
}
"""Ablations of the default strategy: in words, and the settings that differ."""


@dataclass(frozen=True)
class Ablation:
    """A search, its final comparison and its choice, with a part taken out.

    Attributes:
        strategy: the strategy.
        edit: of the settings that it shares with the final comparison and the selection.
    """

    strategy: KnowledgeGradient
    edit: Edit

    def _problem(self, problem: Problem) -> Problem:
        return replace(problem, settings=self.edit(problem.settings))

    def search(
        self, problem: Problem, searcher: Searcher, left: float
    ) -> Generator[list[Step], Outcome, None]:
        """Search, and compare the finalists."""
        without = self._problem(problem)
        last = yield from _to_the_end(self.strategy(without, searcher, left))
        if last is not None:
            yield from final_comparison(without, last.standings, last.left)

    def choose(
        self, problem: Problem, standings: Mapping[int, Standing]
    ) -> Reading | None:
        """Return the choice."""
        choice = select_config(self._problem(problem), standings)
        return None if choice is None else choice.shown


def _to_the_end(
    strategy: Generator[list[Step], Outcome, None],
) -> Generator[list[Step], Outcome, Outcome | None]:
    """Run a strategy; return the last outcome, or None where it bought nothing."""
    outcome: Outcome | None = None
    while True:
        try:
            steps = strategy.send(outcome)  # type: ignore[arg-type]
        except StopIteration:
            return outcome
        outcome = yield steps


def _unchanged(shared: Any) -> Any:
    return shared


def _ablation(label: str, strategy: KnowledgeGradient, edit: Edit) -> Method:
    made = Ablation(strategy, edit)
    return Method(
        f"tune, {label}", made.search, SEARCHERS["random"], made.choose, VERSION
    )


def _ablations() -> dict[str, Method]:
    found: dict[str, Method] = {}
    for name, (label, edit) in SHARED.items():
        found[name] = _ablation(label, KnowledgeGradient(), edit)
    for name, (label, changes) in OWN.items():
        settings = replace(KnowledgeGradientSettings(), **changes)  # type: ignore[arg-type]
        found[name] = _ablation(label, KnowledgeGradient(settings), _unchanged)
    return {name: found[name] for name in ORDER}


ORDER = (
    "unpaired",
    "unkind",
    "costless",
    "greedy",
    "alone",
    "unforeseen",
    "uncut",
    "alike",
    "endless",
    "stepwise",
    "single",
)
"""Ablations as the page shows them."""

BRACKETS = Method(
    "tune, by successive halving instead",
    STRATEGIES["halving"],
    SEARCHERS["random"],
    None,
    VERSION,
)

ABLATIONS: dict[str, Method] = _ablations() | {"brackets": BRACKETS}
"""Ours without one of its parts each, by the name of the part."""

OURS: dict[str, Method] = {
    "tune": Method(
        "tune",
        STRATEGIES["knowledge_gradient"],
        SEARCHERS["random"],
        None,
        VERSION,
        by_goal={goal: STRATEGIES[name] for goal, name in STRATEGY_FOR_GOAL.items()},
    )
}
"""The method that all others are held against: the default strategy and searcher, with the final
comparison.
"""

EVERY: dict[str, Method] = OURS | METHODS | ABLATIONS
"""Whatever can be run, by name."""
