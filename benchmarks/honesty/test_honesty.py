"""`benchmarks/honesty/`: the page it writes, and the part on `tune check`."""

from __future__ import annotations

import itertools
import math
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.honesty import __main__ as honesty
from benchmarks.honesty import check as honesty_check
from benchmarks.honesty.check import ALPHA, ENDS, MARGIN, MOST, Held, Row
from benchmarks.honesty.fixed_size import (
    Spread,
    binomial_size,
    exact_power,
    mean_power,
    mean_size,
    upper_limit,
    z_error,
)
from benchmarks.honesty.section import (
    Biases,
    Claim,
    Section,
    fixed,
    sampling_error,
    student,
    tabled,
    tango,
    wilson,
)
from tune.followup.check.run import BLOCK
from tune.stats.confidence_sequences import next_block_size


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- the page


def test_the_page_says_yes_or_no_of_every_claim_before_the_tables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = {
        "check": Section((Claim("kept", True), Claim("broken", False)), "## One"),
        "analyses": Section((), "## Two"),
    }
    monkeypatch.setattr(honesty, "make", lambda part, seed, runs: parts[part])
    page = honesty.page(3, 10, ["check", "analyses"])
    assert "- yes: kept\n- **NO**: broken\n" in page
    assert page.index("broken") < page.index("## One") < page.index("## Two")
    assert "--runs 10 --seed 3" in page


def test_what_is_to_be_said_beneath_the_claims_stands_between_them_and_the_tables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = {
        "check": Section((Claim("kept", True),), "## One", "In plain words."),
        "analyses": Section((), "## Two"),
    }
    monkeypatch.setattr(honesty, "make", lambda part, seed, runs: parts[part])
    assert "- yes: kept\n\nIn plain words.\n\n## One\n\n## Two\n" in honesty.page(
        0, 10, ["check", "analyses"]
    )


def test_the_command_writes_the_parts_that_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(honesty_check, "DRAWS", 20_000)
    monkeypatch.setattr(honesty_check, "SHOWN_DRAWS", 10_000)
    honesty.main(
        ["--runs", "4", "--only", "check", "--out", str(tmp_path / "new" / "page.md")]
    )
    written = (tmp_path / "new" / "page.md").read_text()
    assert capsys.readouterr().out == written + "\n"
    assert "## `tune check`" in written
    assert "## On recorded tables" not in written


def test_a_part_says_the_same_whatever_other_parts_are_made() -> None:
    alone, again = (honesty.make("reports", 1, 2) for _ in range(2))
    assert alone == again
    assert honesty.make("reports", 2, 2) != alone


def test_a_table_has_a_line_for_its_heads_one_below_and_one_a_row() -> None:
    assert (
        tabled(("a", "b"), [["1", "2"], ["3", "4"]])
        == "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |"
    )


def test_the_sampling_error_is_three_standard_errors_of_a_share() -> None:
    assert sampling_error(0.5, 100) == pytest.approx(0.15)
    assert sampling_error(0.05, 4000) < sampling_error(0.05, 1000)


def width(limits: tuple[float, float]) -> float:
    return limits[1] - limits[0]


def test_the_intervals_of_a_fixed_sample_are_those_of_the_books() -> None:
    tens = np.array([1.0] * 8 + [0.0] * 2)
    assert wilson(tens) == pytest.approx(
        (0.4902, 0.9433), abs=1e-3
    )  # 8 of 10, from a table of Wilson's
    graded = np.array([0.2, 0.4, 0.6, 0.8])
    assert width(student(graded, -1, 1)) == pytest.approx(
        2 * 3.182 * graded.std(ddof=1) / 2, rel=1e-3
    )
    high = graded + 0.2
    assert (
        width(student(high, 0, 1))
        < width(student(high, -2, 2))
        == pytest.approx(width(student(graded, -1, 1)))
    )


@pytest.mark.parametrize(
    ("wins", "losses", "pairs"), [(12, 2, 50), (12, 1, 40), (3, 5, 20)]
)
def test_at_the_limits_of_tangos_interval_the_score_test_is_just_not_significant(
    wins: int, losses: int, pairs: int
) -> None:
    """Check by brute force: the likeliest share of losses for that difference, and its variance."""
    differences = np.array(
        [1.0] * wins + [-1.0] * losses + [0.0] * (pairs - wins - losses)
    )
    limits = tango(differences)
    for limit, z in zip(limits, (1.96, -1.96), strict=True):
        lost = np.linspace(max(0.0, -limit), (1 - limit) / 2, 200_002)[1:-1]
        likeliest = lost[
            np.argmax(
                wins * np.log(lost + limit)
                + losses * np.log(lost)
                + (pairs - wins - losses) * np.log(1 - 2 * lost - limit)
            )
        ]
        error = math.sqrt((2 * likeliest + limit - limit**2) / pairs)
        assert (differences.mean() - limit) / error == pytest.approx(z, abs=2e-3)
    assert tango(-differences) == pytest.approx((-limits[1], -limits[0]), abs=1e-6)


