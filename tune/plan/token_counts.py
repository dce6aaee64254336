"""How long prompts and answers will be: counted, learned from the store, or assumed and said aloud.

Prompt tokens are counted on the user's own templates and examples, exactly where the model's
tokenizer is at hand and else by pieces of words, corrected by what the store has seen of that
model. Output lengths are those of draws in the store, else what the user states, and else guessed
from targets and prompts.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tune.completion import Endpoint, Message, Request
from tune.plan.models import length_names
from tune.plan.output_length import length_span, likely_output_tokens
from tune.plan.plan import Plan
from tune.plan.stored_requests import PromptMatcher, is_same_kind, messages_of
from tune.pricing.clock import assumed_seconds
from tune.pricing.prices import Price, to_dollars
from tune.providers.capabilities import Capabilities
from tune.providers.entries import Entry
from tune.readout.trial import Trial
from tune.report import EstimateRow
from tune.store.draws import Store
from tune.task.example import Example

SAMPLE = 32
"""Examples whose prompts are counted."""

COUNTED = 200
"""Stored requests of a model whose prompts are counted, to correct the counting."""

REACH = 1.645
"""Standard errors on either side of a span: nine in ten hold the truth."""

OTHER_SETTINGS = 0.2
"""Standard deviation of the logarithm of lengths between temperatures, and between old rows and new
ones.
"""

OTHER_MODELS = 0.4
"""The same between models that answer one prompt."""

NEARLY = 0.9
"""Answers whose mean is this share of their cap were cut: with a larger cap they may be as long as
that allows.
"""

_PIECE = re.compile(r"\w+|[^\w\s]")
_LONGEST_PIECE = 6  # bytes of a word that are about one token, in any script


@dataclass(frozen=True, slots=True)
class AnswerForecast:
    """What one answer of a model to a prompt is expected to take.

    Attributes:
        model: its name in the space. prompt: the prompt's name. prompt_tokens: mean over examples.
        output_tokens: mean over draws. learned: how many draws in the store the output's length is
        known from; 0 where it is stated or assumed. draw: dollars of one answer to one example, at
        list price. stated: whether the output's length is what the user said. output_span: the
        least and the most that `output_tokens` may as well be; None where it is stated. seconds: of
        one answer to one example; None where nobody can say before the first block. timed: how many
        draws in the store the seconds are known from; 0 where they are assumed.
    """

    model: str
    prompt: str
    prompt_tokens: float
    output_tokens: float
    learned: int
    draw: float
    stated: bool = False
    output_span: tuple[float, float] | None = None
    seconds: float | None = None
    timed: int = 0


def forecast_answers(
    plan: Plan, endpoints: Mapping[str, Endpoint], store: Store | None
) -> tuple[AnswerForecast, ...]:
    """What an answer takes, by model and prompt.

    Args:
        plan: what is asked for.
        endpoints: of the space's models, by name; nothing is sent to them.
        store: what was bought before, if anything.
    """
    seen = _Seen(plan, endpoints, store)
    return tuple(_forecast(plan, seen, endpoints, model, prompt) for model, prompt in _pairs(plan))


def estimate_rows(
    predicted: Sequence[AnswerForecast], trials: Mapping[int, Trial], prices: Mapping[str, Price]
) -> tuple[EstimateRow, ...]:
    """The estimate against what happened: an `EstimateRow` for each model and prompt that was drawn
    from.
    """
    costs: dict[tuple[str, str], list[float]] = defaultdict(list)
    lengths: dict[tuple[str, str], list[int]] = defaultdict(list)
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for trial in trials.values():
        key = str(trial.point["model"]), str(trial.point["prompt"])
        for draw in (draw for draws in trial.draws.values() for draw in draws):
            costs[key].append(
                to_dollars(prices[key[0]].cost(draw.prompt_tokens, draw.completion_tokens))
            )
            lengths[key].append(draw.completion_tokens)
            seconds[key].append(draw.seconds)
    return tuple(
        EstimateRow(
            model=row.model,
            prompt=row.prompt,
            predicted=row.draw,
            actual=sum(costs[key]) / len(costs[key]),
            predicted_tokens=row.output_tokens,
            actual_tokens=sum(lengths[key]) / len(lengths[key]),
            draws=len(costs[key]),
            learned=row.learned,
            predicted_seconds=row.seconds,
            actual_seconds=sum(seconds[key]) / len(seconds[key]),
        )
        for row in predicted
        if costs[key := (row.model, row.prompt)]
    )


def offline_endpoints(
    entries: Mapping[str, Entry], capabilities: Capabilities | None = None
) -> dict[str, Endpoint]:
    """Endpoints that count tokens and are never called: they need neither a key nor a network."""
    return {name: _silent(entry, capabilities) for name, entry in entries.items()}


def _silent(entry: Entry, capabilities: Capabilities | None) -> Endpoint:
    if entry.local:
        from tune.providers.local.endpoint import LocalEndpoint

        return LocalEndpoint(entry.model)
    from tune.providers.openai.endpoint import OpenAIEndpoint

    return OpenAIEndpoint(
        entry.model,
        base_url=entry.base_url,
        api_key="never-sent",
        capabilities=capabilities,
        alias=entry.alias,
        allow_http=True,
    )


def likely_tokens(request: Request, bound: int) -> int:
    """About how many tokens a prompt has where nobody has its tokenizer: words, long ones in
    pieces.

    Args:
        request: holds the prompt.
        bound: the most that it can have.
    """
    prompt = request.prompt
    texts = [prompt] if isinstance(prompt, str) else [message.content for message in prompt]
    around = 0 if isinstance(prompt, str) else 3 + 4 * len(texts)  # as chat templates add it
    return min(bound, around + sum(map(_text_tokens, texts)))


def _text_tokens(text: str) -> int:
    sizes = (len(piece.encode("utf-8", "surrogatepass")) for piece in _PIECE.findall(text))
    return sum(math.ceil(size / _LONGEST_PIECE) for size in sizes)


def _request(plan: Plan, model: str, prompt: str, example: Example) -> Request:
    entry = plan.entries[model]
    cap = plan.space.cap({"model": model, "prompt": prompt})
    return Request(
        service="", model=entry.model, prompt=plan.prompts[prompt].render(example), max_tokens=cap
    )


def _pairs(plan: Plan) -> list[tuple[str, str]]:
    """Every model with every prompt that it may be given."""
    found = []
    for model in plan.space.models:
        domain = plan.space.domain("prompt", model)
        found += [
            (model, str(prompt))
            for prompt in (domain.values if domain is not None else plan.prompts)
        ]
    return found


class LearnedLength(NamedTuple):
    """How long answers are, as far as bought ones tell.

    Attributes:
        tokens: mean under the cap.
        draws: that it is the mean of.
        span: the least and the most that the mean may as well be.
    """

    tokens: float
    draws: int
    span: tuple[float, float]


class _Row(NamedTuple):
    """The answers to one stored request: how many, under which cap, and their mean tokens and
    seconds.
    """

    draws: int
    cap: int
    tokens: float
    seconds: float


class _Seen:
    """What draws in the store tell: how long the answers to a prompt are, and how far off the
    counted tokens.
    """

    def __init__(self, plan: Plan, endpoints: Mapping[str, Endpoint], store: Store | None) -> None:
        self.lengths: dict[tuple[str, str], list[_Row]] = defaultdict(list)
        self._prompts: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
        held = [] if store is None else store.lengths()
        if not held:
            return
        names = {
            (endpoints[name].service, entry.model): name for name, entry in plan.entries.items()
        }
        recogniser = PromptMatcher(plan)
        for text, prompts, outputs, seconds, draws in held:
            record = json.loads(text)
            model = names.get((record["service"], record["model"]))
            prompt = None if model is None else recogniser.prompt_of(record)
            if model is None or prompt is None or not is_same_kind(plan, model, record):
                continue
            self.lengths[model, prompt].append(_Row(draws, record["max_tokens"], outputs, seconds))
            if len(self._prompts[model]) < COUNTED:
                counted = _tokens(plan, endpoints, model, _stored(plan, model, record))
                self._prompts[model].append((prompts, counted, draws))

    def correction(self, model: str) -> float:
        """What counted prompt tokens of a model are multiplied by."""
        rows = self._prompts[model]
        counted = sum(c * draws for _, c, draws in rows)
        return sum(p * draws for p, _, draws in rows) / counted if counted else 1.0

    def length(self, model: str, prompt: str, cap: int) -> LearnedLength | None:
        """Return how long answers to a prompt are under a cap: this model's, else any model's."""
        own = self.lengths.get((model, prompt))
        rows = own or [
            row for (_, name), held in self.lengths.items() if name == prompt for row in held
        ]
        rows = [row for row in rows if row.cap >= cap] or rows
        draws = sum(row.draws for row in rows)
        if not draws:
            return None
        mean = sum(row.draws * row.tokens for row in rows) / draws
        deviation = math.sqrt(sum((row.tokens - mean) ** 2 for row in rows) / max(1, len(rows) - 1))
        luck = deviation / max(mean, 1.0) / math.sqrt(len(rows))
        factor = math.exp(REACH * math.hypot(luck, OTHER_SETTINGS, 0.0 if own else OTHER_MODELS))
        cut = any(row.tokens > NEARLY * row.cap and row.cap < cap for row in rows)
        most = float(cap) if cut else mean * factor + 1.0
        shown = min(float(cap), mean)
        return LearnedLength(
            shown, draws, (max(1.0, min(shown, mean / factor)), min(float(cap), most))
        )

    def time(self, model: str, prompt: str, tokens: float) -> tuple[float | None, int]:
        """Return the seconds of an answer of so many tokens, and the draws of this model that tell;
        None without any.

        Draws of the same prompt tell most; else those of the model's other prompts, by the seconds
        of a token.
        """
        own = self.lengths.get((model, prompt))
        rows = own or [
            row for (name, _), held in self.lengths.items() if name == model for row in held
        ]
        rows = [row for row in rows if row.seconds > 0]
        written = sum(row.draws * row.tokens for row in rows)
        if not written:
            return None, 0
        taken = sum(row.draws * row.seconds for row in rows)
        return max(1.0, tokens) * taken / written, sum(row.draws for row in rows)


def _stored(plan: Plan, model: str, record: Mapping[str, Any]) -> Request:
    """Return a stored request's prompt, to count its tokens."""
    said = messages_of(record)
    prompt = (
        said[0][1] if "text" in record else tuple(Message(role, content) for role, content in said)
    )
    return Request(
        service="", model=plan.entries[model].model, prompt=prompt, max_tokens=record["max_tokens"]
    )


