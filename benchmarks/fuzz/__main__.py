"""uv run --all-extras --group dev python -m benchmarks.fuzz [--seconds 600]

Question: can invented input break tune? No key, no dollar; it writes nothing.

It makes up answers, data files, space files and records of studies at random. Each of them is
either read, or refused by an error of ours in one line. Nothing else is raised, no secret is shown,
and what was read has the properties that callers rely on. `test_fuzz.py` tries a few inputs of each
kind.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.command_line import make_parser
from tune.completion import Message, Request
from tune.errors import InputError, ProviderError
from tune.plan.make import make_plan
from tune.plan.read_options import read_options
from tune.providers.openai import exchange
from tune.providers.openai.endpoint import OpenAIEndpoint
from tune.providers.openai.sender import RawReply, SendFault
from tune.providers.openai.unpack import Unpacker, UnreadableAnswer
from tune.runtime.best_json import read_deployment
from tune.runtime.deployment_record import deployment_record
from tune.safety.untrusted import read_json
from tune.task.load import load_data

KEY = "sk-planted-fuzz-0123456789"
ROWS = [{"id": str(i), "text": f"ticket {i}", "label": "ab"[i % 2]} for i in range(20)]

TARGETS: dict[str, tuple[Callable[..., None], dict[str, Any]]] = {}
"""Each kind by its name: what tries it, and what its arguments are made up from."""


def made_up(**strategies: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register what tries a kind."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        TARGETS[function.__name__] = function, strategies
        return function

    return register


odd = st.sampled_from(
    [
        "",
        "\x00",
        "\x1b[2J",
        "\ud800",
        "\u202e",
        "{text}",
        "{0.__class__}",
        "%s",
        "NaN",
        "1e999",
        "../../x",
        "a" * 1000,
        f"Bearer {KEY}",
        "<think>",
        "</think>",
        "```python\n",
        "-1",
        "١٢",
        "\n",
        "\ufeff",
        "null",
    ]
)
numbers = (
    st.integers()
    | st.floats()
    | st.sampled_from([0, -1, 1, 2**31, 2**63, 10**400, float("nan"), float("inf")])
)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=20) | odd
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5) | odd, inner, max_size=4)
    ),
    max_leaves=12,
)


def mixed(
    known: Mapping[str, Any], inner: st.SearchStrategy[Any] = values
) -> st.SearchStrategy[dict[str, Any]]:
    """Records with some of the known names, each with what belongs there or with anything, and
    other names.
    """
    fields = {
        name: (st.just(value) if not isinstance(value, st.SearchStrategy) else value)
        | inner
        for name, value in known.items()
    }
    rest = st.dictionaries(st.text(max_size=5) | odd, inner, max_size=2)
    return st.builds(
        lambda own, more: more | own, st.fixed_dictionaries({}, optional=fields), rest
    )


# --- answers

usage = mixed(
    dict.fromkeys(
        (
            "prompt_tokens",
            "completion_tokens",
            "total_tokens",
            "cost",
            "cost_in_usd_ticks",
            "input_tokens",
        ),
        7,
    )
    | {
        "prompt_tokens_details": mixed({"cached_tokens": 3}),
        "completion_tokens_details": mixed({"reasoning_tokens": 3}),
    }
)
message = mixed(
    {
        "role": "assistant",
        "content": "praise",
        "reasoning_content": "hm",
        "refusal": None,
        "tool_calls": [],
    }
)
choice = mixed(
    {
        "index": 0,
        "message": message,
        "text": "praise",
        "finish_reason": "stop",
        "logprobs": mixed(
            {
                "content": st.lists(mixed({"token": "praise"}), max_size=3),
                "tokens": ["praise"],
            }
        ),
    }
)
error = mixed(
    {
        "message": "bad",
        "type": "invalid_request_error",
        "code": 429,
        "param": "n",
        "status": "X",
        "metadata": mixed({"raw": "{}", "retryDelay": "3s"}),
        "details": values,
    }
)
body = mixed(
    {
        "id": "x",
        "model": "small",
        "choices": st.lists(choice, max_size=3) | values,
        "usage": usage,
        "service_tier": "flex",
        "error": error,
        "timings": mixed({"predicted_n": 3}),
        "x": values,
    }
)
packings: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": bytes,
    "br": bytes,
}
headers = st.fixed_dictionaries(
    {},
    optional={
        "retry-after": st.text(
            st.characters(min_codepoint=32, max_codepoint=126), max_size=12
        )
        | st.just("9e99"),
        "x-ratelimit-reset-requests": st.sampled_from(["6m0s", "1e9s", "x"]),
        "content-type": st.just("text/html"),
    },
)


class Scripted:
    """Answers what it is told, in place of the network."""

    reply: tuple[int, dict[str, str], bytes] = (200, {}, b"")

    def __init__(self, *_: Any) -> None:
        pass

    async def send(self, _path: str, _body: Mapping[str, Any] | None) -> RawReply:
        """Answer one request."""
        status, said, raw = Scripted.reply
        try:
            answer = Unpacker(said.get("content-encoding", ""))
            answer.feed(raw)
            return RawReply(status, said, answer.content())
        except UnreadableAnswer as error:
            raise SendFault("unreadable", str(error)) from None

    async def close(self) -> None:
        """Close nothing."""


@made_up(
    status=st.sampled_from(
        [200, 200, 200, 200, 201, 307, 400, 401, 404, 408, 413, 422, 429, 500, 503, 529]
    ),
    answer=st.one_of(body, body, values, st.binary(max_size=40)),
    packing=st.sampled_from(sorted(packings)),
    said=headers,
    draws=st.integers(1, 3),
)
def answers(
    status: int, answer: Any, packing: str, said: dict[str, str], draws: int
) -> None:
    """An answer of a service."""
    raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    Scripted.reply = (
        status,
        {**said, **({"content-encoding": packing} if packing else {})},
        packings[packing](raw),
    )
    asyncio.run(_ask(draws))


async def _ask(draws: int) -> None:
    exchange.Transport, kept = Scripted, exchange.Transport  # type: ignore[misc, assignment]
    endpoint = OpenAIEndpoint("small", base_url="http://127.0.0.1:9/v1", api_key=KEY)
    request = Request(
        endpoint.service, "small", (Message("user", "Ticket?"),), 40, stop=("\n\n",)
    )
    try:
        found = await endpoint.complete(request, range(draws))
    except ProviderError as refused:
        if KEY in str(refused) or "\n" in str(refused):
            raise AssertionError(f"not one line without the key: {refused!r}") from None
    else:
        assert 0 < len(found) <= draws
        for draw in found:
            assert KEY not in repr(draw)
            assert draw.completion_tokens >= 0
            assert draw.prompt_tokens >= 0
    finally:
        exchange.Transport = kept  # type: ignore[misc]
        await endpoint.close()


# --- files

rows = st.lists(
    mixed(
        {
            "id": st.integers(0, 9),
            "text": "ticket",
            "label": st.sampled_from("ab"),
            "split": "train",
        }
    )
)
table = st.lists(
    st.lists(
        st.text(max_size=6) | odd | st.sampled_from(["text", "label"]), max_size=4
    ),
    max_size=6,
)


def _csv(cells: list[list[str]]) -> bytes:
    return "\n".join(",".join(line) for line in cells).encode("utf-8", "surrogatepass")


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


files = st.one_of(
    st.tuples(
        st.just(".json"), rows.map(_json) | values.map(_json) | st.binary(max_size=60)
    ),
    st.tuples(
        st.just(".jsonl"),
        rows.map(lambda each: b"\n".join(map(_json, each))) | st.binary(max_size=60),
    ),
    st.tuples(
        st.sampled_from([".csv", ".tsv"]), table.map(_csv) | st.binary(max_size=60)
    ),
    st.tuples(
        st.just(".parquet"),
        st.binary(max_size=60).map(lambda raw: b"PAR1" + raw + b"PAR1"),
    ),
)


def _one_line(refused: BaseException) -> None:
    if not str(refused).strip():
        raise AssertionError("an error without a word")


@made_up(file=files)
def data_files(file: tuple[str, bytes]) -> None:
    """A data file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"data{file[0]}"
        path.write_bytes(file[1])
        try:
            data = load_data(path)
        except InputError as refused:
            _one_line(refused)
        else:
            assert len(data.examples) >= 2
            assert all(
                isinstance(text, str)
                for example in data.examples
                for text in example.inputs.values()
            )


