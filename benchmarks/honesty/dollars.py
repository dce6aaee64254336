"""Dollars per paid point and example, predicted before a study and paid by it: how often within a
factor of 1.5?

The prediction is `tune.estimate`'s own. A study buys what a search buys, by its sizes: a block for
every point that it begins, twice as much for the third of them that goes on, and so on. A part of
`benchmarks/honesty/`.
"""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.honesty.lengths import World, made_up, replayed
from benchmarks.honesty.section import Claim, Section, tabled
from benchmarks.honesty.tables import Recorded
from tune.completion import Completion, Request
from tune.plan.answer_forecast import forecast_answers
from tune.plan.make import make_plan
from tune.plan.models import length_names
from tune.plan.plan import Plan
from tune.plan.read_options import read_options
from tune.plan.token_counts import likely_tokens, offline_endpoints
from tune.pricing.prices import to_dollars
from tune.search.lattice import Lattice
from tune.search.random_search import spread_points
from tune.space import Point
from tune.store.database import Database
from tune.store.draws import Store
from tune.strategies.blocks import rung_sizes

FACTOR = 1.5
NEAR = 1.1
"""By how much dollars may be beyond a span of lengths: tokens of prompts are counted without a
tokenizer.
"""

POINTS = 12
"""Paid points that a study begins."""

FIRST = 8
"""Paid points of a first block, the first wave of a search."""

NOWHERE = "http://127.0.0.1:9/v1"

CASES = {
    "an earlier study": "lengths learned from an earlier study",
    "a first block": "lengths learned from a first block",
    "stated by model and prompt": "lengths stated by the user for each model and prompt",
    "stated by prompt": "",
    "nothing known": "",
}
"""What is known before, and how claims say it: nothing was promised where it cannot be known."""


class Case(NamedTuple):
    """A paid point of a study: dollars an example.

    Attributes:
        predicted: before the study.
        paid: by the study.
        truth: as they are in the long run.
        span: what they may as well be, as the estimate has it, where lengths were guessed.
    """

    predicted: float
    paid: float
    truth: float
    span: tuple[float, float] | None = None


Drawn = dict[Point, list[Completion]]
"""The draws of a study by paid point, one for each example from the first on."""


def plan_of(world: World, seed: int, **more: Any) -> Plan:
    """Return the plan of a user of this world.

    Without targets, the user has a metric of their own that needs none.
    """
    options: Any = {"base_url": NOWHERE, "price": dict(world.prices), "seed": seed}
    if any(row["target"] for row in world.rows):
        return make_plan(
            read_options(
                data=list(world.rows),
                space=world.space,
                budget=1.0,
                **(options | {"target": "target"} | more),
            )
        )
    rows = [
        {name: cell for name, cell in row.items() if name != "target"}
        for row in world.rows
    ]
    return make_plan(
        read_options(
            data=rows,
            space=world.space,
            budget=1.0,
            **(options | {"target": "", "metric": _ungraded} | more),
        )
    )


def _ungraded(*_: Any) -> float:
    return 0.0


def searched(rng: np.random.Generator, world: World, plan: Plan) -> Drawn:
    """The draws of a study by paid point, in the order in which points are begun."""
    points = list(
        itertools.islice(
            spread_points(Lattice(plan.space, plan.free), plan.seed), POINTS
        )
    )
    sizes = rung_sizes(len(plan.split.tuning))
    going, held = list(range(len(points))), dict.fromkeys(range(len(points)), sizes[0])
    for rung, size in enumerate(sizes[1:]):
        kept = math.ceil(len(going) / (2 if rung else 3))
        going = sorted(rng.permutation(going)[:kept].tolist())
        held |= dict.fromkeys(going, size)
    return {
        point: [world.draw(rng, plan, point, e) for e in range(held[i])]
        for i, point in enumerate(points)
    }


def in_store(world: World, plan: Plan, drawn: Drawn) -> Store:
    """A store that holds these draws."""
    endpoints, store = offline_endpoints(plan.entries), Store(Database(":memory:"))
    for point, draws in drawn.items():
        service = endpoints[str(point["model"])].service
        for position, completion in enumerate(draws):
            request = replace(world.request(plan, point, position), service=service)
            store.put(request, range(1), [completion], study="earlier")
    return store


def predicted(plan: Plan, store: Store | None) -> dict[tuple[str, str], float]:
    """Dollars of one answer to one example, by model and prompt."""
    return {
        (row.model, row.prompt): row.draw
        for row in forecast_answers(plan, offline_endpoints(plan.entries), store)
    }


