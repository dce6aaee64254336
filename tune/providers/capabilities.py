"""Facts about models: endpoints read them before a call, and add to them after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tune.errors import TransientError

REPLACEMENTS: Mapping[str, str] = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}
"""Names that mean the same; a model takes at least one of the two."""

PARAMETERS = frozenset(
    {
        "best_of",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "min_p",
        "n",
        "presence_penalty",
        "reasoning",
        "reasoning_effort",
        "repetition_penalty",
        "seed",
        "service_tier",
        "stop",
        "temperature",
        "thinking",
        "top_k",
        "top_logprobs",
        "top_p",
        "verbosity",
    }
)
"""Names that a refusal may be about where nothing says which were sent."""


class Adapted(TransientError):
    """A refusal that was understood: the next attempt will be sent in another form.

    Nothing was charged and nothing is wrong with the service. The attempt is repeated at once,
    through the same gates as any other (a slot, a reservation), and does not count as a retry.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, charged=False, retry_after=0.0)


class MovedOn(Adapted):
    """A place of a model failed, and the next attempt goes to another place at once.

    Nothing was charged. Unlike a refusal, it does not show that the service is there.
    """


class Fact(NamedTuple):
    """One thing that was seen of a model of a service; a study keeps each in its journal.

    Attributes:
        service: the service, as in `Request.service`.
        model: the model's name as the service knows it.
        kind: "refuses" (a parameter), "takes" (a value of one), "most_n" (answers for one call),
            "answers" (the first answer came, and kept to its cap), "beyond" (it bills more tokens
            than its cap).
        name: the parameter; of "takes" with its value.
        number: the most answers, or the most tokens that were billed for one.
    """

    service: str
    model: str
    kind: str
    name: str = ""
    number: int = 0


class Capabilities:
    """Everything that was seen of models, by service and model.

    Args:
        facts: what is known already.
        learned: called with each fact that is news, before anything follows from it.
    """

    def __init__(
        self,
        facts: Iterable[Fact] = (),
        *,
        learned: Callable[[Fact], object] = lambda _: None,
    ) -> None:
        self.learned = learned
        # By service, model, kind and parameter: a newer number replaces an older one.
        self._facts: dict[tuple[str, str, str, str], Fact] = {}
        for fact in facts:
            self.recall(fact)

    def recall(self, fact: Fact) -> None:
        """Take in a fact that was learned before."""
        self._facts[fact.service, fact.model, fact.kind, fact.name] = fact

    def learn(self, fact: Fact) -> bool:
        """Note a fact, and return True where it is news."""
        if fact in self:
            return False
        # The journal has the fact before anything follows from it, so that a study that is killed
        # now resumes with the same knowledge.
        self.learned(fact)
        self.recall(fact)
        return True

    def __contains__(self, fact: Fact) -> bool:
        """Tell whether this very fact is known, with its number."""
        return self._facts.get((fact.service, fact.model, fact.kind, fact.name)) == fact

    def refuse(self, service: str, model: str, parameter: str) -> bool:
        """Note that a model does not take a parameter, and return True where it is news."""
        return self.learn(Fact(service, model, "refuses", parameter))

    def refuses(self, service: str, model: str, parameter: str) -> bool:
        """Tell whether this model of this service was seen to refuse a parameter."""
        return (service, model, "refuses", parameter) in self._facts

    def refused(self, service: str, model: str) -> frozenset[str]:
        """Return every parameter that this model of this service refuses."""
        refused: set[str] = set()
        for fact in self._facts.values():
            if (fact.service, fact.model, fact.kind) == (service, model, "refuses"):
                refused.add(fact.name)
        return frozenset(refused)

    def number(self, service: str, model: str, kind: str) -> int | None:
        """Return the number of a fact, or None where the fact is not known."""
        fact = self._facts.get((service, model, kind, ""))
        return None if fact is None else fact.number

    def spelling(self, service: str, model: str, parameter: str) -> str | None:
        """Return the name under which a model takes a parameter.

        It is the parameter's own name or its replacement; None where both are refused.
        """
        for name in (parameter, REPLACEMENTS.get(parameter)):
            if name is not None and not self.refuses(service, model, name):
                return name
        return None

    @property
    def facts(self) -> frozenset[Fact]:
        """Everything that is known."""
        return frozenset(self._facts.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Capabilities) and self.facts == other.facts

    __hash__ = None  # type: ignore[assignment]  # what is known grows, so a hash would change

    def __repr__(self) -> str:
        return f"Capabilities({sorted(self.facts)})"
