"""The request that a configuration sends: the search and the runtime make it here."""

from __future__ import annotations

from collections.abc import Mapping

from tune.completion import Message, Request, Setting
from tune.space import Value, settings_of
from tune.space.named_values import NamedValues


def make_request(
    point: Mapping[str, Value],
    *,
    named: NamedValues,
    service: str,
    model: str,
    prompt: str | tuple[Message, ...],
    cap: int,
    stop: tuple[str, ...],
    passed: str = "",
) -> Request:
    """Return the request of a configuration, or of a point of the space.

    Args:
        point: its values; only settings that the model takes by name are sent.
        named: the values of settings that are tables or lists.
        service: as `Request.service` has it.
        model: the model's name as the service knows it.
        prompt: the rendered prompt.
        cap: the most tokens of an answer.
        stop: the stop strings.
        passed: further fields of the body, as `Request.passed` has them.
    """
    settings: dict[str, Setting] = {}
    for name, value in settings_of(point).items():
        sent = named.sent(name, value)
        if sent is not None:
            settings[name] = sent
    return Request(
        service=service,
        model=model,
        prompt=prompt,
        max_tokens=cap,
        stop=stop,
        # Sorted, because the request's key in the store depends on it.
        settings=tuple(sorted(settings.items())),
        passed=passed,
    )
