"""Reports of studies that went well, badly, or not at all; and of studies full of hostile text."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import tune.report as report_package
from tune.completion import Message
from tune.report import (
    Money,
    PriceLine,
    PromptText,
    Provenance,
    Report,
    ReportConfig,
    TrialRow,
    answer,
    best_json,
    markdown,
    plain_config,
    result_json,
    summary_html,
    summary_lines,
    trial_rows,
    trials_csv,
)
from tune.report.text import (
    count,
    csv_cell,
    describe_config,
    dollars,
    fence,
    inline,
    number,
    table,
    with_limits,
)
from tune.safety.escape import visible
from tune.space import Config, Point
from tune.stats.intervals import Interval

HOSTILE = [
    "a | b",
    "line\nbreak\r\nand\u2028more",
    "<script>alert(1)</script>",
    "</td></tr></table>",
    "`code` and ```fence```",
    "[click](javascript:alert(1))",
    "![x](http://example.test/pixel.png)",
    "**bold** _it_ ~~gone~~ __x__",
    "# heading",
    "- item",
    "1. item",
    "---",
    "\\| twice",
    "&lt;b&gt; &#124;",
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe",
    "half \ud800 character",
    "nul \x00 byte",
    '=HYPERLINK("http://example.test")',
    "$x^2$",
    "",
    "   ",
]

texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
    st.text(alphabet="|`\\<>&[]()*_~#-+=$!\n\r\t 1.a"),
)


def config(**values: Any) -> Config:
    return Config(
        {
            "model": "small",
            "prompt": "few",
            "max_tokens": 16,
            "temperature": 0.2,
            **values,
        }
    )


def money(**values: Any) -> Money:
    base = {
        "budget": 5.0,
        "spent": 4.93,
        "spent_now": 4.93,
        "settled": 4.93,
        "uncertain": 0.0,
        "left": 0.07,
    }
    return Money(**{**base, **values})


def provenance(**values: Any) -> Provenance:
    base: dict[str, Any] = {
        "date": "2026-11-22T10:00:00+00:00",
        "version": "0.1.0",
        "seed": 3,
        "data": "reviews",
    }
    base |= {"fingerprint": "abc123def456", "tuning": 200, "holdout": 120, "shots": 12}
    return Provenance(
        **{**base, "metric": "exact_match", "goal": "best quality", **values}
    )


WINNER = ReportConfig(
    "winner",
    config(n=5, aggregate="vote", stop=("\n",)),
    trial=4,
    tuning=Interval(0.83, 0.75, 0.9, 100),
    holdout=Interval(0.79, 0.72, 0.86, 120),
    cost=Interval(0.000123, 0.00012, 0.000126, 120),
    seconds_median=0.2,
    seconds_p95=0.51,
)
BASELINE = ReportConfig(
    "baseline",
    config(prompt="plain", temperature=1.0),
    holdout=Interval(0.24, 0.17, 0.33, 120),
    cost=None,
)


RUNNER_UP = ReportConfig(
    "runner-up 1",
    config(temperature=0.4),
    tuning=Interval(0.8, 0.7, 0.9, 60),
    seconds_median=0.3,
    seconds_p95=0.6,
    cost=Interval(0.0002, 0.0001, 0.0003, 60),
    tuning_difference=Interval(0.5, 0.4, 0.6, 60),
)


def whole(**values: Any) -> Report:
    """A report with every part in it."""
    trial = TrialRow(
        4,
        Point({"model": "small", "prompt": "few", "temperature": 0.2}),
        "complete",
        examples=100,
    )
    parts: dict[str, Any] = {
        "money": money(),
        "provenance": provenance(
            command="python tune.py --budget 5",
            commit="1234abc",
            versions={"numpy": "2.4"},
        ),
        "winner": WINNER,
        "baseline": BASELINE,
        "deployable": ReportConfig(
            "for agents", config(), holdout=Interval(0.77, 0.7, 0.84, 120)
        ),
        "deployable_note": "The full winner asks 5 times and votes.",
        "runners_up": (RUNNER_UP,),
        "difference": Interval(0.55, 0.45, 0.64, 120),
        "detectable": 0.12,
        "majority_score": 0.52,
        "majority_class": "positive",
        "template": PromptText(
            "few",
            "Review: {text}\nLabel:",
            "Be brief.",
            (Message("user", "Review: {text}"),),
        ),
        "answer": "the last word",
        "frontier": (WINNER,),
        "trials": (
            replace(
                trial,
                best=WINNER.config,
                quality=WINNER.tuning,
                draws=500,
                spent=1.2,
                cost=0.0001,
            ),
        ),
        "draws_bought": 5000,
        "draws_reused": 12,
        "readings": 300,
        "read_cost": 4.1,
        "readings_cost": 61.2,
        "prices": (PriceLine("small", 0.1, 0.4, "user", "2026-11-01"),),
        "stopped": "the money is used up",
        "notices": ("The service answered as other-model.",),
    }
    return Report(**{**parts, **values})


EMPTY = Report(
    money=money(spent=0.0, spent_now=0.0, settled=0.0, left=5.0),
    provenance=provenance(holdout=0),
)


def shown(text: str) -> str:
    """What a Markdown reader sees of inline text."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    assert [t.type for t in tokens] in (
        ["paragraph_open", "inline", "paragraph_close"],
        [],
    ), text
    children = [child for token in tokens for child in token.children or []]
    assert {c.type for c in children} <= {"text", "text_special", "softbreak"}, text
    return "".join(c.content for c in children)


