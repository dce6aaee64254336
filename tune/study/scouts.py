"""Orders that are asked before the rest of a wave, to see what their models refuse.

What is learned of a model must not depend on which of many answers comes first: a study that is
killed and resumed would become another one. So calls with settings that the model was not seen to
take go first. Calls of one round can only be refused for different reasons, and what they teach is
taken in when all of them are back, in the order of the trials. A refused setting also costs one
call then, and not one for each call that is under way. Values that nearly all models take, such as
a lower temperature than one that was taken, are not tried first: a round takes its time.

Calls whose settings the model was seen to take need not wait for these rounds. They go beside
them, and what is refused of them is taken in after the rounds.

A resumed study has to choose the same rounds again. It knows more than at the beginning of the wave
in which it was killed: the answers of that wave are in the store. So the rounds rest on what was
known before the wave, and on what the rounds themselves have shown since. Of n answers some may be
in the store, and the call asks for fewer. The order counts as one for n all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tune.completion import Request
from tune.errors import ParameterRejected
from tune.providers.capabilities import Capabilities
from tune.providers.stack import Service
from tune.providers.taken import Part, Taken, parts_of
from tune.readout.trial import Trial
from tune.study.server_queues import Order
from tune.study.wave_replay import lacks_draws


def known_now(services: Mapping[str, Service]) -> Capabilities:
    """Return a copy of everything that is known of models now."""
    # Most often all services share one object.
    sources = {
        id(service.capabilities): service.capabilities for service in services.values()
    }
    known = Capabilities()
    for source in sources.values():
        for fact in source.facts:
            known.recall(fact)
    return known


class Scouts:
    """Picks the orders of one round after the other.

    Args:
        services: the models by name.
        request: returns the request of an order and the numbers of the draws that it lacks.
        known: what was known of models before the wave. What the rounds show is added to it.

    Attributes:
        sent: the orders that were picked so far, by trial and position.
    """

    def __init__(
        self,
        services: Mapping[str, Service],
        request: Callable[[Order], tuple[Request, range]],
        known: Capabilities,
    ) -> None:
        self._services = services
        self._request = request
        self._known = known
        self._given_up: set[tuple[str, Part]] = set()
        self._last: set[tuple[str, Part]] = set()
        self._asked: dict[tuple[int, int], frozenset[Part]] = {}
        self.sent: set[tuple[int, int]] = set()

    def pick(self, orders: Iterable[Order], trials: Mapping[int, Trial]) -> list[Order]:
        """Return the orders of the next round; none where all settings are proven.

        What a round did not settle, because a service was down, is given up: the calls of the wave
        go without it.
        """
        self._given_up |= self._last
        self._last = set()
        chosen: list[Order] = []
        kinds = list(self._kinds(orders, trials))
        # Those with the most settings come first, so that there are few rounds. What is proven does
        # not count here: a killed wave goes on in the order in which it began.
        # Of a temperature, the largest shows the most.
        kinds.sort(key=lambda order: (-len(self._parts(order)), -_temperature(order)))
        for order in kinds:
            unproven = self._unproven(order, trials)
            if unproven and not unproven & self._last:
                self._last |= unproven
                # Before it is sent: a refusal may change what the trial asks for.
                step, position = order
                self._asked[step.trial, position] = self._parts(order)
                chosen.append(order)
        return self._note(chosen)

    def settle(
        self,
        chosen: Iterable[Order],
        refusals: Refusals,
        trials: Mapping[int, Trial],
    ) -> None:
        """Note what the calls of a round have shown, before anything follows from a refusal.

        Args:
            chosen: the orders of the round.
            refusals: what was refused of them.
            trials: by number.
        """
        for step, position in chosen:
            trial = trials[step.trial]
            taken = self._taken(trial, self._known)
            parts = self._asked[step.trial, position]
            refused = refusals.names(step.trial, position)
            if refused:
                # The call was sent again without them, to see what else is refused.
                rest = [part for part in parts if part[0] not in refused]
                service = self._services[str(trial.point["model"])]
                taken.share(self._taken(trial, service.capabilities), rest)
            elif len(trial.draws.get(position, ())) >= step.draws:
                taken.note_answer(parts)

    def proven(
        self, orders: Iterable[Order], trials: Mapping[int, Trial]
    ) -> list[Order]:
        """Return the orders that were not picked yet and whose settings are all proven."""
        proven: dict[tuple[int, int], bool] = {}
        found: list[Order] = []
        for order, kind in self._lacking(orders, trials):
            if kind not in proven:
                proven[kind] = not self._unproven(order, trials)
            if proven[kind] and (order[0].trial, order[1]) not in self.sent:
                found.append(order)
        return self._note(found)

    def _note(self, chosen: list[Order]) -> list[Order]:
        self.sent.update((step.trial, position) for step, position in chosen)
        return chosen

    def _kinds(
        self, orders: Iterable[Order], trials: Mapping[int, Trial]
    ) -> Iterator[Order]:
        """Yield the first order of each kind."""
        seen: set[tuple[int, int]] = set()
        for order, kind in self._lacking(orders, trials):
            if kind not in seen:
                seen.add(kind)
                yield order

    def _parts(self, order: Order) -> frozenset[Part]:
        """Return the settings of the calls of an order."""
        return parts_of(*self._request(order))

    def _lacking(
        self, orders: Iterable[Order], trials: Mapping[int, Trial]
    ) -> Iterator[tuple[Order, tuple[int, int]]]:
        """Yield the orders that lack draws, each with its kind.

        The kind is the trial and the number of draws that there are: all orders of a kind have the
        same settings.
        """
        for step, position in orders:
            trial = trials[step.trial]
            if lacks_draws(trial, step, position):
                kind = (step.trial, len(trial.draws.get(position, ())))
                yield (step, position), kind

    def _taken(self, trial: Trial, known: Capabilities) -> Taken:
        """Return what the model of a trial was seen to take, by what is known."""
        service = self._services[str(trial.point["model"])]
        return Taken(service.id, service.entry.model, known)

    def _unproven(
        self, order: Order, trials: Mapping[int, Trial]
    ) -> set[tuple[str, Part]]:
        """Return what is unproven of an order, and was not asked before."""
        trial = trials[order[0].trial]
        model = str(trial.point["model"])
        # A model in this process takes every setting.
        if self._services[model].entry.local:
            return set()
        parts = self._taken(trial, self._known).unproven(self._parts(order))
        return {(model, part) for part in parts} - self._given_up


def _temperature(order: Order) -> float:
    """Return the temperature of an order; 0 where it is left to the service."""
    return float(order[0].point.get("temperature") or 0.0)  # type: ignore[arg-type]


class Refusals:
    """The refusals of one round: what they teach is taken in when all calls are back."""

    def __init__(self) -> None:
        self._errors: dict[int, dict[int, ParameterRejected]] = {}
        self._waiting: dict[int, list[int]] = {}

    def note(self, trial: int, position: int, error: ParameterRejected) -> None:
        """Note that an order of a trial was refused."""
        self._errors.setdefault(trial, {})[position] = error

    def holds_back(self, trial: int, position: int) -> bool:
        """Tell whether an order need not be sent, because another one of its trial was refused."""
        if trial not in self._errors:
            return False
        self._waiting.setdefault(trial, []).append(position)
        return True

    def error(self, trial: int, position: int) -> ParameterRejected | None:
        """Return the refusal of an order; None where it was not refused."""
        return self._errors.get(trial, {}).get(position)

    def names(self, trial: int, position: int) -> frozenset[str]:
        """Return the parameters that were refused of an order; empty where it was not refused."""
        error = self.error(trial, position)
        if error is None:
            return frozenset()
        return frozenset(each.parameter for each in (error, *error.more))

    def settled(self) -> Sequence[tuple[int, list[int], ParameterRejected]]:
        """Return the refused trials in order, each with its positions and its first refusal."""
        found: list[tuple[int, list[int], ParameterRejected]] = []
        for trial, errors in sorted(self._errors.items()):
            positions = sorted({*errors, *self._waiting.get(trial, ())})
            found.append((trial, positions, errors[min(errors)]))
        return found
