"""Looks at a holdout: what they spend together stays within 5 %, and only what is new to see is a
look.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tune
from tests.support.fixtures import MODELS, PRICES, PROMPTS
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.stats.alpha_spending import (
    TOTAL_ALPHA,
    analysis_confidence,
    another_analysis,
    count_analyses,
    is_new_analysis,
)
from tune.stats.intervals import difference_interval, mean_interval, verdict
from tune.store.journal import read_events

BASELINE = {"model": "m", "n": 1, "stop": ()}
CHOICE = {"model": "m", "n": 3, "stop": ("x",)}
OTHER = {"model": "k", "n": 1, "stop": ()}
WORLD = LabelledWorld(models={"small": 0.55, "large": 0.8})


def holdout(
    *configs: dict[str, Any],
    examples: int = 4,
    missing: tuple[int, ...] = (),
    reason: str = "money",
) -> Any:
    """The event of a holdout that some configs met, the choice first; each lacks the same examples."""
    steps = [
        [trial, dict(config), list(range(10, 10 + examples)), 1, 8]
        for trial, config in enumerate(configs)
    ]
    lacking = [
        [trial, 10 + position, reason]
        for trial in range(len(configs))
        for position in missing
    ]
    return {
        "event": "holdout",
        "steps": steps,
        "unanswered": lacking,
        "config_failed": [],
        "failed": [],
    }


# --- what a look spends


def test_the_first_look_has_nearly_all_and_all_together_stay_within_the_error() -> None:
    spent = [1 - analysis_confidence(look) for look in range(1, 60)]
    assert spent[0] == pytest.approx(0.04)
    assert spent[1] == pytest.approx(0.005)
    assert all(
        later == pytest.approx(before / 2)
        for before, later in itertools.pairwise(spent[1:20])
    )
    assert sum(spent) <= TOTAL_ALPHA + 1e-12


def test_there_is_no_look_before_the_first() -> None:
    with pytest.raises(ValueError, match="look >= 1"):
        analysis_confidence(0)


def looks_of(
    scores: np.ndarray, others: np.ndarray, confidences: list[float]
) -> list[Any]:
    """The differences that four looks show, each on twice the examples of the one before."""
    return [
        difference_interval(scores[:n], others[:n], confidence=confidence)
        for n, confidence in zip((25, 50, 100, 200), confidences, strict=True)
    ]


@pytest.mark.slow
def test_over_four_looks_together_a_false_better_is_rare() -> None:
    """A user who continues until the report says so; the same at 95 % a look finds one more often."""
    rng = np.random.default_rng(3)
    spent, naive = [analysis_confidence(look) for look in (1, 2, 3, 4)], [0.95] * 4
    wrong = {"spent": 0, "naive": 0}
    either = 0
    for _ in range(400):
        scores, others = (rng.random((2, 200)) < 0.7).astype(float)
        ours = [verdict(interval) for interval in looks_of(scores, others, spent)]
        wrong["spent"] += "better" in ours
        either += set(ours) != {"not distinguishable"}
        wrong["naive"] += "better" in [
            verdict(interval) for interval in looks_of(scores, others, naive)
        ]
    assert wrong["spent"] <= 0.05 * 400
    assert (
        either <= 0.07 * 400
    )  # at most 5 % in truth: 28 of 400 is where chance would take it once in 30
    assert wrong["naive"] > wrong["spent"]


def test_the_quality_is_covered_at_every_look_together() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(200):
        scores = (rng.random(160) < 0.8).astype(float)
        intervals = [
            mean_interval(scores[:n], confidence=analysis_confidence(k))
            for k, n in enumerate((20, 40, 80, 160), start=1)
        ]
        covered += all(interval.low <= 0.8 <= interval.high for interval in intervals)
    assert covered >= 0.93 * 200


# --- what counts as a look


def test_a_study_that_never_met_its_holdout_is_at_its_first_look() -> None:
    assert count_analyses([], BASELINE) == 1
    assert (
        count_analyses([{"event": "study"}, holdout(CHOICE, BASELINE)], BASELINE) == 1
    )


def test_more_examples_or_another_choice_is_a_new_look() -> None:
    half, whole = holdout(CHOICE, BASELINE, missing=(2, 3)), holdout(CHOICE, BASELINE)
    assert count_analyses([half, {"event": "continue"}, whole], BASELINE) == 2
    assert count_analyses([half, whole, holdout(OTHER, BASELINE)], BASELINE) == 3
    assert count_analyses([half, holdout(BASELINE)], BASELINE) == 2


def test_the_same_again_is_no_new_look() -> None:
    once = holdout(CHOICE, BASELINE, missing=(3,))
    other_reason = holdout(CHOICE, BASELINE, missing=(3,), reason="service: 503")
    assert count_analyses([once, once, other_reason], BASELINE) == 1
    whole = holdout(CHOICE, BASELINE)
    assert count_analyses([once, whole, {"event": "continue"}, whole], BASELINE) == 2
    assert count_analyses([once, whole, once], BASELINE) == 1


def test_what_is_shown_beside_the_comparison_makes_no_look() -> None:
    assert (
        count_analyses(
            [holdout(CHOICE, BASELINE), holdout(CHOICE, BASELINE, OTHER)], BASELINE
        )
        == 1
    )


def test_what_an_earlier_look_showed_already_is_no_new_one_and_nothing_at_all_is_none() -> (
    None
):
    whole = holdout(CHOICE, BASELINE)
    assert count_analyses([whole, holdout(BASELINE)], BASELINE) == 1
    nothing = holdout(CHOICE, BASELINE, missing=(0, 1, 2, 3))
    assert count_analyses([nothing], BASELINE) == 1
    assert count_analyses([nothing, whole], BASELINE) == 1
    assert count_analyses([whole, holdout(OTHER, BASELINE), whole], BASELINE) == 1
    assert (
        count_analyses(
            [whole, holdout(OTHER, BASELINE), holdout(CHOICE, BASELINE, examples=9)],
            BASELINE,
        )
        == 3
    )


def test_another_choice_read_off_the_same_holdout_is_another_look() -> None:
    event = holdout(CHOICE, BASELINE, OTHER, missing=(1,))
    again = another_analysis([event], CHOICE, BASELINE)
    other = another_analysis([event], OTHER, BASELINE)
    assert again is not None
    assert other is not None
    assert (again["event"], other["event"]) == ("look", "look")
    assert not is_new_analysis([event], again, BASELINE)
    assert is_new_analysis([event], other, BASELINE)
    assert not is_new_analysis([event, other], other, BASELINE)
    assert [
        count_analyses([event, *looks], BASELINE)
        for looks in ([again], [other], [other, again], [other, other])
    ] == [
        1,
        2,
        1,
        2,
    ]
    assert (
        count_analyses([event, other, holdout(CHOICE, BASELINE, examples=9)], BASELINE)
        == 3
    )


def test_a_choice_that_did_not_meet_the_holdout_shows_the_baseline_alone_which_was_seen() -> (
    None
):
    event = holdout(CHOICE, BASELINE)
    look = another_analysis([event], OTHER, BASELINE)
    assert look is not None
    assert [step[1] for step in look["steps"]] == [BASELINE]
    assert not is_new_analysis([event], look, BASELINE)
    assert another_analysis([{"event": "study"}], OTHER, BASELINE) is None


@given(
    st.lists(
        st.tuples(st.sampled_from([CHOICE, OTHER, BASELINE]), st.integers(0, 6)),
        max_size=8,
    )
)
def test_looks_are_numbered_without_a_gap_and_the_same_again_has_its_number(
    looks: list[tuple[dict[str, Any], int]],
) -> None:
    events: list[Any] = []
    top = 0
    for choice, examples in looks:
        event = holdout(
            choice, *([BASELINE] if choice != BASELINE else []), examples=examples
        )
        new = is_new_analysis(events, event, BASELINE)
        events.append(event)
        number = count_analyses(events, BASELINE)
        assert number == (top + 1 if new else min(number, max(top, 1)))
        top = max(top, number) if examples else top
        assert count_analyses([*events, event], BASELINE) == number


def test_a_config_is_the_same_before_and_after_it_was_written_down() -> None:
    written = holdout(CHOICE, BASELINE)
    for step in written["steps"]:
        step[1]["stop"] = list(step[1]["stop"])
    assert count_analyses([holdout(CHOICE, BASELINE), written], BASELINE) == 1


# --- a study that is continued


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD) as started:
        yield started


def study(server: Server, folder: Path, budget: float) -> tune.Study:
    return tune.tune(
        data=WORLD.examples(120),
        target="label",
        space=tune.Space(
            model=["small", "large"],
            prompt=PROMPTS,
            temperature=[0.0, 0.5],
            max_tokens=64,
            answer={"labels": list(WORLD.labels)},
        ),
        base_url=server.base_url,
        price=PRICES,
        budget=budget,
        results=folder / "study",
    )


def test_a_continued_study_pays_for_its_second_look_and_says_so(
    server: Server, tmp_path: Path
) -> None:
    first = study(server, tmp_path, 0.004).record
    assert (first.look, first.confidence) == (1, pytest.approx(0.96))
    assert not any("look 2" in notice for notice in first.notices)
    again = study(server, tmp_path, 0.004).record
    assert (again.look, again.difference) == (1, first.difference)
    more = study(server, tmp_path, 0.04).record
    assert (more.look, more.confidence) == (2, pytest.approx(0.995))
    assert any(
        notice.startswith("This is look 2 at the same holdout")
        for notice in more.notices
    )
    assert "99.5 % sure" in (tmp_path / "study" / "report.md").read_text()
    events = read_events(tmp_path / "study" / "study.jsonl")
    assert [event["event"] for event in events].count("holdout") == 2
    assert tune.Study.load(tmp_path / "study").record.look == 2