def spans(plan: Plan) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the range of those dollars by model and prompt, for when nothing is known.

    Nine in ten ranges hold the truth.
    """
    found = {}
    for row in forecast_answers(plan, offline_endpoints(plan.entries), None):
        assert row.output_span is not None
        least, most = (
            plan.prices[row.model].cost(math.ceil(row.prompt_tokens), math.ceil(n))
            for n in row.output_span
        )
        found[row.model, row.prompt] = to_dollars(least), to_dollars(most)
    return found


def stated(
    rng: np.random.Generator, world: World, plan: Plan
) -> tuple[dict[str, float], dict[str, float]]:
    """The lengths that a user states by prompt, right on average over models, and by MODEL/PROMPT.

    Each is right on average over temperatures, give or take a fifth.
    """
    by_prompt: dict[str, list[int]] = {}
    by_both: dict[str, list[int]] = {}
    for point in itertools.islice(spread_points(Lattice(plan.space, plan.free), 0), 60):
        draws = [world.draw(rng, plan, point, e).completion_tokens for e in range(20)]
        both, prompt, *_ = length_names(str(point["model"]), str(point["prompt"]))
        by_prompt.setdefault(prompt, []).extend(draws)
        by_both.setdefault(both, []).extend(draws)

    def about(lengths: Sequence[int]) -> float:
        return max(1.0, float(np.mean(lengths)) * rng.lognormal(0, 0.2))

    first, second = (
        {name: about(lengths) for name, lengths in found.items()}
        for found in (by_prompt, by_both)
    )
    return first, second


def cases(rng: np.random.Generator, world: World, seed: int) -> dict[str, list[Case]]:
    """One study of a world, predicted from what is known in each case."""
    plan, before = plan_of(world, seed), plan_of(world, seed + 10_000)
    drawn = searched(rng, world, plan)
    sizes = rung_sizes(len(plan.split.tuning))
    first = {point: draws[: sizes[0]] for point, draws in list(drawn.items())[:FIRST]}
    later = {
        point: draws[sizes[0] :] if point in first else draws
        for point, draws in drawn.items()
    }
    by_prompt, by_both = (
        plan_of(world, seed, output_tokens=said) for said in stated(rng, world, plan)
    )
    truth = {point: _truth(rng, world, plan, point) for point in drawn}

    def held_against(
        costs: Mapping[tuple[str, str], float],
        bought: Drawn,
        around: Mapping[tuple[str, str], tuple[float, float]] | None = None,
    ) -> list[Case]:
        found = []
        for point, draws in bought.items():
            model, prompt = str(point["model"]), str(point["prompt"])
            if draws:
                paid = float(np.mean([world.cost(model, draw) for draw in draws]))
                found.append(
                    Case(
                        costs[model, prompt],
                        paid,
                        truth[point],
                        around[model, prompt] if around else None,
                    )
                )
        return found

    return {
        "an earlier study": held_against(
            predicted(plan, in_store(world, before, searched(rng, world, before))),
            drawn,
        ),
        "a first block": held_against(
            predicted(plan, in_store(world, plan, first)), later
        ),
        "stated by prompt": held_against(predicted(by_prompt, None), drawn),
        "stated by model and prompt": held_against(predicted(by_both, None), drawn),
        "nothing known": held_against(predicted(plan, None), drawn, spans(plan)),
    }


def _truth(rng: np.random.Generator, world: World, plan: Plan, point: Point) -> float:
    """Dollars of an example in the long run."""
    model = str(point["model"])
    positions = range(len(plan.split.tuning))
    return float(
        np.mean(
            [
                world.cost(model, world.draw(rng, plan, point, e))
                for e in positions
                for _ in range(4)
            ]
        )
    )


# --- whole studies against a server that bills


def whole_studies(count: int) -> dict[str, list[Case]]:
    """Whole runs against the server of `tune/fakes/server.py`, by model and prompt as a report
    has it; then each again, with new rows, another seed and the draws that the first left in its
    store.
    """
    from tune.fakes.faults import Model
    from tune.fakes.server import Server
    from tune.fakes.world import LabelledWorld
    from tune.space import Space
    from tune.tuner import run_study

    found: dict[str, list[Case]] = {"nothing known": [], "an earlier study": []}
    for number in range(count):
        task = LabelledWorld(models={"small": 0.55, "large": 0.8})
        space = Space(
            model=["small", "large"],
            temperature=[0.0, 0.5, 1.0],
            n=[1, 3],
            aggregate=["first", "vote"],
            prompt={
                "short": "Label this ticket: {text}",
                "reasoned": "Think step by step, then label: {text}",
            },
            max_tokens=(32, 64, 128)[number % 3],
            answer={"labels": list(task.labels)},
        )
        models = {"small": Model(0.10, 0.40), "large": Model(1.0, 4.0)}
        with (
            Server(models=models, world=task) as server,
            tempfile.TemporaryDirectory(prefix="honesty-") as folder,
        ):
            for case, seed in (
                ("nothing known", number),
                ("an earlier study", 100 + number),
            ):
                options: Any = {
                    "target": "label",
                    "seed": seed,
                    "base_url": server.base_url,
                    "results": Path(folder) / str(seed),
                    "price": ["small=0.10/0.40", "large=1.0/4.0"],
                    "store": str(Path(folder) / "draws.db"),
                }
                rows = task.examples(100, start=1000 * seed)
                study = run_study(
                    read_options(data=rows, space=space, budget=0.015, **options),
                )
                found[case] += [
                    Case(row.predicted, row.actual, row.actual)
                    for row in study.record.estimate
                ]
    return found


def shares(found: Sequence[Case], of: str = "paid") -> float:
    """Return the share of predictions within the factor of the paid or the true dollars."""
    return float(
        np.mean(
            [
                1 / FACTOR <= case.predicted / getattr(case, of) <= FACTOR
                for case in found
            ]
        )
    )


def tokens_counted() -> list[tuple[str, float]]:
    """For each prompt of the embedded task, tokens as counted without a tokenizer over those of
    SmolLM2's own.
    """
    plan = make_plan(read_options(budget=1.0))
    (endpoint,) = offline_endpoints(plan.entries).values()
    found = []
    for name, prompt in plan.prompts.items():
        asked = [
            Request("", "m", prompt.render(example), 64)
            for example in plan.examples[:60]
        ]
        own = sum(endpoint.most_prompt_tokens(request) for request in asked)
        found.append(
            (name, sum(likely_tokens(request, 10**9) for request in asked) / own)
        )
    return found


def section(
    rng: np.random.Generator, studies: int, tables: Sequence[Recorded]
) -> Section:
    """The claims about the estimate: so many studies of each kind of world."""
    worlds = {
        "recorded": [
            (replayed(table), i)
            for table in tables
            for i in range(-(-studies // len(tables)))
        ]
    }
    for number, kind in enumerate(("labels", "numbers", "texts")):
        worlds[f"made up, {kind}"] = [
            (made_up(seed), seed) for seed in range(number, 3 * studies, 3)
        ]
    found: dict[str, dict[str, list[Case]]] = {}
    for kind, members in worlds.items():
        mine = found[kind] = {case: [] for case in CASES}
        for world, seed in members:
            for case, more in cases(rng, world, seed).items():
                mine[case] += more
    whole = max(2, studies // 10)
    found[WHOLE] = whole_studies(whole)
    count = sum(map(len, worlds.values()))
    prompts = ", ".join(f"{name} {share:.2f}" for name, share in tokens_counted())
    rows = [
        [kind, case, *_cells(mine)]
        for kind, by_case in found.items()
        for case, mine in by_case.items()
    ]
    text = f"""## The estimate, and what was paid

