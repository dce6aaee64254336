"""From the draws of a group of examples to the rows of each config: cut, extract, score, estimate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tune.completion import Completion
from tune.errors import MetricError
from tune.readout.aggregate import Aggregate, call, vote
from tune.readout.token_rates import Rates
from tune.readout.truncate import Cut, cut
from tune.space import Config
from tune.stats.best_of_n import mean_of_best, mean_of_largest
from tune.stats.estimate import Array, Estimate, mean_of_one
from tune.stats.majority_vote import MOST_COUNTED, mean_of_vote
from tune.stats.subsets import mean_of_choice
from tune.task.extract import Extractor

Answers: TypeAlias = tuple[str | None, ...]

Group: TypeAlias = Mapping[int, Sequence[Completion]]
"""The draws of some examples by position, equally many of each."""


class Rows(NamedTuple):
    """What a group of examples says of one config, a row for each example.

    Attributes:
        positions: of the examples.
        scores: expected score of a request.
        variances: of `scores`, from having few draws.
        prompt_tokens: tokens of the prompt.
        tokens: expected completion tokens of one answer.
        seconds: expected seconds until the last of n answers is there.
        exact: whether every text and token count is known.
    """

    positions: Sequence[int]
    scores: Array
    variances: Array
    prompt_tokens: Array
    tokens: Array
    seconds: Array
    exact: bool


@dataclass
class _View:
    """A group's draws cut in several ways: the rows of one cap and stop after those of another."""

    rows: list[tuple[Answers, int]] = field(default_factory=list)
    """Answers in the order drawn, and the position of the example."""
    tokens: list[list[int]] = field(default_factory=list)
    seconds: list[list[float]] = field(default_factory=list)
    exact: list[bool] = field(default_factory=list)
    """One for each cap and stop."""


def unscored(_answer: Any, _position: int) -> float:
    """Stands in where no score is needed."""
    return math.nan


