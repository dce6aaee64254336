"""The settings of a request as they are sent, with the fields of `extra_body` among them."""

from __future__ import annotations

from typing import Any

from tune.completion import Request, Structured
from tune.errors import ParameterRejected, ProviderError, ValueRejected
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
