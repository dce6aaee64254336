"""The consequences of failures: a trial fails, a model is set aside, an input is given up."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from tune.errors import EndpointError, ParameterRejected, ProviderError, ValueRejected
from tune.readout.trial import Step, Trial
from tune.space import FREE, Choice, Point
from tune.space.domain import grid_values
from tune.space.values import Value, is_within
from tune.study.fault import INPUT, MOST_MISSING, SERVICE, Blame
from tune.study.lessons import Lessons
from tune.study.stop_reasons import LOST
from tune.study.wave import Wave


class Failures:
    """Draws the consequences of failures, and keeps what they teach.

    Args:
        lessons: what is learned of models on the way.
        pause: ends the run for a reason and a fault, with the result so far.
        free: the dimensions that are read off, not bought.

    Attributes:
        needed: models without which nothing is worth buying; if one is lost, the run is paused.
        answered: models that have answered in this study, in whatever phase.
    """

    def __init__(
        self,
        lessons: Lessons,
        *,
        pause: Callable[[str, ProviderError, Wave], object],
        free: Sequence[str] = FREE,
    ) -> None:
        self.lessons = lessons
        self._pause = pause
        self._free = tuple(free)
        self.needed: frozenset[str] = frozenset()
        self.answered: set[str] = set()

    def set_aside(
        self,
        model: str,
        fault: ProviderError,
        trials: Mapping[int, Trial],
        wave: Wave,
    ) -> None:
        """Go on without a model; pause the run if the model is needed, or no other one is left."""
        # Many calls that are under way may report the same loss.
        if model in self.lessons.aside:
            return
        others = [name for name in self.lessons.space.models if name != model]
        # The holdout needs the selected model. Without it the test would be worth nothing.
        if model in self.needed or not others:
            self._pause(LOST, fault, wave)
        else:
            self.lessons.set_aside(model, str(fault))
            self.leave_out(trials, wave)

    def leave_out(self, trials: Mapping[int, Trial], wave: Wave) -> None:
        """Fail the trials of models that are set aside, so that none of them can be selected."""
        for trial in trials.values():
            reason = self.lessons.aside.get(str(trial.point["model"]))
            if reason is not None and trial.state != "failed":
                _fail(trial, reason, wave)

    def blame(
        self,
        blame: Blame,
        again: Sequence[tuple[Step, int]],
        trials: Mapping[int, Trial],
        wave: Wave,
    ) -> None:
        """Draw the consequences of what one wave saw of each model.

        Args:
            blame: what it saw.
            again: the orders that were tried twice.
        """
        self._blame_models(blame, trials, wave)
        self._blame_inputs(blame, again, trials, wave)

    def _blame_models(
        self,
        blame: Blame,
        trials: Mapping[int, Trial],
        wave: Wave,
    ) -> None:
        """Set aside the models that never answered, and refused for an unknown reason."""
        answered = {trial.point["model"] for trial in trials.values() if trial.draws}
        # Trials beside the search begin without draws. In the holdout, a needed model that answers
        # nothing pauses the run.
        answered |= self.answered - self.needed
        for model in blame.never_answered():
            # A model that answered in an earlier wave has a temporary fault.
            if model not in answered:
                fault = EndpointError(blame.first_words(model))
                self.set_aside(model, fault, trials, wave)

    def _blame_inputs(
        self,
        blame: Blame,
        again: Sequence[tuple[Step, int]],
        trials: Mapping[int, Trial],
        wave: Wave,
    ) -> None:
        """Give up examples that failed twice while others passed."""
        missing: list[tuple[Trial, int]] = []
        for step, position in again:
            if (step.trial, position) in wave.unanswered:
                missing.append((trials[step.trial], position))
        suspects: set[tuple[str, int]] = set()
        for trial, position in missing:
            # Where nothing of a trial was answered, its settings are as likely to be at fault.
            if trial.draws:
                suspects.add((str(trial.point["model"]), position))
        for model, position, words in blame.unanswerable():
            if (model, position) in suspects:
                self.lessons.give_up(model, position, words)
        for trial, position in missing:
            model = str(trial.point["model"])
            reason = self.lessons.unanswerable.get((model, position))
            if reason is not None:
                mark_unanswered(trial, position, f"{INPUT}: {reason}", wave)

    def cap_again(
        self,
        trial: Trial,
        sent: int,
        error: ParameterRejected,
        wave: Wave,
        *,
        taken: bool = False,
    ) -> bool:
        """Ask for the nearest max_tokens that a model takes; return True if there is one.

        A trial with draws has shown one. Without draws it gets another one, unless it is part of
        its point: such a point would be another one.

        Args:
            trial: the trial that was refused.
            sent: the max_tokens that was refused.
            error: the refusal.
            wave: the wave under way; it notes what the trial is bought with.
            taken: whether other calls of the trial were answered with it in this wave. A router may
                send each call to another service.
        """
        if _space_name(error) != "max_tokens" or not isinstance(error, ValueRejected):
            return False
        if trial.state == "failed" or "max_tokens" in trial.point:
            return False
        if trial.draws:
            if sent == trial.cap:
                return False
            self._learn_smallest(trial, sent, error)
            # A wave has one max_tokens for each trial: by it, its draws are found again.
            wave.caps[trial.number] = sent if taken else trial.cap
            return True
        model = str(trial.point["model"])
        if not is_within(self.lessons.space.cap(trial.point), error.low, error.high):
            self._narrow(model, "max_tokens", None, error)
        # The calls of this trial that are under way all come here, with the same cap.
        cap = self.lessons.space.cap(trial.point)
        if (error.low, error.high) == (None, None):
            if trial.cap >= cap:
                return False
            # It was asked with a smaller cap than its point may have.
            asked = Point({**trial.point, "max_tokens": trial.cap})
            self._leave_out_cap(asked, str(error))
        if not is_within(cap, error.low, error.high):
            return False
        trial.cap = wave.caps[trial.number] = cap
        return True

    def _learn_smallest(self, trial: Trial, sent: int, error: ValueRejected) -> None:
        """Learn that a model does not take a max_tokens that is smaller than a trial's own."""
        if (error.low, error.high) == (None, None):
            point = Point({**trial.point, "max_tokens": sent})
            self._leave_out_cap(point, str(error))
        else:
            self._narrow(str(trial.point["model"]), "max_tokens", None, error)

    def refused(
        self,
        trial: Trial,
        error: ParameterRejected,
        wave: Wave,
        trials: Mapping[int, Trial],
    ) -> None:
        """Learn that a model does not take a parameter, or a value of it.

        Trials that ask for the same fail as well, before they are sent.
        """
        shown = name = _space_name(error)
        if isinstance(error, ValueRejected):
            value = trial.point.get(name, trial.cap if name == "max_tokens" else None)
            # Stop strings are shown as elsewhere.
            text = json.dumps(value) if isinstance(value, tuple) else value
            shown = f"{name} {text}"
        # Looked up before the trial fails: one that failed earlier has taught its value already.
        running = trial.state == "running"
        words = self.lessons.words.get((str(trial.point["model"]), name), error)
        _fail(trial, f"the model does not take {shown}: {words}", wave)
        self._learn(trial.point, error, running=running)
        # Taken off, because other trials may meet the same error with other values.
        more, error.more = error.more, []
        for other in more:
            self._learn(trial.point, other, running=running)
        for refused in (error, *more):
            self._rule_out(trial, refused, trials, wave)

    def _rule_out(
        self,
        trial: Trial,
        error: ParameterRejected,
        trials: Mapping[int, Trial],
        wave: Wave,
    ) -> None:
        """Fail the trials of a model that ask for what the space has just lost for it."""
        space = self.lessons.space
        model, name = str(trial.point["model"]), _space_name(error)
        if name in FREE:
            return
        domain = space.domain(name, model)
        for _, other in sorted(trials.items()):
            value = other.point.get(name)
            # One with draws has shown that the model takes it.
            if other.state != "running" or other.draws or value is None:
                continue
            if other.point["model"] != model:
                continue
            if domain is None:
                _fail(other, f"the model does not take {name}: {error}", wave)
            elif isinstance(domain, Choice) and value not in domain.values:
                _fail(other, f"the model does not take {name} {value}: {error}", wave)
            elif space.point_of(other.point) != other.point:
                lost = _first_lost(other.point, space.point_of(other.point))
                reason = f"the model does not take {lost} beside the other settings"
                _fail(other, reason, wave)

    def _learn(self, point: Point, error: ParameterRejected, *, running: bool) -> None:
        """Adapt the space of a model to a refusal."""
        model, name = str(point["model"]), _space_name(error)
        value = point.get(name)
        # An earlier call has already taught this.
        if name not in self.lessons.space.dimensions(model):
            return
        if self._is_conditional(point, error):
            return
        if not isinstance(error, ValueRejected):
            self.lessons.refuse(model, name, str(error))
        elif not running:
            return
        elif name == "stop":
            self._learn_stop(point, error)
        elif name not in FREE:
            domain = self.lessons.space.domain(name, model)
            # Another trial of the same wave may have taught it.
            if domain is None or value not in grid_values(domain):
                return
            self._narrow(model, name, value, error)
        elif error.low is not None or error.high is not None:
            # A free dimension is read off. What was sent is a cap.
            self._narrow(model, name, None, error)
        elif name in point and name not in self.lessons.space.paid(model, self._free):
            self._leave_out_cap(point, str(error))

    def _learn_stop(self, point: Point, error: ValueRejected) -> None:
        """Learn that a model does not take certain stop strings, or so many of them.

        Others stay, and are tried in turn: a service may refuse only white space, or more than one.
        """
        model, space = str(point["model"]), self.lessons.space
        own = space.domain("stop", model, str(point["prompt"]))
        bounded = (error.low, error.high) != (None, None)
        # A prompt's own stop strings go before those of the model. And draws are bought with the
        # stop strings that all configs share.
        if own != space.domain("stop", model) or not (bounded or "stop" in point):
            self.lessons.refuse(model, "stop", str(error))
        else:
            self._narrow(model, "stop", point.get("stop"), error)

    def _narrow(
        self, model: str, name: str, value: Value, error: ValueRejected
    ) -> None:
        """Learn that a model does not take a value, with the bounds that the refusal states."""
        self.lessons.narrow(model, name, value, error.low, error.high, str(error))

    def _leave_out_cap(self, point: Point, words: str) -> None:
        """Learn that a model does not take the max_tokens of a config, which was read off.

        The draws were bought with a larger one, so it is too small.
        """
        model, cap = str(point["model"]), int(point["max_tokens"])  # type: ignore[arg-type]
        domain = self.lessons.space.domain("max_tokens", model, str(point["prompt"]))
        assert domain is not None
        # The next larger one that is searched may be refused as well. Then it is tried in turn.
        values = [int(value) for value in grid_values(domain)]  # type: ignore[arg-type]
        larger = [value for value in values if value > cap]
        # Another trial of the same wave may have taught it.
        if larger and min(values) <= cap:
            self.lessons.narrow(model, "max_tokens", cap, min(larger), None, words)

    def _is_conditional(self, point: Point, error: ParameterRejected) -> bool:
        """Learn a condition from a refusal, and return True if it states one.

        The parameter stays where the condition holds.
        """
        model, name = str(point["model"]), error.parameter
        space = self.lessons.space
        if error.beside is not None and error.beside in point:
            if space.point_of(point) != point:
                # Another trial of the same wave has taught it.
                return True
            self.lessons.allow_one_of(model, [error.beside, name])
            return True
        if not error.while_reasoning:
            return False
        for setting in _THINKING:
            off = self._values_without_thinking(point, setting)
            if off:
                self.lessons.allow_only_with(model, name, setting, off)
                return True
        return False

    def _values_without_thinking(self, point: Point, setting: str) -> tuple[Value, ...]:
        """Return the values of a setting with which the point's model does not reason.

        Empty where the model has no such setting, or none of these values.
        """
        space = self.lessons.space
        searched = space.dimensions(str(point["model"])).get(setting)
        if searched is None:
            return ()
        asked = self._meaning(setting, point.get(setting))
        off: list[Value] = []
        for value in {*grid_values(searched), None}:
            meant = self._meaning(setting, value)
            # The service's own way is refused as well where this call left it to the service.
            if meant in _OFF and meant != asked:
                off.append(value)
        if not set(off) & set(grid_values(searched)):
            return ()
        return tuple(sorted(off, key=str))

    def _meaning(self, setting: str, value: Value) -> Any:
        """Return what is sent for a value of a setting; None where it is left to the service."""
        named = self.lessons.space.named.value(setting, value)
        return (named or None) if named is not None else value


