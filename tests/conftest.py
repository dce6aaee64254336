"""What every test begins and ends with."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tune.fakes import server
from tune.safety import redact as scrub

# Each worker of a parallel run has ports of its own. A server that is started again keeps its port,
# and no other worker may have taken it.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_FIRST = server.PORTS.stop + len(server.PORTS) * _WORKER
server.PORTS = range(_FIRST, _FIRST + len(server.PORTS))

# A machine is slow now and then, and no property is about time.
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    """Take modules and tests away from the garbage collector: they live as long as the process,
    and it would go through all of them again and again.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sync nothing: on a disk that many tests share, one write can take seconds. What is synced is
    tested apart.
    """
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(autouse=True)
def _own_secrets() -> Iterator[None]:
    """Forget the secrets of a test after it: a process keeps them as long as it lives, and tests
    share one.
    """
    before = dict(scrub._known)
    yield
    scrub._known.clear()
    scrub._known.update(before)
