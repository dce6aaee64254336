"""Worlds for search benchmarks: what every draw of every paid point said, as numbers, and what
every config is worth.

A world is a table: for each paid point, example and recorded draw the answer (a small number, -1
for none) and the tokens up to its end. So a config's worth is known exactly: the mean over all
examples and all subsets of the recorded draws. Some worlds are recorded from real models
(`recorded`), the others are made up as `Family` states (`simulated`); they are never mixed in one
number. Where a world has no right answers, what it holds are scores from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.worlds.replay import Cell, Table, cell_of
from tune.pricing.prices import Price
from tune.space import FREE, Config, Point, Space
from tune.stats.majority_vote import mean_of_vote

Codes = npt.NDArray[np.int8]
Counts = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]

NONE = -1
"""The code of a text without an answer; among scores, it counts as 0."""


@dataclass(frozen=True)
class World:
    """A table of draws.

    Attributes:
        name: for people.
        space: what is searched; its paid points are the rows of the table.
        answers: the answer of every draw, by cell: examples x draws, -1 for none. It is the last
            thing said. Where `right` is None, the score of every draw instead.
        tokens: the tokens of every draw, in the same form.
        prompt_tokens: of every example, by cell.
        right: the right answer of every example; None where draws hold scores. Scores cannot
            vote, so that the space of such a world has n = 1 only.
        prices: by model.
    """

    name: str
    space: Space
    answers: Mapping[Cell, Codes | Scores]
    tokens: Mapping[Cell, Counts]
    prompt_tokens: Mapping[Cell, Counts]
    right: Codes | None
    prices: Mapping[str, Price]
    _known: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def examples(self) -> int:
        """Return the number of examples."""
        return len(next(iter(self.prompt_tokens.values())))

    def worth(self, config: Config) -> float:
        """The expected score of a config, over all examples and draws."""
        return float(self.worths(config).mean())

    def worths(self, config: Config) -> Array:
        """The same for every example."""
        cell = cell_of(config)
        n = config.n if config.aggregate == "vote" else 1
        key = cell, config.max_tokens
        if key not in self._known:
            said = cut(self.answers[cell], self.tokens[cell], config.max_tokens)
            everything = np.arange(self.examples)
            self._known[key] = self.expected(said, everything, tuple(self._sizes()))
        return np.asarray(self._known[key][:, self._sizes().index(n)])

    def expected(
        self, said: Codes | Scores, places: Counts, ns: tuple[int, ...]
    ) -> Array:
        """Return the expected score of n of the draws, by example and n.

        Args:
            said: the answers or scores of some draws, by example.
            places: the examples that they belong to.
            ns: the numbers of answers.
        """
        if self.right is not None:
            return votes(np.asarray(said, np.int8), self.right[places], ns)
        mean = np.maximum(said, 0.0).mean(axis=1, dtype=float)
        return np.repeat(mean[:, None], len(ns), axis=1)

    def readings(self, point: Point, free: tuple[str, ...] = FREE) -> list[Config]:
        """Every config that can be read off a paid point."""
        key = "readings", point, free
        if key not in self._known:
            self._known[key] = self.space.configs_of(point, free)
        return list(self._known[key])

    def _sizes(self) -> list[int]:
        if "sizes" not in self._known:
            configs = (
                c
                for p in self.space.points(FREE)
                for c in self.space.configs_of(p, FREE)
            )
            self._known["sizes"] = sorted({1, *(config.n for config in configs)})
        return list(self._known["sizes"])

    def cost(self, config: Config) -> float:
        """Dollars per request of a config, in expectation."""
        cell, price = cell_of(config), self.prices[config.model]
        tokens = np.minimum(self.tokens[cell], config.max_tokens).mean()
        return (
            float(self.prompt_tokens[cell].mean()) * price.input
            + config.n * float(tokens) * price.output
        ) / 1e6

    def best(self, max_cost: float | None = None) -> float:
        """The worth of the best config that costs no more."""
        if ("best", max_cost) not in self._known:
            configs = (
                c
                for p in self.space.points(FREE)
                for c in self.space.configs_of(p, FREE)
            )
            kept = (c for c in configs if max_cost is None or self.cost(c) <= max_cost)
            self._known["best", max_cost] = max(self.worth(c) for c in kept)
        return float(self._known["best", max_cost])

    def middle_cost(self) -> float:
        """The median cost of the configs: a limit that is felt."""
        if "middle" not in self._known:
            configs = [
                c
                for p in self.space.points(FREE)
                for c in self.space.configs_of(p, FREE)
            ]
            self._known["middle"] = float(
                np.median([self.cost(config) for config in configs])
            )
        return float(self._known["middle"])

    def unit(self, examples: int) -> float:
        """Dollars of one draw of the average point, at its largest max_tokens, on so many examples."""
        return examples * float(
            np.mean([self._price_of_one(cell) for cell in self.answers])
        )

    def exhausting(self, examples: int) -> float:
        """Dollars of every point's draws, as many as the largest n takes, once on so many examples."""
        found = 0.0
        for point in self.space.points(FREE):
            most = max(config.n for config in self.space.configs_of(point, FREE))
            cell, price = cell_of(point), self.prices[str(point["model"])]
            tokens = float(self.tokens[cell].mean())
            found += (
                float(self.prompt_tokens[cell].mean()) * price.input
                + most * tokens * price.output
            ) / 1e6
        return examples * found

    def _price_of_one(self, cell: Cell) -> float:
        price = self.prices[cell.model]
        return (
            float(self.prompt_tokens[cell].mean()) * price.input
            + float(self.tokens[cell].mean()) * price.output
        ) / 1e6


