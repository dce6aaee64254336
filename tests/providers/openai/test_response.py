"""What a service returns becomes completions: texts, endings, and counts that are never too low to
charge.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.completion import Message, Request, Structured
from tune.errors import TransientError, Unreadable
from tune.providers.openai.response import ParsedResponse, parse_response

REQUEST = Request("s", "m", (Message("user", "hi"),), 50)


def choice(text: str, finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    return {"finish_reason": finish, "message": {"content": text, **message}}


def usage(prompt: object, completion: object, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, **more}


def read(
    body: object, *, asked: int = 1, reasons: bool = False, request: Request = REQUEST
) -> ParsedResponse:
    return parse_response(
        body,
        request,
        asked,
        prompt_bound=99,
        seconds=1.5,
        reasons=reasons,
        who="model 'm' at h",
    )


def counts(answer: ParsedResponse) -> list[int]:
    return [draw.completion_tokens for draw in answer.draws]


def test_one_choice_becomes_one_draw() -> None:
    details = {
        "completion_tokens_details": {"reasoning_tokens": 5},
        "prompt_tokens_details": {"cached_tokens": 3},
    }
    body = {
        "choices": [choice("hello you")],
        "usage": usage(7, 8, **details),
        "model": "m-1",
        "service_tier": "flex",
    }
    answer = read(body)
    (draw,) = answer.draws
    assert (draw.text, draw.finish_reason, draw.model, draw.tier) == (
        "hello you",
        "stop",
        "m-1",
        "flex",
    )
    assert (
        draw.prompt_tokens,
        draw.completion_tokens,
        draw.reasoning_tokens,
        draw.cached_tokens,
    ) == (7, 8, 5, 3)
    assert (draw.seconds, draw.token_ends) == (1.5, None)
    assert not answer.estimated


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("max_tokens", "length"),
        ("SAFETY", "content_filter"),
        # HKUDS/Vibe-Trading#308: Google's names, as its compatible endpoint hands them on
        ("PROHIBITED_CONTENT", "content_filter"),
        ("RECITATION", "content_filter"),
        ("content_filter: RECITATION", "content_filter"),
        ("MAX_TOKENS", "length"),
        # promptfoo/promptfoo#9905, Zhipu
        ("sensitive", "content_filter"),
        ("model_context_window_exceeded", "length"),
        ("model_length", "length"),  # docs.mistral.ai
        ("eos_token", "stop"),  # spring-projects/spring-ai#4900
        ("tool_calls", "stop"),
        (None, "stop"),
    ],
)
def test_every_ending_is_one_of_three(given: str | None, kept: str) -> None:
    assert (
        read({"choices": [choice("a", given)], "usage": usage(1, 1)})
        .draws[0]
        .finish_reason
        == kept
    )


@pytest.mark.parametrize("choices", [None, []])
@pytest.mark.parametrize("asked", [1, 3])
def test_a_prompt_that_was_read_and_not_answered_has_empty_answers(
    choices: object, asked: int
) -> None:
    """michelle-avery/custom-conversation#24, Gemini: what was thought may be billed."""
    body = {
        "id": None,
        "choices": choices,
        "usage": {
            "completion_tokens": 0,
            "prompt_tokens": 1396,
            "total_tokens": 1396,
        },
    }
    answer = read(body, asked=asked)
    assert [draw.text for draw in answer.draws] == [""] * asked
    assert {draw.finish_reason for draw in answer.draws} == {"length"}
    assert answer.draws[0].prompt_tokens == 1396
    assert [draw.completion_tokens for draw in answer.draws] == [50] * asked
    assert answer.estimated


@pytest.mark.parametrize(
    "body", [{"choices": []}, {"choices": [], "usage": usage(7, 3)}]
)
def test_an_answer_that_was_written_and_is_not_there_cannot_be_read(body: Any) -> None:
    with pytest.raises(Unreadable, match="no choices"):
        read(body)


def test_a_choice_without_a_message_is_empty() -> None:
    """agentgateway/agentgateway#1464: Gemini leaves out the message and its count."""
    body = {
        "choices": [{"finish_reason": "length", "index": 0}],
        "usage": {"prompt_tokens": 9, "total_tokens": 40},
    }
    (draw,) = read(body).draws
    assert (draw.text, draw.finish_reason, draw.completion_tokens) == ("", "length", 31)


