"""The sections of `report.md` on money: what was spent, the prices, and the estimate."""

from __future__ import annotations

from tune.pricing.amounts import dollars
from tune.pricing.clock import format_duration
from tune.report.amount import Amount, amount_of
from tune.report.headline import money_sentence
from tune.report.money_records import EstimateRow, PriceLine
from tune.report.records import Report
from tune.report.text import count, inline, table


def money_section(report: Report) -> str:
    """Return where the money went, or how long the study took if every price is 0."""
    money = report.money
    title, unit, rows = "Money", "dollars or draws", _money_rows(report)
    if money.seconds is not None:
        title, unit = "Time", "seconds or draws"
        rows = [["taken", format_duration(money.seconds)]]
    rows += [
        ["draws bought", f"{report.draws_bought:,}"],
        ["draws reused", f"{report.draws_reused:,}"],
    ]
    parts = [
        f"## {title}",
        inline(money_sentence(report), limit=1000),
        table(["", unit], rows),
        _readings(report),
    ]
    return "\n\n".join(filter(None, parts))


def _money_rows(report: Report) -> list[list[str]]:
    money = report.money
    rows = [
        ["budget", dollars(money.budget)],
        ["spent", dollars(money.spent)],
        ["of it by the last run", dollars(money.spent_now)],
        ["of it settled", dollars(money.settled)],
        ["of it uncertain", dollars(money.uncertain)],
    ]
    # It is rare, and then the endpoint was stopped.
    if money.overshoot > 0:
        rows.append(["billed above the caps sent", dollars(money.overshoot)])
    left = dollars(money.left)
    if money.left_reason:
        left += f": {inline(money.left_reason)}"
    return [*rows, ["left", left]]


def _readings(report: Report) -> str:
    """Return what reading from bought draws saved; "" if it is unknown, or if every price is 0."""
    if not report.readings or amount_of(report).timed:
        return ""
    # The price could not be computed, and a notice says so.
    if report.read_cost is None or report.readings_cost is None:
        return ""
    return (
        f"Read {count(report.readings, 'configuration')} off draws that cost "
        f"{dollars(report.read_cost)} at list price; bought with draws shared over n, but anew for "
        f"every max_tokens and stop, they would have cost {dollars(report.readings_cost)}."
    )


def prices_section(report: Report) -> str:
    """Return the price of each model, with its source."""
    if not report.prices:
        return ""
    header = ["model", "in, per million tokens", "out", "source", "date"]
    rows = list(map(_price_row, report.prices))
    return f"## Prices\n\n{table(header, rows)}"


def _price_row(price: PriceLine) -> list[str]:
    output = dollars(price.output)
    if price.request:
        output += f" + {dollars(price.request)} per request"
    source = price.source
    # A price list may know the model by another name: the reader can check the match.
    if price.matched:
        source += f": {price.matched}"
    return [
        inline(price.model),
        dollars(price.input),
        output,
        inline(source),
        inline(price.date) or "-",
    ]


def estimate_section(report: Report) -> str:
    """Return the estimated cost of an answer beside the actual one."""
    if not report.estimate:
        return ""
    amount = amount_of(report)
    listed = " at list price"
    if amount.timed:
        listed = ""
    note = (
        f"{amount.unit.capitalize()} of one answer to one example{listed}: what the estimate said "
        "before anything was sent, and what it was. Where nothing like it had been bought before, "
        "the answer's length was assumed."
    )
    header = [
        "model, prompt",
        "estimated",
        "actual",
        "ratio",
        "tokens of the answer, estimated / actual",
        "draws",
    ]
    rows = [_estimate_cells(row, amount) for row in report.estimate]
    title = "## The estimate, and what happened"
    return "\n\n".join([title, note, table(header, rows)])


def _estimate_cells(row: EstimateRow, amount: Amount) -> list[str]:
    predicted: float | None = row.predicted
    actual: float | None = row.actual
    if amount.timed:
        predicted, actual = row.predicted_seconds, row.actual_seconds
    estimated, measured, ratio = "unknown", "-", "-"
    if predicted is not None:
        estimated = amount.said(predicted)
        # An assumed length is a guess, so a large ratio is to be expected.
        if not row.learned:
            estimated += " (assumed)"
    if actual is not None:
        measured = amount.said(actual)
    # An answer that cost nothing has no ratio.
    if predicted is not None and actual:
        ratio = f"{predicted / actual:.2f}"
    return [
        inline(f"{row.model}, {row.prompt}"),
        estimated,
        measured,
        ratio,
        f"{row.predicted_tokens:.0f} / {row.actual_tokens:.0f}",
        f"{row.draws:,}",
    ]
