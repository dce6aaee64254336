"""The price of the bought draws, and of the same readings without sharing them."""

from __future__ import annotations

from collections.abc import Sequence

from tune.completion import Completion
from tune.pricing.prices import to_dollars
from tune.readout.truncate import cut
from tune.space import FREE, Point
from tune.study.record import ModelRecord, RunRecord


def costs_of_readings(record: RunRecord) -> tuple[float, float]:
    """Return the dollars of the draws that were read, and of the readings if caps and stops were
    paid.

    Both are at list price, in as few calls as possible, and with as many draws of each example as
    were read. Even a user who pays for caps and stops can share draws over n and aggregates, so n
    costs nothing in either sum.
    """
    # Whole picodollars, by request: a request that several trials share is counted once.
    read: dict[object, int] = {}
    paid: dict[object, int] = {}
    for number, standing in record.standings.items():
        # A dict keeps the order, and each cap with its stop strings once.
        cuts: dict[tuple[int, tuple[str, ...]], None] = {}
        for reading in standing.readings:
            cuts[reading.config.max_tokens, reading.config.stop] = None
        if not cuts:
            continue
        trial = record.trials[number]
        model = record.model_of(trial)
        # Free dimensions do not change the text, so they make no other request.
        asked = {}
        for name, value in trial.point.items():
            if name not in FREE:
                asked[name] = value
        said = Point(asked)
        bought = (trial.cap, record.reader.bought_stop(trial.point))
        for position, draws in trial.draws.items():
            for cap, stop in cuts:
                tokens = [cut(draw, cap, stop).tokens for draw in draws]
                cost = _price_of(model, draws, tokens)
                request = (said, cap, stop, position)
                paid[request] = max(paid.get(request, 0), cost)
            tokens = [draw.completion_tokens for draw in draws]
            cost = _price_of(model, draws, tokens)
            as_bought = (said, *bought, position)
            read[as_bought] = max(read.get(as_bought, 0), cost)
    return to_dollars(sum(read.values())), to_dollars(sum(paid.values()))


def _price_of(
    model: ModelRecord, draws: Sequence[Completion], tokens: Sequence[int]
) -> int:
    """Return the picodollars of draws of one request with these lengths, bought together."""
    size = model.most_n
    prompt = max(draw.prompt_tokens for draw in draws)
    cost = 0
    for start in range(0, len(tokens), size):
        # One call pays its prompt once for all of its answers.
        call = tokens[start : start + size]
        cost += model.price.cost(prompt, sum(call))
    return cost
