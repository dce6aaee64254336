"""The budget of a study: the most that an example can cost, and what is kept for the holdout."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from tune.completion import Endpoint, Request, calls_for
from tune.errors import BudgetError
from tune.plan.plan import Plan
from tune.plan.purchase import MOST_HOLDOUT_SHARE
from tune.pricing.amounts import dollars, least_dollars, stated_dollars
from tune.pricing.clock import FIRST_WIDTH, Clock, assumed_seconds
from tune.pricing.prices import to_dollars, to_picodollars
from tune.readout import Reading
from tune.space import Point
from tune.store.ledger import Ledger
from tune.study.evaluate import Evaluator

LEAST_BLOCK = 8
"""Examples of one configuration that a budget must pay for, to be worth beginning with."""

LEAST_HOLDOUT = 20
"""Holdout examples that must be affordable for a configuration that asks for more answers than the
search bought of it.
"""

SLOWEST = 30.0
"""Seconds that a call is assumed to take at most: a limit of a minute still buys first answers."""

PROMPTS = 8
"""Tuning examples whose longest prompt stands for all."""

LEADING = 20
"""Readings whose most expensive one says what the selected configuration may cost."""

RESERVE_MARGIN = 1.5
"""The holdout reserve is so many times what the holdout is expected to cost."""

USUAL_ANSWER = 4
"""An answer is usually shorter than its cap: a block is judged with caps divided by this."""


def check_budget(plan: Plan, endpoints: Mapping[str, Endpoint]) -> None:
    """Refuse a budget that does not pay for one block of examples.

    One call must fit at the most that it can cost. A block is judged by what calls usually cost:
    by their ceilings alone, a generous max_tokens would forbid a good search.

    Args:
        plan: what is asked for.
        endpoints: of its models, by name; they count tokens, and nothing is sent.

    Raises:
        BudgetError: the budget is too small.
    """
    if plan.unbilled:
        return
    baseline = plan.baseline
    point = plan.baseline_point
    endpoint = endpoints[baseline.model]
    # The ledger reserves ceilings, so a call that does not fit could never be sent.
    call = _ceiling(plan, endpoint, point, baseline.n, baseline.max_tokens)
    usual_cap = max(1, baseline.max_tokens // USUAL_ANSWER)
    usual = _ceiling(plan, endpoint, point, baseline.n, usual_cap)
    block = min(LEAST_BLOCK, len(plan.split.tuning))
    least = max(call, block * usual) / (1 - MOST_HOLDOUT_SHARE)
    # Whole picodollars: two floats that print alike may differ in their last digit.
    if to_picodollars(plan.budget) < to_picodollars(least):
        raise BudgetError(
            f"a budget of {stated_dollars(plan.budget)} is too small for one block of {block} "
            f"examples: one call can cost up to {dollars(call)}, and up to "
            f"{MOST_HOLDOUT_SHARE:.0%} is kept for the holdout, so {least_dollars(least)} is the "
            f"least; `tune estimate` says what a search takes"
        )


class StudyBudget:
    """The money of a study: what the search may spend, and what it must leave.

    Args:
        plan: what is asked for.
        ledger: holds the money.
        evaluator: knows what is sent for an example.
        clock: the time that is left, where nobody is billed; then all amounts are seconds of
            service.
    """

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        evaluator: Evaluator,
        clock: Clock | None = None,
    ) -> None:
        self.plan = plan
        self.ledger = ledger
        self.evaluator = evaluator
        self.clock = clock

    @property
    def left(self) -> float:
        """Dollars that the search may still spend."""
        if self.clock is not None:
            return self.clock.left
        return to_dollars(max(0, self.ledger.limit - self.ledger.spent))

    @property
    def max_extrapolated_cost(self) -> float:
        """Dollars per request that a configuration may cost if its answers were not all bought.

        The holdout is its first measurement, so the reserve has to pay for a good part of it.
        """
        # A small holdout needs less.
        least = max(1, min(LEAST_HOLDOUT, len(self.plan.split.holdout)))
        whole = self.plan.budget
        if self.clock is not None:
            # The seconds of service in a time limit, before the width of the services is measured.
            whole = FIRST_WIDTH * self.clock.limit
        return MOST_HOLDOUT_SHARE * whole / least

    def ceiling(
        self,
        point: Point,
        draws: int,
        cap: int,
    ) -> float:
        """Return the most dollars that one example of a point can cost."""
        service = self.evaluator.services[str(point["model"])]
        # An endpoint may ignore the cap. Its largest output counts until it was seen to keep it.
        most_output = service.metered.most_output(cap)
        # Without a bill, seconds take the place of dollars everywhere.
        find = _ceiling if self.clock is None else _assumed_seconds
        return find(self.plan, service.endpoint, point, draws, most_output)

    def check_budget(self) -> None:
        """Refuse a budget that does not pay for one block of examples.

        Raises:
            BudgetError: the budget is too small.
        """
        services = self.evaluator.services.items()
        endpoints = {name: service.endpoint for name, service in services}
        check_budget(self.plan, endpoints)

    def reserve_holdout(
        self, found: Iterable[Reading], extrapolated: Reading | None = None
    ) -> None:
        """Keep the holdout's money out of the reach of the search.

        The cost of the selected configuration is known only roughly, and better with every wave. So
        the reserve pays for the most expensive of the best few readings and for the baseline, with
        a margin, and for the last call at its ceiling. It is never over 40 % of the budget.

        Args:
            found: every reading so far.
            extrapolated: what would be selected now, if it asks for more answers than were bought.
        """
        # The first answers of a configuration say little about its quality and its cost.
        readings: list[Reading] = []
        for reading in found:
            if reading.n_examples >= LEAST_BLOCK and math.isfinite(reading.cost):
                readings.append(reading)
        larger_is_better = self.plan.metric.larger_is_better
        readings_by_mean = sorted(readings, key=_mean, reverse=larger_is_better)
        leading = readings_by_mean[:LEADING]
        if extrapolated is not None:
            leading.append(extrapolated)
        point = self.plan.baseline_point
        baseline = self.plan.baseline
        most = self.ceiling(point, baseline.n, baseline.max_tokens)
        # Before the baseline has a reading, its ceiling stands in.
        usual = next((r.cost for r in readings if r.config == baseline), most)
        most_expensive = max(leading, key=_cost, default=None)
        if most_expensive is None:
            expected = 2 * self.ceiling(point, 1, baseline.max_tokens) + usual
        else:
            config = most_expensive.config
            # Twice, as the single answer for agents is tested too.
            expected = 2 * most_expensive.cost + usual
            most = max(most, self.ceiling(config, config.n, config.max_tokens))
        examples = len(self.plan.split.holdout)
        needed = RESERVE_MARGIN * examples * expected + most
        reserve = min(MOST_HOLDOUT_SHARE * self.plan.budget, needed)
        self.ledger.set_holdout_reserve(to_picodollars(reserve))


def _mean(reading: Reading) -> float:
    return reading.mean


def _cost(reading: Reading) -> float:
    return reading.cost


def _ceiling(
    plan: Plan,
    endpoint: Endpoint,
    point: Point,
    draws: int,
    cap: int,
) -> float:
    """Return the most dollars that one example of a point can cost."""
    # The prompt is billed once for each call, not for each answer.
    calls = calls_for(draws, endpoint.most_n)
    prompt_tokens = calls * _longest_prompt(plan, endpoint, point, cap)
    price = plan.prices[str(point["model"])]
    most = price.ceiling(prompt_tokens, draws * cap, calls=calls)
    return to_dollars(most)


def _longest_prompt(
    plan: Plan,
    endpoint: Endpoint,
    point: Point,
    cap: int,
) -> int:
    """Return the most tokens that a prompt of this point may have, from a few examples."""
    prompt = plan.prompts[str(point["prompt"])]
    most = 0
    # Of a few examples only: a search asks for many prices, and each prompt has to be rendered.
    for example in plan.split.tuning[:PROMPTS]:
        request = Request(
            service=endpoint.service,
            model=str(point["model"]),
            prompt=prompt.render(example),
            max_tokens=cap,
        )
        most = max(most, endpoint.most_prompt_tokens(request))
    return most


def _assumed_seconds(
    plan: Plan,
    endpoint: Endpoint,
    point: Point,
    draws: int,
    cap: int,
) -> float:
    """Return the seconds of service that one example of a point is assumed to take: many.

    Measured seconds are used as a share of these, so these only have to grow as the true ones do.
    """
    prompt = _longest_prompt(plan, endpoint, point, cap)
    call = min(SLOWEST, assumed_seconds(prompt, cap))
    return calls_for(draws, endpoint.most_n) * call
