"""What was only read off is sent once, before it is selected for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tune
from tune.fakes.faults import Fault, Model
from tune.fakes.race import problem, reading, some_space, standing
from tune.fakes.replies import Body, Reply, error_reply
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.followup.reprice import reprice
from tune.report import answer, best_json, summary_lines
from tune.space import Config
from tune.store.journal import read_events
from tune.strategies import Outcome, Problem, Standing, tried_settings
from tune.strategies.tried_settings import try_settings


def config(**values: Any) -> Config:
    return Config({**reading([1.0]).config, "aggregate": "first", **values})


def known(*caps: int) -> dict[int, Standing]:
    """Trials whose draws were bought at these caps."""
    return {
        trial: replace(standing(reading([1.0] * 8, trial=trial)), cap=cap)
        for trial, cap in enumerate(caps)
    }


def asked(**more: Any) -> Problem:
    space = some_space(max_tokens=[16, 64], stop=[None, ["\n"]])
    return problem(space=space, ceiling=lambda point, draws, cap: 1e-3 * draws, **more)


def tries(
    choices: Callable[[], list[Config]],
    view: dict[int, Standing],
    left: float = 1.0,
) -> Iterator[list[tuple[int, Config, int]]]:
    """Yield the waves as (trial, config, cap) of each call."""
    waves = try_settings(asked(), choices, lambda: view, set(), 7, left)
    outcome = None
    while True:
        try:
            steps = waves.send(outcome)  # type: ignore[arg-type]
        except StopIteration:
            return
        assert all(step.draws == 1 and len(step.examples) == 1 for step in steps)
        left -= 1e-3 * len(steps)
        yield [(step.trial, Config(step.point), step.cap) for step in steps]
        outcome = Outcome(view, left, complete=True)


def test_a_smaller_max_tokens_and_stop_strings_are_sent_once() -> None:
    small, stopped = config(max_tokens=16), config(stop=("\n",))
    both = [small, stopped, config(temperature=0.9, max_tokens=16)]
    waves = list(tries(lambda: both, known(64)))
    assert waves == [[(7, small, 16), (8, stopped, 64)]]


def test_what_the_search_has_sent_is_not_sent_again() -> None:
    assert list(tries(lambda: [config(max_tokens=64)], known(64))) == []
    assert list(tries(lambda: [config(max_tokens=32)], known(16, 64))) == []
    measured = {0: replace(known(64)[0], measured=frozenset({16}))}
    assert list(tries(lambda: [config(max_tokens=16)], measured)) == []
    assert list(tries(lambda: [config(max_tokens=8)], measured)) != []
    lowered = {0: replace(known(64)[0], least_cap=16)}
    assert list(tries(lambda: [config(max_tokens=16)], lowered)) == []
    assert list(tries(lambda: [config(max_tokens=8)], lowered)) != []
    other = {0: replace(known(16)[0], point=config(model="large"))}
    small = config(max_tokens=16)
    assert list(tries(lambda: [small], {**other, 1: known(64)[0]})) != []


def test_another_choice_is_tried_too_as_far_as_the_money_goes() -> None:
    choices = [config(max_tokens=16), config(stop=("\n",)), config(max_tokens=8)]
    turns = iter(choices)

    def next_choice() -> list[Config]:
        return [next(turns, config())]

    assert len(list(tries(next_choice, known(64)))) == 3
    turns = iter(choices)
    assert len(list(tries(next_choice, known(64), left=2.5e-3))) == 2


def test_the_example_is_one_that_the_model_has_answered() -> None:
    """Its own prompt goes before others. A model may refuse an example for what it says."""
    small = config(max_tokens=16)

    def example(*standings: Standing) -> int:
        view = dict(enumerate(standings))
        (step,) = next(
            try_settings(asked(), lambda: [small], lambda: view, set(), 7, 1.0)
        )
        return step.examples[0]

    def answered(first: int, **point: Any) -> Standing:
        found = replace(reading([1.0] * 4), examples=tuple(range(first, first + 4)))
        return replace(standing(found), cap=64, point=config(**point))

    others = answered(1, model="large")
    assert example(others) == 0
    assert example(others, answered(2, prompt="other")) == 2
    assert example(others, answered(2, prompt="other"), answered(3)) == 3


class Chatty(LabelledWorld):
    """Says the label, and goes on in a second line."""

    def __call__(
        self,
        model: str,
        prompt: str,
        settings: Mapping[str, Any],
        seed: int,
        index: int,
    ) -> str:
        label = super().__call__(model, prompt, settings, seed, index)
        return f"{label}\nIt says so in the ticket, as far as can be seen there."


def refuse_small_caps(body: Body) -> Reply | None:
    """Refuse a max_tokens under 16, as OpenAI's Responses API does, in its words."""
    cap = body.get("max_completion_tokens") or body.get("max_tokens") or 16
    if cap >= 16:
        return None
    message = (
        "Invalid 'max_tokens': integer below minimum value. "
        f"Expected a value >= 16, but got {cap} instead."
    )
    return error_reply(400, message, "integer_below_min_value", "max_tokens")


