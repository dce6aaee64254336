"""Make an export by its name, and write it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tune.errors import InputError
from tune.export.ag2 import AG2
from tune.export.agent_framework import AGENT_FRAMEWORK
from tune.export.agentchat import AGENTCHAT, component
from tune.export.autogen import (
    AUTOGEN,
    TAG,
    client_class,
    constants,
    oai_config_list,
)
from tune.export.cautions import RUNTIME, cautions
from tune.export.deployment import Deployment, asked_once
from tune.export.langchain import LANGCHAIN
from tune.export.litellm import LITELLM
from tune.export.openai import COMPLETIONS, OPENAI
from tune.export.openai_agents import OPENAI_AGENTS
from tune.export.promptfoo import no_temperature, promptfoo
from tune.export.python_file import MADE_BY, Framework, python_file
from tune.export.selected import Selected, read_selected
from tune.providers.openai.access import OPENAI_KEY
from tune.store.files import write_private
from tune.task.callables import reraise_as


@dataclass(frozen=True, slots=True)
class Export:
    """One configuration, written for one framework.

    Attributes:
        name: of the export.
        files: the texts by file name; the first one is the export, the others belong to it.
        notes: what it cannot carry, and how to get that. The files say it too.
    """

    name: str
    files: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text of the first file."""
        return next(iter(self.files.values()))

    def write(self, out: str | Path = ".") -> list[Path]:
        """Write the files; return where they are.

        Args:
            out: a folder, or the path of the first file; the others are written beside it. A new
                name without a suffix is a folder.

        Raises:
            InputError: a file of that name was not made by `tune export`, or it cannot be written.
        """
        place = Path(out)
        files = dict(self.files)
        folder = place
        # The first file of each export has a suffix: Python finds no module without one.
        new_folder = not place.suffix and not place.exists()
        if not (place.is_dir() or new_folder or str(out).endswith(("/", "\\"))):
            folder = place.parent
            files = self._renamed(place)
        paths = [folder / name for name in files]
        for path in paths:
            _check_ours(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path, text in zip(paths, files.values(), strict=True):
                write_private(path, text)
        except OSError as error:
            raise InputError(
                f"{str(folder)!r} cannot be written: {error.strerror}"
            ) from None
        return paths

    def _renamed(self, place: Path) -> dict[str, str]:
        """Return the files with the first one under another name."""
        first = next(iter(self.files))
        old, new = Path(first).stem, place.stem
        found = {}
        for name, text in self.files.items():
            renamed = place.name if name == first else name.replace(old, new)
            if renamed in found:
                raise InputError(
                    f"{place.name!r} would hold both {first} and {name}: give --out a folder, or "
                    f"a name that ends in {Path(first).suffix}"
                )
            # The files name each other.
            found[renamed] = text.replace(old, new)
        return found


def _check_ours(path: Path) -> None:
    """Refuse to write over a file that is not an export."""
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder: name a file in it")
    if not path.exists():
        return
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    if not _is_ours(text):
        raise InputError(
            f"{str(path)!r} is there and is no export of tune: give another name with --out"
        )


def _is_ours(text: str) -> bool:
    """Return True if a file was made by an export, and holds nothing else."""
    if MADE_BY in text:
        return True
    # A config list has no comments; its entries have our tag. Entries of the user may hold keys.
    try:
        entries = json.loads(text)
    except ValueError:
        return False
    if not isinstance(entries, list):
        return '"tune"' in text
    tags = [one.get("tags") or () for one in entries if isinstance(one, dict)]
    return len(tags) == len(entries) > 0 and all(TAG in each for each in tags)


def _python(framework: Framework, client: str) -> Callable[[Selected, str], Export]:
    """Return the exporter of a framework that takes one Python file."""

    def export(selected: Selected, name: str) -> Export:
        carried = chat_of(selected, name)
        said = cautions(
            selected,
            carried,
            client=client,
            agent=framework is not LITELLM,
            empty_system=framework is AG2,
        )
        text = python_file(framework, selected, carried, said)
        return Export(name, {_file_name(name): text}, tuple(said))

    return export


def _openai(selected: Selected, name: str) -> Export:
    carried = carried_of(selected)
    framework = COMPLETIONS if carried.raw else OPENAI
    said = cautions(selected, carried, client="VotingHttp", agent=False)
    text = python_file(framework, selected, carried, said)
    return Export(name, {_file_name(name): text}, tuple(said))


def _autogen(selected: Selected, name: str) -> Export:
    carried = chat_of(selected, name)
    single = selected.single
    # The client that votes leaves the empty message out.
    said = cautions(
        selected, carried, client="TunedClient", empty_system=selected.n == 1
    )
    if single is None:
        # The winner's settings with one answer are the best that can be said.
        single = asked_once(carried)
        said.append(
            "No configuration with one answer was evaluated: llm_config() is the winner asked "
            "once, and its quality is not known."
        )
    elif single.config != carried.config:
        said.append(
            "llm_config() and OAI_CONFIG_LIST are the best configuration with one answer, because "
            "AutoGen reads only one."
        )
    temperature = single.config.settings.get("temperature")
    if isinstance(temperature, int | float) and temperature > 1:
        said.append(
            f"Temperature {temperature:g} stands in extra_body, because AutoGen refuses one above "
            "1 by name. It is sent all the same."
        )
    if single.key_env not in ("", OPENAI_KEY):
        said.append(
            f"AutoGen does not fill in ${{{single.key_env}}} of OAI_CONFIG_LIST: llm_config() "
            "does, or pass each api_key through os.path.expandvars."
        )
    framework = AUTOGEN
    if selected.n > 1:
        framework = replace(
            framework, code=f"{client_class()}\n\n{AUTOGEN.code.lstrip()}"
        )
    text = python_file(
        framework, selected, carried, said, extra=constants(carried, single)
    )
    files = {_file_name(name): text, "OAI_CONFIG_LIST": oai_config_list(single)}
    return Export(name, files, tuple(said))


def _agentchat(selected: Selected, name: str) -> Export:
    carried = chat_of(selected, name)
    said = cautions(selected, carried, client="TunedClient")
    module = Path(_file_name(name)).stem
    files = {
        _file_name(name): python_file(AGENTCHAT, selected, carried, said),
        f"{module}.json": component(selected, carried, module),
    }
    return Export(name, files, tuple(said))


def _promptfoo(selected: Selected, name: str) -> Export:
    carried = chat_of(selected, name)
    if selected.votes:
        carried = selected.single or asked_once(carried)
    said = cautions(selected, carried, agent=False) + no_temperature(carried)
    text = promptfoo(selected, carried, said)
    return Export(name, {"promptfooconfig.yaml": text}, tuple(said))


EXPORTS: dict[str, Callable[[Selected, str], Export]] = {
    "autogen": _autogen,
    "ag2": _python(AG2, "AsyncVotingHttp"),
    "agentchat": _agentchat,
    "agent-framework": _python(AGENT_FRAMEWORK, "AsyncVotingHttp"),
    "openai-agents": _python(OPENAI_AGENTS, "AsyncVotingHttp"),
    "langchain": _python(LANGCHAIN, "VotingHttp"),
    "litellm": _python(LITELLM, "VotingHttp"),
    "openai": _openai,
    "promptfoo": _promptfoo,
}
"""Exports by name."""


def make_export(record: Any, name: str, place: str) -> Export:
    """Return the export of a `best.json`.

    Args:
        record: the content of the file.
        name: of the export; one of `EXPORTS`.
        place: the file, for messages.

    Raises:
        InputError: there is no such export, or the configuration cannot be exported there.
    """
    known = export_name(name)
    selected = read_selected(record, place)
    # Any field may be of another kind. The user gets one sentence, no traceback.
    with reraise_as(
        InputError, f"{place} is damaged, or was written by another version of tune"
    ):
        return EXPORTS[known](selected, known)


def export_name(name: str) -> str:
    """Return the name of an export as it stands in `EXPORTS`.

    Raises:
        InputError: there is none of that name.
    """
    known = name.lower().replace("_", "-")
    if known in EXPORTS:
        return known
    close = difflib.get_close_matches(known, EXPORTS, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    raise InputError(
        f"there is no export {name!r}{meant} (there are {', '.join(EXPORTS)}; `tune export` also "
        "writes a whole search as optuna, csv or parquet)"
    )


def carried_of(selected: Selected) -> Deployment:
    """Return what a file carries: the winner, or else the best that it can.

    Raises:
        InputError: a function of the user makes its prompt, and a file holds only templates.
    """
    winner = selected.winner
    carried = winner
    if winner.config.n > 1 and not selected.votes:
        carried = selected.single or asked_once(winner)
    if carried.made_by:
        raise InputError(
            f"the winner's prompt is made by the function {carried.made_by}, and an export needs "
            f"a template: use {RUNTIME}"
        )
    return carried


def chat_of(selected: Selected, name: str) -> Deployment:
    """Return what a framework carries that only chats.

    Raises:
        InputError: the prompt is no chat, or a function of the user makes it.
    """
    carried = carried_of(selected)
    if carried.raw:
        raise InputError(
            f"the winner's prompt is a text that the model continues, and {name} chats: export it "
            f"to openai, or use {RUNTIME}"
        )
    return carried


def _file_name(name: str) -> str:
    """Return the name of the Python file of an export."""
    return f"tuned_{name.replace('-', '_')}.py"