_THINKING = ("reasoning_effort", "thinking")
"""The settings that decide whether a model reasons."""

_OFF: tuple[Any, ...] = (None, "none", False, {"type": "disabled"})
"""The values of these settings with which it does not."""


def _space_name(error: ParameterRejected) -> str:
    """Return the dimension that a refusal is about."""
    # The cap has two names; a space knows it by the older one.
    return error.parameter.replace("max_completion_tokens", "max_tokens")


def _first_lost(point: Point, kept: Point) -> str:
    """Return the first setting of a point that is another one, or none, in what is kept of it."""
    return next(name for name in point if kept.get(name) != point[name])


def fail_unanswered(trial: Trial, asked: Collection[int], wave: Wave) -> None:
    """Fail a trial if the service left too many of its examples unanswered.

    Args:
        trial: of the wave.
        asked: the positions of the examples that the wave asked it for.
        wave: takes the failure.
    """
    count = len({*asked, *trial.draws, *trial.unanswered})
    unanswered = trial.unanswered.values()
    # Examples that the money did not reach, or that no model answers, are no fault of the trial.
    lost = [reason for reason in unanswered if reason.startswith(SERVICE)]
    # One call may always fail: of a few examples, it would be a large share.
    if trial.state == "running" and len(lost) > max(1, MOST_MISSING * count):
        words = lost[0].removeprefix(f"{SERVICE}: ")
        reason = f"the service did not answer {len(lost)} of {count} examples ({words})"
        _fail(trial, reason, wave)


def _fail(trial: Trial, reason: str, wave: Wave) -> None:
    trial.state = "failed"
    trial.reason = reason
    wave.failed[trial.number] = reason


def mark_unanswered(
    trial: Trial,
    position: int,
    reason: str,
    wave: Wave | None = None,
) -> None:
    """Note that an example lacks draws; one that has some is still read at a smaller n."""
    if wave is not None:
        wave.unanswered[trial.number, position] = reason
    # With some draws the example still has a score.
    if not trial.draws.get(position):
        trial.unanswered[position] = reason
