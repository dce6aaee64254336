"""Readings of trials: configurations with their scores and costs, read off draws that were bought.

Nothing is bought here. The search, the holdout and the report read trials by the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from tune.completion import Completion
from tune.providers.stack import Service
from tune.readout import Reading, readable
from tune.readout.aggregate import blind, deployable
from tune.readout.columns import DrawColumns, Integers, columns_of
from tune.readout.digest import TrialDigest
from tune.readout.outcomes import Outcomes, count_outcomes, kinds_of
from tune.readout.read import read_rows, to_readings
from tune.readout.reader import Rows, Variant, variant_of
from tune.readout.trial import Trial
from tune.readout.truncate import cut_tokens
from tune.space import Config, Point, Space
from tune.study.scores import Scores
from tune.task.example import Example
from tune.task.extract import Extractor

SHORT = 200
"""Characters of a text whose answer is remembered. Short texts repeat, long ones hardly do."""

REMEMBERED = 1 << 15
"""The most texts whose answers are remembered."""


class TrialReader:
    """Reads configurations off the draws of a trial.

    Args:
        space: has the values of the dimensions that are read off.
        free: the dimensions that are read off, not bought.
        services: the models by name; they say what answers cost.
        extract: takes the answer out of a text.
        scores: scores the answers.
        verifier: for the aggregate "best": how good an answer looks, without knowing the target.
        seed: of the random subsets of draws.
    """

    def __init__(
        self,
        *,
        space: Space,
        free: Sequence[str],
        services: Mapping[str, Service],
        extract: Extractor,
        scores: Scores,
        verifier: Callable[[str, Example], float] | None = None,
        seed: int = 0,
    ) -> None:
        self.space = space
        self.free = tuple(free)
        self.extract = _remembered(extract)
        self.scores = scores
        self.seed = seed
        self._services = services
        self._verifier = verifier
        self._verdicts: dict[int, Callable[[str], float]] = {}
        self._known: dict[int, tuple[int, list[Reading]]] = {}
        # With the draws of the digest: a trial of the holdout may have the same number.
        self._digests: dict[
            int, tuple[Mapping[int, Sequence[Completion]], TrialDigest]
        ] = {}

    def bought_stop(self, point: Point) -> tuple[str, ...]:
        """Return the stop strings that draws of a paid point are bought with.

        These are the ones that all its readings have in common: a longer text can be cut later.
        """
        if "stop" in point:
            return tuple(point["stop"] or ())  # type: ignore[arg-type]
        return self.space.common_stop(point)

    def configs(self, trial: Trial) -> list[Config]:
        """Return every config that can be read off a trial and deployed; an oracle cannot be."""
        found: list[Config] = []
        for config in self.space.configs_of(trial.point, self.free):
            # A text that was cut at the trial's cap does not show what a longer one would say.
            if config.max_tokens <= trial.cap and deployable(config.aggregate):
                found.append(config)
        return found

    def forget(self, trial: int) -> None:
        """Read this trial again when it is asked for next: its draws or their cuts have changed."""
        self._known.pop(trial, None)

    def keep(self, trial: Trial, digest: TrialDigest | None = None) -> None:
        """Read a trial from its digest from now on.

        Args:
            trial: nothing more is bought for it.
            digest: what an earlier process read off its draws; by default they are read now.
        """
        if digest is None:
            digest = self._make_digest(trial)
        self._digests[trial.number] = trial.draws, digest

    def digest(self, trial: Trial) -> TrialDigest | None:
        """Return the digest of a trial, if one is kept."""
        draws, digest = self._digests.get(trial.number, (None, None))
        return digest if draws is trial.draws else None

    def readings(self, trial: Trial) -> list[Reading]:
        """Return every reading of a trial, from the draws it has now."""
        most_n = self._service(trial).endpoint.most_n
        known = self._known.get(trial.number)
        # The cost of n answers depends on how many of them one call can give, which is learned.
        if known is None or known[0] != most_n:
            readings = self.read(trial, self.configs(trial))
            known = (most_n, readings)
            self._known[trial.number] = known
        return known[1]

    def read(self, trial: Trial, configs: Sequence[Config]) -> list[Reading]:
        """Return the readings of these configs; a failed trial has none."""
        if trial.state == "failed":
            return []
        service = self._service(trial)
        weigh = None if self.scores.metric.weigh is None else self._weigh
        return to_readings(
            trial.number,
            self._rows(trial, configs),
            price=service.price,
            most_n=service.endpoint.most_n,
            weigh=weigh,
        )

    def columns(self, trial: Trial) -> DrawColumns:
        """Return the token counts of a trial's draws."""
        digest = self.digest(trial)
        if digest is not None:
            return digest.columns
        return columns_of(trial.draws)

    def kinds(self, trial: Trial) -> Integers:
        """Return the kind of each draw of a trial as it was bought; see `kinds_of`."""
        digest = self.digest(trial)
        if digest is not None:
            return digest.kinds
        return np.array(kinds_of(trial.draws, self.extract), dtype=np.int64)

    def cut_tokens(self, trial: Trial, cap: int, stop: tuple[str, ...]) -> Integers:
        """Return the tokens of each example's draws together, if they were cut like this."""
        digest = self.digest(trial)
        if digest is not None and (cap, stop) in digest.tokens:
            return digest.tokens[cap, stop]
        return np.array(cut_tokens(trial.draws, cap, stop), dtype=np.int64)

    def outcomes(self, trial: Trial, config: Config) -> Outcomes:
        """Count why answers of a reading are wrong."""
        digest = self.digest(trial)
        if digest is not None and variant_of(config) in digest.outcomes:
            return digest.outcomes[variant_of(config)]
        return count_outcomes(
            trial, config, extract=self.extract, is_worst=self.scores.is_worst
        )

    def _rows(self, trial: Trial, configs: Sequence[Config]) -> dict[Config, Rows]:
        """Return the rows of the configs that can be read off a trial."""
        digest = self.digest(trial)
        if digest is not None:
            chosen = readable(trial, configs, reasons=digest.columns.reasons)
            if all(config in digest.rows for config in chosen):
                return {config: digest.rows[config] for config in chosen}
        metric = self.scores.metric
        found = read_rows(
            trial,
            configs,
            extract=self.extract,
            score=self.scores.of,
            worst=metric.worst,
            verifier=None if self._verifier is None else self._verify,
            larger_is_better=metric.larger_is_better,
            over_responses=metric.over_responses,
            seed=self.seed,
        )
        # One transaction for all scores of a trial: a commit takes longer than a score.
        self.scores.flush()
        return found

    def _make_digest(self, trial: Trial) -> TrialDigest:
        """Read everything off a trial that a report may ask for."""
        rows: dict[Config, Rows] = {}
        if trial.state != "failed":
            rows = self._rows(trial, self.configs(trial))
        # A report also counts the answers as they were bought.
        as_bought = Config({**trial.point, "max_tokens": trial.cap})
        each = {variant_of(config): config for config in (as_bought, *rows)}
        outcomes: dict[Variant, Outcomes] = {}
        tokens: dict[Variant, Integers] = {}
        for variant, config in each.items():
            outcomes[variant] = self.outcomes(trial, config)
            tokens[variant] = self.cut_tokens(trial, *variant)
        return TrialDigest(
            columns=self.columns(trial),
            kinds=self.kinds(trial),
            rows=rows,
            outcomes=outcomes,
            tokens=tokens,
        )

    def _service(self, trial: Trial) -> Service:
        return self._services[str(trial.point["model"])]

    def _weigh(self, position: int) -> float:
        """Return how much an example counts in the mean."""
        weigh = self.scores.metric.weigh
        assert weigh is not None
        return weigh(self.scores.examples[position])

    def _verify(self, answer: str, position: int) -> float:
        """Return the verifier's verdict on an answer; it never sees the target."""
        assert self._verifier is not None
        # Once for each example, because it holds a copy of the example without its target.
        if position not in self._verdicts:
            example = self.scores.examples[position]
            self._verdicts[position] = blind(self._verifier, example)
        return self._verdicts[position](answer)


def _remembered(extract: Extractor) -> Extractor:
    """Return an answer rule that reads a short text once."""
    known = lru_cache(maxsize=REMEMBERED)(extract)

    def find(text: str) -> str | None:
        return known(text) if len(text) <= SHORT else extract(text)

    return find
