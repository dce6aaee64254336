"""The space: a domain for each dimension, a model's own domains, and what can be drawn or read from
them.
"""

from __future__ import annotations

import copy
import difflib
import itertools
import math
import random
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tune.errors import SpaceError
from tune.safety.untrusted import TooMuch, check_nesting, read_file
from tune.space.domain import (
    Choice,
    Domain,
    Integers,
    Value,
    dump_domain,
    grid_values,
    parse_domain,
)
from tune.space.point import FREE, Config, Point

TABLES = ("space", "when", "answer", "metric", "models")
"""What a space file may hold; the last two are not the space's own."""

_SETTINGS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "reasoning_effort",
    "verbosity",
    "service_tier",
)
"""Settings that many services take; any other is passed on too, unless it looks like one of these
misspelt.
"""

_NO_SETTINGS = {
    "max_completion_tokens": "call it max_tokens: it is sent under the name that the model takes",
    "messages": "messages are a prompt",
    "seed": "every draw has a seed of its own",
    "stream": "answers are never streamed",
}


class Space:
    """Everything that is searched: a domain for each dimension.

    A list (or a single value) is a `Choice`; numbers take a `Uniform` or an `Integers`. Every
    dimension other than model, prompt, n, max_tokens, stop and aggregate is a setting that is
    passed to the model by its name (temperature, top_p, reasoning_effort, verbosity, ...); None
    among its values leaves it to the service.

    Args:
        model: the models, by the names that the config entries give them. prompt: the templates by
        name, each in any form that `tune.task.prompt.parse_prompt` reads; a text or a list
            of messages alone is named "plain".
        max_tokens: the cap of one answer, in tokens. n: answers per request. stop: a choice between
        stop settings: each a string, a list of strings, or None. aggregate: how n answers become
        one: "first", "vote", "best", or the oracle "any". A metric over all responses
            has "all" instead, which hands every answer back.
        when: a model's or a prompt's own domains, by name; an empty list says that this model does
        not take the
            setting. A prompt has own domains only for what is read off: n, max_tokens, stop and
            aggregate; they go before the model's.
        answer: how the answer is taken out of the text, in any form that
        `tune.task.extract.parse_extractor` reads;
            None takes the last label in the text where the targets are a few labels and the metric
            compares with them, else the text as it is, stripped; `{"whole": True}` always takes the
            text.
        settings: every other dimension.

    Raises:
        SpaceError: a domain is empty or upside down, a value is none that its dimension can take,
        or a `when`
            names neither a model nor a prompt of the space.
    """

    def __init__(
        self,
        *,
        model: Any,
        prompt: Any,
        max_tokens: Any = 256,
        n: Any = 1,
        stop: Any = None,
        aggregate: Any = "first",
        when: Mapping[str, Mapping[str, Any]] | None = None,
        answer: Any = None,
        **settings: Any,
    ) -> None:
        self.prompts: dict[str, Any] = _read_prompts(prompt)
        self.answer = answer
        given = {
            "model": model,
            "max_tokens": max_tokens,
            "n": n,
            "stop": stop,
            "aggregate": aggregate,
            **settings,
        }
        self.domains: dict[str, Domain] = {"prompt": Choice(tuple(self.prompts))}
        for name, value in given.items():
            _check_name(name)
            domain = parse_domain(name, value)
            if domain is None:
                raise SpaceError(
                    f"the domain of {name!r} is empty: leave it out or give it a value"
                )
            self.domains[name] = domain
        self.when: dict[str, dict[str, Domain | None]] = {}
        self.prompt_when: dict[str, dict[str, Domain | None]] = {}
        if not isinstance(when, Mapping | None):
            raise SpaceError(
                f"`when` is a table of models or prompts and their own domains, but got {when!r}"
            )
        for which, own in (when or {}).items():
            if which not in (*self.models, *self.prompts):
                raise SpaceError(
                    f"`when` names {which!r}, but the space has the models {list(self.models)} "
                    f"and the prompts {list(self.prompts)}"
                )
            (self.when if which in self.models else self.prompt_when)[which] = self._read_own(
                which, own
            )

    def _read_own(self, model: str, own: Any) -> dict[str, Domain | None]:
        if not isinstance(own, Mapping):
            raise SpaceError(f"`when` gives {model!r} a table of domains, but got {own!r}")
        if model not in self.models and any(
            name not in FREE or value == [] for name, value in own.items()
        ):
            raise SpaceError(
                f"when.{model}: a prompt may have its own {', '.join(FREE)}, but got {dict(own)!r}"
            )
        found: dict[str, Domain | None] = {}
        for name, value in own.items():
            try:
                _check_name(name)
                found[name] = parse_domain(name, value)
            except SpaceError as error:
                raise SpaceError(f"when.{model}: {error}") from None
            if name == "model" or (name in ("prompt", "max_tokens") and found[name] is None):
                raise SpaceError(
                    f"when.{model}: {name!r} cannot be {value!r}: every model has itself, a prompt and a cap"
                )
            if name == "prompt":
                unknown = [v for v in found[name].values if v not in self.prompts]  # type: ignore[union-attr]
                if unknown:
                    raise SpaceError(
                        f"when.{model}: there is no prompt {unknown[0]!r}, the space has {list(self.prompts)}"
                    )
        return found

    @classmethod
    def from_mapping(cls, record: Mapping[str, Any]) -> Space:
        """The space of a TOML or JSON document with the tables `space`, `when` and `answer`.

        Raises:
            SpaceError: a table is missing, unknown, or holds something else.
        """
        unknown = [name for name in record if name not in TABLES]
        if unknown:
            raise SpaceError(f"a space file has the tables {list(TABLES)}, but got {unknown[0]!r}")
        table = record.get("space")
        if not isinstance(table, Mapping):
            raise SpaceError("a space file needs a table [space]")
        for name in table:
            if name in ("when", "answer", "self"):
                raise SpaceError(f"{name!r} is no dimension: [{name}] is a table beside [space]")
            _check_name(str(name))
        for name in ("model", "prompt"):
            if name not in table:
                raise SpaceError(f"the table [space] needs {name}, but has {list(table)}")
        return cls(**dict(table), when=record.get("when"), answer=record.get("answer"))

    def to_mapping(self) -> dict[str, Any]:
        """The space in JSON's types, such that `from_mapping` makes an equal one of it.

        A callable that takes out the answer is given as "module:qualified name".
        """
        domains = {name: dump_domain(domain) for name, domain in self.domains.items()}
        record: dict[str, Any] = {"space": {**domains, "prompt": _plain(self.prompts)}}
        tables = {**self.prompt_when, **self.when}
        if tables:
            record["when"] = {
                which: {name: dump_domain(domain) for name, domain in own.items()}
                for which, own in tables.items()
            }
        if self.answer is not None:
            record["answer"] = _plain(self.answer)
        return record

    @property
    def models(self) -> tuple[str, ...]:
        """The models, by name."""
        return tuple(str(v) for v in self.domains["model"].values)

    def domain(self, name: str, model: str, prompt: str = "") -> Domain | None:
        """The domain that a dimension has for a model (with a prompt), or None where the model does
        not take it.
        """
        for own in (self.prompt_when.get(prompt, {}), self.when.get(model, {})):
            if name in own:
                return own[name]
        return self.domains.get(name)

    def with_models(self, models: Sequence[str]) -> Space:
        """The same space over these models instead; the space itself where none is given."""
        if not models:
            return self
        other = copy.copy(self)
        other.domains = {**self.domains, "model": Choice(tuple(models))}
        other.when = {name: own for name, own in self.when.items() if name in models}
        return other

    def with_all_answers(self) -> Space:
        """The same space where the n answers of a request are handed back together."""
        other = copy.copy(self)
        other.domains = {**self.domains, "aggregate": Choice(("all",))}
        other.when, other.prompt_when = (
            {
                name: {k: v for k, v in own.items() if k != "aggregate"}
                for name, own in tables.items()
            }
            for tables in (self.when, self.prompt_when)
        )
        return other

    def drop(self, model: str, name: str) -> None:
        """Learn that a model does not take a setting: from now on its points are without it.

        Raises:
            SpaceError: no config can do without it.
        """
        if name in ("model", "prompt", "max_tokens"):
            raise SpaceError(
                f"model {model!r} does not take {name}, and no call goes out without one"
            )
        self.when.setdefault(model, {})[name] = None

    def narrow(
        self, model: str, name: str, refused: Value, low: float | None, high: float | None
    ) -> None:
        """Learn that a model does not take a value of a setting; where bounds are known, none
        outside of them.
        """
        domain = self.domain(name, model)
        if domain is None:
            return
        left = [
            value
            for value in grid_values(domain)
            if value != refused and _is_within(value, low, high)
        ]
        if left:
            self.when.setdefault(model, {})[name] = Choice(tuple(left))
        else:
            self.drop(model, name)

    def remove_model(self, model: str) -> None:
        """Propose no point of a model any more; the last one stays."""
        left = tuple(name for name in self.models if name != model)
        if left:
            self.domains["model"] = Choice(left)

    def dimensions(self, model: str, prompt: str = "") -> dict[str, Domain]:
        """Every dimension that a model takes (with a prompt), itself pinned, in a fixed order."""
        names = dict.fromkeys([*self.domains, *self.when.get(model, {})])
        found = {name: self.domain(name, model, prompt) for name in names}
        return {"model": Choice((model,))} | {
            k: d for k, d in found.items() if d is not None and k != "model"
        }

    def paid(self, model: str, free: Sequence[str] = FREE) -> dict[str, Domain]:
        """The dimensions of a model whose new values need new draws."""
        return {name: domain for name, domain in self.dimensions(model).items() if name not in free}

    def points(self, free: Sequence[str] = FREE) -> Iterator[Point]:
        """Every paid point once, model by model."""
        for model in self.models:
            paid = self.paid(model, free)
            seen: set[Point] = set()
            for values in itertools.product(*(domain.values for domain in paid.values())):
                point = self.point_of(dict(zip(paid, values, strict=True)))
                if point not in seen:
                    seen.add(point)
                    yield point

    def size(self, free: Sequence[str] = FREE) -> int:
        """How many paid points there are, an upper bound where temperature 0 forbids n > 1."""
        return sum(
            math.prod(domain.size for domain in self.paid(model, free).values())
            for model in self.models
        )

    def sample(self, rng: random.Random, free: Sequence[str] = FREE) -> Point:
        """A random paid point: the model first, then each of its dimensions."""
        paid = self.paid(rng.choice(self.models), free)
        return self.point_of(
            {name: rng.choice(grid_values(domain)) for name, domain in paid.items()}
        )

    def point_of(self, values: Mapping[str, Value]) -> Point:
        """The point that these values stand for.

        At temperature 0 an answer is bought once, so its n is 1, whatever was given; and a value
        that the prompt's own domain has not becomes the nearest one that it has, or the first.
        """
        settled = dict(values)
        for name, own in self.prompt_when.get(str(values.get("prompt", "")), {}).items():
            if name in settled and own is not None and settled[name] not in own.values:
                settled[name] = _nearest(settled[name], own.values)
        if settled.get("temperature") == 0 and "n" in settled:
            settled["n"] = 1
        if settled.get("n") == 1 and settled.get("aggregate") == "all":
            settled["aggregate"] = "first"  # of one answer, all is that one
        return Point(settled)

    def is_consistent(self, values: Mapping[str, Value]) -> bool:
        """Whether these values go together as they are."""
        return self.point_of(values) == Point(values)

    def cap(self, point: Mapping[str, Any]) -> int:
        """The most tokens that a config of this paid point may take."""
        if "max_tokens" in point:
            return int(point["max_tokens"])
        domain = self.dimensions(str(point["model"]), str(point.get("prompt", "")))["max_tokens"]
        return domain.high if isinstance(domain, Integers) else max(int(v) for v in domain.values)  # type: ignore[arg-type]

    def common_stop(self, point: Mapping[str, Any]) -> tuple[str, ...]:
        """The stop strings that every config of this paid point has: draws may be bought with them."""
        if "stop" in point:
            return tuple(point["stop"] or ())
        domain = self.domain("stop", str(point["model"]), str(point.get("prompt", "")))
        choices = [tuple(v or ()) for v in domain.values] if domain else [()]  # type: ignore[arg-type]
        return tuple(text for text in choices[0] if all(text in other for other in choices))

    def configs_of(self, point: Point, free: Sequence[str] = FREE) -> list[Config]:
        """Every config that can be read off the draws of a paid point, each once, the cheapest
        first.

        Values that cannot differ are read once: at n = 1 every aggregate is "first", and "first"
        looks at one answer, so it is read at the smallest n only.
        """
        dimensions = self.dimensions(str(point["model"]), str(point.get("prompt", "")))
        choices = {
            name: grid_values(dimensions[name])
            for name in FREE
            if name in free and name in dimensions
        }
        if point.get("temperature") == 0 and "n" in choices:
            choices["n"] = (1,)
        least = min(choices["n"], key=int) if "n" in choices else None  # type: ignore[arg-type]
        seen: dict[Config, None] = {}
        for values in itertools.product(*choices.values()):
            config = Config({**point, **dict(zip(choices, values, strict=True))})
            if config.n == 1 and "aggregate" in choices:
                config = Config({**config, "aggregate": "first"})
            if least is None or config.n == least or config.aggregate != "first":
                seen[config] = None
        return sorted(seen, key=lambda c: (c.n, c.max_tokens, c.key))


