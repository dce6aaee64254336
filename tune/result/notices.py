"""Sentences that a reader of a report must not miss."""

from __future__ import annotations

from collections.abc import Collection

from tune.plan.plan import Plan
from tune.plan.sample_size import sample_size_note
from tune.result.cheaper import cheaper_notice
from tune.result.evidence import Evidence
from tune.result.refused import refusal_notices, single_call_notices
from tune.result.refused_values import refused_value_notices
from tune.result.tier_prices import tier_notice
from tune.safety.decoration import Decorations
from tune.space import Config
from tune.study.fault import SERVICE
from tune.study.record import RunRecord
from tune.study.stop_reasons import PAUSES

MOST_LISTED = 10
"""Rows that a sentence names."""


def notices(
    record: RunRecord,
    evidence: Evidence,
    run_notices: Collection[str],
    decorations: Decorations,
) -> list[str]:
    """Return the sentences, those of the run first."""
    attempt = decorations.attempt
    oracle = attempt("the line of the oracle", lambda: _oracle(record), [])
    few = attempt(
        "the notice of few examples", lambda: sample_size_note(record.plan), ""
    )
    found = [*run_notices, *oracle, *_together(record.plan)]
    if few:
        found.append(few)
    if record.plan.goal == "frontier":
        found.append(
            'The goal is the best at every cost: "Quality against cost" is the result, and the '
            "winner is its best quality, the only one that met the holdout for certain."
        )
    found += _selection(record)
    found += attempt(
        "the line of a cheaper configuration",
        lambda: cheaper_notice(record, evidence),
        [],
    )
    found += refusal_notices(record)
    found += refused_value_notices(record)
    found += single_call_notices(record)
    if record.selection is not None:
        found += tier_notice(record.plan, record.selection.shown.config)
    found += _unanswerable(record)
    found += _unanswered(record)
    found += _holdout(record, evidence)
    return found


def _selection(record: RunRecord) -> list[str]:
    """Say if the selection is not what the user asked for, or was extrapolated."""
    selection = record.selection
    if selection is None:
        return []
    found = []
    if not selection.reached:
        found.append(
            "No configuration was shown to be good enough on tuning examples (one-sided 95 %), so "
            "the best one found is shown instead of the cheapest: more examples or money may show "
            "one."
        )
    if selection.extrapolated is not None:
        choice = selection.extrapolated
        bought = [len(draws) for draws in record.trials[choice.trial].draws.values()]
        few, many = min(bought), max(bought)
        found.append(
            f"The winner asks for {choice.config.n} answers, and the search bought "
            f"{few if few == many else f'{few} to {many}'} of each tuning "
            "example: what the rest add was expected from what more answers added where they were "
            "bought. The holdout is the first to meet it as it is."
        )
    return found


def _unanswered(record: RunRecord) -> list[str]:
    """Say how many examples the service did not answer."""
    answered = unanswered = 0
    for trial in record.trials.values():
        answered += len(trial.draws)
        for reason in trial.unanswered.values():
            # If the money did not reach an example, the service is not at fault.
            unanswered += reason.startswith(SERVICE)
    if not unanswered:
        return []
    asked = answered + unanswered
    return [
        f"The service did not answer {unanswered} of {asked} examples "
        f"({unanswered / asked:.1%}); they are not scored."
    ]


def _holdout(record: RunRecord, evidence: Evidence) -> list[str]:
    """Say how much of the holdout was met, and what a repeated analysis costs."""
    if not record.holdout:
        return []
    if record.stopped in PAUSES:
        return [
            "The run was interrupted while it met the holdout. That is looked at when all of it is "
            "there, since each look at a part has its own chance of being wrong: the same command "
            "goes on."
        ]
    found = []
    whole = len(record.plan.split.holdout)
    met = {reading.n_examples for reading in record.holdout.values()}
    if len(met) > 1:
        reached = "The money reached a random part"
        if max(met) == whole:
            reached = "Not every configuration has a score on all"
        found.append(
            f"{reached} of the {whole} holdout examples: {_met_by_each(record)}. A difference is "
            "over the examples that both met."
        )
    elif max(met) < whole:
        found.append(
            f"The money reached {max(met)} of {whole} holdout examples: a random part of them."
        )
    if evidence.look > 1:
        found.append(
            f"This is look {evidence.look} at the same holdout, so its intervals are wider: "
            f"each is {100 * evidence.confidence:.4g} % sure, and all looks together are wrong at "
            "most 5 % of the time."
        )
    return found


