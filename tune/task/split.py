"""The seeded split: shots, tuning and holdout."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tune.errors import DataError
from tune.task.example import Data, Example, canonical_json

_SIDES = {
    "shots": "shots",
    "train": "tuning",
    "tuning": "tuning",
    "test": "holdout",
    "holdout": "holdout",
}
"""What a split column may say, and the side that it means."""


@dataclass(frozen=True, slots=True)
class Split:
    """The examples by what they are for, each part in the seeded order that the whole study uses.

    Attributes:
        shots: set aside for few-shot prompts, and never scored.
        tuning: what the search may see.
        holdout: what only the frozen choice and the baseline meet.
        units: by an example's id, the unit of examples that stay together; see `unit`.
    """

    shots: tuple[Example, ...]
    tuning: tuple[Example, ...]
    holdout: tuple[Example, ...]
    clusters: Mapping[str, int] = field(default_factory=dict)

    def cluster(self, example: Example) -> Hashable:
        """The unit that an example belongs to: those with identical inputs, or with the same group,
        are one.

        To an interval a unit is one observation, however many examples it has: they may all be
        right by one luck.
        """
        return self.clusters.get(example.id, example.id)

    def count_clusters(self, examples: Sequence[Example]) -> int:
        """How many units some examples are."""
        return len({self.cluster(example) for example in examples})


def count_clusters(data: Data, group: str | None = None) -> int:
    """How many units the examples of a data set are; see `Split.unit`.

    Raises:
        DataError: there is no column of this name.
    """
    return len(set(_units(data, group)))


def split(
    data: Data,
    *,
    holdout: float,
    shots: int,
    seed: int,
    group: str | None = None,
    column: str | None = None,
) -> Split:
    """Part the examples by a seed: first the shots, then the holdout's share of the rest; what is
    left is tuned on.

    Examples with identical inputs, or with the same value of `group`, are never on two sides. The
    orders hang on the seed and on each example's own inputs, so that a row added at the end leaves
    the others' order alone.

    Args:
        data: the data set. holdout: the share of the scored examples to hold back, from 0 to 0.9.
        shots: how many examples few-shot prompts need; balanced over the target's values where
        those are labels. seed: any whole number. group: a column whose equal values stay together
        (a patient, a document). column: a column that says the side itself, in place of `holdout`:
        "train" or "tuning", "test" or
            "holdout", and perhaps "shots".

    Raises:
        DataError: nothing would be left to tune on, or a column or its values cannot be used.
    """
    if not 0 <= holdout <= 0.9:
        raise DataError(f"`0 <= holdout <= 0.9` must hold, but got holdout={holdout}")
    if shots < 0:
        raise DataError(f"`shots >= 0` must hold, but got shots={shots}")
    examples = data.examples
    order = _order(examples, seed)
    units = _units(data, group)
    sides = _sides(data, column, units) if column else ["tuning"] * len(examples)
    source = "shots" if "shots" in sides else "tuning"
    chosen = _pick_shots(data, [i for i in order if sides[i] == source], units, shots)
    aside = {units[i] for i in chosen}
    scored = [i for i in order if units[i] not in aside and sides[i] != "shots"]
    if column:
        held = {units[i] for i in scored if sides[i] == "holdout"}
    else:
        held = _held([units[i] for i in scored], holdout, _unit_ranks(data, group, seed))
    tuning = [i for i in scored if units[i] not in held]
    if not tuning:
        raise DataError(
            f"of the {len(examples)} examples of {data.name!r} none is left to tune on, with {shots} shots and "
            f"{len(scored)} held back (identical inputs{f' and equal {group!r}' if group else ''} stay together)"
        )
    holding = [i for i in scored if units[i] in held]
    shown, searched, held_back = (
        tuple(examples[i] for i in part) for part in (chosen, tuning, holding)
    )
    return Split(
        shown, searched, held_back, {e.id: unit for e, unit in zip(examples, units, strict=True)}
    )


def _rank(seed: int, purpose: str, *what: Any) -> bytes:
    """Where something stands in the seeded order for a purpose; the same on every machine and
    Python.
    """
    return hashlib.sha256(canonical_json([seed, purpose, *what]).encode()).digest()


def _order(examples: Sequence[Example], seed: int) -> list[int]:
    seen: Counter[str] = Counter()
    ranks = []
    for example in examples:
        text = canonical_json(dict(example.inputs))
        ranks.append(_rank(seed, "order", text, seen[text]))
        seen[text] += 1
    return sorted(range(len(examples)), key=ranks.__getitem__)


def _groups(data: Data, group: str | None) -> list[Any]:
    return data.cells(group) if group else [None] * len(data.examples)


def _units(data: Data, group: str | None) -> list[int]:
    """For each example the first example that it must stay with (itself, if there is none)."""
    leader = list(range(len(data.examples)))

    def lead(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    first: dict[str, int] = {}
    for i, (example, value) in enumerate(zip(data.examples, _groups(data, group), strict=True)):
        keys = [canonical_json(["inputs", dict(example.inputs)])]
        if value is not None:
            keys.append(canonical_json(["group", value]))
        for key in keys:
            low, high = sorted((lead(i), lead(first.setdefault(key, i))))
            leader[high] = low
    return [lead(i) for i in range(len(leader))]


def _unit_ranks(data: Data, group: str | None, seed: int) -> list[bytes]:
    """Where the unit that an example leads stands in the order in which units are held back."""
    return [
        _rank(seed, "side", dict(example.inputs) if value is None else value)
        for example, value in zip(data.examples, _groups(data, group), strict=True)
    ]


def _sides(data: Data, column: str, units: Sequence[int]) -> list[str]:
    said = [str(cell).strip().lower() for cell in data.cells(column)]
    for example, value in zip(data.examples, said, strict=True):
        if value not in _SIDES:
            raise DataError(
                f"example {example.id!r} has {value!r} in {column!r}, which is none of {list(_SIDES)}"
            )
    sides = [_SIDES[value] for value in said]
    for i, unit in enumerate(units):
        if sides[i] != sides[unit]:
            raise DataError(
                f"the column {column!r} parts examples {data.examples[unit].id!r} ({said[unit]}) and "
                f"{data.examples[i].id!r} ({said[i]}), which belong together: leave one of them out"
            )
    return sides


def _pick_shots(data: Data, order: Sequence[int], units: Sequence[int], count: int) -> list[int]:
    """The first in order; from the labels in turn, and from units that are set aside already where
    there are any.
    """
    labels = {i: canonical_json(data.examples[i].target) for i in order}
    few = len(set(labels.values())) <= min(20, len(labels) // 2)
    place = {i: n for n, i in enumerate(order)}
    different = {canonical_json(dict(data.examples[i].inputs)): i for i in reversed(order)}
    if count > len(different):
        raise DataError(
            f"{count} shots are needed, but {data.name!r} has {len(different)} different inputs for them"
        )
    left, chosen = set(different.values()), list[int]()
    taken, aside = Counter[str](), set[int]()
    for _ in range(count):
        best = min(left, key=lambda i: (few and taken[labels[i]], units[i] not in aside, place[i]))
        left.remove(best)
        chosen.append(best)
        taken[labels[best]] += 1
        aside.add(units[best])
    return chosen


def _held(units: Collection[int], holdout: float, ranks: Sequence[bytes]) -> set[int]:
    """The units to hold back: in seeded order, while they bring the count nearer to the share."""
    sizes = Counter(units)
    if holdout == 0 or len(sizes) == 0:
        return set()
    want = min(max(1, round(holdout * len(units))), len(units) - 1)
    held, count = set[int](), 0
    for unit in sorted(sizes, key=ranks.__getitem__):
        if count + sizes[unit] - want <= want - count and count + sizes[unit] < len(units):
            held.add(unit)
            count += sizes[unit]
    return held or {min(sizes, key=lambda u: (sizes[u], ranks[u]))}
