"""Every export is a file that runs, says what it cannot do, and holds no key."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.test_best_json import config, own_hosts  # noqa: F401 - the fixture
from tests.support.exported import FEW_SHOT, best_record, exported
from tune.errors import InputError
from tune.export import EXPORTS, export_name, make_export

PYTHON = sorted(set(EXPORTS) - {"promptfoo"})

VOTE: dict[str, Any] = {"n": 5, "aggregate": "vote", "single": config()}


@pytest.mark.parametrize("name", PYTHON)
@pytest.mark.parametrize("values", [{}, VOTE], ids=["one", "vote"])
def test_a_file_compiles_and_imports_nothing_of_ours(
    name: str, values: dict[str, Any]
) -> None:
    text = exported(name, **values).text
    tree = ast.parse(text)
    assert (ast.get_docstring(tree) or "").count(
        "Made by tune export: tuned on reviews"
    ) == 1
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            modules.add(str(node.module).partition(".")[0])
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
    assert "tune" not in modules
    assert "# voting" not in text
    assert "# one" not in text


@pytest.mark.parametrize("name", PYTHON)
def test_the_prompt_comes_as_data_with_its_turns_apart(name: str) -> None:
    tree = ast.parse(exported(name).text)
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
    turns = ast.literal_eval(found["PROMPT"])
    assert [turn["role"] for turn in turns] == [turn["role"] for turn in FEW_SHOT]
    assert turns[-1]["parts"] == [{"field": "text"}]
    assert ast.literal_eval(found["SYSTEM_MESSAGE"]) == 'Be "brief".'


@pytest.mark.parametrize("name", EXPORTS)
def test_what_an_export_cannot_do_stands_in_it_and_beside_it(name: str) -> None:
    made = exported(name, **VOTE, stop=("\n",))
    assert any(
        "asks for 5 answers and takes one by 'vote'" in note for note in made.notes
    )
    words = re.sub(r"[\s#]+", " ", made.text)
    # A backslash is written twice in a docstring.
    words = words.replace("\\\\", "\\")
    for note in made.notes:
        assert re.sub(r"\s+", " ", note) in words


@pytest.mark.parametrize("name", EXPORTS)
def test_no_key_is_in_an_export(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K", "sk-planted")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    made = exported(name, **VOTE)
    assert "sk-planted" not in "".join(made.files.values())
    assert "user:secret" not in "".join(made.files.values())
    assert "K" in made.text


@pytest.mark.parametrize("name", EXPORTS)
def test_hostile_texts_stay_texts(name: str) -> None:
    record = best_record(n=5, aggregate="vote")
    hostile = 'm"""); import os #\\'
    record["deployment"]["model"]["model"] = hostile
    record["deployment"]["prompt"]["turns"][-1]["parts"] = [
        "\"\"\"'''{{x}}",
        {"field": "text"},
    ]
    record["provenance"]["data"] = '""" \\'
    made = make_export(record, name, "best.json")
    if name == "promptfoo":
        assert "{% raw %}" in made.text
        return
    tree = ast.parse(made.text)
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert hostile in values


@pytest.mark.parametrize("name", sorted(set(EXPORTS) - {"openai"}))
def test_a_prompt_that_is_no_chat_goes_elsewhere(name: str) -> None:
    with pytest.raises(InputError, match="export it to openai, or use tune"):
        exported(name, prompt="raw")


@pytest.mark.parametrize("aggregate", ["best", "all"])
def test_what_no_file_can_do_is_exported_as_one_answer(aggregate: str) -> None:
    made = exported("openai", n=4, aggregate=aggregate, single=config(max_tokens=99))
    assert "'max_tokens': 99" in made.text
    assert any(
        "which this export cannot do: use tune.load" in note for note in made.notes
    )
    alone = exported("openai", n=4, aggregate=aggregate)
    assert "N = 1" in alone.text


def test_agentchats_json_names_the_class_unless_its_own_client_holds_all() -> None:
    key = {
        "models": {
            "small": {"model": "qwen", "price": [1, 2], "key_env": "OPENAI_API_KEY"}
        }
    }
    plain = exported("agentchat", temperature=0.3, options=key)
    record = json.loads(plain.files["tuned_agentchat.json"])
    assert record["provider"] == "autogen_ext.models.openai.OpenAIChatCompletionClient"
    assert record["config"]["temperature"] == 0.3
    for values in ({"top_k": 4}, VOTE):
        ours = exported("agentchat", **values, options=key)
        record = json.loads(ours.files["tuned_agentchat.json"])
        assert record["provider"] == "tuned_agentchat.TunedClient"
    own_key = exported("agentchat")
    # The class has a placeholder for a key that is not set.
    server = {"model": "qwen", "price": [1, 2], "base_url": "http://localhost:1/v1"}
    no_key = exported("agentchat", options={"models": {"small": server}})
    for made in (own_key, no_key):
        assert "TunedClient" in made.files["tuned_agentchat.json"]
    hosted = {**server, "base_url": "https://models.example.test/v1"}
    keyless = exported("agentchat", options={"models": {"small": hosted}})
    record = json.loads(keyless.files["tuned_agentchat.json"])
    assert record["config"]["api_key"] == "none"
    assert record["description"].endswith("No key is sent.")


