"""From findings to a report: what draws were worth, the frontier, the majority class, notices, and
what to deploy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.house import CAPS, POINT, PRICE, ROWS, House, story, unsure
from tune.completion import MANY
from tune.export import llm_config
from tune.fakes.provider import FakeEndpoint
from tune.pricing.prices import to_dollars
from tune.providers.entries import Entry
from tune.readout import Reading
from tune.readout.trial import Step, Trial
from tune.report import markdown
from tune.result import STOPPED, build_report, deploy
from tune.result.majority_class import majority_class
from tune.result.evidence import Evidence
from tune.result.notices import notices
from tune.safety.decoration import Decorations
from tune.space import Config, Point, Space
from tune.strategies import Selection
from tune.study.record import RunRecord


def reading(mean: float, cost: float, examples: int = 8, **config: Any) -> Reading:
    values = {"model": "m", "prompt": "p", "max_tokens": 8, **config}
    known = np.zeros(examples)
    return Reading(
        Config(values),
        0,
        tuple(range(examples)),
        known + mean,
        known,
        known + cost,
        known + 1.0,
        approximate=False,
    )


# --- what was read, and what it would have cost


@pytest.mark.parametrize("most_n", [MANY, 1])
async def test_readings_would_have_cost_what_an_endpoint_bills_for_every_cap_bought_anew(
    build: Callable[..., House], most_n: int
) -> None:
    house = build(most_n=most_n)
    await house.buy()
    read, paid = house.costs()
    assert read == pytest.approx(house.billed, rel=1e-12)
    shop = FakeEndpoint(story, price=PRICE, most_n=most_n, service="m")
    for cap in CAPS:
        for position in range(5):
            await shop.complete(
                house.run.evaluator.request(POINT, cap, (), position), range(3)
            )
    assert paid == pytest.approx(to_dollars(shop.billed), rel=1e-12)
    assert paid > 2 * read


async def test_n_and_aggregates_alone_save_nothing_over_who_shares_draws_too(
    build: Callable[..., House],
) -> None:
    space = Space(
        model="m",
        prompt={"p": "{text}"},
        temperature=[0.5],
        n=[1, 2, 3],
        max_tokens=12,
        aggregate=["first", "vote"],
    )
    house = build(space=space)
    await house.buy()
    assert len(house.run.standings.current()[0].readings) == 3
    read, paid = house.costs()
    assert read == paid == pytest.approx(house.billed)


async def test_stop_strings_are_paid_for_like_caps_up_to_where_they_end_the_text(
    build: Callable[..., House],
) -> None:
    space = Space(
        model="m",
        prompt={"p": "{text}"},
        temperature=[0.5],
        max_tokens=12,
        stop=[None, " now"],
    )
    house = build(space=space)
    await house.buy(draws=1)
    read, paid = house.costs()
    shop = FakeEndpoint(story, price=PRICE, service="m")
    for stop in ((), (" now",)):
        for position in range(5):
            await shop.complete(
                house.run.evaluator.request(POINT, 12, stop, position), range(1)
            )
    # The tokens that make up the stop string are billed by services, though the fake does not bill
    # them.
    assert paid == pytest.approx(to_dollars(shop.billed) + 5 * 1 * PRICE.output / 1e6)
    assert read == pytest.approx(house.billed)


async def test_trials_that_ask_the_same_share_their_draws_and_are_counted_once(
    build: Callable[..., House],
) -> None:
    house = build(free=())
    points = [
        Point({**POINT, "n": n, "max_tokens": 12, "aggregate": "vote"}) for n in (1, 3)
    ]
    for trial, point in enumerate(points):
        await house.buy(point, draws=point["n"], trial=trial)
    read, paid = house.costs()
    assert house.endpoint.draws == 15
    assert (
        read == paid
    )  # the second call paid the prompt again, which as few calls as can be would not
    assert read == pytest.approx(house.billed - 5 * PRICE.input * 3 / 1e6)


async def test_a_trial_without_a_reading_counts_on_neither_side(
    build: Callable[..., House],
) -> None:
    house = build()
    await house.buy()
    before = house.costs()
    await house.buy(Point({**POINT, "temperature": 0.7}), trial=1)
    house.run.trials[1].state = "failed"
    assert house.costs() == before
    assert build().costs() == (0.0, 0.0)


# --- the majority class


def test_the_majority_class_of_the_holdout_is_scored_as_an_answer_to_all(
    build: Callable[..., House],
) -> None:
    house = build()
    targets = [example.target for example in house.plan.split.holdout]
    label, share = majority_class(house.record())
    assert label == "yes"
    assert share == pytest.approx(targets.count("yes") / len(targets))


def test_targets_that_are_no_labels_have_no_majority_class(
    build: Callable[..., House],
) -> None:
    house = build()
    own = [replace(example, target=example.id) for example in house.plan.split.holdout]
    plan = replace(house.plan, split=replace(house.plan.split, holdout=tuple(own)))
    assert majority_class(replace(house.record(), plan=plan)) == ("", None)


# --- a whole run


async def test_a_whole_run_is_concluded_with_what_the_endpoint_billed(
    build: Callable[..., House],
) -> None:
    house = build(unsure, baseline={"n": 1, "temperature": 0.5, "max_tokens": 2})
    record = await house.run.go()
    report = build_report(record)
    assert report.money.spent == pytest.approx(house.billed)
    assert report.money.spent + report.money.left == pytest.approx(report.money.budget)
    assert report.stopped in STOPPED.values()
    assert report.winner is not None
    assert report.winner.holdout is not None
    assert report.baseline is not None
    assert report.draws_bought == house.endpoint.draws
    assert report.readings == sum(len(s.readings) for s in record.standings.values())
    assert report.read_cost is not None
    assert report.readings_cost is not None
    assert (
        report.readings_cost > 2 * report.read_cost
    )  # one of two tokens fits every cap
    assert f"Read {report.readings} configurations off draws that cost" in markdown(
        report
    )
    assert [row.number for row in report.trials] == list(record.trials)
    if report.winner_is_baseline:
        assert report.difference is None
    else:
        assert report.difference is not None
        assert report.difference.n == report.winner.holdout.n


async def test_what_agents_carry_is_deployed_with_its_own_values(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    record = await house.run.go()
    report = build_report(record)
    deployment = deploy(record, report)
    assert record.single_answer is not None
    assert deployment is not None
    assert (deployment.config, deployment.config.n) == (record.single_answer.config, 1)
    assert deployment.key_env == "OPENAI_API_KEY"
    assert llm_config(deployment)["config_list"][0]["model"] == "m"
    assert deploy(replace(record, single_answer=None), report) is None


async def test_a_local_model_is_deployed_without_a_key(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    entry = Entry("m", "local:small", base_url="http://u:secret@h/v1?k=s")
    plan = replace(house.plan, entries={"m": entry})
    record = replace(house.record(single_answer=reading(0.5, 1.0)), plan=plan)
    deployment = deploy(record, build_report(record))
    assert deployment is not None
    assert (deployment.key_env, deployment.local, deployment.base_url) == (
        "",
        True,
        "http://h/v1",
    )


def test_nothing_scored_is_still_a_report(build: Callable[..., House]) -> None:
    report = build_report(build().record(stopped="money"))
    assert report.winner is None
    assert report.frontier == ()
    assert (report.read_cost, report.readings_cost) == (0.0, 0.0)
    assert report.money.left_reason
    assert "None" not in markdown(report)


# --- what is shown of each config


async def met(house: House, config: Config) -> Reading:
    """A config's reading on the holdout."""
    first, last = len(house.plan.split.tuning), len(house.plan.examples)
    trials: dict[int, Trial] = {}
    step = Step(0, config, tuple(range(first, last)), config.n, config.max_tokens)
    await house.run.evaluator.run([step], trials)
    return house.run.evaluator.reader.read(trials[0], [config])[0]


