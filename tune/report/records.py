"""The records that a report shows. Nothing here can pay, wait or look anything up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tune.completion import Message
from tune.pricing.amounts import stated_dollars
from tune.readout.outcomes import Outcomes
from tune.readout.trial import State
from tune.report.error_analysis import Failing
from tune.report.money_records import EstimateRow, Money, PriceLine
from tune.report.search_records import SearchDetails
from tune.report.spread import PassAtK, RepeatedSplits
from tune.report.unread_sample import Unread
from tune.space import Config, Point
from tune.stats.intervals import Interval, Verdict, verdict


@dataclass(frozen=True, slots=True)
class ReportConfig:
    """One configuration and what is known of it.

    Attributes:
        name: its role: "winner", "baseline", "runner-up 1", "frontier".
        config: its values.
        trial: the number of its trial; None if the search did not have it.
        tuning: its quality on tuning examples, in the metric's own scale. The search selected by
            this number, so it is too good.
        holdout: its quality on examples that the search never saw.
        cost: dollars per request in production, at list price.
        service: seconds of all calls of a request together; None where dollars count.
        seconds_median: the median of seconds per request.
        seconds_p95: the 95th percentile of seconds per request.
        tuning_difference: a runner-up's difference to the baseline, paired on tuning examples, in
            the metric's own scale. For display only: these examples were used to pick it.
        outcomes: why its answers are wrong, on the examples of its quality.
        approximate: True if it is an estimate from text that was cut without token boundaries.
        few: True if a row of the frontier has few tuning examples, so that its tuning estimate may
            be luck.
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
        """The quality on holdout examples if there are any, else on tuning examples."""
        # The holdout was never selected by, so its number does not flatter.
        return self.holdout or self.tuning


