"""uv run --all-extras --group dev python -m benchmarks.readout_caps [--seeds 12]

Question: if a service shows no token boundaries, is a reading at a smaller max_tokens right? It
writes results/readout_caps.md and takes about two minutes of one core. No key, no dollar.

It makes up answers of five kinds, with tokens of known ends. It cuts 200 long draws of each kind at
eight caps in three ways: by the mean length of a token, by the characters that each kind takes
(`tune.readout.token_rates`), and by these and 16 draws bought at the cap
(`tune.strategies.measured_truncation`). The truth is the score of a fresh run at the cap.

A second table counts how often several answers are selected where they bring nothing, in the worlds
of `tune/fakes/race.py`. All of it is seeded.
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.command_line import make_parser
from tune.completion import Completion
from tune.fakes.race import World, play
from tune.readout.token_rates import learn_rates
from tune.readout.trial import Trial
from tune.readout.truncate import cut
from tune.report.text import table
from tune.search import SEARCHERS
from tune.space import Point
from tune.strategies import STRATEGIES
from tune.strategies.measured_truncation import record_measured_caps
from tune.strategies.settings import CapSettings

ROOT = Path(__file__).parent.parent.parent

WORDS = (
    "circumstances",
    "notwithstanding",
    "ticket",
    "parcel",
    "because",
    "considered",
    "the",
    "of",
    "to",
    "box",
    "late",
)
LABELS = ("refund", "delivery", "praise")
KINDS = (
    "words throughout",
    "digits first",
    "digits last",
    "code first",
    "Chinese first",
)
TOKEN = re.compile(r"\d|[a-z]{1,7} ?|[^\w\s] ?|\s|\w")
"""A made-up tokenizer: a digit, up to seven letters with the space behind them, a mark, or a
character of others.
"""


EXAMPLES = CapSettings().measured_examples
"""Draws by which a cap is measured."""


def text_of(rng: np.random.Generator, kind: str) -> str:
    """One answer: something, the label, and something more."""

    def words(count: int) -> str:
        return " ".join(rng.choice(WORDS, count))

    def short(count: int) -> str:
        return " ".join(str(rng.integers(10, 999)) for _ in range(count))

    count = int(rng.integers(6, 22))
    first = {
        "words throughout": lambda: words(count),
        "digits first": lambda: short(count),
        "digits last": lambda: words(count),
        "code first": lambda: " ".join(
            f"x[{i}] += ({i});" for i in rng.integers(0, 99, count // 2)
        ),
        "Chinese first": lambda: "".join(
            rng.choice(list("退款配送投诉表扬因为所以首先然后"), 2 * count)
        ),
    }[kind]()
    last = short(25) if kind == "digits last" else words(30)
    return f"{first} label: {rng.choice(LABELS)}. {last}"


def bought(text: str, cap: int = 10**6) -> Completion:
    """The answer as a service would send it with this cap, without token boundaries."""
    pieces = TOKEN.findall(text)
    said = "".join(pieces[:cap])
    return Completion(
        said, "length" if len(pieces) > cap else "stop", 10, min(cap, len(pieces) + 1)
    )


def has_label(text: str) -> bool:
    """Tell if an answer would be found in a text."""
    return any(f"label: {label}" in text for label in LABELS)


class Off(NamedTuple):
    """The error of readings in points of 100: the mean size over caps, and the largest."""

    mean: float
    most: float


def off(kind: str, seed: int, count: int = 200) -> tuple[Off, ...]:
    """Readings cut by the mean length of a token, by the kinds of characters, and by what was
    measured beside.
    """
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    texts = [text_of(rng, kind) for _ in range(count)]
    draws = [bought(text) for text in texts]
    lengths = [draw.completion_tokens for draw in draws]
    found: list[list[float]] = []
    for share in np.linspace(0.15, 0.85, 8):
        cap = max(2, round(share * float(np.mean(lengths))))
        truth = np.mean([has_label(bought(text, cap).text) for text in texts])
        trial = Trial(0, Point({"model": "m", "prompt": "p"}), 10**6)
        small = {i: [bought(text_of(rng, kind), cap)] for i in range(EXAMPLES)}
        record_measured_caps({0: trial}, {1: Trial(1, trial.point, cap, draws=small)})
        small_draws = trial.measured[cap]
        ways = (None, learn_rates(draws), learn_rates([*small_draws, *draws]))
        read = [
            np.mean([has_label(cut(draw, cap, (), rates).text) for draw in draws])
            for rates in ways
        ]
        found.append([100 * float(one - truth) for one in read])
    sizes = np.abs(np.array(found))
    return tuple(Off(float(column.mean()), float(column.max())) for column in sizes.T)


# --- answers that bring nothing


class Deterministic(World):
    """A model says the same each time it is asked the same."""

    def chances(self, point: Point) -> np.ndarray:
        """One or zero, by example."""
        rng = np.random.default_rng(
            zlib.crc32(repr((self.seed, point["model"], point["prompt"])).encode())
        )
        return np.asarray(
            rng.random(self.examples) < super().chances(point), dtype=float
        )


def several(kind: type[World], units: float, seeds: Sequence[int]) -> list[str]:
    """Return how often several answers are selected, with the cost and regret of the selection."""
    chosen, costs, regrets = 0, [], []
    for seed in seeds:
        world = kind(examples=100, seed=seed)
        searcher = SEARCHERS["random"](world.space, world.free, seed)
        choice, _ = play(
            world, STRATEGIES["knowledge_gradient"], searcher, units * world.unit()
        )
        assert choice is not None
        config = choice.shown.config
        chosen += config.n > 1
        costs.append(world.cost(config, config.n) / world.cost(config, 1))
        regrets.append(100 * (world.best() - world.truth(config)))
    name = "answers always the same" if kind is Deterministic else "answers differ"
    return [
        name,
        f"{units:g}",
        f"{chosen} of {len(seeds)}",
        f"{np.mean(costs):.2f}",
        f"{np.mean(regrets):.1f}",
    ]


def page(seeds: int) -> str:
    """The result as Markdown."""
    rows = []
    for kind in KINDS:
        pairs = [off(kind, seed) for seed in range(seeds)]
        cells = [
            Off(*(float(np.mean(column)) for column in zip(*side, strict=True)))
            for side in zip(*pairs, strict=True)
        ]
        rows.append([kind, *(f"{one.mean:.1f} / {one.most:.1f}" for one in cells)])
    header = [
        "answers",
        "cut by the mean length of a token",
        "by kinds of characters",
        f"and {EXAMPLES} draws at the cap",
    ]
    more = [
        several(kind, units, range(seeds))
        for kind in (World, Deterministic)
        for units in (0.8, 3.0)
    ]
    return "\n\n".join(
        [
            "# Readings at a smaller max_tokens, and answers that bring nothing",
            "## How far off a reading is where a service tells no token boundaries",
            "Points of 100 between a reading and a fresh run at the same cap: mean size over eight "
            "caps / the largest. "
            "The texts and the tokenizer are made up (`benchmarks/readout_caps/`), 200 draws of "
            "each kind, "
            f"{seeds} seeds.",
            table(header, rows),
            "What is left comes from each text having its own tokens, and from measuring with few "
            "draws. The made-up "
            "tokenizer tells the same kinds of characters apart as the regression does, "
            "so real ones are read less well.",
            "## How often several answers are chosen",
            "Whole searches on the worlds of `tune/fakes/race.py`. Where answers are always the "
            "same, more of them bring "
            "nothing. Cost is that of the choice over that of one answer of it; regret is in "
            "points of 100.",
            table(
                ["world", "units", "several chosen", "times the cost of one", "regret"],
                more,
            ),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "results" / "readout_caps.md"
    )
    given = parser.parse_args(argv)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(page(given.seeds) + "\n", encoding="utf-8")
    print(f"wrote {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
