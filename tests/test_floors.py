"""The house: every module imports only from lower floors, and no imports go in a circle."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "tune"

FLOORS: dict[str, int] = {
    "errors": 0,
    "completion": 0,
    "safety": 1,
    "pricing": 2,
    "stats": 2,
    "space": 2,
    "store": 3,
    "task": 3,
    "readout": 4,
    "providers": 4,
    "search": 4,
    "strategies": 5,
    "report": 5,
    "export": 6,
    "plan": 7,
    "runtime": 8,
    "study": 9,
    "result": 10,
    "fakes": 10,
    "tuner": 11,
    "followup": 11,
    "commands": 12,
    "__main__": 13,
    "__init__": 13,
}
"""By the first name under `tune`; a package's own files may import each other."""

FILES = sorted(ROOT.rglob("*.py"))


def module(path: Path) -> str:
    parts = ("tune", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


def imports(path: Path) -> set[str]:
    """Modules of ours that a file imports, also inside functions; `from tune.x import y` counts as
    x (or x.y).
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {
                alias.name for alias in node.names if alias.name.split(".")[0] == "tune"
            }
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute"
            if node.module and node.module.split(".")[0] == "tune":
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                modules = {name for name in names if name in MODULES}
                found |= modules or {node.module}
    return found


MODULES = {module(path) for path in FILES}


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


@pytest.mark.parametrize("path", FILES, ids=module)
def test_a_module_imports_only_from_lower_floors(path: Path) -> None:
    here = room(module(path))
    assert here in FLOORS, (
        f"{module(path)} has no floor: give it one here and in CONTRIBUTING.md"
    )
    for name in imports(path):
        there = room(name)
        assert there == here or FLOORS[there] < FLOORS[here], (
            f"{module(path)} (floor {FLOORS[here]}) imports {name}"
        )


def test_there_is_no_import_cycle() -> None:
    TopologicalSorter(
        {module(path): imports(path) - {module(path)} for path in FILES}
    ).prepare()


def test_every_floor_named_here_has_a_room() -> None:
    rooms = {room(module(path)) for path in FILES}
    assert set(FLOORS) - rooms == set()


def test_the_picture_in_contributing_is_this_one() -> None:
    text = (ROOT.parent / "CONTRIBUTING.md").read_text()
    drawn = {
        name.rstrip("/"): int(line.split()[0])
        for line in text.splitlines()
        if line.split()[:1] and line.split()[0].isdigit()
        for name in re.split(r"\s{3,}", line.strip().split(maxsplit=1)[1])[0].split()
    }
    assert drawn == {
        name: floor for name, floor in FLOORS.items() if not name.startswith("__")
    }


def test_the_house_has_few_rooms() -> None:
    assert len([name for name in FLOORS if not name.startswith("__")]) <= 22
