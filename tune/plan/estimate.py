"""What dollars buy, or seconds where nobody is billed: points, blocks, holdout examples,
differences that are seen.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tune.completion import Endpoint, calls_for
from tune.plan.answer_forecast import SAMPLE, AnswerForecast, forecast_answers
from tune.plan.output_length import OUTPUT_SHARE
from tune.plan.plan import Plan
from tune.plan.sample_size import sample_size_note
from tune.plan.token_counts import likely_tokens
from tune.pricing.clock import FIRST_WIDTH
from tune.pricing.prices import to_dollars
from tune.stats.alpha_spending import look_confidence
from tune.stats.power import SPREAD, detectable_difference
from tune.store.draws import Store
from tune.strategies.cheapest import CONFIDENCE
from tune.strategies.forecast import PairCosts, SearchCosts, SearchForecast
from tune.strategies.knowledge_gradient import KnowledgeGradient
from tune.task.metrics import Judge

SEARCH_POINTS = 12
"""Paid points that a search compares at least (a smaller space: all of it)."""

HOLDOUT_SHARE = 0.4
"""The most of the budget that the holdout gets."""

_DOUBLINGS = 60
"""Times that the money is doubled until it pays for a search; a strategy may never begin so many."""

_HALVINGS = 20
"""Steps by which the least money for a search is found: to a millionth of it."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a budget buys.

    Attributes:
        budget: dollars. configs: paid points that a search begins, about. blocks: blocks of
        examples that it pays for, one answer each. holdout: holdout examples that the choice and
        the baseline both meet. detectable: the difference to the baseline that so many show with 80
        % probability, in the metric's own
            scale, those that belong together counted once; inf where not even the largest would be
            seen.
    """

    budget: float
    configs: int
    blocks: int
    holdout: int
    detectable: float


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """What a run will cost and what it can see.

    Attributes:
        rows: by model and prompt. draw: dollars of an average answer to an example, judged. block:
        examples in a block. tuning: examples of the search. holdout: examples of the final check.
        points: paid points in the space, at most. bought: what the budget buys. enough: dollars
        from which it is a search. tuning_detectable: the difference that all tuning examples show
        with 80 % probability, in the metric's own
            scale. Where the goal is the cheapest, it is that to what is good enough (one-sided 95
            %).
        others: what other budgets buy. sample_size_note: what so few examples cannot show, in words; "" where
        there are enough. goal: what is to be chosen. min_quality: the score that is good enough for
        the goal "cheapest", if one was stated. margin: or by how much the choice may be worse than
        the baseline. time_limit: seconds that the search may take, where nobody is billed; else
        None. seconds: of an average answer to an example, where nobody is billed; None where nobody
        can say yet. search_seconds: that the search takes on the wall, about; likewise.
        holdout_seconds: that the final check takes; likewise. draw_span: what `draw` may as well
        be; None where all lengths of answers are stated. prices: for each model its price in words,
        and where it comes from.
    """

    rows: tuple[AnswerForecast, ...]
    draw: float
    block: int
    tuning: int
    holdout: int
    points: int
    bought: Purchase
    enough: float
    tuning_detectable: float
    others: tuple[Purchase, ...] = ()
    sample_size_note: str = ""
    goal: str = "quality"
    min_quality: float | None = None
    margin: float | None = None
    draw_span: tuple[float, float] | None = None
    time_limit: float | None = None
    seconds: float | None = None
    search_seconds: float | None = None
    holdout_seconds: float | None = None
    prices: tuple[tuple[str, str], ...] = ()

    @property
    def is_search(self) -> bool:
        """Whether the budget compares enough points to be called a search."""
        return self.bought.configs >= min(SEARCH_POINTS, self.points)


def estimate(
    plan: Plan,
    endpoints: Mapping[str, Endpoint],
    store: Store | None,
    *,
    others: Sequence[float] = (),
) -> RunEstimate:
    """Estimate a run.

    Args:
        plan: what is asked for.
        endpoints: of the space's models, by name; nothing is sent to them.
        store: what was bought before, if anything.
        others: other budgets to be told of, in dollars.
    """
    rows = forecast_answers(plan, endpoints, store)
    money = _Money(plan, rows, endpoints)
    time = (
        _Time(plan, rows, endpoints)
        if plan.unbilled and all(row.seconds is not None for row in rows)
        else None
    )
    return RunEstimate(
        rows=rows,
        draw=money.draw,
        block=money.block,
        tuning=len(plan.split.tuning),
        holdout=len(plan.split.holdout),
        points=money.points,
        bought=money.buys(plan.budget) if time is None else time.buys(plan.budget),
        enough=money.enough(),
        tuning_detectable=_detectable(
            plan,
            plan.split.count_clusters(plan.split.tuning),
            CONFIDENCE if plan.goal == "cheapest" else 0.95,
        ),
        others=() if plan.unbilled else tuple(money.buys(budget) for budget in others),
        sample_size_note=sample_size_note(plan),
        goal=plan.goal,
        min_quality=plan.min_quality,
        margin=plan.margin,
        draw_span=_draw_span(plan, rows, endpoints),
        time_limit=plan.time_limit if plan.unbilled else None,
        seconds=None if time is None else time.draw,
        search_seconds=None if time is None else time.search,
        holdout_seconds=None if time is None else time.holdout,
        prices=tuple((name, price.describe()) for name, price in plan.prices.items()),
    )


def purchase(
    plan: Plan, rows: Sequence[AnswerForecast], endpoints: Mapping[str, Endpoint]
) -> Purchase:
    """Return what the budget of a plan buys if answers are as these rows say."""
    return _Money(plan, rows, endpoints).buys(plan.budget)


def _draw_span(
    plan: Plan, rows: Sequence[AnswerForecast], endpoints: Mapping[str, Endpoint]
) -> tuple[float, float] | None:
    """Dollars of an average answer where all that are guessed are as short, or as long, as they may
    be.
    """
    if all(row.output_span is None for row in rows):
        return None
    ends = (
        [
            replace(row, output_tokens=(row.output_span or (row.output_tokens,) * 2)[i])
            for row in rows
        ]
        for i in (0, 1)
    )
    least, most = (_Money(plan, end, endpoints).draw for end in ends)
    return least, most


class _Money:
    """What dollars buy, by the mean over models and, within each, over prompts."""

    def __init__(
        self, plan: Plan, rows: Sequence[AnswerForecast], endpoints: Mapping[str, Endpoint]
    ) -> None:
        self._plan, self._rows, self._endpoints = plan, rows, endpoints
        self._judge = _judge_cost(plan, rows)
        self.points = plan.space.size(plan.free)
        self._costs = self._search_costs()
        self.block = self._costs.block
        held = plan.split.holdout
        self._apart = plan.split.count_clusters(held) / max(
            1, len(held)
        )  # of so many examples, those of one unit once
        self.draw = self._mean(1)
        ladder = [int(value) for m in plan.space.models for value in _ladder(plan, m)]
        mine = [
            row
            for row in rows
            if (row.model, row.prompt) == (plan.baseline.model, plan.baseline.prompt)
        ]
        baseline = self._request(mine[0] if mine else rows[0], plan.baseline.n)
        self._pair = self._mean(round(sum(ladder) / len(ladder))) + baseline

    def _request(self, row: AnswerForecast, n: int) -> float:
        """Dollars of one example with n answers."""
        price = self._plan.prices[row.model]
        prompts = calls_for(n, self._endpoints[row.model].most_n)
        tokens = math.ceil(prompts * row.prompt_tokens), math.ceil(n * row.output_tokens)
        return to_dollars(price.cost(*tokens, calls=prompts)) + n * self._judge

    def _mean(self, n: int) -> float:
        by_model: dict[str, list[float]] = defaultdict(list)
        for row in self._rows:
            by_model[row.model].append(self._request(row, n))
        return sum(sum(costs) / len(costs) for costs in by_model.values()) / len(by_model)

    def _search_costs(self) -> SearchCosts:
        """Return expected costs, by model and prompt, for the strategy to forecast from."""
        pairs = []
        for row in self._rows:
            ladder = sorted({int(value) for value in _ladder(self._plan, row.model)})
            dollars = [self._request(row, n) for n in ladder]
            pairs.append(PairCosts(tuple(ladder), tuple(dollars)))
        return SearchCosts(len(self._plan.split.tuning), self.points, tuple(pairs))

    def _forecast(self, money: float) -> SearchForecast:
        """Return what the strategy would do with the money; with a user's own, what ours would."""
        strategy = self._plan.strategy
        if not hasattr(strategy, "forecast"):
            strategy = KnowledgeGradient()
        found: SearchForecast = strategy.forecast(self._costs, money)
        return found

    def _least_money(self, points: int) -> float:
        """Return about the least money with which the strategy begins so many points."""
        low, high = 0.0, max(self.block * self._mean(1), 1e-12)
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

    def buys(self, budget: float) -> Purchase:
        whole = len(self._plan.split.holdout)
        held_back = min(HOLDOUT_SHARE * budget, whole * self._pair)
        found = self._forecast(budget - held_back)
        met = whole if self._pair == 0 else min(whole, int(HOLDOUT_SHARE * budget / self._pair))
        held = self._plan.split.count_clusters(self._plan.split.holdout)
        return Purchase(
            budget=budget,
            configs=found.configs,
            blocks=found.draws // self.block,
            holdout=met,
            detectable=_detectable(
                self._plan, round(met / max(1, whole) * held), look_confidence(1)
            ),
        )

    def enough(self) -> float:
        """Return the least dollars that compare enough points to be a search."""
        search = self._least_money(min(SEARCH_POINTS, self.points))
        holdout = len(self._plan.split.holdout) * self._pair
        return search + min(holdout, search * HOLDOUT_SHARE / (1 - HOLDOUT_SHARE))


