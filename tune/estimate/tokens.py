"""How long prompts and answers will be: counted, learned from the store, or assumed and said aloud.

Prompt tokens are counted on the user's own templates and examples, exactly where the model's tokenizer is at hand
and else by pieces of words, corrected by what the store has seen of that model. Output lengths are those of draws in
the store, else what the user states, and else guessed from targets and prompts.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tune.capabilities import Capabilities
from tune.completion import Endpoint, Request
from tune.data import Example
from tune.estimate.guess import guessed_tokens, length_span
from tune.plan import Plan, length_names
from tune.pricing import Price, to_dollars
from tune.providers.services import Entry
from tune.report import EstimateRow
from tune.store import Store
from tune.trial import Trial

SAMPLE = 32
"""Examples whose prompts are counted."""

LOOKED_AT = 2000
"""Examples by whose prompts draws in the store are recognised."""

_PIECE = re.compile(r"\w+|[^\w\s]")
_LONGEST_PIECE = 6  # bytes of a word that are about one token, in any script


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one answer of a model to a prompt is expected to take.

    Attributes:
        model: its name in the space.
        prompt: the prompt's name.
        prompt_tokens: mean over examples.
        output_tokens: mean over draws.
        learned: how many draws in the store the output's length is known from; 0 where it is stated or assumed.
        draw: dollars of one answer to one example, at list price.
        stated: whether the output's length is what the user said.
        output_span: the least and the most that `output_tokens` may as well be, where it is guessed; None where it is
            known or stated.
    """

    model: str
    prompt: str
    prompt_tokens: float
    output_tokens: float
    learned: int
    draw: float
    stated: bool = False
    output_span: tuple[float, float] | None = None


def forecasts(plan: Plan, endpoints: Mapping[str, Endpoint], store: Store | None) -> tuple[Forecast, ...]:
    """What an answer takes, by model and prompt.

    Args:
        plan: what is asked for.
        endpoints: of the space's models, by name; nothing is sent to them.
        store: what was bought before, if anything.
    """
    seen = _Seen(plan, endpoints, store)
    return tuple(_forecast(plan, seen, endpoints, model, prompt) for model, prompt in _pairs(plan))


def compare(
    predicted: Sequence[Forecast], trials: Mapping[int, Trial], prices: Mapping[str, Price]
) -> tuple[EstimateRow, ...]:
    """The estimate against what happened: an `EstimateRow` for each model and prompt that was drawn from."""
    costs: dict[tuple[str, str], list[float]] = defaultdict(list)
    lengths: dict[tuple[str, str], list[int]] = defaultdict(list)
    for trial in trials.values():
        key = str(trial.point["model"]), str(trial.point["prompt"])
        for draw in (draw for draws in trial.draws.values() for draw in draws):
            costs[key].append(to_dollars(prices[key[0]].cost(draw.prompt_tokens, draw.completion_tokens)))
            lengths[key].append(draw.completion_tokens)
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
        )
        for row in predicted
        if costs[key := (row.model, row.prompt)]
    )


def silent_endpoints(entries: Mapping[str, Entry], capabilities: Capabilities | None = None) -> dict[str, Endpoint]:
    """Endpoints that count tokens and are never called: they need neither a key nor a network."""
    return {name: _silent(entry, capabilities) for name, entry in entries.items()}


def _silent(entry: Entry, capabilities: Capabilities | None) -> Endpoint:
    if entry.local:
        from tune.providers.local import LocalEndpoint

        return LocalEndpoint(entry.model)
    from tune.providers.openai_api import OpenAIEndpoint

    return OpenAIEndpoint(
        entry.model,
        base_url=entry.base_url,
        api_key="never-sent",
        capabilities=capabilities,
        alias=entry.alias,
        allow_http=True,
    )


