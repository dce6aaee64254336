"""Data: every source gives the same examples, every fault one sentence, and the split is fair and
steady.
"""

from __future__ import annotations

import builtins
import contextlib
import csv
import datetime
import decimal
import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rights import as_nobody
from tune.errors import DataError, SpaceError
from tune.task.example import Data, Example, to_text
from tune.task.load import load_data
from tune.task.split import Split, count_clusters, split

ROWS = [
    {"text": "good film", "label": "pos"},
    {"text": "bad, film", "label": "neg"},
    {"text": "ö\n“x”", "label": "pos"},
]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def numbered(count: int, labels: int = 2, **others: Any) -> list[dict[str, Any]]:
    return [{"text": f"text {i}", "label": f"label {i % labels}", **others} for i in range(count)]


def ids(examples: tuple[Example, ...]) -> list[str]:
    return [e.id for e in examples]


# --- sources


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def jsonl(path: Path) -> Any:
    return write(path / "d.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))


def json_list(path: Path) -> Any:
    return write(path / "d.json", json.dumps(ROWS, indent=1))


def comma(path: Path) -> Any:
    return write(path / "d.csv", 'text,label\ngood film,pos\n"bad, film",neg\n"ö\n“x”",pos\n')


def tab(path: Path) -> Any:
    return str(
        write(path / "d.tsv", 'text\tlabel\ngood film\tpos\nbad, film\tneg\n"ö\n“x”"\tpos\n')
    )


def parquet(path: Path) -> Any:
    pd.DataFrame(ROWS).to_parquet(path / "d.parquet")
    return path / "d.parquet"


def frame(path: Path) -> Any:
    return pd.DataFrame(ROWS)


def dataset(path: Path) -> Any:
    import datasets

    return datasets.Dataset.from_list(ROWS)


def hub_folder(path: Path) -> Any:
    folder = path / "films"
    folder.mkdir()
    pd.DataFrame(ROWS).to_csv(folder / "train.csv", index=False)
    pd.DataFrame(ROWS[:2]).to_csv(folder / "test.csv", index=False)
    return f"hf:{folder}:train"


SOURCES = [
    jsonl,
    json_list,
    comma,
    tab,
    parquet,
    frame,
    dataset,
    hub_folder,
    lambda _: ROWS,
    lambda _: iter(ROWS),
]


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_examples_and_fingerprint(source: Any, tmp_path: Path) -> None:
    data = load_data(source(tmp_path), fields={"text"})
    assert [(e.id, e.inputs, e.target, e.metadata) for e in data.examples] == [
        (str(number), {"text": row["text"]}, row["label"], {})
        for number, row in enumerate(ROWS, start=1)
    ]
    assert (data.inputs, data.target) == (("text",), "label")
    assert data.fingerprint == load_data(ROWS).fingerprint


def test_a_data_set_is_named_after_its_file_or_the_hub(tmp_path: Path) -> None:
    assert load_data(jsonl(tmp_path)).name == "d"
    assert load_data(ROWS).name == "data"
    assert load_data(hub_folder(tmp_path)).name == "films"


def test_a_split_of_the_hub_may_be_a_slice_and_must_be_named_where_there_are_several(
    tmp_path: Path,
) -> None:
    source = hub_folder(tmp_path)
    assert len(load_data(f"{source}[:2]").examples) == 2
    with pytest.raises(
        DataError, match=r"has the splits \['train', 'test'\]: name one, as hf:.*:train"
    ):
        load_data(source.removesuffix(":train"))
    with pytest.raises(DataError, match='cannot be loaded: Unknown split "dev"'):
        load_data(source.replace(":train", ":dev"))
    with pytest.raises(DataError, match="is written hf:org/name:split"):
        load_data("hf:")


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("hf:org/name:train", ("org/name", None, "train")),
        ("hf:org/name/config:test", ("org/name", "config", "test")),
        ("hf:org/name", ("org/name", None, None)),
        ("hf:name:train[10:20]", ("name", None, "train[10:20]")),
    ],
)
def test_the_hub_is_asked_for_name_config_and_split(
    source: str, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    seen: list[Any] = []

    def load(path: str, config: str | None, *, split: str | None) -> Any:
        seen.append((path, config, split))
        return datasets.Dataset.from_list(ROWS)

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert load_data(source).name == "name"
    assert seen == [asked]


def test_a_data_set_that_the_hub_does_not_have_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import datasets

    def load(*_: Any, **__: Any) -> Any:
        raise datasets.exceptions.DatasetNotFoundError("no such data set\nand much more")

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(
        DataError, match=r"^the data set 'hf:org/name:train' cannot be loaded: no such data set$"
    ):
        load_data("hf:org/name:train")


def test_class_labels_are_given_by_name() -> None:
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    data = load_data(
        datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features)
    )
    assert [e.target for e in data.examples] == ["pos", "neg"]
    unlabelled = datasets.Dataset.from_dict(
        {"text": ["a", "b"], "label": [1, -1]}, features=features
    )
    with pytest.raises(DataError, match="row 2 of 'data' has nothing in the column 'label'"):
        load_data(unlabelled)


