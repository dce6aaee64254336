"""Intervals by whole groups, within the metric's bounds, at the confidence of the look: against
known truths.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.plan.make import make_plan
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.readout import Reading
from tune.result.evidence import Evidence
from tune.space import Config, Space
from tune.stats.alpha_spending import analysis_confidence
from tune.stats.intervals import Interval, difference_interval, mean_interval
from tune.stats.power import SPREAD, detectable_difference
from tune.task.metrics import Metric

SPACE = Space(model="m", prompt={"p": "{text}"}, temperature=[0.5], max_tokens=8)
OURS, THEIRS = (
    Config({"model": "m", "prompt": "p", "max_tokens": 8, "n": n}) for n in (3, 1)
)


def order(count: int, *, size: int = 1, **options: Any) -> Plan:
    """A plan for so many examples, in groups of a size."""
    rows = [
        {"text": f"t{i}", "label": "a", "who": f"w{i // size}"} for i in range(count)
    ]
    group = {"group": "who"} if size > 1 else {}
    return make_plan(
        read_options(
            data=rows,
            space=SPACE,
            budget=1.0,
            **{
                "target": "label",
                "input": "text",
                "price": "m=1/2",
                **group,
                **options,
            },
        )
    )


def reading(
    plan: Plan,
    scores: Any,
    config: Config = OURS,
    *,
    holdout: bool = True,
    costs: Any = None,
    skip: int = 0,
) -> Reading:
    """Scores of the examples of one side, in the study's order."""
    values = np.asarray(scores, dtype=float)
    first = (len(plan.split.tuning) if holdout else 0) + skip
    examples = tuple(range(first, first + len(values)))
    paid = (
        np.full(len(values), 0.001) if costs is None else np.asarray(costs, dtype=float)
    )
    return Reading(
        config,
        0,
        examples,
        values,
        values * math.nan,
        paid,
        paid * 1000,
        approximate=False,
    )


def by_group(plan: Plan, of_group: Any) -> np.ndarray:
    """A value for each holdout example: all rows of a group have the same."""
    numbers = {
        unit: i
        for i, unit in enumerate(
            dict.fromkeys(map(plan.split.cluster, plan.split.holdout))
        )
    }
    return np.array(
        [
            of_group[numbers[plan.split.cluster(example)]]
            for example in plan.split.holdout
        ]
    )


# --- groups


def test_where_rows_of_a_group_are_copies_every_interval_covers_and_the_naive_one_does_not() -> (
    None
):
    """30 groups of 4 copies on the holdout: scores, costs and differences that have 30
    observations, not 120.
    """
    plan = order(300, size=4, holdout=0.4)
    groups, evidence = plan.split.count_clusters(plan.split.holdout), Evidence(plan)
    assert (groups, len(plan.split.holdout)) == (30, 120)
    rng = np.random.default_rng(6)
    ours = {"quality": 0, "cost": 0, "difference": 0}
    naive = dict(ours)
    for _ in range(150):
        ranks = rng.random((2, groups))
        right, other = by_group(plan, ranks[0] < 0.7), by_group(plan, ranks[1] < 0.5)
        costs = by_group(plan, rng.exponential(0.01, groups))
        one, two = reading(plan, right, costs=costs), reading(plan, other, THEIRS)
        found = evidence.quality(one, holdout=True), evidence.cost(one, holdout=True)
        difference = evidence.difference(one, two, holdout=True)
        alone = (
            mean_interval(right),
            mean_interval(costs, high=math.inf),
            difference_interval(right, other),
        )
        for name, interval, plain, truth in zip(
            ours, (*found, difference), alone, (0.7, 0.01, 0.2), strict=True
        ):
            assert interval is not None
            ours[name] += interval.low <= truth <= interval.high
            naive[name] += plain.low <= truth <= plain.high
    assert min(ours["quality"], ours["difference"]) >= 0.92 * 150
    assert ours["cost"] >= 0.89 * 150  # thirty skewed costs: as without groups
    assert max(naive.values()) < 0.75 * 150


