"""A fake of the module openvino_genai with known truth: its tokens are bytes, and what it answers
is set by a test.

An answer is a function of the prompt and the sequence's number; it ends with the token END unless a
cap or a stop string ends it first. A step adds one token to every answer whose prompt has been
read, and reads prompts, at most `max_num_batched_tokens` of both together, those in the prefix
cache for nothing.
"""

from __future__ import annotations

import enum
import struct
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

END = 256
BLOCK = 32


class GenerationStatus(enum.Enum):
    RUNNING = 0
    FINISHED = 1
    IGNORED = 2
    CANCEL = 3


class GenerationFinishReason(enum.Enum):
    NONE = 0
    STOP = 1
    LENGTH = 2


class SchedulerConfig(SimpleNamespace):
    pass


class GenerationConfig(SimpleNamespace):
    pass


class Tokenizer:
    def encode(self, text: str, add_special_tokens: bool = True) -> Any:
        return SimpleNamespace(
            input_ids=SimpleNamespace(
                data=np.array([list(text.encode())], dtype=np.int64)
            )
        )

    def decode(self, tokens: Sequence[Sequence[int]]) -> list[str]:
        return [
            bytes(t for t in ids if t < END).decode("utf-8", "ignore") for ids in tokens
        ]

    def apply_chat_template(
        self, turns: Sequence[dict[str, str]], add_generation_prompt: bool
    ) -> str:
        if any(turn["role"] == "system" for turn in turns):
            raise RuntimeError(
                "Check failed at somewhere.cpp:12:\nSystem role not supported\n\n"
            )
        return (
            "".join(f"[{turn['role']}]{turn['content']}" for turn in turns)
            + "[assistant]"
        )

    def get_bos_token(self) -> str:
        return "^"

    def get_eos_token(self) -> str:
        return "$"


class Handle:
    def __init__(
        self, text: str, config: Any, answers: list[list[int]], unread: int
    ) -> None:
        self.text, self.config, self.answers, self.unread = (
            text,
            config,
            answers,
            unread,
        )
        self.made = 0
        self.status = GenerationStatus.RUNNING
        self.reasons = [GenerationFinishReason.NONE] * len(answers)

    def get_status(self) -> GenerationStatus:
        return self.status

    def cancel(self) -> None:
        self.status = GenerationStatus.CANCEL

    def read_all(self) -> list[Any]:
        found = [
            SimpleNamespace(generated_ids=ids, finish_reason=reason)
            for ids, reason in zip(self.answers, self.reasons, strict=True)
        ]
        return sorted(
            found, key=lambda output: output.generated_ids
        )  # as the real one, by something of its own