@pytest.mark.parametrize(
    ("module", "source"), [("pyarrow", "d.parquet"), ("datasets", "hf:org/name:train")]
)
def test_a_missing_extra_is_named(
    module: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def importing(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == module:
            raise ImportError(name)
        return real(name, *rest)

    write(tmp_path / "d.parquet", "x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(DataError, match=rf"needs {module}: pip install 'tune-llm\[data\]'"):
        load_data(source)


def test_byte_order_mark_and_carriage_returns_are_no_part_of_the_data(tmp_path: Path) -> None:
    for name, content in (
        ("d.csv", "\ufefftext,label\r\na,x\r\n\r\nb,y\r\n"),
        ("d.jsonl", '\ufeff{"text":"a","label":"x"}\r\n\r\n{"text":"b","label":"y"}\r\n'),
    ):
        data = load_data(write(tmp_path / name, content))
        assert [(e.inputs["text"], e.target) for e in data.examples] == [("a", "x"), ("b", "y")]


def test_unusual_line_separators_inside_json_strings_end_no_line(tmp_path: Path) -> None:
    data = load_data(
        write(tmp_path / "d.jsonl", '{"text":"a\u2028b","label":1}\n{"text":"c\x85d","label":2}\n')
    )
    assert [e.inputs["text"] for e in data.examples] == ["a\u2028b", "c\x85d"]


def test_a_document_may_be_long(tmp_path: Path) -> None:
    data = load_data(write(tmp_path / "d.csv", f"text,label\n{'x' * 200_000},1\ny,2\n"))
    assert len(data.examples[0].inputs["text"]) == 200_000


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.jsonl", '{"a": 1}\n{"a": \n', r"^line 2 of '.*d\.jsonl' is no JSON: Expecting value"),
        ("d.jsonl", '{"a": 1}\n\n[1, 2]\n', r"^line 3 of '.*' is no JSON object, but \[1, 2\]"),
        (
            "d.jsonl",
            "[" * 100_000,
            "line 1 of '.*' cannot be read: lists and objects stand within each other more than 64 times",
        ),
        (
            "d.json",
            '{"a": 1}',
            r"is no JSON list of objects, but {\"a\": 1} \(.*is named \.jsonl\)",
        ),
        ("d.json", '{"a": 1}\n{"a": 2}', "is no JSON: Extra data"),
        ("d.json", '[{"a": 1}, "x"]', r"^row 2 of '.*' is no JSON object, but \"x\""),
        (
            "d.csv",
            'a,b\n"1\n2",3\n4,5,6\n',
            r"^line 4 of '.*' has 3 cells, but the header names 2 columns",
        ),
        ("d.csv", 'a,b\n1,2\n3,"4\n', r"^line 3 of '.*' cannot be read: unexpected end of data"),
        ("d.csv", "a,b,a\n1,2,3\n", "the columns of '.*' must differ, but 'a' is there 2 times"),
        (
            "d.csv",
            b"text,label\nna\xefve,1\n",
            r"is not UTF-8: byte 0xef at position 13; save it as UTF-8",
        ),
        ("d.parquet", "no parquet at all", "is no parquet: "),
        ("d.xlsx", "", r"is none of \.jsonl, \.ndjson, \.json, \.csv, \.tsv, \.parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_place(
    name: str, content: str | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        load_data(write(tmp_path / name, content), target="")


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"there is no data file 'nope\.csv' \(.*hf:org/name:split\)"
    ):
        load_data("nope.csv")
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(DataError, match="is none of"):
        load_data(tmp_path / "d.csv")


def test_a_file_without_permission_is_refused() -> None:
    with as_nobody() as folder:
        path = jsonl(folder)
        assert len(load_data(path).examples) > 1
        path.chmod(0)
        with pytest.raises(DataError, match="cannot be read: Permission denied"):
            load_data(path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (5, "but got int"),
        (b"text", "but got bytes"),
        ({"train": ROWS}, r"got a single mapping of \['train'\]: pass one part of it"),
        ([{"a": 1}, 2], "row 2 of the data is no dict, but int"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), r"must differ, but got \['a', 'a'\]"),
    ],
)
def test_an_object_that_is_no_table_is_refused(source: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_data(source)


@pytest.mark.parametrize(("rows", "count"), [([], "no row"), (ROWS[:1], "one row")])
def test_no_row_or_one_row_is_too_few(rows: Any, count: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"holds {count}, but at least 2 are needed"):
        load_data(rows)
    path = write(
        tmp_path / "d.csv", "text,label\n" + "".join(f"{r['text']},{r['label']}\n" for r in rows)
    )
    with pytest.raises(DataError, match=f"'d' holds {count}"):
        load_data(path)


def test_an_empty_file_has_no_row(tmp_path: Path) -> None:
    for name in ("d.csv", "d.jsonl"):
        with pytest.raises(DataError, match="holds no row"):
            load_data(write(tmp_path / name, ""))


# --- columns


@pytest.mark.parametrize(
    ("columns", "options", "inputs", "target"),
    [
        (["text", "label"], {}, ("text",), "label"),
        (["id", "question", "Answer", "topic"], {}, ("question", "topic"), "Answer"),
        (["id", "question", "sentiment"], {"fields": {"question"}}, ("question",), "sentiment"),
        (["question", "sentiment"], {"inputs": ["question"]}, ("question",), "sentiment"),
        (["a", "b", "c", "label"], {"fields": {"c", "a"}}, ("a", "c"), "label"),
        (
            ["a", "b", "c", "label"],
            {"inputs": ["c", "a", "c"], "fields": {"a"}},
            ("c", "a"),
            "label",
        ),
        (["a", "b", "c", "label"], {"inputs": "b"}, ("b",), "label"),
        (["a", "answer", "label"], {"fields": {"a", "answer"}}, ("a", "answer"), "label"),
        (["a", "answer", "label"], {"target": "answer"}, ("a", "label"), "answer"),
        (["a", "label"], {"target": ""}, ("a", "label"), None),
        (["a", "gold"], {"target": "gold"}, ("a",), "gold"),
        (["", "a", "label"], {}, ("a",), "label"),
    ],
)
def test_inputs_and_target_are_found(
    columns: list[str], options: Any, inputs: Any, target: Any
) -> None:
    data = load_data([dict.fromkeys(columns, "x"), dict.fromkeys(columns, "y")], **options)
    assert (data.inputs, data.target) == (inputs, target)
    assert set(data.columns) == set(columns)
    first = data.examples[0]
    assert first.target == ("x" if target else None)
    assert set(first.metadata) == set(columns) - set(inputs) - {target}


@pytest.mark.parametrize(
    ("columns", "options", "error", "message"),
    [
        (
            ["a", "b"],
            {},
            DataError,
            r"target column of 'data' is not obvious among \['a', 'b'\]: name it with --target",
        ),
        (["a", "b", "c"], {"fields": {"a"}}, DataError, r"not obvious among \['b', 'c'\]"),
        (["a", "label", "answer"], {}, DataError, r"not obvious among \['a', 'label', 'answer'\]"),
        (
            ["a", "label"],
            {"fields": {"a", "label"}},
            DataError,
            r"not obvious among \['a', 'label'\].*--target ''",
        ),
        (
            ["a", "b"],
            {"target": "label"},
            DataError,
            r"target column 'label' is not in 'data', which has \['a', 'b'\]",
        ),
        (
            ["a", "b"],
            {"inputs": ["text"], "target": "b"},
            DataError,
            r"input column 'text' is not in .* \['a', 'b'\]",
        ),
        (
            ["a", "b"],
            {"inputs": ["a", "b"], "target": "b"},
            DataError,
            "'b' cannot be both an input and the target",
        ),
        (["label"], {"target": "label"}, DataError, "no column of 'data' is left as an input"),
        (["!!", "label"], {}, DataError, "a template cannot name the column '!!'.*rename it"),
        (
            ["a", "label"],
            {"fields": {"txt"}, "target": "label"},
            SpaceError,
            r"names {txt}, but 'data' has .*'a', 'label'",
        ),
        (
            ["a", "label"],
            {"fields": {"a", "label"}, "target": "label"},
            SpaceError,
            "names {label}, the target column",
        ),
        (
            ["a", "b", "label"],
            {"fields": {"a", "b"}, "inputs": ["a"]},
            SpaceError,
            r"names {b}, which is not among the inputs \['a'\]: add --input b",
        ),
    ],
)
def test_columns_that_cannot_be_are_refused(
    columns: list[str], options: Any, error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        load_data([dict.fromkeys(columns, "x"), dict.fromkeys(columns, "y")], **options)


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA, pd.NaT, ...])
@pytest.mark.parametrize("column", ["text", "label"])
def test_a_missing_cell_names_its_row_and_column(missing: Any, column: str) -> None:
    rows = numbered(3)
    if missing is ...:
        del rows[1][column]
    else:
        rows[1][column] = missing
    with pytest.raises(
        DataError, match=f"^row 2 of 'data' has nothing in the column '{column}': fill it in"
    ):
        load_data(rows)


def test_an_empty_cell_of_a_csv_is_missing_and_named_by_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", 'text,label,note\n"a\nb",1,\n,2,x\n')
    with pytest.raises(DataError, match=r"^line 4 of 'd' has nothing in the column 'text'"):
        load_data(path, fields={"text"})
    data = load_data(write(path, 'text,label,note\n"a\nb",1,\nc,2,x\n'), fields={"text"})
    assert [e.metadata for e in data.examples] == [{"note": None}, {"note": "x"}]


def test_an_empty_text_in_json_is_a_text() -> None:
    assert load_data([{"text": "", "label": 1}, {"text": "b", "label": 2}]).examples[0].inputs == {
        "text": ""
    }


def test_a_missing_target_is_no_matter_where_none_is_wanted() -> None:
    data = load_data(
        [{"text": "a", "label": None}, {"text": "b", "label": 1}], fields={"text"}, target=""
    )
    assert [(e.target, e.metadata) for e in data.examples] == [
        (None, {"label": None}),
        (None, {"label": 1}),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (3, "3"),
        (3.0, "3"),
        (1e22, "1" + "0" * 22),
        (0.25, "0.25"),
        (True, "true"),
        (np.int64(3), "3"),
        (np.float64(2.0), "2"),
        (np.bool_(True), "true"),
        (["ö", 1, None], '["ö", 1, null]'),
        ((1, float("nan")), "[1, null]"),
        (np.array([1, 2]), "[1, 2]"),
        ({"a": {"b": [1.5]}}, '{"a": {"b": [1.5]}}'),
        ({"day": datetime.date(2026, 11, 1)}, '{"day": "2026-11-01"}'),
        (pd.Timestamp("2026-11-01"), "2026-11-01T00:00:00"),
        (decimal.Decimal("1.10"), "1.10"),
        (None, "null"),
    ],
)
def test_cells_become_text(value: Any, text: str) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize("value", [b"x", bytearray(b"x"), object()])
def test_what_has_no_text_is_refused_as_an_input_and_kept_elsewhere(value: Any) -> None:
    rows = [{"text": "a", "label": 1, "image": value}, {"text": "b", "label": 2, "image": value}]
    with pytest.raises(
        DataError, match=r"^row 1 of 'data', column 'image': text is wanted, but got"
    ):
        load_data(rows)
    data = load_data(rows, fields={"text"})
    assert data.examples[0].metadata["image"] is value
    assert data.fingerprint == load_data(rows, fields={"text"}).fingerprint