def cut(answers: Codes | Scores, tokens: Counts, cap: int) -> Codes | Scores:
    """Return the answers that remain at a smaller cap; later answers become NONE."""
    return np.where(tokens <= cap, answers, np.int8(NONE)).astype(answers.dtype)


def votes(answers: Codes, right: Codes, ns: tuple[int, ...]) -> Array:
    """The expected score of the vote of n of the draws, by example and n; NaN where n is beyond the
    draws.
    """
    kinds = int(max(answers.max(initial=0), right.max())) + 1
    counts = (answers[:, :, None] == np.arange(kinds)).sum(axis=1)
    hits = counts[np.arange(len(right)), right]
    counts[np.arange(len(right)), right] = 0
    others = -np.sort(-counts, axis=1)[
        :, :6
    ]  # of more than six different wrong answers, the rest abstain
    tallies, place = np.unique(
        np.column_stack([hits, others]), axis=0, return_inverse=True
    )
    found = np.array(
        [_vote(tuple(map(int, tally)), answers.shape[1], ns) for tally in tallies]
    )
    return np.asarray(found[place.reshape(-1)])


@lru_cache(maxsize=200_000)
def _vote(tally: tuple[int, ...], draws: int, ns: tuple[int, ...]) -> tuple[float, ...]:
    row = [kind for kind, count in enumerate(tally) for _ in range(count)][:draws]
    row += [NONE] * (draws - len(row))
    answers = np.array([row])
    means = mean_of_vote(answers, (answers == 0).astype(float), 0.0, list(ns)).means[0]
    return tuple(float(mean) for mean in means)


# --- recorded


def recorded(
    table: Table, ladders: Mapping[int, Sequence[int]], ns: Sequence[int]
) -> World:
    """A recorded table as a world: the last word of a text is its answer.

    Args:
        table: what was recorded.
        ladders: the max_tokens to search, by the cap that was recorded.
        ns: the numbers of answers to search.
    """
    codes = {label: code for code, label in enumerate(table.labels)}
    answers, tokens, prompts = {}, {}, {}
    for cell, rows in table.cells.items():
        most = max(map(len, rows))
        full = [[row[i % len(row)] for i in range(most)] for row in rows]
        answers[cell] = np.array(
            [[codes.get(d.text.split()[-1], NONE) for d in row] for row in full],
            dtype=np.int8,
        )
        tokens[cell] = np.array(
            [[d.completion_tokens for d in row] for row in full], dtype=np.int32
        )
        prompts[cell] = np.array([row[0].prompt_tokens for row in rows], dtype=np.int32)
    right = np.array([codes[target] for target in table.targets], dtype=np.int8)
    return World(
        table.name,
        space_of(table, ladders, ns),
        answers,
        tokens,
        prompts,
        right,
        table.prices,
    )


