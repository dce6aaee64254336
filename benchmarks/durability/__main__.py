"""uv run --all-extras --group dev python -m benchmarks.durability [--calls 3000] [--rounds 5]

Question: what do durable reservations and claims cost? It writes results/durability.md. No key, no
dollar.

It measures calls per second with 256 in flight, with and without them. Every call goes through the
whole stack of a run (stored, splitting, retrying, limited, claimed, metered) to an endpoint in this
process. The endpoint takes --seconds to answer, up to 50 % more or less. Without durability, a
reservation is committed, but the call does not wait until it is on the disk. The ways take turns, so
that other work of the machine falls on all of them, and their medians are compared.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from benchmarks.command_line import make_parser
from tune.completion import Completion, Message, Request
from tune.fakes.provider import FakeEndpoint
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers.capabilities import Capabilities
from tune.providers.entries import Entry
from tune.providers.stack import StackContext, build_stack
from tune.store.claims import Claims
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.group_commit import GroupCommit
from tune.store.ledger import Ledger

ROOT = Path(__file__).parent.parent.parent

IN_FLIGHT = 256

Way = tuple[str, bool, bool]
WAYS: tuple[Way, ...] = (
    ("neither", False, False),
    ("durable reservations", True, False),
    ("durable reservations and claims", True, True),
)


async def calls_per_second(
    folder: Path, calls: int, seconds: float
) -> tuple[float, float]:
    """Calls per second and microseconds of processor per call, with as many in flight as a run may
    have.
    """

    rng = random.Random(0)

    class Endpoint(FakeEndpoint):
        async def complete(self, request: Request, numbers: range) -> list[Completion]:
            await asyncio.sleep(seconds * rng.uniform(0.5, 1.5))
            return await super().complete(request, numbers)

    db = Database(folder / "draws.db")
    context = StackContext(
        Store(db), Ledger(db, "study", PICODOLLARS), Capabilities(), IN_FLIGHT
    )
    service = build_stack(
        Entry("m", "m"), Endpoint(lambda *_: "a label"), Price(0.1, 0.4), context
    )
    began, cpu = time.perf_counter(), time.process_time()
    text = "Which label has this ticket, of billing, bug and feature? It says that "
    await asyncio.gather(
        *(
            service.provider.complete(
                Request("fake", "m", (Message("user", f"{text}{i}"),), 16), range(1)
            )
            for i in range(calls)
        )
    )
    took, busy = time.perf_counter() - began, time.process_time() - cpu
    db.close()
    return calls / took, 1e6 * busy / calls


def measure(way: Way, calls: int, seconds: float) -> tuple[float, float]:
    """One round of one way, in a folder that is thrown away."""
    _, durable, claimed = way

    async def at_once(_: GroupCommit) -> None:
        return

    take: Callable[..., bool] = lambda *_args, **_more: True  # noqa: E731
    release: Callable[..., None] = lambda *_args: None  # noqa: E731
    with (
        tempfile.TemporaryDirectory(prefix="durability-") as folder,
        mock.patch.object(
            GroupCommit, "wait", GroupCommit.wait if durable else at_once
        ),
        mock.patch.object(Claims, "take", Claims.take if claimed else take),
        mock.patch.object(Claims, "release", Claims.release if claimed else release),
    ):
        return asyncio.run(calls_per_second(Path(folder), calls, seconds))


def main(argv: Sequence[str] | None = None) -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=0.2, help="how long an answer takes"
    )
    given = parser.parse_args(argv)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name, _, _ in WAYS}
    for _ in range(given.rounds):
        for way in WAYS:
            found[way[0]].append(measure(way, given.calls, given.seconds))
    rate, busy = (
        {name: [each[which] for each in rounds] for name, rounds in found.items()}
        for which in (0, 1)
    )
    middle = statistics.median
    first = WAYS[0][0]
    command = (
        f"--calls {given.calls} --rounds {given.rounds} --seconds {given.seconds:g}"
    )
    lines = [
        "# What durable reservations cost",
        "",
        f"Made by `python -m benchmarks.durability {command}`, "
        f"{datetime.now(UTC).isoformat(timespec='seconds')}, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.0f}.",
        f"{IN_FLIGHT} calls in flight, each through the whole stack, to an endpoint that takes "
        "about "
        f"{given.seconds:g} s.",
        "",
        "| a call waits for | calls per second, median | each round | of the first | processor "
        "time per call, µs |",
        "| --- | ---: | --- | ---: | ---: |",
        *(
            f"| {name} | {middle(rate[name]):,.0f} | "
            f"{', '.join(f'{one:,.0f}' for one in rate[name])} | "
            f"{middle(rate[name]) / middle(rate[first]):.0%} | {middle(busy[name]):,.0f} |"
            for name in rate
        ),
    ]
    text = "\n".join(lines) + "\n"
    (ROOT / "results" / "durability.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
