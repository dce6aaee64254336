"""Forecasts of an answer by model and prompt: its tokens, its dollars and its seconds.

Prompt tokens are counted on the user's own templates and examples, and corrected by what the store
has seen of the model. The length of an answer is that of draws in the store, else what the user
states, else a guess from targets and prompts, which the estimate calls a guess.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tune.completion import Endpoint, Request
from tune.plan.models import length_names
from tune.plan.output_length import length_span, likely_output_tokens
from tune.plan.plan import Plan
from tune.plan.stored_lengths import StoredLengths
from tune.plan.targets import Targets, read_targets
from tune.plan.token_counts import prompt_tokens
from tune.pricing.clock import assumed_seconds
from tune.pricing.prices import Price, to_dollars
from tune.providers.openai.reasoning_names import named_as_reasoning
from tune.readout.columns import DrawColumns, columns_of, list_prices, total
from tune.readout.trial import Trial
from tune.report import EstimateRow
from tune.store.draws import Store
from tune.task.example import Example

SAMPLE = 32
"""Examples whose prompts are counted."""


@dataclass(frozen=True, slots=True)
class AnswerForecast:
    """The forecast of one answer of a model to a prompt.

    Attributes:
        model: its name in the space.
        prompt: the prompt's name.
        prompt_tokens: mean over examples.
        output_tokens: mean over draws.
        learned: the number of stored draws that the output's length is known from; 0 where it is
            stated or assumed.
        draw: dollars of one answer to one example, at list price.
        stated: whether the user stated the output's length.
        output_span: the least and the most that `output_tokens` may be; None where it is stated.
        seconds: of one answer to one example; None where it is unknown before the first block.
        timed: the number of stored draws that the seconds are known from; 0 where they are assumed.
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
    """Return a forecast for every model with every prompt that it may be given.

    Args:
        plan: the checked order.
        endpoints: of the space's models, by name; nothing is sent to them.
        store: holds what was bought before, if anything.
    """
    sources = _Sources(StoredLengths(plan, endpoints, store), read_targets(plan))
    found = []
    for model in plan.space.models:
        # A model may be given only some of the prompts.
        domain = plan.space.domain("prompt", model)
        prompts = plan.prompts if domain is None else domain.values
        for prompt in prompts:
            found.append(_forecast(plan, sources, endpoints[model], model, str(prompt)))
    return tuple(found)


def _columns(trial: Trial) -> DrawColumns:
    return columns_of(trial.draws)


def estimate_rows(
    predicted: Sequence[AnswerForecast],
    trials: Mapping[int, Trial],
    prices: Mapping[str, Price],
    columns: Callable[[Trial], DrawColumns] = _columns,
) -> tuple[EstimateRow, ...]:
    """Return forecasts beside what happened, for each model and prompt that was drawn from.

    Args:
        predicted: the forecasts.
        trials: the trials of the search, by number.
        prices: of the models, by name.
        columns: returns the token counts of a trial's draws.
    """
    counts: dict[tuple[str, str], int] = defaultdict(int)
    costs: dict[tuple[str, str], int] = defaultdict(int)
    lengths: dict[tuple[str, str], int] = defaultdict(int)
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    # Draws of all settings count together, because the forecast has no settings either.
    for trial in trials.values():
        key = str(trial.point["model"]), str(trial.point["prompt"])
        draws = columns(trial)
        each = list_prices(prices[key[0]], draws.prompt_tokens, draws.completion_tokens)
        counts[key] += len(each)
        costs[key] += total(each)
        lengths[key] += int(draws.completion_tokens.sum())
        seconds[key] += float(draws.seconds.sum())
    rows = []
    for row in predicted:
        key = row.model, row.prompt
        count = counts[key]
        if not count:
            continue
        rows.append(
            EstimateRow(
                model=row.model,
                prompt=row.prompt,
                predicted=row.draw,
                actual=to_dollars(costs[key]) / count,
                predicted_tokens=row.output_tokens,
                actual_tokens=lengths[key] / count,
                draws=count,
                learned=row.learned,
                predicted_seconds=row.seconds,
                actual_seconds=seconds[key] / count,
            )
        )
    return tuple(rows)


