"""The last section of `report.md`: all that it takes to get the same numbers again."""

from __future__ import annotations

from tune.report.records import Report
from tune.report.text import fence, inline, table


def provenance_section(report: Report) -> str:
    """Return the table of facts, and the command that shows the result again."""
    source = report.provenance
    version, metric = source.version, source.metric
    # The version of a working copy does not say which code ran.
    if source.commit:
        version += f", commit {source.commit}"
    if not report.larger_is_better:
        metric += ", lower is better"
    # Without a winner on the holdout no look was taken.
    confidence = "95 %"
    if report.winner is not None and report.winner.holdout is not None:
        confidence = _confidence(report)
    packages = []
    for name, version_used in sorted(source.versions.items()):
        packages.append(f"{name} {version_used}")
    examples = (
        f"{source.tuning:,} tuning, {source.holdout:,} holdout, "
        f"{source.shots:,} set aside for prompts"
    )
    facts = {
        "date": source.date,
        "tune": version,
        "data": f"{source.data}, fingerprint {source.fingerprint}",
        "examples": examples,
        "metric": metric,
        "goal": source.goal,
        "search": source.search,
        "seed": str(source.seed),
        "intervals": confidence,
        "versions": ", ".join(packages),
    }
    rows = []
    for name, fact in facts.items():
        if fact:
            rows.append([name, inline(fact, limit=1000)])
    parts = ["## How it was made", table(["", ""], rows)]
    if source.command:
        parts += [
            "The same command shows this result again for $0; with a larger budget it goes on:",
            fence(source.command, "sh"),
        ]
    return "\n\n".join(parts)


def _confidence(report: Report) -> str:
    """Return the confidence of the intervals on the holdout."""
    return (
        "95 % over every look at the holdout together: "
        f"this is look {report.look}, and each of its intervals is "
        f"{100 * report.confidence:.4g} % sure"
    )
