"""Find the best way to call a language model for a task, within a budget in dollars.

study = tune.tune(data="tickets.jsonl", space=tune.Space(...), budget=5.00)
study.best.llm_config()
tuned = tune.load(study.folder)
tuned(text="...").answer
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tune.errors import InputError, TuneError
    from tune.pricing.prices import Price
    from tune.runtime.answer import Answer
    from tune.runtime.load import load
    from tune.runtime.tuned import Tuned
    from tune.space import Choice, Integers, Space, Uniform
    from tune.study.study import Study
    from tune.task.metrics import Judge, Metric, Score, responses_metric
    from tune.tuner import tune, tune_async

__all__ = [
    "Answer",
    "Choice",
    "InputError",
    "Integers",
    "Judge",
    "Metric",
    "Price",
    "Score",
    "Space",
    "Study",
    "TuneError",
    "Tuned",
    "Uniform",
    "load",
    "responses_metric",
    "tune",
    "tune_async",
]

_HOMES = {
    "tune.errors": ("InputError", "TuneError"),
    "tune.task.metrics": ("Judge", "Metric", "Score", "responses_metric"),
    "tune.pricing.prices": ("Price",),
    "tune.runtime.answer": ("Answer",),
    "tune.runtime.load": ("load",),
    "tune.runtime.tuned": ("Tuned",),
    "tune.space": ("Choice", "Integers", "Space", "Uniform"),
    "tune.study.study": ("Study",),
    "tune.tuner": ("tune", "tune_async"),
}
"""Where public names live; they are fetched when they are first used, so that `tune --help` is
there at once.
"""


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
