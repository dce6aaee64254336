"""Turn the draws of a group of examples into rows: cut, extract, score, estimate."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from tune.completion import Completion
from tune.errors import MetricError
from tune.readout.aggregate import (
    Aggregate,
    Extracted,
    Weight,
    call_aggregate,
    confident,
    vote,
)
from tune.readout.answers import answer_in
from tune.readout.confidence import confidence
from tune.readout.token_rates import Rates
from tune.readout.truncate import Cut, cut
from tune.space import Config
from tune.stats.arrays import Array
from tune.stats.best_of_n import mean_of_best, mean_of_largest
from tune.stats.estimate import SubsetEstimate, mean_of_one, side_by_side
from tune.stats.majority_vote import MOST_COUNTED, mean_of_vote
from tune.stats.subsets import mean_of_choice
from tune.task.extract import Extractor

Answers: TypeAlias = tuple[Extracted, ...]
"""The answers of one example in the order drawn."""

Group: TypeAlias = Mapping[int, Sequence[Completion]]
"""The draws of some examples by position, equally many of each."""

ViewRow: TypeAlias = tuple[Answers, int]
"""The answers of one example, and its position."""

_WeighedRow: TypeAlias = tuple[ViewRow, tuple[Weight, ...]]

Rules: TypeAlias = Mapping[str, str | Aggregate]
"""The aggregate that each name in a config stands for."""

Variant: TypeAlias = tuple[int, tuple[str, ...]]
"""A cap and stop strings: one way to cut texts."""


class Rows(NamedTuple):
    """One config on a group of examples: one row for each example.

    Attributes:
        positions: of the examples.
        scores: the expected score of a request.
        variances: of `scores`, from having few draws.
        prompt_tokens: tokens of the prompt.
        tokens: expected completion tokens of one answer.
        seconds: expected seconds until the last of n answers is there.
        exact: every text and token count is known.
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
    """A group's draws, cut in several ways: the rows of one variant after those of another.

    Attributes:
        rows: the answers in the order drawn, and the position of the example.
        weights: the confidence of each draw, for each row.
        tokens: of each draw, for each row.
        seconds: of each draw, for each row.
        exact: one for each variant.
    """

    rows: list[ViewRow] = field(default_factory=list)
    weights: list[tuple[Weight, ...]] = field(default_factory=list)
    tokens: list[list[int]] = field(default_factory=list)
    seconds: list[list[float]] = field(default_factory=list)
    exact: list[bool] = field(default_factory=list)


class _Column(NamedTuple):
    """The estimates of one aggregate, and the n of each of their columns."""

    estimate: SubsetEstimate
    ns: list[int]


def unscored(_answer: Any, _position: int) -> float:
    """Return no score, where none is needed."""
    return math.nan