def _tokens(plan: Plan, endpoints: Mapping[str, Endpoint], model: str, request: Request) -> int:
    bound = endpoints[model].most_prompt_tokens(request)
    return bound if plan.entries[model].local else likely_tokens(request, bound)


def _forecast(
    plan: Plan, seen: _Seen, endpoints: Mapping[str, Endpoint], model: str, prompt: str
) -> AnswerForecast:
    sample = [_request(plan, model, prompt, example) for example in plan.split.tuning[:SAMPLE]]
    counted = sum(_tokens(plan, endpoints, model, request) for request in sample) / len(sample)
    tokens = counted * seen.correction(model)
    cap = sample[0].max_tokens
    stated = _stated(plan, model, prompt)
    template, reasons = plan.prompts[prompt].template, _reasons(plan, model)
    likely = stated or likely_output_tokens(template, _wanted(plan), cap, reasons=reasons)
    known = seen.length(model, prompt, cap)
    output = known.tokens if known else min(float(cap), likely)
    span = known.span if known else None
    if known is None and stated is None:
        span = length_span(output, cap, template, reasons=reasons or _wanted(plan) is None)
    seconds, timed = seen.time(model, prompt, output)
    is_length_known = (
        known is not None or stated is not None or not (reasons or _wanted(plan) is None)
    )
    if (
        seconds is None and is_length_known
    ):  # else it is a share of max_tokens, which many set far above any answer
        seconds = assumed_seconds(tokens, output)
    return AnswerForecast(
        model=model,
        prompt=prompt,
        prompt_tokens=tokens,
        output_tokens=output,
        learned=known.draws if known else 0,
        draw=to_dollars(plan.prices[model].cost(math.ceil(tokens), math.ceil(output))),
        stated=known is None and stated is not None,
        output_span=span,
        seconds=seconds,
        timed=timed,
    )


def _stated(plan: Plan, model: str, prompt: str) -> float | None:
    """The length that the user states for both together, else for the prompt, the model, or every
    answer.
    """
    said = plan.output_tokens
    return next((said[name] for name in length_names(model, prompt) if name in said), None)


def _wanted(plan: Plan) -> float | None:
    """Mean tokens of the targets, where these are answers: what code is tested with is none."""
    targets = [
        str(example.target) for example in plan.split.tuning[:SAMPLE] if example.target is not None
    ]
    if not targets or plan.metric.runs_code:
        return None
    return sum(map(_text_tokens, targets)) / len(targets)


def _reasons(plan: Plan, model: str) -> bool:
    """Whether a model is likely to think unseen: as its efforts in the space say, else as its name
    does.
    """
    effort = plan.space.domain("reasoning_effort", model)
    if effort is not None:
        return any(value not in (None, "none", "minimal") for value in effort.values)
    from tune.providers.openai.endpoint import named_as_reasoning

    return not plan.entries[model].local and named_as_reasoning(plan.entries[model].model)
