"""The facts that another person needs to get the same numbers."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tune.plan.plan import Plan
from tune.pricing.amounts import stated_dollars
from tune.report import Provenance
from tune.safety.redact import scrub_message
from tune.study.record import RunRecord

CHECKOUT = Path(__file__).parents[2]
"""The folder that holds the package: a git checkout where tune is run from one."""

# SHA-1, or SHA-256 in new repositories.
_HASH = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")

# The packages that the numbers of a search depend on. The others only read and write.
_PACKAGES = ("numpy", "aiohttp", "flaml", "optuna", "openvino-genai", "genai-prices")


def study_provenance(record: RunRecord) -> Provenance:
    """Return when, from what and with what the numbers of a run were made."""
    plan = record.plan
    return Provenance(
        # UTC, so that reports from two places can be put in order.
        date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        version=version("tune-llm"),
        seed=plan.seed,
        data=plan.data.name,
        fingerprint=plan.data.fingerprint,
        tuning=len(plan.split.tuning),
        holdout=len(plan.split.holdout),
        shots=len(plan.split.shots),
        metric=plan.metric.name,
        goal=goal_in_words(plan),
        search=f"{plan.identity['searcher']}, {plan.identity['strategy']}",
        command=command_line(sys.argv),
        versions=_versions(),
        commit=checkout_commit(CHECKOUT),
    )


def checkout_commit(folder: Path) -> str:
    """Return the commit that a git checkout is at, in 12 digits; "" if the folder is none.

    The files of git are read: git itself may be missing, or may refuse a folder of another user.
    """
    git = folder / ".git"
    try:
        # A worktree has a file here that names its folder.
        if git.is_file():
            git = folder / git.read_text("utf-8").removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text("utf-8").strip()
        if head.startswith("ref: "):
            head = _commit_of(git, head.removeprefix("ref: "))
    except (OSError, UnicodeDecodeError):
        return ""
    return head[:12] if _HASH.fullmatch(head) else ""


def _commit_of(git: Path, ref: str) -> str:
    """Return the commit of a branch; "" if it has none."""
    # The branches of a worktree are in the folder that all worktrees share.
    shared = git
    if (git / "commondir").is_file():
        shared = git / (git / "commondir").read_text("utf-8").strip()
    if (shared / ref).is_file():
        return (shared / ref).read_text("utf-8").strip()
    packed = shared / "packed-refs"
    if packed.is_file():
        for line in packed.read_text("utf-8").splitlines():
            commit, _, name = line.partition(" ")
            if name == ref:
                return commit
    return ""


def command_line(argv: Sequence[str]) -> str:
    """Return the command of this process, without secrets; "" if it is not one of ours.

    A user's own program may be called by anything, so its arguments say nothing about the study.
    """
    program = Path(argv[0]) if argv else Path()
    if program.name == "__main__.py" and program.parent.name == "tune":
        words = ["python", "-m", "tune"]
    elif program.name == "tune.py":
        words = ["python", "tune.py"]
    elif program.name == "tune":
        words = ["tune"]
    else:
        return ""
    return scrub_message(shlex.join([*words, *argv[1:]]))


def goal_in_words(plan: Plan) -> str:
    """Return the goal of a study with its limits, as a title of a report."""
    # If every price is 0, seconds are compared and not dollars.
    cheapest, cost = "the cheapest", "cost"
    if plan.unbilled:
        cheapest, cost = "the fastest", "speed"
    goal = "best quality"
    if plan.goal == "frontier":
        goal = f"the best quality at every {cost}"
    if plan.min_quality is not None:
        bound = "at least" if plan.metric.larger_is_better else "at most"
        goal = f"{cheapest} with a score of {bound} {plan.min_quality:g}"
    elif plan.margin is not None:
        goal = f"{cheapest} that is not worse than the baseline by more than {plan.margin:g}"
    if plan.max_cost is not None:
        goal += f" under {stated_dollars(plan.max_cost)} per request"
    if plan.max_seconds is not None:
        goal += f" within {plan.max_seconds:g} s per request"
    return goal


def _versions() -> dict[str, str]:
    """Return the version of each package that is installed; most are optional."""
    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