`tune.estimate` against {count} studies of at most {POINTS} paid points, which buy as a search does: a block of each,
twice as much for the third that goes on, then ever the half; a case is a paid point of a study. What is known before:
the draws of an earlier study of the same data and prompts (other examples first, other points); the first block of
the first {FIRST} points, against everything bought later; lengths that the user states, by prompt (right on average
over models) or by model and prompt, either way give or take a fifth; or nothing. Paid: by the study, for as few as
{rung_sizes(60)[0]} examples; truth: in the long run. Recorded tables have the lengths that real models gave, and
words for prompts, as many as the recorded ones had tokens. The made-up worlds are described in
`benchmarks/honesty/lengths.py: made_up`; their prompts and the guess where nothing is known come from one hand, so
that the recorded tables say more about that guess. Its lengths and spans were chosen on 180 other made-up worlds, with
the seeds 1002 to 1181; none of those is on this page. Those are worlds of the same kind, so only the recorded tables
(and the tables of ZeroEval that `tune/plan/output_length.py` names) say that the guess fits other tasks. Whole studies: {whole}, run against the server of the tests, and
{whole} more with new rows that find the draws of those in their store, by model and prompt as their reports have it.

{tabled(HEADS, rows)}

Prompt tokens as counted without a tokenizer, over those that SmolLM2's own counts (its chat template adds about 20 that
nobody sees), by prompt of the embedded task: {prompts}. What the store holds of a model corrects them."""
    return Section(claims(found, count), text, beneath(found))


WHOLE = "whole studies"
HEADS = (
    "world",
    "known",
    "cases",
    f"within {FACTOR} of paid",
    "of the truth",
    "median predicted / paid",
    "5 % to 95 %",
)


def claims(
    found: Mapping[str, Mapping[str, Sequence[Case]]], studies: int
) -> tuple[Claim, ...]:
    """Return the promises: the share of predictions within the factor, and the ranges.

    Predictions are counted by what was known before, and ranges where nothing was known.
    """
    made = []
    for case, text in CASES.items():
        if not text:
            continue
        sources = sources_of(found, case)
        told = counted(sources)
        made.append(
            Claim(
                f"predicted against paid dollars per paid point and example, {studies} studies and "
                f"{text}: within a "
                f"factor of {FACTOR} in at least 90 % of cases: {told}",
                all(shares(mine) >= 0.9 for mine in sources.values()),
            )
        )
    within, widths = spans_held(found)
    if not within:
        return tuple(made)
    held = ", ".join(f"{share:.1%} {name}" for name, share in within.items())
    wide = ", ".join(f"{width:.1f} {name}" for name, width in widths.items())
    return (
        *made,
        Claim(
            "where nothing is known, what was paid lies in the stated span, give or take a tenth, "
            "in at least 90 % "
            f"of cases: {held}",
            min(within.values()) >= 0.9,
        ),
        Claim(
            f"the end of such a span is at most 4 times its beginning in the median: {wide}",
            max(widths.values()) <= 4,
        ),
    )


def spans_held(
    found: Mapping[str, Mapping[str, Sequence[Case]]],
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the share of ranges that hold the paid dollars, by source, and their median width.

    The width is the upper end divided by the lower end.
    """
    spanned = {
        name: [(case, case.span) for case in mine if case.span]
        for name, mine in sources_of(found, "nothing known").items()
    }
    within, widths = {}, {}
    for name, mine in spanned.items():
        if not mine:
            continue
        held = [low / NEAR <= case.paid <= high * NEAR for case, (low, high) in mine]
        within[name] = float(np.mean(held))
        widths[name] = float(np.median([high / low for _, (low, high) in mine]))
    return within, widths