def test_half_a_character_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", '{"text":"a","label":1}\n{"text":"cut \\ud83d","label":2}\n')
    with pytest.raises(
        DataError,
        match=r"^line 2 of 'd' has half a character .* in the column 'text', at position 4",
    ):
        load_data(path)


def test_a_whole_number_stays_one_where_a_frame_made_it_a_float() -> None:
    table = pd.DataFrame({"number": [1, 2], "label": ["a", "b"], "rare": [7, None]})
    data = load_data(table, fields={"number"})
    assert data.examples[0].inputs == {"number": "1"}
    assert [e.metadata["rare"] for e in data.examples] == [7, None]


def test_target_and_metadata_are_python_values() -> None:
    table = pd.DataFrame(
        {"text": ["a", "b"], "label": np.array([1, 2], dtype="int32"), "score": [0.5, np.nan]}
    )
    data = load_data(table, fields={"text"})
    assert [type(e.target) for e in data.examples] == [int, int]
    assert [e.metadata["score"] for e in data.examples] == [0.5, None]


@pytest.mark.parametrize(
    ("given_ids", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        ([7, 8], ["7", "8"]),
        (["a", "a"], ["1", "2"]),
        (["a", None], ["1", "2"]),
        (["a", ""], ["1", "2"]),
        ([1, "1"], ["1", "2"]),
        ([["x"], ["y"]], ["1", "2"]),
    ],
)
def test_ids_are_taken_where_they_name_every_row_once(
    given_ids: list[Any], expected: list[str]
) -> None:
    data = load_data([{"id": i, "text": f"{n}", "label": n} for n, i in enumerate(given_ids)])
    assert ids(data.examples) == expected
    assert data.inputs == ("text",)


