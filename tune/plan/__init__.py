"""What a user asks for, checked once at the door."""

from tune.plan.models import length_names
from tune.plan.options import Options
from tune.plan.plan import Plan, make_plan, without_models
from tune.plan.prompt_preview import sent_lines, sent_record
from tune.plan.search_space import LOCAL_MODEL

__all__ = [
    "LOCAL_MODEL",
    "Options",
    "Plan",
    "length_names",
    "make_plan",
    "sent_lines",
    "sent_record",
    "without_models",
]
