"""Completions as rows of the store's table of draws."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tune.completion import Completion

COMPLETION = (
    "text, finish_reason, prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, "
    "seconds, model, tier, token_ends, logprobs"
)
"""The columns of a completion."""


def row_columns(completion: Completion) -> tuple[Any, ...]:
    """Return the values of the columns `COMPLETION`."""
    ends, logprobs = completion.token_ends, completion.logprobs
    return (
        bindable(completion.text),
        bindable(completion.finish_reason),
        completion.prompt_tokens,
        completion.completion_tokens,
        completion.reasoning_tokens,
        completion.cached_tokens,
        completion.seconds,
        bindable(completion.model),
        bindable(completion.tier),
        None if ends is None else json.dumps(ends, separators=(",", ":")),
        None if logprobs is None else json.dumps(logprobs, separators=(",", ":")),
    )


def completion_of(row: Sequence[Any]) -> Completion:
    """Return the completion that the columns `COMPLETION` hold."""
    (
        text,
        finish_reason,
        prompt,
        taken,
        reasoning,
        cached,
        seconds,
        model,
        tier,
        ends,
        logprobs,
    ) = row
    return Completion(
        text=_readable(text),
        finish_reason=_readable(finish_reason),
        prompt_tokens=prompt,
        completion_tokens=taken,
        reasoning_tokens=reasoning,
        cached_tokens=cached,
        seconds=seconds,
        model=_readable(model),
        tier=_readable(tier),
        token_ends=None if ends is None else _token_ends(ends),
        logprobs=None if logprobs is None else tuple(json.loads(logprobs)),
    )


# Short answers repeat, and reading JSON takes most of the time of reading a draw.
@lru_cache(maxsize=4096)
def _token_ends(text: str) -> tuple[int, ...]:
    return tuple(json.loads(text))


def bindable(text: str) -> str | bytes:
    """Return a text as SQLite takes it: as bytes if it has half surrogate pairs.

    Models send such halves, and UTF-8 has no form for them.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def _readable(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")
