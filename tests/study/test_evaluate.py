"""Waves become draws and draws become scores: order, faults sorted by whose they are, judges, and
the memo.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tune.completion import Completion, Request
from tune.errors import (
    AnswerError,
    EndpointError,
    NoRoom,
    ParameterRejected,
    ProviderError,
    QuotaExhausted,
    RequestRefused,
    StoreError,
    TransientError,
    ValueRejected,
)
from tune.fakes.provider import FakeEndpoint
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers.capabilities import Capabilities
from tune.providers.entries import Entry
from tune.providers.retrying import RetryPolicy
from tune.providers.stack import Service, StackContext, build_stack
from tune.readout.trial import Step, Trial
from tune.space import FREE, Point, Space
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger
from tune.study.evaluate import Evaluator
from tune.study.kept_draws import KeptDraws, Part
from tune.study.lessons import Lessons
from tune.study.resume import RecordedWave, dump_steps, read_history
from tune.study.stop_reasons import LOST, QUOTA
from tune.study.wave import Wave, dump_faults
from tune.task.example import Example
from tune.task.extract import parse_extractor
from tune.task.metrics import Judge, parse_metric
from tune.task.prompt_spec import parse_prompt

PRICE = Price(1.0, 2.0)
EXAMPLES = [
    Example(str(i), {"text": f"ticket {i}"}, "yes" if i % 2 else "no", {})
    for i in range(12)
]
POINT = Point({"model": "m", "prompt": "p", "temperature": 0.5})
QUICK = RetryPolicy(attempts=2, seconds=1.0, first_wait=0.001, longest_wait=0.001)


def target(request: Request) -> str:
    assert not isinstance(request.prompt, str)
    return "yes" if int(request.prompt[-1].content.split()[-1]) % 2 else "no"


def says_target(request: Request, _: random.Random) -> str:
    return target(request)


class House:
    """An evaluator over one fake endpoint, with a real store and ledger in memory."""

    def __init__(
        self,
        world: Any = says_target,
        *,
        budget: float = 1.0,
        metric: Any = "exact_match",
        judge: FakeEndpoint | None = None,
        failures: Callable[[int], ProviderError | None] = lambda _: None,
        space: Space | None = None,
        store: Store | None = None,
    ) -> None:
        self.db = Database(":memory:") if store is None else store.db
        self.store = store or Store(self.db)
        self.ledger = Ledger(self.db, "s", int(budget * PICODOLLARS))
        self.context = StackContext(
            self.store, self.ledger, Capabilities(), 64, retry=QUICK
        )
        self.endpoint = FakeEndpoint(world, price=PRICE, failures=failures)
        self.space = space or Space(
            model="m",
            prompt={"p": "{text}"},
            temperature=[0, 0.5],
            n=[1, 3],
            max_tokens=[1, 8],
            aggregate=["first", "vote"],
        )
        self.services = {"m": self._service(self.endpoint, "m")}
        self.learned: list[tuple[str, dict[str, Any]]] = []
        self.lessons = Lessons(self.space, self.context.capabilities, self._note)
        chosen = parse_metric(metric)
        judging = None
        if judge is not None:
            judging = self._service(judge, "j", judge=True)
            chosen = chosen.bound(judging.provider, service=judging.id)
            self.services["m"].metered.judge_hold = 10**6
        self.evaluator = Evaluator(
            space=self.space,
            free=FREE,
            prompts={"p": parse_prompt("p", "{text}")},
            examples=EXAMPLES,
            services=self.services,
            metric=chosen,
            extract=parse_extractor(None),
            store=self.store,
            judge=judging,
            lessons=self.lessons,
        )
        self.trials: dict[int, Trial] = {}

    def _note(self, event: str, **fields: Any) -> None:
        if event != "fact":  # that a model answered at all
            self.learned.append((event, fields))

    def _service(
        self, endpoint: FakeEndpoint, name: str, *, judge: bool = False
    ) -> Service:
        return build_stack(
            Entry(name, name), endpoint, PRICE, self.context, judge=judge
        )

    async def buy(self, *steps: Step) -> Wave:
        return await self.evaluator.run(steps, self.trials)


def step(
    examples: range = range(4), draws: int = 1, trial: int = 0, point: Point = POINT
) -> Step:
    return Step(trial, point, tuple(examples), draws, 8)


async def test_a_wave_brings_every_example_to_its_draws_and_buys_only_what_is_missing() -> (
    None
):
    house = House()
    wave = await house.buy(step(draws=2))
    assert wave.complete
    assert {p: len(d) for p, d in house.trials[0].draws.items()} == {
        0: 2,
        1: 2,
        2: 2,
        3: 2,
    }
    await house.buy(step(range(6), draws=3))
    assert house.endpoint.draws == 18
    assert house.ledger.settled == house.endpoint.billed


async def test_another_trial_of_the_same_point_pays_nothing() -> None:
    house = House()
    await house.buy(step(draws=3))
    bill = house.endpoint.billed
    await house.buy(step(draws=2, trial=1))
    assert house.endpoint.billed == bill
    assert house.trials[1].draws[0] == house.trials[0].draws[0][:2]


async def test_readings_have_the_scores_that_the_texts_deserve() -> None:
    house = House(
        lambda request, rng: target(request) if rng.random() < 0.7 else "maybe"
    )
    await house.buy(step(range(12), draws=3))
    trial = house.trials[0]
    readings = {
        (r.config.n, r.config.max_tokens): r
        for r in house.evaluator.reader.readings(trial)
    }
    right = [
        sum(d.text == EXAMPLES[p].target for d in draws) / 3
        for p, draws in sorted(trial.draws.items())
    ]
    assert readings[1, 8].scores.tolist() == pytest.approx(right)
    assert readings[3, 8].config.aggregate == "vote"
    assert readings[3, 8].cost > readings[1, 8].cost


async def test_the_oracle_is_never_in_the_race() -> None:
    space = Space(
        model="m",
        prompt={"p": "{text}"},
        temperature=0.5,
        n=[1, 3],
        max_tokens=8,
        aggregate=["first", "any"],
    )
    house = House(space=space)
    await house.buy(step(draws=3))
    assert {
        r.config.aggregate for r in house.evaluator.reader.readings(house.trials[0])
    } == {"first"}


async def test_what_the_service_does_not_answer_is_missing_and_never_scored() -> None:
    house = House(
        failures=lambda call: TransientError("503", charged=False) if call < 4 else None
    )
    wave = await house.buy(step(range(12)))
    assert wave.unanswered == {}  # tried again, and had in the end
    broken = House(
        failures=lambda call: (
            TransientError("503", charged=False) if call % 24 < 1 or call > 23 else None
        )
    )
    await broken.buy(step(range(12)))
    always = House(failures=lambda call: TransientError("down", charged=False))
    lost = await always.buy(step())
    assert set(lost.unanswered) == {(0, p) for p in range(4)}
    assert always.trials[0].state == "failed"
    assert always.evaluator.reader.readings(always.trials[0]) == []
    assert always.ledger.spent == 0


async def test_what_the_config_cannot_answer_gets_the_worst_score_and_keeps_its_reason() -> (
    None
):
    def too_long(call: int) -> ProviderError | None:
        return AnswerError("too long", reason="context_length") if call == 1 else None

    house = House(failures=too_long)
    await house.buy(step(range(4)))
    trial = house.trials[0]
    assert list(trial.config_failed.values()) == ["context_length"]
    (position,) = trial.config_failed
    reading = next(
        r
        for r in house.evaluator.reader.readings(trial)
        if r.config.n == 1 and r.config.max_tokens == 8
    )
    assert dict(zip(reading.examples, reading.scores, strict=True))[position] == 0.0
    assert reading.n_examples == 4


async def test_a_cap_that_leaves_no_room_is_asked_again_with_a_smaller_one() -> None:
    """ogx-ai/ogx#4534: a server whose context is as large as the cap answers no call with it."""
    house = House(
        failures=lambda call: NoRoom("too long", most=4) if call < 1 else None
    )
    wave = await house.buy(step(range(4)))
    trial = house.trials[0]
    assert (trial.state, trial.cap, wave.caps) == ("running", 4, {0: 4})
    assert (trial.config_failed, wave.unanswered) == ({}, {})
    assert [event for event, _ in house.learned] == ["narrowed"]
    assert sorted(trial.draws) == [0, 1, 2, 3]


