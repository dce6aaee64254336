"""What a model was seen to take, and what of a call no answer has shown yet."""

from __future__ import annotations

from typing import Any

from tune.completion import Message, Request
from tune.providers.capabilities import Capabilities, Fact
from tune.providers.taken import Taken, parts_of


def request(cap: int = 8, stop: tuple[str, ...] = (), **settings: Any) -> Request:
    prompt = (Message("user", "hello"),)
    return Request("s", "m", prompt, cap, stop, tuple(sorted(settings.items())))


def parts(count: int = 1, **asked: Any) -> frozenset[tuple[str, str]]:
    return parts_of(request(**asked), range(count))


def known(capabilities: Capabilities | None = None) -> Taken:
    capabilities = capabilities or Capabilities()
    capabilities.learn(Fact("s", "m", "answers"))
    return Taken("s", "m", capabilities)


def test_a_call_that_was_answered_is_proven() -> None:
    taken = known()
    asked = parts(3, temperature=0.5, top_p=0.9, stop=("x",))
    assert taken.unproven(asked)
    taken.note(asked)
    assert not taken.unproven(asked)
    assert not taken.unproven(parts(temperature=0.5))


def test_what_is_taken_is_known_after_a_resume() -> None:
    capabilities = Capabilities()
    known(capabilities).note(parts(temperature=0.5))
    again = Taken("s", "m", Capabilities(capabilities.facts))
    assert not again.unproven(parts(temperature=0.5))
    assert Taken("s", "other", capabilities).unproven(parts(temperature=0.5))


def test_numbers_between_two_that_are_taken_are_proven() -> None:
    taken = known()
    taken.note(parts(temperature=0.2))
    taken.note(parts(temperature=1.0))
    assert not taken.unproven(parts(temperature=0.7))
    assert taken.unproven(parts(temperature=1.5)) == {("temperature", "1.5")}


def test_a_service_that_gives_several_answers_gives_a_few() -> None:
    taken = known()
    taken.note(parts(temperature=0.5))
    assert taken.unproven(parts(2, temperature=0.5))
    taken.note(parts(2, temperature=0.5))
    assert not taken.unproven(parts(4, temperature=0.5))
    assert taken.unproven(parts(5, temperature=0.5)) == {("n", "5")}
    taken.note(parts(8, temperature=0.5))
    assert not taken.unproven(parts(5, temperature=0.5))


def test_a_temperature_is_proven_down_to_zero() -> None:
    taken = known()
    taken.note(parts(temperature=1.2))
    assert not taken.unproven(parts(temperature=0.0))
    assert taken.unproven(parts(temperature=1.3)) == {("temperature", "1.3")}


def test_a_smaller_max_tokens_is_proven_down_to_what_no_service_refuses() -> None:
    taken = known()
    taken.note(parts(cap=64))
    assert not taken.unproven(parts(cap=16))
    assert taken.unproven(parts(cap=15)) == {("max_tokens", "15")}
    assert taken.unproven(parts(cap=65)) == {("max_tokens", "65")}
    assert known().unproven(parts(cap=16)), "no cap was taken"


def test_calls_that_can_be_refused_for_one_reason_have_a_common_part() -> None:
    taken = known()
    taken.note(parts())
    # No value of it was taken yet, so the whole parameter may be refused.
    cold, hot = parts(temperature=0.0), parts(temperature=1.5)
    assert taken.unproven(cold) & taken.unproven(hot)
    taken.note(cold)
    one, two = parts(temperature=0.7), parts(temperature=1.5)
    assert not taken.unproven(one) & taken.unproven(two)
    # A model that never answered is asked once.
    fresh = Taken("s", "new", Capabilities())
    assert fresh.unproven(one) & fresh.unproven(parts(top_p=0.5))


def test_two_settings_that_never_went_together_are_unproven() -> None:
    taken = known()
    taken.note(parts(temperature=0.5))
    taken.note(parts(top_p=0.9))
    taken.note(parts(reasoning_effort="low"))
    taken.note(parts(reasoning_effort="none"))
    assert taken.unproven(parts(temperature=0.5, top_p=0.9))
    taken.note(parts(temperature=0.5, reasoning_effort="none"))
    assert not taken.unproven(parts(temperature=0.5, reasoning_effort="none"))
    assert taken.unproven(parts(temperature=0.5, reasoning_effort="low"))


def test_an_answer_shows_that_the_model_answers() -> None:
    taken = Taken("s", "m", Capabilities())
    taken.note(parts(temperature=0.5))
    assert taken.unproven(parts(temperature=0.5)) == {("model", "")}
    taken.note_answer(parts(temperature=0.5))
    assert not taken.unproven(parts(temperature=0.5))


def test_only_settings_that_another_one_knows_are_shared() -> None:
    other, taken = known(), known()
    other.note(parts(temperature=1.0))
    taken.share(other, parts(temperature=1.0, top_p=0.9))
    assert ("temperature", "1.0") in taken
    assert taken.is_between(("temperature", "0.5"))
    assert ("top_p", "0.9") not in taken
