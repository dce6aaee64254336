"""`benchmarks/search/`: searches at equal dollars, the runs that it keeps, the numbers, the plot
and the page.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rivals.contest import best_of_all
from benchmarks.rivals.methods import METHODS
from benchmarks.search import __main__ as search
from benchmarks.search import runs as search_runs
from benchmarks.search.goals import (
    configs,
    enough,
    judge_cheapest,
    judge_choice,
    judge_frontier,
    priced,
)
from benchmarks.search.numbers import (
    Interval,
    behind,
    dollars_within,
    mean,
    mean_of_worlds,
    median,
    regrets,
    runs,
)
from benchmarks.search.ours import ABLATIONS, EVERY, OURS
from benchmarks.search.page import draw, page
from benchmarks.search.plot import plot
from benchmarks.search.report import Report
from benchmarks.search.runs import (
    Found,
    Kept,
    Run,
    Task,
    halves,
    play,
    run_all,
    timed,
    tuning,
    world_of,
)
from benchmarks.worlds.kinds import KINDS
from benchmarks.worlds.simulated_ledger import SimulatedLedger
from benchmarks.worlds.worlds import Family, World, simulated
from tune.readout.trial import Step

SMALL = Family(
    "small",
    {"cheap": (-0.5, 0.1, 0.4), "dear": (0.7, 0.6, 2.4)},
    prompts=4,
    temperatures=(0.0, 0.4, 0.8, 1.2),
    kinds=3,
    lengths=(3, 20),
    caps=(8, 48),
    ns=(1, 3),
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One small family, and one small world that counts as recorded."""
    made = {
        "small": lambda seed: simulated(SMALL, seed, examples=90, draws=6),
        "flat": KINDS["near-equal"],
    }
    monkeypatch.setattr(search_runs, "SIMULATED", made)
    monkeypatch.setattr(
        search_runs,
        "RECORDED",
        {"table": lambda: simulated(SMALL, 99, examples=90, draws=5)},
    )
    monkeypatch.setattr(search, "FAMILIES", {"small": SMALL})
    monkeypatch.setattr(search, "SIMULATED", made)
    monkeypatch.setattr(search, "RECORDED", {"table": None})
    world_of.cache_clear()
    yield
    world_of.cache_clear()


