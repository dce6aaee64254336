"""A space for data that comes without one: it parses, its templates can be filled, and labels are
found.
"""

from __future__ import annotations

from typing import Any

import pytest

from tune.plan.default_space import MOST_LABELS, default_space, find_labels
from tune.space import Space
from tune.task.extract import parse_extractor
from tune.task.load import load_data
from tune.task.prompt_spec import parse_prompt, shots_needed
from tune.task.split import split


def rows(count: int, target: Any, **more: str) -> list[dict[str, Any]]:
    return [{"text": f"ticket {i}", **more, "label": target(i)} for i in range(count)]


def made(data: list[dict[str, Any]]) -> tuple[Any, Space]:
    loaded = load_data(data, target="label")
    return loaded, Space.from_mapping(
        {
            **default_space(loaded),
            "space": {**default_space(loaded)["space"], "model": "m"},
        }
    )


@pytest.mark.parametrize("count", [2, 24, 60])
def test_every_template_can_be_filled(count: int) -> None:
    loaded, space = made(rows(count, lambda i: "ab"[i % 2], subject="late"))
    parts = split(
        loaded,
        holdout=0.4,
        shots=max(map(shots_needed, space.prompts.values())),
        seed=0,
    )
    for name, spec in space.prompts.items():
        prompt = parse_prompt(name, spec, shots=parts.shots, target=loaded.target)
        prompt.check(loaded)
        shown = "".join(message.content for message in prompt.render(parts.tuning[0]))  # type: ignore[union-attr]
        assert "ticket" in shown
        assert "late" in shown


def test_a_few_labels_are_named_in_the_templates_and_found_in_the_text() -> None:
    _, space = made(rows(40, lambda i: ["refund", "praise"][i % 2]))
    assert "refund" in str(space.prompts["plain"])
    extract = parse_extractor(space.answer)
    assert extract("I think it is a Refund.") == "refund"
    assert extract("Praise? No: refund") == "refund"
    assert extract("neither") is None


def test_free_text_is_taken_from_behind_the_mark_or_whole() -> None:
    _, space = made(rows(40, lambda i: f"a different text {i}"))
    extract = parse_extractor(space.answer)
    assert extract("Step one. Step two.\nAnswer: forty two \n") == "forty two"
    assert extract("forty two") == "forty two"


def test_labels_are_few_and_each_is_used() -> None:
    def labels(count: int, target: Any) -> list[str]:
        return find_labels(load_data(rows(count, target), target="label"))

    assert labels(60, lambda i: "aab"[i % 3]) == ["a", "b"]
    assert labels(60, lambda i: "a") == []
    assert labels(60, lambda i: i % (MOST_LABELS + 1)) == []
    assert labels(6, lambda i: i % 4) == []
    assert labels(60, lambda i: bool(i % 2)) != []


def test_few_shot_needs_enough_rows_to_set_some_aside() -> None:
    assert "few-shot" not in made(rows(10, lambda i: "ab"[i % 2]))[1].prompts
    assert (
        shots_needed(made(rows(40, lambda i: "ab"[i % 2]))[1].prompts["few-shot"]) == 4
    )


def test_labels_that_differ_in_case_and_spaces_are_one_label() -> None:
    data = load_data(
        rows(60, lambda i: ["bug", "praise", " BUG ", "bug"][i % 4]), target="label"
    )
    assert find_labels(data) == ["bug", "praise"]


def test_long_targets_and_lists_are_no_labels() -> None:
    assert (
        find_labels(load_data(rows(60, lambda i: "ab"[i % 2] * 80), target="label"))
        == []
    )
    assert (
        find_labels(
            load_data(rows(60, lambda i: [["a"], ["b"]][i % 2]), target="label")
        )
        == []
    )
