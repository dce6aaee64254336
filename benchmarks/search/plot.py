"""Lines over a logarithmic axis as an SVG, written by hand: a plot needs no library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 300, 230
LEFT, TOP, RIGHT, BOTTOM = 40, 28, 12, 34
COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#8c6d31",
    "#7f7f7f",
    "#6b4c9a",
    "#2f4f4f",
    "#b15928",
    "#a6b800",
    "#3182bd",
    "#c51b7d",
)

Lines = Mapping[str, Sequence[tuple[float, float]]]
"""Points (x, y) by the name of a line."""


def plot(panels: Mapping[str, Lines], *, first: str, x_name: str, y_name: str) -> str:
    """Panels side by side, with one legend below.

    Args:
        panels: lines, by the panel's title.
        first: the line that is drawn thick and black, on top of all others.
        x_name: what x is; its axis is logarithmic.
        y_name: what y is; its axis begins at 0.
    """
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    names.sort(key=lambda name: name != first)
    colours = dict(
        zip(
            [n for n in names if n != first],
            COLOURS * (1 + len(names) // len(COLOURS)),
            strict=False,
        )
    )
    colours[first] = "#000000"
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    parts = []
    for i, (title, lines) in enumerate(panels.items()):
        at = f"translate({i % columns * WIDTH},{i // columns * HEIGHT})"
        parts.append(
            f'<g transform="{at}">{_panel(title, lines, colours, first, x_name, y_name)}</g>'
        )
    parts.append(
        f'<g transform="translate(0,{rows * HEIGHT})">{_legend(names, colours, first, columns)}</g>'
    )
    height = rows * HEIGHT + 16 * math.ceil(len(names) / columns) + 12
    size = f'width="{columns * WIDTH}" height="{height}" viewBox="0 0 {columns * WIDTH} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
    return "\n".join(
        [head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>\n"]
    )


def _panel(
    title: str,
    lines: Lines,
    colours: Mapping[str, str],
    first: str,
    x_name: str,
    y_name: str,
) -> str:
    points = [point for line in lines.values() for point in line]
    xs = sorted({x for x, _ in points}) or [1.0]
    top = _round_up(max((y for _, y in points), default=1.0))
    span = math.log(xs[-1] / xs[0]) or 1.0

    def place(x: float, y: float) -> str:
        across = LEFT + (WIDTH - LEFT - RIGHT) * math.log(x / xs[0]) / span
        return f"{across:.1f},{TOP + (HEIGHT - TOP - BOTTOM) * (1 - y / top):.1f}"

    parts = [f'<text x="{LEFT}" y="16" font-weight="bold">{escape(title)}</text>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        (x0, y0), (x1, _) = (place(x, share * top).split(",") for x in (xs[0], xs[-1]))
        parts.append(f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y0}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{LEFT - 4}" y="{float(y0) + 4:.1f}" text-anchor="end">{share * top:g}</text>'
        )
    for x in xs:
        across = place(x, 0).split(",")[0]
        parts.append(
            f'<text x="{across}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{x:g}</text>'
        )
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{escape(x_name)}</text>'
    )
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 6}">{escape(y_name)}</text>')
    for name in sorted(lines, key=lambda name: name == first):
        drawn = " ".join(place(x, y) for x, y in lines[name])
        wide = 3 if name == first else 1.3
        parts.append(
            f'<polyline points="{drawn}" fill="none" stroke="{colours[name]}" '
            f'stroke-width="{wide}"/>'
        )
    return "".join(parts)


def _legend(
    names: Sequence[str], colours: Mapping[str, str], first: str, columns: int
) -> str:
    parts = []
    for i, name in enumerate(names):
        x, y = LEFT + i % columns * WIDTH, 10 + 16 * (i // columns)
        wide = 3 if name == first else 1.3
        parts.append(
            f'<line x1="{x}" y1="{y}" x2="{x + 24}" y2="{y}" stroke="{colours[name]}" '
            f'stroke-width="{wide}"/>'
        )
        parts.append(f'<text x="{x + 30}" y="{y + 4}">{escape(name)}</text>')
    return "".join(parts)


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 8, 10, 20, ... that is no less."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        step * power for step in (1, 2, 4, 8, 10) if step * power >= value - 1e-12
    )