class _Time(_Money):
    """What the time limit buys: the same, in seconds of service. It leaves the holdout alone, which
    comes after it.
    """

    def __init__(
        self, plan: Plan, rows: Sequence[AnswerForecast], endpoints: Mapping[str, Endpoint]
    ) -> None:
        super().__init__(plan, rows, endpoints)
        self._width = min(FIRST_WIDTH, plan.concurrency)
        self._limit = plan.time_limit or math.inf

    def _request(self, row: AnswerForecast, n: int) -> float:
        """Seconds of one example with n answers, all calls together."""
        return calls_for(n, self._endpoints[row.model].most_n) * (row.seconds or 0.0)

    def buys(self, budget: float) -> Purchase:
        found = self._forecast(self._limit * self._width)
        held = self._plan.split.holdout
        return Purchase(
            budget=budget,
            configs=found.configs,
            blocks=found.draws // self.block,
            holdout=len(held),
            detectable=_detectable(
                self._plan, self._plan.split.count_clusters(held), look_confidence(1)
            ),
        )

    @property
    def search(self) -> float:
        """Seconds on the wall: until every point went as far as points go, at most the limit."""
        return min(self._limit, self._forecast(self._limit * self._width).spent / self._width)

    @property
    def holdout(self) -> float:
        """Seconds on the wall until the choice and the baseline met the holdout."""
        return len(self._plan.split.holdout) * self._pair / self._width


def _ladder(plan: Plan, model: str) -> Sequence[Any]:
    domain = plan.space.domain("n", model)
    return domain.values if domain is not None else (1,)


def _judge_cost(plan: Plan, rows: Sequence[AnswerForecast]) -> float:
    """Dollars of judging one answer; 0 where the metric is free."""
    judge = plan.metric.function
    if plan.judge is None or not isinstance(judge, Judge):
        return 0.0
    words = round(sum(row.output_tokens for row in rows) / len(rows))
    asked = [judge.request(" word" * words, example) for example in plan.split.tuning[:SAMPLE]]
    tokens = sum(likely_tokens(request, 10**9) for request in asked) / len(asked)
    return to_dollars(
        plan.prices[plan.judge.name].cost(
            math.ceil(tokens), math.ceil(OUTPUT_SHARE * judge.max_tokens)
        )
    )


def _detectable(plan: Plan, units: int, confidence: float) -> float:
    low, high = plan.metric.low, plan.metric.mean_high
    if units < 2:
        return math.inf
    return detectable_difference(
        units, SPREAD * (high - low), low=low, high=high, confidence=confidence
    )
