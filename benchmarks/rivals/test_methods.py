"""`benchmarks/rivals/`: every rival spends at one meter, within its budget, as its authors
published it.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.rivals.contest import Contest, best_of_all, best_of_most, best_reading
from benchmarks.rivals.full import (
    BLOCK,
    SHORT,
    TOP,
    ecooptigen,
    full,
    short_then_top,
    signed_rank,
    wilcoxon,
)
from benchmarks.rivals.methods import METHODS, Method
from benchmarks.rivals.models import Forest, Process, forest, gp, improvement
from benchmarks.rivals.racing import (
    ETA,
    elimination,
    hyperband,
    racing,
    successive_halving,
    ucb_e,
)
from benchmarks.rivals.smac import Ask, Asked, config_space
from benchmarks.worlds.simulated_ledger import SimulatedLedger
from benchmarks.worlds.worlds import Family, World, simulated
from tune.fakes import drive as driving
from tune.readout import Reading
from tune.readout.trial import Step
from tune.search import SEARCHERS
from tune.search.history import Observation
from tune.search.lattice import Lattice
from tune.space import FREE, Config, Point, Space
from tune.strategies import Outcome, Problem, Standing

EXAMPLES = 60

NEEDS_SMAC = pytest.mark.skipif(
    not METHODS["smac"].installed, reason="needs smac: uv run --group benchmarks"
)

QUICK = [name for name, method in METHODS.items() if not method.needs]
"""A search by any other takes seconds."""

NAMES = [*QUICK, pytest.param("smac", marks=NEEDS_SMAC)]

SMALL = Family(
    "small",
    {"cheap": (-0.5, 0.1, 0.4), "dear": (0.7, 0.6, 2.4)},
    prompts=3,
    temperatures=(0.0, 0.5, 1.0),
    kinds=3,
    lengths=(3, 20),
    caps=(8, 48),
    ns=(1, 3),
)


BROAD = replace(SMALL, prompts=8, temperatures=tuple(0.1 * i for i in range(9)))
"""With more points than most searches can begin."""


BROAD_WORLD = simulated(BROAD, 0, examples=EXAMPLES, draws=6)


@lru_cache(maxsize=4)
def world(seed: int = 0) -> World:
    return simulated(SMALL, seed, examples=EXAMPLES, draws=6)


def ledger(
    units: float,
    free: tuple[str, ...] = FREE,
    *,
    seed: int = 0,
    max_cost: float | None = None,
) -> SimulatedLedger:
    return SimulatedLedger(
        world(seed),
        free,
        units * world(seed).unit(EXAMPLES),
        seed,
        EXAMPLES,
        max_cost=max_cost,
    )


def broad(units: float) -> SimulatedLedger:
    return SimulatedLedger(
        BROAD_WORLD, FREE, units * BROAD_WORLD.unit(EXAMPLES), 0, EXAMPLES
    )


def play(method: Method, bank: SimulatedLedger) -> Reading | None:
    """Drive a method to its end; its choice."""
    dollars, problem = bank.left, bank.problem()
    bank.drive(
        method.strategy(
            problem, method.searcher(bank.world.space, bank.free, bank.seed), dollars
        )
    )
    assert method.choose is not None
    return method.choose(problem, bank.standings)


def drive(
    strategy: Any, bank: SimulatedLedger, *, most: bool = False, searcher: Any = None
) -> list[list[Step]]:
    """Drive a strategy on random points; the waves that it yielded."""
    waves: list[list[Step]] = []
    searcher = searcher or SEARCHERS["random"](bank.world.space, bank.free, bank.seed)

    def buy(steps: list[Step]) -> Outcome:
        waves.append(steps)
        return bank.buy(steps)

    driving.drive(strategy(bank.problem(), searcher, bank.left, most=most), buy)
    return waves


def met(bank: SimulatedLedger) -> list[int]:
    """Examples that each trial met, in the order of the trials."""
    return [bank.standings[trial].examples for trial in sorted(bank.standings)]


def mean_of(bank: SimulatedLedger, trial: int) -> float:
    reading = best_reading(bank.problem(), bank.standings[trial])
    assert reading is not None
    return float(reading.scores.mean())


# --- all of them


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
@settings(max_examples=12, deadline=None)
@example(
    units=0.25, free=(), seed=2, limited=True
)  # EcoOptiGen's first trial has two answers of three: no reading
@example(
    units=0.125, free=(), seed=2, limited=True
)  # CFO's longest trial has one answer of three, others are read
@given(
    units=st.floats(0.01, 12),
    free=st.sampled_from([FREE, ()]),
    seed=st.integers(0, 3),
    limited=st.booleans(),
)
def test_no_bill_exceeds_its_budget(
    name: str, units: float, free: tuple[str, ...], seed: int, limited: bool
) -> None:
    keeps_its_budget(name, units, free, seed, limited)


@NEEDS_SMAC
@pytest.mark.parametrize(
    ("units", "free", "limited"),
    [(0.01, FREE, False), (0.2, (), True), (3, FREE, True)],
)
def test_no_bill_of_smac_exceeds_its_budget(
    units: float, free: tuple[str, ...], limited: bool
) -> None:
    keeps_its_budget("smac", units, free, 1, limited)


def keeps_its_budget(
    name: str, units: float, free: tuple[str, ...], seed: int, limited: bool
) -> None:
    bank = ledger(
        units, free, seed=seed, max_cost=world(seed).middle_cost() if limited else None
    )
    dollars = bank.left
    reading = play(METHODS[name], bank)
    assert bank.left >= 0
    assert bank.spent + bank.left == pytest.approx(dollars)
    if reading is None:
        # A method that chooses among the trials that met the most examples has no choice where
        # these cannot be read.
        most = max(
            (standing.examples for standing in bank.standings.values()), default=0
        )
        leading = [
            standing
            for standing in bank.standings.values()
            if standing.examples == most
        ]
        assert not any(standing.readings for standing in leading)
    else:
        assert bank.standings[reading.trial].readings


PLENTY = {"smac": 12, "ucb_batches": 50}
"""Units of money that are plenty for a method: SMAC is slow, and pulls of 32 examples need more
where all 60 configurations are paid.
"""


@pytest.mark.slow
@pytest.mark.parametrize("free", [FREE, ()])
@pytest.mark.parametrize("name", NAMES)
def test_every_method_finds_something_good_with_plenty_of_money(
    name: str, free: tuple[str, ...]
) -> None:
    losses, middles = [], []
    for seed in range(4 if name in QUICK else 2):
        bank = ledger(PLENTY.get(name, 25), free, seed=seed)
        reading = play(METHODS[name], bank)
        assert reading is not None
        all_ = [
            world(seed).worth(c)
            for p in world(seed).space.points(FREE)
            for c in world(seed).readings(p)
        ]
        losses.append(world(seed).best() - world(seed).worth(reading.config))
        middles.append(world(seed).best() - float(np.median(all_)))
    assert np.mean(losses) < 0.6 * np.mean(middles)


@pytest.mark.parametrize("name", NAMES)
def test_a_method_does_the_same_again_with_the_same_seed(name: str) -> None:
    first, second = ledger(6, seed=1), ledger(6, seed=1)
    one, two = play(METHODS[name], first), play(METHODS[name], second)
    assert one is not None
    assert two is not None
    assert (one.config, first.spent) == (two.config, second.spent)


@pytest.mark.parametrize("name", NAMES)
def test_where_every_dimension_is_paid_exactly_n_draws_are_bought(name: str) -> None:
    bank = ledger(6, ())
    play(METHODS[name], bank)
    assert bank.trials
    for number, trial in bank.trials.items():
        assert set(trial.counts.tolist()) <= {0, bank.points[number]["n"]}


def test_every_method_of_the_field_is_there() -> None:
    assert list(METHODS) == [
        "random",
        "grid",
        "blendsearch",
        "cfo",
        "tpe",
        "wilcoxon",
        "short",
        "gp",
        "halving",
        "hyperband",
        "elimination",
        "ucb",
        "ucb_batches",
        "ucb_pulls",
        "ucb_lrf",
        "racing",
        "smac",
    ]
    assert len({method.label for method in METHODS.values()}) == len(METHODS)


# --- on all examples


@pytest.mark.parametrize("most", [False, True])
def test_a_full_pass_is_every_example_with_the_same_number_of_draws(most: bool) -> None:
    bank = ledger(8)
    drive(full, bank, most=most)
    assert len(bank.trials) > 2
    # Money may end in the first few examples of the very first trial only, when nobody knows what
    # they cost.
    assert set(met(bank)) == {EXAMPLES}
    drawn = {count for trial in bank.trials.values() for count in trial.counts.tolist()}
    assert drawn == {3 if most else 1} | (
        {1} if any(p["temperature"] == 0 for p in bank.points.values()) else set()
    )


def test_points_that_are_too_dear_are_passed_over_for_cheaper_ones() -> None:
    bank = ledger(0.8)
    drive(full, bank, most=True)
    counts = met(bank)
    # The first is begun before anybody knows what it costs; the last may have cost more than was
    # expected.
    assert counts[0] in (8, EXAMPLES)
    assert set(counts[1:-1]) == {EXAMPLES}
    assert {bank.points[trial]["model"] for trial in bank.points if trial} == {"cheap"}


def test_without_a_limit_on_cost_ecooptigen_prunes_nothing() -> None:
    pruned, whole = ledger(6), ledger(6)
    drive(ecooptigen, pruned, most=True)
    drive(full, whole, most=True)
    assert met(pruned) == met(whole)
    assert pruned.spent == whole.spent


def test_ecooptigen_stops_a_trial_that_is_too_dear_after_few_examples() -> None:
    limit = float(np.median([world().cost(Config(p)) for p in paid_points()]))
    bank = ledger(12, (), max_cost=limit)
    drive(ecooptigen, bank)
    costs = {k: world().cost(Config(p)) for k, p in bank.points.items()}
    dear = [k for k in bank.points if costs[k] > 1.5 * limit]
    fine = [k for k in bank.points if costs[k] < 0.9 * limit]
    assert dear
    assert fine
    assert max(bank.standings[k].examples for k in dear) < EXAMPLES
    assert {bank.standings[k].examples for k in fine} == {EXAMPLES}


def paid_points() -> list[Point]:
    return [p for p in world().space.points(()) if p["n"] == 1]


def test_ecooptigen_never_tries_a_larger_n_where_a_smaller_one_was_too_dear() -> None:
    points = {
        n: next(
            p for p in world().space.points(()) if p["n"] == n and p["model"] == "dear"
        )
        for n in (1, 3)
    }
    limit = 0.3 * world().cost(Config(points[1]))
    bank = ledger(12, (), max_cost=limit)
    ahead = iter([points[1], points[3]])
    drive(ecooptigen, bank, searcher=lambda history: next(ahead, None))
    assert met(bank) == [
        1
    ]  # one example was enough, and the second point is never begun


# --- fewer examples for what is no good


@pytest.mark.parametrize(
    ("gaps", "p"),
    # From scipy.stats.wilcoxon(gaps, alternative="less", zero_method="zsplit", method="approx").
    [
        ([-1, -1, 0, 1, -1, 0, 0, -1], 0.09696542614120535),
        ([0.5, -0.25, 0, -1, -1, -1, 0.25, 0, 0, -0.5], 0.08301541353139175),
        ([-1] * 10 + [0] * 10, 0.0014402156017720004),
        ([-3, 1, -2, -4, -5, 6, -7, -8], 0.06174263607227449),
        ([1, 1, -1, -1, 0], 0.5),
        ([0, 0, 0], 0.5),
    ],
)
def test_the_signed_rank_test_has_the_p_values_of_scipy(
    gaps: list[float], p: float
) -> None:
    assert signed_rank(np.array(gaps, dtype=float)) == pytest.approx(p)


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=2, max_size=40))
def test_the_signed_rank_test_is_fair_to_both_sides(gaps: list[float]) -> None:
    assert signed_rank(np.array(gaps)) + signed_rank(-np.array(gaps)) == pytest.approx(
        1
    )


def test_the_wilcoxon_pruner_stops_what_is_worse_than_the_best_and_nothing_else() -> (
    None
):
    bank = ledger(10)
    drive(wilcoxon, bank)
    counts = met(bank)
    whole = [k for k, count in enumerate(counts) if count == EXAMPLES]
    pruned = [
        k for k, count in enumerate(counts[:-1]) if count < EXAMPLES
    ]  # the last may lack money
    assert whole[0] == 0
    assert pruned
    assert all(counts[k] % BLOCK == 0 for k in pruned)
    for k in pruned:
        best = max((w for w in whole if w < k), key=lambda w: mean_of(bank, w))
        one, other = (
            best_reading(bank.problem(), bank.standings[trial]) for trial in (k, best)
        )
        assert one is not None
        assert other is not None
        assert one.scores.mean() < other.scores[: counts[k]].mean()


def test_the_short_trials_are_of_twenty_examples_and_the_best_five_of_them_meet_all() -> (
    None
):
    bank = broad(10)
    waves = drive(short_then_top, bank)
    counts = Counter(met(bank))
    assert set(counts) == {SHORT, EXAMPLES}
    assert 2 <= counts[EXAMPLES] <= TOP  # as far as the money that was set aside goes
    assert counts[SHORT] > 2 * TOP
    final = {
        step.trial for steps in waves for step in steps if max(step.examples) >= SHORT
    }
    short = {
        k: float(np.mean(reading.scores[:SHORT]))
        for k in bank.standings
        if (reading := best_reading(bank.problem(), bank.standings[k])) is not None
    }
    assert min(short[k] for k in final) >= sorted(short.values())[-TOP] - 0.1


# --- many points on few examples


def test_of_each_rung_of_a_halving_the_best_third_goes_on() -> None:
    bank = broad(4)
    waves = drive(successive_halving, bank)
    top = next(
        i
        for i, steps in enumerate(waves)
        if any(max(step.examples) + 1 == 7 for step in steps)
    )
    begun = {step.trial for steps in waves[:top] for step in steps}
    passed = {step.trial for step in waves[top]}
    assert len(begun) > 3 * ETA
    assert len(passed) == len(begun) // ETA
    assert {max(step.examples) + 1 for steps in waves[1:top] for step in steps} == {2}
    assert min(mean_at(bank, k, 2) for k in passed) >= np.median(
        [mean_at(bank, k, 2) for k in begun]
    )


def test_a_halving_ends_with_all_examples() -> None:
    bank = broad(4)
    drive(successive_halving, bank)
    there = [sum(count >= size for count in met(bank)) for size in (2, 7, 20, 60)]
    assert there == sorted(there, reverse=True)
    assert there[0] == len(bank.trials)
    assert there[-1] >= 1


def mean_at(bank: SimulatedLedger, trial: int, examples: int) -> float:
    reading = best_reading(bank.problem(), bank.standings[trial])
    assert reading is not None
    return float(np.mean(reading.scores[:examples]))


def test_hyperband_goes_from_many_points_on_few_examples_to_few_points_on_all() -> None:
    bank = broad(12)
    waves = drive(hyperband, bank)
    fresh: dict[int, int] = {}
    for steps in waves:
        for step in steps:
            fresh.setdefault(step.trial, max(step.examples) + 1)
    firsts = [fresh[k] for k in sorted(fresh)][
        1:
    ]  # the first trial meets a few to learn what calls cost
    assert firsts == sorted(firsts)
    assert set(firsts) == {2, 7, 20, 60}
    assert Counter(firsts)[2] > Counter(firsts)[60]


def test_elimination_drops_only_what_is_far_behind() -> None:
    bank = broad(15)
    drive(elimination, bank)
    counts = met(bank)
    assert len(set(counts)) > 1
    kept = [mean_of(bank, k) for k, count in enumerate(counts) if count == max(counts)]
    dropped = [
        mean_of(bank, k) for k, count in enumerate(counts) if count < max(counts) / 2
    ]
    assert dropped
    assert max(kept) > max(dropped)


def test_upper_confidence_bounds_spend_most_on_what_is_best() -> None:
    bank = broad(12)
    drive(ucb_e, bank)
    counts = np.array(met(bank))
    means = np.array([mean_of(bank, k) for k in sorted(bank.standings)])
    assert counts.min() >= 1
    assert (
        counts[means >= np.median(means)].mean()
        > 1.3 * counts[means < np.median(means)].mean()
    )


def test_an_incumbent_has_met_what_every_challenger_has() -> None:
    bank = broad(10)
    waves = drive(racing, bank)
    reached: Counter[int] = Counter()
    for steps in waves:
        for step in steps:
            reached[step.trial] = max(reached[step.trial], max(step.examples) + 1)
        newest = max(reached)
        assert reached[newest] <= max(reached.values())
    counts = met(bank)
    assert max(counts) > BLOCK
    assert counts.count(BLOCK) > counts.count(
        max(counts)
    )  # most challengers lose at once
    choice = best_of_most(bank.problem(), bank.standings)
    assert choice is not None
    assert bank.standings[choice.trial].examples == max(counts)


# --- SMAC3 itself


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Ask, float]]:
    """Collect the results that SMAC gets from now on, in order."""
    heard: list[tuple[Ask, float]] = []
    tell = Asked.tell
    monkeypatch.setattr(
        Asked,
        "tell",
        lambda self, ask, cost: heard.append((ask, cost)) or tell(self, ask, cost),
    )
    return heard


def test_without_its_package_a_method_says_that_it_cannot_be_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert METHODS["racing"].installed
    assert not replace(METHODS["racing"], needs="a_package_that_nobody_has").installed


@NEEDS_SMAC
def test_smac_is_told_how_bad_what_was_bought_is_on_the_block_that_it_asked_for(
    told: list[tuple[Ask, float]],
) -> None:
    bank = ledger(6)
    play(METHODS["smac"], bank)
    assert len(told) > 20
    assert len({(ask.point, ask.instance) for ask, _ in told}) == len(told)
    numbers = {point: number for number, point in bank.points.items()}
    parts = np.array_split(np.arange(EXAMPLES), 8)
    assert max(map(len, parts)) <= BLOCK
    for ask, cost in told:
        bought = bank.trials[numbers[ask.point]].counts
        assert (bought[parts[ask.instance]] > 0).all()
        # Of a point with one reading, nothing can have been another one's score.
        readings = [
            r
            for r in bank.standings[numbers[ask.point]].readings
            if r.config.n <= bought.max()
        ]
        scores = [
            dict(zip(r.examples, r.scores.tolist(), strict=True)) for r in readings
        ]
        means = [
            float(np.mean([row[i] for i in parts[ask.instance].tolist()]))
            for row in scores
        ]
        assert min(abs(1 - cost - mean) for mean in means) < 1e-9
    sizes = Counter[int]()
    for ask, _ in told:
        sizes[numbers[ask.point]] += len(parts[ask.instance])
    # The block that the money ended in may be bought in part, and is not told.
    assert sum(count != sizes[trial] for trial, count in enumerate(met(bank))) <= 1


@NEEDS_SMAC
@pytest.mark.parametrize("seed", range(2))
def test_the_choice_is_the_incumbent_of_smac(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Asked] = []
    begin = Asked.__init__
    monkeypatch.setattr(
        Asked,
        "__init__",
        lambda self, problem: made.append(self) or begin(self, problem),
    )
    bank = ledger(5, (), seed=seed)
    reading = play(METHODS["smac"], bank)
    incumbent = made[0]._facade.intensifier.get_incumbent()
    point = Lattice(bank.world.space, ()).point(
        {key: int(number) for key, number in dict(incumbent).items()}
    )
    assert reading is not None
    assert bank.points[reading.trial] == point


@NEEDS_SMAC
def test_challengers_of_smac_meet_only_blocks_that_some_incumbent_has_met(
    told: list[tuple[Ask, float]],
) -> None:
    bank = broad(4)
    play(METHODS["smac"], bank)
    blocks: dict[Point, set[int]] = {}
    for ask, _ in told:
        own = blocks.setdefault(ask.point, set())
        others = [there for point, there in blocks.items() if point != ask.point]
        widest = max(map(len, others), default=0)
        assert len(own) >= widest or any(ask.instance in there for there in others)
        own.add(ask.instance)
    sizes = sorted(map(len, blocks.values()))
    assert sizes[-1] > 2
    assert sizes.count(1) > len(sizes) / 3  # many challengers lose at once


@NEEDS_SMAC
def test_what_the_money_left_does_not_pay_for_is_passed_over_and_never_told(
    told: list[tuple[Ask, float]],
) -> None:
    bank = ledger(0.5)
    play(METHODS["smac"], bank)
    models = [ask.point["model"] for ask, _ in told]
    assert models.count("cheap") > models.count("dear")
    assert bank.left < 0.4 * (bank.spent + bank.left)


@NEEDS_SMAC
def test_smac_leaves_no_file_and_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "scratch").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    level = logging.getLogger("smac").level
    play(METHODS["smac"], ledger(12))  # until it has no other point, which it would say
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["here", "scratch"]
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("smac").level == level


@NEEDS_SMAC
def test_smac_does_the_same_in_a_process_that_hashes_texts_otherwise() -> None:
    root = Path(__file__).parent.parent.parent
    said = """