async def test_a_prompt_without_room_beside_others_that_have_it_is_the_configs_doing() -> (
    None
):
    full: list[bool] = []
    house = House(failures=lambda _: NoRoom("too long", most=4) if full else None)
    await house.buy(step(range(2)))
    full.append(True)
    await house.buy(step([2]))
    trial = house.trials[0]
    assert (trial.state, trial.cap) == ("running", 8)
    assert trial.config_failed == {2: "context_length"}
    assert house.learned == []


async def test_a_paid_cap_without_room_is_the_configs_doing() -> None:
    house = House(failures=lambda _: NoRoom("too long", most=4))
    await house.buy(step(range(2), point=Point({**POINT, "max_tokens": 8})))
    trial = house.trials[0]
    assert trial.state == "running"
    assert set(trial.config_failed.values()) == {"context_length"}
    assert len(trial.config_failed) == 2


async def test_a_refused_parameter_fails_the_trial_without_a_score_and_is_learned() -> (
    None
):
    house = House(
        failures=lambda call: ParameterRejected(
            "no temperature", parameter="temperature"
        )
    )
    wave = await house.buy(step())
    assert wave.complete
    assert house.trials[0].state == "failed"
    lesson = {"model": "m", "parameter": "temperature", "words": "no temperature"}
    assert house.learned == [("learned", lesson)], "once, however many calls say it"
    assert house.ledger.spent == 0


