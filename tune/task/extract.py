"""How the answer is taken out of a model's text, before metric and vote."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from tune.errors import SpaceError
from tune.safety.patterns import Pattern
from tune.safety.untrusted import TooMuch, check_nesting
from tune.task.callables import fingerprint, import_object, import_path, reraise_as

Extractor: TypeAlias = Callable[[str], str | None]
"""Text to answer; None where the text holds none, which abstains in a vote and has the metric's
worst score.
"""

_NUMBER = re.compile(
    r"(?:(?<![\w.,)])[-+\u2212])?"
    r"(?:(?:(?<![0-9,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|(?<![0-9.])\.[0-9]+)"
    r"(?:[eE][-+]?[0-9]{1,2}(?![0-9A-Za-z]))?"
)

_MARKS = "think|thinking|thought"
_THOUGHT = re.compile(rf"<({_MARKS})>.*?</\1>", re.IGNORECASE | re.DOTALL)
_BEGUN = re.compile(rf"<(?:{_MARKS})>", re.IGNORECASE)
_ENDED = re.compile(rf"</(?:{_MARKS})>", re.IGNORECASE)

_FENCE = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[^\s`]*)[^\n`]*\n(?P<code>.*?)(?:^ {0,3}(?P=fence)[`~]*\s*?$|\Z)",
    re.MULTILINE | re.DOTALL,
)


def parse_extractor(spec: Any, *, prompt: str | None = None) -> Extractor:
    r"""Read how answers are to be found.

    Args:
        spec: one of

            - None or `{"whole": true}`: the whole text without the space around it (a `Space`
              without an answer rule whose targets are a few labels has the labels as its rule;
              "whole" says that it is not wanted);
            - `{"pattern": r"Answer: (\w+)"}`: what a regular expression matches, its first group
              that took part or group number `group`; in lower case with `lower = true`;
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

    Thoughts are not an answer: what stands between `<think>` and `</think>` is left out first,
    unless a pattern names these marks or a callable reads the text itself. A thought that was begun
    and not ended is an unfinished answer, so there is none.

    A pattern has a second for each text: where it is not done by then, as `(a+)+$` may not be, the
    text holds no answer; see `tune.safety.patterns`.

    Raises:
        SpaceError: the specification has another form, or its pattern is no regular expression.
    """
    if isinstance(spec, Mapping) and "by" in spec:
        return parse_extractor(_for_prompt(spec, prompt))
    if spec is None:
        return functools.partial(_after_thought, whole_text)
    if isinstance(spec, str):
        spec = import_object(spec, "answer")
    if callable(spec):
        return functools.partial(_if_finished, functools.partial(_call, spec))
    if not isinstance(spec, Mapping):
        raise SpaceError(
            f"answer: a table, a callable or 'module:attribute' is wanted, but got {spec!r}"
        )
    kinds = sorted(_KINDS.keys() & spec.keys())
    if len(kinds) != 1:
        raise SpaceError(
            f"answer: exactly one of {sorted(_KINDS)} must be given, but got {dict(spec)}"
        )
    kind = kinds[0]
    unknown = sorted(spec.keys() - {kind} - _OPTIONS[kind])
    if unknown:
        raise SpaceError(f"answer: {kind!r} goes with {sorted(_OPTIONS[kind])}, but got {unknown}")
    ways = ("first", "last", "all") if kind == "labels" else ("first", "last")
    if spec.get("which", "last") not in ways:
        raise SpaceError(f"answer: which is one of {list(ways)}, but got {spec['which']!r}")
    found = _KINDS[kind](spec)
    reads_marks = kind == "pattern" and "think" in str(spec["pattern"])
    return functools.partial(_if_finished if reads_marks else _after_thought, found)


def extractor_identity(spec: Any) -> str:
    """A name that stays the same for as long as `parse_extractor(spec)` finds the same answers, on
    any machine.

    Raises:
        SpaceError: the specification names a callable that cannot be loaded.
    """
    if spec is None:
        return "whole"
    if isinstance(spec, str):
        return fingerprint(import_object(spec, "answer"))
    if callable(spec):
        return fingerprint(spec)
    if isinstance(spec, Mapping) and isinstance(spec.get("by"), Mapping):
        spec = {
            "by": {str(prompt): extractor_identity(inner) for prompt, inner in spec["by"].items()}
        }
    return json.dumps(spec, sort_keys=True, ensure_ascii=False, default=repr)


def _for_prompt(spec: Mapping[str, Any], prompt: str | None) -> Any:
    by = spec["by"]
    if len(spec) > 1 or not isinstance(by, Mapping):
        raise SpaceError(
            f"answer: `by` is a table of prompts and stands alone, but got {dict(spec)}"
        )
    if prompt is None:
        for inner in by.values():
            parse_extractor(inner)
        raise SpaceError(
            f"answer: it is found differently for each of the prompts {list(by)}, but no prompt was named"
        )
    if prompt not in by:
        raise SpaceError(
            f"answer: prompt {prompt!r} is not among those that `by` names: {list(by)}"
        )
    return by[prompt]


def is_unfinished(text: str) -> bool:
    """Whether the text begins a thought and does not end it."""
    return without_reasoning(text) is None


def without_reasoning(text: str) -> str | None:
    """The text without what the model thought aloud between marks; None where a thought is not
    ended.

    Some servers put the opening mark into the prompt, so that only the closing one comes back.
    """
    if "think" not in text.lower() and "thought" not in text.lower():
        return text
    said = _THOUGHT.sub("", text)
    begun, ended = _BEGUN.search(said), _ENDED.search(said)
    if ended is not None and (begun is None or ended.start() < begun.start()):
        said = said[ended.end() :]
    return None if _BEGUN.search(said) else said


def _after_thought(find: Extractor, text: str) -> str | None:
    said = without_reasoning(text)
    return None if said is None else find(said)


def _if_finished(find: Extractor, text: str) -> str | None:
    return None if is_unfinished(text) else find(text)


def whole_text(text: str) -> str | None:
    """The whole text without the space around it; None where nothing is left."""
    return text.strip() or None


def last_number(text: str) -> str | None:
    """The last number in a text, without thousands separators and trailing zeros; None where there
    is none.
    """
    found = _NUMBER.findall(text)
    return normalize_number(found[-1]) if found else None


def normalize_number(text: str) -> str:
    """A number in digits, as 1234.5 for 1,234.50 and 1000 for 1e3."""
    plain = format(Decimal(text.replace(",", "").replace("\u2212", "-")), "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain.lstrip("+")


def code_blocks(text: str) -> list[str]:
    """The Python in a text's Markdown fences, else what stands in fences that name no language.

    A fence that is not closed, as in an answer that was cut off, reaches to the end.
    """
    found = [(match["language"].lower(), match["code"]) for match in _FENCE.finditer(text)]
    python = [code for language, code in found if language in ("python", "python3", "py", "py3")]
    return python or [code for language, code in found if not language]


def first_json_object(text: str) -> dict[str, Any] | None:
    """The first JSON object in a text; None where there is none."""
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            found, _ = decoder.raw_decode(text, start)
        except RecursionError:  # nobody means that
            return None
        except ValueError:
            start = text.find("{", start + 1)
            continue
        return found if isinstance(found, dict) and not _too_deep(found) else None
    return None


def _too_deep(found: Any) -> bool:
    try:
        check_nesting(found)
    except TooMuch:
        return True
    return False


def _call(function: Callable[[str], Any], text: str) -> str | None:
    with reraise_as(SpaceError, f"answer: {import_path(function)} raised on {text[:60]!r}"):
        found = function(text)
    if found is not None and not isinstance(found, str):
        raise SpaceError(
            f"answer: {import_path(function)} must return a text or None, but got {found!r}"
        )
    return found or None


def _pattern(spec: Mapping[str, Any]) -> Extractor:
    pattern = Pattern(spec["pattern"], "answer")
    group = spec.get("group")
    if group is not None and (not isinstance(group, int) or not 0 <= group <= pattern.groups):
        raise SpaceError(
            f"answer: the pattern has {pattern.groups} groups, but got group={group!r}"
        )

    def find(text: str) -> str | None:
        match = pattern.first(text) if spec.get("which") == "first" else pattern.last(text)
        if match is None:
            return None
        found = (
            match[group]
            if group is not None
            else next((g for g in match.groups() if g is not None), match[0])
        )
        found = (found or "").strip()
        return (found.lower() if spec.get("lower") else found) or None

    return find


def _labels(spec: Mapping[str, Any]) -> Extractor:
    labels = spec["labels"]
    if isinstance(labels, str) or not isinstance(labels, Sequence) or not labels:
        raise SpaceError(f"answer: labels is a list of names, but got {labels!r}")
    if not all(isinstance(label, str) and label.strip() for label in labels):
        raise SpaceError(f"answer: a label is a name that is not empty, but got {list(labels)}")
    spelled = {_fold(label): label for label in labels}
    if len(spelled) < len(labels):
        raise SpaceError(f"answer: labels must differ in more than case, but got {list(labels)}")
    # The longest first, so that "very good" is not read as "good".
    either = "|".join(_label(folded) for folded in sorted(spelled, key=len, reverse=True))
    pattern = re.compile(rf"(?<!\w)(?<!\w-)(?:{either})(?!\w|-\w)", re.IGNORECASE)

    def find(text: str) -> str | None:
        match = _which(pattern, text, spec)
        return spelled.get(_fold(match[0])) if match else None

    def find_all(text: str) -> str | None:
        named = {_fold(match[0]) for match in pattern.finditer(text)}
        found_labels = [label for folded, label in spelled.items() if folded in named]
        if any("," in label or ";" in label for label in found_labels):
            return json.dumps(found_labels, ensure_ascii=False)
        return ", ".join(found_labels) or None

    return find_all if spec.get("which") == "all" else find


def _fold(text: str) -> str:
    return " ".join(text.lower().split())


def _label(folded: str) -> str:
    words = r"\s+".join(re.escape(word) for word in folded.split())
    # The label 1 stands neither in 1.5 nor in 2.1 nor in -1.
    before = r"(?<!-)(?<!\d[.,])" if folded[0].isdigit() else ""
    return before + words + (r"(?![.,]\d)" if folded[-1].isdigit() else "")


def _which(pattern: re.Pattern[str], text: str, spec: Mapping[str, Any]) -> re.Match[str] | None:
    if spec.get("which") == "first":
        return pattern.search(text)
    match = None
    for match in pattern.finditer(text):  # noqa: B007  (the last one is wanted)
        pass
    return match


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
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                return None
        if isinstance(value, str):
            return value.strip() or None
        return None if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False)

    return find


def _whole(spec: Mapping[str, Any]) -> Extractor:
    if spec["whole"] is not True:
        raise SpaceError(f"answer: whole is true or left out, but got {spec['whole']!r}")
    return whole_text


def _number(spec: Mapping[str, Any]) -> Extractor:
    if spec["number"] is not True:
        raise SpaceError(f"answer: number is true or left out, but got {spec['number']!r}")
    return last_number


def _code(spec: Mapping[str, Any]) -> Extractor:
    if spec["code"] is not True:
        raise SpaceError(f"answer: code is true or left out, but got {spec['code']!r}")
    place = 0 if spec.get("which") == "first" else -1

    def find(text: str) -> str | None:
        code = (code_blocks(text) or [text])[place]
        # The first line's indentation belongs to the code.
        return re.sub(r"\A(?:[^\S\n]*\n)+", "", code).rstrip() or None

    return find


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