@pytest.mark.parametrize(
    "given",
    # OpenRouter, Zhipu (promptfoo/promptfoo#9905), DeepSeek (api-docs.deepseek.com)
    ["error", "network_error", "insufficient_system_resource"],
)
def test_an_answer_that_the_service_broke_off_is_no_answer(given: str) -> None:
    with pytest.raises(TransientError, match="broke off") as caught:
        read({"choices": [choice("a", given)], "usage": usage(1, 1)})
    assert caught.value.charged


def test_a_text_is_found_wherever_a_service_puts_it() -> None:
    parts = [
        {"type": "thinking", "thinking": []},
        {"type": "text", "text": "a"},
        {"text": "b"},
    ]
    for one, text in [
        (choice("x"), "x"),
        ({"text": "y"}, "y"),
        (choice(parts), "ab"),  # type: ignore[arg-type]
        (choice(None, refusal="I cannot"), "I cannot"),  # type: ignore[arg-type]
        (choice(None), ""),  # type: ignore[arg-type]
        ({}, ""),
    ]:
        assert read({"choices": [one], "usage": usage(1, 1)}).draws[0].text == text


def test_a_stop_string_that_was_returned_is_cut_off() -> None:
    request = Request("s", "m", "p", 50, stop=("\n", "END"))
    body = {"choices": [choice("one END two\n")], "usage": usage(1, 4)}
    assert read(body, request=request).draws[0].text == "one "


def test_choices_come_in_the_order_of_their_index() -> None:
    body = {
        "choices": [{"index": 1, "text": "b"}, {"index": 0, "text": "a"}],
        "usage": usage(1, 2),
    }
    assert [draw.text for draw in read(body, asked=2).draws] == ["a", "b"]


def test_fewer_choices_are_kept_and_more_are_cut() -> None:
    three = {"choices": [choice("a"), choice("b"), choice("c")], "usage": usage(1, 3)}
    assert len(read(three, asked=5).draws) == 3
    two = read(three, asked=2)
    assert len(two.draws) == 2
    assert sum(counts(two)) == 3, "what was billed is kept in full"


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"choices": None},
        {"choices": []},
        {"choices": "abc"},
        {"choices": [None]},
        {"choices": [choice("half", "error")]},
        {"choices": [choice("whole"), choice("half", "error")]},
        {"choices": [choice("half", "error"), choice("whole"), choice("whole")]},
    ],
)
def test_an_answer_without_choices_may_have_been_charged(body: object) -> None:
    with pytest.raises(TransientError, match="model 'm' at h") as caught:
        read(body)
    assert caught.value.charged


# Counts


def test_the_tokens_of_a_call_are_shared_by_length_and_add_up() -> None:
    body = {
        "choices": [choice("a" * 9), choice("b" * 19), choice("c" * 29)],
        "usage": usage(5, 13),
    }
    answer = read(body, asked=3)
    assert counts(answer) == [2, 4, 7]
    assert [draw.prompt_tokens for draw in answer.draws] == [5, 5, 5]


def test_a_share_is_never_above_the_cap_where_that_is_possible() -> None:
    body = {
        "choices": [choice("word " * 40, "length"), choice("x")],
        "usage": usage(5, 52),
    }
    assert counts(read(body, asked=2)) == [50, 2]


def test_a_bill_above_the_cap_is_kept_in_full() -> None:
    assert counts(read({"choices": [choice("x")], "usage": usage(5, 1000)})) == [1000]
    body = {"choices": [choice("x"), choice("x")], "usage": usage(5, 1000)}
    assert sum(counts(read(body, asked=2))) == 1000


def test_hidden_reasoning_is_shared_too() -> None:
    details = {"completion_tokens_details": {"reasoning_tokens": 30}}
    answer = read(
        {"choices": [choice("ab"), choice("cd")], "usage": usage(5, 34, **details)},
        asked=2,
    )
    assert [(d.completion_tokens, d.reasoning_tokens) for d in answer.draws] == [
        (17, 15),
        (17, 15),
    ]


def test_shown_reasoning_weighs_as_much_as_the_text() -> None:
    body = {
        "choices": [choice("a", reasoning_content="b" * 18), choice("c" * 9)],
        "usage": usage(5, 30),
    }
    assert counts(read(body, asked=2)) == [20, 10]


