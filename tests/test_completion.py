"""Requests: the key is the request's identity in the store, for ever; so its canonical form may
never drift.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tune.completion import Completion, Message, Request, Setting, read_ending

BASE = Request("api.openai.com/v1", "gpt-4.1-nano", (Message("user", "Hello"),), 256)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.one_of(
    texts,
    st.booleans(),
    st.integers(-9, 9),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)
prompts = st.one_of(
    texts, st.lists(st.builds(Message, texts, texts), max_size=3).map(tuple)
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    return Request(
        service=draw(texts),
        model=draw(texts),
        prompt=draw(prompts),
        max_tokens=draw(st.integers(1, 4096)),
        stop=tuple(draw(st.lists(texts, max_size=2))),
        settings=tuple(
            sorted(draw(st.dictionaries(texts, values, max_size=3)).items())
        ),
    )


def same(one: Any, other: Any) -> bool:
    """Equality in which 1 and 1.0 are one setting, and True is another."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


# --- the key


def test_the_canonical_form_is_what_stored_draws_were_bought_under() -> None:
    assert BASE.canonical == (
        '{"max_tokens":256,"messages":[["user","Hello"]],"model":"gpt-4.1-nano","service":"api.openai.com/v1"}'
    )
    whole = Request(
        "s", "m", "Once “upon”", 9, ("\n", "##"), (("temperature", 0.7), ("top_p", 1.0))
    )
    assert whole.canonical == (
        '{"max_tokens":9,"model":"m","service":"s","settings":{"temperature":0.7,"top_p":1},'
        '"stop":["\\n","##"],"text":"Once “upon”"}'
    )
    assert whole.key == hashlib.sha256(whole.canonical.encode()).digest()
    assert (
        BASE.key.hex()
        == "293bf5d2cbc8b324e5d5115fec8b4fe8dc231144f8d8dfdfed83fc115c85c1c7"
    )


@given(requests())
def test_equal_requests_have_equal_keys(request: Request) -> None:
    again = dataclasses.replace(request)
    assert again == request
    assert again.key == request.key
    assert len(request.key) == 32
    assert json.loads(request.canonical)["max_tokens"] == request.max_tokens


@given(
    requests(),
    requests(),
    st.sampled_from([f.name for f in dataclasses.fields(Request) if f.init]),
)
def test_any_changed_field_changes_the_key(
    request: Request, other: Request, name: str
) -> None:
    new = getattr(other, name)
    changed = dataclasses.replace(request, **{name: new})
    if name == "settings":
        mine, theirs = dict(request.settings), dict(other.settings)
        assume(
            mine.keys() != theirs.keys()
            or not all(same(mine[k], theirs[k]) for k in mine)
        )
    else:
        assume(new != getattr(request, name))
    assert changed.key != request.key


@given(requests(), requests())
def test_requests_that_differ_have_keys_that_differ(
    one: Request, other: Request
) -> None:
    assert (one.canonical == other.canonical) == (one.key == other.key)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (0, 0.0), (0, -0.0), (2.0, 2)],
    ids=["one", "zero", "minus zero", "two"],
)
def test_a_whole_number_is_the_same_setting_with_and_without_a_point(
    one: Setting, other: Setting
) -> None:
    first, second = (
        dataclasses.replace(BASE, settings=(("temperature", value),))
        for value in (one, other)
    )
    assert first.key == second.key


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0, False), (1, "1"), (0.5, "0.5"), (1, 1.05), ("a", "A")],
)
def test_settings_of_other_kinds_are_other_settings(
    one: Setting, other: Setting
) -> None:
    first, second = (
        dataclasses.replace(BASE, settings=(("x", value),)) for value in (one, other)
    )
    assert first.key != second.key


def test_the_order_of_settings_is_no_part_of_the_key_and_that_of_stops_and_messages_is() -> (
    None
):
    turns = (Message("system", "a"), Message("user", "b"))
    settings = (("temperature", 0.5), ("top_p", 0.9))
    request = Request("s", "m", turns, 9, ("x", "y"), settings)
    assert dataclasses.replace(request, settings=settings[::-1]).key == request.key
    assert dataclasses.replace(request, stop=("y", "x")).key != request.key
    assert dataclasses.replace(request, prompt=turns[::-1]).key != request.key


