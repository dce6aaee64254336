"""Where a service is, how we are let in, and that no secret of it is ever shown."""

from __future__ import annotations

import logging

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tune.errors import InputError
from tune.providers.openai.access import Access, resolve_access
from tune.safety.redact import DUMMIES, LOG_FILTER

KEY = "sk-proj-PLANTED0123456789"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_CUSTOM_HEADERS",
        "OTHER_KEY",
    ):
        monkeypatch.delenv(name, raising=False)


def access(
    base_url: str | None = None,
    key: str | None = None,
    env: str | None = None,
    **headers: str,
) -> Access:
    return resolve_access(base_url, key, env, headers)


@pytest.mark.parametrize(
    ("base_url", "place"),
    [
        (None, "api.openai.com/v1"),
        ("https://api.openai.com/v1/", "api.openai.com/v1"),
        ("http://localhost:8000/v1", "localhost:8000/v1"),
        ("http://LOCALHOST", "localhost"),
        ("https://user:pass@host.example/a/b?key=k12345#f", "host.example/a/b"),
        ("http://[::1]:80/v1", "[::1]:80/v1"),
    ],
)
def test_a_place_is_host_port_and_path(base_url: str | None, place: str) -> None:
    there = access(base_url, KEY)
    assert there.place == place
    assert there.url.endswith("://" + place)
    assert there.is_openai == place.startswith("api.openai.com")


def test_the_environment_is_asked_for_what_is_not_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", " from-environment\n")
    monkeypatch.setenv("OTHER_KEY", "another")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    assert (access().key, access().place) == ("from-environment", "elsewhere/v1")
    assert access(env="OTHER_KEY").key == "another"
    assert access("http://here", "given").key == "given"


def test_a_server_of_ones_own_needs_no_key_but_openai_does() -> None:
    assert access("http://localhost:8080/v1").key is None
    with pytest.raises(InputError, match="OPENAI_API_KEY"):
        access()
    with pytest.raises(InputError, match="OTHER_KEY"):
        access("http://localhost:8080/v1", env="OTHER_KEY")


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://h/v1",
        "http://",
        "http://h:port/v1",
        "http://[::1/v1",
        "v1",
    ],
)
def test_what_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="base URL"):
        access(url, KEY)


def test_a_refused_base_url_shows_no_secret() -> None:
    with pytest.raises(InputError) as caught:
        access("htp://user:hunter22@host/v1?token=swordfish", KEY)
    assert "hunter22" not in str(caught.value)
    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "headers"), [("sk-ключ", {}), ("sk-a\nb", {}), ("k", {"X-Key": "a\r\nb"})]
)
def test_what_no_header_can_hold_is_refused_and_not_shown(
    key: str, headers: dict[str, str]
) -> None:
    with pytest.raises(InputError) as caught:
        resolve_access("http://h", key, "OPENAI_API_KEY", headers)
    assert key not in str(caught.value)
    assert "a\r\nb" not in str(caught.value)


def test_user_information_becomes_basic_authorisation() -> None:
    there = access("http://us%40er:p%20w@h/v1")
    assert there.headers == {"Authorization": "Basic dXNAZXI6cCB3"}
    assert there.url == "http://h/v1"


def test_nothing_secret_survives_the_scrubbing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "OPENAI_CUSTOM_HEADERS", "X-One: custom-planted\nX-Two: Bearer two-planted"
    )
    there = access(
        "http://name:pass%20planted@h/v1?code=query%20planted&v=1",
        KEY,
        api="header-planted",
    )
    text = (
        f"{KEY} pass%20planted pass planted query planted code=query%20planted header-planted "
        f"custom-planted "
        f"two-planted sk-proj-ab********yz Bearer eyJhbGciOi.x Basic dXNAZXI6cCB3 harmless"
    )
    said = there.scrubber.words(text)
    assert "harmless" in said
    for piece in ("PLANTED", "planted", "sk-proj", "eyJ", "dXNA"):
        assert piece not in said
    assert "planted" not in repr(there)
    assert KEY not in repr(there)


def test_decoded_json_is_scrubbed_to_its_depth() -> None:
    there = access("http://h", KEY)
    body = {"error": {"message": f"bad {KEY}", KEY: [1, None, f"{KEY}!"]}}
    assert there.scrubber.error(body) == {
        "error": {"message": "bad [hidden]", "[hidden]": [1, None, "[hidden]!"]}
    }


def test_dummies_and_short_words_are_not_hidden() -> None:
    there = access("http://h/v1?v=1")
    assert there.scrubber.words("no-key is no key, v=1") == "no-key is no key, v=1"


@given(
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=8),
    st.text(),
    st.text(),
)
def test_a_key_is_hidden_wherever_it_stands(key: str, before: str, after: str) -> None:
    assume(key.lower() not in DUMMIES)
    assert key not in access("http://h", key).scrubber.words(
        before + key + after
    ).replace("[hidden]", "")


def test_what_others_log_is_scrubbed(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("somebody's client")
    access("http://h/v1?code=query-planted", KEY)
    log.addFilter(LOG_FILTER)
    with caplog.at_level(logging.INFO, logger="somebody's client"):
        log.info("%s %s %d", "GET", "http://h/v1?code=query-planted", 200)
        log.info("no arguments")
        log.info("%(a)s", {"a": 1})
    log.removeFilter(LOG_FILTER)
    assert caplog.messages == ["GET http://h/v1?[hidden] 200", "no arguments", "1"]


@pytest.mark.parametrize(
    ("base_url", "bills"),
    [
        ("https://mine.openai.azure.com/openai/v1", True),
        ("https://mine.cognitiveservices.azure.com/openai/v1", True),
        ("https://mine.services.ai.azure.com/models", True),
        ("http://127.0.0.1:9/openai/deployments/gpt/", True),
        ("https://api.x.ai/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://openai.azure.com.example.org/v1", False),
        ("https://notapi.x.ai/v1", False),
    ],
)
def test_hosts_that_bill_refused_prompts_are_known(base_url: str, bills: bool) -> None:
    assert access(base_url, KEY).bills_refusals == bills
