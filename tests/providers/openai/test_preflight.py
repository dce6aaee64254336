"""The check before any money is spent: the key is let in, and the model is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.support.nobody import nobody_listens
from tune.errors import EndpointError
from tune.fakes.server import Model, Server
from tune.providers.openai.endpoint import OpenAIEndpoint
from tune.providers.openai.preflight import is_same_model, listed_models

Open = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_CUSTOM_HEADERS",
        "OPENAI_ADMIN_KEY",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def start() -> AsyncIterator[Open]:
    """Starts a server, and an endpoint for it; both are closed in the end."""
    async with AsyncExitStack() as stack:

        async def start(
            model: str = "small",
            *,
            options: dict[str, Any] | None = None,
            **server: Any,
        ) -> Any:
            running = await stack.enter_async_context(
                Server(**({"models": {model: Model()}} | server))
            )
            endpoint = OpenAIEndpoint(
                model, **({"base_url": running.base_url} | (options or {}))
            )
            stack.push_async_callback(endpoint.close)
            return running, endpoint

        yield start


async def test_preflight_passes_where_key_and_model_are_right(start: Open) -> None:
    server, endpoint = await start(keys=["k"], options={"api_key": "k"})
    await endpoint.preflight()
    assert (len(server.requests), server.bill) == (1, 0)


async def test_preflight_says_which_key_is_not_set(start: Open) -> None:
    server, endpoint = await start(keys=["k"])
    with pytest.raises(EndpointError) as caught:
        await endpoint.preflight()
    assert str(caught.value) == (
        f"model 'small' at {server.base_url} asks for a key; no key was sent there: set the "
        "environment variable OPENAI_API_KEY, or name another one with --key-env (key_env)"
    )


async def test_preflight_finds_a_wrong_key_without_showing_it(start: Open) -> None:
    _, endpoint = await start(keys=["right"], options={"api_key": "wrong-planted-key"})
    with pytest.raises(EndpointError, match="401") as caught:
        await endpoint.preflight()
    assert "planted" not in str(caught.value)


async def test_preflight_finds_an_unknown_model_and_says_which_there_are(
    start: Open,
) -> None:
    server, _ = await start(models=["tiny", "huge"])
    endpoint = OpenAIEndpoint("small", base_url=server.base_url)
    with pytest.raises(EndpointError, match=r"'small' does not exist.*huge, tiny"):
        await endpoint.preflight()
    await endpoint.close()


@pytest.mark.parametrize(
    ("listed", "ours"),
    [("llama3:latest", "llama3"), ("models/gemini", "gemini"), ("a/b", "a/b:free")],
)
async def test_preflight_knows_a_model_by_its_other_names(
    start: Open, listed: str, ours: str
) -> None:
    server, _ = await start(models=[listed])
    endpoint = OpenAIEndpoint(ours, base_url=server.base_url)
    assert await endpoint.preflight() == ""
    await endpoint.close()


async def test_a_model_that_the_list_leaves_out_is_told_before_the_first_dollar(
    start: Open,
) -> None:
    """As the server of a public report: a list without the model, and a plain 404 for it that names
    nothing.
    """
    server, _ = await start(models=["small"], shows_models=False)
    endpoint = OpenAIEndpoint("big", base_url=server.base_url)
    assert "'big' at " in (said := await endpoint.preflight())
    assert (
        "is not among the models that are listed there (small), and may not exist"
        in said
    )
    await endpoint.close()


async def test_preflight_is_content_where_there_is_no_list(start: Open) -> None:
    _, endpoint = await start(lists_models=False)
    await endpoint.preflight()


async def test_preflight_finds_that_nobody_is_there() -> None:
    with nobody_listens() as address:
        secret = address.replace("//", "//user:planted-word@") + "?k=planted-too"
        endpoint = OpenAIEndpoint("small", base_url=secret)
        with pytest.raises(EndpointError, match=address) as caught:
            await endpoint.preflight()
        await endpoint.close()
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"data": [{"id": "a"}, {"id": 5}, "b", {"id": "c"}]}, ["a", "c"]),
        ({"data": "a"}, []),
        (["a"], []),
        (None, []),
    ],
)
def test_the_names_in_a_list_are_read_where_it_is_one(
    body: object, names: list[str]
) -> None:
    assert listed_models(body) == names


def test_a_model_is_known_by_its_other_names_and_no_others() -> None:
    assert is_same_model("x", "models/x")
    assert is_same_model("x:free", "x")
    assert not is_same_model("x", "x:free")
    assert not is_same_model("x", "y")
