"""Calls without a budget: each is sent as it comes, and its cost is told."""

from __future__ import annotations

from tune.completion import Completion, Endpoint, Request
from tune.errors import ProviderError, TransientError
from tune.providers.billing import bill_calls
from tune.providers.metered import OnReceipt, Receipt
from tune.providers.tariff import Tariff


class Unbudgeted:
    """Sends calls where no budget is set: no file, no price and no store are needed.

    Args:
        endpoint: the endpoint that really sends.
        tariff: the prices; None where no price is known, and then every cost is told as 0.
        model: the model's name as the service knows it.
        observer: told of every attempt when it is closed.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        tariff: Tariff | None,
        model: str,
        observer: OnReceipt,
    ) -> None:
        self._endpoint = endpoint
        self._tariff = tariff
        self._model = model
        self._observer = observer

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Buy the draws with these numbers in one call; the service may return fewer.

        Raises:
            ProviderError: the call failed.
        """
        # Read before the call: what is learned while it is under way counts for the next one.
        most_n = self._endpoint.most_n
        try:
            draws = await self._endpoint.complete(request, numbers)
        except ProviderError as error:
            self._tell(Receipt.of_loss(request, error, uncertain=error.charged))
            raise
        if not draws:
            raise TransientError(
                f"{request.service} returned no answer for model {request.model!r}",
                charged=True,
            )
        bills = bill_calls(draws, request, self._tariff, most_n=most_n)
        self._tell(Receipt.of_bills(request, bills, len(draws)))
        return draws

    def _tell(self, receipt: Receipt) -> None:
        self._observer(receipt)
