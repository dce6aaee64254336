"""Reports for tests: one with every part in it, one of nothing, and hostile text for both."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tune.completion import Message
from tune.report import (
    Money,
    PriceLine,
    PromptText,
    Provenance,
    Report,
    ReportConfig,
    TrialRow,
)
from tune.report.search_records import ReadingRow, SearchDetails
from tune.space import Config, Point
from tune.stats.intervals import Interval

HOSTILE = [
    "a | b",
    "line\nbreak\r\nand\u2028more",
    "<script>alert(1)</script>",
    "</td></tr></table>",
    "`code` and ```fence```",
    "[click](javascript:alert(1))",
    "![x](http://example.test/pixel.png)",
    "**bold** _it_ ~~gone~~ __x__",
    "# heading",
    "- item",
    "1. item",
    "---",
    "\\| twice",
    "&lt;b&gt; &#124;",
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe",
    "half \ud800 character",
    "nul \x00 byte",
    '=HYPERLINK("http://example.test")',
    "$x^2$",
    "",
    "   ",
]


texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
    st.text(alphabet="|`\\<>&[]()*_~#-+=$!\n\r\t 1.a"),
)


def config(**values: Any) -> Config:
    return Config(
        {
            "model": "small",
            "prompt": "few",
            "max_tokens": 16,
            "temperature": 0.2,
            **values,
        }
    )


def money(**values: Any) -> Money:
    base = {
        "budget": 5.0,
        "spent": 4.93,
        "spent_now": 4.93,
        "settled": 4.93,
        "uncertain": 0.0,
        "left": 0.07,
    }
    return Money(**{**base, **values})


def provenance(**values: Any) -> Provenance:
    base: dict[str, Any] = {
        "date": "2026-11-22T10:00:00+00:00",
        "version": "0.1.0",
        "seed": 3,
        "data": "reviews",
    }
    base |= {"fingerprint": "abc123def456", "tuning": 200, "holdout": 120, "shots": 12}
    return Provenance(
        **{**base, "metric": "exact_match", "goal": "best quality", **values}
    )


WINNER = ReportConfig(
    "winner",
    config(n=5, aggregate="vote", stop=("\n",)),
    trial=4,
    tuning=Interval(0.83, 0.75, 0.9, 100),
    holdout=Interval(0.79, 0.72, 0.86, 120),
    cost=Interval(0.000123, 0.00012, 0.000126, 120),
    seconds_median=0.2,
    seconds_p95=0.51,
)


BASELINE = ReportConfig(
    "baseline",
    config(prompt="plain", temperature=1.0),
    holdout=Interval(0.24, 0.17, 0.33, 120),
    cost=None,
)


RUNNER_UP = ReportConfig(
    "runner-up 1",
    config(temperature=0.4),
    tuning=Interval(0.8, 0.7, 0.9, 60),
    seconds_median=0.3,
    seconds_p95=0.6,
    cost=Interval(0.0002, 0.0001, 0.0003, 60),
    tuning_difference=Interval(0.5, 0.4, 0.6, 60),
)


def whole(**values: Any) -> Report:
    """A report with every part in it."""
    trial = TrialRow(
        4,
        Point({"model": "small", "prompt": "few", "temperature": 0.2}),
        "complete",
        examples=100,
    )
    parts: dict[str, Any] = {
        "money": money(),
        "provenance": provenance(
            command="python tune.py --budget 5",
            commit="1234abc",
            versions={"numpy": "2.4"},
        ),
        "winner": WINNER,
        "baseline": BASELINE,
        "deployable": ReportConfig(
            "for agents", config(), holdout=Interval(0.77, 0.7, 0.84, 120)
        ),
        "deployable_note": "The full winner asks 5 times and votes.",
        "runners_up": (RUNNER_UP,),
        "difference": Interval(0.55, 0.45, 0.64, 120),
        "detectable": 0.12,
        "majority_score": 0.52,
        "majority_class": "positive",
        "template": PromptText(
            "few",
            "Review: {text}\nLabel:",
            "Be brief.",
            (Message("user", "Review: {text}"),),
        ),
        "answer": "the last word",
        "frontier": (WINNER,),
        "trials": (
            replace(
                trial,
                best=WINNER.config,
                quality=WINNER.tuning,
                draws=500,
                spent=1.2,
                cost=0.0001,
            ),
        ),
        "draws_bought": 5000,
        "draws_reused": 12,
        "readings": 300,
        "read_cost": 4.1,
        "readings_cost": 61.2,
        "prices": (PriceLine("small", 0.1, 0.4, "user", "2026-11-01"),),
        "stopped": "the money is used up",
        "notices": ("The service answered as other-model.",),
    }
    return Report(**{**parts, **values})


EMPTY = Report(
    money=money(spent=0.0, spent_now=0.0, settled=0.0, left=5.0),
    provenance=provenance(holdout=0),
)


WIDE = ((0.00001, 0.3), (0.00002, 0.52), (0.00009, 0.6), (0.0003, 0.71), (0.0012, 0.83))
"""Costs that differ a hundredfold, with their qualities."""


def interval(mean: float, reach: float = 0.1) -> Interval:
    return Interval(mean, mean - reach, mean + reach, 100)


def row(number: int, cost: float, quality: float, **more: object) -> ReportConfig:
    made = ReportConfig(
        "frontier",
        config(model=f"m{number}"),
        trial=number,
        tuning=interval(quality),
        cost=Interval(cost, cost * 0.9, cost * 1.1, 100),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def study(points: tuple[tuple[float, float], ...] = WIDE, **more: object) -> Report:
    """A frontier, the last but one of which won, and a baseline that is not on it."""
    frontier = [
        row(number, cost, quality) for number, (cost, quality) in enumerate(points)
    ]
    place = max(0, len(frontier) - 2)
    frontier[place] = replace(frontier[place], holdout=Interval(0.66, 0.57, 0.75, 120))
    baseline = replace(
        BASELINE,
        cost=Interval(0.00035, 0.0003, 0.0004, 120),
        holdout=Interval(0.58, 0.5, 0.66, 120),
    )
    parts = {
        "winner": replace(frontier[place], name="winner"),
        "baseline": baseline,
        "frontier": tuple(frontier),
    }
    return whole(**{**parts, **more})


def shown(text: str) -> str:
    """What a Markdown reader sees of inline text."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    assert [t.type for t in tokens] in (
        ["paragraph_open", "inline", "paragraph_close"],
        [],
    ), text
    children = [child for token in tokens for child in token.children or []]
    assert {c.type for c in children} <= {"text", "text_special", "softbreak"}, text
    return "".join(c.content for c in children)


