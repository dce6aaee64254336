"""A study's results as Markdown, HTML, CSV and JSON, and the lines that end a run."""

from tune.report.comparison import comparison_csv, comparison_tex
from tune.report.error_analysis import Confusion, DoubtfulLabel, Failing, Slice
from tune.report.frontier_table import frontier_rows
from tune.report.headline import answer
from tune.report.json import best_json, result_json
from tune.report.markdown import markdown
from tune.report.money_records import EstimateRow, Money, PriceLine, Uncertain
from tune.report.page import page_html, pages_html
from tune.report.records import (
    PromptText,
    Provenance,
    Report,
    ReportConfig,
    SearchAnswers,
    TrialRow,
    plain_config,
)
from tune.report.spread import PassAtK, RepeatedSplits
from tune.report.summary import summary_html, summary_lines
from tune.report.trials_table import trial_rows, trials_csv
from tune.report.unread_sample import Sample, Unread

__all__ = [
    "Confusion",
    "DoubtfulLabel",
    "EstimateRow",
    "Failing",
    "Money",
    "PassAtK",
    "PriceLine",
    "PromptText",
    "Provenance",
    "RepeatedSplits",
    "Report",
    "ReportConfig",
    "Sample",
    "SearchAnswers",
    "Slice",
    "TrialRow",
    "Uncertain",
    "Unread",
    "answer",
    "best_json",
    "comparison_csv",
    "comparison_tex",
    "frontier_rows",
    "markdown",
    "page_html",
    "pages_html",
    "plain_config",
    "result_json",
    "summary_html",
    "summary_lines",
    "trial_rows",
    "trials_csv",
]
