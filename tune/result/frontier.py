"""The frontier of quality and cost: the rows that no other row beats, measured alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tune.readout import Reading
from tune.report.text import dollars, number
from tune.space import Config

FEW_SHARE = 0.5
"""A reading on fewer than this share of the choice's examples is marked: its place may be luck."""


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


def frontier(
    readings: Iterable[Reading],
    met: Mapping[Config, Reading],
    *,
    baseline: Config,
    enough: float,
    larger_is_better: bool,
) -> list[Reading]:
    """Return the readings that no other one beats in quality and cost, the cheapest first.

    Only like is compared with like: tuning estimates with tuning estimates. First, configs that
    were beaten on the holdout by another one are left out. Then readings on enough examples are
    compared. Those on fewer are added, the best measured first, if they neither beat a row nor are
    beaten: a few lucky examples must not push out what many examples showed. The baseline counts as
    one on enough examples, because readers compare every row with it.

    Args:
        readings: of tuning examples, the baseline's included if the search had it.
        met: the readings on the holdout, by config, the baseline included.
        baseline: the configuration of today.
        enough: the number of examples that a reading needs to push out others.
        larger_is_better: the metric's direction.
    """
    beaten = _beaten_on_holdout(met, larger_is_better=larger_is_better)
    # The baseline stays in the comparison, even if it is not shown in the end.
    left_out = beaten - {baseline}
    known: dict[int, list[tuple[Place, Reading]]] = {}
    for reading in readings:
        if not math.isfinite(reading.cost) or not reading.n_examples:
            continue
        if reading.config in left_out:
            continue
        size = reading.n_examples
        # Readings on enough examples are compared as equals, however many more they have.
        if size >= enough or reading.config == baseline:
            size = math.ceil(enough)
        place = frontier_place(reading, larger_is_better=larger_is_better)
        known.setdefault(size, []).append((place, reading))
    found: list[tuple[Place, Reading]] = []
    for size in sorted(known, reverse=True):
        unbeaten = _unbeaten(known[size])
        # Rows of one size do not clash among themselves, so they are checked before any is added.
        found += [one for one in unbeaten if not _clashes(one[0], found)]
    rows = sorted(found, key=lambda one: one[0].cost)
    return [reading for _, reading in rows if reading.config not in beaten]


def _beaten_on_holdout(
    met: Mapping[Config, Reading], *, larger_is_better: bool
) -> set[Config]:
    """Return the configs that were beaten on the holdout."""
    places = {}
    for config, reading in met.items():
        # Without a cost there is nothing to compare.
        if math.isfinite(reading.cost):
            places[config] = frontier_place(reading, larger_is_better=larger_is_better)
    beaten = set()
    for config, place in places.items():
        if any(other.beats(place) for other in places.values()):
            beaten.add(config)
    return beaten


def _unbeaten(rows: Sequence[tuple[Place, Reading]]) -> list[tuple[Place, Reading]]:
    """Return the rows that no other one beats; at equal places, the one on the most examples."""

    def order(row: tuple[Place, Reading]) -> tuple[float, float, int, str]:
        place, reading = row
        # The config's key makes the order the same on every run.
        return place.cost, -place.quality, -reading.n_examples, reading.config.key

    found: list[tuple[Place, Reading]] = []
    # From the cheapest on, a row stays if its quality is higher than that of all cheaper ones.
    for row in sorted(rows, key=order):
        if not found or row[0].quality > found[-1][0].quality:
            found.append(row)
    return found


def _clashes(place: Place, found: Sequence[tuple[Place, Reading]]) -> bool:
    """Return whether a row there equals this place, beats it, or is beaten by it."""

    def clashes(there: Place) -> bool:
        return there == place or there.beats(place) or place.beats(there)

    return any(clashes(there) for there, _ in found)
