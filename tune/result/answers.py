"""Answers of a configuration read off the draws of its trial, one example at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from tune.errors import DataError
from tune.readout import Reading
from tune.readout.aggregate import Extracted, blind
from tune.readout.answers import ChosenAnswer, ReadDraw, choose_draw, read_draws
from tune.readout.outcomes import failure_kind, kind_of
from tune.readout.token_rates import Rates, rates_of
from tune.readout.trial import Trial
from tune.report.answers import AnswerRow, without_texts
from tune.space import Config
from tune.stats.clusters import number_clusters
from tune.study.record import RunRecord
from tune.study.stop_reasons import PAUSES
from tune.task.example import to_text

WINNER, BASELINE = "winner", "baseline"
"""Names of the two configurations whose answers every study shows."""


@dataclass(frozen=True)
class TrialAnswers:
    """The answers of one configuration.

    Attributes:
        record: of the run.
        trial: whose draws are read.
        config: cuts them and makes one answer of them.
    """

    record: RunRecord
    trial: Trial
    config: Config

    @cached_property
    def _rates(self) -> Rates | None:
        return rates_of(self.trial.draws, self.trial.measured)

    def draws(self, position: int) -> tuple[ReadDraw, ...]:
        """Return the draws of an example in the order drawn."""
        bought = self.trial.draws.get(position, ())
        return read_draws(bought, self.config, self.record.reader.extract, self._rates)

    def choose(self, position: int, draws: Sequence[ReadDraw]) -> ChosenAnswer:
        """Return the one answer that the configuration makes of these draws."""
        verify = None
        if self.record.plan.verifier is not None:
            # The verifier does not see the target: in use there is none.
            example = self.record.plan.examples[position]
            verify = blind(self.record.plan.verifier, example)
        return choose_draw(self.config.aggregate, draws, verifier=verify)


def answer_rows(
    answers: TrialAnswers, name: str, reading: Reading | None
) -> list[AnswerRow]:
    """Return a record for each example that a configuration was asked, in the study's order.

    Args:
        answers: of the configuration.
        name: its role in the report.
        reading: has the expected scores; None where the draws are too few for the configuration.
    """
    scores: dict[int, float] = {}
    if reading is not None:
        shares = map(float, reading.shares)
        scores = dict(zip(reading.examples, shares, strict=True))
    trial = answers.trial
    asked = trial.draws.keys() | trial.config_failed.keys() | trial.unanswered.keys()
    plan = answers.record.plan
    clusters = number_clusters(list(map(plan.split.cluster, plan.examples)))
    rows = []
    for position in sorted(asked):
        row = _row(answers, name, position, scores.get(position))
        if row is None:
            continue
        weight = None
        if plan.metric.weigh is not None:
            weight = plan.metric.weigh(plan.examples[position])
        row = replace(row, cluster=int(clusters[position]), weight=weight)
        rows.append(row)
    return rows


def main_answers(record: RunRecord) -> tuple[AnswerRow, ...]:
    """Return the answers of the winner and of the baseline, on the holdout and on tuning examples.

    Without texts if the user wants none of them in the report.
    """
    configs: dict[str, Config] = {}
    if record.selection is not None:
        configs[WINNER] = record.selection.tested(_met(record)).shown.config
    configs[BASELINE] = record.plan.baseline
    return config_answers(record, configs)


def config_answers(
    record: RunRecord, configs: Mapping[str, Config]
) -> tuple[AnswerRow, ...]:
    """Return the answers of configurations on each part of the data that they met.

    Args:
        record: of the run.
        configs: the configurations by the name that their records get.
    """
    rows: list[AnswerRow] = []
    met = _met(record)
    for name, config in configs.items():
        if config in met:
            answers = TrialAnswers(record, record.holdout_trials[config], config)
            rows += answer_rows(answers, name, met[config])
    for name, config in configs.items():
        trial = _tuning_trial(record, config)
        if trial is not None:
            readings = record.reader.read(trial, [config])
            answers = TrialAnswers(record, trial, config)
            rows += answer_rows(answers, name, next(iter(readings), None))
    if record.plan.content:
        return tuple(rows)
    return tuple(map(without_texts, rows))


def _met(record: RunRecord) -> Mapping[Config, Reading]:
    """Return the readings on the holdout; none while it is half: see `tune.result.build`."""
    if record.stopped in PAUSES:
        return {}
    return record.holdout


def _tuning_trial(record: RunRecord, config: Config) -> Trial | None:
    """Return the trial that read a configuration on the most examples; None where none did."""
    selection = record.selection
    if selection is not None and config == selection.shown.config:
        # An extrapolated winner has a trial, although no reading of it.
        return record.trials.get(selection.reading.trial)
    same = [reading for reading in record.readings if reading.config == config]
    best = max(same, key=lambda reading: reading.n_examples, default=None)
    if best is None:
        return None
    return record.trials[best.trial]


def _row(
    answers: TrialAnswers, name: str, position: int, score: float | None
) -> AnswerRow | None:
    """Return the record of one example; None if the money did not reach it."""
    record, trial = answers.record, answers.trial
    example = record.plan.examples[position]
    part = "tuning"
    if position >= len(record.plan.split.tuning):
        part = "holdout"
    read: Sequence[ReadDraw] = ()
    failed = failure_kind(trial, position)
    if failed is None:
        read = answers.draws(position)
    if not (read or failed):
        return None
    found = [draw.answer for draw in read]
    answer, reason = None, failed or ""
    if read:
        answer, reason = _judged(answers, position, read, score)
    votes = Counter(text for text in found if text is not None)
    if score is not None and not math.isfinite(score):
        score = None
    return AnswerRow(
        example=example.id,
        part=part,
        configuration=name,
        inputs=dict(example.inputs),
        target=_target(example.target),
        texts=tuple(draw.said.text for draw in read),
        answers=tuple(found),
        answer=answer,
        votes=dict(votes.most_common()),
        draw_scores=tuple(_draw_score(record, text, position) for text in found),
        score=score,
        reason=reason,
        draws=len(read),
    )


def _judged(
    answers: TrialAnswers,
    position: int,
    read: Sequence[ReadDraw],
    score: float | None,
) -> tuple[Extracted, str]:
    """Return the configuration's one answer, and why it is wrong ("" if it is not)."""
    record, config = answers.record, answers.config
    first = read[: config.n]
    if record.plan.metric.over_responses:
        # One answer alone has no score there; the score of all of them tells.
        is_worst = score == record.plan.metric.worst
        return None, kind_of(first[0].said, first[0].answer, is_worst=is_worst)
    choice = answers.choose(position, first)
    # One of several answers that are judged alone: "all" is for metrics over all of them.
    answer = choice.answer if isinstance(choice.answer, str) else None
    # The text that gave the answer tells why: it is cut, empty, or merely wrong.
    source = choice.draw or first[0]
    is_worst = answer is not None and record.reader.scores.is_worst(answer, position)
    return answer, kind_of(source.said, answer, is_worst=is_worst)


def _draw_score(record: RunRecord, answer: Extracted, position: int) -> float | None:
    """Return the score of one draw; None where a metric judges several together."""
    if record.plan.metric.over_responses:
        return None
    if answer is None:
        return record.plan.metric.worst
    score = record.reader.scores.of(answer, position)
    # A judge has not scored it.
    if not math.isfinite(score):
        return None
    metric = record.plan.metric
    if metric.weigh is None:
        return score
    # Without its weight, as the score of the request is.
    return score / metric.weigh(record.plan.examples[position])


def _target(target: object) -> str | None:
    if target is None:
        return None
    try:
        return to_text(target)
    except DataError:
        # An image, say: it has no text to show.
        return f"({type(target).__name__})"
