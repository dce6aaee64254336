"""Sources of models: tables, JSON, files, environment variables and AutoGen's config lists."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tune.errors import InputError, SpaceError
from tune.plan.values import read_json_value
from tune.providers.config_list import as_list, filter_list
from tune.providers.entries import Entry, read_entries
from tune.safety.untrusted import read_json

_WHAT = "the list of models"


def read_models(
    given: Any,
    filter_dict: Any = None,
    *,
    base: Path = Path(),
    in_space: bool = False,
) -> dict[str, Entry]:
    """Return the entries of a source of models, by name.

    Args:
        given: a mapping from name to entry, a config list, an `llm_config` that holds one, JSON
            text, the name of an environment variable with one of these or with the path of a file,
            or the path of a JSON file; None is no source.
        filter_dict: the values that the fields of a config list's entries may have, as AutoGen
            takes them; also as JSON.
        base: the folder that a path is relative to.
        in_space: the source stands in a space, which others may read: a list in it holds no key.

    Raises:
        InputError: it cannot be read; no key and no value of a variable is in the message.
    """
    if given is None:
        if filter_dict:
            raise InputError(
                "filter_dict chooses entries of a config list, so it needs models (--models)"
            )
        return {}
    # On a command line, others on this machine can read a key.
    is_text = isinstance(given, str) and given.lstrip().startswith(("{", "["))
    is_named = isinstance(given, str | Path) and not is_text
    records = as_list(_load(given, base))
    if filter_dict:
        records = _filtered(records, filter_dict)
    if not isinstance(records, Mapping | list | tuple):
        raise InputError(
            f"{_WHAT} is a table by name, or a list as in OAI_CONFIG_LIST, "
            f"but got {type(records).__name__}"
        )
    return read_entries(records, keys=is_named or not (is_text or in_space))


def is_config_list(given: Any, *, base: Path = Path()) -> bool:
    """Tell whether a source is a list, whose entries are the models where no others are named."""
    return isinstance(as_list(_load(given, base)), list | tuple)


def _load(given: Any, base: Path) -> Any:
    """Return the value of a source in JSON's types."""
    if not isinstance(given, str | Path):
        return given
    text = str(given)
    if text.lstrip().startswith(("{", "[")):
        # The text may hold a key, so no message shows it.
        return _parse(text, _WHAT)
    value = ""
    # A path is a path, and a text of this form may be the name of a variable.
    if isinstance(given, str) and re.fullmatch(r"[A-Za-z_]\w*", text):
        value = os.environ.get(text, "")
    if not value:
        return read_json_value(base / text, _WHAT)
    # As in AutoGen, a variable goes before a file, and may hold the path of one.
    if Path(value).is_file():
        return read_json_value(Path(value), _WHAT)
    return _parse(value, f"the environment variable {text}")


def _parse(text: str, what: str) -> Any:
    try:
        return read_json(text)
    except ValueError:
        # The parser's words quote the text.
        raise SpaceError(f"{what} is no JSON") from None


def _filtered(records: Any, filter_dict: Any) -> list[Any]:
    wanted = read_json_value(filter_dict, "filter_dict")
    if not isinstance(wanted, Mapping):
        raise InputError(
            f"filter_dict gives each field its allowed values, as in "
            f'{{"tags": ["tune"]}}, but got {wanted!r}'
        )
    if not isinstance(records, list | tuple):
        raise InputError(
            "filter_dict chooses entries of a config list, but the models are a table by name"
        )
    return filter_list(records, wanted)
