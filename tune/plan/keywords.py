"""The keywords of `tune.tune` as editors and type checkers read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from tune.pricing.prices import Price
    from tune.task.metrics import Metric


class OptionKeywords(TypedDict, total=False):
    """Names and types of `tune.plan.options.Options`, where each has its default and its sentence.

    A type checker cannot read keywords off a dataclass, so names and types are repeated here; a
    test holds both lists equal. `data`, `space` and `budget` are parameters of their own.
    """

    input: Sequence[str] | str
    target: str | None
    metric: str | Mapping[str, Any] | Callable[..., Any] | Metric | None
    allow_code: bool
    holdout: float
    split: str | None
    group: str | None
    by: Sequence[str] | str
    model: Sequence[str] | str
    models: Mapping[str, Any] | Sequence[Any] | str | Path | None
    filter_dict: Mapping[str, Any] | str | None
    base_url: str | None
    key_env: str | None
    allow_http: bool
    price: Mapping[str, Any] | Sequence[str] | Price | str | None
    output_tokens: Mapping[str, float] | Sequence[str] | float | str | None
    max_cost_per_request: float | None
    max_seconds_per_request: float | None
    goal: str
    min_quality: float | None
    margin: float | None
    baseline: Mapping[str, Any] | str | Path | None
    searcher: str | Callable[..., Any]
    strategy: str | Callable[..., Any] | None
    free: Sequence[str] | str
    verifier: str | Callable[..., Any] | None
    seed: int
    concurrency: int
    time_limit: float | None
    min_gain: float
    splits: int
    trials: int | None
    results: str | Path | None
    store: str | None
    warm_start: bool
    fresh: bool
    keep_going: bool
    no_content: bool
    explain: bool
    quiet: bool
    log_format: str
    observer: str | Callable[..., Any] | None
