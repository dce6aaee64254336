"""Answers that are not read: found after the first blocks, before a wrong answer rule costs the
whole budget.

When nearly all answers of a prompt score the metric's worst value, there are two reasons. Either
the answers are wrong. Or they are right and not read rightly: nothing is taken out of the texts, or
what is taken out is no answer. The second is told from the first by what was bought, for nothing:
another answer rule finds right answers in the same texts, or the target stands in the whole text
that is compared with it, and more often than the targets of other examples do.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tune.errors import MetricError
from tune.plan.default_space import default_answer
from tune.plan.plan import Plan
from tune.readout.trial import Trial
from tune.report import Sample, Unread
from tune.report.unread_text import unread_sentence
from tune.study.trial_reader import TrialReader
from tune.task.example import Example, to_text
from tune.task.extract import parse_extractor
from tune.task.text_parts import first_json_object

LEAST_ANSWERS = 8
"""Answers of a prompt that must be there before anything is said of it."""

MOST_ANSWERS = 64
"""Answers of a prompt that are looked at, its first ones: what they say does not change with what
is bought later.
"""

NEARLY_ALL = 0.95
"""A prompt is looked into when more than this share of its answers score the worst value."""

HARDLY_ANY = 0.1
"""Nothing is extracted when an answer is found in at most this share of the texts."""

ENOUGH = 0.2
"""Another rule works when it finds an answer that scores more than the worst in this share of the
texts, or more.
"""

LEAST_RIGHT = 3
"""And in at least so many of them."""

SAMPLES = 3
"""Answers that are shown beside their targets."""

_RULES: Sequence[Mapping[str, Any]] = (
    {"pattern": r"(?is).*\b(?:answer|label|category|class)(?:\s+is)?\b\W*([^\n]*\w)"},
    {"number": True},
    {"pattern": r"\\boxed\{([^{}]*)\}"},
    {"pattern": r"(?s)^\W*(.*\w)"},
    {"pattern": r"(?s)^(?:.*\n)?[^\w\n]*([^\n]*\w)"},
    {"pattern": r"\*\*([^*]+)\*\*"},
    {"whole": True},
)
"""Rules that fit many texts: after a mark, the last number, a box, without punctuation, the last
line, in bold.
"""


class _Said(NamedTuple):
    """One answer: the example's position, the text, what was taken out of it, and whether that
    scores the worst.
    """

    position: int
    text: str
    answer: str | None
    is_worst: bool


def find_unread(plan: Plan, reader: TrialReader, trials: Mapping[int, Trial]) -> tuple[Unread, ...]:
    """Return the prompts of which nearly all answers score the worst value, with what can be known
    of the reason.

    Args:
        plan: of the study.
        reader: reads the answers as the study does.
        trials: what was bought.
    """
    found = (
        _look(plan, reader, prompt, _said(reader, prompt, trials)) for prompt in plan.space.prompts
    )
    return tuple(one for one in found if one is not None)


def is_all_unread(plan: Plan, reader: TrialReader, trials: Mapping[int, Trial]) -> bool:
    """Whether the answers of every prompt are not read rightly; False while one of them has too
    few.
    """
    for prompt in plan.space.prompts:
        found = _look(plan, reader, prompt, _said(reader, prompt, trials))
        if found is None or not found.misread:
            return False
    return True


class UnreadWatch:
    """Watches a search for answers that are read wrongly.

    Args:
        plan: of the study.
        reader: reads the answers as the study does.
        say: shows a person one sentence now.
    """

    def __init__(self, plan: Plan, reader: TrialReader, say: Callable[[str], None]) -> None:
        self._plan, self._reader, self._say_now = plan, reader, say
        self._told: set[str] = set()

    def is_hopeless(self, trials: Mapping[int, Trial]) -> bool:
        """Return True if more money would be wasted, and the user did not ask to go on."""
        return not self._plan.keep_going and is_all_unread(self._plan, self._reader, trials)

    def tell(self, trials: Mapping[int, Trial]) -> None:
        """Tell once of each prompt whose answers nearly all score the worst value."""
        for found in find_unread(self._plan, self._reader, trials):
            if found.prompt not in self._told:
                self._told.add(found.prompt)
                self._say_now(unread_sentence(found))


def _said(reader: TrialReader, prompt: str, trials: Mapping[int, Trial]) -> list[_Said]:
    """The first answers of a prompt, in the order of trials and examples."""
    found: list[_Said] = []
    for number in sorted(trials):
        trial = trials[number]
        if trial.point["prompt"] != prompt or trial.state == "failed":
            continue
        found += [_Said(position, "", None, True) for position in sorted(trial.config_failed)]
        for position in sorted(trial.draws):
            for draw in trial.draws[position]:
                withheld = draw.finish_reason == "content_filter"
                answer = None if withheld else reader.extract(draw.text)
                is_worst = answer is None or reader.scores.is_worst(answer, position)
                found.append(_Said(position, draw.text, answer, is_worst))
        if len(found) >= MOST_ANSWERS:
            break
    return found[:MOST_ANSWERS]


def _look(plan: Plan, reader: TrialReader, prompt: str, said: Sequence[_Said]) -> Unread | None:
    worst = sum(one.is_worst for one in said)
    if len(said) < LEAST_ANSWERS or worst <= NEARLY_ALL * len(said):
        return None
    extracted = sum(one.answer is not None for one in said)
    standing = [one for one in said if _stands(plan.examples[one.position], one.text)]
    rule, score = _better_rule(plan, reader, said)
    nothing = extracted <= HARDLY_ANY * len(said)
    whole = (
        _takes_whole(said) and reader.scores.metric.identity != "numeric"
    )  # that one looks for the number itself
    by_chance = _standing_by_chance(plan, said)
    stands = whole and len(standing) - by_chance >= max(LEAST_RIGHT, ENOUGH * len(said))
    return Unread(
        prompt=prompt,
        answers=len(said),
        worst=worst,
        extracted=extracted,
        empty=sum(not one.text.strip() for one in said),
        standing=len(standing),
        samples=tuple(_sample(plan, one) for one in [*standing, *said][:SAMPLES]),
        rule="" if rule is None else json.dumps(rule, ensure_ascii=False),
        rule_score=score,
        misread=nothing or rule is not None or stands,
    )


def _takes_whole(said: Sequence[_Said]) -> bool:
    """Whether what is taken out of the texts is mostly all of them."""
    found = [one for one in said if one.answer is not None]
    return sum(2 * len(one.answer or "") >= len(one.text.strip()) for one in found) > len(found) / 2


def _stands(example: Example, text: str) -> bool:
    """Whether the target, or one of several, stands in the text by itself."""
    return any(
        re.search(rf"(?<!\w){re.escape(word)}(?!\w)", _fold(text)) for word in _targets(example)
    )


def _standing_by_chance(plan: Plan, said: Sequence[_Said]) -> float:
    """How many of the texts would hold their target if each had that of another example."""
    examples = [plan.examples[one.position] for one in said]
    hits = tries = 0
    for shift in range(1, min(8, len(said))):
        others = examples[shift:] + examples[:shift]
        for one, mine, other in zip(said, examples, others, strict=True):
            if _targets(other) != _targets(mine):
                hits, tries = hits + _stands(other, one.text), tries + 1
    return len(said) * hits / tries if tries else 0.0


def _targets(example: Example) -> list[str]:
    if example.target is None or isinstance(example.target, dict):
        return []
    given = example.target if isinstance(example.target, list | tuple) else [example.target]
    words = [_fold(to_text(one)) for one in given]
    return [word for word in words if word and len(word) <= 200]


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())


def _better_rule(
    plan: Plan, reader: TrialReader, said: Sequence[_Said]
) -> tuple[Mapping[str, Any] | None, float | None]:
    """The answer rule that reads these texts best, with the mean score that it would give; None
    where none works.

    Nothing is sent: a metric that asks a judge or runs code is not tried.
    """
    metric = reader.scores.metric
    if metric.costs or metric.runs_code or metric.over_responses:
        return None, None
    best: tuple[int, float, Mapping[str, Any]] | None = None
    for rule in _candidates(plan, said):
        extract = parse_extractor(rule)
        answers = [extract(one.text) for one in said]
        try:
            scores = [
                metric.score(answer, plan.examples[one.position])
                for answer, one in zip(answers, said, strict=True)
            ]
        except (
            MetricError
        ):  # of an answer that the user's own metric cannot take: then this rule is none for it
            continue
        right = sum(score != metric.worst for score in scores)
        if right >= max(LEAST_RIGHT, ENOUGH * len(said)) and (best is None or right > best[0]):
            best = (right, sum(scores) / len(scores), rule)
    return (None, None) if best is None else (best[2], best[1])


def _candidates(plan: Plan, said: Sequence[_Said]) -> Iterator[Mapping[str, Any]]:
    """Rules to try, those for labels and fields of these very texts first."""
    labels = default_answer(plan.data)
    if labels is not None:
        yield labels
    objects = [first_json_object(one.text) or {} for one in said]
    fields = Counter(name for found in objects for name in found)
    for name, uses in fields.most_common(5):
        if 2 * uses >= len(said) and "." not in name:
            yield {"json": name}
    yield from _RULES


def _sample(plan: Plan, one: _Said) -> Sample:
    example = plan.examples[one.position]
    target = "" if example.target is None else to_text(example.target)
    return Sample(
        example=example.id,
        text=_short(one.text),
        answer=_short(one.answer or ""),
        target=_short(target),
    )


def _short(text: str, most: int = 160) -> str:
    """A text with its middle left out: what matters stands at its ends."""
    plain = " ".join(text.split())
    if len(plain) <= most:
        return plain
    return f"{plain[: most // 3]} … {plain[-(2 * most // 3) :]}"
