"""The search space: domains, the space itself, and the points and configs that it is made of."""

from tune.space.domain import Choice, Domain, Integers, Uniform, grid_values
from tune.space.domain_spec import parse_domain
from tune.space.point import FREE, Config, Point, settings_of
from tune.space.space import Space
from tune.space.space_spec import TABLES, read_toml
from tune.space.values import Value

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
    "settings_of",
]