def a_run(regret: float = 1.0, **changes: object) -> Run:
    made = Run(
        regret=regret,
        dollars=1.0,
        spent=0.9,
        trials=5,
        steps=4,
        median_seconds=0.001,
        worst_seconds=0.01,
        feasible=True,
        chosen="{}",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


# --- one search


@settings(max_examples=15, deadline=None)
@given(
    method=st.sampled_from(
        [name for name, method in EVERY.items() if not method.needs]
    ),
    kind=st.sampled_from(["read", "paid"]),
    units=st.floats(0.05, 8),
    seed=st.integers(0, 3),
    setting=st.sampled_from(search_runs.SETTINGS),
)
def test_no_search_spends_more_than_its_budget(
    method: str, kind: str, units: float, seed: int, setting: str
) -> None:
    world = world_of("small", seed)
    run = play(Task("small", method, kind, units, seed, setting), EVERY[method], world)
    assert 0 <= run.spent <= run.dollars * (1 + 1e-12)
    assert run.dollars == pytest.approx(
        units * world.unit(45 if setting == "halves" else 60)
    )
    assert run.worst_seconds >= run.median_seconds >= 0
    assert bool(run.chosen) or not run.feasible
    if setting == "plain":
        assert run.regret >= 0
        assert run.feasible == bool(run.chosen)


def test_ours_has_less_regret_than_full_passes_of_random_points() -> None:
    tasks = [
        Task("small", method, "read", units, seed)
        for method in ("tune", "random", "halving")
        for units in (2, 5)
        for seed in range(6)
    ]
    found = run_all(tasks, Kept(None))
    assert len(found) == len(tasks)
    for units in (2, 5):
        own, chance = (
            np.mean(regrets(found, ["small"], method=method, units=units))
            for method in ("tune", "random")
        )
        assert own <= chance


def test_regret_is_against_the_best_config_of_all_examples_and_draws() -> None:
    world = world_of("small", 0)
    worths = {config: world.worth(config) for config in configs(world)}
    best = max(worths, key=lambda config: worths[config])
    worst = min(worths, key=lambda config: worths[config])
    assert judge_choice(world, best).regret == 0
    assert judge_choice(world, worst).regret == pytest.approx(
        100 * (worths[best] - worths[worst])
    )
    nothing = judge_choice(world, None)
    assert nothing.regret == pytest.approx(
        100 * (worths[best] - np.mean(list(worths.values())))
    )
    assert not nothing.feasible


def test_under_a_limit_regret_is_against_the_best_config_that_keeps_it() -> None:
    world = world_of("small", 0)
    limit = world.middle_cost()
    kept = [config for config in configs(world) if world.cost(config) <= limit]
    best = max(kept, key=world.worth)
    assert len(kept) < len(configs(world))
    assert judge_choice(world, best, limit) == (0, True, 0.0)
    dear = max(configs(world), key=world.cost)
    assert not judge_choice(world, dear, limit).feasible


def test_the_halves_are_apart_and_the_truth_is_that_of_the_other_half() -> None:
    tuned, judged = halves(90, 5)
    assert sorted([*tuned, *judged]) == list(range(90))
    assert not np.array_equal(halves(90, 6)[0], tuned)
    world = world_of("small", 0)
    config = configs(world)[3]
    most = max(float(world.worths(other)[judged].mean()) for other in configs(world))
    assert judge_choice(world, config, judged=judged).regret == pytest.approx(
        100 * (most - float(world.worths(config)[judged].mean()))
    )


def test_the_cheapest_that_is_good_enough_has_no_excess_and_worse_ones_are_no_good() -> (
    None
):
    world = world_of("small", 0)
    good = [c for c in configs(world) if world.worth(c) >= enough(world)]
    cheapest, dearest = (pick(good, key=world.cost) for pick in (min, max))
    assert judge_cheapest(world, cheapest) == (0, True, 0)
    assert judge_cheapest(world, dearest).excess == pytest.approx(
        world.cost(dearest) / world.cost(cheapest) - 1
    )
    worst = min(configs(world), key=world.worth)
    judged = judge_cheapest(world, worst)
    assert not judged.feasible
    assert judged.regret == pytest.approx(100 * (enough(world) - world.worth(worst)))
    assert not judge_cheapest(world, None).feasible


def test_a_frontier_with_every_config_has_little_regret_and_none_has_much() -> None:
    world = world_of("small", 0)
    whole = SimulatedLedger(world, search_runs.FREE, 1e9, 0, 90)
    for number, point in enumerate(world.space.points(search_runs.FREE)):
        whole.buy([Step(number, point, tuple(range(90)), 3, 48)])
    best = best_of_all(whole.problem(), whole.standings)
    full = judge_frontier(world, whole.standings, best)
    few = dict(list(whole.standings.items())[:1])
    one = judge_frontier(world, few, best_of_all(whole.problem(), few))
    assert 0 <= full.regret < 2 < one.regret
    nothing = judge_frontier(world, {}, None)
    assert not nothing.feasible
    assert nothing.regret > full.regret
    assert priced(world)
    assert not priced(KINDS["near-equal"](0))


@pytest.mark.parametrize("setting", ["cheapest", "frontier"])
def test_a_goal_is_given_to_every_method_and_its_money_is_the_same(
    setting: str,
) -> None:
    world = world_of("small", 1)
    found = {
        name: play(Task("small", name, "read", 8, 1, setting), EVERY[name], world)
        for name in ("tune", "halving", "ucb_lrf")
    }
    assert len({run.dollars for run in found.values()}) == 1
    assert all(run.chosen for run in found.values())
    assert found["tune"].unspent == pytest.approx(
        1 - found["tune"].spent / found["tune"].dollars
    )


@pytest.mark.parametrize(
    ("examples", "tuned"), [(400, 200), (300, 200), (120, 80), (90, 60)]
)
def test_two_thirds_of_the_examples_are_tuned_on_but_no_more_than_200(
    examples: int, tuned: int
) -> None:
    assert tuning(examples) == tuned


def test_every_step_is_timed_and_nothing_else_changes() -> None:
    def strategy() -> Iterator[str]:
        assert (yield "one") == "first"
        assert (yield "two") == "second"
        return "end"  # type: ignore[return-value]

    clock: list[float] = []
    inner = timed(strategy(), clock)  # type: ignore[arg-type]
    assert [next(inner), inner.send("first")] == ["one", "two"]  # type: ignore[arg-type, comparison-overlap]
    with pytest.raises(StopIteration) as stop:
        inner.send("second")  # type: ignore[arg-type]
    assert stop.value.value == "end"
    assert len(clock) == 3


# --- worlds


def test_seeds_take_turns_with_the_worlds_of_a_family_and_a_recorded_one_is_always_the_same() -> (
    None
):
    same, other = world_of("small", search_runs.MADE), world_of("small", 1)
    assert same.name == world_of("small", 0).name
    assert other.name != same.name
    one, two = world_of("table", 0), world_of("table", 1)
    assert np.array_equal(one.right, two.right)


def test_a_world_that_was_made_is_read_back_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world_of("small", 2, tmp_path)
    world_of.cache_clear()
    monkeypatch.setitem(
        search_runs.SIMULATED, "small", lambda seed: pytest.fail("made again")
    )
    again = world_of("small", 2, tmp_path)
    assert isinstance(again, World)
    assert again.best() == first.best()
    assert [path.name for path in tmp_path.iterdir()] == [
        f"{search_runs.WORLDS}-small-2.pickle"
    ]


def test_the_recorded_table_is_a_world_with_a_known_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    world = search_runs.RECORDED["sst2"]()
    assert world.examples == 120
    assert 0.85 < world.best() < 0.95


# --- what is kept


def test_a_kept_run_is_not_made_again_until_its_method_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, task = tmp_path / "new" / "runs.jsonl", Task("small", "random", "read", 2, 0)
    made: list[Task] = []
    monkeypatch.setattr(
        search_runs,
        "play",
        lambda task, method, world: made.append(task) or a_run(len(made)),
    )
    first = run_all([task], Kept(path))
    again = run_all([task, task], Kept(path))
    assert made == [task]
    assert first == again == {task: a_run(1)}
    monkeypatch.setitem(
        EVERY,
        "random",
        replace(METHODS["random"], version=METHODS["random"].version + 1),
    )
    assert run_all([task], Kept(path)) == {task: a_run(2)}
    assert len(path.read_text().splitlines()) == 2


def test_half_a_line_of_a_process_that_was_killed_is_passed_over(
    tmp_path: Path,
) -> None:
    path = tmp_path / "runs.jsonl"
    Kept(path).add("a", a_run())
    with path.open("a") as file:
        file.write(json.dumps({"key": "b", "regret": 1})[:-3])
    kept = Kept(path)
    assert kept.find("a") == a_run()
    assert kept.find("b") is None


def test_tasks_that_differ_are_kept_apart() -> None:
    task = Task("small", "random", "read", 3, 0)
    others = [
        replace(task, world="table"),
        replace(task, method="tpe"),
        replace(task, kind="paid"),
        replace(task, units=3.5),
        replace(task, seed=1),
        replace(task, setting="halves"),
    ]
    assert len({t.key(1) for t in (task, *others)} | {task.key(2)}) == len(others) + 2


def test_processes_side_by_side_find_what_one_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the processes know the true worlds only
    tasks = [
        Task("sst2", method, "read", 2, seed)
        for method in ("random", "grid")
        for seed in range(2)
    ]
    together = run_all(tasks, Kept(tmp_path / "runs.jsonl"), jobs=2)
    alone = run_all(tasks, Kept(None))
    assert {task: run.regret for task, run in together.items()} == {
        task: run.regret for task, run in alone.items()
    }


# --- numbers


def test_a_bootstrap_interval_of_a_median_covers_it() -> None:
    rng = np.random.default_rng(0)
    held = [median(rng.exponential(size=40).tolist()) for _ in range(200)]
    covered = [one.low <= math.log(2) <= one.high for one in held]
    assert np.mean(covered) > 0.88
    assert all(one.low <= one.value <= one.high for one in held)
    assert math.isnan(median([]).value)


def test_an_interval_of_a_mean_is_students() -> None:
    held = mean([1.0, 2.0, 3.0, 4.0])
    assert held.value == 2.5
    assert held.high - held.value == pytest.approx(
        3.182 * math.sqrt(5 / 3 / 4), abs=0.001
    )
    assert mean([1.0]).low == -math.inf


def test_every_world_counts_alike_and_splits_are_the_unit() -> None:
    few, many = [1.0, 3.0], [10.0] * 6
    assert mean_of_worlds([few, many]).value == pytest.approx(6.0)
    assert mean_of_worlds([few]) == mean(few)
    # With as many splits of each world, it is Student's interval of all of them.
    both = mean_of_worlds([[1.0, 3.0], [4.0, 6.0]])
    alone = mean([1.0, 3.0, 4.0, 6.0])
    assert (both.low, both.high) == pytest.approx((alone.low, alone.high))
    rng = np.random.default_rng(1)
    sets = [rng.normal([0, 1, 2], [1, 2, 3], (4, 3)).T.tolist() for _ in range(400)]
    covered = [one.low <= 1 <= one.high for one in map(mean_of_worlds, sets)]
    assert np.mean(covered) > 0.93


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 1, "clearly better"),
        (-1, -0.1, "clearly worse"),
        (-1, 1, "no clear difference"),
    ],
)
def test_a_difference_is_clear_where_its_interval_is_on_one_side(
    low: float, high: float, verdict: str
) -> None:
    assert Interval((low + high) / 2, low, high).verdict == verdict