def cells(text: str) -> list[list[str]]:
    """The cells of a Markdown document's tables, as a reader sees them."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    rows: list[list[str]] = []
    for before, token in itertools.pairwise(tokens):
        if before.type == "tr_open":
            rows.append([])
        if before.type in ("td_open", "th_open"):
            rows[-1].append("".join(c.content for c in token.children or []))
    return rows


def large_study(*, trials: int, readings: int) -> Report:
    """A report of many trials, each with many readings."""
    luck = random.Random(0)
    rows, found = [], []
    for number in range(trials):
        point = Point(
            {
                "model": f"vendor/model-{number % 7}",
                "prompt": f"p{number % 5}",
                "temperature": round(luck.random(), 3),
            }
        )
        cost, quality = 10 ** luck.uniform(-5, -2), luck.uniform(0.3, 0.9)
        for place in range(readings):
            row = ReadingRow(
                trial=number,
                n=1 + place,
                aggregate="vote" if place else "first",
                max_tokens=512,
                stop="[]",
                quality=quality + place / 1000,
                examples=500,
                cost=cost * (1 + place),
                seconds=luck.uniform(0.5, 9.0),
                approximate=False,
            )
            found.append(row)
        best = Config({**point, "n": 1, "aggregate": "first", "max_tokens": 512})
        trial = TrialRow(
            number,
            point,
            "stopped",
            "after 8 of 500 examples: others were preferred",
            examples=500,
            draws=500 * readings,
            spent=500 * cost,
            best=best,
            quality=interval(quality),
            cost=cost,
        )
        rows.append(trial)
    prompts = tuple(PromptText(f"p{k}", "Answer. {text}\n" * 20) for k in range(5))
    return study(
        trials=tuple(rows),
        prompts=prompts,
        search=SearchDetails(readings=tuple(found)),
    )