domain = st.one_of(
    st.lists(scalars, max_size=3),
    scalars,
    mixed({"low": 1, "high": 9, "integer": True, "log": True, "step": 1}),
)
names = (
    "model",
    "prompt",
    "temperature",
    "top_p",
    "n",
    "max_tokens",
    "stop",
    "aggregate",
    "reasoning_effort",
)
templates = mixed(
    {
        "short": "Label: {text}",
        "file": mixed({"file": "x.txt"}),
        "few": mixed(
            {
                "messages": st.lists(
                    mixed({"role": "user", "content": "{text}"}), max_size=2
                ),
                "shots": 2,
                "text": "{text}",
                "shot": st.lists(
                    mixed({"role": "user", "content": "{text}"}), max_size=2
                ),
                "raw": True,
            }
        ),
    }
)
rule = mixed(
    {
        "pattern": r"(\w+)$",
        "labels": ["a", "b"],
        "json": "a.b",
        "number": True,
        "code": True,
        "which": "last",
        "group": 1,
        "lower": True,
        "by": mixed({"short": mixed({"number": True})}),
    }
)
entry = mixed(
    {
        "model": "small",
        "base_url": "http://127.0.0.1:9/v1",
        "key_env": "SOME_KEY",
        "price": [1, 2],
        "alias": "a",
        "headers": mixed({"x": mixed({"env": "A"})}),
        "timeout": 3,
        "api_key": KEY,
    }
)
space = st.fixed_dictionaries(
    {
        "space": mixed(
            dict.fromkeys(names, domain) | {"model": ["small"], "prompt": templates}
        )
    },
    optional={
        "answer": rule | values,
        "models": mixed({"small": entry}) | st.lists(entry, max_size=2) | values,
        "when": mixed({"small": mixed(dict.fromkeys(names, domain))}),
        "metric": st.just("exact_match") | values,
    },
)


