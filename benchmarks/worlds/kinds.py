"""Made-up worlds of one difficulty each: what is hard about a search, one thing at a time.

The families in `benchmarks/worlds/worlds.py` mix everything. Each kind here has one trait, and a
seed draws the rest anew. A draw is right if

    ability of the config + what the example adds for it - difficulty of the example + luck > 0.

The luck is half the example's own for a config, and half anew for each draw. All terms are normal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from benchmarks.worlds.replay import Cell
from benchmarks.worlds.worlds import (
    NONE,
    Array,
    Codes,
    Counts,
    Scores,
    World,
)
from tune.pricing.prices import Price
from tune.space import Space

EXAMPLES, DRAWS = 400, 16
"""Of every world."""

TEMPERATURE = 0.7
"""Of every draw, where it is not searched."""

Grade: TypeAlias = Callable[[Array], Array]
"""Makes scores from 0 to 1 of how far a draw is above 0."""


@dataclass
class Maker:
    """A world that is being made, cell by cell.

    Attributes:
        name: the name of the world.
        rng: draws everything.
        caps: the max_tokens to search, ascending.
        grade: makes scores; None where a draw is right or wrong.
    """

    name: str
    rng: np.random.Generator
    caps: Sequence[int] = (64,)
    grade: Grade | None = None
    answers: dict[Cell, Codes | Scores] = field(default_factory=dict)
    tokens: dict[Cell, Counts] = field(default_factory=dict)
    prompts: dict[Cell, Counts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.difficulty = self.rng.standard_normal(EXAMPLES)
        self.texts = self.rng.integers(40, 160, EXAMPLES)

    def add(
        self,
        cell: Cell,
        ability: float | Array,
        *,
        length: float = 8.0,
        spread: float = 0.3,
    ) -> None:
        """Add a cell.

        Args:
            cell: its model, prompt and temperature.
            ability: of the config, or of the config for each example.
            length: median tokens of its answers.
            spread: deviation of the logarithm of their tokens.
        """
        shape = (EXAMPLES, DRAWS)
        luck = 0.5 * self.rng.standard_normal((EXAMPLES, 1))
        luck = luck + 0.5 * self.rng.standard_normal(shape)
        above = (ability - self.difficulty)[:, None] + luck
        long = length * np.exp(spread * self.rng.standard_normal(shape))
        count = np.ceil(long).clip(1, 10 * self.caps[-1]).astype(np.int32)
        whole = count <= self.caps[-1]
        if self.grade is None:
            said = np.where(above > 0, 0, 1).astype(np.int8)
            self.answers[cell] = np.where(whole, said, np.int8(NONE))
        else:
            self.answers[cell] = (self.grade(above) * whole).astype(np.float32)
        self.tokens[cell] = np.minimum(count, self.caps[-1])
        self.prompts[cell] = self.texts.astype(np.int32)

    def world(self, prices: Mapping[str, Price] | None = None) -> World:
        """Return the world with all of its cells.

        Args:
            prices: by model; all models cost the same where there are none.
        """
        models = list(dict.fromkeys(cell.model for cell in self.answers))
        prompts = dict.fromkeys((cell.prompt for cell in self.answers), "{text}")
        heats = sorted({cell.temperature for cell in self.answers})
        space = Space(
            model=models,
            prompt=prompts,
            temperature=heats,
            n=[1],
            max_tokens=list(self.caps),
        )
        return World(
            self.name,
            space,
            self.answers,
            self.tokens,
            self.prompts,
            None if self.grade else np.zeros(EXAMPLES, np.int8),
            prices or dict.fromkeys(models, Price(0.4, 1.6)),
        )


def _maker(name: str, seed: int, **more: Any) -> Maker:
    rng = np.random.default_rng([seed, *name.encode()])
    return Maker(f"{name}-{seed}", rng, **more)


def _names(letter: str, count: int) -> list[str]:
    return [f"{letter}{number}" for number in range(count)]


# --- one thing is searched


def _temperature(width: float, name: str, seed: int) -> World:
    """Temperature alone: 16 values, quality has a peak of a width somewhere."""
    maker = _maker(name, seed)
    peak = maker.rng.uniform(0.1, 1.4)
    for heat in np.round(np.linspace(0, 1.5, 16), 2).tolist():
        height = float(np.exp(-0.5 * ((heat - peak) / width) ** 2))
        cell = Cell("m0", "p0", heat)
        maker.add(cell, 1.2 * height - 0.3)
        if heat == 0:
            # Without randomness every draw is the same.
            maker.answers[cell][:] = maker.answers[cell][:, :1]
    return maker.world()


def _prompts(name: str, seed: int) -> World:
    """One model and 200 prompts."""
    maker = _maker(name, seed)
    for prompt in _names("p", 200):
        ability = 0.3 * maker.rng.standard_normal()
        maker.add(Cell("m0", prompt, TEMPERATURE), ability)
    return maker.world()


def _models(name: str, seed: int) -> World:
    """One prompt and 50 models, dearer ones better on average."""
    maker = _maker(name, seed)
    prices: dict[str, Price] = {}
    for model in _names("m", 50):
        dear = maker.rng.standard_normal()
        ability = 0.2 * dear + 0.5 * maker.rng.standard_normal()
        maker.add(Cell(model, "p0", TEMPERATURE), ability)
        prices[model] = _price(float(np.exp(0.8 * dear)))
    return maker.world(prices)


# --- what models and prompts do together


def _interaction(name: str, seed: int) -> World:
    """Five models and eight prompts: each model wants a prompt of its own."""
    return _grid(_maker(name, seed), 5, 8, apart=0.2, together=0.6)


def _near_equal(name: str, seed: int) -> World:
    """64 configs, nearly all of them within three points of the best."""
    return _grid(_maker(name, seed), 8, 8, apart=0.02, together=0.03)


def _graded(name: str, seed: int) -> World:
    """Scores anywhere from 0 to 1."""
    maker = _maker(name, seed, grade=lambda above: 1 / (1 + np.exp(-2 * above)))
    return _grid(maker, 6, 6, apart=0.3, together=0.2)


def _skewed(name: str, seed: int) -> World:
    """Scores that are 0 for the most part, and seldom high."""
    maker = _maker(
        name, seed, grade=lambda above: 1 - np.exp(-np.maximum(0, above - 1.2))
    )
    return _grid(maker, 6, 6, apart=0.3, together=0.2)


def _grid(
    maker: Maker, models: int, prompts: int, *, apart: float, together: float
) -> World:
    """Return a world of all models with all prompts.

    Args:
        maker: a world without cells.
        models: the number of models.
        prompts: the number of prompts.
        apart: deviation of the skill of models, and of the gain of prompts.
        together: deviation of what a model and a prompt have together.
    """
    gains = apart * maker.rng.standard_normal(prompts)
    for model in _names("m", models):
        skill = apart * maker.rng.standard_normal()
        for prompt, gain in zip(_names("p", prompts), gains, strict=True):
            pair = together * maker.rng.standard_normal()
            maker.add(Cell(model, prompt, TEMPERATURE), skill + gain + pair)
    return maker.world()


def _specialisation(name: str, seed: int) -> World:
    """Twelve models, each good at one of four types of examples and bad at another."""
    maker = _maker(name, seed)
    types = maker.rng.integers(0, 4, EXAMPLES)
    for model in _names("m", 12):
        levels = maker.rng.permutation([2.0, 0.7, -0.7, -2.0])
        own = 0.25 * maker.rng.standard_normal()
        maker.add(Cell(model, "p0", TEMPERATURE), levels[types] + own)
    return maker.world()


# --- money and tokens


def _cost_spread(name: str, seed: int) -> World:
    """Ten models, the dearest 1,000 times as expensive as the cheapest, and often no better."""
    maker = _maker(name, seed)
    prices: dict[str, Price] = {}
    for place, factor in enumerate(np.geomspace(0.02, 20, 10).tolist()):
        model = f"m{place}"
        skill = 0.06 * place + 0.35 * maker.rng.standard_normal()
        for prompt in _names("p", 3):
            ability = skill + 0.15 * maker.rng.standard_normal()
            maker.add(Cell(model, prompt, TEMPERATURE), ability)
        prices[model] = _price(factor)
    return maker.world(prices)


def _cap_cliff(name: str, seed: int) -> World:
    """Answers of nearly one length: a smaller max_tokens cuts all of them, or none."""
    maker = _maker(name, seed, caps=(32, 64, 128, 256, 512))
    for model in _names("m", 4):
        length = float(np.exp(maker.rng.uniform(np.log(20), np.log(400))))
        skill = 0.4 * maker.rng.standard_normal()
        for prompt in _names("p", 4):
            ability = skill + 0.3 * maker.rng.standard_normal()
            own = length * float(np.exp(0.3 * maker.rng.standard_normal()))
            cell = Cell(model, prompt, TEMPERATURE)
            maker.add(cell, ability, length=own, spread=0.06)
    return maker.world()


def _hidden_tokens(name: str, seed: int) -> World:
    """Models that think before a short answer, some of them for thousands of tokens."""
    maker = _maker(name, seed, caps=(512, 2048, 8192, 16384))
    for model in _names("m", 5):
        length = float(np.exp(maker.rng.uniform(np.log(100), np.log(4000))))
        skill = 0.25 * np.log(length / 600) + 0.3 * maker.rng.standard_normal()
        for prompt in _names("p", 4):
            ability = skill + 0.2 * maker.rng.standard_normal()
            cell = Cell(model, prompt, TEMPERATURE)
            maker.add(cell, ability, length=length, spread=1.0)
    return maker.world()


def _price(factor: float) -> Price:
    """Return a price in dollars per million tokens, by the price of the output in dollars."""
    return Price(0.25 * factor, factor)


_MAKERS: dict[str, Callable[[str, int], World]] = {
    "temperature-narrow": partial(_temperature, 0.15),
    "temperature-wide": partial(_temperature, 0.5),
    "prompts-200": _prompts,
    "models-50": _models,
    "interaction": _interaction,
    "near-equal": _near_equal,
    "graded": _graded,
    "skewed": _skewed,
    "specialisation": _specialisation,
    "cost-spread": _cost_spread,
    "cap-cliff": _cap_cliff,
    "hidden-tokens": _hidden_tokens,
}

KINDS: dict[str, Callable[[int], World]] = {
    name: partial(maker, name) for name, maker in _MAKERS.items()
}
"""The maker of the world of a seed, by the name of the kind."""
