"""Processor time and memory of a study by the number of its trials.

Each size runs in a process of its own. Nothing is sent: an endpoint in the same process answers.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from unittest import mock

import tune
from benchmarks.speed.rows import most_megabytes
from tune.completion import Request
from tune.fakes.provider import FakeEndpoint

SIZES = (10, 50, 100, 200, 500)
EXAMPLES = 100

MODEL = "made-up"
_SERVICE = "127.0.0.1:9/v1"
_PRICE = {MODEL: (0.5, 2.0)}
_DOLLARS_PER_TRIAL = 0.0003
"""Some times what the first block of a trial takes."""


@dataclass(frozen=True)
class Cost:
    """The cost of one study.

    Attributes:
        busy: seconds of processor time.
        megabytes: the largest memory of its process.
        trials: trials that were begun.
        draws: draws that were bought.
    """

    busy: float
    megabytes: float
    trials: int
    draws: int


def world(request: Request, rng: random.Random) -> str:
    """Answer right with a probability between 0.4 and 0.8, without any order among prompts."""
    assert not isinstance(request.prompt, str)
    name, _, text = request.prompt[-1].content.partition(":")
    quality = 0.4 + 0.4 * (zlib.crc32(name.encode()) % 97) / 97
    right = "yes" if "good" in text else "no"
    wrong = "no" if right == "yes" else "yes"
    return right if rng.random() < quality else wrong


def run_study(most: int) -> Cost:
    """Run a study of at most so many trials, with money for all of them."""
    rng = random.Random(0)
    rows = []
    for number in range(EXAMPLES * 5 // 3):
        label = rng.choice(("yes", "no"))
        word = "good" if label == "yes" else "late"
        rows.append({"text": f"{number} It was {word}.", "label": label})
    space = tune.Space(
        model=MODEL,
        prompt={f"p{number}": f"{number}: {{text}}" for number in range(50)},
        temperature=tune.Uniform(0.1, 1.2, 0.1),
        n=[1, 3, 5],
        aggregate=["first", "vote"],
        max_tokens=16,
    )

    def fake(*_: object, **__: object) -> FakeEndpoint:
        return FakeEndpoint(world, service=_SERVICE)

    with (
        tempfile.TemporaryDirectory(prefix="trials-") as folder,
        mock.patch("tune.providers.endpoints.open_endpoint", fake),
    ):
        began = time.process_time()
        study = tune.tune(
            rows,
            space,
            target="label",
            price=_PRICE,
            base_url=f"http://{_SERVICE}",
            budget=_DOLLARS_PER_TRIAL * most,
            trials=most,
            min_gain=0,
            results=folder,
            quiet=True,
        )
        busy = time.process_time() - began
    record = study.record
    return Cost(busy, most_megabytes(), len(record.trials), record.draws_bought)


def in_own_process(most: int) -> Cost:
    """Run one study in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.speed.trials", str(most)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def lines(sizes: Iterable[int] = SIZES) -> list[str]:
    """Measure every size, and return the table."""
    found = [
        f"Studies of the default strategy on {EXAMPLES} tuning examples, with money for so many",
        "trials. The endpoint answers at once in the same process, so its work counts too.",
        "",
        "| trials | draws | s of processor time | ms for each draw | memory, MB |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for size in sizes:
        cost = in_own_process(size)
        found.append(
            f"| {cost.trials:,} | {cost.draws:,} | {cost.busy:.1f} "
            f"| {1e3 * cost.busy / max(1, cost.draws):.2f} | {cost.megabytes:,.0f} |"
        )
    return found


def main() -> None:
    """Measure one size; the part of the page calls it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("most", type=int)
    cost = run_study(parser.parse_args().most)
    print(json.dumps([cost.busy, cost.megabytes, cost.trials, cost.draws]))


if __name__ == "__main__":
    main()
