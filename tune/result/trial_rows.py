"""The row of one trial: what was bought for it, and the best configuration read from its draws."""

from __future__ import annotations

import math
from dataclasses import replace

from tune.readout.trial import Trial
from tune.report import TrialRow
from tune.result.evidence import Evidence
from tune.result.rows import count_for
from tune.safety.decoration import Decorations
from tune.study.record import RunRecord


def trial_row(
    record: RunRecord, trial: Trial, evidence: Evidence, decorations: Decorations
) -> TrialRow:
    """Return a trial for the table of trials, with its best reading if it has one."""
    standing = record.standings[trial.number]
    # Counted once: a large study has thousands of draws in each trial.
    bought = trial.bought
    row = TrialRow(
        number=trial.number,
        point=trial.point,
        state=trial.state,
        reason=trial.reason,
        examples=len(trial.draws),
        draws=bought,
        unanswered=len(trial.unanswered),
        # At list price, so that trials can be compared even if another study paid for their draws.
        spent=standing.spent_per_draw * bought,
    )
    # Seconds stand beside dollars only where they take the place of dollars.
    if record.time is not None:
        weighed = record.weighed[trial.number]
        row = replace(row, service=weighed.spent_per_draw * bought)
    best = standing.best(record.problem)
    if best is None:
        return row
    row = replace(
        row,
        best=best.config,
        quality=evidence.quality(best),
        cost=_known(best.cost),
        outcomes=count_for(record, trial, best.config, decorations),
    )
    if record.time is not None:
        row = replace(row, service_per_request=_known(record.weigh(best).cost))
    return row


def _known(cost: float) -> float | None:
    """Return a cost per request; None where nothing was answered that could cost anything."""
    return None if math.isnan(cost) else cost
