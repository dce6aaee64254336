"""What befalls the studies of `chaos.py`: kinds of sieges, and a plan of them that follows from a
seed.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGINT
from typing import Any

from benchmarks.chaos.life import LARGE, SMALL
from benchmarks.chaos.siege import AMPLE, TASKS, Blow, Siege
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
"""Answers that are not as they should be; which example meets one is chance, and so is what a study
makes of it.
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
"""How services of today state what they bill, for both models of a task."""

HANG = Fault("hang", billed=True)
OVERBILL = Fault("overbill")
WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LEAST = 0.0015
"""Dollars that are just enough for every task to begin."""

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
"""Kinds with ample money whose faults end: their choice must be the fault-free run's."""


@dataclass(frozen=True)
class Kind:
    """A kind of siege: what share of the studies is of it, and how many kills or power cuts each of
    them gets.
    """

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
) -> list[tuple[str, Siege]]:
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
            blows = int(wanted) + (rng.random() < wanted % 1)
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
            plan.append((task, draw_siege(name, task, blows, rng, calls[task], vendor)))
    return plan


def draw_siege(  # noqa: C901 - one branch for each kind
    kind: str, task: str, kills: int, rng: random.Random, calls: int, vendor: str = ""
) -> Siege:
    """One siege of a kind; `vendor` is how both models state what they bill."""
    siege = Siege(
        kind,
        TASKS[task],
        concurrency=rng.choice(WIDTHS),
        seconds=rng.choice((0.0, 0.002, 0.01)),
        seed=rng.random(),
    )
    if "odd answers" in kind:
        budget = rng.choice((AMPLE, _small(rng)))
        siege = replace(
            siege,
            faults=(*ODD, *PASSING[:6]),
            share=rng.choice((0.05, 0.2)),
            budgets=(budget,),
        )
    if vendor:
        siege = _served_by(vendor, siege, rng)
    if "faults" in kind:
        siege = replace(siege, faults=PASSING, share=rng.choice((0.02, 0.1, 0.3)))
    if "small budget" in kind:
        siege = replace(siege, budgets=(_small(rng),))
        calls //= 4
    if task == WIDE:
        siege = replace(
            siege, concurrency=rng.choice((128, 256)), seconds=rng.choice((0.05, 0.15))
        )
    match kind:
        case "nothing gets through for a while":
            siege = replace(
                siege, outage=rng.randrange(calls), concurrency=rng.choice(WIDTHS[:6])
            )
        case "calls that hang":
            siege = replace(
                siege,
                faults=(HANG,),
                share=0.02,
                until=150,
                timeout=1.5,
                concurrency=rng.choice(WIDTHS[:5]),
            )
        case "time limit":
            siege = replace(siege, time_limit=rng.uniform(0.05, 1.0), seconds=0.01)
        case "a larger budget later":
            first = _small(rng)
            siege = replace(
                siege,
                budgets=(first, 2 * first, AMPLE),
                faults=PASSING,
                share=rng.choice((0.0, 0.1)),
            )
            calls //= 4
        case "Ctrl-C":
            siege = replace(siege, faults=PASSING, share=rng.choice((0.0, 0.1)))
        case "killed, by command line":
            siege = replace(siege, cli=True, faults=PASSING[:4], share=0.02)
        case "bills above the cap":
            siege = _beyond_the_cap(
                replace(siege, budgets=(rng.choice((AMPLE, _small(rng))),)), rng
            )
    return replace(siege, blows=tuple(_draw_blows(kind, kills, rng, calls)))


def _served_by(vendor: str, siege: Siege, rng: random.Random) -> Siege:
    """The siege with both models of a vendor, whose errors are sometimes inside a 200."""
    changes = VENDORS[vendor]
    task = replace(
        siege.task, large=replace(LARGE, **changes), small=replace(SMALL, **changes)
    )
    errors = ERRORS_INSIDE if rng.random() < 0.3 else ()
    return replace(
        siege, task=task, vendor=vendor, faults=errors, share=0.2 if errors else 0.0
    )


def _beyond_the_cap(siege: Siege, rng: random.Random) -> Siege:
    """The siege with answers of twice the cap now and then, or hidden tokens beside the cap in each
    answer.
    """
    if rng.random() < 0.5:
        return replace(siege, faults=(OVERBILL,), share=0.05)
    hidden = replace(LARGE, reasoning=rng.choice((100, 400)), uncapped=True)
    return replace(
        siege,
        task=replace(siege.task, large=hidden),
        vendor="hidden tokens beyond the cap",
    )


def _draw_blows(kind: str, kills: int, rng: random.Random, calls: int) -> list[Blow]:
    """What befalls the processes of a study that makes so many calls in all."""
    if kind == "Ctrl-C":
        return [
            _blow(rng, calls // 2, signal=SIGINT, twice=rng.random() < 0.3)
            for _ in range(2)
        ]
    blows = [_blow(rng, calls // kills) for _ in range(kills)]
    if CUT in kind:
        return [replace(blow, cut=True) for blow in blows]
    if (
        kills and kind == "killed" and rng.random() < 0.3
    ):  # when everything is bought: it writes its report
        blows[-1] = Blow(
            calls - sum(blow.at for blow in blows[:-1]), after=rng.uniform(0, 0.4)
        )
    return blows


def _small(rng: random.Random) -> float:
    return round(LEAST * 10 ** rng.uniform(0.0, 1.2), 6)


def _blow(rng: random.Random, calls: int, **more: object) -> Blow:
    """Some moment of a process: before its first call, in the thick of it, or when it writes its
    report.
    """
    at = rng.choice((0, 1, 3, *(rng.randrange(3, calls) for _ in range(7))))
    return Blow(
        max(at, 1 if more else 0),
        after=rng.choice((0.0, 0.0, rng.uniform(0, 0.02), rng.uniform(0, 0.3))),
        **more,
    )  # type: ignore[arg-type]
