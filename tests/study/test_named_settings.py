"""A study over settings that are tables: searched by name, sent as they are, called again alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tune
from tune.fakes.server import Model, Server
from tune.fakes.world import LabelledWorld

WORLD = LabelledWorld(models={"small": 0.9})
FORM = {"type": "json_object"}
ROUTES = {"cheap": {"provider": {"sort": "price"}}, "usual": {}}
SPACE: dict[str, Any] = {
    "model": ["small"],
    "prompt": {"short": "Label this ticket: {text}"},
    "max_tokens": 16,
    "response_format": {"plain": {}, "json": FORM},
    "extra_body": ROUTES,
}


def tuned(server: Server, folder: Path, **more: Any) -> tune.Study:
    options: dict[str, Any] = {
        "data": WORLD.examples(24),
        "target": "label",
        "space": tune.Space.from_mapping(
            {"space": SPACE, "answer": {"labels": WORLD.labels}}
        ),
        "models": {"small": {"base_url": server.base_url, "price": [0.1, 0.4]}},
        # The winner may be the baseline, so it has names too.
        "baseline": {
            "model": "small",
            "prompt": "short",
            "response_format": "plain",
            "extra_body": "usual",
        },
        "searcher": "grid",
        "trials": 4,
        "budget": 0.02,
        "results": folder,
    }
    return tune.tune(**{**options, **more})


def bodies(server: Server) -> list[dict[str, Any]]:
    return [dict(seen.body) for seen in server.posts]


def test_each_value_is_sent_and_shown_by_name(tmp_path: Path) -> None:
    with Server(models={"small": Model()}, world=WORLD) as server:
        study = tuned(server, tmp_path / "a")
        sent = {
            (json.dumps(body.get("response_format")), json.dumps(body.get("provider")))
            for body in bodies(server)
        }
        forms, routes = ("null", json.dumps(FORM)), ("null", '{"sort": "price"}')
        assert sent == {(form, route) for form in forms for route in routes}
        assert all("extra_body" not in body for body in bodies(server))
        table = study.trials_dataframe()
        assert set(table["response_format"].dropna()) == {"plain", "json"}
        assert set(table["extra_body"].dropna()) == {"cheap", "usual"}
        config = study.best.config
        record = json.loads((tmp_path / "a" / "best.json").read_text("utf-8"))
        assert record["config"]["extra_body"] == config["extra_body"]
        assert (
            record["deployment"]["values"]["extra_body"]
            == ROUTES[str(config["extra_body"])]
        )
        # What was selected is called again with the same fields.
        before = len(server.posts)
        tune.load(tmp_path / "a")(text="My parcel is lost")
        again = bodies(server)[before]
        extra = ROUTES[str(config["extra_body"])]
        assert again.get("provider") == extra.get("provider")
        expected = FORM if config["response_format"] == "json" else None
        assert again.get("response_format") == expected
        # The same order again asks nothing.
        before = len(server.posts)
        assert tuned(server, tmp_path / "a").best.config == config
        assert len(server.posts) == before


def test_a_refused_field_takes_its_value_out_of_the_search(tmp_path: Path) -> None:
    strict = Model(refuses=frozenset({"provider"}))
    with Server(models={"small": strict}, world=WORLD) as server:
        study = tuned(server, tmp_path / "b")
        assert study.best.config["extra_body"] == "usual"
        refused = [seen for seen in server.posts if seen.status == 400]
        # The calls that were under way when the first of them was refused.
        assert 0 < len(refused) <= 16
