"""The `best.json` of two small tasks, as a study writes it."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

from tune.plan.make import make_plan
from tune.plan.read_options import read_options
from tune.report.json import FORMAT
from tune.runtime.deployment_record import deployment_record
from tune.space import Config

PRICE = (0.1, 0.4)
"""Dollars per million tokens, in and out."""

SYSTEM = (
    "You solve tasks with Python. Reply with one code block, and with TERMINATE once you have seen "
    "its output."
)
TASK = (
    "passengers.csv has one passenger a row: survived, pclass, sex, age. In which class (pclass) "
    "did the largest share of the women (sex == 'female') survive, and how large is it?"
)
PROMPTS = {
    "ticket": [
        {"role": "system", "content": "Label the ticket."},
        {"role": "user", "content": "I was sent the wrong shoes."},
        {"role": "assistant", "content": "Label: shipping"},
        {"role": "user", "content": "Ticket: {text}"},
    ],
    "analysis": [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "{text}"},
    ],
}
ANSWERS: dict[str, dict[str, Any]] = {
    "ticket": {"labels": ["billing", "shipping"]},
    "analysis": {"code": True},
}


def write_best(
    folder: Path, url: str, task: str, *, n: int, key_env: str, **settings: Any
) -> Path:
    """Write a `best.json` whose winner takes n answers by vote; return its path.

    Args:
        folder: where it is written.
        url: the endpoint.
        task: "ticket" or "analysis".
        n: answers of the winner.
        key_env: the variable of the key.
        settings: of the winner, such as temperature.
    """
    rows = [
        {"text": f"Ticket number {number}", "label": "billing"} for number in range(24)
    ]
    entry = {
        "model": "small-2026",
        "base_url": url,
        "key_env": key_env,
        "price": list(PRICE),
    }
    space = {
        "space": {
            "model": ["small"],
            "prompt": {task: PROMPTS[task]},
            "max_tokens": 400,
        },
        "answer": ANSWERS[task],
        "models": {"small": entry},
    }
    plan = make_plan(read_options(data=rows, space=space, budget=1.0, target="label"))
    shared = {"model": "small", "prompt": task, "max_tokens": 400, **settings}
    aggregate = "vote" if n > 1 else "first"
    winner = Config({**shared, "n": n, "aggregate": aggregate})
    single = Config({**shared, "n": 1, "aggregate": "first"})
    quality = {"mean": 0.9, "low": 0.8, "high": 1.0, "examples": 24}
    record = {
        "format": FORMAT,
        "config": dict(winner),
        "keeps_limit": None,
        "winner": {"holdout": quality, "tuning": quality},
        "deployment": deployment_record(plan, winner, single=single),
        "provenance": {"data": task, "metric": "exact_match", "date": "2026-11-28"},
    }
    path = folder / "best.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


def write_passengers(folder: Path, seed: int) -> dict[str, str]:
    """Write the table; return the right analysis of each sex, computed without pandas."""
    rng = random.Random(seed)
    rows = []
    for _ in range(600):
        sex, pclass = rng.choice(["female", "male"]), rng.choice([1, 2, 3])
        # Women of the first class survive most often, and men of the third.
        chance = 0.95 - 0.2 * pclass if sex == "female" else 0.1 + 0.1 * pclass
        rows.append([int(rng.random() < chance), pclass, sex, rng.randint(1, 80)])
    with (folder / "passengers.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["survived", "pclass", "sex", "age"])
        writer.writerows(rows)
    return {sex: _best_class(rows, sex) for sex in ("female", "male")}


def _best_class(rows: list[list[Any]], sex: str) -> str:
    rates = {}
    for pclass in (1, 2, 3):
        group = [row[0] for row in rows if row[1] == pclass and row[2] == sex]
        rates[pclass] = sum(group) / len(group)
    best = max(rates, key=lambda pclass: rates[pclass])
    return f"class {best} {rates[best]:.4f}"