def some_runs(
    ours: float,
    theirs: float,
    *,
    world: str = "small",
    units: float = 3,
    kind: str = "read",
) -> Found:
    """Six seeds; what is luck is the same for both."""
    found: Found = {}
    for seed in range(6):
        for method, level in (("tune", ours), ("random", theirs)):
            found[Task(world, method, kind, units, seed)] = a_run(
                level + 3 * (seed % 3) + 0.1 * (seed % 2)
            )
    return found


def test_methods_are_compared_seed_by_seed() -> None:
    found = some_runs(1.0, 3.0)
    gap = behind(found, ["small"], "random", "tune", kind="read", units=3)
    assert gap.value == pytest.approx(2.0)
    assert gap.high - gap.low < 1e-9  # the luck that both share cancels
    assert behind(found, ["other"], "random", "tune").low == -math.inf
    assert len(runs(found, ["small"], method="tune")) == 6
    assert regrets(found, ["small"], method="random", seed=0) == [3.0]


def test_the_dollars_to_come_close_are_read_off_between_two_budgets() -> None:
    found: Found = {}
    for units, loss in ((1.0, 5.0), (10.0, 3.0), (100.0, 1.0)):
        found[Task("small", "tune", "read", units, 0)] = a_run(loss, dollars=units)

    def share(points: float) -> float | None:
        return dollars_within(found, "small", "tune", points, lambda task: 1000.0)

    assert share(3.0) == pytest.approx(0.01)
    assert share(4.0) == pytest.approx(0.001 * math.sqrt(10))
    assert share(9.0) == pytest.approx(0.001)
    assert share(0.5) is None


