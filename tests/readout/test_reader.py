"""The reader: it cuts, extracts and scores each answer once, and makes a row for each example."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from tests.support.draws import ANSWER, Marking, answers, config, draw
from tune.errors import MetricError
from tune.readout.reader import Reader, unscored, variant_of
from tune.readout.truncate import Cut

RULES = {name: name for name in ("first", "vote", "any", "best")}


def test_a_text_is_extracted_once_and_a_withheld_one_never() -> None:
    asked: Counter[str] = Counter()

    def extract(text: str) -> str | None:
        asked[text] += 1
        return ANSWER(text)

    reader = Reader(extract)
    said = Cut("Answer: blue", 2, "stop", True)
    assert [reader.answer(said), reader.answer(said)] == ["blue", "blue"]
    assert reader.answer(Cut("Answer: red", 2, "content_filter", True)) is None
    assert asked == {"Answer: blue": 1}


def test_an_answer_is_scored_once_for_each_example_and_no_answer_is_the_worst() -> None:
    metric = Marking()
    reader = Reader(ANSWER, metric, worst=-1.0)
    assert [reader.score("blue", place) for place in (0, 0, 1)] == [1.0, 1.0, 1.0]
    assert reader.score(None, 0) == -1.0
    assert metric.asked == {("blue", 0): 1, ("blue", 1): 1}
    assert math.isnan(unscored("blue", 0))


def test_no_answer_has_the_lowest_verdict_and_a_verdict_is_a_number() -> None:
    reader = Reader(
        ANSWER, verifier=lambda answer, _: math.nan if answer == "bad" else 3.0
    )
    assert reader.verdict("good", 0) == 3.0
    assert reader.verdict(None, 0) == -math.inf
    assert Reader(ANSWER).verdict("good", 0) == -math.inf
    with pytest.raises(MetricError, match="gave nan for 'bad'"):
        reader.verdict("bad", 0)


def test_a_group_gives_one_row_for_each_example_in_its_order() -> None:
    group = {5: answers("blue", "red"), 2: answers("blue", "blue")}
    wanted = [config(1), config(2, aggregate="any"), config(3, aggregate="vote")]
    rows = Reader(ANSWER, Marking()).rows(group, wanted, RULES)
    assert list(rows) == wanted[:2]  # two draws are too few for three
    assert list(rows[wanted[0]].positions) == [5, 2]
    assert rows[wanted[0]].scores == pytest.approx([0.5, 1.0])
    assert rows[wanted[1]].scores == pytest.approx([1.0, 1.0])
    assert rows[wanted[0]].prompt_tokens == pytest.approx([100, 100])
    assert Reader(ANSWER, Marking()).rows(group, wanted[2:], RULES) == {}


def test_configs_that_cut_alike_share_the_work_of_cutting() -> None:
    assert variant_of(config(1, 8)) == variant_of(config(3, 8, "vote")) == (8, ())
    assert variant_of(config(1, 8, stop=("x",))) == (8, ("x",))


def test_a_cut_draw_saves_the_time_of_its_lost_tokens_and_keeps_its_share_at_least() -> (
    None
):
    group = {0: [draw("x", 40, seconds=4.0, finish_reason="length")]}
    wanted = config(1, 10)
    for pace, seconds in ((0.05, 2.5), (1.0, 1.0)):
        reader = Reader(ANSWER, Marking(), seconds_per_token=pace)
        assert reader.rows(group, [wanted], RULES)[wanted].seconds == pytest.approx(
            [seconds]
        )


def test_an_aggregate_without_a_rule_is_a_fault_of_ours() -> None:
    with pytest.raises(AssertionError, match="no rule to read 'mean' off"):
        Reader(ANSWER, Marking()).rows(
            {0: answers("blue")}, [config(1, aggregate="mean")], {"mean": "mean"}
        )