def many_steps() -> list[Step]:
    """Return steps with more orders than are in flight at first."""
    steps = []
    for number in range(10):
        point = Point({**POINT, "temperature": 0.1 * number})
        steps.append(step(range(12), trial=number, point=point))
    return steps


async def test_a_fault_that_nothing_mends_is_raised_after_the_calls_in_flight_have_settled() -> (
    None
):
    def world(request: Request, _: random.Random) -> str:
        if request.prompt[-1][1] == "ticket 2":
            raise StoreError("the disk is full")
        return target(request)

    house = House(world)
    house.endpoint._latency = 0.01
    with pytest.raises(StoreError, match="the disk is full"):
        await house.buy(*many_steps())
    # Of 120: those in flight and whom the first answers let in, but not all in line.
    assert house.endpoint.calls <= 90


async def test_where_the_only_model_is_lost_the_run_pauses_with_what_was_bought() -> (
    None
):
    house = House(
        failures=lambda call: EndpointError("no such model") if call == 2 else None
    )
    house.endpoint._latency = 0.01
    wave = await house.buy(*many_steps())
    assert not wave.complete
    assert house.ledger.closed == LOST
    assert str(house.evaluator.fault) == "no such model"
    assert house.endpoint.calls <= 90
    assert house.ledger.reserved == 0
    assert house.ledger.settled == house.endpoint.billed
    assert house.trials[0].state == "running", "what was answered can still be chosen"
    assert house.learned == [], "the same command tries it again"


class Two(House):
    """A house of two models, of which the second has its own failures."""

    def __init__(
        self, failures: Callable[[int], ProviderError | None], **more: Any
    ) -> None:
        super().__init__(
            space=Space(
                model=["m", "o"], prompt={"p": "{text}"}, n=[1, 3], max_tokens=8
            ),
            **more,
        )
        self.other = FakeEndpoint(
            says_target, price=PRICE, failures=failures, service="o"
        )
        self.services["o"] = self._service(self.other, "o")


OTHER = Point({"model": "o", "prompt": "p"})


