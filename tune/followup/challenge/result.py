"""The result of a challenge, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from tune.pricing.amounts import dollars
from tune.report import plain_config
from tune.safety.escape import visible
from tune.space import Config
from tune.stats.intervals import Interval

EntryDecision: TypeAlias = Literal["enters", "does not enter", "undecided"]

STATUS: Mapping[EntryDecision, int] = {"enters": 0, "does not enter": 3, "undecided": 4}
"""The exit status for each answer."""


@dataclass(frozen=True, slots=True)
class FrontierComparison:
    """A config of the frontier beside the one that decided.

    Attributes:
        config: its values.
        cost: dollars per request.
        answers: the number of its stored answers that a verdict may use.
        difference: the new config less this one, paired; None where they were not compared.
    """

    config: Config
    cost: float
    answers: int
    difference: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeResult:
    """The result of a challenge. Qualities are in the metric's own scale.

    Attributes:
        answer: "enters": it beats the rivals, which cost no more, or nothing is as cheap. "does not
            enter": it is not better than one of them by the margin. Else "undecided".
        reason: why it is undecided: "money" or "data"; "" where it is decided.
        config: the config of the new model that decided.
        cost: its dollars per request, at list price.
        rival: the config of the frontier that decided, of those that cost no more: the best, or the
            best with enough stored answers. None where nothing is as cheap.
        rival_cost: its dollars per request.
        difference: the new config less the rival, paired, with limits that hold at every look.
        beside: the other of these two, where they are two. To enter, both must be beaten.
        left_out: configs of the frontier that cost no more, look better than the one with enough
            answers, and were left out because they have too few stored answers.
        margin: how much better the new config must be to matter, in the metric's scale.
        tried: in how many of the frontier's ways (prompt, n, cap, stops, aggregate) the model was
            asked on a few examples.
        finalists: how many of these went on to the verdict.
        spent: dollars.
        budget: dollars.
        notices: sentences that a reader must not miss.
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
        """The result in a few sentences."""
        lines = [self._headline(), *self._others()]
        if self.tried > 1:
            lines.append(self._ways())
        lines.append(f"Spent {dollars(self.spent)} of {dollars(self.budget)}.")
        return "\n".join([*lines, *map(visible, self.notices)])

    def _headline(self) -> str:
        model, each = visible(self.config.model), f"{dollars(self.cost)} per request"
        # A config that is cheaper than all others needs no comparison.
        if self.rival is None:
            return f"{model} enters the frontier as its cheapest config, at {each}."
        assert self.difference is not None
        which = "the best that" if self.beside is None else "which"
        return (
            f"{model} {self._verdict()}: at {each} {_gap(self.difference)} against "
            f"{_named(self.rival)}, {which} costs no more ({dollars(self.rival_cost or 0.0)})."
        )

    def _verdict(self) -> str:
        if self.answer == "enters":
            return "enters the frontier"
        if self.answer == "does not enter":
            return "does not enter the frontier"
        if self.reason == "money":
            return "is undecided as the money was used up"
        return "is undecided as the study holds no more examples with answers of both"

    def _ways(self) -> str:
        """Return a sentence on the way that was chosen, of those that were tried."""
        # The cheapest way enters without a verdict, so nothing went on to one.
        went = f"; {self.finalists} went on to the verdict" if self.finalists else ""
        read = f"n = {self.config.n}"
        # With one answer there is nothing to aggregate.
        if self.config.n > 1:
            read += f", {self.config.aggregate}"
        return (
            f"Asked with the prompt {visible(self.config.prompt)} ({read}), the best of "
            f"{self.tried} ways that the frontier has, tried on a few examples each{went}."
        )

    def _others(self) -> list[str]:
        """Return sentences on the other config to beat, and on those that were left out."""
        lines = []
        if self.beside is not None:
            other = self.beside
            lines.append(
                f"To enter it has to beat both the best that costs no more and the best with "
                f"enough stored answers: against the other, {_named(other.config)} "
                f"({dollars(other.cost)}; {other.answers} stored answers to pair with), "
                f"{_gap(other.difference)}."
            )
        if self.left_out:
            names = ", ".join(
                f"{_named(each.config)}: {each.answers}" for each in self.left_out
            )
            lines.append(
                f"Left out because of too few stored answers to pair with: {names}."
            )
        return lines

    def to_record(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            "answer": self.answer,
            "reason": self.reason,
            "config": plain_config(self.config),
            "cost_per_request": self.cost,
            "rival": None if self.rival is None else plain_config(self.rival),
            "rival_cost_per_request": self.rival_cost,
            "difference": _plain(self.difference),
            "beside": self.beside and _record(self.beside),
            "left_out": list(map(_record, self.left_out)),
            "margin": self.margin,
            "tried": self.tried,
            "finalists": self.finalists,
            "spent": self.spent,
            "budget": self.budget,
            "notices": list(self.notices),
        }


def _named(config: Config) -> str:
    """Return the name of a config, told apart from others of its model."""
    read = f", n = {config.n}" if config.n > 1 else ""
    return f"{visible(config.model)} ({visible(config.prompt)}{read})"


def _gap(gap: Interval | None) -> str:
    # Two configs may share no example.
    if gap is None or gap.n == 0:
        return "it was not compared"
    return (
        f"it is {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] on {gap.n} examples"
    )


def _record(each: FrontierComparison) -> dict[str, Any]:
    return {
        "config": plain_config(each.config),
        "cost_per_request": each.cost,
        "answers": each.answers,
        "difference": _plain(each.difference),
    }


def _plain(gap: Interval | None) -> dict[str, Any] | None:
    if gap is None:
        return None
    return {"mean": gap.mean, "low": gap.low, "high": gap.high, "examples": gap.n}