def cells(text: str) -> list[list[str]]:
    """The cells of a Markdown document's tables, as a reader sees them."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    rows: list[list[str]] = []
    for before, token in itertools.pairwise(tokens):
        if before.type == "tr_open":
            rows.append([])
        if before.type in ("td_open", "th_open"):
            rows[-1].append("".join(c.content for c in token.children or []))
    return rows


# --- the answer


def test_the_report_opens_with_three_sentences_and_a_table() -> None:
    paragraphs = markdown(whole()).split("\n\n")
    assert paragraphs[0] == "# reviews: best quality"
    assert (
        "scores 0.790 on 120 holdout examples (95 % interval 0.720 to 0.860)"
        in paragraphs[1]
    )
    assert "better than the baseline" in paragraphs[1]
    assert (
        "majority class (positive) would score 0.520, which the winner's whole interval clears"
        in paragraphs[1]
    )
    assert paragraphs[2].startswith("| configuration |")
    assert len(answer(whole())) == 3


def test_the_table_sets_winner_baseline_and_majority_class_side_by_side() -> None:
    rows = cells(markdown(whole()).split("\n\n")[2])
    assert rows[1][:2] == ["winner", "0.790 (0.720 to 0.860)"]
    assert rows[1][3:6] == [
        "0.550 (0.450 to 0.640)",
        "better",
        "$0.000123 ($0.00012 to $0.000126)",
    ]
    assert rows[1][6] == "0.20 s / 0.51 s"
    assert rows[2][:2] == ["baseline", "0.240 (0.170 to 0.330)"]
    assert [row[0] for row in rows[3:]] == [
        "for agents",
        "runner-up 1",
        "always the majority class (positive)",
    ]


def test_every_config_has_its_quality_cost_times_and_difference_in_markdown_json_and_terminal() -> (
    None
):
    study = whole(
        baseline=replace(
            BASELINE, cost=WINNER.cost, seconds_median=0.1, seconds_p95=0.2
        )
    )
    rows = {row[0]: row for row in cells(markdown(study).split("\n\n")[2])}
    assert rows["runner-up 1"][1:5] == [
        "-",
        "0.800 (0.700 to 0.900)",
        "0.500 (0.400 to 0.600) (tuning)",
        "better (tuning)",
    ]
    assert all(rows[name][6] != "-" for name in ("winner", "baseline", "runner-up 1"))
    assert "- runner-up 1: small, prompt few, temperature 0.4" in markdown(study)
    lines = {line.split("  ")[0]: line for line in summary_lines(study)}
    assert "0.790 (0.720 to 0.860)  120 holdout" in lines["winner"]
    assert lines["winner"].endswith(
        "0.20 s / 0.51 s           0.550 (0.450 to 0.640) better"
    )
    assert lines["baseline"].endswith("-")
    assert "0.800 (0.700 to 0.900)  60 tuning" in lines["runner-up 1"]
    assert lines["runner-up 1"].endswith("0.500 (0.400 to 0.600) better")
    for record in (best_json(study), result_json(study, results="r")):
        (other,) = record["runners_up"]
        assert other["tuning_difference"] == {
            "mean": 0.5,
            "low": 0.4,
            "high": 0.6,
            "examples": 60,
            "verdict": "better",
        }
        assert other["seconds"] == {"median": 0.3, "p95": 0.6}
        assert other["cost_per_request"] == {
            "mean": 0.0002,
            "low": 0.0001,
            "high": 0.0003,
        }
        assert record["baseline"]["seconds"] == {"median": 0.1, "p95": 0.2}
        assert (record["detectable"], record["confidence"]) == (0.12, 0.95)


def test_the_verdict_of_a_runner_up_knows_the_metrics_direction() -> None:
    study = whole(larger_is_better=False)
    assert cells(markdown(study).split("\n\n")[2])[4][4] == "worse (tuning)"
    assert best_json(study)["runners_up"][0]["tuning_difference"]["verdict"] == "worse"


def test_a_later_look_is_recorded_with_the_confidence_that_it_has() -> None:
    study = whole(look=3, confidence=0.9975)
    assert (best_json(study)["look"], best_json(study)["confidence"]) == (3, 0.9975)
    assert "this is look 3, and each of its intervals is 99.75 % sure" in markdown(
        study
    )
    assert (
        "look"
        not in markdown(whole(winner=replace(WINNER, holdout=None))).split(
            "## How it was made"
        )[1]
    )


def test_a_terminal_has_the_first_runners_up_and_the_report_all() -> None:
    study = whole(
        runners_up=tuple(
            replace(RUNNER_UP, name=f"runner-up {place}") for place in range(1, 6)
        )
    )
    assert [
        line.split("  ")[0]
        for line in summary_lines(study)
        if line.startswith("runner-up")
    ] == [
        "runner-up 1",
        "runner-up 2",
    ]
    assert (
        sum(
            row[0].startswith("runner-up")
            for row in cells(markdown(study).split("\n\n")[2])
        )
        == 5
    )


def test_a_terminal_has_no_table_where_nothing_was_found() -> None:
    assert not any("cost per request" in line for line in summary_lines(EMPTY))


@pytest.mark.parametrize(
    ("difference", "larger_is_better", "said", "never"),
    [
        (
            Interval(0.1, 0.01, 0.2, 50),
            True,
            "It is better than the baseline",
            "cannot tell",
        ),
        (
            Interval(-0.1, -0.2, -0.01, 50),
            True,
            "It is worse than the baseline",
            "better",
        ),
        (
            Interval(0.1, -0.01, 0.2, 50),
            True,
            "The data cannot tell it from the baseline",
            "better",
        ),
        (
            Interval(-0.1, -0.2, -0.01, 50),
            False,
            "It is better than the baseline",
            "cannot tell",
        ),
        (
            Interval(0.1, 0.01, 0.2, 50),
            False,
            "It is worse than the baseline",
            "cannot tell",
        ),
    ],
)
def test_no_gain_is_claimed_that_the_interval_does_not_carry(
    difference: Interval, larger_is_better: bool, said: str, never: str
) -> None:
    study = whole(difference=difference, larger_is_better=larger_is_better)
    comparison = answer(study)[1]
    assert said in comparison
    assert never not in comparison
    assert cells(markdown(study))[1][4] == study.verdict


def test_what_could_not_have_been_seen_is_said() -> None:
    study = whole(difference=Interval(0.01, -0.1, 0.12, 120))
    assert "a difference below 0.120 would mostly go unseen" in answer(study)[1]
    assert (
        "The 120 holdout examples show a difference to the baseline of 0.120 or more"
        in markdown(study)
    )
    hopeless = whole(difference=Interval(0.01, -0.9, 0.9, 1), detectable=math.inf)
    assert "inf" not in answer(hopeless)[1]
    assert (
        "can be seen with 80 % probability: there are too few holdout examples"
        in markdown(hopeless)
    )
    assert "The 120 holdout examples show" in "".join(summary_lines(whole()))
    assert (
        sum("0.120" in line for line in summary_lines(study)) == 2
    )  # in the answer, and a limit; not said twice


def test_the_money_is_said_once_where_no_majority_class_is_known() -> None:
    study = whole(majority_score=None, majority_class="")
    assert " ".join(summary_lines(study)).count("Spent $") == 1
    assert summary_html(study).count("Spent $") == 1


@pytest.mark.parametrize(
    ("holdout", "larger_is_better", "majority_score", "said"),
    [
        (Interval(0.6, 0.5, 0.7, 50), True, 0.49, "whole interval clears"),
        (Interval(0.6, 0.5, 0.7, 50), True, 0.55, "interval does not clear"),
        (Interval(0.3, 0.2, 0.4, 50), False, 0.45, "whole interval clears"),
        (Interval(0.3, 0.2, 0.4, 50), False, 0.25, "interval does not clear"),
        (None, True, 0.49, "which the winner has not met"),
    ],
)
def test_the_majority_class_is_cleared_by_an_interval_and_not_by_a_mean(
    holdout: Interval | None, larger_is_better: bool, majority_score: float, said: str
) -> None:
    winner = replace(WINNER, holdout=holdout)
    study = whole(
        winner=winner,
        majority_score=majority_score,
        larger_is_better=larger_is_better,
        difference=None,
    )
    assert said in answer(study)[2]


def test_a_number_the_search_chose_by_is_called_flattering() -> None:
    study = whole(winner=replace(WINNER, holdout=None), baseline=None, difference=None)
    first, second, _ = answer(study)
    assert "0.830 on 100 tuning examples" in first
    assert "flatters" in first
    assert "no gain is claimed" in second
    assert "every number here is a tuning estimate" in markdown(study)


def test_two_configs_that_were_not_compared_carry_no_claim() -> None:
    assert "no gain is claimed" in answer(whole(difference=None))[1]
    assert cells(markdown(whole(difference=None)))[1][4] == "not compared"


def test_a_winner_that_is_the_baseline_is_shown_once_and_says_so() -> None:
    study = whole(
        baseline=replace(WINNER, name="baseline"), difference=Interval(0, 0, 0, 120)
    )
    assert "It is the baseline itself" in answer(study)[1]
    assert [row[0] for row in cells(markdown(study).split("\n\n")[2])].count(
        "baseline"
    ) == 0


def test_a_lower_score_that_is_better_is_said() -> None:
    assert "a lower score is better" in answer(whole(larger_is_better=False))[0]
    assert "lower is better" in markdown(whole(larger_is_better=False)).split("\n\n")[2]


# --- parts that are missing


def test_nothing_scored_is_said_in_words_everywhere() -> None:
    assert "Nothing was scored" in answer(EMPTY)[0]
    assert "baseline" in answer(EMPTY)[1]
    assert "Spent $0 of $5.00" in answer(EMPTY)[2]
    assert "## How to use it" not in markdown(EMPTY)
    assert trials_csv(EMPTY).splitlines() == [
        ",".join(csv.reader([trials_csv(EMPTY)]).__next__())
    ]
    assert best_json(EMPTY)["config"] is None
    assert result_json(EMPTY, results="r")["best"] is None


def test_an_interrupted_run_says_that_it_can_be_taken_up_again() -> None:
    study = whole(interrupted=True, stopped="interrupted")
    assert "found so far" in answer(study)[0]
    assert "the same command takes it up again" in markdown(study)
    early = replace(EMPTY, interrupted=True, baseline=BASELINE)
    assert "interrupted before anything was scored" in answer(early)[0]
    assert "The baseline scores 0.240 on 120 holdout examples" in answer(early)[1]


@settings(max_examples=60)
@given(
    st.sets(
        st.sampled_from(
            sorted(set(Report.__dataclass_fields__) - {"money", "provenance"})
        )
    )
)
def test_any_part_may_be_missing(missing: set[str]) -> None:
    defaults = {name: getattr(EMPTY, name) for name in missing}
    study = whole(**defaults)
    assert markdown(study).startswith("# reviews")
    assert all(summary_lines(study))
    json.dumps(best_json(study), allow_nan=False)
    json.dumps(result_json(study, results="r"), allow_nan=False)
    assert list(csv.reader(io.StringIO(trials_csv(study))))


@pytest.mark.parametrize(
    "part", ["tuning", "holdout", "cost", "seconds_median", "trial"]
)
def test_any_number_of_the_winner_may_be_missing(part: str) -> None:
    study = whole(winner=replace(WINNER, **{part: None}))
    assert "nan" not in markdown(study)
    assert "None" not in markdown(study)
    assert "None" not in "".join(summary_lines(study))


# --- money


def test_money_is_shown_with_what_is_uncertain_and_why_some_is_left() -> None:
    text = markdown(
        whole(
            money=money(
                uncertain=0.03, left_reason="no ceiling of a call fits", overshoot=0.5
            )
        )
    )
    rows = {row[0]: row[1] for row in cells(text) if len(row) == 2}
    assert rows["left"] == "$0.07: no ceiling of a call fits"
    assert rows["of it uncertain"] == "$0.03"
    assert rows["billed above the caps sent"] == "$0.50"
    assert "Read 300 configurations off draws that cost $4.10 at list price" in text
    assert "they would have cost $61.20." in text
    assert "of it is uncertain, charged at the most that it can be" in text
    assert "An endpoint billed $0.50 above the caps" in text


def test_notional_prices_are_called_notional_wherever_the_money_is_summed_up() -> None:
    study = whole(money=money(notional=True))
    assert "notional" in markdown(study)
    assert any("notional (nobody is billed)" in line for line in summary_lines(study))
    assert "notional" not in markdown(whole())


def test_what_an_earlier_process_spent_is_told_apart() -> None:
    assert (
        "Spent $4.93 of $5.00 ($0 now)"
        in summary_lines(whole(money=money(spent_now=0.0)))[-2]
    )
    assert "now" not in summary_lines(whole())[-2]


# --- tables, trials, use


def test_the_best_trial_comes_first_and_a_long_list_ends_in_the_csv() -> None:
    rows = [
        TrialRow(
            i,
            Point({"model": "m"}),
            "complete",
            quality=Interval(i / 100, 0, 1, 9) if i % 2 else None,
        )
        for i in range(60)
    ]
    text = markdown(whole(trials=tuple(rows)))
    listed = [row for row in cells(text) if len(row) == 8][1:]
    assert [row[0] for row in listed[:2]] == ["59", "57"]
    assert len(listed) == 40
    assert "The 20 others are in `trials.csv`" in text
    assert len(trials_csv(whole(trials=tuple(rows))).splitlines()) == 61
    lower = [
        row
        for row in cells(markdown(whole(trials=tuple(rows), larger_is_better=False)))
        if len(row) == 8
    ]
    assert lower[1][0] == "1"


def test_the_frontier_is_marked_as_tuning_estimates() -> None:
    text = markdown(whole(frontier=(replace(WINNER, approximate=True),)))
    section = text[text.index("## Quality against cost") :]
    assert "so tuning estimates flatter" in section
    assert "0.830 (0.750 to 0.900) ≈" in section
    assert "without known token boundaries" in section


def test_how_to_use_and_rerun_are_given_as_they_are() -> None:
    text = markdown(whole())
    assert "```text\nReview: {text}\nLabel:\n```" in text
    assert "```sh\npython tune.py --budget 5\n```" in text
    assert '"aggregate": "vote"' in text
    assert "The full winner asks 5 times and votes." in text
    assert "seed | 3" in text
    assert "numpy 2.4" in text


def test_the_csv_has_numbers_for_numbers_and_the_best_readings_free_part() -> None:
    (row,) = csv.DictReader(io.StringIO(trials_csv(whole())))
    assert row["model"] == "small"
    assert (row["n"], row["aggregate"], row["stop"], row["max_tokens"]) == (
        "5",
        "vote",
        '["\\n"]',
        "16",
    )
    assert float(row["quality_low"]) == 0.75
    assert float(row["spent"]) == 1.2


def test_rows_have_the_same_keys_where_models_take_different_settings() -> None:
    rows = trial_rows(
        [
            TrialRow(0, Point({"model": "a", "temperature": 0.5}), "complete"),
            TrialRow(
                1,
                Point({"model": "b", "reasoning_effort": "low"}),
                "failed",
                "too much is missing",
            ),
        ]
    )
    assert list(rows[0]) == list(rows[1])
    assert rows[0]["reasoning_effort"] is None
    assert rows[1]["reason"] == "too much is missing"


# --- JSON


def test_best_json_holds_what_it_takes_to_deploy_and_to_check() -> None:
    record = json.loads(json.dumps(best_json(whole()), allow_nan=False))
    assert (
        Config(record["config"] | {"stop": tuple(record["config"]["stop"])})
        == WINNER.config
    )
    assert record["prompt"]["template"] == "Review: {text}\nLabel:"
    assert record["prompt"]["messages"] == [
        {"role": "user", "content": "Review: {text}"}
    ]
    assert record["winner"]["holdout"] == {
        "mean": 0.79,
        "low": 0.72,
        "high": 0.86,
        "examples": 120,
    }
    assert record["difference"]["verdict"] == "better"
    assert record["provenance"]["fingerprint"] == "abc123def456"
    assert record["provenance"]["seed"] == 3
    assert record["prices"][0]["date"] == "2026-11-01"


def test_the_json_object_has_the_promised_keys() -> None:
    record = result_json(whole(), results="results/reviews")
    assert list(record) == [
        "best",
        "quality",
        "cost_per_request",
        "keeps_limit",
        "seconds",
        "seconds_per_request",
        "seconds_taken",
        "baseline",
        "runners_up",
        "difference",
        "detectable",
        "confidence",
        "why_wrong",
        "failing",
        "unanswerable",
        "notices",
        "prices",
        "pass_at_k",
        "repeated_splits",
        "spent",
        "spent_now",
        "uncertain",
        "uncertain_reasons",
        "budget",
        "left",
        "left_reason",
        "trials",
        "draws",
        "stopped",
        "results",
    ]
    assert record["best"] == plain_config(WINNER.config)
    assert set(record["quality"]) == {"mean", "low", "high", "examples"}
    assert set(record["cost_per_request"]) == {"mean", "low", "high"}
    assert record["draws"] == {"bought": 5000, "reused": 12}
    assert record["difference"]["verdict"] == "better"


def test_what_json_has_no_word_for_is_null() -> None:
    winner = replace(
        WINNER, cost=Interval(0.1, 0.0, math.inf, 1), seconds_median=math.nan
    )
    record = best_json(whole(winner=winner, detectable=math.inf))
    assert record["winner"]["cost_per_request"] == {
        "mean": 0.1,
        "low": 0.0,
        "high": None,
    }
    assert record["winner"]["seconds"]["median"] is None


# --- hostile text


@given(texts)
def test_inline_text_shows_as_it_is_and_formats_nothing(text: str) -> None:
    assert shown(inline(text)) == visible(text).strip()


@given(st.lists(st.lists(texts, min_size=3, max_size=3), min_size=1, max_size=4))
def test_a_cell_cannot_leave_its_place_in_a_table(rows: list[list[str]]) -> None:
    made = table(["a", "b", "c"], [[inline(cell) for cell in row] for row in rows])
    assert cells(made) == [
        ["a", "b", "c"],
        *[[visible(cell).strip() for cell in row] for row in rows],
    ]


@given(texts)
def test_a_list_item_stays_one_item_of_plain_text(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(f"- {inline(text)}\n- next")
    assert [t.type for t in tokens].count("list_item_open") == 2
    assert not {
        "heading_open",
        "hr",
        "fence",
        "code_block",
        "html_block",
        "table_open",
    } & {t.type for t in tokens}


@given(texts)
def test_a_fence_holds_whatever_is_put_in(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(fence(text, "text") + "\n\nafter")
    assert [t.type for t in tokens] == [
        "fence",
        "paragraph_open",
        "inline",
        "paragraph_close",
    ]
    assert tokens[0].content == visible(text, lines=True) + "\n"


@given(texts)
def test_visible_text_has_no_control_character_and_can_be_written_as_utf8(
    text: str,
) -> None:
    one_line = visible(text)
    one_line.encode("utf-8")
    assert not any(
        ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029\u202e"
        for c in one_line
    )
    assert visible(one_line) == one_line


@given(texts)
def test_a_csv_cell_is_one_line_and_no_formula(text: str) -> None:
    cell = csv_cell(text)
    assert isinstance(cell, str)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([cell, "next"])
    assert list(csv.reader(io.StringIO(out.getvalue()))) == [[cell, "next"]]
    plain_number = (
        cell.lstrip("+-").replace(".", "").replace("e", "").replace("-", "").isdecimal()
    )
    assert plain_number or cell.lstrip()[:1] not in ("=", "+", "-", "@")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "' =1"),
        ("\rx", "' x"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("-2.5", "-2.5"),
        ("+1e-3", "+1e-3"),
        ("plain", "plain"),
        (-0.5, -0.5),
        (3, 3),
        (True, "true"),
        (None, ""),
        (math.nan, ""),
    ],
)
def test_only_plain_numbers_may_begin_like_a_formula(value: Any, written: Any) -> None:
    assert csv_cell(value) == written


@settings(max_examples=50)
@given(texts, texts, texts)
def test_hostile_text_anywhere_leaves_the_report_with_the_shape_of_a_harmless_one(
    a: str, b: str, c: str
) -> None:
    def study(x: str, y: str, z: str) -> Report:
        evil = config(model=x or "m", prompt=y or "p", stop=(z or "z",), effort=z)
        row = TrialRow(
            1,
            Point({"model": x or "m", "prompt": y or "p"}),
            "stopped",
            z,
            best=evil,
            quality=WINNER.tuning,
        )
        return whole(
            winner=replace(WINNER, config=evil, name=y or "winner"),
            frontier=(replace(WINNER, config=evil),),
            trials=(row,),
            notices=(x or "x", y or "y", z or "z", x + "1", y + "2", z + "3"),
            stopped=z or "z",
            majority_class=x or "x",
            deployable_note=y or "y",
            template=PromptText(x or "t", y, None),
            answer=z or "z",
            prices=(PriceLine(x, 1, 2, y, z),),
            provenance=provenance(
                data=x or "d",
                metric=y or "m",
                goal=z or "g",
                commit=x or "c",
                command=y or "c",
            ),
            money=money(left_reason=z or "r"),
        )

    def shape(text: str) -> list[str]:
        parsed = MarkdownIt("commonmark").enable("table").parse(text)
        return [
            t.type
            for t in parsed
            if t.type not in ("inline", "list_item_open", "list_item_close")
        ]

    def blocks(text: str) -> list[str]:
        kinds = (
            "heading_open",
            "table_open",
            "tr_open",
            "td_open",
            "th_open",
            "fence",
            "html_block",
            "hr",
        )
        return [kind for kind in shape(text) if kind in kinds]

    evil, harmless = markdown(study(a, b, c)), markdown(study("x", "y", "z"))
    assert blocks(evil) == blocks(harmless)
    evil.encode("utf-8")
    assert "\x1b" not in "".join(summary_lines(study(a, b, c)))
    rows = list(csv.reader(io.StringIO(trials_csv(study(a, b, c)))))
    assert len(rows) == 2
    assert len(rows[0]) == len(rows[1])


def test_a_long_text_is_cut_in_a_cell() -> None:
    assert len(inline("x" * 5000)) == 300
    assert inline("x" * 5000).endswith("…")


# --- numbers


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "$0"),
        (5, "$5.00"),
        (1234.5, "$1,234.50"),
        (0.07, "$0.07"),
        (0.123456, "$0.123"),
        (0.00004, "$0.00004"),
        (0.0000123456, "$0.0000123"),
        (-0.5, "-$0.50"),
        (0.99999, "$1.00"),
        (math.inf, "no limit"),
    ],
)
def test_dollars_keep_three_digits_below_one_dollar(value: float, written: str) -> None:
    assert dollars(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.71234, "0.712"),
        (-0.0001, "0.000"),
        (83.456, "83.46"),
        (12345.6, "12,346"),
        (-math.inf, "no limit"),
    ],
)
def test_scores_of_any_scale_stay_short(value: float, written: str) -> None:
    assert number(value) == written


def test_an_interval_that_is_not_known_is_a_dash() -> None:
    assert with_limits(None) == "-"
    assert with_limits(Interval(0.5, 0.4, 0.6, 9)) == "0.500 (0.400 to 0.600)"
    assert (count(1, "draw"), count(1204, "draw")) == ("1 draw", "1,204 draws")


def test_a_config_is_described_on_one_line() -> None:
    said = describe_config(
        config(n=3, aggregate="vote", stop=("\n", "END"), top_p=0.95, stream=False)
    )
    assert said == (
        "small, prompt few, stream false, temperature 0.2, top_p 0.95, n 3 by vote, max_tokens 16, "
        'stop ["\\n", "END"]'
    )
    assert "by first" not in describe_config(config())


def test_every_public_name_is_there_and_sorted() -> None:
    assert report_package.__all__ == sorted(report_package.__all__)
    assert all(hasattr(report_package, name) for name in report_package.__all__)