# --- the plot


def test_a_plot_is_xml_with_a_line_for_each_method_in_each_panel() -> None:
    lines = {"ours": [(3.0, 5.0), (10.0, 2.0)], "a < b": [(3.0, 8.0), (10.0, 6.0)]}
    root = ElementTree.fromstring(
        plot(
            {"One": lines, "Two": lines}, first="ours", x_name="units", y_name="points"
        )
    )
    drawn = [element for element in root.iter() if element.tag.endswith("polyline")]
    assert len(drawn) == 4
    assert sum(element.get("stroke") == "#000000" for element in drawn) == 2
    said = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert said.count("a < b") == 1  # in the legend
    assert {"One", "Two", "units", "points", "3", "10"} <= set(said)


def test_less_regret_is_drawn_lower_and_more_money_further_right() -> None:
    root = ElementTree.fromstring(
        plot(
            {"": {"ours": [(1, 8), (10, 4), (100, 0)]}},
            first="ours",
            x_name="",
            y_name="",
        )
    )
    (line,) = [element for element in root.iter() if element.tag.endswith("polyline")]
    places = [
        tuple(map(float, pair.split(","))) for pair in str(line.get("points")).split()
    ]
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert [y for _, y in places] == sorted(y for _, y in places)
    assert places[1][0] - places[0][0] == pytest.approx(
        places[2][0] - places[1][0], abs=0.11
    )


