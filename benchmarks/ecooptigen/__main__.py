"""uv run --all-extras --group dev python -m benchmarks.ecooptigen [--runs 20] [--units 3 10 30]

Question: does our search beat EcoOptiGen as it was published, for the same dollars, and for a fifth
of them? It writes results/ecooptigen.md and takes about forty minutes of one core. No key, no
dollar.

It makes an environment of its own with uv (flaml's tuner of language models needs an old openai).
It serves a table of draws over HTTP with an exact bill (`benchmarks/worlds/served.py`), and lets
`flaml.autogen.oai.ChatCompletion.tune` search it with a budget of so many units (`peer.py`). Then
our search gets the same table, the same seed and the dollars that the peer was billed, or a share
of them. The true score of each config is known exactly. Most of the time goes to the peer, which
sends one request at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np

from benchmarks.command_line import commit, make_parser
from benchmarks.ecooptigen.result import FIFTH, Race, write_result
from benchmarks.worlds.races import best, search, space_of, unit, world
from benchmarks.worlds.replay import Table, worth
from benchmarks.worlds.served import Served, nearest
from tune.space import FREE, Config

PACKAGES = (
    "flaml==2.7.0",
    "openai==0.28.1",
    "optuna==3.6.1",
    "diskcache==5.6.3",
    "pandas==3.1.1",
    "termcolor==3.3.0",
)
PEER = Path(__file__).with_name("peer.py")


def ours(of: Table, dollars: float, seed: int) -> float:
    """The regret of our search for so many dollars."""
    return search(of, FREE, dollars, seed)


# --- the peer


class Peer:
    """The peer's process: takes orders, one after the other, see `peer.py`.

    Args:
        command: what to start.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.command = list(command)

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        environ = {
            n: v
            for n, v in os.environ.items()
            if not n.endswith(("_API_KEY", "_proxy", "_PROXY"))
        }
        environ |= {"PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            self.command, stdin=pipe, stdout=pipe, env=environ, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Send one order, and return the answer to it.

        Raises:
            RuntimeError: the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(
                f"the peer went away, exit status {self._process.wait()}: {' '.join(self.command)}"
            )
        found: dict[str, Any] = json.loads(line)
        return found


def order_of(
    of: Table, url: str, *, examples: int, budget: float, seed: int, **how: Any
) -> dict[str, Any]:
    """Return the search that the peer is asked for.

    Its space has one domain for all models, so it holds only the prompts that every model has.

    Args:
        of: the table.
        url: the address where it is served.
        examples: the size of the peer's tuning set.
        budget: dollars.
        seed: the seed of the order of the examples.
        how: `seconds` and `continuous`, passed on.
    """
    space = space_of(of)
    prompts = [
        str(prompt)
        for prompt in space.domains["prompt"].values
        if {cell.model for cell in of.cells if cell.prompt == prompt} == set(of.prices)
    ]
    caps = [cap for cell, cap in of.caps.items() if cell.prompt in prompts]
    # The same seeded order as ours; the peer sees its beginning, as its users gave it a small
    # tuning set.
    shown = np.random.default_rng(seed).permutation(len(of.targets)).tolist()[:examples]
    return {
        "url": url,
        "models": list(of.prices),
        "prompts": prompts,
        "temperatures": sorted({cell.temperature for cell in of.cells}),
        "most_n": max(space.domains["n"].values),
        "caps": [min(space.domains["max_tokens"].values), max(caps)],
        "prices": {
            model: [price.input, price.output] for model, price in of.prices.items()
        },
        "examples": [[str(example), of.targets[example]] for example in shown],
        "labels": of.labels,
        "budget": budget,
        **how,
    }


def config_of(of: Table, found: Mapping[str, Any]) -> Config:
    """Return the peer's choice as a config of the table.

    The peer votes, and no answer is longer than the recorded one.
    """
    cell = nearest(of, found["model"], found["prompt"], found["temperature"])
    cap = min(int(found["max_tokens"]), of.caps[cell])
    return Config(
        {**cell._asdict(), "n": found["n"], "max_tokens": cap, "aggregate": "vote"}
    )


# --- the races


def race(
    peer: Peer,
    kind: str,
    name: str,
    *,
    units: float,
    examples: int,
    seed: int,
    shares: Sequence[float],
    **how: Any,
) -> Race:
    """Let the peer search once, and ours for the same bill."""
    of = world(name)
    budget, began = units * unit(name), time.monotonic()
    with Served(of, seed) as served:
        found = peer.ask(
            order_of(of, served.url, examples=examples, budget=budget, seed=seed, **how)
        )
    took = time.monotonic() - began
    regret, bias = None, float("nan")
    if "error" not in found:
        value = worth(of, config_of(of, found))
        regret, bias = best(name) - value, found["claimed"] - value
    # Without a bill to match, there is nothing to run beside a failure.
    matched = (
        {share: ours(of, share * served.dollars, seed) for share in shares}
        if regret is not None
        else {}
    )
    return Race(
        kind,
        units,
        examples,
        seed,
        budget,
        served.dollars,
        served.calls,
        took,
        found,
        regret,
        bias,
        matched,
    )


def races(peer: Peer, given: argparse.Namespace) -> Iterator[Race]:
    """Every seed, table, tuning set and budget."""
    for seed in range(given.seed, given.seed + given.runs):
        for kind, name in (
            ("thinking", f"thinking-{seed % given.worlds}"),
            ("sst2-two-models", "sst2-two-models"),
        ):
            for examples in given.examples:
                for units in given.units:
                    yield race(
                        peer,
                        kind,
                        name,
                        units=units,
                        examples=examples,
                        seed=seed,
                        shares=given.shares,
                        seconds=given.seconds,
                        continuous=given.temperature == "uniform",
                    )


# --- the environment


def make_environment(folder: Path) -> Path:
    """An environment with the peer, made by uv if it is not there; its python."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run(
            ["uv", "venv", "--quiet", "--python", sys.executable, str(folder)],
            check=True,
        )
    # From that folder: what tune pins for itself is not meant for the peer.
    install = [
        "uv",
        "pip",
        "install",
        "--quiet",
        "--python",
        str(python.absolute()),
        *PACKAGES,
    ]
    subprocess.run(install, check=True, cwd=folder)
    return python


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--runs", type=int, default=20, help="seeds")
    parser.add_argument("--seed", type=int, default=0, help="the first")
    parser.add_argument(
        "--units", type=float, nargs="+", default=[3.0, 10.0, 30.0], help="budgets"
    )
    parser.add_argument(
        "--examples",
        type=int,
        nargs="+",
        default=[20, 60],
        help="the peer's tuning set",
    )
    parser.add_argument(
        "--shares",
        type=float,
        nargs="+",
        default=[0.1, FIFTH, 0.5, 1.0],
        help="of its dollars, ours",
    )
    parser.add_argument(
        "--temperature",
        choices=["uniform", "choice"],
        default="uniform",
        help="the peer's domain: a range, as published, or those of the table",
    )
    parser.add_argument(
        "--worlds", type=int, default=3, help="made-up worlds that take turns"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=300.0,
        help="after which a run of the peer counts as failed",
    )
    parser.add_argument(
        "--environment",
        type=Path,
        default=Path(tempfile.gettempdir()) / "tune-ecooptigen",
    )
    parser.add_argument(
        "--commit", default=None, help="what to write as the commit; default: ask git"
    )
    parser.add_argument("--out", type=Path, default=Path("results/ecooptigen.md"))
    given = parser.parse_args(argv)
    began, done = time.monotonic(), []
    python = make_environment(given.environment)
    with Peer([str(python), "-W", "ignore", str(PEER)]) as peer:
        for each in races(peer, given):
            done.append(each)
            said = (
                each.found.get("error")
                or f"regret {each.regret:.3f}, ours {dict(each.ours)}"
            )
            print(
                f"{time.monotonic() - began:5.0f} s  {each.world} {each.examples} {each.units:g} "
                f"{each.seed}: {said}",
                flush=True,
            )
    facts = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit, seeds": f"{given.commit or commit()}, {given.seed} to "
        f"{given.seed + given.runs - 1}",
        "environment": " ".join(PACKAGES),
        "the peer's temperatures": given.temperature,
        "prices": "of the tables, as in benchmarks/worlds/replay.py",
        "all of it took": f"{time.monotonic() - began:.0f} s",
    }
    write_result(given.out, done, given.shares, facts)
    print(f"wrote {given.out}")
    return 0 if any(each.regret is not None for each in done) else 1


if __name__ == "__main__":
    sys.exit(main())
