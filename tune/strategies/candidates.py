"""The candidates of a search by knowledge gradient: points that were begun, and fresh ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from tune.readout.trial import NO_REASON, Reason
from tune.space import Point, Value
from tune.strategies.posterior import (
    Posterior,
    TrialEvidence,
    read_evidence,
    share_of_gain,
)
from tune.strategies.problem import Array, Standing
from tune.strategies.proposals import Proposals
from tune.strategies.race import Race, TrialState
from tune.strategies.settings import KnowledgeGradientSettings
from tune.strategies.wave_plan import WavePlan

Pair: TypeAlias = tuple[Value, Value]
"""A model and a prompt."""


class Candidates:
    """All points that may be bought, and the posterior over them.

    Candidates have numbers: those with evidence first, then the fresh ones.

    Attributes:
        problem: what is searched, with the limit on cost that is aimed at now.
        points: by number.
        shown: evidence of the first ones, by number.
        states: the orders of these first ones, by number.
        reaches: the result of `reach`, by number.
        begun: orders of points that were begun.
        fresh: points that the searcher proposed and that were not begun.
    """

    def __init__(
        self,
        race: Race,
        proposals: Proposals,
        settings: KnowledgeGradientSettings,
    ) -> None:
        self.race = race
        self.problem = race.problem
        self.settings = settings
        self.points: list[Point] = []
        self.shown: list[TrialEvidence] = []
        self.states: list[TrialState] = []
        self.reaches: Array = np.zeros(0)
        self.begun: dict[Point, TrialState] = {}
        self.fresh: list[Point] = []
        self._proposals = proposals
        self._posterior: Posterior | None = None
        self._evidence: dict[
            tuple[int, float | None], tuple[Standing, TrialEvidence | None]
        ] = {}
        # Fresh points as they were settled, by their keys, and the space of that time.
        self._settled: dict[str, Point] = {}
        self._space: object = None
        self._caps: dict[Pair, int] = {}
        self._limit_uses: dict[Pair, list[float]] = {}
        # The searcher has heard of nothing yet, so the first candidates are evenly spread.
        self._ask(settings.candidates)

    @property
    def posterior(self) -> Posterior:
        """The posterior of the points; there is one once `aim` found points."""
        assert self._posterior is not None
        return self._posterior

    def _ask(self, count: int) -> None:
        """Have the searcher propose more points."""
        # Stop at the first None: the searcher has no new point.
        for _ in range(count):
            point = self._proposals.next()
            if point is None:
                return
            self.fresh.append(point)

    def begin(
        self,
        point: Point,
        wave: WavePlan,
        examples: int,
        draws: int,
        reason: Reason = NO_REASON,
    ) -> bool:
        """Begin a fresh point, if the wave's money pays for it."""
        state = self.race.add(point)
        # The race must not list a point that was never bought.
        if not wave.add(state, examples, max(draws, state.ladder[0]), reason):
            self.race.remove(state)
            return False
        self.begun[point] = state
        # By their keys, as hundreds are compared.
        keys = [one.key for one in self.fresh]
        del self.fresh[keys.index(point.key)]
        return True

    # --- learning

    def refresh(self) -> None:
        """Tell the searcher what was bought, and have it propose more."""
        untold = [state for state in self.begun.values() if not state.told]
        self.race.tell_searcher(untold)
        self._ask(self.settings.fresh)
        # Before settling: dropped points need no further work.
        self._drop_hopeless()
        self._settle_all()

    def _settle_all(self) -> None:
        """Take from all fresh points what their models have refused since they were proposed."""
        space = self.problem.space.state()
        if space != self._space:
            self._space = space
            self._settled.clear()
        found: dict[str, Point] = {}
        begun = {point.key for point in self.begun}
        for point in self.fresh:
            # Hundreds stay from step to step.
            if point.key not in self._settled:
                self._settled[point.key] = self._settle(point)
            settled = self._settled[point.key]
            if settled.key not in begun:
                found.setdefault(settled.key, settled)
        self.fresh = list(found.values())

    def _settle(self, point: Point) -> Point:
        """Return a point without the settings that its model has refused since it was proposed."""
        space = self.problem.space
        own = space.when.get(str(point["model"]), {})
        kept: dict[str, Value] = {}
        for name, value in point.items():
            if name not in own or own[name] is not None:
                kept[name] = value
        return space.point_of(kept)

    def _drop_hopeless(self) -> None:
        """Keep only so many fresh points: those with the highest upper bounds."""
        if self._posterior is None or len(self.fresh) <= self.settings.candidates:
            return
        quality = self._posterior.quality
        bounds = (quality.mean + quality.deviation()).tolist()
        # A point that came in since the last posterior has no bound yet and is kept.
        hopes = dict(zip(self.points, bounds, strict=True))
        self.fresh.sort(key=lambda point: -hopes.get(point, math.inf))
        del self.fresh[self.settings.candidates :]

    def aim(
        self,
        limit: float,
        *,
        fit: bool,
    ) -> bool:
        """Compute the posterior as if no request might cost more than a limit.

        Args:
            limit: dollars per request.
            fit: whether to learn more of how alike points are.

        Returns:
            Whether there are any candidates.
        """
        asked = self.race.problem
        most: float | None = limit
        if asked.max_cost is not None:
            most = min(limit, asked.max_cost)
        # An endless limit is none.
        if most == math.inf:
            most = None
        self.problem = replace(asked, max_cost=most)
        shown: dict[Point, TrialEvidence] = {}
        # The order of dictionaries is the order in which points were begun, so numbers are stable.
        for point, state in self.begun.items():
            evidence = self._read_evidence(state)
            if evidence:
                shown[point] = evidence
        self.points = [*shown, *self.fresh]
        self.shown = list(shown.values())
        self.states = [self.begun[point] for point in shown]
        self._caps = self.first_caps()
        self._limit_uses = {}
        for evidence in self.shown:
            config = evidence.base.config
            pair = config.model, config.prompt
            of_pair = self._limit_uses.setdefault(pair, [])
            # Points of one model and prompt cost about the same.
            of_pair.append(self.problem.limit_use(evidence.base))
        numbers = range(len(self.points))
        self.reaches = np.array(list(map(self.reach, numbers)), dtype=float)
        if self.points:
            # What was learned of how alike points are is taken over; it is costly to learn again.
            self._posterior = Posterior(self.problem, self.points, self._posterior)
            self._posterior.update(list(enumerate(self.shown)), fits=int(fit))
            self.race.leaders = self._leaders()
        return bool(self.points)

    def _leaders(self) -> list[int]:
        """Return the trials that may be selected, the highest posterior mean first."""
        gain = np.maximum(self.reaches * self.posterior.gain.mean, 0.0)
        level = (self.posterior.quality.mean + gain).tolist()
        means: dict[int, float] = {}
        for candidate, evidence in enumerate(self.shown):
            if evidence.feasible:
                means[evidence.base.trial] = level[candidate]
        return sorted(means, key=lambda trial: -means[trial])

    def reason(self, gain: float) -> Reason:
        """Return why a block with this expected gain is bought."""
        purpose = ""
        if gain < self.settings.least_value:
            purpose = "to fill up the wave"
        limit = self.problem.max_cost
        # The user's own limit holds all the time, so it explains nothing.
        if limit == self.race.problem.max_cost:
            limit = None
        return Reason(gain=float(gain), limit=limit, purpose=purpose)

    def favoured(self, count: int, examples: int) -> list[Point]:
        """Return the fresh points that earlier studies speak for; none without such studies.

        They have the highest upper bounds, each as if the ones before it were bought (Desautels et
        al. 2014, batches by upper confidence bounds).

        Args:
            count: how many, at most.
            examples: that each would get.
        """
        if not self.problem.prior:
            return []
        for _ in range(self.problem.settings.posterior.fits):
            # Nothing was learned before, so one step of learning is not enough.
            if not self.aim(math.inf, fit=True):
                return []
        quality = self.posterior.quality
        left = [k for k, one in enumerate(self.points) if not self.comes_later(one)]
        found: list[Point] = []
        while left and len(found) < count:
            bounds = quality.mean + quality.deviation()
            best = max(left, key=lambda candidate: bounds[candidate])
            left.remove(best)
            point = self.points[best]
            # A searcher may propose one point twice.
            if point not in found:
                found.append(point)
            quality.buy(best, self.posterior.noise(1) / examples)
        return found

    def widen_prior(self) -> None:
        """Let points differ by more than was learned, from now on."""
        if self._posterior is not None:
            self._posterior.widen_prior()

    def _read_evidence(self, state: TrialState) -> TrialEvidence | None:
        standing = self.race.standings.get(state.trial)
        if standing is None:
            return None
        # Evidence depends on the limit on cost, and limits take turns: each is read once.
        key = state.trial, self.problem.max_cost
        known = self._evidence.get(key)
        if known is None or known[0] is not standing:
            known = (standing, read_evidence(self.problem, standing))
            self._evidence[key] = known
        return known[1]

    # --- max_tokens of the first tries

    def first_caps(self) -> dict[Pair, int]:
        """Return the max_tokens that each model and prompt is first tried with.

        It is the largest that may keep the limit on cost. One that cuts all answers would make a
        good model and prompt look hopeless, and nothing seen of other points would correct that.
        Points without one of their own are left out: all of a pair have the same.
        """
        caps: dict[Pair, int] = {}
        for point in self.fresh:
            if "max_tokens" not in point:
                continue
            fewest = self.race.ladder(point)[0]
            if self._fresh_limit_use(point, fewest) <= 1.0:
                pair = point["model"], point["prompt"]
                cap = self.problem.space.cap(point)
                caps[pair] = max(cap, caps.get(pair, 0))
        return caps

    def comes_later(
        self,
        point: Point,
        caps: Mapping[Pair, int] | None = None,
    ) -> bool:
        """Return whether its model and prompt are to be tried with another max_tokens first.

        Args:
            point: a fresh point.
            caps: the result of `first_caps`; by default that of the last aim, for pairs that were
                not tried yet.
        """
        if "max_tokens" not in point:
            return False
        pair = point["model"], point["prompt"]
        if caps is None:
            if pair in self._limit_uses:
                return False
            caps = self._caps
        cap = self.problem.space.cap(point)
        return cap != caps.get(pair, cap)

    # --- limits on cost

    def limit_use(
        self,
        shown: TrialEvidence,
        n: int,
    ) -> float:
        """Return the expected share of the limit on cost that n answers of a trial take up."""
        limit = self.problem.max_cost
        if limit is None or not math.isfinite(shown.base.cost):
            return 0.0
        standing = self.race.standings[shown.base.trial]
        costs = standing.costs_with(shown.base, n)
        return float(np.nanmean(costs)) / limit

    def _fresh_limit_use(
        self,
        point: Point,
        n: int,
    ) -> float:
        limit = self.problem.max_cost
        if limit is None:
            return 0.0
        state = self.race.unlisted(point)
        return self.race.expected_price(state, n) / limit

    def chance(
        self,
        point: Point,
        n: int,
    ) -> float:
        """Return the probability that a fresh point keeps the limits with n answers.

        Its use of the limits is expected to be that of points of its model and prompt, else to
        follow its price. The logarithm is normal around that.
        """
        if self.problem.max_cost is None and self.problem.max_seconds is None:
            return 1.0
        pair = point["model"], point["prompt"]
        alike = self._limit_uses.get(pair)
        use = float(np.mean(alike)) if alike else self._fresh_limit_use(point, n)
        if use <= 0:
            return 1.0
        if not math.isfinite(use):
            return 0.0
        # The normal distribution function, by the complementary error function.
        deviations = math.log(use) / self.settings.cost_deviation
        return 0.5 * math.erfc(deviations / math.sqrt(2))

    def reach(self, candidate: int) -> float:
        """Return the share of the gain that the most answers within the limits have."""
        point = self.points[candidate]
        ladder = self.race.ladder(point)
        if self.problem.max_cost is None:
            return share_of_gain(ladder[-1]) - share_of_gain(ladder[0])
        affordable = []
        for n in ladder:
            if candidate < len(self.shown):
                use = self.limit_use(self.shown[candidate], n)
            else:
                use = self._fresh_limit_use(point, n)
            if use <= 1.0:
                affordable.append(n)
        return share_of_gain(max(affordable, default=ladder[0])) - share_of_gain(
            ladder[0]
        )
