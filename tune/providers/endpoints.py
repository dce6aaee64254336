"""From model entries to endpoints that answer: here a new kind of provider is added.

`open_endpoint` says which class serves an entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from typing import TypeAlias

from tune.completion import Endpoint
from tune.errors import EndpointError
from tune.pricing.prices import Price
from tune.providers.entries import Entry
from tune.providers.stack import Service, StackContext, build_stack


def open_endpoint(entry: Entry, access: StackContext) -> Endpoint:
    """The endpoint of an entry; nothing is sent or loaded yet."""
    if entry.local:
        from tune.providers.local.endpoint import LocalEndpoint

        return LocalEndpoint(entry.model, progress=access.progress)
    from tune.providers.openai.endpoint import OpenAIEndpoint

    return OpenAIEndpoint(
        entry.model,
        base_url=entry.base_url,
        key_env=entry.key_env,
        timeout=entry.timeout,
        capabilities=access.capabilities,
        alias=entry.alias,
        extra_headers=entry.headers,
        allow_http=entry.allow_http,
    )


OnLost: TypeAlias = Callable[[str, str], object]
"""Told of a model that does not answer: its name and the words of its endpoint."""


async def open_services(
    entries: Mapping[str, Entry],
    prices: Mapping[str, Price],
    access: StackContext,
    *,
    judge: bool = False,
    aside: Collection[str] = (),
    lost: OnLost | None = None,
) -> dict[str, Service]:
    """Open models and see that they answer, before anything is bought.

    Args:
        judge: as for `build_stack`. aside: models that are not asked any more. lost: told of each
        model that does not answer, as long as another one does; without it, none may be lost.

    Raises:
        InputError: a model cannot be loaded.
        EndpointError: wrong key, no such model, unreachable; in the endpoint's own words.
    """
    endpoints = {name: open_endpoint(entry, access) for name, entry in entries.items()}
    async with (
        AsyncExitStack() as opened
    ):  # closes them, whatever goes wrong before all have answered
        for endpoint in endpoints.values():
            opened.push_async_callback(endpoint.close)
        tried = {name: endpoint for name, endpoint in endpoints.items() if name not in aside}
        for doubt in await _preflight(tried, lost):
            access.notice(doubt)
        opened.pop_all()
    return {
        name: build_stack(entry, endpoints[name], prices[name], access, judge=judge)
        for name, entry in entries.items()
    }


async def _preflight(endpoints: Mapping[str, Endpoint], lost: OnLost | None) -> list[str]:
    """See which models answer; raises the first fault where none does, or where none may be lost.

    Returns:
        What may go wrong with those that do, in sentences.
    """
    found = await asyncio.gather(
        *(endpoint.preflight() for endpoint in endpoints.values()), return_exceptions=True
    )
    faults = {
        name: fault
        for name, fault in zip(endpoints, found, strict=True)
        if isinstance(fault, BaseException)
    }
    grave = [fault for fault in faults.values() if not isinstance(fault, EndpointError)]
    if grave:
        raise grave[0]
    if faults and (lost is None or len(faults) == len(endpoints)):
        raise next(iter(faults.values()))
    for name, fault in faults.items():
        assert lost is not None
        lost(name, str(fault))
    return [said for said in found if isinstance(said, str) and said]


async def close_services(services: Mapping[str, Service]) -> None:
    """Release connections, threads and memory."""
    await asyncio.gather(*(service.endpoint.close() for service in services.values()))
