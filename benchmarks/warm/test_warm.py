"""Pairs of studies share what they say, and the page says what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.warm.__main__ import main, page
from benchmarks.warm.pairs import MADE_UP, SAME, halves, made_up
from benchmarks.warm.runs import left_by, search
from benchmarks.worlds.worlds import World
from tune.space import FREE


def worths(world: World) -> np.ndarray:
    points = world.space.points(FREE)
    return np.array([world.worth(world.readings(point)[0]) for point in points])


def test_pairs_are_as_alike_as_they_say() -> None:
    def correlation(alike: float) -> float:
        pair = made_up(alike, SAME, 0)
        return float(np.corrcoef(worths(pair.earlier), worths(pair.later))[0, 1])

    assert correlation(1.0) > 0.9
    assert correlation(-1.0) < -0.9
    assert abs(correlation(0.0)) < 0.6


@pytest.mark.parametrize(
    ("name", "models", "prompts"),
    [
        ("a similar task", 6, 8),
        ("a similar task, other models", 0, 8),
        ("a similar task, other prompts", 6, 0),
    ],
)
def test_pairs_share_models_and_prompts(name: str, models: int, prompts: int) -> None:
    pair = MADE_UP[name](0)
    shared = [
        len(
            {cell[place] for cell in pair.earlier.answers}
            & {cell[place] for cell in pair.later.answers}
        )
        for place in (0, 1)
    ]
    assert shared == [models, prompts]


def test_the_halves_of_a_table_have_no_example_in_common() -> None:
    world = MADE_UP["a similar task"](0).later
    pair = halves(world, 3)
    assert pair.earlier_pool is not None
    assert pair.later_pool is not None
    both = np.concatenate([pair.earlier_pool, pair.later_pool])
    assert sorted(both.tolist()) == list(range(world.examples))


def test_a_study_is_searched_with_and_without_what_an_earlier_one_left() -> None:
    pair = MADE_UP["the same task, other rows"](0)
    left = left_by(pair, 0, units=0.3)
    assert {trial.study for trial in left} == {0}
    # A score of right or wrong has a variance of at most 0.25.
    assert all(0.0 < trial.noise < 0.25 for trial in left)
    plain, guided = (search(pair.later, None, 0.1, 0, prior)[1] for prior in ((), left))
    assert list(plain.points.values()) != list(guided.points.values())


def test_the_page_shows_paired_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = np.array([[[4.0, 1.0], [2.0, 1.0]], [[6.0, 2.0], [2.0, 3.0]]])
    text = page({"a similar task": runs}, {})
    assert "| a similar task | 5.00 | 1.50 | -3.50 (-9.85 to +2.85) |" in text
    assert "outside" not in text
    with pytest.raises(SystemExit):
        main(["--seeds", "0"])
    assert "from 1" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--table", str(tmp_path / "none.csv")])
    assert "cannot be read" in capsys.readouterr().err


def test_every_made_up_world_has_a_name_of_its_own() -> None:
    names = [make(seed).later.name for make in MADE_UP.values() for seed in (0, 1)]
    assert len(set(names)) == len(names)
