"""`benchmarks/worlds/answering.py`: a client of the real library, and bare connections, are
answered as the function says.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import openai
import pytest

from benchmarks.worlds.answering import answering, chat_completion

ROOT = Path(__file__).parent.parent.parent


def repeat(body: dict[str, Any], key: str) -> dict[str, Any]:
    """Say what was asked, n times, with the key that it came with."""
    text = f"{key}: {body['messages'][-1]['content']}"
    said = [(text, "stop")] * int(body.get("n") or 1)
    return chat_completion(
        3, body["model"], said, prompt_tokens=5, completion_tokens=2 * len(said)
    )


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = Request(
        f"{url}/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def asking(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def test_the_openai_client_reads_every_choice_the_usage_and_the_model() -> None:
    with (
        answering(repeat) as url,
        openai.OpenAI(base_url=url, api_key="secret", max_retries=0) as client,
    ):
        found = client.chat.completions.create(**asking("hello", n=2))
    assert [choice.message.content for choice in found.choices] == ["secret: hello"] * 2
    assert [choice.finish_reason for choice in found.choices] == ["stop"] * 2
    assert [choice.index for choice in found.choices] == [0, 1]
    assert (found.id, found.model) == ("chatcmpl-3", "m")
    assert found.usage is not None
    assert (
        found.usage.prompt_tokens,
        found.usage.completion_tokens,
        found.usage.total_tokens,
    ) == (
        5,
        4,
        9,
    )


def test_a_call_without_a_key_has_none() -> None:
    with answering(repeat) as url:
        assert (
            post(url, asking("hello"))["choices"][0]["message"]["content"] == ": hello"
        )


@pytest.mark.parametrize(
    ("error", "said"),
    [(ValueError("no such model"), "no such model"), (KeyError("n"), "'n'")],
)
def test_what_is_wrong_with_a_request_is_said_with_a_400(
    error: Exception, said: str
) -> None:
    def refuse(body: dict[str, Any], key: str) -> dict[str, Any]:
        raise error

    with answering(refuse) as url:
        with pytest.raises(HTTPError) as raised:
            post(url, asking("hello"))
        with raised.value as answer:
            assert answer.code == 400
            assert json.load(answer) == {
                "error": {"message": said, "type": "invalid_request_error"}
            }


def test_a_connection_is_kept_for_the_next_call() -> None:
    with answering(repeat) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        ports = []
        for text in ("one", "two"):
            connection.request("POST", "/v1/chat/completions", json.dumps(asking(text)))
            assert (
                json.load(connection.getresponse())["choices"][0]["message"]["content"]
                == f": {text}"
            )
            ports.append(connection.sock.getsockname()[1])
        connection.close()
    assert ports[0] == ports[1]


def test_calls_side_by_side_are_answered_side_by_side() -> None:
    both = threading.Barrier(2, timeout=10)

    def wait(body: dict[str, Any], key: str) -> dict[str, Any]:
        both.wait()
        return repeat(body, key)

    with answering(wait) as url, ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda text: post(url, asking(text)), ["a", "b"]))
    assert [each["choices"][0]["message"]["content"] for each in found] == [
        ": a",
        ": b",
    ]


def test_after_the_block_nobody_answers() -> None:
    with answering(repeat) as url:
        pass
    with pytest.raises(URLError):
        post(url, asking("hello"))


def test_it_needs_the_standard_library_alone() -> None:
    """The agents' script imports it in an environment where tune is not installed."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-S", "-c", "import benchmarks.worlds.answering"]
    subprocess.run(command, cwd=ROOT, env=clean, check=True)
