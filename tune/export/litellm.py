"""Export for LiteLLM."""

from __future__ import annotations

from tune.export.python_file import Framework

LITELLM = Framework(
    title="LiteLLM",
    install="litellm",
    imports=("import functools", "import litellm", "import openai"),
    clients=("VotingHttp",),
    use="""
import tuned_litellm as tuned

response = tuned.complete(text="...")
print(tuned.read_answer(response.choices[0].message.content))
# The same call by hand:
litellm.completion(**tuned.kwargs(), messages=tuned.messages(text="..."))
""",
    code='''
@functools.cache
def client():
    """Return the client that LiteLLM sends with."""
    return openai.OpenAI(
        base_url=BASE_URL,
        api_key=api_key(),
        default_headers=from_environment(HEADERS),
        default_query=from_environment(QUERY),
        http_client=VotingHttp(N, read_answer),  # voting
    )


def kwargs():
    """Return the keywords of `litellm.completion`."""
    return {
        # The prefix says that the service speaks as OpenAI's does.
        "model": f"openai/{MODEL}",
        "api_base": BASE_URL,
        "api_key": api_key(),
        "client": client(),
        **SETTINGS,
        "extra_body": EXTRA_BODY,
    }


def complete(**inputs):
    """Return LiteLLM's response for the inputs of the prompt."""
    return litellm.completion(messages=messages(**inputs), **kwargs())
''',
)
