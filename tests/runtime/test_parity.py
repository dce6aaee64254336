"""The runtime and the record of the search agree in quality and cost.

They must on the study's own holdout draw by draw, and on rows that nobody has seen within the
intervals of both.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import tune
from tune.fakes.faults import Model
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.stats.intervals import Interval
from tune.study.holdout_file import read_holdout
from tune.task.example import Example

WORLD = LabelledWorld(models={"small": 0.75}, spread=0.1)
FRESH = WORLD.examples(200, start=5000)


def plausible(answer: str, example: Example) -> float:
    """Prefer labels in the order of the alphabet: a verifier that knows nothing of the target."""
    return -float(WORLD.labels.index(answer))


def share_of_right(responses: list[Any], **row: Any) -> dict[str, float]:
    right = sum(response == row["label"] for response in responses)
    return {"share": right / len(responses)}


KINDS: dict[str, dict[str, Any]] = {
    "one": {"n": 1},
    "vote": {"n": 5, "aggregate": "vote"},
    "best": {"n": 3, "aggregate": "best"},
    "all": {"n": 3, "aggregate": "all"},
}

# A single draw asks for no n, so one kind of service does for it.
WAYS = [("one", True)]
for several in ("vote", "best", "all"):
    WAYS += [(several, True), (several, False)]


@pytest.fixture(autouse=True)
def same_draws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Fresh draws are numbered at random. Here they are the same ones in every run."""
    monkeypatch.setattr("tune.runtime.tuned.secrets.randbelow", lambda _: 12_345)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))


def study(server: Server, folder: Path, kind: str) -> tune.Study:
    """Tune with one configuration: all that is left to do is to measure it."""
    metric: Any = "exact_match"
    if kind == "all":
        metric = tune.responses_metric(share_of_right, "share")
    values = {name: [value] for name, value in KINDS[kind].items()}
    return tune.tune(
        data=WORLD.examples(60),
        target="label",
        base_url=server.base_url,
        price="small=0.1/0.4",
        space={
            "space": {
                "model": ["small"],
                "temperature": 1.0,
                "max_tokens": 16,
                "prompt": {"short": "Label this ticket: {text}"},
                **values,
            },
            "answer": {"labels": list(WORLD.labels)},
        },
        metric=metric,
        verifier=plausible if kind == "best" else None,
        # The one configuration is the baseline too, so that nothing else is bought.
        baseline={
            "model": "small",
            "prompt": "short",
            "temperature": 1.0,
            "max_tokens": 16,
            **KINDS[kind],
        },
        budget=0.1,
        results=folder / "out",
        seed=1,
        quiet=True,
    )


@pytest.mark.parametrize(("kind", "takes_n"), WAYS)
def test_quality_and_cost_are_those_that_the_search_recorded(
    kind: str, takes_n: bool, tmp_path: Path
) -> None:
    refuses = frozenset[str]() if takes_n else frozenset({"n"})
    with Server(
        models={"small": Model(0.1, 0.4, refuses=refuses)}, world=WORLD
    ) as server:
        found = study(server, tmp_path, kind)
        assert found.best.config["n"] == KINDS[kind]["n"]
        recorded, cost = found.best.quality, found.best.cost
        assert recorded is not None
        assert cost is not None
        own: Any = {"verifier": plausible} if kind == "best" else {}

        # The holdout's own draws, read by the runtime: the same scores, and nothing is bought.
        before = len(server.posts)
        met = read_holdout(found.folder)
        with tune.load(found.folder, cache=True, **own) as tuned:
            answers = tuned.batch([example.inputs for example in met.examples])
        assert len(server.posts) == before
        scores = [
            score(kind, answer, example.target)
            for answer, example in zip(answers, met.examples, strict=True)
        ]
        for ours, theirs in zip(scores, met.scores, strict=True):
            # Of a tied vote a reading is the mean over the orders in which draws may come.
            is_tied = kind == "vote" and 0 < theirs < 1
            assert is_tied or ours == pytest.approx(theirs)

        # Rows that nobody has seen.
        before = server.bill
        with tune.load(found.folder, **own) as tuned:
            answers = tuned.batch([{"text": row["text"]} for row in FRESH])
        scores = [
            score(kind, answer, row["label"])
            for answer, row in zip(answers, FRESH, strict=True)
        ]
        assert agrees(scores, recorded)
        costs = [answer.cost or 0.0 for answer in answers]
        assert sum(costs) == pytest.approx((server.bill - before) / 1e12)
        # Fresh tickets are longer: their numbers have more digits, but no more tokens.
        assert agrees(costs, cost)


def score(kind: str, answer: tune.Answer, label: Any) -> float:
    if kind == "all":
        assert isinstance(answer.answer, tuple)
        return share_of_right(list(answer.answer), label=label)["share"]
    return float(answer.answer == label)


def agrees(values: list[float], recorded: Interval) -> bool:
    """Tell whether a mean lies within the recorded interval, with the error of both."""
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    ours = 1.96 * math.sqrt(variance / len(values))
    theirs = (recorded.high - recorded.low) / 2
    return abs(mean - recorded.mean) <= math.hypot(ours, theirs)
