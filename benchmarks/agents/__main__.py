"""uv run --all-extras --group dev python -m benchmarks.agents [--only NAME]

Question: do agent frameworks use a tuned configuration as it was tuned? It writes results/agents.md
and takes two to three minutes. No key, no dollar; the frameworks come from the package index.

Each framework runs in an environment of its own, made by uv outside this project's versions, because
some need an older openai than tune. A local OpenAI-compatible endpoint logs every request. Its first
choice is always the answer of the minority, so a lost vote shows.

- Classic AutoGen: an AssistantAgent and a UserProxyAgent analyse a table of passengers. They write
  code with pandas and run it; once with `llm_config`, which asks for one answer, and once with the
  exported client class, which asks for five and votes.
- All others: one turn of a few-shot prompt, with a vote over five, by the lines of docs/use.md.

For each, these are checked: the answer, the settings that the endpoint saw, the messages (system
message, few-shot turns and template apart), the key, and the number of answers.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.agents.endpoint import MAJORITY, MINORITY, Log, minority_first
from benchmarks.agents.studies import (
    PRICE,
    PROMPTS,
    TASK,
    write_best,
    write_passengers,
)
from benchmarks.command_line import commit, make_parser
from tune.commands.cli import main as tune
from tune.report.text import inline, table

INSIDE = Path(__file__).parent / "inside.py"
PAGE = Path(__file__).parents[2] / "docs" / "use.md"
KEYS = {"OPENAI_API_KEY": "key-of-openai", "OTHER_KEY": "key-of-another"}
"""The endpoint must see the second one alone: it is the one that the config names."""

PACKAGES: dict[str, tuple[str, ...]] = {
    "autogen": ("autogen[openai]==0.14.1", "pandas==3.1.1"),
    "pyautogen": ("pyautogen==0.2.35", "openai==1.109.1", "pandas==2.2.3"),
    "ag2": ("ag2[openai]==1.2.1",),
    "agentchat": ("autogen-agentchat==0.7.5", "autogen-ext[openai]==0.7.5"),
    "agent-framework": ("agent-framework-openai==1.17.0",),
    "openai-agents": ("openai-agents==0.24.0",),
    "langchain": ("langchain-openai==1.7.4",),
    "litellm": ("litellm==1.110.2",),
    "openai": ("openai==3.57.0",),
}
"""The packages of each environment."""

SETTINGS: dict[str, Any] = {"temperature": 1.3, "stop": ["###"], "top_k": 40}
"""Tuned settings that frameworks like to lose."""


@dataclass(frozen=True)
class Case:
    """One way of using an export.

    Attributes:
        name: of the environment.
        export: the name of the export.
        part: of `inside.py`.
        says: for people.
        task: "ticket" or "analysis".
        n: answers that the winner asks for.
        votes: True if the part must vote.
        takes_n: False for a service that refuses n above 1.
    """

    name: str
    export: str
    part: str
    says: str
    task: str = "ticket"
    n: int = 5
    votes: bool = True
    takes_n: bool = True


CASES = (
    Case("autogen", "autogen", "one", "llm_config", "analysis", votes=False),
    Case("autogen", "autogen", "vote", "client class", "analysis"),
    Case("autogen", "autogen", "turn", "client class, no n", takes_n=False),
    Case("autogen", "autogen", "turn", "llm_config, winner n = 1", n=1, votes=False),
    Case("pyautogen", "autogen", "one", "llm_config", "analysis", votes=False),
    Case("pyautogen", "autogen", "vote", "client class", "analysis"),
    Case("autogen", "autogen", "page", "lines of docs/use.md"),
    Case("ag2", "ag2", "page", "lines of docs/use.md"),
    Case("ag2", "ag2", "turn", "Agent, winner n = 1", n=1, votes=False),
    Case("agentchat", "agentchat", "page", "lines of docs/use.md"),
    Case("agentchat", "agentchat", "component", "component JSON"),
    Case("agentchat", "agentchat", "turn", "winner n = 1", n=1, votes=False),
    Case("agent-framework", "agent-framework", "page", "lines of docs/use.md"),
    Case("agent-framework", "agent-framework", "stream", "Agent, as a stream"),
    Case("openai-agents", "openai-agents", "page", "lines of docs/use.md"),
    Case("openai-agents", "openai-agents", "stream", "Runner, as a stream"),
    Case("langchain", "langchain", "page", "lines of docs/use.md"),
    Case("langchain", "langchain", "async", "in an event loop, no n", takes_n=False),
    Case("langchain", "langchain", "stream", "as a stream"),
    Case("litellm", "litellm", "page", "lines of docs/use.md"),
    Case("openai", "openai", "page", "lines of docs/use.md"),
    Case("openai", "openai", "stream", "client, as a stream, no n", takes_n=False),
    Case("openai", "openai", "turn", "winner n = 1", n=1, votes=False),
)


@dataclass(frozen=True)
class Check:
    """One thing that was checked: its name, whether it held, and what was seen."""

    name: str
    held: bool
    seen: str


def run_case(case: Case, seed: int) -> tuple[list[Check], list[str]]:
    """Run one case; return the checks, and the versions of the packages."""
    with (
        minority_first(takes_n=case.takes_n) as (url, log),
        tempfile.TemporaryDirectory() as name,
    ):
        folder = Path(name)
        best = write_best(
            folder, url, case.task, n=case.n, key_env="OTHER_KEY", **SETTINGS
        )
        # The command, as a user types it.
        command = ["export", str(best), "--to", case.export, "--out", str(folder)]
        with contextlib.redirect_stdout(io.StringIO()):
            assert tune([*command, "--json"]) == 0
        analyses = write_passengers(folder, seed)
        (folder / "task.txt").write_text(TASK, encoding="utf-8")
        (folder / "page.py").write_text(page_lines(case.export), encoding="utf-8")
        problem = run_inside(case, folder)
        said: dict[str, Any] = {"said": [problem], "versions": []}
        if not problem:
            said = json.loads((folder / "said.json").read_text(encoding="utf-8"))
        return list(checks(case, said, log, analyses)), said["versions"]


def page_lines(export: str) -> str:
    """Return the lines that the documentation shows for an export."""
    module = f"tuned_{export.replace('-', '_')}"
    text = PAGE.read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        if f"import {module} as tuned" in block:
            return str(block)
    raise AssertionError(f"docs/use.md has no lines for {export}")


def run_inside(case: Case, folder: Path) -> str:
    """Run a case in the environment of its framework; return its error, or ""."""
    command = ["uv", "run", "--quiet", "--isolated", "--no-project", "--no-config"]
    command += ["--python", sys.executable]
    names = []
    for package in PACKAGES[case.name]:
        command += ["--with", package]
        names.append(package.partition("==")[0].partition("[")[0])
    command += ["python", str(INSIDE), case.export, case.part, str(folder), *names]
    environ = {"PYTHONDONTWRITEBYTECODE": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    for name, value in os.environ.items():
        # Keys, settings and the environment of this process are not theirs.
        if not name.endswith("_KEY") and not name.startswith(("OPENAI_", "VIRTUAL_")):
            environ.setdefault(name, value)
    ran = subprocess.run(
        command,
        cwd=folder,
        env={**environ, **KEYS},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return "" if ran.returncode == 0 else ran.stderr[-1500:] or "it failed"


def checks(
    case: Case, said: dict[str, Any], log: Log, analyses: dict[str, str]
) -> list[Check]:
    """Return what was checked of one case."""
    texts = [str(text) for text in said["said"]]
    last = texts[-1]
    wanted = MAJORITY if case.votes else MINORITY
    found = [Check("the answer", wanted in last, last)]
    if case.task == "analysis":
        right = analyses["female" if case.votes else "male"]
        printed = [text for text in texts if "exitcode: 0" in text]
        shown = printed[0] if printed else last
        found = [Check("the code ran and printed the analysis", right in shown, shown)]
    bodies = log.bodies
    seen = [{name: body.get(name) for name in SETTINGS} for body in bodies]
    caps = {body.get("max_tokens") for body in bodies}
    settled = bool(bodies) and all(each == SETTINGS for each in seen) and caps == {400}
    found.append(Check("the tuned settings", settled, json.dumps(seen[:1])))
    found.append(_messages(case, log))
    keys = {"key-of-another"} == set(log.keys)
    found.append(Check("the key", keys, ", ".join(sorted(set(log.keys)))))
    drawn = sorted(set(log.answered.values()))
    n = case.n if case.votes else 1
    # The lines for the openai package ask twice.
    times = {2 * n} if (case.name, case.part) == ("openai", "page") else {n}
    found.append(Check("the number of answers", set(drawn) == times, str(drawn)))
    if "cost" in said:
        due = (
            log.prompt_tokens * PRICE[0] + log.completion_tokens * PRICE[1]
        ) / 1_000_000
        cost = said["cost"] or 0.0
        right_cost = abs(cost - due) < 1e-9
        found.append(
            Check("the counted cost", right_cost, f"${cost:.8f} of ${due:.8f}")
        )
    return found


def _messages(case: Case, log: Log) -> Check:
    """Check that the messages are those of the prompt, one by one."""
    if not log.bodies:
        return Check("the messages", False, "no request came")
    sent = log.bodies[0]["messages"]
    expected = [one["content"] for one in PROMPTS[case.task]]
    texts = []
    for message in sent:
        content = message["content"]
        texts.append(content if isinstance(content, str) else content[0]["text"])
    roles = [message["role"] for message in sent]
    same_roles = roles == [one["role"] for one in PROMPTS[case.task]]
    same_texts = texts[:-1] == expected[:-1]
    return Check("the messages", same_roles and same_texts, ", ".join(roles))


def write_result(
    path: Path,
    rows: list[tuple[Case, list[Check], list[str], float]],
    facts: dict[str, str],
) -> None:
    """Write the table of all cases, and what was seen in each."""
    held = [check.held for _, checked, _, _ in rows for check in checked]
    lines = [
        "# Exports, tried with the real frameworks",
        "",
        f"{sum(held)} of {len(held)} checks held in {len(rows)} cases. The endpoint's first choice "
        f"is always the minority's answer ({MINORITY!r}; the majority says {MAJORITY!r}).",
        "",
        table(["", ""], [[name, inline(value)] for name, value in facts.items()]),
        "",
    ]
    shown = []
    for case, checked, versions, seconds in rows:
        failed = [check.name for check in checked if not check.held]
        vote = "one answer"
        if case.votes:
            vote = f"{case.n} answers, vote"
        shown.append(
            [
                ", ".join(versions) or case.name,
                case.says,
                vote,
                "**no**: " + ", ".join(failed) if failed else "yes",
                f"{seconds:.1f}",
            ]
        )
    lines.append(
        table(["framework", "used as", "asks for", "all held", "seconds"], shown)
    )
    for case, checked, _, _ in rows:
        lines += ["", f"## {case.name}: {case.says}", ""]
        seen = []
        for check in checked:
            seen.append(
                [check.name, "yes" if check.held else "**no**", inline(check.seen)]
            )
        lines.append(table(["check", "held", "seen"], seen))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Run all cases; return 0 if everything held."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "--only", metavar="NAME", help="one framework; nothing is written"
    )
    parser.add_argument("--out", type=Path, default=Path("results/agents.md"))
    parser.add_argument("--seed", type=int, default=0, help="of the passengers")
    given = parser.parse_args(argv)
    rows = []
    for case in CASES:
        if given.only not in (None, case.name):
            continue
        began = time.perf_counter()
        checked, versions = run_case(case, given.seed)
        taken = time.perf_counter() - began
        rows.append((case, checked, versions, taken))
        for check in checked:
            if not check.held:
                print(f"{case.name}, {case.says}: {check.name}: {check.seen}")
        held = sum(check.held for check in checked)
        print(f"{held}/{len(checked)} {case.name}: {case.says} ({taken:.1f} s)")
    if given.only is None:
        facts = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit, seed": f"{commit()}, {given.seed}",
            "tuned settings": json.dumps({"max_tokens": 400, **SETTINGS}),
        }
        write_result(given.out, rows, facts)
        print(f"wrote {given.out}")
    return 0 if all(check.held for _, checked, _, _ in rows for check in checked) else 1


if __name__ == "__main__":
    sys.exit(main())
