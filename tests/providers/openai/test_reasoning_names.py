"""Names of reasoning models."""

from __future__ import annotations

import pytest

from tune.providers.openai.reasoning_names import named_as_reasoning


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("o4-mini", True),
        ("gpt-5.1", True),
        ("openai/gpt-10", True),
        ("gpt-4.1", False),
        ("gpt-4o", False),
        ("ours/o-one", False),
    ],
)
def test_a_reasoning_model_is_told_by_its_name(name: str, reasons: bool) -> None:
    assert named_as_reasoning(name) == reasons
