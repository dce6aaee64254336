"""Observers of a run for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tune.space import Config
from tune.study.events import (
    BestSoFar,
    Event,
    Notice,
    Observer,
    PhaseBegan,
    Progress,
    StudyBegan,
    WaveDone,
)


def notices(tell: Callable[[str], object]) -> Observer:
    """An observer that passes on each notice."""

    def observe(event: Event) -> None:
        if isinstance(event, Notice):
            tell(event.text)

    return observe


def after_waves(look: Callable[[Progress], object]) -> Observer:
    """An observer that passes on where the run stands after each wave, and not in between."""
    waves: list[WaveDone] = []

    def observe(event: Event) -> None:
        if isinstance(event, WaveDone):
            waves.append(event)
        elif isinstance(event, Progress) and waves:
            waves.clear()
            look(event)

    return observe


CONFIG = Config(
    {
        "model": "m",
        "prompt": "p",
        "max_tokens": 8,
        "temperature": 0.5,
        "n": 3,
        "aggregate": "vote",
    }
)

BEST = BestSoFar(
    trial=0,
    config=CONFIG,
    quality=0.75,
    low=0.5,
    high=0.875,
    examples=40,
    cost=0.00012,
    seconds=0.5,
)


def progress(**changes: Any) -> Progress:
    """Where a run stands in its middle."""
    given: dict[str, Any] = {
        "phase": "search",
        "trials": 3,
        "spent": 1.25,
        "reserved": 0.08,
        "budget": 5.0,
        "best": BEST,
        "seconds": 10.0,
        "left_seconds": 30.0,
        **changes,
    }
    return Progress(**given)


def began() -> list[Event]:
    """The first events of a study."""
    study = StudyBegan(
        folder="results/x",
        resumed=False,
        budget=5.0,
        spent=0.0,
        time_limit=None,
        models=("m",),
        tuning=80,
        holdout=40,
    )
    return [study, PhaseBegan(phase="search")]
