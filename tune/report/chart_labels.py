"""The names in the chart, each where it covers the least of what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tune.report.chart_plane import BOTTOM, LEFT, RIGHT, TOP, Box, Mark, Plane

# The most room that one letter of a label takes, and the height of a line. No font can be measured
# here, so these are those of a wide one at 13 units.
_LETTER, _LINE = 7.6, 15.0

_NAMED, _OUTSIDE = 1_000, 100_000
"""The weight of covering another label or a named mark, and of leaving the plot; all else weighs 1.
"""


def labels(line: Sequence[Mark], named: Sequence[Mark], plane: Plane) -> list[str]:
    """Return the labels of the named marks, as SVG."""
    taken = _obstacles(line, named, plane)
    parts = []
    for mark in named:
        # min keeps the first of equals, so places are tried in the order of `_places`.
        box = min(_places(mark, plane), key=lambda box: _covered(box, taken))
        taken.append((_NAMED, box))
        at = f'x="{box[0] + 3:.1f}" y="{box[3] - 4:.1f}"'
        parts.append(f'<text class="name {mark.kind}" {at}>{mark.name}</text>')
    return parts


def _places(mark: Mark, plane: Plane) -> list[Box]:
    """Return the places for a label: beside its mark, at its corners, above, below, farther off."""
    x, y = plane.centre(mark)
    wide, near = len(mark.name) * _LETTER + 6, 10.0
    right, left, middle = x + near, x - near - wide, x - wide / 2
    beside, above, below = y - _LINE / 2, y - near - _LINE, y + near
    # In the order of preference: a label is read most easily beside its mark.
    corners = [
        (right, beside),
        (left, beside),
        (right, above),
        (left, above),
        (right, below),
        (left, below),
        (middle, above),
        (middle, below),
    ]
    for top in (above - _LINE, below + _LINE):
        corners += [(right, top), (left, top), (middle, top)]
    return [(start, top, start + wide, top + _LINE) for start, top in corners]


def _obstacles(
    line: Sequence[Mark], named: Sequence[Mark], plane: Plane
) -> list[tuple[int, Box]]:
    """Return the weight and the box of each mark, each bar and each piece of the line."""
    boxes: list[tuple[int, Box]] = []
    for mark in (*line, *named):
        x, y = plane.centre(mark)
        left, top, right, bottom = plane.reach(mark)
        weight = 1
        if mark in named:
            weight = _NAMED
        boxes += [
            (weight, (x - 7, y - 7, x + 7, y + 7)),
            (1, (x - 2, top, x + 2, bottom)),
            (1, (left, y - 2, right, y + 2)),
        ]
    for one, following in pairwise(line):
        (x0, y0), (x1, y1) = plane.centre(one), plane.centre(following)
        # A line has no box, so small boxes along it stand in.
        for step in range(17):
            share = step / 16
            x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
            boxes.append((1, (x - 1, y - 1, x + 1, y + 1)))
    return boxes


def _covered(box: Box, taken: Sequence[tuple[int, Box]]) -> int:
    """Return the weight of all that a label would cover."""
    left, top, right, bottom = box
    covered = 0
    # The title stands above the plot, and a label may use half of that line.
    if left < LEFT or right > RIGHT or top < TOP - _LINE / 2 or bottom > BOTTOM:
        covered = _OUTSIDE
    for weight, (x0, y0, x1, y1) in taken:
        if x0 < right and left < x1 and y0 < bottom and top < y1:
            covered += weight
    return covered
