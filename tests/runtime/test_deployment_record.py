"""What is written of a configuration: its examples as hashes, and the scores behind its quality."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runtime.test_best_json import config, export, own_hosts, plan  # noqa: F401 - the fixture
from tune.runtime.best_json import read_deployment
from tune.runtime.deployment_record import deployment_record, example_hashes
from tune.task.example import Example


def test_the_studys_examples_are_known_again_by_what_the_prompt_shows(
    tmp_path: Path,
) -> None:
    made = plan()
    path = export(tmp_path, made, config(prompt="few"))
    back = read_deployment(path)
    assert back.seen["tuning"] == set(
        example_hashes(back.prompt.fields, made.split.tuning)
    )
    assert back.seen["holdout"] == set(
        example_hashes(back.prompt.fields, made.split.holdout)
    )
    assert back.seen["shots"] == set(example_hashes(["text"], made.split.shots))
    assert len(back.seen["shots"]) == 2
    assert not back.seen["tuning"] & back.seen["holdout"]
    assert (
        read_deployment(export(tmp_path, made, config(prompt="short"))).seen["shots"]
        == set()
    )  # it shows none
    assert not any(
        example.inputs["text"] in json.dumps(deployment_record(made, config())["seen"])
        for example in made.examples
    )


def test_the_best_configuration_with_one_answer_is_there_as_a_whole() -> None:
    made = plan()
    record = deployment_record(made, config(n=5), single=config(prompt="chat"))
    single = record["single_answer"]
    assert single["config"]["prompt"] == "chat"
    assert [turn["role"] for turn in single["prompt"]["turns"]] == ["system", "user"]
    assert single["model"] == record["model"]
    assert deployment_record(made, config())["single_answer"] is None


def test_the_scores_that_were_measured_say_how_they_spread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, scores = plan(), np.array([0.5, math.nan, 0.0, 1.0, 0.25])

    def kept(**judged: Any) -> tuple[float, ...]:
        record = deployment_record(made, config(), scores)
        return read_deployment(
            export(tmp_path, made, config(), deployment=record), **judged
        ).scores

    assert kept() == (0.0, 0.25, 0.5, 1.0)
    assert kept(metric="f1") == ()  # those of another metric say nothing of it
    monkeypatch.setattr("tune.runtime.deployment_record.MOST_SCORES", 3)
    assert kept() == (0.0, 0.5, 1.0)
    scores = np.arange(101) / 100
    assert kept() == (0.0, 0.5, 1.0)


def test_a_file_without_scores_is_read_all_the_same(tmp_path: Path) -> None:
    made = plan()
    record = deployment_record(made, config())
    del record["scores"]
    assert (
        read_deployment(export(tmp_path, made, config(), deployment=record)).scores
        == ()
    )


def test_of_many_examples_a_part_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tune.runtime.deployment_record.MOST_HASHES", 5)
    made = plan()
    kept = read_deployment(export(tmp_path, made, config())).seen["tuning"]
    assert len(kept) == 5
    assert kept <= set(example_hashes(["text"], made.split.tuning))


@given(
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=5), min_size=3),
    st.text(max_size=5),
)
def test_marks_hang_on_the_shown_fields_alone(
    inputs: dict[str, str], other: str
) -> None:
    first, second = (
        Example("1", {**inputs, "c": text}, "x", {}) for text in (inputs["c"], other)
    )
    assert example_hashes(["a", "b"], [first]) == example_hashes(["b", "a"], [second])
    assert (
        example_hashes(["a", "c"], [first]) == example_hashes(["a", "c"], [second])
    ) == (inputs["c"] == other)


def test_a_hash_is_the_first_digits_of_sha256_over_the_shown_inputs() -> None:
    """A known value: a hash that changes makes every old file forget its examples."""
    example = Example("7", {"text": "hello", "other": "x"}, "y", {})
    # printf '{"text":"hello"}' | sha256sum
    digits = "cbbbdcd2"
    assert example_hashes(["text"], [example]) == [digits]


def test_what_lives_in_the_process_is_null_and_all_of_it_is_json() -> None:
    made = plan(metric=lambda answer, example: 1.0)
    record = deployment_record(made, config())
    assert record["metric"]["spec"] is None
    assert record["judge"] is None
    json.dumps(record, allow_nan=False)  # raises where something is no JSON
