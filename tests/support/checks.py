"""Exported configs and studies for tests of checks, with a server that answers for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tune
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.plan.make import make_plan
from tune.plan.read_options import read_options
from tune.runtime.deployment_record import deployment_record
from tune.space import Config
from tune.task.example import Example

WORLD = LabelledWorld(models={"small": 0.9, "broken": 0.4})


NEW = WORLD.examples(600, start=1000)


def distance(answer: str, example: Example) -> float:
    return 0.0 if answer == example.target else 100.0


def export(
    folder: Path,
    server: Server,
    *,
    quality: float = 0.9,
    metric: Any = "exact_match",
    price: Any = "small=0.1/0.4",
    rows: Any = None,
    group: str | None = None,
    **config: Any,
) -> Path:
    """A `best.json` of the config with this recorded quality."""
    chosen = Config(
        {
            "model": "small",
            "prompt": "short",
            "temperature": 0.0,
            "max_tokens": 16,
            **config,
        }
    )
    space = {
        "space": {
            "model": ["small"],
            "prompt": {"short": "Label this ticket: {text}"},
            "max_tokens": 16,
        },
        "answer": {"labels": list(WORLD.labels)},
    }
    options: Any = {
        "target": "label",
        "base_url": server.base_url,
        "price": price,
        "metric": metric,
    }
    options |= {} if group is None else {"group": group}
    plan = make_plan(
        read_options(
            data=rows or WORLD.examples(40), space=space, budget=1.0, **options
        )
    )
    tested = {"mean": quality, "low": 0.5, "high": 1.0, "examples": 200}
    record = {
        "config": dict(chosen),
        "winner": {"holdout": tested},
        "deployment": deployment_record(plan, chosen),
    }
    (folder / "study").mkdir(exist_ok=True)
    path = folder / "study" / "best.json"
    path.write_text(json.dumps(record))
    return path


def tuned(folder: Path, server: Server) -> Path:
    """A finished study in a folder; its data are not kept anywhere else."""
    tune.tune(
        data=WORLD.examples(240),
        target="label",
        base_url=server.base_url,
        price="small=0.1/0.4",
        budget=0.02,
        space={
            "space": {
                "model": ["small"],
                "temperature": 0.0,
                "max_tokens": 16,
                "prompt": {"p": "Label: {text}"},
            },
            "answer": {"labels": list(WORLD.labels)},
        },
        results=folder / "out",
        quiet=True,
    )
    return folder / "out"
