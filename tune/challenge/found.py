"""What a challenge found out, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from tune.report import plain_config
from tune.report.writing import dollars, visible
from tune.space import Config
from tune.stats import Interval

Answer: TypeAlias = Literal["enters", "does not enter", "undecided"]

STATUS: Mapping[Answer, int] = {"enters": 0, "does not enter": 3, "undecided": 4}
"""The exit status that says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a challenge found out. Qualities are in the metric's own scale.

    Attributes:
        answer: "enters": it beats every config that costs no more, or nothing is as cheap. "does not enter": it is
            not better than one of those by the margin. Else "undecided".
        reason: why it was not decided: "money" or "data"; "" where it was.
        config: what the new model was called with.
        cost: its dollars per request, at list price.
        rival: the best config of the frontier that costs no more; None where nothing is as cheap.
        rival_cost: its dollars per request.
        difference: the new config less the rival, paired, with limits that hold at every look.
        margin: how much better it would have to be to matter, in the metric's scale.
        tried: in how many of the frontier's ways (prompt, n, cap, stops, aggregate) it was asked on a few examples.
        finalists: how many of these went on to the verdict.
        spent: dollars.
        budget: dollars.
        notices: what a reader must not miss.
    """

    answer: Answer
    reason: str
    config: Config
    cost: float
    rival: Config | None
    rival_cost: float | None
    difference: Interval | None
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
            gap = self.difference
            ended = {
                "money": " as the money was used up",
                "data": " as the study holds no more examples with answers of both",
                "": "",
            }
            verb = {"enters": "enters the frontier", "does not enter": "does not enter the frontier"}
            lines = [
                f"{model} {verb.get(self.answer, 'is undecided' + ended[self.reason])}: at {each} it is "
                f"{gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] on {gap.n} examples against "
                f"{visible(self.rival.model)}, the best that costs no more ({dollars(self.rival_cost or 0.0)})."
            ]
        if self.tried > 1:
            went = f"; {self.finalists} went on to the verdict" if self.finalists else ""
            read = f"n = {self.config.n}" + (f", {self.config.aggregate}" if self.config.n > 1 else "")
            lines.append(
                f"Asked with the prompt {visible(self.config.prompt)} ({read}), the best of {self.tried} ways that "
                f"the frontier has, tried on a few examples each{went}."
            )
        lines.append(f"Spent {dollars(self.spent)} of {dollars(self.budget)}.")
        return "\n".join([*lines, *map(visible, self.notices)])

    def to_record(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        gap = self.difference
        return {
            "answer": self.answer,
            "reason": self.reason,
            "config": plain_config(self.config),
            "cost_per_request": self.cost,
            "rival": None if self.rival is None else plain_config(self.rival),
            "rival_cost_per_request": self.rival_cost,
            "difference": gap and {"mean": gap.mean, "low": gap.low, "high": gap.high, "examples": gap.n},
            "margin": self.margin,
            "tried": self.tried,
            "finalists": self.finalists,
            "spent": self.spent,
            "budget": self.budget,
            "notices": list(self.notices),
        }  # fmt: skip
