"""Open the endpoints of model entries. A new kind of provider is added in `open_endpoint`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeAlias

from tune.completion import Endpoint
from tune.errors import EndpointError
from tune.pricing.prices import Price
from tune.providers.capabilities import Capabilities
from tune.providers.entries import Entry
from tune.providers.model_rules import endpoint_rules
from tune.providers.shared import Shared
from tune.providers.stack import Service, StackContext, build_stack

if TYPE_CHECKING:
    from tune.providers.openai.endpoint import OpenAIEndpoint

OnLost: TypeAlias = Callable[[str, str], object]
"""Called for a model that does not answer, with its name and the words of its endpoint."""


def open_endpoint(
    entry: Entry,
    capabilities: Capabilities,
    progress: Callable[[str], None] = lambda _: None,
) -> Endpoint:
    """Return the endpoint of an entry; nothing is sent or loaded yet.

    Args:
        entry: the model.
        capabilities: what was seen of models.
        progress: called with a few words on what takes a while, such as loading a model.
    """
    if entry.local:
        from tune.providers.local.endpoint import LocalEndpoint

        return LocalEndpoint(entry.model, progress=progress)
    first, *others = entry.places
    endpoint = _open_place(first, capabilities, first.alias)
    if not others:
        return endpoint
    # Under the name of the first, so that the places share their draws.
    more = [_open_place(place, capabilities, endpoint.service) for place in others]
    return Shared([endpoint, *more])


def _open_place(
    entry: Entry, capabilities: Capabilities, service: str | None
) -> OpenAIEndpoint:
    from tune.providers.openai.endpoint import OpenAIEndpoint

    return OpenAIEndpoint(
        entry.model,
        base_url=entry.base_url,
        api_key=entry.api_key,
        key_env=entry.key_env,
        timeout=entry.timeout,
        capabilities=capabilities,
        alias=service,
        extra_headers=entry.headers,
        extra_query=entry.query,
        allow_http=entry.allow_http,
        client=entry.client,
        rules=endpoint_rules(entry),
    )


async def open_services(
    entries: Mapping[str, Entry],
    prices: Mapping[str, Price],
    context: StackContext,
    *,
    judge: bool = False,
    aside: Collection[str] = (),
    lost: OnLost | None = None,
) -> dict[str, Service]:
    """Open models and check that they answer, before anything is bought.

    Args:
        entries: the models by name.
        prices: their prices by the same names.
        context: what the stacks of a study share.
        judge: as for `build_stack`.
        aside: models that are not asked any more.
        lost: called for each model that does not answer, as long as another one does. Without it,
            every model must answer.

    Raises:
        InputError: a model cannot be loaded.
        EndpointError: wrong key, no such model, unreachable; in the endpoint's own words.
    """
    endpoints: dict[str, Endpoint] = {}
    for name, entry in entries.items():
        endpoints[name] = open_endpoint(entry, context.capabilities, context.progress)
    # Closes the endpoints, whatever goes wrong before all of them have answered.
    async with AsyncExitStack() as opened:
        for endpoint in endpoints.values():
            opened.push_async_callback(endpoint.close)
        tried = {
            name: endpoint for name, endpoint in endpoints.items() if name not in aside
        }
        for warning in await _preflight(tried, lost):
            context.notice(warning)
        opened.pop_all()
    services: dict[str, Service] = {}
    for name, entry in entries.items():
        services[name] = build_stack(
            entry, endpoints[name], prices[name], context, judge=judge
        )
    return services


async def _preflight(
    endpoints: Mapping[str, Endpoint], lost: OnLost | None
) -> list[str]:
    """Check which models answer.

    Returns:
        Sentences on what may go wrong with the models that answer.

    Raises:
        The first fault, where no model answers or where every model must.
    """
    checks = [endpoint.preflight() for endpoint in endpoints.values()]
    results = await asyncio.gather(*checks, return_exceptions=True)
    faults: dict[str, BaseException] = {}
    warnings: list[str] = []
    for name, result in zip(endpoints, results, strict=True):
        if isinstance(result, BaseException):
            faults[name] = result
        elif result:
            warnings.append(result)
    # Only an endpoint's own fault may cost just one model; others, such as a model file that cannot
    # be read, are for the user to fix.
    for fault in faults.values():
        if not isinstance(fault, EndpointError):
            raise fault
    if faults and (lost is None or len(faults) == len(endpoints)):
        raise next(iter(faults.values()))
    for name, fault in faults.items():
        assert lost is not None
        lost(name, str(fault))
    return warnings


async def close_services(services: Mapping[str, Service]) -> None:
    """Release connections, threads and memory."""
    closing = [service.endpoint.close() for service in services.values()]
    await asyncio.gather(*closing)
