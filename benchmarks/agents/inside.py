"""The part that runs where a framework is installed and tune is not.

    python inside.py FRAMEWORK PART FOLDER

It imports the exported file from the folder, and writes what came out to `said.json` there. It needs
nothing but the framework.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib
import inspect
import io
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

TICKET = "The card was charged twice."


def conversation(tuned: Any, part: str, folder: Path) -> dict[str, Any]:
    """Let two agents of classic AutoGen analyse the table, and run their code."""
    import autogen
    from autogen.coding import LocalCommandLineCodeExecutor

    task = (folder / "task.txt").read_text(encoding="utf-8")
    if part == "one":
        agent = autogen.AssistantAgent(
            "assistant",
            llm_config=tuned.llm_config(),
            system_message=tuned.SYSTEM_MESSAGE,
        )
    else:
        agent = tuned.assistant()
    user = autogen.UserProxyAgent(
        "user",
        human_input_mode="NEVER",
        max_consecutive_auto_reply=5,
        is_termination_msg=lambda message: (
            "TERMINATE" in (message.get("content") or "")
        ),
        code_execution_config={
            "executor": LocalCommandLineCodeExecutor(work_dir=folder, timeout=60)
        },
    )
    chat = user.initiate_chat(agent, message=task)
    said = [message["content"] for message in chat.chat_history]
    usage = agent.get_total_usage() or {}
    return {"said": said, "cost": usage.get("total_cost")}


def autogen(tuned: Any, part: str, folder: Path) -> dict[str, Any]:
    """Run the conversation, or one turn of the tuned prompt."""
    if part != "turn":
        return conversation(tuned, part, folder)
    agent = tuned.assistant()
    reply = agent.generate_reply(messages=tuned.later_messages(text=TICKET))
    return {"said": [reply if isinstance(reply, str) else reply["content"]]}


def ag2(tuned: Any, _part: str, _folder: Path) -> dict[str, Any]:
    """Ask once."""

    async def turn() -> str:
        reply = await tuned.ask(tuned.agent(), text=TICKET)
        return str(await reply.content())

    return {"said": [asyncio.run(turn())]}


def agentchat(tuned: Any, part: str, folder: Path) -> dict[str, Any]:
    """Ask once: an agent, or the component that the JSON describes."""

    async def turn() -> str:
        if part == "component":
            from autogen_core.models import ChatCompletionClient

            record = json.loads((folder / "tuned_agentchat.json").read_text())
            client = ChatCompletionClient.load_component(record)
            result = await client.create(tuned.client_messages(text=TICKET))
            return str(result.content)
        answered = await tuned.agent(text=TICKET).run(task=tuned.task(text=TICKET))
        return str(answered.messages[-1].content)

    return {"said": [asyncio.run(turn())]}


def agent_framework(tuned: Any, part: str, _folder: Path) -> dict[str, Any]:
    """Ask once, in one piece or as a stream."""

    async def turn() -> str:
        agent, messages = tuned.agent(), tuned.agent_messages(text=TICKET)
        if part == "stream":
            parts = [str(each.text) async for each in agent.run(messages, stream=True)]
            return "".join(parts)
        return str((await agent.run(messages)).text)

    return {"said": [asyncio.run(turn())]}


def openai_agents(tuned: Any, part: str, _folder: Path) -> dict[str, Any]:
    """Ask once, in one piece or as a stream."""
    from agents import Runner, set_tracing_disabled

    set_tracing_disabled(True)

    async def turn() -> str:
        agent, messages = tuned.agent(), tuned.later_messages(text=TICKET)
        if part == "stream":
            running = Runner.run_streamed(agent, messages)
            async for _ in running.stream_events():
                pass
            return str(running.final_output)
        return str((await Runner.run(agent, messages)).final_output)

    return {"said": [asyncio.run(turn())]}


def langchain(tuned: Any, part: str, _folder: Path) -> dict[str, Any]:
    """Ask once: in one piece, in an event loop, or as a stream."""
    model, messages = tuned.chat_model(), tuned.messages(text=TICKET)
    if part == "async":
        return {"said": [str(asyncio.run(model.ainvoke(messages)).content)]}
    if part == "stream":
        return {"said": ["".join(str(each.content) for each in model.stream(messages))]}
    return {"said": [str(model.invoke(messages).content)]}


def litellm(tuned: Any, _part: str, _folder: Path) -> dict[str, Any]:
    """Ask once."""
    response = tuned.complete(text=TICKET)
    return {"said": [response.choices[0].message.content]}


def openai(tuned: Any, part: str, _folder: Path) -> dict[str, Any]:
    """Ask once, and read the answer."""
    if part == "stream":
        stream = tuned.client().chat.completions.create(
            messages=tuned.messages(text=TICKET), stream=True, **tuned.KWARGS
        )
        texts = []
        for chunk in stream:
            for choice in chunk.choices:
                texts.append(choice.delta.content or "")
        return {"said": ["".join(texts)]}
    return {"said": [tuned.ask(text=TICKET)]}


def page(_tuned: Any, _part: str, folder: Path) -> dict[str, Any]:
    """Run the lines of the documentation, and return what they print."""
    source = (folder / "page.py").read_text(encoding="utf-8")
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(source, "page.py", "exec", flags=flags)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        made = eval(code, {"__name__": "page"})
        if inspect.iscoroutine(made):
            asyncio.run(made)
    # A framework may show its conversation before.
    return {"said": [printed.getvalue().strip().splitlines()[-1]]}


RUNNERS = {
    "autogen": autogen,
    "ag2": ag2,
    "agentchat": agentchat,
    "agent-framework": agent_framework,
    "openai-agents": openai_agents,
    "langchain": langchain,
    "litellm": litellm,
    "openai": openai,
}


def main(name: str, part: str, place: str, *packages: str) -> None:
    """Run one part of one framework."""
    folder = Path(place)
    # The exported file lies there.
    sys.path.insert(0, str(folder))
    tuned = importlib.import_module(f"tuned_{name.replace('-', '_')}")
    run = RUNNERS[name]
    if part == "page":
        run = page
    found = run(tuned, part, folder)
    found["versions"] = [f"{package} {version(package)}" for package in packages]
    found["n"] = tuned.N
    (folder / "said.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    # This folder has modules with the names of packages.
    here = str(Path(__file__).parent)
    sys.path = [entry for entry in sys.path if entry != here]
    main(*sys.argv[1:])
