"""The comparisons between the search and the holdout."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping

import pytest

from tests.study.test_run import eight, phases
from tests.support.house import POINT, House, unsure
from tune.readout.trial import Step
from tune.space import Space
from tune.strategies import Outcome, Problem, Selection, Standing
from tune.strategies.select import select_config
from tune.study.comparisons import SINGLE_ANSWER_SHARE, SINGLE_ANSWERS
from tune.study.side_phases import SIDE_PHASES


async def test_a_choice_that_is_one_answer_needs_no_second_comparison(
    build: Callable[..., House],
) -> None:
    space = Space(
        model="m", prompt={"p": "{text}"}, temperature=[0.5], n=1, max_tokens=12
    )
    house = build(unsure, strategy=eight, space=space)
    record = await house.run.go()
    assert "single-answer comparison" not in phases(house)
    assert record.selection is not None
    assert record.single_answer is record.selection.reading


async def test_after_single_answers_were_compared_it_is_selected_again(
    build: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def comparison(
        problem: Problem,
        standings: Mapping[int, Standing],
        left: float,
        kept: float = 0.0,
    ) -> Generator[list[Step], Outcome, Selection | None]:
        """The first comparison, of single answers, buys all examples of a trial."""
        calls.append(left - kept)
        if len(calls) == 1:
            outcome = yield [Step(0, POINT, tuple(range(problem.examples)), 3, 12)]
            standings = outcome.standings
        return select_config(problem, standings)

    monkeypatch.setattr("tune.study.comparisons.final_comparison", comparison)
    house = build(unsure, strategy=eight)
    record = await house.run.go()
    first, second = calls
    assert first == pytest.approx(
        SINGLE_ANSWER_SHARE * house.run.history.start[SINGLE_ANSWERS]
    )
    assert second > 0
    assert record.selection is not None
    assert record.selection.reading.config.n > 1
    assert record.selection.reading.n_examples == len(house.plan.split.tuning)


async def test_the_choice_is_checked_before_and_after_the_comparisons(
    build: Callable[..., House],
) -> None:
    house = build(unsure, strategy=eight)
    await house.run.go()
    checks = [name for name in phases(house) if name in SIDE_PHASES]
    assert checks == ["caps", "settings", "caps again", "settings again"]
    between = phases(house).index("final comparison")
    assert phases(house).index("settings") < between < phases(house).index("caps again")
