"""The benchmark of readings at a smaller max_tokens: it sees the fault, and that it is gone."""

from __future__ import annotations

from benchmarks.readout_caps.__main__ import Deterministic, off, several


def test_digits_first_are_far_off_by_a_mean_length_and_near_by_what_was_learned() -> (
    None
):
    by_mean, by_kinds, measured = off("digits first", 0, count=80)
    assert by_mean.most > 20
    assert max(by_kinds.mean, measured.mean) < 4


def test_a_world_whose_answers_never_differ_has_one_answer_chosen() -> None:
    _, _, chosen, times, _ = several(Deterministic, 0.8, range(2))
    assert (chosen, times) == ("0 of 2", "1.00")
