"""Model entries: everything that a user says of one model, read and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tune.completion import Setting, Structured
from tune.errors import InputError
from tune.pricing.prices import Price, read_price
from tune.providers.base_url import parse_url, public_url, resolved_url
from tune.providers.config_list import as_list, place_endpoint, read_entry
from tune.providers.entry_fields import (
    FIELDS,
    LISTED_FIELDS,
    READ_FIELDS,
    check_body,
    check_max_output,
    check_types,
)
from tune.providers.openai.access import Headers, key_variable
from tune.providers.openai.user_client import check_client, client_url
from tune.providers.stated_rules import read_takes
from tune.safety.redact import looks_like_key, secret_name
from tune.space.point import FREE

LOCAL = "local:"
"""The beginning of the name of a model that runs in this process."""

LISTED_KEY = "MODEL_API_KEY"
"""The variable that files name for a key that stood in a config list, and stayed in memory."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# The values that stand for a setting that an entry leaves out, where it is not None.
_LEFT_OUT = {"n": 1}

# Fields whose part a client takes.
_OF_CLIENT = ("base_url", "key_env", "headers", "query", "allow_http")


@dataclass(frozen=True, slots=True)
class Entry:
    """One model that a space may name, as in an entry of AutoGen's config list.

    Attributes:
        name: the name that the space uses.
        model: the name that the service uses; `local:...` runs in this process.
        base_url: an OpenAI-compatible endpoint; None is OpenAI's own.
        key_env: the environment variable that holds the API key. A file of ours names the variable,
            and never the key. None is OPENAI_API_KEY where that is meant for the host
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
        query: sent with each address, by name, as `headers` are.
        settings: the values that a setting of this model may have, by its name in a space; usually
            one. A config list and `extra_body` have them.
        price_as: the published name of the model, where `model` is a name of the user's own, such
            as that of a deployment at Azure.
        allow_http: whether a key may go unencrypted through networks that are not private.
        takes: what the user says that the model takes, by the fields of
            `tune.providers.model_rules.ModelRules`.
        api_key: a key out of a config list. It lives in this process, and no file holds it.
        others: further places of the same model, with keys of their own. They share its load.
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
    query: Headers = field(default_factory=dict)
    settings: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    price_as: str | None = None
    allow_http: bool = False
    takes: Mapping[str, Any] = field(default_factory=dict)
    client: Any = field(default=None, compare=False, repr=False)
    api_key: str | None = field(default=None, compare=False, repr=False)
    others: tuple[Entry, ...] = ()

    def __post_init__(self) -> None:
        for field_name, value, named in (
            ("name", self.name, False),
            ("model", self.model, False),
            ("base_url", public_url(self.base_url or None), False),
            ("key_env", self.key_env, True),
            ("alias", self.alias, True),
            ("price_as", self.price_as, False),
            ("the settings", json.dumps(self.settings, default=str), False),
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
            _check_header("header", header, content)
        for parameter, content in self.query.items():
            _check_header("query parameter", parameter, content)

    @property
    def places(self) -> tuple[Entry, ...]:
        """Every place of the model: this entry, and those that share its load."""
        return (replace(self, others=()), *self.others)

    @property
    def fixed_settings(self) -> dict[str, Setting]:
        """The settings of a request that the entry fixes, for a caller that searches none.

        Its cap, its stops and the number of answers are the caller's.
        """
        found: dict[str, Setting] = {}
        for name, (value, *_) in self.settings.items():
            if name not in FREE and value is not None:
                is_table = isinstance(value, Mapping | list)
                found[name] = Structured.of(value) if is_table else value
        return found

    @property
    def priced_name(self) -> str:
        """The name of the model in price lists and tables of rules."""
        return self.price_as or self.model

    @property
    def key_variable(self) -> str | None:
        """The environment variable that holds the key for this model; None where no key is sent."""
        if self.local or self.client is not None or self.api_key is not None:
            return None
        return key_variable(self.base_url, self.key_env)

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables whose values are sent with each call."""
        key = self.key_variable
        keys = [] if key is None else [key]
        named = [
            value["env"]
            for value in (*self.headers.values(), *self.query.values())
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


def _check_header(kind: str, name: str, value: Any) -> None:
    """Check that a header or the like is a harmless text, or names the variable that holds it.

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
            f"the {kind} {name!r} of a model holds what may be a secret: put it into the "
            f'environment and write {{env = "VARIABLE"}} in its place'
        )


def _names_variable(value: Any) -> bool:
    """Tell whether a header's value is `{"env": VARIABLE}`."""
    if not isinstance(value, Mapping) or set(value) != {"env"}:
        return False
    return bool(_VARIABLE.fullmatch(str(value["env"])))


def read_entries(
    records: Mapping[str, Any] | Sequence[Any] | str, *, keys: bool = True
) -> dict[str, Entry]:
    """Read model entries: a mapping by name (`[models.NAME]` of a space file) or AutoGen's list.

    A key in a list is kept in memory. Elsewhere a key is refused, so that none ends in a file of
    ours: the entry names its environment variable instead. A price [IN, OUT] in a list is in
    dollars per thousand tokens, as in AutoGen; every other price is per million.

    Several entries of a list for one model become one: they are places of the same model, and the
    values of a setting in which they differ are its choices.

    Args:
        records: the entries.
        keys: whether a list may hold keys.

    Raises:
        InputError: an entry cannot be read, or entries contradict each other.
    """
    # The name of one model alone.
    if isinstance(records, str):
        records = [records]
    records = as_list(records)
    if isinstance(records, Mapping):
        named = {
            str(name): [_as_record(str(name), record)]
            for name, record in records.items()
        }
    else:
        named = _by_name(records, keys=keys)
    found: dict[str, Entry] = {}
    for name, group in named.items():
        found[name] = _join([_read_entry(name, record) for record in group])
    return found


def _by_name(records: Sequence[Any], *, keys: bool) -> dict[str, list[dict[str, Any]]]:
    """Return the entries of a list by name; each of them with our fields."""
    named: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        fields = read_entry(_as_record("", record))
        if "api_key" in fields and not keys:
            raise InputError(
                "a key stands in the list of models itself, where others may read it: put the "
                "list into a file or an environment variable, or name the key's variable in key_env"
            )
        name = fields.get("name") or fields.get("alias") or fields.get("model")
        if not isinstance(name, str):
            raise InputError(
                f"an entry of a config list needs the name of its model in 'model', but has only "
                f"{sorted(fields)}"
            )
        # Here every other field is a setting of the request.
        settings = {
            key: fields.pop(key) for key in list(fields) if key not in LISTED_FIELDS
        }
        named.setdefault(name, []).append({**fields, "settings": settings})
    return named


def _as_record(name: str, record: Any) -> dict[str, Any]:
    """Return an entry as a new dictionary; a name alone stands for the model of that name."""
    if isinstance(record, str):
        return {"name": name or record, "model": record}
    if hasattr(record, "base_url") and not isinstance(record, Mapping):
        if not name:
            raise InputError(
                "a client needs the name of its model: give {NAME: client} instead of a list"
            )
        return {"client": record}
    if not isinstance(record, Mapping):
        raise InputError(
            f"the entry of a model is a name, a client or a table with 'model', "
            f"but got {type(record).__name__}"
        )
    if name and "api_key" in record:
        raise InputError(
            f"the entry of model {name!r} holds an API key: "
            f"put it into the environment and name the variable in key_env"
        )
    return dict(record)


def _read_entry(name: str, record: dict[str, Any]) -> Entry:
    settings = record.pop("settings", {})
    key = record.pop("api_key", None)
    unknown = sorted(set(record) - set(LISTED_FIELDS))
    if unknown:
        raise InputError(
            f"the entry of model {name!r} has {unknown}, "
            f"but an entry has only {sorted(READ_FIELDS)}"
        )
    check_types(name, record)
    if key is not None:
        record["api_key"] = key
    with _named(name):
        place_endpoint(record)
    fields = {field: value for field, value in record.items() if field in FIELDS}
    price = fields.get("price")
    fields["name"] = name
    fields["model"] = record.get("model", name)
    fields["price"] = None if price is None else read_price(name, price)
    body = check_body(name, record.get("extra_body") or {})
    fields["settings"] = {
        setting: (value,) for setting, value in {**settings, **body}.items()
    }
    check_max_output(name, fields.get("max_output"))
    if "takes" in fields:
        fields["takes"] = read_takes(name, fields["takes"])
    if "client" in fields:
        check_client(name, fields["client"])
        doubled = [field for field in _OF_CLIENT if field in fields]
        if doubled:
            raise InputError(
                f"the entry of model {name!r} has a client, which has its own {', '.join(doubled)}"
            )
        fields["base_url"] = client_url(fields["client"])
    return Entry(**fields, api_key=record.get("api_key"))


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Put the name of a model before what is wrong with its entry."""
    try:
        yield
    except InputError as error:
        raise InputError(f"the entry of model {name!r}: {error}") from None


def _join(entries: Sequence[Entry]) -> Entry:
    """Return one entry for several places of one model.

    Raises:
        InputError: they are different models, or state different prices.
    """
    first, *more = entries
    for other in more:
        # An alias says that deployments of different names are one model.
        if other.model != first.model and not (
            first.alias and first.alias == other.alias
        ):
            raise InputError(
                f"two entries have the name {first.name!r}, but the models {first.model!r} and "
                f"{other.model!r}: give them names that differ, or one alias if they are one model"
            )
        if other.price != first.price:
            raise InputError(
                f"the entries of model {first.name!r} state different prices: "
                f"give them names that differ, or one price"
            )
    places: list[Entry] = []
    for entry in entries:
        place = replace(entry, settings={})
        # The key is no part of an entry's equality.
        if all(place != one or place.api_key != one.api_key for one in places):
            places.append(place)
    return replace(
        first,
        settings=_joined_settings(entries),
        others=tuple(places[1:]),
        # Each place has a limit of its own, and one without a limit is not held back.
        requests_per_minute=_together(place.requests_per_minute for place in places),
        tokens_per_minute=_together(place.tokens_per_minute for place in places),
    )


def _together(limits: Iterable[float | None]) -> float | None:
    """Return the limit of several places together; None unless each has one."""
    total = 0.0
    for limit in limits:
        if limit is None:
            return None
        total += limit
    return total


def _joined_settings(entries: Sequence[Entry]) -> dict[str, tuple[Any, ...]]:
    """Return the values that each setting has in some entry; None where one leaves it out."""
    found: dict[str, list[Any]] = {}
    for entry in entries:
        for name in entry.settings:
            found.setdefault(name, [])
    for entry in entries:
        for name, values in found.items():
            # No call goes out without a cap, so there is no configuration without one.
            left_out = () if name == "max_tokens" else (_LEFT_OUT.get(name),)
            for value in entry.settings.get(name, left_out):
                if value not in values:
                    values.append(value)
    return {name: tuple(values) for name, values in found.items()}
