"""Models of nine vendors, each as strict as the real one: their words are understood, and one study
tunes all of them.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.watching import after_waves
from tests.test_tuner_survival import balance
from tune.errors import ParameterRejected, ValueRejected
from tune.fakes.replies import error_reply
from tune.fakes.server import Model, Server
from tune.fakes.vendors import VENDOR_OF, strict_models
from tune.fakes.world import LabelledWorld
from tune.plan.read_options import read_options
from tune.pricing.prices import to_picodollars
from tune.providers import model_rules
from tune.providers.entries import Entry
from tune.providers.model_rules import VendorRules
from tune.providers.openai.errors import error_of_response
from tune.tuner import run_study

MODELS = strict_models()
WORLD = LabelledWorld(models={name: 0.5 + 0.04 * i for i, name in enumerate(MODELS)})
SPACE: dict[str, Any] = {
    "space": {
        "model": list(MODELS),
        "prompt": {
            "short": "Label this ticket: {text}",
            "reasoned": "Think step by step, then label: {text}",
        },
        "temperature": [0.0, 0.7, 1.5],
        "top_p": [None, 0.9],
        "reasoning_effort": [None, "none", "low", "high"],
        "verbosity": [None, "low"],
        "n": [1, 3, 9],
        "max_tokens": [64, 512],
        "stop": [None, ["a!", "b!", "c!", "d!", "e!"]],
        "aggregate": ["first", "vote"],
    },
    "answer": {"labels": list(WORLD.labels)},
}
REFUSED_SHARE = 0.02
"""The most requests of a study that may be refused, as a share."""


@pytest.mark.parametrize(
    ("model", "body", "parameter", "kind"),
    [
        ("gpt-4o-mini", {"reasoning_effort": "low"}, "reasoning_effort", "parameter"),
        ("gpt-4o-mini", {"verbosity": "low"}, "verbosity", "value"),
        ("gpt-4o-mini", {"stop": list("abcde")}, "stop", "value"),
        ("gpt-4o-mini", {"n": 129}, "n", "value"),
        ("gpt-4o-mini", {"temperature": 2.5}, "temperature", "value"),
        ("gpt-4o-mini", {"max_tokens": 20_000}, "max_tokens", "value"),
        ("o3", {"max_tokens": 64}, "max_tokens", "parameter"),
        ("o3", {"temperature": 0.5}, "temperature", "value"),
        ("o3", {"stop": ["a"]}, "stop", "parameter"),
        ("o3", {"reasoning_effort": "none"}, "reasoning_effort", "value"),
        ("gpt-5.4-mini", {"max_tokens": 64}, "max_tokens", "parameter"),
        ("gpt-5.4-mini", {"reasoning_effort": "max"}, "reasoning_effort", "value"),
        (
            "gpt-5.4-mini",
            {"reasoning_effort": "low", "temperature": 0.5},
            "temperature",
            "reasoning",
        ),
        ("claude-haiku-4-5", {"temperature": 1.5}, "temperature", "value"),
        ("claude-haiku-4-5", {"temperature": 1, "top_p": 0.9}, "top_p", "both"),
        ("claude-haiku-4-5", {"n": 3}, "n", "parameter"),
        ("claude-haiku-4-5", {"max_tokens": 99_999}, "max_tokens", "value"),
        ("gemini-2.5-flash", {"n": 9}, "n", "value"),
        ("gemini-2.5-flash", {"seed": 1}, "seed", "parameter"),
        ("gemini-2.5-flash", {"temperature": 2.5}, "temperature", "value"),
        ("deepseek-v4-pro", {"n": 3}, "n", "parameter"),
        ("deepseek-v4-pro", {"temperature": 2.5}, "temperature", "value"),
        ("deepseek-v4-pro", {"max_tokens": 999_999}, "max_tokens", "value"),
        ("grok-4.5", {"presence_penalty": 1}, "presence_penalty", "parameter"),
        ("grok-4.5", {"stop": ["a"]}, "stop", "parameter"),
        ("grok-4.5", {"reasoning_effort": "none"}, "reasoning_effort", "value"),
        ("qwen3", {"temperature": 0, "n": 3}, "n", "value"),
        ("qwen3", {"top_p": 0}, "top_p", "value"),
        ("qwen3", {"temperature": -1}, "temperature", "value"),
        ("llama3", {"reasoning_effort": "low"}, "reasoning_effort", "value"),
    ],
)
def test_the_words_of_each_vendor_are_read_to_the_right_field(
    model: str, body: dict[str, Any], parameter: str, kind: str
) -> None:
    strict = MODELS[model].strict
    assert strict is not None
    asked = {"model": model, "messages": [], **body}
    reply = strict(asked)
    assert reply is not None
    assert reply.status == 400
    error = error_of_response(400, {}, json.loads(reply.raw), who="m", sent=asked)
    assert isinstance(error, ParameterRejected)
    assert error.parameter == parameter
    if kind == "reasoning":
        assert error.while_reasoning
    elif kind == "both":
        assert error.beside == "temperature"
    else:
        assert isinstance(error, ValueRejected) is (kind == "value")


@pytest.mark.parametrize("model", MODELS)
def test_a_plain_call_is_taken_by_all(model: str) -> None:
    strict = MODELS[model].strict
    assert strict is not None
    cap = "max_completion_tokens" if model in ("o3", "gpt-5.4-mini") else "max_tokens"
    assert strict({"model": model, "messages": [], cap: 64}) is None


def know_vendors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server stand for the vendors' own hosts, so that the table is used."""
    vendors = {vendor.name: vendor for vendor in model_rules.VENDORS}

    def find(entry: Entry) -> VendorRules | None:
        return vendors.get(VENDOR_OF.get(entry.model, ""))

    monkeypatch.setattr(model_rules, "find_vendor", find)