def test_promptfoo_has_a_provider_and_chat_messages() -> None:
    text = exported("promptfoo", temperature=0.4, top_k=3).text
    assert 'id: "openai:chat:qwen"' in text
    assert 'apiKeyEnvar: "K"' in text
    assert "      temperature: 0.4\n" in text
    assert "      passthrough:\n        top_k: 3\n" in text
    raw = re.search(r"raw: (\".*\")\n", text)
    assert raw is not None
    messages = json.loads(json.loads(raw[1]))
    assert messages[-1] == {"role": "user", "content": "{{text}}"}
    assert any("No temperature" in note for note in exported("promptfoo").notes)
    assert "apiKeyRequired" not in text
    server = {"model": "qwen", "price": [1, 2], "base_url": "http://localhost:1/v1"}
    keyless = exported("promptfoo", options={"models": {"small": server}}).text
    assert 'apiKeyEnvar: "OPENAI_API_KEY"\n      apiKeyRequired: false' in keyless


def test_a_wrong_name_names_the_right_one() -> None:
    assert export_name("Agent_Framework") == "agent-framework"
    with pytest.raises(
        InputError, match="no export 'langchian'; did you mean langchain"
    ):
        export_name("langchian")


def test_files_are_written_beside_each_other_and_again(tmp_path: Path) -> None:
    made = exported("agentchat", **VOTE)
    assert [path.name for path in made.write(tmp_path)] == list(made.files)
    made.write(tmp_path)
    own = made.write(tmp_path / "new" / "mine.py")
    assert [path.name for path in own] == ["mine.py", "mine.json"]
    assert json.loads(own[1].read_text())["provider"] == "mine.TunedClient"
    assert "import mine as tuned" in own[0].read_text()


def test_a_new_name_without_a_suffix_is_a_folder(tmp_path: Path) -> None:
    made = exported("autogen")
    written = made.write(tmp_path / "agents")
    assert written == [tmp_path / "agents" / name for name in made.files]
    file = tmp_path / "taken"
    file.write_text("x")
    with pytest.raises(InputError, match="is no export of tune"):
        made.write(file)


def test_a_file_of_the_user_is_not_written_over(tmp_path: Path) -> None:
    made = exported("autogen")
    (tmp_path / "OAI_CONFIG_LIST").write_text('[{"model": "mine"}]')
    with pytest.raises(InputError, match="is no export of tune"):
        made.write(tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "OAI_CONFIG_LIST"]
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "OAI_CONFIG_LIST").unlink()
    (tmp_path / "f").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        made.write(tmp_path / "f" / "g" / "h.py")


@pytest.mark.parametrize("name", PYTHON)
def test_a_users_own_aggregate_is_called_by_every_client(name: str) -> None:
    made = exported(name, n=5, aggregate="mine:Rules.pick", single=config())
    ast.parse(made.text)
    assert "from mine import Rules as own_aggregate" in made.text
    calls = re.findall(r"\bAsyncVotingHttp\(N.*|\bVotingHttp\(N.*", made.text)
    assert calls
    assert all("aggregate=own_aggregate.pick" in call for call in calls)


@pytest.mark.parametrize("name", PYTHON)
@pytest.mark.parametrize(
    "path", ["two words:f", ":f", "m:", "m;n:f", "m:f as g", "a:b:c"]
)
def test_a_callable_that_is_no_name_is_refused_in_one_sentence(
    name: str, path: str
) -> None:
    record = best_record(n=5, aggregate="mine:pick", single=config())
    record["config"]["aggregate"] = path
    with pytest.raises(InputError, match="'module:attribute' is wanted"):
        make_export(record, name, "best.json")
    record = best_record()
    record["deployment"]["answer"] = path
    with pytest.raises(InputError, match="'module:attribute' is wanted"):
        make_export(record, name, "best.json")


@pytest.mark.parametrize("name", EXPORTS)
def test_a_damaged_record_is_one_sentence(name: str) -> None:
    record = best_record()
    record["deployment"]["prompt"]["turns"][1] = None
    record["deployment"]["answer"] = [1]
    with pytest.raises(InputError, match="is damaged, or was written by another"):
        make_export(record, name, "best.json")


def test_one_name_for_two_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"would hold both .* ends in \.py"):
        exported("agentchat", **VOTE).write(tmp_path / "mine.json")
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_also_holds_entries_of_the_user_is_not_written_over(
    tmp_path: Path,
) -> None:
    made = exported("autogen")
    made.write(tmp_path)
    made.write(tmp_path)
    place = tmp_path / "OAI_CONFIG_LIST"
    entries = [*json.loads(place.read_text()), {"model": "mine", "api_key": "k-1"}]
    place.write_text(json.dumps(entries))
    with pytest.raises(InputError, match="is no export of tune"):
        made.write(tmp_path)
    assert "k-1" in place.read_text()


@pytest.mark.parametrize("name", EXPORTS)
def test_a_prompt_that_a_function_makes_is_refused(name: str) -> None:
    record = best_record(n=5, aggregate="vote")
    prompt = record["deployment"]["prompt"]
    prompt |= {"turns": [], "call": {"spec": None, "name": "prompts:make"}}
    with pytest.raises(
        InputError,
        match="made by the function prompts:make, and an export needs a template",
    ):
        make_export(record, name, "best.json")
    # What carries one answer by a template is exported, and says that it is not the winner.
    other = best_record(n=5, aggregate="best", single=config())
    prompt = other["deployment"]["prompt"]
    prompt |= {"turns": [], "call": {"spec": None, "name": "prompts:make"}}
    made = make_export(other, name, "best.json")
    assert any("best configuration with one answer" in note for note in made.notes)
