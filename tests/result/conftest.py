"""The small study as a fixture."""

from tests.support.house import build

__all__ = ["build"]
