"""The search and the holdout that a budget pays for, or a time limit where every price is 0.

The strategy says what it would do with the money (`tune.strategies.forecast`); this module tells it
the costs, and adds the holdout.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tune.completion import Endpoint, calls_for
from tune.plan.answer_forecast import SAMPLE, AnswerForecast
from tune.plan.output_length import OUTPUT_SHARE
from tune.plan.plan import Plan
from tune.plan.token_counts import likely_tokens
from tune.pricing.clock import FIRST_WIDTH
from tune.pricing.prices import to_dollars
from tune.stats.alpha_spending import analysis_confidence
from tune.stats.power import SPREAD, detectable_difference
from tune.strategies.forecast import PairCosts, SearchCosts, SearchForecast
from tune.strategies.knowledge_gradient import KnowledgeGradient
from tune.task.metrics import Judge

SEARCH_POINTS = 12
"""Paid points that a search compares at least; in a smaller space all of them."""

MOST_HOLDOUT_SHARE = 0.4
"""The largest share of the budget for the holdout."""

_DOUBLINGS = 60
"""The money is doubled at most so often to find what pays for a search.

There must be an end: a strategy may never begin so many points.
"""

_HALVINGS = 20
"""Bisections for the least money of a search; they find it to a millionth."""


Limit = Literal["", "space", "trials"]


@dataclass(frozen=True, slots=True)
class Purchase:
    """The search and the holdout that a budget pays for.

    Attributes:
        budget: dollars.
        configs: about how many paid points the search begins.
        answers: answers that it pays for.
        holdout: holdout examples that the choice and the baseline both meet.
        detectable: the difference to the baseline that these show with 80 % probability, in the
            metric's own scale; inf where they do not even show the largest.
        limit: "space" where the search begins all paid points of the space, "trials" where it
            begins as many as --trials allows, and "" where the budget is what limits it.
    """

    budget: float
    configs: int
    answers: int
    holdout: int
    detectable: float
    limit: Limit = ""


class DollarModel:
    """The purchases of a budget, by the mean over models and, within each, over prompts.

    Args:
        plan: the checked order.
        rows: the forecast of an answer, by model and prompt.
        endpoints: of the space's models, by name; nothing is sent to them.

    Attributes:
        points: paid points that the search can begin: those of the space, or --trials.
        draw: cost of an average answer to one example.
    """

    def __init__(
        self,
        plan: Plan,
        rows: Sequence[AnswerForecast],
        endpoints: Mapping[str, Endpoint],
    ) -> None:
        self._plan, self._rows, self._endpoints = plan, rows, endpoints
        self._judge = _judge_cost(plan, rows)
        self._space_points = plan.space.size(plan.free)
        self.points = self._space_points
        if plan.trials is not None:
            self.points = min(self.points, plan.trials)
        self._costs = self._search_costs()
        self.draw = self._mean(1)
        self._pair = self._mean(_mean_draws(plan)) + self._baseline_cost()

    def _baseline_cost(self) -> float:
        """Return the cost of asking the baseline about one example."""
        baseline = self._plan.baseline
        # The space may not offer the baseline's model with the baseline's prompt.
        row = self._rows[0]
        for one in self._rows:
            if (one.model, one.prompt) == (baseline.model, baseline.prompt):
                row = one
                break
        return self._request(row, baseline.n)

    def _request(self, row: AnswerForecast, n: int) -> float:
        """Return the dollars of one example with n answers, judged."""
        price = self._plan.prices[row.model]
        # A call without native n pays for the prompt again with each answer.
        prompts = calls_for(n, self._endpoints[row.model].most_n)
        tokens = (
            math.ceil(prompts * row.prompt_tokens),
            math.ceil(n * row.output_tokens),
        )
        return to_dollars(price.cost(*tokens, calls=prompts)) + n * self._judge

    def _mean(self, n: int) -> float:
        # Models count the same, however many prompts each may be given.
        by_model: dict[str, list[float]] = defaultdict(list)
        for row in self._rows:
            by_model[row.model].append(self._request(row, n))
        means = [sum(costs) / len(costs) for costs in by_model.values()]
        return sum(means) / len(means)

    def _search_costs(self) -> SearchCosts:
        """Return expected costs, by model and prompt, for the strategy to forecast from."""
        pairs = []
        for row in self._rows:
            ladder = sorted(set(map(int, _ladder(self._plan, row.model))))
            costs = [self._request(row, n) for n in ladder]
            pairs.append(PairCosts(tuple(ladder), tuple(costs)))
        return SearchCosts(len(self._plan.split.tuning), self.points, tuple(pairs))

    def _forecast(self, money: float) -> SearchForecast:
        """Return what the strategy would do with the money; a user's own may not say it."""
        # A strategy of the user's own may have no forecast; the default one stands in.
        strategy = self._plan.strategy
        if not hasattr(strategy, "forecast"):
            strategy = KnowledgeGradient()
        found: SearchForecast = strategy.forecast(self._costs, money)
        return found

    def _least_money(self, points: int) -> float:
        """Return about the least money with which the strategy begins so many points."""
        # One answer is the least that a search can cost; free models cost nothing.
        low, high = 0.0, max(self._mean(1), 1e-12)
        for _ in range(_DOUBLINGS):
            if self._forecast(high).configs >= points:
                break
            low, high = high, 2 * high
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if self._forecast(middle).configs < points:
                low = middle
            else:
                high = middle
        return high

    def _limit_of(self, configs: int) -> Limit:
        """Return the limit besides the budget that a search of so many configurations meets."""
        if configs < self.points:
            return ""
        return "space" if self.points == self._space_points else "trials"

    def buys(self, budget: float) -> Purchase:
        """Return the search and the holdout that a budget in dollars pays for."""
        split = self._plan.split
        examples, clusters = len(split.holdout), split.count_clusters(split.holdout)
        most = MOST_HOLDOUT_SHARE * budget
        met = examples
        # Where the choice and the baseline are free, all of the holdout is met.
        if self._pair > 0:
            met = min(examples, int(most / self._pair))
        found = self._forecast(budget - min(most, examples * self._pair))
        # Examples of one cluster are one observation.
        units = round(met / max(1, examples) * clusters)
        return Purchase(
            budget=budget,
            configs=found.configs,
            answers=found.draws,
            holdout=met,
            detectable=visible_difference(self._plan, units, analysis_confidence(1)),
            limit=self._limit_of(found.configs),
        )

    def enough(self) -> float:
        """Return the least dollars that compare enough points to be a search."""
        search = self._least_money(min(SEARCH_POINTS, self.points))
        holdout = len(self._plan.split.holdout) * self._pair
        # The holdout may take its share of the whole budget, which is more than of the search.
        return search + min(
            holdout, search * MOST_HOLDOUT_SHARE / (1 - MOST_HOLDOUT_SHARE)
        )


