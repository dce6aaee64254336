"""Replace uncertain charges by what the providers billed."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tune.errors import BudgetError, InputError, ProviderError, StudyError
from tune.followup.place import find_draws, find_journal
from tune.pricing.amounts import dollars
from tune.pricing.prices import to_dollars, to_picodollars
from tune.providers.entries import Entry
from tune.providers.openai.bill_lookup import bill_url
from tune.providers.openai.endpoint import OpenAIEndpoint
from tune.providers.trusted_hosts import Confirm, confirm_hosts
from tune.report import Uncertain
from tune.store.database import Database
from tune.store.journal import Journal
from tune.store.ledger import Ledger
from tune.store.ledger_marks import check_ledger
from tune.store.ledger_table import UncertainCharge, read_balance
from tune.study.study import Study, recorded_study

_BEGINS = "Reconciled: "
"""How the notice of a reconciliation begins; a later one takes its place."""


def reconcile(
    folder: str | Path,
    *,
    billed: float | None = None,
    store: str | None = None,
    key_env: str | None = None,
    allow_host: Collection[str] = (),
    confirm: Confirm | None = None,
) -> Study:
    """Make a study's charges what its providers billed, and rewrite its report.

    Without a figure, the services are asked for the bill of each uncertain call. OpenRouter and
    LiteLLM's proxy tell it, for calls that came back with a name. Other calls stay charged as
    before.

    Args:
        folder: the study's results folder.
        billed: dollars that the providers billed for the whole study, resumed runs included.
        store: the study's store; by default `draws.db` in its folder or the one above.
        key_env: the environment variable with the key of the services; by default OPENAI_API_KEY,
            which goes only to the hosts that it is meant for.
        allow_host: hosts to which the study may send the value of `key_env`.
        confirm: asks the user about any other host.

    Returns:
        The study with corrected money. A notice says what was settled and what was not.

    Raises:
        StudyError: there is no such study, it is running, or it has no result yet.
        BudgetError: the figure is impossible.
        InputError: a key would go to a host that was not confirmed.
    """
    place = Path(folder)
    path = find_journal(place)
    if billed is not None and not 0 <= billed < math.inf:
        raise BudgetError(
            f"a bill is a number of dollars from 0 on, but got {billed!r}"
        )
    with Journal(path) as journal:
        study = recorded_study(place, journal.events)
        db = Database(find_draws(place, store))
        try:
            ledger, before = _open_ledger(db, journal, place)
            found = None
            if billed is None:
                permit = _Permit(key_env, allow_host, confirm)
                found = _ask_services(ledger, journal, place, permit)
            else:
                ledger.reconcile(to_picodollars(billed))
            corrected = _corrected(study, place, ledger, found)
            # Writing the same result again would only make the journal longer.
            if found is not None and not found.bills:
                return corrected
            mark, freed = ledger.mark(), before - ledger.balance.spent
        finally:
            db.close()
        journal.follow(lambda: mark)
        journal.append("reconciled", billed=billed, freed=to_dollars(freed))
        corrected.report(place)
        journal.append(
            "result", stopped=corrected.stopped, record=corrected.to_record()
        )
    return corrected


def _open_ledger(db: Database, journal: Journal, place: Path) -> tuple[Ledger, int]:
    """Return the study's ledger, and the picodollars that it had spent.

    Raises:
        StudyError: the store has no ledger of the study, or is an older copy.
    """
    name = journal.events[0]["id"]
    # Read without opening the ledger: opening marks reservations as uncertain.
    before = read_balance(db, name)
    if before is None:
        raise StudyError(
            f"the store {str(db.path)!r} has no ledger of the study in {str(place)!r}: give the "
            f"--store that it was run with"
        )
    # An older copy of the store would make the correction wrong.
    check_ledger(db, name, journal.events, place)
    return Ledger(db, name, before.budget), before.spent


def _corrected(
    study: Study, place: Path, ledger: Ledger, found: _Found | None
) -> Study:
    """Return the study with the money of its ledger, and with a notice on what was settled."""
    balance = ledger.balance
    reasons = []
    for reason, calls, cost in ledger.uncertain_by_reason():
        reasons.append(Uncertain(reason, calls, to_dollars(cost)))
    money = replace(
        study.record.money,
        spent=to_dollars(balance.spent),
        spent_now=0.0,
        settled=to_dollars(balance.settled),
        uncertain=to_dollars(balance.uncertain),
        reasons=tuple(reasons),
        overshoot=to_dollars(balance.overshoot),
        # A bill above the budget leaves nothing, and not less than nothing.
        left=to_dollars(max(0, balance.budget - balance.spent)),
    )
    # The notice of an earlier reconciliation is no longer true.
    notices = [
        notice for notice in study.record.notices if not notice.startswith(_BEGINS)
    ]
    if found is not None:
        notices.append(found.sentence())
    record = replace(study.record, money=money, notices=tuple(notices))
    return Study(record, place, stopped=study.stopped, deployment=study.deployment)


@dataclass(frozen=True, slots=True)
class _Permit:
    """The key that may be sent to the services of a study, and the hosts that may get it."""

    key_env: str | None
    allow_host: Collection[str]
    confirm: Confirm | None


def _ask_services(
    ledger: Ledger, journal: Journal, place: Path, permit: _Permit
) -> _Found:
    """Ask the services for the bills of uncertain calls, and settle those that they tell."""
    found = _Found()
    entries = []
    for name, model in journal.events[0]["identity"]["models"].items():
        entries.append(Entry(name, **model, key_env=permit.key_env))
    charges = _askable(ledger.uncertain_charges(), found)
    if charges:
        # The folder may come from somebody else, and it names the hosts.
        confirm_hosts(
            entries,
            repr(str(place)),
            allowed=permit.allow_host,
            confirm=permit.confirm,
            sent="the names of calls",
        )
    # A thread of its own, so that it is the same inside a running loop.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _ask(entries, charges, found)).result()
    for charge, picodollars in found.bills:
        ledger.settle_uncertain(charge, picodollars)
    return found


@dataclass(slots=True)
class _Found:
    """The result of asking.

    Attributes:
        bills: calls whose bill was told, with its picodollars.
        unknown: calls whose bill stays unknown, by the reason.
    """

    bills: list[tuple[UncertainCharge, int]] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)

    def sentence(self) -> str:
        """Say what was settled, what was not, why, and the way to settle it."""
        if not self.bills and not self.unknown:
            return f"{_BEGINS}no call is uncertain, so there is nothing to settle."
        # Whole picodollars are added, so that no cent is lost to rounding.
        settled = to_dollars(sum(picodollars for _, picodollars in self.bills))
        said = (
            f"{_BEGINS}{_calls(len(self.bills))} settled at {dollars(settled)} by the services' "
            "own figures."
        )
        if not self.unknown:
            return said
        listed = "; ".join(
            f"{_calls(calls)}: {reason}" for reason, calls in self.unknown.most_common()
        )
        return (
            f"{said} {_calls(self.unknown.total())} still uncertain ({listed}): tune reconcile "
            "STUDY --billed USD settles them by the bill for the whole study."
        )


def _calls(count: int) -> str:
    return f"{count} call{'' if count == 1 else 's'}"


def _askable(
    charges: Iterable[UncertainCharge], found: _Found
) -> list[UncertainCharge]:
    """Return the calls whose bill a service can tell, and note the reason for the others."""
    askable = []
    for charge in charges:
        if not charge.call:
            found.unknown["no name of the call came back, by which to ask"] += 1
        elif bill_url("", charge.call) is None:
            found.unknown[f"{charge.service} tells no bill of a single call"] += 1
        else:
            askable.append(charge)
    return askable


async def _ask(
    entries: Iterable[Entry], charges: Iterable[UncertainCharge], found: _Found
) -> None:
    """Ask the services of a study for the bills of calls."""
    endpoints: Mapping[str, dict[Any, OpenAIEndpoint]] = defaultdict(dict)
    # The reason why a service cannot be asked, by its name.
    closed: dict[str, str] = {}
    for entry in entries:
        # A local model bills nothing.
        if entry.local:
            continue
        try:
            own = OpenAIEndpoint(
                entry.model,
                base_url=entry.base_url,
                key_env=entry.key_env,
                alias=entry.alias,
            )
        except InputError as error:
            closed[entry.alias or entry.host] = str(error)
        else:
            endpoints[own.service].setdefault(entry.base_url, own)
    try:
        for charge in charges:
            await _ask_for(
                charge, endpoints.get(charge.service, {}).values(), found, closed
            )
    finally:
        for group in endpoints.values():
            for endpoint in group.values():
                await endpoint.close()


async def _ask_for(
    charge: UncertainCharge,
    endpoints: Iterable[OpenAIEndpoint],
    found: _Found,
    closed: Mapping[str, str],
) -> None:
    """Ask those who may have served a call, until one of them tells its bill."""
    reason = f"{charge.service} does not know the call or its bill, or not yet"
    for place, why in closed.items():
        if charge.service.startswith(place):
            reason = why
            break
    # Several models of one service may be at different addresses.
    for endpoint in endpoints:
        try:
            picodollars = await endpoint.bill_of(charge.call)
        except ProviderError as error:
            reason = str(error)
            continue
        if picodollars is not None:
            found.bills.append((charge, picodollars))
            return
    found.unknown[reason] += 1