def space_of(
    table: Table, ladders: Mapping[int, Sequence[int]], ns: Sequence[int]
) -> Space:
    """Return the space of a recorded table: everything that it holds.

    `ladders` and `ns` are those of `recorded`.
    """
    when: dict[str, dict[str, Any]] = {
        prompt: {"max_tokens": list(ladders[cap])}
        for prompt, cap in {c.prompt: k for c, k in table.caps.items()}.items()
    }
    for model in table.prices:
        when[model] = {
            "prompt": list(
                dict.fromkeys(
                    cell.prompt for cell in table.cells if cell.model == model
                )
            )
        }
    return Space(
        model=list(table.prices),
        prompt=dict.fromkeys((cell.prompt for cell in table.cells), "{text}"),
        temperature=sorted({cell.temperature for cell in table.cells}),
        n=list(ns),
        aggregate=["first", "vote"],
        max_tokens=sorted({cap for ladder in ladders.values() for cap in ladder}),
        when=when,
    )


# --- made up


@dataclass(frozen=True)
class Family:
    """A recipe for worlds of one kind. Every number with a spread is drawn anew for each world.

    A draw is right if

        sharpness * (skill of the model + gain of the prompt + interaction of the pair
        - chill of the model * (T - its best T)^2 - difficulty of the example)
        + taste of the pair for the example + thought > 0.

    All terms are normal. The thought is the luck of one chain of thought. At T = 0 it is the same
    for each draw of a pair and an example. With growing T a growing part of it is drawn anew for
    each draw (all of it from T = 0.6 on), and it is larger. So the draws of one example are correlated,
    and a vote averages thoughts out but not tastes.

    A wrong answer is the favourite one of the example half of the time, else any other. A text has
    no answer with a probability that grows beyond T = 0.8.

    Attributes:
        name: the name in pages.
        models: skill and dollars per million tokens (in, out) of each.
        prompts: the number of prompts. Their gains are normal with a deviation of 0.5. The longer a
            prompt makes the model think, the better it is on average.
        temperatures: the temperatures to search.
        kinds: the number of different answers.
        lengths: median tokens of an answer, from the shortest to the longest prompt.
        caps: the max_tokens to search, ascending.
        ns: the numbers of answers to search.
        thought: deviation of the thought, from the shortest to the longest prompt.
    """

    name: str
    models: Mapping[str, tuple[float, float, float]]
    prompts: int
    temperatures: tuple[float, ...]
    kinds: int
    lengths: tuple[float, float]
    caps: tuple[int, ...]
    ns: tuple[int, ...] = (1, 3, 5, 9)
    thought: tuple[float, float] = (0.4, 0.4)


def _steps(top: float, count: int) -> tuple[float, ...]:
    return tuple(round(top * i / (count - 1), 2) for i in range(count))


FAMILIES = {
    family.name: family
    for family in (
        Family(
            "labels",
            {
                "small": (-0.3, 0.1, 0.4),
                "middle": (0.4, 0.4, 1.6),
                "large": (0.8, 2.0, 8.0),
            },
            prompts=6,
            temperatures=_steps(1.2, 13),
            kinds=4,
            lengths=(3, 30),
            caps=(8, 32, 96),
        ),
        Family(
            "reasoning",
            {
                "tiny": (-0.6, 0.05, 0.2),
                "small": (0.0, 0.15, 0.6),
                "middle": (0.5, 0.5, 2.0),
                "large": (0.8, 2.5, 10.0),
            },
            prompts=6,
            temperatures=_steps(1.6, 9),
            kinds=12,
            lengths=(20, 200),
            caps=(64, 128, 256, 512),
            thought=(0.6, 1.6),
        ),
        Family(
            "prompts",
            {
                "small": (0.0, 0.1, 0.4),
                "middle": (0.3, 0.5, 2.0),
                "large": (0.5, 1.5, 6.0),
            },
            prompts=20,
            temperatures=_steps(1.0, 5),
            kinds=3,
            lengths=(3, 60),
            caps=(16, 64, 128),
            thought=(0.4, 0.8),
        ),
    )
}


