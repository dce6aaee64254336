"""Ours, as `tune.py` searches by default, and ours with a part taken out."""

from __future__ import annotations

from rivals import METHODS, Method

from tune.racing import STRATEGIES
from tune.search import SEARCHERS

OURS: dict[str, Method] = {"tune": Method("tune", STRATEGIES["halving"], SEARCHERS["random"], None)}
"""The method that all others are held against: the default strategy and searcher, and the endgame."""

ABLATIONS: dict[str, Method] = {}
"""Ours without one of its parts each, by the name of the part."""

EVERY: dict[str, Method] = OURS | METHODS | ABLATIONS
"""Whatever can be run, by name."""
