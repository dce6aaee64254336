"""Chaos runs carried out side by side, each in a process of its own.

A module of its own: a new process finds nothing that is defined in `__main__.py`.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.chaos.chaos_run import ChaosRun, Verdict, carry_out


def carry_out_job(job: tuple[int, str, ChaosRun]) -> tuple[int, str, ChaosRun, Verdict]:
    """Carry out one run in a temporary folder."""
    number, task, run = job
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        return number, task, run, carry_out(run, Path(folder))


def run_all(
    jobs: Sequence[tuple[int, str, ChaosRun]], workers: int
) -> Iterator[tuple[int, str, ChaosRun, Verdict]]:
    """Carry out all runs, `workers` at a time."""
    if workers == 1:
        yield from map(carry_out_job, jobs)
        return
    with ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        yield from pool.map(carry_out_job, jobs)
