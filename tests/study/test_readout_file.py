"""What was read off a study is kept in numbers, and belongs to one study as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.house import POINT, House, unsure
from tune.readout.digest import TrialDigest
from tune.space import Point
from tune.store.draws import Use
from tune.study import readout_file
from tune.study.readout_file import (
    READOUT_FILE,
    digest_trials,
    forget_readout,
    keep_readout,
    read_readout,
    readout_fingerprint,
)

EVENTS: list[dict[str, Any]] = [{"event": "study", "id": "s", "identity": {"seed": 0}}]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies of any size are worth the file."""
    monkeypatch.setattr(readout_file, "LEAST_DRAWS", 1)


async def kept(build: Callable[..., House], folder: Path) -> House:
    """A house with two trials whose digests are in a folder."""
    house = build(unsure)
    await house.buy(examples=9)
    await house.buy(Point({**POINT, "temperature": 0.75}), examples=4, draws=2, trial=1)
    reader = house.run.evaluator.reader
    assert digest_trials(reader, house.run.trials)
    keep_readout(folder, EVENTS, house.store, reader, house.run.trials)
    return house


def numbers(digest: TrialDigest) -> list[Any]:
    """A digest as plain values, NaN as a text."""
    columns = digest.columns
    found: list[Any] = [digest.kinds.tolist(), dict(digest.outcomes)]
    for name in columns.__slots__:
        found.append(getattr(columns, name).tolist())
    for config, rows in digest.rows.items():
        found.append(config)
        found += [np.asarray(column).tolist() for column in rows]
    for variant, tokens in digest.tokens.items():
        found.append((variant, tokens.tolist()))
    return [repr(each) for each in found]


async def test_digests_come_back_as_they_were(
    build: Callable[..., House], tmp_path: Path, small: None
) -> None:
    house = await kept(build, tmp_path)
    found = read_readout(tmp_path, EVENTS)
    assert found is not None
    assert set(found.digests) == {0, 1}
    for number, trial in house.run.trials.items():
        digest = house.run.evaluator.reader.digest(trial)
        assert digest is not None
        assert numbers(found.digests[number]) == numbers(digest)


async def test_no_text_is_in_it(
    build: Callable[..., House], tmp_path: Path, small: None
) -> None:
    house = build(lambda *_: "a secret text")
    await house.buy()
    reader = house.run.evaluator.reader
    digest_trials(reader, house.run.trials)
    keep_readout(tmp_path, EVENTS, house.store, reader, house.run.trials)
    assert b"secret" not in (tmp_path / READOUT_FILE).read_bytes()


async def test_it_belongs_to_these_events_and_to_this_form(
    build: Callable[..., House],
    tmp_path: Path,
    small: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await kept(build, tmp_path)
    later = [*EVENTS, {"event": "result", "stopped": "finished"}, {"event": "look"}]
    assert readout_fingerprint(later) == readout_fingerprint(EVENTS)
    assert read_readout(tmp_path, later) is not None
    assert read_readout(tmp_path, [*EVENTS, {"event": "wave", "steps": []}]) is None
    monkeypatch.setattr(readout_file, "FORM", readout_file.FORM + 1)
    assert read_readout(tmp_path, EVENTS) is None


async def test_a_small_study_has_none(
    build: Callable[..., House], tmp_path: Path
) -> None:
    house = build()
    await house.buy()
    reader = house.run.evaluator.reader
    assert not digest_trials(reader, house.run.trials)
    keep_readout(tmp_path, EVENTS, house.store, reader, house.run.trials)
    assert not (tmp_path / READOUT_FILE).exists()


async def test_answers_without_a_score_are_looked_at_again(
    build: Callable[..., House],
    tmp_path: Path,
    small: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = build()
    await house.buy()
    reader = house.run.evaluator.reader
    # As where a judge has not said anything of an answer yet.
    monkeypatch.setattr(reader.scores, "of", lambda *_: float("nan"))
    digest_trials(reader, house.run.trials)
    keep_readout(tmp_path, EVENTS, house.store, reader, house.run.trials)
    assert not (tmp_path / READOUT_FILE).exists()


async def test_it_counts_the_draws_that_the_study_asks_for(
    build: Callable[..., House], tmp_path: Path, small: None
) -> None:
    house = build()
    house.store.study = "s"
    await house.buy(examples=5, draws=3)
    other = house.run.evaluator.requests.make(POINT, 12, (), 9)
    await house.run.services["m"].provider.complete(other, range(2))
    assert house.store.count_used("s") == 15
    house.store.note_uses([Use("another", "key", other, 2)])
    assert house.store.count_used("s") == 17
    assert house.store.count_used("t") == 0


async def test_it_is_forgotten(
    build: Callable[..., House], tmp_path: Path, small: None
) -> None:
    await kept(build, tmp_path)
    forget_readout(tmp_path)
    assert read_readout(tmp_path, EVENTS) is None
    forget_readout(tmp_path)
