"""The part of `best.json` that a program needs to call a configuration again.

A key is never part of it, only the name of the environment variable that holds one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from tune.plan.plan import Plan
from tune.report import plain_config
from tune.runtime.json_forms import dump_entry, dump_prompt
from tune.runtime.portable import portable
from tune.space import Config
from tune.stats.arrays import Numbers
from tune.task.example import Example, canonical_json
from tune.task.prompt_spec import shots_needed

MOST_HASHES = 2000
"""Hashes of examples that are kept of each part of the data."""

MOST_SCORES = 2000
"""Scores that are kept; a check compares all of them with new ones."""

HASH_DIGITS = 8
"""Hexadecimal digits of a hash: enough to recognise an example, and too few to find its text."""


def deployment_record(
    plan: Plan,
    config: Config,
    scores: Numbers = (),
    *,
    single: Config | None = None,
) -> dict[str, Any]:
    """Return the part of `best.json` that `read_deployment` reads, in JSON's types.

    What lives only in the calling process, such as a metric that is a lambda, is null there.

    Args:
        plan: of the study.
        config: the selected one.
        scores: those whose mean is its quality; NaN is left out.
        single: the best configuration of one answer, for agents that take no more.
    """
    prompt = plan.prompts[config.prompt]
    # The space keeps few-shot examples for the longest prompt. This one may show fewer of them.
    shots = plan.split.shots[: shots_needed(plan.space.prompts[prompt.name])]
    judge = None
    if plan.judge is not None:
        judge = dump_entry(plan.judge, plan.prices)
    single_answer = None
    if single is not None:
        single_answer = {"config": plain_config(single), **_call_record(plan, single)}
    return {
        **_call_record(plan, config),
        "single_answer": single_answer,
        "judge": judge,
        "metric": _dump_metric(plan),
        "verifier": portable(plan.verifier),
        "inputs": list(plan.data.inputs),
        "target": plan.data.target,
        "group": plan.identity.get("group"),
        "scores": _thinned(scores),
        "seen": {
            "tuning": _kept_hashes(prompt.fields, plan.split.tuning),
            "holdout": _kept_hashes(prompt.fields, plan.split.holdout),
            "shots": _kept_hashes(prompt.fields, shots),
        },
    }


def _call_record(plan: Plan, config: Config) -> dict[str, Any]:
    """Return where a configuration is called, with what, and how its texts are read."""
    return {
        "model": dump_entry(plan.entries[config.model], plan.prices),
        "prompt": dump_prompt(plan.prompts[config.prompt]),
        # The config has only the names of settings that are tables or lists.
        "values": plan.space.named.of_config(config),
        "answer": portable(_answer_spec(plan, config)),
    }


def example_hashes(fields: Collection[str], examples: Iterable[Example]) -> list[str]:
    """Return a short hash of what a prompt with these fields shows of each example.

    It tells if an example was met before, and nothing of what the example says.
    """
    found: list[str] = []
    for example in examples:
        # Other columns are left out: the same text with another id is the same prompt.
        text = canonical_json({name: example.inputs[name] for name in fields})
        # Half of a surrogate pair is valid JSON, and UTF-8 refuses it by default.
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        found.append(digest[:HASH_DIGITS])
    return found


def _answer_spec(plan: Plan, config: Config) -> Any:
    """Return the answer rule of a configuration; a space may have one for each prompt."""
    answer = plan.space.answer
    if isinstance(answer, Mapping) and "by" in answer:
        return answer["by"].get(config.prompt)
    return answer


def _dump_metric(plan: Plan) -> dict[str, Any]:
    metric = plan.metric
    return {
        "spec": portable(plan.metric_spec),
        "name": metric.name,
        # A check compares identities: other code under the same name is another metric.
        "identity": metric.identity,
        "low": metric.low,
        "high": metric.high,
        "larger_is_better": metric.larger_is_better,
    }


def _kept_hashes(fields: Collection[str], examples: Iterable[Example]) -> str:
    """Return the hashes of examples, or of a random part of many, as one text."""
    # Hashes are random, so the first ones in their order are a fair sample.
    kept = sorted(set(example_hashes(fields, examples)))[:MOST_HASHES]
    return " ".join(kept)


def _thinned(scores: Numbers) -> list[float]:
    """Return scores in rising order; of many, some that are evenly far apart in that order."""
    values = np.asarray(scores, dtype=float)
    # NaN stands for an example without a score, and JSON has no word for it.
    values = np.sort(values[~np.isnan(values)])
    # Quantiles keep the shape of the distribution, which a check compares with new scores.
    size = min(values.size, MOST_SCORES)
    places = np.linspace(0, values.size - 1, size).round().astype(int)
    kept: list[float] = values[places].tolist()
    return kept
