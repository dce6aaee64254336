"""An estimate as people read it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tune.estimate.money import Estimate
from tune.estimate.tokens import OUTPUT_SHARE, Forecast
from tune.report.writing import count, dollars, number


def estimate_lines(found: Estimate) -> tuple[str, str, str]:
    """An estimate in three lines of plain text."""
    least, most = (f(found.rows, key=lambda row: row.draw) for f in (min, max))
    spread = "" if least == most else f", from {_named(least)} to {_named(most)}"
    bought = found.bought
    return (
        f"Estimate: one answer to one example costs {dollars(found.draw)} on average{spread}; {_lengths(found.rows)}.",
        f"{dollars(bought.budget)} compares about {count(bought.configs, 'configuration')} "
        f"({count(bought.blocks, 'block')} of {count(found.block, 'example')}), then the choice and the baseline on "
        f"{bought.holdout:,} of {count(found.holdout, 'holdout example')}.",
        f"A difference to the baseline of {_points(bought.detectable)} is seen there with 80 % probability "
        f"({_points(found.tuning_detectable)} on all {found.tuning:,} tuning examples)."
        + ("" if found.is_search else f" This is too little for a search: about {dollars(found.enough)} would do."),
    )


def estimate_table(found: Estimate) -> list[str]:
    """By model and prompt, and what other budgets buy, as lines of plain text."""
    lines = [f"{'model, prompt':40s} {'prompt':>8s} {'answer':>8s} {'per answer':>12s}"]
    for row in found.rows:
        mark = " (assumed)" if not row.learned else ""
        lines.append(
            f"{row.model + ', ' + row.prompt:40s} {row.prompt_tokens:8.0f} {row.output_tokens:8.0f} "
            f"{dollars(row.draw):>12s}{mark}"
        )
    lines += [
        f"{dollars(other.budget)} would compare about {count(other.configs, 'configuration')} and see a difference "
        f"of {_points(other.detectable)} on {count(other.holdout, 'holdout example')}."
        for other in found.others
    ]
    return lines


def _named(row: Forecast) -> str:
    return f"{dollars(row.draw)} ({row.model}, {row.prompt})"


def _lengths(rows: Sequence[Forecast]) -> str:
    learned = [row for row in rows if row.learned]
    assumed = f"are assumed to take {OUTPUT_SHARE:.0%} of max_tokens".replace("%", " %")
    if not learned:
        return f"answers {assumed}, since none like them was bought before"
    draws = sum(row.learned for row in learned)
    known = f"answers are as long as {draws:,} that were bought before"
    return known if len(learned) == len(rows) else f"{known}, and those to other prompts {assumed}"


def _points(difference: float) -> str:
    return "any size (too few examples)" if math.isinf(difference) else number(difference)
