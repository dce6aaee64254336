"""Labelled examples: read from a file, the hub or an object in memory, and split by a seed."""

from tune.data.example import Data, Example, to_text
from tune.data.load import TARGET_NAMES, load_data
from tune.data.parts import Split, count_units, split

__all__ = ["TARGET_NAMES", "Data", "Example", "Split", "count_units", "load_data", "split", "to_text"]
