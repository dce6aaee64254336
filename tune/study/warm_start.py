"""Warm start: what earlier studies in the same store say about this one, before it buys anything.

A study leaves the scores of its trials in the store, with hashes in place of texts. A later study
takes those of trials that have a model or a template in common with it. Nothing is taken from rows
that are in its own holdout. What it takes is kept in its journal, so that a resumed study decides
the same, even if the store has changed since then.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tune.plan.plan import Plan
from tune.report.text import count
from tune.safety.escape import visible
from tune.space import Point, Value
from tune.store.database import Database
from tune.store.evidence import load_evidence
from tune.store.journal import Journal
from tune.strategies import Problem, Standing
from tune.strategies.posterior import read_evidence
from tune.strategies.prior import PriorTrial, prior_trial
from tune.task.example import Example

MARK_DIGITS = 16
"""Hexadecimal digits of a hash of a row, a model or a template."""

LEAST_TEXT = 20
"""Characters from which one input alone tells a row from others."""

LEAST_EXAMPLES = 4
"""Examples of a trial, without those that may not be used, from which it says something."""

MOST_TRIALS = 64
"""Trials that are taken, at most: first those that share more, then those with more examples."""

MOST_KEPT = 256
"""Trials whose scores a study leaves."""


def _mark(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=repr)
    # Data may hold lone surrogates, which UTF-8 does not encode by default.
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return digest[:MARK_DIGITS]


def row_marks(example: Example) -> list[str]:
    """Return hashes by which the same row is known in another study: of its inputs, and of texts.

    Another study may use other columns of the row, so each long text counts alone too.
    """
    inputs = dict(example.inputs)
    found = [_mark(inputs)]
    for value in inputs.values():
        text = str(value)
        if len(text) >= LEAST_TEXT:
            found.append(_mark(text))
    return found


def _models(plan: Plan) -> dict[str, str]:
    """Return the hash of what each model is, by its name in this study."""
    found = {}
    for name, what in plan.identity["models"].items():
        # Behind an alias, the same service may have another address.
        service = what["alias"] or what["base_url"]
        found[name] = _mark([what["model"], service, what.get("settings")])
    return found


def _prompts(plan: Plan) -> dict[str, str]:
    """Return the hash of what each template is, by its name in this study."""
    return {name: _mark(what) for name, what in plan.identity["prompts"].items()}


# --- what a study leaves


def make_evidence(
    plan: Plan, problem: Problem, standings: Mapping[int, Standing]
) -> dict[str, Any]:
    """Return what a study leaves for later ones, in JSON's types and without texts."""
    models, prompts = _models(plan), _prompts(plan)
    trials: list[Any] = []
    for standing in standings.values():
        shown = read_evidence(problem, standing)
        if shown is None:
            continue
        point = standing.point
        settings = {}
        for name, value in point.items():
            plain = value is None or isinstance(value, bool | int | float | str)
            if name not in ("model", "prompt") and plain:
                settings[name] = value
        scores = problem.quality(shown.base.scores)
        # By position; examples that it did not meet, or that a judge did not score, have none.
        kept: list[float | None] = [None] * (max(shown.base.examples) + 1)
        for position, score in zip(shown.base.examples, scores.tolist(), strict=True):
            if math.isfinite(score):
                kept[position] = round(score, 4)
        model, prompt = models[str(point["model"])], prompts[str(point["prompt"])]
        trials.append([model, prompt, settings, kept])
    # Those with the most examples say the most.
    trials.sort(key=lambda trial: len(trial[-1]), reverse=True)
    del trials[MOST_KEPT:]
    # Rows that no trial met say nothing, and there may be very many.
    met = max((len(scores) for *_, scores in trials), default=0)
    return {
        "metric": _mark(plan.metric.identity),
        "rows": [row_marks(example) for example in plan.split.tuning[:met]],
        "trials": trials,
    }


# --- what a study takes


@dataclass(frozen=True, slots=True)
class TakenEvidence:
    """Trials of earlier studies that this study takes as evidence.

    Attributes:
        trials: as the search sees them.
        studies: ids of their studies.
        left_out: scores that were not used, because their rows are in this study's holdout.
    """

    trials: tuple[PriorTrial, ...] = ()
    studies: tuple[str, ...] = ()
    left_out: int = 0