# --- the page


def a_report(
    found: Found,
    *,
    units: tuple[float, ...] = (3,),
    recorded: tuple[str, ...] = (),
    outside: tuple[str, ...] = (),
    reported: tuple[str, ...] = ("small",),
    points: int = 200,
) -> Report:
    labels = {"tune": "tune", "random": "random points", "part": "tune without a part"}
    return Report(
        found=found,
        simulated=["small"],
        recorded=recorded,
        outside=outside,
        reported=reported,
        ours="tune",
        labels=labels,
        ablations=["part"],
        units=units,
        exhausting=lambda task: 100.0,
        points=dict.fromkeys(("small", *recorded, *outside), points),
    )


def test_the_page_says_where_we_win() -> None:
    found = some_runs(1.0, 3.0) | some_runs(1.0, 3.0, units=1)
    text = page(a_report(found, units=(1, 3)), "head", {"read": "plot.svg"})
    assert (
        "- yes: over all worlds at 1 units, ours has clearly less regret than each rival"
        in text
    )
    assert (
        "- yes: over all worlds at 3 units, ours is behind no rival by more than 0.3 points"
        in text
    )
    assert "- yes: on no world is ours behind a rival by more than 1 point" in text
    assert "2.0 [2.0, 2.0], ours clearly better" in text
    assert "## Where we lose" in text
    assert "Nowhere." in text
    assert "![Mean regret against units](plot.svg)" in text


def test_the_page_says_plainly_where_we_lose() -> None:
    found = some_runs(3.0, 1.0) | some_runs(3.0, 1.0, units=1)
    text = page(a_report(found, units=(1, 3)), "head", {})
    assert "- **NO**: over all worlds at 1 units" in text
    assert "it may be behind random points -2.0" in text
    assert "on average (free dimensions read off the draws); but 2 times" in text
    assert "- Simulated: small, 3 units, free dimensions read off the draws: " in text
    assert "**clearly** random points -2.0 [-2.0, -2.0]" in text
    assert "**ours clearly worse**" in text


def test_promises_are_judged_on_the_half_that_is_reported_too() -> None:
    found = some_runs(1.0, 3.0) | some_runs(5.0, 3.0, world="table")
    report = a_report(found, recorded=("table",), reported=("small",))
    assert list(report.scopes()) == ["all worlds"]
    found |= some_runs(1.0, 3.0, world="more")
    report = a_report(found, recorded=("table", "more"), reported=("small", "more"))
    assert set(report.scopes()) == {"all worlds", "the half that is reported"}
    text = page(report, "head", {})
    assert "- yes: over the half that is reported at 3 units" in text
    assert "### Recorded: table (settings chosen on it)" in text
    assert "### Recorded: more\n" in text


@pytest.mark.parametrize(("level", "kept"), [(0.2, "yes"), (1.2, "**NO**")])
def test_regret_on_tables_from_outside_is_promised(level: float, kept: str) -> None:
    found = some_runs(level - 3, level, world="mine#1")
    text = page(a_report(found, outside=("mine#1",), reported=("mine#1",)), "head", {})
    assert f"- {kept}: mean regret on tables from outside is at most 0.9 points" in text
    assert "Outside: mine\n" in text


@pytest.mark.parametrize(("level", "kept"), [(3.0, "yes"), (9.0, "**NO**")])
def test_a_tenth_of_the_dollars_of_ecooptigen_is_promised(
    level: float, kept: str
) -> None:
    found = some_runs(level, 0.0, units=1)
    for task, run in some_runs(0.0, 6.0, units=10).items():
        if task.method == "random":
            found[replace(task, method="blendsearch")] = run
    text = page(a_report(found, units=(1, 10)), "head", {})
    assert f"- {kept}: over all worlds, ours at 1 units has no more regret" in text


@pytest.mark.parametrize(("level", "kept"), [(1.0, "yes"), (9.0, "**NO**")])
def test_the_page_holds_our_median_against_its_limit(level: float, kept: str) -> None:
    found = some_runs(level - 3, level, units=10)
    text = page(a_report(found, units=(10,)), "head", {})
    assert f"- {kept}: median regret is at most 3 points at 10 units" in text


