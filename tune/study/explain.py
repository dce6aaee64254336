"""The orders of a wave with their reasons, before it is bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tune.readout.trial import Step, Trial
from tune.report.wave_lines import (
    BASELINE,
    CUT,
    DRAWS,
    EXAMPLES,
    NEW,
    WaveOrder,
    wave_line,
)
from tune.space import Point
from tune.study.side_phases import SIDE_PHASES


def wave_orders(
    phase: str,
    steps: Sequence[Step],
    trials: Mapping[int, Trial],
    baseline: Point | None,
) -> list[WaveOrder]:
    """Return the orders of a wave, before it is bought.

    Args:
        phase: of the run.
        steps: of the wave.
        trials: as the waves before left them, by number.
        baseline: the paid point of the user's present config.
    """
    return [_order(phase, step, trials.get(step.trial), baseline) for step in steps]


def _order(
    phase: str, step: Step, trial: Trial | None, baseline: Point | None
) -> WaveOrder:
    examples = list(step.examples)
    if phase in SIDE_PHASES:
        kind = CUT
    elif trial is None:
        kind = BASELINE if step.point == baseline else NEW
    else:
        fresh = [position for position in examples if not _is_met(trial, position)]
        kind = EXAMPLES if fresh else DRAWS
        # Where more answers are bought too, the new examples are what counts.
        examples = fresh or examples
    why = step.reason
    return WaveOrder(
        kind=kind,
        trial=step.trial,
        examples=len(examples),
        draws=step.draws,
        gain=why.gain,
        price=why.price,
        place=why.place,
        limit=why.limit,
        purpose=why.purpose,
    )


def _is_met(trial: Trial, position: int) -> bool:
    """Return whether an example was asked for before, even if it could not be answered."""
    known = (trial.draws, trial.config_failed, trial.unanswered)
    return any(position in found for found in known)


def record_reasons(
    events: Sequence[Mapping[str, Any]], orders: Sequence[WaveOrder], *, timed: bool
) -> dict[str, Any]:
    """Return the reasons of the next wave as a journal keeps them: by order, and as one line.

    Args:
        events: of the journal, before the wave.
        orders: of the wave.
        timed: nobody is billed, and seconds take the place of dollars.
    """
    number = 1 + sum(event["event"] == "wave" for event in events)
    # The line is kept as it was said, so that it reads the same for ever.
    line = wave_line(number, orders, timed=timed)
    return {"why": [list(order) for order in orders], "line": line}
