"""The fault behind examples without an answer: the input's, the model's, or the service's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tune.errors import ProviderError, RequestRefused

MOST_MISSING = 0.05
"""The share of a trial's examples that the service may fail to answer before the trial fails."""

MOST_UNANSWERABLE = 0.5
"""The most unanswerable examples of a wave, as a share. If more fail, blame the service."""

SERVICE = "service"
"""The first word of the reason of a missing example that the service did not answer."""

INPUT = "input"
"""The same where the service never answers this input, although it answers others."""


@dataclass(slots=True)
class Blame:
    """Answers and failures of each model in one wave.

    Attributes:
        answered: orders that were answered, by model.
        failed: the words of the service, by (model, position) of examples whose failure may be
            their own fault.
        refused: orders that were refused for an unknown reason, by model.
    """

    answered: Counter[str] = field(default_factory=Counter)
    failed: dict[tuple[str, int], str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)

    def note(
        self,
        model: str,
        position: int,
        error: ProviderError,
    ) -> None:
        """Note a failure of an order.

        A service that was called too often or not reached at all says nothing about the input.
        """
        refused = isinstance(error, RequestRefused)
        if refused:
            self.refused[model] += 1
        # Where the service began to work on it, its input may be what broke the answer off.
        if refused or error.charged:
            self.failed[model, position] = str(error)
        else:
            self.failed.pop((model, position), None)

    def unanswerable(self) -> Iterable[tuple[str, int, str]]:
        """Yield (model, position, words) of examples that failed while as many others passed."""
        lost: Counter[str] = Counter()
        for model, _ in self.failed:
            lost[model] += 1
        for (model, position), words in self.failed.items():
            answered = self.answered[model]
            asked = answered + lost[model]
            # A service that fails most of its orders has a fault of its own.
            if answered and lost[model] <= MOST_UNANSWERABLE * asked:
                yield model, position, words

    def never_answered(self) -> Iterable[str]:
        """Return the models that refused orders for an unknown reason, and answered none."""
        return [model for model in self.refused if not self.answered[model]]

    def first_words(self, model: str) -> str:
        """Return what the service said of the first example of a model that failed."""
        # By position: the order in which the answers come must not matter.
        _, words = min(item for item in self.failed.items() if item[0][0] == model)
        return words
