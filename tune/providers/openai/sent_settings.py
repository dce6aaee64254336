"""The settings of a request as they are sent, with the fields of `extra_body` among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tune.completion import Request, Structured
from tune.errors import ParameterRejected, ProviderError, ValueRejected
from tune.providers.capabilities import REPLACEMENTS
from tune.providers.openai.refusals import WHOLE_NUMBERS
from tune.space.named_values import MERGED


def sent_settings(request: Request) -> dict[str, Any]:
    """Return the settings of a request as they are sent."""
    sent: dict[str, Any] = {}
    for name, setting in request.settings:
        value = setting.value if isinstance(setting, Structured) else setting
        if name == MERGED and isinstance(value, dict):
            sent |= value
        else:
            sent[name] = value
    return sent


def as_refused_value(
    fault: ProviderError | None, request: Request
) -> ProviderError | None:
    """Return a refusal of a field in `extra_body` as one of this value of it."""
    if not isinstance(fault, ParameterRejected):
        return fault
    settings = dict(request.settings)
    merged = settings.get(MERGED)
    inside = isinstance(merged, Structured) and fault.parameter in merged.value
    if inside and fault.parameter not in settings:
        return ValueRejected(str(fault), parameter=MERGED)
    return fault


def exclude_refused(fault: ValueRejected, sent: Mapping[str, Any]) -> None:
    """Move a stated bound past the whole number that was refused, if it is that number.

    "n should be less than 5" refuses 5 as well. Else the same call would be sent again.
    Other settings keep their bound: the next value above 0 is not 1 for a temperature.

    Args:
        fault: the refusal; its bounds are changed.
        sent: the body that was refused.
    """
    name = fault.parameter
    if name not in WHOLE_NUMBERS:
        return
    value = sent.get(name, sent.get(REPLACEMENTS.get(name, name)))
    # Of stop strings, the bound is about their number.
    size = len(value) if isinstance(value, list) else value
    if isinstance(size, bool) or not isinstance(size, int):
        return
    if fault.high == size:
        fault.high = size - 1
    if fault.low == size:
        fault.low = size + 1
