"""A replay from digests: the same trials, and texts only where they are asked for."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.house import POINT, House, unsure
from tune.completion import Completion
from tune.readout.trial import Step, Trial
from tune.study.kept_draws import KeptDraws, LazyDraws, Part
from tune.study.resume import RecordedWave


def recorded(**more: object) -> RecordedWave:
    return RecordedWave("search", [], done=True, **more)  # type: ignore[arg-type]


class Shelf:
    """The draws of a house, and what was asked of them."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.stop: tuple[str, ...] = ()
        self.asked: list[tuple[int, Part]] = []
        reader = house.run.evaluator.reader
        digests = {}
        for number, trial in house.run.trials.items():
            reader.keep(trial)
            digest = reader.digest(trial)
            assert digest is not None
            digests[number] = digest
        self.kept = KeptDraws(digests, lambda _: self.stop, self.load)

    def load(self, trial: Trial, position: int, part: Part) -> list[Completion]:
        self.asked.append((position, part))
        drawn = self.house.run.trials[trial.number].draws[position]
        return [drawn[number] for number in part.numbers]


async def test_sizes_are_known_and_texts_are_read_once_when_they_are_asked_for(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    await house.buy(examples=6, draws=3)
    shelf, trials = Shelf(house), dict[int, Trial]()
    step = Step(0, POINT, tuple(range(6)), 3, 12)
    shelf.kept.replay([step], trials, recorded())
    assert trials[0].bought == 18
    assert shelf.asked == []
    draws = trials[0].draws[4]
    assert draws[1] == house.run.trials[0].draws[4][1]
    assert draws[1:] == house.run.trials[0].draws[4][1:]
    assert list(draws) == house.run.trials[0].draws[4]
    assert shelf.asked == [(4, Part(12, (), range(3)))]


async def test_draws_are_asked_for_with_the_stops_and_the_cap_of_their_wave(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    await house.buy(examples=2, draws=3)
    shelf, trials = Shelf(house), dict[int, Trial]()
    for stop, draws, cap in ((("\n",), 1, 12), ((), 3, 8)):
        shelf.stop = stop
        step = Step(0, POINT, (0, 1), draws, cap)
        shelf.kept.replay([step], trials, recorded())
    assert trials[0].cap == 12
    assert isinstance(trials[0].draws[1], LazyDraws)
    assert len(list(trials[0].draws[1])) == 3
    assert shelf.asked == [
        (1, Part(12, ("\n",), range(1))),
        (1, Part(8, (), range(1, 3))),
    ]


async def test_what_a_wave_lacked_is_lacking(build: Callable[..., House]) -> None:
    house = build(unsure)
    await house.buy(examples=3, draws=2)
    shelf, trials = Shelf(house), dict[int, Trial]()
    step = Step(0, POINT, (0, 1, 2, 3, 4), 2, 12)
    faults = {
        "unanswered": {(0, 3): "service: down"},
        "config_failed": {(0, 4): "context_length"},
        "failed": {0: "no temperature"},
    }
    shelf.kept.replay([step], trials, recorded(**faults))
    assert sorted(trials[0].draws) == [0, 1, 2]
    assert trials[0].unanswered == {3: "service: down"}
    assert trials[0].config_failed == {4: "context_length"}
    assert (trials[0].state, trials[0].reason) == ("failed", "no temperature")


async def test_an_example_that_a_later_wave_answered_is_not_lacking_any_more(
    build: Callable[..., House],
) -> None:
    house = build(unsure)
    await house.buy(examples=2, draws=1)
    shelf, trials = Shelf(house), dict[int, Trial]()
    step = Step(0, POINT, (0, 1), 1, 12)
    missing = {"unanswered": {(0, 1): "service: down"}}
    shelf.kept.replay([step], trials, recorded(**missing))
    assert trials[0].unanswered == {1: "service: down"}
    shelf.kept.replay([step], trials, recorded())
    assert trials[0].unanswered == {}
    assert sorted(trials[0].draws) == [0, 1]
