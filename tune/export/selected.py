"""Read out of a `best.json` what an export writes down. Nothing is imported or sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tune.errors import InputError
from tune.export.deployment import Deployment, usual_cap
from tune.pricing.prices import Price
from tune.providers.entries import LOCAL
from tune.providers.openai.access import key_variable
from tune.report.json import FORMAT
from tune.space import Config


class LimitBroken(InputError):
    """No configuration keeps the study's limits, so none is exported as if it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The selected configuration of a study, for an export.

    Attributes:
        winner: what was selected.
        single: the best configuration of one answer, for agents that take no more; the winner
            where that is one answer, and None where there is none.
        provenance: where the numbers come from, in one sentence.
        notices: what a reader must not miss.
    """

    winner: Deployment
    single: Deployment | None
    provenance: str
    notices: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Answers that are voted over; 1 where a program without tune cannot choose among them."""
        if self.votes:
            return self.winner.config.n
        return 1

    @property
    def votes(self) -> bool:
        """True if the winner makes one answer of several in a way that an exported file can."""
        config = self.winner.config
        return config.n > 1 and (config.aggregate == "vote" or ":" in config.aggregate)


def read_selected(record: Any, place: str) -> Selected:
    """Read the content of a `best.json`.

    Args:
        record: the content.
        place: the file, for messages.

    Raises:
        InputError: it holds no winner, or another version wrote it.
        LimitBroken: its winner breaks the limits of the study.
    """
    if not isinstance(record, dict) or not {"winner", "config"} <= set(record):
        raise InputError(f"{place} is not the best.json of a study")
    if record.get("format", FORMAT) != FORMAT:
        raise InputError(
            f"{place} has format {record['format']!r}, and this version of tune reads "
            f"format {FORMAT}: export it with the version that wrote it"
        )
    if not record["winner"]:
        raise InputError(
            f"{place} holds no winner: give the best.json of a finished study"
        )
    if record.get("keeps_limit") is False:
        raise LimitBroken(
            f"no configuration of {place} keeps the limits of its study, so none is exported as "
            "if it did: give a larger limit, or tune reprice with another one"
        )
    if not record.get("deployment"):
        raise InputError(
            f"{place} does not say how its config is called: an older version wrote it; run its "
            "study again into another --results, with the same --store"
        )
    winner = record["config"]
    if isinstance(winner, dict) and winner.get("aggregate") == "any":
        raise InputError(
            f"the winner of {place} knows the right answers ('any' is an oracle), so nothing can "
            "be exported"
        )
    # Any field may be missing or of another kind. The user gets one sentence, no traceback.
    try:
        return _build(record)
    except (
        InputError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        StopIteration,
    ):
        raise InputError(
            f"{place} is damaged, or was written by another version of tune"
        ) from None


def _build(record: Mapping[str, Any]) -> Selected:
    deployment = record["deployment"]
    winner = _deployment(record["config"], deployment)
    single = None
    if winner.config.n == 1 and not (winner.raw or winner.made_by):
        single = winner
    elif deployment.get("single_answer"):
        other = deployment["single_answer"]
        single = _deployment(other["config"], other)
    notices = []
    if record.get("interrupted"):
        notices.append("The study was interrupted, so its choice may still change.")
    return Selected(
        winner=winner,
        single=single,
        provenance=_provenance(record),
        notices=tuple(notices),
    )


def _deployment(config: Mapping[str, Any], record: Mapping[str, Any]) -> Deployment:
    values = {}
    for name, value in config.items():
        # Stop strings are a list in JSON.
        values[name] = tuple(value) if isinstance(value, list) else value
    model, prompt = record["model"], record["prompt"]
    known = Config(values)
    name, local = model["model"], model["model"].startswith(LOCAL)
    key = None if local else key_variable(model["base_url"], model["key_env"])
    raw = bool(prompt["raw"])
    price = {field: model["price"].get(field) for field in ("input", "output")}
    source = model["price"].get("source", "")
    turns = tuple(prompt["turns"])
    # A function has no messages before it is given a row.
    call = prompt.get("call")
    template = "" if call else _source(turns[-1])
    return Deployment(
        config=known,
        model=name,
        price=Price(**price, source=source),
        base_url=model["base_url"],
        key_env=key or "",
        key_named=model["key_env"] is not None,
        system_message=_system_message(turns),
        template=template,
        cap=record.get("cap") or usual_cap(name, raw=raw),
        raw=raw,
        local=local,
        turns=turns,
        made_by=str(call["name"]) if call else "",
        answer=record["answer"],
        values=dict(record.get("values") or {}),
        headers=dict(model.get("headers") or {}),
        query=dict(model.get("query") or {}),
    )


def _system_message(turns: tuple[Any, ...]) -> str | None:
    if turns and turns[0]["role"] in ("system", "developer"):
        return _source(turns[0])
    return None


def _source(turn: Mapping[str, Any]) -> str:
    """Return the text of a message, with `{field}` where an input goes."""
    texts = []
    for part in turn["parts"]:
        texts.append(part if isinstance(part, str) else f"{{{part['field']}}}")
    return "".join(texts)


def _provenance(record: Mapping[str, Any]) -> str:
    """Return the study and the quality in one sentence."""
    origin = record.get("provenance") or {}
    said = f"tuned on {origin.get('data', 'data of its own')}"
    if origin.get("fingerprint"):
        said += f" ({origin['fingerprint'][:12]})"
    winner = record["winner"]
    quality = winner["holdout"] or winner["tuning"]
    if quality:
        on = "holdout examples" if winner["holdout"] else "tuning examples"
        metric = origin.get("metric", "quality")
        said += (
            f", {metric} {quality['mean']:.3f} ({quality['low']:.3f} to {quality['high']:.3f}) "
            f"on {quality['examples']} {on}"
        )
    for name, before in (("date", ""), ("version", "tune ")):
        if origin.get(name):
            said += f", {before}{origin[name]}"
    return said
