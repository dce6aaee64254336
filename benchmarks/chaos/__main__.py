"""uv run --all-extras --group dev python -m benchmarks.chaos [--studies 315] [--quick]

Question: can the budget be exceeded, or a run be lost? It writes results/chaos.md and takes about
ten minutes on two cores; --quick takes half a minute and writes nothing. No key, no dollar.

Each study is a whole `tune.tune`, or `python tune.py`, in processes of its own, against the server
of `tune/fakes/server.py`, which keeps its own bill:

- requests are refused, lost, or answered with garbage or with odd answers;
- processes are killed at random moments (kill -9, Ctrl-C, Ctrl-C twice, power cuts that take what
  was not synced) and started again;
- models state their bills as the services of today do;
- budgets range from the smallest that is accepted to more than is needed;
- concurrency ranges from 1 to 256.

The plan follows from --seed. All counts come from the server's bill and from the ledger on disk,
read between two processes (`chaos_run.py`). The exit status is 1 if any promise is broken.
"""

from __future__ import annotations

import os
import platform
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.chaos.chaos_run import TASKS, ChaosRun, Verdict
from benchmarks.chaos.plan import (
    KINDS,
    OVERBILLED,
    QUICK_KINDS,
    QUICK_TASKS,
    SAME_BEST,
    VENDOR,
    WIDTHS,
    draw_plan,
    draw_run,
)
from benchmarks.chaos.side_by_side import run_all
from benchmarks.command_line import make_parser

ROOT = Path(__file__).parent.parent.parent

# --- the run


@dataclass(frozen=True)
class Row:
    """One study with its verdict."""

    number: int
    task: str
    run: ChaosRun
    verdict: Verdict
    other_best: bool

    @property
    def did_not_end(self) -> bool:
        return self.verdict.ended[-1] in ("killed", "interrupted") or any(
            "not end" in w for w in self.verdict.wrong
        )

    @property
    def failed(self) -> bool:
        """Tell whether the study ended with an unexpected error."""
        last = self.verdict.ended[-1]
        return ":" in last and not (
            self.run.kind == OVERBILLED and last.startswith("EndpointError")
        )

    @property
    def sound(self) -> bool:
        v = self.verdict
        lost = self.did_not_end or self.failed or self.other_best or bool(v.wrong)
        return not (lost or v.beyond or (v.overshoot and self.run.kind != OVERBILLED))