class _Sources(NamedTuple):
    """Everything that lengths of answers are forecast from besides the plan's own words."""

    stored: StoredLengths
    targets: Targets


class _Output(NamedTuple):
    """The expected length of an answer, and where it is known from.

    Attributes:
        tokens: mean over draws.
        span: the least and the most that it may be; None where it is stated.
        learned: stored draws that it is known from.
        stated: whether the user stated it.
        is_known: whether it is more than a share of max_tokens.
    """

    tokens: float
    span: tuple[float, float] | None
    learned: int
    stated: bool
    is_known: bool


def _forecast(
    plan: Plan, sources: _Sources, endpoint: Endpoint, model: str, prompt: str
) -> AnswerForecast:
    sample = [
        _request(plan, model, prompt, example) for example in plan.split.tuning[:SAMPLE]
    ]
    entry = plan.entries[model]
    # The store shows how far the counting of this model's tokens is off.
    counts = [prompt_tokens(endpoint, entry, request) for request in sample]
    counted = sum(counts) / len(counts)
    tokens = counted * sources.stored.correction(model)
    output = _output(plan, sources, model, prompt, sample[0].max_tokens)
    seconds, timed = sources.stored.time(model, prompt, output.tokens)
    # A share of max_tokens says nothing about seconds: many set max_tokens far above any answer.
    if seconds is None and output.is_known:
        seconds = assumed_seconds(tokens, output.tokens)
    cost = plan.prices[model].cost(math.ceil(tokens), math.ceil(output.tokens))
    return AnswerForecast(
        model=model,
        prompt=prompt,
        prompt_tokens=tokens,
        output_tokens=output.tokens,
        learned=output.learned,
        draw=to_dollars(cost),
        stated=output.stated,
        output_span=output.span,
        seconds=seconds,
        timed=timed,
    )


def _output(
    plan: Plan, sources: _Sources, model: str, prompt: str, cap: int
) -> _Output:
    """Return the length of an answer: from the store, else as stated, else as guessed."""
    known = sources.stored.length(model, prompt, cap)
    if known is not None:
        return _Output(
            known.tokens, known.span, known.draws, stated=False, is_known=True
        )
    stated = _stated_length(plan, model, prompt)
    if stated is not None:
        return _Output(min(float(cap), stated), None, 0, stated=True, is_known=True)
    template, targets = _wording(plan, prompt), sources.targets
    reasons = _reasons(plan, model)
    # Nothing was bought and nothing was said: this is a guess, and its span says how wide.
    guess = likely_output_tokens(
        template, targets.tokens, cap, reasons=reasons, targets=targets.kind
    )
    tokens = min(float(cap), guess)
    is_share = reasons or targets.tokens is None
    span = length_span(tokens, cap, template, reasons=is_share, targets=targets.kind)
    return _Output(tokens, span, 0, stated=False, is_known=not is_share)


def _wording(plan: Plan, prompt: str) -> str:
    """Return the words of a prompt: its template, or what its function makes of the first row."""
    found = plan.prompts[prompt]
    if found.made_by:
        return found.filled(plan.split.tuning[0])
    return found.template


def _request(plan: Plan, model: str, prompt: str, example: Example) -> Request:
    return Request(
        service="",
        model=plan.entries[model].model,
        prompt=plan.prompts[prompt].render(example),
        max_tokens=plan.space.cap({"model": model, "prompt": prompt}),
    )


def _stated_length(plan: Plan, model: str, prompt: str) -> float | None:
    """Return the length that the user states for these answers, or None."""
    # The most specific name comes first: "MODEL/PROMPT" before the prompt or the model alone.
    for name in length_names(model, prompt):
        if name in plan.output_tokens:
            return plan.output_tokens[name]
    return None


def _reasons(plan: Plan, model: str) -> bool:
    """Return whether a model is likely to reason unseen.

    Its efforts in the space say so, else its name does.
    """
    # Services bill hidden reasoning as output, so it makes answers several times as long.
    effort = plan.space.domain("reasoning_effort", model)
    if effort is not None:
        return any(value not in (None, "none", "minimal") for value in effort.values)
    return not plan.entries[model].local and named_as_reasoning(
        plan.entries[model].model
    )
