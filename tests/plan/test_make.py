"""The plan is made and checked once, before the first dollar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tune
from tune.commands.flags import build_run_parser
from tune.errors import BudgetError, InputError, PriceError, SpaceError
from tune.plan.goal import GOALS
from tune.plan.make import make_plan
from tune.plan.models import length_names
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.plan.search_space import LOCAL_MODEL
from tune.pricing.prices import Price

ROWS = [
    {
        "id": str(i),
        "text": f"ticket {i}",
        "label": "ab"[i % 2],
        "customer": f"c{i // 4}",
    }
    for i in range(40)
]
SPACE: dict[str, Any] = {
    "space": {
        "model": ["m"],
        "prompt": {"short": "{text}", "long": "Please label this ticket: {text}"},
        "temperature": {"low": 0.0, "high": 1.0},
        "max_tokens": [8, 16],
    }
}
PRICE = {"m": Price(1.0, 2.0)}


def plan(
    space: Any = SPACE, data: Any = ROWS, budget: float = 1.0, **options: Any
) -> Plan:
    return make_plan(
        read_options(
            data=data,
            space=space,
            budget=budget,
            **{"price": PRICE, "target": "label", **options},
        )
    )


def with_space(**changes: Any) -> dict[str, Any]:
    return {**SPACE, "space": {**SPACE["space"], **changes}}


def test_a_position_means_the_same_example_in_search_and_holdout() -> None:
    made = plan()
    assert len(made.examples) == len(ROWS)
    assert made.examples[: len(made.split.tuning)] == made.split.tuning
    assert {e.id for e in made.split.tuning}.isdisjoint(
        {e.id for e in made.split.holdout}
    )


def test_a_group_is_kept_on_one_side() -> None:
    made = plan(group="customer")
    sides = [
        {e.metadata["customer"] for e in part}
        for part in (made.split.tuning, made.split.holdout)
    ]
    assert sides[0].isdisjoint(sides[1])


SIDES = [
    {**row, "side": ("train", "test", "shots")[(i % 5) // 2]}
    for i, row in enumerate(ROWS)
]


def test_a_users_own_split_is_kept_and_is_no_input() -> None:
    made = plan(data=SIDES, split="side")
    assert {e.metadata["side"] for e in made.split.tuning} == {"train"}
    assert {e.metadata["side"] for e in made.split.holdout} == {"test"}
    assert len(made.split.tuning) == len(made.split.holdout) == 16
    rows = [
        {name: row[name] for name in ("id", "text", "label", "side")} for row in SIDES
    ]
    assert make_plan(
        read_options(data=rows, budget=1.0, split="side", target="label")
    ).data.inputs == ("text",)
    assert (
        make_plan(
            read_options(data=rows, space=SPACE, budget=1.0, split="side", price=PRICE)
        ).data.target
        == "label"
    )
    assert make_plan(
        read_options(data=ROWS, budget=1.0, group="customer", target="label")
    ).data.inputs == ("text",)


def test_a_split_of_ones_own_is_another_study_and_stands_alone() -> None:
    assert plan(data=SIDES, split="side").identity != plan(data=SIDES).identity
    with pytest.raises(InputError, match="give no `holdout` beside it"):
        plan(data=SIDES, split="side", holdout=0.3)
    with pytest.raises(InputError, match="the column 'place' is not in 'data'"):
        plan(data=SIDES, split="place")
    with pytest.raises(InputError, match="which is none of"):
        plan(data=SIDES, split="customer")


def test_without_a_baseline_it_is_the_first_model_with_the_shortest_template() -> None:
    made = plan()
    assert dict(made.baseline) == {
        "model": "m",
        "prompt": "short",
        "n": 1,
        "max_tokens": 16,
        "stop": (),
        "aggregate": "first",
    }
    assert not made.baseline_given


@pytest.mark.parametrize("form", ["mapping", "json", "file", "best.json"])
def test_a_baseline_is_a_mapping_json_or_a_file(tmp_path: Path, form: str) -> None:
    config = {
        "model": "m",
        "prompt": "long",
        "temperature": 0.7,
        "n": 3,
        "max_tokens": 8,
        "aggregate": "vote",
    }
    given: Any = config
    if form == "json":
        given = json.dumps(config)
    elif form != "mapping":
        given = str(tmp_path / "baseline.json")
        Path(given).write_text(
            json.dumps({"config": config} if form == "best.json" else config)
        )
    made = plan(baseline=given)
    assert {k: made.baseline[k] for k in config} == config
    assert made.baseline_given


@pytest.mark.parametrize(
    ("baseline", "words"),
    [
        ({"model": "other"}, "the model 'other'"),
        ({"prompt": "other"}, "the prompt 'other'"),
        ({"n": 0}, "n"),
        ("{", "JSON"),
        ("nowhere.json", "cannot be read"),
        ("[1]", "is a JSON object of settings"),
        ('{"temperature": "hot"}', "temperature"),
    ],
)
def test_a_baseline_that_cannot_be_is_refused(baseline: Any, words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        plan(baseline=baseline)


@pytest.mark.parametrize("budget", [0, -1.0, float("nan"), float("inf"), True, "5"])
def test_a_budget_is_a_number_of_dollars_above_zero(budget: Any) -> None:
    with pytest.raises(BudgetError, match="above 0"):
        plan(budget=budget)


def test_a_model_without_a_price_is_refused_with_the_line_to_add() -> None:
    with pytest.raises(PriceError, match="--price no-such-model=IN/OUT"):
        plan(with_space(model=["no-such-model"]))


def test_prices_come_from_the_flag_then_the_entry_then_the_table() -> None:
    models = {
        "small": {"model": "gpt-4.1-nano", "price": [7, 8]},
        "mid": {"model": "gpt-4.1-nano"},
    }
    made = plan(with_space(model=["small", "mid"]), models=models, price=[])
    assert (made.prices["small"].input, made.prices["small"].output) == (7, 8)
    assert made.prices["mid"].source.startswith("genai-prices")
    flagged = plan(
        with_space(model=["small", "mid"]), models=models, price="gpt-4.1-nano=1/2"
    )
    assert flagged.prices["small"].input == flagged.prices["mid"].input == 1


def test_an_entry_may_stand_in_the_space_file_and_a_list_in_autogens_form_is_read() -> (
    None
):
    table = {
        **with_space(model=["small"]),
        "models": {"small": {"model": "x", "base_url": "http://h/v1", "price": [1, 2]}},
    }
    assert plan(table).entries["small"].base_url == "http://h/v1"
    listed = [
        {
            "name": "small",
            "model": "y",
            "base_url": "http://k/v1",
            "price": [1, 2],
            "tags": ["t"],
        }
    ]
    assert (
        plan(with_space(model=["small"]), models=listed).entries["small"].model == "y"
    )


def test_a_list_in_autogens_form_states_dollars_per_thousand_tokens() -> None:
    listed = [{"model": "small", "base_url": "http://k/v1", "price": [0.0004, 0.0016]}]
    price = plan(with_space(model=["small"]), models=listed, price=[]).prices["small"]
    assert (price.input, price.output) == (0.4, 1.6)
    assert price.describe() == "$0.40 in, $1.60 out per million tokens (as stated)"
    named: Any
    for named in (
        {"small": {"price": [0.4, 1.6]}},
        [{"model": "small", "price": {"input": 0.4, "output": 1.6}}],
    ):
        price = plan(with_space(model=["small"]), models=named, price=[]).prices[
            "small"
        ]
        assert (price.input, price.output) == (0.4, 1.6), (
            "our own forms are per million"
        )


def test_a_price_far_below_the_published_one_is_refused_until_it_is_confirmed() -> None:
    space = with_space(model=["gpt-4.1-mini"])
    with pytest.raises(PriceError, match="below a hundredth"):
        plan(space, price="gpt-4.1-mini=0.0004/0.0016")
    assert (
        plan(space, price="gpt-4.1-mini=0.0004/0.0016,confirmed")
        .prices["gpt-4.1-mini"]
        .input
        == 0.0004
    )


def test_a_key_in_an_entry_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError) as caught:
        plan(models={"m": {"api_key": "sk-planted"}})
    assert "sk-planted" not in str(caught.value)
    assert "key_env" in str(caught.value)


def test_without_a_model_it_is_the_local_one_whatever_keys_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    assert plan(None).space.models == (LOCAL_MODEL,)
    without = {"space": {k: v for k, v in SPACE["space"].items() if k != "model"}}
    assert plan(without).entries[LOCAL_MODEL].local


def test_it_is_known_whether_a_model_was_named() -> None:
    without = {"space": {k: v for k, v in SPACE["space"].items() if k != "model"}}
    assert not plan(without).model_named
    assert not plan(None).model_named
    assert plan(without, model=["m"]).model_named
    assert plan().model_named
    assert make_plan(read_options(budget=5.0)).model_named, (
        "the embedded task is meant for the local model"
    )


def test_the_flag_replaces_the_spaces_models_and_their_own_domains() -> None:
    space = {**SPACE, "when": {"m": {"max_tokens": [32]}}}
    made = plan(space, model=["other"], price={"other": Price(1, 1)})
    assert made.space.models == ("other",)
    assert made.space.cap({"model": "other", "prompt": "short"}) == 16


def test_a_space_object_with_a_callable_answer_is_kept_as_it_is() -> None:
    space = tune.Space(model="m", prompt="{text}", answer=lambda text: text[:1])
    assert plan(space).extract("xyz") == "x"


def test_the_embedded_task_is_a_whole_order() -> None:
    made = make_plan(read_options(budget=5.0))
    assert len(made.data.examples) == 600
    assert made.data.target == "label"
    assert made.space.models == (LOCAL_MODEL,)
    assert made.baseline.prompt == "ask"
    assert "temperature" not in made.baseline
    assert all(price.notional for price in made.prices.values())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"searcher": "annealing"}, "no searcher 'annealing'"),
        ({"strategy": "luck"}, "no strategy 'luck'"),
        ({"searcher": "no.such:thing"}, "cannot be loaded"),
        ({"free": ["temperature"]}, "can be read off"),
        ({"trials": 0}, "trials > 0"),
        ({"concurrency": -1}, "concurrency > 0"),
        ({"holdout": 1.5}, "holdout"),
        ({"colour": "red"}, "no option 'colour'"),
        ({"price": "m=cheap"}, "MODEL=IN/OUT"),
        ({"metric": "vibes"}, "vibes"),
        (
            {"models": [{"model": "m", "name": "a"}, {"model": "n", "name": "a"}]},
            "differ",
        ),
        ({"models": {"m": {"url": "x"}}}, "url"),
        ({"output_tokens": 0}, "above 0"),
        ({"output_tokens": "short=many"}, "'many'"),
        ({"output_tokens": {"nobody": 3}}, "names 'nobody'"),
        ({"output_tokens": "m/nobody=3"}, "names 'm/nobody', .*MODEL/PROMPT"),
        ({"output_tokens": "short/m=3"}, "names 'short/m'"),
        ({"output_tokens": {"short": True}}, "True"),
    ],
)
def test_options_that_cannot_be_are_one_sentence(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        plan(**options)
    assert "\n" not in str(caught.value)


def test_best_needs_a_verifier_and_the_oracle_alone_is_not_enough() -> None:
    with pytest.raises(SpaceError, match="verifier"):
        plan(with_space(n=[1, 3], aggregate=["first", "best"]))
    with pytest.raises(SpaceError, match="oracle"):
        plan(with_space(n=[1, 3], aggregate=["any"]))
    assert (
        plan(
            with_space(n=[1, 3], aggregate=["best"]),
            verifier=lambda answer, example: 1.0,
        ).verifier
        is not None
    )


def test_what_cannot_be_read_off_for_a_metric_is_bought() -> None:
    over = tune.responses_metric(
        lambda responses, **data: {"success": 1.0}, oracle=False
    )
    assert plan(metric=over).free == ("max_tokens", "stop")
    judged = plan(metric=tune.Judge(model="m"))
    assert judged.free == ("n", "aggregate")
    assert judged.judge is not None


def test_the_identity_changes_with_whatever_makes_another_study_and_with_nothing_else() -> (
    None
):
    same = plan().identity
    assert plan(budget=2.0, concurrency=3, time_limit=5).identity == same
    others = [
        plan(data=ROWS[:30]),
        plan(with_space(max_tokens=[8])),
        plan(seed=1),
        plan(metric="contains"),
        plan(holdout=0.3),
        plan(searcher="grid"),
        plan(baseline={"prompt": "long"}),
        plan(max_cost_per_request=0.1),
        plan(price={"m": Price(2.0, 2.0)}),
        plan(free=()),
        plan(trials=3),
    ]
    identities = [json.dumps(p.identity, sort_keys=True) for p in others]
    assert len({*identities, json.dumps(same, sort_keys=True)}) == len(others) + 1


@pytest.mark.parametrize(
    "price",
    [
        "0.1/0.4",
        (0.1, 0.4),
        {"m": (0.1, 0.4)},
        {"m": "0.1/0.4"},
        {"m": [0.1, 0.4]},
        ["m=0.1/0.4"],
        Price(0.1, 0.4),
    ],
)
def test_a_price_is_read_in_every_form_in_which_it_can_be_meant(price: Any) -> None:
    made = plan(with_space(model=["m"]), price=price)
    assert (made.prices["m"].input, made.prices["m"].output) == (0.1, 0.4)


@pytest.mark.parametrize(
    "price", [{"m": "cheap"}, {"m": 3}, {"m": (1, 2, 3)}, "cheap", ("a", "b")]
)
def test_a_price_in_another_form_is_refused_with_the_right_one(price: Any) -> None:
    with pytest.raises(PriceError, match="IN"):
        plan(with_space(model=["m"]), price=price)


def test_a_price_without_a_name_is_refused_where_there_are_several_models() -> None:
    with pytest.raises(PriceError, match="names its model"):
        plan(with_space(model=["m", "other"]), price="0.1/0.4")


def test_a_list_of_names_is_a_list_of_models() -> None:
    made = plan(
        with_space(model=["m", "other"]),
        models=["m", "other"],
        price={"m": (1, 2), "other": (1, 2)},
    )
    assert made.entries["m"].model == "m"
    with pytest.raises(InputError, match="a name, a client or a table"):
        plan(models=[3])


@pytest.mark.parametrize("given", ["short=30", ["short=30"], {"short": 30}])
def test_lengths_are_stated_by_name_and_are_no_part_of_the_identity(given: Any) -> None:
    assert plan(output_tokens=given).output_tokens == {"short": 30.0}
    assert plan(output_tokens=["12", "m=5", "m/short=7"]).output_tokens == {
        "": 12.0,
        "m": 5.0,
        "m/short": 7.0,
    }
    assert plan(output_tokens=given).identity == plan().identity


@pytest.mark.parametrize("name", ["vendor/m", "a=b", "vendor/a=b/c"])
def test_a_length_finds_its_model_whatever_signs_the_models_name_has(name: str) -> None:
    made = plan(
        with_space(model=[name]),
        price={name: Price(1.0, 2.0)},
        output_tokens=[f"{name}/short=7", f"{name}=5"],
    )
    assert made.output_tokens == {f"{name}/short": 7.0, name: 5.0}
    assert set(made.output_tokens) < set(length_names(name, "short"))


def test_a_length_of_model_and_prompt_goes_before_the_prompts_the_models_and_everybodys() -> (
    None
):
    assert length_names("m", "short") == ("m/short", "short", "m", "")


def test_the_help_names_every_goal() -> None:
    shown = build_run_parser().format_help()
    assert f"--goal {{{','.join(GOALS)}}}" in shown
    assert [plan(goal=goal).goal for goal in GOALS if goal != "cheapest"] == [
        "quality",
        "frontier",
    ]


def test_no_secret_of_a_url_is_in_the_identity() -> None:
    table = {
        "m": {"base_url": "http://user:secret@host/v1?key=secret", "price": [1, 2]}
    }
    assert "secret" not in json.dumps(plan(models=table).identity)