def chaos(
    studies: int,
    kills: int,
    seed: int,
    *,
    cuts: int = 0,
    workers: int,
    tasks: Sequence[str] = tuple(TASKS),
    kinds: Sequence[str] = tuple(KINDS),
) -> list[Row]:
    """Carry out all runs; the first rows are the fault-free runs."""
    rng = random.Random(seed)
    calm = [
        (i, task, ChaosRun("reference", TASKS[task], seed=seed))
        for i, task in enumerate(tasks)
    ]
    rows = [
        Row(n, task, run, verdict, other_best=False)
        for n, task, run, verdict in run_all(calm, workers)
    ]
    best = {row.task: row.verdict.best for row in rows}
    calls = {row.task: row.verdict.requests for row in rows}
    plan = draw_plan(studies, kills, cuts, rng, calls, kinds)
    plan += [
        (task, draw_run(OVERBILLED, task, 0, rng, calls[task]))
        for task in tasks[: max(1, studies // 24)]
    ]
    rng.shuffle(plan)
    jobs = [(len(calm) + i, task, run) for i, (task, run) in enumerate(plan)]
    for number, task, run, verdict in run_all(jobs, workers):
        other = run.kind in SAME_BEST and verdict.best != best[task]
        rows.append(Row(number, task, run, verdict, other_best=other))
        if not rows[-1].sound:
            print(f"study {number}: {task}, {run}\n  {verdict}", flush=True)
        elif number % 20 == 0:
            print(
                f"study {number} of {len(jobs)}: {run.kind}, {verdict.ended}",
                flush=True,
            )
    return rows


# --- the result


def write_result(
    path: Path, rows: Sequence[Row], command: str, seconds: float, *, workers: int = 2
) -> None:
    """Write results/chaos.md."""
    kept = [row for row in rows if row.run.kind != OVERBILLED]
    over = [row for row in rows if row.run.kind == OVERBILLED]
    compared = [row for row in kept if row.run.kind in SAME_BEST]
    v = [row.verdict for row in kept]
    facts = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "made by": f"python -m benchmarks.chaos {command}",
        "version": f"tune {version('tune-llm')}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores",
        "took": f"{seconds / 60:.1f} minutes, {workers} studies at a time",
        "prices": "0.10 / 0.40 and 1.00 / 4.00 dollars per million tokens, stated by this script",
    }
    checks = {
        "studies": len(kept),
        "processes killed with kill -9, and studies resumed after it": sum(
            x.kills for x in v
        ),
        "of these, power cuts": sum(x.cuts for x in v),
        "bytes of write-ahead logs that power cuts took": sum(x.torn for x in v),
        "studies with vendors that state their bills in odd ways": sum(
            VENDOR in row.run.kind for row in kept
        ),
        "Ctrl-C": sum(x.interrupts for x in v),
        "requests that the server saw": sum(x.requests for x in v),
        "requests that met a fault": sum(x.faults for x in v),
        "most requests side by side, as the server saw them": max(x.peak for x in v),
        "**studies whose bill was above the budget at any time**": sum(
            x.overshoot > 0 for x in v
        ),
        "**picodollars of overshoot in all**": sum(x.overshoot for x in v),
        "attempts under way when a process was killed": sum(x.in_flight for x in v),
        "attempts of unknown outcome: these, those given up by a second Ctrl-C, lost answers": sum(
            x.unknown for x in v
        ),
        "answers that were billed twice": sum(x.again for x in v),
        "**draws that were paid again although they were held, or twice by one process**": sum(
            x.beyond for x in v
        ),
        "**studies that did not end**": sum(row.did_not_end for row in kept),
        "studies that ended with an error that nothing called for": sum(
            row.failed for row in kept
        ),
        "studies compared with the fault-free run of the same task": len(compared),
        "**of these, with another choice**": sum(row.other_best for row in compared),
        "ledgers that differ from the bill, damaged stores, tracebacks, half files": sum(
            bool(x.wrong) for x in v
        ),
    }
    lines = [
        "# Chaos",
        "",
        _headline(kept),
        "",
        "|  |  |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in facts.items()),
        "",
        "|  | counted |",
        "| --- | ---: |",
        *(f"| {name} | {value:,} |" for name, value in checks.items()),
        "",
        "## By kind",
        "",
        *_by_kind(kept),
        "",
        "## By vendor",
        "",
        *_by_vendor(kept),
        "",
        "## By concurrency",
        "",
        *_by_width(kept),
        "",
        "## A server that bills above the cap it was sent",
        "",
        *_overbilled(over),
        "",
        "## Rules of comparison",
        "",
        *NOTES,
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _headline(rows: Sequence[Row]) -> str:
    sound = sum(row.sound for row in rows)
    return (
        f"{sound} of {len(rows)} studies kept every promise: nothing billed above the budget, no "
        "draw that was held "
        "paid again, no run lost, and the choice of the fault-free run where faults pass and "
        "money is ample."
    )


def _table(header: Sequence[str], body: Sequence[Sequence[object]]) -> list[str]:
    rule = ["---", *["---:"] * (len(header) - 1)]
    return [f"| {' | '.join(map(str, line))} |" for line in (header, rule, *body)]


def _by_kind(rows: Sequence[Row]) -> list[str]:
    header = (
        "kind",
        "studies",
        "kills",
        "power cuts",
        "requests",
        "faults",
        "billed, $",
        "settled, $",
        "uncertain, $",
        "overshoot",
        "paid again",
        "not ended",
        "other choice",
        "unsound",
    )
    body = []
    for kind in dict.fromkeys(row.run.kind for row in rows):
        some = [row for row in rows if row.run.kind == kind]
        v = [row.verdict for row in some]
        body.append(
            (
                kind,
                len(some),
                sum(x.kills for x in v),
                sum(x.cuts for x in v),
                sum(x.requests for x in v),
                sum(x.faults for x in v),
                f"{sum(x.bill for x in v) / 1e12:.4f}",
                f"{sum(x.settled for x in v) / 1e12:.4f}",
                f"{sum(x.uncertain for x in v) / 1e12:.4f}",
                sum(x.overshoot for x in v),
                sum(x.beyond for x in v),
                sum(row.did_not_end for row in some),
                sum(row.other_best for row in some) if kind in SAME_BEST else "-",
                sum(not row.sound for row in some),
            )
        )
    return _table(header, sorted(body))


def _by_vendor(rows: Sequence[Row]) -> list[str]:
    """Return the table of vendors that state their bills in unusual ways."""
    body = []
    for vendor in sorted({row.run.vendor for row in rows if row.run.vendor}):
        some = [row for row in rows if row.run.vendor == vendor]
        v = [row.verdict for row in some]
        body.append(
            (
                vendor,
                len(some),
                sum(x.requests for x in v),
                f"{sum(x.bill for x in v) / 1e12:.4f}",
                f"{sum(x.settled for x in v) / 1e12:.4f}",
                f"{sum(x.uncertain for x in v) / 1e12:.4f}",
                sum(x.overshoot for x in v),
                sum(not row.sound for row in some),
            )
        )
    header = (
        "vendor",
        "studies",
        "requests",
        "billed, $",
        "settled, $",
        "uncertain, $",
        "overshoot",
        "unsound",
    )
    return _table(header, body)


def _by_width(rows: Sequence[Row]) -> list[str]:
    body = []
    for width in WIDTHS:
        v = [row.verdict for row in rows if row.run.concurrency == width]
        if v:
            peak, over = max(x.peak for x in v), sum(x.overshoot for x in v)
            body.append(
                (
                    width,
                    len(v),
                    peak,
                    sum(x.kills for x in v),
                    over,
                    sum(x.beyond for x in v),
                )
            )
    return _table(
        (
            "concurrency",
            "studies",
            "side by side at most",
            "kills",
            "overshoot",
            "paid again",
        ),
        body,
    )


def _overbilled(rows: Sequence[Row]) -> list[str]:
    body = [
        (
            row.task,
            f"{row.verdict.budget / 1e12:g}",
            f"{row.verdict.bill / 1e12:.6f}",
            f"{row.verdict.ledger_overshoot / 1e12:.6f}",
            f"{row.verdict.settled / 1e12:.6f}",
            f"{row.verdict.overshoot / 1e12:.6f}",
            "yes" if row.sound else "no",
            row.verdict.ended[-1].replace("|", "/")[:120],
        )
        for row in rows
    ]
    header = (
        "task",
        "budget, $",
        "billed, $",
        "over ceilings, $",
        "settled, $",
        "over the budget, $",
        "booked in full",
        "ended",
    )
    return _table(header, body)


NOTES = """\
- The bill is the server's own, lost answers included. It is read after every process, when no request is under way.
- A draw is known by its seed, which follows from the request and the draw's number. It is paid again if it is billed
  although the store held it when the process began, or if one process billed it twice.
- The ledger agrees when settled equals what the server billed for the answers that are in the store, and settled with
  uncertain is no less than the whole bill. Where usage is missing or absurd, bounds stand in for it, and settled must
  be no less than was billed.
- A choice is compared with the fault-free run's where money is ample and faults end. It is not where a small budget or
  a time limit decides what is bought, nor where an odd answer may hit one config and not another.
- A server that answers to twice the cap and bills it is told apart from the others: every such bill is booked in full,
  nothing more is sent to that endpoint by that process, and the error or the report says by how much.
- Odd answers include usage that counts the first of several choices only, as llama.cpp's server reports it. Where that
  cannot be told from honest usage, the ledger is off by what was not reported.
- At a power cut the process is killed, and its write-ahead log is cut at a random byte after the last that was synced;
  half of the time the rest is rubbish. What was synced is noted by the process itself (`tune/fakes/power_cut.py`).
  So it does not matter what the folder of temporary files lies on; in memory (TMPDIR=/dev/shm) the run is quicker.
- Not covered here: several machines, and disks that do not keep what they confirmed. A full disk, damaged files and two
  processes on one study are in `tests/test_tuner_survival.py`.""".splitlines()


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--studies", type=int, default=315)
    parser.add_argument("--kills", type=int, default=165)
    parser.add_argument("--cuts", type=int, default=65)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="studies at a time")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a few studies of two tasks, one at a time; writes nothing",
    )
    parser.add_argument("--result", type=Path, default=ROOT / "results" / "chaos.md")
    given = parser.parse_args(argv)
    began = time.monotonic()
    if given.quick:
        rows = chaos(
            1, 6, given.seed, cuts=2, workers=1, tasks=QUICK_TASKS, kinds=QUICK_KINDS
        )
    else:
        rows = chaos(
            given.studies,
            given.kills,
            given.seed,
            cuts=given.cuts,
            workers=given.workers,
        )
        command = (
            f"--studies {given.studies} --kills {given.kills} --cuts {given.cuts} --seed "
            f"{given.seed}"
        )
        write_result(
            given.result, rows, command, time.monotonic() - began, workers=given.workers
        )
    print(_headline([row for row in rows if row.run.kind != OVERBILLED]))
    return 0 if all(row.sound for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
