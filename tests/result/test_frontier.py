"""The frontier of a report: the winner is there, what nothing beats, and cheap rows on few examples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.house import House
from tests.support.reported import reading
from tune.readout import Reading
from tune.readout.trial import Trial
from tune.report import Report, ReportConfig, markdown, page_html
from tune.result import build as concluding
from tune.result.frontier import (
    FEWEST,
    Place,
    enough_examples,
    frontier,
    shown_place,
)
from tune.space import Config, Point
from tune.strategies import Selection, Standing
from tune.study.study import Study

BASELINE = Config({"model": "m", "prompt": "p", "max_tokens": 8, "n": 9})


def found(
    *readings: Reading,
    met: Mapping[Config, Reading] | None = None,
    winner: Config | None = None,
    larger: bool = True,
) -> list[Reading]:
    tuning = {reading.config: reading for reading in readings}
    met = met or {}
    configs = frontier(
        tuning,
        met,
        winner=winner,
        baseline=BASELINE,
        enough=4.0,
        larger_is_better=larger,
    )
    return [tuning.get(config) or met[config] for config in configs]


def test_it_has_what_none_beats_in_both_the_cheapest_first() -> None:
    cheap, good, dear, bad = (
        reading(0.5, 1.0),
        reading(0.8, 2.0, n=3),
        reading(0.8, 3.0, n=5),
        reading(0.4, 1.5, n=2),
    )
    assert found(bad, dear, good, cheap) == [cheap, good]


def test_where_less_is_better_it_falls() -> None:
    low, high = reading(0.1, 2.0), reading(0.6, 1.0, n=2)
    assert found(low, reading(0.7, 1.5, n=3), high, larger=False) == [high, low]


def test_a_cheap_reading_on_few_examples_is_there_and_a_lucky_one_pushes_nothing_out() -> (
    None
):
    known, well_known = (
        reading(0.5, 2.0, examples=8, n=2),
        reading(0.4, 1.5, examples=40, n=3),
    )
    cheap, lucky = reading(0.3, 0.5, examples=3), reading(1.0, 1.0, examples=3, n=5)
    assert found(lucky, known, well_known, cheap) == [cheap, well_known, known]
    assert found() == []


def test_of_few_examples_the_more_have_the_say() -> None:
    known, lucky, seen = (
        reading(0.9, 9.0, examples=9),
        reading(0.8, 1.0, examples=2, n=2),
        reading(0.5, 2.0, examples=3, n=3),
    )
    assert found(known, lucky, seen) == [seen, known]


def test_a_lucky_baseline_pushes_nothing_out() -> None:
    good = reading(0.8, 3.0, examples=40)
    lucky = reading(1.0, 2.0, examples=2, n=9)
    assert lucky.config == BASELINE
    assert found(good, lucky) == [good]


def test_a_lucky_baseline_is_judged_by_its_holdout() -> None:
    good, worse = reading(0.8, 3.0, examples=40), reading(0.3, 2.5, examples=40, n=2)
    lucky = reading(1.0, 2.0, examples=2, n=9)
    met = {BASELINE: reading(0.4, 2.0, examples=20, n=9)}
    assert found(good, worse, lucky, met=met) == [lucky, good]


def test_what_was_beaten_on_the_holdout_is_not_there() -> None:
    flattered, now = reading(0.9, 3.0), reading(0.5, 2.0, n=9)
    met = {flattered.config: reading(0.6, 3.0), BASELINE: reading(0.7, 2.0, n=9)}
    assert found(flattered, now, met=met) == [now]


def test_easier_examples_of_the_holdout_alone_push_nothing_out() -> None:
    now, more = reading(0.4, 1.0, n=9), reading(0.5, 2.0, n=3)
    met = {BASELINE: reading(0.6, 1.0, n=9)}
    assert found(now, more, met=met) == [now, more]


def test_the_winner_is_there_though_others_beat_it() -> None:
    cheap, good = reading(0.5, 1.0, n=2), reading(0.9, 2.0, n=3)
    winner = reading(0.9, 3.0)
    assert found(cheap, good, winner, winner=winner.config) == [cheap, good, winner]
    met = {winner.config: reading(0.4, 3.0)}
    assert found(cheap, good, winner, met=met, winner=winner.config) == [
        cheap,
        good,
        winner,
    ]


def test_a_winner_on_few_examples_is_there_and_pushes_nothing_out() -> None:
    known, dear = reading(0.8, 2.0, n=2), reading(0.9, 3.0, n=3)
    lucky = reading(1.0, 1.0, examples=2)
    assert found(known, dear, lucky, winner=lucky.config) == [lucky, known, dear]


def test_a_winner_that_only_the_holdout_met_is_there() -> None:
    known, winner = reading(0.8, 2.0, n=2), reading(0.9, 3.0, n=3)
    met = {winner.config: winner}
    assert found(known, met=met, winner=winner.config) == [known, winner]


def test_at_one_place_the_winner_and_the_baseline_stand_for_the_others() -> None:
    other, now = reading(0.5, 1.0, max_tokens=4), reading(0.5, 1.0, n=9)
    assert found(other, now) == [now]
    assert found(other, now.among(range(4)), winner=BASELINE)[0].config == BASELINE


def test_a_few_examples_are_few_however_few_the_others_have() -> None:
    assert enough_examples([reading(0.5, 1.0, examples=4)]) == FEWEST
    assert enough_examples([reading(0.5, 1.0, examples=n) for n in (4, 100)]) == 50


def test_what_looks_equal_in_a_table_counts_as_equal() -> None:
    cheap, dear = reading(0.80001, 1.0), reading(0.80004, 1.1, n=2)
    assert found(cheap, dear) == [cheap]
    assert Place(0.8, 1.0) == shown_place(0.80001, 1.001, larger_is_better=True)


# --- over random studies


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("frontier"))
    yield made
    made.journal.close()
    made.db.close()


def standing(number: int, readings: Sequence[Reading]) -> Standing:
    point = Point({"model": "m", "prompt": "p"})
    most = max(reading.n_examples for reading in readings)
    return Standing(
        number, point, most, tuple(readings), failed=False, spent_per_draw=1e-4
    )


@st.composite
def readings(draw: st.DrawFn, number: int) -> list[Reading]:
    """The readings of one trial."""
    size = draw(st.integers(1, 20))
    ns = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True))
    made = []
    for n in ns:
        scores = np.array(
            draw(
                st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=size, max_size=size)
            )
        )
        cost = draw(st.sampled_from([1e-6, 2e-6, 2.001e-6, 5e-5])) * n
        known = np.zeros(size)
        config = Config(
            {
                "model": "m",
                "prompt": "p",
                "max_tokens": 8,
                "n": n,
                "temperature": number / 10,
            }
        )
        positions = tuple(range(size))
        made.append(
            Reading(
                config,
                number,
                positions,
                scores,
                known,
                known + cost,
                known + 1.0,
                approximate=False,
            )
        )
    return made


@st.composite
def studies(
    draw: st.DrawFn,
) -> tuple[dict[int, Standing], Config, dict[Config, Reading], bool]:
    """Standings, the baseline, what met the holdout (of the choice and the baseline), and the
    metric's direction.
    """
    trials = [draw(readings(number)) for number in range(draw(st.integers(1, 5)))]
    everything = [reading for trial in trials for reading in trial]
    choice, baseline = (draw(st.sampled_from(everything)) for _ in range(2))
    met = {}
    if draw(st.booleans()):
        for one in (choice, baseline):
            scores = np.array(
                draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=8, max_size=8))
            )
            positions, cost = tuple(range(24, 32)), draw(st.sampled_from([1e-6, 3e-6]))
            known = np.zeros(8)
            met[one.config] = Reading(
                one.config,
                0,
                positions,
                scores,
                known,
                known + cost,
                known,
                approximate=False,
            )
    standings = {number: standing(number, trial) for number, trial in enumerate(trials)}
    return standings, baseline.config, met, draw(st.booleans())


def report_of(
    house: House, study: tuple[dict[int, Standing], Config, dict[Config, Reading], bool]
) -> Report:
    standings, baseline, met, larger = study
    metric = replace(house.plan.metric, larger_is_better=larger)
    everything = [reading for one in standings.values() for reading in one.readings]
    chosen = next((r for r in everything if r.config in met), everything[0])
    trials = {number: Trial(number, one.point, 8) for number, one in standings.items()}
    record = house.record(Selection(chosen, (), feasible=True), holdout=met or None)
    record = replace(
        record,
        problem=replace(
            record.problem, baseline_config=baseline, larger_is_better=larger
        ),
        plan=replace(house.plan, baseline=baseline, metric=metric),
        trials=trials,
        standings=standings,
        weighed=standings,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(concluding, "costs_of_readings", lambda *_: (0.0, 0.0))
        return concluding.build_report(record)


@given(study=studies())
@settings(max_examples=30)
def test_the_winner_is_there_and_nothing_else_is_beaten_by_another(
    house: House, study: Any
) -> None:
    report = report_of(house, study)
    larger = study[-1]
    assert report.winner is not None
    winner = report.winner.config
    assert winner in [row.config for row in report.frontier]
    others = [row for row in report.frontier if row.config != winner]
    for row in others:
        place = place_of(row, row.quality, larger)
        for other in others:
            # One with holdout scores is better than one without if both its numbers are.
            numbers = [other.quality]
            if row.holdout is None:
                numbers = [known for known in (other.tuning, other.holdout) if known]
            assert not all(
                place_of(other, known, larger).beats(place) for known in numbers
            )


def place_of(row: ReportConfig, quality: Any, larger: bool) -> Place:
    assert row.cost is not None
    return shown_place(quality.mean, row.cost.mean, larger_is_better=larger)


@given(study=studies())
@settings(max_examples=20)
def test_the_frame_the_table_and_the_chart_show_the_same_rows(
    house: House, study: Any
) -> None:
    report = report_of(house, study)
    frame = Study(
        report, Path("nowhere"), stopped="finished", deployment=None
    ).frontier()
    assert len(frame) == len(report.frontier)
    if not report.frontier:
        return
    assert frame["cost_per_request"].is_monotonic_increasing
    section = (
        markdown(report).partition("## Quality against cost")[2].partition("## ")[0]
    )
    listed = [
        line.strip("| ").split(" | ")
        for line in section.splitlines()
        if line.startswith("|")
    ][2:]
    assert [cells[1].split()[0] for cells in listed] == [
        f"{value:.3f}" for value in frame["quality"]
    ]
    assert [int(cells[2].split()[0]) for cells in listed] == list(frame["examples"])
    assert ["(few)" in cells[2] for cells in listed] == list(frame["few"])
    text = page_html(report)
    drawn = re.findall(r'class="mark frontier".*?data-cost="([^"]+)"', text)
    if drawn:
        costs = list(map(float, drawn))
        assert costs == list(frame["cost_per_request"])
        hollow = frame["few"] & frame["holdout"].isna()
        assert text.count("(few), at") == sum(hollow)
