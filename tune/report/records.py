"""What a report shows, as plain records: nothing here can pay, wait or look anything up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tune.completion import Message
from tune.readout.outcomes import Outcomes
from tune.readout.trial import State
from tune.report.error_analysis import Failing
from tune.report.spread import PassAtK, RepeatedSplits
from tune.report.unread_sample import Unread
from tune.space import Config, Point
from tune.stats.intervals import Interval, Verdict, verdict


@dataclass(frozen=True, slots=True)
class ReportConfig:
    """One configuration and what is known of it.

    Attributes:
        name: what it is to the report: "winner", "baseline", "runner-up", a row of the frontier.
        config: its values.
        trial: the number of the trial it was read from, or None where it was not searched.
        tuning: its quality on tuning examples, in the metric's own scale. The search chose by this
            number, so it flatters.
        holdout: its quality on examples that the search never saw.
        cost: dollars per request in production, at list price.
        service: seconds of all calls of a request together; None where dollars count.
        seconds_median: half of the requests took no longer than this.
        seconds_p95: nor did 95 % of them than this.
        tuning_difference: of a runner-up to the baseline, paired on tuning examples, in the
            metric's own scale. For display only: runners-up were picked by those very examples.
        outcomes: why its answers are wrong, on the examples that its quality rests on.
        approximate: whether a reading of it is only an estimate (text cut without known token
            boundaries).
        few: whether a row of the frontier rests on few examples, so that its place may be luck.
    """

    name: str
    config: Config
    trial: int | None = None
    tuning: Interval | None = None
    holdout: Interval | None = None
    cost: Interval | None = None
    service: Interval | None = None
    seconds_median: float | None = None
    seconds_p95: float | None = None
    tuning_difference: Interval | None = None
    outcomes: Outcomes = field(default_factory=Outcomes)
    approximate: bool = False
    few: bool = False

    @property
    def quality(self) -> Interval | None:
        """The number to believe: on holdout examples where there are any, else on tuning examples."""
        return self.holdout or self.tuning


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Charges of calls whose bill nobody knows, for one reason.

    Attributes:
        reason: why, in words.
        calls: how many.
        dollars: what they can cost at most.
    """

    reason: str
    calls: int
    dollars: float


@dataclass(frozen=True, slots=True)
class Money:
    """The study's dollars.

    Attributes:
        budget: what the study may spend.
        spent: what it has been charged so far, by this process and those before it, uncertain
            charges included.
        spent_now: the part of it that this process was charged.
        settled: charges whose bill is known.
        uncertain: charges for attempts of unknown outcome, each at its ceiling.
        left: what was not spent.
        left_reason: why it was not, in words; "" where nothing is to be said.
        overshoot: what endpoints billed above the caps they were sent.
        notional: whether some of these dollars are at prices that nobody is ever billed.
        seconds: that the study has taken, where every price is 0 and seconds take the place of
            dollars; else None.
        reasons: why charges are uncertain.
    """

    budget: float
    spent: float
    spent_now: float
    settled: float
    uncertain: float
    left: float
    left_reason: str = ""
    overshoot: float = 0.0
    notional: bool = False
    seconds: float | None = None
    reasons: tuple[Uncertain, ...] = ()


@dataclass(frozen=True, slots=True)
class PriceLine:
    """A model's price.

    Attributes:
        input: dollars per million tokens of the prompt.
        output: likewise, of the answer.
        source: who says so.
        date: when (YYYY-MM-DD), or "".
        matched: the entry of that source which the model's name matched, or "".
        request: dollars of each request beside its tokens.
    """

    model: str
    input: float
    output: float
    source: str
    date: str = ""
    matched: str = ""
    request: float = 0.0