def recorded(choice: Config, baseline: Config, positions: list[int]) -> dict[str, Any]:
    """What a journal has of a holdout that choice and baseline met."""
    steps = [
        [trial, dict(config), positions, 1, 8]
        for trial, config in enumerate((choice, baseline))
    ]
    return {"steps": steps, "unanswered": [], "config_failed": [], "failed": []}


async def searched(
    build: Callable[..., House], **options: Any
) -> tuple[House, RunRecord]:
    """A study of three temperatures, the baseline among them, whose choice met the holdout."""
    space = Space(
        model="m", prompt={"p": "{text}"}, temperature=[0.2, 0.5, 0.8], max_tokens=2
    )
    house = build(unsure, space=space, baseline={"temperature": 0.5}, **options)
    for trial, heat in enumerate((0.2, 0.5, 0.8)):
        await house.buy(
            Point({**POINT, "temperature": heat}),
            len(house.plan.split.tuning),
            1,
            trial,
            cap=2,
        )
    first, _, third = (
        house.run.standings.current()[trial].readings[0] for trial in range(3)
    )
    second = house.run.standings.current()[1].readings[0]
    assert second.config == house.plan.baseline
    holdout = {
        config: await met(house, config)
        for config in (first.config, house.plan.baseline)
    }
    choice = Selection(first, (third, second), feasible=True)
    return house, house.record(choice, first, holdout)


