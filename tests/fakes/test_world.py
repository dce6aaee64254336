"""The labelled world: tokens, and models that are right as often as their accuracy says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.fakes.world import LabelledWorld, chance, first_tokens, tokens


@given(st.text())
def test_a_text_has_never_more_tokens_than_bytes(text: str) -> None:
    assert tokens(text) <= len(text.encode("utf-8", "surrogatepass"))


@given(st.text(), st.integers(0, 20))
def test_cutting_at_tokens_leaves_at_most_so_many(text: str, count: int) -> None:
    cut = first_tokens(text, count)
    assert text.startswith(cut)
    assert tokens(cut) == min(count, tokens(text))


def test_the_world_is_as_accurate_as_it_says() -> None:
    world = LabelledWorld(models={"good": 0.9, "bad": 0.4}, heat=0.1)
    rows = world.examples(400)
    for model, temperature in [
        ("good", 0.0),
        ("good", 1.0),
        ("bad", 0.0),
        ("bad", 1.0),
    ]:
        prompts = ["Label: " + row["text"] for row in rows]
        says = [
            world(model, prompt, {"temperature": temperature}, 3, 0)
            for prompt in prompts
        ]
        share = sum(
            said == row["label"] for said, row in zip(says, rows, strict=True)
        ) / len(rows)
        assert share == pytest.approx(
            world.accuracy(model, prompts[0], temperature), abs=0.06
        )


def test_a_draw_is_right_as_often_as_its_probability_says() -> None:
    world = LabelledWorld()
    prompt = "Label: " + world.examples(1)[0]["text"]
    p = world.probability("small", prompt, 0.5)
    says = [
        world("small", prompt, {"temperature": 0.5}, seed, 0) for seed in range(1000)
    ]
    assert says.count(world.label(0)) / 1000 == pytest.approx(p, abs=0.05)


def test_templates_shift_the_accuracy_and_lengthen_the_answer() -> None:
    world = LabelledWorld()
    plain, reasoned = "Label: #3", "Think step by step, then label: #3"
    assert world.accuracy("small", reasoned, 0) > world.accuracy("small", plain, 0)
    assert tokens(world("small", reasoned, {}, 0, 0)) > tokens(
        world("small", plain, {}, 0, 0)
    )


def test_at_temperature_zero_every_seed_says_the_same() -> None:
    world = LabelledWorld()
    assert (
        len(
            {
                world("small", "Label: #3", {"temperature": 0}, seed, i)
                for seed in range(20)
                for i in range(3)
            }
        )
        == 1
    )


def test_a_chance_depends_on_its_parts_alone_and_is_uniform() -> None:
    assert chance("a", 1) == chance("a", 1)
    assert chance("a", 1) != chance("a", 2)
    values = [chance("uniform", number) for number in range(2000)]
    assert min(values) >= 0
    assert max(values) < 1
    assert sum(values) / len(values) == pytest.approx(0.5, abs=0.03)


def test_half_of_the_tickets_are_easier_and_half_harder_than_the_average() -> None:
    world = LabelledWorld(default=0.6, heat=0.0, spread=0.2)
    rates = [
        world.probability("small", f"Label: {row['text']}", 1.0)
        for row in world.examples(400)
    ]
    assert {round(rate, 9) for rate in rates} == {0.4, 0.8}
    assert sum(rates) / len(rates) == pytest.approx(0.6, abs=0.03)


def test_a_prompt_without_a_ticket_is_answered_too() -> None:
    world = LabelledWorld()
    assert world("small", "Label this.", {}, 0, 0) in world.labels
