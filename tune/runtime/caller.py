"""One configuration that is called: its endpoint, its wrappers, and its sums."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from tune.completion import Completion, Provider
from tune.errors import EndpointError, InputError, TuneError
from tune.pricing.prices import Price
from tune.providers.capabilities import Capabilities
from tune.providers.endpoints import open_endpoint
from tune.providers.metered import Receipt
from tune.providers.retrying import RetryPolicy
from tune.providers.stack import StackContext, build_fresh_stack, build_stack
from tune.readout.aggregate import BlindVerifier, blind
from tune.readout.answers import ChosenAnswer, ReadDraw, choose_draw, read_draws
from tune.runtime.answer import Tally
from tune.runtime.ask import Ask, Rendered, render
from tune.runtime.recorded import TunedConfig
from tune.runtime.requests import make_request
from tune.store.draws import Store
from tune.store.ledger import Ledger

_RECEIPTS: ContextVar[list[Receipt] | None] = ContextVar("receipts", default=None)
"""The receipts of the answer that is being made; its calls inherit it."""


@contextmanager
def receipts_kept() -> Iterator[list[Receipt]]:
    """Keep the receipts of the calls that are made inside the block, by whatever task."""
    kept: list[Receipt] = []
    token = _RECEIPTS.set(kept)
    try:
        yield kept
    finally:
        _RECEIPTS.reset(token)


@dataclass(frozen=True, slots=True)
class CallerMoney:
    """The ledger and the store of one day.

    Attributes:
        ledger: the budget, and the account of what the store keeps; None where neither is wanted.
        store: where draws are kept; None where each is drawn anew.
    """

    ledger: Ledger | None = None
    store: Store | None = None


class Caller:
    """Asks one configuration.

    Args:
        tuned: the configuration.
        concurrency: the most calls in flight.
        retry: when a failed call is tried again.

    Attributes:
        tuned: see above.
        tally: the sums over what it was asked.
        has_answered: True once a call got through.
    """

    def __init__(
        self, tuned: TunedConfig, *, concurrency: int, retry: RetryPolicy
    ) -> None:
        self.tuned = tuned
        self.tally = Tally(tuned.entry.name, priced=tuned.price is not None)
        self.has_answered = False
        self._capabilities = Capabilities()
        self._concurrency = concurrency
        self._retry = retry
        self._fresh: Provider | None = None
        self._stored: Provider | None = None
        self._endpoint = open_endpoint(tuned.entry, self._capabilities)

    def connect(self, money: CallerMoney) -> None:
        """Build the wrappers around the endpoint."""
        tuned = self.tuned
        # Without a price nothing can be reserved. `load` refuses a budget then.
        ledger = None if tuned.price is None else money.ledger
        self._fresh = build_fresh_stack(
            tuned.entry,
            self._endpoint,
            tuned.price,
            ledger=ledger,
            capabilities=self._capabilities,
            concurrency=self._concurrency,
            retry=self._retry,
            receipts=self._receive,
        )
        self._stored = None
        if money.store is None or money.ledger is None:
            return
        context = StackContext(
            money.store,
            money.ledger,
            self._capabilities,
            self._concurrency,
            retry=self._retry,
            receipts=lambda _, receipt: self._receive(receipt),
        )
        price = tuned.price or Price(0.0, 0.0)
        service = build_stack(tuned.entry, self._endpoint, price, context)
        self._stored = service.provider

    async def explain(self, error: TuneError) -> TuneError:
        """Return the error to raise for a call that failed for good.

        An endpoint that never answered may have been gone from the start: its model, its key or its
        address. Then the error is bad input, in the words of a check that costs nothing.
        """
        if self.has_answered or not isinstance(error, EndpointError):
            return error
        try:
            await self._endpoint.preflight()
        except EndpointError as fault:
            return InputError(
                f"{self.tuned.entry.name!r} of {self.tuned.source!r} cannot be called: {fault}"
            )
        return error

    def render(self, ask: Ask) -> Rendered:
        """Return a question as it is sent.

        Raises:
            InputError: the question does not fit the configuration.
        """
        tuned = self.tuned
        rendered = render(ask, tuned.prompt)
        if rendered.passed and tuned.entry.local:
            raise InputError(
                f"{tuned.entry.name!r} runs in this process, and takes plain messages only: "
                "no tools, response formats, names or images"
            )
        return rendered

    async def draw(self, ask: Ask, numbers: range) -> tuple[ReadDraw, ...]:
        """Draw answers to a question, and read them.

        Args:
            ask: the question.
            numbers: of the draws; those that are stored are not bought again.

        Raises:
            InputError: the question does not fit the configuration.
            ProviderError: a call failed for good.
            BudgetExhausted: the ceiling of a call does not fit into what is left.
        """
        tuned, config = self.tuned, self.tuned.config
        rendered = self.render(ask)
        request = make_request(
            config,
            named=tuned.named,
            service=self._endpoint.service,
            model=tuned.entry.model,
            prompt=rendered.prompt,
            cap=config.max_tokens,
            stop=config.stop,
            passed=rendered.passed,
        )
        provider = self._fresh
        # The store keeps texts, and no calls of tools.
        if self._stored is not None and "tools" not in ask.passed:
            provider = self._stored
        assert provider is not None
        draws: list[Completion] = await provider.complete(request, numbers)
        self.has_answered = True
        return read_draws(draws, config, tuned.extract)

    def choose(self, draws: tuple[ReadDraw, ...], ask: Ask) -> ChosenAnswer:
        """Make one answer of draws, as it was tuned."""
        verifier: BlindVerifier | None = None
        if self.tuned.verifier is not None:
            columns = {*self.tuned.inputs, *self.tuned.prompt.fields}
            verifier = blind(self.tuned.verifier, ask.example(columns))
        return choose_draw(self.tuned.aggregate, draws, verifier=verifier)

    async def close(self) -> None:
        """Release connections, threads and memory."""
        await self._endpoint.close()

    def _receive(self, receipt: Receipt) -> None:
        self.tally.add_receipt(receipt)
        kept = _RECEIPTS.get()
        if kept is not None:
            kept.append(receipt)
