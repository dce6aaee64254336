"""What a wave teaches of its models does not depend on which of its answers comes first."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.study.test_evaluate import EXAMPLES, PRICE, QUICK, target
from tune.completion import Completion, Request
from tune.errors import ParameterRejected, ProviderError, TransientError, ValueRejected
from tune.fakes.provider import FakeEndpoint
from tune.pricing.prices import PICODOLLARS
from tune.providers.capabilities import Capabilities, Fact
from tune.providers.entries import Entry
from tune.providers.stack import StackContext, build_stack
from tune.readout.trial import Step, Trial
from tune.space import FREE, Point, Space
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger
from tune.study.evaluate import Evaluator
from tune.study.lessons import Lessons
from tune.study.scouts import Refusals, Scouts, known_now
from tune.study.wave import Wave, dump_faults
from tune.task.extract import parse_extractor
from tune.task.metrics import parse_metric
from tune.task.prompt_spec import parse_prompt

Refuse = Callable[[dict[str, Any]], ProviderError | None]

SETTINGS: dict[str, Any] = {
    "temperature": [0.0, 0.7, 1.0, 1.5],
    "top_p": [None, 0.5, 0.9],
    "reasoning_effort": [None, "none", "low", "high"],
    "verbosity": [None, "low"],
}


def refuse_as_claude(asked: dict[str, Any]) -> ProviderError | None:
    """Refuse the first of several things, as a service does."""
    if "temperature" in asked and "top_p" in asked:
        return ValueRejected("one of the two", "top_p", beside="temperature")
    if asked.get("temperature", 0) > 1:
        return ValueRejected("at most 1", "temperature", low=0, high=1)
    return None


def refuse_as_gpt(asked: dict[str, Any]) -> ProviderError | None:
    """Refuse a setting, a level, and settings that go only without reasoning."""
    if "verbosity" in asked:
        return ParameterRejected("no verbosity", parameter="verbosity")
    if asked.get("reasoning_effort") == "high":
        return ValueRejected("no such level", "reasoning_effort")
    if asked.get("reasoning_effort") == "low" and "temperature" in asked:
        return ParameterRejected(
            "not while it reasons", parameter="temperature", while_reasoning=True
        )
    return None


def refuse_as_tgi(asked: dict[str, Any]) -> ProviderError | None:
    """Refuse a temperature of 0, as servers of Hugging Face do, and a small max_tokens."""
    if asked.get("temperature") == 0:
        return ValueRejected("strictly positive", "temperature", low=0.01)
    if asked["max_tokens"] < 32:
        return ValueRejected("at least 32", "max_tokens", low=32)
    return None


class Killed(BaseException):
    """The end of a process in the middle of a wave."""


class Strict(FakeEndpoint):
    """Refuses settings, and answers in an order that a test chooses.

    Args:
        refuse: returns the refusal of a call's settings, or None.
        rng: chooses the order of the answers.
        takes_n: False refuses several answers in one call, None gives one and says nothing.
    """

    def __init__(
        self,
        refuse: Refuse,
        rng: random.Random | None,
        takes_n: bool | None = True,
    ) -> None:
        def world(request: Request, _: random.Random) -> str:
            return target(request)

        super().__init__(world, price=PRICE)
        self.refuse = refuse
        self.rng = rng
        self.takes_n = takes_n
        self.refused = 0
        self.asked: list[dict[str, Any]] = []
        self.calls_left = 10**6

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        self.calls_left -= 1
        if self.calls_left < 0:
            raise Killed
        self.asked.append(dict(request.settings))
        for _ in range(self.rng.randrange(40) if self.rng else 0):
            await asyncio.sleep(0)
        error = self.refuse(
            {**dict(request.settings), "max_tokens": request.max_tokens}
        )
        if error is not None:
            self.refused += 1
            raise error
        if len(numbers) > 1 and self.takes_n is False:
            self.refused += 1
            # What the real endpoint learns of such a refusal.
            self.most_n = 1
            raise ParameterRejected("one answer for each call", parameter="n")
        if self.takes_n is None:
            numbers = numbers[:1]
        return await super().complete(request, numbers)


def new_space() -> Space:
    dimensions: dict[str, Any] = {
        "model": ["claude", "gpt", "tgi"],
        "prompt": {"p": "{text}"},
        "max_tokens": [16, 64],
    }
    return Space(**dimensions, **SETTINGS)


class Study:
    """An evaluator over two strict models, which buys one wave.

    Args:
        rng: chooses the order of the answers.
        before: a study that was killed in this wave; this one goes on with it.
    """

    def __init__(
        self, rng: random.Random | None = None, before: Study | None = None
    ) -> None:
        self.db = Database(":memory:") if before is None else before.db
        store = Store(self.db)
        self.ledger = Ledger(self.db, "s", PICODOLLARS)
        context = StackContext(store, self.ledger, Capabilities(), 16, retry=QUICK)
        self.endpoints = {
            "claude": Strict(refuse_as_claude, rng, takes_n=None),
            "gpt": Strict(refuse_as_gpt, rng, takes_n=False),
            "tgi": Strict(refuse_as_tgi, rng),
        }
        self.space = new_space()
        self.learned: list[tuple[str, dict[str, Any]]] = []
        lessons = Lessons(
            self.space,
            context.capabilities,
            lambda event, **fields: self.learned.append((event, fields)),
        )
        # As a run does it: what was learned in the killed wave comes after what it began with.
        self.known = Capabilities(context.capabilities.facts)
        for event, fields in [] if before is None else before.learned:
            self.learned.append((event, fields))
            lessons.recall({"event": event, **fields})
        services = {}
        for name, endpoint in self.endpoints.items():
            services[name] = build_stack(Entry(name, name), endpoint, PRICE, context)
        self.evaluator = Evaluator(
            space=self.space,
            free=FREE,
            prompts={"p": parse_prompt("p", "{text}")},
            examples=EXAMPLES,
            services=services,
            metric=parse_metric("exact_match"),
            extract=parse_extractor(None),
            store=store,
            lessons=lessons,
        )
        self.trials: dict[int, Trial] = {}

    def buy(self, seed: int, most_draws: int = 1) -> Wave:
        """Buy a wave of random points, with up to so many draws for each example."""
        rng = random.Random(seed)
        # The wave was decided before anything was learned in it.
        space = new_space()
        points: dict[Point, None] = {}
        while len(points) < 12:
            points[space.sample(rng)] = None
        steps = []
        for number, point in enumerate(points):
            draws = 1 + number % most_draws
            cap = (64, 16)[number % 2]
            steps.append(Step(number, point, tuple(range(6)), draws, cap))
        return asyncio.run(self.evaluator.run(steps, self.trials, known=self.known))

    def outcome(self, wave: Wave) -> dict[str, Any]:
        """Return everything that the next wave can depend on."""
        lessons = [(event, fields) for event, fields in self.learned if event != "fact"]
        rng = random.Random(0)
        return {
            "lessons": lessons,
            "facts": sorted(
                str(fields) for event, fields in self.learned if event == "fact"
            ),
            "faults": dump_faults(wave),
            "space": [self.space.sample(rng) for _ in range(50)],
            "states": {n: (t.state, t.reason) for n, t in self.trials.items()},
            "answered": {
                n: {position: len(draws) for position, draws in sorted(t.draws.items())}
                for n, t in self.trials.items()
            },
            "spent": self.ledger.settled,
        }


@settings(max_examples=25)
@given(wave=st.integers(0, 7), draws=st.integers(1, 3), order=st.integers(1, 10**6))
def test_any_order_of_the_answers_teaches_the_same(
    wave: int, draws: int, order: int
) -> None:
    calm, hasty = Study(), Study(random.Random(order))
    assert calm.outcome(calm.buy(wave, draws)) == hasty.outcome(hasty.buy(wave, draws))


@settings(max_examples=25)
@given(
    wave=st.integers(0, 40),
    draws=st.integers(1, 3),
    calls=st.integers(0, 30),
    order=st.integers(1, 10**6),
)
# Killed between the answers of one example, and between the calls of one round.
@example(wave=4, draws=2, calls=1, order=1)
@example(wave=13, draws=1, calls=4, order=17)
def test_a_study_that_is_killed_within_a_wave_and_resumed_learns_the_same(
    wave: int, draws: int, calls: int, order: int
) -> None:
    whole, killed = Study(), Study(random.Random(order))
    for endpoint in killed.endpoints.values():
        endpoint.calls_left = calls
    with contextlib.suppress(Killed):
        killed.buy(wave, draws)
    resumed = Study(random.Random(order + 1), before=killed)
    wanted = whole.outcome(whole.buy(wave, draws))
    found = resumed.outcome(resumed.buy(wave, draws))
    for key in ("space", "answered"):
        assert found[key] == wanted[key]
    failed = {
        number for number, (state, _) in found["states"].items() if state == "failed"
    }
    assert failed == {
        number for number, (state, _) in wanted["states"].items() if state == "failed"
    }


def test_each_rule_of_a_model_costs_about_one_refusal() -> None:
    study = Study()
    study.buy(3)
    usual = study.endpoints.pop("tgi")
    rules = [
        fields
        for event, fields in study.learned
        if event != "fact" and fields["model"] != "tgi"
    ]
    refused = sum(endpoint.refused for endpoint in study.endpoints.values())
    assert len(rules) <= refused <= len(rules) + 2
    # Usual values are not tried first. Where they are refused, each example is refused once.
    orders = [trial for trial in study.trials.values() if trial.point["model"] == "tgi"]
    assert 2 < usual.refused <= 6 * len(orders)


def test_a_service_that_is_down_is_not_waited_for_in_each_round() -> None:
    study = Study()
    for endpoint in study.endpoints.values():
        endpoint.refuse = lambda _: TransientError("down", charged=False)
    wave = study.buy(1)
    assert len(wave.unanswered) == 72
    # Each order is tried twice, each time with one more try, and no more.
    refused = sum(endpoint.refused for endpoint in study.endpoints.values())
    assert refused <= 2 * 2 * 72


def test_refusals_are_settled_by_trial_with_their_first_words() -> None:
    refusals = Refusals()
    first = ParameterRejected("a", parameter="x")
    second = ParameterRejected("b", parameter="y")
    refusals.note(2, 5, second)
    assert not refusals.holds_back(1, 0)
    assert refusals.holds_back(2, 7)
    refusals.note(2, 3, first)
    refusals.note(1, 9, second)
    assert refusals.settled() == [(1, [9], second), (2, [3, 5, 7], first)]


def test_orders_with_proven_settings_go_beside_the_first_scouts() -> None:
    study = Study()
    point = {"model": "gpt", "prompt": "p", "temperature": 0.7}
    proven = Point(point)
    asyncio.run(study.evaluator.run([Step(0, proven, (0, 1), 1, 8)], study.trials))
    # Two new ones with the same new value: only one of them scouts.
    new = Point({**point, "top_p": 0.5})
    steps = [Step(0, proven, tuple(range(6)), 1, 8), Step(1, new, (0, 1), 1, 8)]
    study.trials[1] = Trial(1, new, 8)
    orders = [(step, position) for step in steps for position in step.examples]
    scouts = Scouts(
        study.evaluator.services,
        lambda order: study.evaluator._lacking(order, study.trials),
        known_now(study.evaluator.services),
    )
    first = scouts.pick(orders, study.trials)
    assert [(step.trial, position) for step, position in first] == [(1, 0)]
    beside = scouts.proven(orders, study.trials)
    assert [(step.trial, position) for step, position in beside] == [
        (0, position) for position in range(2, 6)
    ]
    assert scouts.proven(orders, study.trials) == []
    assert scouts.pick(orders, study.trials) == []


def test_the_first_scout_is_the_one_that_shows_the_most() -> None:
    study = Study()
    plain = Point({"model": "gpt", "prompt": "p"})
    warm = Point({"model": "gpt", "prompt": "p", "temperature": 0.7})
    study.trials |= {0: Trial(0, plain, 8), 1: Trial(1, warm, 8)}
    orders = [(Step(0, plain, (0,), 1, 8), 0), (Step(1, warm, (0,), 1, 8), 0)]
    scouts = Scouts(
        study.evaluator.services,
        lambda order: study.evaluator._lacking(order, study.trials),
        known_now(study.evaluator.services),
    )
    (chosen,) = scouts.pick(orders, study.trials)
    assert chosen[0].trial == 1, "it also shows what the other one would"


@pytest.mark.parametrize("in_order", [True, False])
def test_a_wave_in_order_sends_no_proven_call_ahead_of_the_steps_before_it(
    in_order: bool,
) -> None:
    study = Study()
    point = {"model": "gpt", "prompt": "p", "temperature": 0.7}
    proven, new = Point(point), Point({**point, "top_p": 0.5})
    asyncio.run(study.evaluator.run([Step(0, proven, (0, 1), 1, 8)], study.trials))
    asked = study.endpoints["gpt"].asked
    asked.clear()
    steps = [
        Step(1, new, tuple(range(6)), 1, 8),
        Step(0, proven, tuple(range(6)), 1, 8),
    ]
    asyncio.run(study.evaluator.run(steps, study.trials, in_order=in_order))
    new_ones = ["top_p" in settings for settings in asked]
    if in_order:
        assert new_ones == [True] * 6 + [False] * 4
    else:
        assert new_ones == [True] + [False] * 4 + [True] * 5


def test_what_all_services_share_is_copied_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = Study().evaluator.services
    shared = services["gpt"].capabilities
    assert all(service.capabilities is shared for service in services.values())
    shared.refuse("gpt", "gpt", "verbosity")
    shared.refuse("claude", "claude", "seed")
    recalled: list[Fact] = []
    recall = Capabilities.recall

    def count(known: Capabilities, fact: Fact) -> None:
        recalled.append(fact)
        recall(known, fact)

    monkeypatch.setattr(Capabilities, "recall", count)
    assert known_now(services) == shared
    assert len(recalled) == 2
