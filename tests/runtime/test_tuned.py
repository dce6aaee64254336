"""A tuned configuration answers as it was tuned, wherever it is called."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.checks import WORLD, export
from tune.errors import BudgetExhausted, InputError, ProviderError, TuneError
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Server, fail_every
from tune.providers.openai.sender import RawReply
from tune.providers.retrying import RetryPolicy
from tune.runtime.caller import Caller
from tune.runtime.policy import DrawOrder, Round
from tune.runtime.recorded import Given, read_config
from tune.runtime.tuned import Keeping, Tuned

ROWS = WORLD.examples(12, start=500)
VOTE = {"n": 5, "aggregate": "vote", "temperature": 1.0}


def minority_first(
    _model: str, _prompt: str, _settings: Mapping[str, Any], _seed: int, index: int
) -> str:
    """Choice 0 is always outvoted."""
    return ["I say refund", "hm", "so praise", "I say praise", "praise!"][index]


def undecided(*_: Any) -> str:
    return "well, well"


def serve(world: Any = WORLD, **models: Model) -> Server:
    return Server(models=models or {"small": Model(0.10, 0.40)}, world=world)


def test_the_text_is_that_of_the_first_draw_with_the_voted_answer(
    tmp_path: Path,
) -> None:
    with (
        serve(minority_first) as server,
        tune.load(export(tmp_path, server, **VOTE)) as tuned,
    ):
        answer = tuned(text="late again")
    assert (answer.answer, answer.text) == ("praise", "so praise")
    assert answer.agreement == pytest.approx(3 / 5)
    assert [one.answer for one in answer.draws] == ["refund", None, *["praise"] * 3]
    assert (answer.model, answer.entry, answer.accepted) == ("small", "small", True)
    assert answer.cost == pytest.approx(server.bill / 1e12)
    assert answer.seconds > 0
    assert str(answer) == "so praise"


def test_a_rule_that_finds_nothing_abstains(tmp_path: Path) -> None:
    with (
        serve(undecided) as server,
        tune.load(export(tmp_path, server, **VOTE)) as tuned,
    ):
        answer = tuned(text="late again")
        assert (answer.answer, answer.text, answer.agreement) == (None, "", 0.0)
        assert answer.abstained
        assert [one.text for one in answer.draws] == ["well, well"] * 5
        assert tuned.usage[0].abstained == 1
    with serve(undecided) as server, tune.load(export(tmp_path, server)) as tuned:
        answer = tuned(text="late again")
    # There was nothing to choose between.
    assert (answer.answer, answer.text, answer.agreement) == (None, "well, well", 0.0)


def test_it_works_inside_a_running_loop_in_every_way(
    server: Server, tmp_path: Path
) -> None:
    async def inside(tuned: Tuned) -> list[Any]:
        awaited = await tuned.create(text=ROWS[0]["text"])
        blocking = tuned(text=ROWS[0]["text"])
        many = tuned.batch([{"text": ROWS[0]["text"]}])
        return [awaited.answer, blocking.answer, many[0].answer]

    with tune.load(export(tmp_path, server)) as tuned:
        # Of two loops after each other, too: connections belong to neither.
        found = asyncio.run(inside(tuned)) + asyncio.run(inside(tuned))
    assert len(set(found)) == 1


def test_a_batch_keeps_the_order_and_raises_or_keeps_its_errors(
    server: Server, tmp_path: Path
) -> None:
    with tune.load(export(tmp_path, server)) as tuned:
        found = tuned.batch([{"text": row["text"], "id": 1} for row in ROWS])
        right = [
            one.answer == row["label"] for one, row in zip(found, ROWS, strict=True)
        ]
        assert sum(right) >= 8
        broken = [{"text": "a"}, {"txt": "b"}]
        with pytest.raises(InputError, match="txt"):
            tuned.batch(broken)
        kept = tuned.batch(broken, return_exceptions=True)
    assert [isinstance(one, TuneError) for one in kept] == [False, True]


def test_draws_are_fresh_and_nothing_is_written(server: Server, tmp_path: Path) -> None:
    path = export(tmp_path, server, temperature=1.0)
    for _ in range(2):
        with tune.load(path) as tuned:
            tuned(text="same")
            tuned(text="same")
    assert len({one.body["seed"] for one in server.posts}) == len(server.posts) == 4
    assert [one.name for one in path.parent.iterdir()] == ["best.json"]


def test_with_a_cache_the_same_question_is_answered_once(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server, **VOTE)
    answers = []
    for _ in range(2):
        with tune.load(path, cache=True) as tuned:
            answers.append(tuned(text="same"))
            assert tuned.spent_today is None
    assert [one.text for one in answers[0].draws] == [
        one.text for one in answers[1].draws
    ]
    assert answers[1].cost == 0.0
    assert sum(one.body.get("n", 1) for one in server.posts) == 5


def test_a_daily_budget_holds_for_all_processes_of_a_day_and_no_longer(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server)
    store = str(tmp_path / "money.db")
    one = tune.load(path, daily_budget=0.0001, store=store)
    assert ask_until_it_ends(one) > 3
    assert server.bill <= 0.0001 * 1e12
    assert one.spent_today == pytest.approx(server.bill / 1e12)
    one.close()
    with tune.load(path, daily_budget=0.0001, store=store) as other:
        assert ask_until_it_ends(other) == 0


def test_the_next_day_has_a_budget_of_its_own(server: Server, tmp_path: Path) -> None:
    now = [0.0]
    tuned = read_config(export(tmp_path, server), Given())
    caller = Caller(tuned, concurrency=8, retry=RetryPolicy())
    keeping = Keeping(daily_budget=0.0001, store=str(tmp_path / "money.db"))
    with Tuned([caller], keeping=keeping, clock=lambda: now[0]) as made:
        assert ask_until_it_ends(made) > 3
        assert ask_until_it_ends(made) == 0
        now[0] += 24 * 3600
        assert ask_until_it_ends(made) > 3


def ask_until_it_ends(tuned: Tuned) -> int:
    """Ask until the day's budget is used up; return the number of answers."""
    for count in range(200):
        try:
            tuned(text="Ticket")
        except BudgetExhausted:
            return count
    raise AssertionError("the budget never ended")


