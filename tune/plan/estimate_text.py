"""An estimate as people read it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tune.plan.answer_forecast import AnswerForecast
from tune.plan.estimate import RunEstimate
from tune.pricing.clock import (
    FIRST_WIDTH,
    SECONDS_PER_CALL,
    SECONDS_PER_PROMPT_TOKEN,
    SECONDS_PER_TOKEN,
    format_duration,
)
from tune.report.text import count, dollars, exact_seconds, number

_TOO_FEW = "too few examples"


def estimate_lines(found: RunEstimate) -> tuple[str, ...]:
    """An estimate in three lines of plain text, and a fourth where the examples are few."""
    if found.time_limit is not None:
        return _time_lines(found)
    least, most = (f(found.rows, key=lambda row: row.draw) for f in (min, max))
    spread = "" if least == most else f", from {_named(least)} to {_named(most)}"
    bought, lengths = found.bought, _lengths(found.rows) + _guess(found)
    return (
        f"Estimate: one answer to one example costs {dollars(found.draw)} on average{spread}; {lengths}.",
        f"{dollars(bought.budget)} compares about {count(bought.configs, 'configuration')} "
        f"({count(bought.blocks, 'block')} of {count(found.block, 'example')}), then the choice and the baseline on "
        f"{bought.holdout:,} of {count(found.holdout, 'holdout example')}.",
        _seen(found)
        + (
            ""
            if found.is_search
            else f" This is too little for a search: about {dollars(found.enough)} would do."
        ),
        *([found.sample_size_note] if found.sample_size_note else []),
    )


def _time_lines(found: RunEstimate) -> tuple[str, ...]:
    """An estimate where nobody is billed: seconds take the place of dollars."""
    held = f"Then the choice and the baseline meet {count(found.holdout, 'holdout example')}"
    if found.holdout_seconds is not None:
        held += f", in about {format_duration(found.holdout_seconds)}"
    return (
        f"Estimate: nobody is billed, as every price is 0. The search takes at most "
        f"{format_duration(found.time_limit or 0.0)} (--time-limit), and less where more is not worth the time.",
        _seconds_line(found),
        f"{held}.",
        _seen(found),
        *([found.sample_size_note] if found.sample_size_note else []),
    )


def _seconds_line(found: RunEstimate) -> str:
    """How long an answer takes, what the time limit compares, and how long that is."""
    if found.seconds is None or found.search_seconds is None:
        return (
            "How long an answer takes is unknown until the first block of examples is answered, and so is how many "
            "configurations the time compares."
        )
    timed = sum(row.timed for row in found.rows)
    known = [f"as long as {timed:,} that were drawn before"] if timed else []
    if any(not row.timed for row in found.rows):
        known.append(
            f"assumed to take {SECONDS_PER_CALL:g} s, {SECONDS_PER_PROMPT_TOKEN:g} s for each token of the prompt and "
            f"{SECONDS_PER_TOKEN:g} s for each of the answer, as a slow machine does"
        )
    return (
        f"One answer to one example takes about {exact_seconds(found.seconds)} ({'; others '.join(known)}). With "
        f"{FIRST_WIDTH:g} side by side, {format_duration(found.time_limit or 0.0)} compare about "
        f"{count(found.bought.configs, 'configuration')} ({count(found.bought.blocks, 'block')} of "
        f"{count(found.block, 'example')}), and the search takes about {format_duration(found.search_seconds)}."
    )


def price_lines(found: RunEstimate) -> tuple[str, ...]:
    """Say each model's price as it was understood, and which entry of a price list its name
    matched.

    Where every price is 0, the first line of the estimate has said it.
    """
    if found.time_limit is not None:
        return ()
    return tuple(f"{model}: {price}" for model, price in found.prices)


def _seen(found: RunEstimate) -> str:
    """What can be seen of that which the goal turns on."""
    shown, examples = number(found.tuning_detectable), f"on all {found.tuning:,} tuning examples"
    if found.goal != "quality" and math.isinf(found.tuning_detectable):
        return f"The {found.tuning:,} tuning examples are too few to show what the goal turns on with 80 % probability."
    if found.goal == "frontier":
        return f"Two configurations that differ by {shown} are told apart with 80 % probability {examples}."
    if found.min_quality is not None:
        least = f"the {number(found.min_quality)} asked for"
        return f"A score that is better than {least} by {shown} is shown to be, with 80 % probability, {examples}."
    if found.margin is not None:
        lack = (
            ""
            if found.tuning_detectable <= found.margin
            else f"; a margin of {number(found.margin)} asks for more"
        )
        return (
            f"A configuration as good as the baseline is shown with 80 % probability to be worse by less than {shown} "
            f"{examples}{lack}."
        )
    if math.isinf(found.bought.detectable):
        return f"No difference to the baseline, however large, is seen there with 80 % probability: {_TOO_FEW}."
    on_tuning = "none" if math.isinf(found.tuning_detectable) else shown
    return (
        f"A difference to the baseline of {number(found.bought.detectable)} is seen there with 80 % probability "
        f"({on_tuning} {examples})."
    )


def estimate_table(found: RunEstimate) -> list[str]:
    """By model and prompt, and what other budgets buy, as lines of plain text.

    Tokens of the prompt and of an answer; dollars of one answer, and of one answer to every tuning
    example. Where nobody is billed, seconds of one answer.
    """
    if found.time_limit is not None:
        return [
            f"{'model, prompt':40s} {'prompt':>8s} {'answer':>8s} {'per answer':>12s}",
            *map(_time_row, found.rows),
        ]
    lines = [
        f"{'model, prompt':40s} {'prompt':>8s} {'answer':>8s} {'per answer':>12s} {'all tuning':>12s}"
    ]
    for row in found.rows:
        mark = "" if row.learned else " (stated)" if row.stated else " (assumed)"
        lines.append(
            f"{row.model + ', ' + row.prompt:40s} {row.prompt_tokens:8.0f} {row.output_tokens:8.0f} "
            f"{dollars(row.draw):>12s} {dollars(found.tuning * row.draw):>12s}{mark}"
        )
    lines += [
        f"{dollars(other.budget)} would compare about {count(other.configs, 'configuration')} and see "
        f"{_difference(other.detectable)} on {count(other.holdout, 'holdout example')}."
        for other in found.others
    ]
    return lines


def _time_row(row: AnswerForecast) -> str:
    known = "unknown" if row.seconds is None else exact_seconds(row.seconds)
    mark = "" if row.timed or row.seconds is None else " (assumed)"
    return f"{row.model + ', ' + row.prompt:40s} {row.prompt_tokens:8.0f} {row.output_tokens:8.0f} {known:>12s}{mark}"


def _named(row: AnswerForecast) -> str:
    return f"{dollars(row.draw)} ({row.model}, {row.prompt})"


def _lengths(rows: Sequence[AnswerForecast]) -> str:
    """Where the lengths of answers are known from."""
    draws = sum(row.learned for row in rows)
    others = [row for row in rows if not row.learned]
    stated = [row for row in others if row.stated]
    known = f"as long as {draws:,} that were bought before" if draws else ""
    said = "as long as you state" if stated else ""
    assumed = (
        "assumed to be as long as targets and prompts suggest" if len(stated) < len(others) else ""
    )
    parts = [part for part in (known, said, assumed) if part]
    if parts == [assumed]:
        return f"answers are {assumed}, since none like them was bought before"
    return f"answers are {parts[0]}" + "".join(f", others {part}" for part in parts[1:])


def _guess(found: RunEstimate) -> str:
    """How far off that may be."""
    if found.draw_span is None or found.draw_span[0] == found.draw_span[1]:
        return ""
    least, most = map(dollars, found.draw_span)
    if all(row.learned or row.stated for row in found.rows):
        return f", so that the average is likely between {least} and {most}"
    return f": a guess, so that the average may as well be {least} to {most}"


def _difference(detectable: float) -> str:
    return (
        f"no difference ({_TOO_FEW})"
        if math.isinf(detectable)
        else f"a difference of {number(detectable)}"
    )
