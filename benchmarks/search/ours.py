"""Ours, as `tune.py` searches by default, and ours with a part taken out."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from benchmarks.rivals.methods import METHODS, Method
from tune.readout import Reading
from tune.readout.trial import Step
from tune.search import SEARCHERS
from tune.search.history import Searcher
from tune.strategies import STRATEGIES, Outcome, Problem, Standing, Strategy, final_comparison
from tune.strategies.gaussian_process import Numbers
from tune.strategies.problem import Array
from tune.strategies.select import select_config
from tune.strategies.variance_components import VarianceComponents

VERSION = 7
"""Counted up when the strategy or the endgame changes, so that its kept runs are made anew."""

Changes: TypeAlias = Mapping[tuple[str, str], Any]
"""Values by the module of `tune.strategies` and the name that they stand in for."""

RACE = "tune.strategies"


def _unpaired(rows: Array, draws: Sequence[int], family: Numbers) -> VarianceComponents:
    """No hardness of examples: what differs between the scores of a trial is all taken for noise."""
    del draws, family
    within = np.nanvar(rows, axis=1) if len(rows) else np.zeros(0)
    return VarianceComponents(1e-9, 0.0, float(np.mean(within)) + 1e-3 if len(within) else 0.2)


def _alone(variances: Array) -> Array:
    """All of the variance to the points' own part: none tells of another."""
    return np.append(np.full(len(variances) - 1, 1e-9), variances.sum())


def _nothing(*_: object) -> list[Any]:
    """No options."""
    return []


QUALITY, GAIN = (
    np.array(getattr(sys.modules[f"{RACE}.posterior"], name)) for name in ("_QUALITY", "_GAIN")
)

PARTS: dict[str, tuple[str, Changes]] = {
    "unpaired": ("without pairing", {("variance_components", "estimate_components"): _unpaired}),
    "unkind": (
        "without what examples add for a family",
        {("variance_components", "MAX_INTERACTION"): 0.0},
    ),
    "costless": ("value alone, whatever it costs", {("knowledge_gradient", "GREED"): 0.0}),
    "greedy": ("value per dollar to the end", {("knowledge_gradient", "GREED"): 1.0}),
    "alone": (
        "points that tell nothing of each other",
        {
            ("posterior", "_QUALITY"): _alone(QUALITY),
            ("posterior", "_GAIN"): _alone(GAIN),
            ("posterior", "_QUALITY_APART"): 1e-9,
            ("posterior", "_GAIN_APART"): 1e-9,
        },
    ),
    "unforeseen": ("never more answers than were bought", {("select", "_extrapolated"): _nothing}),
    "uncut": ("a cap that cut nothing yet taken to cut nothing", {("select", "UNSEEN"): 0.0}),
    "alike": ("trials that met all examples judged by likeness too", {("posterior", "_MET"): 2.0}),
    "endless": ("without an endgame", {("knowledge_gradient", "ENDGAME_SHARE"): 0.0}),
    "stepwise": (
        "a block after the other, never all examples at once",
        {("knowledge_gradient", "LONG_SHARE"): 0.0},
    ),
    "single": (
        "one answer for a point's first block",
        {("knowledge_gradient", "FIRST_REPEATS"): 10**6},
    ),
}
"""What is taken out: in words, and what stands in for it."""


@contextmanager
def changed(changes: Changes) -> Iterator[None]:
    """For a while, other values in the modules of `tune.strategies`."""
    owners = []
    for (place, name), stand_in in changes.items():
        module, _, owner = place.partition(".")
        found = sys.modules[f"{RACE}.{module}"]
        found = getattr(found, owner) if owner else found
        owners.append((found, name, getattr(found, name)))
        setattr(found, name, stand_in)
    try:
        yield
    finally:
        for found, name, value in owners:
            setattr(found, name, value)


def without(
    changes: Changes, strategy: Strategy, problem: Problem, searcher: Searcher, left: float
) -> Generator[list[Step], Outcome, None]:
    """A strategy and the endgame after it, both with a part taken out."""
    last = yield from _going(changes, strategy(problem, searcher, left))
    if last is not None:
        yield from _going(changes, final_comparison(problem, last.standings, last.left))


def _going(
    changes: Changes, strategy: Generator[list[Step], Outcome, Any]
) -> Generator[list[Step], Outcome, Outcome | None]:
    """A strategy that computes with a part taken out, and leaves everything as it was in between."""
    outcome: Outcome | None = None
    while True:
        with changed(changes):
            try:
                steps = strategy.send(outcome)  # type: ignore[arg-type]
            except StopIteration:
                return outcome
        outcome = yield steps


def choose(changes: Changes, problem: Problem, standings: Mapping[int, Standing]) -> Reading | None:
    """The choice, with a part taken out."""
    with changed(changes):
        choice = select_config(problem, standings)
    return None if choice is None else choice.shown


def _ablation(label: str, changes: Changes) -> Method:
    strategy = partial(without, changes, STRATEGIES["knowledge_gradient"])
    return Method(
        f"tune, {label}", strategy, SEARCHERS["random"], partial(choose, changes), VERSION
    )


BRACKETS = Method(
    "tune, by successive halving instead", STRATEGIES["halving"], SEARCHERS["random"], None, VERSION
)

ABLATIONS: dict[str, Method] = {name: _ablation(*part) for name, part in PARTS.items()} | {
    "brackets": BRACKETS
}
"""Ours without one of its parts each, by the name of the part."""

OURS: dict[str, Method] = {
    "tune": Method("tune", STRATEGIES["knowledge_gradient"], SEARCHERS["random"], None, VERSION)
}
"""The method that all others are held against: the default strategy and searcher, and the endgame."""

EVERY: dict[str, Method] = OURS | METHODS | ABLATIONS
"""Whatever can be run, by name."""
