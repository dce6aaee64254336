"""A forecast of the strategy "knowledge_gradient" from prices alone."""

from __future__ import annotations

import math

from tune.strategies.blocks import first_share, rung_sizes
from tune.strategies.forecast import SearchCosts, SearchForecast, geometric_mean, whole
from tune.strategies.settings import KnowledgeGradientSettings

_CONFIGS = 7.4
_CONFIGS_BY_PAIRS = 0.14
_CONFIGS_BY_BLOCKS = 0.17
"""Points begun = 7.4 * pairs^0.14 * first blocks that the money pays for^0.17.

Fitted in November 2026 on 68 searches in the worlds of `tune.fakes.race`, with 3 to 12 models and
prompts (pairs) and money for half a pass of an average point over all examples to 30 of them. The
standard deviation of the logarithm was 0.22.
"""

_LASTING = 1.5
"""Draws of a trial that goes on, against one draw of each of its examples."""


def forecast_search(
    settings: KnowledgeGradientSettings,
    costs: SearchCosts,
    money: float,
) -> SearchForecast:
    """Forecast a search from prices alone.

    The value per dollar favours cheap points at first, so first blocks are counted at the geometric
    mean of prices. What is left goes to the best points, which tend to be expensive, and is counted
    at the highest price of a draw.
    """
    search = (1.0 - settings.final_share) * money
    each = geometric_mean(costs.first_dollars())
    exhausted = _exhausted(settings, costs)
    if each <= 0 or money >= exhausted.spent:
        return exhausted
    # Between the sizes, so that more money never begins fewer points.
    kinds = math.ceil(max(len(costs.pairs), costs.points_of_pair))
    block = first_share(costs.examples, kinds, search / each)
    first = block * each
    at_once = _affordable(costs, block, settings.blind_share * search)
    first_blocks = whole(at_once, 0, min(settings.blind_steps, costs.points))
    begun = (
        _CONFIGS
        * len(costs.pairs) ** _CONFIGS_BY_PAIRS
        * (search / first) ** _CONFIGS_BY_BLOCKS
    )
    most = min(costs.points, _affordable(costs, block, search))
    configs = whole(begun, first_blocks, most)
    rest = max(0.0, search - configs * first)
    more_draws = rest / max(costs.draw_dollars())
    # Of a point that goes on, about so many draws of each example are bought.
    draws = math.sqrt(costs.fewest * costs.most)
    return SearchForecast(
        configs=configs,
        examples=round(configs * block + more_draws / draws),
        draws=round(configs * block * costs.fewest + more_draws),
        first_blocks=first_blocks,
        spent=money if configs else 0.0,
    )


def _affordable(costs: SearchCosts, block: float, money: float) -> int:
    """Return the number of first blocks of so many examples that the money pays for.

    The cheapest come first.
    """
    count = 0.0
    for dollars in sorted(costs.first_dollars()):
        price = block * dollars
        if price * costs.points_of_pair > money:
            return int(count + money / price)
        money -= price * costs.points_of_pair
        count += costs.points_of_pair
    return int(count)


def _exhausted(
    settings: KnowledgeGradientSettings, costs: SearchCosts
) -> SearchForecast:
    """Return the search that ends because no block is worth its money, however much there is."""
    rungs = len(rung_sizes(costs.examples))
    # A third of the points goes on to twice the examples, then ever the half, with more draws.
    climb = _LASTING * (1 + (rungs - 1) / 3)
    mean = sum(costs.first_dollars()) / len(costs.pairs)
    examples = costs.points * costs.block * (1 + (rungs - 1) / 3)
    return SearchForecast(
        configs=costs.points,
        examples=round(examples),
        draws=round(examples * costs.fewest * _LASTING),
        first_blocks=costs.points,
        spent=costs.points * costs.block * mean * climb / (1.0 - settings.final_share),
    )
