"""uv run --all-extras --group dev python -m benchmarks.readout [--examples 60] [--runs 16]

Question: what does it save to buy draws once and read them many times, and are the readings right?
It writes results/readout.md and takes about twenty minutes on two slow cores. Most of that is the
local model; its draws are kept in results/draws.db, so the second run takes seven minutes. No key,
no dollar.

It evaluates a grid of n in 1..9, six max_tokens and two aggregates in two ways: read off nine draws
at the largest max_tokens, and read off nine draws bought anew at each max_tokens. It does so with
the local model on the embedded reviews, and with a recorded table.

Then the default strategy and searcher search replayed worlds for equal dollars, with readings and
with every dimension paid. The true score of every config is known there. All of it is seeded.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.command_line import commit, make_parser
from benchmarks.readout.grids import AGGREGATES, NS, Grid, Task, evaluate
from benchmarks.worlds.races import Result, races
from benchmarks.worlds.replay import Cell, ReplayEndpoint, sentiment
from tune.completion import Request
from tune.pricing.amounts import dollars
from tune.pricing.prices import PICODOLLARS
from tune.providers.capabilities import Capabilities
from tune.providers.entries import Entry
from tune.providers.local.endpoint import NOTIONAL_PRICE, LocalEndpoint
from tune.providers.stack import StackContext, build_stack
from tune.report.text import table
from tune.space import read_toml
from tune.stats.student_t import t_quantile
from tune.store.database import Database
from tune.store.draws import Store
from tune.store.ledger import Ledger
from tune.task.example import Example
from tune.task.extract import parse_extractor
from tune.task.load import load_data
from tune.task.prompt_spec import parse_prompt
from tune.task.split import split

REVIEWS = Path(__file__).parent.parent.parent / "tune" / "task" / "reviews"
LOCAL_CAPS = {"reason_4": (15, 20, 25, 30, 35, 40)}
TABLE_CAPS = {10: (2, 4, 5, 6, 8, 10), 60: (10, 20, 30, 40, 50, 60)}


# --- the two sources


async def local_grids(
    count: int, seed: int, store: str, temperature: float
) -> list[Grid]:
    """The local model on the embedded reviews; its draws are kept, so that they are made once."""
    record = read_toml(REVIEWS / "space.toml")
    data = load_data(REVIEWS / "reviews.csv", target="label", fields=["text"])
    examples = split(data, holdout=0.4, shots=0, seed=seed).tuning[:count]
    endpoint = LocalEndpoint("local:smollm2")
    await endpoint.preflight()
    db = Database(store)
    try:
        context = StackContext(
            Store(db),
            Ledger(db, "benchmark-readout", 1000 * PICODOLLARS),
            Capabilities(),
            concurrency=64,
        )
        service = build_stack(
            Entry("m", "local:smollm2"), endpoint, NOTIONAL_PRICE, context
        )
        grids = []
        for name, caps in LOCAL_CAPS.items():
            prompt = parse_prompt(name, record["space"]["prompt"][name])
            stop = (record["when"][name]["stop"],)

            def request(position: int, cap: int, prompt=prompt, stop=stop) -> Request:  # type: ignore[no-untyped-def]
                settings = (("temperature", temperature),)
                return Request(
                    service.id,
                    "local:smollm2",
                    prompt.render(examples[position]),
                    cap,
                    stop,
                    settings,
                )

            title = (
                f"local:smollm2, prompt {name}, temperature {temperature:g}, {len(examples)} "
                "examples"
            )
            extract = parse_extractor(record["answer"])
            grids.append(
                await evaluate(
                    Task(
                        title,
                        service.provider,
                        request,
                        examples,
                        NOTIONAL_PRICE,
                        extract,
                        caps,
                    )
                )
            )
        return grids
    finally:
        await endpoint.close()
        db.close()


async def table_grids(seeds: Sequence[int]) -> list[Grid]:
    """The recorded table: every prompt and temperature with a cap that leaves room for six, with
    several seeds.
    """
    recorded = sentiment()
    examples = [
        Example(str(i), {}, target, {}) for i, target in enumerate(recorded.targets)
    ]
    extract = parse_extractor({"labels": recorded.labels})
    grids = []
    for seed, (cell, cap) in itertools.product(seeds, recorded.caps.items()):
        if cap not in TABLE_CAPS or cell.temperature == 0:
            continue
        endpoint = ReplayEndpoint(recorded, seed)

        def request(
            position: int, cap: int, cell: Cell = cell, service: str = endpoint.service
        ) -> Request:
            return Request(
                service,
                cell.model,
                f"{cell.prompt} {position}",
                cap,
                settings=(("temperature", cell.temperature),),
            )

        name = f"{cell.model}, {cell.prompt}, temperature {cell.temperature:g}"
        price = recorded.prices[cell.model]
        grids.append(
            await evaluate(
                Task(name, endpoint, request, examples, price, extract, TABLE_CAPS[cap])
            )
        )
    return grids


# --- the result


def grid_table(grids: Sequence[Grid]) -> str:
    """A row for each name, several seeds together."""
    header = [
        "grid",
        "max_tokens",
        "read",
        "bought",
        "times fewer",
        "with caps that double",
        "agree",
        "mean difference",
        "mean size of it",
        "mean standard error",
    ]
    rows = []
    for name, same in itertools.groupby(
        sorted(grids, key=lambda g: g.name), key=lambda g: g.name
    ):
        group = list(same)
        cells, agreeing = sum(g.cells for g in group), sum(g.agreeing for g in group)
        read_dollars, paid = (
            float(np.mean([getattr(g, f) for g in group]))
            for f in ("read_dollars", "paid_dollars")
        )
        rows.append(
            [
                name,
                ", ".join(map(str, group[0].caps)),
                dollars(read_dollars),
                dollars(paid),
                f"{paid / read_dollars:.1f}",
                f"{np.mean([g.doubling for g in group]):.1f}",
                f"{agreeing} of {cells} ({agreeing / cells:.1%})",
                *(f"{np.mean([getattr(g, f) for g in group]):+.4f}" for f in ("bias",)),
                *(
                    f"{np.mean([getattr(g, f) for g in group]):.4f}"
                    for f in ("gap", "spread")
                ),
            ]
        )
    return table(header, rows)


def race_table(results: Sequence[Result]) -> str:
    """Regrets by world and budget, and how often there is a difference."""
    rows, better, worse = [], 0, 0
    for world, units in sorted({(r.world, r.units) for r in results}):
        same = [r for r in results if (r.world, r.units) == (world, units)]
        ours, theirs = (
            np.array([r.regret for r in same if r.free is free])
            for free in (True, False)
        )
        gain = theirs - ours
        error = (
            float(gain.std(ddof=1))
            / math.sqrt(len(gain))
            * t_quantile(0.975, len(gain) - 1)
        )
        better += gain.mean() - error > 0
        worse += gain.mean() + error < 0
        budget = f"{units:g} ({dollars(float(np.mean([r.dollars for r in same])))})"
        difference = f"{gain.mean():+.3f} ({gain.mean() - error:+.3f} to {gain.mean() + error:+.3f})"
        rows.append(
            [
                world,
                budget,
                str(len(gain)),
                median_with_limits(ours),
                median_with_limits(theirs),
                difference,
            ]
        )
    header = [
        "world",
        "budget in units",
        "runs",
        "median regret, read",
        "median regret, all paid",
        "paid less read, mean",
    ]
    verdict = (
        f"Of {len(rows)} rows, the interval of the mean difference is above zero (reading is "
        f"better) in {better}, "
        f"below it (paying for everything is better) in {worse}; in the others these runs show no "
        "difference."
    )
    return f"{table(header, rows)}\n\n{verdict}"


def median_with_limits(values: np.ndarray) -> str:
    """The median with a 95 % interval from order statistics, which assumes nothing of the
    distribution.
    """
    ordered, count = np.sort(values), len(values)
    below = np.cumsum([math.comb(count, k) / 2**count for k in range(count + 1)])
    rank = int(
        np.searchsorted(below, 0.025)
    )  # the largest rank whose tail is still below 2.5 %
    low, high = ordered[max(0, rank - 1)], ordered[min(count - 1, count - rank)]
    return f"{np.median(values):.3f} ({low:.3f} to {high:.3f})"


def write_result(
    path: Path,
    local: list[Grid],
    replayed: list[Grid],
    raced: list[Result],
    facts: dict[str, str],
) -> None:
    """Everything as Markdown."""
    fewest = min(
        (g.paid_dollars / g.read_dollars for g in [*local, *replayed]), default=math.nan
    )
    doubling = min((g.doubling for g in [*local, *replayed]), default=math.nan)
    agreed = {
        name: _share(grids)
        for name, grids in (("local model", local), ("recorded table", replayed))
    }
    lines = [
        "# Buying draws once and reading them many times",
        f"Every grid of {len(NS)} n x 6 evenly spread max_tokens x {len(AGGREGATES)} aggregates "
        "cost at least "
        f"{fewest:.1f} times fewer dollars read than bought; had each max_tokens been half the "
        f"next, {doubling:.1f} "
        f"times. Estimates that agree within their 95 % intervals: "
        + ", ".join(f"{share} on the {name}" for name, share in agreed.items())
        + ".",
        table(["", ""], [[name, value] for name, value in facts.items()]),
        "## A grid by reading and by buying",
        "Read: nine draws of each example at the largest max_tokens. Bought: nine draws at each of "
        "the six, shared "
        "over n and aggregates, so what is saved is the paying for max_tokens alone. Both pay the "
        "prompt once a call "
        "of nine. How much is saved depends on the grid: with evenly spread caps and answers as "
        "long as the largest, "
        "it is the sum of the caps over the largest, more where answers end earlier or prompts are "
        "long; `with caps "
        "that double` is what the same draws would save where each cap is half the next. The draws "
        "bought for the "
        "largest max_tokens are fresh ones, so those estimates are compared as well. A quality "
        "agrees if the mean of "
        "the differences, paired by example, is within its 95 % interval of zero; with right "
        "intervals 95 % would, "
        "though one grid's are far from independent (they share their draws). One answer by vote "
        "is one answer, and "
        "first looks at one answer at any n, so the 108 configs have 54 distinct qualities.",
        "### The local model",
        grid_table(local) if local else "Not run.",
        "### The recorded table, replayed",
        "The world is the table: each example's answers are its eight recorded draws, drawn with "
        "replacement, anew "
        "for each max_tokens, with five seeds. The table has token counts but no texts, so the "
        "label is taken to be "
        "the last token said: a draw longer than the cap loses its answer. That is an assumption "
        "about the world, "
        "the same for both sides, and the texts go through the real cutting and extraction.",
        grid_table(replayed),
        "## The same search for equal dollars",
        "The default strategy, searcher and final comparison, once with n, max_tokens, stop and aggregate "
        "read off, once with "
        "all of them paid; in both, trials that send the same request share its draws, so for "
        "all-paid too a new n "
        "or aggregate pays only for the draws it lacks. Regret: how far the worth of the frozen "
        "choice is below that "
        "of the best config of the space, both exact for the examples searched on. A unit is one "
        "draw of the average "
        "point at its largest max_tokens for each of 120 examples. Medians with 95 % intervals; "
        "the last column "
        "pairs the runs of a seed. `thinking` is made up (three worlds in turn), see `thinking` in "
        "benchmarks/worlds/replay.py; `sst2-two-models` is the recorded table, of which all 120 "
        "examples are searched on.",
        race_table(raced),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")


def _share(grids: Sequence[Grid]) -> str:
    return (
        f"{sum(g.agreeing for g in grids) / sum(g.cells for g in grids):.1%}"
        if grids
        else "(not run)"
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--examples", type=int, default=60, help="for the local model; 0 leaves it out"
    )
    parser.add_argument(
        "--temperature", type=float, default=0.8, help="of the local model"
    )
    parser.add_argument(
        "--runs", type=int, default=16, help="searches for each world, budget and way"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--store",
        default="results/draws.db",
        help="where the local model's draws are kept",
    )
    parser.add_argument(
        "--commit", default=None, help="what to write as the commit; default: ask git"
    )
    parser.add_argument("--out", type=Path, default=Path("results/readout.md"))
    given = parser.parse_args(argv)
    began = time.monotonic()
    local = []
    if given.examples:
        Path(given.store).parent.mkdir(parents=True, exist_ok=True)
        local = asyncio.run(
            local_grids(given.examples, given.seed, given.store, given.temperature)
        )
        print(grid_table(local), flush=True)
    replayed = asyncio.run(table_grids(range(given.seed, given.seed + 5)))
    print(grid_table(replayed), flush=True)
    raced = list(races(given.runs, given.seed)) if given.runs else []
    print(race_table(raced), flush=True)
    own = f"local model {NOTIONAL_PRICE.input:g} in, {NOTIONAL_PRICE.output:g} out (notional)"
    prices = (
        f"{own}; table and worlds as in benchmarks/worlds/replay.py; per million tokens"
    )
    facts = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit, seed": f"{given.commit or commit()}, {given.seed}",
        "prices": prices,
        "reading one grid": f"{np.median([g.seconds for g in [*local, *replayed]]):.2f} s of one "
        "core (108 configs)",
        "all of it took": f"{time.monotonic() - began:.0f} s",
    }
    write_result(given.out, local, replayed, raced, facts)
    print(f"wrote {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
