"""The options of a run, in one place: default, type and one sentence for each.

Everything else is made from `Options`: the flags and their help (`tune/commands/flags.py`), the
keywords and the help of `tune.tune`, the identity of a study, and the table in the documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tune.plan.option_fields import option
from tune.space import FREE

if TYPE_CHECKING:
    from tune.pricing.prices import Price
    from tune.space import Space
    from tune.task.metrics import Metric

UNBILLED_SECONDS = 900.0
"""The time limit in seconds where every price is 0 and the user states none."""

STRATEGY_FOR_GOAL = {
    "quality": "knowledge_gradient",
    "cheapest": "halving",
    "frontier": "knowledge_gradient",
}
"""The strategy for each goal where the user names none."""

WARM_STRATEGY = "knowledge_gradient"
"""The strategy of ours that learns from earlier studies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of a run: the keywords of `tune.tune`, and, with dashes, the flags of `tune`.

    `read_options` makes one from what a user gives, and checks it.
    """

    # --- money
    budget: float | None = option(
        None,
        "Dollars that are never exceeded: retries, judges and the holdout included. Not needed "
        "where every price is 0.",
        group="",
        metavar="USD",
        parse=float,
    )

    # --- the task
    data: Any = option(
        None,
        "Labelled examples: a jsonl, json, csv, tsv or parquet file, or hf:org/name:split; in "
        "Python also a table or a list of rows. The default is the embedded product reviews.",
        group="the task",
        metavar="FILE",
        identity=("data",),
    )
    input: Sequence[str] | str = option(
        (),
        "A column that fills the templates. The default is every column that a template names.",
        group="the task",
        metavar="COL",
        repeats=True,
        identity=("input",),
    )
    target: str | None = option(
        None,
        "The column with the wanted answer.",
        group="the task",
        metavar="COL",
        identity=("data",),
    )
    metric: str | Mapping[str, Any] | Callable[..., Any] | Metric | None = option(
        None,
        "The score of an answer: a name (exact_match, contains, numeric, ...), a JSON object with "
        "the name and its settings, or module:attribute; in Python also a callable (answer, "
        "example). The default suits the targets.",
        group="the task",
        metavar="NAME",
        identity=("metric",),
    )
    allow_code: bool = option(
        False,
        "Let the metric run code that models write, in a process of its own with limits.",
        group="the task",
    )
    # The share counts where no column splits the examples.
    holdout: float = option(
        0.4,
        "The share of the examples that is held back for the final check.",
        group="the task",
        metavar="SHARE",
        parse=float,
        identity=("holdout",),
    )
    split: str | None = option(
        None,
        "A column that splits the examples instead: train or tuning, test or holdout, shots (for "
        "few-shot prompts).",
        group="the task",
        metavar="COL",
        identity=("holdout",),
    )
    group: str | None = option(
        None,
        "A column: rows with the same value stay on one side of the split and count as one "
        "observation.",
        group="the task",
        metavar="COL",
        identity=("group",),
    )
    by: Sequence[str] | str = option(
        (),
        "A column: the report shows the quality for each of its values.",
        group="the task",
        metavar="COL",
        repeats=True,
    )

    # --- what is searched
    space: Space | Mapping[str, Any] | str | Path | None = option(
        None,
        "The search space: a TOML file; in Python also a Space or a mapping. The default is made "
        "from the data.",
        group="what is searched",
        metavar="FILE",
        identity=(
            "space",
            "prompts",
            "answer",
            "models",
            "prices",
            "metric",
            "baseline",
        ),
    )
    model: Sequence[str] | str = option(
        (),
        "A model to search over, instead of those of the space.",
        group="what is searched",
        metavar="NAME",
        repeats=True,
        identity=("space", "models", "prices", "baseline"),
    )
    # Text that begins with a brace or a bracket is JSON; other text is a variable or a file.
    models: Mapping[str, Any] | Sequence[Any] | str | Path | None = option(
        None,
        "Where models are: a JSON file, an environment variable or JSON text, {NAME: {model, "
        "base_url, key_env, price, ...}} or a list as in OAI_CONFIG_LIST.",
        group="what is searched",
        metavar="FILE|VARIABLE|JSON",
        identity=("space", "models", "prices", "baseline"),
    )
    filter_dict: Mapping[str, Any] | str | None = option(
        None,
        "The entries of such a list that count, as in AutoGen: a JSON object of fields and their "
        'allowed values, such as {"tags": ["tune"]}.',
        group="what is searched",
        metavar="JSON",
        identity=("space", "models", "prices", "baseline"),
    )
    base_url: str | None = option(
        None,
        "An OpenAI-compatible endpoint, for models without an entry of their own.",
        group="what is searched",
        metavar="URL",
        identity=("models",),
    )
    key_env: str | None = option(
        None,
        "The environment variable with the key of these models. The default is OPENAI_API_KEY, "
        "which is sent only to OpenAI (or the host of OPENAI_BASE_URL) and to this machine.",
        group="what is searched",
        metavar="NAME",
    )
    allow_http: bool = option(
        False,
        "Let a key travel unencrypted outside private networks.",
        group="what is searched",
    )
    price: Mapping[str, Any] | Sequence[str] | Price | str | None = option(
        None,
        "Dollars per million tokens of the prompt and of the answer; +FEE adds dollars per "
        "request, and ',confirmed' accepts a price far below the published one.",
        group="what is searched",
        metavar="MODEL=IN/OUT",
        repeats=True,
        identity=("prices",),
    )
    output_tokens: Mapping[str, float] | Sequence[str] | float | str | None = option(
        None,
        "The expected length of answers in tokens, for the estimate: of a prompt, a model or "
        "MODEL/PROMPT, or of all.",
        group="what is searched",
        metavar="[NAME=]N",
        repeats=True,
    )
    max_cost_per_request: float | None = option(
        None,
        "The most dollars that one request may cost in production.",
        group="what is searched",
        metavar="USD",
        parse=float,
        identity=("max_cost_per_request",),
    )
    max_seconds_per_request: float | None = option(
        None,
        "The most seconds that one request may take in production.",
        group="what is searched",
        metavar="S",
        parse=float,
        identity=("max_seconds_per_request",),
    )
    goal: str = option(
        "quality",
        "What to look for: quality (the best within the limits), cheapest (the cheapest that is "
        "good enough) or frontier (the best at every cost).",
        group="what is searched",
        metavar="{quality,cheapest,frontier}",
        identity=("goal", "strategy"),
    )
    min_quality: float | None = option(
        None,
        "For the goal cheapest: a score that is good enough.",
        group="what is searched",
        metavar="Q",
        parse=float,
        identity=("min_quality",),
    )
    margin: float | None = option(
        None,
        "For the goal cheapest: how far the score may lie below the baseline's.",
        group="what is searched",
        metavar="M",
        parse=float,
        identity=("margin",),
    )
    baseline: Mapping[str, Any] | str | Path | None = option(
        None,
        "The configuration that you use today: a JSON file or JSON text. The default is the first "
        "model with the shortest template.",
        group="what is searched",
        metavar="FILE|JSON",
        identity=("baseline",),
    )
    searcher: str | Callable[..., Any] = option(
        "random",
        "Proposes configurations: random, grid, blendsearch, cfo, tpe, nsga2, gp or "
        "module:attribute.",
        group="what is searched",
        metavar="NAME",
        identity=("searcher",),
    )
    # None stands for the strategy that suits the goal; `make_plan` looks it up.
    strategy: str | Callable[..., Any] | None = option(
        None,
        "Decides what to buy next: knowledge_gradient, halving, full or module:attribute. "
        f"The default is {STRATEGY_FOR_GOAL['quality']}, or {STRATEGY_FOR_GOAL['cheapest']} for "
        "the goal cheapest.",
        group="what is searched",
        metavar="NAME",
        identity=("strategy",),
    )
    free: Sequence[str] | str = option(
        FREE,
        "A setting whose values are all read from the same answers, so that trying them costs "
        "nothing; none buys every value.",
        group="what is searched",
        metavar="NAME",
        repeats=True,
        identity=("free",),
    )
    verifier: str | Callable[..., Any] | None = option(
        None,
        'Judges answers for the aggregate "best": a callable (answer, example) -> float.',
        group="what is searched",
        metavar="MODULE:ATTR",
        identity=("verifier",),
    )

    # --- the run
    # None of these but the seed and the trials makes another study: a study that ended or was
    # interrupted goes on with other values of them.
    seed: int = option(
        0,
        "Decides the split, the order of the examples and the search.",
        group="the run",
        metavar="N",
        parse=int,
        identity=("seed",),
    )
    concurrency: int = option(
        64,
        "The most calls in flight per endpoint.",
        group="the run",
        metavar="N",
        parse=int,
    )
    time_limit: float | None = option(
        None,
        "Seconds after which the search sends no further call. The default is "
        f"{UNBILLED_SECONDS:g} where every price is 0, else none.",
        group="the run",
        metavar="S",
        parse=float,
    )
    min_gain: float = option(
        0.1,
        "End when the rest of the budget is expected to gain less: hundredths of the metric's "
        "range, or per cent of the cost for the goal cheapest. 0 spends the whole budget.",
        group="the run",
        metavar="POINTS",
        parse=float,
    )
    splits: int = option(
        0,
        "Show the spread of the result over this many random splits of the tuning examples; it "
        "costs nothing.",
        group="the run",
        metavar="K",
        parse=int,
    )
    trials: int | None = option(
        None,
        "The most trials that the search begins.",
        group="the run",
        metavar="N",
        parse=int,
        identity=("trials",),
    )
    results: str | Path | None = option(
        None,
        "The folder of the study. The default is results/<data>-<fingerprint>.",
        group="the run",
        metavar="DIR",
    )
    store: str | None = option(
        None,
        "The database of the answers. The default is draws.db beside the study's folder, or in "
        "the folder that --results names.",
        group="the run",
        metavar="URL",
    )
    warm_start: bool = option(
        False,
        "Let earlier studies in the store, with a model or template of this one, guide what is "
        "bought first.",
        group="the run",
        identity=("warm_start",),
    )
    fresh: bool = option(
        False,
        "Ignore answers that other studies bought.",
        group="the run",
    )
    keep_going: bool = option(
        False,
        "Search on even if the answers of every prompt cannot be read.",
        group="the run",
    )
    no_content: bool = option(
        False,
        "Keep the texts of examples and answers out of the report.",
        group="the run",
    )
    explain: bool = option(
        False,
        "Say in one line for each wave what the search buys and why. The report has these lines "
        "in any case.",
        group="the run",
    )
    quiet: bool = option(
        False,
        "Show no progress.",
        group="the run",
    )
    log_format: str = option(
        "text",
        "How the progress is written to standard error: text for people, or json, one object a "
        "line.",
        group="the run",
        metavar="FORMAT",
    )
    observer: str | Callable[..., Any] | None = option(
        None,
        "A callable that gets one record for each event of the run, or module:attribute.",
        group="the run",
        metavar="NAME",
    )


def identity_names() -> tuple[str, ...]:
    """Return the entries of a study's identity, each once, in the order of the options."""
    found: dict[str, None] = {}
    for one in fields(Options):
        found.update(dict.fromkeys(one.metadata["about"].identity))
    return tuple(found)
