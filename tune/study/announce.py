"""Announcements of a run: what a person should know before the first dollar, and on the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from tune.plan.estimate import RunEstimate, estimate
from tune.plan.estimate_text import estimate_lines, price_lines
from tune.plan.long_answers import LengthMonitor, first_forecasts
from tune.plan.options import Options
from tune.plan.plan import Plan
from tune.plan.prompt_preview import sent_lines
from tune.plan.search_space import LOCAL_MODEL
from tune.providers.stack import Service
from tune.providers.trusted_hosts import host_lines, remember_hosts
from tune.readout.trial import Trial
from tune.report.serialize import dump
from tune.safety.decoration import Decorations
from tune.store.draws import Store
from tune.store.journal import Journal
from tune.study.events import Notice, Observer, StudyFailed
from tune.study.observers import Observers
from tune.study.study import Study

UNUSED_KEY = (
    "OPENAI_API_KEY is set but not used: without --model, --models or --space a model on this "
    "machine is tuned, and nobody is billed"
)


class Announcer:
    """Tells a person what they should know about a run.

    Args:
        watching: observers of the run, by names as `Observers` has them.
        explain: whether it says of each wave what it buys and why.

    Attributes:
        told: sentences that are in the report too, in order.
        decorations: keeps faults of what only explains the run from ending it.
        emit: hands an event to the observers.
        watched: whether there are observers.
    """

    def __init__(
        self, watching: Mapping[str, Observer], *, explain: bool = False
    ) -> None:
        self._explain = explain
        self.told: dict[str, None] = {}
        self.decorations = Decorations(self.tell)
        self.emit = Observers(watching, self.decorations)
        self.watched = bool(watching)

    def show(self, sentence: str) -> None:
        """Show a sentence, now and nowhere else."""
        self.emit(Notice(text=sentence))

    def tell(self, sentence: str) -> None:
        """Show a sentence, and keep it for the report."""
        self.told.setdefault(sentence)
        self.show(sentence)

    def wave(self, line: str) -> None:
        """Say what a wave buys and why, if the user wants to know."""
        if self._explain and line:
            self.show(line)

    def waves(self, known: Study) -> None:
        """Say the same of a finished study that is shown again."""
        for wave in known.record.search.course.waves:
            self.wave(wave.line)

    def missing_slices(self, known: Study, plan: Plan) -> None:
        """Say which slices a finished study does not have because they were not asked for."""
        shown: set[str] = set()
        failing = known.record.failing
        if failing is not None:
            shown.update(one.column for one in failing.slices)
        missing = [column for column in plan.by if column not in shown]
        if missing:
            self.show(
                f"this study ended without slices by {', '.join(missing)}: "
                f"tune reprice {known.folder} shows them for $0"
            )

    def failed(self, error: BaseException) -> None:
        """Tell that the run ends with an error."""
        message = str(error) or "interrupted"
        self.emit(StudyFailed(error=type(error).__name__, message=message))

    def stopping(self) -> None:
        """Say that the run ends soon because somebody asked for it."""
        self.show(
            "stopping: the calls in flight are settled first (Ctrl-C again gives them up)"
        )

    def unused_key(self, options: Options) -> None:
        """Say that the key of OpenAI is not used, where no model was named."""
        # A user with a key probably expects its model, so the silence would surprise.
        named = options.model or options.space or options.models
        if os.environ.get("OPENAI_API_KEY") and not named:
            self.show(UNUSED_KEY)

    def hosts(self, plan: Plan) -> None:
        """Show which hosts are called, before the first call."""
        for line in host_lines(plan.called_entries):
            self.show(line)
        # Whoever starts a run by its options agrees to the hosts that they name.
        remember_hosts(plan.called_entries)
        if not plan.model_named:
            self.tell(
                "no model was named, so the small one on this machine is tuned "
                f"({LOCAL_MODEL}): add --model NAME"
            )

    def prompts(self, plan: Plan) -> None:
        """Show which columns are sent, and how one prompt looks, before the first dollar."""
        # It only explains the run, so a fault in it must not stop the run.
        self.decorations.attempt(
            "the look at what is sent", lambda: self._prompts(plan), None
        )

    def _prompts(self, plan: Plan) -> None:
        for sentence in plan.notes:
            if plan.content:
                self.tell(sentence)
            else:
                # It may show targets, and what is told is in the report.
                self.show(sentence)
        for line in sent_lines(plan):
            self.show(line)

    def sandbox(self, plan: Plan) -> None:
        """Say what a sandbox on this machine cannot keep generated code from."""
        if not plan.metric.runs_code:
            return
        from tune.safety.sandbox import unprotected

        missing = unprotected()
        if missing:
            self.tell(
                f"generated code is run, and this machine cannot keep it from: {', '.join(missing)}"
            )

    def estimate(
        self,
        plan: Plan,
        services: Mapping[str, Service],
        draws: Store,
        journal: Journal,
    ) -> None:
        """Say what the run will cost; the first estimate of a study is kept for its report."""
        found = self.decorations.attempt(
            "the estimate", lambda: self._estimate(plan, services, draws), None
        )
        # Only the first one is a forecast: a later one knows what answers have cost.
        known = any(event["event"] == "estimate" for event in journal.events)
        if found is not None and not known:
            rows = dump(found.rows)
            journal.append(
                "estimate", rows=rows, budget=plan.budget, enough=found.enough
            )

    def _estimate(
        self,
        plan: Plan,
        services: Mapping[str, Service],
        draws: Store,
    ) -> RunEstimate:
        endpoints = {name: service.endpoint for name, service in services.items()}
        found = estimate(plan, endpoints, draws)
        for line in (*estimate_lines(found), *price_lines(found)):
            self.show(line)
        return found

    def lengths(
        self,
        plan: Plan,
        services: Mapping[str, Service],
        journal: Journal,
    ) -> Callable[[Mapping[int, Trial]], None]:
        """Return what compares the answers that come in with the estimate."""
        endpoints = {name: service.endpoint for name, service in services.items()}
        monitor = LengthMonitor(
            plan, first_forecasts(journal.events), endpoints, self.tell
        )
        return self.decorations.around("the comparison with the estimate", monitor.look)
