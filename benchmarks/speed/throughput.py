"""Calls per second of processor time, through clients that send the same requests."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.server import MODEL
from tune.pricing.prices import PICODOLLARS, Price
from tune.providers.capabilities import Capabilities
from tune.providers.endpoints import close_services, open_endpoint
from tune.providers.entries import Entry
from tune.providers.stack import StackContext, build_stack
from tune.readout.trial import Step, Trial
from tune.space import FREE, Point, Space
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger
from tune.study.evaluate import Evaluator
from tune.study.lessons import Lessons
from tune.task.example import Example
from tune.task.extract import parse_extractor
from tune.task.metrics import parse_metric
from tune.task.prompt_spec import parse_prompt

_TEMPLATE = "Which label has this ticket: billing, bug or feature? Answer with the label.\n\n{text}"
_CAP = 16
_KEY = "no-key"

# Seconds that a call may take.
_PATIENCE = 300.0

# Calls before the measurement, so that connections are open and modules are loaded.
_WARM = 100


@dataclass(frozen=True)
class Rate:
    """The cost of one round of one client.

    Attributes:
        calls: answered calls.
        busy: seconds of processor time of this process, all threads together.
        wall: seconds on the clock.
    """

    calls: int
    busy: float
    wall: float

    @property
    def per_busy_second(self) -> float:
        return self.calls / self.busy


Client = Callable[[str, int, int], Awaitable[Rate]]
"""Sends calls to a base URL: the address, the number of calls, calls in flight."""


def _text(number: int) -> str:
    return (
        f"Ticket {number}: I was charged twice for my plan this month, and the second charge "
        f"does not show up among my invoices. Please tell me where the money went."
    )


def _busy() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class _Clock:
    """Measures processor time and time between its making and `read`."""

    def __init__(self) -> None:
        self._busy = _busy()
        self._wall = time.perf_counter()

    def read(self, calls: int) -> Rate:
        return Rate(calls, _busy() - self._busy, time.perf_counter() - self._wall)


async def _side_by_side(
    send: Callable[[int], Awaitable[None]], numbers: range, in_flight: int
) -> None:
    """Send calls with these numbers, so many at a time."""
    rest: Iterator[int] = iter(numbers)

    async def worker() -> None:
        for number in rest:
            await send(number)

    await asyncio.gather(*(worker() for _ in range(in_flight)))


async def _measure(
    send: Callable[[int], Awaitable[None]], calls: int, in_flight: int
) -> Rate:
    await _side_by_side(send, range(_WARM), in_flight)
    clock = _Clock()
    await _side_by_side(send, range(_WARM, _WARM + calls), in_flight)
    return clock.read(calls)


async def openai_bare(url: str, calls: int, in_flight: int) -> Rate:
    """Measure OpenAI's own client, which stores nothing and scores nothing."""
    import openai

    # A busy machine may be slow to accept a connection; a client must not give up for that.
    client = openai.AsyncOpenAI(
        base_url=url, api_key=_KEY, max_retries=0, timeout=_PATIENCE
    )

    async def send(number: int) -> None:
        answer = await client.chat.completions.create(
            model=MODEL,
            messages=[
                {"role": "user", "content": _TEMPLATE.format(text=_text(number))}
            ],
            max_tokens=_CAP,
            temperature=0.5,
            seed=number,
        )
        assert answer.choices[0].message.content == "billing"

    async with client:
        return await _measure(send, calls, in_flight)


async def aiohttp_raw(url: str, calls: int, in_flight: int) -> Rate:
    """Measure aiohttp alone: a request and its decoded JSON."""
    import aiohttp

    async def send(number: int) -> None:
        body = {
            "model": MODEL,
            "messages": [
                {"role": "user", "content": _TEMPLATE.format(text=_text(number))}
            ],
            "max_tokens": _CAP,
            "temperature": 0.5,
            "seed": number,
        }
        async with session.post(f"{url}/chat/completions", json=body) as reply:
            answer = await reply.json()
        assert answer["choices"][0]["message"]["content"] == "billing"

    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector) as session:
        return await _measure(send, calls, in_flight)


