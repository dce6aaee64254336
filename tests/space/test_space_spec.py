"""Spaces as users write them: files, tables, prompts, and every bad one refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tune.errors import SpaceError
from tune.space import (
    Choice,
    Integers,
    Space,
    Uniform,
    read_toml,
)
from tune.task.prompt_spec import prompt_fields, shots_needed

TOML = r"""
[space]
model = ["small", "large"]
temperature = {low = 0.0, high = 1.2}
n = {low = 1, high = 9, integer = true}
max_tokens = {low = 16, high = 512, integer = true, log = true}
aggregate = ["first", "vote"]

[space.prompt]                      # name = text, or a list of {role, content}, or {file = "…"}
short = "Label this ticket: {text}"
reasoned = "Think step by step, then label: {text}"
chat = [{role = "system", content = "You label."}, {role = "user", content = "{text}"}]
filed = {file = "ask.txt", raw = true}

[space.prompt.few]
text = "{shots}{text} ->"
shots = 4
shot = "{text} -> {label}\n"

[when.large]                        # a model's own domains
max_tokens = [64, 128]

[answer]                            # the rule that takes the answer out of the text
pattern = "(?:Answer:)?\\s*(\\w+)\\s*$"
"""


def space(**given: Any) -> Space:
    return Space(**{"model": "m", "prompt": "Label: {text}", **given})


@pytest.fixture
def example(tmp_path: Path) -> Space:
    (tmp_path / "space.toml").write_text("\ufeff" + TOML, encoding="utf-8")
    return Space.from_mapping(read_toml(tmp_path / "space.toml"))


def test_a_space_file_is_read(example: Space) -> None:
    assert example.models == ("small", "large")
    assert list(example.prompts) == ["short", "reasoned", "chat", "filed", "few"]
    assert example.prompts["few"] == {
        "text": "{shots}{text} ->",
        "shots": 4,
        "shot": "{text} -> {label}\n",
    }
    assert example.domains["temperature"] == Uniform(0, 1.2)
    assert example.domain("max_tokens", "small") == Integers(16, 512, log=True)
    assert example.domain("max_tokens", "large") == Choice((64, 128))
    assert example.answer == {"pattern": r"(?:Answer:)?\s*(\w+)\s*$"}
    assert (example.cap({"model": "small"}), example.cap({"model": "large"})) == (
        512,
        128,
    )
    assert example.size() == 2 * 5 * 25


def test_a_mapping_of_a_space_has_a_callable_by_its_name_and_paths_as_text() -> None:
    given_space = space(
        answer=json.loads, prompt={"p": {"file": Path("a/b.txt")}}, stop=("\n", None)
    )
    record = given_space.to_mapping()
    assert record["answer"] == "json:loads"
    assert record["space"]["prompt"] == {"p": {"file": str(Path("a/b.txt"))}}
    assert record["space"]["stop"] == [["\n"], []]
    assert json.loads(json.dumps(record)) == record


def test_a_single_prompt_is_named_plain() -> None:
    chat = [{"role": "user", "content": "{text}"}]
    assert space().prompts == {"plain": "Label: {text}"}
    assert space(prompt=chat).prompts == {"plain": chat}


@pytest.mark.parametrize(
    ("given_space", "message"),
    [
        ({"model": []}, "the domain of 'model' is empty"),
        (
            {"temperature": []},
            "the domain of 'temperature' is empty: leave it out or give it a value",
        ),
        ({"prompt": {}}, "prompts are given by name"),
        ({"prompt": ["a {text}", "b {text}"]}, "prompts are given by name"),
        ({"prompt": 3}, "prompts are given by name"),
        ({"prompt": ""}, "prompt 'plain' is empty"),
        ({"prompt": {"a": " \n"}}, "prompt 'a' is empty"),
        ({"prompt": {"a": []}}, "prompt 'a' is empty"),
        (
            {"prompt": {"text": "{text}", "shots": 4}},
            "prompt 'shots' is a text, a list of messages, a table or a function, but got 4",
        ),
        ({"prompt": {"": "x"}}, "the name of a prompt is a text, but got ''"),
        ({"prompt": {3: "x"}}, "the name of a prompt is a text, but got 3"),
        (
            {"temprature": 0.5},
            "there is no setting 'temprature': is 'temperature' meant?",
        ),
        ({"max_token": 5}, "is 'max_tokens' meant?"),
        (
            {"max_completion_tokens": 5},
            "'max_completion_tokens' cannot be searched: call it max_tokens",
        ),
        ({"seed": [1, 2]}, "'seed' cannot be searched: every draw has its own seed"),
        ({"stream": True}, "'stream' cannot be searched"),
        ({"when": []}, "`when` is a table of models or prompts and their own domains"),
        (
            {"when": {"x": {}}},
            r"`when` names 'x', but the space has the models \['m'\]",
        ),
        ({"when": {"m": 5}}, "`when` gives 'm' a table of domains, but got 5"),
        (
            {"when": {"m": {"temperature": "hot"}}},
            "^when.m: temperature is a number, but got 'hot'",
        ),
        (
            {"when": {"m": {"prompt": ["plain", "x"]}}},
            r"^when.m: there is no prompt 'x', the space has \['plain'\]",
        ),
        ({"when": {"m": {"prompt": []}}}, "^when.m: 'prompt' cannot be"),
        ({"when": {"m": {"max_tokens": []}}}, "^when.m: 'max_tokens' cannot be"),
        ({"when": {"m": {"model": "y"}}}, "^when.m: 'model' cannot be 'y'"),
        ({"when": {"m": {"top_pp": 1}}}, "^when.m: there is no setting 'top_pp'"),
    ],
)
def test_a_space_that_cannot_be_is_refused(
    given_space: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpaceError, match=message):
        space(**given_space)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, r"a space file needs a table \[space\]"),
        ({"space": 3}, r"a space file needs a table \[space\]"),
        (
            {"space": {"prompt": "x"}},
            r"the table \[space\] needs model, but has \['prompt'\]",
        ),
        (
            {"space": {"model": "m"}},
            r"the table \[space\] needs prompt, but has \['model'\]",
        ),
        (
            {"space": {"models": "m", "prompt": "x"}},
            "there is no setting 'models': is 'model' meant?",
        ),
        (
            {"space": {"model": "m", "prompt": "x", "when": {}}},
            r"'when' is not a dimension: \[when\] is a table beside \[space\]",
        ),
        (
            {"space": {"model": "m", "prompt": "x"}, "anwser": {}},
            r"a space file has the tables .*, but got 'anwser'",
        ),
    ],
)
def test_a_space_file_with_other_tables_is_refused(
    record: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpaceError, match=message):
        Space.from_mapping(record)


def test_tables_that_are_not_the_spaces_own_are_let_be() -> None:
    record = {
        "space": {"model": "m", "prompt": "{text}"},
        "metric": {"name": "contains"},
        "models": {"m": {}},
    }
    assert Space.from_mapping(record).models == ("m",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the space file '.*' cannot be read: No such file"),
        (b"[space\n", "the space file '.*' is not TOML: .*line 1"),
        (b"x = '\xff'", "is not TOML: .*can't decode byte 0xff"),
    ],
)
def test_a_space_file_that_cannot_be_read_is_refused(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "space.toml").write_bytes(content)
    with pytest.raises(SpaceError, match=message):
        read_toml(tmp_path / "space.toml")


@pytest.mark.parametrize(
    ("text", "size", "readings"),
    [
        ('[space]\nmodel = "m"\nprompt = "Label: {text}"', 1, 1),
        (
            '[space]\nmodel = "m"\ntemperature = [0.0, 0.7]\nn = [1, 5]\naggregate = "vote"\n'
            'prompt.a = "{text}"',
            2,
            2,
        ),
        (
            '[space]\nmodel = ["m", "o"]\nprompt = "{text}"\n[when.o]\n'
            'reasoning_effort = ["low", "high"]',
            3,
            1,
        ),
        (
            '[space]\nmodel = "m"\nprompt = "{text}"\nstop = ["\\n", ["##", "\\n"]]\n'
            "max_tokens = [1, 2, 3]",
            1,
            6,
        ),
        (
            '[space]\nmodel = "m"\n[[space.prompt.chat]]\nrole = "user"\ncontent = "{text}"',
            1,
            1,
        ),
    ],
)
def test_small_space_files_mean_what_they_say(
    text: str, size: int, readings: int, tmp_path: Path
) -> None:
    path = tmp_path / "space.toml"
    path.write_text(text)
    found = Space.from_mapping(read_toml(str(path)))
    points = list(found.points())
    assert found.size() == len(points) == size
    assert len(found.configs_of(points[-1])) == readings


def test_the_templates_of_the_space_file_are_prompts(
    example: Space, tmp_path: Path
) -> None:
    (tmp_path / "ask.txt").write_text("{text} is\n")
    assert all(
        prompt_fields(spec, tmp_path) == {"text"} for spec in example.prompts.values()
    )
    assert {name: shots_needed(spec) for name, spec in example.prompts.items()} == {
        "short": 0,
        "reasoned": 0,
        "chat": 0,
        "filed": 0,
        "few": 4,
    }


@pytest.mark.parametrize(
    "own", [{"temperature": [0]}, {"stop": []}, {"max_tokens": []}]
)
def test_a_prompt_can_only_have_own_domains_for_what_is_read_off(
    own: dict[str, Any],
) -> None:
    with pytest.raises(SpaceError, match=r"when\.short"):
        Space(model="m", prompt={"short": "{text}"}, when={"short": own})
