"""`report.md`: the answer first, then money, frontier, trials and provenance."""

from __future__ import annotations

from tune.report.comparison_section import comparison_section
from tune.report.error_analysis import failing_section
from tune.report.headline import answer_markdown
from tune.report.money_section import (
    estimate_section,
    money_section,
    prices_section,
)
from tune.report.provenance_section import provenance_section
from tune.report.records import Report
from tune.report.search_section import frontier_section, trials_section, waves_section
from tune.report.spread import pass_at_k_section, repeats_section
from tune.report.text import inline
from tune.report.use_section import use_section
from tune.report.warnings import warning_sentences
from tune.report.wrong_answers import wrong_section


def markdown(report: Report) -> str:
    """Return the whole report as GitHub-flavoured Markdown; text of users and models is escaped."""
    # One screen, so that it fits a pull request: the answer, and what must not be missed.
    shown = [
        f"# {inline(report.headline, limit=300)}",
        answer_markdown(report),
        comparison_section(report),
        _notices(report),
    ]
    # Behind it, folded: the reasons for the answer, then everything needed to check it.
    details = [
        use_section(report),
        wrong_section(report),
        pass_at_k_section(report.pass_at_k),
        repeats_section(report.repeats),
        failing_section(report.failing),
        money_section(report),
        frontier_section(report),
        trials_section(report),
        waves_section(report),
        prices_section(report),
        estimate_section(report),
        provenance_section(report),
    ]
    folded = [_folded(section) for section in details if section]
    return "\n\n".join(filter(None, [*shown, *folded])) + "\n"


def _folded(section: str) -> str:
    """Return a section that is closed until a reader opens it, on GitHub and GitLab alike."""
    title, _, _ = section.removeprefix("## ").partition("\n")
    # The heading stays inside: other programs show Markdown without folding.
    return f"<details>\n<summary>{title}</summary>\n\n{section}\n\n</details>"


def _notices(report: Report) -> str:
    """Return what a reader must not miss, as a list."""
    lines = []
    for sentence in warning_sentences(report):
        lines.append(f"- {inline(sentence, limit=1000)}")
    return "\n".join(lines)
