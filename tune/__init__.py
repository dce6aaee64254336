"""Find the best way to call a language model for a task, within a budget in dollars.

study = tune.tune(data="tickets.jsonl", space=tune.Space(...), budget=5.00)
study.best.llm_config()
"""

from tune.errors import InputError, TuneError
from tune.metrics import Judge, Metric, Score, responses_metric
from tune.pricing import Price
from tune.space import Choice, Integers, Space, Uniform
from tune.study import Study
from tune.tuner import tune, tune_async

__all__ = [
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
    "Uniform",
    "responses_metric",
    "tune",
    "tune_async",
]
