"""`transformers serve` with a small model: what it answers, ignores and refuses.

`.ci/real-servers transformers` installs the server, makes the model's folder, and runs this file.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.real_server import serving
from tune.completion import Message, Request
from tune.errors import ParameterRejected
from tune.providers.capabilities import Capabilities
from tune.providers.openai.endpoint import OpenAIEndpoint
from tune.providers.splitting import Splitting

SERVER = os.environ.get("TRANSFORMERS_COMMAND", "")
MODEL = os.environ.get("TRANSFORMERS_MODEL", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not SERVER, reason="the server is not here: .ci/real-servers transformers"
    ),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running server."""

    def words(port: int) -> list[str]:
        return [SERVER, "serve", "--port", str(port), "--device", "cpu"]

    log = tmp_path_factory.mktemp("transformers") / "log"
    with serving(words, log, {"HF_HUB_OFFLINE": "1"}, seconds=180) as address:
        yield address


@pytest.fixture
async def endpoint(url: str) -> AsyncIterator[OpenAIEndpoint]:
    opened = OpenAIEndpoint(MODEL, base_url=url, capabilities=Capabilities())
    yield opened
    await opened.close()


def ask(endpoint: OpenAIEndpoint, **settings: float) -> Request:
    prompt = (Message("user", "Write one word for a colour."),)
    return Request(
        endpoint.service, MODEL, prompt, 6, settings=tuple(sorted(settings.items()))
    )


async def test_it_answers_once_whatever_n_is_asked_for_and_counts_its_tokens(
    endpoint: OpenAIEndpoint,
) -> None:
    draws = await Splitting(endpoint, endpoint).complete(ask(endpoint), range(2))
    assert len(draws) == 2
    assert endpoint.most_n == 1, "it ignores n, so it is asked once for each answer"
    assert endpoint.estimated_usage == 0
    for draw in draws:
        assert 0 < draw.completion_tokens <= 6
        assert draw.prompt_tokens > 0


async def test_a_field_that_it_does_not_know_is_refused_by_name(
    endpoint: OpenAIEndpoint,
) -> None:
    with pytest.raises(ParameterRejected) as found:
        await endpoint.complete(ask(endpoint, top_k=20), range(1))
    assert found.value.parameter == "top_k"
