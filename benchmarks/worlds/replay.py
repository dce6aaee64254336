"""Recorded or simulated draws as an endpoint, for benchmarks that need the same world many times
for nothing.

A table holds, for every (model, prompt, temperature) and example, the draws of a large cap with
their token boundaries. The world is the table: a draw with a number is one of the recorded ones,
picked by the request, the number and the seed, and cut at the request's own cap. So requests that
differ in their cap have independent draws, as from a real service, and what any config is worth is
known exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tune.completion import MANY, Completion, Request
from tune.pricing.prices import Price
from tune.readout.truncate import cut
from tune.space import Config

TABLES = Path(__file__).parent / "tables"


class Cell(NamedTuple):
    """A model, prompt and temperature of a table: one distribution of answers for each example."""

    model: str
    prompt: str
    temperature: float


@dataclass(frozen=True)
class Table:
    """Draws by cell and example.

    Attributes:
        name: for people.
        cells: for each example the recorded draws, all bought at one cap.
        caps: that cap, by cell.
        targets: the right answer to each example.
        prices: by model.
    """

    name: str
    cells: Mapping[Cell, Sequence[Sequence[Completion]]]
    caps: Mapping[Cell, int]
    targets: Sequence[str]
    prices: Mapping[str, Price]

    @property
    def labels(self) -> list[str]:
        """Every answer that is right somewhere."""
        return sorted(set(self.targets))


class ReplayEndpoint:
    """Serves the draws of a table. The prompt of a request is "NAME EXAMPLE", the recorded prompt
    and the position.

    Args:
        table: what is served.
        seed: the same seed, request and number give the same draw.

    Attributes:
        service: what requests to it say as their service.
        most_n: without a limit.
    """

    most_n = MANY

    def __init__(self, table: Table, seed: int = 0) -> None:
        self.table, self.seed = table, seed
        self.service = f"replay:{table.name}"

    def draw(self, request: Request, number: int) -> Completion:
        """The draw with this number, free of charge."""
        assert isinstance(request.prompt, str)
        name, example = request.prompt.split()
        cell = Cell(request.model, name, float(request.setting("temperature") or 0.0))
        if request.max_tokens > self.table.caps[cell]:
            raise ValueError(
                f"`max_tokens <= {self.table.caps[cell]}` must hold for {cell}: got "
                f"{request.max_tokens}"
            )
        recorded = self.table.cells[cell][int(example)]
        picked = np.random.SeedSequence(
            [self.seed, request.seed(number)]
        ).generate_state(1)[0] % len(recorded)
        return shortened(recorded[int(picked)], request.max_tokens)

    def most_prompt_tokens(self, request: Request) -> int:
        """The prompt's tokens, exact."""
        return self.draw(request, 0).prompt_tokens

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """The draws with these numbers."""
        return [self.draw(request, number) for number in numbers]

    async def preflight(self) -> str:
        """Nothing can go wrong."""
        return ""

    async def close(self) -> None:
        """Nothing is open."""


def shortened(draw: Completion, cap: int) -> Completion:
    """A draw as it would have been bought at a smaller cap."""
    if draw.completion_tokens <= cap:
        return draw
    said = cut(draw, cap)
    assert draw.token_ends is not None
    return replace(
        draw,
        text=said.text,
        finish_reason="length",
        completion_tokens=said.tokens,
        token_ends=draw.token_ends[:cap],
    )


def told(
    answer: str | None, tokens: int, *, ended: bool, prompt_tokens: int
) -> Completion:
    """A draw of so many tokens that says its answer last; the token that ended it is counted where
    it ended itself.
    """
    visible = max(1, tokens - ended)
    words = [" ..."] * (visible - 1) + [f" {answer}" if answer is not None else " ..."]
    ends = np.cumsum([len(word) for word in words]).tolist()
    return Completion(
        text="".join(words),
        finish_reason="stop" if ended else "length",
        prompt_tokens=prompt_tokens,
        completion_tokens=visible + ended,
        seconds=0.02 * tokens,
        token_ends=tuple(ends),
    )


LADDERS = {4: (2, 3, 4), 10: (2, 4, 5, 6, 8, 10), 60: (10, 20, 30, 40, 50, 60)}
"""The max_tokens to search in the recorded table, by the cap that was recorded."""


def sentiment() -> Table:
    """The recorded table, see tables/README.md."""
    from pyarrow import parquet

    rows = parquet.read_table(TABLES / "sst2-two-models.parquet").to_pylist()
    targets = {row["example"]: row["target"] for row in rows}
    found: dict[Cell, dict[int, list[Completion]]] = {}
    caps: dict[Cell, int] = {}
    for row in rows:
        cell = Cell(row["model"], row["prompt"], row["temperature"])
        caps[cell] = row["max_tokens"]
        draw = told(
            row["answer"],
            min(row["tokens"], row["max_tokens"]),
            ended=row["finish"] == "stop" and row["tokens"] <= row["max_tokens"],
            prompt_tokens=row["prompt_tokens"],
        )
        found.setdefault(cell, {}).setdefault(row["example"], []).append(draw)
    cells = {
        cell: [draws[example] for example in sorted(targets)]
        for cell, draws in found.items()
    }
    prices = {
        "smollm2-135m": Price(0.05, 0.20),
        "qwen2.5-coder-0.5b": Price(0.20, 0.80),
    }
    return Table(
        "sst2-two-models",
        cells,
        caps,
        [targets[example] for example in sorted(targets)],
        prices,
    )


