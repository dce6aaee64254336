"""The frontier of quality and cost: the rows that no other beats, measured alike."""

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
    """Where a configuration stands, as a reader of the report sees it: with as many digits as are
    shown there.

    Attributes:
        quality: the larger the better.
        cost: dollars per request.
    """

    quality: float
    cost: float

    def beats(self, other: Place) -> bool:
        """Whether this is at least as good at no higher cost, and better in one of the two."""
        return self.quality >= other.quality and self.cost <= other.cost and self != other


def frontier_place(reading: Reading, *, larger_is_better: bool) -> Place:
    """The place of a reading by its own means."""
    return shown_place(reading.mean, reading.cost, larger_is_better=larger_is_better)


def shown_place(quality: float, cost: float, *, larger_is_better: bool) -> Place:
    """The place of a mean quality and cost, rounded as tables round them: what looks equal counts
    as equal.
    """
    shown = float(number(quality).replace(",", ""))
    return Place(shown if larger_is_better else -shown, float(dollars(cost)[1:].replace(",", "")))


def frontier(
    readings: Iterable[Reading],
    met: Mapping[Config, Reading],
    *,
    baseline: Config,
    enough: float,
    larger_is_better: bool,
) -> list[Reading]:
    """Return the readings that no other one beats in quality and cost, the cheapest first.

    Like is compared with like. Tuning estimates are compared with tuning estimates. What met the
    holdout and is beaten there by something else that met it is left out first. Then those on
    enough examples are compared. Those on fewer are added, the best measured first, where they
    neither are beaten nor beat a row that is there: a few lucky examples must not push out what
    many examples showed. The baseline counts as one on enough examples: whoever reads the report
    holds every row against it.

    Args:
        readings: of tuning examples, the baseline's included where the search had it.
        met: what met the holdout, by config, the baseline included.
        baseline: the configuration of today.
        enough: examples that a reading needs to push out others.
        larger_is_better: the metric's direction.
    """
    beaten = _beaten_on_holdout(met, larger_is_better=larger_is_better)
    left_out = beaten - {
        baseline
    }  # the baseline is held against all rows also where it is not one of them
    known: dict[int, list[tuple[Place, Reading]]] = {}
    for reading in readings:
        if math.isfinite(reading.cost) and reading.n_examples and reading.config not in left_out:
            is_known = reading.n_examples >= enough or reading.config == baseline
            size = math.ceil(enough) if is_known else reading.n_examples
            known.setdefault(size, []).append(
                (frontier_place(reading, larger_is_better=larger_is_better), reading)
            )
    found: list[tuple[Place, Reading]] = []
    for size in sorted(known, reverse=True):
        found += [one for one in _unbeaten(known[size]) if not _clashes(one[0], found)]
    rows = sorted(found, key=lambda one: one[0].cost)
    return [reading for _, reading in rows if reading.config not in beaten]


def _beaten_on_holdout(met: Mapping[Config, Reading], *, larger_is_better: bool) -> set[Config]:
    """Return what met the holdout and was beaten there."""
    places = {
        config: frontier_place(reading, larger_is_better=larger_is_better)
        for config, reading in met.items()
        if math.isfinite(reading.cost)
    }
    return {
        config
        for config, place in places.items()
        if any(other.beats(place) for other in places.values())
    }


def _unbeaten(rows: Sequence[tuple[Place, Reading]]) -> list[tuple[Place, Reading]]:
    """Return the rows that none of these beats; of rows at one place, the one on the most examples."""
    order = sorted(
        rows, key=lambda row: (row[0].cost, -row[0].quality, -row[1].n_examples, row[1].config.key)
    )
    found: list[tuple[Place, Reading]] = []
    for row in order:
        if not found or row[0].quality > found[-1][0].quality:
            found.append(row)
    return found


def _clashes(place: Place, found: Sequence[tuple[Place, Reading]]) -> bool:
    """Whether a row that is there beats this place, is beaten by it, or stands where it stands."""
    return any(there == place or there.beats(place) or place.beats(there) for there, _ in found)
