"""The replay of a recorded wave: what it bought is taken from where it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from tune.readout.trial import Step, Trial
from tune.study.failures import mark_unanswered
from tune.study.resume import RecordedWave
from tune.study.server_queues import Order

Take: TypeAlias = Callable[[Trial, Step, int], None]
"""Adds the draws that an example of a trial lacks, if all of them are held."""


def replay_orders(
    orders: Iterable[Order],
    trials: dict[int, Trial],
    recorded: RecordedWave,
    take: Take,
) -> None:
    """Bring trials to where a recorded wave left them.

    Args:
        orders: the examples of the wave's steps, in order.
        trials: by number; those of the wave are among them.
        recorded: what the wave lacked.
        take: takes the draws that it bought.
    """
    for step, position in orders:
        trial = trials[step.trial]
        order = (step.trial, position)
        if not lacks_draws(trial, step, position):
            continue
        if order in recorded.config_failed:
            trial.config_failed[position] = recorded.config_failed[order]
            continue
        # An earlier wave may have marked it; this one asked again.
        trial.unanswered.pop(position, None)
        if order in recorded.unanswered:
            mark_unanswered(trial, position, recorded.unanswered[order])
        else:
            take(trial, step, position)
    # Last, because a failed trial takes no draws, and the draws before its failure count.
    for number, reason in recorded.failed.items():
        trials[number].state = "failed"
        trials[number].reason = reason
    for number, cap in recorded.cut.items():
        trials[number].cap = cap


def lacks_draws(trial: Trial, step: Step, position: int) -> bool:
    """Return True if an example of a trial still needs draws and can get them."""
    if trial.state == "failed" or position in trial.config_failed:
        return False
    return len(trial.draws.get(position, ())) < step.draws


def lacking_draws(trial: Trial, step: Step, position: int) -> range:
    """Return the numbers of the draws that an example of a trial lacks."""
    bought = len(trial.draws.get(position, ()))
    return range(bought, step.draws)
