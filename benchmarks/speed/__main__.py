"""uv run --all-extras --group dev python -m benchmarks.speed [--only throughput tail steps trials rows large]

Question: how fast is tune? Each part replaces its own section of results/speed.md. No key, no
dollar.

- throughput: how many calls does a second of processor time buy? About five minutes. A local server
  in a process of its own answers at once. Three clients send it the same requests: AsyncOpenAI
  alone, tune with everything on (store, ledger, retries, answer rule, metric), and aiohttp alone;
  with one call in flight FLAML's client, too, in an environment of its own. They take turns, so
  that other work of the machine falls on all of them, and their medians are compared. Only the
  processor time of the client's process counts.
- tail: how many calls are in flight over the time of a study, near the end of its money too? About
  two minutes, in virtual time. It also draws results/speed-in-flight.svg.
- steps: how long does the default strategy compute between two waves? About a minute.
- trials: what do 10 to 500 trials cost? About five minutes.
- rows: what do 1,000 to 1,000,000 rows cost? About five minutes.
- large: how long does it take to show, report and reprice a study of 300 trials of 500 examples with
  8 draws, and to open a store of ten million draws? About ten minutes; with --folder, a run that was
  interrupted goes on, and the next one takes a minute. --trials and --examples make it smaller.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.command_line import make_parser
from benchmarks.speed import large, rows, steps, tail, trials
from benchmarks.speed.page import made_by, write_part
from benchmarks.speed.server import fast_server
from benchmarks.speed.throughput import CLIENTS, SEQUENTIAL, Rate

Rates = dict[str, list[Rate]]
"""The rounds of each client."""


def measure(url: str, calls: int, rounds: int, in_flight: int) -> Rates:
    """Measure every client in turn, so many times."""
    clients = CLIENTS
    if in_flight == 1:
        clients = CLIENTS | SEQUENTIAL
    found: Rates = {name: [] for name in clients}
    for _ in range(rounds):
        for name, client in clients.items():
            found[name].append(asyncio.run(client(url, calls, in_flight)))
    return found


def table(rates: Rates) -> list[str]:
    """Return the rows of one table: medians, rounds, and the ratio to the first client."""
    medians = {
        name: statistics.median(rate.per_busy_second for rate in rounds)
        for name, rounds in rates.items()
    }
    yardstick = next(iter(medians.values()))
    found = [
        "| client | calls per second of processor time, median | each round | ratio "
        "| µs per call |",
        "| --- | ---: | --- | ---: | ---: |",
    ]
    for name, median in medians.items():
        each = ", ".join(f"{rate.per_busy_second:,.0f}" for rate in rates[name])
        found.append(
            f"| {name} | {median:,.0f} | {each} | {median / yardstick:.2f} "
            f"| {1e6 / median:,.0f} |"
        )
    return found


def throughput(given: argparse.Namespace) -> list[str]:
    """Measure the clients, and return one table for each number of calls in flight."""
    lines = [
        "The clients send the same requests to a local server in a process of its own, which "
        "answers at once.",
        "tune runs with everything on: store, ledger, retries, answer rule and metric.",
        "Only the processor time of the client's process counts, all its threads together.",
    ]
    with fast_server() as url:
        for in_flight in given.in_flight:
            rates = measure(url, given.calls, given.rounds, in_flight)
            lines += ["", f"### {in_flight} calls in flight", "", *table(rates)]
    return lines


def large_study(given: argparse.Namespace) -> list[str]:
    """Measure a large study and the stores."""
    folder = None if given.folder is None else given.folder.resolve()
    return large.lines(given.trials, given.examples, given.stores, folder)


PARTS: dict[str, tuple[str, Callable[[argparse.Namespace], list[str]]]] = {
    "throughput": ("Calls per second of processor time", throughput),
    "tail": ("Calls in flight over time", lambda _: tail.lines()),
    "steps": ("Steps of the search", lambda _: steps.lines()),
    "trials": ("Studies of 10 to 500 trials", lambda _: trials.lines()),
    "rows": ("Data sets of different sizes", lambda _: rows.lines()),
    "large": ("Large studies and stores", large_study),
}
"""The parts by name: a title, and what measures them."""


def main(argv: Sequence[str] | None = None) -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--calls", type=int, default=3000, help="for throughput")
    parser.add_argument("--rounds", type=int, default=5, help="for throughput")
    parser.add_argument(
        "--in-flight",
        type=int,
        nargs="+",
        default=[1, 16, 64, 256],
        help="for throughput",
    )
    parser.add_argument(
        "--folder", type=Path, help="for large: keep the study and the stores here"
    )
    parser.add_argument("--trials", type=int, default=large.TRIALS, help="for large")
    parser.add_argument(
        "--examples", type=int, default=large.EXAMPLES, help="for large"
    )
    parser.add_argument(
        "--stores", type=int, nargs="+", default=large.STORES, help="for large"
    )
    given = parser.parse_args(argv)
    for name in given.only:
        title, part = PARTS[name]
        command = f"--only {name}"
        if name == "throughput":
            command += f" --calls {given.calls} --rounds {given.rounds}"
        if name == "large":
            command += f" --trials {given.trials} --examples {given.examples}"
            if given.folder is not None:
                command += " --folder FOLDER"
        lines = [made_by(command, ("openai", "aiohttp")), "", *part(given)]
        sys.stdout.write(write_part(title, lines) + "\n")


if __name__ == "__main__":
    main()
