"""New settings are tried by one call first, and a refusal that names none of them is explained."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

from tune.completion import Completion, Provider, Request
from tune.errors import (
    NoRoom,
    ParameterRejected,
    ProviderError,
    RequestRefused,
    TuneError,
    ValueRejected,
)
from tune.providers.capabilities import Capabilities
from tune.providers.taken import Part, Taken, parts_of
from tune.store.draws import Store

_EXPLAINING: frozenset[Part] = frozenset()
"""Stands for the turn to find out why a call was refused. No call waits for having no new settings.
"""

ENOUGH_REFUSALS = 3
"""Prompts with which the same settings are refused before no more calls with them are sent."""


class Tried:
    """Lets one call with a new setting through; the others wait until it is answered or refused.

    So a setting that a model refuses costs one refused call, not one for each example. Values that
    nearly all models take do not wait (`tune.providers.taken`).

    A refusal that names nothing is explained by difference: the same prompt is asked without the
    new settings, and then they are added one by one. The one with which the call is refused again
    is to blame. These calls go through every gate, and the store keeps their answers. What is
    still unexplained may be about the prompt, and is raised as it came.

    Args:
        inner: buys.
        store: has the answers that were bought, and keeps whose examples they are of.
        service: the service, as in `Request.service`.
        model: the model's name as the service knows it.
        capabilities: what is known of models. Which settings were taken is noted there, so that a
            resumed study explains a refusal by the same calls.
    """

    def __init__(
        self,
        inner: Provider,
        *,
        store: Store,
        service: str,
        model: str,
        capabilities: Capabilities,
    ) -> None:
        self._inner = inner
        self._store = store
        self._capabilities = capabilities
        self._taken = Taken(service, model, capabilities)
        self._released: set[Part] = set()
        self._answered: set[frozenset[Part]] = set()
        self._refused: dict[Part, ParameterRejected] = {}
        # Settings of calls that were not answered when they were to show what else is refused.
        self._unexplored: set[frozenset[Part]] = set()
        # Refusals of settings that the model takes beside others, by all settings of the call.
        self._conditional: dict[frozenset[Part], ParameterRejected] = {}
        # By the settings of calls that were refused without a reason: the words, by prompt.
        self._unexplained: defaultdict[frozenset[Part], dict[object, str]] = (
            defaultdict(dict)
        )
        self._turns: WeakValueDictionary[frozenset[Part], asyncio.Lock] = (
            WeakValueDictionary()
        )

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy the draws with these numbers, in order."""
        parts = parts_of(request, numbers)
        new = self._new(parts)
        if not new:
            return await self._buy(request, numbers, parts)
        async with self._turn(new):
            # Another call may have been answered, or refused, while this one waited.
            if self._new(parts):
                return await self._buy(request, numbers, parts)
        return await self._buy(request, numbers, parts)

    def _turn(self, parts: frozenset[Part]) -> asyncio.Lock:
        """Return the lock of calls with the same new settings."""
        # It lives as long as a call has it: the next one may come from another event loop.
        return self._turns.setdefault(parts, asyncio.Lock())

    def _new(self, parts: frozenset[Part]) -> frozenset[Part]:
        """Return the settings of a call that were not tried yet."""
        if parts in self._answered:
            return frozenset()
        # With a model that has conditions, settings may not go together, so all count as new.
        if self._conditional:
            return parts
        new = self._untaken(parts) - self._released
        return frozenset(part for part in new if not self._taken.is_between(part))

    def _untaken(self, parts: frozenset[Part]) -> frozenset[Part]:
        """Return the settings of a call that were in no answered call yet."""
        return frozenset(part for part in parts if part not in self._taken)

    async def _buy(
        self, request: Request, numbers: range, parts: frozenset[Part]
    ) -> list[Completion]:
        """Buy draws, and learn from the outcome which settings the model takes."""
        try:
            self._check(parts)
        except ParameterRejected as error:
            await self._explore(request, error)
            raise
        try:
            draws = await self._inner.complete(request, numbers)
        except NoRoom:
            # Another prompt may be shorter, so nothing is known of the setting.
            self._released |= {part for part in parts if part[0] == "max_tokens"}
            raise
        except ParameterRejected as error:
            self._note_refusal(request, parts, error)
            await self._explore(request, error)
            raise
        except RequestRefused as error:
            async with self._turn(_EXPLAINING):
                # Another call may have found the reason while this one waited.
                self._check_settings(parts)
                return await self._explain(request, numbers, parts, error)
        except ProviderError:
            # Not a refusal, so others need not wait for this one's next attempt.
            self._released |= parts
            raise
        self._take(parts)
        return draws

    async def _explore(self, request: Request, error: ParameterRejected) -> None:
        """Find out which other settings of a refused call are refused, until it is answered.

        Otherwise each of them would cost a configuration of its own, one after the other.
        """
        # Calls side by side may be refused for the same reason, which is found once.
        async with self._turn(_EXPLAINING):
            await self._explore_alone(request, error)

    async def _explore_alone(self, request: Request, error: ParameterRejected) -> None:
        """Do what `_explore` says, while no other call does."""
        asked, refused = request, error
        while _has(asked, refused.parameter):
            asked = _without(asked, [refused.parameter])
            parts = parts_of(asked, range(1))
            if not _settings(self._untaken(parts)) or parts in self._unexplored:
                return
            self._store.share_uses(request, asked)
            try:
                self._check(parts)
                await self._inner.complete(asked, range(1))
            except ParameterRejected as other:
                self._note_refusal(asked, parts, other)
                error.more.append(other)
                refused = other
            except TuneError:
                # The order that asks for such a call will meet it again, and then it counts.
                self._unexplored.add(parts)
                return
            else:
                self._take(parts)
                return

    def _take(self, parts: frozenset[Part]) -> None:
        """Note that the model takes these settings together."""
        self._released |= parts
        self._answered.add(parts)
        self._taken.note(parts)

    def _check(self, parts: frozenset[Part]) -> None:
        """Raise the refusal that a call is known to meet; it is not sent then.

        What else is refused of it is found out all the same: whether a call is sent must not
        decide what is learned, as that depends on the order of the answers.
        """
        if parts in self._answered:
            return
        if parts in self._conditional:
            raise self._conditional[parts].again()
        self._check_settings(parts)
        words = self._unexplained.get(parts, {})
        if len(words) >= ENOUGH_REFUSALS:
            raise RequestRefused(next(iter(words.values())))

    def _check_settings(self, parts: frozenset[Part]) -> None:
        """Raise the refusal of a setting that a call is known to meet."""
        for part in sorted(parts):
            if part in self._refused:
                raise self._refused[part].again()

    def _note_refusal(
        self, request: Request, parts: frozenset[Part], error: ParameterRejected
    ) -> None:
        """Remember a refused value, so that calls that wait with the same one are not sent."""
        # Beside another setting, or without reasoning, the model may take it.
        if error.beside is not None or error.while_reasoning:
            self._conditional[parts] = error
            return
        for part in self._untaken(parts_of(request, range(1))):
            if part[0] == error.parameter:
                self._refused[part] = error

    async def _explain(
        self,
        request: Request,
        numbers: range,
        parts: frozenset[Part],
        error: RequestRefused,
    ) -> list[Completion]:
        """Find the setting that a refusal without a reason is about.

        Returns:
            The draws, where only the number of answers was refused.

        Raises:
            ParameterRejected: a setting is to blame.
            RequestRefused: as it came, where no setting is.
        """
        new = _settings(self._untaken(parts))
        if any(name == "n" for name, _ in new):
            first = await self._probe(request, numbers[:1], error)
            if first is not None:
                self._capabilities.refuse(request.service, request.model, "n")
                rest = numbers[len(first) :]
                return first + await self._inner.complete(request, rest)
        names = [name for name, _ in sorted(new) if name != "n"]
        culprit = await self._culprit(request, names, error)
        if culprit is None and await self._takes_with_another_cap(request, error):
            culprit = "max_tokens"
        if culprit is None:
            # The prompt may be to blame, so another one may pass with the same settings.
            self._unexplained[parts][request.prompt] = str(error)
            raise error
        refusal = self._refusal(culprit, error)
        for part in parts:
            if part[0] == culprit:
                self._refused[part] = refusal
        raise refusal from error

    async def _culprit(
        self, request: Request, names: Sequence[str], error: RequestRefused
    ) -> str | None:
        """Return the setting with which a call is refused and without which it is not."""
        if not names:
            return None
        asked = _without(request, names)
        if await self._probe(asked, range(1), error, of=request) is None:
            return None
        for place, name in enumerate(names[:-1]):
            # All but those that are still to be added.
            asked = _without(request, names[place + 1 :])
            if await self._probe(asked, range(1), error, of=request) is None:
                return name
        return names[-1]

    async def _takes_with_another_cap(
        self, request: Request, error: RequestRefused
    ) -> bool:
        """Return True if a call is answered with another max_tokens, and its own was never taken.

        The other one is the largest that the model has taken.
        """
        taken = self._taken.largest_cap()
        own = ("max_tokens", str(request.max_tokens))
        if taken is None or own in self._taken:
            return False
        asked = replace(request, max_tokens=taken)
        return await self._probe(asked, range(1), error, of=request) is not None

    async def _probe(
        self,
        request: Request,
        numbers: range,
        error: RequestRefused,
        *,
        of: Request | None = None,
    ) -> list[Completion] | None:
        """Ask a call in another form; return None where it is refused as well.

        Args:
            request: the call.
            numbers: the draws.
            error: the refusal that is to be explained; raised where the question has no answer.
            of: the request that it stands in for: its examples own the answer, too.
        """
        held = self._store.draws(request, numbers)
        draws = [held[number] for number in numbers if number in held]
        if len(draws) < len(numbers):
            if of is not None:
                self._store.share_uses(of, request)
            try:
                draws = await self._inner.complete(request, numbers)
            except (RequestRefused, ParameterRejected):
                return None
            except TuneError:
                raise error from None
        self._take(parts_of(request, numbers))
        return draws

    def _refusal(self, name: str, error: RequestRefused) -> ParameterRejected:
        """Return the error that blames a setting.

        Only its value is blamed, because another one may be taken. What follows must not depend on
        what this process remembers, or a resumed study would be another one.
        """
        difference = "with another one" if name == "max_tokens" else f"without {name}"
        words = (
            f"{error} (the same call was answered {difference}, so {name} is refused)"
        )
        return ValueRejected(words, name)


def _settings(parts: frozenset[Part]) -> frozenset[Part]:
    """Return the parts of a call without its cap: no call goes out without one."""
    return frozenset(part for part in parts if part[0] != "max_tokens")


def _has(request: Request, name: str) -> bool:
    """Tell whether a request has a setting."""
    return name in dict(request.settings) or (name == "stop" and bool(request.stop))


def _without(request: Request, names: Sequence[str]) -> Request:
    """Return a request without some of its settings."""
    settings = tuple(each for each in request.settings if each[0] not in names)
    stop = () if "stop" in names else request.stop
    return replace(request, settings=settings, stop=stop)
