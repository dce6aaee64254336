"""Find prompts that a server cut, by the tokens that it counted.

Ollama cuts prompts to its context without a word, and counts what is left (ollama#3839).
"""

from __future__ import annotations

from tune.completion import Request

# Prompt tokens for each word that was sent, below which a server has not read all of them.
_FEWEST_TOKENS = 0.8

# Bytes in a token, on average over a prompt, above which a server has not read all of it. This
# catches texts without spaces.
_MOST_BYTES = 12


def explain_cut(request: Request, counted: int) -> str:
    """Say why a prompt seems to be cut; "" where it does not.

    Args:
        request: the request that was sent.
        counted: the prompt tokens that the server counted; 0 where it counted none.
    """
    if isinstance(request.prompt, str):
        parts = [request.prompt]
    else:
        parts = [message.content for message in request.prompt]
    words = sum(len(part.split()) for part in parts)
    size = sum(len(part.encode("utf-8", "surrogatepass")) for part in parts)
    fewest = max(_FEWEST_TOKENS * words, size / _MOST_BYTES)
    if not counted or counted >= fewest:
        return ""
    return f"a prompt of {words:,} words ({size:,} bytes) was counted as {counted:,} tokens"
