"""The served table bills exactly, the peer is judged fairly, and its failures are told and not
counted.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.ecooptigen import __main__ as ecooptigen
from benchmarks.ecooptigen.peer import answer, judge, template
from benchmarks.ecooptigen.result import (
    Race,
    gain,
    judged,
    peer_table,
    regret_table,
    verdicts,
    write_result,
)
from benchmarks.worlds.replay import Cell, ReplayEndpoint, Table, told, worth
from benchmarks.worlds.served import Served, nearest
from tune.completion import Request
from tune.pricing.prices import Price
from tune.space import Space

PRICES = {"small": Price(0.10, 0.40), "large": Price(1.0, 4.0)}
TARGETS = ("a", "b", "a", "b", "a", "b")


def made(**changes: Any) -> Table:
    """Two models and a shared prompt; the large model is right, the small one never; `own` is the
    small one's alone.
    """
    cells, caps = {}, {}
    for model, prompt in (("small", "p"), ("small", "own"), ("large", "p")):
        for temperature in (0.0, 0.5, 1.0):
            says = [target if model == "large" else "c" for target in TARGETS]
            cell = Cell(model, prompt, temperature)
            cells[cell] = [
                [
                    told(said, 4 + i, ended=True, prompt_tokens=20 + example)
                    for i in range(5)
                ]
                for example, said in enumerate(says)
            ]
            caps[cell] = 60 if prompt == "own" else 16
    return Table(
        **{
            "name": "made",
            "cells": cells,
            "caps": caps,
            "targets": TARGETS,
            "prices": PRICES,
            **changes,
        }
    )


def body(text: str = "p 0", **changes: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {
        "model": "large",
        "messages": messages,
        "max_tokens": 16,
        "temperature": 0.5,
        "n": 1,
        **changes,
    }


def texts(reply: dict[str, Any]) -> list[str]:
    return [choice["message"]["content"] for choice in reply["choices"]]


# --- the server


def test_the_bill_is_the_chatters_a_call_and_every_answer_at_the_tables_price() -> None:
    served, due = Served(made(), 0), 0
    for model, n, example in (("large", 3, 0), ("small", 1, 5), ("large", 9, 2)):
        usage = served.respond(body(f"p {example}", model=model, n=n))["usage"]
        assert usage["prompt_tokens"] == 20 + example
        assert 4 * n <= usage["completion_tokens"] <= 8 * n
        assert (
            usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        )
        due += PRICES[model].cost(usage["prompt_tokens"], usage["completion_tokens"])
    assert served.picodollars == due
    assert served.dollars == pytest.approx(due / 1e12)
    assert (served.calls, served.draws) == (3, 13)


def test_answers_are_the_draws_of_the_replay_in_order_and_none_comes_twice() -> None:
    table = made()
    served, endpoint = Served(table, 7), ReplayEndpoint(table, 7)
    asked = Request(
        endpoint.service, "large", "p 3", 16, settings=(("temperature", 0.5),)
    )
    got = texts(served.respond(body("p 3", n=2))) + texts(
        served.respond(body("p 3", n=4))
    )
    assert got == [endpoint.draw(asked, number).text for number in range(6)]
    # Another cap is another request, with draws of its own.
    assert texts(served.respond(body("p 3", max_tokens=15))) == [
        endpoint.draw(
            Request(
                endpoint.service, "large", "p 3", 15, settings=(("temperature", 0.5),)
            ),
            0,
        ).text
    ]


@given(cap=st.integers(1, 40), n=st.integers(1, 5), example=st.integers(0, 5))
def test_no_answer_is_longer_than_its_cap(cap: int, n: int, example: int) -> None:
    served = Served(made(), 0)
    reply = served.respond(body(f"p {example}", max_tokens=cap, n=n))
    assert len(reply["choices"]) == n
    assert reply["usage"]["completion_tokens"] <= n * cap
    for choice in reply["choices"]:
        words = choice["message"]["content"].split()
        assert len(words) <= cap
        # Recorded answers have 4 to 8 tokens, the last of which is no word but the end.
        assert cap < 8 or choice["finish_reason"] == "stop"
        assert cap > 3 or choice["finish_reason"] == "length"
        assert choice["finish_reason"] == "length" or words[-1] == TARGETS[example]


def test_a_stop_string_ends_the_answer_and_what_follows_is_not_billed() -> None:
    served = Served(made(), 0)
    for stop in (" a", [" b", " a"]):
        reply = served.respond(body("p 0", stop=stop))
        assert texts(reply)[0].strip(" .") == ""
        assert reply["choices"][0]["finish_reason"] == "stop"
        assert reply["usage"]["completion_tokens"] == len(texts(reply)[0].split()) + 1


def test_a_temperature_between_two_counts_as_the_nearest_and_an_unknown_prompt_is_refused() -> (
    None
):
    table = made()
    assert nearest(table, "small", "p", 0.3).temperature == 0.5
    assert nearest(table, "small", "p", 2.0).temperature == 1.0
    served = Served(table, 0)
    asked = Request("replay:made", "large", "p 0", 16, settings=(("temperature", 1.0),))
    assert texts(served.respond(body(temperature=0.8))) == [
        ReplayEndpoint(table, 0).draw(asked, 0).text
    ]
    for wrong in (body("own 0"), body("p 6"), body("p"), body(model="other")):
        with pytest.raises(ValueError, match="the table has"):
            served.respond(wrong)
    assert served.calls == 1


def test_the_server_speaks_http_and_keeps_the_connection() -> None:
    with Served(made(), 0) as served:
        host, _, port = (
            served.url.removeprefix("http://").removesuffix("/v1").partition(":")
        )
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        for number, (sent, status) in enumerate(
            [(body(n=2), 200), (body("p nine"), 400), (body(), 200)]
        ):
            connection.request("POST", "/v1/chat/completions", json.dumps(sent))
            if number == 0:
                kept = connection.sock
            assert connection.sock is kept
            reply = connection.getresponse()
            said = json.loads(reply.read())
            assert (reply.status, "error" in said) == (status, status == 400)
        assert said["model"] == "large"
        connection.close()
        assert served.calls == 2


# --- the peer's own part


def test_the_vote_is_counted_as_published() -> None:
    evaluate = judge(["a", "b"])
    said = evaluate(["so a", "it is b", "surely b", "..."], example="0", target="b")
    assert said["success_vote"] == 1.0
    assert (said["voted_answer"], said["votes"], said["success"]) == ("b", 2, True)
    assert said["expected_success"] == pytest.approx(1 - 0.5**4)
    # Of equals the first counts, and what is no label does not vote.
    assert evaluate(["b", "a"], target="a")["success_vote"] == 0.0
    assert evaluate(["hm", "hm", "a"], target="a")["success_vote"] == 1.0
    assert evaluate(["hm", ""], target="a") == {
        "expected_success": 0.0,
        "success": False,
        "success_vote": 0.0,
        "voted_answer": "",
        "votes": 0,
    }


def test_a_prompt_says_its_name_and_the_example() -> None:
    assert template("cot")({"example": "17", "target": "a"}) == "cot 17"


def chatters(order: dict[str, Any]) -> dict[str, Any]:
    sys.stdout.write("chatter that nobody reads\n")
    os.write(2, b"and from below\n")
    Path("left behind").write_text("in a folder of its own")
    return {"got": order["budget"]}


def fails(order: dict[str, Any]) -> dict[str, Any]:
    raise LookupError("no such model")


def sleeps(order: dict[str, Any]) -> dict[str, Any]:
    time.sleep(60)
    return {}


@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)
def test_an_order_runs_apart_and_what_goes_wrong_is_told(
    capfd: pytest.CaptureFixture[str],
) -> None:
    here = set(Path.cwd().iterdir())
    assert answer(chatters, {"budget": 2.5, "seconds": 30}) == {"got": 2.5}
    assert answer(fails, {"seconds": 30}) == {"error": "LookupError: no such model"}
    assert answer(sleeps, {"seconds": 0.2}) == {"error": "took longer than 0.2 s"}
    assert capfd.readouterr() == ("", "")
    assert set(Path.cwd().iterdir()) == here


# --- a race, with a peer of our own

PLAYED = """
import json, sys, urllib.request

