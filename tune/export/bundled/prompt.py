"""Fill the tuned prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def fill_prompt(
    turns: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any]
) -> list[dict[str, str]]:
    """Return the chat messages of a prompt, with the inputs in their places.

    Raises:
        KeyError: an input is missing.
    """
    messages = []
    for turn in turns:
        texts = []
        for part in turn["parts"]:
            if isinstance(part, str):
                texts.append(part)
            elif part["field"] in inputs:
                texts.append(str(inputs[part["field"]]))
            else:
                raise KeyError(f"the prompt needs the input {part['field']!r}")
        messages.append({"role": turn["role"], "content": "".join(texts)})
    return messages
