"""A loaded model and the thread that owns it.

Hundreds of coroutines may ask at once: the thread takes requests in as they come and steps while
there is work, so that all of them are answered side by side (continuous batching).
"""

from __future__ import annotations

import functools
import random
import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tune.completion import Completion, Message, Request
from tune.errors import AnswerError, EndpointError, InputError, ProviderError, TransientError
from tune.providers.local.detokenize import detokenize, trim_stop
from tune.providers.local.metadata import context_length

_MOST_SEQUENCES = 128  # answered side by side; from 32 to 256 the speed is the same
_MOST_STEP_TOKENS = 256  # a step holds Python's lock; larger ones are no faster
_BLOCK = 32  # tokens that the prefix cache keeps together on a CPU


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt as the model reads it."""

    ids: tuple[int, ...]
    tensor: Any
    blocks: tuple[int, ...]
    """A hash of each full block of tokens together with all before it: what the prefix cache can
    hold.
    """


@dataclass(slots=True, eq=False)
class Job:
    """Draws of one request that are made together.

    Attributes:
        future: resolves to the draws; cancelling it takes the job back. alone: whether nothing else
        may be in the pipeline with it, since the cache was too small once. new: blocks of its
        prompt that were not in the prefix cache when it began. unread: tokens of its prompt that
        are still to be computed, as far as is known. started: when the pipeline got it, by the
        monotonic clock, in seconds.
    """

    prompt: EncodedPrompt
    request: Request
    settings: Mapping[str, float]
    numbers: range
    future: Future[list[Completion]]
    alone: bool = False
    new: tuple[int, ...] = ()
    unread: int = 0
    started: float = 0.0
    handle: Any = None

    @property
    def greedy(self) -> bool:
        """Whether every draw is the same."""
        return self.settings.get("temperature") == 0

    @property
    def width(self) -> int:
        """Sequences that it takes in the pipeline."""
        return 1 if self.greedy else len(self.numbers)

    @property
    def seed(self) -> int:
        """Decides the draws, together with the request."""
        return self.request.seed(self.numbers.start)

    def resolve(self, outcome: list[Completion] | ProviderError) -> None:
        """Tell whoever waits, unless that has been done or they are gone."""
        if self.future.done() or not self.future.set_running_or_notify_cancel():
            return
        if isinstance(outcome, ProviderError):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class LoadedModel:
    """A model in memory. `encode`, `submit` and `end` may be called from any thread, once `loaded`
    is done.

    Args:
        path: a GGUF file or the folder of an OpenVINO model.
        genai: the module `openvino_genai`.

    Attributes:
        context: the most tokens of prompt and answer together, or None where nobody knows.
        loaded: is done when the model is loaded, or raises why it cannot be.
        ended: whether it takes no more requests.
        users: for whoever shares it.
    """

    def __init__(self, path: Path, genai: Any) -> None:
        self.context = context_length(path)
        self.loaded: Future[None] = Future()
        self.ended = False
        self.users = 0
        self.encode = functools.lru_cache(maxsize=16384)(self._encode)
        self._path = path
        self._genai = genai
        self._tokenizer: Any = None
        self._pipeline: Any = None
        self._end_ids: frozenset[int] = frozenset()
        self._wake = threading.Condition()
        self._arrived: list[Job] = []
        # What follows is the thread's own.
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._cached: set[int] = set()
        self._requests = 0
        self._thread = threading.Thread(target=self._work, name=f"model {path.name}", daemon=True)
        self._thread.start()

    def _encode(self, prompt: str | tuple[Message, ...]) -> EncodedPrompt:
        if isinstance(prompt, str):
            text = prompt or self._tokenizer.get_bos_token() or self._tokenizer.get_eos_token()
        else:
            turns = [
                {name: _clean(value) for name, value in message._asdict().items()}
                for message in prompt
            ]
            try:
                text = self._tokenizer.apply_chat_template(turns, add_generation_prompt=True)
            except RuntimeError as error:
                raise EndpointError(
                    f"the chat template of {self._path.name} does not take these messages, "
                    f"give it one text to continue: {_last_line(error)}"
                ) from None
        # A chat template has put the special tokens in itself.
        tensor = self._tokenizer.encode(
            _clean(text), add_special_tokens=isinstance(prompt, str)
        ).input_ids
        ids = tuple(tensor.data.reshape(-1).tolist())
        # The last token is computed in any case, so a block that ends with it is never read from
        # the cache.
        return EncodedPrompt(
            ids, tensor, tuple(hash(ids[:end]) for end in range(_BLOCK, len(ids), _BLOCK))
        )

    def submit(
        self, prompt: EncodedPrompt, request: Request, settings: Mapping[str, float], numbers: range
    ) -> Future[list[Completion]]:
        """Ask for the draws with these numbers; cancelling the future takes the request back."""
        job = Job(prompt, request, settings, numbers, Future())
        with self._wake:
            if self.ended:
                job.resolve(EndpointError(f"the model {self._path.name} has been closed"))
            else:
                self._arrived.append(job)
                self._wake.notify()
        return job.future

    def end(self) -> None:
        """End the thread and free the model; what is still asked for fails."""
        with self._wake:
            self.ended = True
            self._wake.notify()
        self._thread.join(timeout=60)

    def _work(self) -> None:
        reason = f"the model {self._path.name} stopped working"
        try:
            self._load()
            self.loaded.set_result(None)
            while self._wait():
                self._admit()
                self._step()
                self._collect()
            reason = f"the model {self._path.name} has been closed"
        except RuntimeError as error:
            reason = (
                f"openvino-genai cannot load or run the model {self._path}: {_last_line(error)}"
            )
        finally:
            with self._wake:
                self.ended = True
            self._pipeline = None
            if not self.loaded.done():
                self.loaded.set_exception(InputError(reason))
            for job in [*self._arrived, *self._waiting, *self._running]:
                job.resolve(EndpointError(reason))

    def _load(self) -> None:
        scheduler = self._genai.SchedulerConfig()
        scheduler.enable_prefix_caching = True
        scheduler.max_num_seqs = _MOST_SEQUENCES
        scheduler.max_num_batched_tokens = _MOST_STEP_TOKENS
        scheduler.cache_size = 1 if _size(self._path) < 1 << 30 else 4  # gigabytes
        # In bfloat16, the default where the processor has it, shares of answers depend on what else
        # is answered.
        # Pinned threads make two processes share one core.
        properties = {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}
        self._pipeline = self._genai.ContinuousBatchingPipeline(
            str(self._path), scheduler, "CPU", properties
        )
        self._tokenizer = self._pipeline.get_tokenizer()
        own = self._pipeline.get_config()
        self._end_ids = frozenset({*own.stop_token_ids, own.eos_token_id})
        self._cached.clear()

    def _wait(self) -> bool:
        """Wait for work; False when there is to be none any more."""
        with self._wake:
            while not (self.ended or self._arrived or self._waiting or self._running):
                self._wake.wait()
            self._waiting.extend(self._arrived)
            self._arrived.clear()
            return not self.ended

    def _admit(self) -> None:
        """Hand waiting jobs to the pipeline, in order.

        Of those that begin alike, with a beginning that is not in the prefix cache, only the first
        is admitted: when it has been read the others find it there. Few-shot prompts are answered
        four times faster for it.
        """
        if self._pipeline is None:
            self._load()
        coming = {block for job in self._running if job.unread for block in job.new}
        later: list[Job] = []
        while self._waiting:
            job = self._waiting.popleft()
            if job.future.cancelled():
                continue
            if self._running and self._is_full_for(job):
                later.append(job)
                break
            job.new = tuple(block for block in job.prompt.blocks if block not in self._cached)
            if job.new and job.new[0] in coming:
                later.append(job)
                continue
            job.unread = len(job.prompt.ids) - _BLOCK * (len(job.prompt.blocks) - len(job.new))
            coming.update(job.new)
            self._begin(job)
        self._waiting.extendleft(reversed(later))

    def _is_full_for(self, job: Job) -> bool:
        width = sum(other.width for other in self._running) + job.width
        return width > _MOST_SEQUENCES or job.alone or any(other.alone for other in self._running)

    def _begin(self, job: Job) -> None:
        self._requests += 1
        job.started = time.monotonic()
        try:
            job.handle = self._pipeline.add_request(
                self._requests, job.prompt.tensor, self._configure(job)
            )
        except RuntimeError as error:
            job.resolve(
                EndpointError(f"{job.request.model} refused a request: {_last_line(error)}")
            )
        else:
            self._running.append(job)

    def _configure(self, job: Job) -> Any:
        """The settings of a request, all of them ours: what the model's own files suggest is not
        asked.
        """
        config = self._genai.GenerationConfig()
        config.apply_chat_template = False
        config.max_new_tokens = job.request.max_tokens
        config.stop_token_ids = set(self._end_ids)
        config.stop_strings = {stop for stop in job.request.stop if stop}
        config.include_stop_str_in_output = (
            True  # else whole tokens are taken away, and text with them
        )
        config.do_sample = not job.greedy
        config.num_return_sequences = job.width
        config.rng_seed = job.seed
        for name, value in job.settings.items():
            if name == "top_p":
                config.top_p = max(value, 1e-6)  # 0 is refused; it means the likeliest token
            elif name != "temperature" or not job.greedy:
                setattr(config, name, value)
        return config

    def _step(self) -> None:
        for job in [job for job in self._running if job.future.cancelled()]:
            job.handle.cancel()
            self._running.remove(job)
        try:
            if self._pipeline.has_non_finished_requests():
                self._pipeline.step()
        except RuntimeError as error:
            # Nobody knows what state it is in: a new one is loaded for whoever asks again.
            for job in self._running:
                job.resolve(
                    TransientError(f"{job.request.model} broke: {_last_line(error)}", charged=False)
                )
            self._running.clear()
            self._pipeline = None
        self._note_what_was_read()

    def _note_what_was_read(self) -> None:
        """Follow the pipeline: it goes on with the answers that have begun, then reads prompts in
        order.
        """
        left = _MOST_STEP_TOKENS - sum(job.width for job in self._running if not job.unread)
        for job in self._running:
            read = min(left, job.unread)
            left -= read
            job.unread -= read
            if read and not job.unread:
                self._cached.update(job.new)
        if (
            len(self._cached) > 1 << 16
        ):  # the cache itself forgets sooner; to forget here costs little
            self._cached.clear()

    def _collect(self) -> None:
        idle = self._pipeline is None or not self._pipeline.has_non_finished_requests()
        status = self._genai.GenerationStatus
        crowded = len(self._running) > 1
        for job in list(self._running):
            state = job.handle.get_status()
            if state == status.RUNNING and not idle:
                continue
            if state == status.FINISHED:
                job.resolve(self._read(job))
            elif state == status.IGNORED and crowded:
                job.alone = (
                    True  # its tokens did not fit into the cache, perhaps for the others' sake
                )
                self._waiting.appendleft(job)
            elif state == status.IGNORED:
                tokens = f"{len(job.prompt.ids)} + {job.width} x {job.request.max_tokens} tokens"
                message = f"{job.request.model}: {tokens} do not fit into the model's cache"
                job.resolve(AnswerError(message, reason="context_length"))
            else:
                job.resolve(TransientError(f"{job.request.model} lost a request", charged=False))
            self._running.remove(job)

    def _read(self, job: Job) -> list[Completion]:
        seconds = time.monotonic() - job.started
        outputs = list(job.handle.read_all())
        # They come with the likeliest first, but one draw is to be as good as another.
        random.Random(job.seed).shuffle(outputs)
        stops = [stop for stop in job.request.stop if stop]
        completions = []
        for output in outputs:
            answer = detokenize(output.generated_ids, self._end_ids, stops, self._tokenizer.decode)
            cut = (
                output.finish_reason == self._genai.GenerationFinishReason.LENGTH
                and not answer.stopped
            )
            if stops and not cut and not answer.stopped:
                answer = trim_stop(answer, stops)
            completions.append(
                Completion(
                    text=answer.text,
                    finish_reason="length" if cut else "stop",
                    prompt_tokens=len(job.prompt.ids),
                    completion_tokens=answer.tokens,
                    seconds=seconds,
                    model=job.request.model,
                    token_ends=answer.token_ends,
                )
            )
        return completions * len(job.numbers) if job.greedy else completions


def _clean(text: str) -> str:
    """The text without halves of surrogate pairs, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _size(path: Path) -> int:
    return (
        sum(file.stat().st_size for file in path.rglob("*"))
        if path.is_dir()
        else path.stat().st_size
    )


def _last_line(error: RuntimeError) -> str:
    """What openvino has to say comes last, after the places in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
