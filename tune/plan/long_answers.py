"""Answers that are longer than the estimate said: met after the first block, and told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tune.completion import Endpoint
from tune.plan.estimate import purchase
from tune.plan.plan import Plan
from tune.plan.token_counts import AnswerForecast, estimate_rows
from tune.readout.trial import Trial
from tune.report import EstimateRow
from tune.report.serialize import load
from tune.report.text import count, dollars

MIN_DRAWS = 6
"""Answers of a model to a prompt after which their length counts as met: a first block has at least
as many.
"""

LONGER = 1.5
"""Times the expected dollars of an answer, below which nobody needs to be told."""


def first_forecasts(events: Iterable[Mapping[str, Any]]) -> tuple[AnswerForecast, ...]:
    """Return what a study was expected to pay when it began, from its journal."""
    event = next((event for event in events if event["event"] == "estimate"), None)
    return () if event is None else tuple(load(AnswerForecast, row) for row in event["rows"])


class LengthMonitor:
    """Compares answers with the estimate, wave by wave, and tells once of each model and prompt
    that is longer.

    Args:
        plan: what was asked for.
        rows: what was expected.
        endpoints: of the space's models, by name; nothing is sent to them.
        tell: called with a sentence for users.
    """

    def __init__(
        self,
        plan: Plan,
        rows: Sequence[AnswerForecast],
        endpoints: Mapping[str, Endpoint],
        tell: Callable[[str], None],
    ) -> None:
        self._plan, self._rows, self._endpoints, self._tell = plan, rows, endpoints, tell
        self._told: set[tuple[str, str]] = set()

    def look(self, trials: Mapping[int, Trial]) -> None:
        """Compare what came back so far."""
        met = {
            (row.model, row.prompt): row
            for row in estimate_rows(self._rows, trials, self._plan.prices)
        }
        expected = {(row.model, row.prompt): row for row in self._rows}
        longer = [
            key
            for key, row in met.items()
            if key not in self._told and _is_longer(expected[key], row)
        ]
        if not longer:
            return
        self._told.update(longer)
        worst = max(longer, key=lambda key: met[key].actual / max(met[key].predicted, 1e-15))
        self._tell(self._sentence(met[worst], len(longer) - 1, met))

    def _sentence(
        self, row: EstimateRow, others: int, met: Mapping[tuple[str, str], EstimateRow]
    ) -> str:
        besides = f", and likewise {count(others, 'other')}" if others else ""
        known = [
            _corrected(forecast, met.get((forecast.model, forecast.prompt)))
            for forecast in self._rows
        ]
        then, now = (
            purchase(self._plan, rows, self._endpoints).configs for rows in (self._rows, known)
        )
        budget = dollars(self._plan.budget)
        return (
            f"Answers are longer than the estimate said: those of {row.model} to the prompt {row.prompt} take "
            f"{row.actual_tokens:.0f} tokens instead of {row.predicted_tokens:.0f}{besides}. One costs "
            f"{dollars(row.actual)} instead of {dollars(row.predicted)}, so {budget} compares about "
            f"{count(now, 'configuration')} instead of {then:,}. A smaller max_tokens, or a prompt that asks for the "
            f"answer alone, makes them shorter."
        )


def _is_longer(expected: AnswerForecast, row: EstimateRow) -> bool:
    most = expected.output_span[1] if expected.output_span else LONGER * expected.output_tokens
    return (
        row.draws >= MIN_DRAWS and row.actual_tokens > most and row.actual > LONGER * row.predicted
    )


def _corrected(forecast: AnswerForecast, row: EstimateRow | None) -> AnswerForecast:
    """Return a forecast with the length that was met."""
    return forecast if row is None else replace(forecast, output_tokens=row.actual_tokens)
