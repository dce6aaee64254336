"""The seeded split of a data set: shots, tuning and holdout."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
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
"""The words of a split column, and the side that each stands for."""

MOST_LABELS = 20
"""With more different targets than this, shots are not balanced over them."""


@dataclass(frozen=True, slots=True)
class Split:
    """The examples by their use, each part in the seeded order that the whole study uses.

    Attributes:
        shots: reserved for few-shot prompts, and never scored.
        tuning: the examples that the search may see.
        holdout: the examples that only the selected config and the baseline meet.
        clusters: the cluster of each example, by the example's id; see `cluster`.
    """

    shots: tuple[Example, ...]
    tuning: tuple[Example, ...]
    holdout: tuple[Example, ...]
    clusters: Mapping[str, int] = field(default_factory=dict)

    def cluster(self, example: Example) -> Hashable:
        """Return the cluster of an example: identical inputs, or the same group, are one cluster.

        An interval counts a cluster as one observation, however many examples it has: their scores
        are not independent.
        """
        return self.clusters.get(example.id, example.id)

    def count_clusters(self, examples: Sequence[Example]) -> int:
        """Return the number of clusters among some examples."""
        return len({self.cluster(example) for example in examples})


def count_clusters(data: Data, group: str | None = None) -> int:
    """Return the number of clusters in a data set; see `Split.cluster`.

    Raises:
        DataError: the data set lacks the column `group`.
    """
    return len(set(_clusters(data, group)))


def split(
    data: Data,
    *,
    holdout: float,
    shots: int,
    seed: int,
    group: str | None = None,
    column: str | None = None,
) -> Split:
    """Split the examples by a seed: the shots, then the holdout's share of the rest, then tuning.

    Examples with identical inputs, or with the same value of `group`, are never on two sides. The
    order depends on the seed and on each example's own inputs, so a row added at the end leaves the
    order of the others unchanged.

    Args:
        data: the data set.
        holdout: the share of the scored examples to hold back, from 0 to 0.9.
        shots: the number of examples that few-shot prompts need; balanced over the target's values
            where those are labels.
        seed: any whole number.
        group: a column whose equal values stay together (a patient, a document).
        column: a column that states the side, in place of `holdout`: "train" or "tuning", "test"
            or "holdout", and perhaps "shots".

    Raises:
        DataError: nothing would be left to tune on, or a column or its values cannot be used.
    """
    if not 0 <= holdout <= 0.9:
        raise DataError(f"`0 <= holdout <= 0.9` must hold, but got holdout={holdout}")
    if shots < 0:
        raise DataError(f"`shots >= 0` must hold, but got shots={shots}")
    examples = data.examples
    clusters = _clusters(data, group)
    sides = _sides(data, column, clusters) if column else ["tuning"] * len(examples)
    order = _order(examples, seed)
    chosen = _shots(data, order, sides, clusters, shots)
    # The whole cluster of a shot leaves the scored examples: its answer stands in the prompt.
    used = {clusters[i] for i in chosen}
    scored = [i for i in order if clusters[i] not in used and sides[i] != "shots"]
    if column:
        held = {clusters[i] for i in scored if sides[i] == "holdout"}
    else:
        sizes = Counter(clusters[i] for i in scored)
        held = _held(sizes, holdout, _cluster_ranks(data, group, seed))
    tuning: list[Example] = []
    holding: list[Example] = []
    for i in scored:
        part = holding if clusters[i] in held else tuning
        part.append(examples[i])
    if not tuning:
        raise DataError(_nothing_left(data, shots, len(scored), group))
    return Split(
        shots=tuple(examples[i] for i in chosen),
        tuning=tuple(tuning),
        holdout=tuple(holding),
        clusters=dict(zip(_ids(examples), clusters, strict=True)),
    )


def _ids(examples: Sequence[Example]) -> list[str]:
    return [example.id for example in examples]


def _nothing_left(
    data: Data,
    shots: int,
    scored: int,
    group: str | None,
) -> str:
    """Return the message where no example is left to tune on."""
    together = "identical inputs"
    if group:
        together += f" and equal {group!r}"
    return (
        f"of the {len(data.examples)} examples of {data.name!r} none is left to tune on, "
        f"with {shots} shots and {scored} held back ({together} stay together)"
    )


def _rank(seed: int, purpose: str, *what: Any) -> bytes:
    """Return a sort key in the seeded order of a purpose; the same on every machine and Python."""
    return hashlib.sha256(canonical_json([seed, purpose, *what]).encode()).digest()


def _order(examples: Sequence[Example], seed: int) -> list[int]:
    """Return the examples' positions in the seeded order."""
    seen: Counter[str] = Counter()
    ranks = []
    # By content and not by position: a row in front does not move the others.
    for example in examples:
        text = canonical_json(dict(example.inputs))
        # The count tells examples with identical inputs apart.
        ranks.append(_rank(seed, "order", text, seen[text]))
        seen[text] += 1
    return sorted(range(len(examples)), key=ranks.__getitem__)


