"""The split: fair, seeded, and it keeps together what belongs together."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.errors import DataError
from tune.task.example import Data, Example
from tune.task.load import load_data
from tune.task.split import Split, count_clusters, split


def numbered(count: int, labels: int = 2, **others: Any) -> list[dict[str, Any]]:
    return [
        {"text": f"text {i}", "label": f"label {i % labels}", **others}
        for i in range(count)
    ]


def ids(examples: tuple[Example, ...]) -> list[str]:
    return [e.id for e in examples]


def everything(parts: Split) -> list[str]:
    return ids(parts.shots) + ids(parts.tuning) + ids(parts.holdout)


def test_shots_tuning_and_holdout_are_the_whole_in_the_shares_asked_for() -> None:
    data = load_data(numbered(110))
    parts = split(data, holdout=0.4, shots=10, seed=3)
    assert (len(parts.shots), len(parts.tuning), len(parts.holdout)) == (10, 60, 40)
    assert sorted(everything(parts)) == sorted(ids(data.examples))


def test_a_split_depends_on_its_seed_and_on_nothing_else() -> None:
    data = load_data(numbered(50))
    assert split(data, holdout=0.3, shots=3, seed=1) == split(
        data, holdout=0.3, shots=3, seed=1
    )
    assert everything(split(data, holdout=0.3, shots=3, seed=1)) != everything(
        split(data, holdout=0.3, shots=3, seed=2)
    )
    backwards = load_data(numbered(50)[::-1])
    first, second = (split(d, holdout=0.3, shots=3, seed=1) for d in (data, backwards))
    assert [e.inputs for e in first.tuning] == [e.inputs for e in second.tuning]


def test_a_split_is_what_it_was_when_this_was_written() -> None:
    parts = split(load_data(numbered(12)), holdout=0.4, shots=2, seed=0)
    assert (ids(parts.shots), ids(parts.tuning), ids(parts.holdout)) == (
        ["2", "1"],
        ["12", "4", "5", "10", "6", "9"],
        ["7", "11", "3", "8"],
    )


def test_a_row_added_at_the_end_leaves_the_others_where_they_are() -> None:
    rows = numbered(60)
    before = split(load_data(rows[:59]), holdout=0.4, shots=4, seed=5)
    after = split(load_data(rows), holdout=0.4, shots=4, seed=5)
    for old, new in (
        (before.shots, after.shots),
        (before.tuning, after.tuning),
        (before.holdout, after.holdout),
    ):
        stayed = set(ids(old)) & set(ids(new))
        assert len(stayed) >= len(old) - 1
        assert [i for i in ids(old) if i in stayed] == [
            i for i in ids(new) if i in stayed
        ]


def test_any_prefix_is_a_random_subset_of_labels() -> None:
    data = load_data(
        [
            {"text": f"t{i}", "label": "early" if i < 500 else "late"}
            for i in range(1000)
        ]
    )
    tuning = split(data, holdout=0, shots=0, seed=0).tuning
    early = sum(e.target == "early" for e in tuning[:100])
    assert 35 <= early <= 65
    assert len(tuning) == 1000


@pytest.mark.parametrize("shots", [1, 2, 3, 4, 5, 6, 9])
def test_the_first_shots_are_balanced_over_the_labels_however_many_are_used(
    shots: int,
) -> None:
    rows = [
        {
            "text": f"t{i}",
            "label": "rare" if i % 10 == 0 else "mid" if i % 3 == 0 else "common",
        }
        for i in range(90)
    ]
    picked = split(load_data(rows), holdout=0.2, shots=shots, seed=1).shots
    for k in range(1, shots + 1):
        counts = Counter(e.target for e in picked[:k])
        assert (
            max(counts.values())
            - min(counts[label] for label in ("rare", "mid", "common"))
            <= 1
        )


def test_shots_go_on_where_a_label_is_used_up() -> None:
    rows = [
        {"text": f"t{i}", "label": "rare" if i == 0 else "common"} for i in range(10)
    ]
    picked = split(load_data(rows), holdout=0.2, shots=5, seed=1).shots
    assert Counter(e.target for e in picked) == {"rare": 1, "common": 4}


def test_shots_of_free_text_targets_are_the_first_in_order() -> None:
    data = load_data([{"text": f"t{i}", "label": f"answer {i}"} for i in range(30)])
    order = split(data, holdout=0, shots=0, seed=2).tuning
    assert split(data, holdout=0, shots=4, seed=2).shots == order[:4]


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    count = draw(st.integers(2, 40))
    text = st.integers(0, 12).map(lambda i: f"t{i}")
    group = st.one_of(st.none(), st.integers(0, 8))
    return [
        {
            "text": draw(text),
            "label": draw(st.sampled_from("ab")),
            "group": draw(group),
            "side": "x",
        }
        for _ in range(count)
    ]


@settings(max_examples=150)
@given(
    tables(),
    st.floats(0, 0.9),
    st.integers(0, 4),
    st.integers(0, 5),
    st.sampled_from([None, "group"]),
)
def test_no_input_and_no_group_is_on_two_sides(
    rows: list[dict[str, Any]], holdout: float, shots: int, seed: int, group: str | None
) -> None:
    data = load_data(rows, inputs=["text"], target="label")
    try:
        parts = split(data, holdout=holdout, shots=shots, seed=seed, group=group)
    except DataError:
        # Only where so few units are there that the shots, the holdout and one to tune on cannot be
        # told apart.
        assert len({e.inputs["text"] for e in data.examples}) < shots + 2 or group
        return
    assert len(parts.shots) == shots
    assert len({e.inputs["text"] for e in parts.shots}) == shots
    assert parts.tuning
    assert bool(parts.holdout) == (holdout > 0)
    found = everything(parts)
    assert len(found) == len(set(found))
    sides = [set(ids(part)) for part in (parts.shots, parts.tuning, parts.holdout)]
    for one in data.examples:
        for other in data.examples:
            same_group = (
                group
                and one.metadata["group"] is not None
                and one.metadata["group"] == other.metadata["group"]
            )
            if one.inputs == other.inputs or same_group:
                both = [n for n, side in enumerate(sides) if {one.id, other.id} & side]
                assert len(both) <= 1
                assert parts.cluster(one) == parts.cluster(other)


def test_units_are_the_groups_and_the_copies_and_each_other_example_alone() -> None:
    rows = [
        {"text": f"t{i % 10}", "label": "x", "patient": None if i < 12 else i // 4}
        for i in range(20)
    ]
    data = load_data(rows, fields={"text"}, target="label")
    apart, together = (
        split(data, holdout=0.4, shots=0, seed=1, group=g) for g in (None, "patient")
    )
    assert apart.count_clusters(data.examples) == 10
    assert (
        together.count_clusters(data.examples) == 4
    )  # two groups of four, with their copies, and t0 and t1
    assert [count_clusters(data, group) for group in (None, "patient")] == [10, 4]
    alone = load_data(numbered(10))
    parts = split(alone, holdout=0.4, shots=2, seed=1)
    assert parts.count_clusters(alone.examples) == count_clusters(alone) == 10
    assert parts.count_clusters(()) == 0


def test_without_repeats_the_share_is_exact_and_no_example_is_lost() -> None:
    for count in range(2, 30):
        for share in (0.1, 0.4, 0.5, 0.9):
            parts = split(
                load_data(numbered(count)), holdout=share, shots=0, seed=count
            )
            assert len(parts.holdout) == min(max(1, round(share * count)), count - 1)
            assert len(parts.tuning) + len(parts.holdout) == count


def test_a_group_that_is_too_large_for_the_holdout_is_tuned_on() -> None:
    rows = [
        {"text": f"t{i}", "label": "x", "patient": "big" if i < 80 else f"p{i}"}
        for i in range(100)
    ]
    for seed in range(5):
        parts = split(
            load_data(rows, fields={"text"}, target="label"),
            holdout=0.1,
            shots=0,
            seed=seed,
            group="patient",
        )
        assert len(parts.holdout) == 10
        assert all(e.metadata["patient"] != "big" for e in parts.holdout)


def test_shots_come_from_few_groups_since_their_groups_are_not_scored() -> None:
    rows = [
        {"text": f"t{i}", "label": f"{i % 2}", "patient": i // 10} for i in range(100)
    ]
    data = load_data(rows, fields={"text"}, target="label")
    parts = split(data, holdout=0.3, shots=6, seed=0, group="patient")
    assert len({e.metadata["patient"] for e in parts.shots}) == 1
    assert len(parts.tuning) + len(parts.holdout) == 90


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (
            10,
            {"holdout": -0.1},
            r"`0 <= holdout <= 0.9` must hold, but got holdout=-0.1",
        ),
        (10, {"holdout": 0.95}, "but got holdout=0.95"),
        (10, {"holdout": float("nan")}, "but got holdout=nan"),
        (10, {"shots": -1}, "`shots >= 0` must hold, but got shots=-1"),
        (
            4,
            {"shots": 4},
            "of the 4 examples of 'data' none is left to tune on, with 4 shots and 0 held back",
        ),
        (
            4,
            {"shots": 3, "holdout": 0.3},
            "none is left to tune on, with 3 shots and 1 held back",
        ),
        (
            4,
            {"shots": 5},
            "5 shots are needed, but 'data' has 4 different inputs for them",
        ),
        (
            4,
            {"group": "g", "holdout": 0.3},
            "none is left to tune on.*equal 'g' stay together",
        ),
        (
            4,
            {"group": "doctor"},
            r"the column 'doctor' is not in 'data', which has \['text', 'label', 'g'\]",
        ),
        (4, {"column": "doctor"}, "the column 'doctor' is not in 'data'"),
        (
            4,
            {"column": "g"},
            r"example '1' has 'same' in 'g', which is none of \['shots', 'train', .*\]",
        ),
    ],
)
def test_a_split_that_cannot_be_is_refused(
    count: int, options: dict[str, Any], message: str
) -> None:
    data = load_data(numbered(count, g="same"), fields={"text"}, target="label")
    with pytest.raises(DataError, match=message):
        split(data, **{"holdout": 0.0, "shots": 0, "seed": 0} | options)


def with_sides(sides: list[str], same: bool = False) -> Data:
    rows = [
        {"text": "t" if same else f"t{i}", "label": i % 2, "side": side}
        for i, side in enumerate(sides)
    ]
    return load_data(rows, fields={"text"}, target="label")


def test_a_users_own_split_is_kept() -> None:
    data = with_sides(["train", "Test", "tuning ", "holdout", "train", "train"])
    parts = split(data, holdout=0.4, shots=1, seed=0, column="side")
    assert sorted(ids(parts.holdout)) == ["2", "4"]
    assert sorted(ids(parts.tuning) + ids(parts.shots)) == ["1", "3", "5", "6"]
    assert len(parts.shots) == 1


def test_shots_come_from_the_rows_that_are_set_aside_for_them() -> None:
    data = with_sides(["shots", "shots", "shots", "train", "test"])
    parts = split(data, holdout=0.4, shots=2, seed=0, column="side")
    assert set(ids(parts.shots)) < {"1", "2", "3"}
    assert (ids(parts.tuning), ids(parts.holdout)) == (["4"], ["5"])
    with pytest.raises(
        DataError, match="4 shots are needed, but 'data' has 3 different inputs"
    ):
        split(data, holdout=0.4, shots=4, seed=0, column="side")


def test_a_users_own_split_that_parts_identical_inputs_is_refused() -> None:
    with pytest.raises(
        DataError,
        match=r"'side' parts examples '1' \(train\) and '2' \(test\), which belong together",
    ):
        split(
            with_sides(["train", "test"], same=True),
            holdout=0.4,
            shots=0,
            seed=0,
            column="side",
        )
