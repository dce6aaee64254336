"""Readings: configs read off the draws of a trial, against fresh runs of the same model with those
settings.
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.draws import (
    ANSWER,
    PRICE,
    TARGET,
    Marking,
    answers,
    config,
    draw,
    one,
    read_off,
    trial,
)
from tune.completion import Completion
from tune.errors import MetricError, SpaceError
from tune.readout import readable, wanted
from tune.readout.aggregate import vote

# --- scores


def test_first_is_the_mean_over_draws_with_the_variance_of_a_mean() -> None:
    reading = one(
        trial({0: answers("blue", "red", "blue", "blue"), 1: answers("red", "red")}),
        config(),
    )
    assert reading.trial == 3
    assert reading.examples == (0, 1)
    assert reading.scores == pytest.approx([0.75, 0.0])
    assert reading.variances == pytest.approx([0.25 / 4, 0.0])
    assert (reading.n_examples, reading.mean) == (2, 0.375)
    assert not reading.approximate


def test_a_vote_over_all_draws_is_the_vote_that_would_be_held() -> None:
    bought = trial(
        {
            0: answers("blue", "red", "blue"),
            1: answers("red", "blue", "red"),
            2: answers(None, "blue", None),
        }
    )
    assert one(bought, config(3, aggregate="vote")).scores == pytest.approx(
        [1.0, 0.0, 1.0]
    )
    # Any two of these draw: the first of them wins, so it is worth what a single draw is where
    # nobody abstains.
    assert one(bought, config(2, aggregate="vote")).scores == pytest.approx(
        [2 / 3, 1 / 3, 2 / 3]
    )


def test_any_is_pass_at_n_and_follows_the_metrics_direction() -> None:
    bought = trial({0: answers("blue", "red", "red", "red")})
    assert one(bought, config(2, aggregate="any")).scores == pytest.approx([0.5])
    errors = trial({0: answers("blue", "blue", "blue", "red")})
    least = read_off(
        errors,
        *[config(n, aggregate="any") for n in (2, 4)],
        worst=1.0,
        larger_is_better=False,
    )
    assert [reading.scores[0] for reading in least] == pytest.approx([0.5, 0.0])


def test_best_goes_by_the_verifier_which_is_asked_once_and_never_about_no_answer() -> (
    None
):
    asked: Counter[tuple[str, int]] = Counter()

    def verify(answer: str, position: int) -> float:
        asked[answer, position] += 1
        return float(len(answer))

    bought = trial(
        {0: answers("blue", "red", "red", None), 7: answers(None, None, None, None)}
    )
    readings = read_off(
        bought, *[config(n, aggregate="best") for n in (2, 3, 4)], verifier=verify
    )
    assert [reading.scores[0] for reading in readings] == pytest.approx(
        [0.5, 0.75, 1.0]
    )
    assert [reading.scores[1] for reading in readings] == [0.0, 0.0, 0.0]
    assert asked == {("blue", 0): 1, ("red", 0): 1}


def test_best_without_a_verifier_and_a_verdict_that_is_no_number_are_refused() -> None:
    bought = trial({0: answers("blue", "red")})
    with pytest.raises(SpaceError, match="needs a verifier"):
        read_off(bought, config(2, aggregate="best"))
    with pytest.raises(MetricError, match="but gave nan for 'blue'"):
        read_off(
            bought,
            config(2, aggregate="best"),
            verifier=lambda _answer, _position: math.nan,
        )
    with pytest.raises(SpaceError, match="no aggregate 'mean'"):
        read_off(bought, config(2, aggregate="mean"))


def last(given_answers: Sequence[str | None]) -> str | None:
    return given_answers[-1]


def merged(given_answers: Sequence[str | None]) -> str | None:
    return "blue" if len(set(given_answers)) > 1 else given_answers[0]


def test_a_choice_of_the_users_own_is_read_by_calling_it() -> None:
    bought = trial({0: answers("blue", "red", "red"), 1: answers("red", "red", "red")})
    assert one(bought, config(1, aggregate=f"{__name__}:last")).scores == pytest.approx(
        [1 / 3, 0.0]
    )
    # What it makes up need not be among the answers.
    assert one(
        bought, config(2, aggregate=f"{__name__}:merged")
    ).scores == pytest.approx([2 / 3, 0.0])
    assert one(
        bought, config(3, aggregate=f"{__name__}:merged")
    ).scores == pytest.approx([1.0, 0.0])


def test_texts_without_an_answer_are_scored_worst_and_the_metric_is_not_asked() -> None:
    metric = Marking()
    reading = one(trial({0: answers(None, "blue")}), config(), score=metric, worst=-1.0)
    assert reading.scores == pytest.approx([0.0])
    assert metric.asked == {("blue", 0): 1}


def test_an_answer_that_a_filter_withheld_is_none() -> None:
    filtered = replace(answers("blue")[0], finish_reason="content_filter")
    assert one(trial({0: [filtered]}), config()).scores == pytest.approx([0.0])


def test_each_answer_is_scored_once_for_each_example_however_much_is_read() -> None:
    metric = Marking()
    extracted: Counter[str] = Counter()

    def extract(text: str) -> str | None:
        extracted[text] += 1
        return ANSWER(text)

    bought = trial({0: answers("blue", "red", "blue"), 1: answers("blue", "blue")})
    configs = [
        config(n, cap, a)
        for n in (1, 2, 3)
        for cap in (8, 64)
        for a in ("first", "vote", "any")
    ]
    assert len(read_off(bought, *configs, score=metric, extract=extract)) == len(
        configs
    )
    assert metric.asked == {("blue", 0): 1, ("red", 0): 1, ("blue", 1): 1}
    assert set(extracted.values()) == {1}


def test_an_answer_whose_score_is_missing_leaves_its_example_out() -> None:
    bought = trial({0: answers("blue", "mauve"), 1: answers("blue", "blue")})
    for aggregate, n in (("first", 1), ("vote", 2), ("any", 2)):
        reading = one(
            bought,
            config(n, aggregate=aggregate),
            score=lambda answer, _position: math.nan if answer == "mauve" else 1.0,
        )
        assert reading.examples == (1,)
        assert reading.mean == 1.0


def test_a_vote_too_large_to_count_is_read_off_random_subsets_that_a_seed_fixes() -> (
    None
):
    said = answers(*["blue"] * 22, *["red"] * 18)
    bought = trial({0: said, 1: answers(*["red"] * 40)})
    few, many = read_off(
        bought, config(9, aggregate="vote"), config(35, aggregate="vote")
    )
    assert few.scores == pytest.approx(
        one(bought, config(9, aggregate="vote"), seed=7).scores
    )
    assert 0.8 < many.scores[0] <= 1.0
    assert many.scores[1] == 0.0
    assert many.scores == pytest.approx(
        one(bought, config(35, aggregate="vote")).scores, abs=0
    )


# --- examples that are left out


def test_an_example_with_too_few_draws_is_left_out_and_never_scored_zero() -> None:
    bought = trial(
        {
            0: answers("blue", "blue", "blue"),
            1: answers("blue"),
            2: answers("blue", "blue"),
        }
    )
    readings = read_off(
        bought, config(1), config(2, aggregate="vote"), config(3, aggregate="vote")
    )
    assert [reading.examples for reading in readings] == [(0, 1, 2), (0, 2), (0,)]
    assert all(reading.mean == 1.0 for reading in readings)
    assert [len(reading.costs) for reading in readings] == [3, 2, 1]
    assert np.isnan(readings[0].variances).tolist() == [False, True, False]
    assert math.isnan(readings[0].draw_error)


def test_examples_stay_beside_their_own_numbers_however_many_draws_each_has() -> None:
    bought = trial(
        {
            7: [draw("Answer: blue", 10, prompt=700)] * 2,
            2: [draw("Answer: red", 10, prompt=200, seconds=2.0)],
            5: [draw("Answer: blue", 10, prompt=500, seconds=5.0)] * 2,
            1: [draw("Answer: blue", 10, prompt=100, seconds=4.0)],
        },
        config_failed={3: "timeout"},
    )
    reading = one(bought, config())
    assert reading.examples == (1, 2, 3, 5, 7)
    assert reading.scores == pytest.approx([1, 0, 0, 1, 1])
    assert reading.costs * 1e6 - 40 == pytest.approx(
        [100, 200, math.nan, 500, 700], nan_ok=True
    )
    assert reading.seconds == pytest.approx([4, 2, math.nan, 5, 1], nan_ok=True)


def test_missing_examples_are_left_out_and_spoiled_ones_are_scored_worst() -> None:
    bought = trial(
        {0: answers("blue"), 1: answers("blue"), 5: answers("blue")},
        unanswered={1: "service: 503", 4: "money"},
        config_failed={3: "context_length", 4: "timeout", 5: "content_filter"},
    )
    reading = one(bought, config(), worst=-1.0)
    assert reading.examples == (0, 3, 5)
    assert reading.scores == pytest.approx([1.0, -1.0, -1.0])
    assert reading.variances[1:] == pytest.approx([0.0, 0.0])
    assert np.isnan(reading.costs).tolist() == [False, True, True]
    assert reading.cost == pytest.approx(reading.costs[0])
    assert reading.mean_seconds == 1.0


def test_a_trial_of_nothing_but_spoiled_examples_has_readings_and_one_of_nothing_has_none() -> (
    None
):
    reading = one(
        trial({}, config_failed={2: "context_length"}), config(5, aggregate="vote")
    )
    assert (reading.examples, reading.mean) == ((2,), 0.0)
    assert math.isnan(reading.cost)
    assert read_off(trial({}), config()) == []
    assert read_off(trial({0: []}), config()) == []
    assert (
        read_off(trial({0: answers("blue")}, unanswered={0: "money"}), config()) == []
    )


def test_only_the_examples_asked_for_are_read() -> None:
    metric = Marking()
    bought = trial(
        {0: answers("blue"), 1: answers("red"), 2: answers("red")},
        config_failed={4: "timeout", 5: "timeout"},
    )
    reading = one(bought, config(), examples=[1, 5, 9], score=metric)
    assert reading.examples == (1, 5)
    assert metric.asked == {("red", 1): 1}
    assert read_off(bought, config(), examples=[]) == []


# --- what cannot be read


def test_readings_go_down_only() -> None:
    bought = trial({0: answers("blue", "blue")}, cap=32)
    configs = [
        config(1, 16),
        config(1, 32),
        config(1, 64),
        config(2, 32, "vote"),
        config(3, 32, "vote"),
    ]
    assert readable(bought, configs) == [configs[0], configs[1], configs[3]]
    assert [reading.config for reading in read_off(bought, *configs)] == readable(
        bought, configs
    )


def test_below_the_bought_cap_nothing_is_read_where_the_model_reasons_in_secret() -> (
    None
):
    hidden = [*answers("blue"), draw("Answer: blue", 40, reasoning_tokens=30)]
    bought = trial({0: hidden, 1: answers("blue", "red")}, cap=64)
    assert readable(bought, [config(1, 32), config(1, 64)]) == [config(1, 64)]
    assert one(bought, config(1, 64)).scores == pytest.approx([1.0, 0.5])
    stopped = one(bought, config(1, 64, stop=(" blue",)))
    assert stopped.scores == pytest.approx([0.0, 0.0])


def test_the_same_config_asked_for_twice_is_read_once() -> None:
    assert len(read_off(trial({0: answers("blue")}), config(), config())) == 1


# --- cutting

REASONED = "It is the sky so Answer: red no wait Answer: blue"


def test_a_cut_answer_is_extracted_and_scored_again_and_bills_the_cap() -> None:
    bought = trial(
        {0: [draw(REASONED, prompt=1000)], 1: [draw("Answer: blue", prompt=1000)]},
        cap=64,
    )
    full, early, never, tiny = read_off(
        bought, config(1, 64), config(1, 8), config(1, 6), config(1, 1)
    )
    assert full.scores == pytest.approx([1.0, 1.0])
    assert early.scores == pytest.approx([0.0, 1.0])  # "... Answer: red no"
    assert never.scores == pytest.approx([0.0, 1.0])
    assert tiny.scores == pytest.approx([0.0, 0.0])
    tokens = [[12, 3], [8, 3], [6, 3], [1, 1]]
    for reading, billed in zip((full, early, never, tiny), tokens, strict=True):
        assert reading.costs == pytest.approx(
            [(1000 * 1.0 + t * 4.0) / 1e6 for t in billed]
        )
        assert not reading.approximate


def test_without_token_boundaries_a_cut_is_marked_and_an_uncut_text_is_not() -> None:
    bought = trial({0: [draw(REASONED, 12)], 1: [draw("Answer: blue", 3)]}, cap=64)
    full, early = read_off(bought, config(1, 64), config(1, 8))
    assert (full.approximate, early.approximate) == (False, True)
    assert early.scores == pytest.approx([0.0, 1.0])
    assert early.costs == pytest.approx([(100 + 8 * 4) / 1e6, (100 + 3 * 4) / 1e6])


def test_stop_strings_cut_the_text_and_the_bill() -> None:
    bought = trial({0: [draw(REASONED)]})
    reading = one(bought, config(1, 64, stop=(" no",)))
    assert reading.scores == pytest.approx([0.0])
    assert reading.costs == pytest.approx([(100 + 8 * 4) / 1e6])
    assert one(bought, config(1, 64, stop=("never",))).scores == pytest.approx([1.0])


def test_a_vote_among_cut_answers_is_the_vote_of_what_is_left_of_them() -> None:
    bought = trial({0: [draw(REASONED), *answers("red", None)]})
    # Blue and red have a vote each, and either may be the first drawn.
    assert one(bought, config(3, 64, "vote")).scores == pytest.approx([0.5])
    assert one(bought, config(3, 8, "vote")).scores == pytest.approx([0.0])
    assert one(bought, config(3, 5, "vote")).scores == pytest.approx([0.0])


# --- cost and time


def test_the_prompt_is_paid_once_with_native_n_and_n_times_without() -> None:
    bought = trial({0: [draw("Answer: blue", 10), draw("Answer: blue", 30)]})
    once = one(bought, config(2, aggregate="vote"))
    each = one(bought, config(2, aggregate="vote"), most_n=1)
    assert once.costs == pytest.approx([(100 * 1.0 + 2 * 20 * 4.0) / 1e6])
    assert each.costs == pytest.approx([(200 * 1.0 + 2 * 20 * 4.0) / 1e6])
    assert one(bought, config(), most_n=1).costs == pytest.approx(
        [(100 + 20 * 4.0) / 1e6]
    )


def test_cached_tokens_of_the_study_are_not_counted_on_in_production() -> None:
    plain = trial({0: [draw("Answer: blue", 10)]})
    cached = trial({0: [draw("Answer: blue", 10, cached_tokens=90)]})
    assert one(plain, config()).cost == one(cached, config()).cost


def test_seconds_are_those_of_the_slowest_answer() -> None:
    bought = trial({0: [draw("Answer: blue", 10, seconds=s) for s in (1.0, 2.0, 4.0)]})
    readings = read_off(
        bought, config(1), config(2, aggregate="vote"), config(3, aggregate="vote")
    )
    assert [reading.mean_seconds for reading in readings] == pytest.approx(
        [7 / 3, 10 / 3, 4.0]
    )


def test_a_cut_draw_takes_less_time_by_the_pace_of_the_trial() -> None:
    # Half a second to begin with, and a hundredth for each token.
    spread = {
        0: [
            draw("x", t, seconds=0.5 + t / 100, finish_reason="length")
            for t in (10, 20, 60)
        ]
    }
    bought = trial(spread, cap=60)
    assert one(bought, config(1, 20)).mean_seconds == pytest.approx(
        (0.6 + 0.7 + 0.7) / 3
    )
    # Where all are equally long nobody knows what the beginning took.
    alike = trial({0: [draw("x", 50, seconds=1.0, finish_reason="length")] * 2}, cap=60)
    assert one(alike, config(1, 25)).mean_seconds == pytest.approx(0.5)


# --- a metric over all responses


def test_a_metric_over_responses_gets_the_draws_n_at_a_time_as_they_were_drawn() -> (
    None
):
    seen: list[tuple[Any, int]] = []

    def share(given_answers: tuple[str | None, ...], position: int) -> float:
        seen.append((given_answers, position))
        return given_answers.count(TARGET) / len(given_answers)

    bought = trial({0: answers("blue", "red", None), 4: answers("red", "red", "blue")})
    reading = one(bought, config(3, aggregate="vote"), score=share, over_responses=True)
    assert seen == [(("blue", "red", None), 0), (("red", "red", "blue"), 4)]
    assert reading.scores == pytest.approx([1 / 3, 1 / 3])
    assert np.isnan(reading.variances).all()
    pairs = one(
        trial({0: answers("blue", "blue", "red", "blue")}),
        config(2),
        score=share,
        over_responses=True,
    )
    assert pairs.scores == pytest.approx([0.75])
    assert pairs.variances == pytest.approx([np.var([1.0, 0.5], ddof=1) / 2])


def test_a_metric_over_responses_asks_no_verifier_and_leaves_short_examples_out() -> (
    None
):
    bought = trial({0: answers("blue", "red"), 1: answers("blue")})
    reading = one(
        bought,
        config(2, aggregate="best"),
        score=lambda given_answers, _: 1.0,
        over_responses=True,
    )
    assert reading.examples == (0,)


# --- what will be asked


def test_the_answers_that_will_be_scored_are_known_beforehand() -> None:
    bought = trial(
        {0: [draw(REASONED), *answers("green", None)], 1: answers("blue", "red")},
        unanswered={1: "service"},
    )
    configs = [config(n, cap, "vote") for n in (1, 2, 3) for cap in (8, 64, 128)]
    metric = Marking()
    read_off(bought, *configs, score=metric)
    found = wanted(bought, configs, extract=ANSWER)
    assert (
        sorted(found) == sorted(metric.asked) == [("blue", 0), ("green", 0), ("red", 0)]
    )
    assert wanted(bought, configs, extract=ANSWER, examples=[1]) == []
    assert wanted(bought, [config(1, 64)], extract=ANSWER) == [
        ("blue", 0),
        ("green", 0),
    ]


# --- against fresh runs


class Model:
    """A model with known truth: it muses for a while, then gives its answer, then may think better
    of it.
    """

    def __init__(self, examples: int, seed: int) -> None:
        rng = random.Random(seed)
        self.odds = [
            [rng.random() ** 2 for _ in ("blue", "red", "green", "hm")]
            for _ in range(examples)
        ]

    def say(
        self, position: int, rng: random.Random, cap: int, stop: Sequence[str] = ()
    ) -> Completion:
        words = ["well"] * rng.choice([0, 1, 3, 6])
        for _ in range(rng.choice([1, 1, 2])):
            (name,) = rng.choices(["blue", "red", "green", "hm"], self.odds[position])
            words += ["Answer:" if name != "hm" else "Well", name]
        text, tokens, reason = "", 0, "length"
        for i, word in enumerate([*words, ""]):
            text, tokens = text + (f" {word}" if i and word else word), tokens + 1
            hit = next((s for s in stop if s in text), None)
            if hit is not None or not word:
                text, reason = text.partition(hit)[0] if hit else text, "stop"
                break
            if tokens == cap:
                break
        ends = tuple(
            itertools.accumulate(len(w) + (i > 0) for i, w in enumerate(words))
        )
        return Completion(
            text, reason, 50, tokens, seconds=tokens / 10, token_ends=ends
        )


def check_against_fresh_runs(worlds: int, runs: int) -> None:
    """Unbiased: for each config the mean over worlds of reading less fresh run is within 3 standard
    errors of 0.
    """
    model, rng = Model(worlds, seed=1), random.Random(2)
    configs = [config(n, cap, "vote") for n in (2, 3, 5) for cap in (3, 6, 40)]
    configs += [config(1, cap) for cap in (2, 5, 40)]
    configs += [
        config(3, 40, "vote", (" Answer: red",)),
        config(1, 6, stop=(" hm", " well")),
    ]
    bought = trial(
        {i: [model.say(i, rng, 40) for _ in range(8)] for i in range(worlds)}, cap=40
    )
    for reading in read_off(bought, *configs, most_n=1):
        wanted_config = reading.config
        scores, costs, seconds = (np.zeros(worlds) for _ in range(3))
        for position in range(worlds):
            for _ in range(runs):
                said = [
                    model.say(
                        position, rng, wanted_config.max_tokens, wanted_config.stop
                    )
                    for _ in range(wanted_config.n)
                ]
                scores[position] += (
                    float(vote([ANSWER(s.text) for s in said]) == TARGET) / runs
                )
                costs[position] += (
                    sum(PRICE.cost(s.prompt_tokens, s.completion_tokens) for s in said)
                    / 1e12
                    / runs
                )
                seconds[position] += max(s.seconds for s in said) / runs
        for estimate, fresh in (
            (reading.scores, scores),
            (reading.costs, costs),
            (reading.seconds, seconds),
        ):
            difference = estimate - fresh
            error = difference.std(ddof=1) / math.sqrt(worlds)
            assert abs(difference.mean()) < 3 * error + 1e-12, (
                wanted_config,
                difference.mean(),
                error,
            )
        assert not reading.approximate


def test_readings_agree_with_fresh_runs_of_the_same_settings() -> None:
    check_against_fresh_runs(worlds=250, runs=4)


@pytest.mark.slow
def test_readings_agree_with_fresh_runs_in_a_thousand_worlds() -> None:
    check_against_fresh_runs(worlds=1000, runs=40)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_a_reading_at_the_bought_cap_with_all_draws_is_what_was_drawn(
    seed: int, draws: int
) -> None:
    model, rng = Model(3, seed), random.Random(seed)
    bought = {i: [model.say(i, rng, 12) for _ in range(draws)] for i in range(3)}
    reading = one(trial(bought, cap=12), config(draws, 12, "vote"))
    for position, score in zip(reading.examples, reading.scores, strict=True):
        votes = Counter(
            a for d in bought[position] if (a := ANSWER(d.text)) is not None
        )
        tied = [name for name, count in votes.items() if count == max(votes.values())]
        # The order within the draws is chance: tied answers share the win.
        assert score == pytest.approx(tied.count(TARGET) / len(tied) if tied else 0.0)


def test_two_hundred_examples_of_sixteen_draws_are_read_a_hundred_times_well_under_a_second() -> (
    None
):
    model, rng = Model(200, seed=5), random.Random(6)
    bought = trial(
        {i: [model.say(i, rng, 40) for _ in range(16)] for i in range(200)}, cap=40
    )
    configs = [
        config(n, cap, a)
        for n in range(1, 10)
        for cap in (4, 8, 12, 20, 30, 40)
        for a in ("vote", "any")
    ]
    assert len(configs) == 108
    started = time.process_time()
    readings = read_off(bought, *configs)
    assert time.process_time() - started < 1.0
    assert len(readings) == 108
    assert all(reading.n_examples == 200 for reading in readings)
