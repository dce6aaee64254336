"""Data: every source gives the same examples, every fault one sentence, and the split is fair and
steady."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.errors import DataError, SpaceError
from tune.task.example import Example
from tune.task.load import load_data
from tune.task.split import Split, split

ROWS = [
    {"text": "good film", "label": "pos"},
    {"text": "bad, film", "label": "neg"},
    {"text": "ö\n“x”", "label": "pos"},
]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def numbered(count: int, labels: int = 2, **others: Any) -> list[dict[str, Any]]:
    return [
        {"text": f"text {i}", "label": f"label {i % labels}", **others}
        for i in range(count)
    ]


def ids(examples: tuple[Example, ...]) -> list[str]:
    return [e.id for e in examples]


@pytest.mark.parametrize(
    ("columns", "options", "inputs", "target"),
    [
        (["text", "label"], {}, ("text",), "label"),
        (["id", "question", "Answer", "topic"], {}, ("question", "topic"), "Answer"),
        (
            ["id", "question", "sentiment"],
            {"fields": {"question"}},
            ("question",),
            "sentiment",
        ),
        (
            ["question", "sentiment"],
            {"inputs": ["question"]},
            ("question",),
            "sentiment",
        ),
        (["a", "b", "c", "label"], {"fields": {"c", "a"}}, ("a", "c"), "label"),
        (
            ["a", "b", "c", "label"],
            {"inputs": ["c", "a", "c"], "fields": {"a"}},
            ("c", "a"),
            "label",
        ),
        (["a", "b", "c", "label"], {"inputs": "b"}, ("b",), "label"),
        (
            ["a", "answer", "label"],
            {"fields": {"a", "answer"}},
            ("a", "answer"),
            "label",
        ),
        (["a", "answer", "label"], {"target": "answer"}, ("a", "label"), "answer"),
        (["a", "label"], {"target": ""}, ("a", "label"), None),
        (["a", "gold"], {"target": "gold"}, ("a",), "gold"),
        (["", "a", "label"], {}, ("a",), "label"),
    ],
)
def test_inputs_and_target_are_found(
    columns: list[str], options: Any, inputs: Any, target: Any
) -> None:
    data = load_data(
        [dict.fromkeys(columns, "x"), dict.fromkeys(columns, "y")], **options
    )
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
        (
            ["a", "b", "c"],
            {"fields": {"a"}},
            DataError,
            r"not obvious among \['b', 'c'\]",
        ),
        (
            ["a", "label", "answer"],
            {},
            DataError,
            r"not obvious among \['a', 'label', 'answer'\]",
        ),
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
        (
            ["label"],
            {"target": "label"},
            DataError,
            "no column of 'data' is left as an input",
        ),
        (
            ["!!", "label"],
            {},
            DataError,
            "a template cannot name the column '!!'.*rename it",
        ),
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
        DataError,
        match=f"^row 2 of 'data' has nothing in the column '{column}': fill it in",
    ):
        load_data(rows)


def test_missing_cells_are_counted_so_that_all_can_be_filled_in_at_once() -> None:
    rows = numbered(9)
    for position in (1, 4, 6):
        rows[position]["label"] = None
    with pytest.raises(
        DataError,
        match=r"^row 2 of 'data' \(and 2 more, as row 5\) has nothing in the column 'label'",
    ):
        load_data(rows)


@pytest.mark.parametrize(
    "given", [{"target": "lable"}, {"inputs": ["txt"]}, {"fields": {"txet"}}]
)
def test_a_misspelt_column_is_asked_about(given: dict[str, Any]) -> None:
    with pytest.raises((DataError, SpaceError), match=r"is '(label|text)' meant[?]$"):
        load_data(numbered(3), **given)


def test_an_empty_cell_of_a_csv_is_missing_and_named_by_its_line(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "d.csv", 'text,label,note\n"a\nb",1,\n,2,x\n')
    with pytest.raises(
        DataError, match=r"^line 4 of 'd' has nothing in the column 'text'"
    ):
        load_data(path, fields={"text"})
    data = load_data(
        write(path, 'text,label,note\n"a\nb",1,\nc,2,x\n'), fields={"text"}
    )
    assert [e.metadata for e in data.examples] == [{"note": None}, {"note": "x"}]


def test_an_empty_text_in_json_is_a_text() -> None:
    assert load_data([{"text": "", "label": 1}, {"text": "b", "label": 2}]).examples[
        0
    ].inputs == {"text": ""}


def test_a_missing_target_is_no_matter_where_none_is_wanted() -> None:
    data = load_data(
        [{"text": "a", "label": None}, {"text": "b", "label": 1}],
        fields={"text"},
        target="",
    )
    assert [(e.target, e.metadata) for e in data.examples] == [
        (None, {"label": None}),
        (None, {"label": 1}),
    ]


@pytest.mark.parametrize("value", [b"x", bytearray(b"x"), object()])
def test_what_has_no_text_is_refused_as_an_input_and_kept_elsewhere(value: Any) -> None:
    rows = [
        {"text": "a", "label": 1, "image": value},
        {"text": "b", "label": 2, "image": value},
    ]
    with pytest.raises(
        DataError, match=r"^row 1 of 'data', column 'image': text is wanted, but got"
    ):
        load_data(rows)
    data = load_data(rows, fields={"text"})
    assert data.examples[0].metadata["image"] is value
    assert data.fingerprint == load_data(rows, fields={"text"}).fingerprint


def test_half_a_character_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    path = write(
        tmp_path / "d.jsonl",
        '{"text":"a","label":1}\n{"text":"cut \\ud83d","label":2}\n',
    )
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
        {
            "text": ["a", "b"],
            "label": np.array([1, 2], dtype="int32"),
            "score": [0.5, np.nan],
        }
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
    data = load_data(
        [{"id": i, "text": f"{n}", "label": n} for n, i in enumerate(given_ids)]
    )
    assert ids(data.examples) == expected
    assert data.inputs == ("text",)


def test_the_fingerprint_changes_with_any_cell_id_order_or_target_only() -> None:
    rows = [{"id": i, "text": f"t{i}", "label": i % 2, "extra": i} for i in range(4)]
    base = load_data(rows, fields={"text"}).fingerprint
    assert len(base) == 12
    assert int(base, 16) >= 0
    assert (
        base
        == load_data(
            [dict(reversed(row.items())) for row in rows], inputs=["extra"]
        ).fingerprint
    )
    others = [
        rows[::-1],
        rows[:3],
        [{**rows[0], "extra": 9}, *rows[1:]],
        [{**rows[0], "id": 9}, *rows[1:]],
        [{**rows[0], "text": "t0 "}, *rows[1:]],
    ]
    prints = [load_data(other, fields={"text"}).fingerprint for other in others]
    assert (
        len({base, load_data(rows, target="extra").fingerprint, *prints})
        == len(others) + 2
    )


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    code = (
        f"from tune.task.load import load_data; print(load_data({ROWS!r}).fingerprint)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert done.stdout.strip() == load_data(ROWS).fingerprint


def everything(parts: Split) -> list[str]:
    return ids(parts.shots) + ids(parts.tuning) + ids(parts.holdout)


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
        st.lists(inner, max_size=2),
        st.dictionaries(st.text(max_size=2), inner, max_size=2),
    ),
    max_leaves=3,
)


tables_of_anything = st.lists(
    st.dictionaries(st.sampled_from(["id", "text", "label", "", "a b"]), cells),
    max_size=4,
)


@settings(max_examples=300)
@given(tables_of_anything)
def test_any_rows_are_data_or_are_refused_in_a_sentence(
    rows: list[dict[str, Any]],
) -> None:
    try:
        data = load_data(rows)
        parts = split(data, holdout=0.4, shots=1, seed=0)
    except DataError:
        return
    assert len(set(ids(data.examples))) == len(rows)
    assert len(everything(parts)) <= len(rows)
    assert all(
        isinstance(text, str) for e in data.examples for text in e.inputs.values()
    )
