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

from benchmarks.rivals.methods import METHODS
from benchmarks.search import __main__ as search
from benchmarks.search import runs as search_runs
from benchmarks.search.numbers import (
    Interval,
    behind,
    dollars_within,
    mean,
    median,
    regrets,
    runs,
)
from benchmarks.search.ours import ABLATIONS, EVERY, OURS
from benchmarks.search.page import Report, draw, page
from benchmarks.search.plot import plot
from benchmarks.search.runs import (
    Found,
    Kept,
    Run,
    Task,
    configs,
    halves,
    play,
    regret,
    run_all,
    timed,
    tuning,
    world_of,
)
from benchmarks.worlds.worlds import Family, World, simulated

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

FLAT = replace(SMALL, name="flat", caps=(48,), ns=(1,))
"""Nothing can be read off its draws."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One small family, and one small world that counts as recorded."""
    made = {
        "small": lambda seed: simulated(SMALL, seed, examples=90, draws=6),
        "flat": lambda seed: simulated(FLAT, seed, examples=90, draws=6),
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
    setting=st.sampled_from(["plain", "limited", "halves"]),
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
    assert regret(world, best) == 0
    assert regret(world, worst) == pytest.approx(100 * (worths[best] - worths[worst]))
    assert regret(world, None) == pytest.approx(
        100 * (worths[best] - np.mean(list(worths.values())))
    )


def test_under_a_limit_regret_is_against_the_best_config_that_keeps_it() -> None:
    world = world_of("small", 0)
    limit = world.middle_cost()
    kept = [config for config in configs(world) if world.cost(config) <= limit]
    best = max(kept, key=world.worth)
    assert len(kept) < len(configs(world))
    assert regret(world, best, limit) == 0


def test_the_halves_are_apart_and_the_truth_is_that_of_the_other_half() -> None:
    tuned, judged = halves(90, 5)
    assert sorted([*tuned, *judged]) == list(range(90))
    assert not np.array_equal(halves(90, 6)[0], tuned)
    world = world_of("small", 0)
    config = configs(world)[3]
    most = max(float(world.worths(other)[judged].mean()) for other in configs(world))
    assert regret(world, config, judged=judged) == pytest.approx(
        100 * (most - float(world.worths(config)[judged].mean()))
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
    points: int = 200,
) -> Report:
    labels = {"tune": "tune", "random": "random points", "part": "tune without a part"}
    return Report(
        found=found,
        simulated=["small"],
        recorded=recorded,
        outside=outside,
        ours="tune",
        labels=labels,
        ablations=["part"],
        units=units,
        exhausting=lambda task: 100.0,
        points=dict.fromkeys(("small", *recorded, *outside), points),
    )


def test_the_page_says_where_we_win() -> None:
    text = page(a_report(some_runs(1.0, 3.0)), "head", {"read": "plot.svg"})
    assert (
        "- yes: over all simulated worlds at 3 units, ours has clearly less regret than each rival"
        in text
    )
    assert "2.0 [2.0, 2.0], ours clearly better" in text
    assert "## Where we lose" in text
    assert "Nowhere." in text
    assert "![Median regret against units](plot.svg)" in text


def test_the_page_says_plainly_where_we_lose() -> None:
    text = page(a_report(some_runs(3.0, 1.0)), "head", {})
    assert "- **NO**: over all simulated worlds at 3 units" in text
    assert "- **NO**: on no table and at no budget is a rival clearly better" in text
    assert "- **clearly**: random points, Simulated: small, 3 units" in text
    assert "**ours clearly worse**" in text


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
    assert f"| small | {points} | " in text


def test_simulated_and_recorded_worlds_are_never_in_one_number() -> None:
    found = some_runs(1.0, 3.0) | some_runs(1.0, 0.0, world="table")
    report = a_report(found, recorded=("table",))
    assert set(report.groups()) == {"Simulated: small", "Recorded: table"}
    text = page(report, "head", {})
    assert "- yes: over all simulated worlds at 3 units" in text
    assert "- **NO**: over all recorded worlds at 3 units" in text
    two = replace(report, simulated=["small", "more"])
    assert two.groups()["All simulated worlds"] == ["small", "more"]


def test_a_choice_beyond_the_limit_counts_against_us_and_not_in_the_regret() -> None:
    found = some_runs(1.0, 3.0)
    for seed in range(4):
        found[Task("small", "tune", "read", 3, seed, "limited")] = a_run(
            2.0 if seed else -50.0, feasible=seed > 0
        )
    text = page(a_report(found), "head", {})
    assert "keeps it in truth in at least 95 % of runs (simulated): 75 %" in text
    assert "| Simulated: small | tune | 75 %, 2.0 [2.0, 2.0] |" in text


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
    (row,) = {
        line
        for line in text.splitlines()
        if line.startswith("| random points (2 seeds)")
    }
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
    assert said.count("<polyline") == 4
    assert "Simulated: small" in said


# --- the command


def test_a_plan_is_even_seed_by_seed_and_runs_both_kinds() -> None:
    tasks = search.plan(
        ["tune", "random", "tpe"], ["small", "table"], [3, 10], range(2)
    )
    assert len(tasks) == len(set(tasks))
    assert [task.seed for task in tasks] == sorted(task.seed for task in tasks)
    plain = [task for task in tasks if task.method == "random"]
    assert len(plain) == (2 + 4) * 2 * 2
    assert {task.setting for task in plain} == {"plain"}
    assert {task.setting for task in tasks if task.method == "tpe"} == {
        "plain",
        "limited",
        "halves",
    }
    reach = {
        task.units
        for task in tasks
        if task.method == "tune" and task.setting == "plain" and task.kind == "read"
    }
    assert reach == {3, 10, *search.REACH}


def test_recorded_tables_have_twice_the_seeds_and_no_more_of_what_has_few() -> None:
    tasks = search.plan(
        ["tune", "tpe"], ["small", "table"], [3, 10], range(5, 5 + search.FEW)
    )
    for name, seeds in (
        ("small", range(5, 5 + search.FEW)),
        ("table", range(5, 5 + 2 * search.FEW)),
    ):
        for method in ("tune", "tpe"):
            mine = [
                task
                for task in tasks
                if (task.world, task.method, task.setting) == (name, method, "plain")
            ]
            assert {task.seed for task in mine} == set(seeds)
    beside = {
        task.seed
        for task in tasks
        if task.world == "table" and task.method == "tpe" and task.setting == "halves"
    }
    assert beside == set(range(5, 5 + search.FEW))


def test_parts_are_taken_out_in_some_seeds_of_simulated_worlds_at_the_first_two_budgets() -> (
    None
):
    family = next(iter(search.FAMILIES))
    tasks = search.plan(
        ["tune", "unpaired"],
        [family, "table"],
        [3, 10, 30],
        range(3, 3 + search.APART + 2),
    )
    parts = [task for task in tasks if task.method == "unpaired"]
    assert {(task.world, task.kind, task.units) for task in parts} == {
        (family, "read", 3),
        (family, "read", 10),
    }
    assert {task.seed for task in parts} == set(range(3, 3 + search.APART))


def test_a_slow_rival_is_run_with_few_seeds_and_at_the_first_two_budgets_only() -> None:
    tasks = search.plan(["tune", "smac"], ["small"], [3, 10, 30], range(search.FEW + 2))
    slow = [task for task in tasks if task.method == "smac"]
    assert len(slow) == search.FEW * 2 * 2
    assert {task.seed for task in slow} == set(range(search.FEW))
    assert {(task.kind, task.units) for task in slow} == {
        ("read", 3),
        ("read", 10),
        ("paid", 3),
        ("paid", 10),
    }


def test_a_rival_without_its_package_is_left_out_in_a_line_but_for_the_runs_that_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        EVERY, "smac", replace(METHODS["smac"], needs="a_package_that_nobody_has")
    )
    kept = Kept(tmp_path / "runs.jsonl")
    first, *others = search.plan(["smac"], ["small"], [3, 10], range(2))
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
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "REACH", (1.0,))
    command = [
        "--runs",
        "2",
        "--units",
        "2",
        "4",
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


def test_ours_comes_first_and_no_two_methods_have_one_name() -> None:
    assert next(iter(EVERY)) == next(iter(OURS))
    assert len(EVERY) == len(OURS) + len(METHODS) + len(ABLATIONS)
    assert set(search.BESIDE) <= set(METHODS)