@dataclass(frozen=True, slots=True)
class Provenance:
    """What another person needs to get the same numbers.

    Attributes:
        date: when the report was made, as ISO 8601.
        version: of tune.
        seed: of the split and the search.
        data: the data set's name.
        fingerprint: of its content.
        tuning: examples the search may see.
        holdout: examples only the frozen choice and the baseline meet.
        shots: examples set aside for few-shot prompts.
        metric: its name.
        goal: in words: "best quality", "best quality under $0.002 per request".
        search: searcher and strategy, in words.
        commit: of the working copy, or "".
        command: the command line to run again, or "".
        versions: of the packages that numbers depend on, by name.
    """

    date: str
    version: str
    seed: int
    data: str
    fingerprint: str
    tuning: int
    holdout: int
    shots: int
    metric: str
    goal: str
    search: str = ""
    commit: str = ""
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PromptText:
    """The winner's prompt, for people and for `best.json`.

    Attributes:
        name: the name it has in the space.
        text: the template as people read it, with `{field}` where an example's inputs go.
        system_message: the part that an agent takes as its system message, or None.
        messages: the chat messages, few-shot examples included; empty for a raw prompt.
    """

    name: str
    text: str
    system_message: str | None = None
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial: what was bought, how it ended, and the best that can be read off it.

    Attributes:
        number: from 0, in the order in which trials were begun.
        point: its paid point.
        state: running, complete, stopped or failed.
        reason: why it was stopped or failed.
        examples: tuning examples with at least one draw.
        draws: draws in all.
        unanswered: examples without a draw through the service's fault.
        spent: dollars charged for it.
        best: the best config that was read off its draws, or None.
        quality: that config's quality on tuning examples.
        cost: that config's dollars per request.
        service: seconds that its draws took of the machines; None where dollars count.
        service_per_request: that config's seconds per request; likewise.
        outcomes: why that config's answers are wrong.
    """

    number: int
    point: Point
    state: State
    reason: str = ""
    examples: int = 0
    draws: int = 0
    unanswered: int = 0
    spent: float = 0.0
    best: Config | None = None
    quality: Interval | None = None
    cost: float | None = None
    service: float | None = None
    service_per_request: float | None = None
    outcomes: Outcomes = field(default_factory=Outcomes)


@dataclass(frozen=True, slots=True)
class SearchAnswers:
    """What became of all answers of the search.

    Attributes:
        outcomes: their counts.
        shares: by heading, the share of what all answers cost that went to answers under it; those
            that are merely wrong are left out.
        hidden: whether a model reasoned in secret.
        cap: the largest max_tokens that answers were bought with.
    """

    outcomes: Outcomes = field(default_factory=Outcomes)
    shares: Mapping[str, float] = field(default_factory=dict)
    hidden: bool = False
    cap: int = 0


@dataclass(frozen=True, slots=True)
class EstimateRow:
    """What was expected of one answer of a model to a prompt, and what it took.

    Attributes:
        model: its name in the space.
        prompt: the prompt's name.
        predicted: dollars of one answer to one example, at list price, before anything was sent.
        actual: the same, as it came.
        predicted_tokens: tokens of the answer, as expected.
        actual_tokens: as they came.
        draws: answers that the actual figures are means of.
        learned: draws in the store that the expectation was learned from; 0 where it was assumed.
        predicted_seconds: seconds of one answer, as expected; None where nobody knew.
        actual_seconds: the same, as they came.
    """

    model: str
    prompt: str
    predicted: float
    actual: float
    predicted_tokens: float
    actual_tokens: float
    draws: int
    learned: int = 0
    predicted_seconds: float | None = None
    actual_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that is shown of a study. Every part but money and provenance may be missing.

    Attributes:
        money: the study's dollars.
        provenance: what it takes to do it again.
        winner: the frozen choice, or None where nothing was scored.
        baseline: the config the user has today, or what stands for it.
        baseline_given: whether the user named it; else it is the first model and plainest prompt.
        deployable: the best config that an agent's `llm_config` can carry, if it is not the winner.
        deployable_note: one sentence on what the full winner would add to it, or on why no agent
            can carry the winner.
        runners_up: shown only; they never change the choice.
        difference: winner less baseline on holdout examples, paired, in the metric's own scale.
        detectable: the smallest difference that so many holdout examples show 80 % of the time.
        look: which look at the same holdout this is, from 1.
        confidence: of each interval on holdout examples, 0 to 1: what its look leaves, so that all
            looks together are right at least 95 % of the time; see `tune.stats.alpha_spending`.
        majority_score: the score on holdout of always giving the majority class, or None where
            there is none.
        majority_class: that target.
        larger_is_better: the metric's direction.
        max_cost: dollars per request that a configuration may cost, or None.
        max_seconds: seconds that it may take, or None.
        keeps_limit: whether the winner keeps both; False means that no configuration did, and the
            winner is the one that came closest. None where there is no limit or no winner.
        min_quality: the score that was asked for, where the goal was the cheapest that has it.
        margin: by how much the winner may be worse than the baseline, where the goal was the
            cheapest such.
        template: the winner's prompt.
        answer: how the answer is taken out of the text, in words.
        frontier: configs that none beats in both quality and cost (seconds where nobody is billed);
            both are those on tuning examples.
        trials: every trial.
        draws_bought: draws paid for by this study.
        draws_reused: draws that were already in the store.
        unread: prompts of which nearly all answers score the worst value.
        unread_stop: whether the run stopped because no prompt's answers are read rightly.
        failing: where the winner fails; None where nothing is known of it.
        bought: what became of all answers of the search.
        readings: configs that were read off the draws.
        read_cost: dollars of the draws that they were read off, at list price.
        readings_cost: dollars that they would have cost with new draws for every max_tokens and
            stop, these being shared over n and aggregates; at list price too.
        prices: the price table.
        estimate: what was expected to be paid for an answer against what was, by model and prompt.
        stopped: why the search ended, in words.
        interrupted: whether the run can be taken up again.
        unanswerable: examples that a model never answered, although it answered others.
        notices: sentences that a reader must not miss. told: those of them that came up while the
            run went on: they are about models and money, not about the choice.
        pass_at_k: how often one of k answers is right, for k = 1, 2, 4 and so on.
        repeats: the spread over repeated splits, where that was asked for.
        deployment_record: all that it takes to call the winner again and to score it, for programs;
            see `tune.runtime.best_json`.
    """

    money: Money
    provenance: Provenance
    winner: ReportConfig | None = None
    baseline: ReportConfig | None = None
    baseline_given: bool = True
    deployable: ReportConfig | None = None
    deployable_note: str = ""
    runners_up: tuple[ReportConfig, ...] = ()
    difference: Interval | None = None
    detectable: float | None = None
    look: int = 1
    confidence: float = 0.95
    majority_score: float | None = None
    majority_class: str = ""
    larger_is_better: bool = True
    max_cost: float | None = None
    max_seconds: float | None = None
    keeps_limit: bool | None = None
    min_quality: float | None = None
    margin: float | None = None
    template: PromptText | None = None
    answer: str = ""
    frontier: tuple[ReportConfig, ...] = ()
    trials: tuple[TrialRow, ...] = ()
    draws_bought: int = 0
    draws_reused: int = 0
    unanswerable: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()
    unread_stop: bool = False
    failing: Failing | None = None
    bought: SearchAnswers = field(default_factory=SearchAnswers)
    readings: int = 0
    read_cost: float | None = None
    readings_cost: float | None = None
    prices: tuple[PriceLine, ...] = ()
    estimate: tuple[EstimateRow, ...] = ()
    stopped: str = ""
    interrupted: bool = False
    notices: tuple[str, ...] = ()
    run_notices: tuple[str, ...] = ()
    pass_at_k: tuple[PassAtK, ...] = ()
    repeats: RepeatedSplits | None = None
    deployment_record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The title of the report: the data and the goal, or that no configuration keeps the limit."""
        what = (
            f"no configuration keeps {self.limit}"
            if self.keeps_limit is False
            else self.provenance.goal
        )
        if self.unread_stop:
            what = "the answers are not read rightly"
        return f"{self.provenance.data}: {what}"

    @property
    def limit(self) -> str:
        """The limits in words, as "the limit of $0.002 per request"; "" where there is none."""
        parts = []
        if self.max_cost is not None:
            parts.append(f"${self.max_cost:g} per request")
        if self.max_seconds is not None:
            parts.append(f"{self.max_seconds:g} s per request")
        return f"the limit of {' and '.join(parts)}" if parts else ""

    @property
    def verdict(self) -> Verdict | None:
        """What the difference carries, or None where winner and baseline were not compared."""
        return self.verdict_of(self.difference)

    def verdict_of(self, difference: Interval | None) -> Verdict | None:
        """What a difference to the baseline carries, or None where there is none."""
        return (
            None
            if difference is None
            else verdict(difference, larger_is_better=self.larger_is_better)
        )

    @property
    def non_inferior(self) -> bool | None:
        """Whether the winner was shown not to be worse than the baseline by more than the margin,
        by the near limit of the difference; None where that was not asked, or they were not
        compared.
        """
        if self.margin is None or self.difference is None:
            return None
        return (
            self.difference.low > -self.margin
            if self.larger_is_better
            else self.difference.high < self.margin
        )

    @property
    def winner_is_baseline(self) -> bool:
        """Whether the search found nothing it prefers to the baseline."""
        return (
            self.winner is not None
            and self.baseline is not None
            and self.winner.config == self.baseline.config
        )

    @property
    def has_deployable(self) -> bool:
        """Whether a config can be exported to agents that read one answer: the winner, or one
        beside it.
        """
        return self.deployable is not None or not self.deployable_note

    def clears(self, quality: Interval | None, value: float | None) -> bool:
        """Whether a quality's whole interval is better than `value`."""
        if quality is None or value is None:
            return False
        return quality.low > value if self.larger_is_better else quality.high < value


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config as JSON knows it: stop strings as a list."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in config.items()
    }
