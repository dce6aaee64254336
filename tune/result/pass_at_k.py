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
    record: RunRecord, choice: Selection, evidence: Evidence
) -> tuple[PassAtK, ...]:
    """Return the expected best score of k answers of the winner's settings, for k = 1, 2, 4, ...

    Every k is read off bought draws without bias: 1 - C(n - c, k) / C(n, k) for scores of 0 and 1
    (Chen et al. 2021, arXiv 2107.03374). The intervals are over tuning examples.
    """
    reading, metric = choice.reading, record.plan.metric
    trial = record.trials[reading.trial]
    if metric.over_responses or metric.costs:
        return ()
    counts = sorted(map(len, trial.draws.values()), reverse=True)
    if not counts:
        return ()
    # The most draws that a large enough share of the examples has.
    most = counts[min(len(counts) - 1, int(LEAST_SHARE * len(counts)))]
    if most < 2:
        return ()
    sizes = [2**power for power in range(most.bit_length()) if 2**power < most]
    configs = [
        Config({**reading.config, "n": k, "aggregate": "any"}) for k in (*sizes, most)
    ]
    read = record.reader.read(trial, configs)
    scored = [found for found in read if found.n_examples]
    return tuple(PassAtK(found.config.n, evidence.quality(found)) for found in scored)