class Pipeline:
    def __init__(
        self,
        world: World,
        path: str,
        scheduler: Any,
        device: str,
        properties: dict[str, Any],
    ) -> None:
        self.world, self.scheduler, self.device, self.properties = (
            world,
            scheduler,
            device,
            properties,
        )
        self.handles: list[Handle] = []
        self.cache: set[bytes] = set()
        self.steps = 0
        self.broken = False
        self.owner = threading.get_ident()
        world.pipelines.append(self)
        world.opened(path)

    def get_tokenizer(self) -> Tokenizer:
        return Tokenizer()

    def get_config(self) -> Any:
        return SimpleNamespace(eos_token_id=END, stop_token_ids={END})

    def add_request(self, number: int, tensor: Any, config: Any) -> Handle:
        assert threading.get_ident() == self.owner
        ids = tensor.data.reshape(-1).tolist()
        text = bytes(ids).decode()
        if "refuse" in text:
            raise RuntimeError(
                "Check failed at somewhere.cpp:12:\nthis one is refused\n"
            )
        beginnings = [bytes(ids[:end]) for end in range(BLOCK, len(ids), BLOCK)]
        known = sum(beginning in self.cache for beginning in beginnings)
        answers = [
            [*self.world.answer(text, k).encode(), END]
            for k in range(config.num_return_sequences)
        ]
        handle = Handle(text, config, answers, len(ids) - BLOCK * known)
        self.world.log.append((self.steps, text, handle.unread))
        self.world.configs.append(config)
        self.handles.append(handle)
        return handle

    def has_non_finished_requests(self) -> bool:
        return any(
            h.status in (GenerationStatus.RUNNING, GenerationStatus.CANCEL)
            for h in self.handles
        )

    def step(self) -> None:
        assert threading.get_ident() == self.owner
        self.steps += 1
        self.world.stepped(self)
        self.handles = [h for h in self.handles if h.status == GenerationStatus.RUNNING]
        self.world.widest = max(
            self.world.widest, sum(len(h.answers) for h in self.handles)
        )
        if (
            sum(
                len(h.text) + len(h.answers) * h.config.max_new_tokens
                for h in self.handles
            )
            > self.world.capacity
        ):
            for handle in self.handles:
                handle.status = GenerationStatus.IGNORED
            return
        left = self.scheduler.max_num_batched_tokens - sum(
            len(h.answers) for h in self.handles if not h.unread
        )
        for handle in self.handles:
            if not handle.unread:
                self._go_on(handle)
                continue
            read = min(left, handle.unread)
            left -= read
            handle.unread -= read
            if not handle.unread:
                ids = handle.text.encode()
                self.cache |= {ids[:end] for end in range(BLOCK, len(ids), BLOCK)}

    def _go_on(self, handle: Handle) -> None:
        handle.made += 1
        for k, ids in enumerate(handle.answers):
            text = bytes(t for t in ids[: handle.made] if t < END).decode(
                "utf-8", "ignore"
            )
            if handle.reasons[k] != GenerationFinishReason.NONE:
                continue
            if (
                any(stop in text for stop in handle.config.stop_strings)
                or ids[: handle.made][-1] == END
            ):
                handle.reasons[k] = GenerationFinishReason.STOP
            elif handle.made == handle.config.max_new_tokens:
                handle.reasons[k] = GenerationFinishReason.LENGTH
            if handle.reasons[k] != GenerationFinishReason.NONE:
                handle.answers[k] = ids[: handle.made]
        if GenerationFinishReason.NONE not in handle.reasons:
            handle.status = GenerationStatus.FINISHED


class World:
    """The module `openvino_genai`, to be put into `sys.modules` or handed to a LoadedModel."""

    SchedulerConfig = SchedulerConfig
    GenerationConfig = GenerationConfig
    GenerationStatus = GenerationStatus
    GenerationFinishReason = GenerationFinishReason

    def __init__(self) -> None:
        self.pipelines: list[Pipeline] = []
        self.log: list[tuple[int, str, int]] = []
        self.configs: list[Any] = []
        self.widest = 0
        self.capacity = 10**9
        self.answer: Callable[[str, int], str] = lambda text, k: (
            f"{text.split()[-1]}{k}"
        )
        self.opened: Callable[[str], None] = lambda path: None
        self.stepped: Callable[[Pipeline], None] = lambda pipeline: None

    def ContinuousBatchingPipeline(
        self, path: str, scheduler: Any, device: str, properties: Any
    ) -> Pipeline:
        return Pipeline(self, path, scheduler, device, properties)


def write_gguf(path: Path, *, context: int | None = 4096, salt: str = "") -> Path:
    """A file with the header of a GGUF model, and no model."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    entries = [
        text("general.name") + struct.pack("<I", 8) + text(f"fake{salt}"),
        text("general.languages")
        + struct.pack("<IIQ", 9, 8, 2)
        + text("en")
        + text("dé"),
        text("general.numbers") + struct.pack("<IIQ3H", 9, 2, 3, 1, 2, 3),
        text("general.nested")
        + struct.pack("<IIQ", 9, 9, 1)
        + struct.pack("<IQ", 7, 2)
        + b"\1\0",
        text("general.share") + struct.pack("<If", 6, 0.5),
    ]
    if context is not None:
        entries.append(text("llama.context_length") + struct.pack("<II", 4, context))
    path.write_bytes(
        struct.pack("<4sIQQ", b"GGUF", 3, 0, len(entries)) + b"".join(entries)
    )
    return path