LABELS = ("a", "b", "c")
SKILLS = {"small": 0.2, "large": 1.2}
THOUGHTS = {"short": (0.0, 4.0, 60), "brief": (0.7, 25.0, 75), "steps": (1.1, 70.0, 80)}
"""What thinking adds to the skill, its median length in tokens, and the tokens of the prompt."""


def thinking(seed: int, examples: int = 120, draws: int = 24, cap: int = 192) -> Table:
    """A made-up task: two models that think for a while and then name one of three labels.

    A draw is right with probability

        1 / (1 + exp(-1.5 (skill of the model + gain of thinking + interaction of model and prompt
        - difficulty of the example - 0.5 temperature^2))).

    Difficulty and interaction are normal, with deviations 1.5 and 0.3. A wrong answer is a
    favourite wrong label half of the time. The length of the thought is lognormal (deviation 0.6).
    It is 1.3 times as long with the large model, and 1 + 0.3 temperature times as long at a
    temperature. The label is its last token.
    """
    rng = np.random.default_rng(seed)
    targets = rng.choice(LABELS, examples)
    difficulty = 1.5 * rng.standard_normal(examples)
    favourites = [
        rng.choice([label for label in LABELS if label != target]) for target in targets
    ]
    cells: dict[Cell, list[list[Completion]]] = {}
    for model, skill in SKILLS.items():
        for prompt, (gain, median, prompt_tokens) in THOUGHTS.items():
            interaction = 0.3 * rng.standard_normal()
            for temperature in (0.2, 0.4, 0.6, 0.8, 1.0):
                right = 1 / (
                    1
                    + np.exp(
                        -1.5
                        * (
                            skill
                            + gain
                            + interaction
                            - difficulty
                            - 0.5 * temperature**2
                        )
                    )
                )
                middle = (
                    median
                    * (1.3 if model == "large" else 1.0)
                    * (1 + 0.3 * temperature)
                )
                lengths = np.ceil(
                    middle * np.exp(0.6 * rng.standard_normal((examples, draws)))
                ).astype(int)
                chance = rng.random((examples, draws))
                other = rng.choice(LABELS, (examples, draws))
                cells[Cell(model, prompt, temperature)] = [
                    [
                        _thought(
                            str(
                                targets[e]
                                if u < p
                                else favourites[e]
                                if u < (1 + p) / 2
                                else wild
                            ),
                            int(length),
                            cap,
                            prompt_tokens,
                        )
                        for u, wild, length in zip(
                            chance[e], other[e], lengths[e], strict=True
                        )
                    ]
                    for e, p in enumerate(right)
                ]
    prices = {"small": Price(0.10, 0.40), "large": Price(0.80, 3.20)}
    return Table(
        f"thinking-{seed}",
        cells,
        dict.fromkeys(cells, cap),
        [str(t) for t in targets],
        prices,
    )


def _thought(answer: str, length: int, cap: int, prompt_tokens: int) -> Completion:
    if length + 1 > cap:
        return told(None, cap, ended=False, prompt_tokens=prompt_tokens)
    return told(answer, length + 1, ended=True, prompt_tokens=prompt_tokens)


# --- what a config is worth


def cell_of(point: Mapping[str, object]) -> Cell:
    """The cell that a config or a paid point draws from."""
    return Cell(str(point["model"]), str(point["prompt"]), float(point["temperature"]))  # type: ignore[arg-type]


def worth(table: Table, config: Config) -> float:
    """The expected score of a config on the table's examples, exactly: every outcome of n draws is
    enumerated.
    """
    return _worth(
        table,
        cell_of(config),
        config.max_tokens,
        config.n if config.aggregate == "vote" else 1,
    )


_known: dict[tuple[str, Cell, int, int], float] = {}


def _worth(table: Table, cell: Cell, cap: int, n: int) -> float:
    key = (table.name, cell, cap, n)
    if key not in _known:
        kinds = [*table.labels, None]
        place = {label: i for i, label in enumerate(kinds)}
        shares = np.zeros((len(table.targets), len(kinds)))
        for row, draws in zip(shares, table.cells[cell], strict=True):
            for draw in draws:
                answer = cut(draw, cap).text.split()[-1]
                row[place.get(answer, len(kinds) - 1)] += 1 / len(draws)
        right = np.array([place[target] for target in table.targets])
        _known[key] = float(_vote(shares, right, n).mean())
    return _known[key]


def _vote(shares: np.ndarray, right: np.ndarray, n: int) -> np.ndarray:
    """Return how often the most frequent label of n draws is right; the last column abstains."""
    outcomes, ways = _outcomes(shares.shape[1], n)
    votes = outcomes[:, :-1]
    leads = (votes == votes.max(axis=1, keepdims=True)) & (votes > 0)
    wins = leads / np.maximum(leads.sum(axis=1, keepdims=True), 1)
    powers = shares[:, :, None] ** np.arange(n + 1)
    chance = (
        np.prod(
            [powers[:, kind, outcomes[:, kind]] for kind in range(shares.shape[1])],
            axis=0,
        )
        * ways
    )
    return np.asarray((chance * wins[:, right].T).sum(axis=1))


@lru_cache(maxsize=64)
def _outcomes(kinds: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Every way to split n draws among so many kinds, and its multinomial coefficient."""

    def splits(left: int, among: int) -> list[tuple[int, ...]]:
        if among == 1:
            return [(left,)]
        return [
            (first, *rest)
            for first in range(left + 1)
            for rest in splits(left - first, among - 1)
        ]

    found = splits(n, kinds)
    ways = [
        math.factorial(n) / math.prod(math.factorial(count) for count in split)
        for split in found
    ]
    return np.array(found), np.array(ways)
