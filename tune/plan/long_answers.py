"""Answers that are longer than the estimate: found after the first block, and reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tune.completion import Endpoint
from tune.plan.answer_forecast import AnswerForecast, estimate_rows
from tune.plan.plan import Plan
from tune.plan.purchase import purchase
from tune.pricing.amounts import dollars
from tune.readout.columns import DrawColumns, columns_of
from tune.readout.trial import Trial
from tune.report import EstimateRow
from tune.report.serialize import load
from tune.report.text import count

MIN_DRAWS = 6
"""Answers of a model to a prompt from which their length counts, in all its trials."""

LONGER = 1.5
"""Below this many times the expected dollars of an answer, nobody needs to be told."""


def first_forecasts(events: Iterable[Mapping[str, Any]]) -> tuple[AnswerForecast, ...]:
    """Return the estimate of a study from its journal, as it was when the study began."""
    for event in events:
        if event["event"] == "estimate":
            return tuple(load(AnswerForecast, row) for row in event["rows"])
    return ()


class LengthMonitor:
    """Compares answers with the estimate, wave by wave.

    It tells once of each model and prompt whose answers are longer.

    Args:
        plan: the checked order.
        rows: the estimate.
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
        self._plan, self._rows, self._endpoints, self._tell = (
            plan,
            rows,
            endpoints,
            tell,
        )
        self._told: set[tuple[str, str]] = set()
        self._known: dict[int, tuple[int, DrawColumns]] = {}

    def look(self, trials: Mapping[int, Trial]) -> None:
        """Compare the answers so far with the estimate."""
        rows = estimate_rows(self._rows, trials, self._plan.prices, self._columns)
        met = {(row.model, row.prompt): row for row in rows}
        expected = {(row.model, row.prompt): row for row in self._rows}
        longer = []
        for key, row in met.items():
            if key not in self._told and _is_longer(expected[key], row):
                longer.append(key)
        if not longer:
            return
        # One sentence for all of them: the worst is named, the others are counted.
        self._told.update(longer)
        # A predicted cost of 0 must not divide by 0.
        worst = max(
            longer, key=lambda key: met[key].actual / max(met[key].predicted, 1e-15)
        )
        self._tell(self._sentence(met[worst], len(longer) - 1, met))

    def _columns(self, trial: Trial) -> DrawColumns:
        """Return the token counts of a trial's draws."""
        known = self._known.get(trial.number)
        # After each wave only a few trials have new draws, and a large study has a million.
        if known is None or known[0] != trial.bought:
            known = trial.bought, columns_of(trial.draws)
            self._known[trial.number] = known
        return known[1]

    def _sentence(
        self, row: EstimateRow, others: int, met: Mapping[tuple[str, str], EstimateRow]
    ) -> str:
        besides = f", and {count(others, 'other')} too" if others else ""
        known = []
        for forecast in self._rows:
            seen = met.get((forecast.model, forecast.prompt))
            known.append(_corrected(forecast, seen))
        then = purchase(self._plan, self._rows, self._endpoints).configs
        now = purchase(self._plan, known, self._endpoints).configs
        effect = ""
        # The budget may still be enough for the whole space.
        if now != then:
            effect = (
                f", so {dollars(self._plan.budget)} compares about "
                f"{count(now, 'configuration')} instead of {then:,}"
            )
        return (
            f"Answers are longer than the estimate said: those of {row.model} to the prompt "
            f"{row.prompt} take {row.actual_tokens:.0f} tokens instead of "
            f"{row.predicted_tokens:.0f}{besides}. One costs {dollars(row.actual)} instead of "
            f"{dollars(row.predicted)}{effect}. A smaller max_tokens, or a prompt "
            f"that asks for the answer alone, makes them shorter."
        )


def _is_longer(expected: AnswerForecast, row: EstimateRow) -> bool:
    most = LONGER * expected.output_tokens
    if expected.output_span:
        most = expected.output_span[1]
    # Longer answers of a model whose dollars are mostly in its prompts change little.
    is_known = row.draws >= MIN_DRAWS
    return is_known and row.actual_tokens > most and row.actual > LONGER * row.predicted


def _corrected(forecast: AnswerForecast, row: EstimateRow | None) -> AnswerForecast:
    """Return a forecast with the length of the answers that came."""
    return (
        forecast if row is None else replace(forecast, output_tokens=row.actual_tokens)
    )
