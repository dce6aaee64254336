"""Export for AG2 1.x (package `ag2`), which has no `llm_config`."""

from __future__ import annotations

from tune.export.python_file import Framework

AG2 = Framework(
    title="AG2 1.x",
    install="ag2[openai]",
    imports=(
        "from ag2 import Agent",
        "from ag2 import MemoryStream",
        "from ag2.config import OpenAIConfig",
        "from ag2.events import ModelMessage",
        "from ag2.events import ModelRequest",
        "from ag2.events import ModelResponse",
        "from ag2.events import TextInput",
    ),
    use="""
import tuned_ag2 as tuned

reply = await tuned.ask(tuned.agent(), text="...")
print(tuned.read_answer(await reply.content()))
""",
    code='''
def config():
    """Return the tuned model and settings."""
    return OpenAIConfig(
        model=MODEL,
        base_url=BASE_URL,
        api_key=api_key(),
        default_headers=from_environment(HEADERS),
        default_query=from_environment(QUERY),
        http_client=AsyncVotingHttp(N, read_answer),  # voting
        # All in the body: OpenAIConfig has no field for some settings.
        extra_body={**SETTINGS, **EXTRA_BODY},
    )


def agent(name="assistant", **more):
    """Return an agent with the tuned config and system message."""
    return Agent(name, SYSTEM_MESSAGE or (), config=config(), **more)


async def ask(agent, **inputs):
    """Return the agent's reply to the tuned prompt, few-shot turns as turns before it."""
    *turns, last = later_messages(**inputs)
    before, prompt = [], []
    for turn in turns:
        if turn["role"] in ("system", "developer"):
            prompt.append(turn["content"])
        elif turn["role"] == "assistant":
            before.append(ModelResponse(ModelMessage(turn["content"])))
        else:
            before.append(ModelRequest([TextInput(turn["content"])]))
    stream = MemoryStream()
    await stream.history.replace(before)
    return await agent.ask(last["content"], stream=stream, prompt=prompt)
''',
)
