"""Lessons of a study about its models, kept in its journal.

A strategy's next wave depends on them. So a resumed study takes in each lesson at the same point
of the search at which it was learned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tune.providers.capabilities import Capabilities, Fact
from tune.space import Space

KINDS = (
    "fact",
    "learned",
    "narrowed",
    "only_with",
    "one_of",
    "aside",
    "unanswerable",
)
"""The events of a journal that hold a lesson."""


class Lessons:
    """Facts that a study learned about its models besides their answers.

    Args:
        space: adapts to what models do not take.
        capabilities: takes in facts that endpoints are to know; it writes its news here.
        write: keeps an event by its kind and fields, on disk before it returns.
        tell: called with a sentence that a user should know; also when a study resumes.
        lost: called with a model that is set aside, and the reason.

    Attributes:
        aside: the reasons of models that are set aside, by their names in the space.
        unanswerable: the reasons of examples that a model never answers, by (model, position).
        words: the words with which a model refused a parameter, by (model, parameter). Later calls
            with it are not sent.
    """

    def __init__(
        self,
        space: Space,
        capabilities: Capabilities | None = None,
        write: Callable[..., object] = lambda _event, **_fields: None,
        tell: Callable[[str], object] = lambda _: None,
        lost: Callable[[str, str], object] = lambda _model, _reason: None,
    ) -> None:
        self.space = space
        self.capabilities = capabilities or Capabilities()
        self.capabilities.learned = lambda fact: write("fact", **fact._asdict())
        self.aside: dict[str, str] = {}
        self.unanswerable: dict[tuple[str, int], str] = {}
        self.words: dict[tuple[str, str], str] = {}
        self._write = write
        self._tell = tell
        self._lost = lost

    def refuse(self, model: str, parameter: str, words: str = "") -> None:
        """Note that a model does not take a parameter: the space loses that dimension for it.

        Args:
            model: by its name in the space.
            parameter: its name.
            words: of the model, for a person.
        """
        self._learn("learned", model=model, parameter=parameter, words=words)

    def narrow(
        self,
        model: str,
        parameter: str,
        value: Any,
        low: float | None,
        high: float | None,
        words: str = "",
    ) -> None:
        """Note that a model does not take a value of a parameter, and its bounds if known."""
        self._learn(
            "narrowed",
            model=model,
            parameter=parameter,
            value=value,
            low=low,
            high=high,
            words=words,
        )

    def allow_only_with(
        self, model: str, parameter: str, setting: str, values: Sequence[Any]
    ) -> None:
        """Note that a model takes a parameter only beside some values of another setting."""
        self._learn(
            "only_with",
            model=model,
            parameter=parameter,
            setting=setting,
            values=list(values),
        )

    def allow_one_of(self, model: str, parameters: Sequence[str]) -> None:
        """Note that a model does not take these parameters together; the first goes before."""
        self._learn("one_of", model=model, parameters=list(parameters))

    def set_aside(self, model: str, reason: str) -> None:
        """Note that a model is not asked any more."""
        self._learn("aside", model=model, reason=reason)

    def give_up(
        self,
        model: str,
        position: int,
        reason: str,
    ) -> None:
        """Note that a model never answers an example, although it answers others."""
        self._learn("unanswerable", model=model, position=position, reason=reason)

    def _learn(self, kind: str, **fields: Any) -> None:
        # On disk first: what was decided by a lesson must not outlive the lesson.
        self._write(kind, **fields)
        self.recall({"event": kind, **fields})

    def recall(self, event: Mapping[str, Any]) -> None:
        """Take in a lesson that the journal holds."""
        match event["event"]:
            case "fact":
                fields = [event[name] for name in Fact._fields]
                self.capabilities.recall(Fact(*fields))
            case "learned":
                self.words[event["model"], event["parameter"]] = event["words"]
                self.space.drop(event["model"], event["parameter"])
            case "narrowed":
                value = event["value"]
                self.space.narrow(
                    event["model"],
                    event["parameter"],
                    # JSON has no tuples.
                    tuple(value) if isinstance(value, list) else value,
                    event["low"],
                    event["high"],
                )
            case "only_with":
                self.space.conditions.allow_only_with(
                    event["model"],
                    [event["parameter"]],
                    event["setting"],
                    event["values"],
                )
            case "one_of":
                self.space.conditions.allow_one_of(event["model"], event["parameters"])
            case "aside":
                model = event["model"]
                reason = event["reason"]
                self.aside[model] = reason
                self.space.remove_model(model)
                self._lost(model, reason)
                # A resumed run says it again: its user may not have seen the first one.
                self._tell(
                    f"{model} is set aside, and the others go on without it: {reason}"
                )
            case "unanswerable":
                self.unanswerable[event["model"], event["position"]] = event["reason"]
