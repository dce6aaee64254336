"""The space that is searched, and what of it is read off draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.order import SPACE, order
from tune.errors import InputError, SpaceError
from tune.plan.read_options import read_options
from tune.plan.search_space import (
    EMBEDDED,
    LOCAL_MODEL,
    free_dimensions,
    read_space,
    space_record,
    template_fields,
)
from tune.space import FREE, Space
from tune.task.metrics import Judge, parse_metric


def test_a_space_is_a_file_a_mapping_an_object_or_the_embedded_one(
    tmp_path: Path,
) -> None:
    file = tmp_path / "space.toml"
    file.write_text('[space]\nmodel = ["m"]\n')
    assert space_record([], str(file)) == ({"space": {"model": ["m"]}}, tmp_path)
    assert space_record([], {"space": {}}) == ({"space": {}}, Path())
    record, _ = space_record([], Space.from_mapping({"space": SPACE}))
    assert record is not None
    assert record["space"]["model"] == ["small", "large"]
    assert space_record(None, None)[1] == EMBEDDED
    assert space_record([], None) == (None, Path())


def test_the_columns_of_all_templates_are_found() -> None:
    record = {"space": {"prompt": {"a": "{text}", "b": "{title}: {text}"}}}
    assert template_fields(record, Path()) == {"text", "title"}
    assert template_fields({"space": {"prompt": "{text}"}}, Path()) == {"text"}
    assert template_fields(None, Path()) == frozenset()


def test_a_space_without_a_model_has_the_local_one() -> None:
    table = {name: value for name, value in SPACE.items() if name != "model"}
    assert read_space({"space": table}).models == (LOCAL_MODEL,)


def test_a_metric_limits_what_is_read_off_draws() -> None:
    def free(metric: Any, **given: Any) -> tuple[str, ...]:
        return free_dimensions(read_options(**given), parse_metric(metric))

    assert free("exact_match") == FREE
    assert free("exact_match", free="none") == ()
    assert free("exact_match", free=["n"]) == ("n",)
    assert free(Judge(model="m")) == tuple(
        n for n in FREE if n not in ("max_tokens", "stop")
    )
    with pytest.raises(InputError, match="can be read off draws"):
        free("exact_match", free="temperature")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["all"], "hands back every answer"),
        (["best"], "needs a verifier"),
        (["any"], "the oracle"),
        (["loudest"], "loudest"),
    ],
)
def test_an_aggregate_that_cannot_be_deployed_is_refused(
    names: list[str], words: str
) -> None:
    with pytest.raises(SpaceError, match=words):
        order(space={"aggregate": names})
