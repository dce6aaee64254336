"""A configuration in `best.json`: all that it takes to call it again and to score its answers.

A key is never part of it, only the name of the environment variable that holds one. Templates are
written in pieces, with few-shot examples in place, so that braces in the data never look like
fields.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tune.errors import InputError, StudyError
from tune.plan.plan import Plan
from tune.pricing.prices import Price, parse_price
from tune.providers.base_url import public_url
from tune.providers.entries import Entry
from tune.providers.trusted_hosts import Confirm, confirm_hosts
from tune.runtime.portable import portable
from tune.safety.untrusted import read_file, read_json
from tune.space import Config
from tune.stats.intervals import Interval, Numbers
from tune.task.callables import import_object, imports_refused, reraise_as
from tune.task.example import Example, canonical_json
from tune.task.extract import Extractor, parse_extractor
from tune.task.metrics import Metric, parse_metric
from tune.task.prompt import Prompt
from tune.task.prompt_spec import shots_needed
from tune.task.template import Template

MOST_HASHES = 2000
"""Hashes of examples that are kept of each part of the data."""

MOST_SCORES = 2000
"""Scores that are kept; a check compares all of them with new ones."""

HASH_DIGITS = 8
"""Hexadecimal digits of a hash: enough to recognise an example, and too few to find its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRecord:
    """A configuration that can be called, with all that belongs to it.

    Attributes:
        config: its values.
        prompt: its template, few-shot examples in place.
        entries: where its model is, and the judge's where the metric has one, by name.
        prices: of the same models.
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
        notices: what a reader must not miss.
    """

    config: Config
    prompt: Prompt
    entries: Mapping[str, Entry]
    prices: Mapping[str, Price]
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
    notices: tuple[str, ...] = ()

    @property
    def extract(self) -> Extractor:
        """Takes the answer out of a text."""
        return parse_extractor(self.extract_spec, prompt=self.config.prompt)


def deployment_record(
    plan: Plan, config: Config, scores: Numbers = ()
) -> dict[str, Any]:
    """Return the part of `best.json` that `read_deployment` reads, in JSON's types.

    What lives only in the calling process, such as a metric that is a lambda, is null there.

    Args:
        plan: of the study.
        config: the selected one.
        scores: those whose mean is its quality; NaN is left out.
    """
    prompt = plan.prompts[config.prompt]
    shots = plan.split.shots[: shots_needed(plan.space.prompts[prompt.name])]
    return {
        "model": _dump_entry(plan.entries[config.model], plan.prices),
        "judge": None if plan.judge is None else _dump_entry(plan.judge, plan.prices),
        "prompt": _dump_prompt(prompt),
        "answer": portable(_answer_spec(plan, config)),
        "metric": _dump_metric(plan),
        "verifier": portable(plan.verifier),
        "inputs": list(plan.data.inputs),
        "target": plan.data.target,
        "group": plan.identity.get("group"),
        "scores": _thinned(scores),
        "seen": {
            "tuning": _kept_hashes(prompt.fields, plan.split.tuning),
            "holdout": _kept_hashes(prompt.fields, plan.split.holdout),
            "shots": _kept_hashes(prompt.fields, shots),
        },
    }


def _answer_spec(plan: Plan, config: Config) -> Any:
    """Return the answer rule of a configuration; a space may have one for each prompt."""
    answer = plan.space.answer
    if isinstance(answer, Mapping) and "by" in answer:
        return answer["by"].get(config.prompt)
    return answer


def _dump_prompt(prompt: Prompt) -> dict[str, Any]:
    turns = [
        {"role": role, "parts": _dump_template(template)}
        for role, template in prompt.turns
    ]
    return {"name": prompt.name, "raw": prompt.raw, "turns": turns}


def _dump_metric(plan: Plan) -> dict[str, Any]:
    metric = plan.metric
    return {
        "spec": portable(plan.metric_spec),
        "name": metric.name,
        "identity": metric.identity,
        "low": metric.low,
        "high": metric.high,
        "larger_is_better": metric.larger_is_better,
    }


def _kept_hashes(fields: Collection[str], examples: Iterable[Example]) -> str:
    """Return the hashes of examples, or of a random part of many, as one text."""
    # Hashes are random, so the first ones in their order are a fair sample.
    return " ".join(sorted(set(example_hashes(fields, examples)))[:MOST_HASHES])


def _thinned(scores: Numbers) -> list[float]:
    """Return scores in rising order; of many, some that are evenly far apart in that order."""
    values = np.asarray(scores, dtype=float)
    values = np.sort(values[~np.isnan(values)])
    kept = (
        np.linspace(0, values.size - 1, min(values.size, MOST_SCORES))
        .round()
        .astype(int)
    )
    return [float(value) for value in values[kept]]


