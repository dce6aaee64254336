"""`report.md`: the answer first, then money, frontier, trials and provenance."""

from __future__ import annotations

import json

from tune.pricing.clock import format_duration
from tune.report.amount import Amount, amount_of
from tune.report.error_analysis import failing_section
from tune.report.headline import (
    answer_markdown,
    detectable_sentence,
    money_sentence,
    shown_rows,
    uncertain_sentence,
)
from tune.report.records import (
    EstimateRow,
    PriceLine,
    Report,
    ReportConfig,
    TrialRow,
    plain_config,
)
from tune.report.text import (
    count,
    describe_config,
    dollars,
    exact_seconds,
    fence,
    inline,
    number,
    seconds,
    table,
    with_limits,
)
from tune.report.wrong_answers import wrong_section

_MOST_TRIALS = 40
"""Rows of the table of trials. `trials.csv` has them all."""


def markdown(report: Report) -> str:
    """Return the whole report as GitHub-flavoured Markdown; text of users and models is escaped."""
    # The order of reading: the answer, the reasons for it, then everything needed to check it.
    sections = [
        f"# {inline(report.headline, limit=300)}",
        answer_markdown(report),
        _comparison_table(report),
        _notices(report),
        _use(report),
        wrong_section(report),
        _pass_at_k(report),
        _repeats(report),
        failing_section(report.failing),
        _money(report),
        _frontier(report),
        _trials(report),
        _prices(report),
        _estimate(report),
        _provenance(report),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _comparison_table(report: Report) -> str:
    named = shown_rows(report)
    rows = [_comparison_row(report, row) for row in named]
    if report.majority_score is not None:
        label = f" ({report.majority_class})" if report.majority_class else ""
        rows.append(
            [
                inline(f"always the majority class{label}"),
                number(report.majority_score),
                *["-"] * 5,
            ]
        )
    if not rows:
        return ""
    metric = inline(report.provenance.metric)
    direction = "" if report.larger_is_better else ", lower is better"
    header = [
        "configuration",
        f"{metric} on holdout (95 %{direction})",
        "on tuning examples (flatters)",
        "difference to the baseline",
        "verdict",
        amount_of(report).per_request,
        "seconds, median / 95th percentile",
    ]
    names = "\n".join(
        f"- {inline(row.name)}: {inline(describe_config(row.config))}" for row in named
    )
    notes = [detectable_sentence(report)]
    if report.runners_up:
        notes.append(
            "Runners-up never met the holdout: they are compared on the tuning examples by which "
            "they were picked, for display only."
        )
    parts = [
        table(header, rows),
        names,
        inline(" ".join(note for note in notes if note), limit=1000),
    ]
    return "\n\n".join(part for part in parts if part)


def _comparison_row(report: Report, row: ReportConfig) -> list[str]:
    is_winner, amount = row is report.winner, amount_of(report)
    compared = is_winner and not report.winner_is_baseline
    difference, said = with_limits(report.difference), _verdict(report)
    if not compared:
        difference = with_limits(row.tuning_difference)
        said = report.verdict_of(row.tuning_difference) or "-"
        # Tuning examples selected the row, so the reader must see where this comes from.
        if row.tuning_difference:
            difference, said = f"{difference} (tuning)", f"{said} (tuning)"
    name = inline(row.name)
    if is_winner:
        name = f"**{name}**"
    times = "-"
    if row.seconds_median is not None:
        times = f"{seconds(row.seconds_median)} / {seconds(row.seconds_p95)}"
    return [
        name,
        with_limits(row.holdout),
        with_limits(row.tuning) + (" ≈" if row.approximate else ""),
        difference,
        said,
        with_limits(amount.of(row), amount.said),
        times,
    ]


def _verdict(report: Report) -> str:
    said = report.verdict or "not compared"
    if report.non_inferior is None or report.margin is None:
        return said
    shown = "shown" if report.non_inferior else "not shown"
    return f"{said}; non-inferiority by {number(report.margin)} {shown}"


def _notices(report: Report) -> str:
    # dict.fromkeys below removes sentences that say the same twice.
    lines = [*report.notices]
    if report.interrupted:
        lines.append(
            "The run was interrupted: the same command takes it up again, and nothing paid is lost."
        )
    if report.winner is not None and report.winner.holdout is None:
        lines.append(
            "No holdout result: every number here is a tuning estimate, and the best of many "
            "estimates flatters."
        )
    if report.money.notional:
        lines.append(
            "Some prices are notional: those dollars measure work, and nobody is billed for them."
        )
    if report.money.uncertain > 0:
        lines.append(uncertain_sentence(report.money))
    if report.money.overshoot > 0:
        lines.append(
            f"An endpoint billed {dollars(report.money.overshoot)} above the caps it was sent; it "
            "was stopped."
        )
    return "\n".join(f"- {inline(line, limit=1000)}" for line in dict.fromkeys(lines))


def _use(report: Report) -> str:
    winner = report.winner
    if winner is None:
        return ""
    parts = [
        "## How to use it",
        f"Settings of the winner, {inline(describe_config(winner.config))}:",
    ]
    parts.append(
        fence(
            json.dumps(plain_config(winner.config), indent=2, ensure_ascii=False),
            "json",
        )
    )
    if report.template is not None:
        parts += [
            f"Its prompt, {inline(report.template.name)}:",
            fence(report.template.text, "text"),
        ]
    if report.answer:
        parts.append(
            f"The answer is taken out of the text so: {inline(report.answer)}."
        )
    # An agent must not be given a configuration that breaks the limit.
    if report.keeps_limit is False:
        parts.append(
            f"Nothing is exported for agents, as no configuration keeps {report.limit}. "
            "`best.json` holds the one that came closest, with `keeps_limit: false`."
        )
        return "\n\n".join(parts)
    if report.has_deployable:
        parts.append(
            "For AutoGen and AG2 agents: `study.best.llm_config()` in Python, or the file "
            "`OAI_CONFIG_LIST` beside this one. `best.json` holds all of it. No file holds a key."
        )
    else:
        parts.append(
            f"{inline(report.deployable_note, limit=1000)} `best.json` holds all of it. No file "
            "holds a key."
        )
    if report.deployable is not None:
        named = inline(describe_config(report.deployable.config))
        own = with_limits(report.deployable.quality)
        sentence = f"What such an agent carries is {named}: {own}"
        if report.deployable.holdout is None:
            sentence += " on tuning examples"
        sentence += "."
        if report.deployable_note:
            sentence += f" {inline(report.deployable_note, limit=1000)}"
        parts.append(sentence)
    return "\n\n".join(parts)


def _pass_at_k(report: Report) -> str:
    """Return what somebody who knows the right answer could pick out of k."""
    if not report.pass_at_k:
        return ""
    rows = [
        [f"pass@{oracle.k}", with_limits(oracle.quality), f"{oracle.quality.n:,}"]
        for oracle in report.pass_at_k
    ]
    note = (
        "The best of k answers of the winner's settings, on tuning examples. It is an oracle: "
        "only somebody who knows the target, or can test the answers, gets it. It bounds what a "
        "better way of choosing could reach."
    )
    return "\n\n".join(
        [
            "## pass@k, an oracle",
            note,
            table(["", "score (95 %)", "tuning examples"], rows),
        ]
    )


def _repeats(report: Report) -> str:
    """Return the spread over repeated splits."""
    repeats = report.repeats
    if repeats is None:
        return ""
    gain = ""
    if repeats.difference is not None and repeats.difference_deviation is not None:
        gain = (
            f" The difference to the baseline is {number(repeats.difference)} there, with a "
            f"standard deviation of {number(repeats.difference_deviation)}."
        )
    note = (
        f"In {count(repeats.repetitions, 'random split')} of the tuning examples, the "
        "configuration was chosen on one half and judged on the other. Its score is "
        f"{number(repeats.quality)} on average, with a standard deviation of "
        f"{number(repeats.quality_deviation)}.{gain} {repeats.same_choice:.0%} of the splits chose "
        "the same one."
    )
    return f"## Repeated splits\n\n{note}"


def _money(report: Report) -> str:
    money = report.money
    left = dollars(money.left)
    if money.left_reason:
        left += f": {inline(money.left_reason)}"
    rows = [
        ["budget", dollars(money.budget)],
        ["spent", dollars(money.spent)],
        ["of it by the last run", dollars(money.spent_now)],
        ["of it settled", dollars(money.settled)],
        ["of it uncertain", dollars(money.uncertain)],
        ["left", left],
        ["draws bought", f"{report.draws_bought:,}"],
        ["draws reused", f"{report.draws_reused:,}"],
    ]
    if money.overshoot > 0:
        # Shown only if it happened.
        rows.insert(5, ["billed above the caps sent", dollars(money.overshoot)])
    title, unit = "Money", "dollars or draws"
    if money.seconds is not None:
        title, unit = "Time", "seconds or draws"
        rows = [["taken", format_duration(money.seconds)], *rows[-2:]]
    parts = [
        f"## {title}",
        inline(money_sentence(report), limit=1000),
        table(["", unit], rows),
    ]
    return "\n\n".join(part for part in [*parts, _readings(report)] if part)


def _readings(report: Report) -> str:
    """Say what reading from bought draws saved."""
    if (
        not report.readings
        or report.read_cost is None
        or report.readings_cost is None
        or amount_of(report).timed
    ):
        return ""
    return (
        f"Read {count(report.readings, 'configuration')} off draws that cost "
        f"{dollars(report.read_cost)} at list price; bought with draws shared over n, but anew for "
        f"every max_tokens and stop, they would have cost {dollars(report.readings_cost)}."
    )


def _frontier(report: Report) -> str:
    if not report.frontier:
        return ""
    amount = amount_of(report)
    header = [
        "configuration",
        "tuning estimate (95 %)",
        "tuning examples",
        amount.per_request,
        "holdout (95 %)",
        "median time",
        "trial",
    ]
    note = (
        "By its tuning estimate, no configuration here is beaten in both quality and "
        f"{amount.name} by another or by the baseline. Nothing here was beaten in both on the "
        "holdout either. Each row was picked because it looked good, so tuning estimates flatter."
    )
    rows = [_frontier_cells(row, amount) for row in report.frontier]
    parts = [f"## Quality against {amount.name}", note, table(header, rows)]
    if amount.timed:
        parts.append(
            "Seconds per request are those of all calls that a request makes; the median time has "
            "them side by side."
        )
    if any(row.few for row in report.frontier):
        parts.append(
            "few: the search stopped after a few examples, so the place of this row may be luck. "
            "Rows on few examples that seem to beat a row on many are left out."
        )
    if any(row.approximate for row in report.frontier):
        parts.append(
            "≈: an estimate from text that was cut without known token boundaries."
        )
    return "\n\n".join(parts)


def _frontier_cells(row: ReportConfig, amount: Amount) -> list[str]:
    examples = 0 if row.tuning is None else row.tuning.n
    return [
        inline(describe_config(row.config)),
        with_limits(row.tuning) + (" ≈" if row.approximate else ""),
        f"{examples:,}" + (" (few)" if row.few else ""),
        with_limits(amount.of(row), amount.said),
        with_limits(row.holdout),
        seconds(row.seconds_median),
        "-" if row.trial is None else str(row.trial),
    ]


def _trials(report: Report) -> str:
    if not report.trials:
        return ""
    # Trials without a score come last.
    shown = sorted(report.trials, key=lambda trial: _rank(report, trial))[:_MOST_TRIALS]
    header = [
        "trial",
        "point",
        "state",
        "examples",
        "draws",
        "best reading",
        "its tuning estimate",
        "spent",
    ]
    timed = amount_of(report).timed
    rows = [_trial_cells(trial, timed=timed) for trial in shown]
    left_out = len(report.trials) - len(shown)
    more = " `trials.csv` has the same."
    if left_out:
        more = f" The {count(left_out, 'other')} are in `trials.csv`."
    return "\n\n".join(
        ["## Trials", f"Best tuning estimate first.{more}", table(header, rows)]
    )


def _trial_cells(trial: TrialRow, *, timed: bool) -> list[str]:
    state = str(trial.state)
    examples = f"{trial.examples:,}"
    if trial.reason:
        state = f"{state}: {trial.reason}"
    if trial.unanswered:
        examples += f" ({trial.unanswered:,} unanswered)"
    spent = dollars(trial.spent)
    if timed:
        spent = exact_seconds(trial.service or 0.0)
    return [
        str(trial.number),
        inline(describe_config(trial.point)),
        inline(state),
        examples,
        f"{trial.draws:,}",
        _free_part(trial),
        with_limits(trial.quality),
        spent,
    ]


def _rank(report: Report, trial: TrialRow) -> tuple[float, int]:
    if trial.quality is None:
        return float("inf"), trial.number
    sign = -1.0 if report.larger_is_better else 1.0
    return sign * trial.quality.mean, trial.number


def _free_part(trial: TrialRow) -> str:
    """Describe the free dimensions of a trial's best configuration."""
    if trial.best is None:
        return "-"
    free = {k: v for k, v in trial.best.items() if k not in trial.point}
    return inline(describe_config(free)) or "as bought"


def _prices(report: Report) -> str:
    if not report.prices:
        return ""
    rows = list(map(_price_row, report.prices))
    return "## Prices\n\n" + table(
        ["model", "in, per million tokens", "out", "source", "date"], rows
    )


def _price_row(price: PriceLine) -> list[str]:
    fee = f" + {dollars(price.request)} per request" if price.request else ""
    source = f"{price.source}: {price.matched}" if price.matched else price.source
    rates = [dollars(price.input), dollars(price.output) + fee]
    return [inline(price.model), *rates, inline(source), inline(price.date) or "-"]


def _estimate(report: Report) -> str:
    """Compare the estimated cost of an answer with the actual one."""
    if not report.estimate:
        return ""
    amount = amount_of(report)
    rows = [_estimate_cells(row, amount) for row in report.estimate]
    listed = "" if amount.timed else " at list price"
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
    return "\n\n".join(
        ["## The estimate, and what happened", note, table(header, rows)]
    )


def _estimate_cells(row: EstimateRow, amount: Amount) -> list[str]:
    predicted: float | None = row.predicted
    actual: float | None = row.actual
    if amount.timed:
        predicted, actual = row.predicted_seconds, row.actual_seconds
    said, was, ratio = "unknown", "-", "-"
    if predicted is not None:
        said = amount.said(predicted)
        if not row.learned:
            said += " (assumed)"
    if actual is not None:
        was = amount.said(actual)
    if predicted is not None and actual:
        ratio = f"{predicted / actual:.2f}"
    return [
        inline(f"{row.model}, {row.prompt}"),
        said,
        was,
        ratio,
        f"{row.predicted_tokens:.0f} / {row.actual_tokens:.0f}",
        f"{row.draws:,}",
    ]


def _confidence(report: Report) -> str:
    """State the confidence of the intervals on the holdout."""
    if report.winner is None or report.winner.holdout is None:
        return "95 %"
    return (
        f"95 % over every look at the holdout together: this is look {report.look}, and each of "
        f"its intervals is {100 * report.confidence:.4g} % sure"
    )


def _provenance(report: Report) -> str:
    source = report.provenance
    version, metric = source.version, source.metric
    if source.commit:
        version += f", commit {source.commit}"
    if not report.larger_is_better:
        metric += ", lower is better"
    packages = ", ".join(
        f"{name} {used}" for name, used in sorted(source.versions.items())
    )
    rows = [
        ["date", source.date],
        ["tune", version],
        ["data", f"{source.data}, fingerprint {source.fingerprint}"],
        [
            "examples",
            f"{source.tuning:,} tuning, {source.holdout:,} holdout, {source.shots:,} set aside for "
            "prompts",
        ],
        ["metric", metric],
        ["goal", source.goal],
        ["search", source.search],
        ["seed", str(source.seed)],
        ["intervals", _confidence(report)],
        ["versions", packages],
    ]
    parts = [
        "## How it was made",
        table(["", ""], [[k, inline(v, limit=1000)] for k, v in rows if v]),
    ]
    if source.command:
        parts += [
            "The same command shows this result again for $0; with a larger budget it goes on:"
        ]
        parts.append(fence(source.command, "sh"))
    return "\n\n".join(parts)
