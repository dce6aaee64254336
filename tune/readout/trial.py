"""A trial: one paid point and the draws bought for it; and the steps and waves that buy them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tune.completion import Completion
from tune.space import Point

State = Literal["running", "complete", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Step:
    """An order of a strategy: bring these examples of a trial to `draws` draws each.

    Attributes:
        trial: the trial's number, from 0. point: the trial's paid point. examples: positions in the
        study's seeded order of tuning examples. draws: draws per example that the trial shall have
        in all; those already there are not bought again. cap: max_tokens that new draws are bought
        with; one cap per trial.
    """

    trial: int
    point: Point
    examples: tuple[int, ...]
    draws: int
    cap: int


@dataclass(slots=True)
class Trial:
    """One paid point and what was bought for it.

    Attributes:
        number: from 0, in the order in which trials were begun.
        point: the paid point.
        cap: max_tokens its draws were bought with.
        draws: the completions by example position, draw 0 first.
        unanswered: why an example that was asked for has no draw, by position: a fault of the service
            ("service: ...") or of money ("money: ..."). Such an example is not scored.
        config_failed: why the config itself cannot answer an example ("context_length", "content_filter",
            "timeout"), by position. Such an example has the metric's worst score.
        state: running, complete, stopped or failed. reason: why it was stopped or failed. measured:
        a few draws of its model and prompt that were bought at a smaller cap, by that, to see where
        it cuts
            (see `tune.strategies.measured_truncation`).
    """

    number: int
    point: Point
    cap: int
    draws: dict[int, list[Completion]] = field(default_factory=dict)
    unanswered: dict[int, str] = field(default_factory=dict)
    config_failed: dict[int, str] = field(default_factory=dict)
    state: State = "running"
    reason: str = ""
    measured: dict[int, tuple[Completion, ...]] = field(default_factory=dict)

    @property
    def bought(self) -> int:
        """Draws in all."""
        return sum(len(d) for d in self.draws.values())
