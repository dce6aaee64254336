"""A finished study whose data and space are files, and that its folder alone can be read again by."""

from __future__ import annotations

import json
from pathlib import Path

import tune
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld

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


def run_kept(folder: Path, name: str = "one", *, seed: int = 0) -> tune.Study:
    """Run a small study into `results/NAME` of a folder."""
    rows = [json.dumps(row) + "\n" for row in WORLD.examples(60)]
    (folder / "tickets.jsonl").write_text("".join(rows))
    (folder / "space.toml").write_text(SPACE)
    with Server(world=WORLD) as server:
        return tune.tune(
            folder / "tickets.jsonl",
            folder / "space.toml",
            target="label",
            price="small=0.1/0.4",
            budget=0.005,
            seed=seed,
            # The port differs from run to run, and it is a part of what a draw is.
            models={"small": {"base_url": server.base_url, "alias": "the service"}},
            results=folder / "results" / name,
            store=str(folder / "draws.db"),
            quiet=True,
        )


def cut_journal(folder: Path, *, waves: int) -> None:
    """Leave the journal of a study as a kill in its search leaves it, with so many whole waves."""
    journal = folder / "study.jsonl"
    kept, outcomes = [], 0
    for line in journal.read_text().splitlines(keepends=True):
        kept.append(line)
        outcomes += json.loads(line)["event"] == "outcome"
        if outcomes == waves:
            break
    journal.write_text("".join(kept))
