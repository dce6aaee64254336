"""A config that answers examples in a seeded order, from one budget."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.checks import NEW, WORLD, export
from tune.errors import EndpointError
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Server, fail_sometimes
from tune.followup.check import check
from tune.pricing.prices import to_picodollars


def test_the_order_is_random_and_the_seed_decides_it(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server)

    def asked(seed: int) -> set[str]:
        before = len(server.posts)
        check(path, NEW, budget=0.5, seed=seed, margin=0.5)
        return {
            seen.body["messages"][0]["content"]
            for seen in server.posts[before : before + 8]
        }

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)


def test_every_check_asks_anew_and_keeps_what_it_paid(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server)
    first = check(path, NEW[:10], budget=0.5)
    again = check(path, NEW[:10], budget=0.5)
    assert first.look == again.look
    assert len(server.posts) == 20
    assert (tmp_path / "study" / "draws.db").exists()


def test_a_config_of_several_answers_is_bought_whole(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server, n=3, aggregate="vote", temperature=1.0, stop=["."])
    found = check(path, NEW[:16], budget=0.5, margin=0.3)
    assert found.config.n == 3
    bodies = [seen.body for seen in server.posts]
    assert sum(body.get("n", 1) for body in bodies) == 3 * found.look.interval.n
    assert all(body["stop"] == ["."] and body["temperature"] == 1.0 for body in bodies)


def test_a_service_that_fails_now_and_then_does_not_look_like_a_regression(
    tmp_path: Path,
) -> None:
    plan = fail_sometimes(0.2, [Fault("status", status=503, retry_after=0.01)])
    with Server(models={"small": Model(0.10, 0.40)}, world=WORLD, plan=plan) as server:
        found = check(export(tmp_path, server), NEW, budget=0.5, margin=0.2)
    assert (found.decision, found.unanswered) == ("holds", 0)


def test_a_model_that_does_not_answer_is_a_failure_and_no_verdict(
    tmp_path: Path,
) -> None:
    with (
        Server(models={"other": Model(0.10, 0.40)}, world=WORLD) as server,
        pytest.raises(EndpointError),
    ):
        check(export(tmp_path, server), NEW, budget=0.5)
    refuses = Model(
        0.10,
        0.40,
        fault=Fault(
            "status", status=400, code="unsupported_parameter", param="temperature"
        ),
    )
    with (
        Server(models={"small": refuses}, world=WORLD) as server,
        pytest.raises(EndpointError),
    ):
        check(export(tmp_path, server), NEW, budget=0.5)


def test_a_judges_verdicts_are_paid_from_the_same_budget_and_no_answer_goes_without(
    tmp_path: Path,
) -> None:
    def speak(
        model: str, prompt: str, settings: Mapping[str, Any], seed: int, index: int
    ) -> str:
        if model == "small":
            return WORLD(model, prompt, settings, seed, index)
        target, answer = re.findall(r"<(?:reference|answer)>\n(\w+)\n", prompt)
        return f"Score: {10 if target == answer else 0}"

    models = {"small": Model(0.10, 0.40), "judge": Model(0.20, 0.80)}
    with Server(models=models, world=speak) as server:
        judge = tune.Judge(model="judge", max_tokens=16)
        path = export(
            tmp_path,
            server,
            quality=9.0,
            metric=judge,
            price=["small=0.1/0.4", "judge=0.2/0.8"],
        )
        found = check(path, NEW, budget=0.5, margin=0.2)
        assert (found.decision, found.threshold) == ("holds", pytest.approx(7.0))
        assert to_picodollars(found.spent) == server.bill
        before, bill = len(server.posts), server.bill
        found = check(path, NEW[300:], budget=0.001, margin=0.02)
        assert (found.decision, found.reason) == ("undecided", "money")
        assert server.bill - bill <= to_picodollars(0.001)
        asked = [seen.body["model"] for seen in server.posts[before:]]
    assert (
        found.look.interval.n == asked.count("small") >= asked.count("judge") > 0
    )  # some were judged before
