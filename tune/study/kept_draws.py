"""The replay of a study whose digests are kept: its trials with draws that are read when needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias, overload

from tune.completion import Completion
from tune.readout.digest import TrialDigest
from tune.readout.trial import Step, Trial
from tune.study.resume import RecordedWave
from tune.study.wave_replay import replay_orders


class Part(NamedTuple):
    """Draws of an example that were bought alike.

    Attributes:
        cap: the max_tokens.
        stop: the stop strings.
        numbers: of the draws.
    """

    cap: int
    stop: tuple[str, ...]
    numbers: range


Load: TypeAlias = Callable[[Trial, int, Part], list[Completion]]
"""Returns draws of a trial, from the position of the example and the part."""


class LazyDraws(Sequence[Completion]):
    """The draws of one example. Their number is known; they are read from the store when needed.

    Args:
        trial: whose draws they are.
        position: of the example.
        parts: the draws that were bought alike, in order.
        load: reads draws from the store.
    """

    # A large study has a hundred thousand of these.
    __slots__ = ("_draws", "_load", "_position", "_trial", "parts")

    def __init__(
        self, trial: Trial, position: int, parts: tuple[Part, ...], load: Load
    ) -> None:
        self.parts = parts
        self._trial = trial
        self._position = position
        self._load = load
        self._draws: list[Completion] | None = None

    def __len__(self) -> int:
        return self.parts[-1].numbers.stop

    @overload
    def __getitem__(self, place: int) -> Completion: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Completion]: ...

    def __getitem__(self, place: int | slice) -> Completion | Sequence[Completion]:
        return self._read()[place]

    def __iter__(self) -> Iterator[Completion]:
        return iter(self._read())

    def _read(self) -> list[Completion]:
        """Read the draws from the store, once."""
        if self._draws is None:
            self._draws = []
            for part in self.parts:
                self._draws += self._load(self._trial, self._position, part)
        return self._draws


class KeptDraws:
    """Replays waves from the digests of a study's trials.

    Args:
        digests: of the trials, by number.
        bought_stop: returns the stop strings that a trial's draws are bought with, by what is known
            of its model at that moment.
        load: reads draws from the store.
    """

    def __init__(
        self,
        digests: Mapping[int, TrialDigest],
        bought_stop: Callable[[Trial], tuple[str, ...]],
        load: Load,
    ) -> None:
        self._bought_stop = bought_stop
        self._load = load
        self._sizes: dict[int, dict[int, int]] = {}
        for number, digest in digests.items():
            sizes = digest.columns.sizes.tolist()
            positions = digest.columns.positions.tolist()
            self._sizes[number] = dict(zip(positions, sizes, strict=True))

    def replay(
        self, steps: Sequence[Step], trials: dict[int, Trial], recorded: RecordedWave
    ) -> None:
        """Bring trials to where a recorded wave left them; nothing is read from the store."""
        whole: dict[tuple[int, int], tuple[Part, ...]] = {}
        orders = []
        for step in steps:
            cap = recorded.caps.get(step.trial, step.cap)
            new = Trial(step.trial, step.point, cap)
            trial = trials.setdefault(step.trial, new)
            # Lessons change the stop strings only between waves.
            stop = self._bought_stop(trial)
            whole[step.trial, step.draws] = (Part(cap, stop, range(step.draws)),)
            orders += [(step, position) for position in step.examples]

        def take(trial: Trial, step: Step, position: int) -> None:
            # The draws of an example came all together or not at all.
            if self._sizes[trial.number].get(position, 0) < step.draws:
                return
            held = trial.draws.get(position)
            # Nearly all examples of a step are new, and their parts are the same.
            parts = whole[step.trial, step.draws]
            if held is not None:
                known = held.parts if isinstance(held, LazyDraws) else ()
                new = parts[0]._replace(numbers=range(len(held), step.draws))
                parts = (*known, new)
            trial.least_cap = min(trial.least_cap, parts[-1].cap)
            trial.draws[position] = LazyDraws(trial, position, parts, self._load)

        replay_orders(orders, trials, recorded, take)
