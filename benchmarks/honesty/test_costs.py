"""The part of `benchmarks/honesty/` on costs of which a few run on to the cap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.honesty import costs as honesty_costs
from benchmarks.honesty.costs import CAP, USUAL, Row
from benchmarks.honesty.grid import Found


def test_no_interval_for_a_share_is_narrower_than_the_least_there_can_be() -> None:
    """One request that did not run on does so in over 7 % of cases up to a share of 0.93."""
    one = honesty_costs.least_width(1, 0.0)
    assert one == pytest.approx(0.93, abs=0.001)
    fifteen = honesty_costs.least_width(15, 0.0)
    assert fifteen == pytest.approx(1 - 0.07 ** (1 / 15), abs=0.001)
    assert honesty_costs.least_width(15, 0.0, level=0.95) > fifteen
    widths = [honesty_costs.least_width(15, share) for share in (0.01, 0.03, 0.1)]
    assert widths == sorted(widths)


def clopper_pearson(count: int, error: float) -> list[tuple[float, float]]:
    """Limits for each number that ran on, on a grid of shares."""
    shares = (np.arange(2000) + 0.5) / 2000
    below = np.array([honesty_costs._cumulative(count, share) for share in shares])
    found = []
    for ran_on in range(count + 1):
        fewer, at_most = below[:, ran_on], below[:, ran_on + 1]
        inside = shares[(1 - fewer > error) & (at_most > error)]
        found.append((float(inside.min()), float(inside.max())))
    return found


@pytest.mark.parametrize("share", [0.005, 0.03, 0.2])
def test_an_interval_that_covers_is_wider_than_the_least(share: float) -> None:
    limits = np.array(clopper_pearson(15, 0.035))
    chances = np.diff(honesty_costs._cumulative(15, share))
    width = float(chances @ (limits[:, 1] - limits[:, 0]))
    assert honesty_costs.least_width(15, share) < width


def test_the_standard_error_is_that_of_the_samples() -> None:
    many = honesty_costs.samples(np.random.default_rng(1), 0.1, 15).mean(axis=1)
    assert many.mean() == pytest.approx(honesty_costs.mean_cost(0.1), rel=0.02)
    assert many.std() == pytest.approx(honesty_costs.standard_error(0.1, 15), rel=0.02)


def test_costs_are_covered_also_where_more_requests_run_on_than_is_rare() -> None:
    rng = np.random.default_rng(4)
    assert max(honesty_costs.SHARES) > 0.1
    for share in (0.15, 0.3):
        assert honesty_costs.row(rng, 200, share, 15).ours.coverage >= 0.93


def test_costs_of_the_examples_that_selected_a_configuration_cannot_be_pooled() -> None:
    pooled = honesty_costs.pooled_coverage(np.random.default_rng(2), 0.1, 15)
    assert pooled < 0.8


@dataclass(frozen=True)
class Made:
    """A row with a width and the least one, in oracle's widths."""

    share: float
    width: float
    least: float
    coverage: float = 0.95

    def row(self) -> Row:
        ours = Found(self.coverage, self.width)
        return Row(self.share, 15, ours, 1.0, 1.2, self.least, Found(0.4, 0.1))


def held(*made: Made) -> list[bool]:
    claims = honesty_costs.claims([each.row() for each in made], 1000)
    return [claim.holds for claim in claims]


def test_a_row_may_have_twice_the_oracles_width_or_else_nearly_the_least() -> None:
    never = Made(0.0, width=14.0, least=12.0)
    good = Made(0.05, width=1.3, least=1.1)
    hard = Made(0.01, width=2.4, least=2.3)
    assert held(never, good, hard) == [True, True, True]
    assert held(never, good, Made(0.01, width=2.6, least=2.3)) == [True, True, False]
    assert held(never, hard, Made(0.05, width=2.1, least=1.9)) == [True, False, True]
    assert held(never, good, Made(0.1, 1.0, 0.9, coverage=0.85))[0] is False


def test_the_page_says_where_the_interval_of_a_cost_is_wide() -> None:
    found = [Made(0.0, 14.0, 12.0).row(), Made(0.01, 2.4, 2.3).row()]
    text = honesty_costs.beneath(found, 0.5, 0.03)
    assert "2.40 times as wide as an oracle's" in text
    assert "at least 2.30 times as wide there" in text
    assert "at a share of 16% none of 15 requests" in text
    assert "up to 14.0 times" in text
    assert "covers 50.0%" in text


def test_the_cap_is_far_above_the_usual_cost() -> None:
    assert CAP > 20 * USUAL
