"""A study that bought fewer answers for its tuning examples than the winner asks for: the holdout
is the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.fixtures import MODELS, PRICES, dimensions
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.followup.reprice import reprice
from tune.pricing.prices import to_picodollars
from tune.readout import Reading
from tune.runtime.best_json import read_deployment
from tune.space import Config
from tune.study.budget import StudyBudget

WORLD = LabelledWorld(models={"small": 0.55, "large": 0.8})
SPACE = dimensions(n=tune.Integers(1, 5), max_tokens=tune.Integers(8, 64, log=True))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD) as started:
        yield started


def asked(server: Server, **more: Any) -> dict[str, Any]:
    return {
        "data": WORLD.examples(120),
        "target": "label",
        "space": tune.Space(**SPACE),
        "price": PRICES,
        "model": ["small", "large"],
        "base_url": server.base_url,
        "seed": 17,
        **more,
    }


@pytest.fixture(scope="module")
def finished(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> tuple[tune.Study, Path, int]:
    """The study, its folder, and what the server billed for it."""
    folder = tmp_path_factory.mktemp("extrapolated") / "study"
    before = server.bill
    study = tune.tune(**asked(server), budget=0.036, results=folder)
    return study, folder, server.bill - before


def test_the_winner_has_numbers_on_the_holdout_alone_and_that_is_said(
    finished: tuple[tune.Study, Path, int],
) -> None:
    study, folder, billed = finished
    winner, baseline = study.record.winner, study.record.baseline
    assert winner is not None
    assert baseline is not None
    assert winner.config.n == 5
    assert winner.tuning is None
    assert winner.holdout is not None
    assert winner.holdout.n >= 20, "as many as it must be able to meet"
    assert study.record.verdict == "better"
    assert study.record.difference is not None
    assert study.record.difference.n == winner.holdout.n
    (said,) = [notice for notice in study.record.notices if "asks for" in notice]
    assert winner.trial is not None
    trial = study.record.trials[
        [row.number for row in study.record.trials].index(winner.trial)
    ]
    bought = trial.draws // trial.examples
    assert said.startswith(
        f"The winner asks for 5 answers, and the search bought {bought} of each tuning example"
    )
    assert said in (folder / "report.md").read_text(encoding="utf-8")
    assert trial.point.items() <= winner.config.items()
    assert trial.draws < 5 * trial.examples
    assert billed == to_picodollars(study.record.money.spent) <= to_picodollars(0.036)


def test_answers_that_were_bought_unevenly_are_told_as_a_range(
    server: Server, tmp_path: Path
) -> None:
    study = tune.tune(
        **asked(server, seed=4), budget=0.036, results=tmp_path / "study"
    ).record
    (said,) = [notice for notice in study.notices if "asks for" in notice]
    assert "asks for 5 answers, and the search bought 1 to 5 of each" in said


def test_its_files_are_of_the_winner_that_was_tested(
    finished: tuple[tune.Study, Path, int],
) -> None:
    study, folder, _ = finished
    choice = next(
        event
        for line in (folder / "study.jsonl").read_text(encoding="utf-8").splitlines()
        if (event := json.loads(line))["event"] == "choice"
    )
    assert study.record.winner is not None
    assert choice["config"] == json.loads(json.dumps(dict(study.record.winner.config)))
    assert read_deployment(folder).config == study.record.winner.config
    assert study.record.deployable is not None, "agents take one answer"
    assert study.record.deployable.config.n == 1
    assert study.record.deployable.holdout is not None
    assert "asks for 5 answers" in (folder / "report.html").read_text(encoding="utf-8")


def test_shown_again_it_is_the_same(
    server: Server, finished: tuple[tune.Study, Path, int]
) -> None:
    study, folder, _ = finished
    calls = len(server.posts)
    again = tune.tune(**asked(server), budget=0.036, results=folder)
    assert len(server.posts) == calls
    assert again.record.winner == study.record.winner


def test_read_again_under_the_same_prices_it_is_the_same_and_under_a_limit_it_is_what_was_bought(
    server: Server, finished: tuple[tune.Study, Path, int], tmp_path: Path
) -> None:
    study, folder, _ = finished
    same = reprice(folder, **asked(server))
    assert same.record.winner == study.record.winner
    assert same.record.difference == study.record.difference
    assert study.record.winner is not None
    assert study.record.winner.cost is not None
    limit = 0.75 * study.record.winner.cost.mean
    less = reprice(
        folder, **asked(server, max_cost_per_request=limit), results=tmp_path / "less"
    ).record.winner
    assert less is not None
    assert less.cost is not None
    assert less.cost.mean <= limit
    assert less.tuning is not None, (
        "what has not met the holdout rests on what was bought"
    )


def test_its_holdout_is_paid_for_before_the_search_spends_the_rest(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[tuple[Config | None, float]] = []
    reserve_holdout = StudyBudget.reserve_holdout

    def watched(
        self: StudyBudget, found: Iterable[Reading], extrapolated: Reading | None = None
    ) -> None:
        reserve_holdout(self, found, extrapolated)
        left = self.ledger.budget - self.ledger.spent - self.ledger.reserved
        kept.append(
            (extrapolated.config if extrapolated else None, left / 10**12 - self.left)
        )

    monkeypatch.setattr(StudyBudget, "reserve_holdout", watched)
    winner = tune.tune(
        **asked(server), budget=0.036, results=tmp_path / "study"
    ).record.winner
    assert winner is not None
    assert winner.cost is not None
    config, dollars = kept[-1]
    assert config == winner.config
    assert dollars >= 20 * winner.cost.mean


def test_what_the_holdout_could_hardly_meet_is_not_chosen_unbought(
    server: Server, tmp_path: Path
) -> None:
    """Five answers each would leave money for eight holdout examples here."""
    study = tune.tune(**asked(server, seed=0), budget=0.015, results=tmp_path / "study")
    winner = study.record.winner
    assert winner is not None
    assert winner.tuning is not None
    assert winner.holdout is not None
    assert winner.holdout.n >= 30


def test_with_more_money_the_answers_are_bought(server: Server, tmp_path: Path) -> None:
    study = tune.tune(**asked(server), budget=0.3, results=tmp_path / "study")
    assert study.record.winner is not None
    assert study.record.winner.tuning is not None
    assert not [notice for notice in study.record.notices if "asks for" in notice]