@given(
    st.lists(st.text(alphabet="ab é", max_size=30), min_size=1, max_size=9),
    st.integers(0, 800),
    st.integers(0, 300),
)
def test_shares_always_add_up(texts: list[str], spare: int, hidden: int) -> None:
    least = sum(len(text.split()) for text in texts)
    total = least + spare
    details = {"completion_tokens_details": {"reasoning_tokens": min(hidden, spare)}}
    body = {
        "choices": [choice(text) for text in texts],
        "usage": usage(5, total, **details),
    }
    answer = read(body, asked=len(texts))
    assert sum(counts(answer)) == total
    assert sum(draw.reasoning_tokens for draw in answer.draws) == min(hidden, spare)
    assert all(
        0 <= draw.reasoning_tokens <= draw.completion_tokens for draw in answer.draws
    )
    if total <= REQUEST.max_tokens * len(texts):
        assert max(counts(answer)) <= REQUEST.max_tokens


ABSURD = [
    None,
    {},
    [],
    "many",
    usage(-1, -5),
    usage("7", "4"),
    usage(10**18, 10**18),
    usage(1.5, 2.5),
    usage(True, True),
]


@pytest.mark.parametrize("given", ABSURD, ids=str)
def test_without_believable_usage_upper_bounds_stand_in(given: object) -> None:
    answer = read({"choices": [choice("née")], "usage": given})
    assert answer.estimated
    assert (answer.draws[0].prompt_tokens, counts(answer)) == (99, [5])


def test_the_bound_of_an_answer_is_its_cap() -> None:
    assert counts(read({"choices": [choice("x" * 80)]})) == [50]


def test_a_model_that_hides_its_thoughts_may_have_used_the_whole_cap() -> None:
    assert counts(read({"choices": [choice("x")]}, reasons=True)) == [50]


def test_one_missing_count_is_replaced_alone() -> None:
    answer = read({"choices": [choice("abc")], "usage": {"completion_tokens": 2}})
    assert (answer.draws[0].prompt_tokens, counts(answer), answer.estimated) == (
        99,
        [2],
        True,
    )
    answer = read({"choices": [choice("abc")], "usage": {"prompt_tokens": 2}})
    assert (answer.draws[0].prompt_tokens, counts(answer), answer.estimated) == (
        2,
        [4],
        True,
    )


def test_no_tokens_for_some_text_are_not_believed() -> None:
    assert counts(read({"choices": [choice("abc")], "usage": usage(3, 0)})) == [4]
    assert counts(read({"choices": [choice("")], "usage": usage(3, 0)})) == [0]


def test_usage_of_the_first_choice_alone_is_seen_and_charged_from_above() -> None:
    body = {
        "choices": [choice("a b c"), choice("d e f"), choice("g")],
        "usage": usage(4, 3),
    }
    answer = read(body, asked=3)
    assert (answer.first_only, answer.estimated) == (True, True)
    assert counts(answer) == [3, 6, 2]


def test_llama_cpp_gives_itself_away_by_its_timings() -> None:
    body = {
        "choices": [choice("abc"), choice("def")],
        "usage": usage(4, 2),
        "timings": {"predicted_n": 2},
    }
    answer = read(body, asked=2)
    assert (answer.first_only, counts(answer)) == (True, [2, 4])
    assert not read({**body, "choices": [choice("abc")]}).first_only, (
        "one choice is counted right"
    )


def test_a_count_that_the_first_text_had_alone_is_that_of_the_first_text() -> None:
    body = {"choices": [choice("billing"), choice("bug")], "usage": usage(4, 2)}
    for alone, first_only, total in [
        ({"billing": 2}, True, 2 + 4),
        ({"billing": 1}, False, 2),
        ({}, False, 2),
    ]:
        answer = parse_response(
            body,
            REQUEST,
            2,
            prompt_bound=99,
            seconds=1.5,
            reasons=False,
            who="m",
            alone=alone,
        )
        assert (answer.first_only, sum(counts(answer))) == (first_only, total)
    empty = {**body, "choices": [choice("billing"), choice("")]}
    answer = parse_response(
        empty,
        REQUEST,
        2,
        prompt_bound=99,
        seconds=1.5,
        reasons=False,
        who="m",
        alone={"billing": 2},
    )
    assert not answer.first_only, "nothing was left to count"