async def test_runners_up_are_compared_with_the_baseline_on_tuning_examples_and_the_baseline_is_none_of_them(
    build: Callable[..., House],
) -> None:
    house, record = await searched(build)
    report = build_report(record)
    (other,) = report.runners_up
    assert (other.name, other.config["temperature"]) == ("runner-up 1", 0.8)
    assert other.tuning_difference is not None
    assert other.tuning_difference.n == 24
    base, mine = (house.run.standings.current()[trial].readings[0] for trial in (1, 2))
    assert other.tuning_difference.mean == pytest.approx(mine.difference(base).mean)
    assert other.holdout is None
    assert report.baseline is not None
    assert report.baseline.tuning is not None
    assert report.baseline.holdout is not None
    for row in (report.winner, report.baseline, other):
        assert row is not None
        assert None not in (row.quality, row.cost, row.seconds_median, row.seconds_p95)
    assert report.detectable is not None


async def test_a_baseline_that_never_met_the_holdout_is_shown_on_tuning_examples(
    build: Callable[..., House],
) -> None:
    _, record = await searched(build)
    report = build_report(replace(record, holdout={}))
    assert report.baseline is not None
    assert report.baseline.tuning is not None
    assert (report.baseline.holdout, report.difference, report.detectable) == (
        None,
        None,
        None,
    )
    assert "no gain is claimed" in markdown(report)


async def test_a_holdout_that_was_interrupted_is_not_looked_at(
    build: Callable[..., House],
) -> None:
    """A verdict on half of it would be a look that nobody paid for."""
    _, record = await searched(build)
    report = build_report(replace(record, stopped="interrupted"))
    assert report.winner is not None
    assert (report.winner.holdout, report.difference, report.look) == (None, None, 1)
    assert any(
        "looked at when all of it is there" in notice for notice in report.notices
    )
    assert not any("The money reached" in notice for notice in report.notices)


async def test_a_second_look_at_the_holdout_is_wider_and_said_and_showing_it_again_costs_nothing(
    build: Callable[..., House],
) -> None:
    house, record = await searched(build)
    assert record.selection is not None
    configs, first = (
        (record.selection.reading.config, house.plan.baseline),
        len(house.plan.split.tuning),
    )
    house.journal.append("holdout", **recorded(*configs, list(range(first, first + 8))))
    once = build_report(replace(record, events=house.journal.events))
    house.journal.append(
        "holdout", **recorded(*configs, list(range(first, first + 16)))
    )
    more = build_report(replace(record, events=house.journal.events))
    house.journal.append(
        "holdout", **recorded(*configs, list(range(first, first + 16)))
    )
    again = build_report(replace(record, events=house.journal.events))
    assert [(r.look, r.confidence) for r in (once, more, again)] == [
        (1, 0.96),
        (2, 0.995),
        (2, 0.995),
    ]
    assert once.difference is not None
    assert more.difference is not None
    assert more.difference.low < once.difference.low
    assert more.difference == again.difference
    assert more.detectable is not None
    assert once.detectable is not None
    assert more.detectable > once.detectable
    assert more.runners_up == once.runners_up
    assert [notice for notice in more.notices if notice not in once.notices] == [
        "This is look 2 at the same holdout, so its intervals are wider: each is 99.5 % sure, and "
        "all looks together "
        "are wrong at most 5 % of the time."
    ]


async def test_where_rows_of_a_group_are_copies_the_whole_report_counts_groups(
    build: Callable[..., House],
) -> None:
    rows = [
        {
            "id": str(i),
            "text": f"ticket {i // 4}",
            "label": "yes" if i // 4 % 4 else "no",
        }
        for i in range(160)
    ]
    house, record = await searched(build, rows=rows)
    report = build_report(record)
    plan = replace(house.plan, split=replace(house.plan.split, clusters={}))
    naive = build_report(replace(record, plan=plan))

    def width(found: Any) -> float:
        return float(found.high - found.low)

    for ours, theirs in (
        (report.winner, naive.winner),
        (report.baseline, naive.baseline),
    ):
        assert ours is not None
        assert theirs is not None
        assert width(ours.holdout) > 1.4 * width(theirs.holdout)
        assert width(ours.tuning) > 1.4 * width(theirs.tuning)
    assert width(report.difference) > 1.3 * width(naive.difference)
    assert width(report.trials[0].quality) > 1.4 * width(naive.trials[0].quality)
    assert width(report.runners_up[0].tuning_difference) > 1.3 * width(
        naive.runners_up[0].tuning_difference
    )
    assert any(
        "count as one observation in every interval" in notice
        for notice in report.notices
    )
    assert not any("count as one observation" in notice for notice in naive.notices)


async def test_few_examples_are_said_to_be_few(build: Callable[..., House]) -> None:
    _, record = await searched(build, rows=ROWS[:39])
    assert any(
        notice.startswith("There are only 39 examples in all")
        for notice in build_report(record).notices
    )
    _, record = await searched(build)
    assert not any(
        "There are only" in notice for notice in build_report(record).notices
    )


