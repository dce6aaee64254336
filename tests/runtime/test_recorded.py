"""The configuration of a `best.json` is read without what only scores it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.checks import export
from tune.errors import InputError, StudyError
from tune.fakes.server import Server
from tune.runtime.recorded import Given, best_path, read_config


def test_a_metric_that_lived_in_the_process_that_tuned_is_not_needed(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server, metric=lambda answer, example: 1.0)
    found = read_config(path, Given())
    assert found.config.model == "small"
    assert found.extract("It is Praise.") == "praise"
    assert found.price is not None


def test_a_folder_stands_for_the_file_in_it(server: Server, tmp_path: Path) -> None:
    path = export(tmp_path, server)
    assert best_path(path.parent) == best_path(path) == path


def test_a_verifier_that_only_the_file_names_is_not_imported(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server, n=3, aggregate="best", temperature=1.0)
    record = json.loads(path.read_text())
    with pytest.raises(InputError, match="the verifier lived in the process"):
        read_config(path, Given())
    record["deployment"]["verifier"] = "builtins:len"
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match="--allow-import"):
        read_config(path, Given())
    assert read_config(path, Given(allow_import=True)).verifier is len  # type: ignore[comparison-overlap]
    assert read_config(path, Given(verifier=max)).verifier is max


def test_an_aggregate_that_only_the_file_names_is_not_imported(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server, n=3, aggregate="builtins:max", temperature=1.0)
    with pytest.raises(InputError, match="--allow-import"):
        read_config(path, Given())
    assert read_config(path, Given(allow_import=True)).aggregate is max


def test_a_file_of_another_version_is_refused_in_one_sentence(
    server: Server, tmp_path: Path
) -> None:
    path = export(tmp_path, server)
    record = json.loads(path.read_text())
    del record["deployment"]["prompt"]["turns"]
    path.write_text(json.dumps(record))
    with pytest.raises(StudyError, match="written by another version"):
        read_config(path, Given())
    with pytest.raises(StudyError, match="cannot be read"):
        read_config(tmp_path / "none.json", Given())
