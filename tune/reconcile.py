"""Book what a provider billed in place of charges whose outcome nobody knew."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from tune.database import Database
from tune.errors import BudgetError, StudyError
from tune.journal import Journal
from tune.ledger import Account, check_ledger, read_balance
from tune.pricing import to_dollars, to_picodollars
from tune.study import Study, find_store, recorded_study


def reconcile(folder: str | Path, *, billed: float, store: str | None = None) -> Study:
    """Make a study's charges what its provider billed, and write its report anew.

    Args:
        folder: the study's results folder.
        billed: dollars that the provider billed for the whole study, resumed runs included.
        store: the study's store; default `draws.db` in its folder or the one above.

    Returns:
        The study with its money corrected.

    Raises:
        StudyError: there is no such study, it is running, or it has not come to a result yet.
        BudgetError: the figure cannot be.
    """
    place = Path(folder)
    if not (place / "study.jsonl").is_file():
        raise StudyError(f"there is no study in {str(place)!r}: give the folder that holds its study.jsonl")
    if not 0 <= billed < math.inf:
        raise BudgetError(f"a bill is a number of dollars from 0 on, but got {billed!r}")
    with Journal(place / "study.jsonl") as journal:
        study = recorded_study(place, journal.events)
        where = store or find_store(place)
        if "://" not in where and not Path(where).is_file():
            raise StudyError(f"there is no store {where!r}: give the --store that the study was run with")
        db = Database(where)
        try:
            name = journal.events[0]["id"]
            before = read_balance(db, name)
            if before is None:
                raise StudyError(
                    f"the store {where!r} has no account of the study in {str(place)!r}: give the --store that it "
                    f"was run with"
                )
            check_ledger(db, name, journal.events, place)
            account = Account(db, name, before.budget)
            account.reconcile(to_picodollars(billed))
            balance, mark = account.balance, account.mark()
        finally:
            db.close()
        money = replace(
            study.record.money,
            spent=to_dollars(balance.spent),
            spent_now=0.0,
            settled=to_dollars(balance.settled),
            uncertain=to_dollars(balance.uncertain),
            reasons=(),
            overshoot=to_dollars(balance.overshoot),
            left=to_dollars(max(0, balance.budget - balance.spent)),
        )
        journal.follow(lambda: mark)
        mended = Study(replace(study.record, money=money), place, stopped=study.stopped, deployment=study.deployment)
        journal.append("reconciled", billed=billed, freed=to_dollars(before.spent - balance.spent))
        mended.report(place)
        journal.append("result", stopped=mended.stopped, record=mended.to_record())
    return mended
