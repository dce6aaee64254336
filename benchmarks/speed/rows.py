"""Processor time and memory of a study by the number of rows of its data set.

Each size runs in a process of its own, because a process never gives its largest memory back.
Reading the file alone is measured the same way, and subtracted.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.server import MODEL, fast_server

FORMATS = ("jsonl", "arrow")
SIZES = (1_000, 20_000, 100_000, 1_000_000)

_WORDS = ("good", "bad", "fine", "poor", "great", "late", "cheap", "kind")
_BUDGET = 0.02


@dataclass(frozen=True)
class Cost:
    """The cost of one process.

    Attributes:
        busy: seconds of processor time.
        megabytes: its largest memory.
    """

    busy: float
    megabytes: float


def write_rows(path: Path, rows: int) -> None:
    """Write a data set of short reviews, one JSON object a line."""
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            text = " ".join(rng.choice(_WORDS) for _ in range(12))
            row = {"text": f"{number} {text}", "label": rng.choice(("yes", "no"))}
            file.write(json.dumps(row) + "\n")


def to_arrow(source: Path, folder: Path) -> None:
    """Write the same rows as `datasets` keeps them on disk."""
    from datasets import load_dataset

    rows = load_dataset(
        "json", data_files=str(source), split="train", cache_dir=str(folder / "cache")
    )
    rows.save_to_disk(str(folder / "arrow"))


def _cost() -> Cost:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Cost(used.ru_utime + used.ru_stime, most_megabytes())


def most_megabytes() -> float:
    """Return the most memory that this program held.

    `ru_maxrss` would not do: it keeps the size of the process that started this one.
    """
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            # In kilobytes.
            return int(line.split()[1]) / 1024
    raise OSError("this system does not say how much memory a process held")


def run_study(data: Path, url: str) -> None:
    """Run a study of at most a few hundred calls on a data set."""
    import tune

    rows: object = data
    if data.is_dir():
        from datasets import load_from_disk

        rows = load_from_disk(str(data))
    space = tune.Space(
        model=MODEL,
        prompt={"short": "Yes or no: {text}", "asked": "Is it good? {text}"},
        temperature=tune.Uniform(0, 1.2, 0.4),
        max_tokens=16,
    )
    with tempfile.TemporaryDirectory(prefix="rows-") as folder:
        tune.tune(
            rows,
            space,
            target="label",
            budget=_BUDGET,
            price={MODEL: (0.5, 2.0)},
            base_url=url,
            results=folder,
            keep_going=True,
            quiet=True,
        )


def read_alone(data: Path) -> None:
    """Read every row of a file, as the study must."""
    if data.is_dir():
        from datasets import load_from_disk

        load_from_disk(str(data))
        return
    with data.open(encoding="utf-8") as file:
        for line in file:
            json.loads(line)


def in_own_process(*arguments: str) -> Cost:
    command = [sys.executable, "-m", "benchmarks.speed.rows", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def lines(sizes: tuple[int, ...] = SIZES) -> list[str]:
    """Measure every size in both formats, and return the table."""
    found = [
        "A study of the same few hundred calls, on data sets of different sizes.",
        "The processor time of reading the file alone is subtracted; its memory is not.",
        "The ratios compare with the smallest data set of the same format.",
        "",
        "| format | rows | study, s of processor time | reading alone, s | ratio "
        "| memory, MB | ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    with tempfile.TemporaryDirectory(prefix="rows-") as place, fast_server() as url:
        for kind in FORMATS:
            first: tuple[float, float] | None = None
            for size in sizes:
                data = _data(Path(place), kind, size)
                alone = in_own_process("read", str(data))
                study = in_own_process("study", str(data), url)
                busy = study.busy - (alone.busy if kind == "jsonl" else 0.0)
                first = first or (busy, study.megabytes)
                found.append(
                    f"| {kind} | {size:,} | {busy:.1f} | {alone.busy:.1f} "
                    f"| {busy / first[0]:.2f} | {study.megabytes:,.0f} "
                    f"| {study.megabytes / first[1]:.2f} |"
                )
    return found


def _data(place: Path, kind: str, size: int) -> Path:
    """Return a data set of this size, written where it is not there yet."""
    source = place / f"{size}.jsonl"
    if not source.exists():
        write_rows(source, size)
    if kind == "jsonl":
        return source
    folder = place / str(size)
    folder.mkdir()
    to_arrow(source, folder)
    return folder / "arrow"


def main() -> None:
    """Measure one process; the parts of the page call it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("read", "study"))
    parser.add_argument("data", type=Path)
    parser.add_argument("url", nargs="?", default="")
    given = parser.parse_args()
    if given.what == "read":
        read_alone(given.data)
    else:
        run_study(given.data, given.url)
    cost = _cost()
    print(json.dumps([cost.busy, cost.megabytes]))


if __name__ == "__main__":
    main()
