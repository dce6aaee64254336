"""Evidence of earlier studies: it moves what is believed, and what is bought outweighs it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tune.fakes.race import FakeLedger, World, reading, some_space
from tune.search import SEARCHERS
from tune.space import Point
from tune.strategies import KnowledgeGradient
from tune.strategies.posterior import Posterior, TrialEvidence
from tune.strategies.prior import STUDY_PARTS, PriorTrial, study_parts

GOOD, BAD = 0.9, 0.3


def point(model: str, prompt: str = "plain") -> Point:
    return Point({"model": model, "prompt": prompt, "temperature": 0.5})


def prior(*qualities: tuple[Point, float], study: int = 0) -> tuple[PriorTrial, ...]:
    return tuple(PriorTrial(study, where, mean, 0.002) for where, mean in qualities)


def test_a_study_shares_its_own_parts_within_itself_alone() -> None:
    trials = (
        *prior((point("a"), GOOD), (point("a", "brief"), BAD)),
        *prior((point("a"), GOOD), study=1),
    )
    found = study_parts(2, trials)
    assert found.shape == (len(STUDY_PARTS), 5, 5)
    assert not found[:, :2].any(), "points of this study have none of it"
    study, model, prompt, own = found[:, 2:, 2:]
    assert study.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert model.tolist() == study.tolist()
    assert np.array_equal(prompt, np.eye(3))
    assert np.array_equal(own, np.eye(3))


def posterior(trials: tuple[PriorTrial, ...], *shown: tuple[int, float]) -> Posterior:
    """The posterior of three models, after blocks of 24 examples with these means."""
    problem = replace(World().problem(), prior=trials)
    points = [point("tiny"), point("small"), point("large")]
    found = Posterior(problem, points)
    evidence = []
    for number, mean in shown:
        right = round(24 * mean)
        scores = [1.0] * right + [0.0] * (24 - right)
        model = str(points[number]["model"])
        base = reading(scores, trial=number, model=model)
        evidence.append((number, TrialEvidence(base, None, 1, feasible=True)))
    for _ in range(4):
        found.update(evidence)
    return found


def test_points_that_were_good_elsewhere_are_believed_to_be_good_but_not_surely() -> (
    None
):
    trials = prior((point("small"), GOOD), (point("tiny"), BAD), (point("large"), BAD))
    found = posterior(trials).quality
    assert int(np.argmax(found.mean)) == 1
    assert len(found.mean) == 3, "what others tried cannot be bought"
    assert found.cov.shape == (3, 3)
    before = posterior(()).quality
    assert np.all(found.deviation() < before.deviation())
    assert np.all(found.deviation() > 0.05)


def test_a_template_that_was_good_with_another_model_is_good_evidence() -> None:
    problem = World().problem()
    points = [point("large", "plain"), point("large", "shots")]
    told = prior((point("\0other", "shots"), GOOD), (point("\0other", "plain"), BAD))
    found = Posterior(replace(problem, prior=told), points)
    found.update([])
    assert found.quality.mean[1] > found.quality.mean[0] + 0.05


def test_what_is_bought_outweighs_what_does_not_fit() -> None:
    trials = prior((point("small"), GOOD), (point("tiny"), BAD), (point("large"), BAD))
    found = posterior(trials, (0, 0.9), (1, 0.2), (2, 0.8)).quality.mean
    assert int(np.argmax(found)) == 0
    assert found[1] < found[2]


def search(trials: tuple[PriorTrial, ...], world: World) -> FakeLedger:
    problem = replace(world.problem(), prior=trials)
    searcher = SEARCHERS["grid"](world.space, world.free, 0)
    ledger = FakeLedger(world, 4.0 * world.unit())
    ledger.drive(KnowledgeGradient()(problem, searcher, ledger.left))
    return ledger


def test_the_first_wave_begins_where_earlier_studies_were_good_and_has_the_baseline() -> (
    None
):
    space = some_space(temperature=[0.5], n=1, aggregate=["first"])
    baseline = point("tiny", "plain")
    world = World(space=space, baseline=baseline)
    best = point("small", "brief")
    everywhere = [
        (point(model, prompt), GOOD if point(model, prompt) == best else BAD)
        for model in ("tiny", "small", "large")
        for prompt in ("plain", "brief", "shots", "reasoned")
    ]
    first = search(prior(*everywhere), world).waves[0]
    assert first[0].point == baseline
    assert first[1].point == best
    assert first[1].reason.purpose == "as they were good in earlier studies"
    # The others are spread, as earlier studies may mislead.
    assert len({step.point["model"] for step in first}) == 3
