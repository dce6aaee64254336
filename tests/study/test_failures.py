"""Consequences of failures: a trial fails, a model is set aside, an example is given up."""

from __future__ import annotations

from typing import Any

import pytest

from tune.errors import (
    EndpointError,
    ParameterRejected,
    RequestRefused,
    ValueRejected,
)
from tune.providers.openai.errors import error_of_response
from tune.readout.trial import Trial
from tune.space import Choice, Point, Space
from tune.study.failures import Failures, fail_unanswered, mark_unanswered
from tune.study.fault import Blame
from tune.study.lessons import Lessons
from tune.study.stop_reasons import LOST
from tune.study.wave import Wave

HOT = Point({"model": "m", "prompt": "p", "temperature": 0.9})


class Case:
    """Two models, a trial of each, and what happens to them."""

    def __init__(self) -> None:
        space = Space(model=["m", "n"], prompt={"p": "{text}"}, temperature=[0.5, 0.9])
        self.paused: list[str] = []
        self.lessons, self.wave = Lessons(space), Wave()
        self.failures = Failures(self.lessons, pause=self._pause)
        self.trials = {
            0: Trial(0, HOT, 8),
            1: Trial(1, Point({**HOT, "model": "n"}), 8),
        }

    def _pause(self, reason: str, *_: Any) -> None:
        self.paused.append(reason)

    def lose(self, model: str) -> None:
        self.failures.set_aside(
            model, EndpointError("no such model"), self.trials, self.wave
        )


def test_a_lost_model_is_set_aside_and_its_trials_fail() -> None:
    case = Case()
    case.lose("m")
    assert case.lessons.aside == {"m": "no such model"}
    assert list(case.lessons.space.models) == ["n"]
    assert (case.trials[0].state, case.trials[1].state) == ("failed", "running")
    assert case.wave.failed == {0: "no such model"}
    assert case.paused == []


def test_the_last_model_and_a_needed_one_pause_the_run() -> None:
    case = Case()
    case.failures.needed = frozenset({"m"})
    case.lose("m")
    assert case.paused == [LOST]
    assert case.lessons.aside == {}
    case = Case()
    case.lose("m")
    case.lose("n")
    assert case.paused == [LOST]


def test_a_model_is_set_aside_once() -> None:
    case = Case()
    case.lose("m")
    case.lose("m")
    assert case.wave.failed == {0: "no such model"}
    assert case.paused == []


def test_a_model_that_answered_before_is_not_set_aside_for_a_refusal() -> None:
    """Trials beside the search begin without draws, so their own say nothing of the model."""

    def refused_all(*answered: str, needed: str = "") -> Case:
        case, blame = Case(), Blame()
        case.failures.answered.update(answered)
        case.failures.needed = frozenset({needed})
        blame.note("m", 0, RequestRefused("bad request"))
        case.failures.blame(blame, [], case.trials, case.wave)
        return case

    assert refused_all("n").lessons.aside == {"m": "bad request"}
    assert refused_all("m").lessons.aside == {}
    # In the holdout, the run is paused until it answers again.
    assert refused_all("m", needed="m").paused == [LOST]


def test_a_small_max_tokens_that_was_read_off_gives_way_to_the_next_larger_one() -> (
    None
):
    """Without bounds in the refusal, it is only known that it is too small."""
    case = Case()
    space = space_with(max_tokens=[8, 16, 64])
    case.lessons.space = space
    refusal = ValueRejected("no", "max_tokens")
    refuse(case, refusal, max_tokens=8)
    assert space.domain("max_tokens", "m") == Choice((16, 64))
    refuse(case, refusal, max_tokens=64)
    assert space.domain("max_tokens", "m") == Choice((16, 64))
    space.conditions.pay_for_caps("m")
    refuse(case, refusal, max_tokens=16)
    assert space.domain("max_tokens", "m") == Choice((16, 64)), "it was bought"