def test_the_key_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    request = dataclasses.replace(BASE)
    # Other tests may have asked for the key of BASE before, or not.
    key = BASE.key
    assert request.key == key
    monkeypatch.delattr(Request, "canonical")
    assert request.key == key
    assert request.seed(0) == BASE.seed(0)
    # It is no part of what a request is.
    assert request == BASE
    assert hash(request) == hash(BASE)


def test_a_text_is_not_a_user_message() -> None:
    assert dataclasses.replace(BASE, prompt="Hello").key != BASE.key
    assert (
        dataclasses.replace(BASE, prompt="").key
        != dataclasses.replace(BASE, prompt=()).key
    )


def test_an_optional_field_at_its_default_changes_no_key() -> None:
    # Every field with a default is left out of the canonical form, so one that is added later is
    # left out too.
    optional = {
        f.name: f.default
        for f in dataclasses.fields(Request)
        if f.init
        if f.default is not dataclasses.MISSING
    }
    assert set(optional) == {"stop", "settings", "passed"}
    assert dataclasses.replace(BASE, **optional).key == BASE.key  # type: ignore[arg-type]
    assert set(json.loads(BASE.canonical)) == {
        "service",
        "model",
        "messages",
        "max_tokens",
    }


def test_a_field_that_is_not_on_the_list_is_no_part_of_the_key() -> None:
    @dataclasses.dataclass(frozen=True)
    class Later(Request):
        note: str = "new"

    assert Later(BASE.service, BASE.model, BASE.prompt, BASE.max_tokens).key == BASE.key


def test_texts_that_look_alike_are_different_requests() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    keys = {
        dataclasses.replace(BASE, prompt=text).key
        for text in (composed, decomposed, "cafe", "café ", "CAFÉ")
    }
    assert len(keys) == 5


def test_unicode_stands_in_the_canonical_form_as_it_is() -> None:
    assert (
        '"text":"größe 🎈\\u0000\\n"'
        in dataclasses.replace(BASE, prompt="größe 🎈\x00\n").canonical
    )


def test_the_key_is_the_same_in_another_process() -> None:
    code = f"from tune.completion import *; print({BASE!r}.key.hex(), {BASE!r}.seed(3))"
    environment = {**os.environ, "PYTHONHASHSEED": "9"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert done.stdout.split() == [BASE.key.hex(), str(BASE.seed(3))]


# --- the rest


@given(requests(), st.integers(0, 10_000))
def test_a_seed_has_31_bits_and_belongs_to_its_request_and_number(
    request: Request, number: int
) -> None:
    seed = request.seed(number)
    assert 0 <= seed < 2**31
    assert seed == dataclasses.replace(request).seed(number)


def test_seeds_differ_from_draw_to_draw_and_from_request_to_request() -> None:
    other = dataclasses.replace(BASE, max_tokens=257)
    assert (
        len(
            {request.seed(number) for request in (BASE, other) for number in range(500)}
        )
        == 1000
    )


@given(requests(), st.integers(0, 10_000))
def test_a_seed_is_the_same_for_every_service(request: Request, number: int) -> None:
    other = dataclasses.replace(request, service="127.0.0.1:8081/v1")
    assert other.seed(number) == request.seed(number)


@pytest.mark.parametrize(
    ("reason", "ending"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("content_filter: RECITATION", "content_filter"),
        ("SAFETY", "content_filter"),
        ("insufficient_system_resource", "failed"),
        # Names that nobody knows yet, and none at all.
        ("eos", "stop"),
        (None, "stop"),
        (7, "stop"),
    ],
)
def test_a_reason_is_one_of_four(reason: object, ending: str) -> None:
    assert read_ending(reason) == ending


def test_a_setting_is_had_by_name() -> None:
    request = dataclasses.replace(
        BASE, settings=(("reasoning_effort", "low"), ("temperature", 0))
    )
    assert (request.setting("temperature"), request.setting("reasoning_effort")) == (
        0,
        "low",
    )
    assert request.setting("top_p") is None


def test_requests_and_completions_are_values() -> None:
    assert hash(BASE) == hash(dataclasses.replace(BASE))
    with pytest.raises(dataclasses.FrozenInstanceError):
        BASE.model = "other"  # type: ignore[misc]
    answer = Completion("yes", "stop", 10, 1)
    assert (answer.reasoning_tokens, answer.cached_tokens, answer.token_ends) == (
        0,
        0,
        None,
    )
    assert answer == Completion("yes", "stop", 10, 1)
