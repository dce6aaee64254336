"""uv run --all-extras --group dev python -m benchmarks.agents

Question: does AutoGen take what tune exports? It writes results/autogen_agents.md and takes about a
minute. No key, no dollar.

It makes an environment of its own with uv (autogen 0.14, which needs an older openai than tune),
and starts a local OpenAI-compatible endpoint that logs every request. For each export, an
AssistantAgent and a UserProxyAgent solve a small pandas task: they write code and run it. The
endpoint plays the assistant from a script. The code is run for real, and the last message repeats
what it printed.

Three things are checked for each export: the right number comes out, the endpoint saw the tuned
settings and the right key, and AutoGen counted the exported price.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.command_line import make_parser
from benchmarks.worlds.answering import answering, chat_completion

PACKAGES = ("autogen[openai]==0.14.1", "pandas>=2.2")
TASK = (
    "sales.csv holds one sale a row. Which region has the highest revenue (units times price), and "
    "how much is it?"
)
CODE = """\
import pandas as pd

sales = pd.read_csv("sales.csv")
revenue = (sales["units"] * sales["price"]).groupby(sales["region"]).sum()
print(f"{revenue.idxmax()} {revenue.max():.2f}")
"""
PRICE = (0.1, 0.4)  # dollars per million tokens, in and out
KEYS = {"OPENAI_API_KEY": "key-of-openai", "OTHER_KEY": "key-of-another"}
SYSTEM = (
    "You solve tasks with Python. Reply with one code block, and with TERMINATE once you have seen "
    "its output."
)


# --- the endpoint


@dataclass
class Log:
    """Every request body, with the key it came with, and the tokens that were billed."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0


def assistant(messages: list[dict[str, Any]]) -> str:
    """The scripted assistant: code first; once code has run, what it printed."""
    ran = re.search(
        r"exitcode: 0.*?output:\s*(\w+) ([\d.]+)", messages[-1]["content"], re.DOTALL
    )
    if ran:
        return f"The region {ran[1]} has the highest revenue: {ran[2]}. TERMINATE"
    return f"This computes it:\n```python\n{CODE}```"