def simulated(family: Family, seed: int, examples: int = 400, draws: int = 16) -> World:
    """A world of a family."""
    rng = np.random.default_rng([seed, len(family.name), family.prompts])
    right = rng.integers(family.kinds, size=examples).astype(np.int8)
    favourite = (
        (right + rng.integers(1, family.kinds, size=examples)) % family.kinds
    ).astype(np.int8)
    difficulty = 1.2 * rng.standard_normal(examples)
    effort = rng.permutation(np.linspace(0, 1, family.prompts))
    gain = 0.5 * rng.standard_normal(family.prompts) + 0.5 * (effort - 0.5)
    given = rng.integers(40, 600, size=family.prompts)
    texts = rng.integers(20, 120, size=examples)
    answers, tokens, prompts = {}, {}, {}
    for model, (skill, _, _) in family.models.items():
        able = skill + 0.3 * rng.standard_normal()
        chill, mild = abs(0.3 + 0.3 * rng.standard_normal()), rng.uniform(0.0, 0.8)
        wordy = float(np.exp(0.2 * rng.standard_normal()))
        for number in range(family.prompts):
            interaction, taste = (
                0.35 * rng.standard_normal(),
                0.6 * rng.standard_normal(examples),
            )
            deep = float(np.interp(effort[number], (0, 1), family.thought))
            fixed = rng.standard_normal(examples)
            median = wordy * float(
                np.exp(np.interp(effort[number], (0, 1), np.log(family.lengths)))
            )
            long = median * np.exp(0.3 * rng.standard_normal(examples))
            for heat in family.temperatures:
                cell = Cell(model, f"p{number}", heat)
                mean = (
                    1.5
                    * (
                        able
                        + gain[number]
                        + interaction
                        - chill * (heat - mild) ** 2
                        - difficulty
                    )
                    + taste
                )
                fresh = min(1.0, heat / 0.6)
                thought = np.sqrt(1 - fresh**2) * fixed[:, None]
                thought = thought + fresh * rng.standard_normal((examples, draws))
                good = mean[:, None] + (deep + 0.4 * heat) * thought > 0
                other = rng.integers(family.kinds - 1, size=(examples, draws)) + 1
                wrong = np.where(
                    rng.random((examples, draws)) < 0.5,
                    favourite[:, None],
                    (right[:, None] + other) % family.kinds,
                )
                said = np.where(good, right[:, None], wrong)
                mute = (
                    rng.random((examples, draws))
                    < 0.01 + 0.3 * max(0.0, heat - 0.8) ** 2
                )
                said = np.where(mute, NONE, said).astype(np.int8)
                spread = np.exp(0.25 * rng.standard_normal((examples, draws)))
                count = np.maximum(1, np.ceil(long[:, None] * spread)).astype(np.int32)
                if heat == 0:
                    said, count = (
                        np.repeat(all_[:, :1], draws, axis=1) for all_ in (said, count)
                    )
                top = family.caps[-1]
                answers[cell] = cut(said, count, top)
                tokens[cell] = np.minimum(count, top)
                prompts[cell] = (given[number] + texts).astype(np.int32)
    space = Space(
        model=list(family.models),
        prompt={f"p{number}": "{text}" for number in range(family.prompts)},
        temperature=list(family.temperatures),
        n=list(family.ns),
        aggregate=["first", "vote"],
        max_tokens=list(family.caps),
    )
    prices = {
        name: Price(given_, taken) for name, (_, given_, taken) in family.models.items()
    }
    return World(
        f"{family.name}-{seed}", space, answers, tokens, prompts, right, prices
    )
