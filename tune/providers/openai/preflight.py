"""Check, before any money is spent, that a service lets us in and has the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from tune.errors import EndpointError, TransientError
from tune.providers.openai.error_body import error_codes, error_words
from tune.providers.openai.errors import error_of_response, one_line
from tune.providers.openai.exchange import Exchange, HttpReply

# Seconds after which a check is given up.
_LIMIT = 30.0

# Characters of the models that a message lists.
_MOST_SHOWN = 120


async def check_model(exchange: Exchange, model: str) -> str:
    """Check that the key is let in and the model is there.

    A server without a list of models is taken on trust. A model that the list leaves out is used
    all the same, unless the server says in as many words that there is no such model.

    Args:
        exchange: sends requests to the service.
        model: the model's name as the service knows it.

    Returns:
        A sentence where the list leaves the model out, else "".

    Raises:
        EndpointError: wrong key, unknown model, or no server; the message says where.
    """
    try:
        reply = await exchange.send("/models", limit=min(exchange.timeout, _LIMIT))
    except TransientError as error:
        raise EndpointError(
            f"{error}; check the base URL, and that the server runs"
        ) from None
    _check_let_in(exchange, reply)
    names = listed_models(reply.body)
    if not names or any(is_same_model(model, name) for name in names):
        return ""
    shown = exchange.access.scrubber.words(", ".join(sorted(names)))
    shown = one_line(shown, _MOST_SHOWN)
    try:
        reply = await exchange.send(f"/models/{quote(model, safe='/:')}", limit=_LIMIT)
    except TransientError:
        return ""
    if reply.status == 404 and _says_no_such_model(reply.body):
        fault = error_of_response(404, reply.headers, reply.body, who=exchange.who)
        raise EndpointError(f"{fault}; it has {shown}")
    if reply.status < 400:
        return ""
    return (
        f"{exchange.who} is not among the models that are listed there "
        f"({shown}), and may not exist"
    )


def _check_let_in(exchange: Exchange, reply: HttpReply) -> None:
    """Check that the reply neither refuses the key nor sends us elsewhere.

    Raises:
        EndpointError: it does.
    """
    # Gemini answers 400 to a wrong key.
    keyless = reply.status == 400 and "key" in error_words(reply.body).lower()
    redirect = 300 <= reply.status < 400
    if not (keyless or redirect or reply.status in (401, 402, 403)):
        return
    fault = error_of_response(reply.status, reply.headers, reply.body, who=exchange.who)
    hint = "" if redirect else exchange.access.hint
    # Servers quote the key that was not there: "Incorrect API key provided: .".
    if hint and (keyless or reply.status == 401):
        fault = EndpointError(f"{exchange.who} asks for a key")
    raise EndpointError(f"{fault}{hint}")


def listed_models(body: object) -> list[str]:
    """Return the names in a list of models; empty where there is none that can be read."""
    entries = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(entries, list):
        return []
    names = [entry.get("id") for entry in entries if isinstance(entry, Mapping)]
    return [name for name in names if isinstance(name, str)]


def is_same_model(ours: str, listed: str) -> bool:
    """Tell whether a listed name means our model.

    Gemini lists `models/x`, Ollama `x:latest`, and OpenRouter `x` for `x:free`.
    """
    ours, listed = ours.removeprefix("models/"), listed.removeprefix("models/")
    return listed in (ours, f"{ours}:latest", ours.partition(":")[0])


def _says_no_such_model(body: object) -> bool:
    if "model_not_found" in error_codes(body):
        return True
    words = error_words(body).lower()
    denied = re.search(r"not exist|not found|unknown|no such|access", words)
    return bool(denied and re.search(r"\bmodel\b", words))
