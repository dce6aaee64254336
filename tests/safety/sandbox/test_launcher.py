"""The launcher: files that the sandbox's user can read."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pytest

from tune.safety.sandbox.launcher import open_to_all

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere little can be held: run it on Linux"
)


@pytest.mark.parametrize(
    ("changed", "is_open"),
    [
        ({}, True),
        ({"/a/b/python": 0o711}, False),
        ({"/a/b": 0o754}, False),
        ({"/a": 0o700}, False),
        ({"/": 0o700}, False),
        ({"/a": 0o711, "/": 0o711}, True),
    ],
)
def test_a_file_is_open_to_all_who_may_read_it_and_come_to_it(
    changed: dict[str, int], is_open: bool
) -> None:
    modes = dict.fromkeys(("/", "/a", "/a/b", "/a/b/python"), 0o755) | changed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "stat", lambda name: SimpleNamespace(st_mode=modes[name]))
        found = open_to_all("/a/b/python")
    assert found is is_open
