"""The plan of a run: everything that a user gives, read and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tune.pricing.prices import Price
from tune.providers.entries import Entry
from tune.space import Config, Point, Space
from tune.task.example import Data, Example
from tune.task.extract import Extractor
from tune.task.metrics import Metric
from tune.task.prompt import Prompt
from tune.task.split import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A checked order for a run.

    Attributes:
        data: the examples as they were read.
        split: the same examples in the study's order: tuning and holdout.
        space: what is searched.
        prompts: the templates by name.
        metric: scores an answer.
        metric_spec: the metric as it was given, for `best.json`.
        extract: takes the answer out of a text.
        label_rule: the answer rule that suits targets that are a few short labels; None where they
            are not.
        verifier: judges answers for the aggregate "best", or None.
        entries: where the models of the space are, by name.
        judge: where the model of a metric that asks one is, or None.
        prices: of all these models, by name.
        baseline: the configuration that the user has today.
        baseline_given: whether the user named it.
        baseline_cap_given: whether the user named its max_tokens.
        model_named: whether the user named a model.
        free: the dimensions that are read off answers already bought.
        budget: dollars; 0 where every price is 0.
        max_cost: dollars that one request may cost in production, or None.
        max_seconds: seconds that it may take, or None.
        goal: "quality", "cheapest" or "frontier".
        min_quality: for "cheapest", the score that is good enough, or None.
        margin: or how far it may lie below the baseline's, or None.
        searcher: proposes paid points.
        strategy: decides what to buy.
        seed: of the split, the order and the search.
        concurrency: the most calls in flight per endpoint.
        time_limit: seconds for the search, or None.
        min_gain: the search ends when less is expected; a share of the metric's range.
        splits: repeated splits whose spread the report shows.
        trials: the most trials that the search begins, or None.
        warm_start: earlier studies in the store guide the search.
        fresh: answers of other studies are not used.
        keep_going: the search goes on where no answer can be read.
        content: texts of examples and answers are shown in the report.
        by: columns whose values the report shows the quality by.
        output_tokens: stated lengths of answers, by a name of `length_names`.
        notes: sentences on the data that the user should read first.
        identity: everything that makes another study when it differs.
    """

    data: Data
    split: Split
    space: Space
    prompts: Mapping[str, Prompt]
    metric: Metric
    metric_spec: Any
    extract: Extractor
    label_rule: Mapping[str, Any] | None
    verifier: Callable[[str, Example], float] | None
    entries: Mapping[str, Entry]
    judge: Entry | None
    prices: Mapping[str, Price]
    baseline: Config
    baseline_given: bool
    baseline_cap_given: bool
    model_named: bool
    free: tuple[str, ...]
    budget: float
    max_cost: float | None
    max_seconds: float | None
    goal: str
    min_quality: float | None
    margin: float | None
    searcher: Callable[..., Any]
    strategy: Callable[..., Any]
    seed: int
    concurrency: int
    time_limit: float | None
    min_gain: float
    splits: int
    trials: int | None
    warm_start: bool
    fresh: bool
    keep_going: bool
    content: bool
    by: tuple[str, ...]
    output_tokens: Mapping[str, float]
    notes: tuple[str, ...]
    identity: Mapping[str, Any]

    @property
    def unbilled(self) -> bool:
        """True where every price is 0: the search then spends seconds instead of dollars."""
        return is_unbilled(self.prices)

    @property
    def examples(self) -> tuple[Example, ...]:
        """Tuning examples, then the holdout."""
        # Journals and trials name examples by their position in this order.
        return self.split.tuning + self.split.holdout

    @property
    def called_entries(self) -> tuple[Entry, ...]:
        """Every model that is called: those of the space, and the judge of the metric."""
        # A judge is called at its own host, which the user has to see as well.
        judges = [self.judge] if self.judge else []
        return (*self.entries.values(), *judges)

    @property
    def baseline_point(self) -> Point:
        """The baseline as a paid point, with which it joins the search where the space holds it."""
        return Point(
            {
                name: value
                for name, value in self.baseline.items()
                if name not in self.free
            }
        )


def is_unbilled(prices: Mapping[str, Price]) -> bool:
    """Return whether every price is 0."""
    return all(price.is_zero for price in prices.values())