def test_a_false_better_is_as_rare_with_groups_as_without() -> None:
    plan = order(300, size=6, holdout=0.4)
    groups, evidence = plan.split.count_clusters(plan.split.holdout), Evidence(plan)
    rng = np.random.default_rng(7)
    false = naive = 0
    for _ in range(200):
        first, second = (by_group(plan, rng.random(groups) < 0.6) for _ in range(2))
        found = evidence.difference(
            reading(plan, first), reading(plan, second, THEIRS), holdout=True
        )
        assert found is not None
        false += found.low > 0
        naive += difference_interval(first, second).low > 0
    assert false <= 0.05 * 200
    assert naive > 0.1 * 200


def test_without_groups_nothing_changes() -> None:
    plan = order(50)
    scores = np.arange(20) % 3 / 2
    found = Evidence(plan).quality(reading(plan, scores, holdout=False))
    assert found == mean_interval(scores)


def test_copies_of_an_input_are_one_observation_though_no_group_was_named() -> None:
    rows = [{"text": f"t{i % 25}", "label": "a"} for i in range(100)]
    plan = make_plan(
        read_options(data=rows, space=SPACE, budget=1.0, target="label", price="m=1/2")
    )
    scores = by_group(plan, np.arange(10) % 2)
    found = Evidence(plan).quality(reading(plan, scores), holdout=True)
    once = mean_interval(np.arange(10) % 2, confidence=0.96)
    assert (found.low, found.high, found.n) == (
        pytest.approx(once.low),
        pytest.approx(once.high),
        40,
    )


def test_what_can_be_seen_counts_groups() -> None:
    plan, apart = order(300, size=4, holdout=0.4), order(300, holdout=0.4)
    rng = np.random.default_rng(8)
    of_groups = rng.random((2, 30)) < 0.5
    ours, theirs = (by_group(plan, row) for row in of_groups)

    def seen(world: Plan) -> float:
        held = {OURS: reading(world, ours), THEIRS: reading(world, theirs, THEIRS)}
        found = Evidence(world).detectable(OURS, THEIRS, held)
        assert found is not None
        return found

    assert seen(plan) == pytest.approx(
        detectable_difference(30, of_groups[0] * 1.0 - of_groups[1], confidence=0.96)
    )
    assert seen(apart) < 0.6 * seen(plan)


# --- looks


def test_a_later_look_is_wider_on_the_holdout_and_the_same_on_tuning_examples() -> None:
    plan = order(80)
    scores = np.arange(30) % 2
    first, second = Evidence(plan, 1), Evidence(plan, 2)
    held, tuned = reading(plan, scores), reading(plan, scores, holdout=False)
    assert first.quality(held, holdout=True) == mean_interval(
        scores, confidence=analysis_confidence(1)
    )
    assert second.quality(held, holdout=True) == mean_interval(
        scores, confidence=analysis_confidence(2)
    )
    assert (
        first.quality(tuned)
        == second.quality(tuned)
        == mean_interval(scores, confidence=0.95)
    )
    costs = [
        evidence.cost(reading(plan, scores, costs=scores + 1.0), holdout=True)
        for evidence in (first, second)
    ]
    assert costs[0] is not None
    assert costs[1] is not None
    assert costs[1].high > costs[0].high


# --- bounds


