"""The command line as scripts use it: flags, exit status, one JSON object, bad input in one
sentence.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from tests.support.genai import World
from tests.support.nobody import nobody_listens
from tune.commands import BAD_INPUT, DONE, FAILED
from tune.commands.cli import main
from tune.fakes.server import Model, Server
from tune.fakes.world import LabelledWorld

ROOT = Path(__file__).parent.parent.parent
WORLD = LabelledWorld(models={"small": 0.6})

SPACE = """
[space]
model = ["small"]
temperature = {low = 0.0, high = 1.0, step = 0.5}
n = {low = 1, high = 3, integer = true}
max_tokens = [8, 32]
aggregate = ["first", "vote"]

[space.prompt]
short = "Label this ticket: {text}"
reasoned = "Think step by step, then label: {text}"

[answer]
labels = ["refund", "delivery", "complaint", "praise"]
"""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(world=WORLD) as started:
        yield started


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return write_files(tmp_path)


def write_files(tmp_path: Path) -> Path:
    """Write the rows and the space."""
    rows = "\n".join(json.dumps(row) for row in WORLD.examples(60))
    (tmp_path / "tickets.jsonl").write_text(rows + "\n")
    (tmp_path / "space.toml").write_text(SPACE)
    return tmp_path


def flags(server: Server | str, files: Path, *more: str) -> list[str]:
    base_url = server if isinstance(server, str) else server.base_url
    return [
        "--budget",
        "0.01",
        "--data",
        str(files / "tickets.jsonl"),
        "--target",
        "label",
        "--space",
        str(files / "space.toml"),
        "--base-url",
        base_url,
        "--price",
        "small=0.1/0.4",
        "--results",
        str(files / "out"),
        *more,
    ]


@dataclass(frozen=True)
class Finished:
    """A study that the command line made with --json, and what it wrote."""

    server: Server
    files: Path
    bill: int
    out: str
    err: str


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    files, out, err = (
        write_files(tmp_path_factory.mktemp("done")),
        StringIO(),
        StringIO(),
    )
    with Server(world=WORLD) as server:
        with redirect_stdout(out), redirect_stderr(err):
            assert main(flags(server, files, "--json")) == DONE
        yield Finished(server, files, server.bill, out.getvalue(), err.getvalue())


def test_json_is_one_object_on_stdout_and_nothing_else(finished: Finished) -> None:
    assert finished.err == ""
    record = json.loads(finished.out)
    assert set(record) == {
        "best",
        "quality",
        "cost_per_request",
        "seconds",
        "seconds_per_request",
        "seconds_taken",
        "baseline",
        "runners_up",
        "difference",
        "detectable",
        "confidence",
        "keeps_limit",
        "why_wrong",
        "failing",
        "notices",
        "prices",
        "spent",
        "spent_now",
        "uncertain",
        "uncertain_reasons",
        "budget",
        "left",
        "left_reason",
        "trials",
        "draws",
        "stopped",
        "results",
        "pass_at_k",
        "repeated_splits",
        "unanswerable",
    }
    assert set(record["quality"]) == {"mean", "low", "high", "examples"}
    assert set(record["cost_per_request"]) == {"mean", "low", "high"}
    assert set(record["draws"]) == {"bought", "reused"}
    assert record["difference"] is None or set(record["difference"]) == {
        "mean",
        "low",
        "high",
        "examples",
        "verdict",
    }
    assert record["best"]["model"] == "small"
    assert record["spent"] <= record["budget"] == 0.01
    assert finished.bill == round(record["spent"] * 10**12)


def test_the_second_run_spends_nothing_and_says_the_same(
    finished: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    first = json.loads(finished.out)
    assert main(flags(finished.server, finished.files, "--json")) == DONE
    again = json.loads(capsys.readouterr().out)
    assert again == {**first, "spent_now": 0.0}


def test_progress_goes_to_stderr_and_the_answer_to_stdout(
    server: Server, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags(server, files, "--trials", "2")) == DONE
    shown = capsys.readouterr()
    assert "trials" in shown.err
    assert "$" in shown.err
    assert str(files / "out") in shown.out


def test_quiet_shows_no_progress(
    server: Server, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags(server, files, "--quiet", "--trials", "2")) == DONE
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--data", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--space", "nowhere.toml"], "nowhere.toml"),
        (["--target", "colour"], "colour"),
        (["--budget", "0"], "budget"),
        (["--budget", "nan"], "budget"),
        (["--budget", "0.0000001"], "too small"),
        (["--price", "small"], "MODEL=IN/OUT"),
        (["--metric", "no.such.module:thing"], "no.such.module"),
        (["--baseline", "{broken"], "JSON"),
        (["--holdout", "1.5"], "holdout"),
        (["--concurrency", "0"], "concurrency"),
        (["--trials", "-1"], "trials"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    server: Server,
    files: Path,
    capsys: pytest.CaptureFixture[str],
    change: list[str],
    words: str,
) -> None:
    assert main(flags(server, files, "--quiet", *change)) == BAD_INPUT
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    assert server.posts == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[space", "TOML"),
        ("[space]\nmodel = 'small'\n", "prompt"),
        (
            SPACE.replace("low = 0.0, high = 1.0", "low = 1.0, high = 0.0"),
            "low <= high",
        ),
        (SPACE.replace("low = 1, high = 3", "low = 0, high = 3"), "n"),
        (SPACE.replace("{text}", "{txt}"), "txt"),
        (SPACE.replace("{text}", "{text.__class__}"), "text"),
        (SPACE.replace("{text}", "{0}"), "0"),
        (SPACE + "\n[when.huge]\nmax_tokens = [1]\n", "huge"),
        (
            SPACE.replace(
                "Label this ticket: {text}", "Label this ticket: {text} (it is {label})"
            ),
            "label",
        ),
    ],
)
def test_a_space_that_cannot_be_is_one_line_and_status_2(
    server: Server,
    files: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    words: str,
) -> None:
    (files / "space.toml").write_text(text)
    assert main(flags(server, files, "--quiet")) == BAD_INPUT
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.err.count("\n") == 1
    assert server.posts == []


@pytest.mark.parametrize("text", ["", '{"id": 1, "text": "one", "label": "refund"}\n'])
def test_empty_or_one_row_data_is_one_line(
    server: Server, files: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (files / "tickets.jsonl").write_text(text)
    assert main(flags(server, files, "--quiet")) == BAD_INPUT
    assert capsys.readouterr().err.count("\n") == 1


def test_an_unreachable_endpoint_is_one_line_and_status_1(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with nobody_listens() as address:
        assert main(flags(address, files, "--quiet")) == FAILED
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_that_scored_nothing_has_failed(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = (files / "space.toml").read_text().replace('["small"]', '["small", "big"]')
    (files / "space.toml").write_text(space)
    # One model is set aside, as it bills beyond its cap; no call of the other fits the budget.
    models = {
        "small": Model(reasoning=4_000, counts="total", uncapped=True),
        "big": Model(),
    }
    with Server(models, world=WORLD) as server:
        assert (
            main(flags(server, files, "--quiet", "--price", "big=1000/4000")) == FAILED
        )
    shown = " ".join(capsys.readouterr().out.split())
    assert "there is no configuration to recommend" in shown
    assert "kept for telling finalists apart" not in shown


def test_without_a_budget_the_usage_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == BAD_INPUT
    assert "--budget" in capsys.readouterr().err


def test_help_is_there_at_once(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    # Seconds of processor time: those of the clock depend on what else the machine does.
    seconds = []
    for _ in range(4):
        before = os.times()
        done = subprocess.run(
            [sys.executable, str(ROOT / "tune.py"), "--help"],
            env=env,
            capture_output=True,
            text=True,
        )
        after = os.times()
        user = after.children_user - before.children_user
        seconds.append(user + after.children_system - before.children_system)
        assert done.returncode == DONE
        assert "--max-cost-per-request" in done.stdout
        # Again only where the machine was busy, or the files were not compiled yet.
        if seconds[-1] < 0.5:
            break
    assert min(seconds) < 0.5, seconds


def test_import_tune_from_the_root_finds_the_package() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import tune; print(tune.tune, tune.Space)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_key_in_the_environment_adds_a_hint_and_never_a_bill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    # Counting tokens loads the local model.
    monkeypatch.setitem(sys.modules, "openvino_genai", World())  # type: ignore[arg-type]
    assert (
        main(["--budget", "0.000001", "--results", str(tmp_path / "out")]) == BAD_INPUT
    )
    shown = capsys.readouterr().err
    assert "OPENAI_API_KEY is set but not used" in shown
    assert "sk-planted" not in shown
    assert "too small" in shown


def test_a_key_is_not_called_unused_where_a_list_names_the_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    models = tmp_path / "models.json"
    models.write_text('[{"model": "gpt-none-such"}]')
    asked = ["--models", str(models), "--results", str(tmp_path / "out")]
    assert main(["--budget", "1", *asked]) == BAD_INPUT
    shown = capsys.readouterr().err
    assert "gpt-none-such" in shown
    assert "not used" not in shown


def test_a_metric_of_ones_own_lies_where_the_command_is_run(
    server: Server, files: Path
) -> None:
    (files / "own_metric.py").write_text(
        "def score(answer, example):\n    return answer == example.target\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            "import sys; from tune.commands.cli import main; sys.exit(main())",
            *flags(server, files, "--json", "--metric", "own_metric:score"),
            "--trials",
            "2",
        ],
        cwd=files,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == DONE, done.stderr
    assert json.loads(done.stdout)["quality"] is not None


def test_a_json_log_is_all_that_standard_error_has(server: Server, files: Path) -> None:
    command = [sys.executable, "-m", "tune", "--log-format", "json"]
    space = (files / "space.toml").read_text()
    (files / "metric.py").write_text(
        "import sys, warnings\n"
        "def score(answer, example):\n"
        "    sys.stderr.write('said by a metric\\n')\n"
        "    warnings.warn('an old metric')\n"
        "    return float(answer == example.target)\n"
    )
    (files / "space.toml").write_text(space)
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{files}"}

    def log(
        *more: str,
    ) -> tuple[subprocess.CompletedProcess[str], list[dict[str, str]]]:
        done = subprocess.run(
            [*command, *more], cwd=files, env=env, capture_output=True, text=True
        )
        return done, [json.loads(line) for line in done.stderr.splitlines()]

    given = flags(server, files, "--metric", "metric:score", "--trials", "2")
    done, found = log(*given)
    assert done.returncode == DONE
    kinds = {one["event"] for one in found}
    assert {"notice", "study_began", "call_answered", "progress", "output"} <= kinds
    assert found[-1]["event"] == "study_ended"
    assert found[-1]["stopped"]
    texts = [one["text"] for one in found if one["event"] == "output"]
    assert "said by a metric" in texts
    assert any("an old metric" in text for text in texts)
    assert done.stdout.startswith("The best configuration")
    # Beside it, --json has its one object; and errors are objects, whatever they are.
    done, found = log(*given, "--json")
    assert json.loads(done.stdout)["best"]
    assert {one["event"] for one in found} == {"output", "study_ended"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--budgt", "3"], "did you mean --budget?"),
        (["--budget", "5", "--data", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--observer", "sys:nothing"], "nothing"),
    ],
)
def test_an_error_is_an_object_of_a_json_log(
    server: Server,
    files: Path,
    capsys: pytest.CaptureFixture[str],
    wrong: list[str],
    words: str,
) -> None:
    given = flags(server, files) if "--observer" in wrong else []
    assert _status(["--log-format", "json", *given, *wrong]) == BAD_INPUT
    shown = capsys.readouterr()
    assert words in json.loads(shown.err.splitlines()[-1])["text"]
    assert shown.out == ""
    assert server.posts == []


def _status(words: list[str]) -> object:
    """Return the exit status of a command; a wrong flag leaves the process."""
    try:
        return main(words)
    except SystemExit as left:
        return left.code


def test_a_form_of_the_log_that_is_none_is_refused(
    server: Server, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags(server, files, "--log-format", "xml")) == BAD_INPUT
    assert "log_format is text or json, but got 'xml'" in capsys.readouterr().err
