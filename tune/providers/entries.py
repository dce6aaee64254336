"""Model entries: everything that a user says of one model, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tune.errors import InputError
from tune.pricing.prices import Price, is_pair, read_price
from tune.providers.base_url import parse_url, public_url, resolved_url
from tune.providers.openai.access import Headers, key_variable
from tune.providers.openai.user_client import check_client, client_url
from tune.providers.stated_rules import read_takes
from tune.safety.redact import looks_like_key, secret_name

LOCAL = "local:"
"""The beginning of the name of a model that runs in this process."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_FIELDS = {
    "name",
    "model",
    "base_url",
    "key_env",
    "price",
    "alias",
    "requests_per_minute",
    "tokens_per_minute",
    "timeout",
    "headers",
    "allow_http",
    "max_output",
    "client",
    "takes",
}

# Fields whose part a client takes.
_OF_CLIENT = ("base_url", "key_env", "headers", "allow_http")

# Fields of AutoGen's config lists that say nothing to us.
_IGNORED_FIELDS = {"tags", "api_type"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One model that a space may name, as in an entry of AutoGen's config list.

    Attributes:
        name: the name that the space uses.
        model: the name that the service uses; `local:...` runs in this process.
        base_url: an OpenAI-compatible endpoint; None is OpenAI's own.
        key_env: the environment variable that holds the API key. A key itself is never part of an
            entry. None is OPENAI_API_KEY where that is meant for the host
            (`tune.providers.openai.access.receives_openai_key`), else no key.
        price: dollars per million tokens, where stated.
        alias: entries with one alias share their draws (the regions or the keys of one model).
        requests_per_minute: the most requests per minute, where the account has a limit.
        tokens_per_minute: the most tokens per minute.
        timeout: seconds after which a call is given up.
        max_output: the most tokens that an answer can be billed, for a model that bills more than
            its cap.
        headers: sent with each call, by name. `{"env": VARIABLE}` stands for the value of a
            variable, as a secret is never part of an entry.
        allow_http: whether a key may go unencrypted through networks that are not private.
        takes: what the user says that the model takes, by the fields of
            `tune.providers.model_rules.ModelRules`.
        client: a client of OpenAI's package that the user has configured, which sends the calls. It
            has its own key. It lives as long as this process, and no file holds it.

    Raises:
        InputError: a field looks like a key, or a header cannot be read.
    """

    name: str
    model: str
    base_url: str | None = None
    key_env: str | None = None
    price: Price | None = None
    alias: str | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout: float = 120.0
    max_output: int | None = None
    headers: Headers = field(default_factory=dict)
    allow_http: bool = False
    takes: Mapping[str, Any] = field(default_factory=dict)
    client: Any = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        for field_name, value, named in (
            ("name", self.name, False),
            ("model", self.model, False),
            ("base_url", public_url(self.base_url or None), False),
            ("key_env", self.key_env, True),
            ("alias", self.alias, True),
        ):
            if isinstance(value, str) and looks_like_key(value, named=named):
                raise InputError(
                    f"the field {field_name} of a model looks like a key, and it is shown in "
                    f"files and reports: put the key into the environment and name its variable "
                    f"in key_env"
                )
        if self.key_env is not None and not _VARIABLE.fullmatch(str(self.key_env)):
            # The value is not shown: it may be a key.
            raise InputError(
                "key_env is the name of an environment variable, in letters, digits and underscores"
            )
        for header, content in self.headers.items():
            _check_header(header, content)

    @property
    def key_variable(self) -> str | None:
        """The environment variable that holds the key for this model; None where no key is sent."""
        if self.local or self.client is not None:
            return None
        return key_variable(self.base_url, self.key_env)

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables whose values are sent with each call."""
        key = self.key_variable
        keys = [] if key is None else [key]
        named = [
            value["env"]
            for value in self.headers.values()
            if not isinstance(value, str)
        ]
        return (*keys, *named)

    @property
    def host(self) -> str:
        """The host that calls go to, with the port."""
        if self.local:
            return "this process"
        # A netloc may begin with user:password@.
        return parse_url(resolved_url(self.base_url)).netloc.rpartition("@")[2]

    @property
    def local(self) -> bool:
        """True where the model runs in this process."""
        return self.model.startswith(LOCAL)


def _check_header(name: str, value: Any) -> None:
    """Check that a header is a harmless text, or names the variable that holds it.

    Raises:
        InputError: it is something else; its value is not shown.
    """
    if isinstance(value, str):
        harmless = not secret_name(name) and not looks_like_key(value, named=True)
    else:
        harmless = _names_variable(value) and not looks_like_key(
            value["env"], named=True
        )
    if not harmless:
        raise InputError(
            f"the header {name!r} of a model holds what may be a secret: put it into the "
            f'environment and write {{env = "VARIABLE"}} in its place'
        )


def _names_variable(value: Any) -> bool:
    """Tell whether a header's value is `{"env": VARIABLE}`."""
    if not isinstance(value, Mapping) or set(value) != {"env"}:
        return False
    return bool(_VARIABLE.fullmatch(str(value["env"])))


def read_entries(records: Mapping[str, Any] | Sequence[Any] | str) -> dict[str, Entry]:
    """Read model entries: a mapping by name (`[models.NAME]` of a space file) or AutoGen's list.

    An API key in an entry is refused, so that no key ends in one of our files: the entry names its
    environment variable instead. A price [IN, OUT] in a list is in dollars per thousand tokens, as
    in AutoGen; every other price is per million.

    Raises:
        InputError: an entry cannot be read.
    """
    # The name of one model alone.
    if isinstance(records, str):
        records = [records]
    if isinstance(records, Mapping):
        named = {
            str(name): _as_record(str(name), record) for name, record in records.items()
        }
    else:
        listed = [_per_million(_as_record("", record)) for record in records]
        named = {_name_of(record): record for record in listed}
        # Two entries of one name would become one, and the other would be lost without a word.
        if len(named) < len(records):
            raise InputError(
                "the entries of a model list need names that differ: "
                'add "name" to those that share one'
            )
    return {name: _read_entry(name, record) for name, record in named.items()}


def _name_of(record: Mapping[str, Any]) -> str:
    return str(record.get("name") or record.get("alias") or record.get("model"))


def _per_million(record: dict[str, Any]) -> dict[str, Any]:
    """Convert the price of an entry in AutoGen's form, which counts dollars per thousand tokens."""
    if not is_pair(record.get("price")):
        return record
    # Rounding takes away what the multiplication adds in the 17th digit.
    price = [round(1000 * float(part), 12) for part in record["price"]]
    return record | {"price": price}


def _as_record(name: str, record: Any) -> dict[str, Any]:
    """Return an entry as a new dictionary; a name alone stands for the model of that name."""
    if isinstance(record, str):
        return {"name": name or record, "model": record}
    if hasattr(record, "base_url"):
        if not name:
            raise InputError(
                "a client needs the name of its model: give {NAME: client} instead of a list"
            )
        return {"client": record}
    if not isinstance(record, Mapping):
        raise InputError(
            f"the entry of a model is a name, a client or a table with 'model', but got {record!r}"
        )
    return dict(record)


def _read_entry(name: str, record: dict[str, Any]) -> Entry:
    if "api_key" in record:
        raise InputError(
            f"the entry of model {name!r} holds an API key: "
            f"put it into the environment and name the variable in key_env"
        )
    unknown = sorted(set(record) - _FIELDS - _IGNORED_FIELDS)
    if unknown:
        raise InputError(
            f"the entry of model {name!r} has {unknown}, but an entry has only {sorted(_FIELDS)}"
        )
    fields = {key: value for key, value in record.items() if key in _FIELDS}
    price = fields.get("price")
    fields["name"] = name
    fields["model"] = str(record.get("model", name))
    fields["price"] = None if price is None else read_price(name, price)
    _check_max_output(name, fields.get("max_output"))
    if "takes" in fields:
        fields["takes"] = read_takes(name, fields["takes"])
    if "client" in fields:
        check_client(name, fields["client"])
        doubled = [key for key in _OF_CLIENT if key in fields]
        if doubled:
            raise InputError(
                f"the entry of model {name!r} has a client, which has its own {', '.join(doubled)}"
            )
        fields["base_url"] = client_url(fields["client"])
    return Entry(**fields)


def _check_max_output(name: str, most: Any) -> None:
    if most is None:
        return
    # True and False are integers in Python.
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise InputError(
            f"max_output of model {name!r} is a whole number of tokens from 1 on, but got {most!r}"
        )
