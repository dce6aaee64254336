"""The findings of `benchmarks/ecooptigen/`, as numbers and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.readout.__main__ import median_with_limits
from tune.pricing.amounts import dollars
from tune.report.text import inline, table
from tune.stats.student_t import t_quantile

FIFTH = 0.2


@dataclass(frozen=True)
class Race:
    """One search of the peer and ours beside it.

    Attributes:
        world: the kind of table.
        units: of the budget; a unit is one draw of the average point on all examples.
        examples: the peer's tuning set.
        seed: of the order and the draws.
        budget: dollars that the peer may spend.
        spent: dollars that it was billed.
        calls: that it sent.
        seconds: that it took.
        found: what it answered.
        regret: of its choice; None where it failed.
        bias: what it believed of its choice less what that is worth.
        ours: our regret by the share of `spent` that we had.
    """

    world: str
    units: float
    examples: int
    seed: int
    budget: float
    spent: float
    calls: int
    seconds: float
    found: Mapping[str, Any]
    regret: float | None
    bias: float
    ours: Mapping[float, float]


def gain(races: Sequence[Race], share: float) -> tuple[float, float, float]:
    """Return our mean gain in regret over the peer, with its 95 % limits.

    Races that share a seed and a table count as one.
    """
    by_seed: dict[int, list[float]] = {}
    for each in races:
        if each.regret is not None:
            by_seed.setdefault(each.seed, []).append(each.regret - each.ours[share])
    means = np.array([np.mean(gains) for gains in by_seed.values()])
    if len(means) < 2:
        return (
            float(means.mean()) if len(means) else float("nan"),
            float("-inf"),
            float("inf"),
        )
    error = (
        float(means.std(ddof=1)) / len(means) ** 0.5 * t_quantile(0.975, len(means) - 1)
    )
    return float(means.mean()), float(means.mean()) - error, float(means.mean()) + error


def judged(races: Sequence[Race], share: float) -> str:
    """Say if ours is better, and by how much."""
    mean, low, high = gain(races, share)
    if math.isnan(mean):
        return "not measured: the peer failed"
    word = "yes" if mean >= 0 else "**NO**"
    doubt = ", the interval has zero" if low <= 0 <= high else ""
    return f"{word}, {100 * mean:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}){doubt}"


def groups(
    races: Sequence[Race], *names: str
) -> Iterator[tuple[tuple[Any, ...], list[Race]]]:
    """The races by the values of some attributes, in the order in which these first came."""
    found: dict[tuple[Any, ...], list[Race]] = {}
    for each in races:
        found.setdefault(tuple(getattr(each, name) for name in names), []).append(each)
    yield from found.items()


def regret_table(races: Sequence[Race], shares: Sequence[float]) -> str:
    """A row for each table, tuning set and budget."""
    header = [
        "table",
        "peer's examples",
        "units",
        "runs",
        "peer: median regret",
        *(f"ours at {share:g} of its dollars" for share in shares),
        *(f"gain at {share:g}, mean" for share in shares),
    ]
    rows = []
    for (name, examples, units), all_same in groups(
        races, "world", "examples", "units"
    ):
        same = [each for each in all_same if each.regret is not None]
        row = [name, str(examples), f"{units:g}", str(len(same))]
        if same:
            row.append(median_with_limits(np.array([each.regret for each in same])))
            row += [
                median_with_limits(np.array([each.ours[share] for each in same]))
                for share in shares
            ]
            for share in shares:
                mean, low, high = gain(same, share)
                row.append(f"{mean:+.3f} ({low:+.3f} to {high:+.3f})")
        rows.append(row + ["none"] * (len(header) - len(row)))
    return table(header, rows)


def peer_table(races: Sequence[Race]) -> str:
    """Return a table of the peer's runs: bills, calls, trials and claims."""
    header = [
        "table",
        "peer's examples",
        "units",
        "budget",
        "billed / budget, mean and most",
        "calls",
        "trials",
        "claims above the truth, mean",
        "seconds",
    ]
    rows = []
    for (name, examples, units), all_same in groups(
        races, "world", "examples", "units"
    ):
        same = [each for each in all_same if each.regret is not None]
        if same:
            over = [each.spent / each.budget for each in same]
            rows.append(
                [
                    name,
                    str(examples),
                    f"{units:g}",
                    dollars(float(np.mean([each.budget for each in same]))),
                    f"{np.mean(over):.3f}, {max(over):.3f}",
                    f"{np.median([each.calls for each in same]):.0f}",
                    f"{np.median([each.found['trials'] for each in same]):.0f}",
                    f"{np.mean([each.bias for each in same]):+.3f}",
                    f"{np.mean([each.seconds for each in same]):.1f}",
                ]
            )
    return table(header, rows)


