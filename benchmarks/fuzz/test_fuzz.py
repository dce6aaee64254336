"""A few inputs of each kind that `benchmarks/fuzz/` makes up; run that for ten minutes to see
many.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz import __main__ as fuzz


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_made_up_input_is_read_or_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    fuzz.run(name, 40, number=1)
