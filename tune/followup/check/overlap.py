"""What the examples of a check are worth: those that the study had say less, and so do those that
belong together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tune.runtime.best_json import DeploymentRecord, example_hashes
from tune.stats.confidence_sequences import together_notice
from tune.task.example import Data, Example
from tune.task.split import count_clusters

SAYING = {
    "tuning": "{these} tuning examples of the study, by which the config was chosen: on them it looks better than it "
    'is, so "holds" is optimistic.',
    "holdout": "{these} holdout examples of the study, on which the recorded quality was measured: on them the check "
    "tells whether the model has changed, and not whether that quality was luck.",
    "shots": "{these} examples that the prompt shows with their answers: on them it looks better than it is, so "
    '"holds" is optimistic.',
}
"""What is said of examples that had this part in the study."""


def count_overlap(deployment: DeploymentRecord, examples: Sequence[Example]) -> dict[str, int]:
    """How many of these examples the study had, by the part that they had in it; parts that had
    none are left out.

    An example is the same where all that the prompt shows of it is the same.
    """
    here = example_hashes(deployment.prompt.fields, examples)
    counts = {part: sum(mark in kept for mark in here) for part, kept in deployment.seen.items()}
    return {part: count for part, count in counts.items() if count}


def overlap_notices(overlap: Mapping[str, int], available: int) -> tuple[str, ...]:
    """What a reader is told of them, a sentence for each part."""

    def these(count: int) -> str:
        return (
            f"All {count} examples are"
            if count == available
            else f"{count} of the {available} examples are"
        )

    return tuple(
        SAYING[part].format(these=these(count)) for part, count in overlap.items() if part in SAYING
    )


def grouping_notices(data: Data, group: str | None) -> tuple[str, ...]:
    """What a reader is told where examples belong together, which the tests of a check take for
    independent ones.

    Args:
        data: the examples.
        group: the column by which the study kept examples together, or None.
    """
    if group is not None and group not in data.columns:
        return (
            f"The study kept examples with the same {group!r} together, and these have no such column: where several "
            f"of them belong together, the check is wrong more often than it says.",
        )
    return together_notice(len(data.examples), count_clusters(data, group), group)
