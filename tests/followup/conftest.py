"""A finished study that is shared, and a copy of it for tests that change its files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.kept import run_kept


@pytest.fixture(scope="session")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two studies of the same data: `results/one` and `results/two`."""
    folder = tmp_path_factory.mktemp("kept")
    run_kept(folder)
    run_kept(folder, "two", seed=3)
    return folder


@pytest.fixture
def kept(kept_once: Path, tmp_path: Path) -> Path:
    """A copy of the folder of the first study."""
    shutil.copytree(kept_once / "results" / "one", tmp_path / "one")
    return tmp_path / "one"
