"""Code that is copied into a file brings all that it needs, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tune.export.bundle import Bundle


def made(*wanted: tuple[str, str]) -> str:
    bundle = Bundle()
    for module, name in wanted:
        bundle.add(module, [name])
    return f"{bundle.imports}\n\n\n{bundle.text}\n"


@pytest.mark.parametrize(
    "kind", ["whole", "labels", "json", "number", "code", "pattern"]
)
def test_a_reader_brings_what_it_needs(kind: str) -> None:
    text = made(("tune.export.bundled.answers", f"read_{kind}"))
    names: dict[str, object] = {}
    exec(compile(text, "bundled", "exec"), names)
    assert "tune" not in {one.name for one in imports(text)}
    others = {"read_whole", "read_labels", "read_json", "read_number", "read_code"}
    assert others & set(names) == {f"read_{kind}"} & others


def imports(text: str) -> list[ast.alias]:
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += node.names
        if isinstance(node, ast.ImportFrom):
            found.append(ast.alias(str(node.module).partition(".")[0]))
    return found


def test_a_definition_is_taken_once_and_behind_what_it_needs() -> None:
    text = made(
        ("tune.export.bundled.voting", "VotingHttp"),
        ("tune.export.bundled.voting", "AsyncVotingHttp"),
        ("tune.readout.aggregate", "vote"),
    )
    assert text.count("def vote(") == 1
    assert (
        text.index("def vote(") < text.index("def voted(") < text.index("class Voting")
    )


def test_comments_and_decorators_come_with_a_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "import functools\nimport os as system\n\nX: int = 3\n\n\n# Why it is kept.\n"
        "@functools.cache\ndef f():\n    return system.sep, X\n"
    )
    (tmp_path / "bundled_here.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    text = made(("bundled_here", "f"))
    assert "X: int = 3\n\n\n# Why it is kept.\n@functools.cache\ndef f():" in text
    assert "import functools\nimport os as system" in text
