"""The estimate before a run: counted on the user's data, learned from the store, said in three
lines, never sent.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tune
from tests.support.fixtures import MODELS, PRICES, dimensions
from tests.support.watching import notices as on_notices
from tune.commands import BAD_INPUT, DONE
from tune.commands.cli import main
from tune.completion import Completion, Message, Request
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.plan.answer_forecast import AnswerForecast, estimate_rows
from tune.plan.estimate import estimate
from tune.plan.estimate_text import estimate_lines, estimate_table, price_lines
from tune.plan.long_answers import LengthMonitor
from tune.plan.make import make_plan
from tune.plan.output_length import length_span
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.plan.stored_requests import PromptMatcher
from tune.plan.token_counts import likely_tokens, offline_endpoints
from tune.pricing.amounts import dollars
from tune.pricing.prices import Price
from tune.readout.trial import Trial
from tune.report import EstimateRow, markdown
from tune.space import Point
from tune.stats.intervals import difference_interval
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.journal import read_events
from tune.strategies.forecast import SearchCosts, SearchForecast
from tune.task.metrics import Judge, Metric
from tune.tuner import run_study

WORLD = LabelledWorld(models={"small": 0.55, "large": 0.8})
SPACE = dimensions()
NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(models=MODELS, world=WORLD) as started:
        yield started


def plan(budget: float = 0.05, **more: Any) -> Plan:
    options: dict[str, Any] = {
        "target": "label",
        "base_url": NOWHERE,
        "price": PRICES,
        **more,
    }
    space = options.pop("space", tune.Space(**SPACE))
    return make_plan(
        read_options(
            data=options.pop("data", WORLD.examples(120)),
            space=space,
            budget=budget,
            **options,
        )
    )


def of(made: Plan, store: Store | None = None, **more: Any) -> Any:
    return estimate(made, offline_endpoints(made.entries), store, **more)


def study(
    server: Server, folder: Path, notice: Any = lambda _: None, **more: Any
) -> tune.Study:
    options: dict[str, Any] = {
        "target": "label",
        "base_url": server.base_url,
        "price": PRICES,
        "results": folder / "study",
        **more,
    }
    budget = options.pop("budget", 0.02)
    space = tune.Space(**SPACE)
    return run_study(
        read_options(data=WORLD.examples(80), space=space, budget=budget, **options),
        display=on_notices(notice),
    )


# --- what is counted and assumed


def test_every_model_with_every_prompt_has_a_row_that_adds_up() -> None:
    found = of(plan())
    assert [(r.model, r.prompt) for r in found.rows] == [
        ("small", "short"),
        ("small", "reasoned"),
        ("large", "short"),
        ("large", "reasoned"),
    ]
    for row in found.rows:
        given, taken = (0.1, 0.4) if row.model == "small" else (1.0, 4.0)
        expected = (
            math.ceil(row.prompt_tokens) * given + math.ceil(row.output_tokens) * taken
        ) / 1e6
        assert row.draw == pytest.approx(expected)
        assert row.learned == 0
        likely = (
            4.6 if row.prompt == "short" else 32
        )  # a label and what ends it, or half the cap to think in
        assert row.output_tokens == pytest.approx(likely, abs=0.5)
    assert found.draw == pytest.approx(sum(row.draw for row in found.rows) / 4)


def test_a_length_that_is_stated_is_taken_until_one_is_learned_the_prompts_before_the_models() -> (
    None
):
    rows = of(plan(output_tokens=["reasoned=40", "large=5", "9"])).rows
    assert [(row.output_tokens, row.stated) for row in rows] == [
        (9, True),
        (40, True),
        (5, True),
        (40, True),
    ]
    both = of(
        plan(output_tokens=["large/reasoned=50", "reasoned=40", "small/short=3", "9"])
    ).rows
    assert [row.output_tokens for row in both] == [
        3,
        40,
        9,
        50,
    ]  # for both together before the prompt alone
    assert (
        of(plan(output_tokens=1000)).rows[0].output_tokens == 64
    )  # no more than the cap
    made = plan(output_tokens=40)
    _, service = made.entries["small"], offline_endpoints(made.entries)["small"].service
    said = {
        "service": service,
        "model": "small",
        "max_tokens": 64,
        "messages": _messages(made),
    }
    row = of(made, _Held([(json.dumps(said), 20.0, 3.0, 0.5, 7)])).rows[0]
    assert (row.output_tokens, row.learned, row.stated) == (3, 7, False)


def _messages(made: Plan) -> list[list[str]]:
    said = made.prompts["short"].render(made.examples[0])
    assert not isinstance(said, str)
    return [[message.role, message.content] for message in said]


class _Held:
    """A store that holds these lengths: request, prompt tokens, output tokens, seconds, draws."""

    def __init__(self, rows: list[tuple[str, float, float, float, int]]) -> None:
        self._rows = rows

    def lengths(self) -> list[tuple[str, float, float, float, int]]:
        return self._rows


def test_it_is_said_which_lengths_are_stated_and_which_assumed() -> None:
    assert (
        "answers are as long as you state"
        in estimate_lines(of(plan(output_tokens=9)))[0]
    )
    partly = of(plan(output_tokens="short=9"))
    assert "as long as you state, others assumed to be" in estimate_lines(partly)[0]
    assert [line.split()[-1] for line in estimate_table(partly)[1:5]] == [
        "(stated)",
        "(assumed)",
    ] * 2


def test_a_guess_is_said_to_be_one_with_the_dollars_that_it_may_as_well_be() -> None:
    found = of(plan())
    least, most = found.draw_span
    assert least < found.draw < most
    assert (
        f"a guess, so that the average may as well be {dollars(least)} to {dollars(most)}."
        in estimate_lines(found)[0]
    )
    partly = of(plan(output_tokens="short=9"))
    assert (
        least < partly.draw_span[0] < partly.draw_span[1]
    )  # what is stated does not vary
    assert [row.output_span is None for row in partly.rows] == [True, False] * 2
    known = of(plan(output_tokens=9))
    assert known.draw_span is None
    assert "guess" not in estimate_lines(known)[0]


@given(st.floats(1, 5000), st.integers(1, 5000))
def test_the_span_of_a_guessed_length_holds_it_and_stays_within_the_cap(
    guess: float, cap: int
) -> None:
    guess = min(guess, cap)
    for template in ("Label: {text}", "Think step by step: {text}"):
        for reasons in (True, False):
            least, most = length_span(guess, cap, template, reasons=reasons)
            assert 1 <= least <= guess <= most <= cap
            assert most == cap or most >= 2.5 * guess
            assert least == 1 or least <= guess / 1.2
    least, most = length_span(min(guess, 12.0), cap)
    assert most == cap or most >= 100  # a model may explain itself unasked


def test_a_longer_template_has_more_tokens() -> None:
    rows = of(plan()).rows
    assert rows[1].prompt_tokens > rows[0].prompt_tokens


@given(st.text(max_size=200))
def test_likely_tokens_are_at_most_the_bound_and_never_negative(text: str) -> None:
    request = Request("s", "m", (Message("user", text),), 8)
    bound = 128 + len(text.encode("utf-8", "surrogatepass"))
    assert 0 <= likely_tokens(request, bound) <= bound
    assert likely_tokens(request, 3) <= 3


def test_likely_tokens_of_plain_english_are_near_what_tokenizers_say() -> None:
    said = "The parcel arrived late, and the box was broken; nobody at the shop answered my letters."
    assert (
        17 <= likely_tokens(Request("s", "m", said, 8), 10**6) <= 24
    )  # cl100k_base: 20


def test_lengths_and_token_counts_are_learned_from_the_store_whatever_was_searched() -> (
    None
):
    made = plan()
    endpoint = offline_endpoints(made.entries)["large"]
    store = Store(Database(":memory:"))
    for example in made.examples[:20]:
        request = Request(
            endpoint.service,
            "large",
            made.prompts["short"].render(example),
            64,
            settings=(("temperature", 0.3),),
        )
        store.put(
            request, range(2), [Completion("x", "stop", 50, 5)] * 2, study="another"
        )
    found = {(row.model, row.prompt): row for row in of(made, store).rows}
    large, small = found["large", "short"], found["small", "short"]
    assert (large.output_tokens, large.learned) == (5, 40)
    assert large.prompt_tokens == pytest.approx(50, rel=0.2)
    assert (small.output_tokens, small.learned) == (
        5,
        40,
    )  # from the other model, for want of its own
    assert found["large", "reasoned"].learned == 0
    assert found["large", "reasoned"].prompt_tokens / of(made).rows[
        3
    ].prompt_tokens == pytest.approx(
        large.prompt_tokens / of(made).rows[2].prompt_tokens
    )


def held(
    made: Plan, rows: Plan, model: str = "small", cap: int = 64, **more: Any
) -> Store:
    """A store with answers of 20 tokens to the prompts of other rows than the plan has."""
    endpoint, store = (
        offline_endpoints(made.entries)[model],
        Store(Database(":memory:")),
    )
    for name, prompt in rows.prompts.items():
        for example in rows.examples[:20]:
            request = Request(
                endpoint.service, model, prompt.render(example), cap, **more
            )
            store.put(
                request,
                range(1),
                [Completion("x", "stop", 50, 20 if name == "short" else 45)],
                study="s",
            )
    return store


def test_lengths_are_learned_from_the_same_templates_with_other_rows() -> None:
    made, earlier = plan(), plan(data=WORLD.examples(60, start=5000))
    rows = {(row.model, row.prompt): row for row in of(made, held(made, earlier)).rows}
    assert (rows["small", "short"].output_tokens, rows["small", "short"].learned) == (
        20,
        20,
    )
    assert (
        rows["small", "reasoned"].output_tokens,
        rows["small", "reasoned"].learned,
    ) == (45, 20)
    assert rows["small", "short"].prompt_tokens == pytest.approx(50, rel=0.2), (
        "counted on the stored prompts"
    )
    for (model, _), row in rows.items():
        assert row.output_span is not None
        least, most = row.output_span
        assert (
            least < row.output_tokens < most < (3 if model == "small" else 5) * least
        ), "another model says less"


def test_what_other_templates_or_other_efforts_were_answered_with_teaches_nothing() -> (
    None
):
    made = plan()
    other = plan(
        space=tune.Space(
            **{**SPACE, "prompt": {"short": "Which label has this ticket? {text}"}}
        )
    )
    assert all(row.learned == 0 for row in of(made, held(made, other)).rows)
    effort = {"settings": (("reasoning_effort", "high"),)}
    assert all(row.learned == 0 for row in of(made, held(made, made, **effort)).rows)
    thinking = plan(space=tune.Space(**SPACE, reasoning_effort=["low", "high"]))
    assert of(thinking, held(thinking, made, **effort)).rows[0].learned == 20


CHATS: dict[str, Any] = {
    "chat": [
        {"role": "system", "content": "You label tickets."},
        {"role": "user", "content": "{text}"},
    ],
    "few": {
        "messages": [
            {"role": "system", "content": "You label tickets well."},
            {"role": "user", "content": "{text}"},
        ],
        "shots": 2,
        "shot": [
            {"role": "user", "content": "{text}"},
            {"role": "assistant", "content": "{label}"},
        ],
    },
    "inline": {
        "text": "Some labels:\n{shots}\nNow label this: {text}",
        "shots": 2,
        "shot": "{text} -> {label}\n",
    },
    "raw": {"text": "Ticket: {text}\nIts label:", "raw": True},
    "bare": "{text}",
    "twice": "First {text}, then once more {text}, and a label",
}


def test_every_form_of_prompt_is_recognised_with_other_rows_and_other_shots() -> None:
    def made(start: int) -> Plan:
        return plan(
            space=tune.Space(**{**SPACE, "prompt": CHATS}),
            data=WORLD.examples(40, start=start),
        )

    today, earlier = made(0), made(9000)
    recogniser = PromptMatcher(today)
    for name, prompt in earlier.prompts.items():
        for example in earlier.examples[:3]:
            record = json.loads(Request("s", "m", prompt.render(example), 8).canonical)
            assert recogniser.prompt_of(record) == (None if name == "bare" else name)
    own = json.loads(
        Request("s", "m", today.prompts["bare"].render(today.examples[0]), 8).canonical
    )
    assert recogniser.prompt_of(own) == "bare", (
        "a template without words of its own is known by its rows"
    )


def test_answers_that_were_all_cut_may_be_as_long_as_a_larger_cap_allows() -> None:
    made = plan()
    store = Store(Database(":memory:"))
    endpoint = offline_endpoints(made.entries)["small"]
    for example in made.examples[:10]:
        request = Request(
            endpoint.service, "small", made.prompts["short"].render(example), 8
        )
        store.put(request, range(1), [Completion("x", "length", 20, 8)], study="s")
    row = of(made, store).rows[0]
    assert row.output_tokens == 8
    assert row.output_span is not None
    assert row.output_span[1] == 64


# --- answers that are longer than expected


def test_long_answers_that_nobody_announced_are_told_after_the_first_block(
    tmp_path: Path,
) -> None:
    wordy = LabelledWorld(models={"small": 0.55, "large": 0.8}, reasoned="Label")
    told: list[str] = []
    with Server(models=MODELS, world=wordy) as server:
        space = tune.Space(**{**SPACE, "max_tokens": 256})
        options: Any = {
            "target": "label",
            "base_url": server.base_url,
            "price": PRICES,
            "results": tmp_path / "study",
            "output_tokens": "short=3",
        }
        found = run_study(
            read_options(data=wordy.examples(40), space=space, budget=0.01, **options),
            display=on_notices(told.append),
        )
        posts = len(server.posts)
    longer = [
        sentence for sentence in told if sentence.startswith("Answers are longer")
    ]
    assert longer
    assert "instead of 3" in longer[0]
    assert any("Answers are longer" in notice for notice in found.record.notices)
    assert posts > 50, "and the run went on"


def test_answers_as_long_as_expected_are_not_told_and_each_is_told_once() -> None:
    made = plan()
    endpoints = offline_endpoints(made.entries)
    rows, told = of(made).rows, list[str]()
    surprises = LengthMonitor(made, rows, endpoints, told.append)
    point = Point({"model": "small", "prompt": "short"})
    usual, long = (Completion("x", "stop", 20, tokens) for tokens in (5, 60))
    surprises.look({0: Trial(0, point, 64, draws={i: [usual] for i in range(8)})})
    surprises.look({0: Trial(0, point, 64, draws={i: [long] for i in range(2)})})
    assert told == []
    stated = LengthMonitor(
        plan(output_tokens=5), of(plan(output_tokens=5)).rows, endpoints, told.append
    )
    for _ in range(2):
        stated.look({0: Trial(0, point, 64, draws={i: [long] for i in range(8)})})
    (sentence,) = told
    assert "small" in sentence
    assert "60 tokens instead of 5" in sentence


def test_draws_that_were_cut_shorter_do_not_stand_for_longer_ones_where_there_are_others() -> (
    None
):
    made = plan()
    endpoint = offline_endpoints(made.entries)["small"]
    store = Store(Database(":memory:"))
    for cap, tokens in ((8, 8), (64, 30)):
        request = Request(
            endpoint.service,
            "small",
            made.prompts["reasoned"].render(made.examples[0]),
            cap,
        )
        store.put(request, range(1), [Completion("x", "length", 20, tokens)], study="s")
    assert of(made, store).rows[1].output_tokens == 30


def test_a_store_of_other_work_teaches_nothing() -> None:
    store = Store(Database(":memory:"))
    store.put(
        Request("elsewhere", "small", "hello", 8),
        range(1),
        [Completion("x", "stop", 3, 3)],
        study="s",
    )
    assert of(plan(), store) == of(plan())


# --- what money buys


def test_more_dollars_never_buy_less() -> None:
    bought = of(plan(), others=[0.001 * 1.6**i for i in range(20)]).others
    for less, more in itertools.pairwise(bought):
        assert (less.configs, less.answers, less.holdout) <= (
            more.configs,
            more.answers,
            more.holdout,
        )
        assert less.detectable >= more.detectable
    assert bought[-1].configs == of(plan()).points
    assert bought[-1].holdout == 48


def test_a_budget_that_is_too_small_is_told_what_would_do_and_that_does() -> None:
    small = of(plan(0.0005))
    assert not small.is_search
    assert "too little for a search" in estimate_lines(small)[2]
    enough = of(plan(1.01 * small.enough))
    assert enough.is_search
    assert "too little" not in estimate_lines(enough)[2]


def test_a_space_of_one_point_needs_no_search() -> None:
    space = tune.Space(
        **{**SPACE, "model": "small", "prompt": "{text}", "temperature": 0.5}
    )
    assert of(plan(0.01, space=space)).is_search


def test_each_strategy_is_asked_what_it_would_do() -> None:
    """The estimate has no model of its own: a strategy that meets all examples begins fewer."""
    narrow, wide = (
        of(plan(0.05, strategy=name)).bought for name in ("full", "knowledge_gradient")
    )
    assert 0 < narrow.configs < wide.configs / 2

    class Mine:
        def forecast(self, costs: SearchCosts, money: float) -> SearchForecast:
            return SearchForecast(costs.points, 7, 56, 1, money)

        def __call__(self, *_: object) -> object:
            raise NotImplementedError

    found = of(plan(0.05, strategy=Mine()))
    assert (found.bought.configs, found.bought.answers) == (found.points, 56)
    silent = of(plan(0.05, strategy=lambda *_: iter(())))
    assert silent.bought == of(plan(0.05)).bought


def test_models_that_cost_nothing_are_all_compared() -> None:
    found = of(plan(price=["small=0/0", "large=0/0"]))
    assert found.draw == 0
    assert found.bought.configs == found.points
    assert found.bought.holdout == 48


def test_a_judge_is_paid_for_with_every_answer() -> None:
    made = plan(metric=Judge("large", max_tokens=100))
    found = of(made)
    rows = sum(row.draw for row in found.rows) / 4
    assert found.draw > rows + 100 * 0.25 * 4e-6  # its verdicts alone cost so much
    assert found.bought.answers < of(plan()).bought.answers


def test_what_can_be_seen_falls_with_the_square_root_of_the_examples() -> None:
    few, many = of(plan(9.0)), of(plan(9.0, data=WORLD.examples(480)))
    assert many.bought.detectable == pytest.approx(few.bought.detectable / 2, rel=0.2)
    assert many.tuning_detectable < many.bought.detectable


# --- the goal


def test_what_can_be_seen_is_what_the_goal_turns_on() -> None:
    found = {
        goal: of(plan(9.0, **asked))
        for goal, asked in {
            "quality": {},
            "frontier": {"goal": "frontier"},
            "least": {"goal": "cheapest", "min_quality": 0.7},
            "margin": {"goal": "cheapest", "margin": 0.3},
            "narrow": {"goal": "cheapest", "margin": 0.01},
        }.items()
    }
    lines = {goal: estimate_lines(one)[2] for goal, one in found.items()}
    assert lines["quality"].startswith("A difference to the baseline")
    assert lines["frontier"].startswith("Two configurations that differ by")
    assert "better than 0.700 by" in lines["least"]
    assert "a margin of" not in lines["margin"]
    assert "The margin of 0.010 needs more examples" in lines["narrow"]
    # One side is tested, so less is seen.
    assert found["margin"].tuning_detectable < found["frontier"].tuning_detectable
    assert found["frontier"].tuning_detectable == found["quality"].tuning_detectable


def test_a_configuration_as_good_as_the_baseline_is_shown_within_the_margin() -> None:
    margin = of(plan(9.0, goal="cheapest", margin=0.3)).tuning_detectable
    rng, shown = np.random.default_rng(5), 0
    for _ in range(300):
        differs = rng.random((2, 72)) < 0.5
        one, other = (
            np.where(rng.random(72) < 0.5, differs[0], differs[0] ^ differs[1]),
            differs[0],
        )
        interval = difference_interval(
            one.astype(float), other.astype(float), confidence=0.9
        )
        shown += interval.low > -margin
    assert 0.72 < shown / 300 < 0.92


def test_bounds_other_than_0_and_1_scale_what_can_be_seen() -> None:
    grade = Metric("grade", "grade", lambda answer, example: 5.0, low=0.0, high=10.0)
    assert of(plan(metric=grade)).bought.detectable == pytest.approx(
        10 * of(plan()).bought.detectable
    )


def test_examples_that_are_too_few_show_nothing_of_the_goal() -> None:
    few = of(plan(data=WORLD.examples(3), goal="frontier"))
    assert math.isinf(few.tuning_detectable)
    assert "too few to show what the goal turns on" in estimate_lines(few)[2]
    plain = of(plan(data=WORLD.examples(3)))
    assert math.isinf(plain.bought.detectable)
    assert estimate_lines(plain)[2].startswith(
        "No difference to the baseline, however large, is seen there"
    )
    said = [
        line
        for line in estimate_table(of(plan(data=WORLD.examples(3)), others=(2.0, 5.0)))
        if "would compare" in line
    ]
    assert len(said) == 2
    assert all("see no difference (too few examples)" in line for line in said)


# --- what is said


def test_three_lines_say_dollars_configurations_and_what_can_be_seen() -> None:
    first, second, third = estimate_lines(of(plan(0.05)))
    assert "$0.0000" in first
    assert "assumed to be as long as targets and prompts suggest" in first
    assert "$0.05 compares all 20 configurations of the space" in second
    assert "48 holdout examples" in second
    assert "80 % probability" in third


def test_the_table_has_a_line_for_each_row_and_each_other_budget() -> None:
    lines = estimate_table(of(plan(), others=(2.0, 5.0)))
    assert len(lines) == 1 + 4 + 2
    assert "(assumed)" in lines[1]
    assert lines[-1].startswith("$5.00 would compare all 20 configurations")


def test_the_command_sends_nothing_writes_nothing_and_needs_no_key(
    server: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    data = tmp_path / "tickets.jsonl"
    data.write_text("\n".join(json.dumps(row) for row in WORLD.examples(60)))
    flags = [
        "--data",
        str(data),
        "--target",
        "label",
        "--model",
        "gpt-4.1-nano",
        "--results",
        str(tmp_path / "out"),
    ]
    assert (
        main(["estimate", *flags, "--price", "gpt-4.1-nano=0.1/0.4", "--budget", "1"])
        == DONE
    )
    shown = capsys.readouterr().out
    assert "$2.00 would compare" in shown
    assert "$20.00 would compare" in shown
    assert server.posts == []
    assert not (tmp_path / "out").exists()
    assert (
        main(["estimate", *flags, "--price", "gpt-4.1-nano=0.1/0.4", "--json"]) == DONE
    )
    record = json.loads(capsys.readouterr().out)
    assert [other["budget"] for other in record["others"]] == [2, 5, 20]
    assert {"model", "prompt", "draw", "learned"} <= set(record["rows"][0])
    assert main(["estimate", "--data", "nowhere.jsonl"]) == BAD_INPUT


# --- against what happened


def test_a_run_says_it_first_and_its_report_holds_it_against_what_happened(
    server: Server, tmp_path: Path
) -> None:
    told: list[str] = []
    first = study(server, tmp_path, told.append)
    told = told[
        next(i for i, line in enumerate(told) if line.startswith("Estimate: ")) :
    ]
    assert len(told) >= 3
    assert not any("Estimate:" in notice for notice in first.record.notices)
    assert first.record.estimate
    assert all(row.learned == 0 and row.actual > 0 for row in first.record.estimate)
    assert (
        "## The estimate, and what happened"
        in (tmp_path / "study" / "report.md").read_text()
    )
    again = study(
        server,
        tmp_path,
        results=tmp_path / "other",
        seed=1,
        store=str(tmp_path / "study" / "draws.db"),
    )
    for row in again.record.estimate:
        assert row.learned > 0
        assert 1 / 1.5 < row.predicted / row.actual < 1.5


def test_a_study_keeps_the_estimate_that_it_began_with(
    server: Server, tmp_path: Path
) -> None:
    first = study(server, tmp_path, budget=0.01)
    more = study(server, tmp_path, budget=0.02)
    events = [
        event
        for event in read_events(tmp_path / "study" / "study.jsonl")
        if event["event"] == "estimate"
    ]
    assert len(events) == 1
    known = {(row.model, row.prompt): row.predicted for row in more.record.estimate}
    assert all(
        known[row.model, row.prompt] == row.predicted for row in first.record.estimate
    )
    assert tune.Study.load(tmp_path / "study").record.estimate == more.record.estimate


def test_the_comparison_takes_the_mean_over_draws_and_leaves_out_what_was_not_drawn() -> (
    None
):
    draws = [Completion("x", "stop", 100, 10), Completion("x", "stop", 100, 30)]
    trial = Trial(
        0, Point({"model": "m", "prompt": "p"}), 64, {0: draws[:1], 1: draws[1:]}
    )
    rows = [
        AnswerForecast("m", "p", 90, 15, 3, 2e-4),
        AnswerForecast("m", "q", 90, 15, 3, 2e-4),
    ]
    (row,) = estimate_rows(rows, {0: trial}, {"m": Price(1.0, 2.0)})
    assert row.actual == pytest.approx((100 + 2 * 20) / 1e6)
    assert (row.actual_tokens, row.predicted_tokens, row.draws, row.learned) == (
        20,
        15,
        2,
        3,
    )


def test_the_report_escapes_names_and_takes_models_that_cost_nothing() -> None:
    from tests.support.reports import whole

    text = markdown(whole(estimate=(EstimateRow("a|b", "<p>", 0.0, 0.0, 8, 4, 10),)))
    assert "| a\\|b, &lt;p&gt; | $0 (assumed) | $0 | - | 8 / 4 | 10 |" in text


def test_each_price_is_said_as_it_was_understood() -> None:
    assert price_lines(of(plan(0.05))) == tuple(
        f"{name}: {p.describe()}" for name, p in plan(0.05).prices.items()
    )
    assert "per million tokens (as stated)" in price_lines(of(plan(0.05)))[0]
