"""Read a `best.json` with all that it takes to score its answers, as a check does.

The file may come from somebody else. So nothing is imported, no code runs and no host is called
that only the file names, unless the user agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tune.errors import InputError, StudyError
from tune.pricing.prices import Price
from tune.providers.entries import Entry
from tune.providers.trusted_hosts import Confirm, confirm_hosts
from tune.readout.aggregate import parse_aggregate
from tune.runtime.json_forms import load_entry
from tune.runtime.recorded import (
    COMPLETE,
    Given,
    best_path,
    find_place,
    import_refusal,
    read_model,
    read_prompt,
    read_record,
    read_verifier,
)
from tune.space import Config
from tune.stats.intervals import Interval
from tune.task.callables import imports_refused, reraise_as
from tune.task.example import Example
from tune.task.extract import Extractor, parse_extractor
from tune.task.metrics import Metric, parse_metric
from tune.task.prompt import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRecord:
    """A configuration that can be called, with all that belongs to it.

    Attributes:
        config: its values.
        prompt: its template, few-shot examples in place.
        entries: where its model is, and the judge's where the metric has one, by name.
        prices: of the same models.
        values: those of the settings that the config has by name.
        extract_spec: how the answer is taken out of the text, as a space file says it.
        metric: scores the answers.
        verifier: for the aggregate "best".
        inputs: the columns that filled the templates.
        target: the column of wanted answers, or None.
        group: the column whose equal values the study kept together, or None.
        quality: what was measured of it.
        on_holdout: True if that was on examples that the search had not seen.
        scores: the scores behind the quality or a sample of them, in rising order; empty where
            they were not kept, or where another metric scores now.
        seen: hashes of the study's examples by the part that they had in it: "tuning", "holdout",
            "shots".
        is_interrupted: True if the study was interrupted and goes on with the same command.
        notices: what a reader must not miss.
    """

    config: Config
    prompt: Prompt
    entries: Mapping[str, Entry]
    prices: Mapping[str, Price]
    values: Mapping[str, Any]
    extract_spec: Any
    metric: Metric
    verifier: Callable[[str, Example], float] | None
    inputs: tuple[str, ...]
    target: str | None
    group: str | None
    quality: Interval
    on_holdout: bool
    scores: tuple[float, ...]
    seen: Mapping[str, frozenset[str]]
    is_interrupted: bool = False
    notices: tuple[str, ...] = ()

    @property
    def extract(self) -> Extractor:
        """Takes the answer out of a text."""
        return parse_extractor(self.extract_spec, prompt=self.config.prompt)


def read_deployment(
    path: str | Path,
    *,
    metric: Any = None,
    verifier: Any = None,
    prompt: Any = None,
    models: Mapping[str, Entry] | None = None,
    listed: Mapping[str, Entry] | None = None,
    base_url: str | None = None,
    price: Any = None,
    allow_code: bool = False,
    allow_import: bool = False,
    key_env: str | None = None,
    allow_http: bool = False,
    allow_host: Collection[str] = (),
    confirm: Confirm | None = None,
) -> DeploymentRecord:
    """Read a `best.json`.

    Args:
        path: the file, or the results folder that it is in.
        metric: scores instead of the recorded metric, in any form that
            `tune.task.metrics.parse_metric` reads.
        verifier: instead of the recorded one: a callable or "module:attribute".
        prompt: the function that makes the prompt, in the same form.
        models: entries of the user, which say where the model is and hold its keys.
        listed: the same out of a config list that lies beside the file.
        base_url: where the model answers now, instead of the recorded endpoint. The key of the
            recorded variable is not sent there.
        price: "IN/OUT" or "MODEL=IN/OUT" in dollars per million tokens, or a `Price`, instead of
            the recorded one.
        allow_code: the metric may run what models write.
        allow_import: modules may be imported that the file names; those that are given here always
            may.
        key_env: the environment variable with the model's key, instead of the recorded one.
        allow_http: a key may go unencrypted through networks that are not private.
        allow_host: hosts to which the file may send examples and keys.
        confirm: asks the user about a host that is not among them.

    Raises:
        StudyError: there is no such file, or it holds no winner.
        InputError: something that it names is needed and cannot be had: the sentence says which
            flag gives it.
    """
    place = best_path(path)
    given = Given(
        verifier=verifier,
        prompt=prompt,
        models=models or {},
        listed=listed or {},
        base_url=base_url,
        price=price,
        allow_import=allow_import,
        key_env=key_env,
        allow_http=allow_http,
        allow_host=allow_host,
        confirm=confirm,
    )
    # Any field may be missing or of another kind. The user gets one sentence, no traceback.
    with reraise_as(
        StudyError, f"{str(place)!r} is damaged, or was written by another version"
    ):
        return _build(read_record(place), place, given, metric, allow_code=allow_code)


def _build(
    record: Mapping[str, Any],
    place: Path,
    given: Given,
    own_metric: Any,
    *,
    allow_code: bool,
) -> DeploymentRecord:
    """Build what a record says."""
    deployment = record["deployment"]
    config = Config(record["config"])
    metric = _scoring(deployment, config, place, given, own_metric)
    verifier = read_verifier(deployment["verifier"], config, place, given)
    if metric.runs_code and not allow_code:
        raise InputError(
            f"the metric {metric.name!r} runs code that models write: "
            "say that it may with --allow-code"
        )
    prompt, prompt_notices = read_prompt(deployment, place, given)
    entries, prices = _models(deployment, metric, place, given)
    same = metric.identity == deployment["metric"]["identity"]
    quality, on_holdout = _recorded_quality(record["winner"])
    # Scores of another metric say nothing about the scores to come.
    scores: tuple[float, ...] = ()
    if same:
        scores = tuple(deployment.get("scores", ()))
    seen = {}
    for part, hashes in deployment.get("seen", {}).items():
        seen[part] = frozenset(hashes.split())
    is_interrupted = bool(record.get("interrupted", False))
    notices = (
        *_notices(metric, same=same, on_holdout=on_holdout),
        *prompt_notices,
    )
    if is_interrupted:
        notices = (
            f"The study was interrupted, so its choice may still change: {COMPLETE}.",
            *notices,
        )
    return DeploymentRecord(
        config=config,
        prompt=prompt,
        entries=entries,
        prices=prices,
        values=deployment.get("values", {}),
        extract_spec=deployment["answer"],
        metric=metric,
        verifier=verifier,
        inputs=tuple(deployment["inputs"]),
        target=deployment["target"],
        group=deployment.get("group"),
        quality=quality,
        on_holdout=on_holdout,
        scores=scores,
        seen=seen,
        is_interrupted=is_interrupted,
        notices=notices,
    )


def _recorded_quality(winner: Mapping[str, Any]) -> tuple[Interval, bool]:
    """Return the quality that was measured, and whether that was on the holdout."""
    # The holdout is preferred: the search selected by the tuning examples, which flatter.
    on_holdout = winner["holdout"] is not None
    known = winner["holdout"] or winner["tuning"]
    quality = Interval(known["mean"], known["low"], known["high"], known["examples"])
    return quality, on_holdout


def _scoring(
    deployment: Mapping[str, Any],
    config: Config,
    place: Path,
    given: Given,
    own_metric: Any,
) -> Metric:
    """Return the metric; nothing is imported that only the file names."""
    refusal = import_refusal(place, given)
    with imports_refused(refusal):
        parse_extractor(deployment["answer"], prompt=config.prompt)
        parse_aggregate(config.aggregate)
    if own_metric is not None:
        refusal = None
    with imports_refused(refusal):
        return _metric(deployment["metric"], own_metric, place)


def _notices(metric: Metric, *, same: bool, on_holdout: bool) -> tuple[str, ...]:
    """Return what a reader of the recorded quality must not miss."""
    notices: list[str] = []
    # A judge's identity names its service, which is not known before it is connected.
    if not same and not metric.costs:
        notices.append(
            f"The metric {metric.name!r} is not the one "
            "that the recorded quality was measured with."
        )
    if not on_holdout:
        notices.append(
            "The recorded quality is that of tuning examples, by which the config was chosen: "
            "it flatters."
        )
    return tuple(notices)


def _models(
    deployment: Mapping[str, Any], metric: Metric, place: Path, given: Given
) -> tuple[dict[str, Entry], dict[str, Price]]:
    """Return entries and prices of the model and the judge, after confirming their hosts."""
    entry, price = read_model(deployment["model"], given)
    entries = {entry.name: entry}
    prices = {entry.name: price}
    # Another metric than the recorded one may need no judge.
    if deployment["judge"] is not None and metric.costs:
        judge, judge_price = load_entry(deployment["judge"])
        entries[judge.name] = judge
        prices[judge.name] = judge_price
    if metric.costs and metric.model not in entries:
        raise InputError(
            f"nobody says where the judge {metric.model!r} is: "
            f"{str(place)!r} has no such model"
        )
    foreign = list(entries.values())
    # A host that the user named needs no confirmation. The judge's host is still the file's word.
    if given.base_url is not None or find_place(given.models, entry):
        foreign = [one for one in foreign if one is not entry]
    confirm_hosts(
        foreign, repr(str(place)), allowed=given.allow_host, confirm=given.confirm
    )
    return entries, prices


def _metric(record: Mapping[str, Any], given: Any, place: Path) -> Metric:
    spec = given
    if spec is None:
        spec = record["spec"]
    # A lambda is written as null: no other process can find it.
    if spec is None:
        raise InputError(
            f"the metric {record['name']!r} of {str(place)!r} lived in the process that tuned: "
            "give it with --metric module:attribute"
        )
    found = parse_metric(spec)
    # A score of 4 out of 5 and one of 0.8 out of 1 are no numbers to compare.
    bounds = ("low", "high", "larger_is_better")
    differing = [name for name in bounds if getattr(found, name) != record[name]]
    if differing:
        then = ", ".join(f"{name}={record[name]}" for name in differing)
        now = ", ".join(f"{name}={getattr(found, name)}" for name in differing)
        raise InputError(
            f"the recorded quality was measured with {then}, "
            f"but the metric {found.name!r} has {now}: they cannot be compared"
        )
    return found
