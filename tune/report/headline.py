"""The answer in three sentences. Every claim has its interval."""

from __future__ import annotations

import math

from tune.pricing.amounts import dollars
from tune.pricing.clock import format_duration
from tune.report.amount import amount_of
from tune.report.money_records import Money
from tune.report.records import Report, ReportConfig
from tune.report.text import count, describe_config, inline, number, with_limits
from tune.report.unread_text import unread_headline
from tune.stats.intervals import Interval


def answer(report: Report) -> tuple[str, ...]:
    """Return the answer in plain text: the winner, the comparison, a trivial baseline or the money.

    If the user gave no baseline, one sentence names the configuration that replaces it. The text is
    not escaped.
    """
    # Nothing else matters if no answer could be read.
    if report.unread_stop:
        return *unread_headline(report), money_sentence(report)
    if report.winner is None:
        return _nothing_found(report)
    first, last = _winner(report, report.winner), _yardstick(report, report.winner)
    return first, *assumed_baseline(report), _comparison(report), last


def answer_markdown(report: Report) -> str:
    """Return the answer as a paragraph of Markdown."""
    return " ".join(inline(sentence, limit=2000) for sentence in answer(report))


def assumed_baseline(report: Report) -> tuple[str, ...]:
    """Return one sentence on what the winner is compared with, where the user gave no baseline."""
    if report.baseline_given or report.baseline is None:
        return ()
    stands = describe_config(report.baseline.config)
    return (
        "No baseline was given: it is compared with the first model and the plainest prompt "
        f"({stands}).",
    )


def shown_rows(report: Report) -> list[ReportConfig]:
    """Return the winner, the baseline, the best single-answer configuration and the runners-up."""
    winner, baseline, single = report.winner, report.baseline, report.deployable
    rows = [winner]
    # Each configuration has one row.
    if not report.winner_is_baseline:
        rows.append(baseline)
    is_winner = single and winner and single.config == winner.config
    if not is_winner:
        rows.append(single)
    rows += report.runners_up
    return [row for row in rows if row is not None]


def detectable_sentence(report: Report) -> str:
    """Return the smallest difference to the baseline that could be seen; "" if it is unknown."""
    if report.detectable is None:
        return ""
    if math.isinf(report.detectable):
        return (
            "No difference to the baseline can be seen with 80 % probability: there are too few "
            "holdout examples."
        )
    known = report.difference
    if not known and report.winner is not None:
        known = report.winner.holdout
    examples = "The holdout examples"
    if known is not None:
        examples = f"The {count(known.n, 'holdout example')}"
    return (
        f"{examples} show a difference to the baseline of {number(report.detectable)} or more with "
        "at least 80 % probability, and smaller ones less often."
    )


MUCH_LEFT = 0.05
"""The share of the budget that, left over, makes one ask why it was not spent."""


def money_sentence(report: Report) -> str:
    """Return what was spent, on what, and why the search ended."""
    money = report.money
    # Every price is 0, so a sum of dollars would only puzzle the reader.
    if money.seconds is not None:
        return (
            f"Took {format_duration(money.seconds)}, and nobody is billed: every price is 0. "
            f"{_bought(report)}"
        )
    said = f"Spent {dollars(money.spent)} of {dollars(money.budget)}"
    # A resumed study paid a part earlier.
    if money.spent_now != money.spent:
        said += f" ({dollars(money.spent_now)} now)"
    if money.notional:
        said += " at prices that are notional (nobody is billed)"
    said += f" on {_bought(report)}"
    if money.left_reason and money.left > MUCH_LEFT * money.budget:
        left = f"{dollars(money.left)} of {dollars(money.budget)}"
        said += f" {left} are unspent: {money.left_reason}."
    return f"{said} {uncertain_sentence(money)}".rstrip()


