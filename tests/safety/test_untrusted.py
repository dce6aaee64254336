"""What comes from outside has limits, and whoever meets one is told which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tune.completion import Message, Request
from tune.errors import DataError, SpaceError, TransientError
from tune.fakes.faults import Fault
from tune.fakes.server import Server, fail_first
from tune.providers.openai.endpoint import OpenAIEndpoint
from tune.safety.untrusted import NESTING, TooMuch, read_file, read_json
from tune.space import read_toml
from tune.task.load import load_data
from tune.task.prompt_spec import parse_prompt


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("depth", [NESTING + 1, 900, 100_000])
def test_json_is_nested_so_deeply_and_no_deeper(depth: int) -> None:
    assert read_json(nested(NESTING))
    with pytest.raises(TooMuch, match=f"{NESTING} times"):
        read_json(nested(depth))
    with pytest.raises(TooMuch):
        read_json('{"a":' * depth + "1" + "}" * depth)
    with pytest.raises(ValueError, match="Expecting"):
        read_json("{")


def test_a_file_without_an_end_is_not_read_to_it(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"abc")
    assert read_file(tmp_path / "small", 3) == b"abc"
    with pytest.raises(TooMuch, match="which is the limit"):
        read_file("/dev/zero", 1000)


# --- answers


def ask(endpoint: OpenAIEndpoint) -> Request:
    return Request(
        endpoint.service, endpoint.model, (Message("user", "Ticket #1"),), 16
    )


@pytest.mark.parametrize("kind", ["bomb", "twice", "deep"])
async def test_an_answer_that_unfolds_without_end_is_given_up_and_stays_charged(
    kind: Any,
) -> None:
    async with Server(plan=fail_first(1, Fault(kind))) as server:
        endpoint = OpenAIEndpoint("small", base_url=server.base_url)
        with pytest.raises(TransientError) as caught:
            await endpoint.complete(ask(endpoint), range(1))
        assert caught.value.charged
        assert ("limit" in str(caught.value)) == (kind == "bomb")
        assert await endpoint.complete(ask(endpoint), range(1)), "the next one is read"
        await endpoint.close()


# --- data and space files


def wide(count: int) -> str:
    return ",".join(f"c{i}" for i in range(count)) + "\n" + ",".join("x" * count) + "\n"


@pytest.mark.parametrize(
    ("name", "content", "limit", "words"),
    [
        (
            "a.csv",
            "a,b\n" + "x,y\n" * 100,
            ("DATA_BYTES", 300),
            "too large: it has more than",
        ),
        (
            "a.jsonl",
            '{"a": 1}\n' * 100,
            ("DATA_BYTES", 300),
            "too large: it has more than",
        ),
        ("a.csv", wide(30), ("COLUMNS", 20), "more than 20 columns"),
        (
            "a.jsonl",
            "\n".join(f'{{"c{i}": 1}}' for i in range(30)),
            ("COLUMNS", 20),
            "more than 20 columns",
        ),
        ("a.csv", "a,b\n" + "x,y\n" * 100, ("CELLS", 150), "more than 150 cells"),
        (
            "a.csv",
            "a,b\n" + "x" * 200 + ",y\n",
            ("CELL_BYTES", 100),
            "field larger than field limit",
        ),
        (
            "a.json",
            json.dumps([{"a": "x" * 200}]),
            ("CELL_BYTES", 100),
            "in the column 'a', which is the limit",
        ),
        ("a.json", nested(100_000), None, "64 times"),
        ("a.jsonl", '{"a": ' + nested(80) + "}\n", None, "64 times"),
    ],
)
def test_a_data_file_has_limits_and_one_sentence_says_which(
    name: str,
    content: str,
    limit: tuple[str, int] | None,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if limit:
        for module in ("sources", "table", "text_files"):
            monkeypatch.setattr(
                f"tune.task.{module}.{limit[0]}", limit[1], raising=False
            )
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=words) as caught:
        load_data(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert "'a'" in str(caught.value) or name in str(caught.value)


def test_a_parquet_file_that_unfolds_without_end_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"text": ["long " * 1000] * 20_000, "label": ["a"] * 20_000})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 300_000
    monkeypatch.setattr("tune.task.sources.DATA_BYTES", 20_000_000)
    with pytest.raises(DataError, match=r"more than 19\.1 MiB unpacked"):
        load_data(tmp_path / "a.parquet")
    monkeypatch.setattr("tune.task.sources.CELLS", 30_000)
    with pytest.raises(DataError, match="more than 30,000 cells"):
        load_data(tmp_path / "a.parquet")


def test_a_device_is_no_data_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tune.task.text_files.DATA_BYTES", 1000)
    (tmp_path / "a.jsonl").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="which is the limit"):
        load_data(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    "content", ["a = " + nested(3000), "a = " + nested(100), "x = 'a'\n" * 1000]
)
def test_a_space_file_has_limits(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tune.space.space_spec.read_file", lambda path: read_file(path, 7000)
    )
    (tmp_path / "space.toml").write_text(content)
    with pytest.raises(SpaceError, match="more than is read"):
        read_toml(tmp_path / "space.toml")


def test_templates_and_baselines_have_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tune.task.prompt_spec.read_file", lambda path: read_file(path, 100)
    )
    (tmp_path / "long.txt").write_text("x" * 200)
    with pytest.raises(SpaceError, match="which is the limit"):
        parse_prompt("p", {"file": "long.txt"}, base=tmp_path)
    from tune.plan.baseline import baseline_record

    with pytest.raises(SpaceError, match="is no JSON: lists and objects"):
        baseline_record('{"a":' + nested(100) + "}")
