"""The README and the pages of docs/ are true: what they show runs, and what they name exists.

Every block of code in them is run, in the order of the page, against a server of our own. A block
is left out only with a comment before it that says why: `<!-- not run: REASON -->`.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
import runpy
import shlex
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tune
from tune.commands.cli import COMMANDS, main
from tune.fakes.faults import Model
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.pricing.lookup import find_price
from tune.providers.entries import Entry, read_entries
from tune.readout.aggregate import AGGREGATES
from tune.search import SEARCHERS
from tune.space import Space, read_toml
from tune.strategies import STRATEGIES
from tune.study.readout_file import READOUT_FILE
from tune.task.metrics import METRICS, parse_metric

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = {
    "README.md": ROOT / "README.md",
    **{page.name: page for page in sorted(DOCS.glob("*.md"))},
}

WORLD = LabelledWorld(
    models={"gpt-6-luna": 0.55, "gpt-6-sol": 0.6}, templates={"step by step": 0.35}
)
PRICES = {
    "gpt-6-luna": (0.10, 0.40),
    "gpt-6-sol": (1.0, 4.0),
    "gpt-6.1-sol": (1.0, 4.0),
}
OTHERS = {
    "deepseek/deepseek-v3.2": (0.3, 0.5),
    "qwen3-4b": (0.05, 0.2),
    "llama": (0.0, 0.0),
}
STATED = [f"{name}={price[0]}/{price[1]}" for name, price in PRICES.items()]

MAIN_JOB = ["--budget", "5"]
"""Runs the local model for minutes; `.ci/run` runs it."""

FINE = {
    "check": {0, 3, 4},
    "challenge": {0, 3, 4},
    "": {0},
}
"""Exit statuses that say that a command worked, by the command; "" is every other one."""

ADDRESSES = re.compile(r"http://localhost:\d+/v1|https://openrouter\.ai/api/v1")


@dataclass(frozen=True)
class Block:
    """One block of code of a page."""

    language: str
    source: str
    line: int


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page that are run."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in re.finditer(
        r"(<!-- not run: \S.*? -->\n+)?^```(\w*)\n(.*?)^```$",
        text,
        re.DOTALL | re.MULTILINE,
    ):
        marker, language, source = match.groups()
        if marker is None:
            found.append(
                Block(language, source, text.count("\n", 0, match.start()) + 1)
            )
    return found


class Reader:
    """Does what a page shows, line by line, in the working directory."""

    def __init__(
        self, server: Server, patch: pytest.MonkeyPatch, check: Callable[..., object]
    ) -> None:
        self.server, self.patch, self.check = server, patch, check
        self.namespace: dict[str, Any] = {"__name__": "page"}

    def read(self, block: Block) -> None:
        """Run one block."""
        ways = {
            "sh": self.shell,
            "python": self.python,
            "toml": self.toml,
            "json": json.loads,
        }
        if block.language == "text":
            return
        if block.language not in ways:
            pytest.fail(
                f"line {block.line}: a block has no language that can be run: {block.language!r}"
            )
        ways[block.language](ADDRESSES.sub(self.server.base_url, block.source))

    def python(self, source: str) -> None:
        """Run Python, and the tests that it defines."""
        exported = re.search(r"^import (tuned_\w+) as tuned$", source, re.MULTILINE)
        if exported:
            self.framework(source, Path("agents") / f"{exported[1]}.py")
            return
        exec(compile(source, "page", "exec"), self.namespace)
        for name in [name for name in self.namespace if name.startswith("test_")]:
            with suppress(
                pytest.fail.Exception
            ):  # so few examples leave the check undecided
                self.namespace.pop(name)(self.check)

    def framework(self, source: str, file: Path) -> None:
        """Check lines for a framework, and run them if it is here; benchmarks/agents runs all."""
        page = ast.parse(source)
        defined = {
            getattr(node, "name", None)
            or ast.unparse(getattr(node, "targets", [node])[0])
            for node in ast.parse(file.read_text(encoding="utf-8")).body
        }
        used = {
            node.attr
            for node in ast.walk(page)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "tuned"
        }
        assert used
        assert used <= defined, file
        with suppress(ModuleNotFoundError):
            self.patch.syspath_prepend(str(file.parent.resolve()))
            self.patch.delitem(sys.modules, file.stem, raising=False)
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            made = eval(compile(source, "page", "exec", flags=flags), self.namespace)
            if inspect.iscoroutine(made):
                asyncio.run(made)
            # The openai package is here.
            self.namespace["tuned"].client().close()

    def toml(self, source: str) -> None:
        """Read a space file, and keep it under the name in its first line."""
        name = re.match(r"# (\S+\.toml)\n", source)
        file = Path(name[1] if name else "page.toml")
        file.write_text(source, encoding="utf-8")
        record = read_toml(file)
        Space.from_mapping(record)
        if "metric" in record:
            parse_metric(record["metric"])
        assert set(read_entries(record.get("models", {}))) <= set(
            record["space"]["model"]
        )

    def shell(self, source: str) -> None:
        """Run the commands of a shell."""
        for line in source.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                self.command(words)

    def command(self, words: list[str]) -> None:
        """Run one command."""
        match words:
            case ["export", setting]:
                name, _, _ = setting.partition("=")
                self.patch.setenv(name, "a-key-of-this-page")
            case ["pip", "install", *packages]:
                assert [package for package in packages if not _is_ours(package)] in (
                    [],
                    ["uv"],
                )
            case ["uv", "run", "tune.py", *flags] | ["tune", *flags] if (
                flags == MAIN_JOB
            ):
                pass
            case ["tune", *flags]:
                self.tune(flags)
            case _:
                pytest.fail(f"nobody knows how to run {words}")

    def tune(self, flags: list[str]) -> None:
        """Run tune on few cents and few trials."""
        name = flags[0] if flags[0] in COMMANDS else ""
        if name in ("", "estimate", "reprice", "challenge"):
            for price in STATED:
                if not any(
                    flag.startswith(price.partition("=")[0] + "=") for flag in flags
                ):
                    flags = [*flags, "--price", price]
            if name != "estimate":
                flags = [
                    *flags,
                    "--trials",
                    "3",
                ]  # also of a study that was made with it
        if name == "" and "--budget" in flags:
            flags = [*flags, "--budget", "0.02"]
        assert main(flags) in FINE.get(name, FINE[""]), flags


def _is_ours(package: str) -> bool:
    """Say if pip installs this repository, with extras that it has."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]["optional-dependencies"]
    match = re.fullmatch(r"\.(?:\[([\w,]+)\])?", package)
    return match is not None and set((match[1] or "all").split(",")) <= set(extras)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    models = {name: Model(*price) for name, price in {**PRICES, **OTHERS}.items()}
    with Server(models=models, world=WORLD) as server:
        yield server