@pytest.mark.parametrize(("low", "high"), [(0.0, 100.0), (-5.0, 5.0), (1.0, 2.0)])
def test_what_can_be_seen_and_every_interval_are_in_the_metrics_own_scale(
    low: float, high: float
) -> None:
    """A metric of other bounds is the plain one, stretched and moved; bounds taken for 0 to 1 would
    show.
    """
    plan = order(60)
    other = replace(
        plan, metric=Metric("own", "own", lambda *_: low, low=low, high=high)
    )
    rng = np.random.default_rng(9)
    ours, theirs = rng.random((2, 20))

    def known(
        world: Plan, shift: float, stretch: float
    ) -> tuple[Interval, Interval, float]:
        one, two = (
            reading(world, shift + stretch * ours),
            reading(world, shift + stretch * theirs, THEIRS),
        )
        evidence = Evidence(world)
        difference = evidence.difference(one, two, holdout=True)
        seen = evidence.detectable(OURS, THEIRS, {OURS: one, THEIRS: two})
        assert difference is not None
        assert seen is not None
        return evidence.quality(one, holdout=True), difference, seen

    plain, moved = known(plan, 0.0, 1.0), known(other, low, high - low)
    assert moved[0].low == pytest.approx(
        low + (high - low) * plain[0].low, abs=1e-4 * (high - low)
    )
    assert moved[1].high == pytest.approx(
        (high - low) * plain[1].high, abs=1e-4 * (high - low)
    )
    assert moved[2] == pytest.approx((high - low) * plain[2], rel=1e-3)


# --- what is missing


def test_a_difference_is_made_of_the_examples_that_both_have() -> None:
    plan = order(60)
    ours, theirs = reading(plan, [1, 0, 1, 1]), reading(plan, [0, 1, 0], THEIRS, skip=2)
    found = Evidence(plan).difference(ours, theirs, holdout=True)
    assert found == difference_interval([1, 1], [0, 1], confidence=0.96)
    assert (
        Evidence(plan).difference(
            ours, reading(plan, [0, 1], THEIRS, skip=4), holdout=True
        )
        is None
    )
    assert Evidence(plan).difference(ours, None) is None
    assert Evidence(plan).difference(None, theirs) is None


def test_what_can_be_seen_is_assumed_where_the_choice_is_the_baseline_and_unknown_without_two_examples() -> (
    None
):
    plan = order(100)
    held = {OURS: reading(plan, [0.0, 1.0] * 15)}
    evidence = Evidence(plan)
    assert evidence.detectable(OURS, OURS, held) == detectable_difference(
        30, SPREAD, confidence=0.96
    )
    assert evidence.detectable(OURS, THEIRS, held) is None
    single = {OURS: reading(plan, [1.0]), THEIRS: reading(plan, [0.0], THEIRS)}
    assert evidence.detectable(OURS, THEIRS, single) is None
    assert evidence.detectable(OURS, THEIRS, {}) is None


def test_a_config_that_could_not_answer_has_no_cost() -> None:
    plan = order(60)
    assert (
        Evidence(plan).cost(reading(plan, [0.0, 0.0], costs=[math.nan, math.nan]))
        is None
    )
    known = Evidence(plan).cost(
        reading(plan, [0.0, 1.0, 1.0], costs=[math.nan, 2.0, 4.0])
    )
    assert known is not None
    assert (known.mean, known.n) == (3.0, 2)


def test_a_cost_reaches_as_far_as_the_cap_lets_it_though_no_answer_has_yet() -> None:
    plan, costs = order(60), 0.00001 + 0.000001 * (np.arange(20) % 5)
    short, long = (
        Evidence(plan).cost(reading(plan, np.ones(20), config=replaced, costs=costs))
        for replaced in (Config({**OURS, "max_tokens": cap}) for cap in (8, 1000))
    )
    assert short is not None
    assert long is not None
    assert (short.low, short.mean) == (long.low, long.mean)
    assert short.high < 0.00003
    assert 0.0003 < long.high < 0.006  # three answers of 1,000 tokens cost $0.006


def test_a_cost_is_at_least_that_of_the_prompt() -> None:
    """Eight tokens of an answer cost at most 0.000048 dollars, and the prompt is paid anyway."""
    plan = order(60)
    long_prompts = Evidence(plan).cost(
        reading(plan, np.ones(20), costs=np.full(20, 0.001))
    )
    assert long_prompts is not None
    assert 0.001 - 0.000048 < long_prompts.low <= long_prompts.mean