def test_a_trial_that_was_asked_with_a_smaller_max_tokens_is_asked_again() -> None:
    case = Case()
    space = case.lessons.space = space_with(max_tokens=[8, 16, 64])
    refusal = ValueRejected("no", "max_tokens")
    trial = Trial(7, Point({"model": "m", "prompt": "p"}), 8)
    assert case.failures.cap_again(trial, 8, refusal, case.wave)
    assert trial.cap == case.wave.caps[7] == 64
    assert space.domain("max_tokens", "m") == Choice((16, 64))
    # No larger one is searched.
    assert not case.failures.cap_again(trial, 64, refusal, case.wave)


@pytest.mark.parametrize("bounds", [{}, {"low": 16}])
def test_a_trial_with_draws_goes_on_with_its_own_max_tokens(
    bounds: dict[str, float],
) -> None:
    case = Case()
    space = case.lessons.space = space_with(max_tokens=[8, 16, 64])
    refusal = ValueRejected("no", "max_tokens", **bounds)  # type: ignore[arg-type]
    trial = Trial(7, Point({"model": "m", "prompt": "p"}), 64, draws={0: []})
    assert case.failures.cap_again(trial, 8, refusal, case.wave)
    assert (trial.cap, case.wave.caps) == (64, {7: 64})
    assert space.domain("max_tokens", "m") == Choice((16, 64))
    # Its own was taken before, so it is not the number that is refused.
    assert not case.failures.cap_again(trial, 64, refusal, case.wave)


def test_a_refused_parameter_fails_its_trial_and_leaves_the_space() -> None:
    case = Case()
    refusal = ParameterRejected("no temperature", parameter="temperature")
    case.failures.refused(case.trials[0], refusal, case.wave, case.trials)
    assert case.trials[0].reason == (
        "the model does not take temperature: no temperature"
    )
    assert "temperature" not in case.lessons.space.dimensions("m")
    assert "temperature" in case.lessons.space.dimensions("n")


def test_a_later_trial_fails_with_the_words_of_the_model() -> None:
    """A call with what is known to be refused is not sent, so the model says nothing."""
    case = Case()
    case.lessons.space = space_with(stop=[None, ["a"]])
    refuse(case, ParameterRejected("no stop", parameter="stop"), stop=("a",))
    later = refuse(case, ParameterRejected("known", parameter="stop"), stop=("b",))
    assert later.reason == "the model does not take stop: no stop"


def test_a_refused_value_only_narrows_the_space() -> None:
    case = Case()
    refusal = ValueRejected("too hot", parameter="temperature", low=0.0, high=0.7)
    case.failures.refused(case.trials[0], refusal, case.wave, case.trials)
    assert case.trials[0].reason == ("the model does not take temperature 0.9: too hot")
    assert list(case.lessons.space.dimensions("m")["temperature"].values) == [0.5]
    assert list(case.lessons.space.dimensions("n")["temperature"].values) == [0.5, 0.9]


@pytest.mark.parametrize(("lost", "state"), [(1, "running"), (2, "failed")])
def test_a_trial_fails_when_the_service_leaves_more_than_a_few_unanswered(
    lost: int, state: str
) -> None:
    trial = Trial(0, HOT, 8, draws={position: [] for position in range(lost, 20)})
    for position in range(lost):
        mark_unanswered(trial, position, "service: 503")
    wave = Wave()
    fail_unanswered(trial, range(20), wave)
    assert trial.state == state
    if state == "failed":
        assert wave.failed == {0: "the service did not answer 2 of 20 examples (503)"}


def test_an_example_that_has_a_draw_is_read_although_more_were_asked_for() -> None:
    trial, wave = Trial(0, HOT, 8, draws={0: ["a draw"]}), Wave()  # type: ignore[list-item]
    mark_unanswered(trial, 0, "money: none is left", wave)
    mark_unanswered(trial, 1, "money: none is left", wave)
    assert trial.unanswered == {1: "money: none is left"}
    assert set(wave.unanswered) == {(0, 0), (0, 1)}


