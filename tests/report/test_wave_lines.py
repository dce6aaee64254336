"""The line of a wave: each kind of order in words, with what it is expected to gain."""

from __future__ import annotations

from tune.report.wave_lines import (
    BASELINE,
    CUT,
    DRAWS,
    EXAMPLES,
    LEADER,
    NEW,
    RIVAL,
    WaveOrder,
    wave_line,
)


def test_new_configurations_and_more_examples_are_told_apart() -> None:
    orders = [
        WaveOrder(NEW, 21, 8, 1, gain=0.002, price=0.004),
        WaveOrder(NEW, 22, 8, 1, gain=0.001, price=0.004),
        WaveOrder(EXAMPLES, 9, 16, 1, gain=0.006, price=0.002, place=RIVAL),
        WaveOrder(EXAMPLES, 4, 16, 1, gain=0.008, price=0.003, place=LEADER),
    ]
    assert wave_line(7, orders) == (
        "wave 7: 2 new configurations (trials 21 and 22) on 8 examples each, 16 more examples for "
        "the leader (trial 4) and its rival (trial 9); expected gain 0.8 points or more for about "
        "$0.013"
    )


def test_a_gain_of_one_block_is_its_own_and_a_tiny_one_is_no_zero() -> None:
    one = WaveOrder(DRAWS, 3, 16, 5, gain=0.0123, price=0.25)
    assert wave_line(2, [one]) == (
        "wave 2: 5 answers to each of 16 examples for trial 3; expected gain 1.2 points for about "
        "$0.25"
    )
    tiny = one._replace(gain=1e-9)
    assert "less than 0.01 points" in wave_line(2, [tiny])


def test_a_strategy_without_values_says_what_it_buys() -> None:
    orders = [
        WaveOrder(BASELINE, 0, 8, 3, price=0.5, purpose="to see what calls cost"),
        *(WaveOrder(NEW, k, 8, 3, price=0.5) for k in range(1, 12)),
    ]
    assert wave_line(1, orders) == (
        "wave 1: the baseline on 8 examples with 3 answers to each example, to see what calls "
        "cost; 11 new configurations on 8 examples each with 3 answers to each example; for about "
        "$6.00"
    )
    assert wave_line(1, [WaveOrder(NEW, 4, 8, 1)]) == (
        "wave 1: 1 new configuration (trial 4) on 8 examples"
    )


def test_many_trials_are_counted_and_a_rival_alone_has_its_leader_named() -> None:
    orders = [WaveOrder(EXAMPLES, k, 8, 1) for k in range(9)]
    assert "for trials 0, 1, 2, 3, 4, 5 and 3 others" in wave_line(1, orders)
    rival = [WaveOrder(EXAMPLES, 5, 8, 1, place=RIVAL), WaveOrder(EXAMPLES, 2, 24, 1)]
    assert wave_line(3, rival) == (
        "wave 3: 8 to 24 more examples for the leader's rival (trial 5) and trial 2"
    )


def test_measured_cuts_and_limits_on_cost_are_said() -> None:
    cut = WaveOrder(
        CUT, 1_000_000, 16, 1, purpose="at max_tokens 64, to see where it cuts"
    )
    assert wave_line(4, [cut]) == (
        "wave 4: an answer to each of 16 examples, at max_tokens 64, to see where it cuts"
    )
    limited = WaveOrder(NEW, 3, 8, 1, gain=0.01, price=0.2, limit=0.002)
    assert wave_line(4, [limited]).endswith(
        "expected gain 1 points among those of at most $0.002 per request for about $0.20"
    )


def test_without_a_bill_seconds_take_the_place_of_dollars() -> None:
    order = WaveOrder(NEW, 3, 8, 1, gain=0.01, price=12.0, limit=2.0)
    line = wave_line(1, [order], timed=True)
    assert "$" not in line
    assert "at most 2 seconds per request for about 12 seconds of calls" in line


def test_numbers_have_no_exponent() -> None:
    order = WaveOrder(NEW, 3, 8, 1, gain=0.999, price=1234.0, limit=150.0)
    line = wave_line(1, [order], timed=True)
    assert "expected gain 100 points" in line
    assert "150 seconds per request for about 1,234 seconds of calls" in line


def test_one_example_is_no_plural() -> None:
    assert wave_line(1, [WaveOrder(BASELINE, 0, 1, 1)]) == (
        "wave 1: the baseline on 1 example"
    )
    more = [WaveOrder(EXAMPLES, 2, 1, 1), WaveOrder(DRAWS, 3, 1, 5)]
    assert wave_line(2, more) == (
        "wave 2: 1 more example for trial 2, 5 answers to 1 example for trial 3"
    )
    assert wave_line(3, [WaveOrder(CUT, 9, 1, 1)]) == "wave 3: an answer to 1 example"
