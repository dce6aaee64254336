"""Metrics: text metrics, callables, EcoOptiGen's shape, a judge, and code that is run."""

from tune.task.metrics.code import Code
from tune.task.metrics.judge import Judge
from tune.task.metrics.metric import Metric
from tune.task.metrics.metric_spec import METRICS, parse_metric, responses_metric
from tune.task.metrics.oracle import is_oracle, per_response_metric
from tune.task.metrics.score import Answer, Score

__all__ = [
    "METRICS",
    "Answer",
    "Code",
    "Judge",
    "Metric",
    "Score",
    "is_oracle",
    "parse_metric",
    "per_response_metric",
    "responses_metric",
]
