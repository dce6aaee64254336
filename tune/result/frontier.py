"""The frontier of quality and cost: the configs that no other one beats, and the winner."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tune.pricing.amounts import dollars
from tune.readout import Reading
from tune.report.text import number
from tune.space import Config

FEW_SHARE = 0.5
"""Fewer than this share of the most tuning examples that a config has are few."""

FEWEST = 8
"""Fewer tuning examples than this are few in every study: the most that a first block has."""


class Place(NamedTuple):
    """The place of a config by quality and cost, with the digits that the report shows.

    Attributes:
        quality: larger is better.
        cost: dollars per request.
    """

    quality: float
    cost: float

    def beats(self, other: Place) -> bool:
        """Return whether this is as good at no higher cost, and better in one of the two."""
        return (
            self.quality >= other.quality and self.cost <= other.cost and self != other
        )


def frontier_place(reading: Reading, *, larger_is_better: bool) -> Place:
    """Return the place of a reading by its own means."""
    return shown_place(reading.mean, reading.cost, larger_is_better=larger_is_better)


def shown_place(quality: float, cost: float, *, larger_is_better: bool) -> Place:
    """Return the place of a mean quality and cost, rounded as tables round them.

    Two rows that look equal in the report count as equal.
    """
    shown_quality = float(number(quality).replace(",", ""))
    if not larger_is_better:
        shown_quality = -shown_quality
    # Without the dollar sign.
    shown_cost = float(dollars(cost)[1:].replace(",", ""))
    return Place(shown_quality, shown_cost)


def enough_examples(readings: Iterable[Reading]) -> float:
    """Return the number of examples below which a reading rests on few of them.

    Args:
        readings: all that there are on tuning examples.
    """
    most = max((reading.n_examples for reading in readings), default=0)
    return max(FEWEST, FEW_SHARE * most)


def frontier(
    tuning: Mapping[Config, Reading],
    met: Mapping[Config, Reading],
    *,
    winner: Config | None,
    baseline: Config,
    enough: float,
    larger_is_better: bool,
) -> list[Config]:
    """Return the configs that no other one beats in quality and cost, the cheapest first.

    A config is judged by its holdout scores if it has any, else by its tuning estimate. One with
    holdout scores beats one without only if its tuning estimate is better too. First, configs on
    enough examples are compared. Those on fewer are added, the best measured first, if
    they neither beat a config there nor are beaten: a few lucky examples must not push out what
    many examples showed.

    The winner is always there, because it is what the study selected. It does not push out more
    than another config with its numbers.

    Args:
        tuning: the reading of each config on tuning examples.
        met: the readings on the holdout.
        winner: the selected config.
        baseline: the configuration of today.
        enough: the number of examples, tuning and holdout together, that a config needs to push
            out others.
        larger_is_better: the metric's direction.
    """
    # At equal places these two stand for the others.
    named = (winner, baseline)
    known: dict[int, list[_Candidate]] = {}
    for config in tuning.keys() | met.keys():
        readings = [found[config] for found in (met, tuning) if config in found]
        places = [
            frontier_place(reading, larger_is_better=larger_is_better)
            for reading in readings
        ]
        examples = sum(reading.n_examples for reading in readings)
        # Configs on enough examples are compared as equals, however many more they have.
        size = min(examples, math.ceil(enough))
        candidate = _Candidate(
            places[0],
            readings[0].cost,
            config,
            examples,
            least=min(place.quality for place in places),
            met=config in met,
            named=config in named,
        )
        known.setdefault(size, []).append(candidate)
    found: list[_Candidate] = []
    for size in sorted(known, reverse=True):
        unbeaten = _unbeaten(known[size])
        # Those of one size do not clash among themselves, so they are checked before any is added.
        found += [one for one in unbeaten if not _clashes(one.place, found)]
        kept = {one.config for one in found}
        found += [
            one
            for one in known[size]
            if one.config == winner and one.config not in kept
        ]
    # Costs that look equal are told apart here, so that the rows are in the order of their costs.
    ordered = sorted(found, key=lambda one: (one.cost, *_cheapest_first(one)))
    return [one.config for one in ordered]


class _Candidate(NamedTuple):
    """A config that may be on the frontier.

    Attributes:
        place: by its surest numbers.
        cost: dollars per request, not rounded.
        config: its values.
        examples: the number that it was scored on.
        least: the worse of its qualities on tuning examples and on the holdout.
        met: it has holdout scores.
        named: it is the winner or the baseline.
    """

    place: Place
    cost: float
    config: Config
    examples: int
    least: float
    met: bool
    named: bool


def _cheapest_first(one: _Candidate) -> tuple[float, float, bool, int, str]:
    # The config's key makes the order the same on every run.
    place = one.place
    return place.cost, -place.quality, not one.named, -one.examples, one.config.key


def _unbeaten(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """Return the candidates that no other one beats, one at each place."""
    found: list[_Candidate] = []
    best = best_met = -math.inf
    # From the cheapest on, one stays if its quality is higher than that of all cheaper ones.
    for one in sorted(candidates, key=_cheapest_first):
        quality = one.place.quality
        if quality <= best or (one.met and quality <= best_met):
            continue
        found.append(one)
        # The holdout has other examples, which may be easier. So a config without holdout scores
        # is only beaten by one whose tuning estimate is better too.
        best = max(best, one.least)
        if one.met:
            best_met = max(best_met, quality)
    return found


def _clashes(place: Place, found: Iterable[_Candidate]) -> bool:
    """Return whether a candidate there equals this place, beats it, or is beaten by it."""
    places = [one.place for one in found]
    return any(
        there == place or there.beats(place) or place.beats(there) for there in places
    )
