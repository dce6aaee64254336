"""Look up afterwards what a service billed for a call, by the name that it gave the call."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from urllib.parse import quote

from tune.pricing.prices import to_picodollars

# The name goes into URLs, files and messages, so only these characters are taken.
_NAME = re.compile(r"[\w.:-]{1,200}")
# The field of the name in JSON that broke off.
_ID = re.compile(r'"id"\s*:\s*"([^"\\]{1,200})"')


def name_call(headers: Mapping[str, str], body: object) -> str:
    """Return the name of a call as KIND:NAME; "" where it has none.

    The kind says which service can be asked for the bill by that name. OpenRouter names a call in
    the header X-Generation-Id and as `id` (gen-...), also where the answer is an error. LiteLLM's
    proxy logs a call by the `id` of its answer, and by x-litellm-call-id where there was none.
    Other services do not tell a call's bill by name; their name of the call is kept for a user who
    asks them in words.

    Args:
        headers: the response's headers, with names in lower case.
        body: decoded where it is JSON, else text, which may break off.
    """
    own = _id_in(body)
    if "x-generation-id" in headers or own.startswith("gen-"):
        return _safe("generation", headers.get("x-generation-id") or own)
    if "x-litellm-call-id" in headers:
        return _safe("spend", own or headers["x-litellm-call-id"])
    return _safe("call", headers.get("x-request-id") or own)


def bill_url(base_url: str, call: str) -> str | None:
    """Return the address that tells the bill of a call, or None where no service tells it.

    See https://openrouter.ai/docs/api-reference/get-a-generation and
    https://docs.litellm.ai/docs/proxy/cost_tracking.
    """
    kind, _, name = call.partition(":")
    if kind == "generation":
        return f"{base_url}/generation?id={quote(name, safe='')}"
    if kind == "spend":
        return f"{base_url.removesuffix('/v1')}/spend/logs?request_id={quote(name, safe='')}"
    return None


def read_bill(call: str, body: object) -> int | None:
    """Return the picodollars that a service billed for a call; None where its answer does not say.

    Args:
        call: the name of the call, as `name_call` returns it.
        body: the decoded answer from the address in `bill_url`.
    """
    if call.startswith("generation:"):
        data = body.get("data") if isinstance(body, Mapping) else None
        if not isinstance(data, Mapping):
            return None
        vendor: float | None = 0.0
        if data.get("is_byok"):
            # The user brought a key of the vendor: its bill comes on top of OpenRouter's fee.
            vendor = _dollars(data.get("upstream_inference_cost"))
        return _sum([_dollars(data.get("total_cost")), vendor])
    # LiteLLM answers with the rows of its log that have this name.
    if not isinstance(body, list) or not body:
        return None
    return _sum(list(map(_spend, body)))


def _spend(row: object) -> float | None:
    """Return the dollars of one row of LiteLLM's log, or None where it does not know them."""
    if not isinstance(row, Mapping):
        return None
    spent = _dollars(row.get("spend"))
    # LiteLLM writes 0 where it knows no price of the model.
    if spent == 0 and row.get("total_tokens"):
        return None
    return spent


def _dollars(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < math.inf else None


def _sum(parts: list[float | None]) -> int | None:
    """Return the sum of dollars as picodollars; None where one of them is not known."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return sum(map(to_picodollars, known))


def _id_in(body: object) -> str:
    """Return the `id` in a body, or ""; a text may be JSON that broke off."""
    if isinstance(body, Mapping):
        stated = body.get("id")
        return stated if isinstance(stated, str) else ""
    if isinstance(body, str) and (found := _ID.search(body)):
        return found[1]
    return ""


def _safe(kind: str, name: str) -> str:
    """Return the name with its kind; "" where the name is not harmless."""
    if not _NAME.fullmatch(name):
        return ""
    return f"{kind}:{name}"