@dataclass
class Reader:
    """Reads groups of examples, and asks extractor, metric and verifier each question once.

    Attributes:
        extract: takes the answer out of a text.
        ask: the metric's value of (answer, position).
        worst: the metric's worst value.
        verifier: the verdict on (answer, position), for "best".
        larger_is_better: the metric's direction.
        over_responses: the metric judges all n answers at once.
        seed: of random subsets.
        seconds_per_token: the seconds that one completion token takes.
        rates: tokens of each kind of character, where token boundaries are not known.
    """

    extract: Extractor
    ask: Callable[[Any, int], float] = unscored
    worst: float = 0.0
    verifier: Callable[[str, int], float] | None = None
    larger_is_better: bool = True
    over_responses: bool = False
    seed: int = 0
    seconds_per_token: float = 0.0
    rates: Rates | None = None
    _answers: dict[str, Extracted] = field(default_factory=dict)
    _scores: dict[tuple[str | Answers, int], float] = field(default_factory=dict)
    _verdicts: dict[tuple[str, int], float] = field(default_factory=dict)

    def answer(self, said: Cut) -> Extracted:
        """Return the answer in a text; None if a filter withheld it."""
        return answer_in(said, self._extract_once)

    def _extract_once(self, text: str) -> Extracted:
        if text not in self._answers:
            self._answers[text] = self.extract(text)
        return self._answers[text]

    def score(self, answer: Extracted | Answers, position: int) -> float:
        """Return the metric's value; the worst one for no answer."""
        if answer is None:
            return self.worst
        # A judge costs money, and a code metric takes seconds: each pair is asked once.
        if (answer, position) not in self._scores:
            self._scores[answer, position] = self.ask(answer, position)
        return self._scores[answer, position]

    def verdict(self, answer: Extracted, position: int) -> float:
        """Return the verifier's verdict; below all others for no answer.

        Raises:
            MetricError: the verdict is NaN.
        """
        if answer is None or self.verifier is None:
            # So that "best" takes a text without an answer only if no text has one.
            return -math.inf
        if (answer, position) not in self._verdicts:
            found = self._verdicts[answer, position] = self.verifier(answer, position)
            if math.isnan(found):
                raise MetricError(
                    f"the verifier must give a number, but gave nan for {answer!r}"
                )
        return self._verdicts[answer, position]

    def rows(
        self,
        group: Group,
        configs: Sequence[Config],
        rules: Rules,
    ) -> dict[Config, Rows]:
        """Return the rows of every config for which these examples have enough draws.

        Args:
            group: the draws.
            configs: the configs to read.
            rules: the aggregate that each of the configs' names stands for.
        """
        positions = list(group)
        draws = len(group[positions[0]])
        configs = [config for config in configs if config.n <= draws]
        if not configs:
            return {}
        variants = list(dict.fromkeys(map(variant_of, configs)))
        view = self._view(group, variants)
        ns = sorted({config.n for config in configs})
        tokens = np.array(view.tokens).mean(axis=1)
        # Answers are drawn side by side, so a request takes as long as its slowest one.
        slowest = mean_of_largest(np.array(view.seconds), ns)
        prompts = []
        for drawn in group.values():
            prompts.append([draw.prompt_tokens for draw in drawn])
        prompt_tokens = np.array(prompts).mean(axis=1)
        columns = self._columns(view, configs, rules, ns)
        found = {}
        for config in configs:
            place = variants.index(variant_of(config))
            # The view's rows are ordered by variant, then by example.
            begin = place * len(positions)
            part = slice(begin, begin + len(positions))
            estimate, sizes = columns[config.aggregate]
            column = sizes.index(config.n)
            found[config] = Rows(
                positions=positions,
                scores=estimate.means[part, column],
                variances=estimate.variances[part, column],
                prompt_tokens=prompt_tokens,
                tokens=tokens[part],
                seconds=slowest[part, ns.index(config.n)],
                exact=view.exact[place],
            )
        return found

    def _view(self, group: Group, variants: Sequence[Variant]) -> _View:
        """Cut all draws in all ways."""
        view = _View()
        for cap, stop in variants:
            exact = True
            for position, drawn in group.items():
                cuts = [cut(draw, cap, stop, self.rates) for draw in drawn]
                answers = tuple(map(self.answer, cuts))
                view.rows.append((answers, position))
                view.weights.append(tuple(map(confidence, drawn, cuts)))
                view.tokens.append([said.tokens for said in cuts])
                view.seconds.append(list(map(self._seconds, drawn, cuts)))
                exact = exact and all(said.exact for said in cuts)
            view.exact.append(exact)
        return view

    def _seconds(self, draw: Completion, said: Cut) -> float:
        """Return the seconds that a cut draw would have taken.

        Each token that was cut off saves its time. The rest never takes less than its share.
        """
        # Nothing was cut off.
        if said.tokens >= draw.completion_tokens:
            return draw.seconds
        saved = self.seconds_per_token * (draw.completion_tokens - said.tokens)
        share = draw.seconds * said.tokens / draw.completion_tokens
        return max(draw.seconds - saved, share)

    def _columns(
        self,
        view: _View,
        configs: Sequence[Config],
        rules: Rules,
        ns: list[int],
    ) -> dict[str, _Column]:
        """Return the estimates for all rows of a view, by the name of the aggregate."""
        sizes: dict[str, set[int]] = {}
        for config in configs:
            sizes.setdefault(config.aggregate, set()).add(config.n)
        if self.over_responses:
            # The metric judges all answers, so every aggregate reads the same.
            column = self._of_responses(view, ns)
            return dict.fromkeys(sizes, column)
        scores = _table(view, self.score)
        found = {}
        for name, needed in sizes.items():
            # Not all n: an aggregate that can only be called takes long for each of them.
            asked = sorted(needed)
            estimate = self._estimate(rules[name], view, scores, asked)
            found[name] = _Column(estimate, asked)
        return found

    def _estimate(
        self, rule: str | Aggregate, view: _View, scores: Array, ns: Sequence[int]
    ) -> SubsetEstimate:
        """Return the expected score of every row (rows) at each n (columns)."""
        if rule == "first":
            # More answers change nothing: the first one is taken.
            return side_by_side([mean_of_one(scores)] * len(ns))
        if rule == "any":
            gains = scores if self.larger_is_better else -scores
            return mean_of_best(scores, gains, ns)
        if rule == "best":
            return mean_of_best(scores, _table(view, self.verdict), ns)
        if rule == "vote":
            return self._of_vote(view, scores, ns)
        if rule == "confident":
            return self._of_choice(confident, view, ns)
        if isinstance(rule, str):
            raise AssertionError(f"no rule to read {rule!r} off")

        def choose(answers: Sequence[Extracted], _: Sequence[Weight]) -> Extracted:
            return call_aggregate(rule, answers)

        return self._of_choice(choose, view, ns)

    def _of_vote(self, view: _View, scores: Array, ns: Sequence[int]) -> SubsetEstimate:
        """Count votes exactly where n is small, and sample subsets where it is not."""
        # Counting takes time polynomial in n; beyond this size, sampled subsets are as good and
        # faster.
        few = bisect_right(ns, MOST_COUNTED)
        # Numbers instead of texts; None has the number of an abstention.
        numbers: dict[Extracted, int] = {None: -1}

        def number(answer: Extracted, _position: int) -> int:
            return numbers.setdefault(answer, len(numbers) - 1)

        ballots = _table(view, number)
        counted = mean_of_vote(ballots, scores, self.worst, ns[:few])

        def choose(answers: Sequence[Extracted], _: Sequence[Weight]) -> Extracted:
            return vote(answers)

        sampled = self._of_choice(choose, view, ns[few:])
        return side_by_side([counted, sampled])

    def _of_choice(
        self,
        choose: Callable[[Sequence[Extracted], Sequence[Weight]], Extracted],
        view: _View,
        ns: Sequence[int],
    ) -> SubsetEstimate:
        """Estimate an aggregate that can only be called, over subsets of the draws."""
        known: dict[_WeighedRow, list[tuple[float, float]]] = {}
        rows = list(zip(view.rows, view.weights, strict=True))
        for row in rows:
            # Rows with the same answers have the same estimate. Short answers often repeat.
            if row in known:
                continue
            (answers, position), weights = row

            def score(
                subset: Sequence[int],
                answers: Answers = answers,
                weights: Sequence[Weight] = weights,
                position: int = position,
            ) -> float:
                chosen = choose(
                    [answers[i] for i in subset], [weights[i] for i in subset]
                )
                return self.score(chosen, position)

            estimates = [mean_of_choice(score, len(answers), n, self.seed) for n in ns]
            known[row] = estimates
        # Means and variances. The shape is said, because there may be no n at all.
        both = np.array(list(map(known.__getitem__, rows)))
        both = both.reshape(len(view.rows), len(ns), 2)
        return SubsetEstimate(both[..., 0], both[..., 1])

    def _of_responses(self, view: _View, ns: list[int]) -> _Column:
        """Score the draws n at a time, as they were drawn, by a metric over all n answers."""
        draws = len(view.rows[0][0])
        columns = []
        for n in ns:
            scores = []
            for answers, place in view.rows:
                # Blocks do not overlap, so that their scores are independent.
                begins = range(0, draws - n + 1, n)
                blocks = [answers[begin : begin + n] for begin in begins]
                scores.append([self.score(block, place) for block in blocks])
            columns.append(mean_of_one(np.array(scores)))
        return _Column(side_by_side(columns), ns)


def _table(view: _View, value: Callable[[str | None, int], float]) -> npt.NDArray[Any]:
    """Return a value of every answer: a row for each row of the view, a column for each draw."""
    rows = []
    for answers, position in view.rows:
        rows.append([value(answer, position) for answer in answers])
    return np.array(rows)


def variant_of(config: Config) -> Variant:
    """Return how a config cuts texts: its cap and its stop strings."""
    return config.max_tokens, config.stop
