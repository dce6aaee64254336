"""The kinds of chaos runs, and a plan of runs that follows from a seed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGINT
from typing import Any

from benchmarks.chaos.chaos_run import AMPLE, TASKS, ChaosRun, Kill
from benchmarks.chaos.process import LARGE, SMALL
from tune.fakes.faults import Fault

ROOT = Path(__file__).parent.parent.parent

PASSING = (
    Fault("status", status=429),
    Fault("status", status=429, retry_after="0.01"),
    Fault("status", status=529),
    Fault("status", status=503),
    Fault("status", status=500),
    Fault("status", status=500, billed=True),
    Fault("status", status=502, billed=True),
    Fault("status", status=504),
    Fault("status", status=408),
    Fault("reset"),
    Fault("reset", billed=True),
    Fault("garbage"),
    Fault("truncated"),
    Fault("error_in_200"),
    Fault("no_choices"),
    Fault("slow", seconds=0.05),
)
"""Faults after which the same request can be answered; most cost money, or may have."""

ODD = (
    Fault("other_model"),
    Fault("filtered"),
    Fault("refused_content"),
    Fault("too_long"),
    Fault("fewer"),
    Fault("no_usage"),
    Fault("first_usage"),
    Fault("usage", usage={"prompt_tokens": -5, "completion_tokens": 10**12}),
    Fault("usage", usage={"prompt_tokens": "many", "completion_tokens": None}),
    Fault("usage", usage=None),
)
"""Answers that are not as they should be.

