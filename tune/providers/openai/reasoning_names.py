"""Names of OpenAI's reasoning models. A module of its own, as an export imports nothing else."""

from __future__ import annotations

import re

# The beginnings of the names of OpenAI's reasoning models.
_REASONS = re.compile(r"(?:o\d|gpt-[5-9]|gpt-\d\d)")


def named_as_reasoning(model: str) -> bool:
    """Tell whether a name is one of OpenAI's reasoning models, with or without its publisher."""
    return bool(_REASONS.match(model.rpartition("/")[2]))
