"""A caller asks one configuration: it renders, draws, cuts, extracts and chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.checks import export
from tune.errors import EndpointError, InputError
from tune.fakes.faults import Model
from tune.fakes.server import Server
from tune.providers.retrying import RetryPolicy
from tune.runtime.ask import Ask
from tune.runtime.caller import Caller, CallerMoney, receipts_kept
from tune.runtime.recorded import Given, read_config


def caller(folder: Path, server: Server, **config: Any) -> Caller:
    tuned = read_config(export(folder, server, **config), Given())
    made = Caller(tuned, concurrency=8, retry=RetryPolicy(attempts=1))
    made.connect(CallerMoney())
    return made


async def test_it_asks_for_all_draws_in_one_call_where_the_service_takes_n(
    server: Server, tmp_path: Path
) -> None:
    made = caller(tmp_path, server, n=5, aggregate="vote", temperature=1.0)
    with receipts_kept() as receipts:
        drawn = await made.draw(Ask({"text": "Ticket #1"}), range(5))
    await made.close()
    assert len(drawn) == 5
    assert [one.body["n"] for one in server.posts] == [5]
    assert sum(one.cost for one in receipts) == server.bill
    assert made.tally.usage.draws == 5


async def test_it_asks_in_calls_where_the_service_does_not_take_n(
    tmp_path: Path,
) -> None:
    model = Model(0.1, 0.4, refuses=frozenset({"n"}))
    with Server(models={"small": model}) as server:
        made = caller(tmp_path, server, n=3, aggregate="vote", temperature=1.0)
        for _ in range(2):
            assert len(await made.draw(Ask({"text": "Ticket #1"}), range(3))) == 3
        await made.close()
        asked = [one for one in server.posts if one.status == 200]
    # The refusal is learned: one refused call, then one for each draw.
    assert len(server.posts) == 1 + len(asked) == 1 + 6
    assert len({one.body["seed"] for one in asked}) == 3


async def test_an_endpoint_that_was_gone_from_the_start_is_bad_input(
    server: Server, tmp_path: Path
) -> None:
    made = caller(tmp_path, server)
    known = EndpointError("no such model")
    # The model is there, so the error is what it is.
    assert await made.explain(known) is known
    await made.close()
    path = export(tmp_path, server)
    text = path.read_text().replace(
        '"model": "small", "base_url"', '"model": "gone", "base_url"'
    )
    path.write_text(text)
    gone = Caller(
        read_config(path, Given()), concurrency=8, retry=RetryPolicy(attempts=1)
    )
    found = await gone.explain(known)
    await gone.close()
    assert isinstance(found, InputError)
    assert "gone" in str(found)
    assert "cannot be called" in str(found)


async def test_a_model_in_process_takes_plain_messages_only(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server)
    path.write_text(
        path.read_text().replace(
            '"model": "small", "base_url"', '"model": "local:x", "base_url"'
        )
    )
    made = Caller(read_config(path, Given()), concurrency=8, retry=RetryPolicy())
    tools = Ask(messages=[{"role": "user", "content": "x"}], passed={"tools": []})
    with pytest.raises(InputError, match="plain messages only"):
        await made.draw(tools, range(1))
