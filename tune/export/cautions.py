"""Sentences on what an export cannot carry, and on how to get it all the same."""

from __future__ import annotations

from tune.export.deployment import Deployment, notes
from tune.export.python_file import fixed_system_message
from tune.export.selected import Selected

SHORT_CAP = 256
"""A max_tokens at or below it was tuned on short answers, such as labels."""

RUNTIME = 'tune.load("best.json")'
"""The way to everything at once."""


def cautions(
    selected: Selected,
    deployment: Deployment,
    *,
    client: str = "",
    agent: bool = True,
    empty_system: bool = False,
) -> list[str]:
    """Return what a user of an export must know, in whole sentences.

    Args:
        selected: the selected configuration.
        deployment: what the export carries of it.
        client: the class in the file that votes; "" if the export has none.
        agent: True if it is for agents, which hold conversations.
        empty_system: True if the framework sends an empty system message where there is none.
    """
    said = [*selected.notices, *_answers(selected, deployment, client)]
    config = deployment.config
    if agent and config.max_tokens <= SHORT_CAP:
        said.append(
            f"max_tokens {config.max_tokens} was tuned on short answers, and a longer message of "
            "an agent is cut there: raise it in a conversation, and test the quality again."
        )
    if agent and config.stop:
        said.append(
            f"Each message of an agent ends at stop {list(config.stop)}, which was tuned on single "
            "answers."
        )
    if agent and not deployment.raw:
        said.append(
            "An agent does not fill the prompt's template: begin with the messages that "
            f"messages(...) makes of your inputs, or use {RUNTIME}."
        )
        first = deployment.turns[0]["role"]
        has_system = first in ("system", "developer")
        if empty_system and not has_system:
            said.append(
                "The prompt has no system message, and the framework sends an empty one."
            )
        if has_system and fixed_system_message(deployment) is None:
            said.append(
                "The system message names inputs, so no agent can have it beforehand: "
                "messages(...) fills it in."
            )
    if isinstance(deployment.answer, str):
        said.append(
            f"The answer is taken out of the text by {deployment.answer}, which is your own "
            "module: it must be importable."
        )
    # Keys are handled in the file itself, and the sentence on them is of AutoGen's lists.
    return said + [note for note in notes(deployment) if "expandvars" not in note]


def _answers(selected: Selected, deployment: Deployment, client: str) -> list[str]:
    """Return the sentences on several answers."""
    full = selected.winner.config
    if full.n == 1:
        return []
    asked = f"The winner asks for {full.n} answers and takes one by {full.aggregate!r}"
    if selected.votes and client:
        return [
            f"{asked}. No setting says that: {client} in this file asks {full.n} times and hands "
            "back the voted answer."
        ]
    lost = f"{asked}, which this export cannot do: use {RUNTIME}."
    if deployment.config == full:
        return [f"{lost} Without it, one answer is asked for."]
    return [f"{lost} What is exported is the best configuration with one answer."]
