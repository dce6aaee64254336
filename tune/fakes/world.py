"""A small world in which the truth is known: a labelled task, and models that are right as often as
told.

`LabelledWorld` is what the server of `server.py` answers from by default. Whether an answer is
right depends on the content of the prompt, the model, the template, the temperature and the seed,
and on nothing else, so that two runs can be compared whatever their order, concurrency and retries.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r"\w+|[^\w\s]")
_MARK = re.compile(r"#(\d+)")


def tokens(text: str) -> int:
    """Tokens of a text: one for each run of word characters and one for each other visible
    character.

    So no text has more tokens than its UTF-8 form has bytes.
    """
    return len(_TOKEN.findall(text))


def first_tokens(text: str, count: int) -> str:
    """The text up to the end of its token number `count`."""
    ends = [m.end() for m in _TOKEN.finditer(text)]
    return text if len(ends) <= count else text[: ends[count - 1]] if count else ""


def chance(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    digest = hashlib.sha256(
        "\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")
    ).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


@dataclass(frozen=True)
class LabelledWorld:
    """Tickets to be labelled, each with a number like `#17` that the truth hangs on.

    Attributes:
        labels: the possible labels, equally likely.
        models: how often each model is right at temperature 0 with a template that says nothing
            special.
        default: the same for models that are not named.
        templates: fragments of prompts, with what a template that holds one adds to that.
        heat: what one degree of temperature takes away.
        spread: how much easier or harder than the average a ticket is (half are easier, half
            harder).
        reasoned: prompts with this fragment are answered with a few sentences before the label.
    """

    labels: tuple[str, ...] = ("refund", "delivery", "complaint", "praise")
    models: Mapping[str, float] = field(default_factory=dict)
    default: float = 0.7
    templates: Mapping[str, float] = field(
        default_factory=lambda: {"step by step": 0.12, "Examples:": 0.08}
    )
    heat: float = 0.2
    spread: float = 0.2
    reasoned: str = "step by step"

    def examples(self, count: int, *, start: int = 0) -> list[dict[str, str]]:
        """Labelled rows: id, text, label."""
        return [
            {
                "id": str(i),
                "text": f"Ticket #{i}: my parcel {_words(('text', i), 4 + i % 9)}",
                "label": self.label(i),
            }
            for i in range(start, start + count)
        ]

    def label(self, number: int) -> str:
        """The true label of ticket `number`."""
        return self.labels[int(chance("label", number) * len(self.labels))]

    def accuracy(self, model: str, prompt: str, temperature: float) -> float:
        """How often a model is right on the average ticket, with the template of this prompt."""
        shift = sum(
            gain for fragment, gain in self.templates.items() if fragment in prompt
        )
        return min(
            1.0,
            max(
                0.0,
                self.models.get(model, self.default) + shift - self.heat * temperature,
            ),
        )

    def probability(self, model: str, prompt: str, temperature: float) -> float:
        """How often a model is right on the ticket of this prompt (the last one that it shows).

        At temperature 0 that is 0 or 1: it says the same each time.
        """
        number = _number(prompt)
        mean = self.accuracy(model, prompt, temperature)
        side = 1 if chance("hard", number) < 0.5 else -1
        p = mean + side * min(self.spread, mean, 1 - mean)
        if temperature == 0:
            return float(chance("cold", model, _template(prompt), number) < p)
        return p

    def __call__(
        self,
        model: str,
        prompt: str,
        settings: Mapping[str, Any],
        seed: int,
        index: int,
    ) -> str:
        """The text that a model answers: the world of `server.Server`."""
        temperature = float(settings.get("temperature", 1.0))
        number = _number(prompt)
        draw = (
            ("cold",)
            if temperature == 0
            else (temperature, settings.get("top_p"), seed, index)
        )
        key = (model, _template(prompt), number, *draw)
        label = self.label(number)
        if chance("right", *key) >= self.probability(model, prompt, temperature):
            others = [other for other in self.labels if other != label]
            label = others[int(chance("wrong", *key) * len(others))]
        if self.reasoned in prompt:
            return f"Let us see: {_words(key, 3 + int(chance('long', *key) * 30))}. Answer: {label}"
        return label


def _number(prompt: str) -> int:
    marks = _MARK.findall(prompt)
    return int(marks[-1]) if marks else int(chance("plain", prompt) * 2**31)


def _template(prompt: str) -> str:
    """What the prompt says besides its last ticket."""
    head, mark, tail = prompt.rpartition("#")
    return (head + mark + tail.partition("\n")[2]) if mark else "plain"


_STOCK: Sequence[str] = (
    "late",
    "lost",
    "here",
    "again",
    "broken",
    "fine",
    "soon",
    "never",
    "box",
    "came",
    "today",
    "order",
    "small",
    "wrong",
    "money",
)


def _words(key: object, count: int) -> str:
    return " ".join(
        _STOCK[int(chance("word", key, i) * len(_STOCK))] for i in range(count)
    )
