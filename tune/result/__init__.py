"""Build the report of a run: estimates become intervals. Nothing is bought here."""

from tune.result.build import STOPPED, build_report, deploy

__all__ = ["STOPPED", "build_report", "deploy"]