def test_entries_are_tried_in_order_and_the_answer_names_its_own(
    tmp_path: Path,
) -> None:
    with (
        serve() as up,
        Server(
            models={"small": Model(0.1, 0.4)},
            plan=fail_every(1, Fault("status", status=503)),
        ) as down,
    ):
        entries = [
            {
                "name": "down",
                "model": "small",
                "base_url": down.base_url,
                "price": [0.0001, 0.0004],
            },
            {
                "name": "up",
                "model": "small",
                "base_url": up.base_url,
                "price": [0.0001, 0.0004],
            },
        ]
        with tune.load(export(tmp_path, up), entries, attempts=1) as tuned:
            answer = tuned(text=ROWS[0]["text"])
            assert [one.failed for one in tuned.usage] == [1, 0]
    assert answer.entry == "up"
    assert answer.cost == pytest.approx(up.bill / 1e12)


def test_an_answer_that_will_not_do_is_asked_of_the_next_entry(tmp_path: Path) -> None:
    with serve(undecided) as unsure, serve(minority_first) as sure:
        entries = [
            {"name": name, "model": "small", "base_url": each.base_url}
            for name, each in (("unsure", unsure), ("sure", sure))
        ]
        path = export(tmp_path, sure, **VOTE)
        with tune.load(path, entries, accept=lambda one: not one.abstained) as tuned:
            found = tuned(text="x")
            assert (found.entry, found.accepted, found.cost) == ("sure", True, None)
        with tune.load(path, entries, accept=lambda one: False) as tuned:
            found = tuned(text="x")
            assert (found.entry, found.accepted) == ("sure", False)


def test_where_every_entry_fails_the_last_error_tells_of_the_others(
    tmp_path: Path,
) -> None:
    with Server(
        models={"small": Model(0.1, 0.4)},
        plan=fail_every(1, Fault("status", status=503)),
    ) as down:
        entries = [
            {"name": name, "model": "small", "base_url": down.base_url} for name in "ab"
        ]
        tuned = tune.load(export(tmp_path, down), entries, attempts=1)
        with tuned, pytest.raises(ProviderError) as caught:
            tuned(text="x")
    assert caught.value.__notes__[0].startswith("before that:")


def test_a_model_that_is_gone_is_bad_input(server: Server, tmp_path: Path) -> None:
    entry = {"model": "gone-1", "base_url": server.base_url}
    tuned = tune.load(export(tmp_path, server), [entry])
    with tuned, pytest.raises(InputError, match=r"gone-1.*cannot be called") as caught:
        tuned(text="x")
    assert "\n" not in str(caught.value)