for line in sys.stdin:
    order = json.loads(line)
    if order["budget"] > 1:
        print(json.dumps({"error": "KeyError: model"}), flush=True)
        continue
    for example, _ in order["examples"]:
        body = {"model": "large", "messages": [{"role": "user", "content": f"p {example}"}], "n": 2}
        sent = urllib.request.Request(order["url"] + "/chat/completions", json.dumps(body).encode())
        urllib.request.urlopen(sent).read()
    found = {"model": "small", "prompt": "p", "temperature": 0.4, "n": 3, "max_tokens": 99, "claimed": 0.75}
    print(json.dumps(found | {"trials": len(order["examples"]), "counted": 0}), flush=True)
"""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Table:
    table = made()
    space = Space(
        model=["small", "large"],
        prompt={"p": "{text}", "own": "{text}"},
        temperature=[0, 0.5, 1],
        n=[1, 2, 3],
        max_tokens=[8, 16, 60],
        aggregate=["first", "vote"],
        when={"large": {"prompt": ["p"]}},
    )
    monkeypatch.setattr(ecooptigen, "world", lambda name: table)
    monkeypatch.setattr(ecooptigen, "space_of", lambda of: space)
    monkeypatch.setattr(ecooptigen, "unit", lambda name: 0.1)
    monkeypatch.setattr(ecooptigen, "best", lambda name: 1.0)
    return table


def test_the_peer_is_asked_to_search_what_every_model_has(world: Table) -> None:
    order = ecooptigen.order_of(
        world,
        "http://here",
        examples=4,
        budget=0.5,
        seed=3,
        seconds=9.0,
        continuous=True,
    )
    assert order["prompts"] == ["p"]
    assert (order["models"], order["temperatures"]) == (
        ["small", "large"],
        [0.0, 0.5, 1.0],
    )
    assert (order["caps"], order["most_n"]) == ([8, 16], 3)
    assert order["prices"] == {"small": [0.10, 0.40], "large": [1.0, 4.0]}
    assert len({name for name, _ in order["examples"]}) == 4
    assert all(TARGETS[int(name)] == target for name, target in order["examples"])
    assert (order["budget"], order["seconds"], order["continuous"]) == (0.5, 9.0, True)
    longer = ecooptigen.order_of(world, "", examples=6, budget=0.5, seed=3, seconds=9.0)
    assert longer["examples"][:4] == order["examples"]
    json.dumps(order)


def test_a_race_gives_ours_shares_of_what_the_peer_was_billed(
    world: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def ours(of: Table, dollars: float, seed: int) -> float:
        asked.append(dollars)
        return 0.25

    monkeypatch.setattr(ecooptigen, "ours", ours)
    with ecooptigen.Peer([sys.executable, "-c", PLAYED]) as peer:
        run = ecooptigen.race(
            peer,
            "made",
            "made",
            units=3,
            examples=4,
            seed=1,
            shares=[0.2, 1.0],
            seconds=30,
        )
        failed = ecooptigen.race(
            peer,
            "made",
            "made",
            units=30,
            examples=4,
            seed=1,
            shares=[0.2, 1.0],
            seconds=30,
        )
    assert run.calls == 4
    assert 0 < run.spent < run.budget == pytest.approx(0.3)
    assert asked == pytest.approx([0.2 * run.spent, run.spent])
    # What it returned is never right: its regret is all there is, and it believed in 0.75.
    assert worth(world, ecooptigen.config_of(world, run.found)) == 0.0
    assert (run.regret, run.bias, run.ours) == (1.0, 0.75, {0.2: 0.25, 1.0: 0.25})
    # A failure has no regret, and nothing runs beside it.
    assert (failed.regret, failed.ours, failed.found) == (
        None,
        {},
        {"error": "KeyError: model"},
    )


def test_what_the_peer_chose_votes_at_the_nearest_temperature_below_the_tables_cap(
    world: Table,
) -> None:
    found = {
        "model": "large",
        "prompt": "p",
        "temperature": 0.7,
        "n": 3,
        "max_tokens": 99,
    }
    config = ecooptigen.config_of(world, found)
    assert (config["temperature"], config.max_tokens, config.n, config.aggregate) == (
        0.5,
        16,
        3,
        "vote",
    )
    assert worth(world, config) == pytest.approx(1.0)


def test_a_peer_that_is_gone_is_an_error_and_not_a_result() -> None:
    with (
        ecooptigen.Peer([sys.executable, "-c", "import sys; sys.exit(3)"]) as peer,
        pytest.raises(RuntimeError, match="exit status 3"),
    ):
        peer.ask({"budget": 1.0})


def test_the_whole_command_writes_what_was_found(
    world: Table,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "played.py").write_text(PLAYED)
    monkeypatch.setattr(
        ecooptigen, "make_environment", lambda folder: Path(sys.executable)
    )
    monkeypatch.setattr(ecooptigen, "PEER", tmp_path / "played.py")
    monkeypatch.setattr(ecooptigen, "ours", lambda of, dollars, seed: 0.25)
    out = tmp_path / "out.md"
    flags = f"--runs 2 --seed 5 --units 3 30 --examples 3 --shares 0.2 1 --commit abc --out {out}"
    assert ecooptigen.main(flags.split()) == 0
    text = out.read_text()
    assert "| thinking | 3 | 3 | 2 | 1.000" in text
    assert "| sst2-two-models | 3 | 30 | 0 | none" in text
    assert "failed and are in no number: 4 of 8" in text
    assert "abc, 5 to 6" in text
    assert capsys.readouterr().out.count("KeyError: model") == 4
    # Where the peer never answers, there is no result to be proud of.
    assert ecooptigen.main(flags.replace("3 30", "30").split()) == 1


# --- the result


def raced(
    seed: int, regret: float | None, fifth: float, whole: float, units: float = 10.0
) -> Race:
    found = {"error": "KeyError: | model"} if regret is None else {"trials": 7}
    ours = {} if regret is None else {0.2: fifth, 1.0: whole}
    return Race("made", units, 20, seed, 0.5, 0.51, 90, 2.0, found, regret, 0.1, ours)


def test_a_gain_is_the_peers_regret_less_ours_and_a_seed_counts_once() -> None:
    once = [raced(seed, 0.10 + 0.01 * seed, 0.08, 0.02) for seed in range(4)]
    mean, low, high = gain(once, 1.0)
    assert mean == pytest.approx(0.095)
    assert low < mean < high
    assert gain([*once, *once], 1.0) == pytest.approx((mean, low, high))
    assert gain([*once, raced(9, None, 0, 0)], 1.0) == (mean, low, high)


def test_a_verdict_goes_by_the_mean_and_says_where_there_is_doubt() -> None:
    better = [raced(seed, 0.10 + 0.01 * seed, 0.2, 0.02) for seed in range(4)]
    assert judged(better, 1.0).startswith("yes, +9.5 points")
    assert judged(better, 0.2).startswith("**NO**, -8.5 points")
    assert "zero" not in judged(better, 1.0) + judged(better, 0.2)
    mixed = [
        raced(seed, 0.1, 0.1 + (0.05 if seed % 2 else -0.06), 0.1) for seed in range(4)
    ]
    assert judged(mixed, 0.2).startswith("yes, +0.5 points")
    assert judged(mixed, 0.2).endswith("the interval has zero")
    assert judged(better[:1], 1.0).endswith("the interval has zero")
    assert judged([raced(0, None, 0, 0)], 1.0) == "not measured: the peer failed"


def test_losses_and_failures_stand_in_the_result(tmp_path: Path) -> None:
    rows = [raced(seed, 0.10, 0.2, 0.02 + 0.001 * seed) for seed in range(3)] + [
        raced(3, None, 0, 0)
    ]
    said = "\n".join(verdicts(rows, [0.2, 1.0]))
    assert "where we lose on average: 10 units, 0.2 of its dollars: **NO**" in said
    assert "1 of its dollars" not in said.replace("0.2 of its dollars", "")
    assert "failed and are in no number: 1 of 4" in said
    assert "seed 3: KeyError: \\| model" in said
    write_result(tmp_path / "out.md", rows, [0.2, 1.0], {"commit": "abc"})
    text = (tmp_path / "out.md").read_text()
    assert "| made | 20 | 10 | 3 |" in text
    assert "1.020, 1.020" in text


def test_a_row_whose_runs_all_failed_has_no_numbers() -> None:
    rows = [raced(seed, None, 0, 0) for seed in range(2)]
    assert (
        regret_table(rows, [0.2]).splitlines()[-1]
        == "| made | 20 | 10 | 0 | none | none | none |"
    )
    assert len(peer_table(rows).splitlines()) == 2
    assert "lose" not in "\n".join(verdicts(rows, [0.2]))


# --- the true peer


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("continuous", [True, False])
def test_the_true_peer_searches_a_served_table(
    world: Table, tmp_path: Path, continuous: bool
) -> None:
    python = ecooptigen.make_environment(tmp_path / "environment")
    with (
        ecooptigen.Peer([str(python), "-W", "ignore", str(ecooptigen.PEER)]) as peer,
        Served(world, 0) as served,
    ):
        order = ecooptigen.order_of(
            world,
            served.url,
            examples=6,
            budget=0.02,
            seed=0,
            seconds=120.0,
            continuous=continuous,
        )
        found = peer.ask(order)
        assert "error" not in found
        assert found["trials"] >= 3
        assert found["counted"] >= served.dollars - 1e-9
        assert 0.015 < served.dollars < 0.021
        # All is right with the large model, and nothing with the small one.
        assert (found["model"], found["claimed"]) == ("large", 1.0)
        assert worth(world, ecooptigen.config_of(world, found)) == pytest.approx(1.0)
        broken = peer.ask({**order, "url": "http://127.0.0.1:1/v1", "seconds": 1.0})
        assert broken == {"error": "took longer than 1 s"}
