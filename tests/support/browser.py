"""A real browser for tests of the page, and what was seen of a page in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def open_browser() -> Iterator[Any]:
    """Start a browser; the test is skipped where there is none."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no browser: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Seen:
    """What happened on a page.

    Attributes:
        requests: addresses that were asked for, the page's own left out.
        errors: messages of the console, and errors of scripts.
        dialogs: texts of alerts.
    """

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        return not (self.requests or self.errors or self.dialogs)


def watch(page: Any, file: Path) -> Seen:
    """Note what happens on a page from now on."""
    seen = Seen()
    own = file.as_uri()

    def asked(request: Any) -> None:
        if request.url.partition("#")[0] != own:
            seen.requests.append(request.url)

    def said(message: Any) -> None:
        if message.type in ("error", "warning"):
            seen.errors.append(message.text)

    def alerted(dialog: Any) -> None:
        seen.dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("request", asked)
    page.on("console", said)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("dialog", alerted)
    return seen
