"""What a run found out, as a report: estimates become intervals, and nothing is bought any more."""

from tune.result.build import STOPPED, build_report, deploy

__all__ = ["STOPPED", "build_report", "deploy"]