async def unbought(build: Callable[..., House]) -> tuple[House, RunRecord]:
    """A study that chose a vote of three for whose point single answers were bought, and that met
    the holdout.
    """
    house = build(unsure, baseline={"n": 1, "max_tokens": 2})
    await house.buy(examples=len(house.plan.split.tuning), draws=1, cap=2)
    (read,) = (
        r for r in house.run.standings.current()[0].readings if r.config.max_tokens == 2
    )
    extrapolated = replace(
        read,
        config=Config({**read.config, "n": 3, "aggregate": "vote"}),
        costs=3 * read.costs,
    )
    holdout = {
        config: await met(house, config)
        for config in (extrapolated.config, house.plan.baseline)
    }
    choice = Selection(read, (), feasible=True, extrapolated=extrapolated)
    return house, house.record(choice, read, holdout)


async def test_a_winner_that_was_not_bought_is_shown_on_the_holdout_alone(
    build: Callable[..., House],
) -> None:
    house, record = await unbought(build)
    report = build_report(record)
    assert report.winner is not None
    assert (report.winner.config.n, report.winner.tuning, report.winner.trial) == (
        3,
        None,
        0,
    )
    assert report.winner.holdout is not None
    assert report.difference is not None
    assert report.detectable is not None
    assert len(report.deployment_record["scores"]) == len(house.plan.split.holdout), (
        "those of the config that was tested"
    )
    assert any(
        "asks for 3 answers, and the search bought 1 of each" in notice
        for notice in report.notices
    )
    assert "| **winner** | " in markdown(report)


@pytest.mark.parametrize(
    ("stopped", "holdout"), [("interrupted", True), ("finished", False)]
)
async def test_where_nobody_met_it_what_it_rests_on_is_the_winner(
    build: Callable[..., House], stopped: str, holdout: bool
) -> None:
    house, record = await unbought(build)
    found = replace(record, stopped=stopped) if holdout else replace(record, holdout={})
    report = build_report(found)
    assert report.winner is not None
    assert (report.winner.config.n, report.winner.holdout) == (1, None)
    assert report.winner.tuning is not None
    assert len(report.deployment_record["scores"]) == len(house.plan.split.tuning)
    assert not any("asks for" in notice for notice in report.notices)


# --- notices


def notices_of(record: RunRecord) -> list[str]:
    return notices(record, Evidence(record.plan), (), Decorations())


def test_examples_that_the_service_failed_are_told_and_those_without_money_are_not(
    build: Callable[..., House],
) -> None:
    trial = Trial(
        0,
        POINT,
        12,
        draws={0: [], 1: [], 2: []},
        unanswered={3: "service: 503", 4: "money: none left"},
    )
    house = build()
    assert notices_of(replace(house.record(), trials={0: trial})) == [
        "The service did not answer 1 of 4 examples (25.0%); they are not scored."
    ]


def test_unanswerable_examples_are_counted_by_model_and_named(
    build: Callable[..., House],
) -> None:
    house = build()
    reasons = {("m", 5): "500 again", ("m", 3): "500 again", ("n", 3): "502 again"}
    record = replace(house.record(stopped="money"), unanswerable=reasons)
    assert build_report(record).unanswerable == {"m": 2, "n": 1}
    rows = [house.plan.examples[position].id for position in (3, 5)]
    first, second = notices_of(record)
    assert first.startswith(
        "m never answered 2 of 40 examples, although it answered others:"
    )
    assert f"Rows: {rows[0]}, {rows[1]}. In its words: 500 again" in first
    assert second.startswith("n never answered 1 of 40 examples")


def test_a_holdout_that_the_money_did_not_reach_is_told(
    build: Callable[..., House],
) -> None:
    house = build()
    whole = len(house.plan.split.holdout)
    part = house.record(holdout={house.plan.baseline: reading(0.5, 1.0, examples=4)})
    assert notices_of(part) == [
        f"The money reached 4 of {whole} holdout examples: a random part of them."
    ]
    everything = house.record(
        holdout={house.plan.baseline: reading(0.5, 1.0, examples=whole)}
    )
    assert notices_of(everything) == []


async def test_the_oracle_is_a_bound_and_never_a_config(
    build: Callable[..., House],
) -> None:
    space = Space(
        model="m",
        prompt={"p": "{text}"},
        temperature=[0.5],
        n=[1, 3],
        max_tokens=2,
        aggregate=["vote", "any"],
    )
    house = build(unsure, space=space)
    await house.buy(examples=20, cap=2)
    best = max(house.run.standings.current()[0].readings, key=lambda r: r.mean)
    assert best.config.aggregate != "any"
    (notice,) = notices_of(house.record(Selection(best, (), feasible=True)))
    assert "out of 3 draws" in notice
    assert float(notice.split("score ")[1].split()[0]) >= best.mean
