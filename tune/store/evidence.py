"""Evidence that studies leave in the store for later ones: scores by trial, without any text."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from tune.store.database import Database

MOST_STUDIES = 16
"""Studies that are read. Older ones say less, and reading them takes time."""


def put_evidence(db: Database, study: str, evidence: Mapping[str, Any]) -> None:
    """Keep what a study leaves; it takes the place of what the study left before.

    Args:
        db: the store.
        study: the study's id.
        evidence: in JSON's types.
    """
    text = json.dumps(evidence, separators=(",", ":"))
    db.execute(
        "INSERT OR REPLACE INTO evidence VALUES (?, ?)",
        (study, zlib.compress(text.encode())),
    )


def load_evidence(db: Database, besides: str) -> dict[str, dict[str, Any]]:
    """Return what the latest studies left, by study, the latest first.

    Args:
        db: the store.
        besides: the id of a study that is left out.
    """
    rows = db.rows(
        "SELECT study, body FROM evidence WHERE study <> ? ORDER BY rowid DESC LIMIT ?",
        (besides, MOST_STUDIES),
    )
    return {study: json.loads(zlib.decompress(body)) for study, body in rows}


def forget_evidence(db: Database, study: str) -> None:
    """Remove what a study left."""
    db.execute("PRAGMA secure_delete = ON")
    db.execute("DELETE FROM evidence WHERE study = ?", (study,))
