"""What is secret is hidden in all that comes in and goes out, and what looks like a key is refused
where it shows.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tune
from tests.test_tuner_secrets import (
    HEADER,
    KEY,
    PASSWORD,
    TOKEN,
    USER,
    assert_clean,
    everything_of,
    plant,  # noqa: F401 - the fixture
    run,
)
from tune.commands.cli import main
from tune.errors import InputError, MetricError
from tune.fakes.faults import Fault
from tune.fakes.server import Server
from tune.providers.entries import Entry, read_entries
from tune.providers.openai.access import resolve_access
from tune.safety.redact import (
    DUMMIES,
    HIDDEN,
    Scrubber,
    looks_like_key,
    remember,
    scrub,
    scrub_message,
    scrubbed_json,
)
from tune.store.journal import Journal
from tune.task.callables import reraise_as

ECHO = f" via Authorization: Bearer {KEY} {USER}:{PASSWORD} ?token={TOKEN} {HEADER}"


def test_a_good_answer_that_repeats_the_headers_leaves_no_secret_anywhere(
    tmp_path: Path,
) -> None:
    notices: list[str] = []
    with Server(
        plan=lambda number, _: Fault("echo", message=ECHO) if number % 2 else None
    ) as server:
        study = run(server, tmp_path, notices)
    assert_clean(
        tmp_path,
        *notices,
        study,
        study.record,
        json.dumps(study.summary()),
        tune.Study.load(study.folder),
    )


def test_a_list_of_models_that_repeats_the_headers_is_not_quoted(
    tmp_path: Path,
) -> None:
    with (
        Server(models=[f"other{ECHO}"]) as server,
        pytest.raises(tune.TuneError) as caught,
    ):
        run(server, tmp_path)
    assert "does not exist" in str(caught.value)
    assert_clean(tmp_path, everything_of(caught.value))


def escaped(value: object) -> bytes:
    """Return JSON with every letter in its texts as an escape."""
    plain = json.dumps(value)
    return re.sub(
        r"(?<![\\\w])[a-z](?!\w*\":)",
        lambda letter: f"\\u{ord(letter[0]):04x}",
        plain,
    ).encode()


SPELLINGS: dict[str, Callable[[object], bytes]] = {
    "ASCII": lambda value: json.dumps(value).encode(),
    "UTF-8": lambda value: json.dumps(value, ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    ),
    "UTF-16": lambda value: json.dumps(value).encode("utf-16"),
    "slashes": lambda value: json.dumps(value).replace("/", "\\/").encode(),
    "escapes": escaped,
}
"""Ways to write the same JSON."""


@given(
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=8)
    | st.just("planted/key-of-letters"),
    st.text(),
    st.text(),
    st.sampled_from(sorted(SPELLINGS)),
)
def test_a_secret_is_hidden_in_a_good_answer_however_it_is_spelled(
    key: str, before: str, after: str, spelling: str
) -> None:
    assume(key.lower() not in DUMMIES)
    content = [before + key + after]
    value = {"model": before + key, "choices": [{"message": {"content": content}}]}
    spelled = SPELLINGS[spelling](value)
    try:
        value = json.loads(spelled)
    except UnicodeDecodeError:
        # Half a surrogate pair has no form in UTF-8.
        assume(False)
    said = Scrubber([key]).answer(value, spelled)
    assert key not in json.dumps(said, ensure_ascii=False).replace(HIDDEN, "")


def test_what_a_model_says_is_otherwise_left_as_it_is() -> None:
    text = "A basic knowledge of sk-learn: version 2024-06-01, bearer documents, ollama"
    scrubber = resolve_access(
        "http://h/v1?api-version=2024-06-01", "ollama", None, {}
    ).scrubber
    value = {"choices": [{"text": text}]}
    assert scrubber.answer(value, json.dumps(value).encode()) == value
    assert scrub(text) == text


def test_whatever_goes_out_is_scrubbed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remember(['planted/out"quoted'])
    with Journal(tmp_path / "study.jsonl") as journal:
        journal.append("study", words='it says planted/out"quoted')
    assert main(["--budget", "1", "--data", 'planted/out"quoted.csv']) == 2
    read = capsys.readouterr()
    assert_clean(tmp_path, read.out, read.err)
    assert HIDDEN in read.err


def test_an_error_of_the_users_own_code_shows_no_secret() -> None:
    remember(["planted-in-an-exception"])
    with (
        pytest.raises(MetricError) as caught,
        reraise_as(MetricError, "on example '1'"),
    ):
        raise ValueError("cannot use planted-in-an-exception")
    assert "planted" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:planted-pass@host/db",
        "mysql://planted-pass@host",
        "https://u:planted-pass@h/x",
    ],
)
def test_the_store_that_a_command_names_is_shown_without_its_password(
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.csv").write_text(
        "text,label\n" + "".join(f"t{i},b\n" for i in range(10))
    )
    command = [
        "--budget",
        "1",
        "--data",
        "d.csv",
        "--model",
        "m",
        "--price",
        "m=1/1",
        "--store",
        url,
    ]
    assert main([*command, "--base-url", "http://127.0.0.1:9/v1"]) != 0
    assert "planted-pass" not in "".join(capsys.readouterr())
    assert (
        scrub_message(f"tune --store {url}")
        == f"tune --store {url.partition('://')[0]}://{HIDDEN}@" + url.partition("@")[2]
    )


def test_logs_of_the_client_are_scrubbed_at_their_most_talkative(
    tmp_path: Path, caplog: Any
) -> None:
    caplog.set_level(1)
    for name in (
        "aiohttp.client",
        "aiohttp.internal",
        "httpx2",
        "httpcore2.http11",
        "openai._base_client",
    ):
        logging.getLogger(name).setLevel(1)
    with Server() as server:
        run(server, tmp_path)
    assert "planted" not in caplog.text


def test_the_traceback_that_ends_a_program_is_scrubbed() -> None:
    code = """
