"""One line for each wave: what was bought, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tune.pricing.amounts import dollars
from tune.report.text import count

BASELINE, NEW = "baseline", "new"
EXAMPLES, DRAWS, CUT = "examples", "draws", "cut"
"""Kinds of orders: the first examples of the baseline, or of another configuration; more examples;
more answers to the same examples; answers that show where a smaller max_tokens cuts, or what a
model takes.
"""

MOST_TRIALS = 6
"""Trials that a line names. More are counted."""

MOST_NAMED = 3
"""New configurations whose trials a line names."""

LEADER, RIVAL = 1, 2
"""Places of trials."""


class WaveOrder(NamedTuple):
    """An order for one trial, as a journal keeps it.

    Attributes:
        kind: `BASELINE`, `NEW`, `EXAMPLES`, `DRAWS` or `CUT`.
        trial: the trial's number.
        examples: the number of examples that are new for it; those that get more answers for
            `DRAWS`.
        draws: answers that each of them has afterwards.
        gain: expected rise of the best quality, as a share of the metric's range, or None.
        price: expected dollars, or None.
        place: `LEADER`, `RIVAL` or 0 for others.
        limit: dollars per request under which the best is searched, or None.
        purpose: the end of a sentence.
    """

    kind: str
    trial: int
    examples: int
    draws: int
    gain: float | None = None
    price: float | None = None
    place: int = 0
    limit: float | None = None
    purpose: str = ""


def wave_line(number: int, orders: Sequence[WaveOrder], *, timed: bool = False) -> str:
    """Return the line of a wave.

    Args:
        number: of the wave, from 1.
        orders: what is bought.
        timed: nobody is billed, and seconds take the place of dollars.
    """
    groups: dict[tuple[str, str], list[WaveOrder]] = {}
    for order in orders:
        # The baseline is one of the new ones.
        kind = NEW if order.kind == BASELINE else order.kind
        groups.setdefault((kind, order.purpose), []).append(order)
    # Equal purposes follow each other, so that each is said once.
    by_purpose: dict[str, list[str]] = {}
    for (kind, purpose), group in groups.items():
        by_purpose.setdefault(purpose, []).append(_SAID[kind](group))
    parts = []
    for purpose, said in by_purpose.items():
        parts.append(", ".join(filter(None, [*said, purpose])))
    return f"wave {number}: {'; '.join([*parts, *_value(orders, timed)])}"


def _value(orders: Sequence[WaveOrder], timed: bool) -> list[str]:
    """Return what the wave is expected to gain and to cost, as one part of a line."""
    gains = [order.gain for order in orders if order.gain is not None]
    prices = [order.price for order in orders if order.price is not None]
    said = []
    if gains:
        # Blocks are valued one by one. Together they gain at least as much as the best of them.
        points = 100 * max(gains)
        shown = _two_digits(points) if points >= 0.01 else "less than 0.01"
        more = " or more" if len(gains) > 1 else ""
        said.append(f"expected gain {shown} points{more}")
        said += _limit(orders, timed)
    if prices:
        total = sum(prices)
        cost = f"{_two_digits(total)} seconds of calls" if timed else dollars(total)
        said.append(f"for about {cost}")
    return [" ".join(said)] if said else []


def _limit(orders: Sequence[WaveOrder], timed: bool) -> list[str]:
    limits = {order.limit for order in orders if order.limit is not None}
    if not limits:
        return []
    most = f"{_two_digits(max(limits))} seconds" if timed else dollars(max(limits))
    return [f"among those of at most {most} per request"]


def _two_digits(value: float) -> str:
    """Return a number with two digits, or all digits of a large one."""
    # With two digits, numbers from 99.5 on would be written with an exponent.
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.2g}"


def _said_new(orders: Sequence[WaveOrder]) -> str:
    fresh = [order for order in orders if order.kind == NEW]
    found = []
    if len(fresh) < len(orders):
        found.append("the baseline")
    if fresh:
        named = ""
        if len(fresh) <= MOST_NAMED:
            named = f" ({_numbers([order.trial for order in fresh])})"
        found.append(count(len(fresh), "new configuration") + named)
    each = "each " if len(orders) > 1 else ""
    examples = _examples(orders, "example")
    return f"{_and(found)} on {examples} {each}{_answers(orders)}".rstrip()


def _said_examples(orders: Sequence[WaveOrder]) -> str:
    said = f"{_examples(orders, 'more example')} for {_trials(orders)}"
    return f"{said} {_answers(orders)}".rstrip()


def _said_draws(orders: Sequence[WaveOrder]) -> str:
    draws = _range(order.draws for order in orders)
    return f"{draws} answers to {_each_example(orders)} for {_trials(orders)}"


def _said_cut(orders: Sequence[WaveOrder]) -> str:
    return f"an answer to {_each_example(orders)}"


_SAID = {
    NEW: _said_new,
    EXAMPLES: _said_examples,
    DRAWS: _said_draws,
    CUT: _said_cut,
}
"""Words for the orders of each kind."""


def _examples(orders: Sequence[WaveOrder], thing: str) -> str:
    """Return the number of examples of an order, as `1 example` or `8 to 24 examples`."""
    sizes = _range(order.examples for order in orders)
    return f"{sizes} {thing}" if sizes == "1" else f"{sizes} {thing}s"


def _each_example(orders: Sequence[WaveOrder]) -> str:
    """Return the examples that get more answers, as `1 example` or `each of 8 examples`."""
    examples = _examples(orders, "example")
    return examples if examples == "1 example" else f"each of {examples}"


def _answers(orders: Sequence[WaveOrder]) -> str:
    """Return the number of answers to an example; "" where it is one."""
    most = max(order.draws for order in orders)
    if most == 1:
        return ""
    return f"with {_range(order.draws for order in orders)} answers to each example"


def _trials(orders: Sequence[WaveOrder]) -> str:
    """Return the leader and its rival by their places, and others by their numbers."""
    by_place = {order.place: order.trial for order in orders}
    found = []
    if LEADER in by_place:
        found.append(f"the leader (trial {by_place[LEADER]})")
    if RIVAL in by_place:
        whose = "its" if found else "the leader's"
        found.append(f"{whose} rival (trial {by_place[RIVAL]})")
    others = {order.trial for order in orders if order.place not in (LEADER, RIVAL)}
    if others:
        found.append(_numbers(sorted(others)))
    return _and(found)


def _numbers(trials: Sequence[int]) -> str:
    """Return trials by their numbers."""
    named = list(map(str, trials[:MOST_TRIALS]))
    if len(trials) > MOST_TRIALS:
        named.append(count(len(trials) - MOST_TRIALS, "other"))
    word = "trial" if len(trials) == 1 else "trials"
    return f"{word} {_and(named)}"


def _range(numbers: Iterable[int]) -> str:
    known = sorted(set(numbers))
    if len(known) == 1:
        return f"{known[0]:,}"
    return f"{known[0]:,} to {known[-1]:,}"


def _and(parts: Sequence[str]) -> str:
    *first, last = parts
    if not first:
        return last
    return f"{', '.join(first)} and {last}"
