"""All that is needed to call a config again and to score what it says: written into `best.json`,
and read back.

A key is never part of it, only the name of the environment variable that holds one. Templates are
written as the pieces they consist of, few-shot examples in place, so that braces in the data are
never taken for fields.
"""

from __future__ import annotations

import hashlib
import inspect
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
from tune.safety.untrusted import read_file, read_json
from tune.space import Config
from tune.stats.intervals import Interval, Numbers
from tune.task.callables import import_object, imports_refused, reraise_as
from tune.task.example import Example, canonical_json
from tune.task.extract import Extractor, parse_extractor
from tune.task.metrics import Judge, Metric, parse_metric
from tune.task.prompt import Prompt
from tune.task.prompt_spec import shots_needed
from tune.task.template import Template

MOST_HASHES = 2000
"""Of each part of the data: what the file keeps of more examples than that is a part of them."""

MOST_SCORES = 2000
"""Of the scores that were measured: a check compares all of them with new ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRecord:
    """A config that can be called, with everything around it.

    Attributes:
        config: its values. prompt: its template, few-shot examples in place. entries: where its
        model is, and the judge's where the metric has one; by the names they have here. prices: of
        the same. extract_spec: how the answer is taken out of the text, as it is written in a space
        file. metric: judges the answers. verifier: for the aggregate "best". inputs: the columns
        that filled the templates. target: the column of wanted answers, or None. group: the column
        whose equal values the study kept together, or None. quality: what was measured of it.
        on_holdout: whether that was on examples that the search had not seen. scores: how they
        spread that it is the mean of: these, or a part of them, from the least to the largest;
            empty where that was not kept, or where another metric judges now.
        seen: marks of the study's own examples, by the part that they had in it: "tuning",
        "holdout", "shots". notices: what a reader must not miss.
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


def deployment_record(plan: Plan, config: Config, scores: Numbers = ()) -> dict[str, Any]:
    """The part of `best.json` that `read_deployment` reads, in JSON's types.

    What only lives in the calling process, such as a metric that is a lambda, is null there.

    Args:
        plan: of the study.
        config: its choice.
        scores: those that the quality of the choice is the mean of; NaN is left out.
    """
    prompt, metric = plan.prompts[config.prompt], plan.metric
    answer = plan.space.answer
    if isinstance(answer, Mapping) and "by" in answer:
        answer = answer["by"].get(config.prompt)
    return {
        "model": _dump_entry(plan.entries[config.model], plan.prices),
        "judge": None if plan.judge is None else _dump_entry(plan.judge, plan.prices),
        "prompt": {
            "name": prompt.name,
            "raw": prompt.raw,
            "turns": [
                {"role": role, "parts": _dump_template(template)} for role, template in prompt.turns
            ],
        },
        "answer": portable(answer),
        "metric": {
            "spec": portable(plan.metric_spec),
            "name": metric.name,
            "identity": metric.identity,
            "low": metric.low,
            "high": metric.high,
            "larger_is_better": metric.larger_is_better,
        },
        "verifier": portable(plan.verifier),
        "inputs": list(plan.data.inputs),
        "target": plan.data.target,
        "group": plan.identity.get("group"),
        "scores": _thinned(scores),
        "seen": {
            part: " ".join(sorted(set(example_hashes(prompt.fields, examples)))[:MOST_HASHES])
            for part, examples in (
                ("tuning", plan.split.tuning),
                ("holdout", plan.split.holdout),
                ("shots", plan.split.shots[: shots_needed(plan.space.prompts[prompt.name])]),
            )
        },
    }


def _thinned(scores: Numbers) -> list[float]:
    """From the least to the largest; of many, so many that are evenly far apart in that order."""
    values = np.asarray(scores, dtype=float)
    values = np.sort(values[~np.isnan(values)])
    kept = np.linspace(0, values.size - 1, min(values.size, MOST_SCORES)).round().astype(int)
    return [float(value) for value in values[kept]]


