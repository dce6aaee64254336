"""Phases whose trials are no part of the search."""

from __future__ import annotations

from collections.abc import Callable

from tests.study.test_run import eight
from tests.support.house import House, unsure
from tune.space import Config
from tune.strategies import measured_truncation, tried_settings
from tune.study.side_phases import SIDE_PHASES


async def test_the_settings_that_meet_the_holdout_are_tried_in_trials_of_their_own(
    build: Callable[..., House],
) -> None:
    # Draws of the search have a max_tokens of 12, so that of the baseline was never sent.
    baseline = {"model": "m", "prompt": "p", "temperature": 0.5, "max_tokens": 6}
    house = build(unsure, strategy=eight, baseline=baseline)
    record = await house.run.go()
    (trial,) = house.run.side.trying.values()
    assert record.selection is not None
    # The choice has the same max_tokens, so one call tries both.
    assert Config(trial.point) == record.selection.shown.config
    assert Config(trial.point).max_tokens == house.plan.baseline.max_tokens
    assert (trial.cap, trial.bought) == (6, 1)
    assert set(record.trials) == {0}


def test_each_phase_has_trials_of_its_own(build: Callable[..., House]) -> None:
    side = build().run.side
    for module, trials in (
        (measured_truncation, side.measuring),
        (tried_settings, side.trying),
    ):
        assert SIDE_PHASES.issuperset(module.PHASES)
        assert all(side.trials_of(phase) is trials for phase in module.PHASES)
    assert "search" not in SIDE_PHASES
    assert side.trials() == []