def test_the_fingerprint_changes_with_any_cell_id_order_or_target_only() -> None:
    rows = [{"id": i, "text": f"t{i}", "label": i % 2, "extra": i} for i in range(4)]
    base = load_data(rows, fields={"text"}).fingerprint
    assert len(base) == 12
    assert int(base, 16) >= 0
    assert (
        base
        == load_data([dict(reversed(row.items())) for row in rows], inputs=["extra"]).fingerprint
    )
    others = [
        rows[::-1],
        rows[:3],
        [{**rows[0], "extra": 9}, *rows[1:]],
        [{**rows[0], "id": 9}, *rows[1:]],
        [{**rows[0], "text": "t0 "}, *rows[1:]],
    ]
    prints = [load_data(other, fields={"text"}).fingerprint for other in others]
    assert len({base, load_data(rows, target="extra").fingerprint, *prints}) == len(others) + 2


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    code = f"from tune.task.load import load_data; print(load_data({ROWS!r}).fingerprint)"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == load_data(ROWS).fingerprint


def test_a_column_is_had_by_name() -> None:
    data = load_data([{"a": 1, "label": "x", "m": 3}, {"a": 2, "label": "y", "m": 4}], fields={"a"})
    assert (data.cells("a"), data.cells("label"), data.cells("m")) == (
        ["1", "2"],
        ["x", "y"],
        [3, 4],
    )
    with pytest.raises(
        DataError, match=r"column 'z' is not in 'data', which has \['a', 'label', 'm'\]"
    ):
        data.cells("z")


