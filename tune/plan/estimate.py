"""The estimate of a run: its expected costs, and the differences that it can show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tune.completion import Endpoint
from tune.plan.answer_forecast import AnswerForecast, forecast_answers
from tune.plan.plan import Plan
from tune.plan.purchase import (
    SEARCH_POINTS,
    DollarModel,
    Purchase,
    TimeModel,
    visible_difference,
)
from tune.plan.sample_size import sample_size_note
from tune.store.draws import Store
from tune.strategies.cheapest import CONFIDENCE


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """The expected costs of a run, and the differences that it can show.

    Attributes:
        rows: the forecast of an answer, by model and prompt.
        draw: dollars of an average answer to an example, judged.
        tuning: examples of the search.
        holdout: examples of the final check.
        points: paid points that the search can begin: those of the space, or --trials.
        bought: the search and the holdout that the budget pays for.
        enough: dollars from which it is a search.
        tuning_detectable: the difference that all tuning examples show with 80 % probability, in
            the metric's own scale. For the goal "cheapest" it is the difference to what is good
            enough (one-sided, 95 %).
        others: the same as `bought` for other budgets.
        sample_size_note: two sentences on what few examples leave unknown; "" where there are
            enough.
        goal: "quality", "cheapest" or "frontier".
        min_quality: for "cheapest", the score that is good enough, if one was stated.
        margin: or by how much the choice may be worse than the baseline.
        draw_span: the least and the most that `draw` may be; None where all lengths of answers are
            stated.
        time_limit: seconds that the search may take where every price is 0; else None.
        seconds: of an average answer where every price is 0; None where it is not known yet.
        search_seconds: about how long the search takes on the wall; None as for `seconds`.
        holdout_seconds: about how long the final check takes; None as for `seconds`.
        prices: for each model its price in words, and where it comes from.
    """

    rows: tuple[AnswerForecast, ...]
    draw: float
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
        """True where the budget compares enough points to be called a search."""
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
        plan: the checked order.
        endpoints: of the space's models, by name; nothing is sent to them.
        store: holds what was bought before, if anything.
        others: other budgets in dollars to estimate.
    """
    rows = forecast_answers(plan, endpoints, store)
    money = DollarModel(plan, rows, endpoints)
    clusters = plan.split.count_clusters(plan.split.tuning)
    # The test for the goal "cheapest" is one-sided, and its strategy has its own confidence.
    confidence = CONFIDENCE if plan.goal == "cheapest" else 0.95
    found = RunEstimate(
        rows=rows,
        draw=money.draw,
        tuning=len(plan.split.tuning),
        holdout=len(plan.split.holdout),
        points=money.points,
        bought=money.buys(plan.budget),
        enough=money.enough(),
        tuning_detectable=visible_difference(plan, clusters, confidence),
        sample_size_note=sample_size_note(plan),
        goal=plan.goal,
        min_quality=plan.min_quality,
        margin=plan.margin,
        draw_span=_draw_span(plan, rows, endpoints),
        prices=tuple((name, price.describe()) for name, price in plan.prices.items()),
    )
    if not plan.unbilled:
        return replace(found, others=tuple(map(money.buys, others)))
    # Dollars say nothing where every price is 0: seconds take their place, if they are known.
    found = replace(found, time_limit=plan.time_limit)
    # Nothing is known about the speed of a model that was never called.
    if any(row.seconds is None for row in rows):
        return found
    time = TimeModel(plan, rows, endpoints)
    return replace(
        found,
        bought=time.buys(plan.budget),
        seconds=time.draw,
        search_seconds=time.search,
        holdout_seconds=time.holdout,
    )


def _draw_span(
    plan: Plan, rows: Sequence[AnswerForecast], endpoints: Mapping[str, Endpoint]
) -> tuple[float, float] | None:
    """Return the dollars of an average answer if all guesses are too long, or all too short."""
    if all(row.output_span is None for row in rows):
        return None
    # The worst case: all guesses are off in the same direction.
    shortest, longest = [], []
    for row in rows:
        # A stated length has no span.
        least, most = row.output_span or (row.output_tokens, row.output_tokens)
        shortest.append(replace(row, output_tokens=least))
        longest.append(replace(row, output_tokens=most))
    low = DollarModel(plan, shortest, endpoints).draw
    high = DollarModel(plan, longest, endpoints).draw
    return low, high
