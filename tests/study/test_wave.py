"""A wave in a journal: what it lacks, in an order that does not depend on when calls came back."""

from __future__ import annotations

import json

from tune.study.resume import RecordedWave, read_faults
from tune.study.wave import Wave, dump_faults


def test_faults_come_back_from_a_journal_in_order() -> None:
    wave = Wave()
    wave.unanswered = {(1, 0): "service: 503", (0, 2): "money: none"}
    wave.config_failed = {(0, 1): "context_length"}
    wave.failed = {1: "it does not take top_p"}
    wave.caps = {1: 16}
    written = json.loads(json.dumps(dump_faults(wave)))
    assert written["unanswered"] == [[0, 2, "money: none"], [1, 0, "service: 503"]]
    recorded = RecordedWave("search", [])
    read_faults(recorded, written)
    assert recorded.unanswered == wave.unanswered
    assert recorded.config_failed == wave.config_failed
    assert recorded.failed == wave.failed
    assert recorded.caps == wave.caps


def test_a_later_wave_adds_to_what_is_missing() -> None:
    wave, later = Wave(), Wave(complete=False)
    wave.unanswered = {(0, 1): "service: 503"}
    later.unanswered = {(0, 2): "money: none"}
    later.config_failed = {(0, 3): "context_length"}
    later.failed = {1: "it does not take top_p"}
    later.caps = {2: 16}
    wave.include(later)
    assert not wave.complete
    assert wave.unanswered == {(0, 1): "service: 503", (0, 2): "money: none"}
    assert wave.config_failed == later.config_failed
    assert wave.failed == later.failed
    assert wave.caps == later.caps
    wave.include(Wave())
    assert not wave.complete, "the money has ended"