# Token boundaries


def test_token_boundaries_are_kept_where_log_probabilities_were_asked_for() -> None:
    logprobs = {"content": [{"token": "He"}, {"token": "llo"}, {"token": " you"}]}
    one = choice("Hello you") | {"logprobs": logprobs}
    assert read({"choices": [one], "usage": usage(1, 3)}).draws[0].token_ends == (
        2,
        5,
        9,
    )
    older = {"text": "Hello", "logprobs": {"tokens": ["Hel", "lo"]}}
    assert read({"choices": [older], "usage": usage(1, 2)}).draws[0].token_ends == (
        3,
        5,
    )


@pytest.mark.parametrize(
    "logprobs",
    [{}, {"content": []}, {"content": [{"token": "else"}]}, {"tokens": [1]}, 7],
)
def test_boundaries_that_do_not_make_up_the_text_are_dropped(logprobs: object) -> None:
    one = choice("Hello") | {"logprobs": logprobs}
    assert read({"choices": [one], "usage": usage(1, 3)}).draws[0].token_ends is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 60) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "message",
                    "content",
                    "text",
                    "usage",
                    "completion_tokens",
                    "index",
                    "logprobs",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(
    st.fixed_dictionaries(
        {"choices": st.lists(JSON, max_size=3), "usage": JSON, "timings": JSON}
    )
)
def test_no_body_however_strange_breaks_the_reading(body: dict[str, Any]) -> None:
    with suppress(TransientError):
        answer = read(body, asked=3)
        assert 1 <= len(answer.draws) <= 3
        assert all(
            draw.completion_tokens >= 0 and draw.prompt_tokens >= 1
            for draw in answer.draws
        )


def test_log_probabilities_are_kept_where_every_token_has_one() -> None:
    content = [
        {"token": "Hello", "logprob": -0.12345678},
        {"token": " you", "logprob": 0.00001},
        {"token": ".", "logprob": -3},
    ]
    one = choice("Hello you.") | {"logprobs": {"content": content}}
    stopped = Request("s", "m", (Message("user", "hi"),), 50, stop=(".",))
    for request, expected in (
        (REQUEST, (-0.1235, 0.0, -3.0)),
        (stopped, (-0.1235, 0.0)),
    ):
        (draw,) = read({"choices": [one], "usage": usage(1, 3)}, request=request).draws
        assert draw.logprobs == expected
    older = {
        "text": "Hello",
        "logprobs": {"tokens": ["Hel", "lo"], "token_logprobs": [-1.0, -2.0]},
    }
    (draw,) = read({"choices": [older], "usage": usage(1, 2)}).draws
    assert draw.logprobs == (-1.0, -2.0)


@pytest.mark.parametrize("value", [None, "x", True, float("nan"), float("-inf"), 1.0])
def test_a_log_probability_that_is_none_spoils_all_of_them(value: object) -> None:
    content = [{"token": "He", "logprob": -1.0}, {"token": "llo", "logprob": value}]
    one = choice("Hello") | {"logprobs": {"content": content}}
    (draw,) = read({"choices": [one], "usage": usage(1, 2)}).draws
    assert draw.logprobs is None
    assert draw.token_ends == (2, 5)


def test_a_call_of_the_configurations_own_tools_is_its_answer() -> None:
    def call(identity: str, arguments: str) -> dict[str, Any]:
        function = {"name": "label", "arguments": arguments}
        return {"id": identity, "type": "function", "function": function}

    body = {
        "choices": [
            choice("", "tool_calls", tool_calls=[call("1", '{"as": "refund"}')]),
            choice("", "tool_calls", tool_calls=[call("2", '{ "as":"refund" }')]),
        ],
        "usage": usage(5, 20),
    }
    tools = Structured.of([{"type": "function", "function": {"name": "label"}}])
    own = Request("s", "m", (Message("user", "hi"),), 50, settings=(("tools", tools),))
    texts = [draw.text for draw in read(body, asked=2, request=own).draws]
    assert texts == ['[{"arguments": {"as": "refund"}, "name": "label"}]'] * 2
    # The tools of a caller, which a runtime passes on, stay calls.
    (draw, _) = read(body, asked=2).draws
    assert draw.text == ""
    assert draw.tool_calls
