"""Domains of models that reason before they answer, in hidden tokens that are billed."""

from __future__ import annotations

from collections.abc import Sequence

from tune.providers.entries import Entry
from tune.providers.model_rules import ModelRules
from tune.providers.openai.reasoning_names import named_as_reasoning
from tune.space import Choice, Space
from tune.space.domain import Domain, grid_values

CAPS = (1024, 2048, 4096, 8192)
"""Values of max_tokens for models that reason: they are spent on hidden tokens first.

OpenAI advises 25,000 tokens for open-ended work (platform.openai.com/docs/guides/reasoning). Labels
and short answers need far less, and each call reserves its whole cap.
"""

EFFORTS = ("none", "minimal", "low", "medium", "high")
"""Efforts that a default space searches, as far as the model takes them.

The levels above "high" cost several times as much, so a user has to name them.
"""

OFF = (None, "none", "minimal")
"""Efforts with which a model that reasons on request hardly does."""

SMALL_CAP = 512
"""Below so many tokens, models that reason often return an empty answer."""


def reasons_unseen(
    entry: Entry, rules: ModelRules | None, effort: Domain | None
) -> bool:
    """Tell whether a model is likely to reason in hidden tokens.

    Args:
        entry: of the model.
        rules: of the model, where they are known.
        effort: the efforts that are searched for it, if any.
    """
    if effort is not None and set(grid_values(effort)) <= {"none"}:
        return False
    if rules is not None and rules.reasoning in ("always", "by default"):
        return True
    if rules is not None and rules.reasoning == "on request":
        return effort is not None and not set(grid_values(effort)) <= set(OFF)
    if entry.local or (rules is not None and rules.vendor):
        return False
    # At other hosts, only the name tells. Chat variants of these models do not reason.
    return named_as_reasoning(entry.model) and "chat" not in entry.model


def search_reasoning(space: Space, model: str, rules: ModelRules | None) -> str:
    """Give a model the caps and efforts that it needs, and no temperature where it takes none.

    Returns:
        A sentence that says so.
    """
    most = None if rules is None else rules.most_output
    caps = [cap for cap in CAPS if most is None or cap <= most]
    space.give(model, "max_tokens", Choice(tuple(caps or (most,))))
    searched = [
        f"max_tokens from {min(caps, default=most)} to {max(caps, default=most)}"
    ]
    efforts = _efforts(rules)
    if efforts and space.domain("reasoning_effort", model) is None:
        space.give(model, "reasoning_effort", Choice(tuple(efforts)))
        searched.append(f"reasoning_effort {', '.join(efforts)}")
    if rules is None and space.domain("temperature", model) is not None:
        space.drop(model, "temperature")
    return (
        f"{model} reasons in hidden tokens, which are billed and count towards max_tokens, so "
        f"this is searched for it: {'; '.join(searched)}"
    )


def _efforts(rules: ModelRules | None) -> Sequence[str]:
    """Return the efforts to search; those that all of OpenAI's models take where none are known."""
    if rules is None:
        return ("low", "medium", "high")
    known = rules.efforts or ()
    return [effort for effort in EFFORTS if effort in known]


def warn_of_small_cap(space: Space, model: str) -> list[str]:
    """Return a sentence if no cap of a model leaves room for its reasoning."""
    most = max(space.cap({"model": model, "prompt": name}) for name in space.prompts)
    if most >= SMALL_CAP:
        return []
    return [
        f"{model} reasons in hidden tokens that count towards max_tokens, and no max_tokens of the "
        f"space is above {most}: answers may be empty, and are billed. Give it larger ones under "
        f"[when.{model}], such as max_tokens = {list(CAPS)}"
    ]
