"""The benchmark of speed: its clients reach the server, and its table compares their medians."""

from __future__ import annotations

import asyncio

from benchmarks.speed.__main__ import table
from benchmarks.speed.server import fast_server
from benchmarks.speed.throughput import CLIENTS, Rate


def test_every_client_gets_all_its_answers_from_the_server() -> None:
    with fast_server() as url:
        rates = [asyncio.run(client(url, 20, 4)) for client in CLIENTS.values()]
    assert [rate.calls for rate in rates] == [20, 20, 20]
    assert min(rate.busy for rate in rates) > 0


def test_the_table_compares_medians_with_the_first_client() -> None:
    bare = [Rate(100, busy, 1.0) for busy in (1.0, 0.5, 2.0)]
    fast = [Rate(100, busy, 1.0) for busy in (0.25, 0.1, 0.5)]
    rows = table({"bare": bare, "fast": fast})
    assert rows[2:] == [
        "| bare | 100 | 100, 200, 50 | 1.00 | 10,000 |",
        "| fast | 400 | 400, 1,000, 200 | 4.00 | 2,500 |",
    ]