# --- the split


def everything(parts: Split) -> list[str]:
    return ids(parts.shots) + ids(parts.tuning) + ids(parts.holdout)


def test_shots_tuning_and_holdout_are_the_whole_in_the_shares_asked_for() -> None:
    data = load_data(numbered(110))
    parts = split(data, holdout=0.4, shots=10, seed=3)
    assert (len(parts.shots), len(parts.tuning), len(parts.holdout)) == (10, 60, 40)
    assert sorted(everything(parts)) == sorted(ids(data.examples))


def test_a_split_depends_on_its_seed_and_on_nothing_else() -> None:
    data = load_data(numbered(50))
    assert split(data, holdout=0.3, shots=3, seed=1) == split(data, holdout=0.3, shots=3, seed=1)
    assert everything(split(data, holdout=0.3, shots=3, seed=1)) != everything(
        split(data, holdout=0.3, shots=3, seed=2)
    )
    backwards = load_data(numbered(50)[::-1])
    first, second = (split(d, holdout=0.3, shots=3, seed=1) for d in (data, backwards))
    assert [e.inputs for e in first.tuning] == [e.inputs for e in second.tuning]


def test_a_split_is_what_it_was_when_this_was_written() -> None:
    parts = split(load_data(numbered(12)), holdout=0.4, shots=2, seed=0)
    assert (ids(parts.shots), ids(parts.tuning), ids(parts.holdout)) == (
        ["2", "1"],
        ["12", "4", "5", "10", "6", "9"],
        ["7", "11", "3", "8"],
    )


