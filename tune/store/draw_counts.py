"""Counts of the draws of a study: those that it paid for, and those that were there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tune.store.draws import Store


class DrawCounts(NamedTuple):
    """The draws of one model that the examples of a study ask for.

    Attributes:
        bought: paid by the study, in whichever process.
        reused: paid by another study.
    """

    bought: int = 0
    reused: int = 0


# A study notes its uses before it buys, so its own draws are found by them. The first so many draws
# of a request are asked for; a draw beyond them is of the study only if the study paid for it. The
# verdicts of a judge are no answers.
_COUNTS = """
SELECT json_extract(r.request, '$.service'), json_extract(r.request, '$.model'),
    sum(counted.bought), sum(counted.reused)
FROM (
    SELECT asked.request AS request, sum(d.study = :study) AS bought,
        sum(d.study != :study AND d.number < asked.draws) AS reused
    FROM (
        SELECT u.request AS request, max(u.draws) AS draws
        FROM examples e JOIN uses u ON u.example = e.id
        WHERE e.study = :study GROUP BY u.request
    ) asked
    JOIN draws d ON d.request = asked.request AND d.generation = :generation
    LEFT JOIN attempts a ON a.id = d.attempt
    WHERE a.purpose IS NOT 'judge'
    GROUP BY asked.request
) counted
JOIN requests r ON r.id = counted.request
GROUP BY 1, 2
"""


def count_draws(store: Store, study: str) -> Mapping[tuple[str, str], DrawCounts]:
    """Return the draws of a study, by the service and the model of their requests."""
    named = {"study": study, "generation": store.generation}
    counts: dict[tuple[str, str], DrawCounts] = {}
    for service, model, bought, reused in store.db.rows(_COUNTS, named):
        counts[service, model] = DrawCounts(bought, reused)
    return counts
