"""The configuration in a `best.json`, with all that it takes to call it.

The file may come from somebody else. So nothing is imported that only the file names, unless the
user agrees. Its host is confirmed by whoever calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tune.errors import InputError, PriceError, StudyError
from tune.pricing.prices import Price, parse_price
from tune.providers.entries import Entry
from tune.providers.trusted_hosts import Confirm
from tune.readout.aggregate import Aggregate, parse_aggregate
from tune.report.json import FORMAT
from tune.runtime.json_forms import load_entry, load_prompt
from tune.safety.untrusted import read_file, read_json
from tune.space import Config
from tune.space.named_values import NamedValues
from tune.task.callables import import_object, imports_refused, reraise_as
from tune.task.example import Example
from tune.task.extract import Extractor, parse_extractor
from tune.task.prompt import Prompt
from tune.task.prompt_call import PromptCall

COMPLETE = (
    "run the command that started the study once more: it goes on where it stopped, and buys "
    "nothing twice"
)
"""The way out for a study that was interrupted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The user's own words about a `best.json`; they come before what is recorded.

    Attributes:
        verifier: instead of the recorded one: a callable or "module:attribute".
        prompt: the function that makes the prompt, in the same form; not used where the prompt is
            a template.
        models: entries that say where the model is and hold its keys.
        listed: the same out of a config list that lies beside the file.
        base_url: where the model answers now, instead of the recorded endpoint. The key of the
            recorded variable is not sent there.
        price: "IN/OUT" or "MODEL=IN/OUT" in dollars per million tokens, or a `Price`, instead of
            the recorded one.
        allow_import: modules may be imported that the file names; those that are given here always
            may.
        key_env: the environment variable with the model's key, instead of the recorded one.
        allow_http: a key may go unencrypted through networks that are not private.
        allow_host: hosts to which the file may send examples and keys.
        confirm: asks the user about a host that is not among them.
    """

    verifier: Any = None
    prompt: Any = None
    models: Mapping[str, Entry] = field(default_factory=dict)
    listed: Mapping[str, Entry] = field(default_factory=dict)
    base_url: str | None = None
    price: Any = None
    allow_import: bool = False
    key_env: str | None = None
    allow_http: bool = False
    allow_host: Collection[str] = ()
    confirm: Confirm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedConfig:
    """A configuration that can be called.

    Attributes:
        source: the file that it is from, for messages.
        config: its values.
        named: the values of its settings that are tables or lists.
        prompt: its template, few-shot examples in place.
        entry: where its model is.
        price: of that model; None where it is not known.
        extract: takes the answer out of a text.
        aggregate: makes one answer of several.
        verifier: for the aggregate "best".
        inputs: the columns that filled the templates.
        notices: what a user must not miss.
    """

    source: str
    config: Config
    named: NamedValues
    prompt: Prompt
    entry: Entry
    price: Price | None
    extract: Extractor
    aggregate: str | Aggregate
    verifier: Callable[[str, Example], float] | None
    inputs: tuple[str, ...]
    notices: tuple[str, ...] = ()


def read_config(path: str | Path, given: Given) -> TunedConfig:
    """Read the configuration in a `best.json`, without what only scores it.

    Args:
        path: the file, or the results folder that it is in.
        given: the user's own words.

    Raises:
        StudyError: there is no such file, or it holds no winner.
        InputError: something that it names is needed and cannot be had.
    """
    place = best_path(path)
    with reraise_as(
        StudyError, f"{str(place)!r} is damaged, or was written by another version"
    ):
        record = read_record(place)
        deployment = record["deployment"]
        config = Config(record["config"])
        with imports_refused(import_refusal(place, given)):
            extract = parse_extractor(deployment["answer"], prompt=config.prompt)
            aggregate = parse_aggregate(config.aggregate)
        if aggregate == "any":
            # Noticed now: later, draws would be bought first.
            raise InputError(
                f"the winner of {str(place)!r} knows the right answers ('any' is an oracle), so "
                "nothing can answer as it does"
            )
        verifier = read_verifier(deployment["verifier"], config, place, given)
        prompt, prompt_notices = read_prompt(deployment, place, given)
        entry, price = read_model(deployment["model"], given)
        return TunedConfig(
            source=str(place),
            config=config,
            named=NamedValues.of_record(config, deployment.get("values", {})),
            prompt=prompt,
            entry=entry,
            price=price,
            extract=extract,
            aggregate=aggregate,
            verifier=verifier,
            inputs=tuple(deployment["inputs"]),
            notices=(*_notices(record, place), *prompt_notices),
        )


def _notices(record: Mapping[str, Any], place: Path) -> tuple[str, ...]:
    found = []
    if record.get("interrupted"):
        found.append(
            f"The study of {str(place)!r} was interrupted, so its choice may still change: "
            f"{COMPLETE}."
        )
    if record.get("keeps_limit") is False:
        found.append(
            f"No configuration of the study keeps its limits, and the one in {str(place)!r} does "
            "not either."
        )
    return tuple(found)


def best_path(path: str | Path) -> Path:
    """Return the `best.json` in a results folder, or the file itself."""
    place = Path(path)
    return place / "best.json" if place.is_dir() else place


def default_store(best: Path) -> str:
    """Return the study's store where it still lies beside `best.json`, else one in this folder."""
    folder = best if best.is_dir() else best.parent
    shared = folder.parent / "draws.db"
    own = folder / "draws.db"
    # A `best.json` may have been copied elsewhere: then its folder gets a store for itself.
    return str(shared if shared.exists() and not own.exists() else own)