def space_with(**more: Any) -> Space:
    return Space(model=["m", "n"], prompt={"p": "{text}"}, **more)


def refuse(case: Case, error: ParameterRejected, **point: Any) -> Trial:
    """Let a trial of model m be refused."""
    trial = Trial(7, Point({"model": "m", "prompt": "p", **point}), 256)
    case.failures.refused(trial, error, case.wave, case.trials)
    assert trial.state == "failed"
    return trial


def test_of_two_settings_that_exclude_each_other_the_points_keep_one() -> None:
    case = Case()
    case.lessons.space = space_with(temperature=[None, 0.5], top_p=[0.9, 1.0])
    error = ValueRejected("not both", "top_p", beside="temperature")
    refuse(case, error, temperature=0.5, top_p=0.9)
    points = [p for p in case.lessons.space.points() if p["model"] == "m"]
    assert [("top_p" in p, p["temperature"]) for p in points] == [
        (True, None),
        (True, None),
        (False, 0.5),
    ]
    assert len([p for p in case.lessons.space.points() if p["model"] == "n"]) == 4


@pytest.mark.parametrize(
    ("effort", "allowed"), [("high", {None, "none"}), (None, {"none"})]
)
def test_a_setting_that_is_refused_while_the_model_reasons_stays_where_it_does_not(
    effort: str | None, allowed: set[str | None]
) -> None:
    case = Case()
    case.lessons.space = space_with(
        temperature=[0.5], reasoning_effort=[None, "none", "high"]
    )
    error = ParameterRejected(
        "not while reasoning", parameter="temperature", while_reasoning=True
    )
    refuse(case, error, temperature=0.5, reasoning_effort=effort)
    points = [p for p in case.lessons.space.points() if p["model"] == "m"]
    assert {p["reasoning_effort"] for p in points if "temperature" in p} == allowed
    assert len(points) == 3


def test_a_condition_that_a_failed_trial_meets_takes_no_parameter_away() -> None:
    case = Case()
    case.lessons.space = space_with(
        temperature=[0.5], reasoning_effort=[None, "none", "high"]
    )
    error = ParameterRejected(
        "not while reasoning", parameter="temperature", while_reasoning=True
    )
    # A lesson that was recalled has ruled it out while its call was under way.
    point = {"temperature": 0.5, "reasoning_effort": "high"}
    trial = Trial(7, Point({"model": "m", "prompt": "p", **point}), 256)
    trial.state = "failed"
    case.failures.refused(trial, error, case.wave, case.trials)
    points = [p for p in case.lessons.space.points() if p["model"] == "m"]
    kept = {p["reasoning_effort"] for p in points if "temperature" in p}
    assert kept == {None, "none"}


def test_a_trial_that_is_ruled_out_names_the_setting_that_it_loses() -> None:
    case = Case()
    case.lessons.space = space_with(
        temperature=[None, 0.5], reasoning_effort=["low", "high"], top_p=[None, 0.9]
    )
    case.lessons.allow_one_of("m", ["temperature", "top_p"])
    both = {"temperature": 0.5, "top_p": 0.9, "reasoning_effort": "low"}
    case.trials[0] = Trial(0, Point({"model": "m", "prompt": "p", **both}), 8)
    error = ValueRejected("no such level", "reasoning_effort")
    refuse(case, error, temperature=None, reasoning_effort="high")
    assert case.trials[0].reason == (
        "the model does not take top_p beside the other settings"
    )


