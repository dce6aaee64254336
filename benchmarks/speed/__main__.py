"""uv run --all-extras --group dev python -m benchmarks.speed [--calls 3000] [--rounds 5]

How many calls does a second of processor time buy? A local server in a process of its own answers
at once. Three clients send it the same requests: AsyncOpenAI bare, tune with everything on (store,
ledger, retries, answer rule, metric), and aiohttp bare. They take turns, so that what else the
machine does falls on all of them, and their medians are compared. Only the processor time of the
client's process counts. About two minutes. Writes results/speed.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.readout.__main__ import commit
from benchmarks.speed.server import fast_server
from benchmarks.speed.throughput import CLIENTS, Rate

_PAGE = Path(__file__).parent.parent.parent / "results" / "speed.md"

Rates = dict[str, list[Rate]]
"""The rounds of each client."""


def measure(url: str, calls: int, rounds: int, in_flight: int) -> Rates:
    """Measure every client in turn, so many times."""
    found: Rates = {name: [] for name in CLIENTS}
    for _ in range(rounds):
        for name, client in CLIENTS.items():
            found[name].append(asyncio.run(client(url, calls, in_flight)))
    return found


def table(rates: Rates) -> list[str]:
    """Return the rows of one table: medians, rounds, and the ratio to the first client."""
    medians = {
        name: statistics.median(rate.per_busy_second for rate in rounds)
        for name, rounds in rates.items()
    }
    yardstick = next(iter(medians.values()))
    rows = [
        "| client | calls per second of processor time, median | each round | ratio "
        "| µs per call |",
        "| --- | ---: | --- | ---: | ---: |",
    ]
    for name, median in medians.items():
        each = ", ".join(f"{rate.per_busy_second:,.0f}" for rate in rates[name])
        rows.append(
            f"| {name} | {median:,.0f} | {each} | {median / yardstick:.2f} "
            f"| {1e6 / median:,.0f} |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[64, 256])
    given = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("openai", "aiohttp"))
    lines = [
        "# Speed",
        "",
        "## Calls per second of processor time",
        "",
        f"Made by `python -m benchmarks.speed --calls {given.calls} --rounds {given.rounds}` at "
        f"{commit()}, {datetime.now(UTC).isoformat(timespec='seconds')}, Python "
        f"{platform.python_version()}, {versions}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.0f}.",
        "The clients send the same requests to a local server in a process of its own, which "
        "answers at once.",
        "tune runs with everything on: store, ledger, retries, answer rule and metric.",
        "Only the processor time of the client's process counts, all its threads together.",
    ]
    with fast_server() as url:
        for in_flight in given.in_flight:
            rates = measure(url, given.calls, given.rounds, in_flight)
            lines += ["", f"### {in_flight} calls in flight", "", *table(rates)]
    text = "\n".join(lines) + "\n"
    _PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