from benchmarks.rivals import test_methods as t
bank = t.ledger(4, (), seed=1)
reading = t.play(t.METHODS["smac"], bank)
print(reading.config.key, bank.spent, [t.met(bank)])
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", said],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1] != ""


@NEEDS_SMAC
def test_smac_asks_for_a_setting_with_those_models_only_that_have_it() -> None:
    space = Space(
        model=["plain", "thinker"],
        prompt={"p": "{text}", "q": "{text}?"},
        n=[1],
        aggregate=["first"],
        temperature=[0.0, 0.5, 1.0],
        max_tokens=[16],
        when={"thinker": {"temperature": []}},
    )
    lattice = Lattice(space, FREE)
    made = config_space(lattice)
    made.seed(0)
    drawn = made.sample_configuration(200)
    thinking = lattice.models.index("thinker")
    assert {
        "temperature" in dict(config) for config in drawn if config["model"] == thinking
    } == {False}
    assert {
        "temperature" in dict(config) for config in drawn if config["model"] != thinking
    } == {True}
    points = {
        lattice.point({key: int(number) for key, number in dict(config).items()})
        for config in drawn
    }
    assert points == set(space.points(FREE))


# --- the final choice


def standing(trial: int, scores: Sequence[float], cost: float = 1.0) -> Standing:
    point = world().space.point_of(
        {"model": "cheap", "prompt": "p0", "temperature": 0.5}
    )
    config = world().readings(point)[trial]
    size = len(scores)
    reading = Reading(
        config=config,
        trial=trial,
        examples=tuple(range(size)),
        scores=np.array(scores),
        variances=np.full(size, np.nan),
        costs=np.full(size, cost),
        seconds=np.ones(size),
        approximate=False,
    )
    return Standing(trial, point, size, (reading,), failed=False, spent_per_draw=cost)


