"""EcoOptiGen as it was published: the part of `benchmarks/ecooptigen/` that runs in an
environment of its own.

    PYTHON peer.py < orders > answers

reads orders, a line of JSON each, and answers each with a line: what
`flaml.autogen.oai.ChatCompletion.tune` found, or the error that ended it. An order says where the
endpoint is (`url`), what is searched (`models`, `prompts`, `temperatures`, as a range where they
are `continuous`, `most_n`, `caps`: the least and the most max_tokens), `prices` (dollars per
million tokens, in and out), the `examples` ([name, target] each), the `labels` that an answer may
have, the dollars it may spend (`budget`) and the `seconds` it may take.

Every order runs in a process and a folder of its own: the class keeps its state in class attributes
and its cache in the working folder. What it prints goes to a file there. This file imports nothing
of tune, which is not installed here.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def judge(labels: Sequence[str]) -> Callable[..., dict[str, Any]]:
    """The `eval_func`: success by vote, counted as the notebooks of EcoOptiGen count it.

    An answer is the last word, where that is a label; other responses do not vote, and of equally
    frequent answers the first one counts.
    """

    def evaluate(responses: list[str], **data: Any) -> dict[str, Any]:
        said = [
            words[-1] if (words := response.split()) else "" for response in responses
        ]
        votes: dict[str, int] = {}
        for answer in said:
            if answer in labels:
                votes[answer] = votes.get(answer, 0) + 1
        voted = max(votes, key=lambda answer: votes[answer], default="")
        right = [answer == data["target"] for answer in said]
        return {
            "expected_success": 1 - (1 - sum(right) / len(right)) ** len(right),
            "success": any(right),
            "success_vote": float(voted == data["target"]),
            "voted_answer": voted,
            "votes": votes.get(voted, 0),
        }

    return evaluate


def template(name: str) -> Callable[[dict[str, Any]], str]:
    """A prompt, as the replayed table knows it: its name and the example's; a callable is rendered
    by the peer.
    """
    return lambda data: f"{name} {data['example']}"


def tuned(order: dict[str, Any]) -> dict[str, Any]:
    """One whole search; its choice, how many trials it made and the dollars that it counted itself.

    No inference budget is asked for: nothing is pruned for its cost per request, and the best
    quality wins.
    """
    import openai
    from flaml import tune
    from flaml.autogen import oai

    openai.api_base, openai.api_key = order["url"], "none"
    for model, (into, out) in order["prices"].items():
        oai.ChatCompletion.price1K[model] = (into / 1000, out / 1000)
        oai.ChatCompletion.chat_models.add(model)
    least, most = order["caps"]
    warmth = order["temperatures"]
    _, analysis = oai.ChatCompletion.tune(
        data=[
            {"example": name, "target": target} for name, target in order["examples"]
        ],
        metric="success_vote",
        mode="max",
        eval_func=judge(order["labels"]),
        optimization_budget=order["budget"],
        num_samples=-1,
        model=tune.choice(order["models"]),
        prompt=[template(name) for name in order["prompts"]],
        temperature=tune.uniform(min(warmth), max(warmth))
        if order["continuous"]
        else tune.choice(warmth),
        n=tune.randint(1, order["most_n"] + 1),
        max_tokens=tune.lograndint(least, most + 1),
    )
    best = dict(analysis.best_config)
    best |= best.pop("subspace", {})
    return {
        "model": best["model"] if "model" in best else order["models"][0],
        "prompt": order["prompts"][best["prompt"]],
        "temperature": float(best["temperature_or_top_p"]["temperature"]),
        "n": int(best["n"]),
        "max_tokens": int(best["max_tokens"]),
        "claimed": float(analysis.best_result["success_vote"]),
        "trials": len(analysis.trials),
        "counted": float(oai.ChatCompletion._total_cost),
    }


def alone(
    work: Callable[[dict[str, Any]], dict[str, Any]], order: dict[str, Any], folder: str
) -> None:
    """Run in a child: do the work in the folder, print into a file there, leave the outcome in
    another.
    """
    os.chdir(folder)
    # What was imported before may hold the old streams, so their descriptors are changed too.
    sys.stdout = sys.stderr = said = open("said.txt", "w", buffering=1)  # noqa: SIM115  (until the child ends)
    os.dup2(said.fileno(), 1)
    os.dup2(said.fileno(), 2)
    Path("outcome.json").write_text(json.dumps(work(order)))


def answer(
    work: Callable[[dict[str, Any]], dict[str, Any]], order: dict[str, Any]
) -> dict[str, Any]:
    """The outcome of an order, or {"error": the last line that was said}."""
    with tempfile.TemporaryDirectory() as folder:
        child = multiprocessing.get_context("fork").Process(
            target=alone, args=(work, order, folder)
        )
        child.start()
        child.join(order["seconds"])
        if child.is_alive():
            child.kill()
            child.join()
            return {"error": f"took longer than {order['seconds']:g} s"}
        outcome = Path(folder, "outcome.json")
        if child.exitcode == 0 and outcome.exists():
            found: dict[str, Any] = json.loads(outcome.read_text())
            return found
        said = [
            line
            for line in Path(folder, "said.txt")
            .read_text(errors="replace")
            .splitlines()
            if line.strip()
        ]
        return {"error": said[-1].strip() if said else f"exit status {child.exitcode}"}


def main() -> int:
    # Imported once, before the children: that takes longer than many a search.
    import flaml.autogen.oai  # noqa: F401

    for line in sys.stdin:
        print(json.dumps(answer(tuned, json.loads(line))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
