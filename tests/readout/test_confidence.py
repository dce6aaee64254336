"""Votes that are weighted by how sure the model was."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tune.completion import Completion
from tune.errors import SpaceError
from tune.readout.aggregate import choose, confident
from tune.readout.answers import choose_draw, read_draws
from tune.readout.confidence import confidence
from tune.readout.reader import Reader
from tune.readout.truncate import cut
from tune.space import Config
from tune.task.extract import parse_extractor

LABELS = parse_extractor({"labels": ["yes", "no"]})


def draw(text: str, *probabilities: float) -> Completion:
    """Return a draw whose tokens, one character each, have these probabilities."""
    logprobs = tuple(map(math.log, probabilities)) if probabilities else None
    ends = tuple(range(1, len(text) + 1))
    return Completion(
        text, "stop", 5, len(text) + 1, token_ends=ends, logprobs=logprobs
    )


def test_confidence_is_the_geometric_mean_of_what_is_shown() -> None:
    sure = draw("yes", 0.9, 0.4, 0.1)
    whole = cut(sure, 10, ())
    assert confidence(sure, whole) == pytest.approx((0.9 * 0.4 * 0.1) ** (1 / 3))
    assert confidence(sure, cut(sure, 2, ())) == pytest.approx((0.9 * 0.4) ** 0.5)
    assert confidence(draw("yes"), whole) is None
    assert confidence(draw(""), cut(draw(""), 10, ())) is None


def test_a_sure_minority_outweighs_an_unsure_majority() -> None:
    assert confident(["no", "yes", "no"], [0.2, 0.9, 0.3]) == "yes"
    assert confident(["no", "yes", "no"], [0.5, 0.9, 0.5]) == "no"
    assert confident(["no", "yes"], [0.5, 0.5]) == "no", "the first of equals"
    assert confident([None, "yes"], [0.9, 0.1]) == "yes", "no answer does not vote"
    assert confident([None], [0.9]) is None
    # Where the confidence of one is not known, it is a plain vote.
    assert confident(["no", "yes", "no"], [0.1, 0.9, None]) == "no"
    assert choose("confident", ["no", "yes"], weights=[0.1, 0.9]) == "yes"


def config(n: int) -> Config:
    return Config(
        {"model": "m", "prompt": "p", "max_tokens": 8, "n": n, "aggregate": "confident"}
    )


DRAWS = [draw("yes", 0.9, 0.9, 0.9), draw("no", 0.1, 0.1), draw("no", 0.1, 0.1)]


def test_the_search_and_the_runtime_choose_alike() -> None:
    (first, *_) = chosen = read_draws(DRAWS, config(3), LABELS)
    found = choose_draw("confident", chosen)
    assert (found.answer, found.draw) == ("yes", first)
    reader = Reader(LABELS, ask=lambda answer, _: float(answer == "yes"))
    rules = {"confident": "confident"}
    configs = [config(1), config(2), config(3)]
    rows = reader.rows({0: DRAWS}, configs, rules)
    # One of three answers is right; of two, the sure one is among them in two of three pairs.
    scores = [float(rows[one].scores[0]) for one in configs]
    assert np.allclose(scores, [1 / 3, 2 / 3, 1.0])


def test_confident_needs_log_probabilities() -> None:
    from tests.support.order import order

    aggregate = {"aggregate": ["first", "confident"]}
    with pytest.raises(SpaceError, match="add logprobs = true"):
        order(space=aggregate)
    assert order(space={**aggregate, "logprobs": True}).space.domain(
        "logprobs", "small"
    )
