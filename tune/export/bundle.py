"""Copy code of ours into a file that must do without tune.

An exported file reads answers and votes with the very code that the search used: the definitions
that are wanted, and all that they need.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable
from pathlib import Path

OURS = "tune."
"""The beginning of the names of our modules."""

FUTURE = "from __future__ import annotations"


class Bundle:
    """Definitions of ours as source code, each once and behind those that it needs."""

    def __init__(self) -> None:
        self._imports: dict[str, None] = {FUTURE: None}
        self._texts: list[str] = []
        self._taken: set[tuple[str, str]] = set()

    def add(self, module: str, names: Iterable[str]) -> None:
        """Take definitions of a module, and all that they need."""
        source = _source(module)
        tree = ast.parse(source)
        defined = _definitions(tree)
        imported = _imports(tree)
        wanted: list[str] = []
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in defined or (module, name) in self._taken:
                continue
            self._taken.add((module, name))
            wanted.append(name)
            for needed in _names_in(defined[name]):
                if needed in defined:
                    waiting.append(needed)
                elif needed in imported:
                    self._import(imported[needed], needed)
        # In the order of the module: a class must stand behind its base.
        kept = [node for node in tree.body if _name_of(node) in wanted]
        for node in kept:
            self._texts.append(_segment(source, node))

    def _import(self, node: ast.Import | ast.ImportFrom, name: str) -> None:
        """Take an import: a line of the file, or definitions of another module of ours."""
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(OURS):
            self.add(str(node.module), [name])
            return
        for alias in node.names:
            if (alias.asname or alias.name).partition(".")[0] == name:
                one = ast.parse(ast.unparse(node)).body[0]
                assert isinstance(one, ast.Import | ast.ImportFrom)
                one.names = [alias]
                self._imports[ast.unparse(one)] = None

    def add_import(self, line: str) -> None:
        """Take a line that imports."""
        self._imports[line] = None

    @property
    def imports(self) -> str:
        """The lines that import, one for each module."""
        modules: set[str] = set()
        names: dict[str, set[str]] = {}
        for line in self._imports:
            (node,) = ast.parse(line).body
            if isinstance(node, ast.ImportFrom) and node.module != "__future__":
                names.setdefault(str(node.module), set()).add(
                    ast.unparse(node.names[0])
                )
            elif isinstance(node, ast.Import):
                modules.add(line)
        lines = sorted(modules)
        for module in sorted(names):
            lines.append(f"from {module} import {', '.join(sorted(names[module]))}")
        return "\n".join([FUTURE, "", *lines])

    @property
    def text(self) -> str:
        """The definitions."""
        return "\n\n\n".join(self._texts)


def _source(module: str) -> str:
    """Return the text of a module, which is read and not imported."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


def _definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    found = {}
    for node in tree.body:
        name = _name_of(node)
        if name:
            found[name] = node
    return found


def _name_of(node: ast.stmt) -> str:
    """Return the name that a statement defines; "" if it defines none."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return ""


def _imports(tree: ast.Module) -> dict[str, ast.Import | ast.ImportFrom]:
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                name = (alias.asname or alias.name).partition(".")[0]
                found[name] = node
    return found


def _names_in(node: ast.stmt) -> list[str]:
    """Return the names that a definition uses, also inside annotations written as text."""
    found = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            found.append(inner.id)
        # A type alias may be a text.
        if isinstance(node, ast.AnnAssign) and isinstance(inner, ast.Constant):
            found += _names_of_text(str(inner.value))
    return found


def _names_of_text(text: str) -> list[str]:
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        return []
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]


def _segment(source: str, node: ast.stmt) -> str:
    """Return the lines of a definition, decorators and the comment before it included."""
    lines = source.splitlines()
    start = node.lineno
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        decorated = [each.lineno for each in node.decorator_list]
        start = min([start, *decorated])
    while start > 1 and lines[start - 2].startswith("#"):
        start -= 1
    return "\n".join(lines[start - 1 : node.end_lineno])
