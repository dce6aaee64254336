"""Settings that the entries of models fix: a space searches no other values of them."""

from __future__ import annotations

from collections.abc import Mapping

from tune.errors import SpaceError
from tune.providers.entries import Entry
from tune.space import Space


def fix_settings(space: Space, entries: Mapping[str, Entry]) -> Space:
    """Return the space with the settings of entries as domains of their models.

    A domain under `when` is the user's word for this very space, and stays as it is.

    Raises:
        SpaceError: an entry has a setting that cannot be sent.
    """
    fixed = space.copied()
    for name in space.models:
        for setting, values in entries[name].settings.items():
            if setting in space.when.get(name, {}):
                continue
            try:
                fixed.fix(name, setting, values)
            except SpaceError as error:
                raise SpaceError(f"the entry of model {name!r}: {error}") from None
    return fixed
