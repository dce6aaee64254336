"""A configuration to deploy, its endpoint, and the part of it that a plain agent can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from tune.pricing.amounts import dollars
from tune.pricing.prices import Price
from tune.providers.base_url import DEFAULT_BASE_URL, public_query
from tune.providers.openai.access import OPENAI_KEY, Headers
from tune.providers.openai.reasoning_names import named_as_reasoning
from tune.report import ReportConfig
from tune.report.text import with_limits
from tune.space import Config
from tune.space.named_values import MERGED

LOCAL_URL = "http://localhost:8080/v1"
"""Stands for the server that a model run in process still needs before an agent can reach it."""


CapName: TypeAlias = Literal["max_tokens", "max_completion_tokens"]
"""The names of the cap of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A configuration with everything that is needed to call it elsewhere, except the key.

    Attributes:
        config: what is deployed, with its own values: exports never change one.
        values: those of the settings that the config has by name.
        headers: sent with each call; `{"env": VARIABLE}` stands for the value of a variable.
        query: sent with each address, in the same form.
        model: the model's name as its endpoint knows it (the config has the space's name for it).
        price: dollars per million tokens.
        base_url: an OpenAI-compatible endpoint; None is OpenAI's own.
        key_env: the environment variable that holds the key; "" where the endpoint asks for none.
        key_named: True if the study named that variable, so that the key must be there.
        system_message: the part of the prompt that an agent takes as its system message, or None.
        template: the text of a user message, with `{field}` where an example's inputs go.
        cap: the name under which the model takes its cap.
        raw: True if the prompt is one text that the model continues, not a chat.
        local: True if the model ran in process, so that no endpoint is known.
        tags: further labels for `filter_dict`.
        turns: the prompt's messages as `best.json` has them, with their fields apart.
        answer: how the answer is taken out of a text; None is the whole text.
        made_by: the user's function that makes the prompt; "" where it is a template.
    """

    config: Config
    model: str
    price: Price
    base_url: str | None = None
    key_env: str = OPENAI_KEY
    key_named: bool = False
    system_message: str | None = None
    template: str = ""
    cap: CapName = "max_tokens"
    raw: bool = False
    local: bool = False
    tags: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    headers: Headers = field(default_factory=dict)
    query: Headers = field(default_factory=dict)
    turns: tuple[Any, ...] = ()
    answer: Any = None
    made_by: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as a request has them, by name."""
        found: dict[str, Any] = {}
        for name, value in self.config.settings.items():
            sent = self.values.get(name, value)
            if name == MERGED and isinstance(sent, Mapping):
                found |= sent
            # An empty table leaves the setting to the service.
            elif sent != {}:
                found[name] = sent
        return found

    @property
    def url(self) -> str | None:
        """The endpoint's address without what may be secret: user, password, query, fragment."""
        address = self.base_url
        if self.local and address is None:
            address = LOCAL_URL
        if address is None:
            return None
        # Without the slashes urlsplit takes `user:password@host` for a path, and would keep it.
        if "://" not in address:
            address = f"//{address}"
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        # Some queries are harmless and needed, such as Azure's api-version.
        query = public_query(parts)
        public = urlunsplit((parts.scheme, host, parts.path, query, ""))
        return public.removeprefix("//")

    @property
    def key_is_optional(self) -> bool:
        """True if calls may go without a key, as those of the study may have gone.

        The study named no key, and the address is known and not OpenAI's own.
        """
        if not self.key_env:
            return True
        if self.key_named or self.url is None:
            return False
        return f"//{urlsplit(DEFAULT_BASE_URL).hostname}" not in self.url


def usual_cap(model: str, *, raw: bool) -> CapName:
    """Return the name under which a model is known to take its cap."""
    # OpenAI's reasoning models refuse max_tokens, and the older completions know nothing else.
    if named_as_reasoning(model) and not raw:
        return "max_completion_tokens"
    return "max_tokens"


def asked_once(deployment: Deployment) -> Deployment:
    """Return a deployment that asks for one answer, with all other settings as they were."""
    config = Config({**deployment.config, "n": 1, "aggregate": "first"})
    return replace(deployment, config=config)


