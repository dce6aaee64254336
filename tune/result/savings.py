"""The price of the bought draws, and of the same readings without sharing them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from tune.pricing.prices import to_dollars
from tune.readout.columns import DrawColumns, Integers, list_prices, sums
from tune.space import FREE, Point
from tune.study.record import ModelRecord, RunRecord

_Costs: TypeAlias = dict[object, dict[int, int]]
"""Whole picodollars by request: by what is asked, and by the example's position."""


def costs_of_readings(record: RunRecord) -> tuple[float, float]:
    """Return the dollars of the draws that were read, and of the readings if caps and stops were
    paid.

    Both are at list price, in as few calls as possible, and with as many draws of each example as
    were read. Even a user who pays for caps and stops can share draws over n and aggregates, so n
    costs nothing in either sum.
    """
    read: _Costs = {}
    paid: _Costs = {}
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
        draws = record.reader.columns(trial)
        for cap, stop in cuts:
            tokens = record.reader.cut_tokens(trial, cap, stop)
            _note(paid, (said, cap, stop), draws, _prices(model, draws, tokens))
        stop = record.reader.bought_stop(trial.point)
        tokens = sums(draws.completion_tokens, draws.starts)
        _note(read, (said, trial.cap, stop), draws, _prices(model, draws, tokens))
    return _total(read), _total(paid)


def _note(costs: _Costs, request: object, draws: DrawColumns, each: Integers) -> None:
    """Note the cost of each example; one that several trials ask for counts once."""
    new = dict(zip(draws.positions.tolist(), each.tolist(), strict=True))
    known = costs.setdefault(request, new)
    # Few requests are those of several trials.
    if known is not new:
        for position, cost in new.items():
            known[position] = max(known.get(position, 0), cost)


def _prices(model: ModelRecord, draws: DrawColumns, tokens: Integers) -> Integers:
    """Return the picodollars of each example's draws with these tokens, bought together."""
    if not len(draws.sizes):
        return tokens
    prompts = np.maximum.reduceat(draws.prompt_tokens, draws.starts)
    # Each further call pays the prompt again, and its answers are among the tokens already.
    further = -(-draws.sizes // model.most_n) - 1
    again = list_prices(model.price, prompts, 0 * prompts)
    return list_prices(model.price, prompts, tokens) + further * again


def _total(costs: _Costs) -> float:
    return to_dollars(sum(sum(known.values()) for known in costs.values()))
