"""Gaussian processes over points: against the textbook, against many random numbers, and at their
limits.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.space import Point
from tune.strategies.gaussian_process import (
    PARTS,
    BlockMeans,
    GaussianProcess,
    _bordered,
    _log_likelihood,
    covariance_parts,
    varying_settings,
)
from tune.strategies.joint_normal import JointNormal
from tune.strategies.problem import Array

PRIOR = np.array([0.02, 0.02, 0.015, 0.004, 0.004, 0.003, 0.001])
LEVEL, LEVEL_VARIANCE = 0.5, 0.1

POINTS = st.fixed_dictionaries(
    {"model": st.sampled_from(["a", "b", "c"]), "prompt": st.sampled_from(["p", "q"])},
    optional={
        "temperature": st.sampled_from([None, 0, 0.0, 0.3, 1.0, 2]),
        "max_tokens": st.integers(1, 4000),
        "stop": st.sampled_from([(), ("\n",), ("\n", "END")]),
        "think": st.booleans(),
        "reasoning_effort": st.sampled_from(["low", "high", None]),
        "mixed": st.sampled_from([1, 0.5, "much", None, True, False]),
        "counted": st.sampled_from([1, 7, "many", None, False]),
    },
).map(Point)


def point(model: str = "a", prompt: str = "p", **values: object) -> Point:
    return Point({"model": model, "prompt": prompt, **values})  # type: ignore[dict-item]


def crowd(count: int, seed: int = 0) -> list[Point]:
    rng = np.random.default_rng(seed)
    return [
        point(
            str(rng.choice(["a", "b"])), str(rng.choice(["p", "q"])), temperature=i / 10
        )
        for i in range(count)
    ]


def seen(
    candidates: list[int],
    values: list[float],
    noise: float | list[float] = 0.02,
    *,
    blocks: list[int] | None = None,
    scale: float | list[float] = 1.0,
    example_effect: tuple[float, ...] = (),
    family: list[int] | None = None,
    interaction: tuple[float, ...] = (),
) -> BlockMeans:
    count = len(candidates)
    return BlockMeans(
        candidate=np.array(candidates, dtype=int),
        block=np.array(blocks if blocks is not None else [-1] * count, dtype=int),
        value=np.array(values, dtype=float),
        noise=np.broadcast_to(np.asarray(noise, dtype=float), (count,)).copy(),
        scale=np.broadcast_to(np.asarray(scale, dtype=float), (count,)).copy(),
        example_effect=np.array(example_effect, dtype=float),
        family=np.array(family if family is not None else range(count), dtype=int),
        interaction=np.array(interaction or (0.0,) * len(example_effect), dtype=float),
    )


def process() -> GaussianProcess:
    return GaussianProcess(PRIOR, LEVEL, LEVEL_VARIANCE)


def textbook(variances: Array, points: list[Point], what: BlockMeans) -> JointNormal:
    """The posterior, one number after the other: K* (K + S)^-1 (y - m), with what blocks add in S."""
    alike = covariance_parts(points)

    def prior(i: int, j: int) -> float:
        return LEVEL_VARIANCE + sum(
            float(v * part[i, j]) for v, part in zip(variances, alike, strict=True)
        )

    rows, everyone = range(len(what.candidate)), range(len(points))
    whole = np.zeros((len(rows), len(rows)))
    for r in rows:
        for s in rows:
            whole[r, s] = (
                what.scale[r]
                * what.scale[s]
                * prior(what.candidate[r], what.candidate[s])
            )
            whole[r, s] += what.noise[r] * (r == s)
            if len(what.example_effect) and what.block[r] == what.block[s] != -1:
                whole[r, s] += what.example_effect[what.block[r]]
                whole[r, s] += what.interaction[what.block[r]] * (
                    what.family[r] == what.family[s]
                )
    across = np.array(
        [[what.scale[r] * prior(i, what.candidate[r]) for r in rows] for i in everyone]
    )
    inverse = np.linalg.inv(whole)
    mean = LEVEL + across @ inverse @ (what.value - what.scale * LEVEL)
    plain = np.array([[prior(i, j) for j in everyone] for i in everyone])
    return JointNormal(mean, plain - across @ inverse @ across.T)


# --- parts


@given(st.lists(POINTS, min_size=1, max_size=12))
def test_every_part_is_a_covariance_of_ones_on_its_diagonal(
    points: list[Point],
) -> None:
    found = covariance_parts(points)
    assert found.shape == (len(PARTS), len(points), len(points))
    for part in found:
        assert np.array_equal(part, part.T)
        assert np.diag(part) == pytest.approx(np.ones(len(points)))
        assert ((part >= 0) & (part <= 1)).all()
        assert np.linalg.eigvalsh(part + 1e-9 * np.eye(len(points)))[0] > -1e-9


@given(st.lists(POINTS, min_size=1, max_size=8), st.randoms())
def test_parts_do_not_hang_on_the_order_of_points(
    points: list[Point], rng: object
) -> None:
    order = list(range(len(points)))
    rng.shuffle(order)  # type: ignore[attr-defined]
    assert covariance_parts([points[i] for i in order]) == pytest.approx(
        covariance_parts(points)[:, order][:, :, order]
    )


def test_models_and_prompts_are_alike_where_they_are_the_same_and_not_otherwise() -> (
    None
):
    found = dict(
        zip(
            PARTS,
            covariance_parts([point("a", "p"), point("a", "q"), point("b", "p")]),
            strict=True,
        )
    )
    assert found["model"].tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert found["prompt"].tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    assert found["both"].tolist() == np.eye(3).tolist()
    assert found["settings"].tolist() == np.ones((3, 3)).tolist()
    assert found["settings of a model"].tolist() == found["model"].tolist()
    assert found["own"].tolist() == np.eye(3).tolist()


def near(*values: object) -> Array:
    """How alike settings are, of points with these values for one."""
    found = covariance_parts(
        [point(setting=v) if v != "absent" else point() for v in values]
    )
    return np.asarray(found[PARTS.index("settings")])


def test_numbers_are_the_more_alike_the_nearer_they_are_whatever_their_scale() -> None:
    small, large = near(0.0, 0.5, 1.0), near(100.0, 150.0, 200.0)
    assert small == pytest.approx(large)
    assert 1 > small[0, 1] > small[0, 2] > 0
    assert small[0, 2] == pytest.approx(math.exp(-2.0))


def test_what_is_counted_is_as_far_apart_as_its_logarithms() -> None:
    found = near(8, 32, 128)
    assert found[0, 1] == pytest.approx(found[1, 2])
    assert near(1, 3, 9) == pytest.approx(found)
    assert near(0, 4, 8)[0, 1] == pytest.approx(
        found[0, 1]
    )  # with a 0 among them they are plain numbers, as before


def test_settings_that_are_searched_together_have_parts_of_their_own_alone_and_for_a_prompt() -> (
    None
):
    points = [
        point(m, p, cap=cap, heat=heat)
        for m, p, cap, heat in [
            ("a", "p", 8, 0.0),
            ("b", "p", 8, 1.0),
            ("a", "q", 8, 0.5),
            ("a", "p", 64, 0.0),
        ]
    ]
    assert varying_settings(points) == ("cap", "heat")
    found = covariance_parts(points, varying_settings(points))
    assert found.shape == (len(PARTS) + 4, 4, 4)
    cap, cap_of_prompt, heat, heat_of_prompt = found[len(PARTS) :]
    assert cap[0].tolist() == pytest.approx(
        [1, 1, 1, math.exp(-2.0)]
    )  # whatever the heat, the model and the prompt
    assert cap_of_prompt[0].tolist() == pytest.approx([1, 1, 0, math.exp(-2.0)])
    assert heat[0].tolist() == pytest.approx([1, math.exp(-2.0), math.exp(-0.5), 1])
    assert heat_of_prompt[2].tolist() == [0, 0, 1, 0]


def test_one_setting_alone_has_no_part_of_its_own_as_all_together_are_that_one() -> (
    None
):
    assert varying_settings([point(heat=0.0, cap=8), point(heat=1.0, cap=8)]) == ()
    assert varying_settings([point(heat=0.0), point(heat=1.0, effort="low")]) == (
        "effort",
        "heat",
    )
    assert varying_settings([]) == ()


def test_a_part_of_a_setting_that_no_point_has_any_more_tells_none_apart() -> None:
    found = covariance_parts(
        [point("a", "p", heat=0.0), point("a", "q", heat=1.0)], ("effort", "heat")
    )
    effort, effort_of_prompt = found[len(PARTS) :][:2]
    assert effort.tolist() == np.ones((2, 2)).tolist()
    assert effort_of_prompt.tolist() == np.eye(2).tolist()


def test_a_number_that_is_left_out_lies_in_the_middle() -> None:
    for missing in (None, "absent", False):
        for low, high in ((0.0, 1.0), (2, 8)):
            found = near(low, missing, high)
            assert found[1, 0] == pytest.approx(found[1, 2])
            assert found[1, 0] > found[0, 2]


@pytest.mark.parametrize(
    "values",
    [
        ("low", "high", "low"),
        (True, False, True),
        ((), ("\n",), ()),
        (None, "high", None),
        (0.7, None, 0.7),
    ],
)
def test_what_is_no_number_is_the_same_or_different_and_nothing_between(
    values: tuple[object, ...],
) -> None:
    found = near(*values)
    assert found[0, 2] == 1
    assert 0 < found[0, 1] == found[1, 2] < 1


def test_settings_that_differ_twice_are_less_alike_than_those_that_differ_once() -> (
    None
):
    points = [
        point(x=0, effort="low"),
        point(x=1, effort="low"),
        point(x=1, effort="high"),
    ]
    found = covariance_parts(points)[PARTS.index("settings")]
    assert found[0, 2] < min(found[0, 1], found[1, 2])


# --- what is believed


def test_nothing_seen_leaves_what_was_believed_beforehand() -> None:
    points = crowd(4)
    found = process().condition(covariance_parts(points), seen([], []))
    assert found.mean.tolist() == [LEVEL] * 4
    assert found.cov == pytest.approx(
        np.tensordot(PRIOR, covariance_parts(points), 1) + LEVEL_VARIANCE
    )
    assert found.deviation() == pytest.approx(
        [math.sqrt(PRIOR.sum() + LEVEL_VARIANCE)] * 4
    )


@settings(max_examples=40)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 5),
            st.integers(-1, 2),
            st.floats(0, 1),
            st.floats(0.001, 0.5),
            st.floats(0.2, 1),
        ),
        min_size=1,
        max_size=12,
    ),
    example_effect=st.tuples(*[st.floats(0, 0.1)] * 3),
    interaction=st.tuples(*[st.floats(0, 0.1)] * 3),
)
def test_what_is_believed_is_the_textbook_posterior_under_the_variances_learned(
    rows: list[tuple[int, int, float, float, float]],
    example_effect: tuple[float, ...],
    interaction: tuple[float, ...],
) -> None:
    points = crowd(6)
    candidates, blocks, values, noise, scale = (
        list(column) for column in zip(*rows, strict=True)
    )
    family = [candidate % 3 for candidate in candidates]
    what = seen(
        candidates,
        values,
        noise,
        blocks=blocks,
        scale=scale,
        example_effect=example_effect,
        family=family,
        interaction=interaction,
    )
    one = process()
    found = one.condition(covariance_parts(points), what)
    expected = textbook(one.variances, points, what)
    assert found.mean == pytest.approx(expected.mean, abs=1e-7)
    assert found.cov == pytest.approx(expected.cov, abs=1e-7)


def test_several_steps_of_learning_at_once_are_those_one_after_another() -> None:
    rng = np.random.default_rng(2)
    alike = covariance_parts(crowd(12))
    what = seen(list(range(12)), rng.random(12).tolist(), 0.01)
    once, stepwise = process(), process()
    found = once.condition(alike, what, fits=5)
    for _ in range(5):
        last = stepwise.condition(alike, what)
    assert once.variances.tolist() == stepwise.variances.tolist()
    assert found.mean.tolist() == last.mean.tolist()
    assert found.cov.tolist() == last.cov.tolist()


def test_variances_are_held_while_there_is_little_to_learn_them_from() -> None:
    one = process()
    one.condition(covariance_parts(crowd(6)), seen([0, 1, 2], [0.0, 1.0, 0.0], 1e-4))
    assert one.variances.tolist() == PRIOR.tolist()


def test_a_part_that_explains_what_was_seen_grows_and_one_that_does_not_shrinks() -> (
    None
):
    points = [point(m, p) for m in "abcdef" for p in "xyzuvw"]
    skill = dict(zip("abcdef", [0.1, 0.9, 0.2, 0.8, 0.05, 0.95], strict=True))
    what = seen(list(range(36)), [skill[str(p["model"])] for p in points], 0.002)
    one = process()
    before = one.variances.copy()
    for _ in range(6):
        one.condition(covariance_parts(points), what)
    grown = dict(zip(PARTS, one.variances / before, strict=True))
    assert grown["model"] > 1.5
    assert grown["prompt"] < 0.7
    assert grown["both"] < 0.7
    assert PRIOR.tolist() == before.tolist()


@settings(max_examples=30)
@given(st.integers(1, 8), st.integers(0, 100), st.floats(1e-5, 1.0))
def test_the_likelihood_is_that_of_the_normal_density(
    count: int, seed: int, noise: float
) -> None:
    rng = np.random.default_rng(seed)
    root, gaps = rng.standard_normal((count, count)), rng.standard_normal(count)
    whole = root @ root.T + noise * np.eye(count)
    expected = (
        -0.5 * gaps @ np.linalg.inv(whole) @ gaps - 0.5 * np.linalg.slogdet(whole)[1]
    )
    assert _log_likelihood(_bordered(whole, gaps)) == pytest.approx(
        expected, rel=1e-6, abs=1e-6
    )


def test_learning_comes_to_rest() -> None:
    points, rng = crowd(20), np.random.default_rng(1)
    what, one = seen(list(range(20)), rng.random(20).tolist(), 0.02), process()
    for _ in range(40):
        one.condition(covariance_parts(points), what)
    rested = one.variances.tolist()
    one.condition(covariance_parts(points), what)
    assert one.variances.tolist() == rested
    assert all(1e-3 < v / p < 1e3 for v, p in zip(rested, PRIOR, strict=True))


def test_the_noisier_a_sighting_the_nearer_belief_stays_to_the_rest() -> None:
    points = crowd(3)
    means = [
        process().condition(covariance_parts(points), seen([0], [1.0], noise)).mean[0]
        for noise in (1e-6, 0.02, 0.1, 1.0, 1e6)
    ]
    assert means == sorted(means, reverse=True)
    assert means[0] == pytest.approx(1.0, abs=1e-3)
    assert means[-1] == pytest.approx(LEVEL, abs=1e-3)


@settings(max_examples=40)
@given(st.integers(0, 5), st.integers(0, 5), st.floats(0.001, 1.0))
def test_a_sighting_leaves_nobody_less_known(
    first: int, second: int, noise: float
) -> None:
    points = crowd(6)
    without = process().condition(covariance_parts(points), seen([first], [0.7], noise))
    held = process().condition(
        covariance_parts(points), seen([first, second], [0.7, 0.1], noise)
    )
    assert (held.deviation() <= without.deviation() + 1e-9).all()
    assert np.linalg.eigvalsh(held.cov)[0] > -1e-9


def test_what_was_seen_of_one_is_believed_of_those_like_it_the_more_the_more_alike() -> (
    None
):
    points = [
        point("a", "p", t=0.0),
        point("a", "p", t=0.1),
        point("a", "p", t=1.0),
        point("a", "q"),
        point("b", "q"),
    ]
    mean = process().condition(covariance_parts(points), seen([0], [1.0])).mean
    assert mean[0] > mean[1] > mean[2] > mean[3] > mean[4] > LEVEL


def test_a_hard_block_that_others_met_too_is_not_held_against_who_met_it() -> None:
    points = [point(m, p) for m in "abcd" for p in "xy"]
    rows = [(i, 0, 0.8) for i in range(8)] + [
        (i, 1, 0.2) for i in range(7)
    ]  # the last met the easy block only
    candidates, blocks, values = (list(column) for column in zip(*rows, strict=True))
    found = {
        shared: process()
        .condition(
            covariance_parts(points),
            seen(
                candidates, values, 0.01, blocks=blocks, example_effect=(shared, shared)
            ),
        )
        .mean
        for shared in (0.0, 0.5)
    }
    assert found[0.0][7] - found[0.0][:7].max() > 0.02
    assert abs(found[0.5][7] - found[0.5][:7].mean()) < 0.015


def test_the_same_blocks_tell_points_apart_that_plain_noise_would_not() -> None:
    points = [point("a"), point("b")]
    what = seen([0, 1], [0.3, 0.2], 0.001, blocks=[0, 0], example_effect=(0.5,))
    apart = process().condition(covariance_parts(points), what)
    alone = process().condition(
        covariance_parts(points), seen([0, 1], [0.3, 0.2], 0.501)
    )
    assert apart.mean[0] - apart.mean[1] > 10 * (alone.mean[0] - alone.mean[1]) > 0
    assert _gap_variance(apart) < _gap_variance(alone) / 4


def test_what_a_block_adds_to_a_family_tells_its_own_members_apart_and_not_those_of_others() -> (
    None
):
    points = [point("a", t=0.0), point("a", t=1.0), point("b", t=0.0)]
    values, noise = [0.3, 0.2, 0.3], 0.001
    interaction = process().condition(
        covariance_parts(points),
        seen(
            [0, 1, 2],
            values,
            noise,
            blocks=[0] * 3,
            example_effect=(0.0,),
            family=[0, 0, 1],
            interaction=(0.5,),
        ),
    )
    alone = process().condition(
        covariance_parts(points), seen([0, 1, 2], values, noise + 0.5)
    )
    assert (
        interaction.mean[0] - interaction.mean[1]
        > 10 * (alone.mean[0] - alone.mean[1])
        > 0
    )
    assert _gap_variance(interaction) < _gap_variance(alone) / 4
    across = [
        float(b.cov[0, 0] + b.cov[2, 2] - 2 * b.cov[0, 2]) for b in (interaction, alone)
    ]
    assert across[0] > 0.8 * across[1]


def _gap_variance(belief: JointNormal) -> float:
    return float(belief.cov[0, 0] + belief.cov[1, 1] - 2 * belief.cov[0, 1])


# --- what a purchase teaches


@settings(max_examples=30)
@given(st.integers(0, 5), st.floats(0.001, 1.0), st.floats(0, 1))
def test_buying_leaves_what_a_fresh_sighting_would_leave_whatever_it_shows(
    bought: int, noise: float, value: float
) -> None:
    points = crowd(6)
    first, more = (
        seen([0, 3], [0.2, 0.9]),
        seen([0, 3, bought], [0.2, 0.9, value], [0.02, 0.02, noise]),
    )
    before = process().condition(covariance_parts(points), first)
    mean = before.mean.copy()
    before.buy(bought, noise)
    after = process().condition(
        covariance_parts(points), more
    )  # three sightings: too few to learn variances from
    columns = before.covariances(np.arange(len(points)))
    assert columns == pytest.approx(after.cov, abs=1e-9)
    assert before.variance == pytest.approx(after.variance, abs=1e-9)
    assert before.mean.tolist() == mean.tolist()


def test_means_move_with_the_covariance_when_a_purchase_shows_what_it_shows() -> None:
    points = crowd(5)
    before = process().condition(covariance_parts(points), seen([0, 3], [0.2, 0.9]))
    who = np.array([2, 0])
    scales, own = before.surprises(who, np.array([0.05, 0.3]))
    for k, (candidate, noise) in enumerate(((2, 0.05), (0, 0.3))):
        assert scales[k] == math.sqrt(before.cov[candidate, candidate] + noise)
        slopes = before.cov[candidate] / scales[k]
        assert own[k] == pytest.approx(slopes[candidate])
        shown = float(before.mean[candidate] + scales[k])
        after = process().condition(
            covariance_parts(points),
            seen([0, 3, candidate], [0.2, 0.9, shown], [0.02, 0.02, noise]),
        )
        assert after.mean - before.mean == pytest.approx(slopes, abs=1e-9)


def test_a_purchase_that_shows_nothing_moves_nothing() -> None:
    before = process().condition(covariance_parts(crowd(4)), seen([0], [0.2]))
    _, own = before.surprises(np.array([1]), np.array([math.inf]))
    assert own.tolist() == [0.0]
