"""The section of the page on what mattered: dimensions, models with prompts, and curves."""

from __future__ import annotations

from typing import Any

from tune.report.page.bars import Bar, interval_chart
from tune.report.page.plot import frame
from tune.report.page.scale import MOST_TICKS
from tune.report.records import Report
from tune.report.search_records import Curve, Dimension, Effect, PairCell
from tune.report.text import count, number
from tune.stats.intervals import Interval

SHADES = 9
"""Shades of the heat map, from the worst cell to the best."""

AXES = {
    "n": "answers for each request (n)",
    "max_tokens": "max_tokens",
    "temperature": "temperature",
}
"""The words below the area of a curve's chart."""


def effects(report: Report) -> dict[str, Any] | None:
    """Return the effects, the pairs and the curves; None where nothing was compared."""
    search = report.search
    curves = [_curves(report, name) for name in AXES]
    drawn = [chart for chart in curves if chart is not None]
    if not search.dimensions and not drawn and len(search.pairs) < 2:
        return None
    return {
        "sentences": effect_sentences(report),
        "charts": [_chart(report, dimension) for dimension in search.dimensions],
        "heat": _heat(report),
        "curves": drawn,
    }


def effect_sentences(report: Report) -> list[str]:
    """Return what mattered in words: dimensions with a clear difference, then the others."""
    search = report.search
    said, unclear = [], []
    for dimension in search.dimensions:
        sentence = _sentence(dimension)
        if sentence:
            said.append(sentence)
        else:
            unclear.append(dimension.name)
    if unclear:
        names = ", ".join(unclear)
        said.append(f"No clear difference was seen between the values of: {names}.")
    for pair in search.pairs:
        if _is_clear(pair.excess):
            said.append(_interaction(pair))
    return said


def _is_clear(difference: Interval) -> bool:
    return difference.low > 0 or difference.high < 0


def _sentence(dimension: Dimension) -> str:
    """Return the clearest difference of a dimension in words; "" if none is clear."""
    reference = _reference(dimension)
    clear = []
    for effect in dimension.effects:
        if effect.difference is not None and _is_clear(effect.difference):
            clear.append((abs(effect.difference.mean), effect.difference, effect))
    if not clear:
        return ""
    _, difference, effect = max(clear, key=lambda one: one[0])
    word = "more" if difference.mean > 0 else "less"
    limits = sorted([abs(difference.low), abs(difference.high)])
    return (
        f"{dimension.name}: {effect.value} scores {number(abs(difference.mean))} {word} than "
        f"{reference.value} (95 %: {number(limits[0])} to {number(limits[1])}), all else equal."
    )


def _reference(dimension: Dimension) -> Effect:
    """Return the value that the others are compared with."""
    return next(one for one in dimension.effects if one.difference is None)


def _interaction(pair: PairCell) -> str:
    word = "better" if pair.excess.mean > 0 else "worse"
    return (
        f"Model {pair.model} and prompt {pair.prompt} go together {word} than each of them alone "
        f"suggests, by {number(abs(pair.excess.mean))} (95 %: {number(pair.excess.low)} to "
        f"{number(pair.excess.high)})."
    )


def _chart(report: Report, dimension: Dimension) -> dict[str, Any] | None:
    """Return the chart of one dimension."""
    reference = _reference(dimension)
    bars = []
    for effect in dimension.effects:
        trials = count(effect.trials, "trial")
        if effect.difference is None:
            exact = Interval(effect.mean, effect.mean, effect.mean, effect.trials)
            bars.append(Bar(effect.value, f"reference, {trials}", "", exact))
            continue
        # The interval is that of the difference, drawn around the value itself.
        low = reference.mean + effect.difference.low
        high = reference.mean + effect.difference.high
        shown = Interval(effect.mean, low, high, effect.trials)
        bars.append(Bar(effect.value, trials, "effect", shown, filled=True))
    how = "over trials, all else equal"
    if dimension.free:
        how = "on the same draws"
    metric = report.provenance.metric
    return interval_chart(
        f"effect-{dimension.name}",
        f"{dimension.name}: {metric} by value, {how}. Intervals are those of the difference to the "
        f"reference.",
        bars,
        marked=reference.mean,
    )


def _heat(report: Report) -> dict[str, Any] | None:
    """Return the table of models and prompts; None without two of each."""
    pairs = report.search.pairs
    models = list(dict.fromkeys(pair.model for pair in pairs))
    prompts = list(dict.fromkeys(pair.prompt for pair in pairs))
    if len(models) < 2 or len(prompts) < 2:
        return None
    known = {(pair.model, pair.prompt): pair for pair in pairs}
    means = [pair.quality.mean for pair in pairs]
    low, high = min(means), max(means)
    rows = []
    for model in models:
        cells = []
        for prompt in prompts:
            pair = known.get((model, prompt))
            shade = 0
            if pair is not None and high > low:
                place = (pair.quality.mean - low) / (high - low)
                # The best has the darkest cell, also where lower is better.
                if not report.larger_is_better:
                    place = 1 - place
                shade = round(place * SHADES)
            cells.append({"pair": pair, "shade": shade})
        rows.append({"model": model, "cells": cells})
    return {"prompts": prompts, "rows": rows}


def _curves(report: Report, name: str) -> dict[str, Any] | None:
    """Return the chart of the curves over one dimension; None without one."""
    curves = [curve for curve in report.search.curves if curve.dimension == name]
    if not curves:
        return None
    values, qualities = [], []
    for curve in curves:
        for point in curve.points:
            values.append(point.value)
            qualities += [point.quality.mean, point.quality.low, point.quality.high]
    how = "read from the same draws"
    if name == "temperature":
        how = "over trials with the same model and prompt"
    # Between whole numbers there is nothing.
    ticks: list[float] = []
    if name != "temperature" and len(set(values)) <= MOST_TICKS:
        ticks = values
    shown = frame(
        f"curve-{name}",
        f"{report.provenance.metric} over {name}, {how}, with 95 % intervals",
        values,
        qualities,
        across_title=AXES[name],
        up_title=report.provenance.metric,
        said=lambda value: f"{value:g}",
        log=name == "max_tokens",
        ticks=ticks,
    )
    return {
        "frame": shown,
        "curves": [_curve(curve, k, shown) for k, curve in enumerate(curves)],
        "words": " ".join(map(_curve_in_words, curves)),
    }


def _curve(curve: Curve, place: int, shown: Any) -> dict[str, Any]:
    points = []
    for point in curve.points:
        quality = point.quality
        points.append(
            {
                "point": point,
                "x": shown.x(point.value),
                "y": shown.y(quality.mean),
                "top": shown.y(quality.high),
                "bottom": shown.y(quality.low),
            }
        )
    line = [(point.value, point.quality.mean) for point in curve.points]
    return {
        "label": curve.label,
        "place": place,
        "points": points,
        "line": shown.line(line),
    }


def _curve_in_words(curve: Curve) -> str:
    points = []
    for point in curve.points:
        points.append(f"{number(point.quality.mean)} at {point.value:g}")
    return f"{curve.label}: {', '.join(points)}."