def sources_of(
    found: Mapping[str, Mapping[str, Sequence[Case]]], case: str
) -> dict[str, Sequence[Case]]:
    """The cases of recorded, made-up and whole studies, which are never mixed; those that have none
    are left out.
    """
    sources = {
        "made up": [
            one
            for kind, mine in found.items()
            if kind.startswith("made up")
            for one in mine[case]
        ],
        "recorded": found["recorded"][case],
        WHOLE: found[WHOLE].get(case, []),
    }
    return {name: mine for name, mine in sources.items() if mine}


def counted(sources: Mapping[str, Sequence[Case]]) -> str:
    """Write the shares within the factor, by source."""
    return ", ".join(
        f"{shares(mine):.1%} of {len(mine):,} {name}" for name, mine in sources.items()
    )


def beneath(found: Mapping[str, Mapping[str, Sequence[Case]]]) -> str:
    """Say in plain words what cannot be known before."""
    by_prompt, nothing = (
        sources_of(found, case) for case in ("stated by prompt", "nothing known")
    )
    return (
        "Of dollars nothing is promised where lengths are neither learned nor stated for each "
        "model and prompt. One "
        "length stated for a prompt cannot be right for models that differ (in the made-up worlds "
        "by a deviation of "
        f"0.4 on the log scale): within a factor of {FACTOR} are {counted(by_prompt)}. Where "
        "nothing is known the "
        f"estimate guesses, and is near less often: {counted(nothing)}. It says that it guesses, "
        "and between which "
        f"dollars the truth may as well be. A first block of draws ends the guessing."
    )


def _cells(mine: Sequence[Case]) -> list[str]:
    ratios = np.array([case.predicted / case.paid for case in mine])
    low, middle, high = np.quantile(ratios, [0.05, 0.5, 0.95])
    truth = f"{shares(mine, 'truth'):.1%}"
    return [
        str(len(mine)),
        f"{shares(mine):.1%}",
        truth,
        f"{middle:.2f}",
        f"{low:.2f} to {high:.2f}",
    ]
