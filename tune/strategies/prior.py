"""Evidence from earlier studies: what a search believes before it has bought anything.

An earlier study had other examples, and perhaps other models or prompts. Its scores are evidence
about this study's points as far as they share a model, a prompt and settings. How far they differ
by study is a part of the covariance like any other (`study_parts`), so it is learned: what this
study buys soon outweighs evidence that does not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tune.space import Point

STUDY_PARTS = ("study", "model in a study", "prompt in a study", "point in a study")
"""Parts of the covariance that an earlier study has for itself."""


MADE_UP, VARIANCE = 2.0, 0.2
"""Made-up examples, and their variance, that are added to a trial's: a few equal scores are no
certainty.
"""


@dataclass(frozen=True, slots=True)
class PriorTrial:
    """A trial of an earlier study.

    Attributes:
        study: number of its study.
        point: its paid point. A model or prompt that this study does not have has a name of its
            own.
        quality: mean quality of its best reading with the fewest answers, as a share of the
            metric's range.
        noise: variance of that mean.
    """

    study: int
    point: Point
    quality: float
    noise: float


def prior_trial(study: int, point: Point, scores: npt.ArrayLike) -> PriorTrial:
    """Return what the qualities of a trial on some examples say.

    Args:
        study: number of its study.
        point: its paid point.
        scores: its qualities, by example.
    """
    known = np.asarray(scores, dtype=float)
    mean = float(known.mean())
    squares = float(((known - mean) ** 2).sum()) + MADE_UP * VARIANCE
    variance = squares / (len(known) + MADE_UP - 1)
    return PriorTrial(study, point, mean, variance / len(known))


def study_parts(
    candidates: int, prior: Sequence[PriorTrial]
) -> npt.NDArray[np.float64]:
    """Return the similarity of points in each of `STUDY_PARTS`.

    Args:
        candidates: number of this study's points, which come first. They have none of it.
        prior: the trials of earlier studies, which follow.
    """
    count = candidates + len(prior)
    found = np.zeros((len(STUDY_PARTS), count, count))
    study = _same([one.study for one in prior])
    model = _same([one.point["model"] for one in prior])
    prompt = _same([one.point["prompt"] for one in prior])
    found[:, candidates:, candidates:] = [
        study,
        study * model,
        study * prompt,
        np.eye(len(prior)),
    ]
    return found


def _same(values: Sequence[object]) -> npt.NDArray[np.float64]:
    """Return 1 where two values are equal, else 0."""
    return np.array([[float(one == other) for other in values] for one in values])