NO_STOP = Model(refuses=frozenset({"stop"}))
"""OpenAI's o3 and o4-mini and xAI's reasoning models refuse `stop`."""


def refuse_white_space(body: Body) -> Reply | None:
    """Refuse stop strings of white space, as Anthropic does, in its words."""
    if all(stop.strip() for stop in body.get("stop") or ()):
        return None
    message = "stop_sequences: each stop sequence must contain non-whitespace"
    return error_reply(400, message, "invalid_request_error")


NO_WHITE_SPACE = Model(strict=refuse_white_space)
NO_SMALL_CAPS = Model(strict=refuse_small_caps)


def refuse_small_caps_without_bounds(body: Body) -> Reply | None:
    """Refuse them and name the setting, but not what would be taken."""
    if refuse_small_caps(body) is None:
        return None
    return error_reply(400, "Invalid 'max_tokens'.", "invalid_value", "max_tokens")


def refuse_small_caps_without_a_name(body: Body) -> Reply | None:
    """Refuse them in words that say nothing of the setting."""
    if refuse_small_caps(body) is None:
        return None
    return error_reply(400, "Bad request.")


NO_BOUNDS = Model(strict=refuse_small_caps_without_bounds)
NO_NAME = Model(strict=refuse_small_caps_without_a_name)


def options(server: Server, world: LabelledWorld, **searched: Any) -> dict[str, Any]:
    """Return a small search over the models of a server."""
    space = tune.Space(
        model=list(server.models),
        prompt={"p": "Label this ticket: {text}"},
        answer={"labels": list(world.labels)},
        **{"temperature": [0.0, 1.0], **searched},
    )
    return {
        "data": world.examples(120),
        "target": "label",
        "space": space,
        "base_url": server.base_url,
        "price": [f"{model}=0.1/0.4" for model in server.models],
    }


def refusals(server: Server) -> int:
    """Return the number of requests that were refused."""
    return sum(one.status == 400 for one in server.requests)


def assert_told(study: tune.Study, sentence: str) -> None:
    """A reader of each form of the result finds the sentence."""
    (notice,) = [one for one in study.record.notices if one.startswith(sentence)]
    assert "answered 400" in notice
    assert notice in best_json(study.record)["notices"]
    assert any(sentence in line for line in summary_lines(study.record))
    for name in ("report.md", "report.html"):
        assert sentence in (study.folder / name).read_text()


SMALL = {"max_tokens": [8, 64]}
STOP = {"stop": [None, ["\n"]], "max_tokens": 64}
SEVERAL = {"stop": [None, ["\n"], [" says"]], "max_tokens": 64}
BELOW_16 = "In the search, m refused a max_tokens below 16"
"""Answers of two tokens let a trial go on with 8."""

NOT_8 = "After the search, m refused a max_tokens of 8, so none of its configurations with less than 64"
NO_STOPS = "After the search, m refused stop strings"
NOT_THESE = "After the search, m refused the stop strings"


