"""The options of `tune check`, and the margin and error rates of `tune challenge`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tune.plan.option_fields import option
from tune.plan.options import Options

if TYPE_CHECKING:
    from tune.pricing.prices import Price
    from tune.task.metrics import Metric

# A check asks as many calls side by side as a run, and begins from the same seed.
_RUN = Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """Options of a check: the keywords of `check`, and, with dashes, the flags of `tune check`."""

    margin: float = option(
        0.05,
        "How much worse the quality may be and still hold, as a share of the metric's range.",
        metavar="SHARE",
        parse=float,
    )
    alpha: float = option(
        0.05,
        'The probability that "regressed" is wrong, at most.',
        metavar="P",
        parse=float,
    )
    beta: float = option(
        0.05,
        'The probability that "holds" is wrong, at most.',
        metavar="P",
        parse=float,
    )
    metric: str | Mapping[str, Any] | Callable[..., Any] | Metric | None = option(
        None,
        "A metric instead of the recorded one.",
        metavar="NAME",
    )
    verifier: str | Callable[..., Any] | None = option(
        None,
        "A verifier instead of the recorded one.",
        metavar="MODULE:ATTR",
    )
    prompt: str | Callable[..., Any] | None = option(
        None,
        "The function that makes the prompt, instead of the recorded one.",
        metavar="MODULE:ATTR",
    )
    input: Sequence[str] = option(
        (),
        "A column that fills the template, instead of the recorded ones.",
        metavar="COL",
        repeats=True,
    )
    target: str | None = option(
        None,
        "The column with the wanted answer, instead of the recorded one.",
        metavar="COL",
    )
    models: Mapping[str, Any] | Sequence[Any] | str | None = option(
        None,
        "Where the model is now, as for a run: a file, an environment variable or JSON text. A key "
        "in a list as in OAI_CONFIG_LIST stays in memory.",
        metavar="FILE|VARIABLE|JSON",
    )
    base_url: str | None = option(
        None,
        "The URL where the model answers now.",
        metavar="URL",
    )
    key_env: str | None = option(
        None,
        "The environment variable with the model's key, instead of the recorded one.",
        metavar="NAME",
    )
    price: str | Price | None = option(
        None,
        "Dollars per million tokens now, instead of the recorded price.",
        metavar="IN/OUT",
    )
    seed: int = option(
        _RUN.seed,
        "Decides the order in which examples are bought.",
        metavar="N",
        parse=int,
    )
    concurrency: int = option(
        _RUN.concurrency,
        "The most calls in flight.",
        metavar="N",
        parse=int,
    )
    store: str | None = option(
        None,
        "The database of the answers. The default is the study's own where it is still there, "
        "else draws.db beside BEST.JSON.",
        metavar="URL",
    )
    allow_code: bool = option(
        False,
        "Let the metric run code that models write.",
    )
    allow_import: bool = option(
        False,
        "Import the modules that BEST.JSON names for its metric, its verifier, its prompt and its "
        "answer rule.",
    )
    allow_host: Sequence[str] = option(
        (),
        "A host to which BEST.JSON may send examples and keys.",
        metavar="HOST",
        repeats=True,
    )
    allow_http: bool = option(
        False,
        "Let a key travel unencrypted outside private networks.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeRates:
    """The margin and the error rates of a challenge; `--margin` is a flag of the run as well."""

    margin: float = option(
        0.05,
        "How much better the new model must be to matter, as a share of the metric's range.",
        metavar="SHARE",
        parse=float,
    )
    alpha: float = option(
        0.05,
        'The probability that "enters" is wrong, at most.',
        metavar="P",
        parse=float,
    )
    beta: float = option(
        0.05,
        'The probability that "does not enter" is wrong, at most.',
        metavar="P",
        parse=float,
    )