def _is_within(value: Value, low: float | None, high: float | None) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    return (low is None or value >= low) and (high is None or value <= high)


def _nearest(value: Value, values: Sequence[Value]) -> Value:
    """Of these values the one next to a number, or the first."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return values[0]
    return min(values, key=lambda v: abs(v - value) if isinstance(v, int | float) else math.inf)


def _read_prompts(given: Any) -> dict[str, Any]:
    if isinstance(given, str) or (
        isinstance(given, list | tuple) and all(isinstance(m, Mapping) for m in given)
    ):
        given = {"plain": given}
    if not isinstance(given, Mapping) or not given:
        raise SpaceError(
            f"prompts are given by name, as {{'short': 'Label this: {{text}}'}}, but got {given!r}"
        )
    for name, spec in given.items():
        if not isinstance(name, str) or not name:
            raise SpaceError(f"the name of a prompt is a text, but got {name!r}")
        if not isinstance(spec, str | list | tuple | Mapping):
            raise SpaceError(
                f"prompt {name!r} is a text, a list of messages or a table, but got {spec!r}"
            )
        if not spec or (isinstance(spec, str) and not spec.strip()):
            raise SpaceError(f"prompt {name!r} is empty")
    return dict(given)


def _check_name(name: str) -> None:
    if name in _NO_SETTINGS:
        raise SpaceError(f"{name!r} cannot be searched: {_NO_SETTINGS[name]}")
    known = ("model", "prompt", *FREE, *_SETTINGS)
    near = difflib.get_close_matches(name, known, 1, 0.85)
    if near and name not in known:
        raise SpaceError(f"there is no setting {name!r}: is {near[0]!r} meant?")


def _plain(value: Any) -> Any:
    """A user's table in JSON's types."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    if callable(value):
        return f"{value.__module__}:{getattr(value, '__qualname__', type(value).__qualname__)}"
    return value


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a space file.

    Raises:
        SpaceError: there is no such file, or it is no TOML.
    """
    try:
        record = tomllib.loads(read_file(path).decode("utf-8-sig"))
        check_nesting(record)
    except OSError as error:
        raise SpaceError(f"the space file {str(path)!r} cannot be read: {error.strerror}") from None
    except (TooMuch, RecursionError) as error:
        raise SpaceError(f"the space file {str(path)!r} is more than is read: {error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpaceError(f"the space file {str(path)!r} is no TOML: {error}") from None
    return record
