"""Probing models: a few calls through the ledger show which settings they take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tune.fakes.server import Server
from tune.fakes.vendors import strict_models
from tune.followup.probe import Probed, probe
from tune.pricing.prices import Price, to_picodollars
from tune.providers.entries import Entry

MODELS = strict_models()


async def ask(
    folder: Path, *models: str, budget: float = 0.05
) -> tuple[dict[str, Probed], Server]:
    async with Server(MODELS) as server:
        entries, prices = {}, {}
        for name in models:
            entries[name] = Entry(name, name, base_url=server.base_url, alias=name)
            spec = MODELS.get(name)
            prices[name] = Price(spec.input, spec.output) if spec else Price(1, 1)
        found = await probe(
            entries,
            prices,
            budget=budget,
            store=str(folder / "draws.db"),
            notice=lambda _: None,
        )
        return found, server


@pytest.mark.parametrize(
    ("model", "refused", "taken"),
    [
        ("gpt-4o-mini", {"reasoning_effort low", "verbosity low"}, {"stop", "n 2"}),
        ("o3", {"temperature 0.5", "top_p 0.9", "stop"}, {"reasoning_effort low"}),
        ("grok-4.5", {"presence_penalty 0.5", "stop"}, {"temperature 0.5"}),
        ("llama3", {"reasoning_effort low"}, {"temperature 0.5"}),
    ],
)
async def test_what_a_model_takes_is_seen_and_the_bill_is_the_ledgers(
    tmp_path: Path, model: str, refused: set[str], taken: set[str]
) -> None:
    found, server = await ask(tmp_path, model)
    probed = found[model]
    assert probed.answers == "answers"
    for name in refused:
        assert probed.settings[name].startswith("refused: "), name
    for name in taken:
        assert probed.settings[name] == "taken", name
    assert to_picodollars(probed.spent) == server.bill > 0


async def test_a_seed_and_an_n_that_are_not_taken_are_seen(tmp_path: Path) -> None:
    found, _ = await ask(tmp_path, "gemini-2.5-flash", "deepseek-v4-pro")
    assert found["gemini-2.5-flash"].settings["seed"] == "not sent"
    assert found["deepseek-v4-pro"].settings["n 2"].startswith("1 for one call")
    assert found["deepseek-v4-pro"].settings["seed"] == "taken"


async def test_a_model_that_is_not_there_is_shown_and_the_others_are_asked(
    tmp_path: Path,
) -> None:
    found, _ = await ask(tmp_path, "nobody", "qwen3")
    assert "does not exist" in found["nobody"].answers
    assert found["nobody"].settings == {}
    assert found["qwen3"].answers == "answers"


async def test_a_budget_that_is_too_small_sends_nothing(tmp_path: Path) -> None:
    found, server = await ask(tmp_path, "o3", budget=1e-6)
    assert found["o3"].answers.startswith("not asked: ")
    assert server.posts == []


def test_the_findings_are_lines_and_a_record() -> None:
    probed = Probed("answers", {"seed": "taken"}, 0.0012)
    assert probed.lines()[0].split() == ["asked", "answers"]
    assert "$0.0012" in probed.lines()[-1]
    assert probed.record() == {
        "answers": "answers",
        "settings": {"seed": "taken"},
        "spent": 0.0012,
    }
