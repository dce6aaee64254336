"""Nothing secret is in anything that a run leaves or says, and what models say is data wherever it
is shown.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.report.page.test_render import harmless
from tests.test_tuner_survival import QUICK, SPACE, WORLD, files  # noqa: F401 - a fixture
from tune.commands.cli import main
from tune.errors import TuneError
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Server
from tune.plan.read_options import read_options
from tune.tuner import run_study

KEY, USER, PASSWORD = "sk-planted-key-0123456789", "planteduser", "plantedpassword"
TOKEN, HEADER = "plantedquerytoken", "plantedheadervalue"
PLANTED = (b"planted", b"Basic cGxhbnRlZ")
"""All of them, and how the user and the password go on the wire."""


@pytest.fixture(autouse=True)
def plant(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"X-Secret: {HEADER}")
    caplog.set_level(logging.DEBUG)
    yield
    said = caplog.text.encode("utf-8", "replace")
    for planted in PLANTED:
        assert planted not in said


def url(server: Server) -> str:
    return (
        server.base_url.replace("http://", f"http://{USER}:{PASSWORD}@")
        + f"?token={TOKEN}"
    )


def assert_clean(folder: Path, *said: object) -> None:
    """Neither files nor words hold anything that was planted."""
    for path in (path for path in folder.rglob("*") if path.is_file()):
        raw = path.read_bytes()
        for planted in PLANTED:
            assert planted not in raw, path
    for words in said:
        text = str(words).encode("utf-8", "replace")
        for planted in PLANTED:
            assert planted not in text, text


def everything_of(error: BaseException) -> str:
    """What anybody could print of an exception: its words, its chain, and the values of its frames."""
    whole = traceback.TracebackException.from_exception(error, capture_locals=False)
    chain: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        chain += [repr(seen), repr(seen.args), repr(getattr(seen, "__dict__", {}))]
        seen = seen.__cause__ or seen.__context__
    return "".join(whole.format(chain=True)) + "\n".join(chain)


def run(
    server: Server, folder: Path, notices: list[str] | None = None, **more: Any
) -> tune.Study:
    """A small study at an address with secrets in it."""
    told = notices if notices is not None else []
    options = {
        "target": "label",
        "base_url": url(server),
        "price": ["small=0.1/0.4"],
        "results": folder / "study",
        "searcher": "random",
        "trials": 3,
        **more,
    }
    space = options.pop("space", None) or tune.Space.from_mapping(SPACE)
    rows = options.pop("data", None) or WORLD.examples(24)
    return run_study(
        read_options(data=rows, space=space, budget=0.003, **options),
        display=lambda event: told.append(repr(event)),
        retry=QUICK,
    )


def test_a_run_that_succeeds_leaves_no_secret_anywhere(tmp_path: Path) -> None:
    notices: list[str] = []
    with Server(world=WORLD, keys={PASSWORD}) as server:
        study = run(server, tmp_path, notices)
        assert (
            server.posts[0].query == f"token={TOKEN}"
        )  # they were sent, and that is all
        assert "x-secret" in server.posts[0].headers
    again = tune.Study.load(tmp_path / "study")
    assert_clean(
        tmp_path,
        *notices,
        study,
        repr(study),
        study.best,
        study.best.llm_config(),
        json.dumps(study.summary()),
        study.record,
        again.record,
        study.trials_dataframe().to_csv(),
        study.frontier().to_csv(),
    )
    assert study.best.llm_config()["config_list"][0]["base_url"] == server.base_url


def test_a_key_in_a_config_list_is_sent_and_left_nowhere(tmp_path: Path) -> None:
    listed = tmp_path / "OAI_CONFIG_LIST"
    folder = tmp_path / "results"
    keys = {f"{KEY}-1", f"{KEY}-2"}
    with Server(world=WORLD, keys=keys) as server:
        entries = []
        for key in sorted(keys):
            entries.append(
                {"model": "small", "base_url": server.base_url, "api_key": key}
            )
        listed.write_text(json.dumps(entries))
        notices: list[str] = []
        study = run(
            server,
            folder,
            notices,
            base_url=None,
            models=str(listed),
            model="small",
        )
        assert {seen.status for seen in server.posts} == {200}
    assert "the one in your config list" in notices[0]
    assert_clean(folder, *notices, study, repr(study), study.record, study.best)
    entry = study.best.llm_config()["config_list"][0]
    assert entry["api_key"] == "${MODEL_API_KEY}"


ECHO = f"cannot serve {KEY} of {USER}:{PASSWORD} with token={TOKEN} and {HEADER}"
FAULTS = {
    "wrong key": Fault("status", status=401, message=ECHO, code="invalid_api_key"),
    "forbidden": Fault("status", status=403, message=ECHO),
    "no such model": Fault("status", status=404, message=ECHO),
    "bad request": Fault("status", status=400, message=ECHO),
    "refused parameter": Fault(
        "status",
        status=400,
        message=f"Unsupported parameter: 'stop' {ECHO}",
        param="max_tokens",
    ),
    "no credit": Fault(
        "status",
        status=429,
        message=f"insufficient_quota {ECHO}",
        code="insufficient_quota",
    ),
    "too often": Fault("status", status=429, message=ECHO),
    "server error": Fault("status", status=500, message=ECHO),
    "overloaded": Fault("status", status=503, message=ECHO),
    "error in an answer": Fault("error_in_200", message=ECHO),
    "filtered": Fault("refused_content", message=ECHO),
    "garbage": Fault("garbage"),
    "truncated": Fault("truncated"),
    "reset": Fault("reset"),
    "redirect": Fault("redirect"),
    "no choices": Fault("no_choices"),
    "bills above the cap": Fault("overbill"),
}


@pytest.mark.parametrize("after", [0, 30])
@pytest.mark.parametrize("name", FAULTS)
def test_a_run_that_fails_says_no_secret_whatever_the_service_says(
    name: str, after: int, tmp_path: Path
) -> None:
    notices: list[str] = []
    fault = FAULTS[name]
    with Server(
        world=WORLD, plan=lambda number, _: fault if number >= after else None
    ) as server:
        try:
            study = run(server, tmp_path, notices)
        except TuneError as error:
            assert_clean(tmp_path, everything_of(error), *notices)
        else:
            assert_clean(tmp_path, study, study.record, *notices)


def test_a_key_that_is_not_let_in_is_not_quoted(tmp_path: Path) -> None:
    with (
        Server(world=WORLD, keys={"another"}) as server,
        pytest.raises(TuneError) as caught,
    ):
        run(server, tmp_path)
    assert_clean(tmp_path, everything_of(caught.value))
    assert "401" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"metric": lambda answer, example: 1 / 0},
        {"target": "colour"},
        {"baseline": {"model": "huge"}},
        {"price": ["large=1/2"]},
        {"models": {"small": {"api_key": KEY}}},
        {
            "models": {
                "small": {"base_url": f"ftp://{USER}:{PASSWORD}@host/v1?token={TOKEN}"}
            }
        },
        {
            "models": {
                "small": {
                    "base_url": f"http://{USER}:{PASSWORD}@host:port/v1?token={TOKEN}"
                }
            }
        },
        {
            "models": {
                "small": {
                    "base_url": f"http://{USER}:{PASSWORD}@127.0.0.1:9/v1?token={TOKEN}"
                }
            }
        },
        {"base_url": f"{USER}:{PASSWORD}@nowhere"},
        {"base_url": f"http://{USER}:{PASSWORD}@[::1/v1?token={TOKEN}"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_bad_input_is_refused_without_its_secrets(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    with Server(world=WORLD) as server, pytest.raises(TuneError) as caught:
        run(server, tmp_path, **change)
    assert_clean(tmp_path, everything_of(caught.value))


def test_a_key_with_a_character_that_cannot_be_sent_is_not_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY + "\x01é")
    with Server(world=WORLD) as server, pytest.raises(TuneError) as caught:
        run(server, tmp_path)
    assert_clean(tmp_path, everything_of(caught.value))


@pytest.mark.parametrize("up", [True, False])
def test_the_command_line_says_no_secret_on_either_stream(
    files: Path,  # noqa: F811 - the fixture
    up: bool,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with Server(world=WORLD, seconds=0.0) as server:
        address = url(server)
        if not up:
            server.keys = {"another"}
        flags = [
            "--budget",
            "0.002",
            "--data",
            str(files / "tickets.jsonl"),
            "--target",
            "label",
            "--space",
            str(files / "space.toml"),
            "--base-url",
            address,
            "--price",
            "small=0.1/0.4",
            "--searcher",
            "random",
            "--results",
            str(files / "study"),
        ]
        status = main(flags)
    # Also what is written past Python's own streams.
    said = capfd.readouterr()
    assert status == (0 if up else 1), said.err
    assert said.err
    assert_clean(files, said.out, said.err)


# --- what models say

HOSTILE = (
    '=HYPERLINK("http://evil","click")',
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1,1)",
    "\t=1+1",
    "a | b | c\n| --- |\n| x |",
    "```\n# A heading\n```",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) ![x](http://evil/x.png)",
    "\x1b[31mred\x1b[0m\x07\x00\x9b2J",
    "\u202egnp.exe\u2066",
    "half a pair \ud800 and \udfff",
    "line\u2028separator\x85next",
)


def hostile(
    model: str, prompt: str, settings: Mapping[str, Any], seed: int, index: int
) -> str:
    return HOSTILE[(seed + index) % len(HOSTILE)]


def rows() -> list[dict[str, str]]:
    return [
        {"id": str(i), "text": f"ticket {i}", "label": HOSTILE[(0, 1, 11)[i % 3]]}
        for i in range(40)
    ]


SPACES: dict[str, Callable[[], tune.Space]] = {
    "plain": lambda: tune.Space(
        model="small",
        prompt={"p|=1": "Say: {text}\n```\n| a |", "=q": "{text}"},
        temperature=[0.5, 1],
        n=[1, 3],
        max_tokens=[8, 32],
        aggregate=["first", "vote"],
        stop=["|", "\n=1"],
    ),
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Path]:
    """The report and the table of a run in which everything that can be is hostile."""
    tmp_path = tmp_path_factory.mktemp("hostile")
    odd = Fault(
        "status",
        status=503,
        message="down\n# A heading | <b>\x1b[31m =1+1 \u202e \ud800",
    )
    names = Fault("other_model")

    def plan(number: int, _: object) -> Fault | None:
        if number % 5 == 4:
            return names
        return odd if number % 3 == 1 else None

    with Server({"small": Model()}, world=hostile, plan=plan) as server:
        run(server, tmp_path, data=rows(), space=SPACES["plain"]())
    folder = tmp_path / "study"
    return (
        (folder / "report.md").read_text("utf-8"),
        (folder / "trials.csv").read_text("utf-8"),
        folder,
    )


def test_hostile_words_do_not_break_out_of_the_report(
    shown: tuple[str, str, Path],
) -> None:
    report, _, _ = shown
    assert not [
        c
        for c in report
        if (ord(c) < 32 and c != "\n")
        or 0x7F <= ord(c) < 0xA0
        or c in "\u2028\u202e\u2066"
    ]
    outside = []
    fenced = ""
    for line in report.splitlines():
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if fenced:
            fenced = "" if line == fenced else fenced
        elif len(ticks) >= 3:
            fenced = ticks
        else:
            outside.append(line)
    assert not fenced
    text = "\n".join(outside)
    assert "<script" not in text
    assert "<img" not in text
    assert "](javascript" not in text
    assert not [line for line in outside if line.startswith("# A heading")]
    widths: dict[int, int] = {}
    for number, line in enumerate(outside):
        if line.startswith("|"):
            cells = line.replace("\\|", "").count("|")
            widths[number] = cells
            assert widths.get(number - 1, cells) == cells, line


def test_hostile_words_are_only_words_in_the_page(shown: tuple[str, str, Path]) -> None:
    _, _, folder = shown
    text = (folder / "report.html").read_text("utf-8")
    assert not [
        c
        for c in text
        # An answer keeps its tabs.
        if (ord(c) < 32 and c not in "\n\t")
        or 0x7F <= ord(c) < 0xA0
        or c in "\u2028\u202e\u2066"
    ]
    assert "prompt p|=1" in harmless(text).said("th"), "the table of trials"


def test_hostile_words_are_no_formulas_in_the_table(
    shown: tuple[str, str, Path],
) -> None:
    _, table, _ = shown
    lines = list(csv.reader(io.StringIO(table)))
    assert len(lines) > 2
    assert len({len(line) for line in lines}) == 1
    for line in lines:
        for cell in line:
            assert cell[:1] not in ("=", "@", "\t", "\r"), cell
            assert (
                cell[:1] not in ("+", "-")
                or cell[1:].replace(".", "").replace("e-", "").isdigit()
            ), cell
            assert cell.isprintable(), cell


def test_hostile_words_are_kept_as_they_are_where_programs_read_them(
    shown: tuple[str, str, Path],
) -> None:
    _, _, folder = shown
    study = tune.Study.load(folder)
    assert study.best.config.prompt in ("p|=1", "=q")
    record = json.loads((folder / "best.json").read_text("utf-8"))
    assert record["config"]["prompt"] == study.best.config.prompt
    assert json.loads((folder / "OAI_CONFIG_LIST").read_text("utf-8"))
    assert study.record.majority_class in HOSTILE
