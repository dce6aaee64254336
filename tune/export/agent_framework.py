"""Export for Microsoft's Agent Framework, by chat completions."""

from __future__ import annotations

from tune.export.python_file import Framework

AGENT_FRAMEWORK = Framework(
    title="Microsoft Agent Framework",
    install="agent-framework-openai",
    imports=(
        "import openai",
        "from agent_framework import Agent",
        "from agent_framework import Message",
        "from agent_framework.openai import OpenAIChatCompletionClient",
    ),
    use="""
import tuned_agent_framework as tuned

reply = await tuned.agent().run(tuned.agent_messages(text="..."))
print(tuned.read_answer(reply.text))
""",
    code='''
def chat_client():
    """Return the tuned client. The client of the Responses API would drop `stop` silently."""
    client = openai.AsyncOpenAI(
        base_url=BASE_URL,
        api_key=api_key(),
        default_headers=from_environment(HEADERS),
        default_query=from_environment(QUERY),
        http_client=AsyncVotingHttp(N, read_answer),  # voting
    )
    return OpenAIChatCompletionClient(model=MODEL, async_client=client)


def agent(name="assistant", **more):
    """Return an agent with the tuned client, settings and system message."""
    # All in the body: the framework names some settings otherwise, and has none for others.
    options = {"extra_body": {**SETTINGS, **EXTRA_BODY}}
    return Agent(
        chat_client(),
        SYSTEM_MESSAGE,
        name=name,
        default_options=options,
        **more,
    )


def agent_messages(**inputs):
    """Return the messages for `agent().run`; the agent has the system message already."""
    return [Message(one["role"], [one["content"]]) for one in later_messages(**inputs)]
''',
)
