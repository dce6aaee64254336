"""The examples of a check: new ones, or the study's own holdout with the scores that it had."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tune.errors import InputError
from tune.followup.check.overlap import count_overlap, overlap_notices
from tune.followup.check.rule import (
    POWER,
    Bounds,
    CheckRule,
    NewExamplesRule,
    SameExamplesRule,
)
from tune.report import plain_config
from tune.runtime.best_json import DeploymentRecord
from tune.runtime.recorded import COMPLETE
from tune.study.holdout_file import HOLDOUT_FILE, read_holdout
from tune.task.example import Data
from tune.task.load import load_data


@dataclass(frozen=True, slots=True)
class CheckExamples:
    """Examples to ask the config about.

    Attributes:
        data: the examples.
        rule: decides by their scores.
        before: the score that each had in the study; empty where they are new.
        overlap: how many of them the study had, by the part that they had in it.
        notices: sentences that the user must read.
        visible: the smallest margin that they show to hold in 80 % of cases, if nothing changed.
    """

    data: Data
    rule: CheckRule
    before: tuple[float, ...]
    overlap: Mapping[str, int]
    notices: tuple[str, ...]
    visible: float


def new_examples(
    deployment: DeploymentRecord,
    bounds: Bounds,
    given: Any,
    inputs: Sequence[str],
    target: str | None,
) -> CheckExamples:
    """Return new examples; their scores are compared with the recorded ones.

    Args:
        deployment: the config with its recorded scores.
        bounds: the margin and the error rates.
        given: labelled examples in any form that `tune.tune` takes.
        inputs: the columns that fill the template.
        target: the column with the wanted answer.
    """
    quality = deployment.quality
    rule = NewExamplesRule.of(bounds, quality.mean, quality.n, deployment.scores)
    data = load_data(
        given, inputs=inputs, target=target, fields=deployment.prompt.fields
    )
    overlap = count_overlap(deployment, data.examples)
    notices = overlap_notices(overlap, len(data.examples))
    return CheckExamples(
        data, rule, (), overlap, notices, rule.visible(len(data.examples))
    )


def own_examples(
    best: Path,
    deployment: DeploymentRecord,
    bounds: Bounds,
    columns: Sequence[str | None],
) -> CheckExamples:
    """Return the study's own holdout, with the scores that it had.

    Args:
        best: a `best.json`, or the folder that it is in.
        deployment: the config.
        bounds: the margin and the error rates.
        columns: columns that the user named; here none may be.

    Raises:
        InputError: the holdout was not kept, or it belongs to another config or metric.
    """
    if any(columns):
        raise InputError(
            "--input and --target name columns of --data, which is not given"
        )
    folder = best if best.is_dir() else best.parent
    # Only a complete holdout is kept: a part of it would be another sample than the recorded one.
    if deployment.is_interrupted and not (folder / HOLDOUT_FILE).is_file():
        raise InputError(
            f"without --data the study's own holdout is asked again, but the study in "
            f"{str(folder)!r} was interrupted before it had met its holdout: {COMPLETE}; or give "
            f"new labelled examples with --data"
        )
    met = read_holdout(folder)
    # Files may have been copied together from two studies: their scores are not comparable.
    if dict(met.config) != plain_config(deployment.config):
        raise InputError(
            f"the kept holdout is that of another config ({met.config}): give new examples with "
            f"--data"
        )
    if met.metric != deployment.metric.identity:
        raise InputError(
            f"the kept holdout was scored by another metric than {deployment.metric.name!r}: "
            f"give new examples with --data"
        )
    rule = SameExamplesRule(bounds)
    data = Data("holdout", met.examples, "", deployment.inputs, deployment.target)
    count = len(met.examples)
    return CheckExamples(
        data, rule, met.scores, {"holdout": count}, (), rule.visible(count)
    )


def power_notices(examples: CheckExamples) -> tuple[str, ...]:
    """Return a sentence before anything is spent, where the margin is smaller than can be seen."""
    rule, visible = examples.rule, examples.visible
    margin, count = rule.bounds.margin, len(examples.data.examples)
    if visible <= margin:
        return ()
    if examples.before:
        return (
            f"{count} holdout examples show that it holds within {visible:.2g} at best, where no "
            f"answer has changed; the margin is {margin:.2g}. Give --margin {visible:.2g}, or new "
            f"examples with --data.",
        )
    # With any number of new examples, the recorded ones still limit the margin.
    least = rule.visible(math.inf)
    if least <= margin:
        return (
            f"These {count} examples show in {POWER:.0%} of cases that it holds within "
            f"{visible:.2g}, if nothing has changed; the margin of {margin:.2g} needs more.",
        )
    shown = "they show no margin"
    if least < math.inf:
        shown = f"the smallest margin that they show is {least:.2g}"
    return (
        f"The recorded quality rests on too few examples to show that it holds within "
        f"{margin:.2g}, whatever is bought: {shown}. Only a much larger drop can be found. Give a "
        f"larger --margin, or leave --data out.",
    )