def likely_tokens(request: Request, bound: int) -> int:
    """About how many tokens a prompt has where nobody has its tokenizer: words, long ones in pieces.

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
    return Request(service="", model=entry.model, prompt=plan.prompts[prompt].render(example), max_tokens=cap)


def _pairs(plan: Plan) -> list[tuple[str, str]]:
    """Every model with every prompt that it may be given."""
    found = []
    for model in plan.space.models:
        domain = plan.space.domain("prompt", model)
        found += [(model, str(prompt)) for prompt in (domain.values if domain is not None else plan.prompts)]
    return found


class _Seen:
    """What draws in the store tell: how long the answers to a prompt are, and how far off the counted tokens."""

    def __init__(self, plan: Plan, endpoints: Mapping[str, Endpoint], store: Store | None) -> None:
        self.lengths: dict[tuple[str, str], list[tuple[int, int, float]]] = defaultdict(list)
        self._prompts: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
        held = [] if store is None else store.lengths()
        if not held:
            return
        names = {(endpoints[name].service, entry.model): name for name, entry in plan.entries.items()}
        known = _recognised(plan)
        for text, prompts, outputs, draws in held:
            record = json.loads(text)
            model = names.get((record["service"], record["model"]))
            prompt = known.get(json.dumps(record.get("text") or record.get("messages")))
            if model is not None and prompt is not None:
                self.lengths[model, prompt[0]].append((draws, record["max_tokens"], outputs))
                counted = _tokens(plan, endpoints, model, _request(plan, model, *prompt))
                self._prompts[model].append((prompts, counted, draws))

    def correction(self, model: str) -> float:
        """What counted prompt tokens of a model are multiplied by."""
        rows = self._prompts[model]
        counted = sum(c * draws for _, c, draws in rows)
        return sum(p * draws for p, _, draws in rows) / counted if counted else 1.0

    def length(self, model: str, prompt: str, cap: int) -> tuple[float, int] | None:
        """Mean output tokens under a cap and the draws they are known from: this model's, else any model's."""
        own = self.lengths.get((model, prompt))
        rows = own or [row for (_, name), held in self.lengths.items() if name == prompt for row in held]
        rows = [row for row in rows if row[1] >= cap] or rows
        draws = sum(row[0] for row in rows)
        return (min(cap, sum(n * mean for n, _, mean in rows) / draws), draws) if draws else None


def _recognised(plan: Plan) -> dict[str, tuple[str, Example]]:
    """The prompt's name and the example, by the rendered prompt as a stored request has it."""
    found = {}
    for name, prompt in plan.prompts.items():
        for example in plan.examples[:LOOKED_AT]:
            said = prompt.render(example)
            found[json.dumps(said if isinstance(said, str) else [[m.role, m.content] for m in said])] = (name, example)
    return found


def _tokens(plan: Plan, endpoints: Mapping[str, Endpoint], model: str, request: Request) -> int:
    bound = endpoints[model].most_prompt_tokens(request)
    return bound if plan.entries[model].local else likely_tokens(request, bound)


def _forecast(plan: Plan, seen: _Seen, endpoints: Mapping[str, Endpoint], model: str, prompt: str) -> Forecast:
    sample = [_request(plan, model, prompt, example) for example in plan.split.tuning[:SAMPLE]]
    counted = sum(_tokens(plan, endpoints, model, request) for request in sample) / len(sample)
    tokens = counted * seen.correction(model)
    cap = sample[0].max_tokens
    stated = _stated(plan, model, prompt)
    likely = stated or guessed_tokens(plan.prompts[prompt].template, _wanted(plan), cap, reasons=_reasons(plan, model))
    known = seen.length(model, prompt, cap)
    output, learned = known or (min(float(cap), likely), 0)
    cost = plan.prices[model].cost(math.ceil(tokens), math.ceil(output))
    guessed = known is None and stated is None
    return Forecast(
        model, prompt, tokens, output, learned, to_dollars(cost), stated=known is None and stated is not None,
        output_span=length_span(output, cap) if guessed else None,
    )  # fmt: skip


def _stated(plan: Plan, model: str, prompt: str) -> float | None:
    """The length that the user states for both together, else for the prompt, the model, or every answer."""
    said = plan.output_tokens
    return next((said[name] for name in length_names(model, prompt) if name in said), None)


def _wanted(plan: Plan) -> float | None:
    """Mean tokens of the targets, where these are answers: what code is tested with is none."""
    targets = [str(example.target) for example in plan.split.tuning[:SAMPLE] if example.target is not None]
    if not targets or plan.metric.runs_code:
        return None
    return sum(map(_text_tokens, targets)) / len(targets)


def _reasons(plan: Plan, model: str) -> bool:
    """Whether a model is likely to think unseen: as its efforts in the space say, else as its name does."""
    effort = plan.space.domain("reasoning_effort", model)
    if effort is not None:
        return any(value not in (None, "none", "minimal") for value in effort.values)
    from tune.providers.openai_api import named_as_reasoning

    return not plan.entries[model].local and named_as_reasoning(plan.entries[model].model)
