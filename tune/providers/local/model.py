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
from pathlib import Path
from typing import Any

from tune.completion import Completion, Message, Request
from tune.errors import AnswerError, EndpointError, InputError, TransientError
from tune.providers.local.detokenize import detokenize, trim_stop
from tune.providers.local.job import EncodedPrompt, Job
from tune.providers.local.metadata import context_length

# Sequences that are answered side by side. From 32 to 256 the speed is the same.
_MOST_SEQUENCES = 128

# Tokens of one step. A step holds Python's lock, and larger ones are no faster.
_MOST_STEP_TOKENS = 256

# Tokens that the prefix cache keeps together on a CPU.
_BLOCK = 32

# Blocks that we remember of the prefix cache. The cache itself forgets sooner, and it costs little
# to forget a block here that it still has.
_MOST_REMEMBERED = 1 << 16

# Prompts whose tokens are remembered.
_MOST_ENCODED = 16384

# A top_p of 0 is refused by openvino-genai. This stands for it: the likeliest token alone.
_LEAST_TOP_P = 1e-6


class LoadedModel:
    """A model in memory, and its thread.

    `encode`, `submit` and `end` may be called from any thread, once `loaded` is done.

    Args:
        path: a GGUF file or the folder of an OpenVINO model.
        genai: the module `openvino_genai`.

    Attributes:
        context: the most tokens of prompt and answer together, or None where it is not known.
        loaded: is done when the model is loaded, or raises the reason why it cannot be.
        ended: it takes no more requests.
        users: the number of endpoints that share it; they count themselves.
    """

    def __init__(self, path: Path, genai: Any) -> None:
        self.context = context_length(path)
        self.loaded: Future[None] = Future()
        self.ended = False
        self.users = 0
        self.encode = functools.lru_cache(maxsize=_MOST_ENCODED)(self._encode)
        self._path = path
        self._genai = genai
        self._tokenizer: Any = None
        self._pipeline: Any = None
        self._end_ids: frozenset[int] = frozenset()
        self._wake = threading.Condition()
        self._arrived: list[Job] = []
        # The following attributes are used by the thread alone, so they need no lock.
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._cached: set[int] = set()
        self._requests = 0
        self._thread = threading.Thread(
            target=self._work, name=f"model {path.name}", daemon=True
        )
        self._thread.start()

    def _encode(self, prompt: str | tuple[Message, ...]) -> EncodedPrompt:
        text = self._render(prompt)
        # A chat template has put the special tokens in itself.
        encoded = self._tokenizer.encode(
            _clean(text), add_special_tokens=isinstance(prompt, str)
        )
        tensor = encoded.input_ids
        ids = tuple(tensor.data.reshape(-1).tolist())
        # The last token is computed in any case, so a block that ends with it is never read from
        # the cache.
        blocks = tuple(hash(ids[:end]) for end in range(_BLOCK, len(ids), _BLOCK))
        return EncodedPrompt(ids, tensor, blocks)

    def _render(self, prompt: str | tuple[Message, ...]) -> str:
        """Return the text that the model continues: messages go through its chat template."""
        if isinstance(prompt, str):
            # A model cannot continue nothing.
            text = (
                prompt
                or self._tokenizer.get_bos_token()
                or self._tokenizer.get_eos_token()
            )
            return str(text)
        turns: list[dict[str, str]] = []
        for message in prompt:
            turns.append(
                {"role": _clean(message.role), "content": _clean(message.content)}
            )
        try:
            return str(
                self._tokenizer.apply_chat_template(turns, add_generation_prompt=True)
            )
        except RuntimeError as error:
            raise EndpointError(
                f"the chat template of {self._path.name} does not take these messages, "
                f"give it one text to continue: {_last_line(error)}"
            ) from None

    def submit(
        self,
        prompt: EncodedPrompt,
        request: Request,
        settings: Mapping[str, float],
        numbers: range,
    ) -> Future[list[Completion]]:
        """Ask for the draws with these numbers; cancelling the future takes the request back."""
        job = Job(prompt, request, settings, numbers, Future())
        with self._wake:
            if self.ended:
                job.resolve(
                    EndpointError(f"the model {self._path.name} has been closed")
                )
            else:
                self._arrived.append(job)
                self._wake.notify()
        return job.future

    def end(self) -> None:
        """End the thread and free the model; requests that are not answered yet fail."""
        with self._wake:
            self.ended = True
            self._wake.notify()
        self._thread.join(timeout=60)

    def _work(self) -> None:
        """Load the model and answer requests until it ends: the body of the thread."""
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
            words = _last_line(error)
            reason = (
                f"openvino-genai cannot load or run the model {self._path}: {words}"
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
        # In gigabytes.
        small = _size(self._path) < 1 << 30
        scheduler.cache_size = 1 if small else 4
        # In bfloat16, the default where the processor has it, shares of answers depend on what else
        # is answered. Pinned threads make two processes share one core.
        properties = {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}
        self._pipeline = self._genai.ContinuousBatchingPipeline(
            str(self._path),
            scheduler,
            "CPU",
            properties,
        )
        self._tokenizer = self._pipeline.get_tokenizer()
        own = self._pipeline.get_config()
        self._end_ids = frozenset({*own.stop_token_ids, own.eos_token_id})
        self._cached.clear()

    def _wait(self) -> bool:
        """Wait for work, and return False when the model is to end."""
        with self._wake:
            while not (self.ended or self._arrived or self._waiting or self._running):
                self._wake.wait()
            self._waiting.extend(self._arrived)
            self._arrived.clear()
            return not self.ended

    def _admit(self) -> None:
        """Hand waiting jobs to the pipeline, in order.

        Some prompts begin alike, with a beginning that is not in the prefix cache yet. Of these
        only the first is admitted: when it has been read, the others find the beginning in the
        cache. Few-shot prompts are answered four times faster for it.
        """
        if self._pipeline is None:
            self._load()
        coming: set[int] = set()
        for job in self._running:
            if job.unread:
                coming.update(job.new)
        later: list[Job] = []
        while self._waiting:
            job = self._waiting.popleft()
            if job.future.cancelled():
                continue
            if self._running and self._is_full_for(job):
                later.append(job)
                break
            blocks = job.prompt.blocks
            job.new = tuple(block for block in blocks if block not in self._cached)
            if job.new and job.new[0] in coming:
                later.append(job)
                continue
            job.unread = len(job.prompt.ids) - _BLOCK * (len(blocks) - len(job.new))
            coming.update(job.new)
            self._begin(job)
        self._waiting.extendleft(reversed(later))

    def _is_full_for(self, job: Job) -> bool:
        """Tell whether a job must wait until others have ended."""
        if job.alone or any(other.alone for other in self._running):
            return True
        width = sum(other.width for other in self._running)
        return width + job.width > _MOST_SEQUENCES

    def _begin(self, job: Job) -> None:
        self._requests += 1
        job.started = time.monotonic()
        try:
            job.handle = self._pipeline.add_request(
                self._requests, job.prompt.tensor, self._configure(job)
            )
        except RuntimeError as error:
            job.resolve(
                EndpointError(
                    f"{job.request.model} refused a request: {_last_line(error)}"
                )
            )
        else:
            self._running.append(job)

    def _configure(self, job: Job) -> Any:
        """Return the settings of a request; those in the model's own files do not count."""
        config = self._genai.GenerationConfig()
        config.apply_chat_template = False
        config.max_new_tokens = job.request.max_tokens
        config.stop_token_ids = set(self._end_ids)
        config.stop_strings = {stop for stop in job.request.stop if stop}
        # Without this, whole tokens are taken away, and text with them.
        config.include_stop_str_in_output = True
        config.do_sample = not job.greedy
        config.num_return_sequences = job.width
        config.rng_seed = job.seed
        for name, value in job.settings.items():
            if name == "top_p":
                config.top_p = max(value, _LEAST_TOP_P)
            elif name != "temperature" or not job.greedy:
                setattr(config, name, value)
        return config

    def _step(self) -> None:
        """Compute the next tokens of all running jobs."""
        for job in list(self._running):
            if job.future.cancelled():
                job.handle.cancel()
                self._running.remove(job)
        try:
            if self._pipeline.has_non_finished_requests():
                self._pipeline.step()
        except RuntimeError as error:
            # Its state is not known any more, so a new one is loaded for the next request.
            reason = _last_line(error)
            for job in self._running:
                words = f"{job.request.model} broke: {reason}"
                job.resolve(TransientError(words, charged=False))
            self._running.clear()
            self._pipeline = None
        self._note_read_prompts()

    def _note_read_prompts(self) -> None:
        """Follow which prompts the pipeline has read.

        A step goes on with the answers that have begun, then reads prompts in order.
        """
        answering = [job for job in self._running if not job.unread]
        left = _MOST_STEP_TOKENS - sum(job.width for job in answering)
        for job in self._running:
            read = min(left, job.unread)
            left -= read
            job.unread -= read
            if read and not job.unread:
                self._cached.update(job.new)
        if len(self._cached) > _MOST_REMEMBERED:
            self._cached.clear()

    def _collect(self) -> None:
        """Resolve the jobs that have ended."""
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
                # Its tokens did not fit into the cache, perhaps for the others' sake.
                job.alone = True
                self._waiting.appendleft(job)
            elif state == status.IGNORED:
                tokens = f"{len(job.prompt.ids)} + {job.width} x {job.request.max_tokens} tokens"
                message = (
                    f"{job.request.model}: {tokens} do not fit into the model's cache"
                )
                job.resolve(AnswerError(message, reason="context_length"))
            else:
                job.resolve(
                    TransientError(f"{job.request.model} lost a request", charged=False)
                )
            self._running.remove(job)

    def _read(self, job: Job) -> list[Completion]:
        """Return the draws of a job that has ended."""
        seconds = time.monotonic() - job.started
        outputs = list(job.handle.read_all())
        # They come with the likeliest first, but every draw must be as good as another.
        random.Random(job.seed).shuffle(outputs)
        completions = [self._completion(job, output, seconds) for output in outputs]
        if job.greedy:
            return completions * len(job.numbers)
        return completions

    def _completion(self, job: Job, output: Any, seconds: float) -> Completion:
        stops = [stop for stop in job.request.stop if stop]
        answer = detokenize(
            output.generated_ids, self._end_ids, stops, self._tokenizer.decode
        )
        at_cap = output.finish_reason == self._genai.GenerationFinishReason.LENGTH
        cut = at_cap and not answer.stopped
        if stops and not cut and not answer.stopped:
            answer = trim_stop(answer, stops)
        return Completion(
            text=answer.text,
            finish_reason="length" if cut else "stop",
            prompt_tokens=len(job.prompt.ids),
            completion_tokens=answer.tokens,
            seconds=seconds,
            model=job.request.model,
            token_ends=answer.token_ends,
        )


def _clean(text: str) -> str:
    """Return a text without halves of surrogate pairs, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _size(path: Path) -> int:
    """Return the bytes of a model's file or folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*"))
    return path.stat().st_size


def _last_line(error: RuntimeError) -> str:
    """Return openvino's message, which comes last, after the places in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
