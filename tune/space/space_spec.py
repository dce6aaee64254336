"""Spaces as users write them: names of dimensions, prompts, the `when` table, and TOML files."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from tune.errors import SpaceError
from tune.safety.untrusted import TooMuch, check_nesting, read_file
from tune.space.domain import Choice, Domain
from tune.space.domain_spec import parse_domain
from tune.space.named_values import NamedValues
from tune.space.point import FREE

TABLES = ("space", "when", "answer", "metric", "models")
"""The tables of a space file; the last two are not the space's own."""

OwnDomains: TypeAlias = dict[str, Domain | None]
"""Domains of one model or one prompt, by dimension; None where a model does not take it."""

_SETTINGS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "reasoning_effort",
    "verbosity",
    "service_tier",
)
"""Settings that many services take. Any other is passed on too, unless it looks like a misspelt one
of these.
"""

_NO_SETTINGS = {
    "best_of": "call it n, and choose by an aggregate",
    "max_completion_tokens": "call it max_tokens: it is sent under the name that the model takes",
    "messages": "messages are a prompt",
    "seed": "every draw has its own seed",
    "stream": "answers are never streamed",
}


def check_name(name: str) -> None:
    """Check that a dimension can be searched and is not misspelt.

    Raises:
        SpaceError: it cannot, or its name is almost that of a known setting.
    """
    if name in _NO_SETTINGS:
        raise SpaceError(f"{name!r} cannot be searched: {_NO_SETTINGS[name]}")
    known = ("model", "prompt", *FREE, *_SETTINGS)
    # 0.85 finds one wrong or missing letter, and lets through names that only look alike.
    near = difflib.get_close_matches(name, known, 1, 0.85)
    if near and name not in known:
        raise SpaceError(f"there is no setting {name!r}: is {near[0]!r} meant?")


def read_prompts(given: Any) -> dict[str, Any]:
    """Return the prompts by name; a text or a list of messages alone is named "plain".

    A function alone has its own name.

    Raises:
        SpaceError: the prompts are missing, or one is empty or of another type.
    """
    # A list of texts is refused below: prompts need names, which reports and `when` use.
    if callable(given):
        given = {_function_name(given): given}
    elif _is_one_prompt(given):
        given = {"plain": given}
    if not isinstance(given, Mapping) or not given:
        raise SpaceError(
            f"prompts are given by name, as {{'short': 'Label this: {{text}}'}}, but got {given!r}"
        )
    for name, spec in given.items():
        if not isinstance(name, str) or not name:
            raise SpaceError(f"the name of a prompt is a text, but got {name!r}")
        if callable(spec):
            continue
        if not isinstance(spec, str | list | tuple | Mapping):
            raise SpaceError(
                f"prompt {name!r} is a text, a list of messages, a table or a function, "
                f"but got {spec!r}"
            )
        if not spec or (isinstance(spec, str) and not spec.strip()):
            raise SpaceError(f"prompt {name!r} is empty")
    return dict(given)


def _is_one_prompt(given: Any) -> bool:
    if isinstance(given, str):
        return True
    return isinstance(given, list | tuple) and all(
        isinstance(each, Mapping) for each in given
    )


def _function_name(function: Any) -> str:
    """Return a function's own name; "plain" for a lambda or an object without one."""
    name = getattr(function, "__name__", "")
    return name if name.isidentifier() else "plain"


def prompt_record(prompts: Mapping[str, Any]) -> dict[str, Any]:
    """Return prompts in JSON's types; a function becomes `{"call": "module:qualified name"}`."""
    record: dict[str, Any] = {}
    for name, spec in prompts.items():
        # The name alone would be read as a text.
        record[name] = as_json({"call": spec} if callable(spec) else spec)
    return record


def read_model_domains(
    model: str,
    own: Any,
    prompts: Mapping[str, Any],
    named: NamedValues,
) -> OwnDomains:
    """Read the domains that `when` gives a model; named values are taken in.

    Raises:
        SpaceError: a domain cannot be read, or the model would be left without a prompt or a cap.
    """
    found: OwnDomains = {}
    for name, value in _table(model, own).items():
        domain = _parse_own(model, name, value, named)
        if name == "prompt" and isinstance(domain, Choice):
            _check_prompts(model, domain, prompts)
        found[name] = domain
    return found


