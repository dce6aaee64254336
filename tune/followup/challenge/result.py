"""What a challenge found out, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from tune.report import plain_config
from tune.report.text import dollars
from tune.safety.escape import visible
from tune.space import Config
from tune.stats.intervals import Interval

EntryDecision: TypeAlias = Literal["enters", "does not enter", "undecided"]

STATUS: Mapping[EntryDecision, int] = {"enters": 0, "does not enter": 3, "undecided": 4}
"""The exit status that says it."""


@dataclass(frozen=True, slots=True)
class FrontierComparison:
    """A config of the frontier beside the one that decided.

    Attributes:
        config: its values.
        cost: dollars per request.
        answers: how many of the examples that a verdict may use the study holds its answers to.
        difference: the new config less this one, paired; None where that was not looked at.
    """

    config: Config
    cost: float
    answers: int
    difference: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeResult:
    """What a challenge found out. Qualities are in the metric's own scale.

    Attributes:
        answer: "enters": it beats the rivals, which cost no more, or nothing is as cheap. "does not
        enter": it is not
            better than one of them by the margin. Else "undecided".
        reason: why it was not decided: "money" or "data"; "" where it was. config: what the new
        model was called with. cost: its dollars per request, at list price. rival: the config of
        the frontier that it comes to: of those that cost no more the best, or the best with stored
            answers enough to be paired with. None where nothing is as cheap.
        rival_cost: its dollars per request. difference: the new config less the rival, paired, with
        limits that hold at every look. beside: the other of these two, where they are two. To
        enter, both have to be beaten. left_out: configs of the frontier that cost no more and look
        better than the one with answers enough, and were
            left out for want of stored answers.
        margin: how much better it would have to be to matter, in the metric's scale. tried: in how
        many of the frontier's ways (prompt, n, cap, stops, aggregate) it was asked on a few
        examples. finalists: how many of these went on to the verdict. spent: dollars. budget:
        dollars. notices: what a reader must not miss.
    """

    answer: EntryDecision
    reason: str
    config: Config
    cost: float
    rival: Config | None = None
    rival_cost: float | None = None
    difference: Interval | None = None
    beside: FrontierComparison | None = None
    left_out: tuple[FrontierComparison, ...] = ()
    margin: float
    tried: int
    finalists: int
    spent: float
    budget: float
    notices: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """The exit status: 0 enters, 3 does not, 4 undecided."""
        return STATUS[self.answer]

    def __str__(self) -> str:
        model, each = visible(self.config.model), f"{dollars(self.cost)} per request"
        if self.rival is None:
            lines = [f"{model} enters the frontier as its cheapest config, at {each}."]
        else:
            assert self.difference is not None
            ended = {
                "money": " as the money was used up",
                "data": " as the study holds no more examples with answers of both",
                "": "",
            }
            which = "the best that" if self.beside is None else "which"
            verb = {
                "enters": "enters the frontier",
                "does not enter": "does not enter the frontier",
            }
            lines = [
                f"{model} {verb.get(self.answer, 'is undecided' + ended[self.reason])}: at {each} "
                f"{_gap(self.difference)} against {_named(self.rival)}, {which} costs no more "
                f"({dollars(self.rival_cost or 0.0)})."
            ]
        lines += self._others()
        if self.tried > 1:
            went = f"; {self.finalists} went on to the verdict" if self.finalists else ""
            read = f"n = {self.config.n}" + (
                f", {self.config.aggregate}" if self.config.n > 1 else ""
            )
            lines.append(
                f"Asked with the prompt {visible(self.config.prompt)} ({read}), the best of {self.tried} ways that "
                f"the frontier has, tried on a few examples each{went}."
            )
        lines.append(f"Spent {dollars(self.spent)} of {dollars(self.budget)}.")
        return "\n".join([*lines, *map(visible, self.notices)])

    def _others(self) -> list[str]:
        """Whom else it was compared with, and who was left out."""
        lines = []
        if self.beside is not None:
            lines.append(
                f"To enter it has to beat both the best that costs no more and the best of those with stored answers "
                f"enough: against the other, {_named(self.beside.config)} ({dollars(self.beside.cost)}; "
                f"{self.beside.answers} stored answers to pair with), {_gap(self.beside.difference)}."
            )
        if self.left_out:
            names = ", ".join(f"{_named(each.config)}: {each.answers}" for each in self.left_out)
            lines.append(f"Left out for want of stored answers to pair with: {names}.")
        return lines

    def to_record(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "answer": self.answer,
            "reason": self.reason,
            "config": plain_config(self.config),
            "cost_per_request": self.cost,
            "rival": None if self.rival is None else plain_config(self.rival),
            "rival_cost_per_request": self.rival_cost,
            "difference": _plain(self.difference),
            "beside": self.beside and _record(self.beside),
            "left_out": [_record(each) for each in self.left_out],
            "margin": self.margin,
            "tried": self.tried,
            "finalists": self.finalists,
            "spent": self.spent,
            "budget": self.budget,
            "notices": list(self.notices),
        }


def _named(config: Config) -> str:
    """A config of the frontier, told from others of its model."""
    read = f", n = {config.n}" if config.n > 1 else ""
    return f"{visible(config.model)} ({visible(config.prompt)}{read})"


def _gap(gap: Interval | None) -> str:
    if gap is None or gap.n == 0:
        return "it was not compared"
    return f"it is {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] on {gap.n} examples"


def _record(each: FrontierComparison) -> dict[str, Any]:
    return {
        "config": plain_config(each.config),
        "cost_per_request": each.cost,
        "answers": each.answers,
        "difference": _plain(each.difference),
    }


def _plain(gap: Interval | None) -> dict[str, Any] | None:
    return (
        None
        if gap is None
        else {"mean": gap.mean, "low": gap.low, "high": gap.high, "examples": gap.n}
    )
