"""The display of a notebook: one place below the cell, updated; nothing in it is obeyed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.watching import BEST, began, progress
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.study.display.notebook import Notebook, in_notebook
from tune.study.events import Notice, StudyEnded, StudyFailed

ROOT = Path(__file__).parents[3]


class Cell:
    """What a cell shows: each display with its updates."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []
        self.displays = 0

    def display(self, data: dict[str, str], *, raw: bool, display_id: bool) -> Any:
        assert raw
        assert display_id
        self.displays += 1
        self.shown.append(data)
        return SimpleNamespace(update=self.update)

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.shown.append(data)


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    made = Cell()
    module = SimpleNamespace(display=made.display)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=module))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return made


def test_a_kernel_is_a_notebook_and_a_terminal_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    for shell, there in (
        (None, False),
        (SimpleNamespace(), False),
        (SimpleNamespace(kernel=object()), True),
    ):
        ipython = SimpleNamespace(get_ipython=lambda shell=shell: shell)
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        assert in_notebook() is there


def test_one_display_is_updated_in_its_place_once_a_second(cell: Cell) -> None:
    now = [0.0]
    notebook = Notebook(now=lambda: now[0])
    for event in (Notice(text="keys: none"), *began()):
        notebook(event)
    for step in range(101):
        now[0] = step / 10
        notebook(progress(spent=step / 100))
    notebook(StudyEnded(stopped="finished", summary={}))
    assert cell.displays == 1
    assert 10 <= len(cell.shown) <= 15
    last = cell.shown[-1]["text/plain"]
    assert last.startswith("keys: none\nended: finished\nbest so far 0.750")
    assert "left" not in last
    assert "<progress" in cell.shown[-2]["text/html"]
    assert "<progress" not in cell.shown[-1]["text/html"]


def test_what_others_wrote_is_text(cell: Cell) -> None:
    notebook = Notebook()
    config = {**BEST.config, "model": "<script>alert(1)</script>"}
    hostile = progress(best=replace(BEST, config=config))
    for event in (*began(), Notice(text="<img src=x onerror=alert(1)>"), hostile):
        notebook(event)
    notebook(StudyFailed(error="InputError", message="<b>no</b>"))
    for shown in cell.shown:
        assert "<script" not in shown["text/html"]
        assert "<img" not in shown["text/html"]
    assert "failed: &lt;b&gt;no&lt;/b&gt;" in cell.shown[-1]["text/html"]


@pytest.mark.slow
def test_a_real_kernel_shows_one_output_that_ends_with_the_study(
    tmp_path: Path,
) -> None:
    """Run the cells of a notebook with nbclient, as Jupyter runs them."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    world = LabelledWorld(models={"small": 0.6})
    with Server(world=world, seconds=0.05) as server:
        code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import tune
from tune.fakes.world import LabelledWorld

study = tune.tune(
    LabelledWorld(models={{"small": 0.6}}).examples(60),
    tune.Space(
        model="small", prompt="Label this ticket: {{text}}", temperature=[0, 0.5, 1]
    ),
    budget=0.005,
    target="label",
    base_url={server.base_url!r},
    price="small=0.1/0.4",
    results={str(tmp_path / "study")!r},
)
"""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        client = nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3")
        client.execute()
    outputs = notebook.cells[0].outputs
    assert [one.output_type for one in outputs] == ["display_data"]
    data = outputs[0].data
    assert "ended: " in data["text/plain"]
    assert "best so far" in data["text/html"]
