"""Ask models for a few tokens, to see which settings they take."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tune.completion import Completion, Message, Request, Setting
from tune.errors import (
    BudgetExhausted,
    ParameterRejected,
    ProviderError,
)
from tune.pricing.amounts import dollars
from tune.pricing.prices import Price, to_dollars, to_picodollars
from tune.providers.capabilities import Capabilities
from tune.providers.endpoints import close_services, open_services
from tune.providers.entries import Entry
from tune.providers.model_rules import ModelRules, endpoint_rules
from tune.providers.stack import Service, StackContext
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger

CAP = 16
"""Tokens of an answer: what is asked is whether a call is taken, not what the model says."""

ASKED: tuple[tuple[str, Setting], ...] = (
    ("temperature", 0.5),
    ("top_p", 0.9),
    ("presence_penalty", 0.5),
    ("reasoning_effort", "low"),
    ("verbosity", "low"),
)
"""The settings that are tried, each in a call of its own."""

_PROMPT = (Message("user", "Answer with the word yes."),)


@dataclass(slots=True)
class Probed:
    """Findings about one model.

    Attributes:
        answers: whether it answers a plain call; where it does not, nothing else is asked.
        settings: for each setting, "taken" or the words with which it was refused.
        spent: dollars.
    """

    answers: str
    settings: dict[str, str] = field(default_factory=dict)
    spent: float = 0.0

    def lines(self) -> list[str]:
        """Return the findings as lines of text."""
        shown = [f"  asked        {self.answers}"]
        for name, words in self.settings.items():
            shown.append(f"    {name:18s} {words}")
        shown.append(f"  spent        {dollars(self.spent)}")
        return shown

    def record(self) -> dict[str, object]:
        """Return the findings in JSON's types."""
        return {
            "answers": self.answers,
            "settings": dict(self.settings),
            "spent": self.spent,
        }


async def probe(
    entries: Mapping[str, Entry],
    prices: Mapping[str, Price],
    *,
    budget: float,
    store: str,
    notice: Callable[[str], None],
) -> dict[str, Probed]:
    """Ask each model a plain call, and one call for each setting.

    Every call is reserved before it is sent, and settled; all of them together cost at most the
    budget. A model that does not answer is shown with its own words, and the others are asked.

    Args:
        entries: the models, by name.
        prices: their prices.
        budget: dollars.
        store: where the answers and the ledger are kept.
        notice: called with sentences that a user should read.
    """
    db = Database(store)
    try:
        # A random part, so that each probe asks anew.
        name = f"probe-{secrets.token_hex(4)}"
        ledger = Ledger(db, name, to_picodollars(budget) or 1)
        draws = Store(db, generation=name, study=name)
        context = StackContext(draws, ledger, Capabilities(), 1, notice=notice)
        found: dict[str, Probed] = {}
        for model, entry in entries.items():
            before = ledger.balance.spent
            found[model] = await _probe_model(entry, prices[model], context)
            found[model].spent = to_dollars(ledger.balance.spent - before)
        return found
    finally:
        db.close()


async def _probe_model(entry: Entry, price: Price, context: StackContext) -> Probed:
    try:
        services = await open_services(
            {entry.name: entry}, {entry.name: price}, context
        )
    except ProviderError as error:
        return Probed(str(error))
    try:
        return await _ask(services[entry.name], context.capabilities)
    finally:
        await close_services(services)


async def _ask(service: Service, known: Capabilities) -> Probed:
    """Ask for each setting, once the model answers a plain call."""
    rules = endpoint_rules(service.entry) or ModelRules(service.entry.model)
    cap = max(CAP, rules.least_output or 0)
    plain = Request(service.id, service.entry.model, _PROMPT, cap)
    words, _ = await _call(service, plain, 1)
    found = Probed("answers" if words == "taken" else words)
    if words != "taken":
        return found
    no_seed = rules.seed is False or known.refuses(service.id, plain.model, "seed")
    found.settings["seed"] = "not sent" if no_seed else "taken"
    for name, value in ASKED:
        asked = Request(
            service.id, plain.model, _PROMPT, cap, settings=((name, value),)
        )
        found.settings[f"{name} {value}"], _ = await _call(service, asked, 1)
    stop = Request(service.id, plain.model, _PROMPT, cap, stop=("END",))
    found.settings["stop"], _ = await _call(service, stop, 1)
    # Draw 0 of the plain call is there, so that two more are asked for.
    words, draws = await _call(service, plain, 3)
    if words == "taken" and service.endpoint.most_n < len(draws):
        words = f"{service.endpoint.most_n} for one call; more take several calls"
    found.settings["n 2"] = words
    return found


async def _call(
    service: Service, request: Request, draws: int
) -> tuple[str, list[Completion]]:
    """Buy draws; return "taken", or the words with which they were refused."""
    try:
        return "taken", await service.provider.complete(request, range(draws))
    except ParameterRejected as error:
        return f"refused: {error}", []
    except BudgetExhausted as error:
        return f"not asked: {error}", []
    except ProviderError as error:
        return str(error), []