def problem(max_cost: float | None = None) -> Problem:
    return ledger(1, max_cost=max_cost).problem()


def test_the_highest_fidelity_decides_or_every_trial_does() -> None:
    there = {
        0: standing(0, [1.0, 1.0]),
        1: standing(1, [1.0, 0.0, 1.0]),
        2: standing(2, [0.0, 0.0, 1.0]),
    }
    most, all_ = best_of_most(problem(), there), best_of_all(problem(), there)
    assert (most and most.trial, all_ and all_.trial) == (1, 0)
    assert best_of_most(problem(), {}) is None


def test_a_choice_keeps_the_limit_on_cost_where_any_does() -> None:
    there = {0: standing(0, [1.0, 1.0], cost=3.0), 1: standing(1, [0.0, 1.0], cost=1.0)}
    for limit, trial in ((2.0, 1), (5.0, 0), (0.5, 1)):
        choice = best_of_all(problem(limit), there)
        assert choice is not None
        assert choice.trial == trial


def test_a_searcher_is_told_less_of_what_breaks_the_limit() -> None:
    contest = Contest(problem(2.0), lambda history: None, 1.0, most=False)
    state = contest.race.add(standing(0, [1.0]).point)
    contest.race.standings[state.trial] = standing(0, [1.0, 0.5], cost=4.0)
    assert contest.mean(state) == pytest.approx(0.75 / 2)
    contest.tell([state])
    contest.tell([state])
    assert contest.race.history == [Observation(state.point, pytest.approx(0.375), 4.0)]


