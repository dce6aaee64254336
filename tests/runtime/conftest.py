"""A server for the tests of the runtime."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.checks import WORLD
from tune.fakes.faults import Model
from tune.fakes.server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(models={"small": Model(0.10, 0.40)}, world=WORLD) as started:
        yield started