def uncertain_sentence(money: Money) -> str:
    """Return the dollars of unknown bills, the reasons, how to settle them; "" if all are known."""
    if money.uncertain <= 0:
        return ""
    reasons = []
    for one in money.reasons:
        reasons.append(f"{count(one.calls, 'call')}: {one.reason}")
    why = ""
    if reasons:
        why = f" ({'; '.join(reasons)})"
    return (
        f"{dollars(money.uncertain)} of it is uncertain, charged at the most that it can be{why}: "
        "tune reconcile STUDY asks the services for the bills of these calls, and "
        "tune reconcile STUDY --billed USD books the whole bill instead."
    )


def _bought(report: Report) -> str:
    """Return the number of draws and trials, and why the search ended."""
    said = count(report.draws_bought, "draw")
    # Draws of an earlier study cost nothing, and explain why so little was spent.
    if report.draws_reused:
        said += f", {report.draws_reused:,} more reused"
    said += f", in {count(len(report.trials), 'trial')}"
    if report.stopped:
        said += f"; {report.stopped}"
    return f"{said}."


def evidence(quality: Interval | None, *, holdout: bool) -> str:
    """Return a quality with its interval and its number of examples, in words."""
    if quality is None:
        return "not scored"
    kind = "tuning example"
    if holdout:
        kind = "holdout example"
    return (
        f"{number(quality.mean)} on {count(quality.n, kind)} "
        f"(95 % interval {number(quality.low)} to {number(quality.high)})"
    )


def _nothing_found(report: Report) -> tuple[str, ...]:
    done, why = "Nothing was scored", ""
    if report.interrupted:
        done = "The run was interrupted before anything was scored"
    # The sentence on the money says how an interrupted run goes on.
    elif report.stopped:
        why = f": {report.stopped}"
    first = f"{done}, so there is no configuration to recommend{why}."
    # A baseline may be measured even if the search found nothing.
    second = "Nothing is known of the baseline either."
    baseline = report.baseline
    if baseline is not None and baseline.quality is not None:
        known = evidence(baseline.quality, holdout=baseline.holdout is not None)
        second = f"The baseline scores {known}."
    elif report.baseline_failure:
        second = f"The baseline could not be run: {_ended(report.baseline_failure)}"
    return first, second, money_sentence(report)


def _winner(report: Report, winner: ReportConfig) -> str:
    amount = amount_of(report)
    cost = amount.of(winner)
    price = ""
    if cost is not None:
        price = f", at {amount.said(cost.mean)} per request"
    known = evidence(winner.quality, holdout=winner.holdout is not None)
    so_far = ""
    if report.interrupted:
        so_far = " so far"
    # This is the headline: it must not be missed.
    if report.keeps_limit is False:
        return _over_the_limit(report, winner, known)
    sentence = (
        f"The best configuration found{so_far} is {describe_config(winner.config)}: it scores "
        f"{known}{price}"
    )
    sentence += _asked(report, winner.quality)
    if not report.larger_is_better:
        sentence += " (a lower score is better)"
    if winner.holdout is None:
        sentence += (
            "; these are the examples it was chosen by, so the number flatters it"
        )
    return sentence + "."


def _over_the_limit(report: Report, winner: ReportConfig, known: str) -> str:
    """Return the headline if no configuration keeps the limit. It must not read like success."""
    takes = []
    if report.max_cost is not None and winner.cost is not None:
        takes.append(f"costs {dollars(winner.cost.mean)}")
    if report.max_seconds is not None and winner.seconds_median is not None:
        takes.append(f"takes {winner.seconds_median:.2f} s in the median")
    # Only what is limited is told.
    closest = ""
    if takes:
        closest = f" and {' and '.join(takes)}"
    return (
        f"No configuration that was tried keeps {report.limit}. The one that came closest is "
        f"{describe_config(winner.config)}: it scores {known}{closest} per request. Allow more, or "
        "add cheaper models, shorter prompts or a smaller max_tokens."
    )


