"""uv run --all-extras --group dev python -m benchmarks.honesty [--runs 1000] [--only reports analyses]

Question: are the numbers of a report true? It writes results/honesty.md and takes about a quarter of
an hour of one core; with --only it makes some parts of the page alone. No key, no dollar: requests
go to the fake server.

The truth is known in all worlds. Some are made up, others are recorded from real models. The page
has these parts:

- `check.py`: the calls of the test of a check, beside a fixed-size test of equal error rates;
- `reports.py`: coverage and width of a report's 95 % intervals, false "better than the baseline",
  bias;
- `tables.py`: the same on every recorded table, as populations and in held-out halves;
- `analyses.py`: a holdout that is analysed again, by a study that is continued with more money;
- `dollars.py`: predicted dollars beside paid dollars;
- `samples.py`: a check against recorded scores: two samples, and the study's own holdout again;
- `grid.py`: coverage and width on a grid of distributions, beside other methods, also where they
  lose;
- `costs.py`: coverage and width for costs of which a few run on to the cap, beside the least
  possible width.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.command_line import commit, make_parser
from benchmarks.honesty import analyses as honesty_analyses
from benchmarks.honesty import check as honesty_check
from benchmarks.honesty import costs as honesty_costs
from benchmarks.honesty import dollars as honesty_dollars
from benchmarks.honesty import grid as honesty_grid
from benchmarks.honesty import reports as honesty_reports
from benchmarks.honesty import samples as honesty_samples
from benchmarks.honesty import tables as honesty_tables
from benchmarks.honesty.section import Section

ROOT = Path(__file__).parent.parent.parent

PARTS = (
    "check",
    "reports",
    "tables",
    "analyses",
    "dollars",
    "samples",
    "grid",
    "costs",
)


def make(part: str, seed: int, runs: int) -> Section:
    """One part of the page; what it finds hangs on the seed alone, not on the other parts."""
    rng = np.random.default_rng([seed, PARTS.index(part)])
    tables = list(honesty_tables.recorded()) if part in PARTS[2:5] else []
    makers: dict[str, Callable[[], Section]] = {
        "check": lambda: honesty_check.section(rng, runs),
        "reports": lambda: honesty_reports.section(rng, runs),
        "tables": lambda: honesty_tables.section(rng, runs, tables),
        "analyses": lambda: honesty_analyses.section(rng, runs, tables),
        "dollars": lambda: honesty_dollars.section(
            rng, max(2, 6 * runs // 100), tables
        ),
        "samples": lambda: honesty_samples.section(rng, runs),
        "grid": lambda: honesty_grid.section(rng, runs),
        "costs": lambda: honesty_costs.section(rng, runs),
    }
    return makers[part]()


def page(seed: int, runs: int, parts: Sequence[str] = PARTS) -> str:
    """The whole page: every claim with yes or NO, then the parts."""
    began = time.process_time()
    sections = [make(part, seed, runs) for part in parts]
    claims = [claim for section in sections for claim in section.claims]
    beneath = [section.beneath for section in sections if section.beneath]
    listed = "\n".join(
        f"- {'yes' if claim.holds else '**NO**'}: {claim.text}" for claim in claims
    )
    return f"""# Can its answers be believed?

`uv run --all-extras --group dev python -m benchmarks.honesty --runs {runs} --seed {seed}`, {time.strftime("%Y-%m-%d")}, commit
{commit()}, {time.process_time() - began:.0f} s of one core. Prices are made up or stated by a table; no dollar was
spent.

{(chr(10) * 2).join([listed, *beneath, *(section.text for section in sections)])}
"""


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "honesty.md")
    given = parser.parse_args(argv)
    text = page(given.seed, given.runs, given.only)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
