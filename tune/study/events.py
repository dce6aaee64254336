"""Events of a run: one frozen record for each, as an observer gets them.

Every display is an observer of these records: the one of a terminal, that of a notebook, the plain
lines and the JSON log. `tune.tune(observer=...)` takes one of the user.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a run.

    Attributes:
        event: the name of its kind.
        time: seconds since 1970 (Unix time).
    """

    event: ClassVar[str]
    time: float = field(default_factory=time.time)


Observer: TypeAlias = Callable[[Event], object]
"""Takes each event of a run. All calls come from one thread, in the order of the events."""


def ignore(_event: Event) -> None:
    """Show nothing: the observer of a run that nobody watches."""


@dataclass(frozen=True, slots=True)
class BestSoFar:
    """The best configuration so far.

    Attributes:
        trial: the number of its trial.
        config: the configuration.
        quality: its mean score on tuning examples.
        low: the lower limit of its 95 % interval.
        high: the upper limit.
        examples: the number of scored examples.
        cost: dollars per request in use, at list price.
        seconds: seconds per request.
    """

    trial: int
    config: Mapping[str, Any]
    quality: float
    low: float
    high: float
    examples: int
    cost: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ChosenStep:
    """A step of a wave: examples that a trial answers next.

    Attributes:
        trial: the number of the trial.
        config: its settings.
        examples: the number of examples.
        draws: answers that each of them has afterwards.
    """

    trial: int
    config: Mapping[str, Any]
    examples: int
    draws: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """A sentence for the user.

    Attributes:
        text: the sentence.
    """

    event = "notice"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyBegan(Event):
    """A study begins, or goes on. The models are connected; nothing was bought yet.

    Attributes:
        folder: where its files are.
        resumed: an earlier process began it.
        budget: dollars that it may spend in all.
        spent: dollars that it has spent before.
        time_limit: seconds that the search may take where nobody is billed; else None.
        models: the names of the models.
        tuning: the number of tuning examples.
        holdout: the number of holdout examples.
    """

    event = "study_began"
    folder: str
    resumed: bool
    budget: float
    spent: float
    time_limit: float | None
    models: tuple[str, ...]
    tuning: int
    holdout: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseBegan(Event):
    """A phase of the run begins.

    Attributes:
        phase: "search", "final comparison", "single-answer comparison", "holdout"; "caps" and "caps
            again", which measure where a smaller max_tokens cuts; "settings" and "settings again",
            which try what the choice would send.
    """

    event = "phase_began"
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveChosen(Event):
    """A strategy has chosen what is bought next.

    Attributes:
        phase: of the run.
        steps: bought side by side.
        replayed: an earlier process bought them; nothing is sent.
    """

    event = "wave_chosen"
    phase: str
    steps: tuple[ChosenStep, ...]
    replayed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveDone(Event):
    """A wave was bought and scored.

    Attributes:
        phase: of the run.
        trials: begun so far.
        stopped: why the run buys no more; None while it goes on.
    """

    event = "wave_done"
    phase: str
    trials: int
    stopped: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialScored(Event):
    """A trial was scored on more examples.

    Attributes:
        best: the best configuration that can be read off its answers.
    """

    event = "trial_scored"
    best: BestSoFar


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFailed(Event):
    """A trial takes no further part.

    Attributes:
        trial: its number.
        config: its settings.
        reason: what failed.
    """

    event = "trial_failed"
    trial: int
    config: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(Event):
    """A call was answered, and its answers are stored.

    Attributes:
        model: its name in the space.
        purpose: "search", "judge" or "holdout".
        draws: the number of answers.
        dollars: what was booked.
        prompt_tokens: tokens of the prompts.
        completion_tokens: tokens of the answers.
    """

    event = "call_answered"
    model: str
    purpose: str
    draws: int
    dollars: float
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed(Event):
    """An attempt at a call brought no answer. A `CallRetried` follows if it is tried again.

    Attributes:
        model: its name in the space.
        purpose: "search", "judge" or "holdout".
        kind: one of `KINDS`.
        message: the words of the service.
        dollars: booked, because the service may bill it.
    """

    event = "call_failed"
    model: str
    purpose: str
    kind: str
    message: str
    dollars: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRetried(Event):
    """A failed call is tried again after a wait.

    Attributes:
        model: its name in the space.
        kind: one of `KINDS`.
        attempt: the number of the attempt that failed, from 1.
        wait: seconds until the next one.
    """

    event = "call_retried"
    model: str
    kind: str
    attempt: int
    wait: float


KINDS = {
    "rate_limit": "rate limit",
    "timeout": "timeout",
    "connection": "lost connection",
    "server": "server error",
    "unreadable": "unreadable answer",
    "setting": "refused setting",
    "input": "refused input",
    "endpoint": "refused call",
    "quota": "used-up quota",
    "given_up": "abandoned call",
}
"""Kinds of failures, with the words that a person reads after a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSetAside(Event):
    """A model is not asked any more. The others go on without it.

    Attributes:
        model: its name in the space.
        reason: the words of its service.
    """

    event = "model_set_aside"
    model: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """State of the run: after every wave, and about twice a second.

    Attributes:
        phase: of the run.
        trials: begun so far.
        spent: dollars that the study has spent in all.
        reserved: dollars that are held for calls in flight.
        uncertain: the part of `spent` whose bill is not known.
        budget: dollars.
        best: the best configuration so far; None before a block of examples is scored.
        seconds: since this process began.
        left_seconds: the longest that the rest should take; None where it cannot be told.
        time_limit: seconds that the search may take where nobody is billed; else None.
    """

    event = "progress"
    phase: str
    trials: int
    spent: float
    budget: float
    seconds: float
    reserved: float = 0.0
    uncertain: float = 0.0
    best: BestSoFar | None = None
    left_seconds: float | None = None
    time_limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WinnerChosen(Event):
    """The search is over, and a configuration is selected. Only then it meets the holdout.

    Where its model refuses it there, another one is selected, and this comes once more.

    Attributes:
        best: the selected configuration, with its score on tuning examples. If it asks for more
            answers than were bought, the score is that of the answers that were bought.
        keeps_limits: it keeps the limits on cost and seconds.
    """

    event = "winner_chosen"
    best: BestSoFar
    keeps_limits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyEnded(Event):
    """The run is over, and its files are written.

    Attributes:
        stopped: why it ended: "finished", "money", "interrupted" and so on.
        summary: what `--json` prints.
    """

    event = "study_ended"
    stopped: str
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFailed(Event):
    """The run ended with an error. What was bought is kept.

    Attributes:
        error: the name of the error's class.
        message: its words.
    """

    event = "study_failed"
    error: str
    message: str


EVENTS: tuple[type[Event], ...] = (
    StudyBegan,
    PhaseBegan,
    WaveChosen,
    CallAnswered,
    CallFailed,
    CallRetried,
    TrialScored,
    TrialFailed,
    ModelSetAside,
    WaveDone,
    Progress,
    WinnerChosen,
    Notice,
    StudyEnded,
    StudyFailed,
)
"""Every kind of event, about in the order in which a run has them."""
