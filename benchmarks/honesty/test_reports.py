"""The parts of `benchmarks/honesty/` on reports: made-up worlds, recorded tables, and analyses of
the holdout.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.honesty import analyses as honesty_analyses
from benchmarks.honesty import reports as honesty_reports
from benchmarks.honesty import tables as honesty_tables
from benchmarks.honesty.reports import (
    CONFIGS,
    GROUP,
    TUNING,
    Hit,
    Study,
    Tally,
    answers,
)
from benchmarks.honesty.section import Biases
from benchmarks.honesty.tables import Half, Recorded
from benchmarks.worlds.recorded import save
from tune.pricing.prices import Price
from tune.stats.alpha_spending import analysis_confidence
from tune.stats.intervals import Interval


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def narrow(interval: Callable[..., Interval]) -> Callable[..., Interval]:
    """An interval of a fifth of the width: what a report would show that promises too much."""

    def made(*args: Any, **more: Any) -> Interval:
        found = interval(*args, **more)
        low, high = (
            found.mean + (end - found.mean) / 5 for end in (found.low, found.high)
        )
        return Interval(found.mean, low, high, found.n)

    return made


# --- made-up studies


@pytest.mark.parametrize("kind", honesty_reports.KINDS)
def test_configs_are_right_as_often_as_they_are_said_to_be(kind: str) -> None:
    truths = np.array([0.3, 0.6, 0.9])
    scores = answers(rng(), truths, 40_000, kind)
    assert scores.mean(axis=1) == pytest.approx(truths, abs=0.02)
    assert set(np.unique(scores)) == ({0, 0.5, 1} if kind == "graded" else {0, 1})


def test_examples_are_hard_for_all_and_groups_are_hard_together() -> None:
    truths = np.full(2, 0.5)
    first, second = answers(rng(), truths, 40_000, "0/1")
    assert np.corrcoef(first, second)[0, 1] > 0.2
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.03
    first, _ = answers(rng(), truths, 40_000, "grouped")
    rows = first.reshape(-1, GROUP)
    assert np.corrcoef(rows[:, 0], rows[:, 1])[0, 1] > 0.03
    assert abs(np.corrcoef(rows[:-1, 0], rows[1:, 0])[0, 1]) < 0.04


def test_the_choice_is_the_best_on_tuning_examples_and_nothing_else() -> None:
    found = honesty_reports.study(rng(), honesty_reports.some_truths(rng()), 20, "0/1")
    assert found.tuning.shape == (CONFIGS, TUNING)
    assert found.holdout.shape == (CONFIGS, 20)
    assert found.choice == found.tuning.mean(axis=1).argmax()


def tally(runs: int = 60, size: int = 40) -> Tally:
    found, luck = Tally(), rng(3)
    for _ in range(runs):
        truths = honesty_reports.some_truths(luck)
        found.add(honesty_reports.study(luck, truths, size, "0/1"), truths)
    return found


def test_the_intervals_of_a_report_cover_and_its_tuning_score_is_too_high() -> None:
    found = tally()
    assert found.coverage >= 0.9
    assert 0.9 <= found.width <= 1.3
    assert found.bias.beyond_error < 1.0
    tuning = 100 * np.mean(found.bias, axis=0)[1]
    assert 3 < tuning < 12  # the best of 24 on 60 examples looks better than it is


def test_intervals_that_are_too_narrow_are_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("mean_interval", "difference_interval"):
        monkeypatch.setattr(
            honesty_reports, name, narrow(getattr(honesty_reports, name))
        )
    assert tally().coverage < 0.6


def test_a_report_of_the_tuning_score_is_found_out() -> None:
    found, luck = Tally(), rng(1)
    for _ in range(300):
        truths = honesty_reports.some_truths(luck)
        study = honesty_reports.study(luck, truths, 40, "0/1")
        found.add_bias(Study(study.tuning, study.tuning, study.choice), truths)
    assert found.bias.beyond_error > 3


def test_the_width_of_groups_is_held_against_a_sample_of_their_means() -> None:
    values = np.repeat([0.0, 1.0, 0.0, 1.0, 1.0], GROUP)
    assert honesty_reports.grouped(values, None) is values
    assert honesty_reports.grouped(values, [0]).tolist() == [0, 1, 0, 1, 1]


def test_an_interval_and_that_of_a_fixed_sample_are_held_against_one_truth() -> None:
    assert Hit.of(Interval(0.5, 0.4, 0.7, 9), (0.45, 0.55), 0.6) == (
        True,
        pytest.approx(0.3),
        False,
        pytest.approx(0.1),
    )
    rows = [Hit(True, 3.0, False, 1.0), Hit(False, 1.0, True, 1.0)]
    assert honesty_reports.covered(rows) == 0.5
    assert honesty_reports.compared(rows) == ["2.00", "50.0%"]


def test_equal_pairs_count_and_t_that_has_no_width_is_told_beside() -> None:
    scores = np.ones((2, 20))
    found = Tally()
    found.add(Study(scores, scores, 1), np.array([0.9, 0.95]))
    (gap,), (student,) = found.gap, found.student
    assert gap.held
    assert 0.2 < gap.fixed_width < 0.5
    assert (student.fixed_held, student.fixed_width) == (False, 0.0)
    assert len(tally(5).cells()) == len(honesty_reports.TALLY_HEADS)


def test_a_broken_promise_is_a_claim_that_does_not_hold() -> None:
    fine, wrong = [Hit(True, 1.0, True, 1.0)] * 9, [Hit(False, 2.0, True, 1.0)] * 9
    good = Tally(fine, fine, fine, Biases([(0.001, 0.05), (-0.001, 0.05)] * 5))
    kinds = {(kind, 20): good for kind in honesty_reports.KINDS}
    costs = {(0.3, 20): fine, (1.0, 20): fine}
    said = {("all as good", 20): (0.02, 0.02)}
    assert all(claim.holds for claim in honesty_reports.claims(kinds, costs, said, 10))
    wide = Tally(wrong, fine, fine, Biases([(0.02, 0.05)] * 5))
    kinds = {(kind, 20): wide for kind in honesty_reports.KINDS}
    costs = {(0.3, 20): wrong, (1.0, 20): wrong}
    said = {("all as good", 20): (0.06, 0.02)}
    assert not any(
        claim.holds for claim in honesty_reports.claims(kinds, costs, said, 10)
    )


def test_where_none_is_better_few_are_called_so_and_worse_ones_more_often_worse() -> (
    None
):
    said = honesty_reports.verdicts(rng(), 60)
    assert max(better for better, _ in said.values()) <= 0.1
    assert said["5 points worse", 160][1] > said["all as good as the baseline", 160][1]


def test_intervals_of_costs_are_looked_at_by_how_skewed_the_lengths_are() -> None:
    found = honesty_reports.costs(rng(), 8)
    assert {deviation for deviation, _ in found} == {0.3, 0.6, 1.0, 1.2}
    assert {len(rows) for rows in found.values()} == {8 * honesty_reports.COST_RUNS}
    assert honesty_reports.covered(found[0.3, 80]) > 0.85
    assert all(0.9 < honesty_reports.ratio(rows) < 2.1 for rows in found.values())


# --- recorded tables


def write_table(path: Path, *, priced: bool = True, examples: int = 40) -> None:
    """Two models, of which the larger is right more often, with two draws at a temperature and one
    at 0.
    """
    luck, rows = rng(7), []
    for model, right in (("small", 0.5), ("large", 0.8)):
        for temperature, draws in ((0.0, 1), (1.0, 2)):
            for example in range(examples):
                for draw in range(draws):
                    hit = bool(luck.random() < right)
                    rows.append(
                        {
                            "model": model,
                            "prompt": "ask",
                            "temperature": temperature,
                            "example": example,
                            "target": "yes",
                            "prompt_tokens": 20 + example % 3,
                            "max_tokens": 8,
                            "draw": draw,
                            "answer": "yes" if hit else "no",
                            "tokens": 2 + draw,
                            "finish": "stop",
                            "score": float(hit),
                        }
                    )
    prices = '{"small": {"input": 0.1, "output": 0.4}, "large": {"input": 1.0, "output": 4.0}}'
    save(path, rows, {"prices": prices} if priced else {})


@pytest.fixture
def table(tmp_path: Path) -> Recorded:
    write_table(tmp_path / "tiny.parquet")
    return honesty_tables.read_recorded(tmp_path / "tiny.parquet")


def test_a_table_is_read_as_numbers_and_its_one_draw_at_0_is_said_again(
    table: Recorded,
) -> None:
    assert table.name == "tiny"
    assert table.cells == (
        ("large", "ask", 0.0),
        ("large", "ask", 1.0),
        ("small", "ask", 0.0),
        ("small", "ask", 1.0),
    )
    assert table.scores.shape == table.tokens.shape == (4, 40, 2)
    assert (table.scores[0, :, 0] == table.scores[0, :, 1]).all()
    assert table.tokens[1, 0].tolist() == [2, 3]
    assert table.prompts[0, :3].tolist() == [20, 21, 22]
    assert table.prices == {"small": Price(0.1, 0.4), "large": Price(1.0, 4.0)}
    assert table.targets == ("yes",) * 40


def test_every_table_that_is_there_is_read() -> None:
    found = {table.name: table for table in honesty_tables.recorded()}
    assert "sst2-two-models" in found
    for table in found.values():
        assert np.isfinite(table.scores).all()
        assert table.scores.min() >= 0
        assert table.scores.max() <= 1


def test_a_study_on_a_table_takes_recorded_scores_and_knows_the_truth(
    table: Recorded,
) -> None:
    found, truths = honesty_tables.sampled(rng(), table, 25)
    assert found.tuning.shape == (4, honesty_tables.TUNING)
    assert found.holdout.shape == (4, 25)
    assert sorted(truths) == pytest.approx(sorted(table.worth.mean(axis=1)))
    many, luck = [], rng(1)
    for _ in range(400):
        found, truths = honesty_tables.sampled(luck, table, 25)
        many.append(found.holdout.mean(axis=1) - truths)
    assert (
        np.abs(np.mean(many, axis=0)).max() < 0.02
    )  # the first is the baseline, whichever that is


def test_an_interval_agrees_with_a_fresh_one_within_both_their_errors() -> None:
    fresh = Interval(0.5, 0.4, 0.6, 100)
    assert honesty_tables.agrees(Interval(0.55, 0.45, 0.65, 90), fresh)
    assert honesty_tables.agrees(
        Interval(0.62, 0.55, 0.70, 90), fresh
    )  # 0.12 off: 0.07 and 0.1 in quadrature
    assert not honesty_tables.agrees(Interval(0.65, 0.58, 0.71, 90), fresh)
    assert not honesty_tables.agrees(Interval(0.35, 0.29, 0.42, 90), fresh)


def test_of_two_intervals_those_arms_count_that_face_each_other() -> None:
    low, high = Interval(0.0, 0.0, 0.1, 30), Interval(0.12, 0.02, 0.2, 15)
    assert honesty_tables.agrees(low, high)
    assert honesty_tables.agrees(high, low)
    assert not honesty_tables.agrees(
        Interval(0.0, 0.0, 0.02, 30), Interval(0.12, 0.06, 0.9, 15)
    )
    assert not honesty_tables.agrees(
        Interval(0.12, 0.1, 0.9, 15), Interval(0.0, 0.0, 0.05, 30)
    )


def test_the_newcombe_interval_of_two_proportions_decides_as_in_his_table() -> None:
    """56 of 70 against 48 of 80: 0.2 [0.0524, 0.3339]; by Wilson's intervals (Newcombe 1998, method
    10).
    """
    ours, theirs = (
        Interval(56 / 70, 0.6918, 0.8777, 70),
        Interval(48 / 80, 0.4904, 0.7004, 80),
    )
    assert not honesty_tables.agrees(ours, theirs)
    lower = 0.2 - np.hypot(ours.mean - ours.low, theirs.high - theirs.mean)
    assert lower == pytest.approx(0.0524, abs=5e-4)
    assert honesty_tables.agrees(
        Interval(ours.mean - lower - 0.001, ours.low - lower - 0.001, 1.0, 70), theirs
    )


def test_halves_agree_and_the_tuning_score_is_too_high(table: Recorded) -> None:
    half = honesty_tables.halved(rng(), table, 150)
    assert half.examples == 40
    assert half.agreement > 0.9
    assert half.bias.beyond_error < 1.5
    assert np.mean(half.bias, axis=0)[1] > np.mean(half.bias, axis=0)[0]


def test_halves_find_intervals_that_are_too_narrow(
    table: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(scores: np.ndarray, **_: Any) -> Interval:
        mean = float(np.mean(scores))
        return Interval(mean, mean, mean, len(scores))

    monkeypatch.setattr(honesty_tables, "mean_interval", nothing)
    assert honesty_tables.halved(rng(), table, 150).agreement < 0.9


def test_swapped_scores_are_seldom_called_better_though_the_real_ones_are(
    table: Recorded,
) -> None:
    assert honesty_tables.false_better(rng(), table, 40, 150) <= 0.07


def test_a_broken_promise_on_tables_is_a_claim_that_does_not_hold() -> None:
    hit, miss = [Hit(True, 1.0, True, 1.0)], [Hit(False, 2.0, True, 1.0)]
    fine = {("t", 20): Tally(hit, hit, hit, Biases([(0.0, 0.1)]))}
    whole = {"t": Half(10, [True], [True], Biases([(0.0, 0.1)]))}
    assert all(
        claim.holds for claim in honesty_tables.claims(fine, {("t", 20): 0.0}, whole, 5)
    )
    bad = {("t", 20): Tally(miss, hit, hit, Biases([(0.1, 0.1)]))}
    torn = {"t": Half(10, [False], [True], Biases([(0.1, 0.1)]))}
    assert not any(
        claim.holds for claim in honesty_tables.claims(bad, {("t", 20): 0.2}, torn, 5)
    )


def test_the_part_on_tables_has_a_row_for_each_table_and_size(table: Recorded) -> None:
    section = honesty_tables.section(rng(), 5, [table])
    assert section.text.count("| tiny |") == len(honesty_tables.SIZES) + 1
    assert len(section.claims) == 5


# --- analyses of the holdout


def spent(number: int) -> float:
    return analysis_confidence(number)


def test_a_false_better_at_any_analysis_counts() -> None:
    flat = np.zeros((3, 400))
    late = flat.copy()
    late[1, 100:] = 1.0  # equal at first, then far better
    world = honesty_analyses.World(
        np.array([[0.0], [1.0], [0.0]]).repeat(200, axis=1), late
    )
    assert honesty_analyses.analyse(world, again=False, confidence=spent) == (
        True,
        True,
    )
    same = honesty_analyses.World(world.tuning, flat)
    assert honesty_analyses.analyse(same, again=False, confidence=spent) == (
        False,
        False,
    )


def test_a_choice_made_anew_may_change_and_one_that_stays_does_not() -> None:
    tuning = np.zeros((3, 200))
    tuning[1, :40], tuning[2, 40:] = (
        1.0,
        1.0,
    )  # the second looks best at first, the third later
    holdout = np.zeros((3, 400))
    holdout[2] = 1.0
    world = honesty_analyses.World(tuning, holdout)
    assert not honesty_analyses.analyse(world, again=False, confidence=spent).better
    assert honesty_analyses.analyse(world, again=True, confidence=spent).better


def test_more_certainty_is_wrong_less_often() -> None:
    make, luck = honesty_analyses.simulated("0/1"), rng(2)
    worlds = [make(luck) for _ in range(60)]
    missed = [
        sum(
            honesty_analyses.analyse(
                world, again=True, confidence=lambda _, c=sure: c
            ).missed
            for world in worlds
        )
        for sure in (0.7, 0.95, 0.999)
    ]
    assert missed[0] > missed[1] >= missed[2]
    assert missed[0] > 20


def test_a_shuffled_table_has_configs_that_are_all_as_good_and_examples_that_keep_their_scores(
    table: Recorded,
) -> None:
    luck, make = rng(4), honesty_analyses.replayed(table)
    means = np.mean([make(luck).holdout.mean(axis=1) for _ in range(100)], axis=0)
    assert np.ptp(means) < 0.03
    assert means.mean() == pytest.approx(table.worth.mean(), abs=0.02)


def test_the_part_on_analyses_has_two_rows_a_world(table: Recorded) -> None:
    section = honesty_analyses.section(rng(), 3, [table])
    assert (
        section.text.count("| selected again |") == section.text.count("| stays |") == 3
    )
    assert "96.00%" in section.text
    assert len(section.claims) == 2
