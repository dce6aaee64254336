"""A study that goes on with a larger budget: it buys more or says why not, and can be read again
afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.test_tuner_survival import SPACE, WORLD, options
from tune.fakes.faults import Model
from tune.fakes.server import Server
from tune.followup.reprice import reprice
from tune.readout.trial import Step
from tune.search.history import Searcher
from tune.strategies import Outcome, Problem

ROWS = 40
SINGLY = Model(0.1, 0.4, refuses=frozenset({"n"}))
"""A model that takes no n: when the money ends, an example can be left with some of the draws that
were asked for.
"""


def wants_more(
    problem: Problem, searcher: Searcher, left: float
) -> Generator[list[Step], Outcome, None]:
    """A strategy that always wants more answers than there is money for."""
    number = 0
    while (point := searcher([])) is not None:
        for draws in (2, 20):
            outcome = yield [
                Step(number, point, tuple(range(problem.examples)), draws, 32)
            ]
            if not outcome.complete:
                return
        number += 1


def run(server: Server, folder: Path, budget: float, **more: Any) -> tune.Study:
    given = options(
        server, folder, strategy=wants_more, concurrency=4, min_gain=0, **more
    )
    return tune.tune(
        WORLD.examples(ROWS), tune.Space.from_mapping(SPACE), budget=budget, **given
    )


def read_again(server: Server, folder: Path) -> tune.Study:
    given = options(server, folder, strategy=wants_more, concurrency=4, min_gain=0)
    place = given.pop("results")
    return reprice(place, WORLD.examples(ROWS), tune.Space.from_mapping(SPACE), **given)


@pytest.mark.parametrize("budgets", [(0.0021,), (0.0021, 0.0043)])
def test_a_study_whose_money_ended_between_the_draws_of_an_example_is_read_again(
    tmp_path: Path, budgets: tuple[float, ...]
) -> None:
    with Server({"small": SINGLY}, world=WORLD) as server:
        for budget in budgets:
            study = run(server, tmp_path, budget)
            assert study.stopped == "money"
        calls = len(server.posts)
        again = read_again(server, tmp_path)
        assert again.best.config == study.best.config
        assert [t.draws for t in again.record.trials] == [
            t.draws for t in study.record.trials
        ]
        assert len(server.posts) == calls


def test_a_larger_budget_buys_more(tmp_path: Path) -> None:
    with Server({"small": SINGLY}, world=WORLD) as server:
        run(server, tmp_path, 0.0021)
        first = server.bill
        assert run(server, tmp_path, 0.0043).record.money.spent_now > 0
        assert first < server.bill <= 0.0043e12


def test_what_is_left_when_the_money_ends_is_told_with_its_numbers(
    tmp_path: Path,
) -> None:
    with Server({"small": SINGLY}, world=WORLD) as server:
        run(server, tmp_path, 0.0021)
        study = run(server, tmp_path, 0.0022)
    money, said = study.record.money, " ".join(str(study).split())
    assert study.stopped == "money"
    assert re.search(
        r"the next call of the search could cost up to \$\S+, \$\S+ were left for it",
        money.left_reason,
    )
    assert re.search(
        r"\$\S+ were kept for the holdout, which took \$", money.left_reason
    )
    assert study.summary()["left_reason"] == money.left_reason
    assert study.summary()["left"] == money.left
    assert (money.left_reason in said) == (money.left > 0.05 * money.budget)