@pytest.mark.parametrize("pairs", [20, 50])
def test_pairs_that_never_differ_leave_tangos_interval_the_room_of_wilsons(
    pairs: int,
) -> None:
    low, high = tango(np.zeros(pairs))
    assert (
        -low
        == pytest.approx(high)
        == pytest.approx(wilson(np.zeros(pairs))[1], abs=1e-6)
    )


def test_the_interval_of_a_fixed_sample_is_chosen_by_what_was_scored() -> None:
    zero_one, pairs, graded = (
        np.array([0.0, 1.0, 1.0]),
        np.array([0.0, -1.0, 1.0]),
        np.array([0.0, 0.5, 1.0]),
    )
    assert fixed(zero_one, 0, 1) == wilson(zero_one)
    assert fixed(pairs, -1, 1) == tango(pairs)
    assert fixed(graded, 0, 1) == student(graded, 0, 1)
    assert fixed(graded, -1, 1) == student(graded, -1, 1)


# --- tune check


@given(
    st.integers(5, 40),
    st.sampled_from([0.3, 0.5, 0.7]),
    st.sampled_from([0.75, 0.85, 0.95]),
)
def test_the_power_of_the_exact_test_is_that_of_the_binomial_tail(
    n: int, null: float, truth: float
) -> None:
    def tail(k: int, p: float) -> float:
        return sum(comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k, n + 1))

    least = next((k for k in range(n + 1) if tail(k, null) <= ALPHA), None)
    expected = 0.0 if least is None else tail(least, truth)
    assert exact_power(n, null, truth, ALPHA) == pytest.approx(expected, abs=1e-9)


def test_the_fixed_size_is_the_least_that_has_the_power() -> None:
    binary, graded, _ = honesty_check.worlds(rng())
    size = binomial_size(0.75, 0.8, ALPHA, 0.9)
    assert (
        exact_power(size, 0.75, 0.8, ALPHA)
        >= 0.9
        > exact_power(size - 1, 0.75, 0.8, ALPHA)
    )
    zero_one = honesty_check.Sizes(binary, 0.8, 0.75)
    assert zero_one.of(0.9) == size < zero_one.of(0.95) < zero_one.of(0.995)
    assert (
        honesty_check.Sizes(graded, 0.8, 0.75).of(0.9) < 0.3 * size
    )  # its scores spread less
    below = honesty_check.Sizes(binary, 0.7, 0.75)
    assert below.of(0.9) == binomial_size(
        0.25, 0.3, ALPHA, 0.9
    )  # the same, told of failures


def test_sums_of_scores_on_a_grid_are_those_of_the_binomial_where_scores_are_0_or_1() -> (
    None
):
    scores = np.array([1.0] * 3 + [0.0])
    null, truth = Spread.of(scores, 0.75), Spread.of(scores, 0.85)
    assert (null.mean, null.variance) == (0.75, pytest.approx(0.1875))
    assert truth.variance == pytest.approx(
        0.85 * 0.15
    )  # what was drawn is bent to the mean that is known
    assert mean_power(200, null, truth, ALPHA) == pytest.approx(
        exact_power(200, 0.75, 0.85, ALPHA), abs=1e-9
    )
    size = mean_size(null, truth, ALPHA, 0.9)
    assert mean_power(size, null, truth, ALPHA) >= 0.9
    assert size == pytest.approx(binomial_size(0.75, 0.85, ALPHA, 0.9), rel=0.05)


def test_scores_are_shared_out_to_the_steps_beside_them() -> None:
    found = Spread.of(np.array([0.123, 0.123, 1.0, 0.0]), 0.3115)
    assert found.chances.sum() == pytest.approx(1.0)
    assert found.chances[[0, 12, 13, 100]] == pytest.approx([0.25, 0.35, 0.15, 0.25])
    assert found.mirrored.mean == pytest.approx(1 - 0.3115)
    assert found.mirrored.chances[100] == found.chances[0]
    assert found.mirrored.variance == pytest.approx(found.variance)