def example_hashes(fields: Collection[str], examples: Iterable[Example]) -> list[str]:
    """Return a short hash of what a prompt with these fields shows of each example.

    It tells if an example was met before, and nothing of what the example says.
    """
    found: list[str] = []
    for example in examples:
        text = canonical_json({name: example.inputs[name] for name in fields})
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        found.append(digest[:HASH_DIGITS])
    return found


@dataclass(frozen=True, slots=True)
class _Given:
    """The arguments of `read_deployment`."""

    metric: Any
    verifier: Any
    base_url: str | None
    price: Any
    allow_code: bool
    allow_import: bool
    key_env: str | None
    allow_http: bool
    allow_host: Collection[str]
    confirm: Confirm | None


def read_deployment(
    path: str | Path,
    *,
    metric: Any = None,
    verifier: Any = None,
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
    place = Path(path)
    place = place / "best.json" if place.is_dir() else place
    given = _Given(
        metric=metric,
        verifier=verifier,
        base_url=base_url,
        price=price,
        allow_code=allow_code,
        allow_import=allow_import,
        key_env=key_env,
        allow_http=allow_http,
        allow_host=allow_host,
        confirm=confirm,
    )
    # Somebody else may have written it: what is missing or of another kind is one sentence.
    with reraise_as(
        StudyError, f"{str(place)!r} is damaged, or was written by another version"
    ):
        return _build(_read(place), place, given)


def _build(record: Mapping[str, Any], place: Path, given: _Given) -> DeploymentRecord:
    """Build what a record says."""
    deployment, config = record["deployment"], Config(record["config"])
    metric, verifier = _scoring(deployment, config, place, given)
    same = metric.identity == deployment["metric"]["identity"]
    tested = record["winner"]["holdout"] or record["winner"]["tuning"]
    on_holdout = record["winner"]["holdout"] is not None
    entries, prices = _models(deployment, metric, place, given)
    return DeploymentRecord(
        config=config,
        prompt=_load_prompt(deployment["prompt"]),
        entries=entries,
        prices=prices,
        extract_spec=deployment["answer"],
        metric=metric,
        verifier=verifier,
        inputs=tuple(deployment["inputs"]),
        target=deployment["target"],
        group=deployment.get("group"),
        quality=Interval(
            tested["mean"], tested["low"], tested["high"], tested["examples"]
        ),
        on_holdout=on_holdout,
        scores=tuple(deployment.get("scores", ())) if same else (),
        seen={
            part: frozenset(kept.split())
            for part, kept in deployment.get("seen", {}).items()
        },
        notices=_notices(metric, same=same, on_holdout=on_holdout),
    )


def _scoring(
    deployment: Mapping[str, Any], config: Config, place: Path, given: _Given
) -> tuple[Metric, Callable[[str, Example], float] | None]:
    """Return the metric and the verifier; nothing is imported that only the file names."""
    foreign = (
        f"{str(place)!r} names it, not you: say that it may be with --allow-import"
    )
    refusal = None if given.allow_import else foreign
    with imports_refused(refusal):
        parse_extractor(deployment["answer"], prompt=config.prompt)
    with imports_refused(refusal if given.metric is None else None):
        metric = _metric(deployment["metric"], given.metric, place)
    with imports_refused(refusal if given.verifier is None else None):
        spec = deployment["verifier"] if given.verifier is None else given.verifier
        verifier = _verifier(spec, config)
    if metric.runs_code and not given.allow_code:
        raise InputError(
            f"the metric {metric.name!r} runs code that models write: "
            "say that it may with --allow-code"
        )
    return metric, verifier


def _notices(metric: Metric, *, same: bool, on_holdout: bool) -> tuple[str, ...]:
    """Return what a reader of the recorded quality must not miss."""
    notices: list[str] = []
    if not same and not metric.costs:
        notices.append(
            f"The metric {metric.name!r} is not the one that the recorded quality was measured "
            "with."
        )
    if not on_holdout:
        notices.append(
            "The recorded quality is that of tuning examples, by which the config was chosen: it "
            "flatters."
        )
    return tuple(notices)


def _models(
    deployment: Mapping[str, Any], metric: Metric, place: Path, given: _Given
) -> tuple[dict[str, Entry], dict[str, Price]]:
    """Return entries and prices of the model and the judge, after confirming their hosts."""
    recorded, listed = _load_entry(deployment["model"])
    entry = replace(_moved(recorded, given), allow_http=given.allow_http)
    entries, prices = {entry.name: entry}, {entry.name: _price(given.price) or listed}
    if deployment["judge"] is not None and metric.costs:
        judge, judge_price = _load_entry(deployment["judge"])
        entries[judge.name], prices[judge.name] = judge, judge_price
    if metric.costs and metric.model not in entries:
        raise InputError(
            f"nobody says where the judge {metric.model!r} is: {str(place)!r} has no such model"
        )
    # A host that the user named needs no confirmation.
    foreign = [
        one for one in entries.values() if given.base_url is None or one is not entry
    ]
    confirm_hosts(
        foreign, repr(str(place)), allowed=given.allow_host, confirm=given.confirm
    )
    return entries, prices


def _moved(entry: Entry, given: _Given) -> Entry:
    """Return the entry of the model at the address and with the key that the user gives."""
    if given.base_url is not None:
        # Headers may hold secrets of the recorded host: they are not sent to another one.
        return replace(
            entry,
            base_url=given.base_url,
            alias=None,
            key_env=given.key_env,
            headers={},
        )
    if given.key_env is not None:
        return replace(entry, key_env=given.key_env)
    return entry


def _read(place: Path) -> dict[str, Any]:
    try:
        record = read_json(read_file(place))
    except OSError as error:
        raise StudyError(f"{str(place)!r} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise StudyError(f"{str(place)!r} is no JSON: {error}") from None
    if (
        not isinstance(record, dict)
        or not isinstance(record.get("config"), dict)
        or not record.get("winner")
    ):
        raise StudyError(
            f"{str(place)!r} holds no winner: give the best.json of a finished study"
        )
    if not record.get("deployment"):
        raise StudyError(
            f"{str(place)!r} does not say how its config is called: it was written by an older "
            "version; run its study again into another --results, with the same --store (its "
            "draws are not bought twice)"
        )
    return record


def _metric(record: Mapping[str, Any], given: Any, place: Path) -> Metric:
    spec = record["spec"] if given is None else given
    if spec is None:
        raise InputError(
            f"the metric {record['name']!r} of {str(place)!r} lived in the process that tuned: "
            f"give it with --metric module:attribute"
        )
    found = parse_metric(spec)
    bounds = ("low", "high", "larger_is_better")
    differing = [name for name in bounds if getattr(found, name) != record[name]]
    if differing:
        then = ", ".join(f"{name}={record[name]}" for name in differing)
        now = ", ".join(f"{name}={getattr(found, name)}" for name in differing)
        raise InputError(
            f"the recorded quality was measured with {then}, but the metric {found.name!r} has "
            f"{now}: they cannot be compared"
        )
    return found


def _verifier(spec: Any, config: Config) -> Callable[[str, Example], float] | None:
    found = import_object(spec, "verifier") if isinstance(spec, str) else spec
    if found is None and config.aggregate == "best":
        raise InputError(
            "the verifier lived in the process that tuned: give it with --verifier "
            "module:attribute, as the config chooses the best answer by it"
        )
    if found is not None and not callable(found):
        raise InputError(f"the verifier is a callable, but got {found!r}")
    return found  # type: ignore[no-any-return]


def _price(given: Any) -> Price | None:
    if given is None or isinstance(given, Price):
        return given
    return parse_price(given if "=" in given else f"model={given}")[1]


def _dump_entry(entry: Entry, prices: Mapping[str, Price]) -> dict[str, Any]:
    return {
        "name": entry.name,
        "model": entry.model,
        "base_url": public_url(entry.base_url),
        "key_env": entry.key_env,
        "headers": dict(entry.headers),
        "allow_http": entry.allow_http,
        "alias": entry.alias,
        "timeout": entry.timeout,
        "price": asdict(prices[entry.name]),
    }


def _load_entry(record: Mapping[str, Any]) -> tuple[Entry, Price]:
    fields = {name: value for name, value in record.items() if name != "price"}
    return Entry(**fields), _load_price(record["price"])


def _load_price(record: Mapping[str, Any]) -> Price:
    longer = tuple(
        (int(start), _load_price(price)) for start, price in record.get("long", ())
    )
    return Price(**{**record, "long": longer})


def _dump_template(template: Template) -> list[Any]:
    """Return texts, and `{"field": name}` where an example's input goes."""
    parts: list[Any] = [template.literals[0]]
    for name, literal in zip(template.names, template.literals[1:], strict=True):
        parts += [{"field": name}, literal]
    return [part for part in parts if part != ""]


def _load_prompt(record: Mapping[str, Any]) -> Prompt:
    turns = tuple(
        (str(turn["role"]), _load_template(turn["parts"])) for turn in record["turns"]
    )
    fields = frozenset(name for _, template in turns for name in template.names)
    return Prompt(str(record["name"]), bool(record["raw"]), fields, turns, None)


def _load_template(parts: list[Any]) -> Template:
    literals, names = [""], list[str]()
    for part in parts:
        if isinstance(part, Mapping):
            names.append(str(part["field"]))
            literals.append("")
        else:
            literals[-1] += str(part)
    return Template(tuple(literals), tuple(names))
