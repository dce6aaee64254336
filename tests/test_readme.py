"""A new user with the README alone: its example in Python finds the better prompt."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.faults import Model
from tests.support.server import Server
from tests.support.world import LabelledWorld

README = (Path(__file__).parent.parent / "README.md").read_text()
WORLD = LabelledWorld(
    models={"gpt-6-luna": 0.55, "gpt-6-sol": 0.6}, templates={"step by step": 0.35}
)


def test_the_example_of_the_readme_finds_the_better_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = next(
        block
        for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        if "tune.tune(" in block
    )
    rows = "".join(json.dumps(row) + "\n" for row in WORLD.examples(60))
    (tmp_path / "tickets.jsonl").write_text(rows)
    monkeypatch.chdir(tmp_path)
    prices = {"gpt-6-luna": "0.10/0.40", "gpt-6-sol": "1.0/4.0"}
    with Server(
        models={name: Model(*map(float, p.split("/"))) for name, p in prices.items()}, world=WORLD
    ) as server:
        real = tune.tune

        def at_the_server(**given: Any) -> Any:
            price = [f"{name}={each}" for name, each in prices.items()]
            return real(
                **{
                    **given,
                    "budget": 0.03,
                    "base_url": server.base_url,
                    "price": price,
                    "trials": 4,
                }
            )

        monkeypatch.setattr(tune, "tune", at_the_server)
        found: dict[str, Any] = {}
        exec(compile(source, "README.md", "exec"), found)
    best = found["study"].best
    assert best.config.prompt == "reasoned"
    assert best.quality.mean > 0.8