# --- their searchers

WIDE = Space(
    model=["a", "b", "c"],
    prompt=dict.fromkeys(("p", "q", "r", "s"), "{text}"),
    temperature=[round(0.1 * i, 1) for i in range(13)],
    n=[1],
    aggregate=["first"],
    max_tokens=[16],
)


def value(point: Point) -> float:
    """Best for model b with prompt r, at a temperature of 0.4."""
    away = float(point["temperature"]) - 0.4  # type: ignore[arg-type]
    return (
        0.2
        + 0.3 * (point["model"] == "b")
        + 0.2 * (point["prompt"] == "r")
        - 0.3 * away**2
    )


@pytest.mark.parametrize("searcher", [gp, forest])
def test_a_model_leads_to_the_best_sooner_than_chance(searcher: Any) -> None:
    def after(make: Any, seed: int) -> float:
        ask, history = make(WIDE, FREE, seed), list[Observation]()
        for _ in range(35):
            point = ask(history)
            assert point not in {telling.point for telling in history}
            history.append(Observation(point, value(point), 1.0))
        return max(telling.score for telling in history)

    led = [after(searcher, seed) for seed in range(5)]
    dealt = [after(SEARCHERS["random"], seed) for seed in range(5)]
    assert np.mean(led) > np.mean(dealt)
    assert np.mean(led) > 0.685