@made_up(record=space | values)
def spaces(record: Any) -> None:
    """A space, as a file or a mapping holds it."""
    if not isinstance(record, dict):
        record = {"space": record}
    try:
        make_plan(
            read_options(
                data=ROWS,
                space=record,
                budget=1.0,
                price=["small=0.1/0.4"],
                target="label",
            )
        )
    except InputError as refused:
        _one_line(refused)


@made_up(
    text=st.text(max_size=60)
    | st.binary(max_size=60)
    | st.sampled_from(["[space]\nmodel = [", "a." * 2000 + "a=1"])
)
def space_files(text: str | bytes) -> None:
    """A space file whose text is no TOML, or nearly."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "space.toml"
        path.write_bytes(
            text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        )
        try:
            make_plan(
                read_options(
                    data=ROWS,
                    space=path,
                    budget=1.0,
                    price=["small=0.1/0.4"],
                    target="label",
                )
            )
        except InputError as refused:
            _one_line(refused)


def _exported() -> dict[str, Any]:
    plan = make_plan(
        read_options(
            data=ROWS,
            space={"space": {"model": ["small"], "prompt": {"short": "Label: {text}"}}},
            budget=1.0,
            price=["small=0.1/0.4"],
            target="label",
        )
    )
    quality = {"mean": 0.5, "low": 0.4, "high": 0.6, "examples": 9}
    winner = {"holdout": quality, "tuning": quality}
    config = dict(plan.baseline)
    return {
        "config": config,
        "winner": winner,
        "deployment": deployment_record(plan, plan.baseline, [0.0, 1.0]),
    }


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [
        path,
        *(place for name, each in inner for place in _places(each, (*path, name))),
    ][:400]


EXPORTED = json.dumps(_exported(), default=list)
PLACES = _places(json.loads(EXPORTED))[1:]


@made_up(
    changes=st.lists(
        st.tuples(st.sampled_from(PLACES), values | st.just(...)), max_size=3
    )
)
def records(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    """A `best.json` that somebody changed; `...` takes a place away."""
    record = json.loads(EXPORTED)
    for place, value in changes:
        inner = record
        try:
            for name in place[:-1]:
                inner = inner[name]
            if value is ...:
                del inner[place[-1]]
            else:
                inner[place[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took it away
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "best.json"
        path.write_bytes(_json(record))
        try:
            read_deployment(path)
        except InputError as refused:
            _one_line(refused)


@made_up(
    text=st.text(max_size=40)
    | st.binary(max_size=40)
    | st.integers(1, 3000).map(lambda deep: "[" * deep + "]" * deep)
)
def texts(text: str | bytes) -> None:
    """JSON, or what is taken for it."""
    try:
        read_json(text)
    except ValueError as refused:
        _one_line(refused)


def run(name: str, examples: int, number: int | None = None) -> None:
    """Try so many of one kind; a failure is raised with the input that shows it."""
    function, strategies = TARGETS[name]
    target = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=True,
    )(given(**strategies)(function))
    (target if number is None else seed(number)(target))()


def main(argv: Sequence[str] | None = None) -> int:
    """Try all kinds in turn until the time is over."""
    parser = make_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    options = parser.parse_args(argv)
    os.environ.setdefault("XDG_CONFIG_HOME", tempfile.mkdtemp())
    ends, number, done = time.monotonic() + options.seconds, 0, 0
    while time.monotonic() < ends:
        for name in TARGETS:
            run(name, 200, number)
            done += 200
        number += 1
        print(
            f"{done:,} inputs, {max(0, ends - time.monotonic()):.0f} s left", flush=True
        )
    print(f"nothing was found in {done:,} inputs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
