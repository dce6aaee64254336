"""Examples of a check that the study had already, or that belong together: they show less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tune.runtime.best_json import DeploymentRecord
from tune.runtime.deployment_record import example_hashes
from tune.stats.confidence_sequences import clusters_notice
from tune.task.example import Data, Example
from tune.task.split import count_clusters

NOTICES = {
    "tuning": "{these} tuning examples of the study, by which the config was chosen: on them it "
    'looks better than it is, so "holds" is optimistic.',
    "holdout": "{these} holdout examples of the study, on which the recorded quality was "
    "measured: on them the check tells whether the model has changed, and not whether that "
    "quality was luck.",
    "shots": "{these} examples that the prompt shows with their answers: on them it looks better "
    'than it is, so "holds" is optimistic.',
}
"""The notice on examples, by the part that they had in the study."""


def count_overlap(
    deployment: DeploymentRecord, examples: Sequence[Example]
) -> dict[str, int]:
    """Count the examples that the study had, by the part that they had in it.

    An example is the same where everything that the prompt shows of it is the same. Parts without
    an example are left out.
    """
    # The record holds hashes instead of texts, so that it can be given to others.
    hashes = example_hashes(deployment.prompt.fields, examples)
    counts = {}
    for part, seen in deployment.seen.items():
        count = sum(one in seen for one in hashes)
        if count:
            counts[part] = count
    return counts


def overlap_notices(overlap: Mapping[str, int], available: int) -> tuple[str, ...]:
    """Return a sentence for each part of the study that examples come from.

    Args:
        overlap: examples by part, as `count_overlap` counts them.
        available: all examples of the check.
    """
    notices = []
    for part, count in overlap.items():
        these = f"{count} of the {available} examples are"
        if count == available:
            these = f"All {count} examples are"
        # A record of another version may name parts that this one does not know.
        if part in NOTICES:
            notices.append(NOTICES[part].format(these=these))
    return tuple(notices)


def grouping_notices(data: Data, group: str | None) -> tuple[str, ...]:
    """Return a sentence where examples belong together: the tests take them for independent.

    Args:
        data: the examples.
        group: the column that kept examples together in the study, or None.
    """
    # Without the column nobody can tell which examples belong together.
    if group is not None and group not in data.columns:
        return (
            f"The study kept examples with the same {group!r} together, and these have no such "
            f"column: where several of them belong together, the check is wrong more often than "
            f"it says.",
        )
    return clusters_notice(len(data.examples), count_clusters(data, group), group)