def example_hashes(fields: Collection[str], examples: Iterable[Example]) -> list[str]:
    """8 hexadecimal digits for each example, of what a prompt with these fields shows of it.

    They tell whether an example was met before, and nothing of what it says.
    """
    shown = [
        canonical_json({name: example.inputs[name] for name in fields}) for example in examples
    ]
    return [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8] for text in shown]


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
        path: the file, or the results folder that it is in. metric: judges instead of the recorded
        metric, in any form that `tune.task.metrics.parse_metric` reads. verifier: instead of the
        recorded one: a callable or "module:attribute". base_url: where the model answers now,
        instead of the recorded endpoint; the recorded variable's key is not
            sent there.
        key_env: the environment variable with the model's key, instead of the recorded one. price:
        "IN/OUT" or "MODEL=IN/OUT" in dollars per million tokens, or a `Price`, instead of the
        recorded one. allow_code: whether the metric may run what models write. allow_http: whether
        a key may go unencrypted through networks that are not private. allow_host: hosts to which
        the file may send examples and keys. confirm: asks the user about a host that is not among
        them. allow_import: whether modules may be imported that the file names; those that are
        given here always may.

    Raises:
        StudyError: there is no such file, or it holds no winner. InputError: something that it
        names is needed and cannot be had: the sentence says which flag gives it.
    """
    place = Path(path)
    place = place / "best.json" if place.is_dir() else place
    # Somebody else may have written it: whatever is missing in it or of another kind is one
    # sentence.
    with reraise_as(StudyError, f"{str(place)!r} is damaged, or was written by another version"):
        return _read_record(
            _read(place),
            place,
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


def _read_record(
    record: Mapping[str, Any],
    place: Path,
    *,
    metric: Any,
    verifier: Any,
    base_url: str | None,
    price: Any,
    allow_code: bool,
    allow_import: bool,
    key_env: str | None,
    allow_http: bool,
    allow_host: Collection[str],
    confirm: Confirm | None,
) -> DeploymentRecord:
    """Build what a record says; the arguments are those of `read_deployment`."""
    deployment, config = record["deployment"], Config(record["config"])
    foreign = (
        None
        if allow_import
        else f"{str(place)!r} names it, not you: say that it may be with --allow-import"
    )
    with imports_refused(foreign):
        parse_extractor(deployment["answer"], prompt=config.prompt)
    with imports_refused(foreign if metric is None else None):
        judging = _metric(deployment["metric"], metric, place)
    with imports_refused(foreign if verifier is None else None):
        verifying = _verifier(deployment["verifier"] if verifier is None else verifier, config)
    if judging.runs_code and not allow_code:
        raise InputError(
            f"the metric {judging.name!r} runs code that models write: say that it may with --allow-code"
        )
    notices, same = [], judging.identity == deployment["metric"]["identity"]
    if not same and not judging.costs:
        notices.append(
            f"The metric {judging.name!r} is not the one that the recorded quality was measured with."
        )
    tested = record["winner"]["holdout"] or record["winner"]["tuning"]
    on_holdout = record["winner"]["holdout"] is not None
    if not on_holdout:
        notices.append(
            "The recorded quality is that of tuning examples, by which the config was chosen: it flatters."
        )
    entry, listed = _load_entry(deployment["model"])
    if base_url is not None:
        entry = replace(entry, base_url=base_url, alias=None, key_env=key_env, headers={})
    elif key_env is not None:
        entry = replace(entry, key_env=key_env)
    entry = replace(entry, allow_http=allow_http)
    entries, prices = {entry.name: entry}, {entry.name: _price(price) or listed}
    if deployment["judge"] is not None and judging.costs:
        judge, judge_price = _load_entry(deployment["judge"])
        entries[judge.name], prices[judge.name] = judge, judge_price
    if judging.costs and judging.model not in entries:
        raise InputError(
            f"nobody says where the judge {judging.model!r} is: {str(place)!r} has no such model"
        )
    foreign_entries = [each for each in entries.values() if base_url is None or each is not entry]
    confirm_hosts(foreign_entries, repr(str(place)), allowed=allow_host, confirm=confirm)
    return DeploymentRecord(
        config=config,
        prompt=_load_prompt(deployment["prompt"]),
        entries=entries,
        prices=prices,
        extract_spec=deployment["answer"],
        metric=judging,
        verifier=verifying,
        inputs=tuple(deployment["inputs"]),
        target=deployment["target"],
        group=deployment.get("group"),
        quality=Interval(tested["mean"], tested["low"], tested["high"], tested["examples"]),
        on_holdout=on_holdout,
        scores=tuple(deployment.get("scores", ())) if same else (),  # older files have none
        seen={part: frozenset(kept.split()) for part, kept in deployment.get("seen", {}).items()},
        notices=tuple(notices),
    )


def portable(spec: Any) -> Any:
    """A metric, answer rule or verifier as another process can be given it; None where it cannot.

    A callable is given as "module:attribute", provided that this is where it is found again.
    """
    if spec is None or isinstance(spec, str | int | float | bool):
        return spec
    if isinstance(spec, Mapping):
        return {str(name): portable(inner) for name, inner in spec.items()}
    if isinstance(spec, list | tuple):
        return [portable(inner) for inner in spec]
    if isinstance(spec, Judge):
        table = asdict(replace(spec, provider=None))
        return {"name": "judge"} | {
            k: portable(v) for k, v in table.items() if k not in ("name", "provider", "service")
        }
    module, name = getattr(spec, "__module__", None), getattr(spec, "__qualname__", "")
    found = inspect.getmodule(spec) if callable(spec) and not isinstance(spec, Metric) else None
    if module in (None, "__main__") or found is None or getattr(found, name, None) is not spec:
        return None
    return f"{module}:{name}"


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
        raise StudyError(f"{str(place)!r} holds no winner: give the best.json of a finished study")
    if not record.get("deployment"):
        raise StudyError(
            f"{str(place)!r} does not say how its config is called: it was written by an older version; "
            f"run its study again into another --results, with the same --store (its draws are not bought twice)"
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
            f"the recorded quality was measured with {then}, but the metric {found.name!r} has {now}: "
            f"they cannot be compared"
        )
    return found


def _verifier(spec: Any, config: Config) -> Callable[[str, Example], float] | None:
    found = import_object(spec, "verifier") if isinstance(spec, str) else spec
    if found is None and config.aggregate == "best":
        raise InputError(
            "the verifier lived in the process that tuned: give it with --verifier module:attribute, "
            "as the config chooses the best answer by it"
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
    longer = tuple((int(start), _load_price(price)) for start, price in record.get("long", ()))
    return Price(**{**record, "long": longer})


def _dump_template(template: Template) -> list[Any]:
    """Texts, and `{"field": name}` where an example's input goes."""
    parts: list[Any] = [template.literals[0]]
    for name, literal in zip(template.names, template.literals[1:], strict=True):
        parts += [{"field": name}, literal]
    return [part for part in parts if part != ""]


def _load_prompt(record: Mapping[str, Any]) -> Prompt:
    turns = tuple((str(turn["role"]), _load_template(turn["parts"])) for turn in record["turns"])
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
