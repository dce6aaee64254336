"""Worlds in which it is known how long prompts and answers are, made up and recorded: an estimate
is held against them.

A part of `benchmarks/honesty/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.honesty.tables import Recorded
from tune.completion import Completion, Request
from tune.plan.plan import Plan
from tune.plan.token_counts import likely_tokens
from tune.pricing.prices import Price, to_dollars
from tune.space import Choice, Point, Space

EXAMPLES = 100
STOCK = (
    "late",
    "parcel",
    "here",
    "again",
    "broken",
    "fine",
    "never",
    "box",
    "money",
    "wonderful",
    "order",
    "station",
)
TEMPLATES = {
    "label": {
        "short": "Label this ticket: {text}",
        "described": "You sort tickets for a shop. Read the ticket below with care and say which "
        "of the labels fits it "
        "best. Answer with the label alone, without any other word.\n\nTicket: {text}\nLabel:",
        "reasoned": "Think step by step, then label the ticket: {text}",
    },
    "solve": {
        "plain": "{text}\nAnswer with the number.",
        "reasoned": "{text}\nLet's work this out step by step, and end with the number.",
    },
    "write": {
        "brief": "Summarise in a sentence: {text}",
        "full": "Write a summary of the following text for a reader who has not seen "
        "it.\n\n{text}\n\nSummary:",
    },
}
"""Templates of made-up tasks, by kind."""


@dataclass(frozen=True)
class World:
    """A task with its models.

    Attributes:
        name: for people.
        rows: its examples, as a user has them; `id` is their place.
        space: what is searched.
        prices: by model.
        asked: prompt tokens of (model, prompt, counted tokens, example), as the service counts
            them.
        answered: tokens of an answer of (model, prompt, temperature, example).
    """

    name: str
    rows: Sequence[Mapping[str, Any]]
    space: Space
    prices: Mapping[str, Price]
    asked: Callable[[str, str, int, int], int]
    answered: Callable[[np.random.Generator, str, str, float, int], int]
    _said: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)
    _counted: dict[tuple[str, str], int] = field(default_factory=dict, repr=False)

    def request(self, plan: Plan, point: Point, position: int) -> Request:
        """Return the request for an example of the plan. It names no service yet."""
        prompt, example = str(point["prompt"]), plan.examples[position]
        key = prompt, example.id
        if key not in self._said:
            self._said[key] = plan.prompts[prompt].render(example)
        return Request(
            service="",
            model=plan.entries[str(point["model"])].model,
            prompt=self._said[key],
            max_tokens=plan.space.cap(point),
            settings=(("temperature", point["temperature"]),),
        )

    def draw(
        self, rng: np.random.Generator, plan: Plan, point: Point, position: int
    ) -> Completion:
        """Return the answer to a request."""
        model, prompt, temperature = (
            str(point["model"]),
            str(point["prompt"]),
            float(point["temperature"]),
        )  # type: ignore[arg-type]
        key = prompt, plan.examples[position].id
        if key not in self._counted:
            self._counted[key] = likely_tokens(
                self.request(plan, point, position), 10**9
            )
        example = int(key[1])
        length = min(
            plan.space.cap(point),
            self.answered(rng, model, prompt, temperature, example),
        )
        return Completion(
            "x", "stop", self.asked(model, prompt, self._counted[key], example), length
        )

    def cost(self, model: str, draw: Completion) -> float:
        """Dollars of a draw at list price."""
        return to_dollars(
            self.prices[model].cost(draw.prompt_tokens, draw.completion_tokens)
        )


def words(rng: np.random.Generator, count: int) -> str:
    """So many words."""
    return " ".join(rng.choice(STOCK, max(1, count)))


def made_up(seed: int) -> World:
    """A made-up task: labels, questions with a number for an answer, or texts to be written.

    Two to four models whose prices are up to 100 times apart, tokenizers that differ by about a
    tenth, and up to 20 tokens that a chat template adds unseen. Lengths of answers are lognormal
    with a deviation of 0.5, of which the half is the example's own; their medians hang on the
    prompt, the model's verbosity (deviation 0.35), both together (0.2) and the temperature (up to a
    fifth more or less at a degree). A prompt that asks for a label or a number alone gets a
    sentence or a whole solution from one model in four. The cap is a power of two that nearly all
    answers fit into, or two or four times that.
    """
    rng = np.random.default_rng([seed, 7])
    kind = ("label", "solve", "write")[seed % 3]
    templates = TEMPLATES[kind]
    models = [f"model-{i}" for i in range(rng.integers(2, 5))]
    prices = {
        model: Price(price, price * rng.uniform(3, 6))
        for model in models
        if (price := 10 ** rng.uniform(-1.3, 0.7))
    }
    labels = [words(rng, 1 + i % 2) for i in range(4)]
    size = rng.lognormal(math.log(40), 0.6)
    rows = []
    for number in range(EXAMPLES):
        text = f"#{number} {words(rng, int(size * rng.lognormal(0, 0.5)))}"
        target = {
            "label": labels[number % 4],
            "solve": str(rng.integers(10, 1000)),
            "write": words(rng, int(rng.lognormal(math.log(25), 0.3))),
        }[kind]
        rows.append({"id": str(number), "text": text, "target": target})
    medians = {(m, p): _median(rng, kind, p) for m in models for p in templates}
    verbosity = {m: rng.lognormal(0, 0.35) for m in models}
    medians = {
        key: max(1.0, median * (verbosity[key[0]] if median > 8 else 1.0))
        for key, median in medians.items()
    }
    heat = {key: rng.uniform(-0.2, 0.2) for key in medians}
    own = 0.35 * rng.standard_normal(EXAMPLES)
    counted = {m: (rng.lognormal(0, 0.1), rng.integers(0, 21)) for m in models}

    def answered(
        generator: np.random.Generator,
        model: str,
        prompt: str,
        temperature: float,
        example: int,
    ) -> int:
        middle = medians[model, prompt] * (1 + heat[model, prompt] * temperature)
        spread = own[example] + 0.35 * generator.standard_normal()
        return 1 + round(middle * math.exp(spread if middle > 8 else 0.2 * spread))

    def asked(model: str, _: str, likely: int, __: int) -> int:
        factor, more = counted[model]
        return round(likely * factor) + int(more)

    longest = max(medians.values()) * math.exp(1.3 * 0.5)
    cap = int(
        min(2048, 2 ** (math.ceil(math.log2(max(8.0, longest))) + rng.integers(0, 3)))
    )
    space = Space(
        model=models,
        prompt=dict(templates),
        temperature=[0.0, 0.25, 0.5, 0.75, 1.0],
        max_tokens=cap,
    )
    return World(f"{kind}-{seed}", rows, space, prices, asked, answered)


def _median(rng: np.random.Generator, kind: str, prompt: str) -> float:
    """Tokens of a typical answer to a prompt."""
    if kind == "write":
        return float(33 * rng.lognormal(0.0 if prompt == "brief" else 0.7, 0.3))
    if prompt == "reasoned":
        return float(rng.lognormal(math.log(80 if kind == "label" else 160), 0.5))
    talks = rng.random() < 0.25
    return (
        float((14 if kind == "label" else 90) * rng.lognormal(0, 0.4))
        if talks
        else float(rng.integers(1, 4))
    )


def replayed(table: Recorded) -> World:
    """A recorded table: its answers' lengths as they were, its prompts as so many words as they had
    tokens.
    """
    number = {cell: i for i, cell in enumerate(table.cells)}
    prompts = list(dict.fromkeys(prompt for _, prompt, _ in table.cells))
    models = list(dict.fromkeys(model for model, _, _ in table.cells))
    first = {(m, p): i for i, (m, p, _) in reversed(list(enumerate(table.cells)))}
    rows: list[dict[str, str]] = []
    for e in range(table.scores.shape[1]):
        row = {"id": str(e), "target": table.targets[e]}
        for prompt in prompts:
            size = next(
                int(table.prompts[i, e]) for (_, p), i in first.items() if p == prompt
            )
            row[f"text_{prompt}"] = " ".join(["word"] * max(1, size - 8) + [str(e)])
        rows.append(row)
    when: dict[str, Any] = {
        m: {
            "prompt": [p for p in prompts if (m, p) in first],
            "temperature": sorted({t for model, _, t in table.cells if model == m}),
        }
        for m in models
    }
    caps = {
        p: max(
            cap
            for (_, q, _), cap in zip(table.cells, table.caps, strict=True)
            if q == p
        )
        for p in prompts
    }
    when |= {p: {"max_tokens": cap} for p, cap in caps.items()}
    space = Space(
        model=models,
        prompt={p: f"{{text_{p}}}" for p in prompts},
        max_tokens=Choice(sorted(set(caps.values()))),
        temperature=sorted({t for _, _, t in table.cells}),
        when=when,
    )

    def asked(model: str, prompt: str, _: int, example: int) -> int:
        return int(table.prompts[first[model, prompt], example])

    def answered(
        generator: np.random.Generator,
        model: str,
        prompt: str,
        temperature: float,
        example: int,
    ) -> int:
        return int(
            generator.choice(table.tokens[number[model, prompt, temperature], example])
        )

    return World(table.name, rows, space, table.prices, asked, answered)
