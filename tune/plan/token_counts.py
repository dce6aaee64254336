"""Counting the tokens of prompts: exactly with the tokenizer, else by pieces of words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from tune.completion import Endpoint, Request
from tune.providers.capabilities import Capabilities
from tune.providers.entries import Entry
from tune.providers.model_rules import endpoint_rules

_PIECE = re.compile(r"\w+|[^\w\s]")

_LONGEST_PIECE = 6
"""Bytes of a word that are about one token, in any script."""

_AROUND_CHAT, _AROUND_MESSAGE = 3, 4
"""Tokens that the templates of chat models add to a chat, and to each message."""


def offline_endpoints(
    entries: Mapping[str, Entry], capabilities: Capabilities | None = None
) -> dict[str, Endpoint]:
    """Return endpoints that count tokens and are never called: no key and no network is needed.

    Args:
        entries: the models by name.
        capabilities: what was seen of models, if anything.
    """
    return {
        name: _offline_endpoint(entry, capabilities) for name, entry in entries.items()
    }


def _offline_endpoint(entry: Entry, capabilities: Capabilities | None) -> Endpoint:
    if entry.local:
        from tune.providers.local.endpoint import LocalEndpoint

        # Imports are here because openvino takes a second, and most runs have no local model.
        return LocalEndpoint(entry.model)
    from tune.providers.openai.endpoint import OpenAIEndpoint

    return OpenAIEndpoint(
        entry.model,
        base_url=entry.base_url,
        # A key must be there for the client to be made. Nothing is sent with it.
        # The constructor asks for a key; without one, it would look into the environment.
        api_key="never-sent",
        capabilities=capabilities,
        alias=entry.alias,
        # Nothing travels, so nothing has to be encrypted.
        allow_http=True,
        client=entry.client,
        rules=endpoint_rules(entry),
    )


def prompt_tokens(endpoint: Endpoint, entry: Entry, request: Request) -> int:
    """Return the tokens of a prompt: exactly for a model on this machine, else as estimated."""
    # A model on this machine has its tokenizer here, so its bound is exact.
    bound = endpoint.most_prompt_tokens(request)
    return bound if entry.local else likely_tokens(request, bound)


def likely_tokens(request: Request, bound: int) -> int:
    """Return about how many tokens a prompt has without its tokenizer: words, long ones in pieces.

    Args:
        request: holds the prompt.
        bound: the most tokens that it can have.
    """
    prompt = request.prompt
    if isinstance(prompt, str):
        return min(bound, text_tokens(prompt))
    around = _AROUND_CHAT + _AROUND_MESSAGE * len(prompt)
    return min(bound, around + sum(text_tokens(message.content) for message in prompt))


def text_tokens(text: str) -> int:
    """Return about how many tokens a text has."""
    # Bytes, not characters: tokenizers split other scripts into more tokens.
    # Bytes rather than letters: letters of most scripts take more tokens than Latin ones.
    sizes = (
        len(piece.encode("utf-8", "surrogatepass")) for piece in _PIECE.findall(text)
    )
    return sum(math.ceil(size / _LONGEST_PIECE) for size in sizes)
