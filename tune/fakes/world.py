"""A small world of known truth: a labelled task, and models of known accuracy.

The fake server of `server.py` answers from `LabelledWorld` by default. An answer depends on the
content of the prompt, the model, the template, the temperature and the seed, and on nothing else.
So two runs can be compared, whatever their order, concurrency and retries.
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
    """Count the tokens of a text.

    Each run of word characters is a token, and each other visible character. So no text has more
    tokens than its UTF-8 form has bytes.
    """
    return len(_TOKEN.findall(text))


def first_tokens(text: str, count: int) -> str:
    """Return the text up to the end of token number `count`."""
    ends = [match.end() for match in _TOKEN.finditer(text)]
    if len(ends) <= count:
        return text
    # No token at all: not even the space before the first one.
    if count == 0:
        return ""
    return text[: ends[count - 1]]


def chance(*parts: object) -> float:
    """Return a number in [0, 1) that depends on the parts alone."""
    # Python's own hash differs between processes. Half of a pair of surrogates has no UTF-8 form,
    # but texts that are cut in the middle of a character hold them.
    text = "\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(text).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


@dataclass(frozen=True)
class LabelledWorld:
    """Tickets to be labelled. Each has a number like `#17`, and the number decides its label.

    Attributes:
        labels: the possible labels; each is equally likely.
        models: the accuracy of each model at temperature 0, with a plain template.
        default: the accuracy of the models that are not named.
        templates: fragments of prompts, and the accuracy that a template with a fragment adds.
        heat: the accuracy that one degree of temperature takes away.
        spread: the accuracy that an easy ticket adds, and a hard one takes away. Half of the
            tickets are easy.
        reasoned: a fragment; prompts with it are answered with a sentence before the label.
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
        """Return labelled rows: id, text, label."""
        rows = []
        for number in range(start, start + count):
            words = _words(("text", number), 4 + number % 9)
            rows.append(
                {
                    "id": str(number),
                    "text": f"Ticket #{number}: my parcel {words}",
                    "label": self.label(number),
                }
            )
        return rows

    def label(self, number: int) -> str:
        """Return the true label of ticket `number`."""
        return self.labels[int(chance("label", number) * len(self.labels))]

    def accuracy(self, model: str, prompt: str, temperature: float) -> float:
        """Return the accuracy of a model with this prompt's template on the average ticket."""
        gains = [
            gain for fragment, gain in self.templates.items() if fragment in prompt
        ]
        plain = self.models.get(model, self.default)
        return min(1.0, max(0.0, plain + sum(gains) - self.heat * temperature))

    def probability(self, model: str, prompt: str, temperature: float) -> float:
        """Return the probability that a model is right on the ticket of this prompt.

        The ticket of a prompt is the last one in it. At temperature 0 the probability is 0 or 1,
        because the model answers the same each time.
        """
        number = _number(prompt)
        mean = self.accuracy(model, prompt, temperature)
        # The spread is the same on both sides, so that the mean over the tickets stays the mean.
        spread = min(self.spread, mean, 1 - mean)
        if chance("hard", number) >= 0.5:
            spread = -spread
        if temperature == 0:
            cold = chance("cold", model, _template(prompt), number)
            return float(cold < mean + spread)
        return mean + spread

    def __call__(
        self,
        model: str,
        prompt: str,
        settings: Mapping[str, Any],
        seed: int,
        index: int,
    ) -> str:
        """Return the text that a model answers; this is the form that `server.Server` calls."""
        temperature = float(settings.get("temperature", 1.0))
        number = _number(prompt)
        draw: tuple[object, ...] = (temperature, settings.get("top_p"), seed, index)
        if temperature == 0:
            draw = ("cold",)
        key = (model, _template(prompt), number, *draw)
        label = self.label(number)
        # Each decision has a chance of its own, so that a wrong answer does not depend on the size
        # of the number that made it wrong.
        if chance("right", *key) >= self.probability(model, prompt, temperature):
            others = [other for other in self.labels if other != label]
            label = others[int(chance("wrong", *key) * len(others))]
        if self.reasoned in prompt:
            thoughts = _words(key, 3 + int(chance("long", *key) * 30))
            return f"Let us see: {thoughts}. Answer: {label}"
        return label


def _number(prompt: str) -> int:
    marks = _MARK.findall(prompt)
    if marks:
        # Earlier tickets are the examples of a few-shot prompt.
        return int(marks[-1])
    return int(chance("plain", prompt) * 2**31)


def _template(prompt: str) -> str:
    """Return the text of a prompt without its last ticket."""
    head, mark, tail = prompt.rpartition("#")
    if not mark:
        return "plain"
    return head + mark + tail.partition("\n")[2]


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
    places = [int(chance("word", key, i) * len(_STOCK)) for i in range(count)]
    return " ".join(_STOCK[place] for place in places)
