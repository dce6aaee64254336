"""Readings off a study's draws, kept beside it, so that they are quickly there again.

It holds numbers: tokens, seconds, scores and counts. No text of an example or of a model is in it.
A study without this file, or with one that does not belong to it, is read from its draws.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tune.readout.columns import DrawColumns
from tune.readout.digest import TrialDigest
from tune.readout.outcomes import Outcomes
from tune.readout.reader import Rows, Variant
from tune.readout.trial import Trial
from tune.space import Config
from tune.store.arrays_file import ArraysWriter, Numbers, read_arrays
from tune.store.draws import Store
from tune.store.journal import dump_event
from tune.study.trial_reader import TrialReader

READOUT_FILE = "readout.bin"

FORM = 1
"""The form of the record. It changes when something is read or kept in another way."""

LEAST_DRAWS = 20_000
"""Draws of a study that are worth the file: fewer are read again in about a second."""

_LATER = ("result", "look")
"""Events that change nothing about the draws or about how they are read."""


@dataclass(frozen=True, slots=True)
class Readout:
    """The digests of a study.

    Attributes:
        digests: by the number of the trial.
        used: draws in the store that the study's examples ask for.
    """

    digests: Mapping[int, TrialDigest]
    used: int


def readout_fingerprint(events: Sequence[Mapping[str, Any]]) -> str:
    """Return a hash of all that decides what is read: the study's order, its waves, its lessons."""
    found = hashlib.sha256()
    for event in events:
        if event["event"] not in _LATER:
            found.update(dump_event(event).encode("utf-8", "backslashreplace"))
    return found.hexdigest()


def digest_trials(reader: TrialReader, trials: Mapping[int, Trial]) -> bool:
    """Read the trials of a large study into digests; return False where that is not worth it.

    From then on the reader reads them from their digests.
    """
    if sum(trial.bought for trial in trials.values()) < LEAST_DRAWS:
        return False
    for trial in trials.values():
        reader.keep(trial)
    return True


def keep_readout(
    folder: Path,
    events: Sequence[Mapping[str, Any]],
    store: Store,
    reader: TrialReader,
    trials: Mapping[int, Trial],
) -> None:
    """Write the digests of a study's trials, if all of them are there and whole.

    Args:
        folder: of the study.
        events: of its journal.
        store: has the draws.
        reader: has the digests.
        trials: of the search.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    digests: dict[int, TrialDigest] = {}
    for number, trial in trials.items():
        digest = reader.digest(trial)
        # An answer that has no score yet may get one: a later reading looks at the store again.
        if digest is None or _lacks_scores(digest):
            return
        digests[number] = digest
    used = store.count_used(str(events[0]["id"]))
    write_readout(folder, events, Readout(digests, used))


def _lacks_scores(digest: TrialDigest) -> bool:
    return any(np.isnan(rows.scores).any() for rows in digest.rows.values())


def write_readout(
    folder: Path, events: Sequence[Mapping[str, Any]], readout: Readout
) -> None:
    """Write a study's digests into its folder.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    arrays = ArraysWriter()
    trials = []
    for number, digest in readout.digests.items():
        trials.append([number, *_dumped(digest, arrays)])
    record = {
        "form": _form(),
        "of": readout_fingerprint(events),
        "used": readout.used,
        "trials": trials,
    }
    arrays.write(folder / READOUT_FILE, record)


def read_readout(folder: Path, events: Sequence[Mapping[str, Any]]) -> Readout | None:
    """Return a study's digests; None where there are none that belong to these events."""
    found = read_arrays(folder / READOUT_FILE)
    if found is None:
        return None
    record, arrays = found
    if record["form"] != _form() or record["of"] != readout_fingerprint(events):
        return None
    digests: dict[int, TrialDigest] = {}
    for number, *parts in record["trials"]:
        digests[number] = _loaded(parts, arrays)
    return Readout(digests, record["used"])


def forget_readout(folder: Path) -> None:
    """Remove a study's digests."""
    (folder / READOUT_FILE).unlink(missing_ok=True)


def _form() -> list[Any]:
    """Return what must not have changed since a file was written: its form, and tune itself."""
    # importlib.metadata is slow, so it is imported only here.
    from importlib.metadata import version

    return [FORM, version("tune-llm")]


def _dumped(digest: TrialDigest, arrays: ArraysWriter) -> list[Any]:
    """Return a digest in JSON's types, with the numbers of its arrays."""
    rows = []
    for config, each in digest.rows.items():
        numbers = [
            np.array(each.positions),
            each.scores,
            each.variances,
            each.prompt_tokens,
            each.tokens,
            each.seconds,
        ]
        places = [arrays.add(column) for column in numbers]
        rows.append([dict(config), places, each.exact])
    outcomes = []
    for variant, counts in digest.outcomes.items():
        outcomes.append([*variant, astuple(counts)])
    tokens = []
    for variant, values in digest.tokens.items():
        tokens.append([*variant, arrays.add(values)])
    draws = digest.columns
    columns = [
        draws.positions,
        draws.sizes,
        draws.prompt_tokens,
        draws.completion_tokens,
        draws.reasoning_tokens,
        draws.seconds,
    ]
    return [
        [arrays.add(column) for column in columns],
        arrays.add(digest.kinds),
        rows,
        outcomes,
        tokens,
    ]


def _loaded(parts: Sequence[Any], arrays: Sequence[Numbers]) -> TrialDigest:
    """Return the digest that `_dumped` wrote."""
    draws, kinds, rows, outcomes, tokens = parts
    configs: dict[Config, Rows] = {}
    for config, places, exact in rows:
        positions, scores, variances, prompts, used, seconds = places
        configs[Config(config)] = Rows(
            positions=arrays[positions].tolist(),
            scores=arrays[scores],
            variances=arrays[variances],
            prompt_tokens=arrays[prompts],
            tokens=arrays[used],
            seconds=arrays[seconds],
            exact=exact,
        )
    counts: dict[Variant, Outcomes] = {}
    for cap, stop, values in outcomes:
        counts[cap, tuple(stop)] = Outcomes(*values)
    sums: dict[Variant, Any] = {}
    for cap, stop, place in tokens:
        sums[cap, tuple(stop)] = arrays[place]
    return TrialDigest(
        columns=DrawColumns(*(arrays[place] for place in draws)),
        kinds=arrays[kinds],
        rows=configs,
        outcomes=counts,
        tokens=sums,
    )
