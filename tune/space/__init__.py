"""The search space: domains, the space itself, and the points and configs that it is made of."""

from tune.space.domain import Choice, Domain, Integers, Uniform, Value, grid_values, parse_domain
from tune.space.point import FREE, Config, Point
from tune.space.space import TABLES, Space, read_toml

__all__ = [
    "FREE",
    "TABLES",
    "Choice",
    "Config",
    "Domain",
    "Integers",
    "Point",
    "Space",
    "Uniform",
    "Value",
    "grid_values",
    "parse_domain",
    "read_toml",
]