@pytest.mark.parametrize(
    ("points", "said"),
    [(200, "of 200 paid points or more: small"), (199, "of fewer: small")],
)
@pytest.mark.parametrize(("level", "kept"), [(0.5, "yes"), (9.0, "**NO**")])
def test_a_share_of_few_points_is_said_to_be_one(
    points: int, said: str, level: float, kept: str
) -> None:
    found = some_runs(level - 3, level, units=1) | some_runs(
        level - 3.5, level, units=0.5
    )
    text = page(a_report(found, units=(0.5, 1), points=points), "head", {})
    lines = [
        line
        for line in text.splitlines()
        if "of the dollars of exhausting on tables" in line
    ]
    assert len(lines) == 1
    assert lines[0].startswith(f"- {kept}: ")
    assert f"{said} " in lines[0]
    assert f"({points})" in lines[0]
    assert f"| Simulated: small | {points} | " in text


def test_worlds_are_shown_together_by_origin_and_alone() -> None:
    found = some_runs(1.0, 3.0) | some_runs(1.0, 0.0, world="table")
    report = a_report(found, recorded=("table",))
    assert set(report.groups()) == {"All worlds", "Simulated: small", "Recorded: table"}
    assert report.mean_regret(report.everything, "tune", "read", 3) == pytest.approx(
        4.05
    )
    two = replace(report, simulated=["small", "more"])
    assert two.groups()["All simulated worlds"] == ["small", "more"]


def test_unspent_money_and_the_share_close_to_the_best_are_shown() -> None:
    found = some_runs(0.5, 9.0) | some_runs(0.5, 9.0, world="table")
    text = page(a_report(found, recorded=("table",)), "head", {})
    ours = [line for line in text.splitlines() if line.startswith("| tune | ")]
    assert any("| 33 % | 10 % |" in line for line in ours)


def test_a_choice_beyond_the_limit_counts_against_us_and_not_in_the_regret() -> None:
    found = some_runs(1.0, 3.0)
    for seed in range(4):
        found[Task("small", "tune", "read", 3, seed, "limited")] = a_run(
            2.0 if seed else -50.0, feasible=seed > 0
        )
    text = page(a_report(found), "head", {})
    assert "keeps it in truth in at least 95 % of runs (all worlds): 75 %" in text
    assert "| Simulated: small | tune | 75 %, 2.0 [2.0, 2.0] |" in text


def test_other_goals_have_tables_of_their_own() -> None:
    found = some_runs(1.0, 3.0)
    for seed in range(4):
        for method, more in (("tune", 0.0), ("random", 0.5)):
            cheapest = Task("small", method, "read", 3, seed, "cheapest")
            found[cheapest] = a_run(0.0, feasible=seed > 0, excess=more)
            found[replace(cheapest, setting="frontier")] = a_run(1 + more + seed)
    text = page(a_report(found), "head", {})
    assert "| Simulated: small | random points | 75 %, +50 % |" in text
    assert "| Simulated: small | random points | 3.0 | 0.5 [0.5, 0.5]" in text


def test_the_page_shows_what_a_part_brings_and_keeps_it_out_of_the_comparison() -> None:
    found = some_runs(1.0, 3.0)
    assert "## What each part brings" not in page(a_report(found), "head", {})
    for seed in range(6):
        found[Task("small", "part", "read", 3, seed)] = a_run(
            4.0 + 3 * (seed % 3) + 0.1 * (seed % 2)
        )
    text = page(a_report(found), "head", {})
    assert (
        "3.0 [3.0, 3.0], ours clearly better"
        in text.split("## What each part brings")[1]
    )
    assert "part" not in a_report(found).methods("read")


