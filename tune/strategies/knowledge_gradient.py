"""Buy the next blocks of examples by their value: what each is expected to teach, per dollar."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tune.readout.trial import Step
from tune.search.history import Searcher
from tune.space import Config, Point, Value
from tune.strategies.acquisition import BlockOption, BlockOptions, knowledge_gradients, two_largest
from tune.strategies.frontier import LIMITS, cost_limits
from tune.strategies.gaussian_process import expected_maximum
from tune.strategies.posterior import Posterior, TrialEvidence, read_evidence, share_of_gain
from tune.strategies.problem import Array, Outcome, Problem, Standing
from tune.strategies.race import Proposals, Race, TrialState, WavePlan, rung_sizes

ENDGAME_SHARE = 0.1
"""The share of the money that is left for telling the finalists apart."""

GREED = 0.5
"""The power of a dollar at the beginning; it falls to 0 as the money burns, when only the value
counts.
"""

MOST_STEPS = 16
"""Blocks that are bought together, at most."""

WAVE_SHARE = 0.2
"""The share of what is left after which a wave takes no further block, so that the next learns from
it.
"""

BLIND_STEPS = 12
"""Points in the very first wave, as long as nobody knows what anything costs."""

BLIND_SHARE = 0.5
"""The share of the money that the ceilings of the first wave may add up to; what it really costs is
far less.
"""

DOUBTS = 3
"""How often the beliefs that no block is worth its money are doubted before they are believed."""

LEAST_VALUE = 1e-4
"""A block that is expected to gain less than this share of the metric's range is not worth its
money.
"""

CANDIDATES = 320
"""Points that are weighed against each other, apart from those begun."""

FRESH = 32
"""Points that the searcher is asked for after every wave, where the space has more."""

FIRST_REPEATS = 3
"""Draws that tell of the gain of more answers, as an offer beside the fewest for a point's first
block.
"""

DOUBT_OF_COST = 0.4
"""Standard deviation of the logarithm of what a config will cost by what is believed of it."""

LONG_SHARE = 0.03
"""The share of what is left that all remaining examples of a point may cost, where they are bought
at once.
"""

Waves = Generator[list[Step], Outcome, None]


def knowledge_gradient(problem: Problem, searcher: Searcher, left: float) -> Waves:
    """Buy the blocks of examples that are worth the most per dollar, wave by wave.

    The first wave is a small block for points spread over models and prompts. After every wave,
    what was seen is taken into what is believed of all candidates; the next wave holds the blocks
    with the largest value per dollar to the power of a greed that falls as the money burns, each
    chosen as if those before it were bought already. A block is a fresh point's first, more
    examples of a point, or more draws of those it has. It is over when no block is worth its money,
    or what is set aside for the finalists is reached.

    Where the goal is not the best alone, waves take turns over limits on cost (see
    `tune.strategies.frontier`): each buys what is worth the most to the best that costs no more
    than its limit.

    Args:
        problem: what is searched.
        searcher: proposes the candidates.
        left: dollars that the search may spend.
    """
    race = Race(problem, left)
    reserve = ENDGAME_SHARE * left
    shop = _Shop(race, Proposals(race, searcher))
    wave = shop.first(left - reserve)
    while wave:
        race.update((yield wave))
        if race.over:
            return
        money = race.left - reserve
        shop.learn()
        share = money / max(
            left - reserve, 1e-12
        )  # a larger budget, or a faster server, makes it more than there was
        wave = shop.next(money, greed=GREED * min(1.0, max(0.0, share)))


class _Shop:
    """What can be bought, and what it is worth."""

    def __init__(self, race: Race, proposals: Proposals) -> None:
        self._race, self._problem, self._proposals = race, race.problem, proposals
        self._sizes = rung_sizes(race.problem.examples)
        self._begun: dict[Point, TrialState] = {}
        self._known: dict[tuple[int, float | None], tuple[Standing, TrialEvidence | None]] = {}
        self._fresh: list[Point] = []
        self._points: list[Point] = []
        self._beliefs: Posterior | None = None
        self._aims, self._waves = [math.inf], 0
        self._ask(CANDIDATES)

    def _ask(self, count: int) -> None:
        """Have the searcher propose more candidates."""
        for _ in range(count):
            point = self._proposals.next()
            if point is None:
                return
            self._fresh.append(point)

    # --- the first wave
    # -------------------------------------------------------------------------------------------

    def first(self, money: float) -> list[Step]:
        """A small block for the baseline and for points spread over models and prompts, as far as
        ceilings allow.
        """
        wave = WavePlan(self._race, BLIND_SHARE * money)
        waiting, caps, baseline = list(self._fresh), self._first_caps(), self._problem.baseline
        uses: dict[object, int] = {}
        while waiting and len(wave.steps) < BLIND_STEPS:
            point = min(
                waiting, key=lambda p: (p != baseline, *_times_seen(p, uses), self._later(p, caps))
            )
            waiting = [other for other in waiting if other != point]
            for name in ("model", "prompt"):
                uses[name, point[name]] = uses.get((name, point[name]), 0) + 1
            self._begin(point, wave, self._sizes[0], 0)
        return wave.steps or self._first_of_all()

    def _first_of_all(self) -> list[Step]:
        """As many examples of a block as all the money pays for at their ceilings, of the point
        that has the most.
        """
        wave = WavePlan(self._race, self._race.left)
        for size in range(self._sizes[0], 0, -1):
            for point in self._fresh:
                if self._begin(point, wave, size, 0):
                    return wave.steps
        return []

    def _begin(self, point: Point, wave: WavePlan, examples: int, draws: int) -> bool:
        state = self._race.add(point)
        if not wave.add(state, examples, max(draws, state.ladder[0])):
            self._race.remove(state)
            return False
        self._begun[point] = state
        self._fresh.remove(point)
        return True

    def _first_caps(self) -> dict[tuple[Value, Value], int]:
        """The cap that each model and prompt is first tried with: the largest that may keep the
        limit on cost.

        A cap that cuts all answers makes a good model and prompt look hopeless, and nothing that is
        seen of others tells that it is not.
        """
        caps: dict[tuple[Value, Value], int] = {}
        for point in self._fresh:
            if self._fresh_excess(point, self._race.ladder(point)[0]) <= 1.0:
                pair = point["model"], point["prompt"]
                caps[pair] = max(self._problem.space.cap(point), caps.get(pair, 0))
        return caps

    def _later(self, point: Point, caps: Mapping[tuple[Value, Value], int]) -> bool:
        """Whether its model and prompt are first tried with another cap."""
        cap = self._problem.space.cap(point)
        return cap != caps.get((point["model"], point["prompt"]), cap)

    # --- what is believed
    # -----------------------------------------------------------------------------------------

    def learn(self) -> None:
        """Take in everything that was bought, and have the searcher propose more."""
        self._race.tell_searcher([state for state in self._begun.values() if not state.told])
        self._ask(FRESH)
        self._drop_hopeless()
        self._fresh = [
            point
            for point in dict.fromkeys(map(self._settle, self._fresh))
            if point not in self._begun
        ]
        if self._race.problem.goal != "quality":
            found = cost_limits(self._race, LIMITS) or [math.inf]
            self._waves += 1
            turn = self._waves % len(found)
            self._aims = [*found[turn:], *found[:turn]]

    def _aim(self, limit: float, *, fit: bool) -> bool:
        """See what was bought as if no request could cost more than a limit, and believe what
        follows of candidates.

        Returns:
            Whether there are any.
        """
        asked = self._race.problem
        most = min(limit, math.inf if asked.max_cost is None else asked.max_cost)
        self._problem = replace(asked, max_cost=most if math.isfinite(most) else None)
        shown = {
            point: found for point, state in self._begun.items() if (found := self._evidence(state))
        }
        self._points = [*shown, *self._fresh]
        self._shown = list(shown.values())
        self._caps = self._first_caps()
        self._excesses: dict[tuple[Value, Value], list[float]] = {}
        for evidence in self._shown:
            config = evidence.base.config
            of_pair = self._excesses.setdefault((config.model, config.prompt), [])
            of_pair.append(self._problem.limit_use(evidence.base))
        if self._points:
            self._beliefs = Posterior(self._problem, self._points, self._beliefs)
            self._beliefs.learn(list(enumerate(self._shown)), fit=fit)
        return bool(self._points)

    def _settle(self, point: Point) -> Point:
        """The point without what its model was found not to take since it was proposed."""
        space = self._problem.space
        own = space.when.get(str(point["model"]), {})
        return space.point_of(
            {name: v for name, v in point.items() if name not in own or own[name] is not None}
        )

    def _drop_hopeless(self) -> None:
        """Keep so many candidates: those of which the most may be hoped."""
        if self._beliefs is None or len(self._fresh) <= CANDIDATES:
            return
        hopes = dict(
            zip(
                self._points,
                (self._beliefs.quality.mean + self._beliefs.quality.deviation()).tolist(),
                strict=True,
            )
        )
        self._fresh = sorted(self._fresh, key=lambda point: -hopes.get(point, math.inf))[
            :CANDIDATES
        ]

    def _evidence(self, state: TrialState) -> TrialEvidence | None:
        standing = self._race.standings.get(state.trial)
        if standing is None:
            return None
        key = state.trial, self._problem.max_cost
        known = self._known.get(key)
        if known is None or known[0] is not standing:
            known = self._known[key] = (standing, read_evidence(self._problem, standing))
        return known[1]

    # --- what to buy
    # ----------------------------------------------------------------------------------------------

    def next(self, money: float, *, greed: float) -> list[Step]:
        """The blocks that are worth the most, as far as a share of the money goes.

        Where none is worth its money, the beliefs that say so are doubted, a few times over: they
        may be too sure.
        """
        for doubts in range(DOUBTS + 1):
            for limit in self._aims:
                wave = self._best_blocks(money, greed) if self._aim(limit, fit=doubts == 0) else []
                if wave:
                    return wave
            if self._beliefs is not None:
                self._beliefs.doubt()
        return []

    def _best_blocks(self, money: float, greed: float) -> list[Step]:
        offers = [
            offer for candidate in range(len(self._points)) for offer in self._offers(candidate)
        ]
        stock = self._stock(offers, money)
        reach = np.array([self._reach(candidate) for candidate in range(len(self._points))])
        held = np.array(
            [
                share_of_gain(e.most) - share_of_gain(e.least) if e.feasible else math.nan
                for e in self._shown
            ]
        )
        held = np.concatenate([held, np.full(len(self._points) - len(held), math.nan)])
        wave = WavePlan(self._race, money)
        while (
            stock.there.any()
            and len(wave.steps) < MOST_STEPS
            and wave.money >= (1.0 - WAVE_SHARE) * money
        ):
            worth = stock.settle(np.where(stock.there, self._worth(stock, reach, held), 0.0))
            best = int(np.argmax(worth / stock.cost**greed))
            if worth[best] < LEAST_VALUE:
                break
            offer = offers[best]
            stock.there &= stock.candidate != offer.candidate
            if self._buy(offer, wave):
                held[offer.candidate] = stock.share[best]
        return wave.steps

    def _buy(self, offer: BlockOption, wave: WavePlan) -> bool:
        point = self._points[offer.candidate]
        if point in self._begun:
            bought = wave.add(self._begun[point], offer.examples, offer.draws)
        else:
            bought = self._begin(point, wave, offer.examples, offer.draws)
        if bought and self._beliefs is not None:
            self._beliefs.quality.buy(offer.candidate, offer.noise)
            if math.isfinite(offer.gain_noise):
                self._beliefs.gain.buy(offer.candidate, offer.gain_noise)
        return bought

    def _stock(self, offers: Sequence[BlockOption], money: float) -> BlockOptions:
        columns = list(zip(*offers, strict=True)) or [()] * len(BlockOption._fields)
        candidate, _, draws, cost, noise, gain_noise, chance = (
            np.array(column) for column in columns
        )
        least = [self._race.ladder(self._points[i])[0] for i in candidate.tolist()]
        share = [
            share_of_gain(n) - share_of_gain(few)
            for n, few in zip(draws.tolist(), least, strict=True)
        ]
        cost = np.maximum(cost, 1e-12)
        # More draws for the examples that are there are an offer with more draws.
        beyond = np.append(False, (candidate[1:] == candidate[:-1]) & (draws[1:] == draws[:-1]))[
            : len(offers)
        ]
        there = cost <= np.where(beyond, LONG_SHARE * money, money)
        return BlockOptions(
            candidate, cost, noise, gain_noise, chance, np.array(share), there, beyond
        )

    def _worth(self, stock: BlockOptions, reach: Array, held: Array) -> Array:
        """What each offer is expected to gain: by what it teaches of all, or by what it makes
        choosable of its own.
        """
        assert self._beliefs is not None
        quality, gain, who = self._beliefs.quality, self._beliefs.gain, stock.candidate
        slope, rise = quality.slopes(who, stock.noise), gain.slopes(who, stock.gain_noise)
        found = knowledge_gradients(
            quality.mean + reach * gain.mean, self._hopes(reach), slope, rise * reach, stock
        )
        rows = np.arange(len(who))
        now = np.where(np.isnan(held), 0.0, quality.mean + np.nan_to_num(held) * gain.mean)
        first, second = two_largest(now)
        rest = np.where(who == first[0], second, first[1])
        own = quality.mean[who] + stock.share * gain.mean[who]
        deviation = np.hypot(slope[rows, who], stock.share * rise[rows, who])
        return np.asarray(
            stock.chance * np.maximum(found, expected_maximum(own, deviation, rest) - first[1])
        )

    def _hopes(self, reach: Array) -> Array:
        assert self._beliefs is not None
        quality, gain = self._beliefs.quality, self._beliefs.gain
        spread = np.hypot(quality.deviation(), reach * gain.deviation())
        return np.asarray(quality.mean + reach * gain.mean + 2.0 * spread)

    def _reach(self, candidate: int) -> float:
        """The share of the gain that the most answers of a point have, of those that keep the
        limits.
        """
        ladder = self._race.ladder(self._points[candidate])
        if candidate < len(self._shown):
            shown = self._shown[candidate]
            affordable = [n for n in ladder if self._excess(shown, n) <= 1.0]
        else:
            affordable = [
                n for n in ladder if self._fresh_excess(self._points[candidate], n) <= 1.0
            ]
        return share_of_gain(max(affordable, default=ladder[0])) - share_of_gain(ladder[0])

    def _excess(self, shown: TrialEvidence, n: int) -> float:
        """The share of the limit on cost that n answers of a trial's point are expected to take up."""
        limit = self._problem.max_cost
        if limit is None or not math.isfinite(shown.base.cost):
            return 0.0
        costs = self._race.standings[shown.base.trial].costs_with(shown.base, n)
        return float(np.nanmean(costs)) / limit

    def _fresh_excess(self, point: Point, n: int) -> float:
        limit = self._problem.max_cost
        return (
            0.0
            if limit is None
            else self._race.expected_price(self._race.unlisted(point), n) / limit
        )

    def _chance(self, point: Point, n: int) -> float:
        """That a fresh point keeps the limits with its fewest answers: by its price, and by points
        like it.
        """
        if self._problem.max_cost is None and self._problem.max_seconds is None:
            return 1.0
        alike = self._excesses.get((point["model"], point["prompt"]))
        excess = float(np.mean(alike)) if alike else self._fresh_excess(point, n)
        if excess <= 0:
            return 1.0
        return (
            0.5 * math.erfc(math.log(excess) / DOUBT_OF_COST / math.sqrt(2))
            if math.isfinite(excess)
            else 0.0
        )

    # --- offers
    # ---------------------------------------------------------------------------------------------------

    def _offers(self, candidate: int) -> list[BlockOption]:
        """What can be bought next for a point."""
        if candidate >= len(self._shown):
            return self._first_blocks(candidate)
        state, shown = self._begun[self._points[candidate]], self._shown[candidate]
        return (
            [*self._more_examples(candidate, state), *self._more_draws(candidate, state)]
            if shown.feasible
            else []
        )

    def _first_blocks(self, candidate: int) -> list[BlockOption]:
        """With the fewest draws, and with some more; nothing where another cap is to be tried
        first.
        """
        point = self._points[candidate]
        if (point["model"], point["prompt"]) not in self._excesses and self._later(
            point, self._caps
        ):
            return []
        probe = self._race.unlisted(self._points[candidate])
        least, size = probe.ladder[0], self._sizes[0]
        more = next((n for n in probe.ladder if n >= max(FIRST_REPEATS, least + 1)), least)
        chance = self._chance(probe.point, least)
        return [
            self._offer(candidate, probe, size, draws, size, chance)
            for draws in dict.fromkeys((least, more))
        ]

    def _more_examples(self, candidate: int, state: TrialState) -> list[BlockOption]:
        """The next block, and all examples: where a block is too few to change anybody's mind, all
        may be worth it.
        """
        larger = [size for size in self._sizes if size > state.examples]
        return [
            self._offer(candidate, state, size, state.draws, size - state.examples, 1.0)
            for size in dict.fromkeys((*larger[:1], *larger[-1:]))
        ]

    def _more_draws(self, candidate: int, state: TrialState) -> list[BlockOption]:
        """Either of the next two numbers of answers, for the examples that are there."""
        assert self._beliefs is not None
        shown, found = self._shown[candidate], []
        for draws in [n for n in state.ladder if n > state.draws and self._excess(shown, n) <= 1.0][
            :2
        ]:
            offer = self._offer(candidate, state, state.examples, draws, state.examples, 1.0)
            before, after = self._beliefs.noise(state.draws), self._beliefs.noise(draws)
            news = state.examples * (1.0 / after - 1.0 / before)
            found.append(offer._replace(noise=1.0 / max(news, 1e-9)))
        return found

    def _offer(
        self,
        candidate: int,
        state: TrialState,
        examples: int,
        draws: int,
        fresh: int,
        chance: float,
    ) -> BlockOption:
        assert self._beliefs is not None
        cost = self._race.expected_cost(state, examples, draws)
        gain_noise = self._beliefs.gain_noise(draws, state.ladder[0]) / fresh
        return BlockOption(
            candidate, examples, draws, cost, self._beliefs.noise(draws) / fresh, gain_noise, chance
        )


def _times_seen(point: Point | Config, uses: dict[object, int]) -> tuple[int, int]:
    return uses.get(("model", point["model"]), 0), uses.get(("prompt", point["prompt"]), 0)
