"""pass@k: the expected best of k answers, for somebody who can tell which one is right.

It is an upper bound on what can be deployed.
"""

from __future__ import annotations

from tune.report import PassAtK
from tune.result.evidence import Evidence
from tune.space import Config
from tune.strategies import Selection
from tune.study.record import RunRecord

LEAST_SHARE = 0.8
"""Examples with k draws, as a share of those that were met: with fewer, pass@k would be that of a
lucky part.
"""


def pass_at_k(
    record: RunRecord, choice: Selection | None, evidence: Evidence
) -> tuple[PassAtK, ...]:
    """Return the expected best score of k answers of the winner's settings, for k = 1, 2, 4, ...

    Every k is read off bought draws without bias: 1 - C(n - c, k) / C(n, k) for scores of 0 and 1
    (Chen et al. 2021, arXiv 2107.03374). The intervals are over tuning examples.
    """
    if choice is None:
        return ()
    reading, metric = choice.reading, record.plan.metric
    trial = record.trials[reading.trial]
    # A metric over all answers has its own best. A judge would have to be paid for each answer.
    if metric.over_responses or metric.costs:
        return ()
    counts = sorted(map(len, trial.draws.values()), reverse=True)
    if not counts:
        return ()
    # The most draws that a large enough share of the examples has. The list falls.
    most = counts[min(len(counts) - 1, int(LEAST_SHARE * len(counts)))]
    if most < 2:
        return ()
    sizes = []
    size = 1
    while size < most:
        sizes.append(size)
        size *= 2
    # The largest k is shown too, even if it is no power of two.
    sizes.append(most)
    configs = []
    for k in sizes:
        configs.append(Config({**reading.config, "n": k, "aggregate": "any"}))
    found = []
    for read in record.reader.read(trial, configs):
        if read.n_examples:
            found.append(PassAtK(read.config.n, evidence.quality(read)))
    return tuple(found)
