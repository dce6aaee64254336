"""What draws were worth: their price, and that of the same readings without reading off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tune.completion import Completion
from tune.pricing.prices import to_dollars
from tune.providers.stack import Service
from tune.readout.trial import Trial
from tune.readout.truncate import cut
from tune.space import FREE, Point
from tune.study.run import Run


def costs_of_readings(run: Run, trials: Mapping[int, Trial]) -> tuple[float, float]:
    """Dollars of the draws that were read, and of the same readings where every max_tokens and stop
    is paid.

    Both at list price and in as few calls as can be, with as many draws of each example as were
    read: who pays for caps and stops can share draws over n and aggregates too, so that n costs
    nothing in either.
    """
    read: dict[object, int] = {}
    paid: dict[object, int] = {}
    for number, standing in run.standings().items():
        cuts = dict.fromkeys((r.config.max_tokens, r.config.stop) for r in standing.readings)
        if not cuts:
            continue
        trial, service = trials[number], run.services[str(standing.point["model"])]
        said = Point({name: value for name, value in trial.point.items() if name not in FREE})
        bought = (trial.cap, run.evaluator.bought_stop(trial.point))
        for position, draws in trial.draws.items():
            for cap, stop in cuts:
                cost = _price_of(service, draws, [cut(draw, cap, stop).tokens for draw in draws])
                paid[said, cap, stop, position] = max(
                    paid.get((said, cap, stop, position), 0), cost
                )
            # Trials that ask the same share draws: they are counted once.
            cost = _price_of(service, draws, [draw.completion_tokens for draw in draws])
            read[said, *bought, position] = max(read.get((said, *bought, position), 0), cost)
    return to_dollars(sum(read.values())), to_dollars(sum(paid.values()))


def _price_of(service: Service, draws: Sequence[Completion], tokens: Sequence[int]) -> int:
    """Picodollars of draws of one request that took so many tokens each, bought together."""
    size, prompt = service.endpoint.most_n, max(draw.prompt_tokens for draw in draws)
    calls = [tokens[start : start + size] for start in range(0, len(tokens), size)]
    return sum(service.price.cost(prompt, sum(call)) for call in calls)
