"""Named values: settings that are tables or lists, such as `response_format` and `tools`.

A space searches their names, and a request has the values themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tune.completion import Setting, Structured
from tune.errors import SpaceError
from tune.space.domain import Choice, Domain
from tune.space.values import Value

MERGED = "extra_body"
"""The setting whose fields become fields of the request."""

RESERVED = frozenset(
    {
        "best_of",
        "max_completion_tokens",
        "max_new_tokens",
        "max_output_tokens",
        "max_tokens",
        "messages",
        "model",
        "models",
        "n",
        "n_predict",
        "num_predict",
        "prompt",
        "seed",
        "stop",
        "stream",
        "stream_options",
    }
)
"""Fields of a request that tune decides itself, since they decide what a call costs."""


class NamedValues:
    """The values of the settings that are tables or lists, by setting and name.

    An empty table leaves the setting out.
    """

    def __init__(self) -> None:
        self._values: dict[str, dict[str, Any]] = {}

    @classmethod
    def of_record(
        cls, config: Mapping[str, Value], values: Mapping[str, Any]
    ) -> NamedValues:
        """Return the values of one configuration, as `of_config` gave them."""
        found = cls()
        for setting, value in values.items():
            found.read(setting, {str(config[setting]): value})
        return found

    def copied(self) -> NamedValues:
        """Return an equal object; what is added to one is not added to the other."""
        other = NamedValues()
        other._values = {name: dict(values) for name, values in self._values.items()}
        return other

    def read(self, setting: str, given: Any) -> Any:
        """Take in a table of named values, and return their names; return anything else unchanged.

        Raises:
            SpaceError: a value cannot be sent, or a name is empty or has two values.
        """
        # The values of `stop` are lists themselves, and have no names.
        if not _is_table(given) or setting == "stop":
            return given
        for name, value in given.items():
            _check(setting, value)
            if name == "":
                raise SpaceError(f"{setting} has a value with an empty name")
            known = self._values.setdefault(setting, {})
            if known.setdefault(str(name), value) != value:
                raise SpaceError(f"{setting} has two values named {name!r}")
        return [str(name) for name in given]

    def name(self, setting: str, value: Any) -> Value:
        """Return the value that a domain has for one given without a name, and take it in.

        Its name is its type, where it has one, or else a number.
        """
        if not isinstance(value, Mapping | list) or setting == "stop":
            return value  # type: ignore[no-any-return]
        _check(setting, value)
        known = self._values.setdefault(setting, {})
        for name, other in known.items():
            if other == value:
                return name
        name = str(value.get("type", "")) if isinstance(value, Mapping) else ""
        if not name or name in known:
            name = f"{name or 'value'} {len(known) + 1}"
        known[name] = value
        return name

    def check(self, setting: str, domain: Domain | None) -> None:
        """Check that a domain of a setting with named values has only known names.

        Raises:
            SpaceError: a name is unknown.
        """
        known = self._values.get(setting)
        if known is None or domain is None:
            return
        unknown = [value for value in domain.values if value not in (*known, None)]
        if unknown or not isinstance(domain, Choice):
            raise SpaceError(
                f"{setting} has the named values {list(known)}, but got {unknown or domain}"
            )

    def dump(self, setting: str, dumped: Any) -> Any:
        """Return the domain of a setting with its values, as `read` takes it."""
        known = self._values.get(setting)
        if not known or not dumped or not isinstance(dumped, list):
            return dumped
        # None leaves the setting out, as an empty table does.
        return {str(name or "none"): known.get(name, {}) for name in dumped}

    def sent(self, setting: str, value: Value) -> Setting | None:
        """Return what a request has for a value of a domain; None leaves the setting out."""
        named = self.value(setting, value)
        if named is None:
            return value  # type: ignore[return-value]
        return Structured.of(named) if named else None

    def of_config(self, config: Mapping[str, Value]) -> dict[str, Any]:
        """Return the values that a configuration has by name, by setting."""
        found: dict[str, Any] = {}
        for setting, name in config.items():
            value = self.value(setting, name)
            if value is not None:
                found[setting] = value
        return found

    def value(self, setting: str, name: Value) -> Any:
        """Return the value of a name; None where it is no name."""
        return self._values.get(setting, {}).get(name)  # type: ignore[arg-type]


def _is_table(given: Any) -> bool:
    """Tell whether a domain is a table of named values."""
    if not isinstance(given, Mapping) or not given:
        return False
    return all(isinstance(value, Mapping | list) for value in given.values())


def _check(setting: str, value: Any) -> None:
    """Check that a value can be sent, and leaves to tune what decides the cost of a call.

    Raises:
        SpaceError: it cannot, or does not.
    """
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise SpaceError(
            f"a value of {setting} is a table or a list of what JSON knows, but got {value!r}"
        ) from None
    if setting == MERGED:
        reserved = sorted(RESERVED & set(value))
        if not isinstance(value, Mapping) or reserved:
            raise SpaceError(
                f"a value of {setting} is a table of fields of the request without those that "
                f"tune sends itself, but got {reserved or value!r}"
            )
