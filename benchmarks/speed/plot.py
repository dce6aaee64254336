"""The plot of calls in flight over time, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 28, 32
"""Margins, with room for the labels of the axes and of the phases."""


def draw(
    in_flight: Sequence[tuple[float, int]],
    phases: Sequence[tuple[float, str]],
    wall: float,
) -> str:
    """Draw the calls in flight as a line of steps, with a mark where each phase begins.

    Args:
        in_flight: (seconds, calls in flight from then on), in order.
        phases: (seconds, name of the phase that begins).
        wall: seconds of the whole study.
    """
    most = max((calls for _, calls in in_flight), default=1)
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    bottom = TOP + height

    def across(seconds: float) -> float:
        return round(LEFT + width * seconds / max(wall, 1e-9), 1)

    def up(calls: int) -> float:
        return round(bottom - height * calls / most, 1)

    points = [f"{across(0)},{up(0)}"]
    before = 0
    for seconds, calls in in_flight:
        # Two points for each change, so that the line has steps.
        points += [f"{across(seconds)},{up(before)}", f"{across(seconds)},{up(calls)}"]
        before = calls
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for seconds, name in phases:
        x = across(seconds)
        parts.append(
            f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}" stroke="#bbb"/>'
        )
        parts.append(f'<text x="{x + 3}" y="{TOP - 8}">{name}</text>')
    parts += [
        f'<line x1="{LEFT}" y1="{bottom}" x2="{LEFT + width}" y2="{bottom}" stroke="black"/>',
        f'<text x="{LEFT - 6}" y="{up(most) + 4}" text-anchor="end">{most}</text>',
        f'<text x="{LEFT - 6}" y="{bottom + 4}" text-anchor="end">0</text>',
        f'<text x="{LEFT + width}" y="{bottom + 18}" text-anchor="end">{wall:.1f} s</text>',
        f'<text x="{LEFT}" y="{bottom + 18}">calls in flight over time</text>',
        f'<polyline points="{" ".join(points)}" fill="none" stroke="#1f77b4"/>',
        "</svg>\n",
    ]
    return "\n".join(parts)
