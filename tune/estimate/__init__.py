"""What a run will cost and what it can see, before anything is sent: nothing here waits, pays or calls."""

from tune.estimate.few import few_examples
from tune.estimate.money import Estimate, Purchase, estimate
from tune.estimate.surprise import Surprises, first_forecasts
from tune.estimate.tokens import Forecast, compare, silent_endpoints
from tune.estimate.words import estimate_lines, estimate_table, price_lines

__all__ = [
    "Estimate",
    "Forecast",
    "Purchase",
    "Surprises",
    "compare",
    "estimate",
    "estimate_lines",
    "estimate_table",
    "few_examples",
    "first_forecasts",
    "price_lines",
    "silent_endpoints",
]