class TimeModel(DollarModel):
    """The purchases of a time limit: the same in seconds of service.

    The time limit is for the search; the holdout comes after it.
    """

    def __init__(
        self,
        plan: Plan,
        rows: Sequence[AnswerForecast],
        endpoints: Mapping[str, Endpoint],
    ) -> None:
        super().__init__(plan, rows, endpoints)
        self._width = min(FIRST_WIDTH, plan.concurrency)
        # Calls run side by side, so the wall has so many seconds of service in each second.
        self._time_limit = plan.time_limit or math.inf

    def _request(self, row: AnswerForecast, n: int) -> float:
        """Return the seconds of one example with n answers, all calls together."""
        return calls_for(n, self._endpoints[row.model].most_n) * (row.seconds or 0.0)

    def buys(self, budget: float) -> Purchase:
        """Return the search and the holdout that the time limit allows."""
        found = self._forecast(self._time_limit * self._width)
        split = self._plan.split
        clusters = split.count_clusters(split.holdout)
        return Purchase(
            budget=budget,
            configs=found.configs,
            answers=found.draws,
            holdout=len(split.holdout),
            detectable=visible_difference(self._plan, clusters, analysis_confidence(1)),
            limit=self._limit_of(found.configs),
        )

    @property
    def search(self) -> float:
        """Seconds on the wall of the search: at most the time limit."""
        return min(
            self._time_limit,
            self._forecast(self._time_limit * self._width).spent / self._width,
        )

    @property
    def holdout(self) -> float:
        """Seconds on the wall until the choice and the baseline have met the holdout."""
        return len(self._plan.split.holdout) * self._pair / self._width


def purchase(
    plan: Plan, rows: Sequence[AnswerForecast], endpoints: Mapping[str, Endpoint]
) -> Purchase:
    """Return what the budget of a plan buys if answers are as these rows say."""
    return DollarModel(plan, rows, endpoints).buys(plan.budget)


def visible_difference(plan: Plan, units: int, confidence: float) -> float:
    """Return the difference of scores that so many observations show with 80 % probability."""
    low, high = plan.metric.low, plan.metric.mean_high
    if units < 2:
        return math.inf
    return detectable_difference(
        units, SPREAD * (high - low), low=low, high=high, confidence=confidence
    )


def _ladder(plan: Plan, model: str) -> Sequence[Any]:
    """Return the values of n that a model may have."""
    domain = plan.space.domain("n", model)
    return domain.values if domain is not None else (1,)


def _mean_draws(plan: Plan) -> int:
    """Return the mean n over all models, rounded."""
    ladder: list[int] = []
    for model in plan.space.models:
        ladder += map(int, _ladder(plan, model))
    return round(sum(ladder) / len(ladder))


def _judge_cost(plan: Plan, rows: Sequence[AnswerForecast]) -> float:
    """Return the dollars of judging one answer; 0 where the metric is free."""
    judge = plan.metric.function
    if plan.judge is None or not isinstance(judge, Judge):
        return 0.0
    # The judge reads the answer, so its prompt is as long as the average answer makes it.
    words = round(sum(row.output_tokens for row in rows) / len(rows))
    asked = [
        judge.request(" word" * words, example)
        for example in plan.split.tuning[:SAMPLE]
    ]
    tokens = sum(likely_tokens(request, 10**9) for request in asked) / len(asked)
    price, answer = plan.prices[plan.judge.name], OUTPUT_SHARE * judge.max_tokens
    return to_dollars(price.cost(math.ceil(tokens), math.ceil(answer)))
