"""Data as users have it: what default prompts must not show, odd files and labels, and what is said
of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tune
from tune.commands.cli import main
from tune.errors import DataError, InputError
from tune.fakes.server import Server
from tune.plan.make import make_plan
from tune.plan.prompt_preview import sent_lines, sent_record
from tune.plan.read_options import read_options
from tune.task.columns import template_names
from tune.task.example import Data
from tune.task.load import load_data
from tune.task.metrics import parse_metric

LABELS = ["billing", "bug", "feature"]
PRICE = {"model": ["m"], "price": ["m=0.1/0.4"], "base_url": "http://127.0.0.1:9/v1"}


def rows(count: int = 30, **more: Any) -> list[dict[str, Any]]:
    """Labelled rows with further columns, each a function of the row's number."""
    return [
        {
            "text": f"ticket about {i * 7 % 30} things",
            **{k: make(i) for k, make in more.items()},
            "label": LABELS[i % 3],
        }
        for i in range(count)
    ]


def loaded(data: Any, **options: Any) -> Data:
    return load_data(data, **{"target": "label", **options})


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("label_id", lambda i: i % 3, "one-to-one with the target"),
        (
            "label_text",
            lambda i: ["Billing!", "Bug!", "Feature!"][i % 3],
            "one-to-one with the target",
        ),
        (
            "rationale",
            lambda i: f"Because of {i}, it is {LABELS[i % 3]}.",
            "ends with the target",
        ),
        ("idx", lambda i: i, "identifies rows"),
        ("number", lambda i: 100 + i, "identifies rows"),
        ("ticket_id", lambda i: f"T-{i * 31}", "identifies rows"),
        ("ref", lambda i: f"REF-{1000 + i * 7}", "identifies rows"),
        ("key", lambda i: f"{i:08x}-0000-4000-8000-{i:012x}", "identifies rows"),
        ("contact", lambda i: f"user{i % 9}@example.org", "e-mail addresses"),
    ],
)
def test_a_column_that_tells_or_identifies_is_left_out_and_comes_back(
    name: str, make: Any, reason: str
) -> None:
    data = rows(**{name: make})
    found = loaded(data)
    assert (found.inputs, found.excluded) == (("text",), (name,))
    (note,) = found.notes
    assert repr(name) in note
    assert reason in note
    assert f"--input text --input {name}" in note
    assert loaded(data, inputs=["text", name]).inputs == ("text", name)
    assert loaded(data, fields={"text", name}).inputs == ("text", name)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("subject", lambda i: f"about {LABELS[i % 2]} and more"),
        ("country", lambda i: ["de", "fr"][i * 7 % 5 % 2]),
        ("price", lambda i: 100 + i * i % 17),
        ("channel", lambda i: "mail"),
        ("question", lambda i: f"Write to user{i}@example.org: why?"),
        (
            "hard",
            lambda i: ["billing", "bug", "feature", "bug"][(i % 3) if i % 10 else 3],
        ),
    ],
)
def test_other_columns_stay(name: str, make: Any) -> None:
    found = loaded(rows(**{name: make}))
    assert set(found.inputs) == {"text", name}
    assert found.notes == ()


def test_free_targets_are_told_by_a_copy_and_not_by_being_all_different() -> None:
    data = [
        {"question": f"What is {i} and {i}?", "copy": f"{i * 2}", "answer": i * 2}
        for i in range(20)
    ]
    found = load_data(data, target="answer")
    assert (found.inputs, found.excluded) == (("question",), ("copy",))


def test_the_only_column_stays_whatever_it_is() -> None:
    data = [
        {"contact": f"user{i}@example.org", "label": "ab"[i % 2]} for i in range(20)
    ]
    assert loaded(data).inputs == ("contact",)


def test_a_cased_header_with_spaces_is_named_as_a_template_can(tmp_path: Path) -> None:
    lines = "".join(f"hello {i},{LABELS[i % 3]}\n" for i in range(12))
    (tmp_path / "d.csv").write_text(f" Customer Message ,Expected Label\n{lines}")
    found = load_data(tmp_path / "d.csv", target="Expected Label")
    assert (found.inputs, found.target) == (("Customer_Message",), "Expected Label")
    assert (
        found.examples[0].inputs["Customer_Message"]
        == found.examples[0]["Customer Message"]
        == "hello 0"
    )
    assert "{Customer_Message}" in found.notes[0]
    assert (
        load_data(
            tmp_path / "d.csv", target="Expected_Label", inputs=["Customer Message"]
        ).inputs
        == found.inputs
    )