def _met_by_each(record: RunRecord) -> str:
    """Return the number of holdout examples that each configuration met, in words."""
    roles: dict[Config, str] = {}
    if record.single_answer is not None:
        roles[record.single_answer.config] = "one answer"
    roles[record.plan.baseline] = "the baseline"
    if record.selection is not None:
        roles[record.selection.shown.config] = "the winner"
    said = []
    for config, reading in record.holdout.items():
        role = roles.get(config, "another configuration")
        said.append(f"{reading.n_examples} with {role}")
    return ", ".join(said)


def _unanswerable(record: RunRecord) -> list[str]:
    """Name examples that a model never answered, although it answered others."""
    reasons: dict[str, dict[int, str]] = {}
    for (model, position), words in record.unanswerable.items():
        reasons.setdefault(model, {})[position] = words
    found = []
    examples = record.plan.examples
    for model, own in reasons.items():
        ids = [examples[position].id for position in sorted(own)]
        listed = ", ".join(ids[:MOST_LISTED])
        if len(ids) > MOST_LISTED:
            listed += ", ..."
        # One reason stands for all: a service repeats its words.
        words = next(iter(own.values()))
        found.append(
            f"{model} never answered {len(own)} of {len(examples)} examples, although it answered "
            "others: they are counted as unanswerable and are not scored. "
            f"Rows: {listed}. In its words: {words}"
        )
    return found


def _together(plan: Plan) -> list[str]:
    """Say that some examples count as one observation."""
    tuning = plan.split.count_clusters(plan.split.tuning)
    held = plan.split.count_clusters(plan.split.holdout)
    if tuning + held == len(plan.examples):
        return []
    group = plan.identity.get("group")
    same = "with the same inputs"
    if group:
        same = f"with the same {group!r} or with the same inputs"
    return [
        f"Examples {same} count as one observation in every interval: there are "
        f"{len(plan.split.tuning)} tuning examples in {tuning} groups, and "
        f"{len(plan.split.holdout)} holdout examples in {held}."
    ]


def _oracle(record: RunRecord) -> list[str]:
    """Say that a metric needs the target to choose, and the best score in the winner's draws."""
    found = []
    metric = record.plan.metric
    if metric.oracle:
        found.append(
            f"{metric.name!r} over all n answers is an oracle: it finds the right one because it "
            "knows the target, and nobody can deploy that. So each answer was judged by itself, "
            "and n answers become one by the space's aggregate "
            '(such as "vote"). With oracle=False a metric over all answers is taken as it is.'
        )
    if record.selection is None:
        return found
    trial = record.trials[record.selection.reading.trial]
    configs = record.plan.space.configs_of(trial.point, record.plan.free)
    # "any" takes the best of the n answers, which only the target can show.
    asked = [config for config in configs if config.aggregate == "any"]
    if metric.oracle:
        several = [config for config in configs if config.n > 1]
        asked = [Config({**config, "aggregate": "any"}) for config in several]
    oracles = record.reader.read(trial, asked)
    if not oracles:
        return found
    most = max(oracles, key=lambda reading: reading.config.n)
    found.append(
        f"Someone who knew the targets could pick answers that score {most.mean:.3f} out of "
        f"{most.config.n} draws of the winner's settings (tuning examples): an oracle, a bound "
        "for better ways of choosing, not a config."
    )
    return found
