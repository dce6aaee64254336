"""Measure what the processes of a sandbox use together, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def find_descendants(pid: int) -> list[int]:
    """The processes below one, as far as they are still there."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = list(_children(waiting.pop()))
        found += below
        waiting += below
    return found


def others(*, own_namespace: bool) -> int:
    """Count this user's processes and threads besides those of a sandbox, as the kernel counts
    them.

    Args:
        own_namespace: the sandbox has a user namespace for itself. Since Linux 5.14 only the
            launcher and the keeper are counted there; before, all processes of the user anywhere.
    """
    release = tuple(
        int(part)
        for part in os.uname().release.split("-")[0].split(".")[:2]
        if part.isdecimal()
    )
    # Since then the kernel counts processes per user namespace (ucounts).
    if own_namespace and release >= (5, 14):
        return 2
    mine = os.geteuid()
    found = 0
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            found += (
                len(os.listdir(folder / "task")) if folder.stat().st_uid == mine else 0
            )
    return found + 2


def memory(pids: list[int], limit: int) -> int:
    """Bytes that processes hold together.

    What they share is counted once for each, until that would be more than the limit; only then is
    it worth the kernel's trouble to find each one's fair share.
    """
    resident = list(map(_resident, pids))
    if sum(resident) <= limit:
        return sum(resident)
    return sum(
        _fair_share(pid, otherwise)
        for pid, otherwise in zip(pids, resident, strict=True)
    )


def _children(pid: int) -> Iterator[int]:
    try:
        tasks = os.listdir(_PROC / str(pid) / "task")
    except OSError:
        return
    for task in tasks:
        yield from map(int, _read(f"{pid}/task/{task}/children").split())


def _resident(pid: int) -> int:
    pages = _read(f"{pid}/statm").split()[1:2]
    return int(pages[0]) * os.sysconf("SC_PAGE_SIZE") if pages else 0


def _fair_share(pid: int, otherwise: int) -> int:
    for line in _read(f"{pid}/smaps_rollup").splitlines():
        # Proportional set size: shared pages are divided among their users.
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return otherwise


def _read(name: str) -> str:
    """A file of /proc; nothing where its process has gone, or keeps it to itself."""
    try:
        return (_PROC / name).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