def test_the_page_says_which_rival_had_fewer_seeds_and_leaves_empty_what_it_was_not_given() -> (
    None
):
    found = some_runs(1.0, 3.0, units=3) | some_runs(1.0, 3.0, units=10)
    text = page(a_report(found, units=(3, 10)), "head", {})
    assert "seeds)" not in text
    fewer = {
        t: r
        for t, r in found.items()
        if t.method == "tune" or (t.seed < 2 and t.units == 3)
    }
    text = page(a_report(fewer, units=(3, 10)), "head", {})
    assert "| random points (2 seeds) | 4." in text
    more = fewer | some_runs(1.0, 3.0, world="table")
    del more[Task("table", "random", "read", 3, 0)]
    some = {t: r for t, r in more.items() if (t.world, t.method) != ("table", "random")}
    shown = page(a_report(some, units=(3,), recorded=("table",)), "head", {})
    assert "| random points (2 seeds, 1 of 2 worlds) | 4." in shown
    row = next(
        line
        for line in text.splitlines()
        if line.startswith("| random points (2 seeds)")
    )
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert [cell == "" for cell in cells] == [False, False, True, False, True]
    assert "nan" not in text.split("## Where we lose")[0]


def test_slow_steps_are_no_secret() -> None:
    found = some_runs(1.0, 3.0)
    found[Task("small", "tune", "read", 3, 0)] = a_run(worst_seconds=0.7)
    assert "- **NO**: our own computing takes less than 50 ms" in page(
        a_report(found), "head", {}
    )


def test_a_plot_of_a_report_has_a_panel_for_each_group() -> None:
    found = some_runs(1.0, 3.0) | some_runs(1.0, 0.0, world="table")
    said = draw(a_report(found, recorded=("table",)), "read")
    assert said.count("<polyline") == 6
    assert "Simulated: small" in said


# --- the command


def some_plan(*methods: str, runs: int, few: int = 1, worlds: int = 2) -> list[Task]:
    names = ["small", "table"][:worlds]
    return search.plan(
        methods, names, [1, 3, 10], 5, search.Size(runs, few, halves=True)
    )


def test_a_plan_is_even_seed_by_seed_and_runs_both_kinds() -> None:
    tasks = some_plan("tune", "random", "tpe", runs=2)
    assert len(tasks) == len(set(tasks))
    assert [task.seed for task in tasks] == sorted(task.seed for task in tasks)
    plain = [task for task in tasks if task.method == "random"]
    # Recorded tables have twice as many seeds.
    assert len(plain) == (2 + 4) * 2 * 3
    assert {task.setting for task in plain} == {"plain"}
    assert min(task.seed for task in tasks) == 5


def test_other_goals_are_searched_with_few_seeds_and_at_the_middle_budgets() -> None:
    tasks = some_plan("tune", "tpe", "random", runs=3, few=2)
    more = [task for task in tasks if task.setting not in ("plain", "halves")]
    assert {(task.method, task.setting, task.units) for task in more} == {
        (method, setting, units)
        for method in ("tune", "tpe")
        for setting in search_runs.COST_SETTINGS
        for units in (3, 10)
    }
    assert {task.seed for task in more} == {5, 6}
    halves_ = [task for task in tasks if task.setting == "halves"]
    assert {task.seed for task in halves_} == {5, 6}
    brief = search.plan(["tune"], ["small"], [3], 0, search.BRIEF)
    assert "halves" not in {task.setting for task in brief}


def test_parts_are_taken_out_in_some_seeds_of_families_at_the_middle_budgets() -> None:
    tasks = some_plan("tune", "unpaired", runs=search.APART + 2)
    parts = [task for task in tasks if task.method == "unpaired"]
    assert {(task.world, task.kind, task.units) for task in parts} == {
        ("small", "read", 3),
        ("small", "read", 10),
    }
    assert {task.seed for task in parts} == set(range(5, 5 + search.APART))


def test_a_slow_rival_is_run_with_few_seeds_and_at_the_middle_budgets() -> None:
    slow = some_plan("smac", runs=4, few=3, worlds=1)
    assert {task.seed for task in slow} == {5, 6, 7}
    assert {(task.kind, task.units) for task in slow} == {
        ("read", 3),
        ("read", 10),
        ("paid", 3),
        ("paid", 10),
    }


def test_a_search_that_is_the_same_as_another_is_left_out() -> None:
    tasks = [
        Task(world, "tune", kind, 3, 0, setting)
        for world in ("small", "flat")
        for kind in ("read", "paid")
        for setting in ("plain", "frontier")
    ]
    left = search.differing(tasks, Kept(None))
    assert {task.kind for task in left if task.world == "small"} == {"read", "paid"}
    assert {task.kind for task in left if task.world == "flat"} == {"read"}