@given(st.lists(st.text(max_size=6), max_size=8, unique=True))
def test_names_for_templates_are_names_and_all_different(columns: list[str]) -> None:
    found = template_names(columns)
    assert all(alias.isidentifier() for alias in found.values())
    assert len({*found.values(), *(set(columns) - set(found))}) == len(found) + len(
        set(columns) - set(found)
    )


@pytest.mark.parametrize("mark", [";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_marks_between_cells_and_other_encodings_are_read(
    tmp_path: Path, mark: str, encoding: str
) -> None:
    lines = [
        f"text{mark}label",
        *(f"caf\u00e9, {i}{mark}{LABELS[i % 3]}" for i in range(12)),
    ]
    (tmp_path / "d.csv").write_text("\n".join(lines), encoding=encoding)
    found = load_data(tmp_path / "d.csv")
    assert (found.inputs, found.target) == (("text",), "label")
    assert found.examples[3].inputs["text"] == "caf\u00e9, 3"


def test_commas_stay_what_stands_between_cells_where_they_part_rows_alike(
    tmp_path: Path,
) -> None:
    (tmp_path / "d.csv").write_text("a;b,label\n1;2,x\n3;4,y\n")
    assert load_data(tmp_path / "d.csv", target="label").inputs == ("a_b",)


def test_class_names_in_the_metadata_of_a_parquet_file_are_used(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    feature = {"names": LABELS, "_type": "ClassLabel"}
    features = {
        "label": feature,
        "tags": {"feature": feature, "_type": "List"},
        "text": {"_type": "Value"},
    }
    table = pa.table(
        {"text": ["a", "b", "c"], "label": [0, 2, 1], "tags": [[0], [1, 2], []]}
    )
    table = table.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    pq.write_table(table, tmp_path / "d.parquet")
    found = load_data(tmp_path / "d.parquet", target="label", inputs=["text"])
    assert [example.target for example in found.examples] == [
        "billing",
        "feature",
        "bug",
    ]
    assert [example["tags"] for example in found.examples] == [
        ["billing"],
        ["bug", "feature"],
        [],
    ]
    for odd in (
        b"no json",
        b"{}",
        b'{"info": {"features": {"label": {"_type": "ClassLabel"}}}}',
    ):
        pq.write_table(
            table.replace_schema_metadata({b"huggingface": odd}), tmp_path / "d.parquet"
        )
        assert load_data(tmp_path / "d.parquet", target="label").examples[1].target == 2


def test_an_empty_target_is_refused_with_its_row_and_what_to_do(tmp_path: Path) -> None:
    data = [{"text": str(i), "label": " " if i in (4, 7) else "a"} for i in range(12)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))
    with pytest.raises(
        DataError,
        match=r"line 5 of 'd' \(and 1 more, as line 8\) has an empty target.*leave the row out",
    ):
        loaded(tmp_path / "d.jsonl")


def test_targets_that_read_like_floats_are_whole_numbers(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(
        "text,label\n" + "".join(f"t{i},{i % 3}.0\n" for i in range(12))
    )
    found = loaded(tmp_path / "d.csv")
    assert [example.target for example in found.examples[:3]] == ["0", "1", "2"]
    assert "'0.0'" in found.notes[0]


def notes(data: Any, **options: Any) -> str:
    return " ".join(
        make_plan(
            read_options(
                data=data,
                space=options.pop("space", None),
                budget=1.0,
                **{"target": "label", **PRICE, **options},
            )
        ).notes
    )


def test_spellings_conflicts_and_numbers_are_told_with_rows_and_remedy() -> None:
    spelled = [
        {**row, "label": " BUG " if i == 4 else row["label"]}
        for i, row in enumerate(rows())
    ]
    assert "'bug' (row 2) and ' BUG ' (row 5)" in notes(spelled)
    again = [*rows(), {**rows()[0], "label": "bug"}]
    said = notes(again)
    assert "rows 1 and 31 want 'billing' and 'bug'" in said
    assert "more than 96.8% of the rows" in said
    assert "leave such rows out" in said
    numbers = [{**row, "label": LABELS.index(row["label"])} for row in rows()]
    assert "are numbers" in notes(numbers)
    assert notes(rows()) == ""


def multi(count: int = 30) -> list[dict[str, Any]]:
    return [
        {"text": f"ticket {i}", "label": [LABELS[i % 3], LABELS[(i + 1) % 3]]}
        for i in range(count)
    ]


def test_lists_of_labels_are_compared_as_sets() -> None:
    plan = make_plan(
        read_options(data=multi(), budget=1.0, **{"target": "label", **PRICE})
    )
    assert plan.metric.name == "same_set"
    example = plan.split.tuning[0]
    full = json.dumps(list(reversed(example.target)))
    assert plan.metric.score(plan.extract(f"I choose {full}."), example) == 1.0
    assert plan.metric.score(plan.extract(example.target[0]), example) == 0.0
    assert plan.metric.score(plan.extract(", ".join(LABELS)), example) == 0.0
    assert "lists of labels" in " ".join(plan.notes)
    assert "Several may" in str(plan.prompts["plain"].template)


def test_exact_match_on_lists_of_labels_is_refused_with_the_way_out() -> None:
    with pytest.raises(
        InputError,
        match=r"--metric same_set wants all of them, and --metric one_of any one",
    ):
        notes(multi(), metric="exact_match")
    assert "accepted answers" in notes(multi(), metric="one_of")


def test_lists_of_accepted_answers_are_so_still() -> None:
    data = [{"text": f"t{i}", "label": [f"name {i}", f"alias {i}"]} for i in range(30)]
    plan = make_plan(
        read_options(
            data=data,
            budget=1.0,
            **{"target": "label", "metric": "exact_match", **PRICE},
        )
    )
    assert (
        plan.metric.score("ALIAS 3", next(e for e in plan.examples if e.id == "4"))
        == 1.0
    )


@pytest.mark.parametrize(
    "answer", ["bug, billing", "Billing; BUG", '["billing", "bug"]', "billing\nbug."]
)
def test_a_set_is_read_however_it_is_written(answer: str) -> None:
    example = loaded(
        [{"text": str(i), "label": ["billing", "bug"]} for i in range(2)]
    ).examples[0]
    assert parse_metric("same_set").score(answer, example) == 1.0


def test_what_is_sent_is_shown_in_the_estimate_and_before_the_first_dollar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(
        "".join(json.dumps(row) + "\n" for row in rows(label_id=lambda i: i % 3))
    )
    flags = [
        "--data",
        str(path),
        "--target",
        "label",
        "--model",
        "m",
        "--price",
        "m=0.1/0.4",
        "--trials",
        "1",
    ]
    assert main(["estimate", *flags]) == 0
    out = capsys.readouterr().out
    assert "Columns in the prompts: text; not sent: label, label_id." in out
    assert "  | Which of these labels fits: " in out
    assert "The column 'label_id' of 'd' is left out" in out
    assert main(["estimate", *flags, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sent"]["columns"] == ["text"]
    with Server(models=["m"]) as server:
        more = [
            "--budget",
            "0.001",
            "--base-url",
            server.base_url,
            "--results",
            str(tmp_path / "out"),
        ]
        main([*flags, *more])
    shown = capsys.readouterr().err
    assert shown.index("Columns in the prompts: text") < shown.index("trial")
    assert "is left out of the prompts" in (
        tmp_path / "out" / "report.md"
    ).read_text().replace("\\", "")


def test_a_chat_is_shown_with_its_roles() -> None:
    space = tune.Space(
        model="m",
        prompt={
            "chat": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "{text}"},
            ]
        },
    )
    plan = make_plan(
        read_options(
            data=rows(), space=space, budget=1.0, **{"target": "label", **PRICE}
        )
    )
    assert sent_record(plan)["text"].startswith("system: Be brief.\n\nuser: ticket")
    assert any(line.startswith("  | user: ticket") for line in sent_lines(plan))