@dataclass
class Reader:
    """Asks each question once: of the extractor, the metric and the verifier. The fields are those
    of `read`.
    """

    extract: Extractor
    ask: Callable[[Any, int], float] = unscored
    worst: float = 0.0
    verifier: Callable[[str, int], float] | None = None
    larger_is_better: bool = True
    over_responses: bool = False
    seed: int = 0
    pace: float = 0.0
    """Seconds that one completion token takes."""
    rates: Rates | None = None
    """Tokens by kind of character, where token boundaries are not known."""
    _answers: dict[str, str | None] = field(default_factory=dict)
    _scores: dict[tuple[str | Answers, int], float] = field(default_factory=dict)
    _verdicts: dict[tuple[str, int], float] = field(default_factory=dict)

    def answer(self, said: Cut) -> str | None:
        """The answer in a text; none in one that a filter withheld."""
        if said.finish_reason == "content_filter":
            return None
        if said.text not in self._answers:
            self._answers[said.text] = self.extract(said.text)
        return self._answers[said.text]

    def score(self, answer: str | Answers | None, position: int) -> float:
        """The metric's value; the worst for no answer."""
        if answer is None:
            return self.worst
        if (answer, position) not in self._scores:
            self._scores[answer, position] = self.ask(answer, position)
        return self._scores[answer, position]

    def verdict(self, answer: str | None, position: int) -> float:
        """The verifier's; below all others for no answer."""
        if answer is None or self.verifier is None:
            return -math.inf
        if (answer, position) not in self._verdicts:
            found = self._verdicts[answer, position] = self.verifier(answer, position)
            if math.isnan(found):
                raise MetricError(f"the verifier must give a number, but gave nan for {answer!r}")
        return self._verdicts[answer, position]

    def rows(
        self, group: Group, configs: Sequence[Config], rules: Mapping[str, str | Aggregate]
    ) -> dict[Config, Rows]:
        """Every config for which these examples have draws enough.

        Args:
            group: the draws.
            configs: what to read.
            rules: what the configs' aggregates are.
        """
        positions = list(group)
        draws = len(group[positions[0]])
        configs = [config for config in configs if config.n <= draws]
        if not configs:
            return {}
        variants = {
            variant: place for place, variant in enumerate(dict.fromkeys(map(cut_of, configs)))
        }
        view = self._view(group, list(variants))
        ns = sorted({config.n for config in configs})
        tokens = np.array(view.tokens).mean(axis=1)
        last = mean_of_largest(np.array(view.seconds), ns)
        prompt = np.array(
            [[draw.prompt_tokens for draw in drawn] for drawn in group.values()]
        ).mean(axis=1)
        estimates = (
            self._of_responses(view, ns)
            if self.over_responses
            else self._of_answers(view, configs, rules)
        )
        found = {}
        for config in configs:
            place = variants[cut_of(config)]
            part = slice(place * len(positions), (place + 1) * len(positions))
            estimate, sizes = estimates["" if self.over_responses else config.aggregate]
            column = sizes.index(config.n)
            found[config] = Rows(
                positions=positions,
                scores=estimate.means[part, column],
                variances=estimate.variances[part, column],
                prompt_tokens=prompt,
                tokens=tokens[part],
                seconds=last[part, ns.index(config.n)],
                exact=view.exact[place],
            )
        return found

    def _view(self, group: Group, variants: Sequence[tuple[int, tuple[str, ...]]]) -> _View:
        view = _View()
        for cap, stop in variants:
            exact = True
            for position, drawn in group.items():
                cuts = [cut(draw, cap, stop, self.rates) for draw in drawn]
                exact = exact and all(said.exact for said in cuts)
                view.rows.append((tuple(self.answer(said) for said in cuts), position))
                view.tokens.append([said.tokens for said in cuts])
                view.seconds.append(
                    [self._seconds(draw, said) for draw, said in zip(drawn, cuts, strict=True)]
                )
            view.exact.append(exact)
        return view

    def _seconds(self, draw: Completion, said: Cut) -> float:
        """How long a draw would have taken: less by its pace for each token cut off, never less
        than its share.
        """
        if said.tokens >= draw.completion_tokens:
            return draw.seconds
        saved = self.pace * (draw.completion_tokens - said.tokens)
        return max(draw.seconds - saved, draw.seconds * said.tokens / draw.completion_tokens)

    def _of_answers(
        self, view: _View, configs: Sequence[Config], rules: Mapping[str, str | Aggregate]
    ) -> dict[str, tuple[Estimate, list[int]]]:
        """By aggregate: the estimates for all rows of a view, and the n of each column."""
        scores = np.array(
            [[self.score(answer, place) for answer in answers] for answers, place in view.rows]
        )
        found = {}
        for aggregate in dict.fromkeys(config.aggregate for config in configs):
            ns = sorted({config.n for config in configs if config.aggregate == aggregate})
            found[aggregate] = self._estimate(rules[aggregate], view, scores, ns), ns
        return found

    def _estimate(
        self, rule: str | Aggregate, view: _View, scores: Array, ns: Sequence[int]
    ) -> Estimate:
        if rule == "first":
            one = mean_of_one(scores)
            return Estimate(*(np.repeat(column, len(ns), axis=1) for column in one))
        if rule == "any":
            return mean_of_best(scores, scores if self.larger_is_better else -scores, ns)
        if rule == "best":
            verdicts = [
                [self.verdict(answer, place) for answer in answers] for answers, place in view.rows
            ]
            return mean_of_best(scores, np.array(verdicts), ns)
        if rule == "vote":
            few = [n for n in ns if n <= MOST_COUNTED]
            names: dict[str | None, int] = {None: -1}
            numbers = [
                [names.setdefault(answer, len(names) - 1) for answer in answers]
                for answers, _ in view.rows
            ]
            counted = mean_of_vote(np.array(numbers), scores, self.worst, few)
            tried = self._of_choice(vote, view, ns[len(few) :])
            return Estimate(*(np.hstack(both) for both in zip(counted, tried, strict=True)))
        if isinstance(rule, str):
            raise AssertionError(f"no rule to read {rule!r} off")
        return self._of_choice(lambda answers: call(rule, answers), view, ns)

    def _of_choice(self, choose: Aggregate, view: _View, ns: Sequence[int]) -> Estimate:
        known: dict[tuple[Answers, int], list[tuple[float, float]]] = {}
        for answers, position in view.rows:
            if (answers, position) not in known:

                def score(
                    subset: Sequence[int], answers: Answers = answers, position: int = position
                ) -> float:
                    return self.score(choose([answers[i] for i in subset]), position)

                known[answers, position] = [
                    mean_of_choice(score, len(answers), n, self.seed) for n in ns
                ]
        both = np.array([known[row] for row in view.rows]).reshape(len(view.rows), len(ns), 2)
        return Estimate(both[..., 0], both[..., 1])

    def _of_responses(
        self, view: _View, ns: Sequence[int]
    ) -> dict[str, tuple[Estimate, list[int]]]:
        """For a metric over all n answers: the draws n at a time, as they were drawn."""
        draws = len(view.rows[0][0])
        columns = []
        for n in ns:
            begins = range(0, draws - n + 1, n)
            scores = [
                [self.score(answers[i : i + n], place) for i in begins]
                for answers, place in view.rows
            ]
            columns.append(mean_of_one(np.array(scores)))
        return {
            "": (Estimate(*(np.hstack(column) for column in zip(*columns, strict=True))), list(ns))
        }


def cut_of(config: Config) -> tuple[int, tuple[str, ...]]:
    """What a config leaves of a text: its cap and its stop strings."""
    return config.max_tokens, config.stop
