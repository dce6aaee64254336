"""Built-in metrics on text: each compares an answer with the target, or the nearest of several."""

from __future__ import annotations

import functools
import json
import math
import string
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tune.errors import InputError, MetricError, SpaceError, install_command
from tune.safety.patterns import Pattern
from tune.task.example import Example, to_text
from tune.task.text_parts import first_json_object, last_number

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = ("a", "an", "the")


def exact_match(answer: str, example: Example) -> float:
    """Return 1 where the answer is one of the accepted targets, in any case and spacing."""
    return float(_fold(answer) in _folded_targets(example))


def balanced_accuracy(
    answer: str,
    example: Example,
    *,
    weights: Mapping[str, float],
) -> float:
    """Return exact match weighted by label, so that the mean is the labels' mean recall.

    Args:
        answer: the answer.
        example: the example.
        weights: the weight of a right answer, by label in lower case:
            rows / (labels * rows with the label). The rarer a label, the more it counts.
    """
    return exact_match(answer, example) * label_weight(example, weights=weights)


def label_weight(example: Example, *, weights: Mapping[str, float]) -> float:
    """Return an example's weight in the mean recall; 1 where its label is not in the weights."""
    return weights.get(_fold(to_text(example.target)), 1.0)


def same_set(answer: str, example: Example) -> float:
    """Return 1 where the answer names exactly the labels of the target's list, in any order.

    The answer is a JSON list, or labels with commas, semicolons or line ends between them. Case and
    spacing do not count.
    """
    try:
        named = json.loads(answer)
    except (ValueError, RecursionError):
        named = None
    if not isinstance(named, list):
        named = answer.replace(";", ",").replace("\n", ",").split(",")
    # Models like to add a full stop, or quotes around labels.
    found = {_fold(to_text(label)).strip(" .\"'") for label in named}
    return float(found - {""} == _folded_targets(example))


def contains(answer: str, example: Example) -> float:
    """Return 1 where one of the accepted targets stands in the answer, in any case and spacing."""
    # Once for all targets: an answer may be long.
    folded = _fold(answer)
    return float(any(target in folded for target in _folded_targets(example)))


def regex(answer: str, example: Example, *, ignore_case: bool = False) -> float:
    """Return 1 where the target, a regular expression, is found in the answer."""
    try:
        patterns = [
            _compiled(to_text(target), ignore_case) for target in _targets(example)
        ]
    except SpaceError as error:
        raise MetricError(
            f"the metric 'regex' raised on example {example.id!r}: {error}"
        ) from None
    return float(any(pattern.first(answer) is not None for pattern in patterns))


@functools.lru_cache(maxsize=10_000)
def _compiled(pattern: str, ignore_case: bool) -> Pattern:
    return Pattern(pattern, "metric 'regex'", ignore_case=ignore_case)


def numeric(
    answer: str, example: Example, *, relative: float = 1e-6, absolute: float = 0.0
) -> float:
    """Return 1 where the last number of the answer is the target's.

    Args:
        answer: the answer.
        example: the example.
        relative: the tolerance as a share of the larger number.
        absolute: the tolerance as a number; the larger tolerance counts.
    """
    # The targets first: one without a number is an error whatever the answer is.
    wanted = [_number(target, example) for target in _targets(example)]
    found = last_number(answer)
    if found is None:
        return 0.0
    for number in wanted:
        if math.isclose(float(found), number, rel_tol=relative, abs_tol=absolute):
            return 1.0
    return 0.0


def json_fields(answer: str, example: Example) -> float:
    """Return the share of the target's fields that the answer's first JSON object has equal."""
    found = first_json_object(answer) or {}
    best = 0.0
    for target in _targets(example):
        best = max(best, _equal_fields(found, _object(target, example)))
    return best


def token_f1(answer: str, example: Example) -> float:
    """Return the F1 of the words that answer and target share (SQuAD, arXiv 1606.05250).

    Case, punctuation and articles do not count.
    """
    words = _words(answer)
    best = 0.0
    for target in _targets(example):
        best = max(best, _f1(words, _words(to_text(target))))
    return best


def rouge_l(answer: str, example: Example, *, stemmer: bool = False) -> float:
    """Return ROUGE-L's F-measure (Lin 2004), as the package rouge-score computes it.

    Raises:
        InputError: the package is not installed.
    """
    scorer = rouge_scorer(stemmer)
    best = 0.0
    for target in _targets(example):
        score = scorer.score(to_text(target), answer)["rougeL"]
        best = max(best, float(score.fmeasure))
    return best


@functools.lru_cache(maxsize=2)
def rouge_scorer(stemmer: bool = False) -> Any:
    """Return the scorer of the package rouge-score.

    Raises:
        InputError: the package is not installed.
    """
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError:
        raise InputError(
            f"the metric 'rouge_l' needs the package rouge-score: {install_command('rouge')}"
        ) from None
    return RougeScorer(["rougeL"], use_stemmer=stemmer)


def _targets(example: Example) -> list[Any]:
    """Return the accepted targets; a target that is not a list stands alone."""
    target = example.target
    found = [target]
    if isinstance(target, list | tuple | set | frozenset):
        found = list(target)
    if not found or any(each is None for each in found):
        raise MetricError(f"example {example.id!r} has no target to compare with")
    return found


def _folded_targets(example: Example) -> set[str]:
    return {_fold(to_text(target)) for target in _targets(example)}


def _fold(text: str) -> str:
    """Return a text without differences of case and spacing."""
    return " ".join(text.casefold().split())


def _number(target: Any, example: Example) -> float:
    found = last_number(to_text(target))
    if found is None:
        raise MetricError(
            f"the target of example {example.id!r} holds no number: {target!r}"
        )
    return float(found)


def _object(target: Any, example: Example) -> Mapping[str, Any]:
    try:
        found = json.loads(target) if isinstance(target, str) else target
    except ValueError:
        found = None
    if not isinstance(found, Mapping) or not found:
        raise MetricError(
            f"the target of example {example.id!r} is not a JSON object with fields: {target!r}"
        )
    return found


def _equal_fields(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> float:
    equal = 0
    for name, value in wanted.items():
        equal += name in found and _equal(found[name], value)
    return equal / len(wanted)


def _equal(one: Any, other: Any) -> bool:
    """Tell whether two values are equal as JSON; texts in any case and spacing."""
    if isinstance(one, str) and isinstance(other, str):
        return _fold(one) == _fold(other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(
            _equal(one[name], other[name]) for name in one
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    # In Python True == 1, but in JSON they differ.
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _words(text: str) -> list[str]:
    # In the order of the paper's own script: otherwise "the." would not count as an article.
    bare = text.casefold().translate(_PUNCTUATION)
    return [word for word in bare.split() if word not in _ARTICLES]


def _f1(found: list[str], wanted: list[str]) -> float:
    # Two empty texts agree, as in the script of SQuAD 2.0; F1 itself would be 0/0.
    if not found or not wanted:
        return float(found == wanted)
    # A word that both have twice counts twice.
    shared = (Counter(found) & Counter(wanted)).total()
    return 2 * shared / (len(found) + len(wanted))
