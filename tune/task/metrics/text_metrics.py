"""The built-in metrics: each compares an answer with the example's target, or with the nearest of
several.
"""

from __future__ import annotations

import functools
import json
import math
import string
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tune.errors import InputError, MetricError, SpaceError
from tune.safety.patterns import Pattern
from tune.task.example import Example, to_text
from tune.task.text_parts import first_json_object, last_number


def exact_match(answer: str, example: Example) -> float:
    """1 where the answer is one of the accepted targets, in any case and spacing."""
    return float(_plain(answer) in {_plain(to_text(target)) for target in _targets(example)})


def balanced_accuracy(answer: str, example: Example, *, weights: Mapping[str, float]) -> float:
    """Exact match, a right answer counting more the rarer its label is, so that the mean is the
    labels' mean recall.

    Args:
        answer: is judged. example: has the target. weights: what a right answer counts, by label in
        lower case: rows / (labels * rows with the label).
    """
    return exact_match(answer, example) * label_weight(example, weights=weights)


def label_weight(example: Example, *, weights: Mapping[str, float]) -> float:
    """How much an example counts in the mean recall; 1 where its label is not among the weights."""
    return weights.get(_plain(to_text(example.target)), 1.0)


def same_set(answer: str, example: Example) -> float:
    """1 where the answer names exactly the labels of the target's list, in any order, case and
    spacing.

    The answer is a JSON list, or labels with commas, semicolons or line ends between them.
    """
    try:
        named = json.loads(answer)
    except (ValueError, RecursionError):
        named = None
    if not isinstance(named, list):
        named = answer.replace(";", ",").replace("\n", ",").split(",")
    found = {_plain(to_text(label)).strip(" .\"'") for label in named}
    return float(found - {""} == {_plain(to_text(target)) for target in _targets(example)})


def contains(answer: str, example: Example) -> float:
    """1 where one of the accepted targets stands in the answer, in any case and spacing."""
    return float(any(_plain(to_text(target)) in _plain(answer) for target in _targets(example)))


def regex(answer: str, example: Example, *, ignore_case: bool = False) -> float:
    """1 where the target, a regular expression, is found in the answer."""
    try:
        patterns = [_compiled(to_text(target), ignore_case) for target in _targets(example)]
    except SpaceError as error:
        raise MetricError(f"the metric 'regex' raised on example {example.id!r}: {error}") from None
    return float(any(pattern.first(answer) is not None for pattern in patterns))


@functools.lru_cache(maxsize=10_000)
def _compiled(pattern: str, ignore_case: bool) -> Pattern:
    return Pattern(pattern, "metric 'regex'", ignore_case=ignore_case)


def numeric(
    answer: str, example: Example, *, relative: float = 1e-6, absolute: float = 0.0
) -> float:
    """1 where the last number of the answer is the target's, up to the larger of the two
    tolerances.
    """
    found = last_number(answer)
    wanted = [_number(target, example) for target in _targets(example)]
    if found is None:
        return 0.0
    return float(
        any(math.isclose(float(found), w, rel_tol=relative, abs_tol=absolute) for w in wanted)
    )


def json_fields(answer: str, example: Example) -> float:
    """The share of the target's fields that the first JSON object in the answer holds with an equal
    value.
    """
    found = first_json_object(answer) or {}
    return max(_equal_fields(found, _object(target, example)) for target in _targets(example))


def token_f1(answer: str, example: Example) -> float:
    """F1 of the words that answer and target share, without case, punctuation and articles (SQuAD,
    1606.05250).
    """
    return max(_f1(_words(answer), _words(to_text(target))) for target in _targets(example))


def rouge_l(answer: str, example: Example, *, stemmer: bool = False) -> float:
    """ROUGE-L's F-measure (Lin 2004), as the package rouge-score computes it.

    Raises:
        InputError: the package is not installed.
    """
    scorer = rouge_scorer(stemmer)
    return max(
        float(scorer.score(to_text(target), answer)["rougeL"].fmeasure)
        for target in _targets(example)
    )


@lru_cache(maxsize=2)
def rouge_scorer(stemmer: bool = False) -> Any:
    """The scorer of the package rouge-score.

    Raises:
        InputError: the package is not installed.
    """
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError:
        raise InputError(
            "the metric 'rouge_l' needs the package rouge-score: pip install 'tune-llm[rouge]'"
        ) from None
    return RougeScorer(["rougeL"], use_stemmer=stemmer)


def _targets(example: Example) -> list[Any]:
    """The accepted targets; one that is no list stands alone."""
    target = example.target
    found = list(target) if isinstance(target, list | tuple | set | frozenset) else [target]
    if not found or any(one is None for one in found):
        raise MetricError(f"example {example.id!r} has no target to compare with")
    return found


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _number(target: Any, example: Example) -> float:
    found = last_number(to_text(target))
    if found is None:
        raise MetricError(f"the target of example {example.id!r} holds no number: {target!r}")
    return float(found)


def _object(target: Any, example: Example) -> Mapping[str, Any]:
    try:
        found = json.loads(target) if isinstance(target, str) else target
    except ValueError:
        found = None
    if not isinstance(found, Mapping) or not found:
        raise MetricError(
            f"the target of example {example.id!r} is no JSON object with fields: {target!r}"
        )
    return found


def _equal_fields(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> float:
    return sum(
        name in found and _equal(found[name], value) for name, value in wanted.items()
    ) / len(wanted)


def _equal(one: Any, other: Any) -> bool:
    """Equal as JSON; texts in any case and spacing, and true is not 1."""
    if isinstance(one, str) and isinstance(other, str):
        return _plain(one) == _plain(other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _words(text: str) -> list[str]:
    bare = text.casefold().translate(_PUNCTUATION)
    return [word for word in bare.split() if word not in ("a", "an", "the")]


def _f1(found: list[str], wanted: list[str]) -> float:
    if not found or not wanted:
        return float(found == wanted)
    shared = (Counter(found) & Counter(wanted)).total()
    return 2 * shared / (len(found) + len(wanted))