def verdicts(races: Sequence[Race], shares: Sequence[float]) -> list[str]:
    """The targets, and whether they were met."""
    lines = []
    for (name, examples), same in groups(races, "world", "examples"):
        where = f"{name}, peer with {examples} examples"
        if 1.0 in shares:
            lines.append(
                f"- more quality at the peer's dollars ({where}): {judged(same, 1.0)}"
            )
        if FIFTH in shares:
            lines.append(
                f"- at least its quality at a fifth of its dollars ({where}): {judged(same, FIFTH)}"
            )
        for (units,), part in groups(same, "units"):
            lost = [
                share
                for share in shares
                if share in (FIFTH, 1.0) and gain(part, share)[0] < 0
            ]
            if lost:
                said = ", ".join(
                    f"{share:g} of its dollars: {judged(part, share)}" for share in lost
                )
                lines.append(f"  - where we lose on average: {units:g} units, {said}")
    failed = [each for each in races if each.regret is None]
    lines.append(
        f"- runs of the peer that failed and are in no number: {len(failed)} of {len(races)}"
    )
    lines += [
        f"  - {each.world}, {each.units:g} units, seed {each.seed}: "
        f"{inline(str(each.found['error']))}"
        for each in failed
    ]
    return lines


def write_result(
    path: Path, races: Sequence[Race], shares: Sequence[float], facts: Mapping[str, str]
) -> None:
    """Everything as Markdown."""
    lines = [
        "# Against EcoOptiGen as it was published",
        "\n".join(verdicts(races, shares)),
        table(["", ""], [[name, inline(value)] for name, value in facts.items()]),
        "`flaml.autogen.oai.ChatCompletion.tune` over HTTP, against ours on the same tables, seeds "
        "and dollars. Regret "
        "is how far the true worth of the returned config is below that of the best one of the "
        "table, both exact over "
        "all examples and recorded draws; it may be slightly negative for the peer, whose "
        "max_tokens are on no grid. "
        "`yes` and `NO` go by the mean difference, paired by seed, with its 95 % interval; a "
        "positive one is in our "
        "favour. The dollars are those that the server billed the peer, exact; its own "
        "count differs where its cache answers, which it counts as spent again.",
        "The peer is set up as its notebooks do: success by vote over n answers, a small tuning "
        "set (20 examples are "
        "the paper's, 60 its larger one), its own price table filled with the table's prices, no "
        "inference budget, as "
        "many trials as its budget pays. Its space has the table's models, temperatures (as a "
        "range, of "
        "which the server takes the nearest that was recorded, or as an ordered choice), n from 1 "
        "to 9, max_tokens "
        "(integers on a log scale), and the prompts that all models have. Its searcher has a fixed "
        "seed: its runs differ by the order of the examples and the draws. A temperature of 0 may "
        "be drawn often, as "
        "the table recorded it. Ours sees all examples in the same seeded order, and both its "
        "search and its final comparison "
        "are paid from its dollars; its choice asks for more answers than it bought only where a "
        "study with such a "
        "search could meet it on 20 holdout examples. The made-up worlds take turns, so an "
        "interval is one over seeds, "
        "not over worlds.",
        "## Regret",
        regret_table(races, shares),
        "## What the peer did",
        peer_table(races),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
