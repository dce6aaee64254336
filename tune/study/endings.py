"""Ends of trials, and of phases whose rest of the money would gain too little."""

from __future__ import annotations

from collections.abc import Mapping

from tune.plan.plan import Plan
from tune.readout.trial import Trial
from tune.strategies import Problem, Standing
from tune.strategies.stopping import final_comparison_prospect, search_prospect


def end_trials(plan: Plan, trials: Mapping[int, Trial]) -> None:
    """Note of every trial how it ended, now that nothing more is bought for it."""
    examples = len(plan.split.tuning)
    for trial in trials.values():
        # Failed trials keep their reason.
        if trial.state != "running":
            continue
        met = len(trial.draws) + len(trial.config_failed)
        if met >= examples:
            trial.state, trial.reason = "complete", ""
        else:
            progress = f"after {met} of {examples} examples"
            trial.state = "stopped"
            trial.reason = f"{progress}: others were preferred"


def is_enough(
    plan: Plan,
    problem: Problem,
    phase: str,
    standings: Mapping[int, Standing],
    left: float,
) -> bool:
    """Return True if the rest of the money is expected to gain less than the user cares for.

    Args:
        plan: states the gain that the user cares for.
        problem: what is searched.
        phase: "search" or a comparison after it.
        standings: the trials as the strategy sees them.
        left: dollars.
    """
    # The user wants all the money to be used.
    if plan.min_gain <= 0:
        return False
    if phase == "search":
        gain = search_prospect(problem, standings, left).gain
    else:
        gain = final_comparison_prospect(problem, standings, left).gain
    # Where nothing can be gained at all, the strategy ends by itself.
    return 0 < gain < plan.min_gain
