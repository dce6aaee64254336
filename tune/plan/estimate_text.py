"""The estimate of a run as people read it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tune.plan.answer_forecast import AnswerForecast
from tune.plan.estimate import RunEstimate
from tune.plan.purchase import Purchase
from tune.pricing.amounts import dollars
from tune.pricing.clock import (
    FIRST_WIDTH,
    SECONDS_PER_CALL,
    SECONDS_PER_PROMPT_TOKEN,
    SECONDS_PER_TOKEN,
    format_duration,
)
from tune.report.text import count, exact_seconds, number

_TOO_FEW = "too few examples"


def estimate_lines(found: RunEstimate) -> tuple[str, ...]:
    """Return an estimate in lines of plain text; the last one is there for few examples only."""
    notes = [found.sample_size_note] if found.sample_size_note else []
    if found.time_limit is not None:
        return (*_time_lines(found), *notes)
    return (*_money_lines(found), *notes)


def _money_lines(found: RunEstimate) -> list[str]:
    bought = found.bought
    # The sentence on the difference stays: even a small search shows what its holdout shows.
    visible = _visible(found)
    if not found.is_search:
        visible += (
            f" This is too little for a search: about {dollars(found.enough)} would do."
        )
    return [
        f"Estimate: one answer to one example costs {dollars(found.draw)} on average"
        f"{_spread(found.rows)}; {_lengths(found.rows)}{_uncertainty(found)}.",
        f"{dollars(bought.budget)} compares {_configs(bought)} ({_answers(bought)}), "
        f"then the choice and the baseline on {bought.holdout:,} of "
        f"{count(found.holdout, 'holdout example')}.",
        visible,
    ]


def _configs(bought: Purchase) -> str:
    """Return the configurations that a search begins, and why it begins no more."""
    if bought.limit == "space":
        # The same number stands beside every larger budget, so the reason is given.
        if bought.configs == 1:
            return "the one configuration of the space"
        return f"all {bought.configs:,} configurations of the space"
    configs = f"about {count(bought.configs, 'configuration')}"
    if bought.limit == "trials":
        return f"{configs}, as many as --trials allows,"
    return configs


def _answers(bought: Purchase) -> str:
    return count(bought.answers, "answer")


def _time_lines(found: RunEstimate) -> list[str]:
    """Return the lines where every price is 0: seconds take the place of dollars."""
    held = f"Then the choice and the baseline meet {count(found.holdout, 'holdout example')}"
    if found.holdout_seconds is not None:
        held += f", in about {format_duration(found.holdout_seconds)}"
    return [
        f"Estimate: nobody is billed, as every price is 0. The search takes at most "
        f"{format_duration(found.time_limit or 0.0)} (--time-limit), and less where more is not "
        f"worth the time.",
        _seconds_line(found),
        f"{held}.",
        _visible(found),
    ]


def _seconds_line(found: RunEstimate) -> str:
    """Return a sentence on the seconds of an answer and of the search."""
    if found.seconds is None or found.search_seconds is None:
        return (
            "How long an answer takes is unknown until the first block of examples is answered, "
            "and so is how many configurations the time compares."
        )
    timed = sum(row.timed for row in found.rows)
    # Some models may have stored draws while others have none.
    known = [f"as long as {timed:,} that were drawn before"] if timed else []
    if any(not row.timed for row in found.rows):
        known.append(
            f"assumed to take {SECONDS_PER_CALL:g} s, {SECONDS_PER_PROMPT_TOKEN:g} s for each "
            f"token of the prompt and {SECONDS_PER_TOKEN:g} s for each of the answer, as a slow "
            f"machine does"
        )
    return (
        f"One answer to one example takes about {exact_seconds(found.seconds)} "
        f"({'; others '.join(known)}). With {FIRST_WIDTH:g} side by side, "
        f"{format_duration(found.time_limit or 0.0)} compare "
        f"{_configs(found.bought)} ({_answers(found.bought)}), and the search takes about "
        f"{format_duration(found.search_seconds)}."
    )


def price_lines(found: RunEstimate) -> tuple[str, ...]:
    """Return each model's price as it was understood, with the name that it matched.

    Where every price is 0, the first line of the estimate says so already.
    """
    if found.time_limit is not None:
        return ()
    return tuple(f"{model}: {price}" for model, price in found.prices)


def _visible(found: RunEstimate) -> str:
    """Return a sentence on the smallest difference that the run can show for its goal."""
    shown = number(found.tuning_detectable)
    examples = f"on all {found.tuning:,} tuning examples"
    if found.goal == "quality":
        return _visible_to_baseline(found)
    if math.isinf(found.tuning_detectable):
        return (
            f"The {found.tuning:,} tuning examples are too few to show what the goal turns on "
            f"with 80 % probability."
        )
    if found.goal == "frontier":
        return (
            f"Two configurations that differ by {shown} are told apart with 80 % probability "
            f"{examples}."
        )
    if found.min_quality is not None:
        return (
            f"If a score is better than {number(found.min_quality)} by {shown}, that is shown with "
            f"80 % probability {examples}."
        )
    margin = found.margin or 0.0
    lack = ""
    if found.tuning_detectable > margin:
        lack = f" The margin of {number(margin)} needs more examples."
    return (
        f"If a configuration is as good as the baseline, it is shown with 80 % probability to be "
        f"worse by less than {shown} {examples}.{lack}"
    )


def _visible_to_baseline(found: RunEstimate) -> str:
    if math.isinf(found.bought.detectable):
        return (
            f"No difference to the baseline, however large, is seen there with 80 % probability: "
            f"{_TOO_FEW}."
        )
    on_tuning = number(found.tuning_detectable)
    if math.isinf(found.tuning_detectable):
        on_tuning = "none"
    return (
        f"A difference to the baseline of {number(found.bought.detectable)} is seen there with "
        f"80 % probability ({on_tuning} on all {found.tuning:,} tuning examples)."
    )


def estimate_table(found: RunEstimate) -> list[str]:
    """Return a table by model and prompt, and what other budgets buy, as lines of plain text.

    The columns are tokens of the prompt and of an answer, dollars of one answer, and dollars of one
    answer to every tuning example; where every price is 0, seconds of one answer.
    """
    head = f"{'model, prompt':40s} {'prompt':>8s} {'answer':>8s} {'per answer':>12s}"
    if found.time_limit is not None:
        return [head, *map(_time_row, found.rows)]
    lines = [f"{head} {'all tuning':>12s}"]
    for row in found.rows:
        # A reader must see which numbers are only guesses.
        mark = " (assumed)"
        if row.learned:
            mark = ""
        elif row.stated:
            mark = " (stated)"
        lines.append(
            f"{row.model + ', ' + row.prompt:40s} {row.prompt_tokens:8.0f} "
            f"{row.output_tokens:8.0f} {dollars(row.draw):>12s} "
            f"{dollars(found.tuning * row.draw):>12s}{mark}"
        )
    for other in found.others:
        lines.append(
            f"{dollars(other.budget)} would compare "
            f"{_configs(other)} and see {_difference(other.detectable)} on "
            f"{count(other.holdout, 'holdout example')}."
        )
    return lines


def _time_row(row: AnswerForecast) -> str:
    known = "unknown" if row.seconds is None else exact_seconds(row.seconds)
    mark = "" if row.timed or row.seconds is None else " (assumed)"
    return (
        f"{row.model + ', ' + row.prompt:40s} {row.prompt_tokens:8.0f} {row.output_tokens:8.0f} "
        f"{known:>12s}{mark}"
    )


def _spread(rows: Sequence[AnswerForecast]) -> str:
    """Return a clause on the cheapest and the most expensive model and prompt."""
    least = min(rows, key=lambda row: row.draw)
    most = max(rows, key=lambda row: row.draw)
    if least == most:
        return ""
    return f", from {_named(least)} to {_named(most)}"


def _named(row: AnswerForecast) -> str:
    return f"{dollars(row.draw)} ({row.model}, {row.prompt})"


def _lengths(rows: Sequence[AnswerForecast]) -> str:
    """Return a clause on where the lengths of answers are known from."""
    draws, stated, guessed = 0, False, False
    for row in rows:
        draws += row.learned
        stated |= row.stated
        guessed |= not (row.learned or row.stated)
    parts = []
    if draws:
        parts.append(f"as long as {draws:,} that were bought before")
    if stated:
        parts.append("as long as you state")
    if guessed:
        parts.append("assumed to be as long as targets and prompts suggest")
    # Where all lengths are guessed, the reason follows.
    reason = "" if draws or stated else ", since none like them was bought before"
    return f"answers are {', others '.join(parts)}{reason}"


def _uncertainty(found: RunEstimate) -> str:
    """Return a clause on how far off the lengths may be."""
    if found.draw_span is None or found.draw_span[0] == found.draw_span[1]:
        return ""
    least, most = map(dollars, found.draw_span)
    # Measured lengths deserve a calmer sentence than guesses.
    if all(row.learned or row.stated for row in found.rows):
        return f", so that the average is likely between {least} and {most}"
    return f": a guess, so that the average may as well be {least} to {most}"


def _difference(detectable: float) -> str:
    if math.isinf(detectable):
        return f"no difference ({_TOO_FEW})"
    return f"a difference of {number(detectable)}"
