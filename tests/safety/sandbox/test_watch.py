"""Measures of the processes of a sandbox."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tune.safety.sandbox.watch import find_descendants, memory, others

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere little can be held: run it on Linux"
)

MIB = 2**20


def test_descendants_are_children_and_their_children() -> None:
    source = "import os, time; os.fork() or time.sleep(60); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        below = find_descendants(parent.pid)
        try:
            assert len(below) == 1
            assert {parent.pid, *below} <= set(find_descendants(os.getpid()))
        finally:
            for pid in (*below, parent.pid):
                os.kill(pid, signal.SIGKILL)
    assert find_descendants(2**22 + 1) == []


def test_others_counts_at_least_the_launcher_and_the_keeper() -> None:
    assert others(own_namespace=True) >= 2
    assert others(own_namespace=False) > 2


def test_memory_counts_what_processes_share_once_only_when_it_has_to() -> None:
    own = memory([os.getpid()], 2**60)
    assert own > 10 * MIB
    assert 0 < memory([os.getpid()], 0) <= own
    assert memory([2**22 + 1], 0) == 0
