"""Text files: what is written is read, and a bad line is named by its place."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.errors import DataError
from tune.task.load import load_data


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_byte_order_mark_and_carriage_returns_are_no_part_of_the_data(
    tmp_path: Path,
) -> None:
    for name, content in (
        ("d.csv", "\ufefftext,label\r\na,x\r\n\r\nb,y\r\n"),
        (
            "d.jsonl",
            '\ufeff{"text":"a","label":"x"}\r\n\r\n{"text":"b","label":"y"}\r\n',
        ),
    ):
        data = load_data(write(tmp_path / name, content))
        assert [(e.inputs["text"], e.target) for e in data.examples] == [
            ("a", "x"),
            ("b", "y"),
        ]


ROWS = [("caf\u00e9", "x"), ("\u6771\u4eac", "y"), ("a\nb", "x")]


def texts(rows: list[tuple[str, str]]) -> dict[str, str]:
    """Return the same rows in every form of text file, by the ending of its name."""
    records = [{"text": text, "label": label} for text, label in rows]
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    return {
        "csv": "text,label\n" + "".join(f'"{a}",{b}\n' for a, b in rows),
        "tsv": "text\tlabel\n" + "".join(f'"{a}"\t{b}\n' for a, b in rows),
        "json": json.dumps(records, ensure_ascii=False, indent=1),
        "jsonl": "\n".join(lines),
    }


@pytest.mark.parametrize("suffix", ["csv", "tsv", "json", "jsonl"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
def test_every_encoding_of_unicode_is_read_in_every_form(
    suffix: str, mark: bytes, encoding: str, tmp_path: Path
) -> None:
    content = mark + texts(ROWS)[suffix].encode(encoding)
    data = load_data(write(tmp_path / f"d.{suffix}", content))
    assert [(e.inputs["text"], e.target) for e in data.examples] == ROWS


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl"])
def test_a_file_in_utf_16_that_breaks_off_is_refused_with_the_remedy(
    suffix: str, tmp_path: Path
) -> None:
    content = texts(ROWS)[suffix].encode("utf-16")[:-1]
    with pytest.raises(DataError, match=r"is not UTF-16-.E: .*; save it as UTF-8$"):
        load_data(write(tmp_path / f"d.{suffix}", content))


def test_unusual_line_separators_inside_json_strings_end_no_line(
    tmp_path: Path,
) -> None:
    data = load_data(
        write(
            tmp_path / "d.jsonl",
            '{"text":"a\u2028b","label":1}\n{"text":"c\x85d","label":2}\n',
        )
    )
    assert [e.inputs["text"] for e in data.examples] == ["a\u2028b", "c\x85d"]


def test_a_document_may_be_long(tmp_path: Path) -> None:
    data = load_data(write(tmp_path / "d.csv", f"text,label\n{'x' * 200_000},1\ny,2\n"))
    assert len(data.examples[0].inputs["text"]) == 200_000


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "d.jsonl",
            '{"a": 1}\n{"a": \n',
            r"^line 2 of '.*d\.jsonl' is not JSON: Expecting value at character 8$",
        ),
        (
            "d.jsonl",
            '[{"a": 1}]',
            r"^line 1 of '.*' is not a JSON object, but \[.*list of objects is named \.json\)",
        ),
        (
            "d.jsonl",
            '{"a": 1}\n\n[1, 2]\n',
            r"^line 3 of '.*' is not a JSON object, but \[1, 2\]",
        ),
        (
            "d.jsonl",
            "[" * 100_000,
            "line 1 of '.*' cannot be read: "
            "lists and objects stand within each other more than 64 times",
        ),
        (
            "d.json",
            '{"a": 1}',
            r"is not a JSON list of objects, but {\"a\": 1} \(.*is named \.jsonl\)",
        ),
        (
            "d.json",
            '{"a": 1}\n{"a": 2}',
            r"is not JSON: Extra data at line 2, column 1 \(.*is named \.jsonl\)",
        ),
        (
            "d.csv",
            "a,b\n1,2\n3\n",
            r"^line 3 of '.*' has 1 cell, but the header names 2 columns",
        ),
        (
            "d.json",
            '[{"a": 1}, "x"]',
            r"^row 2 of '.*' is not a JSON object, but \"x\"",
        ),
        (
            "d.csv",
            'a,b\n"1\n2",3\n4,5,6\n',
            r"^line 4 of '.*' has 3 cells, but the header names 2 columns",
        ),
        (
            "d.csv",
            'a,b\n1,2\n3,"4\n',
            r"^line 3 of '.*' cannot be read: a quote opens a cell there, and no quote closes it$",
        ),
        (
            "d.csv",
            'a,b\n1,"2\n3,4\n5,6\n',
            r"^line 2 of '.*' cannot be read: a quote opens a cell there",
        ),
        (
            "d.csv",
            "a,b,a\n1,2,3\n",
            "the columns of '.*' must differ, but 'a' is there 2 times",
        ),
        (
            "d.csv",
            b"text,label\nna\xefve,1\n",
            r"is not UTF-8: byte 0xef at position 13; save it as UTF-8",
        ),
        (
            "d.csv",
            b"\x00\x01\x02\xff\xfe\x00",
            r"is not UTF-8: byte 0xff at position 3; save it as UTF-8",
        ),
        (
            "d.jsonl",
            b"\x00\x01\x02\xff\xfe\x00",
            r"is not UTF-8: byte 0xff at position 3; save it as UTF-8",
        ),
        (
            "d.csv",
            b"\x00\x01\x02\x03\n",
            "is no text: a zero byte is in its first line",
        ),
        ("d.parquet", "no parquet at all", "is not a parquet file: "),
        (
            "d.xlsx",
            "",
            r"is none of \.jsonl, \.ndjson, \.json, \.csv, \.tsv, \.parquet",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_place(
    name: str, content: str | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        load_data(write(tmp_path / name, content), target="")


@given(
    st.sampled_from(["jsonl", "json", "csv", "tsv", "parquet"]), st.binary(max_size=60)
)
def test_any_file_is_data_or_is_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes
) -> None:
    path = write(tmp_path_factory.getbasetemp() / f"anything.{suffix}", content)
    with contextlib.suppress(DataError):
        load_data(path)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9),
            st.text(
                st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9
            ).map(lambda text: f"a{text}"),
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
    for path in (
        write(folder / "d.jsonl", lines),
        write(folder / "d.csv", written.getvalue()),
    ):
        assert [(e.inputs["text"], e.target) for e in load_data(path).examples] == pairs
