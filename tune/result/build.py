"""Build the report of a run: estimates become intervals. Nothing is bought here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tune.plan.answer_forecast import estimate_rows
from tune.plan.long_answers import first_forecasts
from tune.readout import Reading
from tune.report import PromptText, Report, SearchAnswers
from tune.report.private import without_content
from tune.result.bought_answers import count_bought
from tune.result.deploy import cap_name, deployable_note, keeps_limit
from tune.result.error_analysis import find_failing
from tune.result.evidence import Evidence
from tune.result.majority_class import majority_class
from tune.result.money import study_money
from tune.result.notices import notices
from tune.result.pass_at_k import pass_at_k
from tune.result.provenance import study_provenance
from tune.result.refused import why_no_baseline
from tune.result.repeated_splits import repeated_splits
from tune.result.rows import ReportRows
from tune.result.savings import costs_of_readings
from tune.result.search_details import search_details
from tune.result.stopped import why_stopped
from tune.result.tier_prices import tier_price_lines
from tune.result.trial_rows import trial_row
from tune.runtime.deployment_record import deployment_record
from tune.safety.decoration import Decorations
from tune.space import Config
from tune.stats.alpha_spending import count_analyses
from tune.strategies import Selection
from tune.study.record import RunRecord
from tune.study.stop_reasons import PAUSES, UNREAD
from tune.study.unread import find_unread
from tune.task.prompt import Prompt


def build_report(
    record: RunRecord,
    run_notices: Collection[str] = (),
    decorations: Decorations | None = None,
) -> Report:
    """Build the report of a run, without the texts of examples if the user wants none in it.

    Args:
        record: what the run found.
        run_notices: sentences that the user read during the run. `decorations` may add to them
            while the report is built.
        decorations: keeps faults of what only explains the result from ending it.
    """
    decorations = decorations or Decorations()
    found = _findings(record, decorations)
    report = _described(record)
    if found.choice is not None:
        report = _with_selection(report, found, found.choice)
    report = _with_search(report, found)
    report = _with_explanations(report, found)
    report = replace(report, run_notices=tuple(run_notices))
    # The notices come last: they name the parts above that failed.
    report = replace(report, notices=_notices(found, run_notices))
    if record.plan.content:
        return report
    return without_content(report)


@dataclass(frozen=True, slots=True)
class _Findings:
    """The parts that every section of a report is made from.

    Attributes:
        record: what the run found.
        met: the readings on the holdout, by config; empty if the holdout must not be looked at.
        choice: the selection, or None if nothing was scored.
        evidence: makes the intervals.
        rows: makes the rows of configurations.
        decorations: keeps faults of what only explains the result from ending it.
    """

    record: RunRecord
    met: Mapping[Config, Reading]
    choice: Selection | None
    evidence: Evidence
    rows: ReportRows
    decorations: Decorations


def _findings(record: RunRecord, decorations: Decorations) -> _Findings:
    met: dict[Config, Reading] = {}
    look = 1
    # Half a holdout is not looked at: the same command completes it, and a look that is not taken
    # costs nothing.
    if record.stopped not in PAUSES:
        met = dict(record.holdout)
    if met:
        look = count_analyses(record.events, record.plan.baseline)
    choice = None
    if record.selection:
        choice = record.selection.tested(met)
    evidence = Evidence(record.plan, look)
    rows = ReportRows(record, evidence, met, decorations)
    return _Findings(record, met, choice, evidence, rows, decorations)


def _described(record: RunRecord) -> Report:
    """Return a report with what is known of every run, even if nothing was scored."""
    plan = record.plan
    return Report(
        money=study_money(record),
        provenance=study_provenance(record),
        baseline_given=plan.baseline_given,
        larger_is_better=plan.metric.larger_is_better,
        max_cost=plan.max_cost,
        max_seconds=plan.max_seconds,
        min_quality=plan.min_quality,
        margin=plan.margin,
        answer=str(plan.identity["answer"]),
        draws_bought=sum(model.bought for model in record.models.values()),
        draws_reused=sum(model.reused for model in record.models.values()),
        readings=len(record.readings),
        prices=tier_price_lines(plan),
        unanswerable=dict(Counter(model for model, _ in record.unanswerable)),
        interrupted=record.stopped in PAUSES,
        unread_stop=record.stopped == UNREAD,
    )


def _with_selection(report: Report, found: _Findings, choice: Selection) -> Report:
    """Return the report with the winner, and what an agent can use of it."""
    plan, rows, shown = found.record.plan, found.rows, choice.shown
    winner = rows.winner(choice)
    keeps = keeps_limit(plan, shown, winner)
    # Nothing over the limit is handed to agents as if it kept it.
    carried = None
    if keeps is not False:
        carried = found.record.single_answer
    single = None
    if carried is not None and carried.config != winner.config:
        single = rows.row("one answer", carried)
    # The scores of the holdout are kept if there are any: a check compares new ones with them.
    tested = found.met.get(shown.config, shown)
    return replace(
        report,
        winner=winner,
        keeps_limit=keeps,
        deployable=single,
        deployable_note=deployable_note(plan, winner, single, carried),
        runners_up=tuple(rows.runners_up(choice)),
        difference=rows.difference(shown),
        detectable=found.evidence.detectable(shown.config, plan.baseline, found.met),
        template=_prompt_text(plan.prompts[shown.config.prompt]),
        deployment_record=_called_with(found.record, tested, carried),
    )


def _called_with(
    record: RunRecord, tested: Reading, single: Reading | None
) -> dict[str, Any]:
    """Return what `best.json` needs to call the winner and the single answer again."""
    alone = None
    if single is not None:
        alone = single.config
    found = deployment_record(record.plan, tested.config, tested.scores, single=alone)
    # The run may have learned that a model takes its cap under another name.
    found["cap"] = cap_name(record, tested.config)
    if alone is not None:
        found["single_answer"]["cap"] = cap_name(record, alone)
    return found


def _with_search(report: Report, found: _Findings) -> Report:
    """Return the report with the baseline, the frontier and every trial."""
    record = found.record
    trials = []
    for trial in record.trials.values():
        row = trial_row(record, trial, found.evidence, found.decorations)
        trials.append(row)
    return replace(
        report,
        baseline=found.rows.baseline(),
        baseline_failure=why_no_baseline(record),
        look=found.evidence.look,
        confidence=found.evidence.confidence,
        frontier=tuple(found.rows.frontier(found.choice)),
        trials=tuple(trials),
        prompts=tuple(map(_prompt_text, record.plan.prompts.values())),
        search=search_details(record, found.evidence, found.decorations),
    )


def _with_explanations(report: Report, found: _Findings) -> Report:
    """Return the report with the parts that only explain the result.

    A fault in one of them leaves that part out, and the result stands.
    """
    record, choice, plan = found.record, found.choice, found.record.plan
    attempt = found.decorations.attempt
    label, score = attempt(
        "the line of the majority class", lambda: majority_class(record), ("", None)
    )
    read_cost, readings_cost = attempt(
        "the price of the readings", lambda: costs_of_readings(record), (None, None)
    )
    unread = attempt(
        "the look at answers that are not read",
        lambda: find_unread(plan, record.reader, record.trials),
        (),
    )
    failing = attempt(
        "the look at where it fails",
        lambda: find_failing(record, choice, found.met, found.evidence),
        None,
    )
    bought = attempt(
        "the counts of all answers", lambda: count_bought(record), SearchAnswers()
    )
    forecasts = attempt(
        "the estimate beside what happened",
        lambda: estimate_rows(
            first_forecasts(record.events),
            record.trials,
            plan.prices,
            record.reader.columns,
        ),
        (),
    )
    best_of_k = attempt("pass@k", lambda: pass_at_k(record, choice, found.evidence), ())
    repeats = attempt(
        "the repeated splits", lambda: repeated_splits(record, plan.splits), None
    )
    return replace(
        report,
        majority_class=label,
        majority_score=score,
        read_cost=read_cost,
        readings_cost=readings_cost,
        unread=unread,
        failing=failing,
        bought=bought,
        estimate=forecasts,
        stopped=why_stopped(record, found.decorations),
        pass_at_k=best_of_k,
        repeats=repeats,
    )


def _notices(found: _Findings, run_notices: Collection[str]) -> tuple[str, ...]:
    """Return the notices; if they cannot be made, the ones from the run."""
    # A notice about the selection means the one that is shown.
    record = replace(found.record, selection=found.choice)
    said = found.decorations.attempt(
        "the notices",
        lambda: notices(record, found.evidence, run_notices, found.decorations),
        None,
    )
    if said is None:
        return tuple(run_notices)
    return tuple(said)


def _prompt_text(prompt: Prompt) -> PromptText:
    source = prompt.source
    # A raw prompt is one text, without messages.
    messages = () if isinstance(source, str) else source
    return PromptText(
        name=prompt.name,
        text=prompt.template,
        system_message=prompt.system_message,
        messages=messages,
    )