async def test_a_model_that_is_lost_is_set_aside_and_the_others_go_on() -> None:
    house = Two(lambda call: EndpointError("it does not exist") if call >= 3 else None)
    wave = await house.buy(step(range(8)), step(range(8), trial=1, point=OTHER))
    assert wave.complete
    assert house.trials[0].bought == 8
    assert (house.trials[1].state, house.trials[1].reason) == (
        "failed",
        "it does not exist",
    )
    assert wave.failed == {1: "it does not exist"}
    assert house.learned == [("aside", {"model": "o", "reason": "it does not exist"})]
    assert house.space.models == ("m",)
    calls = house.other.calls
    later = await house.buy(
        step(range(8), trial=2, point=Point({**OTHER, "temperature": 0.5}))
    )
    assert later.failed == {2: "it does not exist"}
    assert house.other.calls == calls


async def test_a_model_that_is_needed_is_not_set_aside() -> None:
    house = Two(lambda call: EndpointError("gone") if call >= 3 else None)
    house.evaluator.failures.needed = frozenset({"o"})
    wave = await house.buy(step(range(8)), step(range(8), trial=1, point=OTHER))
    assert not wave.complete
    assert house.ledger.closed == LOST


async def test_a_quota_ends_the_run_at_once() -> None:
    house = House(
        failures=lambda call: (
            QuotaExhausted("used up", wait=20000.0) if call >= 5 else None
        )
    )
    wave = await house.buy(step(range(12)))
    assert not wave.complete
    assert house.ledger.closed == QUOTA
    assert isinstance(house.evaluator.fault, QuotaExhausted)
    assert "run the same command again after 20" in house.evaluator.fault.advice
    assert house.endpoint.calls <= 12
    assert house.trials[0].bought >= 5


def lasting(*lost: int) -> Callable[[Request, random.Random], str]:
    """A world in which some inputs always fail, as a server that stumbles over a character in them
    (evalscope#1096).
    """

    def say(request: Request, _: random.Random) -> str:
        assert not isinstance(request.prompt, str)
        if int(request.prompt[-1].content.split()[-1]) in lost:
            raise TransientError("500: internal error", charged=True)
        return target(request)

    return say


async def test_inputs_that_always_fail_are_counted_apart_and_the_run_goes_on() -> None:
    house = House(lasting(3, 7))
    wave = await house.buy(step(range(12)))
    assert wave.complete
    assert wave.failed == {}
    assert house.trials[0].state == "running"
    assert {
        position: reason.split(":")[0]
        for (_, position), reason in wave.unanswered.items()
    } == {
        3: "input",
        7: "input",
    }
    assert [kind for kind, _ in house.learned] == ["unanswerable", "unanswerable"]
    calls = house.endpoint.calls
    again = await house.buy(
        step(range(12), trial=1, point=Point({**POINT, "temperature": 0}))
    )
    assert house.endpoint.calls == calls + 10, "they are not asked again"
    assert set(again.unanswered) == {(1, 3), (1, 7)}
    assert house.evaluator.reader.readings(house.trials[1])[0].n_examples == 10


async def test_where_most_inputs_fail_it_is_the_service() -> None:
    house = House(lasting(*range(3, 12)))
    wave = await house.buy(step(range(12)))
    assert "did not answer 9 of 12 examples (500: internal error)" in wave.failed[0]
    assert house.learned == []


async def test_a_refusal_that_nobody_understands_sets_a_model_aside_that_never_answered() -> (
    None
):
    house = Two(lambda call: RequestRefused("answered 400: the moon is full"))
    wave = await house.buy(step(range(8)), step(range(8), trial=1, point=OTHER))
    assert wave.complete
    assert house.lessons.aside == {"o": "answered 400: the moon is full"}
    assert house.trials[0].bought == 8


async def test_a_refusal_that_nobody_understands_ends_only_the_trial_where_the_model_answers_others() -> (
    None
):
    house = House(
        failures=lambda call: (
            RequestRefused("answered 400: not so hot") if call >= 8 else None
        )
    )
    await house.buy(step(range(8)))
    wave = await house.buy(
        step(range(8), trial=1, point=Point({**POINT, "temperature": 0}))
    )
    assert "not so hot" in wave.failed[1]
    assert house.trials[0].state == "running"
    assert (house.lessons.aside, house.lessons.unanswerable) == ({}, {})


