"""Every imported package is declared, and pandas is imported only where a data frame is asked for."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

PACKAGES = {"markdown-it-py": "markdown_it"}
"""The packages whose modules have another name than theirs."""

HOSTS = {"pytest", "IPython"}
"""Programs that ours runs in: they are there wherever their module of ours is imported."""

GIVEN = {"openai"}
"""Modules of objects that a user gives: whoever has such an object has its module."""

HELD_BACK = ("pandas", "pyarrow", "datasets", "torch", "optuna", "flaml")
"""Heavy packages, which a plain run does without."""

WORLD = LabelledWorld(models={"small": 0.6})

RUN = """
import json, sys
import tune
study = tune.tune(
    {rows!r},
    tune.Space(model="small", prompt="Label: {{text}}", max_tokens=[8, 16]),
    target="label",
    models={{"small": {{"base_url": {url!r}, "price": [0.1, 0.4]}}}},
    budget=0.002,
    results={folder!r},
    quiet=True,
)
study.report()
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
assert "pandas" not in sys.modules
study.frontier()
assert "pandas" in sys.modules
"""


def declared() -> set[str]:
    """Return the modules of the dependencies and extras, by their usual names."""
    extras = PROJECT["optional-dependencies"].values()
    lines = [*PROJECT["dependencies"], *(line for lines in extras for line in lines)]
    found = set()
    for line in lines:
        package = re.match(r"[A-Za-z0-9-]+", line)[0]  # type: ignore[index]
        found.add(PACKAGES.get(package, package.replace("-", "_")))
    return found


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level modules that a file imports, also those by name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.module
            names = [node.module]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            "import_module"
        ):
            given = node.args[0]
            names = [given.value] if isinstance(given, ast.Constant) else []
        else:
            names = []
        for name in names:
            yield str(name).partition(".")[0]


def test_every_imported_package_is_declared() -> None:
    ours = {*sys.stdlib_module_names, "tune", *HOSTS, *GIVEN}
    found: dict[str, Path] = {}
    for path in sorted((ROOT / "tune").rglob("*.py")):
        for module in imported(path):
            found.setdefault(module, path)
    known = declared()
    missing = {
        module: path for module, path in found.items() if module not in known | ours
    }
    assert missing == {}
    assert known - set(found) == {"tune_llm"}, "declared, but imported nowhere"


def python(code: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
        timeout=100,
    )


def test_importing_tune_imports_no_heavy_package(tmp_path: Path) -> None:
    # Those that send are imported when something is sent.
    held_back = (*HELD_BACK, "aiohttp", "truststore", "openai")
    code = (
        "import sys, tune, tune.commands.cli\n"
        "tune.Space, tune.tune, tune.Study\n"
        f"print([name for name in {held_back!r} if name in sys.modules])"
    )
    done = python(code, tmp_path)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.timeout(120)
def test_a_run_imports_pandas_only_where_a_frame_is_asked_for(tmp_path: Path) -> None:
    with Server(world=WORLD) as server:
        code = RUN.format(
            rows=WORLD.examples(20),
            url=server.base_url,
            folder=str(tmp_path / "results"),
        )
        done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    for name in HELD_BACK:
        assert f'"{name}"' not in done.stderr