def _groups(data: Data, group: str | None) -> list[Any]:
    return data.cells(group) if group else [None] * len(data.examples)


def _clusters(data: Data, group: str | None) -> list[int]:
    """Return, for each example, the first example of its cluster (itself where it stands alone)."""
    # A disjoint-set forest: two examples may share a cluster through a third, whose inputs are
    # those of the one and whose group is that of the other.
    leader = list(range(len(data.examples)))

    def lead(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    first: dict[str, int] = {}
    groups = _groups(data, group)
    for i, example in enumerate(data.examples):
        value = groups[i]
        keys = [canonical_json(["inputs", dict(example.inputs)])]
        if value is not None:
            keys.append(canonical_json(["group", value]))
        for key in keys:
            earlier = first.setdefault(key, i)
            # The first example leads, so that the result does not depend on the order of merging.
            low, high = sorted((lead(i), lead(earlier)))
            leader[high] = low
    return list(map(lead, range(len(leader))))


def _cluster_ranks(
    data: Data,
    group: str | None,
    seed: int,
) -> list[bytes]:
    """Return, for the cluster that an example leads, its place in the order of holding back."""
    ranks = []
    groups = _groups(data, group)
    for example, value in zip(data.examples, groups, strict=True):
        # By the group alone where there is one, since a cluster moves as a whole.
        own = dict(example.inputs) if value is None else value
        ranks.append(_rank(seed, "side", own))
    return ranks


def _sides(
    data: Data,
    column: str,
    clusters: Sequence[int],
) -> list[str]:
    """Return the side that a column states for each example."""
    stated = [str(cell).strip().lower() for cell in data.cells(column)]
    for example, word in zip(data.examples, stated, strict=True):
        if word not in _SIDES:
            raise DataError(
                f"example {example.id!r} has {word!r} in {column!r}, "
                f"which is none of {list(_SIDES)}"
            )
    sides = [_SIDES[word] for word in stated]
    for i, cluster in enumerate(clusters):
        if sides[i] != sides[cluster]:
            first, second = data.examples[cluster], data.examples[i]
            raise DataError(
                f"the column {column!r} parts examples {first.id!r} ({stated[cluster]}) and "
                f"{second.id!r} ({stated[i]}), which belong together: leave one of them out"
            )
    return sides


def _shots(
    data: Data,
    order: Sequence[int],
    sides: Sequence[str],
    clusters: Sequence[int],
    count: int,
) -> list[int]:
    """Return the positions of the shots: of those marked as shots where there are any."""
    source = "shots" if "shots" in sides else "tuning"
    candidates = [i for i in order if sides[i] == source]
    return _balanced(data, candidates, clusters, count)


def _balanced(
    data: Data,
    order: Sequence[int],
    clusters: Sequence[int],
    count: int,
) -> list[int]:
    """Return the first examples in order, taking the labels in turn.

    Examples of a cluster that is already used are preferred, since they cannot be scored anyway.
    """
    labels = {i: canonical_json(data.examples[i].target) for i in order}
    are_labels = len(set(labels.values())) <= min(MOST_LABELS, len(labels) // 2)
    place = dict(zip(order, range(len(order)), strict=True))
    # In reverse, so that the first of several examples with identical inputs is kept.
    different = {
        canonical_json(dict(data.examples[i].inputs)): i for i in reversed(order)
    }
    if count > len(different):
        raise DataError(
            f"{count} shots are needed, but {data.name!r} has {len(different)} "
            "different inputs for them"
        )
    left = set(different.values())
    chosen = list[int]()
    taken = Counter[str]()
    used = set[int]()

    def priority(i: int) -> tuple[int, bool, int]:
        times = taken[labels[i]] if are_labels else 0
        return times, clusters[i] not in used, place[i]

    for _ in range(count):
        best = min(left, key=priority)
        left.remove(best)
        chosen.append(best)
        taken[labels[best]] += 1
        used.add(clusters[best])
    return chosen


def _held(
    sizes: Counter[int],
    holdout: float,
    ranks: Sequence[bytes],
) -> set[int]:
    """Return the clusters to hold back: in seeded order, while they come nearer to the share.

    Args:
        sizes: the number of scored examples in each cluster.
        holdout: the share to hold back.
        ranks: the place of each cluster in the order.
    """
    if holdout == 0 or len(sizes) == 0:
        return set()
    total = sizes.total()
    # At least one example on each side.
    wanted = min(max(1, round(holdout * total)), total - 1)
    held = set[int]()
    count = 0
    for cluster in sorted(sizes, key=ranks.__getitem__):
        size = sizes[cluster]
        is_nearer = count + size - wanted <= wanted - count
        if is_nearer and count + size < total:
            held.add(cluster)
            count += size
    if held:
        return held
    # Every cluster is larger than twice the share: the smallest comes nearest.
    return {min(sizes, key=lambda cluster: (sizes[cluster], ranks[cluster]))}