async def test_when_the_money_ends_the_wave_says_so_and_what_was_bought_counts() -> (
    None
):
    house = House(budget=2 * (2 * 1 + 8 * 2) / 1e6 + 1e-6)
    wave = await house.buy(step(range(12)))
    assert not wave.complete
    assert all(reason.startswith("money") for reason in wave.unanswered.values())
    assert 0 < house.trials[0].bought < 12
    assert house.ledger.spent <= house.ledger.budget
    assert house.trials[0].state == "running"


def recorded(wave: Wave, *steps: Step) -> RecordedWave:
    """The wave as it comes back from a journal."""
    events = [
        {"event": "wave", "phase": "search", "steps": dump_steps(steps)},
        {"event": "outcome", "stopped": None, "left": 1.0, **dump_faults(wave)},
    ]
    return read_history(json.loads(json.dumps(events))).waves[0]


FAULTS: list[Callable[[int], ProviderError | None]] = [
    lambda call: (
        AnswerError("too long", reason="context_length") if call == 1 else None
    ),
    lambda call: (
        TransientError("down", charged=False) if call % 12 in (3, 4, 5, 6) else None
    ),
    lambda call: TransientError("down", charged=True) if call > 5 else None,
    lambda call: (
        ParameterRejected("no temperature", parameter="temperature")
        if call == 4
        else None
    ),
    lambda call: ParameterRejected("no temperature", parameter="temperature"),
]


def replay(house: House, steps: Sequence[Step], waves: Sequence[Wave]) -> None:
    """Bring the trials to where the waves left them, as a resumed study does."""
    house.trials = {}
    for each, wave in zip(steps, waves, strict=True):
        house.evaluator.replay([each], house.trials, recorded(wave, each))


def replayed_from_digests(
    house: House, then: dict[int, Trial], steps: Sequence[Step], waves: Sequence[Wave]
) -> dict[int, Trial]:
    """Return the trials as their digests and the journal give them again."""
    reader = house.evaluator.reader
    for trial in then.values():
        reader.keep(trial)
    digests = {number: reader.digest(trial) for number, trial in then.items()}

    def load(trial: Trial, position: int, part: Part) -> Any:
        return [then[trial.number].draws[position][number] for number in part.numbers]

    kept = KeptDraws(digests, lambda trial: reader.bought_stop(trial.point), load)  # type: ignore[arg-type]
    found: dict[int, Trial] = {}
    for each, wave in zip(steps, waves, strict=True):
        kept.replay([each], found, recorded(wave, each))
    for trial in found.values():
        trial.draws = {place: list(drawn) for place, drawn in trial.draws.items()}
    return found


@pytest.mark.parametrize("failures", FAULTS)
@pytest.mark.parametrize("budget", [1.0, 0.0002])
async def test_a_replay_leaves_the_trials_as_they_were_and_sends_nothing(
    failures: Callable[[int], ProviderError | None], budget: float
) -> None:
    house = House(failures=failures, budget=budget)
    steps = (
        step(range(12), draws=2),
        step(range(6), draws=3),
        step(range(12), trial=1),
    )
    waves = [await house.buy(each) for each in steps]
    then, calls, bill = house.trials, house.endpoint.calls, house.ledger.spent
    replay(house, steps, waves)
    assert house.trials == then
    assert (house.endpoint.calls, house.ledger.spent) == (calls, bill)


@pytest.mark.parametrize("failures", FAULTS)
@pytest.mark.parametrize("budget", [1.0, 0.0002])
async def test_a_replay_from_digests_leaves_the_same_trials_as_one_from_the_store(
    failures: Callable[[int], ProviderError | None], budget: float
) -> None:
    house = House(failures=failures, budget=budget)
    steps = (
        step(range(12), draws=2),
        step(range(6), draws=3),
        step(range(12), trial=1),
    )
    waves = [await house.buy(each) for each in steps]
    then = house.trials
    assert replayed_from_digests(house, then, steps, waves) == then


