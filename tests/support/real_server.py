"""A real server of another project, started for some tests."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def serving(
    words: Callable[[int], Sequence[str]],
    log: Path,
    environment: Mapping[str, str],
    *,
    seconds: float,
) -> Iterator[str]:
    """Start a server on a free port, wait until it is well, and end it afterwards.

    Args:
        words: returns its command line, from the port.
        log: takes what it says.
        environment: its variables, beside those of this process.
        seconds: that it may take to start.

    Returns:
        The base URL of its chat completions.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("w") as out:
        server = subprocess.Popen(
            words(port), stdout=out, stderr=out, env={**os.environ, **environment}
        )
        try:
            _wait(f"http://127.0.0.1:{port}/health", server, log, seconds)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            server.wait(60)


def _wait(
    address: str, server: subprocess.Popen[bytes], log: Path, seconds: float
) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            with urllib.request.urlopen(address, timeout=5) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(log.read_text()[-2000:])