@dataclass(frozen=True, slots=True)
class Provenance:
    """The facts that another person needs to get the same numbers.

    Attributes:
        date: when the report was made, as ISO 8601.
        version: the version of tune.
        seed: the seed of the split and the search.
        data: the data set's name.
        fingerprint: a hash of its content.
        tuning: the number of examples that the search may see.
        holdout: the number of examples that only the selected configuration and the baseline meet.
        shots: the number of examples kept for few-shot prompts.
        metric: its name.
        goal: for example "best quality under $0.002 per request".
        search: the searcher and the strategy.
        commit: the commit of the working copy, or "".
        command: the command line to run again, or "".
        versions: versions of the packages that the numbers depend on, by name.
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
    """One trial: what was bought, how it ended, and the best configuration read from its draws.

    Attributes:
        number: from 0, in the order in which trials began.
        point: its values of the paid dimensions.
        state: running, complete, stopped or failed.
        reason: why it was stopped or failed.
        examples: tuning examples with at least one draw.
        draws: the number of draws.
        unanswered: examples that the service did not answer.
        spent: dollars charged for it.
        best: the best configuration read from its draws, or None.
        quality: that configuration's quality on tuning examples.
        cost: that configuration's dollars per request.
        service: seconds that its draws took; None where dollars count.
        service_per_request: that configuration's seconds per request; None where dollars count.
        outcomes: why that configuration's answers are wrong.
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
    """Counts over all answers of the search.

    Attributes:
        outcomes: the number of answers under each heading.
        shares: the share of the cost of all answers that each heading took, except "wrong".
        hidden: True if a model used hidden reasoning tokens.
        cap: the largest max_tokens of these answers.
    """

    outcomes: Outcomes = field(default_factory=Outcomes)
    shares: Mapping[str, float] = field(default_factory=dict)
    hidden: bool = False
    cap: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that is shown of a study. Every part but money and provenance may be absent.

    Attributes:
        money: the study's dollars.
        provenance: the facts needed to reproduce it.
        winner: the selected configuration, or None if nothing was scored.
        baseline: the configuration of today, or the one that replaces it.
        baseline_given: False if the first model and the plainest prompt replace a baseline.
        baseline_failure: the reason why the baseline could not be run; "" where it could.
        deployable: the best configuration that an agent's `llm_config` can hold, if it is not the
            winner.
        deployable_note: what the full winner would add to it, or why agents can use no
            configuration.
        runners_up: shown only; they never change the selection.
        difference: winner minus baseline on holdout examples, paired, in the metric's own scale.
        detectable: the smallest difference that the holdout shows with 80 % probability.
        look: the number of this analysis of the same holdout, from 1.
        confidence: the confidence of each holdout interval, 0 to 1. It is set so that all analyses
            together are right at least 95 % of the time; see `tune.stats.alpha_spending`.
        majority_score: the holdout score of always answering the majority class, or None.
        majority_class: the most frequent target.
        larger_is_better: the metric's direction.
        max_cost: the limit on dollars per request, or None.
        max_seconds: the limit on seconds per request, or None.
        keeps_limit: False if no configuration keeps the limits, so that the winner is the closest
            one. None without a limit or a winner.
        min_quality: the score that the goal "cheapest" asks for, or None.
        margin: how much worse than the baseline the goal "cheapest" allows, or None.
        template: the winner's prompt.
        answer: how the answer is taken out of the text.
        frontier: configurations that no other beats in both quality and cost, and the winner. They
            are compared by holdout scores where they have them, else by tuning estimates. It uses
            seconds if every price is 0.
        trials: every trial.
        prompts: every prompt of the space.
        search: what only the page shows of the search.
        draws_bought: draws that this study paid for, in whichever process.
        draws_reused: draws that another study paid for.
        unanswerable: the number of examples that a model never answered, by model.
        unread: prompts with nearly all answers at the worst score.
        unread_stop: True if the run stopped because no prompt's answers are read correctly.
        failing: where the winner fails, or None if unknown.
        bought: counts over all answers of the search.
        readings: the number of configurations read from the draws.
        read_cost: dollars of the draws behind them, at list price.
        readings_cost: their dollars with new draws for every max_tokens and stop, shared over n and
            aggregates, at list price.
        prices: the price table.
        estimate: estimated and actual cost of an answer, by model and prompt.
        stopped: why the search ended.
        interrupted: True if the run can be resumed.
        notices: sentences that a reader must not miss.
        run_notices: those that came up during the run, about models and money.
        pass_at_k: how often one of k answers is right, for k = 1, 2, 4 and so on.
        repeats: the spread over repeated splits, if the user asked for it.
        deployment_record: all that a program needs to call and score the winner again; see
            `tune.runtime.deployment_record`.
    """

    money: Money
    provenance: Provenance
    winner: ReportConfig | None = None
    baseline: ReportConfig | None = None
    baseline_given: bool = True
    baseline_failure: str = ""
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
    prompts: tuple[PromptText, ...] = ()
    search: SearchDetails = field(default_factory=SearchDetails)
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
    # Kept apart from `notices`, which are built again when a study is read again.
    run_notices: tuple[str, ...] = ()
    pass_at_k: tuple[PassAtK, ...] = ()
    repeats: RepeatedSplits | None = None
    deployment_record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The title of the report: the data and the goal, or that nothing keeps the limit."""
        said = self.provenance.goal
        if self.keeps_limit is False:
            said = f"no configuration keeps {self.limit}"
        # Where no answer could be read, nothing else has a meaning.
        if self.unread_stop:
            said = "the answers are not read rightly"
        return f"{self.provenance.data}: {said}"

    @property
    def limit(self) -> str:
        """The limits in words, as "the limit of $0.002 per request"; "" where there is none."""
        # Both limits may be set; a selection must keep both.
        parts = []
        if self.max_cost is not None:
            parts.append(f"{stated_dollars(self.max_cost)} per request")
        if self.max_seconds is not None:
            parts.append(f"{self.max_seconds:g} s per request")
        if not parts:
            return ""
        return f"the limit of {' and '.join(parts)}"

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the difference, or None if winner and baseline were not compared."""
        return self.verdict_of(self.difference)

    def verdict_of(self, difference: Interval | None) -> Verdict | None:
        """Return the verdict on a difference to the baseline, or None without one."""
        if difference is None:
            return None
        return verdict(difference, larger_is_better=self.larger_is_better)

    @property
    def non_inferior(self) -> bool | None:
        """True if the winner is shown to be at most the margin worse than the baseline.

        The limit of the difference decides. None if there is no margin or no comparison.
        """
        if self.margin is None or self.difference is None:
            return None
        # Only the limit on the worse side counts.
        if self.larger_is_better:
            return self.difference.low > -self.margin
        return self.difference.high < self.margin

    @property
    def winner_is_baseline(self) -> bool:
        """True if the search found nothing better than the baseline."""
        # A search may find the settings of the baseline by itself, so settings are compared.
        return (
            self.winner is not None
            and self.baseline is not None
            and self.winner.config == self.baseline.config
        )

    @property
    def has_deployable(self) -> bool:
        """True if an agent that reads one answer can use the winner or another configuration."""
        # A note without another configuration says why there is none.
        return self.deployable is not None or not self.deployable_note

    def clears(self, quality: Interval | None, value: float | None) -> bool:
        """Return True if a quality's whole interval is better than `value`."""
        # A mean above the value may be luck. Its whole interval is not.
        if quality is None or value is None:
            return False
        if self.larger_is_better:
            return quality.low > value
        return quality.high < value


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration in JSON's types: stop strings as a list."""
    plain = dict(config)
    for name, value in config.items():
        # Stop strings are a tuple, because a configuration is a key of mappings.
        if isinstance(value, tuple):
            plain[name] = list(value)
    return plain