def some_tokens(request: Request, _: random.Random) -> str:
    """Three tokens for the examples from 8 on, else one."""
    assert not isinstance(request.prompt, str)
    number = int(request.prompt[-1].content.split()[-1])
    return "one two three" if number >= 8 else "one"


@pytest.mark.parametrize("longer", [False, True])
async def test_more_draws_with_a_smaller_max_tokens_are_read_at_the_old_one_unless_they_are_cut(
    longer: bool,
) -> None:
    house = House(some_tokens)
    more = range(8 + 4 * longer)
    steps = (step(draws=2), Step(0, POINT, tuple(more), 3, 3))
    waves = [await house.buy(each) for each in steps]
    trial = house.trials[0]
    assert [len(trial.draws[position]) for position in more] == [3] * len(more)
    bought = {request.max_tokens for request, _ in house.endpoint.requests}
    assert bought == {8, 3}
    assert trial.cap == (3 if longer else 8)
    assert trial.least_cap == 3
    caps = {r.config.max_tokens for r in house.evaluator.reader.readings(trial)}
    assert caps == ({1} if longer else {1, 8})
    # A replay knows it from the journal alone: it may not read the texts.
    then, calls = house.trials, house.endpoint.calls
    replay(house, steps, waves)
    assert house.trials == then
    assert house.endpoint.calls == calls
    assert replayed_from_digests(house, then, steps, waves) == then


async def test_a_trial_whose_smaller_max_tokens_is_refused_goes_on_with_its_own() -> (
    None
):
    refusal = ValueRejected("too small", parameter="max_tokens", low=4)
    house = House(failures=lambda call: refusal if call == 4 else None)
    steps = (step(), Step(0, POINT, tuple(range(8)), 2, 3))
    waves = [await house.buy(each) for each in steps]
    trial = house.trials[0]
    assert (trial.state, trial.cap, trial.least_cap) == ("running", 8, 8)
    assert waves[1].caps == {0: 8}
    assert [len(trial.draws[position]) for position in range(8)] == [2] * 8
    assert house.endpoint.calls == 4 + 1 + 8, "one call was refused"
    assert ("narrowed", 4) in [
        (kind, found.get("low")) for kind, found in house.learned
    ]
    then = house.trials
    replay(house, steps, waves)
    assert house.trials == then


async def test_a_smaller_max_tokens_that_some_calls_are_refused_stays_that_of_its_wave() -> (
    None
):
    """A router may send each call to another service."""
    refusal = ValueRejected("too small", parameter="max_tokens", low=4)
    house = House(failures=lambda call: refusal if call == 7 else None)
    steps = (step(), Step(0, POINT, tuple(range(8)), 2, 3))
    waves = [await house.buy(each) for each in steps]
    trial = house.trials[0]
    assert (trial.state, trial.cap, waves[1].caps) == ("running", 8, {0: 3})
    assert any(found.get("low") == 4 for _, found in house.learned)
    # What was answered is there, and a replay finds all of it again.
    assert trial.bought > 8
    then, calls = house.trials, house.endpoint.calls
    replay(house, steps, waves)
    assert house.trials == then
    assert house.endpoint.calls == calls


async def test_a_replay_of_a_judged_wave_asks_no_judge_again() -> None:
    judge = FakeEndpoint(
        lambda request, rng: "no idea" if rng.random() < 0.5 else "Score: 8",
        price=PRICE,
    )
    house = House(metric=Judge(model="j"), judge=judge, budget=0.004)
    wave = await house.buy(step(range(12), draws=3))
    then, calls = house.trials, judge.calls
    readings = house.evaluator.reader.readings(then[0])
    again = House(metric=Judge(model="j"), judge=judge, store=house.store)
    again.services["m"] = house.services["m"]
    again.evaluator.replay(
        [step(range(12), draws=3)],
        again.trials,
        recorded(wave, step(range(12), draws=3)),
    )
    assert again.trials == then
    assert judge.calls == calls
    for one, other in zip(
        readings, again.evaluator.reader.readings(again.trials[0]), strict=True
    ):
        assert one.scores.tolist() == other.scores.tolist()