@contextlib.contextmanager
def endpoint() -> Iterator[tuple[str, Log]]:
    """An OpenAI-compatible endpoint on a free port; its address, and its log."""
    log = Log()

    def respond(body: dict[str, Any], key: str) -> dict[str, Any]:
        log.bodies.append(body)
        log.keys.append(key)
        text = assistant(body["messages"])
        prompt, answer = (
            sum(len(m["content"]) // 4 for m in body["messages"]),
            len(text) // 4,
        )
        log.prompt_tokens += prompt
        log.completion_tokens += answer
        return chat_completion(
            len(log.bodies),
            body["model"],
            [(text, "stop")],
            prompt_tokens=prompt,
            completion_tokens=answer,
        )

    with answering(respond) as url:
        yield url, log


# --- the agents, in the environment that has autogen


def run_agents(order: Path, folder: Path) -> None:
    """Let the agents talk, and write down what was said. Runs where autogen is installed and tune
    is not.
    """
    import autogen
    from autogen.coding import LocalCommandLineCodeExecutor

    given = json.loads(order.read_text())
    config: Any = given.get("llm_config")
    if "file" in given:
        config = autogen.LLMConfig.from_json(
            path=given["file"], filter_dict=given["filter_dict"]
        )
        for entry in config.config_list:
            if entry.api_key is not None:
                entry.api_key = type(entry.api_key)(
                    os.path.expandvars(entry.api_key.get_secret_value())
                )
    if "snippet" in given:
        names: dict[str, Any] = {}
        exec(given["snippet"], names)
        agent = names["agent"]
    else:
        agent = autogen.AssistantAgent(
            "assistant", llm_config=config, system_message=given["system_message"]
        )
    user = autogen.UserProxyAgent(
        "user",
        human_input_mode="NEVER",
        max_consecutive_auto_reply=5,
        is_termination_msg=lambda m: "TERMINATE" in (m.get("content") or ""),
        code_execution_config={
            "executor": LocalCommandLineCodeExecutor(work_dir=folder, timeout=60)
        },
    )
    chat = user.initiate_chat(agent, message=given["task"])
    usage = agent.get_total_usage() or {}
    said = [
        {"who": m.get("name") or m["role"], "text": m["content"]}
        for m in chat.chat_history
    ]
    (folder / "said.json").write_text(
        json.dumps(
            {
                "said": said,
                "cost": usage.get("total_cost"),
                "version": autogen.__version__,
            }
        )
    )


def refused(values: dict[str, Any]) -> str:
    """Return AutoGen's error on values that an llm_config cannot hold; "" if it takes them."""
    import autogen

    try:
        autogen.AssistantAgent("assistant", llm_config=values)
    except (
        TypeError,
        ValueError,
    ) as error:  # pydantic's ValidationError is a ValueError
        return " ".join(str(error).split(" [")[0].split()[-8:])
    return ""


# --- the cases


@dataclass
class Case:
    """One way of exporting: what is handed to the agents, and what the endpoint must then have
    seen.
    """

    name: str
    order: dict[str, Any]
    settings: dict[str, Any]
    key: str


def cases(url: str, folder: Path) -> list[Case]:
    from tune.export import Deployment, llm_config, oai_config_list, snippet
    from tune.pricing.prices import Price
    from tune.space import Config

    def deployment(
        name: str,
        key_env: str = "OPENAI_API_KEY",
        cap: Any = "max_tokens",
        **settings: Any,
    ) -> Deployment:
        config = Config(
            {"model": name, "prompt": "agent", "max_tokens": 400, **settings}
        )
        where = {"model": f"{name}-2026", "base_url": url, "key_env": key_env}
        return Deployment(
            config=config, price=Price(*PRICE), cap=cap, system_message=SYSTEM, **where
        )

    shared = {"task": TASK, "system_message": SYSTEM}
    warm = deployment(
        "small", temperature=0.35, top_p=0.9, stop=("###",), frequency_penalty=0.25
    )
    hot = deployment("small", temperature=1.3, top_k=40)
    cold = deployment("small", temperature=0.0)
    thinking = deployment(
        "thinker", cap="max_completion_tokens", reasoning_effort="low", verbosity="low"
    )
    listed = deployment("large", key_env="OTHER_KEY", temperature=1.15)
    path = folder / "OAI_CONFIG_LIST"
    path.write_text(oai_config_list(warm, listed))
    by_tag = {"file": str(path), "filter_dict": {"tags": ["large"]}}
    body = {"model": "small-2026", "max_tokens": 400}
    large = {"model": "large-2026", "max_tokens": 400, "temperature": 1.15}
    ours, other = KEYS["OPENAI_API_KEY"], KEYS["OTHER_KEY"]
    return [
        Case(
            "llm_config, temperature 0.35",
            shared | {"llm_config": llm_config(warm)},
            body
            | {
                "temperature": 0.35,
                "top_p": 0.9,
                "stop": ["###"],
                "frequency_penalty": 0.25,
            },
            ours,
        ),
        Case(
            "llm_config, temperature 0",
            shared | {"llm_config": llm_config(cold)},
            body | {"temperature": 0},
            ours,
        ),
        Case(
            "llm_config, temperature 1.3 and top_k through extra_body",
            shared | {"llm_config": llm_config(hot)},
            body | {"temperature": 1.3, "top_k": 40},
            ours,
        ),
        Case(
            "llm_config, max_completion_tokens and reasoning effort",
            shared | {"llm_config": llm_config(thinking)},
            {
                "model": "thinker-2026",
                "max_completion_tokens": 400,
                "reasoning_effort": "low",
                "verbosity": "low",
            },
            ours,
        ),
        Case(
            "the lines of Python that tune shows, a key variable of its own, temperature 1.15",
            {"task": TASK, "snippet": snippet(listed)},
            large,
            other,
        ),
        Case(
            "OAI_CONFIG_LIST by tag, a key variable of its own, temperature 1.15",
            shared | by_tag,
            large,
            other,
        ),
    ]


def make_sales(folder: Path, seed: int) -> str:
    """Write the task's data; the right answer, computed without pandas."""
    rng = random.Random(seed)
    regions = ["north", "south", "east", "west"]
    cents = dict.fromkeys(regions, 0)
    with (folder / "sales.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["region", "units", "price"])
        for _ in range(500):
            region, units, price = (
                rng.choice(regions),
                rng.randint(1, 40),
                rng.randint(99, 9999),
            )
            cents[region] += units * price
            out.writerow([region, units, price / 100])
    best = max(cents, key=lambda region: cents[region])
    return f"{best} {cents[best] / 100:.2f}"


def check(
    case: Case, python: Path, folder: Path, expected: str, log: Log
) -> list[tuple[str, bool, str]]:
    """Run one case; what was checked, whether it held, and what was seen."""
    log.bodies.clear()
    log.keys.clear()
    log.prompt_tokens = log.completion_tokens = 0
    order = folder / "order.json"
    order.write_text(json.dumps(case.order))
    said = in_environment(python, "--agents", str(order), str(folder), environ=KEYS)
    record = (
        json.loads((folder / "said.json").read_text())
        if said.returncode == 0
        else {"said": [], "cost": None}
    )
    last = record["said"][-1]["text"] if record["said"] else said.stderr[-300:]
    region, number = expected.split()
    bodies = [
        {name: value for name, value in body.items() if name != "messages"}
        for body in log.bodies
    ]
    # AutoGen adds "stream": false of its own; anything else that was not exported has no business
    # there.
    right = (
        all(body == {"stream": False, **case.settings} for body in bodies)
        and len(bodies) == 2
    )
    seen = json.dumps(bodies[0] if bodies else {}, sort_keys=True)
    system = {body["messages"][0]["content"] for body in log.bodies}
    due = (log.prompt_tokens * PRICE[0] + log.completion_tokens * PRICE[1]) / 1e6
    cost = record["cost"]
    ran = [m["text"] for m in record["said"] if "exitcode: 0" in m["text"]]
    return [
        (
            "the code was run and printed the right answer",
            bool(ran) and expected in ran[0],
            ran[0] if ran else last,
        ),
        (
            "the last message has the right answer",
            region in last and number in last,
            last,
        ),
        ("every call carried the tuned settings and no others", right, seen),
        (
            "every call carried the system message",
            system == {SYSTEM},
            f"{len(log.bodies)} calls",
        ),
        (
            "every call carried the right key",
            set(log.keys) == {case.key},
            ", ".join(sorted(set(log.keys))),
        ),
        (
            "AutoGen counted the exported price",
            cost is not None and abs(cost - due) < 1e-12,
            f"${cost} of ${due:.8f}",
        ),
    ]


# --- the environment and the result


def in_environment(
    python: Path, *arguments: str, environ: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run this file where autogen is; the folder of its python comes first, for the code that
    agents run.
    """
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith("_API_KEY")
    }
    environ = {**clean, **environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    root = Path(__file__).parent.parent.parent
    command = [str(python), "-m", "benchmarks.agents", *arguments]
    return subprocess.run(
        command,
        cwd=root,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def make_environment(folder: Path) -> Path:
    """An environment with autogen and pandas, made by uv if it is not there; its python."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "--quiet", str(folder)], check=True)
    subprocess.run(
        ["uv", "pip", "install", "--quiet", "--python", str(python), *PACKAGES],
        check=True,
    )
    return python


def versions(python: Path) -> str:
    names = "('autogen', 'openai', 'pandas', 'pydantic')"
    code = (
        f"from importlib.metadata import version as v; print(', '.join(f'{{n}} {{v(n)}}' for n in "
        f"{names}))"
    )
    return shown(str(python), "-c", code)


def shown(*command: str) -> str:
    return (
        subprocess.run(
            command, capture_output=True, text=True, check=False
        ).stdout.strip()
        or "unknown"
    )


def write_result(
    path: Path,
    checked: list[tuple[Case, list[tuple[str, bool, str]]]],
    facts: dict[str, str],
) -> None:
    from tune.report.text import inline, table

    lines = ["# Exports to AutoGen, tried with the real thing", ""]
    held = [ok for _, rows in checked for _, ok, _ in rows]
    lines.append(
        f"{sum(held)} of {len(held)} checks held in {len(checked)} conversations that wrote and "
        "ran code."
    )
    lines += [
        "",
        table(["", ""], [[name, inline(value)] for name, value in facts.items()]),
    ]
    for case, rows in checked:
        lines += ["", f"## {case.name}", ""]
        lines.append(
            table(
                ["check", "held", "seen"],
                [[n, "yes" if ok else "**no**", inline(s)] for n, ok, s in rows],
            )
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--environment",
        type=Path,
        default=Path(tempfile.gettempdir()) / "tune-autogen-0.14",
    )
    parser.add_argument("--out", type=Path, default=Path("results/autogen_agents.md"))
    parser.add_argument("--seed", type=int, default=0, help="of the sales in the task")
    parser.add_argument(
        "--commit", default=None, help="what to write as the commit; default: ask git"
    )
    parser.add_argument("--agents", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--refused", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.agents:
        run_agents(*given.agents)
        return 0
    if given.refused:
        print(refused(json.loads(given.refused)))
        return 0
    python, checked = make_environment(given.environment), []
    with tempfile.TemporaryDirectory() as name, endpoint() as (url, log):
        folder = Path(name)
        expected = make_sales(folder, given.seed)
        for case in cases(url, folder):
            rows = check(case, python, folder, expected, log)
            checked.append((case, rows))
            print(f"{sum(ok for _, ok, _ in rows)}/{len(rows)} {case.name}")
    plain = json.dumps(
        {"config_list": [{"model": "m", "api_key": "k"}], "temperature": 1.3}
    )
    said = in_environment(python, "--refused", plain, environ={}).stdout.strip()
    facts = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit, seed": f"{given.commit or shown('git', 'rev-parse', '--short', 'HEAD')}, "
        f"{given.seed}",
        "environment": versions(python),
        "prices": f"{PRICE[0]} in, {PRICE[1]} out, dollars per million tokens, stated by this "
        "script",
        "the right answer": expected,
        "autogen on a plain temperature of 1.3": said,
    }
    write_result(given.out, checked, facts)
    print(f"wrote {given.out}")
    return 0 if all(ok for _, rows in checked for _, ok, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
