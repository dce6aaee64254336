"""Answers that are read wrongly, found before a wrong answer rule costs the whole budget.

If nearly all answers of a prompt score the metric's worst value, there are two possible reasons.
Either the answers are wrong. Or they are right and read wrongly: nothing is taken out of the texts,
or what is taken out is not the answer. The bought texts tell which: in the second case another
answer rule finds right answers in them, or the target stands in the text more often than the
targets of other examples do.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tune.errors import MetricError
from tune.plan.plan import Plan
from tune.readout.answers import answer_in
from tune.readout.trial import Trial
from tune.report import Sample, Unread
from tune.report.unread_text import unread_sentence
from tune.study.trial_reader import TrialReader
from tune.task.example import Example, to_text
from tune.task.extract import parse_extractor
from tune.task.metrics import Metric
from tune.task.text_parts import first_json_object

LEAST_ANSWERS = 8
"""Answers of a prompt that must be there before anything is said of it."""

MOST_ANSWERS = 64
"""The first answers of a prompt that are looked at: later purchases do not change the verdict."""

NEARLY_ALL = 0.95
"""A prompt is looked into when more than this share of its answers score the worst value."""

HARDLY_ANY = 0.1
"""Nothing is extracted when an answer is found in at most this share of the texts."""

WORKING_SHARE = 0.2
"""Another rule works if answers score more than the worst in at least this share of the texts."""

LEAST_RIGHT = 3
"""It must also do so in at least this many texts."""

MOST_SHIFTS = 8
"""Targets of other examples are tried on each text this many times, less one."""

LONGEST_TARGET = 200
"""Characters of a target that is looked for in a text; a longer one is no label."""

MOST_FIELDS = 5
"""Fields of JSON objects that are tried as answer rules, the most frequent first."""

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
"""Answer rules that fit many texts: after a word such as "answer", the last number, a LaTeX box,
the text or its last line without punctuation, bold text, the whole text.
"""


class _Said(NamedTuple):
    """One answer as it was read.

    Attributes:
        position: of its example.
        text: of the model.
        answer: what was taken out of the text, or None.
        is_worst: True if it has the metric's worst score.
    """

    position: int
    text: str
    answer: str | None
    is_worst: bool


def find_unread(
    plan: Plan, reader: TrialReader, trials: Mapping[int, Trial]
) -> tuple[Unread, ...]:
    """Return the prompts whose answers nearly all score the worst value, with the likely reason.

    Args:
        plan: of the study.
        reader: reads the answers as the study does.
        trials: what was bought.
    """
    found: list[Unread] = []
    tried = _by_prompt(trials)
    for prompt in plan.space.prompts:
        one = _examine(plan, reader, prompt, _said(reader, tried.get(prompt, ())))
        if one is not None:
            found.append(one)
    return tuple(found)


def is_all_unread(plan: Plan, reader: TrialReader, trials: Mapping[int, Trial]) -> bool:
    """Return True if the answers of every prompt are read wrongly; False while one has too few."""
    tried = _by_prompt(trials)
    for prompt in plan.space.prompts:
        found = _examine(plan, reader, prompt, _said(reader, tried.get(prompt, ())))
        # One prompt that works is reason enough to go on.
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

    def __init__(
        self,
        plan: Plan,
        reader: TrialReader,
        say: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._reader = reader
        self._say_now = say
        self._told: set[str] = set()

    def is_hopeless(self, trials: Mapping[int, Trial]) -> bool:
        """Return True if more money would be wasted, and the user did not ask to go on."""
        if self._plan.keep_going:
            return False
        return is_all_unread(self._plan, self._reader, trials)

    def tell(self, trials: Mapping[int, Trial]) -> None:
        """Tell once of each prompt whose answers nearly all score the worst value."""
        for found in find_unread(self._plan, self._reader, trials):
            if found.prompt not in self._told:
                self._told.add(found.prompt)
                self._say_now(unread_sentence(found))


def _by_prompt(trials: Mapping[int, Trial]) -> Mapping[str, Sequence[Trial]]:
    """Return the trials of each prompt, in the order in which they began."""
    found: dict[str, list[Trial]] = {}
    for number in sorted(trials):
        trial = trials[number]
        found.setdefault(str(trial.point["prompt"]), []).append(trial)
    return found


def _said(reader: TrialReader, trials: Sequence[Trial]) -> list[_Said]:
    """Return the first answers of some trials, in the order of trials and examples."""
    found: list[_Said] = []
    for trial in trials:
        if trial.state == "failed":
            continue
        # An example that the config cannot answer has the worst score, and no text.
        for position in sorted(trial.config_failed):
            found.append(_Said(position, "", None, True))
        for position in sorted(trial.draws):
            # A study that is read again would otherwise load every text for nothing.
            if len(found) >= MOST_ANSWERS:
                break
            for draw in trial.draws[position]:
                answer = answer_in(draw, reader.extract)
                is_worst = answer is None or reader.scores.is_worst(answer, position)
                found.append(_Said(position, draw.text, answer, is_worst))
        # A fixed number, so that the result does not change while the search buys more.
        if len(found) >= MOST_ANSWERS:
            break
    return found[:MOST_ANSWERS]


def _examine(
    plan: Plan,
    reader: TrialReader,
    prompt: str,
    said: Sequence[_Said],
) -> Unread | None:
    """Return what is wrong with the answers of a prompt; None where most are not the worst."""
    worst = sum(one.is_worst for one in said)
    if len(said) < LEAST_ANSWERS or worst <= NEARLY_ALL * len(said):
        return None
    extracted = 0
    empty = 0
    standing: list[_Said] = []
    for one in said:
        extracted += one.answer is not None
        empty += not one.text.strip()
        if _stands(plan.examples[one.position], one.text):
            standing.append(one)
    # Free: the rules are tried on texts that are already bought.
    rule, score = _better_rule(plan, reader, said)
    rule_text = ""
    if rule is not None:
        rule_text = json.dumps(rule, ensure_ascii=False)
    nothing = extracted <= HARDLY_ANY * len(said)
    # Texts that hold their target are the ones in which a user sees the fault at once.
    shown = [*standing, *said][:SAMPLES]
    return Unread(
        prompt=prompt,
        answers=len(said),
        worst=worst,
        extracted=extracted,
        empty=empty,
        standing=len(standing),
        samples=tuple(_sample(plan, one) for one in shown),
        rule=rule_text,
        rule_score=score,
        misread=nothing
        or rule is not None
        or _is_hidden(plan, reader, said, len(standing)),
    )


def _is_hidden(
    plan: Plan,
    reader: TrialReader,
    said: Sequence[_Said],
    standing: int,
) -> bool:
    """Return True if texts that are taken whole hold their targets more often than by chance.

    Args:
        plan: of the study.
        reader: reads the answers as the study does.
        said: the answers of a prompt.
        standing: texts that hold their target.
    """
    # The metric "numeric" looks for the number in the text by itself.
    if reader.scores.metric.identity == "numeric" or not _takes_whole(said):
        return False
    # A short label such as "a" stands in many texts by chance.
    beyond_chance = standing - _standing_by_chance(plan, said)
    return beyond_chance >= max(LEAST_RIGHT, WORKING_SHARE * len(said))


def _takes_whole(said: Sequence[_Said]) -> bool:
    """Return True if most answers are at least half of the text that they were taken out of."""
    found = 0
    long = 0
    for one in said:
        if one.answer is not None:
            found += 1
            long += 2 * len(one.answer) >= len(one.text.strip())
    return long > found / 2


def _stands(example: Example, text: str) -> bool:
    """Return True if the target, or one of several, stands in the text as whole words."""
    folded = _fold(text)
    for target in _targets(example):
        # Not \b, because a target may begin or end with a sign, as in "-3" or "C++".
        if re.search(rf"(?<!\w){re.escape(target)}(?!\w)", folded):
            return True
    return False


def _standing_by_chance(plan: Plan, said: Sequence[_Said]) -> float:
    """Return how many texts would hold their target if each had that of another example."""
    examples = [plan.examples[one.position] for one in said]
    hits = 0
    tries = 0
    for shift in range(1, min(MOST_SHIFTS, len(said))):
        others = examples[shift:] + examples[:shift]
        for one, mine, other in zip(said, examples, others, strict=True):
            # With the same target, a hit would be no chance.
            if _targets(other) != _targets(mine):
                hits += _stands(other, one.text)
                tries += 1
    if not tries:
        return 0.0
    return len(said) * hits / tries


def _targets(example: Example) -> list[str]:
    """Return the wanted answers of an example as folded texts."""
    target = example.target
    if target is None or isinstance(target, dict):
        return []
    if not isinstance(target, list | tuple):
        target = [target]
    found: list[str] = []
    for one in target:
        word = _fold(to_text(one))
        if 0 < len(word) <= LONGEST_TARGET:
            found.append(word)
    return found


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())


def _better_rule(
    plan: Plan, reader: TrialReader, said: Sequence[_Said]
) -> tuple[Mapping[str, Any] | None, float | None]:
    """Return the answer rule that reads these texts best, and the mean score that it would give.

    Both are None if no rule works. A metric that asks a judge or runs code is not tried, so this
    costs nothing.
    """
    metric = reader.scores.metric
    if metric.costs or metric.runs_code or metric.over_responses:
        return None, None
    best: tuple[int, float, Mapping[str, Any]] | None = None
    for rule in _candidates(plan, said):
        scores = _scores_with(rule, plan, metric, said)
        if scores is None:
            continue
        right = sum(score != metric.worst for score in scores)
        works = right >= max(LEAST_RIGHT, WORKING_SHARE * len(said))
        if works and (best is None or right > best[0]):
            best = (right, sum(scores) / len(scores), rule)
    if best is None:
        return None, None
    _, mean, rule = best
    return rule, mean


def _scores_with(
    rule: Mapping[str, Any],
    plan: Plan,
    metric: Metric,
    said: Sequence[_Said],
) -> list[float] | None:
    """Return the scores of the texts as a rule reads them; None if the metric cannot take one."""
    extract = parse_extractor(rule)
    scores: list[float] = []
    for one in said:
        try:
            scores.append(metric.score(extract(one.text), plan.examples[one.position]))
        except MetricError:
            # The user's own metric raises for this answer, so the rule does not fit it.
            return None
    return scores


def _candidates(plan: Plan, said: Sequence[_Said]) -> Iterator[Mapping[str, Any]]:
    """Yield the rules to try, those for labels and for fields of these texts first."""
    if plan.label_rule is not None:
        yield plan.label_rule
    fields: Counter[str] = Counter()
    for one in said:
        fields.update(list(first_json_object(one.text) or ()))
    for name, uses in fields.most_common(MOST_FIELDS):
        # A dot in a rule leads into an inner object.
        if 2 * uses >= len(said) and "." not in name:
            yield {"json": name}
    yield from _RULES


def _sample(plan: Plan, one: _Said) -> Sample:
    example = plan.examples[one.position]
    target = ""
    if example.target is not None:
        target = to_text(example.target)
    return Sample(
        example=example.id,
        text=_short(one.text),
        answer=_short(one.answer or ""),
        target=_short(target),
    )


def _short(text: str, most: int = 160) -> str:
    """Return a text without its middle: what matters stands at its ends."""
    plain = " ".join(text.split())
    if len(plain) <= most:
        return plain
    return f"{plain[: most // 3]} … {plain[-(2 * most // 3) :]}"
