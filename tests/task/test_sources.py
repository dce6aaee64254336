"""Sources of data: files, the hub, data frames and objects give the same examples."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.support.permissions import as_nobody
from tune.errors import DataError
from tune.task.load import load_data
from tune.task.table import sample_positions

ROWS = [
    {"text": "good film", "label": "pos"},
    {"text": "bad, film", "label": "neg"},
    {"text": "ö\n“x”", "label": "pos"},
]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def jsonl(path: Path) -> Any:
    return write(path / "d.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))


def json_list(path: Path) -> Any:
    return write(path / "d.json", json.dumps(ROWS, indent=1))


def comma(path: Path) -> Any:
    return write(
        path / "d.csv", 'text,label\ngood film,pos\n"bad, film",neg\n"ö\n“x”",pos\n'
    )


def tab(path: Path) -> Any:
    return str(
        write(
            path / "d.tsv",
            'text\tlabel\ngood film\tpos\nbad, film\tneg\n"ö\n“x”"\tpos\n',
        )
    )


def parquet(path: Path) -> Any:
    pd.DataFrame(ROWS).to_parquet(path / "d.parquet")
    return path / "d.parquet"


def frame(path: Path) -> Any:
    return pd.DataFrame(ROWS)


def dataset(path: Path) -> Any:
    import datasets

    return datasets.Dataset.from_list(ROWS)


# datasets before 5.1 leaves the CSV files open that it read.
leaves_files_open = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


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
    pytest.param(hub_folder, marks=leaves_files_open),
    lambda _: ROWS,
    lambda _: iter(ROWS),
]


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_examples_and_fingerprint(
    source: Any, tmp_path: Path
) -> None:
    data = load_data(source(tmp_path), fields={"text"})
    assert [(e.id, e.inputs, e.target, e.metadata) for e in data.examples] == [
        (str(number), {"text": row["text"]}, row["label"], {})
        for number, row in enumerate(ROWS, start=1)
    ]
    assert (data.inputs, data.target) == (("text",), "label")
    assert data.fingerprint == load_data(ROWS).fingerprint


LARGE = [
    lambda rows, path: write(
        path / "d.jsonl", "".join(json.dumps(row) + "\n" for row in rows)
    ),
    lambda rows, path: write(path / "d.json", json.dumps(rows)),
    lambda rows, path: pd.DataFrame(rows),
    lambda rows, path: rows,
    lambda rows, path: iter(rows),
]


def large_parquet(rows: Any, path: Path) -> Any:
    pd.DataFrame(rows).to_parquet(path / "d.parquet")
    return path / "d.parquet"


def large_csv(rows: Any, path: Path) -> Any:
    pd.DataFrame(rows).to_csv(path / "d.csv", index=False)
    return path / "d.csv"


def mapped(rows: Any, path: Path) -> Any:
    import datasets

    return datasets.load_dataset(
        "parquet", data_files=str(large_parquet(rows, path)), split="train"
    )


@pytest.mark.parametrize("source", [*LARGE, large_parquet, large_csv, mapped])
def test_every_large_source_gives_the_same_sample(
    source: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("table", "sources"):
        monkeypatch.setattr(f"tune.task.{module}.MOST_ROWS", 20, raising=False)
    rows = [{"text": f"t{i}", "label": "ab"[i % 2]} for i in range(300)]
    data = load_data(source(rows, tmp_path), fields={"text"}, seed=7)
    expected = sample_positions(300, 7).positions
    assert [example.id for example in data.examples] == [str(i + 1) for i in expected]
    assert [e.inputs["text"] for e in data.examples] == [f"t{i}" for i in expected]
    assert len(expected) == 20
    assert data.notes == (
        f"{data.name!r} has 300 rows. This study uses 20 of them, chosen by its seed.",
    )
    # The sample alone would not tell this data set from a larger one.
    small = load_data([rows[i] for i in expected], fields={"text"})
    assert data.fingerprint != small.fingerprint


@leaves_files_open
def test_a_data_set_is_named_after_its_file_or_the_hub(tmp_path: Path) -> None:
    assert load_data(jsonl(tmp_path)).name == "d"
    assert load_data(ROWS).name == "data"
    assert load_data(hub_folder(tmp_path)).name == "films"


@leaves_files_open
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
        raise datasets.exceptions.DatasetNotFoundError(
            "no such data set\nand much more"
        )

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(
        DataError,
        match=r"^the data set 'hf:org/name:train' cannot be loaded: no such data set$",
    ):
        load_data("hf:org/name:train")


def test_class_labels_are_given_by_name() -> None:
    import datasets

    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["neg", "pos"]),
        }
    )
    data = load_data(
        datasets.Dataset.from_dict(
            {"text": ["a", "b"], "label": [1, 0]}, features=features
        )
    )
    assert [e.target for e in data.examples] == ["pos", "neg"]
    unlabelled = datasets.Dataset.from_dict(
        {"text": ["a", "b"], "label": [1, -1]}, features=features
    )
    with pytest.raises(
        DataError, match="row 2 of 'data' has nothing in the column 'label'"
    ):
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
    with pytest.raises(
        DataError, match=rf'needs {module}: run `pip install "\.\[data\]"` in a copy of'
    ):
        load_data(source)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"there is no data file 'nope\.csv' \(.*hf:org/name:split\)"
    ):
        load_data("nope.csv")
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(DataError, match=r"d\.csv' is a folder: name a file in it"):
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
        ([{"a": 1}, 2], "row 2 of the data is not a dict, but int"),
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            r"must differ, but got \['a', 'a'\]",
        ),
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
        tmp_path / "d.csv",
        "text,label\n" + "".join(f"{r['text']},{r['label']}\n" for r in rows),
    )
    with pytest.raises(DataError, match=f"'d' holds {count}"):
        load_data(path)


def test_an_empty_file_has_no_row(tmp_path: Path) -> None:
    for name in ("d.csv", "d.jsonl"):
        with pytest.raises(DataError, match="holds no row"):
            load_data(write(tmp_path / name, ""))
