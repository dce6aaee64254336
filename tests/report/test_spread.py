"""The sections on the best of k answers, and on repeated splits."""

from __future__ import annotations

from tests.support.reports import cells
from tune.report import PassAtK, RepeatedSplits
from tune.report.spread import pass_at_k_section, repeats_section
from tune.stats.intervals import Interval


def test_the_best_of_k_answers_is_called_an_oracle() -> None:
    found = [
        PassAtK(1, Interval(0.5, 0.4, 0.6, 1200)),
        PassAtK(4, Interval(0.9, 0.8, 0.95, 9)),
    ]
    section = pass_at_k_section(found)
    assert section.startswith("## pass@k, an oracle")
    assert cells(section)[1:] == [
        ["pass@1", "0.500 (0.400 to 0.600)", "1,200"],
        ["pass@4", "0.900 (0.800 to 0.950)", "9"],
    ]
    assert pass_at_k_section([]) == ""


def test_repeated_splits_have_a_mean_a_deviation_and_the_share_of_the_same_choice() -> (
    None
):
    section = repeats_section(RepeatedSplits(20, 0.8, 0.01, 0.1, 0.02, 0.7))
    assert section == (
        "## Repeated splits\n\n"
        "In 20 random splits of the tuning examples, the configuration was chosen on one half and "
        "judged on the other. Its score is 0.800 on average, with a standard deviation of 0.010. "
        "The difference to the baseline is 0.100 there, with a standard deviation of 0.020. "
        "70% of the splits chose the same one."
    )
    assert repeats_section(None) == ""


def test_a_gain_without_a_deviation_is_not_told() -> None:
    section = repeats_section(RepeatedSplits(2, 0.8, 0.01, 0.1, None, 1.0))
    assert "difference" not in section
