"""What `best.json` holds of a config is enough to call it again: the same prompt, model, answer
rule and metric.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tune.errors import InputError, StudyError
from tune.fakes.world import LabelledWorld
from tune.plan.make import make_plan
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.pricing.prices import Price
from tune.providers.entries import Entry
from tune.providers.trusted_hosts import remember_hosts
from tune.runtime.best_json import read_deployment
from tune.runtime.deployment_record import deployment_record
from tune.space import Config
from tune.task.example import Example
from tune.task.metrics import Judge, Metric

WORLD = LabelledWorld()
PROMPTS = {
    "short": "Label this ticket: {text}",
    "chat": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": '{text} as {"label": ...}'},
    ],
    "raw": {"text": "Ticket: {text}\nLabel:", "raw": True},
    "few": {
        "messages": [{"role": "user", "content": "{text}"}],
        "shots": 2,
        "shot": [
            {"role": "user", "content": "{text}"},
            {"role": "assistant", "content": "{label}"},
        ],
    },
}
MODELS = {
    "small": {
        "model": "qwen",
        "base_url": "http://user:secret@h:1/v1?key=x",
        "key_env": "K",
        "price": [1, 2],
    }
}
QUALITY = {"mean": 0.8, "low": 0.7, "high": 0.9, "examples": 40}


def own_metric(answer: str, example: Example) -> float:
    return float(answer == example.target)


def own_verifier(answer: str, example: Example) -> float:
    return float(len(answer))


def plan(**more: Any) -> Plan:
    data = more.pop("data", WORLD.examples(40))
    space = {
        "space": {
            "model": ["small"],
            "prompt": PROMPTS,
            "max_tokens": 16,
            **more.pop("space", {}),
        },
        "answer": more.pop("answer", {"labels": list(WORLD.labels)}),
        "models": {**MODELS, **more.pop("models", {})},
    }
    options = {"target": "label", **more}
    return make_plan(read_options(data=data, space=space, budget=1.0, **options))


@pytest.fixture(autouse=True)
def own_hosts(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host of these models is one that the user has agreed to."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    remember_hosts(
        [
            Entry("small", "qwen", base_url="http://h:1/v1", key_env="K"),
            Entry("big", "big", "http://new/v1"),
        ]
    )


def config(**values: Any) -> Config:
    return Config({"model": "small", "prompt": "short", "max_tokens": 16, **values})


def export(folder: Path, made: Plan, chosen: Config, **more: Any) -> Path:
    """A `best.json` with no more in it than is read back."""
    winner = {"holdout": QUALITY, "tuning": QUALITY}
    record = {
        "config": dict(chosen),
        "winner": winner,
        "deployment": deployment_record(made, chosen),
        **more,
    }
    path = folder / "best.json"
    path.write_text(json.dumps(record))
    return path


@pytest.mark.parametrize("name", list(PROMPTS))
def test_the_prompt_that_is_read_back_sends_the_same(tmp_path: Path, name: str) -> None:
    made = plan()
    back = read_deployment(export(tmp_path, made, config(prompt=name)))
    assert back.prompt.identity == made.prompts[name].identity
    assert back.prompt.fields == made.prompts[name].fields
    example = made.examples[0]
    assert back.prompt.render(example) == made.prompts[name].render(example)


def test_braces_in_a_shot_are_never_taken_for_fields(tmp_path: Path) -> None:
    rows = [
        row | {"text": row["text"] + " {text} {label}"} for row in WORLD.examples(40)
    ]
    made = plan(data=rows)
    back = read_deployment(export(tmp_path, made, config(prompt="few")))
    assert back.prompt.render(made.examples[0]) == made.prompts["few"].render(
        made.examples[0]
    )


def test_the_model_comes_back_with_its_price_and_variable_and_without_secrets(
    tmp_path: Path,
) -> None:
    path = export(tmp_path, plan(), config())
    assert "secret" not in path.read_text()
    assert "key=x" not in path.read_text()
    back = read_deployment(path)
    entry = back.entries["small"]
    assert (entry.model, entry.base_url, entry.key_env) == (
        "qwen",
        "http://h:1/v1",
        "K",
    )
    assert back.prices["small"] == Price(1, 2)


def test_the_answer_rule_of_the_prompt_is_the_one_that_is_used(tmp_path: Path) -> None:
    by = {
        "by": {
            name: {"labels": ["praise"]} if name == "chat" else {"number": True}
            for name in PROMPTS
        }
    }
    made = plan()
    object.__setattr__(made.space, "answer", by)
    assert (
        read_deployment(export(tmp_path, made, config(prompt="chat"))).extract(
            "it is Praise."
        )
        == "praise"
    )
    assert (
        read_deployment(export(tmp_path, made, config(prompt="short"))).extract(
            "about 12.50"
        )
        == "12.5"
    )


@pytest.mark.parametrize(
    "metric", ["exact_match", "contains", "f1", {"name": "regex"}, own_metric]
)
def test_the_metric_comes_back_as_the_same_judgement(
    tmp_path: Path, metric: Any
) -> None:
    made = plan(metric=metric)
    back = read_deployment(export(tmp_path, made, config()), allow_import=True)
    assert back.metric.identity == made.metric.identity
    assert back.notices == ()


def test_a_judge_comes_back_with_its_model_and_its_bounds(tmp_path: Path) -> None:
    judge = Judge(model="wise", low=1, high=5, max_tokens=32)
    made = plan(metric=judge, models={"wise": {"model": "big", "price": [3, 4]}})
    back = read_deployment(export(tmp_path, made, config()))
    assert back.metric.function == judge
    assert back.entries["wise"].model == "big"
    assert back.prices["wise"] == Price(3, 4)


def test_a_metric_that_lived_in_the_process_is_asked_for(tmp_path: Path) -> None:
    path = export(
        tmp_path,
        plan(metric=lambda answer, example: answer == example.target),
        config(),
    )
    with pytest.raises(InputError, match="--metric module:attribute"):
        read_deployment(path)
    assert read_deployment(path, metric="exact_match").notices != ()


def test_a_metric_of_other_bounds_is_refused(tmp_path: Path) -> None:
    path = export(tmp_path, plan(), config())
    wide = Metric("wide", "wide", own_metric, high=10.0)
    with pytest.raises(InputError, match=r"high=1\.0.*high=10\.0"):
        read_deployment(path, metric=wide)


def test_a_verifier_is_found_again_or_asked_for(tmp_path: Path) -> None:
    chosen = config(n=3, aggregate="best", temperature=1.0)
    made = plan(space={"n": 3, "aggregate": ["best"]}, verifier=own_verifier)
    assert (
        read_deployment(export(tmp_path, made, chosen), allow_import=True).verifier
        is own_verifier
    )
    nameless = plan(
        space={"n": 3, "aggregate": ["best"]}, verifier=lambda answer, example: 1.0
    )
    path = export(tmp_path, nameless, chosen)
    with pytest.raises(InputError, match="--verifier"):
        read_deployment(path)
    assert (
        read_deployment(
            path, verifier="tests.runtime.test_best_json:own_verifier"
        ).verifier
        is own_verifier
    )


def test_another_endpoint_and_price_take_the_place_of_the_recorded_ones(
    tmp_path: Path,
) -> None:
    path = export(tmp_path, plan(), config())
    back = read_deployment(path, base_url="http://new/v1", price="0.5/0.6")
    assert back.entries["small"].base_url == "http://new/v1"
    assert back.prices["small"] == Price(0.5, 0.6)
    assert read_deployment(path, price="small=3/4").prices["small"] == Price(3, 4)


def test_the_quality_is_that_of_the_holdout_and_else_that_of_tuning_with_a_warning(
    tmp_path: Path,
) -> None:
    made = plan()
    both = read_deployment(export(tmp_path, made, config()))
    assert (both.quality.mean, both.quality.n, both.on_holdout) == (0.8, 40, True)
    tuned = export(
        tmp_path,
        made,
        config(),
        winner={"holdout": None, "tuning": {**QUALITY, "mean": 0.9}},
    )
    back = read_deployment(tuned)
    assert (back.quality.mean, back.on_holdout) == (0.9, False)
    assert "flatters" in back.notices[0]


def test_a_results_folder_stands_for_its_file(tmp_path: Path) -> None:
    path = export(tmp_path, plan(), config())
    assert read_deployment(tmp_path) == read_deployment(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no winner"),
        ('{"config": null, "winner": null}', "no winner"),
        ('{"config": {"model": "m"}, "winner": {"holdout": null}}', "older version"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "best.json").write_text(text)
    with pytest.raises(StudyError, match=message):
        read_deployment(tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="No such file"):
        read_deployment(tmp_path / "best.json")


def test_an_interrupted_study_says_how_it_goes_on(tmp_path: Path) -> None:
    made = plan()
    assert not read_deployment(export(tmp_path, made, config())).is_interrupted
    back = read_deployment(export(tmp_path, made, config(), interrupted=True))
    assert back.is_interrupted
    assert "its choice may still change" in back.notices[0]
    for record in ('{"config": null, "winner": null, "interrupted": true}', None):
        if record is None:
            (tmp_path / "best.json").unlink()
            (tmp_path / "study.jsonl").touch()
        else:
            (tmp_path / "best.json").write_text(record)
        with pytest.raises(StudyError, match=r"interrupted.*once more: it goes on"):
            read_deployment(tmp_path)
