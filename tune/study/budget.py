"""The dollars of one run: the most that an example can cost, what the search may spend, and what it
must leave.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from tune.completion import Endpoint, Request, calls_for
from tune.errors import BudgetError
from tune.plan.plan import Plan
from tune.pricing.clock import FIRST_WIDTH, Clock, assumed_seconds
from tune.pricing.prices import to_dollars, to_picodollars
from tune.readout import Reading
from tune.space import Point
from tune.store.admission import Account
from tune.study.evaluate import Evaluator

MOST_HOLDOUT_SHARE = 0.4
"""The most of the budget that is set aside for the holdout."""

LEAST_BLOCK = 8
"""Examples that a budget must pay for, for one config, to be worth beginning with."""

LEAST_HOLDOUT = 20
"""Holdout examples that a choice must be able to meet, alone, to ask for more answers than the
search bought of it.
"""

SLOWEST = 30.0
"""Seconds that are expected of a call at most: a limit of a minute still buys the first answers."""

PROMPTS = 8
"""Tuning examples, of which the longest prompt says what one costs at most."""

LEADING = 20
"""Readings of which the dearest says what the choice may cost."""


def _ceiling(plan: Plan, endpoint: Endpoint, point: Point, draws: int, cap: int) -> float:
    """Dollars that one example of a point can cost at most, from the longest prompt among a few."""
    most, prompts = _longest_prompt(plan, endpoint, point, cap), calls_for(draws, endpoint.most_n)
    return to_dollars(
        plan.prices[str(point["model"])].ceiling(prompts * most, draws * cap, calls=prompts)
    )


def _longest_prompt(plan: Plan, endpoint: Endpoint, point: Point, cap: int) -> int:
    """The most tokens that a prompt of this point may have, from a few examples."""
    model, prompt = str(point["model"]), plan.prompts[str(point["prompt"])]
    asked = [prompt.render(example) for example in plan.split.tuning[:PROMPTS]]
    requests = [
        Request(service=endpoint.service, model=model, prompt=said, max_tokens=cap)
        for said in asked
    ]
    return max(endpoint.most_prompt_tokens(request) for request in requests)


def _assumed_seconds(plan: Plan, endpoint: Endpoint, point: Point, draws: int, cap: int) -> float:
    """Seconds of service that one example of a point takes before any answer was seen: a generous
    guess.

    What was measured takes its place, as a share of it, so that it only has to grow as the true
    seconds do.
    """
    prompt = _longest_prompt(plan, endpoint, point, cap)
    call = min(SLOWEST, assumed_seconds(prompt, cap))
    return calls_for(draws, endpoint.most_n) * call


def check_budget(plan: Plan, endpoints: Mapping[str, Endpoint]) -> None:
    """Refuse a budget of which a search could not buy one block of examples.

    A call must fit at the most that it can cost; a block is taken at what calls rather cost, with
    answers a quarter as long as they may be: by ceilings alone, a generous max_tokens would forbid
    a good search.

    Args:
        plan: what is asked for.
        endpoints: of its models, by name; they count tokens, and nothing is sent.

    Raises:
        BudgetError: it could not.
    """
    if plan.unbilled:
        return
    baseline, point = plan.baseline, plan.baseline_point
    endpoint = endpoints[baseline.model]
    call = _ceiling(plan, endpoint, point, baseline.n, baseline.max_tokens)
    usual = _ceiling(plan, endpoint, point, baseline.n, max(1, baseline.max_tokens // 4))
    block = min(LEAST_BLOCK, len(plan.split.tuning))
    least = max(call, block * usual) / (1 - MOST_HOLDOUT_SHARE)
    if to_picodollars(plan.budget) < to_picodollars(least):
        raise BudgetError(
            f"a budget of ${plan.budget:.6g} is too small for one block of {block} examples: one call can "
            f"cost up to ${call:.2g}, and up to {MOST_HOLDOUT_SHARE:.0%} is kept for the holdout, so ${least:.2g} "
            f"is the least; `tune estimate` says what a search takes"
        )


class StudyBudget:
    """What a study spends on what.

    Args:
        plan: what is asked for. account: holds the budget. evaluator: knows what is sent for an
        example. clock: the time that is left, where nobody is billed; then all amounts are seconds
        of service.
    """

    def __init__(
        self, plan: Plan, account: Account, evaluator: Evaluator, clock: Clock | None = None
    ) -> None:
        self.plan, self.account, self.evaluator, self.clock = plan, account, evaluator, clock

    @property
    def left(self) -> float:
        """Dollars that the search may still spend."""
        if self.clock is not None:
            return self.clock.left
        return to_dollars(max(0, self.account.limit - self.account.spent))

    @property
    def max_extrapolated_cost(self) -> float:
        """Dollars per request that a choice may cost of which the search bought fewer answers than
        it asks for.

        The holdout is the first to meet it, so what can be set aside has to pay for a good part of
        that.
        """
        least = max(1, min(LEAST_HOLDOUT, len(self.plan.split.holdout)))
        whole = self.plan.budget if self.clock is None else FIRST_WIDTH * self.clock.limit
        return MOST_HOLDOUT_SHARE * whole / least

    def ceiling(self, point: Point, draws: int, cap: int) -> float:
        """Dollars that one example of a point can cost at most, from the longest prompt among a
        few.
        """
        service = self.evaluator.services[str(point["model"])]
        find = _ceiling if self.clock is None else _assumed_seconds
        return find(self.plan, service.endpoint, point, draws, service.metered.most_output(cap))

    def check_budget(self) -> None:
        """Refuse a budget of which the search could not buy one block of examples.

        Raises:
            BudgetError: it could not.
        """
        check_budget(
            self.plan, {name: service.endpoint for name, service in self.evaluator.services.items()}
        )

    def reserve_holdout(
        self, found: Iterable[Reading], extrapolated: Reading | None = None
    ) -> None:
        """Keep the holdout's money where the search cannot reach it.

        What the choice will cost is known only roughly, and better with every wave: the dearest of
        the best few readings and the baseline, with half as much again, and room for the last call
        at the most that it can cost; never over 40 % of the budget.

        Args:
            found: every reading so far.
            extrapolated: what would be chosen now, where that asks for more answers than were bought.
        """
        examples, metric = len(self.plan.split.holdout), self.plan.metric
        point, baseline = self.plan.baseline_point, self.plan.baseline
        readings = [r for r in found if r.n_examples >= LEAST_BLOCK and math.isfinite(r.cost)]
        leading = sorted(readings, key=lambda r: r.mean, reverse=metric.larger_is_better)[:LEADING]
        most = self.ceiling(point, baseline.n, baseline.max_tokens)
        usual = next((r.cost for r in readings if r.config == baseline), most)
        dearest = max(
            [*leading, *([extrapolated] if extrapolated else [])],
            key=lambda r: r.cost,
            default=None,
        )
        if dearest is None:
            expected = 2 * self.ceiling(point, 1, baseline.max_tokens) + usual
        else:
            config = dearest.config
            expected = 2 * dearest.cost + usual
            most = max(most, self.ceiling(config, config.n, config.max_tokens))
        share = min(MOST_HOLDOUT_SHARE * self.plan.budget, 1.5 * examples * expected + most)
        self.account.set_aside(to_picodollars(share))
