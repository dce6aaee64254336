"""The record of a run: all that its report is built from, as it stood when the run ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tune.errors import ProviderError
from tune.plan.plan import Plan
from tune.pricing.clock import Clock
from tune.pricing.prices import Price
from tune.providers.stack import Service
from tune.readout import Reading
from tune.readout.trial import Trial
from tune.space import Config
from tune.store.admission import Shortage
from tune.store.draw_counts import DrawCounts, count_draws
from tune.store.draws import Store
from tune.store.ledger import Ledger
from tune.store.ledger_table import Balance, SentCall
from tune.strategies import Problem, Selection, Standing
from tune.study.stop_reasons import FINISHED
from tune.study.trial_reader import TrialReader
from tune.study.unbilled import in_seconds


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One model of a run.

    Attributes:
        price: of its tokens.
        most_n: answers that one call can give for one prompt.
        bought: draws that the study paid for, in whichever process.
        reused: draws that another study paid for.
    """

    price: Price
    most_n: int
    bought: int
    reused: int


@dataclass(frozen=True, slots=True)
class MoneyRecord:
    """The money of a study at the end of a run, in picodollars.

    Attributes:
        balance: where the money is.
        spent_now: spent by this process.
        uncertain: what nobody knows the outcome of, as (reason, calls, picodollars).
        holdout_reserve: kept for the holdout when the search ended.
        holdout_spent: spent on the holdout.
        shortage: the call of the search that did not fit; None where all did, or where an earlier
            process came to the end of the money.
        holdout_shortage: the call of the holdout that did not fit, likewise.
        calls: every call that was sent, in the order of sending.
    """

    balance: Balance
    spent_now: int
    uncertain: tuple[tuple[str, int, int], ...]
    holdout_reserve: int
    holdout_spent: int
    shortage: Shortage | None
    holdout_shortage: Shortage | None = None
    calls: Sequence[SentCall] = ()


@dataclass(frozen=True, slots=True)
class TimeRecord:
    """The time of a study that nobody is billed for.

    Attributes:
        elapsed: seconds on the wall that the search has taken.
        width: seconds of service in a second on the wall.
    """

    elapsed: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """Findings of a run.

    Attributes:
        plan: what was asked for.
        problem: the study as its strategy saw it.
        trials: every trial of the search, by number.
        standings: the same with their readings, in dollars.
        weighed: the same as strategies weigh them: in seconds where nobody is billed.
        selection: the selected configuration and its runners-up; None where nothing was scored.
        single_answer: the best reading of one answer alone, for agents that take no more; None
            where there is none.
        holdout: readings on holdout examples of the selected configuration, of the single answer
            and of the baseline, by config; empty where the holdout was not met.
        holdout_trials: their trials.
        holdout_shared: readings of other configurations off the draws of each.
        stopped: why the run ended; see `tune.study.stop_reasons`.
        ending: why the search ended with money left, as its strategy said: `NO_WORTH` or
            `ALL_BOUGHT` of `tune.strategies.problem`; "" where it said nothing.
        fault: the error that paused the run.
        models: by name.
        unanswerable: the reasons of examples that a model never answers, by (model, position).
        money: at the end of the run.
        time: where nobody is billed, else None.
        events: of the study's journal.
        reader: reads configurations off the trials.
    """

    plan: Plan
    problem: Problem
    trials: Mapping[int, Trial]
    standings: Mapping[int, Standing]
    weighed: Mapping[int, Standing]
    selection: Selection | None = None
    single_answer: Reading | None = None
    holdout: Mapping[Config, Reading] = field(default_factory=dict)
    holdout_trials: Mapping[Config, Trial] = field(default_factory=dict)
    holdout_shared: Mapping[Config, Sequence[Reading]] = field(default_factory=dict)
    stopped: str = FINISHED
    ending: str = ""
    fault: ProviderError | None = None
    models: Mapping[str, ModelRecord]
    unanswerable: Mapping[tuple[str, int], str]
    money: MoneyRecord
    time: TimeRecord | None
    events: Sequence[Mapping[str, Any]]
    reader: TrialReader

    @property
    def readings(self) -> list[Reading]:
        """Every reading of every trial."""
        readings: list[Reading] = []
        for standing in self.standings.values():
            readings.extend(standing.readings)
        return readings

    def weigh(self, reading: Reading) -> Reading:
        """Return a reading with the cost by which it is compared, in dollars or in seconds."""
        # Somebody is billed, so its cost is in dollars already.
        if self.time is None:
            return reading
        return in_seconds(reading, self.models[reading.config.model].most_n)

    def model_of(self, trial: Trial) -> ModelRecord:
        """Return the model that answered a trial."""
        return self.models[str(trial.point["model"])]


def record_models(
    services: Mapping[str, Service], store: Store, ledger: Ledger
) -> dict[str, ModelRecord]:
    """Return the record of each model, by name.

    Args:
        services: the models, by name.
        store: has the draws.
        ledger: of the study.
    """
    counts = dict(count_draws(store, ledger.study))
    models: dict[str, ModelRecord] = {}
    for name, service in services.items():
        # Two names may stand for one model: its draws are counted once.
        draws = counts.pop((service.id, service.entry.model), DrawCounts())
        models[name] = ModelRecord(
            price=service.price,
            most_n=service.endpoint.most_n,
            bought=draws.bought,
            reused=draws.reused,
        )
    return models


def record_time(clock: Clock | None) -> TimeRecord | None:
    """Return the record of a study's time; None where calls are billed."""
    if clock is None:
        return None
    return TimeRecord(clock.elapsed, clock.width)


def record_money(ledger: Ledger, holdout_reserve: int) -> MoneyRecord:
    """Return the record of a study's money.

    Args:
        ledger: of the study.
        holdout_reserve: picodollars that were kept for the holdout when the search ended. The
            ledger no longer knows it, because meeting the holdout releases the reserve.
    """
    return MoneyRecord(
        balance=ledger.balance,
        spent_now=ledger.spent_now,
        uncertain=tuple(ledger.uncertain_by_reason()),
        holdout_reserve=holdout_reserve,
        holdout_spent=ledger.spent_by_purpose().get("holdout", 0),
        shortage=ledger.shortage,
        holdout_shortage=ledger.holdout_shortage,
        calls=ledger.calls(),
    )
