"""A language model that runs in this process, by openvino-genai: no key, no network, no bill."""

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
from tune.errors import (
    AnswerError,
    InputError,
    NoRoom,
    ParameterRejected,
    install_command,
)
from tune.pricing.prices import Price
from tune.providers.local.files import Progress, find_model
from tune.providers.local.metadata import content_hash
from tune.providers.local.model import LoadedModel
from tune.providers.room import largest_cap

NOTIONAL_PRICE = Price(input=6.0, output=48.0, source="notional", date="2026-11-22")
"""The price of a local model, which is not billed.

At this price a run of $5 keeps two slow cores busy for two to three minutes, loading and searching
included.
"""

# A call for more draws or tokens than these is cut into pieces, so that no piece fills the model's
# cache by itself.
_MOST_TOGETHER = 64
_MOST_TOKENS_TOGETHER = 32768


class LocalEndpoint:
    """A model that runs in this process. It is imported, fetched and loaded when it is needed.

    Endpoints of one model share it, also between studies, event loops and threads; the last to be
    closed frees it.

    A draw's seed comes from its request and the first number that is asked for with it. The same
    call gives the same draws again where the model is as busy with others as it was; else about
    nine in ten of 24 tokens, since the last digits depend on what is computed together. Several
    numbers at temperature 0 are copies of one answer. `Completion.seconds` run from when the model
    takes the request in: they leave out the time it queued here, but not that the model was shared.

    Args:
        name: as `tune.providers.local.files.find_model` reads it.
        progress: called with a few words when the model is fetched or loaded.

    Attributes:
        most_n: without a limit; the prompt is read once for all draws of a call.
    """

    most_n = MANY

    def __init__(
        self, name: str = "local:smollm2", *, progress: Progress = lambda _: None
    ) -> None:
        self.name = name
        self._progress = progress
        self._lock = threading.Lock()
        self._model: LoadedModel | None = None

    @functools.cached_property
    def path(self) -> Path:
        """The model's file or folder, fetched where it is missing."""
        return find_model(self.name, self._progress)

    @property
    def service(self) -> str:
        """The name of this model in requests: `local:` and the beginning of its content's hash.

        So the same model has the same draws in whatever folder it is.
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
        """Return the prompt's tokens, exactly.

        It waits for the model where `preflight` has not been called.
        """
        return len(self._open().encode(request.prompt).ids)

    async def complete(self, request: Request, numbers: range) -> list[Completion]:
        """Return one draw for each number.

        Raises:
            ParameterRejected: a setting that local models do not take.
            AnswerError: the prompt is too long for the model's context.
            NoRoom: the cap is too large for it.
            EndpointError: the model has stopped working.
        """
        settings = read_settings(request)
        if self._model is None or not self._model.loaded.done():
            await asyncio.to_thread(self._open)
        # The model is loaded, so this does not wait.
        model = self._open()
        prompt = model.encode(request.prompt)
        if (
            model.context is not None
            and len(prompt.ids) + request.max_tokens > model.context
        ):
            message = (
                f"{request.model} takes {model.context} tokens, but prompt + max_tokens = "
                f"{len(prompt.ids)} + {request.max_tokens}"
            )
            smaller = largest_cap(model.context, request.max_tokens)
            if smaller is not None:
                raise NoRoom(message, most=smaller)
            raise AnswerError(message, reason="context_length")
        most = max(
            1, min(_MOST_TOGETHER, _MOST_TOKENS_TOGETHER // max(1, request.max_tokens))
        )
        futures: list[asyncio.Future[list[Completion]]] = []
        for start in range(0, len(numbers), most):
            future = model.submit(
                prompt, request, settings, numbers[start : start + most]
            )
            futures.append(asyncio.wrap_future(future))
        try:
            pieces = await asyncio.gather(*futures)
        finally:
            # When one fails or the caller is cancelled, the others are not wanted any more.
            for piece in futures:
                piece.cancel()
        return [completion for piece in pieces for completion in piece]

    async def close(self) -> None:
        """Let go of the model; without other users its thread ends and its memory is freed."""
        with self._lock:
            model, self._model = self._model, None
        if model is not None:
            await asyncio.to_thread(_release, model)

    def _open(self) -> LoadedModel:
        """Return the model, loaded; this may wait for seconds."""
        with self._lock:
            if self._model is None:
                self._model = _acquire(
                    self.path, functools.partial(self._progress, f"loading {self.name}")
                )
            model = self._model
        model.loaded.result()
        return model


# Loaded models by their content's hash.
_models: dict[str, LoadedModel] = {}
_models_lock = threading.Lock()


def _acquire(path: Path, announce: Callable[[], None]) -> LoadedModel:
    """Return the one model for this content, and count one more user of it."""
    key = content_hash(path)
    with _models_lock:
        if key not in _models or _models[key].ended:
            announce()
            _models[key] = LoadedModel(path, import_genai())
        _models[key].users += 1
        return _models[key]


def _release(model: LoadedModel) -> None:
    """Count one user less; without users the model ends."""
    with _models_lock:
        model.users -= 1
        if model.users:
            return
        # A model that had ended may have been replaced under its key.
        keys = [key for key, held in _models.items() if held is model]
        for key in keys:
            del _models[key]
    model.end()


@atexit.register
def _end_all() -> None:
    """End every model at exit.

    An interpreter that shuts down under a thread in native code may crash.
    """
    for model in list(_models.values()):
        model.end()


def import_genai() -> Any:
    """Return the module `openvino_genai`.

    Raises:
        InputError: it is not installed, or not for this machine.
    """
    # Importing openvino reports to its makers, unless this package of theirs cannot be imported.
    silenced = "openvino_telemetry" not in sys.modules
    if silenced:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino_genai
    except ImportError as error:
        raise InputError(
            f"a local model needs openvino-genai, which cannot be imported ({error}): "
            f"{install_command('local')}"
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
    """Return the settings of a request as numbers within their bounds.

    Raises:
        ParameterRejected: a setting that local models do not take, or a value out of its bounds.
    """
    settings: dict[str, float] = {}
    for name, value in request.settings:
        if name not in _BOUNDS:
            raise ParameterRejected(
                f"{request.model} takes {', '.join(_BOUNDS)}, but not {name}",
                parameter=name,
            )
        low, high = _BOUNDS[name]
        # True and False are integers in Python.
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= float(value) <= high:  # type: ignore[arg-type]
            raise ParameterRejected(
                f"`{low} <= {name} <= {high}` must hold, but got {value!r}",
                parameter=name,
            )
        settings[name] = float(value)  # type: ignore[arg-type]
    return settings