async def test_a_closed_ledger_lets_the_wave_end_at_once() -> None:
    house = House()
    house.ledger.close("time")
    wave = await house.buy(step())
    assert not wave.complete
    assert house.endpoint.calls == 0


async def test_each_answer_is_scored_once_for_ever() -> None:
    asked: list[tuple[str, str]] = []

    def metric(answer: str, example: Example) -> bool:
        asked.append((answer, example.id))
        return answer == example.target

    house = House(metric=metric)
    await house.buy(step(draws=3))
    house.evaluator.reader.readings(house.trials[0])
    assert len(asked) == len(set(asked)) == 4
    again = Evaluator(
        space=house.space,
        free=FREE,
        prompts=house.evaluator.prompts,
        examples=EXAMPLES,
        services=house.services,
        metric=house.evaluator.metric,
        extract=parse_extractor(None),
        store=house.store,
    )
    again.reader.readings(house.trials[0])
    assert len(asked) == 4


async def test_a_score_is_not_reused_for_another_example_with_the_same_id() -> None:
    house = House()
    other = Evaluator(
        space=house.space,
        free=FREE,
        prompts=house.evaluator.prompts,
        examples=[Example("0", {"text": "ticket 0"}, "changed", {})],
        services=house.services,
        metric=parse_metric("exact_match"),
        extract=parse_extractor(None),
        store=house.store,
    )
    assert house.evaluator.reader.scores.of("no", 0) == 1.0
    assert other.reader.scores.of("no", 0) == 0.0


async def test_a_judge_is_paid_by_the_same_ledger_and_asked_once_for_each_answer() -> (
    None
):
    judge = FakeEndpoint("Score: 8", price=PRICE)
    house = House(metric=Judge(model="j"), judge=judge)
    await house.buy(step(range(6), draws=3))
    assert judge.calls == 6  # all three draws of an example say the same
    assert house.ledger.settled == judge.billed + house.endpoint.billed
    assert house.ledger.reserved == 0
    reading = house.evaluator.reader.readings(house.trials[0])[0]
    assert reading.mean == 8.0


async def test_what_is_held_beyond_what_a_verdict_can_cost_is_let_go_at_once() -> None:
    judge = FakeEndpoint("Score: 8", price=PRICE, latency=0.001)
    room = 8 * 10**9  # for the holds of four draws, and a wave needs 36
    house = House(
        metric=Judge(model="j", max_tokens=8),
        judge=judge,
        budget=0.03 + room / PICODOLLARS,
    )
    house.services["m"].metered.judge_hold = 2 * 10**9
    wave = await house.buy(step(range(12), draws=3))
    assert wave.complete
    assert house.trials[0].bought == 36
    assert house.ledger.reserved == 0


async def test_what_is_held_for_a_verdict_that_is_there_already_is_let_go_at_once() -> (
    None
):
    """A template without the question asks the same of equal answers to all examples."""
    judge = FakeEndpoint("Score: 8", price=PRICE, latency=0.001)
    template = "Rate this reply from {low} to {high}: {answer}"
    verdict = 3 * 10**9  # what one can cost at most, with its max_tokens
    house = House(
        "yes",
        metric=Judge(model="j", max_tokens=1000, template=template),
        judge=judge,
        budget=0.001 + 4 * verdict / PICODOLLARS,
    )
    house.services["m"].metered.judge_hold = verdict
    wave = await house.buy(step(range(12)))
    assert wave.complete
    assert judge.calls == 1
    assert house.trials[0].bought == 12
    assert house.ledger.reserved == 0


