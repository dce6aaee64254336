"""A trial: one paid point and the draws bought for it. A step: an order to buy more of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tune.completion import Completion
from tune.space import Point

State = Literal["running", "complete", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Grounds of a strategy for one step, for people to read. They decide nothing.

    Attributes:
        gain: expected rise of the best quality, as a share of the metric's range; None where the
            strategy computes none.
        price: expected dollars of the step; None where the strategy computes none.
        place: 1 for the trial that leads, 2 for its closest rival, 0 for any other.
        limit: dollars per request under which the best is searched; None without a limit.
        purpose: the end of a sentence, as in "to fill up the wave".
    """

    gain: float | None = None
    price: float | None = None
    place: int = 0
    limit: float | None = None
    purpose: str = ""


NO_REASON = Reason()
"""The reason of a step that its strategy says nothing of."""


@dataclass(frozen=True, slots=True)
class Step:
    """An order of a strategy: bring these examples of a trial to `draws` draws each.

    Attributes:
        trial: the trial's number, from 0.
        point: the trial's paid point.
        examples: positions in the study's seeded order of tuning examples.
        draws: the number of draws that each example has afterwards. Draws that are already there
            are not bought again.
        cap: the max_tokens of new draws. It is smaller than the trial's where the answers so far
            were seen to be much shorter.
        reason: why the strategy orders it. Steps that differ only here are equal.
    """

    trial: int
    point: Point
    examples: tuple[int, ...]
    draws: int
    cap: int
    reason: Reason = field(default=NO_REASON, compare=False)


@dataclass(slots=True)
class Trial:
    """One paid point and everything that was bought for it.

    Attributes:
        number: from 0, in the order in which trials began.
        point: the paid point.
        cap: the largest max_tokens that its draws can be read at. The first ones were bought with
            it, and the later ones with it or a smaller one. It falls to a smaller one that cut an
            answer.
        least_cap: the smallest max_tokens that a draw of it was bought with; `cap` at first.
        draws: the completions by example position, draw 0 first.
        unanswered: the reason why an example has no draw, by position. It begins with "service:"
            (the service failed) or "money:" (the budget ended). These examples are not scored.
        config_failed: the reason why the config itself cannot answer an example, by position:
            "context_length", "content_filter" or "timeout". These examples get the metric's worst
            score.
        state: running, complete, stopped or failed.
        reason: the reason why it was stopped or failed.
        measured: a few draws of its model and prompt that were bought at a smaller cap, by that
            cap. They show where the cap cuts (see `tune.strategies.measured_truncation`).
    """

    number: int
    point: Point
    cap: int
    draws: dict[int, Sequence[Completion]] = field(default_factory=dict)
    unanswered: dict[int, str] = field(default_factory=dict)
    config_failed: dict[int, str] = field(default_factory=dict)
    state: State = "running"
    reason: str = ""
    measured: dict[int, tuple[Completion, ...]] = field(default_factory=dict)
    least_cap: int = field(init=False)

    def __post_init__(self) -> None:
        self.least_cap = self.cap

    @property
    def bought(self) -> int:
        """The number of draws of all examples."""
        return sum(map(len, self.draws.values()))

    def add(self, position: int, new: Sequence[Completion], cap: int) -> None:
        """Add the next draws of an example.

        Args:
            position: of the example.
            new: the draws.
            cap: the max_tokens that they were bought with.
        """
        self.least_cap = min(self.least_cap, cap)
        self.draws[position] = [*self.draws.get(position, ()), *new]
