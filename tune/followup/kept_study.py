"""A study read again by its folder alone: with the options that its journal keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tune.errors import StudyError
from tune.followup.place import find_journal
from tune.store.journal import read_events
from tune.study.stop_reasons import INTERRUPTED
from tune.study.study import find_store
from tune.task.callables import imports_refused

# What a replay needs is imported by it: most commands read a finished study from its files.
if TYPE_CHECKING:
    from tune.plan.plan import Plan
    from tune.study.record import RunRecord
    from tune.study.run import Run

REMEDY = "its data or its space has changed since: say where they are now with --data or --space"
"""The way out where the kept options describe another study."""


@dataclass(frozen=True, slots=True)
class KeptStudy:
    """A study in its folder.

    Attributes:
        folder: of its files.
        given: options that the user states now, such as `data` where the file was moved.
        allow_import: modules may be imported that the journal names.
        events: of its journal.
    """

    folder: Path
    given: Mapping[str, Any] = field(default_factory=dict)
    allow_import: bool = False
    events: Sequence[Mapping[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        # Frozen, so that the events are those of one moment.
        object.__setattr__(self, "events", read_study(self.folder))

    @contextmanager
    def replayed(self, as_study: str) -> Iterator[tuple[Run, RunRecord]]:
        """Hand out the run as the journal leaves it, with its record.

        Args:
            as_study: the name on the ledger; see `tune.followup.replay`.

        Raises:
            StudyError: the study cannot be read again: it is another one now, examples were
                forgotten, or its store is gone.
            InputError: its options cannot be read again.
        """
        from tune.followup.replay import replay_holdout, replayed, select_replayed
        from tune.plan.kept_options import read_kept
        from tune.study.resume import check_not_forgotten

        check_not_forgotten(self.events, self.folder)
        options = read_kept(self.events[0], self.folder, self.given)
        store = options.pop("store", None) or find_store(self.folder)
        plan = self._plan(options)
        with replayed(plan, self.folder, store, as_study=as_study) as again:
            run = again.run
            choice, single = select_replayed(run)
            test = replay_holdout(run)
            record = run.record(choice, single, test, stopped=self.stopped)
            yield run, record

    @property
    def stopped(self) -> str:
        """Reason for which its last run ended; a run without a result was interrupted."""
        last = self.events[-1]
        for event in reversed(self.events):
            if event["event"] in ("result", "continue", "wave"):
                last = event
                break
        if last["event"] != "result":
            return INTERRUPTED
        return str(last["stopped"])

    def _plan(self, options: Mapping[str, Any]) -> Plan:
        from tune.plan.make import make_plan
        from tune.plan.read_options import read_options
        from tune.study.resume import check_identity

        refusal = None
        if not self.allow_import:
            refusal = (
                f"the journal in {str(self.folder)!r} names it, not you: say that it may be with "
                "--allow-import"
            )
        limits = [e for e in self.events if e["event"] in ("study", "continue")]
        # A continued study has a larger budget than it began with. 0 is none, where nobody is
        # billed.
        budget = limits[-1]["budget"] or None
        with imports_refused(refusal):
            plan = make_plan(read_options(**{**options, "budget": budget}))
        then = self.events[0]["identity"]
        check_identity(then, plan.identity, self.folder, remedy=REMEDY)
        return plan


def read_study(folder: Path) -> list[dict[str, Any]]:
    """Return the events of the study in a results folder, also while it is running.

    Raises:
        StudyError: there is no study, or the file is none.
    """
    path = find_journal(folder)
    events = read_events(path)
    if not events or events[0]["event"] != "study":
        raise StudyError(
            f"{str(path)!r} is no study, or of another version of tune: its first line does not "
            "begin one"
        )
    return events