Chance decides which example meets one, so the choice of the study may differ from the fault-free run's.
"""

WIDE = "wide"
"""The task whose waves are large enough for hundreds of calls to be in flight."""

ERRORS_INSIDE = (Fault("error_in_200", status=429), Fault("error_in_200", status=503))
"""Errors of a vendor inside a 200, which cost nothing."""

VENDORS: dict[str, dict[str, Any]] = {
    "reasoning beside the completion (xAI)": {"reasoning": 9, "counts": "beside"},
    "reasoning in the total alone (Gemini)": {
        "reasoning": 9,
        "counts": "total",
        "refuses": frozenset({"n"}),
    },
    "its own bill in dollars (OpenRouter)": {"own_bill": "cost"},
    "its own bill, of a more expensive host": {"own_bill": "cost", "markup": 2},
    "its own bill in ticks (xAI)": {
        "reasoning": 9,
        "counts": "beside",
        "own_bill": "cost_in_usd_ticks",
    },
    "no usage (old local servers)": {"fault": Fault("no_usage")},
    "n counted once (llama.cpp)": {"fault": Fault("first_usage")},
    "cached prompts": {"cached": 8},
}
"""Bills as services of today state them, for both models of a task."""

HANG = Fault("hang", billed=True)
OVERBILL = Fault("overbill")
WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LEAST = 0.0015
"""The smallest budget, in dollars, with which every task can begin."""

SAME_BEST = (
    "power cut",
    "power cut, with faults",
    "calm",
    "faults that pass",
    "killed",
    "killed, with faults",
    "Ctrl-C",
    "killed, by command line",
)
"""Kinds that must make the choice of the fault-free run: money is ample, and the faults end."""


@dataclass(frozen=True)
class Kind:
    """A kind of run: its share of the studies, and the kills or power cuts of each study."""

    share: float
    kills: float = 0.0
    cuts: float = 0.0


KINDS = {
    "calm": Kind(0.03),
    "faults that pass": Kind(0.08),
    "small budget": Kind(0.07),
    "small budget, with faults": Kind(0.09),
    "odd answers": Kind(0.05),
    "nothing gets through for a while": Kind(0.02),
    "calls that hang": Kind(0.02),
    "time limit": Kind(0.02),
    "a larger budget later": Kind(0.04, 1),
    "killed": Kind(0.07, 2),
    "killed, with faults": Kind(0.07, 2),
    "killed, small budget, with faults": Kind(0.06, 2),
    "killed, with odd answers": Kind(0.03, 2),
    "Ctrl-C": Kind(0.03),
    "killed, by command line": Kind(0.01, 1.5),
    "power cut": Kind(0.05, cuts=1.7),
    "power cut, with faults": Kind(0.05, cuts=1.7),
    "power cut, small budget, with faults": Kind(0.05, cuts=1.7),
    "odd vendor": Kind(0.08),
    "odd vendor, small budget": Kind(0.08),
    "odd vendor, killed": Kind(0.05, 2),
    "odd vendor, power cut": Kind(0.02, cuts=1.7),
}
OVERBILLED = "bills above the cap"
VENDOR = "odd vendor"
CUT = "power cut"
QUICK_TASKS = ("grid", "judged")
QUICK_KINDS = (
    "power cut, with faults",
    "odd vendor, small budget",
    "faults that pass",
    "small budget, with faults",
    "nothing gets through for a while",
    "killed, with faults",
    "killed, small budget, with faults",
    "Ctrl-C",
)


def draw_plan(
    studies: int,
    kills: int,
    cuts: int,
    rng: random.Random,
    calls: dict[str, int],
    kinds: Sequence[str],
) -> list[tuple[str, ChaosRun]]:
    """Sieges with the names of their tasks; `calls` is how many requests a fault-free run of each
    task takes.
    """
    counts = {name: max(1, round(KINDS[name].share * studies)) for name in kinds}
    planned = sum(KINDS[name].kills * count for name, count in counts.items()) or 1
    planned_cuts = sum(KINDS[name].cuts * count for name, count in counts.items()) or 1
    vendors = itertools.cycle(VENDORS)
    plan = []
    for name, count in counts.items():
        for number in range(count):
            wanted = (
                KINDS[name].kills * kills / planned
                + KINDS[name].cuts * cuts / planned_cuts
            )
            ends = int(wanted) + (rng.random() < wanted % 1)
            task = [each for each in calls if each != WIDE][
                (number + rng.randrange(2)) % (len(calls) - (WIDE in calls))
            ]
            if WIDE in calls and "killed" in name and number % 4 == 0:
                task = WIDE
            if VENDOR in name:
                task = "grid"
            if name == "killed, by command line" and TASKS[task].judged:
                task = "grid"  # a judge is an object of Python
            vendor = next(vendors) if VENDOR in name else ""
            plan.append((task, draw_run(name, task, ends, rng, calls[task], vendor)))
    return plan


def draw_run(  # noqa: C901 - one branch for each kind
    kind: str, task: str, count: int, rng: random.Random, calls: int, vendor: str = ""
) -> ChaosRun:
    """Draw one run of a kind; `vendor` names the way in which both models state their bills."""
    run = ChaosRun(
        kind,
        TASKS[task],
        concurrency=rng.choice(WIDTHS),
        seconds=rng.choice((0.0, 0.002, 0.01)),
        seed=rng.random(),
    )
    if "odd answers" in kind:
        budget = rng.choice((AMPLE, _small(rng)))
        run = replace(
            run,
            faults=(*ODD, *PASSING[:6]),
            share=rng.choice((0.05, 0.2)),
            budgets=(budget,),
        )
    if vendor:
        run = _served_by(vendor, run, rng)
    if "faults" in kind:
        run = replace(run, faults=PASSING, share=rng.choice((0.02, 0.1, 0.3)))
    if "small budget" in kind:
        run = replace(run, budgets=(_small(rng),))
        calls //= 4
    if task == WIDE:
        run = replace(
            run, concurrency=rng.choice((128, 256)), seconds=rng.choice((0.05, 0.15))
        )
    match kind:
        case "nothing gets through for a while":
            run = replace(
                run, outage=rng.randrange(calls), concurrency=rng.choice(WIDTHS[:6])
            )
        case "calls that hang":
            run = replace(
                run,
                faults=(HANG,),
                share=0.02,
                until=150,
                timeout=1.5,
                concurrency=rng.choice(WIDTHS[:5]),
            )
        case "time limit":
            run = replace(run, time_limit=rng.uniform(0.05, 1.0), seconds=0.01)
        case "a larger budget later":
            first = _small(rng)
            run = replace(
                run,
                budgets=(first, 2 * first, AMPLE),
                faults=PASSING,
                share=rng.choice((0.0, 0.1)),
            )
            calls //= 4
        case "Ctrl-C":
            run = replace(run, faults=PASSING, share=rng.choice((0.0, 0.1)))
        case "killed, by command line":
            run = replace(run, cli=True, faults=PASSING[:4], share=0.02)
        case "bills above the cap":
            run = _beyond_the_cap(
                replace(run, budgets=(rng.choice((AMPLE, _small(rng))),)), rng
            )
    return replace(run, kills=tuple(_draw_kills(kind, count, rng, calls)))


def _served_by(vendor: str, run: ChaosRun, rng: random.Random) -> ChaosRun:
    """Return the run with both models of a vendor; its errors are sometimes inside a 200."""
    changes = VENDORS[vendor]
    task = replace(
        run.task, large=replace(LARGE, **changes), small=replace(SMALL, **changes)
    )
    errors = ERRORS_INSIDE if rng.random() < 0.3 else ()
    return replace(
        run, task=task, vendor=vendor, faults=errors, share=0.2 if errors else 0.0
    )


def _beyond_the_cap(run: ChaosRun, rng: random.Random) -> ChaosRun:
    """Return the run with answers beyond the cap.

    Either some answers have twice the tokens of the cap, or each has hidden tokens beside it.
    """
    if rng.random() < 0.5:
        return replace(run, faults=(OVERBILL,), share=0.05)
    hidden = replace(LARGE, reasoning=rng.choice((100, 400)), uncapped=True)
    return replace(
        run,
        task=replace(run.task, large=hidden),
        vendor="hidden tokens beyond the cap",
    )


def _draw_kills(kind: str, count: int, rng: random.Random, calls: int) -> list[Kill]:
    """Draw the kills of a study that makes `calls` calls in all."""
    if kind == "Ctrl-C":
        return [
            _draw_kill(rng, calls // 2, signal=SIGINT, twice=rng.random() < 0.3)
            for _ in range(2)
        ]
    kills = [_draw_kill(rng, calls // count) for _ in range(count)]
    if CUT in kind:
        return [replace(kill, cut=True) for kill in kills]
    # Some last kills come when everything is bought, while the report is written.
    if kills and kind == "killed" and rng.random() < 0.3:
        kills[-1] = Kill(
            calls - sum(kill.at for kill in kills[:-1]), after=rng.uniform(0, 0.4)
        )
    return kills


def _small(rng: random.Random) -> float:
    return round(LEAST * 10 ** rng.uniform(0.0, 1.2), 6)


def _draw_kill(rng: random.Random, calls: int, **more: object) -> Kill:
    """Draw a moment of a process: before its first call, among its calls, or during its report."""
    at = rng.choice((0, 1, 3, *(rng.randrange(3, calls) for _ in range(7))))
    return Kill(
        max(at, 1 if more else 0),
        after=rng.choice((0.0, 0.0, rng.uniform(0, 0.02), rng.uniform(0, 0.3))),
        **more,
    )  # type: ignore[arg-type]
