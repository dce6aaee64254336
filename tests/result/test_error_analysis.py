"""Where the winner fails: confusion, recall, slices, labels that look wrong, and balanced accuracy
as a metric.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tune
from tune.errors import DataError, InputError, StudyError
from tune.fakes.faults import Model
from tune.fakes.server import Server
from tune.plan.default_space import with_label_weights
from tune.report import Confusion, Failing, markdown, page_html, summary_lines
from tune.report.error_analysis import failing_section
from tune.task.load import load_data
from tune.task.metrics import parse_metric

LABELS = ["billing", "bug", "feature"]
MISLABELLED = (4, 13, 22)
"""Rows whose label in the data is wrong."""


URL: list[str] = []
"""The address that the study was made at: a part of what makes it that study."""


def truth(number: int) -> str:
    return LABELS[number % 3]


ROWS = [
    {
        "text": f"Ticket #{i} please",
        "channel": ["mail", "chat"][i % 2],
        "length": i * 37 % 100,
        "label": truth(i + 1) if i in MISLABELLED else truth(i),
    }
    for i in range(60)
]


def world(
    _model: str, prompt: str, _settings: Mapping[str, Any], _seed: int, _index: int
) -> str:
    """Right, but for features by chat, which it takes for bugs."""
    number = int(prompt.rpartition("#")[2].split()[0])
    label = truth(number)
    return "bug" if label == "feature" and number % 2 else label


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tune.Study:
    folder = tmp_path_factory.mktemp("study")
    with Server(models={"m": Model(0.1, 0.4)}, world=world) as server:
        URL[:] = [server.base_url]
        return tune.tune(data=ROWS, results=folder / "out", **order(server.base_url))


def order(url: str) -> dict[str, Any]:
    space = tune.Space(
        model="m",
        prompt={"a": "Label: {text}", "b": "Which label? {text}"},
        temperature=[0.5, 1.0],
        max_tokens=16,
    )
    return {
        "space": space,
        "target": "label",
        "base_url": url,
        "price": ["m=0.1/0.4"],
        "budget": 0.01,
        "by": ["channel", "length"],
        "min_gain": 0,
    }


def test_the_confusion_matrix_is_that_of_the_world(study: tune.Study) -> None:
    failing = study.record.failing
    assert failing is not None
    assert failing.confusion is not None
    matrix = study.confusion()
    assert failing.on == "holdout"
    assert set(matrix.index) == set(LABELS)
    assert matrix[
        [*LABELS, "another answer", "no answer"]
    ].to_numpy().sum() == pytest.approx(24, abs=1e-4)
    assert study.record.winner.holdout.mean == pytest.approx(
        np.trace(matrix[matrix.index].to_numpy()) / 24, abs=1e-4
    )
    assert matrix.loc["feature", "bug"] > 0
    assert matrix.loc["feature", "recall"] < 0.8 < matrix.loc["bug", "recall"]
    assert failing.confusion.balanced_accuracy == pytest.approx(matrix["recall"].mean())


def test_slices_show_the_channel_and_the_ranges_of_a_number(study: tune.Study) -> None:
    slices = study.slices().set_index(["column", "value"])
    assert slices.loc[("channel", "chat"), "quality"] < 0.9
    assert (
        slices.loc[("channel", "mail"), "quality"]
        > slices.loc[("channel", "chat"), "quality"]
    )
    assert len(slices.loc["length"]) == 4
    assert (
        slices.loc["length"]["examples"].sum()
        == slices.loc["channel"]["examples"].sum()
        == 24
    )


def test_labels_that_all_strong_configs_contradict_are_shown(study: tune.Study) -> None:
    rows = study.doubtful_labels()
    assert set(rows["row"]) & {str(i + 1) for i in MISLABELLED}
    for row in rows.itertuples():
        assert row.answer != row.label
        assert row.configs >= 3


def test_all_of_it_is_in_every_report(study: tune.Study) -> None:
    text = markdown(study.record)
    parts = (
        "## Where it fails",
        "label in the data",
        "Balanced accuracy",
        "Check these labels",
        "| channel | chat |",
    )
    for part in parts:
        assert part in text
    assert "Where it fails" in page_html(study.record)
    lines = " ".join(summary_lines(study.record))
    assert "lowest recall" in lines
    assert "Check these labels" in lines
    said = study.summary()["failing"]
    assert set(said) == {"on", "confusion", "slices", "check_these_labels"}
    assert json.loads((study.folder / "best.json").read_text())[
        "failing"
    ] == json.loads(json.dumps(said))
    assert tune.Study.load(study.folder).record.failing == study.record.failing


def test_a_finished_study_shows_other_slices_for_nothing(study: tune.Study) -> None:
    from tune.followup.reprice import reprice

    given = {name: value for name, value in order(URL[0]).items() if name != "budget"}
    again = reprice(study.folder, ROWS, **{**given, "by": ["channel"]})
    assert set(again.slices()["column"]) == {"channel"}


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataError, match="'nowhere' is not in"):
        tune.tune(data=ROWS, **{**order("http://127.0.0.1:9/v1"), "by": "nowhere"})


def test_without_labels_there_is_no_matrix(study: tune.Study) -> None:
    assert failing_section(None) == failing_section(Failing()) == ""
    assert failing_section(Failing(confusion=Confusion(("a",), ((0, 0, 0),)))) == ""
    bare = tune.Study(
        replace(study.record, failing=None),
        study.folder,
        stopped="finished",
        deployment=None,
    )
    with pytest.raises(StudyError, match="no confusion matrix"):
        bare.confusion()
    assert bare.slices().empty
    assert bare.doubtful_labels().empty


def reply(
    model: str, prompt: str, settings: Mapping[str, Any], seed: int, index: int
) -> str:
    if model == "judge":
        return "Score: 4"
    return (
        f"Dear customer, this is no bug: {world(model, prompt, settings, seed, index)}?"
    )


def is_polite(answer: str, _example: object) -> float:
    return float(answer.startswith("Dear"))


@pytest.mark.parametrize(
    "metric",
    [is_polite, {"name": "judge", "model": "judge", "template": "Rate: {answer}"}],
)
def test_answers_that_are_no_labels_have_no_matrix(
    tmp_path: Path, metric: object
) -> None:
    models = {"m": Model(0.1, 0.4), "judge": Model(0.1, 0.4)}
    with Server(models=models, world=reply) as server:
        asked = order(server.base_url) | {"price": ["m=0.1/0.4", "judge=0.1/0.4"]}
        asked |= {"by": (), "trials": 2, "budget": 0.05}
        found = tune.tune(data=ROWS, results=tmp_path, metric=metric, **asked)
    assert found.record.winner.holdout.mean > 0.5
    assert found.record.failing.confusion is None
    assert "Balanced accuracy" not in str(found)


@given(
    st.lists(
        st.tuples(st.sampled_from("aaab"), st.sampled_from("abx")),
        min_size=8,
        max_size=60,
    )
)
def test_the_mean_of_balanced_accuracy_is_the_mean_recall(
    pairs: list[tuple[str, str]],
) -> None:
    pairs = [*pairs, ("a", "a"), ("a", "b"), ("b", "b"), ("b", "a")]
    data = load_data(
        [{"text": f"t{i}", "label": label} for i, (label, _) in enumerate(pairs)]
    )
    metric = parse_metric(with_label_weights("balanced_accuracy", data))
    scores = [
        metric.score(said, example)
        for example, (_, said) in zip(data.examples, pairs, strict=True)
    ]
    recalls = [
        np.mean([said == label for label, said in pairs if label == one])
        for one in "ab"
    ]
    assert np.mean(scores) == pytest.approx(np.mean(recalls))
    assert max(scores) <= metric.high


def test_balanced_accuracy_is_tuned_on_and_needs_labels(tmp_path: Path) -> None:
    with Server(models={"m": Model(0.1, 0.4)}, world=world) as server:
        given = {**order(server.base_url), "metric": "balanced_accuracy", "trials": 1}
        found = tune.tune(data=ROWS, results=tmp_path, **given)
    assert found.record.provenance.metric == "balanced_accuracy"
    assert 0.6 < found.best.quality.mean < 1.0
    with pytest.raises(InputError, match="mean recall of labels"):
        with_label_weights(
            "balanced_accuracy",
            load_data([{"text": str(i), "label": f"free {i}"} for i in range(9)]),
        )
    with pytest.raises(InputError, match="a run finds them"):
        parse_metric("balanced_accuracy")


def test_matrix_and_score_agree_where_a_vote_hangs_on_the_order_of_its_draws(
    tmp_path: Path,
) -> None:
    def unsure(
        _model: str, prompt: str, _settings: Mapping[str, Any], seed: int, index: int
    ) -> str:
        rng = random.Random(f"{prompt}{seed}{index}")
        return rng.choice(
            [*LABELS, truth(int(prompt.rpartition("#")[2].split()[0])), "no idea"]
        )

    space = tune.Space(
        model="m",
        prompt="Label: {text}",
        temperature=1.0,
        n=[4],
        aggregate="vote",
        max_tokens=16,
    )
    with Server(models={"m": Model(0.1, 0.4)}, world=unsure) as server:
        given = {
            **order(server.base_url),
            "space": space,
            "baseline": {"n": 4, "aggregate": "vote", "temperature": 1.0},
        }
        found = tune.tune(data=ROWS, results=tmp_path, **given)
    matrix = found.confusion()
    winner = found.record.winner
    assert winner is not None
    assert winner.config.n == 4
    assert np.trace(matrix[matrix.index].to_numpy()) / 24 == pytest.approx(
        winner.holdout.mean, abs=1e-4
    )
    assert any(
        not float(cell).is_integer() for cell in matrix[LABELS].to_numpy().ravel()
    )
