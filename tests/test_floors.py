"""The house: every module imports only from lower floors, and no imports go in a circle."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "tune"

FLOORS: dict[str, int] = {
    "errors": 0, "clusters": 0, "files": 0, "foreign": 0, "scrub": 0, "escape": 1, "model_names": 0, "student": 0,
    "decoration": 0,
    "data": 1, "space": 1, "completion": 1, "pricing": 1, "capabilities": 1, "stats": 1, "callables": 1,
    "database": 1, "journal": 1, "sandbox": 1, "published": 2, "sequential": 2, "power": 2, "looks": 1,
    "interrupts": 0, "apart": 1, "patterns": 1, "clock": 0, "unbilled": 7,
    "telling": 2, "prompt": 2, "aggregate": 2, "extract": 2, "store": 2, "ledger": 2, "estimators": 2, "token_rates": 2,
    "cutting": 3,
    "lessons": 2, "claims": 2, "traces": 2, "defaults": 2, "trial": 3, "readout": 4, "providers": 3, "metrics": 3,
    "blame": 1, "wave": 1,
    "replay": 4, "erase": 3,
    "outcomes": 4, "failures": 4, "evaluate": 5, "progress": 5, "racing": 5, "search": 5, "report": 5,
    "export": 6, "plan": 6,
    "unread": 7, "opening": 7, "purse": 7, "estimate": 7, "stopping": 6, "measuring": 6, "standings": 6,
    "recipe": 7, "holdout": 7,
    "forget": 10, "run": 8, "study": 8, "conclude": 9,
    "tuner": 10, "reconcile": 10, "reprice": 10, "check": 10, "challenge": 10, "testing": 11, "commands": 11,
    "cli": 12, "__main__": 13, "__init__": 13,
}  # fmt: skip
"""By the first name under `tune`; a package's own files may import each other."""

FILES = sorted(ROOT.rglob("*.py"))


def module(path: Path) -> str:
    parts = ("tune", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


def imports(path: Path) -> set[str]:
    """Modules of ours that a file imports, also inside functions; `from tune.x import y` counts as x (or x.y)."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "tune"}
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
    assert here in FLOORS, f"{module(path)} has no floor: give it one here and in CONTRIBUTING.md"
    for name in imports(path):
        there = room(name)
        assert there == here or FLOORS[there] < FLOORS[here], f"{module(path)} (floor {FLOORS[here]}) imports {name}"


def test_there_is_no_import_cycle() -> None:
    TopologicalSorter({module(path): imports(path) - {module(path)} for path in FILES}).prepare()


def test_every_floor_named_here_has_a_room() -> None:
    rooms = {room(module(path)) for path in FILES}
    assert set(FLOORS) - rooms == set()


def test_the_picture_in_contributing_is_this_one() -> None:
    text = (ROOT.parent / "CONTRIBUTING.md").read_text()
    drawn = {
        name.rstrip("/"): int(line.split()[0])
        for line in text.splitlines()
        if line.split()[:1] and line.split()[0].isdigit()
        for name in line.split()[1:]
    }
    assert drawn == {name: floor for name, floor in FLOORS.items() if not name.startswith("__")}
