"""The replies of the fake server: refusals, failures, and answers that a fault has changed."""

from __future__ import annotations

import gzip
import json
from typing import Any, get_args

import pytest

from tune.fakes.answers import make_answer
from tune.fakes.faults import Fault, Kind, Model
from tune.fakes.replies import Reply, error_reply, make_reply, refuse

CHAT = {"model": "small", "messages": [{"role": "user", "content": "one two"}]}


def reply(fault: Fault | None = None, **changes: Any) -> Reply:
    """Reply to a chat of two words with this fault."""
    answer = make_answer(
        lambda *_: "a b c", CHAT | changes, Model(), fault, chat=True, seed=0, key="key"
    )
    return make_reply(answer, fault)


def decoded(sent: Reply) -> Any:
    return json.loads(sent.raw)


def test_an_answer_without_a_fault_is_sent_whole() -> None:
    sent = reply()
    assert (sent.status, sent.fault) == (200, None)
    assert decoded(sent)["choices"][0]["message"]["content"] == "a b c"


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_fault_has_a_reply_that_carries_it(kind: Kind) -> None:
    sent = reply(Fault(kind, usage={}))
    # The 400 of a filter or of a small context is an ordinary refusal.
    if kind not in ("refused_content", "too_long"):
        assert sent.fault is not None
        assert sent.fault.kind == kind


def test_a_status_carries_its_message_and_headers() -> None:
    fault = Fault(
        "status", status=429, message="slow down", retry_after="7", headers={"x": "y"}
    )
    sent = reply(fault)
    assert sent.status == 429
    assert dict(sent.headers) == {"retry-after": "7", "x": "y"}
    assert decoded(sent)["error"]["message"] == "slow down"


def test_the_400_of_a_filter_has_the_inner_error_of_azure() -> None:
    sent = reply(Fault("refused_content"))
    assert sent.status == 400
    inner = decoded(sent)["error"]["innererror"]
    assert inner == {"code": "ResponsibleAIPolicyViolation"}


def test_an_error_in_a_200_has_the_planned_status_as_its_code() -> None:
    sent = reply(Fault("error_in_200", status=502, message="host down"))
    assert sent.status == 200
    assert decoded(sent) == {"error": {"message": "host down", "code": 502}}


def test_a_redirect_leads_to_another_host() -> None:
    sent = reply(Fault("redirect"))
    assert (sent.status, list(sent.headers)) == (307, ["location"])


@pytest.mark.parametrize("kind", ["garbage", "truncated", "stream"])
def test_an_unreadable_answer_is_no_json(kind: Kind) -> None:
    sent = reply(Fault(kind))
    assert sent.status == 200
    with pytest.raises(json.JSONDecodeError):
        decoded(sent)


def test_a_deep_answer_is_deeper_than_pythons_stack() -> None:
    with pytest.raises(RecursionError):
        decoded(reply(Fault("deep")))


def test_a_bomb_is_small_when_packed_and_large_when_unpacked() -> None:
    sent = reply(Fault("bomb"))
    assert sent.headers["content-encoding"] == "gzip"
    assert len(sent.raw) < 100_000
    assert len(gzip.decompress(sent.raw)) > 2**26


def test_an_answer_packed_twice_says_so() -> None:
    sent = reply(Fault("twice"))
    assert sent.headers["content-encoding"] == "gzip, gzip"
    assert gzip.decompress(sent.raw)[:2] == b"\x1f\x8b"


def test_usage_is_left_out_replaced_or_of_the_first_choice() -> None:
    assert "usage" not in decoded(reply(Fault("no_usage")))
    assert decoded(reply(Fault("usage", usage={"x": 1})))["usage"] == {"x": 1}
    first = decoded(reply(Fault("first_usage"), n=2))["usage"]
    assert first["completion_tokens"] == 3


def test_choices_are_left_out_and_models_renamed() -> None:
    assert decoded(reply(Fault("no_choices")))["choices"] == []
    assert decoded(reply(Fault("other_model")))["model"] == "small-of-another-day"


def test_an_echo_repeats_the_message_in_every_text() -> None:
    record = decoded(reply(Fault("echo", message="<b>")))
    (choice,) = record["choices"]
    assert record["model"] == "small<b>"
    assert choice["finish_reason"] == "<b>"
    assert choice["message"]["content"] == "a b c<b>"


def test_an_echo_works_for_plain_prompts() -> None:
    fault = Fault("echo", message="<b>")
    body = {"model": "small", "prompt": "one"}
    answer = make_answer(
        lambda *_: "a", body, Model(), fault, chat=False, seed=0, key="key"
    )
    assert decoded(make_reply(answer, fault))["choices"][0]["text"] == "a<b>"


def test_a_refused_parameter_is_named_with_the_one_to_use_instead() -> None:
    model = Model(refuses=frozenset({"max_tokens", "n"}))
    refused = refuse(CHAT | {"max_tokens": 3}, model)
    assert refused is not None
    error = decoded(refused)["error"]
    assert (error["param"], error["code"]) == ("max_tokens", "unsupported_parameter")
    assert "max_completion_tokens" in error["message"]
    assert refuse(CHAT | {"n": 1}, model) is None
    assert refuse(CHAT | {"n": 2}, model) is not None
    assert refuse(CHAT, model) is None


def test_more_answers_than_a_model_gives_are_refused_in_its_words() -> None:
    plain = refuse(CHAT | {"n": 5}, Model(most_n=4))
    assert plain is not None
    assert decoded(plain)["error"]["message"] == "n must be at most 4"
    worded = refuse(CHAT | {"n": 5}, Model(most_n=4, most_n_words="too many"))
    assert worded is not None
    assert decoded(worded)["error"]["message"] == "too many"


def test_a_request_longer_than_the_context_is_refused() -> None:
    assert refuse(CHAT | {"max_tokens": 12}, Model(context=20)) is None
    refused = refuse(CHAT | {"max_tokens": 13}, Model(context=20))
    assert refused is not None
    error = decoded(refused)["error"]
    assert error["code"] == "context_length_exceeded"
    assert "20 tokens" in error["message"]
    assert "21 tokens" in error["message"]


def test_an_error_has_the_form_of_openais_api() -> None:
    assert decoded(error_reply(404, "gone", "c", "p")) == {
        "error": {
            "message": "gone",
            "type": "invalid_request_error",
            "param": "p",
            "code": "c",
        }
    }
