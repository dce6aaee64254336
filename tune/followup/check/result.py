"""The result of a check, as people, scripts and JUnit's readers see it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from tune.followup.check.rule import STATUS, CheckDecision
from tune.pricing.amounts import dollars
from tune.report import plain_config
from tune.safety.escape import visible
from tune.space import Config
from tune.stats.confidence_sequences import SequentialResult
from tune.stats.intervals import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of a check. Qualities are in the metric's own scale.

    Attributes:
        decision: "holds", "regressed", or "undecided" where money or examples ran out first.
        reason: why it is undecided: "money", "data", or "recorded" where the recorded scores are
            too few for any number of new ones to decide; "" where it is decided.
        recorded: the quality that the config was exported with.
        on_holdout: whether that was measured on examples that the search had not seen.
        margin: how much worse the quality may be and still hold.
        threshold: the line between holding and regressing: the recorded mean and the margin
            together, or the margin alone where examples are paired.
        look: the mean of the scores, or of their changes where examples are paired, with limits
            that hold at every look, and p-values that count the uncertainty of the recorded scores.
        paired: whether the study's own holdout was asked again and paired with its scores.
        visible: the smallest margin that these examples show to hold in 80 % of cases, if nothing
            has changed; inf where they show none.
        alpha: how often "regressed" may be wrong.
        beta: how often "holds" may be wrong.
        data: the name of the examples.
        available: how many examples there were.
        unanswered: how many examples got no answer through the service's fault.
        spent: dollars.
        uncertain: dollars of `spent` for calls whose outcome is unknown.
        budget: dollars.
        more: about how many further examples would decide, if the quality is as recorded; 0 where
            it is decided.
        larger_is_better: the metric's direction.
        metric: its name.
        config: the config that was asked.
        seed: decided the order of the examples.
        next_call: dollars that the first call without money could have cost; 0 without one.
        overlap: how many examples the study had, by their part in it ("tuning", "holdout",
            "shots"); empty where all are new.
        notices: sentences that a reader must not miss.
    """

    decision: CheckDecision
    reason: str
    recorded: Interval
    on_holdout: bool
    margin: float
    threshold: float
    look: SequentialResult
    paired: bool
    visible: float
    alpha: float
    beta: float
    data: str
    available: int
    unanswered: int
    spent: float
    uncertain: float
    budget: float
    more: int
    larger_is_better: bool
    metric: str
    config: Config
    seed: int
    next_call: float = 0.0
    overlap: Mapping[str, int] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """The exit status: 0 holds, 3 regressed, 4 undecided."""
        return STATUS[self.decision]

    def __str__(self) -> str:
        """The result in a few sentences."""
        notices = list(map(visible, self.notices))
        return "\n".join([self.headline, *self._details(), *notices])

    @property
    def headline(self) -> str:
        """The answer in one line."""
        return self._paired_headline() if self.paired else self._new_headline()

    def _paired_headline(self) -> str:
        """Return the answer where the study's own holdout was asked again."""
        seen = self.look.interval
        worse = "lower" if self.larger_is_better else "higher"
        now = f"none of the study's {self.available} holdout examples was scored again"
        if seen.n:
            now = (
                f"{self.metric} has changed by {seen.mean:+.3f} on {seen.n} of the study's "
                f"{self.available} holdout examples, asked again"
            )
        if self.decision == "holds":
            return f"It holds: {now}; it is not {self.margin:.3g} {worse} than it was."
        if self.decision == "regressed":
            by = f"more than {self.margin:.3g} {worse}"
            return f"It has regressed: {now}; it is {by} than it was."
        return f"Undecided, as {self._ended}: {now}; the line is {self.margin:.3g} {worse}."

    @property
    def _ended(self) -> str:
        if self.reason == "recorded":
            return (
                "the recorded examples are too few for any number of new ones to decide"
            )
        if self.reason == "money" and not self.look.interval.n and self.next_call:
            call = dollars(self.next_call)
            return f"the budget is too small for one call, which can cost up to {call}"
        if self.reason == "money":
            return "the money was used up"
        return "there were no more examples"

    def _new_headline(self) -> str:
        """Return the answer where new examples were asked."""
        seen = self.look.interval
        # Examples that the study had are not new.
        new = "" if self.overlap else "new "
        now = f"no {new}example was scored"
        if seen.n:
            now = f"{self.metric} is {seen.mean:.3f} on {seen.n} {new}examples"
        side = "below" if self.larger_is_better else "above"
        than = f"{self.margin:.3g} {side} the recorded {self.recorded.mean:.3f}"
        if self.decision == "holds":
            return f"It holds: {now}, not more than {than}."
        if self.decision == "regressed":
            return f"It has regressed: {now}, more than {than}."
        return f"Undecided, as {self._ended}: {now}; the line is {than}."

    def _details(self) -> list[str]:
        seen, was = self.look.interval, self.recorded
        where = "holdout" if self.on_holdout else "tuning"
        what, against = "the quality", "its uncertainty counts as well"
        if self.paired:
            what, against = "the change", "each example is paired with its own score"
        lines = [
            f"At every look together {what} is at least {seen.low:.3f} (wrong at most "
            f"{self._error('low')} of the time) and at most {seen.high:.3f} (wrong at most "
            f"{self._error('high')}).",
            f"Recorded: {was.mean:.3f} [{was.low:.3f}, {was.high:.3f}] on {was.n} {where} "
            f"examples; {against}.",
            self._power(),
            self._bill(),
        ]
        if self.unanswered:
            lines.append(
                f"The service did not answer {self.unanswered} examples; they are not scored."
            )
        if self.more and seen.n:
            cost = ""
            # Local models cost nothing.
            if self.spent:
                cost = f", {dollars(self.more * self.spent / seen.n)},"
            lines.append(
                f"About {self.more} further examples{cost} would show that it holds, if it is as "
                f"recorded."
            )
        return lines

    def _bill(self) -> str:
        asked = f"{self.look.interval.n} of {self.available} examples"
        paid = f"Spent {dollars(self.spent)} of {dollars(self.budget)} on {asked}"
        if not self.uncertain:
            return f"{paid}."
        return f"{paid}, {dollars(self.uncertain)} of it for calls whose outcome is unknown."

    def _power(self) -> str:
        """Return a sentence on the smallest margin that could be seen."""
        count = f"{self.available} examples"
        if math.isinf(self.visible):
            return (
                f"With {count} and these recorded scores no margin is shown to hold in 80 % of "
                f"cases."
            )
        margin = f"With {count} a margin of {self.visible:.2g} is shown to hold"
        if self.paired:
            return f"{margin} where no answer has changed."
        return f"{margin} in 80 % of cases, if nothing has changed."

    def _error(self, side: str) -> str:
        """Return how often the limit of this side may be wrong, in per cent."""
        # The limit on the worse side is the one that "holds" rests on.
        is_lower = side == "low"
        rate = self.beta if is_lower == self.larger_is_better else self.alpha
        return f"{100 * rate:g} %"

    def to_record(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        seen = self.look.interval
        return {
            "decision": self.decision,
            "reason": self.reason,
            "quality": {
                # JSON has no NaN, which is the mean of nothing.
                "mean": seen.mean if seen.n else None,
                "low": seen.low,
                "high": seen.high,
                "examples": seen.n,
            },
            "p_above": self.look.p_above,
            "p_below": self.look.p_below,
            "recorded": {
                "mean": self.recorded.mean,
                "low": self.recorded.low,
                "high": self.recorded.high,
                "examples": self.recorded.n,
                "on": "holdout" if self.on_holdout else "tuning",
            },
            "margin": self.margin,
            "threshold": self.threshold,
            "paired": self.paired,
            "visible_margin": None if math.isinf(self.visible) else self.visible,
            "alpha": self.alpha,
            "beta": self.beta,
            "metric": self.metric,
            "larger_is_better": self.larger_is_better,
            "config": plain_config(self.config),
            "data": self.data,
            "available": self.available,
            "unanswered": self.unanswered,
            "more": self.more,
            "spent": self.spent,
            "uncertain": self.uncertain,
            "budget": self.budget,
            "seed": self.seed,
            "overlap": dict(self.overlap),
            "notices": list(self.notices),
        }

    def junit(self) -> str:
        """Return JUnit's XML: one case, which fails where the config has regressed.

        An undecided check is an error. Notices are among the properties, also where the case
        passes.
        """
        # CI shows an error apart from a failure: the check could not tell.
        faults = {"regressed": "failure", "undecided": "error"}
        suite = ElementTree.Element(
            "testsuite", name="tune check", tests="1", skipped="0"
        )
        for kind in ("failure", "error"):
            suite.set(f"{kind}s", str(int(faults.get(self.decision) == kind)))
        listed = []
        for part, count in self.overlap.items():
            listed.append((f"examples of the study's {part}", str(count)))
        listed += [("notice", visible(notice)) for notice in self.notices]
        # JUnit's schema wants the properties before the case.
        if listed:
            properties = ElementTree.SubElement(suite, "properties")
            for name, value in listed:
                ElementTree.SubElement(properties, "property", name=name, value=value)
        case = ElementTree.SubElement(
            suite, "testcase", classname="tune.followup.check", name=visible(self.data)
        )
        if self.decision in faults:
            fault = ElementTree.SubElement(
                case, faults[self.decision], type=self.decision, message=self.headline
            )
            fault.text = str(self)
        else:
            ElementTree.SubElement(case, "system-out").text = str(self)
        whole = ElementTree.Element("testsuites")
        whole.append(suite)
        text = ElementTree.tostring(whole, encoding="unicode")
        return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'
