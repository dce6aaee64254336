"""A program that asks once gets the voted answer of several, and pays for all of them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest

from benchmarks.agents.endpoint import Log, minority_first
from tune.export.bundled.voting import (
    AsyncVotingHttp,
    VotingHttp,
    added,
    answer_of,
    rounds,
    voted,
)

MESSAGES: list[Any] = [{"role": "user", "content": "Ticket: charged twice"}]


@pytest.fixture(params=[True, False], ids=["with n", "without n"])
def service(request: pytest.FixtureRequest) -> Iterator[tuple[str, Log]]:
    with minority_first(takes_n=request.param) as found:
        yield found


@contextmanager
def client(url: str, n: int, **options: Any) -> Iterator[openai.OpenAI]:
    http = VotingHttp(n, str.strip, **options)
    with openai.OpenAI(
        base_url=url, api_key="k", http_client=http, max_retries=0
    ) as asking:
        yield asking


def drawn(log: Log) -> int:
    """Return the number of answers that came."""
    return sum(log.answered.values())


def test_the_voted_answer_is_the_only_choice(service: tuple[str, Log]) -> None:
    url, log = service
    with client(url, 5) as asking:
        said = asking.chat.completions.create(model="m", messages=MESSAGES)
    assert [choice.message.content for choice in said.choices] == ["Label: billing"]
    assert drawn(log) == 5
    assert said.usage is not None
    assert said.usage.completion_tokens == log.completion_tokens
    assert said.model_extra is not None
    assert said.model_extra["tuned"] == {"draws": 5, "agreement": 0.8}


def test_it_is_the_same_in_an_event_loop(service: tuple[str, Log]) -> None:
    url, log = service

    async def ask() -> Any:
        http = AsyncVotingHttp(5, str.strip)
        async with openai.AsyncOpenAI(
            base_url=url, api_key="k", http_client=http
        ) as asking:
            return await asking.chat.completions.create(model="m", messages=MESSAGES)

    assert asyncio.run(ask()).choices[0].message.content == "Label: billing"
    assert drawn(log) == 5


def test_a_stream_is_the_voted_answer(service: tuple[str, Log]) -> None:
    url, log = service
    with client(url, 5) as asking:
        stream = asking.chat.completions.create(
            model="m", messages=MESSAGES, stream=True
        )
        chunks = list(stream)
    texts = [one.delta.content or "" for chunk in chunks for one in chunk.choices]
    assert "".join(texts) == "Label: billing"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == log.completion_tokens
    assert not any(body.get("stream") for body in log.bodies)


def test_one_answer_is_asked_for_as_it_is_with_the_settings() -> None:
    with (
        minority_first() as (url, log),
        client(url, 1, settings={"top_k": 4}) as asking,
    ):
        said = asking.chat.completions.create(model="m", messages=MESSAGES)
        assert said.choices[0].message.content == "Label: shipping"
        assert (log.bodies[0]["top_k"], "n" in log.bodies[0]) == (4, False)


def test_an_error_is_the_packages_own() -> None:
    with minority_first(takes_n=False) as (url, _), client(url, 5) as asking:
        with pytest.raises(openai.BadRequestError):
            asking.chat.completions.create(model="m", messages=[])
        with pytest.raises(openai.BadRequestError):
            asking.embeddings.create(
                model="m", input="other requests are sent as they are"
            )


def choice(text: str | None, *calls: tuple[str, str]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {"function": {"name": name, "arguments": arguments}}
            for name, arguments in calls
        ]
    return {"message": message, "finish_reason": "stop"}


def test_calls_of_tools_vote_by_name_and_arguments() -> None:
    one, other = ("look", '{"a": 1, "b": 2}'), ("look", '{"b":2,"a":1}')
    choices = [choice("I look", ("look", "{}")), choice(None, one), choice("", other)]
    found = voted([{"choices": choices}], str.strip)
    assert found["choices"] == [{**choices[1], "index": 0}]
    assert answer_of(choice(None, ("look", "no JSON")), str.strip) is not None


def test_texts_without_an_answer_vote_as_a_whole_and_it_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    choices = [choice("x"), choice("y"), choice("y")]
    with caplog.at_level(logging.WARNING, logger="tune"):
        found = voted([{"choices": choices}], lambda _: None)
    assert found["choices"][0]["message"]["content"] == "y"
    assert found["tuned"]["agreement"] == 0.0
    assert "none of 3 answers holds what the answer rule looks for" in caplog.text


def test_the_text_is_that_of_the_first_draw_with_the_answer() -> None:
    choices = [choice("b"), choice("it is a"), choice("a, yes")]
    found = voted([{"choices": choices}], lambda text: "a" if "a" in text else "b")
    assert found["choices"][0]["message"]["content"] == "it is a"


def test_an_aggregate_of_the_user_chooses() -> None:
    choices = [choice("b"), choice("b"), choice("a")]
    found = voted([{"choices": choices}], str.strip, aggregate=min)  # type: ignore[arg-type]
    assert found["choices"][0]["message"]["content"] == "a"


@pytest.mark.parametrize("at_once", [1, 2, 4, 9])
def test_as_many_answers_come_as_are_wanted_however_many_come_at_once(
    at_once: int,
) -> None:
    asking = rounds(7)
    calls, number = next(asking), 0
    while True:
        came: list[dict[str, Any] | None] = []
        for n in calls:
            got = min(n, at_once)
            came.append({"choices": list(range(number, number + got))})
            number += got
        try:
            calls = asking.send(came)
        except StopIteration as end:
            counted = Counter(each for body in end.value for each in body["choices"])
            assert set(counted.values()) == {1}
            assert len(counted) == 7
            break


def test_usages_are_added_part_by_part() -> None:
    one = {"prompt_tokens": 2, "details": {"cached": 1}, "tier": "default"}
    other = {
        "prompt_tokens": 3,
        "details": {"cached": None, "audio": 4},
        "tier": "flex",
    }
    assert json.loads(json.dumps(added(one, other))) == {
        "prompt_tokens": 5,
        "details": {"cached": 1, "audio": 4},
        "tier": "default",
    }


@pytest.mark.parametrize("reason", ["content_filter", "SAFETY", "sensitive", "error"])
def test_what_was_withheld_or_broke_off_does_not_vote(reason: str) -> None:
    withheld = {**choice("b"), "finish_reason": reason}
    found = voted([{"choices": [withheld, withheld, choice("a")]}], str.strip)
    assert found["choices"][0]["message"]["content"] == "a"
    assert found["tuned"]["agreement"] == pytest.approx(1 / 3)
    # Where all were withheld, the program sees that of the first one.
    found = voted([{"choices": [withheld]}], str.strip)
    assert found["choices"][0]["finish_reason"] == reason


def test_an_answer_that_an_aggregate_makes_up_is_handed_back() -> None:
    choices = [choice("1"), choice("3")]
    found = voted([{"choices": choices}], str.strip, aggregate=lambda _: "2")
    assert found["choices"][0]["message"]["content"] == "2"
    assert found["tuned"]["agreement"] == 0.0
    texts = [{"text": "1", "finish_reason": "stop"}]
    found = voted([{"choices": texts}], str.strip, aggregate=lambda _: "2")
    assert found["choices"][0]["text"] == "2"