def test_a_row_added_at_the_end_leaves_the_others_where_they_are() -> None:
    rows = numbered(60)
    before = split(load_data(rows[:59]), holdout=0.4, shots=4, seed=5)
    after = split(load_data(rows), holdout=0.4, shots=4, seed=5)
    for old, new in (
        (before.shots, after.shots),
        (before.tuning, after.tuning),
        (before.holdout, after.holdout),
    ):
        stayed = set(ids(old)) & set(ids(new))
        assert len(stayed) >= len(old) - 1
        assert [i for i in ids(old) if i in stayed] == [i for i in ids(new) if i in stayed]


def test_any_prefix_is_a_random_subset_of_labels() -> None:
    data = load_data(
        [{"text": f"t{i}", "label": "early" if i < 500 else "late"} for i in range(1000)]
    )
    tuning = split(data, holdout=0, shots=0, seed=0).tuning
    early = sum(e.target == "early" for e in tuning[:100])
    assert 35 <= early <= 65
    assert len(tuning) == 1000


@pytest.mark.parametrize("shots", [1, 2, 3, 4, 5, 6, 9])
def test_the_first_shots_are_balanced_over_the_labels_however_many_are_used(shots: int) -> None:
    rows = [
        {"text": f"t{i}", "label": "rare" if i % 10 == 0 else "mid" if i % 3 == 0 else "common"}
        for i in range(90)
    ]
    picked = split(load_data(rows), holdout=0.2, shots=shots, seed=1).shots
    for k in range(1, shots + 1):
        counts = Counter(e.target for e in picked[:k])
        assert max(counts.values()) - min(counts[label] for label in ("rare", "mid", "common")) <= 1


def test_shots_go_on_where_a_label_is_used_up() -> None:
    rows = [{"text": f"t{i}", "label": "rare" if i == 0 else "common"} for i in range(10)]
    picked = split(load_data(rows), holdout=0.2, shots=5, seed=1).shots
    assert Counter(e.target for e in picked) == {"rare": 1, "common": 4}


def test_shots_of_free_text_targets_are_the_first_in_order() -> None:
    data = load_data([{"text": f"t{i}", "label": f"answer {i}"} for i in range(30)])
    order = split(data, holdout=0, shots=0, seed=2).tuning
    assert split(data, holdout=0, shots=4, seed=2).shots == order[:4]


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    count = draw(st.integers(2, 40))
    text = st.integers(0, 12).map(lambda i: f"t{i}")
    group = st.one_of(st.none(), st.integers(0, 8))
    return [
        {
            "text": draw(text),
            "label": draw(st.sampled_from("ab")),
            "group": draw(group),
            "side": "x",
        }
        for _ in range(count)
    ]


