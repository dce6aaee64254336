"""From findings to a report: what draws were worth, the frontier, the commonest class, notices, and what to deploy."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tune.capabilities import Capabilities
from tune.completion import Request
from tune.conclude import STOPPED, _commonest, _costs_of_readings, _frontier, _notices, conclude, deploy
from tune.database import Database
from tune.evaluate import Evaluator
from tune.export import llm_config
from tune.journal import Journal
from tune.ledger import Account
from tune.plan import make_plan
from tune.pricing import PICODOLLARS, Price, to_dollars
from tune.providers.fake import FakeEndpoint
from tune.providers.services import Access, Entry, build_stack
from tune.racing import Choice
from tune.readout import Reading
from tune.report import markdown
from tune.run import Findings, Run
from tune.space import Config, Point, Space
from tune.store import Store
from tune.trial import Step, Trial

PRICE = Price(1.0, 2.0)
ROWS = [{"id": str(i), "text": f"ticket {i}", "label": "yes" if i % 4 else "no"} for i in range(40)]
STORY = "well let me see now it is {answer} or so I think"
CAPS = (2, 6, 8, 12)
POINT = Point({"model": "m", "prompt": "p", "temperature": 0.5})


def number(request: Request) -> int:
    assert not isinstance(request.prompt, str)
    return int(request.prompt[-1].content.split()[-1])


def story(request: Request, _: random.Random) -> str:
    """The right answer after a few words, always the same."""
    return STORY.format(answer="yes" if number(request) % 4 else "no")


def unsure(request: Request, rng: random.Random) -> str:
    """Often the right answer, at once."""
    right = number(request) % 4 != 0
    return "yes" if (rng.random() < 0.8) == right else "no"


class House:
    """A run over one fake endpoint, with a real plan, store and ledger."""

    def __init__(
        self,
        folder: Path,
        world: Callable[..., Any] = story,
        *,
        native_n: bool = True,
        budget: float = 0.01,
        **options: Any,
    ) -> None:
        space = options.pop("space", None) or Space(
            model="m", prompt={"p": "Label: {text}"}, temperature=[0.5], n=[1, 2, 3], max_tokens=list(CAPS),
            aggregate=["first", "vote"], answer={"labels": ["yes", "no"]},
        )  # fmt: skip
        self.plan = make_plan(ROWS, space, budget, {"target": "label", "price": "m=1/2", **options})
        self.db = Database(":memory:")
        self.account = Account(self.db, "s", int(budget * PICODOLLARS))
        self.store = Store(self.db)
        self.endpoint = FakeEndpoint(world, price=PRICE, native_n=native_n, service="m")
        self.journal = Journal(folder / "study.jsonl")
        access = Access(self.store, self.account, Capabilities())
        services = {"m": build_stack(Entry("m", "m"), self.endpoint, PRICE, access)}
        evaluator = Evaluator(
            space=self.plan.space, free=self.plan.free, prompts=self.plan.prompts, examples=self.plan.examples,
            services=services, metric=self.plan.metric, extract=self.plan.extract, store=self.store,
        )  # fmt: skip
        self.run = Run(self.plan, self.journal, services, self.account, evaluator, {})

    async def buy(self, point: Point = POINT, examples: int = 5, draws: int = 3, trial: int = 0, cap: int = 12) -> None:
        step = Step(trial, point, tuple(range(examples)), draws, cap)
        await self.run.evaluator.run([step], self.run.trials)

    def costs(self) -> tuple[float, float]:
        return _costs_of_readings(self.run, self.run.trials)

    @property
    def billed(self) -> float:
        return to_dollars(self.endpoint.billed)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., House]]:
    houses: list[House] = []

    def make(*args: Any, **options: Any) -> House:
        houses.append(House(tmp_path / str(len(houses)), *args, **options))
        return houses[-1]

    yield make
    for house in houses:
        house.journal.close()
        house.db.close()


def reading(mean: float, cost: float, examples: int = 8, **config: Any) -> Reading:
    values = {"model": "m", "prompt": "p", "max_tokens": 8, **config}
    known = np.zeros(examples)
    return Reading(
        Config(values), 0, tuple(range(examples)), known + mean, known, known + cost, known + 1.0, approximate=False
    )


# --- what was read, and what it would have cost -------------------------------------------------------------------


@pytest.mark.parametrize("native_n", [True, False])
async def test_readings_would_have_cost_what_an_endpoint_bills_for_every_cap_bought_anew(
    build: Callable[..., House], native_n: bool
) -> None:
    house = build(native_n=native_n)
    await house.buy()
    read, paid = house.costs()
    assert read == pytest.approx(house.billed, rel=1e-12)
    shop = FakeEndpoint(story, price=PRICE, native_n=native_n, service="m")
    for cap in CAPS:
        for position in range(5):
            await shop.complete(house.run.evaluator.request(POINT, cap, (), position), range(3))
    assert paid == pytest.approx(to_dollars(shop.billed), rel=1e-12)
    assert paid > 2 * read


async def test_n_and_aggregates_alone_save_nothing_over_who_shares_draws_too(build: Callable[..., House]) -> None:
    space = Space(model="m", prompt={"p": "{text}"}, temperature=[0.5], n=[1, 2, 3], max_tokens=12,
                  aggregate=["first", "vote"])  # fmt: skip
    house = build(space=space)
    await house.buy()
    assert len(house.run.standings()[0].readings) == 3
    read, paid = house.costs()
    assert read == paid == pytest.approx(house.billed)


async def test_stop_strings_are_paid_for_like_caps_up_to_where_they_end_the_text(build: Callable[..., House]) -> None:
    space = Space(model="m", prompt={"p": "{text}"}, temperature=[0.5], max_tokens=12, stop=[None, " now"])
    house = build(space=space)
    await house.buy(draws=1)
    read, paid = house.costs()
    shop = FakeEndpoint(story, price=PRICE, service="m")
    for stop in ((), (" now",)):
        for position in range(5):
            await shop.complete(house.run.evaluator.request(POINT, 12, stop, position), range(1))
    # The tokens that make up the stop string are billed by services, though the fake does not bill them.
    assert paid == pytest.approx(to_dollars(shop.billed) + 5 * 1 * PRICE.output / 1e6)
    assert read == pytest.approx(house.billed)


async def test_trials_that_ask_the_same_share_their_draws_and_are_counted_once(build: Callable[..., House]) -> None:
    house = build(free=())
    points = [Point({**POINT, "n": n, "max_tokens": 12, "aggregate": "vote"}) for n in (1, 3)]
    for trial, point in enumerate(points):
        await house.buy(point, draws=point["n"], trial=trial)
    read, paid = house.costs()
    assert house.endpoint.draws == 15
    assert read == paid  # the second call paid the prompt again, which as few calls as can be would not
    assert read == pytest.approx(house.billed - 5 * PRICE.input * 3 / 1e6)


async def test_a_trial_without_a_reading_counts_on_neither_side(build: Callable[..., House]) -> None:
    house = build()
    await house.buy()
    before = house.costs()
    await house.buy(Point({**POINT, "temperature": 0.7}), trial=1)
    house.run.trials[1].state = "failed"
    assert house.costs() == before
    assert build().costs() == (0.0, 0.0)


# --- the frontier -------------------------------------------------------------------------------------------------


def test_the_frontier_has_what_none_beats_in_both_the_cheapest_first(build: Callable[..., House]) -> None:
    cheap, good, dear, bad = reading(0.5, 1.0), reading(0.8, 2.0, n=3), reading(0.8, 3.0, n=5), reading(0.4, 1.5, n=2)
    assert _frontier(build().run, [bad, dear, good, cheap]) == [cheap, good]


def test_a_lucky_reading_on_few_examples_is_not_on_the_frontier(build: Callable[..., House]) -> None:
    lucky, known = reading(1.0, 1.0, examples=3), reading(0.5, 2.0, examples=8, n=2)
    assert _frontier(build().run, [lucky, known]) == [known]
    assert _frontier(build().run, []) == []


def test_where_less_is_better_the_frontier_falls(build: Callable[..., House]) -> None:
    house = build()
    house.run.plan = replace(house.plan, metric=replace(house.plan.metric, larger_is_better=False))
    low, high = reading(0.1, 2.0), reading(0.6, 1.0, n=2)
    assert _frontier(house.run, [low, reading(0.7, 1.5, n=3), high]) == [high, low]


# --- the commonest class ------------------------------------------------------------------------------------------


def test_the_commonest_label_of_the_holdout_is_scored_as_an_answer_to_all(build: Callable[..., House]) -> None:
    house = build()
    targets = [example.target for example in house.plan.split.holdout]
    label, share = _commonest(house.run)
    assert label == "yes"
    assert share == pytest.approx(targets.count("yes") / len(targets))


def test_targets_that_are_no_labels_have_no_commonest(build: Callable[..., House]) -> None:
    house = build()
    own = [replace(example, target=example.id) for example in house.plan.split.holdout]
    house.run.plan = replace(house.plan, split=replace(house.plan.split, holdout=tuple(own)))
    assert _commonest(house.run) == ("", None)


# --- a whole run --------------------------------------------------------------------------------------------------


async def test_a_whole_run_is_concluded_with_what_the_endpoint_billed(build: Callable[..., House]) -> None:
    house = build(unsure, baseline={"n": 1, "temperature": 0.5, "max_tokens": 2})
    findings = await house.run.go()
    report = conclude(house.run, findings)
    assert report.money.spent == pytest.approx(house.billed)
    assert report.money.spent + report.money.left == pytest.approx(report.money.budget)
    assert report.stopped in STOPPED.values()
    assert report.winner is not None
    assert report.winner.holdout is not None
    assert report.baseline is not None
    assert report.draws_bought == house.endpoint.draws
    assert report.readings == sum(len(s.readings) for s in house.run.standings().values())
    assert report.read_cost is not None
    assert report.readings_cost is not None
    assert report.readings_cost > 2 * report.read_cost  # one of two tokens fits every cap
    assert f"Read {report.readings} configurations off draws that cost" in markdown(report)
    assert [row.number for row in report.trials] == list(findings.trials)
    if report.winner_is_baseline:
        assert report.difference is None
    else:
        assert report.difference is not None
        assert report.difference.n == report.winner.holdout.n


async def test_what_agents_carry_is_deployed_with_its_own_values(build: Callable[..., House]) -> None:
    house = build(unsure)
    findings = await house.run.go()
    deployment = deploy(house.run, findings)
    assert findings.carried is not None
    assert deployment is not None
    assert (deployment.config, deployment.config.n) == (findings.carried.config, 1)
    assert deployment.key_env == "OPENAI_API_KEY"
    assert llm_config(deployment)["config_list"][0]["model"] == "m"
    assert deploy(house.run, replace(findings, carried=None)) is None


async def test_a_local_model_is_deployed_without_a_key(build: Callable[..., House]) -> None:
    house = build(unsure)
    findings = Findings({}, carried=reading(0.5, 1.0))
    house.run.plan = replace(house.plan, entries={"m": Entry("m", "local:small", base_url="http://u:secret@h/v1?k=s")})
    deployment = deploy(house.run, findings)
    assert deployment is not None
    assert (deployment.key_env, deployment.local, deployment.base_url) == ("", True, "http://h/v1")


def test_nothing_scored_is_still_a_report(build: Callable[..., House]) -> None:
    report = conclude(build().run, Findings({}, stopped="money"))
    assert report.winner is None
    assert report.frontier == ()
    assert (report.read_cost, report.readings_cost) == (0.0, 0.0)
    assert report.money.left_reason
    assert "None" not in markdown(report)


# --- notices ------------------------------------------------------------------------------------------------------


def test_examples_that_the_service_failed_are_told_and_those_without_money_are_not(build: Callable[..., House]) -> None:
    trial = Trial(0, POINT, 12, draws={0: [], 1: [], 2: []}, missing={3: "service: 503", 4: "money: none left"})
    notices = _notices(build().run, Findings({0: trial}))
    assert notices == ["The service did not answer 1 of 4 examples (25.0%); they are not scored."]


def test_a_holdout_that_the_money_did_not_reach_is_told(build: Callable[..., House]) -> None:
    house = build()
    whole = len(house.plan.split.holdout)
    part = Findings({}, holdout={house.plan.baseline: reading(0.5, 1.0, examples=4)})
    assert _notices(house.run, part) == [f"The money reached 4 of {whole} holdout examples: a random part of them."]
    everything = Findings({}, holdout={house.plan.baseline: reading(0.5, 1.0, examples=whole)})
    assert _notices(house.run, everything) == []


async def test_the_oracle_is_a_bound_and_never_a_config(build: Callable[..., House]) -> None:
    space = Space(model="m", prompt={"p": "{text}"}, temperature=[0.5], n=[1, 3], max_tokens=2,
                  aggregate=["vote", "any"])  # fmt: skip
    house = build(unsure, space=space)
    await house.buy(examples=20, cap=2)
    best = max(house.run.standings()[0].readings, key=lambda r: r.mean)
    assert best.config.aggregate != "any"
    (notice,) = _notices(house.run, Findings(house.run.trials, choice=Choice(best, (), feasible=True)))
    assert "out of 3 draws" in notice
    assert float(notice.split("score ")[1].split()[0]) >= best.mean
