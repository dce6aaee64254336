"""Answer rules: how the answer is taken out of a model's text, before metric and vote."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from tune.errors import SpaceError
from tune.safety.patterns import Pattern
from tune.task.callables import fingerprint, import_object, import_path, reraise_as
from tune.task.text_parts import (
    code_blocks,
    first_json_object,
    last_number,
    whole_text,
    without_reasoning,
)

Extractor: TypeAlias = Callable[[str], str | None]
"""Text to answer; None where the text holds none. Such a text has no vote, and the metric's worst
score.
"""


def parse_extractor(spec: Any, *, prompt: str | None = None) -> Extractor:
    r"""Read an answer rule.

    Args:
        spec: one of

            - None or `{"whole": true}`: the whole text without the space around it. (A `Space`
              without an answer rule, whose targets are a few labels, has the labels as its rule;
              "whole" says that they are not wanted.)
            - `{"pattern": r"Answer: (\w+)"}`: the match of a regular expression: its first group
              that took part, or group number `group`; in lower case with `lower = true`;
            - `{"labels": ["positive", "negative"]}`: a label that stands by itself, in any case,
              spelled as listed; with `which = "all"` every label that stands in the text, in the
              order listed, with commas between them;
            - `{"json": "field.path"}`: a field of the first JSON object in the text;
            - `{"number": true}`: the last number, as 1234.5 for "$1,234.50";
            - `{"code": true}`: the last Python block of Markdown, or the whole text where there is
              none;
            - a callable from text to text or None, or its name as `"module:attribute"`;
            - `{"by": {"short": ..., "reasoned": ...}}`: one of these for each prompt, by its name.

            Patterns, labels and code take the last match in the text, or the first with `which =
            "first"`.
        prompt: the prompt whose texts are read; needed only with "by".

    Reasoning is not an answer: the text between `<think>` and `</think>` is left out first, unless
    a pattern names these marks or a callable reads the text itself. Reasoning that was begun and
    not ended is an unfinished answer, so the text holds none.

    A pattern has a second for each text. Where it needs longer, as `(a+)+$` may, the text holds no
    answer; see `tune.safety.patterns`.

    Raises:
        SpaceError: the rule has another form, or its pattern is not a regular expression.
    """
    if isinstance(spec, Mapping) and "by" in spec:
        return parse_extractor(_for_prompt(spec, prompt))
    if spec is None:
        return functools.partial(_after_reasoning, whole_text)
    # A text is a callable's name, never a pattern: those are given as {"pattern": ...}.
    if isinstance(spec, str):
        spec = import_object(spec, "answer")
    if callable(spec):
        return functools.partial(_if_finished, functools.partial(_call, spec))
    if not isinstance(spec, Mapping):
        raise SpaceError(
            f"answer: a table, a callable or 'module:attribute' is wanted, but got {spec!r}"
        )
    return _from_table(spec)


def _from_table(spec: Mapping[str, Any]) -> Extractor:
    kinds = sorted(_KINDS.keys() & spec.keys())
    if len(kinds) != 1:
        raise SpaceError(
            f"answer: exactly one of {sorted(_KINDS)} must be given, but got {dict(spec)}"
        )
    kind = kinds[0]
    options = _OPTIONS[kind]
    unknown = sorted(spec.keys() - {kind} - options)
    if unknown:
        raise SpaceError(
            f"answer: {kind!r} goes with {sorted(options)}, but got {unknown}"
        )
    matches = ["first", "last"]
    if kind == "labels":
        matches.append("all")
    if spec.get("which", "last") not in matches:
        raise SpaceError(
            f"answer: which is one of {matches}, but got {spec['which']!r}"
        )
    find = _KINDS[kind](spec)
    if kind == "pattern" and "think" in str(spec["pattern"]):
        # The pattern itself says what to do with the marks of reasoning.
        return functools.partial(_if_finished, find)
    return functools.partial(_after_reasoning, find)


def extractor_identity(spec: Any) -> str:
    """Return a name that stays the same while `parse_extractor(spec)` finds the same answers.

    It is the same on every machine.

    Raises:
        SpaceError: the rule names a callable that cannot be loaded.
    """
    if spec is None:
        return "whole"
    if isinstance(spec, str):
        return fingerprint(import_object(spec, "answer"))
    if callable(spec):
        return fingerprint(spec)
    if isinstance(spec, Mapping) and isinstance(spec.get("by"), Mapping):
        rules = {
            str(prompt): extractor_identity(rule) for prompt, rule in spec["by"].items()
        }
        spec = {"by": rules}
    return json.dumps(spec, sort_keys=True, ensure_ascii=False, default=repr)


def _for_prompt(spec: Mapping[str, Any], prompt: str | None) -> Any:
    """Return the rule of one prompt."""
    by = spec["by"]
    if len(spec) > 1 or not isinstance(by, Mapping):
        raise SpaceError(
            f"answer: `by` is a table of prompts and stands alone, but got {dict(spec)}"
        )
    if prompt is None:
        # A bad rule is the more useful message.
        for rule in by.values():
            parse_extractor(rule)
        raise SpaceError(
            f"answer: it is found differently for each of the prompts {list(by)}, "
            "but no prompt was named"
        )
    if prompt not in by:
        raise SpaceError(
            f"answer: prompt {prompt!r} is not among those that `by` names: {list(by)}"
        )
    return by[prompt]


def _after_reasoning(find: Extractor, text: str) -> str | None:
    rest = without_reasoning(text)
    return None if rest is None else find(rest)


def _if_finished(find: Extractor, text: str) -> str | None:
    return None if without_reasoning(text) is None else find(text)


def _call(function: Callable[[str], Any], text: str) -> str | None:
    with reraise_as(
        SpaceError, f"answer: {import_path(function)} raised on {text[:60]!r}"
    ):
        found = function(text)
    if found is not None and not isinstance(found, str):
        raise SpaceError(
            f"answer: {import_path(function)} must return a text or None, but got {found!r}"
        )
    # An empty text is no answer, as everywhere else.
    return found or None


# --- patterns


def _pattern(spec: Mapping[str, Any]) -> Extractor:
    pattern = Pattern(spec["pattern"], "answer")
    group = spec.get("group")
    if group is not None and (
        not isinstance(group, int) or not 0 <= group <= pattern.groups
    ):
        raise SpaceError(
            f"answer: the pattern has {pattern.groups} groups, but got group={group!r}"
        )
    in_lower_case = bool(spec.get("lower"))
    look = pattern.first if spec.get("which") == "first" else pattern.last

    def find(text: str) -> str | None:
        match = look(text)
        if match is None:
            return None
        if group is None:
            # In "A: (x)|B: (y)" only one of the groups took part.
            taking_part = [each for each in match.groups() if each is not None]
            found = taking_part[0] if taking_part else match[0]
        else:
            found = match[group]
        answer = (found or "").strip()
        if in_lower_case:
            answer = answer.lower()
        return answer or None

    return find


# --- labels


def _labels(spec: Mapping[str, Any]) -> Extractor:
    labels = spec["labels"]
    if isinstance(labels, str) or not isinstance(labels, Sequence) or not labels:
        raise SpaceError(f"answer: labels is a list of names, but got {labels!r}")
    if not all(isinstance(label, str) and label.strip() for label in labels):
        raise SpaceError(
            f"answer: a label is a name that is not empty, but got {list(labels)}"
        )
    spelled = {_fold(label): label for label in labels}
    if len(spelled) < len(labels):
        raise SpaceError(
            f"answer: labels must differ in more than case, but got {list(labels)}"
        )
    # The longest first, so that "very good" is not read as "good".
    longest_first = sorted(spelled, key=len, reverse=True)
    either = "|".join(map(_label_pattern, longest_first))
    # "non-toxic" names neither "toxic" nor "non".
    pattern = re.compile(rf"(?<!\w)(?<!\w-)(?:{either})(?!\w|-\w)", re.IGNORECASE)
    if spec.get("which") == "all":
        return _find_all_labels(pattern, spelled)
    takes_first = spec.get("which") == "first"

    def find(text: str) -> str | None:
        match = _match(pattern, text, first=takes_first)
        return spelled.get(_fold(match[0])) if match else None

    return find


def _find_all_labels(pattern: re.Pattern[str], spelled: Mapping[str, str]) -> Extractor:
    def find(text: str) -> str | None:
        named = {_fold(match[0]) for match in pattern.finditer(text)}
        found = [label for folded, label in spelled.items() if folded in named]
        if any("," in label or ";" in label for label in found):
            # A list with commas could not be taken apart again.
            return json.dumps(found, ensure_ascii=False)
        return ", ".join(found) or None

    return find


def _fold(text: str) -> str:
    return " ".join(text.lower().split())


def _label_pattern(folded: str) -> str:
    pattern = r"\s+".join(map(re.escape, folded.split()))
    # The label 1 stands neither in 1.5 nor in 2.1 nor in -1.
    if folded[0].isdigit():
        pattern = r"(?<!-)(?<!\d[.,])" + pattern
    if folded[-1].isdigit():
        pattern += r"(?![.,]\d)"
    return pattern


def _match(
    pattern: re.Pattern[str],
    text: str,
    *,
    first: bool,
) -> re.Match[str] | None:
    """Return the first match in a text, or the last."""
    if first:
        return pattern.search(text)
    # Models state their answer at the end, after naming the others.
    last = None
    for match in pattern.finditer(text):
        last = match
    return last


# --- JSON, numbers, code, and the whole text


def _json(spec: Mapping[str, Any]) -> Extractor:
    path = spec["json"]
    if not isinstance(path, str):
        raise SpaceError(
            f'answer: json is the path of a field, as "result.label", but got {path!r}'
        )
    steps = path.split(".") if path else []

    def find(text: str) -> str | None:
        value: Any = first_json_object(text)
        for step in steps:
            if isinstance(value, dict) and step in value:
                value = value[step]
            elif (
                isinstance(value, list) and step.isdecimal() and int(step) < len(value)
            ):
                value = value[int(step)]
            else:
                return None
        if value is None:
            return None
        if isinstance(value, str):
            return value.strip() or None
        return json.dumps(value, sort_keys=True, ensure_ascii=False)

    return find


def _whole(spec: Mapping[str, Any]) -> Extractor:
    _check_true("whole", spec)
    return whole_text


def _number(spec: Mapping[str, Any]) -> Extractor:
    _check_true("number", spec)
    return last_number


def _code(spec: Mapping[str, Any]) -> Extractor:
    _check_true("code", spec)
    place = 0 if spec.get("which") == "first" else -1

    def find(text: str) -> str | None:
        blocks = code_blocks(text) or [text]
        # Empty lines go, but the first line's indentation belongs to the code.
        code = re.sub(r"\A(?:[^\S\n]*\n)+", "", blocks[place])
        return code.rstrip() or None

    return find


def _check_true(kind: str, spec: Mapping[str, Any]) -> None:
    if spec[kind] is not True:
        raise SpaceError(f"answer: {kind} is true or left out, but got {spec[kind]!r}")


_KINDS: dict[str, Callable[[Mapping[str, Any]], Extractor]] = {
    "whole": _whole,
    "pattern": _pattern,
    "labels": _labels,
    "json": _json,
    "number": _number,
    "code": _code,
}

_OPTIONS: dict[str, set[str]] = {
    "whole": set(),
    "pattern": {"which", "lower", "group"},
    "labels": {"which"},
    "json": set(),
    "number": set(),
    "code": {"which"},
}