def test_the_oracle_errs_as_often_as_it_says_and_has_the_power_that_it_says() -> None:
    """Simulate scores of which a few are far from the others; a z test errs in 6 % or in 3 %."""
    failing = honesty_check.worlds(rng(3))[2]
    for line, truth in ((0.85, 0.9), (0.85, 0.8)):
        null, at = (
            Spread.of(failing.draw(mean, (200_000,)), mean) for mean in (line, truth)
        )
        if truth < line:
            null, at = null.mirrored, at.mirrored
        size = mean_size(null, at, ALPHA, 0.95)
        drawn = failing.draw(line, (20_000, size)), failing.draw(truth, (20_000, size))
        below, beyond = (
            (scores if truth > line else 1 - scores).mean(axis=1) for scores in drawn
        )
        threshold = np.flatnonzero(null.tails(size) <= ALPHA)[0] / (100 * size)
        assert (below >= threshold).mean() == pytest.approx(ALPHA, abs=0.008)
        assert (beyond >= threshold).mean() == pytest.approx(0.95, abs=0.012)
        usual = null.mean + 1.645 * math.sqrt(failing.variance(line) / size)
        assert (below >= usual).mean() == pytest.approx(
            z_error(size, null, ALPHA), abs=0.008
        )
        assert (z_error(size, null, ALPHA) > 0.055) == (truth < line)


def test_of_nothing_seen_in_so_many_runs_the_upper_limit_is_the_rule_of_three() -> None:
    assert upper_limit(0, 1000) == pytest.approx(3 / 1000, rel=0.01)
    assert upper_limit(2, 1000) == pytest.approx(
        0.00628, rel=0.01
    )  # from a table of Clopper and Pearson's
    assert upper_limit(10, 20) == pytest.approx(0.698, abs=1e-3)
    assert upper_limit(7, 7) == 1.0


def test_a_check_looks_at_the_ends_of_blocks_and_at_the_last_example() -> None:
    assert ENDS[-1] == MOST
    assert all(np.diff(ENDS) > 0)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_simulated_scores_have_the_mean_and_the_variance_that_are_stated(
    number: int,
) -> None:
    world = honesty_check.worlds(rng())[number]
    scores = world.draw(0.8, (80_000,))
    assert scores.mean() == pytest.approx(0.8, abs=0.01)
    assert scores.var() == pytest.approx(world.variance(0.8), rel=0.1)


def test_far_from_the_line_a_check_is_right_and_quick() -> None:
    binary, *_ = honesty_check.worlds(rng())
    holds, regressed = honesty_check.outcomes(binary, 0.95, 0.6, 40)
    assert holds.max() < 100
    assert not np.isfinite(regressed).any()
    holds, regressed = honesty_check.outcomes(binary, 0.2, 0.6, 40)
    assert regressed.max() < 100
    assert not np.isfinite(holds).any()


def test_the_least_of_any_test_is_walds_bound() -> None:
    """For 0/1 scores by the likelihood ratio; scores that spread less need fewer."""
    binary, graded, _ = honesty_check.worlds(rng())
    growth = 0.8 * math.log(0.8 / 0.75) + 0.2 * math.log(0.2 / 0.25)
    shown = 0.95 * math.log(0.95 / 0.05) + 0.05 * math.log(0.05 / 0.95)
    found = honesty_check.least_size(binary, 0.8, 0.75, 0.95)
    assert found == pytest.approx(shown / growth, rel=0.05)
    assert honesty_check.least_size(binary, 0.8, 0.75, 0.99) > found
    assert honesty_check.least_size(graded, 0.8, 0.75, 0.95) < 0.35 * found
    assert honesty_check.least_size(binary, 0.7, 0.75, 0.95) > found


def a_row(
    world: str,
    ratio: float,
    *,
    place: str = "no change",
    error: float = 0.0,
    least: float = 0.3,
) -> Row:
    """Beside tests of the usual powers its ratio is twice as large."""
    usual = tuple(
        Held(power, size, 2 * ratio, least)
        for power, size in ((0.9, 1), (0.95, 2), (0.99, 3))
    )
    return Row(
        world, 0.8, place, (error,), 100, Held(0.995, 200, ratio, least), usual, 0.06
    )


def test_the_worst_ratio_is_that_of_promised_places_and_comes_with_its_least() -> None:
    rows = [
        a_row("0/1", ratio, place=place)
        for place, ratio in (
            ("no change", 0.4),
            ("twice the margin", 0.6),
            ("four times", 0.9),
        )
    ]
    assert honesty_check.worst(rows, "0/1") == Held(0.995, 200, 0.6, 0.3)
    assert honesty_check.worst(rows, "0/1", 0.95) == Held(0.95, 2, 1.2, 0.3)