def test_a_rival_without_its_package_is_left_out_in_a_line_but_for_the_runs_that_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        EVERY, "smac", replace(METHODS["smac"], needs="a_package_that_nobody_has")
    )
    kept = Kept(tmp_path / "runs.jsonl")
    first, *others = some_plan("smac", runs=2, few=2, worlds=1)
    grid = Task("small", "grid", "read", 3, 0)
    kept.add(first.key(EVERY["smac"].version), a_run())
    assert search.possible([first, grid, *others], kept) == [first, grid]
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        f"{len(others)} searches by SMAC3 are left out: the package a_package_that_nobody_has is "
        "not installed;"
        " uv run --group benchmarks has it"
    ]
    assert search.possible([first, grid], kept) == [first, grid]
    assert capsys.readouterr().err == ""


def test_the_command_writes_the_page_and_its_plots_and_keeps_the_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "--short",
        "--runs",
        "1",
        "--units",
        "1",
        "2",
        "--methods",
        "random",
        "--worlds",
        "small",
        "table",
        "--jobs",
        "1",
    ]
    command += [
        "--cache",
        str(tmp_path / "kept" / "runs.jsonl"),
        "--out",
        str(tmp_path / "new" / "page.md"),
        "--quiet",
    ]
    search.main(command)
    text = (tmp_path / "new" / "page.md").read_text()
    assert capsys.readouterr().out == text + "\n"
    assert "### Simulated: small" in text
    assert "### Recorded: table" in text
    assert "| random, full passes |" in text
    for kind in ("read", "paid"):
        ElementTree.parse(tmp_path / "new" / f"page-{kind}.svg")
    kept = (tmp_path / "kept" / "runs.jsonl").read_text()
    search.main(command)
    assert (tmp_path / "kept" / "runs.jsonl").read_text() == kept


def test_runs_can_be_made_ahead_of_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.jsonl"
    command = [
        "--runs",
        "1",
        "--units",
        "1",
        "--methods",
        "grid",
        "--worlds",
        "small",
        "--jobs",
        "1",
        "--only-run",
    ]
    search.main(
        [*command, "--cache", str(path), "--out", str(tmp_path / "page.md"), "--quiet"]
    )
    assert capsys.readouterr().out == ""
    assert len(path.read_text().splitlines()) == 2
    assert not (tmp_path / "page.md").exists()
    with pytest.raises(SystemExit):
        search.main(["--runs", "0"])


def test_the_command_on_a_page_names_no_folder_of_this_machine() -> None:
    given = ["--short", "--table", "/home/me/t.csv", "--cache", "/tmp/c", "--runs", "3"]
    assert search.shown([*given, "--out", "x.md", "--only-kept"]) == (
        "uv run python -m benchmarks.search --short --table t.csv --runs 3"
    )


def test_a_page_can_be_made_of_the_runs_that_are_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "runs.jsonl")
    for method, seed in (("tune", 0), ("grid", 0), ("grid", 1)):
        task = Task("small", method, "read", 3, seed)
        kept.add(task.key(EVERY[method].version), a_run(1 + seed))
    command = ["--only-kept", "--runs", "2", "--units", "3", "--worlds", "small"]
    command += ["--methods", "grid", "--quiet", "--cache", str(tmp_path / "runs.jsonl")]
    command += ["--out", str(tmp_path / "page.md")]
    search.main(command)
    text = (tmp_path / "page.md").read_text()
    # Where ours was not run, there is no pair.
    assert ", 2 searches, " in text
    assert "| grid, full passes | 1.0 |" in text
    with pytest.raises(SystemExit) as end:
        search.main([*command, "--cache", str(tmp_path / "none.jsonl")])
    assert end.value.code == 2


def test_ours_comes_first_and_no_two_methods_have_one_name() -> None:
    assert next(iter(EVERY)) == next(iter(OURS))
    assert len(EVERY) == len(OURS) + len(METHODS) + len(ABLATIONS)
    assert {*search.BESIDE, *search.SHORT, *search.SLOW} <= set(METHODS)
    assert set(search.BESIDE) <= set(search.SHORT)