async def test_nothing_is_held_any_more_when_a_wave_is_over() -> None:
    judge = FakeEndpoint(
        "Score: 8",
        price=PRICE,
        failures=lambda call: TransientError("down", charged=False),
    )
    house = House(metric=Judge(model="j"), judge=judge)
    wave = await house.buy(step(range(4)))
    assert len(wave.unanswered) == 4
    assert house.ledger.reserved == 0
    assert (
        house.trials[0].draws == {}
    )  # without a score they are no part of the trial, but they are stored
    assert house.store.held(house.evaluator.requests.make(POINT, 8, (), 0)) == 1


async def test_an_unreadable_verdict_is_no_score() -> None:
    judge = FakeEndpoint(
        lambda request, rng: (
            "I cannot say"
            if "ticket 1\n" in str(request.prompt[0]) + "\n"
            else "Score: 8"
        ),
        price=PRICE,
    )
    house = House(metric=Judge(model="j"), judge=judge)
    await house.buy(step(range(4)))
    reading = next(r for r in house.evaluator.reader.readings(house.trials[0]))
    assert 0 < reading.n_examples <= 4
    assert set(reading.scores) == {8.0}


async def test_settings_that_are_absent_or_none_are_left_to_the_service(
    tmp_path: Path,
) -> None:
    house = House()
    plain = house.evaluator.requests.make(
        {"model": "m", "prompt": "p", "top_p": None}, 8, (), 0
    )
    assert plain.settings == ()
    hot = house.evaluator.requests.make(
        {"model": "m", "prompt": "p", "temperature": 1.5, "n": 3}, 8, ("x",), 0
    )
    assert (hot.settings, hot.stop, hot.max_tokens) == (
        (("temperature", 1.5),),
        ("x",),
        8,
    )


async def test_a_stop_that_every_reading_has_is_bought_and_others_are_read_off() -> (
    None
):
    space = Space(
        model="m",
        prompt={"p": "{text}"},
        temperature=0.5,
        max_tokens=8,
        stop=["END", ["END", "no"]],
    )
    house = House(space=space)
    await house.buy(step())
    assert {request.stop for request, _ in house.endpoint.requests} == {("END",)}
    readings = {
        r.config.stop: r for r in house.evaluator.reader.readings(house.trials[0])
    }
    assert readings["END",].mean == 1.0
    assert readings["END", "no"].mean == 0.5  # "no" is cut away


def test_a_completion_has_no_n() -> None:
    assert "n" not in Completion.__slots__


async def test_draws_that_were_refused_take_nothing_from_those_that_are_there() -> None:
    house = House()
    await house.buy(step(range(6)))
    house.ledger.close("interrupted")
    wave = await house.buy(step(range(6), draws=3))
    assert len(wave.unanswered) == 6
    reading = next(
        r
        for r in house.evaluator.reader.readings(house.trials[0])
        if r.config.n == 1 and r.config.max_tokens == 8
    )
    assert reading.n_examples == 6
    assert house.trials[0].unanswered == {}


def long_ones(*positions: int) -> Callable[[Request, random.Random], str]:
    """Return a model for which some prompts leave no room for their answer."""

    def world(request: Request, _: random.Random) -> str:
        assert not isinstance(request.prompt, str)
        if int(request.prompt[-1].content.split()[1]) in positions:
            raise NoRoom("too long", most=4)
        return target(request)

    return world


@pytest.mark.parametrize("long", [0, 3])
async def test_a_prompt_without_room_says_nothing_of_the_others(long: int) -> None:
    """Whether the long prompt comes first or last: the others are asked and scored."""
    house = House(long_ones(long))
    point = Point({**POINT, "max_tokens": 8})
    await house.buy(step(range(4), point=point))
    trial = house.trials[0]
    assert trial.config_failed == {long: "context_length"}
    assert sorted(trial.draws) == [each for each in range(4) if each != long]


async def test_a_prompt_without_room_beside_others_of_its_wave_is_the_configs_doing() -> (
    None
):
    """The others fit beside the same max_tokens, so it stays."""
    house = House(long_ones(3))
    await house.buy(step(range(4)))
    trial = house.trials[0]
    assert (trial.state, trial.cap) == ("running", 8)
    assert trial.config_failed == {3: "context_length"}
    assert house.learned == []
