"""The room that a model's context has for an answer beside its prompt."""

from __future__ import annotations


def largest_cap(context: int, asked: int) -> int | None:
    """Return the largest max_tokens to ask for after prompt and answer did not fit together.

    It is half of the context, whichever prompt met the limit first: the prompts of one data set
    differ in length, and all that take at most the other half fit.

    Args:
        context: the most tokens that prompt and answer have together.
        asked: the max_tokens that was asked for.

    Returns:
        None where a smaller one is no remedy: the prompt takes more than half of the context.
    """
    half = context // 2
    return half if asked > half > 0 else None
