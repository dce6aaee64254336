"""The metric: a judgement that knows its name, its bounds and its direction."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tune.completion import Provider, Setting
from tune.errors import InputError, MetricError
from tune.safety.sandbox import unprotected
from tune.task.callables import reraise_as
from tune.task.example import Example
from tune.task.metrics.code import Code
from tune.task.metrics.judge import Judge
from tune.task.metrics.score import Answer, Score, check_score


@dataclass(frozen=True, slots=True)
class Metric:
    """A judgement that knows its name, its bounds and its direction.

    Attributes:
        name: for people.
        identity: changes whenever the metric could judge otherwise; scores are kept under it.
        function: `(answer, example)` to a bool, a number or a `Score`; awaited where the metric
            costs.
        low: the least value it can give.
        high: the largest.
        larger_is_better: False for errors, distances and the like.
        costs: True where each score costs dollars (a judge); then `judge` is awaited and `score`
            is refused.
        over_responses: True where it judges all n responses of a request at once.
        oracle: True where a metric over all responses knows the target and picks by it, as "any of
            n is right" does; None where the author did not say.
        key: the entry of the function's result that is the score, where it gives several.
        runs_code: True where it runs what models write: refused unless the user allows it, and then
            called from several threads side by side.
        weigh: the weight of an example in a mean; its score, from 0 to 1, is already multiplied by
            that. None where all count the same.
    """

    name: str
    identity: str
    function: Callable[..., Any] = field(repr=False, compare=False)
    low: float = 0.0
    high: float = 1.0
    larger_is_better: bool = True
    costs: bool = False
    over_responses: bool = False
    runs_code: bool = False
    oracle: bool | None = None
    key: str = ""
    weigh: Callable[[Example], float] | None = field(
        default=None,
        repr=False,
        compare=False,
    )

    def __post_init__(self) -> None:
        are_finite = math.isfinite(self.low) and math.isfinite(self.high)
        if not (are_finite and self.low < self.high):
            raise InputError(
                f"metric {self.name!r}: `low < high` must hold, "
                f"but got (low={self.low}, high={self.high})"
            )

    @property
    def worst(self) -> float:
        """The worst value: the score of an example without an answer."""
        return self.low if self.larger_is_better else self.high

    @property
    def mean_high(self) -> float:
        """The largest mean there can be: 1 where scores hold the weights of their examples."""
        return self.high if self.weigh is None else 1.0

    @property
    def model(self) -> str:
        """The model that a judge asks, by its name among the study's models; "" for others."""
        return self.function.model if isinstance(self.function, Judge) else ""

    def check(self, examples: Iterable[Example]) -> None:
        """Check that a metric that runs code can judge these examples, and has a sandbox for it.

        Raises:
            InputError: an example has no test, or this system cannot hold a program.
        """
        if isinstance(self.function, Code):
            # Raises where there is no sandbox.
            unprotected()
            for example in examples:
                self.function.task("", example)

    def try_on(self, example: Example) -> None:
        """Try the metric: it is given an example's target as if that were the answer.

        A metric that costs, or that runs what models write, is not tried.

        Raises:
            InputError: it raised, returned no number or left its bounds.
        """
        if self.costs or self.runs_code:
            return
        # A metric that raises is found out before the first dollar.
        wanted = example.target
        # A model answers with a text, so the metric is tried on a text.
        if wanted is None:
            wanted = ""
        elif not isinstance(wanted, str):
            wanted = json.dumps(wanted, default=str)
        answer = (wanted,) if self.over_responses else wanted
        try:
            self.score(answer, example)
        except MetricError as error:
            raise InputError(
                f"the metric was tried on one row before anything is bought: {error}"
            ) from error

    def score(self, answer: Answer, example: Example) -> float:
        """Return the value of an answer; the worst where there is none.

        Raises:
            MetricError: the metric raised, returned no number or left its bounds; names the
                example.
        """
        return self.review(answer, example).value

    def review(self, answer: Answer, example: Example) -> Score:
        """Return the result of `score` with the metric's comment."""
        if self.costs:
            raise TypeError(
                f"the metric {self.name!r} costs: await judge(answer, example)"
            )
        if answer is None:
            return Score(self.worst, "no answer")
        with reraise_as(
            MetricError, f"the metric {self.name!r} raised on example {example.id!r}"
        ):
            found = self.function(answer, example)
        return self._checked(found, example)

    def _checked(self, found: Any, example: Example) -> Score:
        return check_score(
            found, metric=self.name, example=example.id, low=self.low, high=self.high
        )

    async def judge(self, answer: str | None, example: Example) -> float:
        """Return the value of an answer by a metric that may cost.

        It is NaN where the judge could not be read.

        Raises:
            MetricError: as `score`.
            ProviderError: the judge could not be asked.
            BudgetExhausted: the verdict's ceiling does not fit.
        """
        if answer is None:
            return self.worst
        if not self.costs:
            return self.score(answer, example)
        score: Score = await self.function(answer, example)
        # Not scored: neither the worst value nor an error.
        if math.isnan(score.value):
            return math.nan
        return self._checked(score, example).value

    def bound(
        self,
        provider: Provider,
        *,
        service: str,
        model: str = "",
        settings: Mapping[str, Setting] | None = None,
    ) -> Metric:
        """Return this metric with a provider for its judge's calls.

        The study's ledger meters the calls that go through its provider.

        Args:
            provider: answers the judge's requests.
            service: the provider's name, as in `Request.service`. It is part of the identity, so
                bind before scoring.
            model: the service's own name for the judge's model, where it has another.
            settings: those that the entry of the judge's model fixes; its own go before them.
        """
        if not isinstance(self.function, Judge):
            return self
        judge = replace(
            self.function,
            provider=provider,
            service=service,
            model=model or self.function.model,
            settings={**(settings or {}), **self.function.settings},
        )
        return metric_of(judge)


def metric_of(function: Judge | Code) -> Metric:
    """Return the metric that a judge, or a runner of code, is."""
    if isinstance(function, Code):
        return Metric("code", function.identity, function, runs_code=True)
    return Metric(
        name=function.name,
        identity=function.identity,
        function=function,
        low=function.low,
        high=function.high,
        costs=True,
    )