def _comparison(report: Report) -> str:
    difference, baseline = report.difference, report.baseline
    # No comparison with itself.
    if report.winner_is_baseline:
        return "It is the baseline itself: nothing that was tried is preferred to it."
    if baseline is None and report.baseline_failure:
        return (
            "The baseline could not be run, so nothing is compared with it and no gain is claimed: "
            f"{_ended(report.baseline_failure)}"
        )
    if baseline is None:
        return "There is no baseline to compare it with, so no gain is claimed."
    if difference is None:
        known = evidence(baseline.quality, holdout=baseline.holdout is not None)
        why = ""
        if report.baseline_failure:
            why = f" It could not be run there: {_ended(report.baseline_failure)}"
        return (
            f"The baseline is {known}, and the two were not compared on holdout examples, so no "
            f"gain is claimed.{why}"
        )
    if report.margin is not None:
        return _non_inferiority(report, report.margin, difference)
    on = (
        f"on the same {count(difference.n, 'holdout example')}, the difference is "
        f"{with_limits(difference)}"
    )
    # The whole interval lies above zero.
    if report.verdict == "better":
        return f"It is better than the baseline: {on}."
    if report.verdict == "worse":
        return f"It is worse than the baseline, in spite of what the tuning examples said: {on}."
    seen = ""
    if report.detectable is not None and math.isfinite(report.detectable):
        seen = (
            f", and a difference below {number(report.detectable)} would mostly go unseen with so "
            "few"
        )
    return f"The data cannot tell it from the baseline: {on}{seen}."


def _ended(words: str) -> str:
    """Return somebody else's words with the full stop of a sentence."""
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _non_inferiority(report: Report, margin: float, difference: Interval) -> str:
    on = (
        f"on the same {count(difference.n, 'holdout example')}, the difference is "
        f"{with_limits(difference)}"
    )
    # Worse is less where larger is better, and more where it is not.
    side, limit = "upper", margin
    if report.larger_is_better:
        side, limit = "lower", -margin
    if report.non_inferior:
        return (
            "Non-inferiority is shown: it is not worse than the baseline by more than "
            f"{number(margin)}: {on}, whose {side} limit is within {number(limit)}."
        )
    # The whole interval lies beyond the margin.
    clearly = difference.low > margin
    if report.larger_is_better:
        clearly = difference.high < -margin
    if clearly:
        return (
            f"It is worse than the baseline by more than the {number(margin)} that was allowed: "
            f"{on}."
        )
    return (
        "Non-inferiority is not shown: it may be worse than the baseline by more than "
        f"{number(margin)}: {on}, whose {side} limit is beyond {number(limit)}."
    )


def _asked(report: Report, quality: Interval | None) -> str:
    """Say if the interval shows the quality that the user asked for."""
    # Other goals ask for no score.
    if report.min_quality is None or quality is None:
        return ""
    least = number(report.min_quality)
    shown, word = quality.high <= report.min_quality, "at most"
    if report.larger_is_better:
        shown, word = quality.low >= report.min_quality, "at least"
    if shown:
        return f"; its whole interval shows the {word} {least} that was asked for"
    return f"; that it has the {word} {least} that was asked for is not shown by its interval"


def _yardstick(report: Report, winner: ReportConfig) -> str:
    # Targets that are not labels have no majority class. Then the money stands here.
    if report.majority_score is None:
        return money_sentence(report)
    name = ""
    if report.majority_class:
        name = f" ({report.majority_class})"
    share = f"Always answering the majority class{name} would score {number(report.majority_score)}"
    if winner.quality is None:
        return f"{share}."
    # Scores on other examples cannot be compared with it.
    if winner.holdout is None:
        return f"{share} on holdout examples, which the winner has not met."
    if report.clears(winner.holdout, report.majority_score):
        return f"{share}, which the winner's whole interval clears."
    return f"{share}, which the winner's interval does not clear."