def test_a_policy_asks_in_rounds_and_may_stop_or_ask_another_entry(
    tmp_path: Path,
) -> None:
    def until_two_agree(rounds: Any) -> DrawOrder | None:
        seen: list[Round] = list(rounds)
        answers = [draw.answer for one in seen for draw in one.draws]
        if len(answers) == 3:
            return None
        if len(answers) == 2:
            return None if answers[0] == answers[1] else DrawOrder(1, later=1)
        return DrawOrder(1)

    def says(*words: str) -> Any:
        said = itertools.cycle(words)
        return lambda *_: next(said)

    for words, asked in ((["praise"], (2, 0)), (["praise", "refund"], (2, 1))):
        with serve(says(*words)) as small, serve(says("refund")) as large:
            path = export(tmp_path, small, n=3, aggregate="vote", temperature=1.0)
            entries = [
                {"name": name, "model": "small", "base_url": each.base_url}
                for name, each in (("small", small), ("large", large))
            ]
            with Tuned(
                tune.load(path, entries)._callers, policy=until_two_agree
            ) as tuned:
                answer = tuned(text="x")
            assert (len(small.posts), len(large.posts)) == asked
            assert (answer.answer, len(answer.draws)) == (words[-1], sum(asked))


def test_many_threads_ask_at_once(server: Server, tmp_path: Path) -> None:
    with (
        tune.load(export(tmp_path, server)) as tuned,
        ThreadPoolExecutor(8) as threads,
    ):
        texts = [row["text"] for row in ROWS]
        found = list(threads.map(lambda text: tuned(text=text).answer, texts))
        assert found == [
            one.answer for one in tuned.batch([{"text": t} for t in texts])
        ]
        assert repr(tuned) == "<Tuned: small with prompt 'short', n 1 by 'first'>"
        assert tuned.configs[0].model == "small"


TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]


def calling(arguments: str, number: int) -> dict[str, Any]:
    function = {"name": "weather", "arguments": arguments}
    call = {"id": f"call_{number}", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {"index": number, "message": message, "finish_reason": "tool_calls"}


def test_calls_of_tools_go_through_and_are_voted_on(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    numbers = itertools.count()
    arguments = ['{"city":"Rome"}', '{"city": "Bern"}', '{ "city":"Bern"}']

    async def send(_self: Any, _path: str, body: Any) -> RawReply:
        sent.append(body)
        drawn = [next(numbers) for _ in range(body.get("n", 1))]
        choices = [calling(arguments[number % 3], number) for number in drawn]
        usage = {"prompt_tokens": 9, "completion_tokens": 10 * len(drawn)}
        reply = {"model": "small", "choices": choices, "usage": usage}
        return RawReply(200, {}, json.dumps(reply).encode())

    monkeypatch.setattr("tune.providers.openai.transport.Transport.send", send)
    path = export(tmp_path, server, n=3, aggregate="vote", temperature=1.0)
    # The store keeps no calls, so a cache asks anew.
    for cache, called in ((False, "call_1"), (True, "call_4")):
        turns = [{"role": "user", "name": "Ann", "content": "weather?"}]
        with tune.load(path, cache=cache) as tuned:
            answer = tuned(messages=turns, tools=TOOLS, tool_choice="auto")
        assert answer.agreement == pytest.approx(2 / 3)
        assert [one["id"] for one in answer.tool_calls] == [called]
        assert not answer.abstained
        assert sent[-1]["messages"] == turns
        assert (sent[-1]["tools"], sent[-1]["tool_choice"]) == (TOOLS, "auto")
        assert sent[-1]["temperature"] == 1.0


def test_a_row_that_does_not_fit_is_told_before_the_others_are_paid_for(
    server: Server, tmp_path: Path
) -> None:
    rows: Any = [{"text": "late"}, {"txt": "late"}]
    with tune.load(export(tmp_path, server)) as tuned:
        with pytest.raises(InputError, match="needs the inputs"):
            tuned.batch(rows)
        assert server.requests == []
        answer, error = tuned.batch(rows, return_exceptions=True)
        assert isinstance(error, InputError)
        assert not isinstance(answer, TuneError)
        with pytest.raises(InputError, match="rows are a list"):
            tuned.batch(None)  # type: ignore[call-overload]


def test_a_check_that_raises_is_bad_input_and_fails_its_row_alone(
    server: Server, tmp_path: Path
) -> None:
    seen: list[Any] = []

    def moody(answer: Any) -> bool:
        seen.append(answer)
        if len(seen) == 1:
            raise ZeroDivisionError("no")
        return True

    with tune.load(export(tmp_path, server), accept=moody) as tuned:
        with pytest.raises(InputError, match="`accept` raised"):
            tuned(text="late")
        seen.clear()
        found = tuned.batch([{"text": "a"}, {"text": "b"}], return_exceptions=True)
    assert sum(isinstance(one, TuneError) for one in found) == 1