@pytest.mark.parametrize(
    ("words", "parameter"),
    [
        ("`temperature` may only be set to 1 when thinking is enabled.", "temperature"),
        (
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.",
            "top_p",
        ),
        ("`top_k` must be unset when thinking is enabled.", "top_k"),
    ],
)
def test_what_anthropic_refuses_with_thinking_stays_without_it(
    words: str, parameter: str
) -> None:
    case = Case()
    thinking = {"off": {}, "no": {"type": "disabled"}, "on": {"type": "enabled"}}
    more = {parameter: [None, 0.5 if parameter != "top_k" else 20]}
    case.lessons.space = space_with(thinking=thinking, **more)
    body = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": words},
    }
    error = error_of_response(400, {}, body, who="m", sent={parameter, "thinking"})
    assert isinstance(error, ParameterRejected)
    value = more[parameter][1]
    refuse(case, error, thinking="on", **{parameter: value})
    points = [p for p in case.lessons.space.points() if p["model"] == "m"]
    kept = {(p["thinking"], p.get(parameter)) for p in points}
    assert {("off", value), ("no", value), ("on", None)} <= kept
    assert ("on", value) not in kept


def test_a_setting_that_is_refused_while_reasoning_goes_where_no_other_way_is_searched() -> (
    None
):
    case = Case()
    error = ParameterRejected(
        "not while reasoning", parameter="temperature", while_reasoning=True
    )
    refuse(case, error, temperature=0.9)
    assert case.lessons.space.domain("temperature", "m") is None


def test_a_smallest_and_a_largest_max_tokens_are_kept() -> None:
    case = Case()
    case.lessons.space = space_with(
        max_tokens=[4, 16, 64], when={"p": {"max_tokens": 8}}
    )
    refuse(case, ValueRejected("too few", "max_completion_tokens", low=10, high=32))
    space = case.lessons.space
    assert space.domain("max_tokens", "m") == Choice((10, 16, 32))
    assert space.cap({"model": "m", "prompt": "p"}) == 10
    assert space.domain("max_tokens", "n") == Choice((4, 16, 64))


def test_a_largest_number_of_stop_strings_is_kept() -> None:
    case = Case()
    case.lessons.space = space_with(stop=[["a"], ["a", "b", "c"]])
    refuse(case, ValueRejected("too many", "stop", high=2))
    assert case.lessons.space.domain("stop", "m") == Choice((("a",),))
    refuse(case, ValueRejected("not this one", "stop"))
    assert case.lessons.space.domain("stop", "m") is None


def test_stop_strings_that_a_model_refuses_leave_the_others() -> None:
    """Anthropic refuses only white space, Zhipu more than one."""
    case = Case()
    case.lessons.space = space_with(stop=[None, ["\n"], ["a", "b"], ["c"]])
    refuse(case, ValueRejected("only white space", "stop"), stop=("\n",))
    space = case.lessons.space
    assert space.domain("stop", "m") == Choice(((), ("a", "b"), ("c",)))
    assert space.domain("stop", "n") == Choice(((), ("\n",), ("a", "b"), ("c",)))
    refuse(case, ValueRejected("at most 1", "stop", low=1, high=1), stop=("a", "b"))
    assert space.domain("stop", "m") == Choice(((), ("c",)))
    # The bound is that of the length of a string.
    refuse(case, ValueRejected("too long", "stop", high=16), stop=("c",))
    assert space.domain("stop", "m") == Choice(((),))


def test_stop_strings_of_a_prompt_are_refused_as_a_whole() -> None:
    """They go before those of the model, so that the model's cannot be narrowed for them."""
    case = Case()
    own = {"p": {"stop": [None, ["\n"]]}}
    case.lessons.space = space_with(stop=[None, ["a"]], when=own)
    refuse(case, ValueRejected("only white space", "stop"), stop=("\n",))
    assert case.lessons.space.domain("stop", "m", "p") is None
    assert case.lessons.space.domain("stop", "n", "p") == Choice(((), ("\n",)))


def test_refusals_that_were_found_out_together_are_learned_together() -> None:
    case = Case()
    case.lessons.space = space_with(temperature=[0.5, 0.9], top_p=[0.9])
    error = ValueRejected("too hot", "temperature", high=0.7)
    error.more.append(ParameterRejected("no top_p", parameter="top_p"))
    refuse(case, error, temperature=0.9, top_p=0.9)
    assert case.lessons.space.domain("temperature", "m") == Choice((0.5,))
    assert case.lessons.space.domain("top_p", "m") is None
    assert error.more == []