def find_taken(plan: Plan, left: Mapping[str, Mapping[str, Any]]) -> TakenEvidence:
    """Return what earlier studies say about the models and templates of this one.

    Args:
        plan: of this study.
        left: what earlier studies left, by study.
    """
    holdout: set[str] = set()
    for example in plan.split.holdout:
        holdout.update(row_marks(example))
    mine = _Mine(plan)
    ranked: list[tuple[int, int, str, PriorTrial]] = []
    left_out = 0
    for number, (study, evidence) in enumerate(left.items()):
        # Scores of another metric say too little about this one.
        if evidence["metric"] != _mark(plan.metric.identity):
            continue
        barred = [not holdout.isdisjoint(marks) for marks in evidence["rows"]]
        for model, prompt, settings, scores in evidence["trials"]:
            shared = mine.shares(model, prompt)
            if not shared:
                continue
            known = [k for k, score in enumerate(scores) if score is not None]
            kept = [scores[k] for k in known if not barred[k]]
            left_out += len(known) - len(kept)
            if len(kept) >= LEAST_EXAMPLES:
                point = mine.point(model, prompt, settings)
                trial = prior_trial(number, point, kept)
                ranked.append((shared, len(kept), study, trial))
    ranked.sort(key=lambda one: (-one[0], -one[1]))
    best = ranked[:MOST_TRIALS]
    return TakenEvidence(
        trials=tuple(trial for *_, trial in best),
        studies=tuple(dict.fromkeys(study for _, _, study, _ in best)),
        left_out=left_out,
    )


class _Mine:
    """The models and prompts of this study, by their hashes."""

    def __init__(self, plan: Plan) -> None:
        self._models = {mark: name for name, mark in _models(plan).items()}
        self._prompts = {mark: name for name, mark in _prompts(plan).items()}
        self._settings = {*plan.space.domains, *plan.baseline_point} - {*plan.free}

    def shares(self, model: str, prompt: str) -> int:
        """Return how many of a model and a prompt this study has too."""
        return (model in self._models) + (prompt in self._prompts)

    def point(self, model: str, prompt: str, settings: Mapping[str, Value]) -> Point:
        """Return a paid point of an earlier study with the names and settings of this one."""
        values: dict[str, Value] = {
            # No model or prompt of a user has such a name.
            "model": self._models.get(model, f"\0{model}"),
            "prompt": self._prompts.get(prompt, f"\0{prompt}"),
        }
        for name, value in settings.items():
            if name in self._settings:
                values[name] = value
        return Point(values)


# --- in the journal


def dump_taken(taken: TakenEvidence) -> dict[str, Any]:
    """Return what was taken as plain JSON, for a journal."""
    rows = []
    for one in taken.trials:
        rows.append([one.study, dict(one.point), one.quality, one.noise])
    return {"trials": rows, "studies": list(taken.studies), "left_out": taken.left_out}


def load_taken(event: Mapping[str, Any]) -> TakenEvidence:
    """Return what the event of a journal says was taken."""
    trials = []
    for study, point, quality, noise in event["trials"]:
        trials.append(PriorTrial(study, Point(point), quality, noise))
    return TakenEvidence(tuple(trials), tuple(event["studies"]), event["left_out"])


def taken_sentence(taken: TakenEvidence) -> str:
    """Return one sentence on what earlier studies are used for."""
    if not taken.trials:
        return (
            "warm start: no earlier study in the store has the metric and a model or template of "
            f"this one, with scores of at least {LEAST_EXAMPLES} examples outside its holdout"
        )
    said = (
        f"warm start: {count(len(taken.trials), 'trial')} of earlier studies "
        f"({visible(', '.join(taken.studies))}) guide what is bought first; no result rests on them"
    )
    if taken.left_out:
        left_out = count(taken.left_out, "score")
        said += f". Not used: {left_out} on rows of this study's holdout"
    return said


def warm_start(plan: Plan, journal: Journal, db: Database) -> TakenEvidence:
    """Return what this study takes from earlier ones: as its journal has it, else found now.

    Args:
        plan: of this study.
        journal: of this study; what is found is kept there.
        db: the store.
    """
    for event in journal.events:
        if event["event"] == "warm start":
            return load_taken(event)
    began = any(event["event"] == "phase" for event in journal.events)
    if not plan.warm_start or began:
        return TakenEvidence()
    taken = find_taken(plan, load_evidence(db, str(journal.events[0]["id"])))
    # Through JSON, so that a resumed study sees the very same numbers.
    return load_taken(journal.append("warm start", **dump_taken(taken)))
