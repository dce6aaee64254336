"""Export for the `openai` package itself: keywords for a call, and functions that make it."""

from __future__ import annotations

from tune.export.python_file import Framework

OPENAI = Framework(
    title="the openai package",
    install="openai",
    imports=("import functools", "import openai"),
    clients=("VotingHttp",),
    use="""
import tuned_openai as tuned

print(tuned.answer(text="..."))         # the answer, read as it was tuned
print(tuned.ask(text="..."))            # the whole text
# The same call by hand; the client votes where several answers were tuned:
response = tuned.client().chat.completions.create(
    **tuned.KWARGS, messages=tuned.messages(text="...")
)
""",
    code='''
KWARGS = {"model": MODEL, **SETTINGS, "extra_body": EXTRA_BODY}


@functools.cache
def client():
    """Return a client of the service."""
    return openai.OpenAI(
        base_url=BASE_URL,
        api_key=api_key(),
        default_headers=from_environment(HEADERS),
        default_query=from_environment(QUERY),
        http_client=VotingHttp(N, read_answer),  # voting
    )


def ask(**inputs):
    """Return the model's text for the inputs of the prompt."""
    response = client().chat.completions.create(messages=messages(**inputs), **KWARGS)
    return response.choices[0].message.content or ""


def answer(**inputs):
    """Return the answer for the inputs of the prompt; None where the text holds none."""
    return read_answer(ask(**inputs))
''',
)

COMPLETIONS = Framework(
    title=OPENAI.title,
    install=OPENAI.install,
    imports=OPENAI.imports,
    clients=OPENAI.clients,
    use=OPENAI.use.partition("#  The same")[0].partition("# The same")[0],
    code=OPENAI.code.replace(
        "client().chat.completions.create(messages=messages(**inputs), **KWARGS)",
        'client().completions.create(prompt=messages(**inputs)[0]["content"], **KWARGS)',
    ).replace("choices[0].message.content", "choices[0].text"),
)
"""The same for a prompt that the model continues, which is no chat."""