async def ours(url: str, calls: int, in_flight: int) -> Rate:
    """Measure tune with everything on: store, ledger, retries, answer rule and metric.

    One wave of a study buys all answers and reads their scores.
    """
    with tempfile.TemporaryDirectory(prefix="speed-") as folder:
        db = Database(Path(folder) / "draws.db")
        try:
            return await _ours(db, url, calls, in_flight)
        finally:
            db.close()


async def _ours(db: Database, url: str, calls: int, in_flight: int) -> Rate:
    store = Store(db, study="study")
    ledger = Ledger(db, "study", 100 * PICODOLLARS)
    context = StackContext(store, ledger, Capabilities(), in_flight)
    entry = Entry(MODEL, MODEL, base_url=url)
    endpoint = open_endpoint(entry, context.capabilities)
    services = {MODEL: build_stack(entry, endpoint, Price(0.1, 0.4), context)}
    space = Space(
        model=MODEL, prompt={"plain": _TEMPLATE}, temperature=0.5, max_tokens=_CAP
    )
    evaluator = Evaluator(
        space=space,
        free=FREE,
        prompts={"plain": parse_prompt("plain", _TEMPLATE)},
        examples=[
            Example(str(number), {"text": _text(number)}, "billing", {})
            for number in range(_WARM + calls)
        ],
        services=services,
        metric=parse_metric("exact_match"),
        extract=parse_extractor(None),
        store=store,
        lessons=Lessons(space, context.capabilities),
    )
    point = Point({"model": MODEL, "prompt": "plain", "temperature": 0.5})
    trials: dict[int, Trial] = {}
    try:
        await evaluator.run([Step(0, point, tuple(range(_WARM)), 1, _CAP)], trials)
        clock = _Clock()
        whole = Step(0, point, tuple(range(_WARM + calls)), 1, _CAP)
        await evaluator.run([whole], trials)
        (reading,) = evaluator.reader.readings(trials[0])
        rate = clock.read(calls)
        assert len(reading.scores) == _WARM + calls
        assert reading.scores.mean() == 1.0
        return rate
    finally:
        await close_services(services)


CLIENTS: dict[str, Client] = {
    "AsyncOpenAI, bare": openai_bare,
    "tune, everything on": ours,
    "aiohttp, raw": aiohttp_raw,
}
"""The clients in the order in which they take turns; the first is the yardstick."""

FLAML = (
    "flaml==2.7.0",
    "openai==0.28.1",
    "optuna==3.6.1",
    "diskcache",
    "pandas",
    "termcolor",
)
"""What FLAML's client needs. It works with an old openai alone."""


async def flaml_sequential(url: str, calls: int, in_flight: int) -> Rate:
    """Measure FLAML's client in an environment of its own. It sends one request after the other.

    Raises:
        RuntimeError: the environment cannot be made, or a call failed.
    """
    assert in_flight == 1
    command = ["uv", "run", "--quiet", "--isolated", "--no-project", "--no-config"]
    command += ["--python", sys.executable]
    for package in FLAML:
        command += ["--with", package]
    client = Path(__file__).with_name("flaml_client.py")
    command += ["python", "-W", "ignore", str(client), url, MODEL]
    command += [str(_WARM), str(calls)]
    prompts = []
    for number in range(_WARM + calls):
        prompts.append(json.dumps(_TEMPLATE.format(text=_text(number))))
    environ = {}
    for name, value in os.environ.items():
        # The path and the environment of this process are not its own.
        if name not in ("PYTHONPATH", "VIRTUAL_ENV"):
            environ[name] = value
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        input="\n".join(prompts),
        capture_output=True,
        text=True,
        env=environ,
        # Away from this folder: the pins of this project are not meant for it.
        cwd=tempfile.gettempdir(),
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"FLAML's client failed: {done.stderr[-1500:]}")
    busy, wall = json.loads(done.stdout.splitlines()[-1])
    return Rate(calls, busy, wall)


SEQUENTIAL: dict[str, Client] = {"FLAML's client, sequential": flaml_sequential}
"""Clients that send one request at a time."""