def _check_prompts(
    model: str,
    domain: Choice,
    prompts: Mapping[str, Any],
) -> None:
    for value in domain.values:
        if value not in prompts:
            raise SpaceError(
                f"when.{model}: there is no prompt {value!r}, the space has {list(prompts)}"
            )


def read_prompt_domains(prompt: str, own: Any) -> OwnDomains:
    """Read the domains that `when` gives a prompt: only those of the free dimensions.

    Raises:
        SpaceError: a domain cannot be read, is empty, or belongs to a paid dimension.
    """
    table = _table(prompt, own)
    for name, value in table.items():
        if name not in FREE or value == []:
            raise SpaceError(
                f"when.{prompt}: a prompt may have its own {', '.join(FREE)}, but got {own!r}"
            )
    return {
        name: _parse_own(
            prompt,
            name,
            value,
        )
        for name, value in table.items()
    }


def without_dimension(
    dimension: str,
    tables: Mapping[str, OwnDomains],
) -> dict[str, OwnDomains]:
    """Return own domains by owner, without one dimension."""
    found: dict[str, OwnDomains] = {}
    for owner, own in tables.items():
        found[owner] = {
            name: domain for name, domain in own.items() if name != dimension
        }
    return found


def _table(owner: str, own: Any) -> Mapping[str, Any]:
    if not isinstance(own, Mapping):
        raise SpaceError(f"`when` gives {owner!r} a table of domains, but got {own!r}")
    return own


def _parse_own(
    owner: str, name: str, value: Any, named: NamedValues | None = None
) -> Domain | None:
    try:
        check_name(name)
        if named is None:
            domain = parse_domain(name, value)
        else:
            domain = parse_domain(name, named.read(name, value))
            named.check(name, domain)
    except SpaceError as error:
        raise SpaceError(f"when.{owner}: {error}") from None
    if name == "model" or (name in ("prompt", "max_tokens") and domain is None):
        raise SpaceError(
            f"when.{owner}: {name!r} cannot be {value!r}: "
            "every model has itself, a prompt and a cap"
        )
    return domain


def check_tables(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the table `space` of a document, after a check of the names in it.

    Raises:
        SpaceError: a table is missing or unknown, or a dimension cannot be searched.
    """
    for name in record:
        if name not in TABLES:
            raise SpaceError(
                f"a space file has the tables {list(TABLES)}, but got {name!r}"
            )
    table = record.get("space")
    if not isinstance(table, Mapping):
        raise SpaceError("a space file needs a table [space]")
    for name in table:
        # These are other parameters of Space, which a setting must not replace.
        if name in ("when", "answer", "self"):
            raise SpaceError(
                f"{name!r} is not a dimension: [{name}] is a table beside [space]"
            )
        check_name(str(name))
    for name in ("model", "prompt"):
        if name not in table:
            raise SpaceError(f"the table [space] needs {name}, but has {list(table)}")
    return table


def as_json(value: Any) -> Any:
    """Turn a user's table into JSON's types; a callable becomes "module:qualified name"."""
    if isinstance(value, Mapping):
        return {str(key): as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return list(map(as_json, value))
    if isinstance(value, Path):
        return str(value)
    if callable(value):
        name = getattr(value, "__qualname__", type(value).__qualname__)
        return f"{value.__module__}:{name}"
    return value


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a space file.

    Raises:
        SpaceError: the file is missing, too large or too deep, or not TOML.
    """
    try:
        # Editors on Windows put a byte order mark at the beginning.
        record = tomllib.loads(read_file(path).decode("utf-8-sig"))
        check_nesting(record)
    except OSError as error:
        raise SpaceError(
            f"the space file {str(path)!r} cannot be read: {error.strerror}"
        ) from None
    except (TooMuch, RecursionError) as error:
        raise SpaceError(
            f"the space file {str(path)!r} is more than is read: {error}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpaceError(f"the space file {str(path)!r} is not TOML: {error}") from None
    return record