def test_seconds_have_no_cap_and_reach_beyond_the_slowest_that_was_seen() -> None:
    plan = order(60)
    evidence = Evidence(plan)
    equal = evidence.seconds(reading(plan, np.ones(20), costs=np.full(20, 9.0)))
    assert equal is not None
    assert (equal.low, equal.high) == (9.0, 9.0)
    slow_once = [*np.linspace(1, 2, 19), 40.0]
    found = evidence.seconds(reading(plan, np.ones(20), costs=slow_once), holdout=True)
    assert found == mean_interval(
        slow_once, high=math.inf, confidence=evidence.confidence
    )
    none = reading(plan, [0.0], costs=[math.nan])
    assert evidence.seconds(none) is None


# --- scores that hold the weights of their examples


ROWS = [{"text": f"t{i}", "label": "b" if i % 10 == 0 else "a"} for i in range(80)]
BALANCED = make_plan(
    read_options(
        data=ROWS,
        space=SPACE,
        budget=1.0,
        target="label",
        input="text",
        metric="balanced_accuracy",
        price="m=1/2",
    )
)


def weighted(positions: list[int], right: list[bool], config: Config = OURS) -> Reading:
    """A reading in which some examples are right."""
    assert BALANCED.metric.weigh is not None
    weights = np.array([BALANCED.metric.weigh(BALANCED.examples[p]) for p in positions])
    paid = np.ones(len(positions))
    scores = weights * np.array(right, dtype=float)
    found = Reading(
        config, 0, tuple(positions), scores, paid, paid, paid, approximate=False
    )
    return replace(found, weights=weights)


@given(
    st.dictionaries(
        st.integers(0, 79), st.tuples(st.booleans(), st.booleans()), min_size=1
    )
)
def test_balanced_accuracy_of_any_examples_lies_between_0_and_1(
    rows: dict[int, tuple[bool, bool]],
) -> None:
    """The mean of few scores is up to 5 here, where all of them are of the rare label."""
    positions, evidence = sorted(rows), Evidence(BALANCED)
    ours, theirs = (
        weighted(positions, [rows[p][k] for p in positions], config)
        for k, config in enumerate((OURS, THEIRS))
    )
    for one in (ours, theirs):
        found = evidence.quality(one)
        assert 0 <= found.low <= found.mean <= found.high <= 1
        assert found.mean == pytest.approx(one.mean)
    difference = evidence.difference(ours, theirs)
    assert difference is not None
    assert -1 <= difference.low <= difference.mean <= difference.high <= 1
    assert difference.mean == pytest.approx(ours.mean - theirs.mean)
    assert difference.mean == pytest.approx(ours.difference(theirs).mean)
    assert ours.among(positions[:3]).mean <= 1 + 1e-12


def test_all_right_is_a_balanced_accuracy_of_1_whatever_labels_were_met() -> None:
    rare = [p for p in range(80) if BALANCED.examples[p].target == "b"]
    positions = [*rare[:3], 1]
    found = weighted(positions, [True] * 4)
    assert float(found.scores.mean()) > 1.5
    assert found.mean == pytest.approx(1)
    assert Evidence(BALANCED).quality(found).mean == pytest.approx(1)


def test_balanced_accuracy_is_covered_where_a_label_is_rare() -> None:
    """Both labels are answered right at their own rate; the truth is the mean of both. With an
    atom as heavy as scores are on average it was 87 %.
    """
    rng, inside, widths = np.random.default_rng(3), 0, []
    assert BALANCED.metric.weigh is not None
    weights = np.array(
        [BALANCED.metric.weigh(example) for example in BALANCED.examples]
    )
    rare = weights > 1
    for _ in range(300):
        kind = rng.random(40) < 0.1
        right = (rng.random(40) < np.where(kind, 0.5, 0.9)).astype(float)
        counts = np.where(kind, weights[rare][0], weights[~rare][0])
        found = mean_interval(right, weights=counts, heaviest=float(weights.max()))
        inside += found.low <= 0.7 <= found.high
        widths.append(found.high - found.low)
    assert inside / 300 >= 0.93
    assert np.mean(widths) < 0.6