def is_deployable(config: Config, *, raw: bool = False, made_by: str = "") -> bool:
    """Return True if an AutoGen agent can use a configuration: it chats and reads one answer.

    Args:
        config: a complete configuration.
        raw: True if its prompt is a text to continue, not a chat.
        made_by: the user's function that makes its prompt; "" where it is a template.
    """
    # Of a single answer every aggregate makes that answer, but only "first" says so.
    has_template = not (raw or made_by)
    return config.n == 1 and config.aggregate == "first" and has_template


def single_answer_note(
    winner: ReportConfig,
    carried: ReportConfig,
    *,
    raw: bool = False,
    made_by: str = "",
) -> str:
    """Return what the full winner adds to the configuration that an agent can use.

    Args:
        winner: the row of the selected configuration.
        carried: the row of the configuration for agents.
        raw: True if the winner's prompt is a text to continue, not a chat.
        made_by: the user's function that makes the winner's prompt; "" where it is a template.
    """
    if winner.config == carried.config:
        return "An agent carries the winner as it is."
    full, single = winner.config, carried.config
    said = ["n", "aggregate"]
    limits, ways = [], []
    if raw:
        limits.append("chats")
        ways.append("has a prompt that the model continues as a text")
        said.append("prompt")
    elif made_by:
        limits.append("takes a template")
        ways.append(f"has a prompt that {made_by} makes")
        said.append("prompt")
    if (full.n, full.aggregate) != (single.n, single.aggregate):
        limits.append("reads one answer per request")
        ways.append(f"takes {full.n} answers per request by {full.aggregate!r}")
    others = []
    # A dict keeps the winner's order, in which a reader knows the settings.
    for name in dict.fromkeys([*full, *single]):
        if name not in said and full.get(name) != single.get(name):
            others.append(name)
    if others:
        ways.append(f"differs in {', '.join(others)}")
    *before, last = ways
    listed = f"{', '.join(before)} and {last}" if before else last
    sentence = f"An agent {' and '.join(limits)}; the full winner {listed}"
    if winner.quality is not None and carried.quality is not None:
        sentence += (
            f": {with_limits(winner.quality)} against {with_limits(carried.quality)}"
        )
    if winner.cost is not None and carried.cost is not None:
        ours, theirs = dollars(winner.cost.mean), dollars(carried.cost.mean)
        sentence += f", at {ours} against {theirs} per request"
    return f"{sentence}."


def not_deployable_note(config: Config, *, raw: bool = False, made_by: str = "") -> str:
    """Return why no AutoGen agent can use a configuration; "" if one can.

    Args:
        config: a complete configuration.
        raw: True if its prompt is a text to continue, not a chat.
        made_by: the user's function that makes its prompt; "" where it is a template.
    """
    reasons = []
    if raw:
        reasons.append("its prompt is a text that the model continues, and agents chat")
    elif made_by:
        reasons.append(
            f"its prompt is made by the function {made_by}, and agents take a template"
        )
    if config.n > 1:
        reasons.append(
            f"it asks for {config.n} answers and reads them by {config.aggregate!r}, "
            "and agents read one"
        )
    if not reasons:
        return ""
    return f"No agent's llm_config can carry the winner: {'; '.join(reasons)}."


def notes(deployment: Deployment) -> tuple[str, ...]:
    """Return what a person must know or do before an export works."""
    said = []
    if deployment.local and deployment.base_url is None:
        said.append(
            "The model ran in process: serve it behind an OpenAI-compatible endpoint "
            f"and put its address in place of {LOCAL_URL}."
        )
    # Without this sentence a call that needs the left-out part fails, and nobody knows why.
    if deployment.base_url is not None and deployment.url != deployment.base_url:
        said.append(
            "The endpoint's address held what may be secret and was left out: "
            "add it where you deploy."
        )
    if deployment.key_env not in ("", OPENAI_KEY) and not deployment.local:
        said.append(
            "The key is read from the environment: pass each entry's api_key, "
            f"${{{deployment.key_env}}}, through os.path.expandvars."
        )
    if deployment.price.notional:
        said.append("The price is notional: nobody is billed at it.")
    if deployment.raw:
        said.append(
            "The prompt is continued as it stands and is no chat: "
            "call the completions endpoint with it."
        )
    return tuple(said)
