"""The keywords that a type checker reads are the options."""

from __future__ import annotations

from dataclasses import fields

from tune.plan.keywords import OptionKeywords
from tune.plan.options import Options


def test_keywords_have_the_names_and_the_types_of_the_options() -> None:
    keywords = {
        name: one.__forward_arg__
        for name, one in OptionKeywords.__annotations__.items()
    }
    options = {one.name: one.type for one in fields(Options)}
    own = {"data", "space", "budget"}  # parameters of `tune.tune` themselves
    assert keywords == {name: kind for name, kind in options.items() if name not in own}