def options(server: Server, folder: Path, **more: Any) -> dict[str, Any]:
    entries = {}
    for name, model in MODELS.items():
        # The alias keeps the draws of one port apart from no other port's.
        entries[name] = {
            "base_url": server.base_url,
            "price": [model.input, model.output],
            "alias": name,
        }
    given = {
        "data": WORLD.examples(40),
        "space": tune.Space.from_mapping(SPACE),
        "target": "label",
        "models": entries,
        "results": folder / "study",
        "searcher": "random",
        "strategy": "halving",
        "trials": 45,
        "budget": 0.05,
        "seed": 1,
        "quiet": True,
    }
    return given | more


@pytest.mark.timeout(300)
@pytest.mark.parametrize("known", [True, False], ids=["the table", "no table"])
def test_one_study_tunes_models_of_nine_vendors(
    known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if known:
        know_vendors(monkeypatch)
    with Server(MODELS, world=WORLD) as server:
        # Without the table, each model's rules are learned, so there must be enough to learn for.
        size = {} if known else {"data": WORLD.examples(130), "budget": 0.25}
        study = tune.tune(**options(server, tmp_path, **size))
    refused = Counter(s.body["model"] for s in server.posts if s.status != 200)
    assert refused.total() <= REFUSED_SHARE * len(server.posts), refused
    money = study.record.money
    assert money.uncertain == 0
    assert to_picodollars(money.settled) == server.bill <= to_picodollars(money.budget)
    scored = {
        trial.point["model"] for trial in study.record.trials if trial.state != "failed"
    }
    assert scored == set(MODELS)
    assert study.stopped in ("finished", "trials", "money", "gain")
    assert study.best is not None
    if not known:
        return
    # What the table knows is never refused: only seeds that nobody documents, and Ollama's words.
    assert set(refused) <= {"gemini-2.5-flash", "llama3"}
    largest: Counter[str] = Counter()
    for seen in server.posts:
        name = seen.body["model"]
        largest[name] = max(largest[name], seen.body.get("n", 1))
    assert largest["claude-haiku-4-5"] == largest["deepseek-v4-pro"] == 1
    assert largest["gemini-2.5-flash"] <= 8


def hasty(seed: int) -> Server:
    """Return a server whose answers come in another order for each seed."""
    rng = random.Random(seed)
    return Server(MODELS, world=WORLD, seconds=lambda: 0.02 * rng.random())


@pytest.mark.timeout(300)
def test_a_study_of_nine_vendors_that_is_killed_at_any_wave_becomes_the_same(
    tmp_path: Path,
) -> None:
    waves: list[tuple[Path, Counter[str]]] = []
    few: dict[str, Any] = {"trials": 12, "budget": 0.03, "concurrency": 16}
    few["data"] = WORLD.examples(24)

    def keep(_: object) -> None:
        """Keep the files of the study as a kill after this wave would leave them."""
        folder = tmp_path / f"killed {len(waves)}"
        (folder / "study").mkdir(parents=True)
        shutil.copy(tmp_path / "study" / "study.jsonl", folder / "study")
        source = sqlite3.connect(tmp_path / "study" / "draws.db")
        copied = sqlite3.connect(folder / "study" / "draws.db")
        source.backup(copied)
        source.close()
        copied.close()
        waves.append((folder, server._delivered.copy()))

    with hasty(0) as server:
        whole = run_study(
            read_options(**options(server, tmp_path, **few)), display=after_waves(keep)
        )
        bill = server.bill
    assert bill == to_picodollars(whole.record.money.settled)
    assert len(waves) >= 3
    for number in sorted({0, len(waves) // 2, len(waves) - 1}):
        folder, delivered = waves[number]
        before = balance(folder / "study").settled
        # The answers come in another order than in the study that was not killed.
        again = hasty(number + 1)
        again.port, again._delivered = server.port, delivered
        with again:
            resumed = run_study(read_options(**options(again, folder, **few)))
            assert before + again.bill == bill
        assert resumed.best.config == whole.best.config
        assert resumed.best.quality == whole.best.quality
        assert resumed.best.cost == whole.best.cost
        assert resumed.record.trials == whole.record.trials
        assert resumed.record.money.settled == whole.record.money.settled


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "The model `lost` does not exist or you do not have access to it."),
        (403, "Project `p` does not have access to model `lost`"),
        (410, "The model `lost` has been deprecated"),
        (
            404,
            "This model is only supported in v1/responses and not in v1/chat/completions.",
        ),
        (400, "Something went wrong with this model."),
    ],
)
def test_a_model_that_cannot_be_asked_is_set_aside_with_its_words(
    status: int, words: str, tmp_path: Path
) -> None:
    models = {
        "lost": Model(strict=lambda _: error_reply(status, words)),
        "small": Model(),
    }
    space = tune.Space(
        model=list(models),
        prompt="Label this ticket: {text}",
        temperature=[0.0, 1.0],
        max_tokens=16,
        answer={"labels": list(WORLD.labels)},
    )
    with Server(models, world=WORLD) as server:
        study = tune.tune(
            WORLD.examples(30),
            space,
            target="label",
            models={
                name: {"base_url": server.base_url, "price": [0.1, 0.4]}
                for name in models
            },
            results=tmp_path / "study",
            budget=0.002,
            searcher="random",
            strategy="halving",
            trials=4,
            quiet=True,
        )
    refused = [seen for seen in server.posts if seen.status != 200]
    # Some are asked once more, without what may be to blame.
    assert len(refused) <= 16
    assert study.best is not None
    assert study.best.config.model == "small"
    journal = (tmp_path / "study" / "study.jsonl").read_text()
    (aside,) = [
        event
        for event in map(json.loads, journal.splitlines())
        if event["event"] == "aside"
    ]
    assert aside["model"] == "lost"
    assert words in aside["reason"]
    assert to_picodollars(study.record.money.settled) == server.bill