@settings(max_examples=150, deadline=None)
@given(
    tables(),
    st.floats(0, 0.9),
    st.integers(0, 4),
    st.integers(0, 5),
    st.sampled_from([None, "group"]),
)
def test_no_input_and_no_group_is_on_two_sides(
    rows: list[dict[str, Any]], holdout: float, shots: int, seed: int, group: str | None
) -> None:
    data = load_data(rows, inputs=["text"], target="label")
    try:
        parts = split(data, holdout=holdout, shots=shots, seed=seed, group=group)
    except DataError:
        # Only where so few units are there that the shots, the holdout and one to tune on cannot be
        # told apart.
        assert len({e.inputs["text"] for e in data.examples}) < shots + 2 or group
        return
    assert len(parts.shots) == shots
    assert len({e.inputs["text"] for e in parts.shots}) == shots
    assert parts.tuning
    assert bool(parts.holdout) == (holdout > 0)
    found = everything(parts)
    assert len(found) == len(set(found))
    sides = [set(ids(part)) for part in (parts.shots, parts.tuning, parts.holdout)]
    for one in data.examples:
        for other in data.examples:
            same_group = (
                group
                and one.metadata["group"] is not None
                and one.metadata["group"] == other.metadata["group"]
            )
            if one.inputs == other.inputs or same_group:
                both = [n for n, side in enumerate(sides) if {one.id, other.id} & side]
                assert len(both) <= 1
                assert parts.cluster(one) == parts.cluster(other)


def test_units_are_the_groups_and_the_copies_and_each_other_example_alone() -> None:
    rows = [
        {"text": f"t{i % 10}", "label": "x", "patient": None if i < 12 else i // 4}
        for i in range(20)
    ]
    data = load_data(rows, fields={"text"}, target="label")
    apart, together = (
        split(data, holdout=0.4, shots=0, seed=1, group=g) for g in (None, "patient")
    )
    assert apart.count_clusters(data.examples) == 10
    assert (
        together.count_clusters(data.examples) == 4
    )  # two groups of four, with their copies, and t0 and t1
    assert [count_clusters(data, group) for group in (None, "patient")] == [10, 4]
    alone = load_data(numbered(10))
    parts = split(alone, holdout=0.4, shots=2, seed=1)
    assert parts.count_clusters(alone.examples) == count_clusters(alone) == 10
    assert parts.count_clusters(()) == 0


def test_without_repeats_the_share_is_exact_and_no_example_is_lost() -> None:
    for count in range(2, 30):
        for share in (0.1, 0.4, 0.5, 0.9):
            parts = split(load_data(numbered(count)), holdout=share, shots=0, seed=count)
            assert len(parts.holdout) == min(max(1, round(share * count)), count - 1)
            assert len(parts.tuning) + len(parts.holdout) == count


def test_a_group_that_is_too_large_for_the_holdout_is_tuned_on() -> None:
    rows = [
        {"text": f"t{i}", "label": "x", "patient": "big" if i < 80 else f"p{i}"} for i in range(100)
    ]
    for seed in range(5):
        parts = split(
            load_data(rows, fields={"text"}, target="label"),
            holdout=0.1,
            shots=0,
            seed=seed,
            group="patient",
        )
        assert len(parts.holdout) == 10
        assert all(e.metadata["patient"] != "big" for e in parts.holdout)


def test_shots_come_from_few_groups_since_their_groups_are_not_scored() -> None:
    rows = [{"text": f"t{i}", "label": f"{i % 2}", "patient": i // 10} for i in range(100)]
    data = load_data(rows, fields={"text"}, target="label")
    parts = split(data, holdout=0.3, shots=6, seed=0, group="patient")
    assert len({e.metadata["patient"] for e in parts.shots}) == 1
    assert len(parts.tuning) + len(parts.holdout) == 90


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (10, {"holdout": -0.1}, r"`0 <= holdout <= 0.9` must hold, but got holdout=-0.1"),
        (10, {"holdout": 0.95}, "but got holdout=0.95"),
        (10, {"holdout": float("nan")}, "but got holdout=nan"),
        (10, {"shots": -1}, "`shots >= 0` must hold, but got shots=-1"),
        (
            4,
            {"shots": 4},
            "of the 4 examples of 'data' none is left to tune on, with 4 shots and 0 held back",
        ),
        (4, {"shots": 3, "holdout": 0.3}, "none is left to tune on, with 3 shots and 1 held back"),
        (4, {"shots": 5}, "5 shots are needed, but 'data' has 4 different inputs for them"),
        (4, {"group": "g", "holdout": 0.3}, "none is left to tune on.*equal 'g' stay together"),
        (
            4,
            {"group": "doctor"},
            r"the column 'doctor' is not in 'data', which has \['text', 'label', 'g'\]",
        ),
        (4, {"column": "doctor"}, "the column 'doctor' is not in 'data'"),
        (
            4,
            {"column": "g"},
            r"example '1' has 'same' in 'g', which is none of \['shots', 'train', .*\]",
        ),
    ],
)
def test_a_split_that_cannot_be_is_refused(
    count: int, options: dict[str, Any], message: str
) -> None:
    data = load_data(numbered(count, g="same"), fields={"text"}, target="label")
    with pytest.raises(DataError, match=message):
        split(data, **{"holdout": 0.0, "shots": 0, "seed": 0} | options)


def with_sides(sides: list[str], same: bool = False) -> Data:
    rows = [
        {"text": "t" if same else f"t{i}", "label": i % 2, "side": side}
        for i, side in enumerate(sides)
    ]
    return load_data(rows, fields={"text"}, target="label")


def test_a_users_own_split_is_kept() -> None:
    data = with_sides(["train", "Test", "tuning ", "holdout", "train", "train"])
    parts = split(data, holdout=0.4, shots=1, seed=0, column="side")
    assert sorted(ids(parts.holdout)) == ["2", "4"]
    assert sorted(ids(parts.tuning) + ids(parts.shots)) == ["1", "3", "5", "6"]
    assert len(parts.shots) == 1


def test_shots_come_from_the_rows_that_are_set_aside_for_them() -> None:
    data = with_sides(["shots", "shots", "shots", "train", "test"])
    parts = split(data, holdout=0.4, shots=2, seed=0, column="side")
    assert set(ids(parts.shots)) < {"1", "2", "3"}
    assert (ids(parts.tuning), ids(parts.holdout)) == (["4"], ["5"])
    with pytest.raises(DataError, match="4 shots are needed, but 'data' has 3 different inputs"):
        split(data, holdout=0.4, shots=4, seed=0, column="side")


def test_a_users_own_split_that_parts_identical_inputs_is_refused() -> None:
    with pytest.raises(
        DataError,
        match=r"'side' parts examples '1' \(train\) and '2' \(test\), which belong together",
    ):
        split(with_sides(["train", "test"], same=True), holdout=0.4, shots=0, seed=0, column="side")


# --- whatever is given, the answer is a data set or a sentence

cells = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=4),
        st.binary(max_size=2),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=3,
)
tables_of_anything = st.lists(
    st.dictionaries(st.sampled_from(["id", "text", "label", "", "a b"]), cells), max_size=4
)


