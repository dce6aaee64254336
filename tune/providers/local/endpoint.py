"""A language model that runs in this process, by openvino-genai: no key, no network, nothing to
pay.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import math
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tune.completion import MANY, Completion, Request
from tune.errors import AnswerError, InputError, ParameterRejected
from tune.pricing.prices import Price
from tune.providers.local.files import Progress, find_model
from tune.providers.local.metadata import content_hash
from tune.providers.local.model import LoadedModel

NOTIONAL_PRICE = Price(input=6.0, output=48.0, source="notional", date="2026-11-22")
"""What a local model is said to cost. Nobody is billed; at this price a run of $5 keeps two slow
cores busy for two to three minutes, loading and searching included.
"""

_MOST_TOGETHER = 64
_MOST_TOKENS_TOGETHER = 32768
"""A call for more draws than these is cut into pieces, so that none fills the model's cache by
itself.
"""


class LocalEndpoint:
    """A model that runs in this process. Nothing is imported, fetched or loaded before it is
    needed.

    Endpoints of one model share it, also between studies, event loops and threads; the last to be
    closed frees it.

    A draw's seed comes from its request and the first number that is asked for with it. The same
    call gives the same draws again where the model is as busy with others as it was; else about
    nine in ten of 24 tokens, since the last digits depend on what is computed together. Several
    numbers at temperature 0 are copies of one answer. `Completion.seconds` run from when the model
    takes the request in: they leave out the time it queued here, but not that the model was shared.

    Args:
        name: as `tune.providers.local.files.find_model` reads it.
        progress: is told, in a few words, when the model is fetched or loaded.

    Attributes:
        most_n: without a limit; the prompt is read once for all draws of a call.
    """

    most_n = MANY

    def __init__(self, name: str = "local:smollm2", *, progress: Progress = lambda _: None) -> None:
        self.name = name
        self._progress = progress
        self._lock = threading.Lock()
        self._model: LoadedModel | None = None

    @functools.cached_property
    def path(self) -> Path:
        """The model's file or folder, fetched if need be."""
        return find_model(self.name, self._progress)

    @property
    def service(self) -> str:
        """`local:` and the beginning of the content's hash: the same model has the same draws
        wherever it lies.
        """
        return f"local:{content_hash(self.path)[:16]}"

    async def preflight(self) -> str:
        """Fetch and load the model now, off the event loop.

        Raises:
            InputError: there is no such model, it cannot be loaded, or openvino-genai is not
            installed.
        """
        await asyncio.to_thread(self._open)
        return ""

    def most_prompt_tokens(self, request: Request) -> int:
        """The prompt's tokens, exact. Waits for the model where `preflight` has not been called."""
        return len(self._open().encode(request.prompt).ids)

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Draw once for each number."""
        settings = read_settings(request)
        if self._model is None or not self._model.loaded.done():
            await asyncio.to_thread(self._open)
        model = self._open()  # does not wait any more
        prompt = model.encode(request.prompt)
        if model.context is not None and len(prompt.ids) + request.max_tokens > model.context:
            raise AnswerError(
                f"{request.model} takes {model.context} tokens, but prompt + max_tokens = "
                f"{len(prompt.ids)} + {request.max_tokens}",
                reason="context_length",
            )
        most = max(1, min(_MOST_TOGETHER, _MOST_TOKENS_TOGETHER // max(1, request.max_tokens)))
        pieces = [numbers[i : i + most] for i in range(0, len(numbers), most)]
        futures = [
            asyncio.wrap_future(model.submit(prompt, request, settings, piece)) for piece in pieces
        ]
        try:
            return [
                completion for answers in await asyncio.gather(*futures) for completion in answers
            ]
        finally:
            for future in futures:
                # when one fails or the caller is cancelled, nobody wants the others
                future.cancel()

    async def close(self) -> None:
        """Let go of the model; without other users its thread ends and its memory is freed."""
        with self._lock:
            model, self._model = self._model, None
        if model is not None:
            await asyncio.to_thread(_release, model)

    def _open(self) -> LoadedModel:
        with self._lock:
            if self._model is None:
                self._model = _acquire(
                    self.path, functools.partial(self._progress, f"loading {self.name}")
                )
            model = self._model
        model.loaded.result()
        return model


_models: dict[str, LoadedModel] = {}  # by content
_models_lock = threading.Lock()


def _acquire(path: Path, announce: Callable[[], None]) -> LoadedModel:
    key = content_hash(path)
    with _models_lock:
        if key not in _models or _models[key].ended:
            announce()
            _models[key] = LoadedModel(path, import_genai())
        _models[key].users += 1
        return _models[key]


def _release(model: LoadedModel) -> None:
    with _models_lock:
        model.users -= 1
        if model.users:
            return
        for key in [key for key, held in _models.items() if held is model]:
            del _models[key]
    model.end()


@atexit.register
def _end_all() -> None:
    """An interpreter that shuts down under a thread in native code may crash."""
    for model in list(_models.values()):
        model.end()


def import_genai() -> Any:
    """The module `openvino_genai`.

    Raises:
        InputError: it is not installed, or not for this machine.
    """
    # Merely importing openvino reports to its makers, unless this package of theirs cannot be
    # imported.
    silenced = "openvino_telemetry" not in sys.modules
    if silenced:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino_genai
    except ImportError as error:
        raise InputError(
            f'a local model needs openvino-genai, which cannot be imported ({error}): pip install "tune-llm[local]"'
        ) from None
    finally:
        if silenced:
            del sys.modules["openvino_telemetry"]
    return openvino_genai


_BOUNDS: Mapping[str, tuple[float, float]] = {
    "temperature": (0.0, math.inf),
    "top_p": (0.0, 1.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
}


def read_settings(request: Request) -> dict[str, float]:
    """The settings of a request as numbers within their bounds.

    Raises:
        ParameterRejected: a setting that local models do not take, or a value out of its bounds.
    """
    for name, value in request.settings:
        if name not in _BOUNDS:
            raise ParameterRejected(
                f"{request.model} takes {', '.join(_BOUNDS)}, but not {name}", parameter=name
            )
        low, high = _BOUNDS[name]
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise ParameterRejected(
                f"`{low} <= {name} <= {high}` must hold, but got {value!r}", parameter=name
            )
    return {name: float(value) for name, value in request.settings}
