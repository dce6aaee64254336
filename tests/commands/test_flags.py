"""Flags are made from the options."""

from __future__ import annotations

import json
from pathlib import Path

from tune.commands.flags import build_run_parser, given_options
from tune.plan.make import make_plan
from tune.plan.option_fields import GROUPS
from tune.plan.read_options import read_options

ROWS = [{"text": f"ticket {i}", "label": "12"[i % 2]} for i in range(40)]


def given(*flags: str) -> dict[str, object]:
    return given_options(build_run_parser().parse_args(flags))


def test_only_flags_that_are_given_become_options() -> None:
    assert given() == {}
    assert given("--json", "--version") == {}
    assert given("--seed", "3", "--quiet", "--min-gain", "0") == {
        "seed": 3,
        "quiet": True,
        "min_gain": 0.0,
    }


def test_a_repeated_flag_is_a_list() -> None:
    assert given("--model", "a", "--model", "b") == {"model": ["a", "b"]}
    assert given("--price", "a=1/2") == {"price": ["a=1/2"]}


def test_the_help_has_every_group() -> None:
    shown = build_run_parser("tune more", "A purpose.", "The end.").format_help()
    assert all(f"{title}:" in shown for title in GROUPS if title)
    assert shown.startswith("usage: tune more")
    assert "A purpose." in shown
    assert shown.rstrip().endswith("The end.")


def test_models_a_metric_and_free_settings_can_be_said_on_the_command_line(
    tmp_path: Path,
) -> None:
    data, models = tmp_path / "rows.json", tmp_path / "OAI_CONFIG_LIST"
    data.write_text(json.dumps(ROWS))
    models.write_text(json.dumps([{"model": "m", "base_url": "http://127.0.0.1:9/v1"}]))
    flags = [
        "--data",
        str(data),
        "--target",
        "label",
        "--model",
        "m",
        "--price",
        "m=1/2",
    ]
    metric = '{"name": "numeric", "absolute": 0.5}'
    flags += [
        "--models",
        str(models),
        "--metric",
        metric,
        "--free",
        "n",
        "--budget",
        "1",
    ]
    plan = make_plan(read_options(**given(*flags)))
    assert plan.entries["m"].base_url == "http://127.0.0.1:9/v1"
    assert plan.metric.identity == 'numeric({"absolute": 0.5})'
    assert plan.free == ("n",)
    bought = [*flags[:-4], "--free", "none", "--budget", "1"]
    assert make_plan(read_options(**given(*bought))).free == ()