@pytest.fixture(scope="module")
def finished(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study of the tickets, as the README makes it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        prepare(folder, server, patch)
        flags = [
            "--data",
            "tickets.jsonl",
            "--target",
            "label",
            "--model",
            "gpt-6-luna",
            "--model",
            "gpt-6-sol",
        ]
        prices = [word for price in STATED for word in ("--price", price)]
        assert (
            main(
                [
                    *flags,
                    *prices,
                    "--budget",
                    "0.03",
                    "--trials",
                    "3",
                    "--results",
                    "results/tickets",
                ]
            )
            == 0
        )
    return folder / "results"


def prepare(folder: Path, server: Server, patch: pytest.MonkeyPatch) -> None:
    """Go to a folder with the files that the pages speak of."""
    patch.chdir(folder)
    patch.setenv("OPENAI_BASE_URL", server.base_url)
    patch.setenv("OPENAI_API_KEY", "a-key-of-this-page")
    patch.setenv("VLLM_KEY", "a-key-of-this-page")
    for name, start in (("tickets.jsonl", 0), ("new.jsonl", 100)):
        rows = [json.dumps(row) + "\n" for row in WORLD.examples(60, start=start)]
        Path(name).write_text("".join(rows), encoding="utf-8")
    listed = [
        {"model": "gpt-6-luna", "tags": ["cheap"], "api_key": "a-key-of-this-page"},
        {"model": "gpt-6-sol", "tags": ["best"]},
    ]
    Path("OAI_CONFIG_LIST").write_text(json.dumps(listed), encoding="utf-8")


@pytest.fixture
def reader(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tune_check: Callable[..., object],
) -> Reader:
    prepare(tmp_path, server, monkeypatch)
    real = tune.tune

    def on_few_cents(**given: Any) -> Any:
        return real(**{**given, "budget": 0.03, "price": STATED, "trials": 3})

    monkeypatch.setattr(tune, "tune", on_few_cents)
    return Reader(server, monkeypatch, tune_check)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.timeout(300)  # a page makes several runs
@pytest.mark.filterwarnings(
    "ignore::UserWarning"
)  # of `tune_check`: with few examples, it has something to say
def test_what_a_page_shows_runs(
    name: str,
    reader: Reader,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = PAGES[name]
    if name != "README.md" and "results/tickets" in page.read_text(encoding="utf-8"):
        shutil.copytree(request.getfixturevalue("finished"), "results")
    for block in blocks(page):
        reader.read(block)
    if name == "README.md":  # its example finds the better prompt
        best = reader.namespace["study"].best
        assert best.config.prompt == "reasoned"
        assert best.quality.mean > 0.8


def test_the_readme_has_its_four_steps_in_order_on_one_page() -> None:
    text = PAGES["README.md"].read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE)[:4] == [
        "Install",
        "Run",
        "Read the result",
        "Your own task",
    ]
    assert len(text.splitlines()) <= 120


def test_the_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(
        r"\]\(([^)#]+)\)", PAGES["README.md"].read_text(encoding="utf-8")
    )
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_files_and_fields_that_are_explained_are_there(finished: Path) -> None:
    study = finished / "tickets"
    files = re.findall(
        r"^\| (`[^|]+`) \| ",
        PAGES["report.md"].read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    fields = re.findall(
        r"^\| `(\w+)` \| ", PAGES["agents.md"].read_text(encoding="utf-8"), re.MULTILINE
    )
    names = re.findall(r"`([^`]+)`", " ".join(files))
    # A small study does not keep what was read off it.
    assert set(names) - {READOUT_FILE} == {file.name for file in study.iterdir()} - {
        "draws.db-shm",
        "draws.db-wal",
    }
    best = json.loads((study / "best.json").read_text(encoding="utf-8"))
    assert set(fields) - {"keeps_limit"} <= set(best)


PATH = re.compile(r"`((?:\.ci|tune|tests|benchmarks|docs|results)/[\w./-]*)`")
TEST = re.compile(r"`(?!benchmarks/)(?:tests/)?([\w/]*test_\w+\.py)`")


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "promises.md", "statistics.md"]
)
def test_the_files_that_a_page_names_exist(name: str) -> None:
    page = ROOT / name if name == "CONTRIBUTING.md" else PAGES[name]
    text = page.read_text(encoding="utf-8")
    tests = [
        str(file.relative_to(ROOT)) for file in (ROOT / "tests").rglob("test_*.py")
    ]
    lost = [path for path in PATH.findall(text) if not (ROOT / path).exists()]
    lost += [
        test
        for test in TEST.findall(text)
        if not any(f"/{file}".endswith(f"/{test}") for file in tests)
    ]
    assert lost == []


