"""What a study found, as text and records: Markdown, HTML, CSV, JSON, and the lines that end a run."""

from tune.report.answer import answer
from tune.report.chart import chart
from tune.report.comparison import comparison_csv, comparison_tex
from tune.report.failing import Confusion, Doubt, Failing, Slice
from tune.report.markdown import markdown
from tune.report.page import page
from tune.report.records import (
    Bought,
    EstimateRow,
    Money,
    PriceLine,
    PromptText,
    Provenance,
    Report,
    ReportConfig,
    TrialRow,
    Uncertain,
    plain_config,
)
from tune.report.results import best_json, result_json
from tune.report.sample import Sample, Unread
from tune.report.spread import PassAtK, RepeatedSplits
from tune.report.summary import summary_html, summary_lines
from tune.report.tables import trial_rows, trials_csv

__all__ = [
    "Bought",
    "Confusion",
    "Doubt",
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
    "Slice",
    "TrialRow",
    "Uncertain",
    "Unread",
    "answer",
    "best_json",
    "chart",
    "comparison_csv",
    "comparison_tex",
    "markdown",
    "page",
    "plain_config",
    "result_json",
    "summary_html",
    "summary_lines",
    "trial_rows",
    "trials_csv",
]
