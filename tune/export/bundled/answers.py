"""Take the answer out of a text, by the rule with which the configuration was tuned.

Each rule is a function of its own, so that a file carries only the one that it needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tune.task.text_parts import (
    code_blocks,
    first_json_object,
    last_number,
    without_reasoning,
)


def read_whole(text: str, _rule: Mapping[str, Any]) -> str | None:
    """Return the whole text; None where nothing is left of it."""
    return (without_reasoning(text) or "").strip() or None


def read_callable(text: str, rule: Callable[[str], str | None]) -> str | None:
    """Return the answer that a function finds."""
    # Reasoning that was begun and not ended is an unfinished answer.
    if without_reasoning(text) is None:
        return None
    return rule(text) or None


def read_pattern(text: str, rule: Mapping[str, Any]) -> str | None:
    """Return the match of a regular expression."""
    rest = without_reasoning(text)
    if rest is None:
        return None
    # A pattern that names the marks of reasoning reads the whole text.
    shown = text if "think" in rule["pattern"] else rest
    matches = list(re.finditer(rule["pattern"], shown))
    if not matches:
        return None
    match = matches[0 if rule.get("which") == "first" else -1]
    found = match[rule.get("group") or 0]
    if rule.get("group") is None:
        # In "A: (x)|B: (y)" only one of the groups took part.
        taking_part = [each for each in match.groups() if each is not None]
        found = taking_part[0] if taking_part else match[0]
    answer = (found or "").strip()
    if rule.get("lower"):
        answer = answer.lower()
    return answer or None


def read_labels(text: str, rule: Mapping[str, Any]) -> str | None:
    """Return the label that stands in a text, or all of them."""
    spelled = {}
    for label in rule["labels"]:
        spelled[" ".join(label.lower().split())] = label
    # The longest first, so that "very good" is not read as "good".
    longest_first = sorted(spelled, key=len, reverse=True)
    either = "|".join(map(_label_pattern, longest_first))
    # "non-toxic" names neither "toxic" nor "non".
    pattern = rf"(?<!\w)(?<!\w-)(?:{either})(?!\w|-\w)"
    named = []
    for match in re.finditer(pattern, without_reasoning(text) or "", re.IGNORECASE):
        named.append(" ".join(match[0].lower().split()))
    if not named:
        return None
    if rule.get("which") == "all":
        found = [label for folded, label in spelled.items() if folded in named]
        if any("," in label or ";" in label for label in found):
            return json.dumps(found, ensure_ascii=False)
        return ", ".join(found) or None
    return spelled.get(named[0 if rule.get("which") == "first" else -1])


def _label_pattern(folded: str) -> str:
    pattern = r"\s+".join(map(re.escape, folded.split()))
    # The label 1 stands neither in 1.5 nor in 2.1 nor in -1.
    if folded[0].isdigit():
        pattern = r"(?<!-)(?<!\d[.,])" + pattern
    if folded[-1].isdigit():
        pattern += r"(?![.,]\d)"
    return pattern


def read_json(text: str, rule: Mapping[str, Any]) -> str | None:
    """Return a field of the first JSON object."""
    value: Any = first_json_object(without_reasoning(text) or "")
    steps = rule["json"].split(".") if rule["json"] else []
    for step in steps:
        is_place = isinstance(value, list) and step.isdecimal()
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif is_place and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def read_number(text: str, _rule: Mapping[str, Any]) -> str | None:
    """Return the last number."""
    return last_number(without_reasoning(text) or "")


def read_code(text: str, rule: Mapping[str, Any]) -> str | None:
    """Return the last Python block, or the whole text where there is none."""
    rest = without_reasoning(text)
    if rest is None:
        return None
    blocks = code_blocks(rest) or [rest]
    place = 0 if rule.get("which") == "first" else -1
    # Empty lines go, but the first line's indentation belongs to the code.
    code = re.sub(r"\A(?:[^\S\n]*\n)+", "", blocks[place])
    return code.rstrip() or None