from tune.safety.escape import show_tracebacks_scrubbed
from tune.safety.redact import remember
remember(["planted-in-a-traceback"])
show_tracebacks_scrubbed()
raise ValueError("header: planted-in-a-traceback \x1b[2J, sk-planted-0123456789abcdef")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "ValueError: header: [hidden] \\x1b[2J, [hidden]" in done.stderr


# --- what looks like a key

KEYS = (
    "sk-proj-abcDEF0123456789abcDEF",
    "sk-ant-api03-abcdef0123456789",
    "gsk_abcdef0123456789abcd",
    "xai-abcdef0123456789",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    "hf_abcdefghijKLMNOP0123456789",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc",
    "ghp_0123456789abcdefABCDEF0123",
    "nvapi-abcdef0123456789abcdef",
    "Bearer abcdef0123456789",
)
RANDOM = ("0123456789abcdef0123456789abcdef", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ")
HONEST = (
    "gpt-4.1-mini",
    "openai/gpt-4.1-mini",
    "ft:gpt-4.1-mini-2025-04-14:acme::AbC123xYz",
    "claude-sonnet-4-5-20250929",
    "accounts/fireworks/models/llama-v3p1-405b-instruct",
    "meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo",
    "OPENAI_API_KEY",
    "MY_TEAM_KEY_2",
    "https://gateway.ai.cloudflare.com/v1/0123456789abcdef0123456789abcdef/gw/openai",
    "qwen2.5-coder:32b-instruct-q4_K_M",
    "sk-learn",
    "google/gemini-2.5-flash-lite-preview-09-2025",
    "eu-west-1",
)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("field", ["key_env", "alias", "base_url", "model", "name"])
def test_a_key_is_refused_in_every_field_that_is_shown_and_is_not_quoted(
    key: str, field: str
) -> None:
    fields = {
        "name": "m",
        "model": "m",
        field: f"https://host.example/{key}/v1" if field == "base_url" else key,
    }
    with pytest.raises(InputError) as caught:
        Entry(**fields)
    assert key not in str(caught.value)


@pytest.mark.parametrize("word", RANDOM)
@pytest.mark.parametrize("field", ["key_env", "alias"])
def test_so_is_a_long_random_word_where_a_name_is_wanted(word: str, field: str) -> None:
    with pytest.raises(InputError) as caught:
        Entry("m", "m", **{field: word})
    assert word not in str(caught.value)


@pytest.mark.parametrize("text", HONEST)
def test_honest_names_look_like_no_key(text: str) -> None:
    assert not looks_like_key(text)


def test_the_value_of_a_variable_that_holds_a_key_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_TEAM_KEY", "hunter-two-planted")
    with pytest.raises(InputError):
        Entry("m", "m", alias="hunter-two-planted")


@pytest.mark.parametrize(
    "flag",
    [
        ["--key-env", KEYS[0]],
        ["--base-url", f"https://h.example/{KEYS[0]}"],
        ["--model", KEYS[0]],
    ],
)
def test_the_command_line_refuses_it_too(
    flag: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.csv").write_text(
        "text,label\n" + "".join(f"t{i},b\n" for i in range(10))
    )
    words = [
        "--budget",
        "1",
        "--data",
        "d.csv",
        "--price",
        "m=1/1",
        *([] if "--model" in flag else ["--model", "m"]),
    ]
    assert main([*words, *flag]) == 2
    assert KEYS[0] not in "".join(capsys.readouterr())


# --- headers


@pytest.mark.parametrize(
    "headers",
    [
        {"api-key": "abc"},
        {"X-Auth": "abc"},
        {"X": KEYS[0]},
        {"api-key": {"env": KEYS[0]}},
        {"a": {"b": "c"}},
    ],
)
def test_a_secret_header_is_given_as_its_variable(headers: Any) -> None:
    with pytest.raises(InputError, match=r"env = ") as caught:
        read_entries({"m": {"headers": headers}})
    assert KEYS[0] not in str(caught.value)


def test_a_header_is_filled_from_the_environment_and_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_KEY", "planted-azure-key")
    monkeypatch.delenv("OPENAI_CUSTOM_HEADERS")
    with Server() as server:
        address = f"{server.base_url}?api-version=2024-06-01"
        models = {
            "small": {
                "base_url": address,
                "headers": {"api-key": {"env": "AZURE_KEY"}, "X-Title": "ours"},
            }
        }
        study = run(server, tmp_path, base_url=None, models=models)
        seen = server.posts[0]
    assert {"api-key", "x-title"} <= set(seen.headers)
    assert seen.query == "api-version=2024-06-01"
    assert_clean(tmp_path, study, study.record)
    deployment = json.loads((study.folder / "best.json").read_text())["deployment"][
        "model"
    ]
    assert deployment["headers"] == {"api-key": {"env": "AZURE_KEY"}, "X-Title": "ours"}
    assert deployment["base_url"] == address, (
        "the version of an API is no secret, and it does not answer without"
    )
    monkeypatch.delenv("AZURE_KEY")
    with (
        Server() as server,
        pytest.raises(InputError, match="set the environment variable AZURE_KEY"),
    ):
        run(server, tmp_path / "again", base_url=None, models=models)


def test_what_is_json_stays_json_whatever_a_secret_looks_like() -> None:
    remember(["12345678", '","spent":'])
    text = scrubbed_json(
        {
            "spent": 0.12345678,
            "key": "is 12345678",
            "n": 12345678,
            "12345678": ["a", '","spent":'],
        }
    )
    found = json.loads(text)
    assert found["spent"] == 0.12345678
    assert found["n"] == 12345678
    assert found["key"] == "is [hidden]"
    assert "12345678" not in found


@pytest.mark.parametrize(
    "secret", ['sk-"quoted\\-12345678', "tokén-1234567890", "plain-012345678"]
)
def test_json_hides_a_secret_however_it_is_written(secret: str) -> None:
    remember([secret])
    inside = json.dumps({"key": secret})
    plain = json.dumps({"key": secret}, ensure_ascii=False)
    for text in (secret, f"a {secret} b", inside, plain):
        for value in (text, [text], {text: 1}, {"deep": [{"x": (1, text)}]}):
            found = scrubbed_json(value)
            assert HIDDEN in found
            assert secret not in str(json.loads(found))


def test_json_takes_mappings_and_leaves_what_holds_no_secret_as_it_is() -> None:
    remember(["sk-0123456789abcdef"])
    value = {"point": MappingProxyType({"n": 1}), "t": (1, None), "é": "sk-"}
    assert scrubbed_json(value) == '{"point": {"n": 1}, "t": [1, null], "é": "sk-"}'
    with pytest.raises(TypeError):
        scrubbed_json({"x": object()})
