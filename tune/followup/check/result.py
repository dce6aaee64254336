"""What a check found out, and how it is shown: to people, to scripts, and to what reads JUnit's
XML.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from tune.followup.check.rule import STATUS, Decision
from tune.report import plain_config
from tune.report.text import dollars
from tune.safety.escape import visible
from tune.space import Config
from tune.stats.confidence_sequences import Look
from tune.stats.intervals import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What a check found out. Qualities are in the metric's own scale.

    Attributes:
        decision: "holds", "regressed", or "undecided" where money or examples ran out first.
        reason: why it was not decided: "money", "data", or "recorded" where the recorded scores are
        too few for any
            number of new ones to decide; "" where it was.
        recorded: the quality that the config was exported with. on_holdout: whether that was
        measured on examples that the search had not seen. margin: how much worse it may be and
        still hold. threshold: the line between the two, if the recorded mean is right: that mean
        and the margin together. Where
            examples are paired, the margin alone.
        look: the scores of the examples, or by how much they changed where they are paired: their
        mean, with limits
            that hold at every look; and p-values, which count the uncertainty of the recorded
            scores as well.
        paired: whether the study's own holdout was asked again, and paired with the scores that it
        had. visible: the smallest margin that the examples at hand show to hold in 80 % of cases,
        if nothing has changed;
            inf where they show none.
        alpha: how often "regressed" may be wrong. beta: how often "holds" may be wrong. data: the
        examples' name. available: how many examples there were. missing: how many of those asked
        got no answer through the service's fault. spent: dollars, of which `uncertain` may not have
        been billed. uncertain: dollars charged for calls whose outcome nobody knows. budget:
        dollars. more: about how many further examples would decide, if the quality is as recorded;
        0 where it is decided. larger_is_better: the metric's direction. metric: its name. config:
        what was called. seed: of the order. overlap: how many of the examples the study had, by
        the part that they had in it ("tuning", "holdout",
            "shots"); no part where all are new.
        notices: what a reader must not miss.
    """

    decision: Decision
    reason: str
    recorded: Interval
    on_holdout: bool
    margin: float
    threshold: float
    look: Look
    paired: bool
    visible: float
    alpha: float
    beta: float
    data: str
    available: int
    missing: int
    spent: float
    uncertain: float
    budget: float
    more: int
    larger_is_better: bool
    metric: str
    config: Config
    seed: int
    overlap: Mapping[str, int] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """The exit status: 0 holds, 3 regressed, 4 undecided."""
        return STATUS[self.decision]

    def __str__(self) -> str:
        """A few sentences for people."""
        return "\n".join(
            [self.headline, *self._details(), *(visible(notice) for notice in self.notices)]
        )

    @property
    def headline(self) -> str:
        """The answer in one line."""
        return self._paired() if self.paired else self._apart()

    def _paired(self) -> str:
        """The answer where the study's own holdout was asked again."""
        seen, worse = self.look.interval, "lower" if self.larger_is_better else "higher"
        again = f"on {seen.n} of the study's {self.available} holdout examples, asked again"
        now = (
            f"{self.metric} has changed by {seen.mean:+.3f} {again}"
            if seen.n
            else f"nothing was scored {again}"
        )
        if self.decision == "holds":
            return f"It holds: {now}; it is not {self.margin:.3g} {worse} than it was."
        if self.decision == "regressed":
            return (
                f"It has regressed: {now}; it is more than {self.margin:.3g} {worse} than it was."
            )
        return f"Undecided, as {self._ended}: {now}; the line is {self.margin:.3g} {worse}."

    @property
    def _ended(self) -> str:
        """Why nothing was decided."""
        if self.reason == "recorded":
            return "the recorded examples are too few for any number of new ones to decide"
        return "the money was used up" if self.reason == "money" else "there were no more examples"

    def _apart(self) -> str:
        """The answer where new examples were asked."""
        seen = self.look.interval
        new = "" if self.overlap else "new "
        now = (
            f"{seen.mean:.3f} on {seen.n} {new}examples"
            if seen.n
            else f"no {new}example was scored"
        )
        than = f"{self.margin:.3g} {'below' if self.larger_is_better else 'above'} the recorded {self.recorded.mean:.3f}"
        if self.decision == "holds":
            return f"It holds: {self.metric} is {now}, not more than {than}."
        if self.decision == "regressed":
            return f"It has regressed: {self.metric} is {now}, more than {than}."
        return f"Undecided, as {self._ended}: {self.metric} is {now}; the line is {than}."

    def _details(self) -> list[str]:
        seen, was = self.look.interval, self.recorded
        where = "holdout" if self.on_holdout else "tuning"
        what = "the change" if self.paired else "the quality"
        against = (
            "each example is paired with its own score"
            if self.paired
            else "its uncertainty counts as well"
        )
        lines = [
            f"At every look together {what} is at least {seen.low:.3f} (wrong at most {self._error('low')} of the "
            f"time) and at most {seen.high:.3f} (wrong at most {self._error('high')}).",
            f"Recorded: {was.mean:.3f} [{was.low:.3f}, {was.high:.3f}] on {was.n} {where} examples; {against}.",
            self._power(),
        ]
        paid = f"Spent {dollars(self.spent)} of {dollars(self.budget)} on {seen.n} of {self.available} examples"
        doubt = (
            f", {dollars(self.uncertain)} of it for calls whose outcome nobody knows"
            if self.uncertain
            else ""
        )
        lines.append(f"{paid}{doubt}.")
        if self.missing:
            lines.append(
                f"The service did not answer {self.missing} examples; they are not scored."
            )
        if self.more and seen.n:
            cost = f", {dollars(self.more * self.spent / seen.n)}," if self.spent else ""
            lines.append(
                f"About {self.more} further examples{cost} would show that it holds, if it is as recorded."
            )
        return lines

    def _power(self) -> str:
        """What could be seen at all."""
        count = f"{self.available} examples"
        if math.isinf(self.visible):
            return f"With {count} and these recorded scores no margin is shown to hold in 80 % of cases."
        if self.paired:
            return f"With {count} a margin of {self.visible:.2g} is shown to hold where no answer has changed."
        return f"With {count} a margin of {self.visible:.2g} is shown to hold in 80 % of cases, if nothing has changed."

    def _error(self, side: str) -> str:
        """How often the limit of this side may be wrong."""
        return (
            f"{100 * (self.beta if (side == 'low') == self.larger_is_better else self.alpha):g} %"
        )

    def to_record(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        seen = self.look.interval
        return {
            "decision": self.decision,
            "reason": self.reason,
            "quality": {
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
            "missing": self.missing,
            "more": self.more,
            "spent": self.spent,
            "uncertain": self.uncertain,
            "budget": self.budget,
            "seed": self.seed,
            "overlap": dict(self.overlap),
            "notices": list(self.notices),
        }

    def junit(self) -> str:
        """JUnit's XML: one case, which fails where the config has regressed, and is in error where
        it is undecided.

        What a reader must not miss is among the properties, also where the case passes.
        """
        faults = {"regressed": "failure", "undecided": "error"}
        suite = ElementTree.Element("testsuite", name="tune check", tests="1", skipped="0")
        for kind in ("failure", "error"):
            suite.set(f"{kind}s", str(int(faults.get(self.decision) == kind)))
        said = [
            (f"examples of the study's {part}", str(count)) for part, count in self.overlap.items()
        ]
        said += [("notice", visible(notice)) for notice in self.notices]
        if said:
            properties = ElementTree.SubElement(suite, "properties")
            for name, value in said:
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
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            + ElementTree.tostring(whole, encoding="unicode")
            + "\n"
        )