def test_no_page_holds_the_marks_of_a_merge() -> None:
    for page in (*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *DOCS.glob("*.md")):
        assert not re.search(
            r"^(<{7}|={7}|>{7})( |$)", page.read_text(encoding="utf-8"), re.MULTILINE
        ), page


def test_every_page_is_in_the_table_of_contents_once() -> None:
    listed = re.findall(
        r'"([\w-]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8")
    )
    assert sorted(listed) == sorted(page.name for page in DOCS.glob("*.md"))


def test_the_page_of_options_is_that_of_the_command_line() -> None:
    made = runpy.run_path(str(ROOT / ".ci" / "docs"))["options_page"]()
    assert PAGES["options.md"].read_text(encoding="utf-8") == made, (
        "run .ci/docs and commit the page"
    )


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("metrics.md", METRICS),
        ("metrics.md", AGGREGATES),
        ("search.md", SEARCHERS),
        ("search.md", STRATEGIES),
        ("commands.md", COMMANDS),
        ("models.md", set(Entry.__dataclass_fields__) - {"name"}),
        (
            "python.md",
            {
                name
                for name in tune.__all__
                if name not in ("Study", "tune", "tune_async")
            },
        ),
    ],
)
def test_a_page_names_everything_of_a_kind(page: str, names: Any) -> None:
    text = PAGES[page].read_text(encoding="utf-8")
    assert [
        name for name in names if not re.search(rf"\b{re.escape(name)}\b", text)
    ] == []


def test_the_messages_that_are_explained_are_messages_of_tune() -> None:
    """A heading in backticks is a part of a message: it stands in a text of the code."""
    headings = re.findall(
        r"^### `(.+)`$",
        PAGES["troubleshooting.md"].read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    texts = "\n".join(
        text for file in (ROOT / "tune").rglob("*.py") for text in _texts(file)
    )
    assert len(headings) > 5
    assert [heading for heading in headings if heading not in texts] == []


def _texts(file: Path) -> Iterator[str]:
    """Yield the texts in a source file; what is filled in is left out."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "…"
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_models_in_examples_are_alive() -> None:
    for name, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        for model in re.findall(r"gpt-\d[\w.-]*\w", text):
            assert model in PRICES, f"{name} names {model}"
    for file in (ROOT / "tune").rglob("*.py"):
        if file.name != "published.py":  # a table of prices, of old models too
            assert not re.search(r"gpt-4\.1-(nano|mini)", "\n".join(_texts(file))), file
    for model in PRICES:
        assert find_price(model, {}, base_url="https://api.openai.com/v1").input > 0
