"""A key goes to the host that it is meant for, and to no other."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.runtime.test_best_json import QUALITY, config, plan
from tests.support.watching import notices as on_notices
from tests.test_tuner_survival import SPACE, WORLD
from tune.commands.cli import main
from tune.errors import InputError, TuneError
from tune.fakes.server import Server
from tune.followup.check import check
from tune.plan.read_options import read_options
from tune.providers.base_url import is_loopback, is_private
from tune.providers.entries import Entry
from tune.providers.openai.access import key_variable, resolve_access
from tune.providers.trusted_hosts import confirm_hosts, host_lines, remember_hosts
from tune.runtime.best_json import read_deployment
from tune.runtime.deployment_record import deployment_record

KEY = "planted-openai-key"
ELSEWHERE = "https://models.example.test/v1"


@pytest.fixture(autouse=True)
def environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_BASE_URL", "OPENAI_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OTHER_KEY", "planted-other-key")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))


@pytest.mark.parametrize(
    ("environment_url", "url", "goes"),
    [
        (None, None, True),
        (None, "https://api.openai.com/v1", True),
        (None, "http://localhost:8000/v1", True),
        (None, "http://127.0.0.1:8000/v1", True),
        (None, "http://[::1]:8000/v1", True),
        (None, ELSEWHERE, False),
        (None, "https://api.openai.com.evil.test/v1", False),
        (None, "https://api.openai.com@evil.test/v1", False),
        (None, "https://evil.test/api.openai.com/v1", False),
        (None, "http://10.0.0.5:8000/v1", False),
        (None, "https://127.0.0.1.evil.test/v1", False),
        ("https://gateway.test/v1", None, True),
        ("https://gateway.test/v1", "https://gateway.test/other", True),
        ("https://gateway.test/v1", "https://api.openai.com/v1", False),
        ("https://gateway.test/v1", ELSEWHERE, False),
        ("https://gateway.test/v1", "http://localhost:1/v1", True),
    ],
)
def test_the_environments_key_goes_to_its_own_host_and_to_this_machine(
    environment_url: str | None,
    url: str | None,
    goes: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if environment_url:
        monkeypatch.setenv("OPENAI_BASE_URL", environment_url)
    assert key_variable(url, None) == ("OPENAI_API_KEY" if goes else None)
    assert key_variable(url, "OTHER_KEY") == "OTHER_KEY"
    if url == "https://api.openai.com/v1" and not goes:
        with pytest.raises(InputError, match="--key-env"):
            resolve_access(url, None, None, {})
    else:
        assert resolve_access(url, None, None, {}).key == (KEY if goes else None)
    assert resolve_access(url, None, "OTHER_KEY", {}).key == "planted-other-key"


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("0.0.0.0", True),
        ("10.1.2.3", True),
        ("192.168.1.9", True),
        ("100.64.1.1", True),
        ("fd00::1", True),
        ("vllm", True),
        ("box.local", True),
        ("llm.svc.cluster.local", True),
        ("8.8.8.8", False),
        ("::ffff:8.8.8.8", False),
        ("2001:4860:4860::8888", False),
        ("134744072", False),
        ("0x08080808", False),
        ("example.test", False),
        ("10.0.0.1.example.test", False),
    ],
)
def test_a_key_goes_unencrypted_through_private_networks_alone(
    host: str, private: bool
) -> None:
    address = f"http://[{host}]/v1" if ":" in host else f"http://{host}/v1"
    assert is_private(host) == private
    if private:
        assert resolve_access(address, None, "OTHER_KEY", {}).key
    else:
        with pytest.raises(InputError, match="unencrypted"):
            resolve_access(address, None, "OTHER_KEY", {})
        with pytest.raises(InputError, match="unencrypted"):
            resolve_access(
                address.replace("http://", "http://user:planted@"), None, None, {}
            )
        assert resolve_access(address, None, "OTHER_KEY", {}, allow_http=True).key
    assert resolve_access(address, None, None, {}).key == (
        KEY if is_loopback(host) else None
    )


# --- on the wire


def run(
    server: Server,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    own: bool,
    **options: Any,
) -> list[str]:
    """A small run against a server that is, or is not, taken for this machine; what was said."""
    if not own:
        monkeypatch.setattr(
            "tune.providers.openai.access.is_loopback", lambda host: False
        )
    told: list[str] = []
    from tune.tuner import run_study

    more: Any = {
        "target": "label",
        "base_url": server.base_url,
        "price": ["small=0.1/0.4"],
        "searcher": "random",
        "trials": 1,
        "results": folder / "study",
        **options,
    }
    run_study(
        read_options(data=WORLD.examples(30), space=SPACE, budget=0.002, **more),
        display=on_notices(told.append),
    )
    return told


@pytest.mark.parametrize(
    ("own", "named"), [(True, False), (False, False), (False, True)]
)
def test_a_host_is_sent_the_key_that_is_meant_for_it_or_none(
    own: bool, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Secret: planted-header")
    monkeypatch.setenv("OPENAI_ORG_ID", "planted-org")
    with Server(world=WORLD, keys={"planted-other-key"} if named else None) as server:
        options = {"key_env": "OTHER_KEY"} if named else {}
        told = run(server, tmp_path, monkeypatch, own=own, **options)
        headers = {name for seen in server.requests for name in seen.headers}
        host = server.base_url.removeprefix("http://").removesuffix("/v1")
    assert ("authorization" in headers) == (own or named)
    assert ("x-secret" in headers) == own, (
        "the environment's other headers are for its own host, too"
    )
    assert ("openai-organization" in headers) == own
    variable = "OTHER_KEY" if named else "OPENAI_API_KEY" if own else "none"
    assert [line for line in told if f"{variable} → {host} (small)" in line]
    assert any("--key-env" in line for line in told) == (not own and not named)


def test_a_host_that_wants_a_key_and_got_none_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(world=WORLD, keys={"planted-other-key"}) as server:
        with pytest.raises(
            TuneError,
            match="no key was sent there: name its environment variable with --key-env",
        ):
            run(server, tmp_path, monkeypatch, own=False)
        with pytest.raises(TuneError) as caught:
            run(server, tmp_path, monkeypatch, own=True, key_env="OPENAI_API_KEY")
    assert "--key-env" not in str(caught.value)


def test_the_estimate_says_where_keys_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.csv").write_text(
        "text,label\n" + "".join(f"t{i},b\n" for i in range(10))
    )
    words = [
        "estimate",
        "--data",
        "d.csv",
        "--model",
        "m",
        "--price",
        "m=1/1",
        "--base-url",
        ELSEWHERE,
    ]
    assert main(words) == 0
    assert (
        "none → models.example.test (m); OPENAI_API_KEY is not meant for it"
        in capsys.readouterr().out
    )
    assert main([*words, "--key-env", "OTHER_KEY"]) == 0
    assert "OTHER_KEY → models.example.test (m)" in capsys.readouterr().out


def test_one_line_for_each_host_and_variable() -> None:
    entries = [
        Entry("a", "a"),
        Entry("b", "b"),
        Entry("c", "c", base_url=ELSEWHERE, key_env="OTHER_KEY"),
        Entry("l", "local:smollm2"),
        Entry("d", "d", base_url=ELSEWHERE, headers={"api-key": {"env": "AZURE"}}),
    ]
    assert host_lines(entries) == [
        "keys: OPENAI_API_KEY → api.openai.com (a, b)",
        "keys: OTHER_KEY → models.example.test (c)",
        "keys: AZURE → models.example.test (d)",
    ]


@pytest.mark.parametrize("value", [None, " "])
def test_a_key_that_is_not_set_is_not_said_to_be_sent(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv("OPENAI_API_KEY")
    else:
        monkeypatch.setenv("OPENAI_API_KEY", value)
    here = Entry("a", "a", base_url="http://127.0.0.1:8080/v1")
    assert host_lines([here]) == ["keys: none → 127.0.0.1:8080 (a)"]
    # Without it, a run with these is refused before a call.
    assert host_lines([replace(here, key_env="MINE")]) == [
        "keys: MINE → 127.0.0.1:8080 (a)"
    ]
    assert host_lines([Entry("o", "o")]) == [
        "keys: OPENAI_API_KEY → api.openai.com (o)"
    ]


# --- what somebody else wrote


def exported(folder: Path, **model: Any) -> Path:
    """A `best.json` that names this model."""
    deployment = deployment_record(plan(), config())
    deployment["model"] |= model
    path = folder / "best.json"
    winner = {"holdout": QUALITY, "tuning": QUALITY}
    path.write_text(
        json.dumps(
            {"config": dict(config()), "winner": winner, "deployment": deployment}
        )
    )
    return path


@pytest.mark.parametrize(
    ("model", "asks"),
    [
        ({"base_url": None, "key_env": None}, False),
        ({"base_url": None, "key_env": "OPENAI_API_KEY"}, False),
        ({"base_url": "http://127.0.0.1:8000/v1", "key_env": None}, False),
        (
            {
                "base_url": "http://127.0.0.1:8000/v1",
                "key_env": "AWS_SECRET_ACCESS_KEY",
            },
            True,
        ),
        ({"base_url": None, "key_env": "AWS_SECRET_ACCESS_KEY"}, True),
        ({"base_url": ELSEWHERE, "key_env": None}, True),
        ({"base_url": ELSEWHERE, "key_env": "OPENAI_API_KEY"}, True),
        (
            {
                "base_url": "http://127.0.0.1:8000/v1",
                "key_env": None,
                "headers": {"x": {"env": "SSH"}},
            },
            True,
        ),
    ],
)
def test_a_best_json_names_its_host_and_its_variables_and_they_are_confirmed_once(
    model: dict[str, Any], asks: bool, tmp_path: Path
) -> None:
    path = exported(tmp_path, **model)
    if not asks:
        read_deployment(path)
        return
    with pytest.raises(InputError, match="--allow-host") as caught:
        read_deployment(path)
    for name in filter(None, [model["key_env"]]):
        assert name in str(caught.value)
    asked: list[str] = []

    def refuse(question: str) -> bool:
        asked.append(question)
        return False

    with pytest.raises(InputError):
        read_deployment(path, confirm=refuse)
    assert len(asked) == 1
    read_deployment(path, confirm=lambda _: True)
    read_deployment(path)  # once is enough
    path = exported(tmp_path, **model | {"key_env": "ANOTHER_VARIABLE"})
    with pytest.raises(InputError, match="ANOTHER_VARIABLE"):
        read_deployment(path)
    read_deployment(path, allow_host=[Entry("m", "m", **model).host])


def test_what_was_agreed_to_is_kept_for_the_user_alone_and_may_be_damaged(
    tmp_path: Path,
) -> None:
    entry = Entry("m", "m", base_url=ELSEWHERE, key_env="OTHER_KEY")
    remember_hosts([entry])
    place = Path(os.environ["XDG_CONFIG_HOME"]) / "tune" / "hosts.json"
    assert json.loads(place.read_text()) == {"models.example.test": ["OTHER_KEY"]}
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    confirm_hosts([entry], "best.json")
    for damaged in ("", "[1]", '{"models.example.test": 3}', "[" * 100_000):
        place.write_text(damaged)
        with pytest.raises(InputError, match="--allow-host"):
            confirm_hosts([entry], "best.json")


def test_ones_own_run_is_no_file_of_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(world=WORLD) as server:
        run(server, tmp_path, monkeypatch, own=False, key_env="OTHER_KEY")
        checked = check(tmp_path / "study", WORLD.examples(20), budget=0.001)
    assert checked.look.interval.n


def test_an_address_that_is_typed_gets_no_recorded_key(tmp_path: Path) -> None:
    path = exported(
        tmp_path, base_url=None, key_env="OPENAI_API_KEY", headers={"x": {"env": "SSH"}}
    )
    assert read_deployment(path, base_url=ELSEWHERE).entries["small"].variables == ()
    assert read_deployment(path, base_url=ELSEWHERE, key_env="OTHER_KEY").entries[
        "small"
    ].variables == ("OTHER_KEY",)


def test_check_tells_a_person_and_stops(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = exported(tmp_path, base_url=ELSEWHERE, key_env="OTHER_KEY")
    data = tmp_path / "d.csv"
    data.write_text("text,label\n" + "".join(f"t{i},b\n" for i in range(10)))
    assert main(["check", str(path), "--data", str(data), "--budget", "1"]) == 2
    assert (
        "the examples and the value of OTHER_KEY to models.example.test"
        in capsys.readouterr().err
    )
    with pytest.raises(TuneError):
        tune.tune(
            data,
            {"space": {"model": "m"}},
            budget=1.0,
            base_url="http://8.8.8.8/v1",
            key_env="OTHER_KEY",
            price={"m": tune.Price(1, 1)},
            results=tmp_path / "r",
        )


@pytest.mark.parametrize(
    "url",
    [
        "https://someone:planted@models.example.test/v1",
        "https://planted@models.example.test/v1",
        "https://models.example.test/v1?api-key=planted",
        "https://models.example.test/v1?api-version=1&api-key=planted",
    ],
)
def test_a_secret_in_an_address_is_told_and_not_shown(url: str) -> None:
    line, note = host_lines([Entry("m", "m", url), Entry("n", "n", ELSEWHERE)])[::2]
    assert line == "keys: what is in the address → models.example.test (m)"
    assert note.startswith("the address of m has a user, a password or a query in it")
    assert "planted" not in "".join((line, note))


@pytest.mark.parametrize(
    "url",
    [None, ELSEWHERE, f"{ELSEWHERE}?api-version=2024-10-21", f"{ELSEWHERE}#part"],
)
def test_an_address_without_a_secret_needs_no_word(url: str | None) -> None:
    assert len(host_lines([Entry("m", "m", url)])) == 1
