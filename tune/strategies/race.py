"""The trials in a race: what was ordered for each, what it will cost to go on, and how they stand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tune.readout import Reading
from tune.readout.trial import Step
from tune.search.history import Searcher, Telling
from tune.space import Point
from tune.strategies.max_tokens import cap_to_buy
from tune.strategies.paired import levels, table
from tune.strategies.problem import Array, Outcome, Problem, Standing, dear


@dataclass(slots=True)
class Entrant:
    """A trial in the race.

    Attributes:
        trial: its number. point: its paid point. cap: max_tokens that its draws are bought with.
        ladder: the numbers of draws at which a reading with a larger n appears, from the fewest
        that make one. examples: it was ordered on positions 0 to this. draws: ordered for each of
        them. told: whether the searcher knows of it.
    """

    trial: int
    point: Point
    cap: int
    ladder: tuple[int, ...]
    examples: int = 0
    draws: int = 0
    told: bool = False


class Share(NamedTuple):
    """What calls cost, as shares of their ceilings: what is paid once for each call, and for each
    of its draws.
    """

    once: float
    each: float


def _of(spent: float, most: float) -> float:
    return min(1.0, max(0.0, spent / most)) if most > 0 else 1.0


class Rank(NamedTuple):
    """Where a trial stands.

    Attributes:
        entrant: the trial.
        level: its quality, on one scale with all others; see `tune.strategies.paired.levels`.
        row: the qualities of its best reading, by example.
    """

    entrant: Entrant
    level: float
    row: Array


def rung_sizes(examples: int) -> list[int]:
    """How many examples each rung has: a small block, growing with the data, then ever twice as
    many, then all.
    """
    size = min(examples, max(8, min(12, math.ceil(examples / 32))))
    sizes = [size]
    while size < examples:
        size = min(examples, 2 * size)
        sizes.append(size)
    return sizes


REPEATS = 100
"""Points in a row that were begun already, after which a searcher is taken to have no others."""


class Field:
    """Everything that was begun.

    Attributes:
        left: dollars that may still be spent.
        over: whether a wave was refused in part, so that no other shall follow.
        entrants: by trial number.
        tellings: what the searcher was told, in order.
    """

    def __init__(
        self, problem: Problem, left: float, standings: Mapping[int, Standing] | None = None
    ) -> None:
        self.problem, self.left, self.over = problem, left, False
        self.standings: dict[int, Standing] = dict(standings or {})
        self.entrants: dict[int, Entrant] = {}
        self.tellings: list[Telling] = []
        self._ceilings: dict[tuple[Point, int, int], float] = {}
        self._ladders: dict[Point, tuple[int, ...]] = {}
        self._caps: dict[tuple[object, object], int] = {}
        self._best: dict[int, tuple[Standing, Reading | None]] = {}
        for standing in self.standings.values():
            entrant = self.enter(
                standing.point, standing.trial, standing.cap or problem.space.cap(standing.point)
            )
            entrant.examples = max(
                (max(r.examples) + 1 for r in standing.readings if len(r.examples)), default=0
            )
            entrant.draws = _draws_seen(standing, entrant)
        self._shares = self._learn_shares()

    def enter(self, point: Point, trial: int | None = None, cap: int | None = None) -> Entrant:
        """A trial, the next where no number is given; nothing is ordered for it yet.

        Where no cap is given, it is as much as trials of this model and prompt were seen to need.
        """
        number = len(self.entrants) if trial is None else trial
        cap = self._cap(point) if cap is None else cap
        self.entrants[number] = Entrant(number, point, cap, self.ladder(point))
        return self.entrants[number]

    def probe(self, point: Point) -> Entrant:
        """What a trial would be if it were entered: to ask for its price."""
        return Entrant(-1, point, self._cap(point), self.ladder(point))

    def ladder(self, point: Point) -> tuple[int, ...]:
        """The numbers of draws at which a reading with a larger n appears."""
        if point not in self._ladders:
            configs = self.problem.space.configs_of(point, self.problem.free)
            self._ladders[point] = tuple(sorted({config.n for config in configs}))
        return self._ladders[point]

    def _cap(self, point: Point) -> int:
        """The cap to buy a fresh trial with."""
        if "max_tokens" not in self.problem.free:
            return self.problem.space.cap(point)
        key = point["model"], point["prompt"]
        if key not in self._caps:
            self._caps[key] = cap_to_buy(self.problem, point, self.standings.values())
        return self._caps[key]

    def withdraw(self, entrant: Entrant) -> Point:
        """Take back the trial that was entered last and for which nothing was ordered."""
        return self.entrants.pop(entrant.trial).point

    def take(self, outcome: Outcome) -> None:
        """Take in what became of a wave."""
        self.standings.update(outcome.standings)
        self._caps.clear()
        self.left, self.over = outcome.left, not outcome.complete
        self._shares = self._learn_shares()

    # --- money
    # ----------------------------------------------------------------------------------------------------

    def ceiling(self, entrant: Entrant, draws: int) -> float:
        """Dollars that one example can cost at most."""
        key = (entrant.point, draws, entrant.cap)
        if key not in self._ceilings:
            self._ceilings[key] = self.problem.ceiling(entrant.point, draws, entrant.cap)
        return self._ceilings[key]

    def _parts(self, entrant: Entrant) -> tuple[float, float]:
        """Dollars that one example can cost at most: once for each call, and for each of its draws."""
        one, two = self.ceiling(entrant, 1), self.ceiling(entrant, 2)
        return 2 * one - two, two - one

    def _learn_shares(self) -> dict[object, Share]:
        """What calls cost as shares of their ceilings: by trial, by model and prompt, and by model,
        the highest.
        """
        found: dict[object, Share] = {}
        for trial, standing in self.standings.items():
            entrant = self.entrants.get(trial)
            if entrant is None or not standing.spent_per_draw:
                continue
            once, each = self._parts(entrant)
            spent = standing.spent_per_draw - standing.prompt_cost / entrant.draws
            share = Share(_of(standing.prompt_cost, once), _of(spent, each))
            model = str(standing.point["model"])
            found[trial] = share
            for key in ((model, standing.point["prompt"]), model, None):
                found[key] = Share(*map(max, share, found.get(key, share)))
        return found

    def price(self, entrant: Entrant, draws: int) -> float:
        """Dollars that one example with so many new draws is expected to cost.

        As the trial's own draws have cost, else at most as those of its model and prompt, of its
        model or of any, else the ceiling.
        """
        if draws <= 0:
            return 0.0
        model = str(entrant.point["model"])
        keys = (entrant.trial, (model, entrant.point["prompt"]), model, None)
        share = next((self._shares[key] for key in keys if key in self._shares), Share(1.0, 1.0))
        once, each = self._parts(entrant)
        return share.once * once + share.each * each * draws

    def expense(self, entrant: Entrant, examples: int, draws: int) -> float:
        """Dollars that it is expected to cost to bring a trial to so many examples and draws."""
        old = min(entrant.examples, examples)
        return old * self.price(entrant, draws - entrant.draws) + (examples - old) * self.price(
            entrant, draws
        )

    # --- orders
    # ---------------------------------------------------------------------------------------------------

    def order(self, entrant: Entrant, examples: int, draws: int) -> list[Step]:
        """The step that brings a trial to so many examples with so many draws each; none where it
        is there.
        """
        draws, examples = max(draws, entrant.draws), max(examples, entrant.examples)
        first = 0 if draws > entrant.draws else entrant.examples
        entrant.examples, entrant.draws = examples, draws
        positions = tuple(range(first, examples))
        return (
            [Step(entrant.trial, entrant.point, positions, draws, entrant.cap)] if positions else []
        )

    # --- how they stand
    # -------------------------------------------------------------------------------------------

    def best(self, entrant: Entrant) -> Reading | None:
        """The best reading of a trial that may keep the limits."""
        standing = self.standings.get(entrant.trial)
        if standing is None:
            return None
        known = self._best.get(entrant.trial)
        if known is None or known[0] is not standing:
            known = self._best[entrant.trial] = (standing, standing.best(self.problem))
        return known[1]

    def ranking(self) -> list[Rank]:
        """Every trial with a reading, the best first; of equal ones the cheaper."""
        read = [
            (entrant, r)
            for entrant in self.entrants.values()
            if (r := self.best(entrant)) is not None
        ]
        rows = table(self.problem, [reading for _, reading in read])
        # Rounded, so that sums in another order on another machine decide nothing.
        level = np.round(levels(rows), 9).tolist()
        order = sorted(
            range(len(read)), key=lambda i: (-level[i], dear(read[i][1]), read[i][0].trial)
        )
        return [Rank(read[i][0], level[i], rows[i]) for i in order]

    def more_draws(self, entrant: Entrant) -> int:
        """The draws that could show a larger n to be better, or those that there are.

        More are worth it as long as n = 1 is all that was seen, or the largest n so far is the
        best.
        """
        top = entrant.ladder[-1]
        best = self.best(entrant)
        if (
            best is None
            or entrant.draws >= top
            or (entrant.draws > entrant.ladder[0] and best.config.n < entrant.draws)
        ):
            return entrant.draws
        return min((n for n in entrant.ladder if n > 2 * entrant.draws), default=top)

    # --- what the searcher is told
    # --------------------------------------------------------------------------------

    def tell(self, entrants: Sequence[Entrant]) -> None:
        """Tell the searcher of these trials, once each: levels, and nothing where nothing was
        scored.

        A trial none of whose readings keeps the limits is told the quality of the one that is
        closest to them, divided by how many times over it is, so that a search is led back to where
        they are kept.
        """
        level = {rank.entrant.trial: rank.level for rank in self.ranking()}
        for entrant in entrants:
            if entrant.told:
                continue
            entrant.told = True
            standing = self.standings.get(entrant.trial)
            readings = standing.whole() if standing else []
            reading = self.best(entrant) or min(readings, key=self.problem.excess, default=None)
            if reading is None:
                self.tellings.append(Telling(entrant.point, float("nan"), float("nan")))
                continue
            beyond = float(np.mean(self.problem.quality(reading.scores))) / max(
                1.0, self.problem.excess(reading)
            )
            score = min(1.0, max(0.0, level.get(entrant.trial, beyond)))
            cost = (
                reading.cost
                if math.isfinite(reading.cost)
                else self.ceiling(entrant, reading.config.n)
            )
            self.tellings.append(Telling(entrant.point, score, cost))


class Wave:
    """Steps that are bought together, as far as a sum of money is expected to pay for them.

    Attributes:
        steps: what was added.
        money: dollars that are not planned for yet.
    """

    def __init__(self, field: Field, money: float) -> None:
        self._field, self.steps, self.money = field, list[Step](), money
        self._beyond = field.left - money

    def pays(self, entrant: Entrant, examples: int, draws: int) -> bool:
        """Whether the money pays for so many examples and draws of a trial.

        A call is let through only while its ceiling fits into what is left, so of all that is left
        the ceiling of one call stays unplanned.
        """
        cost = self._field.expense(entrant, examples, draws)
        last = self._field.ceiling(entrant, draws) - self._field.price(entrant, draws)
        return cost <= self.money and cost + last <= self.money + self._beyond

    def add(self, entrant: Entrant, examples: int, draws: int) -> bool:
        """Bring a trial to so many examples and draws, if the money pays for it."""
        if not self.pays(entrant, examples, draws):
            return False
        self.money -= self._field.expense(entrant, examples, draws)
        self.steps += self._field.order(entrant, examples, draws)
        return True


class Proposals:
    """Fresh points, the baseline first; one that there was no money for comes again."""

    def __init__(self, field: Field, searcher: Searcher) -> None:
        self._field, self._searcher = field, searcher
        baseline = field.problem.baseline
        self._again: list[Point] = [] if baseline is None else [baseline]
        self._begun: set[Point | None] = {*self._again}

    def next(self) -> Point | None:
        """The next point, or None when there is no other."""
        if self._again:
            return self._again.pop()
        for _ in range(REPEATS):
            point = self._searcher(self._field.tellings)
            if point is None or point not in self._begun:
                self._begun.add(point)
                return point
        return None

    def put_back(self, point: Point) -> None:
        """Have a point that was not begun come next."""
        self._again.append(point)


def _draws_seen(standing: Standing, entrant: Entrant) -> int:
    """How many draws a trial has on nearly all of its examples, as far as its readings show it."""
    return max((reading.config.n for reading in standing.whole()), default=entrant.ladder[0])
