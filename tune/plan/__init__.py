"""What a user asks for, checked once at the door."""

from tune.plan.making import Plan, make_plan, without
from tune.plan.models import length_names
from tune.plan.options import Options
from tune.plan.searched import LOCAL_MODEL
from tune.plan.shown import sent_lines, sent_record

__all__ = ["LOCAL_MODEL", "Options", "Plan", "length_names", "make_plan", "sent_lines", "sent_record", "without"]