def import_refusal(place: Path, given: Given) -> str | None:
    """Return the reason why modules that the file names are not imported; None if they may be."""
    # Importing a module runs its code, so a name in somebody else's file is not enough.
    if given.allow_import:
        return None
    return (
        f"{str(place)!r} names it, not you: say that it may be with --allow-import "
        "(allow_import=True)"
    )


def read_verifier(
    recorded: Any, config: Config, place: Path, given: Given
) -> Callable[[str, Example], float] | None:
    """Return the verifier: the user's own, else the recorded one."""
    spec, refusal = given.verifier, None
    if spec is None:
        spec, refusal = recorded, import_refusal(place, given)
    found = spec
    if isinstance(spec, str):
        with imports_refused(refusal):
            found = import_object(spec, "verifier")
    if found is None and config.aggregate == "best":
        raise InputError(
            "the verifier lived in the process that tuned: "
            "give it with --verifier module:attribute (verifier=), "
            "as the config chooses the best answer by it"
        )
    if found is not None and not callable(found):
        raise InputError(f"the verifier is a callable, but got {found!r}")
    return found  # type: ignore[no-any-return]


def read_prompt(
    deployment: Mapping[str, Any], place: Path, given: Given
) -> tuple[Prompt, tuple[str, ...]]:
    """Return the prompt, and what a user must not miss of it.

    A function that makes it is the user's own, else the recorded one.

    Raises:
        InputError: the function is needed and cannot be had.
    """
    record, inputs = deployment["prompt"], tuple(deployment["inputs"])
    recorded = record.get("call")
    if recorded is None:
        return load_prompt(record), ()
    name = record["name"]
    spec, refusal = given.prompt, None
    if spec is None:
        spec, refusal = recorded["spec"], import_refusal(place, given)
    if spec is None:
        raise InputError(
            f"the prompt {name!r} is made by {recorded['name']}, which lived in the process that "
            "tuned: give it with --prompt module:attribute (prompt=)"
        )
    with imports_refused(refusal):
        call = PromptCall.read(spec, f"prompt {name!r}")
    notices: tuple[str, ...] = ()
    if call.identity != recorded["identity"]:
        notices = (
            f"The prompt {name!r} is made by {call.path}, which is not the function that was "
            f"tuned, or whose source has changed since.",
        )
    return load_prompt(record, call=call, inputs=inputs), notices


def read_model(record: Mapping[str, Any], given: Given) -> tuple[Entry, Price]:
    """Return the entry and the price of the model, at the address and with the key given."""
    recorded, listed = load_entry(record)
    entry = replace(_moved(recorded, given), allow_http=given.allow_http)
    return entry, _price(given.price) or listed


def find_place(models: Mapping[str, Entry], entry: Entry) -> Entry | None:
    """Return the entry of the same model, by its name in the space or at its service; or None."""
    for one in models.values():
        if one.name == entry.name or one.model == entry.model:
            return one
    return None


def _moved(entry: Entry, given: Given) -> Entry:
    """Return the entry of the model at the address and with the key that the user gives."""
    named = find_place(given.models, entry) or find_place(given.listed, entry)
    if named is not None and given.base_url is None:
        # The recorded settings count: only the place and its keys are new.
        entry = replace(named, price=entry.price, settings=entry.settings)
    if given.base_url is not None:
        # Headers may hold secrets of the recorded host: they are not sent to another one.
        return replace(
            entry,
            base_url=given.base_url,
            alias=None,
            key_env=given.key_env,
            headers={},
            query={},
        )
    if given.key_env is not None:
        return replace(entry, key_env=given.key_env)
    return entry


def _price(given: Any) -> Price | None:
    if given is None or isinstance(given, Price):
        return given
    if not isinstance(given, str):
        raise PriceError(
            f'a price is "IN/OUT" in dollars per million tokens, but got {given!r}'
        )
    # The file has one model, so its name may be left out.
    named = given if "=" in given else f"model={given}"
    return parse_price(named)[1]


def read_record(place: Path) -> dict[str, Any]:
    """Return what a `best.json` holds.

    Raises:
        StudyError: it is not there, or holds no winner that can be called.
    """
    try:
        record = read_json(read_file(place))
    except OSError as error:
        # A study that was killed leaves its journal, and may have no result yet.
        if (place.parent / "study.jsonl").is_file() and not place.exists():
            raise StudyError(
                f"the study in {str(place.parent)!r} was interrupted before it had a result: "
                f"{COMPLETE}"
            ) from None
        raise StudyError(f"{str(place)!r} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise StudyError(f"{str(place)!r} is no JSON: {error}") from None
    is_record = isinstance(record, dict)
    if is_record and record.get("format", FORMAT) != FORMAT:
        raise StudyError(
            f"{str(place)!r} has format {record['format']!r}, and this version of tune reads "
            f"format {FORMAT}: use it with the version that wrote it"
        )
    is_ours = is_record and isinstance(record.get("config"), dict)
    if is_record and record.get("interrupted") and not record.get("winner"):
        raise StudyError(
            f"{str(place)!r} holds no winner, because the study was interrupted: {COMPLETE}"
        )
    if not is_ours or not record.get("winner"):
        raise StudyError(
            f"{str(place)!r} holds no winner: give the best.json of a finished study"
        )
    if not record.get("deployment"):
        raise StudyError(
            f"{str(place)!r} does not say how its config is called: "
            "it was written by an older version; "
            "run its study again into another --results, with the same --store "
            "(its draws are not bought twice)"
        )
    found: dict[str, Any] = record
    return found
