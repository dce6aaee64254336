"""Records of a search: every reading, what mattered, the course of the run, other limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tune.space import Config
from tune.stats.intervals import Interval


class ReadingRow(NamedTuple):
    """One configuration that was read from the draws of a trial.

    A study has thousands of them, so they are written as lists. Numbers are None if unknown.

    Attributes:
        trial: the trial's number.
        n: answers for each request.
        aggregate: the way in which they become one.
        max_tokens: the cap of an answer.
        stop: the stop strings, as JSON.
        quality: the mean score on tuning examples, in the metric's own scale.
        examples: the number of these examples.
        cost: dollars per request in production, at list price.
        seconds: seconds per request.
        approximate: True if texts were cut without token boundaries.
    """

    trial: int
    n: int
    aggregate: str
    max_tokens: int
    stop: str
    quality: float
    examples: int
    cost: float | None
    seconds: float | None
    approximate: bool


@dataclass(frozen=True, slots=True)
class LimitChoice:
    """The configuration that would be selected under other limits.

    Attributes:
        max_cost: the limit on dollars per request; None for no limit.
        max_seconds: the limit on seconds per request; None for no limit.
        trial: the number of its trial.
        config: the selected configuration.
        quality: its quality on tuning examples.
        cost: its mean dollars per request; None if unknown.
        seconds: its mean seconds per request; None if unknown.
        keeps: False if no configuration keeps the limits, so that this is the closest one.
    """

    max_cost: float | None
    max_seconds: float | None
    trial: int
    config: Config
    quality: Interval
    cost: float | None
    seconds: float | None
    keeps: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """One value of a dimension, compared with a reference value of it; all else is held equal.

    Attributes:
        value: the value in words; a range for numbers with many values.
        mean: the quality with this value, on average over the values of the other dimensions.
        difference: from the reference value; None for the reference itself.
        trials: the number of trials with this value.
    """

    value: str
    mean: float
    difference: Interval | None
    trials: int


@dataclass(frozen=True, slots=True)
class Dimension:
    """The main effects of one dimension.

    Attributes:
        name: its name.
        free: True if its values are read from the same draws.
        effects: one for each value.
    """

    name: str
    free: bool
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class PairCell:
    """A model with a prompt.

    Attributes:
        model: its name.
        prompt: its name.
        quality: the quality of one answer, on average over the other dimensions.
        excess: the part of it that the effects of model and prompt do not explain.
        trials: the number of its trials.
    """

    model: str
    prompt: str
    quality: Interval
    excess: Interval
    trials: int


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of a curve.

    Attributes:
        value: of the dimension.
        quality: on tuning examples.
        cost: dollars per request; None if unknown.
    """

    value: float
    quality: Interval
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """The quality over the values of one dimension, with everything else the same.

    Attributes:
        dimension: "n", "max_tokens" or "temperature".
        label: what is the same.
        points: by value.
    """

    dimension: str
    label: str
    points: tuple[CurvePoint, ...]


class SpentPoint(NamedTuple):
    """The dollars after some calls.

    Attributes:
        seconds: since the first call; long pauses between runs are left out.
        spent: dollars, uncertain ones included.
        calls: the number of calls.
    """

    seconds: float
    spent: float
    calls: int


@dataclass(frozen=True, slots=True)
class BestPoint:
    """The best configuration after one wave of calls, by the draws of the examples met until then.

    Attributes:
        spent: dollars until then.
        trial: its trial.
        quality: on the tuning examples met until then.
    """

    spent: float
    trial: int
    quality: Interval


class WaveRow(NamedTuple):
    """One wave of the run.

    Attributes:
        phase: of the run.
        line: what was bought and why, in one sentence.
    """

    phase: str
    line: str


@dataclass(frozen=True, slots=True)
class Course:
    """The course of a run.

    Attributes:
        spent: dollars over time.
        best: the best configuration over dollars.
        calls: the number of calls that were sent.
        refused: calls that a service refused, at no cost; most were sent again.
        holdout: dollars of the final test.
        saved: dollars at list price of the draws that were reused; None if unknown.
        waves: the waves in their order, with what each bought and why.
    """

    spent: tuple[SpentPoint, ...] = ()
    best: tuple[BestPoint, ...] = ()
    calls: int = 0
    refused: int = 0
    holdout: float = 0.0
    saved: float | None = None
    waves: tuple[WaveRow, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """The `llm_config` of one trial's paid point, with one answer.

    Attributes:
        trial: the trial's number.
        llm_config: for an agent, without a key.
    """

    trial: int
    llm_config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SearchDetails:
    """All of a search that only the page shows.

    Attributes:
        readings: every configuration that was read.
        left_out: the number of readings beyond those.
        limits: the selections under other limits.
        dimensions: what mattered.
        pairs: models with prompts.
        curves: quality over one dimension.
        course: of the run.
        agents: settings for agents.
    """

    readings: tuple[ReadingRow, ...] = ()
    left_out: int = 0
    limits: tuple[LimitChoice, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    pairs: tuple[PairCell, ...] = ()
    curves: tuple[Curve, ...] = ()
    course: Course = field(default_factory=Course)
    agents: tuple[AgentConfig, ...] = ()
