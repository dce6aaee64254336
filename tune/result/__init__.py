"""Build the report of a run: estimates become intervals. Nothing is bought here."""

from tune.result.build import build_report
from tune.result.deploy import deploy
from tune.result.stopped import STOPPED

__all__ = ["STOPPED", "build_report", "deploy"]
