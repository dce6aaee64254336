"""The models that a server on this machine or in a private network offers."""

from __future__ import annotations

from tune.errors import InputError, ProviderError
from tune.providers.base_url import is_private, parse_url
from tune.providers.openai.access import resolve_access
from tune.providers.openai.exchange import Exchange
from tune.providers.openai.preflight import listed_models
from tune.safety.background import run_apart

# Seconds after which the question is given up: a server nearby answers at once or never.
_LIMIT = 5.0

_MOST_NAMED = 20


def is_nearby(base_url: str) -> bool:
    """Tell whether an address is on this machine or in a private network."""
    return is_private(str(parse_url(base_url).hostname))


def served_models(
    base_url: str, key_env: str | None = None, *, allow_http: bool = False
) -> list[str]:
    """Ask a server for its models. That costs nothing.

    Args:
        base_url: the address of the server.
        key_env: the environment variable that holds its key, where it needs one.
        allow_http: whether the key may go unencrypted through networks that are not private.

    Returns:
        Their names in order; empty where the server has no list.

    Raises:
        InputError: the server does not answer.
    """
    return run_apart(_ask(base_url, key_env, allow_http=allow_http))


async def _ask(base_url: str, key_env: str | None, *, allow_http: bool) -> list[str]:
    access = resolve_access(base_url, None, key_env, {}, allow_http=allow_http)
    exchange = Exchange(access, access.url, _LIMIT)
    try:
        reply = await exchange.send("/models")
    except ProviderError as error:
        raise InputError(
            f"no model is named, and the server cannot be asked for its models: {error}"
        ) from None
    finally:
        await exchange.close()
    return sorted(listed_models(reply.body))


def offer_models(base_url: str, names: list[str]) -> str:
    """Return the sentence that offers the models of a server to somebody who named none."""
    if not names:
        return f"no model is named for {base_url}: name one with --model NAME"
    shown = ", ".join(names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (
        f"no model is named for {base_url}, which has {shown}{more}: "
        f"name one or several, as in --model {names[0]} (--model may be repeated)"
    )
