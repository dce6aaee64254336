"""Export for LangChain's `ChatOpenAI`."""

from __future__ import annotations

from tune.export.python_file import Framework

LANGCHAIN = Framework(
    title="LangChain",
    install="langchain-openai",
    imports=("from langchain_openai import ChatOpenAI",),
    clients=("VotingHttp", "AsyncVotingHttp"),
    use="""
import tuned_langchain as tuned

reply = tuned.chat_model().invoke(tuned.messages(text="..."))
print(tuned.read_answer(reply.content))
# In an agent:
agent = create_agent(tuned.chat_model(), tools=[...], system_prompt=tuned.SYSTEM_MESSAGE)
""",
    code='''
def chat_model(**more):
    """Return the tuned chat model; keywords are handed on to `ChatOpenAI`."""
    settings = dict(SETTINGS)
    body = dict(EXTRA_BODY)
    # ChatOpenAI would send this cap under the newer name, which many services do not know.
    if "max_tokens" in settings:
        body["max_tokens"] = settings.pop("max_tokens")
    # A setting without a name of its own there goes into the body.
    for name in list(settings):
        known = ChatOpenAI.model_fields
        aliases = [field.alias for field in known.values()]
        if name not in known and name not in aliases:
            body[name] = settings.pop(name)
    return ChatOpenAI(
        model=MODEL,
        base_url=BASE_URL,
        api_key=api_key(),
        default_headers=from_environment(HEADERS),
        default_query=from_environment(QUERY),
        use_responses_api=False,
        extra_body=body,
        http_client=VotingHttp(N, read_answer),  # voting
        http_async_client=AsyncVotingHttp(N, read_answer),  # voting
        **settings,
        **more,
    )
''',
)
