"""What draws were worth: their price, and that of the same readings without reading off."""

from __future__ import annotations

from collections.abc import Sequence

from tune.completion import Completion
from tune.pricing.prices import to_dollars
from tune.readout.truncate import cut
from tune.space import FREE, Point
from tune.study.record import ModelRecord, RunRecord


def costs_of_readings(record: RunRecord) -> tuple[float, float]:
    """Dollars of the draws that were read, and of the same readings where every max_tokens and stop
    is paid.

    Both at list price and in as few calls as can be, with as many draws of each example as were
    read: who pays for caps and stops can share draws over n and aggregates too, so that n costs
    nothing in either.
    """
    read: dict[object, int] = {}
    paid: dict[object, int] = {}
    for number, standing in record.standings.items():
        cuts = dict.fromkeys((r.config.max_tokens, r.config.stop) for r in standing.readings)
        if not cuts:
            continue
        trial = record.trials[number]
        model = record.model_of(trial)
        said = Point({name: value for name, value in trial.point.items() if name not in FREE})
        bought = (trial.cap, record.reader.bought_stop(trial.point))
        for position, draws in trial.draws.items():
            for cap, stop in cuts:
                cost = _price_of(model, draws, [cut(draw, cap, stop).tokens for draw in draws])
                paid[said, cap, stop, position] = max(
                    paid.get((said, cap, stop, position), 0), cost
                )
            # Trials that ask the same share draws: they are counted once.
            cost = _price_of(model, draws, [draw.completion_tokens for draw in draws])
            read[said, *bought, position] = max(read.get((said, *bought, position), 0), cost)
    return to_dollars(sum(read.values())), to_dollars(sum(paid.values()))


def _price_of(model: ModelRecord, draws: Sequence[Completion], tokens: Sequence[int]) -> int:
    """Picodollars of draws of one request that took so many tokens each, bought together."""
    size, prompt = model.most_n, max(draw.prompt_tokens for draw in draws)
    calls = [tokens[start : start + size] for start in range(0, len(tokens), size)]
    return sum(model.price.cost(prompt, sum(call)) for call in calls)
