"""Export for the OpenAI Agents SDK, by chat completions."""

from __future__ import annotations

from tune.export.python_file import Framework

OPENAI_AGENTS = Framework(
    title="the OpenAI Agents SDK",
    install="openai-agents",
    imports=(
        "import openai",
        "from agents import Agent",
        "from agents import ModelSettings",
        "from agents import OpenAIChatCompletionsModel",
    ),
    use="""
import tuned_openai_agents as tuned

result = await Runner.run(tuned.agent(), tuned.later_messages(text="..."))
print(tuned.read_answer(result.final_output))
""",
    code='''
def model():
    """Return the tuned model. The Responses API, the default of the SDK, knows no `stop`."""
    client = openai.AsyncOpenAI(
        base_url=BASE_URL,
        api_key=api_key(),
        default_headers=from_environment(HEADERS),
        default_query=from_environment(QUERY),
        http_client=AsyncVotingHttp(N, read_answer),  # voting
    )
    return OpenAIChatCompletionsModel(model=MODEL, openai_client=client)


def model_settings():
    """Return the tuned settings."""
    named = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "max_tokens")
    known = {name: SETTINGS[name] for name in named if name in SETTINGS}
    body = {name: value for name, value in SETTINGS.items() if name not in named}
    return ModelSettings(**known, extra_body={**body, **EXTRA_BODY})


def agent(name="assistant", **more):
    """Return an agent with the tuned model, settings and system message."""
    return Agent(
        name=name,
        instructions=SYSTEM_MESSAGE,
        model=model(),
        model_settings=model_settings(),
        **more,
    )
''',
)