def test_a_row_counts_wrong_answers_of_both_kinds_on_the_line_and_of_one_elsewhere() -> (
    None
):
    binary, *_ = honesty_check.worlds(rng())
    on = honesty_check.row_of(binary, 0.8, honesty_check.ON_THE_LINE, 0.8 - MARGIN, 8)
    assert len(on.errors) == 2
    assert on.equal is None
    assert math.isnan(on.calls)
    off = honesty_check.row_of(binary, 0.8, "no change", 0.8, 30)
    assert len(off.errors) == 1
    assert len(off.usual) == 3
    assert off.usual[0].size < off.usual[1].size < off.usual[2].size
    assert (
        off.usual[0].ratio > off.usual[2].ratio
    )  # more power gains more from looking early
    assert (
        len(honesty_check.told(on))
        == len(honesty_check.told(off))
        == len(honesty_check.HEADS)
    )


def test_a_check_is_held_against_a_test_that_is_no_surer_than_its_own_count_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wrong and undecided answers both count, and of none in few runs little is known."""
    binary, *_ = honesty_check.worlds(rng())

    def fates(right: float, wrong: float) -> None:
        many = np.full(3000, 100.0), np.full(3000, math.inf)
        many[0][:30], many[1][:30] = right, wrong
        monkeypatch.setattr(honesty_check, "outcomes", lambda *_: many)

    fates(100.0, math.inf)
    found = honesty_check.row_of(binary, 0.8, "no change", 0.8, 3000)
    assert found.equal is not None
    assert (found.equal.power, found.calls) == (honesty_check.SUREST, 100)
    assert found.equal.ratio == 100 / found.equal.size
    for failed in ((math.inf, math.inf), (math.inf, 50.0)):
        fates(*failed)
        worse = honesty_check.row_of(binary, 0.8, "no change", 0.8, 3000)
        assert worse.equal is not None
        assert worse.equal.power == pytest.approx(1 - upper_limit(30, 3000))
        assert worse.equal.power < 0.99
        assert worse.equal.size < found.equal.size


def test_a_check_that_takes_too_many_calls_or_errs_too_often_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def rows(ratio: float, error: float) -> list[Row]:
        return [
            a_row(kind, ratio, error=error)
            for kind in ("0/1", "graded", "graded, failures")
        ]

    monkeypatch.setattr(honesty_check, "rows_of", lambda _, __: rows(0.4, 0.01))
    kept = honesty_check.section(rng(), 1000)
    assert all(claim.holds for claim in kept.claims)
    assert "0.40 at most (no test can have less than 0.30 there)" in kept.claims[0].text
    assert (
        "0.80 for 0/1 scores (0.30), 0.80 for graded scores" in kept.beneath
    )  # and what is saved of a smaller test is said all the same
    assert "out of reach" not in kept.beneath
    monkeypatch.setattr(honesty_check, "rows_of", lambda _, __: rows(0.6, 0.2))
    assert not any(claim.holds for claim in honesty_check.section(rng(), 1000).claims)


def test_it_is_said_where_no_test_at_all_could_keep_the_promise() -> None:
    rows = [
        a_row("0/1", 0.4),
        a_row("graded", 0.4),
        a_row("graded, failures", 0.7, least=0.6),
    ]
    assert "half is out of reach" in honesty_check.beneath(rows)
    assert "0.60 is the least" in honesty_check.beneath(rows)


def test_a_bias_is_a_mean_in_points_and_what_luck_explains_is_taken_off() -> None:
    found = Biases([(0.01, 0.05), (0.03, 0.07)] * 50)
    assert found.off == pytest.approx((2.0, 0.1))
    assert found.beyond_error == pytest.approx(1.8)
    assert found.cells() == ["+2.00 ± 0.10", "+6.00"]
    assert Biases([(0.01, 0.0), (-0.01, 0.0)]).beyond_error == 0.0


def test_a_check_is_simulated_with_the_blocks_that_a_check_buys() -> None:
    ends = [0, *ENDS.tolist()]
    assert all(
        later - sooner == next_block_size(sooner, BLOCK)
        for sooner, later in itertools.pairwise(ends[:-1])
    )
    assert ends[-1] == MOST


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_tangos_interval_reaches_the_bound_where_all_pairs_differ_one_way(
    value: float,
) -> None:
    low, high = tango(np.full(20, value))
    assert low <= value <= high
    assert (low == -1) == (value == -1)
    assert (high == 1) == (value == 1)