@pytest.mark.parametrize("searcher", [gp, forest])
def test_a_failed_trial_teaches_a_model_nothing_but_is_not_proposed_again(
    searcher: Any,
) -> None:
    ask, history = searcher(WIDE, FREE, 0), list[Observation]()
    for i in range(30):
        point = ask(history)
        assert point not in {telling.point for telling in history}
        history.append(
            Observation(
                point, float("nan") if i % 2 else 0.5, float("nan") if i % 2 else 1.0
            )
        )


def test_a_process_goes_through_what_it_saw_and_doubts_what_it_did_not() -> None:
    rows = np.linspace(0, 1, 12)[:, None]
    values = np.sin(5 * rows[:, 0])
    mean, deviation = Process([[0]]).predict(
        rows, values, np.vstack([rows, [[0.5]], [[3.0]]])
    )
    assert mean[:12] == pytest.approx(values, abs=0.1)
    assert mean[12] == pytest.approx(np.sin(2.5), abs=0.1)
    assert deviation[13] > 3 * deviation[12]


def test_a_forest_learns_a_step() -> None:
    rows = np.random.default_rng(0).random((120, 3))
    values = np.where(rows[:, 1] > 0.5, 1.0, 0.0)
    mean, deviation = Forest(0).predict(
        rows, values, np.array([[0.5, 0.9, 0.5], [0.5, 0.1, 0.5]])
    )
    assert mean == pytest.approx([1.0, 0.0], abs=0.15)
    assert (deviation < 0.5).all()


@given(st.floats(-2, 2), st.floats(0.1, 2), st.floats(-2, 2))
def test_the_expected_improvement_is_the_mean_of_what_is_above_the_best(
    mean: float, deviation: float, best: float
) -> None:
    grid = np.linspace(-8, 8, 4001)
    density = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
    expected = (np.maximum(0, mean + deviation * grid - best) * density).sum() * (
        grid[1] - grid[0]
    )
    found = improvement(np.array([mean]), np.array([deviation]), best)
    assert found[0] == pytest.approx(expected, abs=1e-4)
