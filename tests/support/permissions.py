"""Rights as anybody but root has them: root may read and write everything, whatever a file's mode
says.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534
"""A user who owns nothing."""


@contextmanager
def as_nobody() -> Iterator[Path]:
    """An empty folder of one's own, and, where that was root, to be nobody for a while.

    The folder is not pytest's, which others may not enter.
    """
    with tempfile.TemporaryDirectory() as place:
        if os.geteuid() != 0:
            yield Path(place)
            return
        os.chown(place, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(place)
        finally:
            os.seteuid(0)
