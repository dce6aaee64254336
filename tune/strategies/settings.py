"""Every number that the search strategies use, in one frozen dataclass for each strategy or part.

A changed setting is a parameter: give a strategy its own (`KnowledgeGradient(settings)`), or the
shared parts theirs (`replace(problem, settings=...)`). That is how `benchmarks/search` takes one
part out at a time. "Measured there" below means: by that benchmark, at equal dollars.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class KnowledgeGradientSettings:
    """Settings of the strategy "knowledge_gradient".

    Attributes:
        final_share: the share of the money that is left for the final comparison. 0 is the ablation
            `endless` of benchmarks/search.
        greed: the power of a dollar in the value of a block per dollar. Measured there: 0 is
            `costless`, 1 is `greedy`.
        most_steps: blocks that are bought together, at most. More would be chosen without having
            learned from each other.
        wave_share: the share of what is left after which a wave takes no further block.
        last_share: the share of the search's money that a wave may always take, so that the last
            money does not go in many small waves.
        blind_steps: points in the first wave, before the cost of calls is known.
        blind_share: the share of the money that the ceilings of the first wave may add up to. Real
            costs are far below the ceilings.
        widenings: times that the prior is widened before "no block is worth its money" is accepted.
        least_value: the least expected gain of a block, as a share of the metric's range. A block
            with less is not bought.
        full_wave: calls that a wave should have. The calls of a wave are in flight together, so a
            wave of a few calls takes as long as one of many. Measured there, against 0, in 29
            searches of three worlds at 1 to 30 units: the waves were up to a third fewer, and
            each regret was the same.
        filling_value: the least expected gain of a block that fills up a smaller wave.
        candidates: fresh points that are compared with each other.
        fresh: points that the searcher is asked for after every wave.
        halved_examples: a point with up to so many examples meets half as many more, not twice as
            many in all.
        halved_share: so does a point with more, where twice as many would take more than this share
            of the money left. Measured there, in 24 searches of 20 worlds at 1 unit: a point less
            regret, where blocks always doubled before and greed fell to 0.
        first_repeats: draws that show the gain of more answers. A point's first block is offered
            with so many, beside the fewest. Measured there: 1000000 is `single`.
        cost_deviation: standard deviation of the logarithm of a config's cost around its forecast.
        long_share: the share of what is left that all remaining examples of a point may cost, where
            they are bought at once. Measured there: 0 is `stepwise`.
        contenders: points that are considered as the possible best, those with the highest upper
            bounds. More only take time.
    """

    final_share: float = 0.1
    greed: float = 0.5
    most_steps: int = 16
    wave_share: float = 0.2
    last_share: float = 0.05
    blind_steps: int = 12
    blind_share: float = 0.5
    widenings: int = 3
    least_value: float = 1e-4
    full_wave: int = 256
    filling_value: float = 1e-9
    candidates: int = 320
    fresh: int = 32
    halved_examples: int = 8
    halved_share: float = 0.1
    first_repeats: int = 3
    cost_deviation: float = 0.4
    long_share: float = 0.03
    contenders: int = 64


@dataclass(frozen=True)
class HalvingSettings:
    """Settings of the strategy "halving".

    Attributes:
        final_share: the share of the money that is left for the final comparison.
        bracket_share: the share of the search's money left that a bracket's first rung may take.
        least_share: the share of the search's money that must be left for another bracket. A
            bracket for less would have too few points.
        most_arms: points in a bracket, so that the searcher hears of some before it proposes more.
        blind_arms: points in the first wave, before the cost of calls is known.
        blind_share: the share of the money that the ceilings of the first wave may add up to.
        patience: proposals in a row that are too expensive, after which a bracket takes no more.
    """

    final_share: float = 0.2
    bracket_share: float = 0.5
    least_share: float = 0.1
    most_arms: int = 32
    blind_arms: int = 8
    blind_share: float = 0.5
    patience: int = 16


@dataclass(frozen=True)
class FullSettings:
    """Settings of the strategy "full".

    Attributes:
        final_share: the share of the money that is left for the final comparison.
        probe: examples that the first trial meets before the rest, so that its cost is known.
        patience: proposals in a row that are too expensive, after which the search ends.
    """

    final_share: float = 0.0
    probe: int = 8
    patience: int = 16


@dataclass(frozen=True)
class FinalComparisonSettings:
    """Settings of the final comparison, for the goal "quality".

    Attributes:
        most_finalists: trials that it begins with, at most.
        examples_tried: examples of which more answers are bought to see whether they gain.
        fewest_together: the fewest answers that are tried together. Two that vote decide no more
            than one.
        drop_error: the probability that the best finalist is dropped by bad luck, over all
            comparisons together.
        worth_of_best: the least value of a finalist's next examples, as a share of the value of the
            best ones, that goes along in the same wave.
        cheap_share: the share of the money up to which several blocks of a finalist are bought at
            once.
    """

    most_finalists: int = 6
    examples_tried: int = 16
    fewest_together: int = 3
    drop_error: float = 0.05
    worth_of_best: float = 0.2
    cheap_share: float = 0.2


@dataclass(frozen=True)
class CheapestSettings:
    """Settings of the goal "cheapest".

    Attributes:
        most_at_once: trials that get more examples in the same wave, the cheapest first.
    """

    most_at_once: int = 6


@dataclass(frozen=True)
class FrontierSettings:
    """Settings of the goal "frontier".

    Attributes:
        limits: limits on cost that take turns, at most.
        most_at_once: trials that get more examples in the same wave.
    """

    limits: int = 6
    most_at_once: int = 8


@dataclass(frozen=True)
class VarianceSettings:
    """Settings of the variance components: what is assumed before scores are seen.

    Attributes:
        paired: False takes all differences between scores of one trial for noise (the ablation
            `unpaired` of benchmarks/search).
        example_effect: prior variance of what an example adds to every score.
        example_weight: examples that this prior counts for.
        interaction: prior variance of what an example adds for one model and prompt.
        residual: prior variance of what is left.
        weight: examples of a model and prompt that these two priors count for.
        floor: the least variance that is assumed of either.
        max_interaction: the largest share of the interaction in what is not example effect.
            Measured there: 0 is `unkind`.
    """

    paired: bool = True
    example_effect: float = 0.06
    example_weight: float = 10.0
    interaction: float = 0.02
    residual: float = 0.13
    weight: float = 20.0
    floor: float = 0.005
    max_interaction: float = 0.8


@dataclass(frozen=True)
class ProcessSettings:
    """Prior of one Gaussian process over paid points, in shares of the metric's range.

    Attributes:
        parts: prior variance of each part of the covariance, in the order of
            `tune.strategies.gaussian_process.PARTS`.
        setting_part: prior variance of each of the two parts that a single setting has.
        mean: prior mean of all points.
        mean_variance: its variance.
    """

    parts: tuple[float, ...]
    setting_part: float
    mean: float
    mean_variance: float


QUALITY_PRIOR = ProcessSettings(
    parts=(0.02, 0.02, 0.015, 0.004, 0.004, 0.003, 0.001),
    setting_part=0.01,
    mean=0.5,
    mean_variance=0.1,
)
"""Qualities of points lie around 0.5 with a standard deviation of about 0.25."""

GAIN_PRIOR = ProcessSettings(
    parts=(0.003, 0.003, 0.003, 0.003, 0.0015, 0.0015, 0.0006),
    setting_part=0.0015,
    mean=0.03,
    mean_variance=0.0009,
)
"""Gains of endless answers lie around 0.03 with a standard deviation of about 0.1."""


@dataclass(frozen=True)
class PosteriorSettings:
    """Settings of the posterior over paid points.

    Attributes:
        quality: prior of the quality with the fewest answers.
        gain: prior of the gain of endless answers over one.
        variance: prior of the variance components of scores.
        gain_noise: prior variance of the gain on one example.
        gain_noise_weight: examples that this prior counts for.
        widening: the factor by which learned variances grow when the prior is widened.
        fits: steps of learning before the final comparison, where nothing was learned before.
        met_share: the share of all examples that a trial must have met to be judged mostly by its
            own scores. Measured there: 2 (never) is `alike`.
        study_parts: prior variance of each part that an earlier study has for itself, in the order
            of `tune.strategies.prior.STUDY_PARTS`: how far its scores may lie from this study's.
        likeness: examples that the prior from similar points counts for, then. Points are never as
            alike as the model of them assumes, so it takes the best for lucky.
    """

    quality: ProcessSettings = QUALITY_PRIOR
    gain: ProcessSettings = GAIN_PRIOR
    variance: VarianceSettings = field(default_factory=VarianceSettings)
    gain_noise: float = 0.08
    gain_noise_weight: float = 4.0
    widening: float = 4.0
    fits: int = 4
    met_share: float = 0.95
    likeness: float = 10.0
    study_parts: tuple[float, ...] = (0.03, 0.02, 0.02, 0.015)


@dataclass(frozen=True)
class ExtrapolationSettings:
    """Settings of the question whether more answers gain.

    Attributes:
        least_compared: examples with several answers from which a model and prompt count as
            compared.
        errors_shown: standard errors that a mean gain must reach to count as shown. It is no proof:
            the holdout tests the choice.
    """

    least_compared: int = 8
    errors_shown: float = 0.5


@dataclass(frozen=True)
class SelectionSettings:
    """Settings of the selection of the final configuration.

    Attributes:
        extrapolate: whether a choice may ask for more answers than were bought of it. Measured
            there: False is `unforeseen`.
        most_runners_up: readings that are shown beside the choice, at most.
        tie: configs are tied where their posterior means differ by less, as a share of the range.
        unseen_cuts: of answers that a smaller max_tokens cuts, how many more are assumed than were
            seen: between certainty and Laplace's 1, as Jeffreys has it. Measured there: 0 is
            `uncut`.
        length_tail: exponent of the tail of answers' lengths: at twice the longest one, so many
            times a half of the answers that are longer than that one are longer. Lengths of
            reasoning have heavy tails, and with 2 their variance is just infinite.
        least_rise: the least expected gain of answers that were not bought, as a share of the
            range.
    """

    extrapolate: bool = True
    most_runners_up: int = 5
    tie: float = 0.005
    unseen_cuts: float = 0.5
    length_tail: float = 2.0
    least_rise: float = 0.01


@dataclass(frozen=True)
class StoppingSettings:
    """Settings of the forecast of what more money would gain.

    Attributes:
        least_trials: points that must have been scored before anything is said of new ones.
        least_spread: the least spread of the logarithm of costs.
        top: the share of the points that count as the best few.
        of_two: factor on the standard deviation where few points are known. The larger of two from
            one distribution lies at most 1 / sqrt(3) standard deviations above its mean (Hartley
            and David 1954); with exponential tails it is half of one.
    """

    least_trials: int = 8
    least_spread: float = 1e-6
    top: float = 0.25
    of_two: float = 2 / math.sqrt(3)


@dataclass(frozen=True)
class CapSettings:
    """Settings of the max_tokens that draws are bought with, and of measuring where it cuts.

    Attributes:
        least_examples: scored examples of a model and prompt before fresh trials are bought at a
            smaller max_tokens that scores no worse.
        least_lengths: examples of a model and prompt before trials go on with a smaller max_tokens
            that cut no answer.
        room: that max_tokens is at least so many times the longest answer so far. Lengths vary, and
            an answer that is cut is not read at the larger ones any more.
        measured_examples: draws that are bought to measure one cap; one for each example.
        least_measured: draws by which a cap counts as measured, where money is short.
        most_caps: caps that are measured in one phase. A measured cap may lose to another one.
    """

    least_examples: int = 32
    least_lengths: int = 16
    room: float = 2.0
    measured_examples: int = 16
    least_measured: int = 4
    most_caps: int = 4


@dataclass(frozen=True)
class Settings:
    """Settings of the parts that all strategies share; a field of `tune.strategies.Problem`."""

    posterior: PosteriorSettings = field(default_factory=PosteriorSettings)
    selection: SelectionSettings = field(default_factory=SelectionSettings)
    extrapolation: ExtrapolationSettings = field(default_factory=ExtrapolationSettings)
    final_comparison: FinalComparisonSettings = field(
        default_factory=FinalComparisonSettings
    )
    cheapest: CheapestSettings = field(default_factory=CheapestSettings)
    frontier: FrontierSettings = field(default_factory=FrontierSettings)
    stopping: StoppingSettings = field(default_factory=StoppingSettings)
    caps: CapSettings = field(default_factory=CapSettings)