@pytest.mark.parametrize(
    ("model", "world", "searched", "without", "said"),
    [
        (NO_STOP, Chatty(), STOP, {"stop": ()}, NO_STOPS),
        (NO_WHITE_SPACE, Chatty(), SEVERAL, {"stop": (" says",)}, NOT_THESE),
        (NO_SMALL_CAPS, LabelledWorld(), SMALL, {"max_tokens": 16}, BELOW_16),
        (NO_BOUNDS, Chatty(), SMALL, {"max_tokens": 64}, NOT_8),
        (NO_NAME, Chatty(), SMALL, {"max_tokens": 64}, NOT_8),
    ],
)
def test_a_winner_that_its_model_refuses_gives_way_before_the_holdout(
    model: Model,
    world: LabelledWorld,
    searched: dict[str, Any],
    without: dict[str, Any],
    said: str,
    tmp_path: Path,
) -> None:
    takes_all = replace(model, refuses=frozenset(), strict=None)
    with Server(models={"m": takes_all}, world=world) as server:
        asked = options(server, world, **searched)
        easy = tune.tune(**asked, budget=0.01, results=tmp_path / "easy")
        assert refusals(server) == 0
    assert all(easy.best.config[name] != value for name, value in without.items()), (
        "else there is nothing to refuse"
    )
    with Server(models={"m": model}, world=world) as server:
        asked = options(server, world, **searched)
        strict = tune.tune(**asked, budget=0.01, results=tmp_path / "strict")
        assert refusals(server) == 1
        again = tune.tune(**asked, budget=0.01, results=tmp_path / "strict")
    assert_told(strict, said)
    assert again.record.notices == strict.record.notices
    assert all(strict.best.config[name] == value for name, value in without.items())
    assert strict.record.winner is not None
    assert strict.record.winner.holdout is not None
    assert strict.record.verdict is not None


def test_a_winner_that_its_model_refuses_gives_way_in_the_holdout_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be no money or no time to try its settings before."""
    monkeypatch.setattr(tried_settings, "_was_sent", lambda *_: True)
    searched = {"stop": [None, ["\n"]], "max_tokens": 64}
    with Server(models={"m": NO_STOP}, world=Chatty()) as server:
        asked = options(server, Chatty(), **searched)
        found = tune.tune(**asked, budget=0.01, results=tmp_path / "study")
        assert refusals(server) == 1
        sent = len(server.posts)
        tune.tune(**asked, budget=0.01, results=tmp_path / "study")
        assert len(server.posts) == sent
    assert found.best.config["stop"] == ()
    assert found.record.winner is not None
    assert found.record.winner.holdout is not None
    assert found.record.verdict is not None
    events = read_events(tmp_path / "study" / "study.jsonl")
    kinds = [event["event"] for event in events]
    # Only the test that counts is an analysis of the holdout.
    assert (kinds.count("choice"), kinds.count("holdout")) == (2, 1)
    again = reprice(tmp_path / "study", **asked)
    assert again.best.config == found.best.config
    assert again.record.verdict == found.record.verdict
    assert_told(found, "After the search, m refused stop strings")
    assert set(found.record.notices) < set(again.record.notices)


@pytest.mark.parametrize("stop", [None, ["X"]])
def test_a_baseline_that_its_model_refuses_is_said_with_the_words_of_the_model(
    stop: list[str] | None, tmp_path: Path
) -> None:
    searched = {"stop": [None, stop] if stop else None, "max_tokens": 64}
    baseline = {"model": "m", "prompt": "p", "stop": ["\n"]}
    with Server(models={"m": NO_STOP}, world=Chatty()) as server:
        asked = options(server, Chatty(), **searched) | {"baseline": baseline}
        found = tune.tune(**asked, budget=0.01, results=tmp_path / "study")
    _, said, *_ = answer(found.record)
    assert said.startswith("The baseline could not be run")
    assert "the model does not take stop" in said
    assert "answered 400: Unsupported parameter: 'stop'" in said
    # No configuration of the space is lost where it has no stop strings.
    told = "".join(found.record.notices)
    assert ("After the search, m refused stop strings" in told) == bool(stop)


def test_a_model_that_is_lost_when_its_settings_are_tried_is_not_selected(
    tmp_path: Path,
) -> None:
    lost: set[str] = set()

    def plan(_: int, body: Body) -> Fault | None:
        """Lose the first model that is asked with stop strings."""
        if body.get("stop") and not lost:
            lost.add(body["model"])
        if body["model"] not in lost:
            return None
        return Fault("status", status=404, code="model_not_found")

    searched = {"stop": [None, ["\n"]], "max_tokens": 64, "temperature": 0.0}
    with Server(models=("m", "k"), world=Chatty(), plan=plan) as server:
        # So few that the search buys them all: no later wave leaves out the model that is lost.
        asked = options(server, Chatty(), **searched) | {"data": Chatty().examples(60)}
        found = tune.tune(**asked, budget=0.05, results=tmp_path / "study")
    assert {found.best.config.model, *lost} == {"m", "k"}
    assert found.record.winner is not None
    assert found.record.winner.holdout is not None
    again = reprice(tmp_path / "study", **asked)
    assert again.best.config == found.best.config
    assert again.record.verdict == found.record.verdict
