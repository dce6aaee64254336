"""The sentences of a report that a reader must not miss."""

from __future__ import annotations

from tune.pricing.amounts import dollars
from tune.report.headline import uncertain_sentence
from tune.report.records import Report


def warning_sentences(report: Report) -> list[str]:
    """Return what a reader must not miss, each sentence once."""
    found = [*report.notices]
    if report.interrupted:
        found.append(
            "The run was interrupted: the same command takes it up again, and nothing paid is lost."
        )
    if report.winner is not None and report.winner.holdout is None:
        found.append(
            "No holdout result: every number here is a tuning estimate, and the best of many "
            "estimates flatters."
        )
    if report.money.notional:
        found.append(
            "Some prices are notional: those dollars measure work, and nobody is billed for them."
        )
    if report.money.uncertain > 0:
        found.append(uncertain_sentence(report.money))
    if report.money.overshoot > 0:
        found.append(
            f"An endpoint billed {dollars(report.money.overshoot)} above the caps it was sent; it "
            "was stopped."
        )
    # Several parts of a run may say the same sentence. A dict keeps the order, and each once.
    return list(dict.fromkeys(found))