@settings(deadline=None, max_examples=300)
@given(tables_of_anything)
def test_any_rows_are_data_or_are_refused_in_a_sentence(rows: list[dict[str, Any]]) -> None:
    try:
        data = load_data(rows)
        parts = split(data, holdout=0.4, shots=1, seed=0)
    except DataError:
        return
    assert len(set(ids(data.examples))) == len(rows)
    assert len(everything(parts)) <= len(rows)
    assert all(isinstance(text, str) for e in data.examples for text in e.inputs.values())


@settings(deadline=None)
@given(st.sampled_from(["jsonl", "json", "csv", "tsv", "parquet"]), st.binary(max_size=60))
def test_any_file_is_data_or_is_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes
) -> None:
    path = write(tmp_path_factory.getbasetemp() / f"anything.{suffix}", content)
    with contextlib.suppress(DataError):
        load_data(path)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9),
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9).map(
                lambda text: f"a{text}"
            ),
        ),
        min_size=2,
        max_size=5,
    )
)
def test_what_is_written_as_csv_or_json_lines_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    lines = "".join(
        json.dumps({"text": a, "label": b}, ensure_ascii=False) + "\n" for a, b in pairs
    )
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *pairs])
    for path in (write(folder / "d.jsonl", lines), write(folder / "d.csv", written.getvalue())):
        assert [(e.inputs["text"], e.target) for e in load_data(path).examples] == pairs
