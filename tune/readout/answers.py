"""Read answers out of draws: cut, extract, choose.

The search, a check and the runtime read answers with these functions, so they cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tune.completion import Completion, canonical_calls
from tune.readout.aggregate import (
    Aggregate,
    BlindVerifier,
    Extracted,
    Weight,
    choose,
)
from tune.readout.confidence import confidence
from tune.readout.token_rates import Rates
from tune.readout.truncate import Cut, cut
from tune.space import Config
from tune.task.extract import Extractor


@dataclass(frozen=True, slots=True)
class ReadDraw:
    """One draw with the answer that was read out of it.

    Attributes:
        answer: what the answer rule found; for a call of tools, its canonical form (see
            `tune.completion.canonical_calls`); None where there is none.
        said: its text, cut as the config cuts it.
        completion: the draw as it was bought.
        confidence: of the model in this text; None where it is not known.
    """

    answer: Extracted
    said: Cut
    completion: Completion
    confidence: Weight = None

    @property
    def text(self) -> str:
        """The text of the model, cut as the config cuts it."""
        return self.said.text


@dataclass(frozen=True, slots=True)
class ChosenAnswer:
    """The answer that is made of several draws.

    Attributes:
        answer: the answer; every answer for the aggregate "all"; None where the answer rule finds
            nothing, or the draws abstain.
        draw: the first draw that carries the answer; None where no draw does.
        agreement: the share of the draws that carry the answer, 0 to 1.
    """

    answer: Extracted | tuple[Extracted, ...]
    draw: ReadDraw | None
    agreement: float


def answer_in(said: Cut | Completion, extract: Callable[[str], Extracted]) -> Extracted:
    """Return the answer in a text; None if a content filter withheld it.

    Args:
        said: the text and how it ended.
        extract: the answer rule.
    """
    # A withheld text may still hold words. They are not an answer.
    if said.finish_reason == "content_filter":
        return None
    return extract(said.text)


def read_draws(
    draws: Iterable[Completion],
    config: Config,
    extract: Extractor,
    rates: Rates | None = None,
) -> tuple[ReadDraw, ...]:
    """Cut draws as a config cuts them, and read the answer out of each.

    Args:
        draws: in the order drawn.
        config: its cap and its stop strings.
        extract: the answer rule.
        rates: as for `tune.readout.truncate.cut`.
    """
    found = []
    for draw in draws:
        said = cut(draw, config.max_tokens, config.stop, rates)
        if draw.tool_calls:
            answer: Extracted = canonical_calls(draw.tool_calls)
        else:
            answer = answer_in(said, extract)
        found.append(ReadDraw(answer, said, draw, confidence(draw, said)))
    return tuple(found)


def choose_draw(
    rule: str | Aggregate,
    draws: Sequence[ReadDraw],
    *,
    verifier: BlindVerifier | None = None,
) -> ChosenAnswer:
    """Make one answer of several draws.

    "first" takes the first draw, with or without an answer. Every other rule takes an answer, and
    the first draw that carries it. Where no draw holds an answer, none is chosen.

    Args:
        rule: an aggregate, as for `tune.readout.aggregate.choose`; "all" gives every answer back.
        draws: in the order drawn.
        verifier: for "best".

    Raises:
        SpaceError: as for `choose`.
        MetricError: a callable of the user raised.
    """
    answers = [draw.answer for draw in draws]
    if rule == "all":
        return _all(draws, answers)
    carrier = None
    if rule == "first" and draws:
        # The draw is chosen by its place, whatever it says.
        carrier = draws[0]
    weights = [draw.confidence for draw in draws]
    chosen = choose(rule, answers, verifier=verifier, weights=weights)
    if chosen is None:
        return ChosenAnswer(None, carrier, 0.0)
    if carrier is None and chosen in answers:
        carrier = draws[answers.index(chosen)]
    return ChosenAnswer(chosen, carrier, answers.count(chosen) / len(answers))


def _all(draws: Sequence[ReadDraw], answers: Sequence[Extracted]) -> ChosenAnswer:
    found = [answer for answer in answers if answer is not None]
    if not found:
        return ChosenAnswer(None, None, 0.0)
    most = max(found.count(answer) for answer in found)
    first = draws[answers.index(found[0])]
    return ChosenAnswer(tuple(answers), first, most / len(answers))
