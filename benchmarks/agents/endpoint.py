"""An OpenAI-compatible endpoint whose first choice is always the answer of the minority.

A program that asks for five answers and takes the first one is found out by its answer. It plays
two parts: it labels a ticket, and it analyses a table in Python, first with code and then with what
the code printed.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.worlds.answering import answering, chat_completion

MINORITY, MAJORITY = "shipping", "billing"
"""The labels that the endpoint gives to every ticket."""

CODE = """\
import pandas as pd

people = pd.read_csv("passengers.csv")
rates = people[people["sex"] == "{sex}"].groupby("pclass")["survived"].mean()
print(f"class {{rates.idxmax()}} {{rates.max():.4f}}")
"""
"""The analysis. The majority looks at women, as the task says, and the minority at men."""

_PRINTED = re.compile(r"exitcode: 0.*?output:\s*class (\d) ([\d.]+)", re.DOTALL)


@dataclass
class Log:
    """Every request, with the key that it came with, and the tokens that were billed."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    answered: dict[str, int] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget all of it."""
        self.bodies.clear()
        self.keys.clear()
        self.answered.clear()
        self.prompt_tokens = self.completion_tokens = 0


def both_answers(messages: list[dict[str, Any]]) -> tuple[str, str]:
    """Return what the minority says to a conversation, and what the majority says."""
    last = _text(messages[-1])
    printed = _PRINTED.search(last)
    if printed:
        said = f"Class {printed[1]} has the highest rate: {printed[2]}. TERMINATE"
        return "I cannot tell. TERMINATE", said
    if "passengers.csv" in last:
        men, women = (
            f"This computes it:\n```python\n{CODE.format(sex=sex)}```"
            for sex in ("male", "female")
        )
        return men, women
    return f"Label: {MINORITY}", f"Label: {MAJORITY}"


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    # Some frameworks send a text as a list of parts.
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return str(content)


@contextlib.contextmanager
def minority_first(*, takes_n: bool = True) -> Iterator[tuple[str, Log]]:
    """Serve on a free port; the base URL for clients, and the log.

    Args:
        takes_n: False for a service that refuses every n above 1.
    """
    log, lock = Log(), threading.Lock()

    def respond(body: dict[str, Any], key: str) -> dict[str, Any]:
        with lock:
            log.bodies.append(body)
            log.keys.append(key)
            wanted = int(body.get("n") or 1)
            if wanted > 1 and not takes_n:
                raise ValueError("n: Input should be less than or equal to 1")
            if not body["messages"]:
                raise ValueError("messages: at least one is needed")
            minority, majority = both_answers(body["messages"])
            # Asked five times, it gives the minority's answer first.
            asked = str(body["messages"])
            before = log.answered.get(asked, 0)
            log.answered[asked] = before + wanted
            said = []
            for number in range(before, before + wanted):
                text = minority if number % 5 == 0 else majority
                said.append((text, "stop"))
            prompt = sum(len(_text(message)) // 4 for message in body["messages"])
            completion = sum(len(text) // 4 for text, _ in said)
            log.prompt_tokens += prompt
            log.completion_tokens += completion
            return chat_completion(
                len(log.bodies),
                body["model"],
                said,
                prompt_tokens=prompt,
                completion_tokens=completion,
            )

    with answering(respond) as url:
        yield url, log
