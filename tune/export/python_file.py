"""Write an export as one Python file that needs the framework and nothing of ours."""

from __future__ import annotations

import json
import keyword
import pprint
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from tune.errors import InputError
from tune.export.bundle import Bundle
from tune.export.deployment import Deployment
from tune.export.selected import Selected

MADE_BY = "Made by tune export"
"""Stands in every exported file, so that only such a file is overwritten."""

# Parameters of chat completions that the `openai` package takes by name.
NAMED = frozenset(
    {
        "frequency_penalty",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "presence_penalty",
        "reasoning_effort",
        "seed",
        "service_tier",
        "stop",
        "store",
        "temperature",
        "top_logprobs",
        "top_p",
        "verbosity",
    }
)

_READERS = ("whole", "pattern", "labels", "json", "number", "code")
"""Kinds of answer rules; `tune.export.bundled.answers` has a function for each."""

_SHARED = '''\
def messages(**inputs):
    """Return the chat messages of the tuned prompt, few-shot examples included."""
    return fill_prompt(PROMPT, inputs)


def api_key(variable=KEY_ENV, needed=KEY_NEEDED):
    """Return the key, which is in the environment and in no file."""
    key = os.environ.get(variable)
    if needed and not key:
        raise RuntimeError(f"the environment variable {variable}, which holds the key, is not set")
    # The openai package does not start without a key, even for a service that asks for none.
    return key or "none"


def from_environment(values):
    """Return headers or a query, with what is secret out of the environment."""
    found = {}
    for name, value in values.items():
        found[name] = value if isinstance(value, str) else api_key(value["env"], needed=True)
    return found


def later_messages(**inputs):
    """Return the messages without the system message, for an agent that has it already.

    A system message that names inputs stays: no agent can have it beforehand.
    """
    found = messages(**inputs)
    return found if SYSTEM_MESSAGE is None else found[1:]
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """One framework, and the end of a Python file for it.

    Attributes:
        title: for people.
        install: the package, for pip.
        use: lines that use the file, for its docstring.
        code: the end of the file. A line that ends in `# voting` stays only where several answers
            are asked for, and one that ends in `# one` only where one is.
        imports: the lines that import.
        clients: the voting clients that the code needs.
        always: True if the code needs them for one answer too, to send the settings.
    """

    title: str
    install: str
    use: str
    code: str
    imports: tuple[str, ...]
    clients: tuple[str, ...] = ("AsyncVotingHttp",)
    always: bool = False


def imported(path: str, own_name: str) -> tuple[str, str]:
    """Return the line that imports a callable, and the expression that names it then.

    Args:
        path: "module:attribute"; the attribute may have a dot, as `Class.method` has.
        own_name: the name that it gets.

    Raises:
        InputError: it is not made of names of Python. It may come from somebody else's file.
    """
    module, _, attribute = path.partition(":")
    for name in (*module.split("."), *attribute.split(".")):
        if not name.isidentifier() or keyword.iskeyword(name):
            raise InputError(
                f"'module:attribute' is wanted, but the config names {path!r}"
            )
    first, dot, rest = attribute.partition(".")
    return f"from {module} import {first} as {own_name}", f"{own_name}{dot}{rest}"


def request_settings(deployment: Deployment) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of a request: those that the `openai` package names, and the others."""
    config = deployment.config
    named: dict[str, Any] = {deployment.cap: config.max_tokens}
    if config.stop:
        named["stop"] = list(config.stop)
    others: dict[str, Any] = {}
    for name, value in deployment.settings.items():
        target = named if name in NAMED else others
        target[name] = value
    return named, others


def python_file(
    framework: Framework,
    selected: Selected,
    deployment: Deployment,
    cautions: Sequence[str],
    extra: str = "",
) -> str:
    """Return the file.

    Args:
        framework: what it is for.
        selected: the selected configuration.
        deployment: the configuration to write.
        cautions: what the file cannot carry.
        extra: further constants.
    """
    bundle = Bundle()
    for line in ("import os", *framework.imports):
        bundle.add_import(line)
    constants = _constants(selected, deployment, bundle)
    bundle.add("tune.export.bundled.prompt", ["fill_prompt"])
    if selected.n > 1 or framework.always:
        bundle.add("tune.export.bundled.voting", framework.clients)
        if ":" in selected.winner.config.aggregate:
            line, _ = imported(selected.winner.config.aggregate, "own_aggregate")
            bundle.add_import(line)
    parts = [
        _docstring(framework, selected, cautions),
        bundle.imports,
        constants + extra,
        bundle.text,
        _SHARED.rstrip(),
    ]
    parts.append(framework_code(framework.code, selected))
    return "\n\n\n".join(parts).replace('"""\n\n\nfrom', '"""\n\nfrom', 1) + "\n"


def framework_code(code: str, selected: Selected) -> str:
    """Return the code of a framework, for one answer or for a vote."""
    kept, dropped = "  # one", "  # voting"
    if selected.n > 1:
        kept, dropped = dropped, kept
    lines = []
    for line in code.strip().splitlines():
        if not line.endswith(dropped):
            lines.append(line.removesuffix(kept))
    text = "\n".join(lines)
    if ":" in selected.winner.config.aggregate:
        _, own = imported(selected.winner.config.aggregate, "own_aggregate")
        text = text.replace(
            "VotingHttp(N, read_answer",
            f"VotingHttp(N, read_answer, aggregate={own}",
        )
    return text


def _docstring(
    framework: Framework, selected: Selected, cautions: Sequence[str]
) -> str:
    """Return the docstring. Every text of others goes in so that it cannot end the docstring."""
    lines = [
        f"A tuned configuration for {framework.title} (pip install '{framework.install}').",
        "",
        *textwrap.wrap(
            f"{MADE_BY}: {selected.provenance}. No key is in this file.", 96
        ),
        "",
    ]
    if cautions:
        lines += ["Read this before you use it:", ""]
        for sentence in cautions:
            lines += textwrap.wrap(
                sentence, 96, initial_indent="- ", subsequent_indent="  "
            )
        lines.append("")
    lines += ["Use it like this:", "", textwrap.indent(framework.use.strip(), "    ")]
    # A backslash or a quotation mark in a name must stay text.
    text = "\n".join(lines).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'"""{text}\n"""'


def _constants(selected: Selected, deployment: Deployment, bundle: Bundle) -> str:
    """Return the values of the configuration, as Python."""
    named, others = request_settings(deployment)
    address, query = address_and_query(deployment)
    values: dict[str, tuple[Any, str]] = {
        "MODEL": (deployment.model, ""),
        "BASE_URL": (address, "None: OpenAI, or what OPENAI_BASE_URL says"),
        "KEY_ENV": (deployment.key_env, "the variable that holds the key"),
        "HEADERS": (dict(deployment.headers), ""),
        "QUERY": (query, "sent with each address"),
        "SETTINGS": (named, ""),
        "EXTRA_BODY": (others, "settings that the openai package has no name for"),
        "N": (selected.n, "answers for each request; the voted one counts"),
        "ANSWER_RULE": (_rule(deployment.answer), "how the answer is read in a text"),
        "PROMPT": (list(deployment.turns), "the prompt, with its fields"),
        "SYSTEM_MESSAGE": (fixed_system_message(deployment), ""),
    }
    lines = []
    for name, (value, comment) in values.items():
        literal = pprint.pformat(value, width=88, sort_dicts=False)
        if comment:
            lines.append(f"# {comment[0].upper()}{comment[1:]}.")
        if "\n" in literal:
            literal = f"(\n{textwrap.indent(literal, '    ')}\n)"
            # Only a text of several parts needs them.
            if not isinstance(value, str):
                literal = pprint.pformat(value, width=80, sort_dicts=False)
        lines.append(f"{name} = {literal}")
    lines.append("# False where calls may go without a key.")
    lines.append(f"KEY_NEEDED = {key_needed(deployment)}")
    return "\n".join(lines) + f"\n\n\n{_read_answer(deployment.answer, bundle)}"


def key_needed(deployment: Deployment) -> str:
    """Return the expression that is true if calls need a key, as code."""
    if deployment.url is None and not deployment.key_named:
        # OpenAI asks for a key, and another service may ask for none.
        return 'not os.environ.get("OPENAI_BASE_URL")'
    return str(not deployment.key_is_optional)


def address_and_query(deployment: Deployment) -> tuple[str | None, dict[str, Any]]:
    """Return the address without its query, and the query apart: the path of a call follows it."""
    if deployment.url is None:
        return None, dict(deployment.query)
    parts = urlsplit(deployment.url)
    address = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    return address, {**dict(parse_qsl(parts.query)), **deployment.query}


def _rule(answer: Any) -> Any:
    """Return an answer rule in the form that the bundled readers take."""
    if answer is None:
        return {"whole": True}
    return answer


def _read_answer(answer: Any, bundle: Bundle) -> str:
    """Return the function that takes the answer out of a text."""
    said = '"""Return the answer in a text; None where there is none."""'
    if isinstance(answer, str):
        line, rule = imported(answer, "own_answer_rule")
        bundle.add_import(line)
        kind = "callable"
    else:
        rule = "ANSWER_RULE"
        table = _rule(answer)
        kind = next(kind for kind in _READERS if kind in table)
    bundle.add("tune.export.bundled.answers", [f"read_{kind}"])
    return f"def read_answer(text):\n    {said}\n    return read_{kind}(text, {rule})"


def fixed_system_message(deployment: Deployment) -> str | None:
    """Return the system message of an agent; None where it needs the inputs of an example."""
    turn = deployment.turns[0]
    if turn["role"] not in ("system", "developer"):
        return None
    if all(isinstance(part, str) for part in turn["parts"]):
        return "".join(turn["parts"])
    return None


def json_text(value: Any) -> str:
    """Return JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
