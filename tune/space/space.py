"""The search space: a domain for each dimension, and the points and configs that it is made of."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tune.errors import SpaceError
from tune.space.conditions import Conditions
from tune.space.configs import configs_with, free_values
from tune.space.domain import Choice, Domain, Integers, grid_values
from tune.space.domain_spec import dump_domain, parse_domain
from tune.space.named_values import NamedValues
from tune.space.point import FREE, Config, Point
from tune.space.space_spec import (
    OwnDomains,
    as_json,
    check_name,
    check_tables,
    prompt_record,
    read_model_domains,
    read_prompt_domains,
    read_prompts,
    without_dimension,
)
from tune.space.values import Value, is_within, nearest


class Space:
    """Everything that is searched: a domain for each dimension.

    A list (or a single value) is a `Choice`; numbers take a `Uniform` or an `Integers`. Every
    dimension other than model, prompt, n, max_tokens, stop and aggregate is a setting that is
    passed to the model by its name (temperature, top_p, reasoning_effort, verbosity, ...); None
    among its values leaves it to the service.

    Args:
        model: the models, by the names that the config entries give them.
        prompt: the templates by name, each in any form that `tune.task.prompt_spec.parse_prompt`
            reads; a text or a list of messages alone is named "plain". A function from a dict of
            the input columns to a text or a list of messages may stand for a template; alone, it
            has its own name.
        max_tokens: the cap of one answer, in tokens.
        n: answers per request.
        stop: a choice between stop settings: each a string, a list of strings, or None.
        aggregate: the rule that makes one answer of n: "first", "vote", "best", or the oracle
            "any". A metric over all responses has "all" instead, which hands every answer back.
        when: a model's or a prompt's own domains, by name. An empty list says that this model does
            not take the setting. A prompt has own domains only for the free dimensions n,
            max_tokens, stop and aggregate; they go before the model's.
        answer: the rule that takes the answer out of the text, in any form that
            `tune.task.extract.parse_extractor` reads. None takes the last label in the text where
            the targets are a few labels and the metric compares with them, else the text without
            the space around it. `{"whole": True}` always takes the text.
        settings: every other dimension. The values of one that is a table or a list, such as
            `response_format`, are given by name.

    Attributes:
        named: the values of settings that are tables or lists.
        domains: the domains by dimension, in the order of the search.
        prompts: the prompts by name, as the user wrote them.
        when: the own domains of models, by model and dimension.
        prompt_when: the own domains of prompts, by prompt and dimension.
        answer: as given.
        conditions: what goes together for single models; a run learns it, and no file holds it.

    Raises:
        SpaceError: a domain is empty or upside down, a dimension cannot take its value, or `when`
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
        self.prompts: dict[str, Any] = read_prompts(prompt)
        self.answer = answer
        # The order of the dimensions is that of every point's key: prompt first, settings last.
        given = {
            "model": model,
            "max_tokens": max_tokens,
            "n": n,
            "stop": stop,
            "aggregate": aggregate,
            **settings,
        }
        self.named = NamedValues()
        self.domains: dict[str, Domain] = {"prompt": Choice(tuple(self.prompts))}
        for name, value in given.items():
            check_name(name)
            domain = parse_domain(name, self.named.read(name, value))
            if domain is None:
                raise SpaceError(
                    f"the domain of {name!r} is empty: leave it out or give it a value"
                )
            self.domains[name] = domain
        self.when: dict[str, OwnDomains] = {}
        self.conditions = Conditions()
        self.prompt_when: dict[str, OwnDomains] = {}
        self._read_when(when)

    def _read_when(self, when: Any) -> None:
        if not isinstance(when, Mapping | None):
            raise SpaceError(
                f"`when` is a table of models or prompts and their own domains, but got {when!r}"
            )
        for owner, own in (when or {}).items():
            # A model and a prompt may have the same name: then the model is meant.
            if owner in self.models:
                self.when[owner] = read_model_domains(
                    owner, own, self.prompts, self.named
                )
            elif owner in self.prompts:
                self.prompt_when[owner] = read_prompt_domains(owner, own)
            else:
                raise SpaceError(
                    f"`when` names {owner!r}, but the space has the models {list(self.models)} "
                    f"and the prompts {list(self.prompts)}"
                )

    @classmethod
    def from_mapping(cls, record: Mapping[str, Any]) -> Space:
        """Return the space of a TOML or JSON document with the tables `space`, `when` and `answer`.

        Raises:
            SpaceError: a table is missing, unknown, or holds something else.
        """
        table = check_tables(record)
        return cls(
            **dict(table),
            when=record.get("when"),
            answer=record.get("answer"),
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return the space in JSON's types; `from_mapping` makes an equal one of it.

        A callable that takes out the answer is given as "module:qualified name", and one that makes
        a prompt as `{"call": "module:qualified name"}`.
        """
        table: dict[str, Any] = {}
        for name, domain in self.domains.items():
            table[name] = self.named.dump(name, dump_domain(domain))
        record: dict[str, Any] = {
            "space": {
                **table,
                "prompt": prompt_record(self.prompts),
            }
        }
        own_tables = {**self.prompt_when, **self.when}
        if own_tables:
            record["when"] = {}
        for owner, own in own_tables.items():
            record["when"][owner] = {
                name: self.named.dump(name, dump_domain(domain))
                for name, domain in own.items()
            }
        if self.answer is not None:
            record["answer"] = as_json(self.answer)
        return record

    @property
    def models(self) -> tuple[str, ...]:
        """The models, by name."""
        return tuple(str(value) for value in self.domains["model"].values)

    # --- spaces made from this one, and what a run learns about it

    def with_models(self, models: Sequence[str]) -> Space:
        """Return the same space over other models; the space itself where none is given."""
        if not models:
            return self
        # The prompts are shared; the tables that differ are made new.
        other = copy.copy(self)
        other.domains = {**self.domains, "model": Choice(tuple(models))}
        other.when = {name: own for name, own in self.when.items() if name in models}
        return other

    def copied(self) -> Space:
        """Return an equal space: what one of them learns does not change the other."""
        other = copy.copy(self)
        other.domains = dict(self.domains)
        other.when = {model: dict(own) for model, own in self.when.items()}
        other.conditions = self.conditions.copied()
        other.named = self.named.copied()
        return other

    def with_all_answers(self) -> Space:
        """Return the same space where the n answers of a request are handed back together."""
        other = copy.copy(self)
        other.domains = {**self.domains, "aggregate": Choice(("all",))}
        other.when = without_dimension("aggregate", self.when)
        other.prompt_when = without_dimension("aggregate", self.prompt_when)
        return other

    def fix(self, model: str, name: str, values: Sequence[Any]) -> None:
        """Give a model its own values of a setting, in the form of a config list.

        Raises:
            SpaceError: the setting cannot have one of them.
        """
        named = [self.named.name(name, value) for value in values]
        own = read_model_domains(model, {name: named}, self.prompts, self.named)
        self.when.setdefault(model, {}).update(own)

    def drop(self, model: str, name: str) -> None:
        """Learn that a model does not take a setting: its points have none from now on.

        Raises:
            SpaceError: every config needs the setting.
        """
        # Without a cap, a call has no ceiling to reserve.
        if name in ("model", "prompt", "max_tokens"):
            raise SpaceError(
                f"model {model!r} does not take {name}, and no call goes out without one"
            )
        self.when.setdefault(model, {})[name] = None

    def narrow(
        self,
        model: str,
        name: str,
        refused: Value,
        low: float | None,
        high: float | None,
    ) -> None:
        """Learn that a model does not take a value of a setting.

        Where bounds are known, the values outside them go, too. Where no value is left, the setting
        is dropped.
        """
        if name == "max_tokens":
            self.conditions.limit_caps(model, low, high)
            return
        domain = self.domain(name, model)
        if domain is None:
            return
        # As a choice, since what is left of a range need not be a range.
        left: list[Value] = []
        for value in grid_values(domain):
            # Of stop strings, the bound is about their number. Without any, none are sent.
            size = len(value) if isinstance(value, tuple) else value
            if value == () or (value != refused and is_within(size, low, high)):
                left.append(value)
        if left:
            self.when.setdefault(model, {})[name] = Choice(tuple(left))
        else:
            self.drop(model, name)

    def give(self, model: str, name: str, domain: Domain) -> None:
        """Give a model a domain of its own, which goes before those of prompts."""
        self.when.setdefault(model, {})[name] = domain
        self.conditions.put_before_prompts(model, name)

    def remove_model(self, model: str) -> None:
        """Propose no more points of a model; the last model always stays."""
        left = tuple(name for name in self.models if name != model)
        if left:
            self.domains["model"] = Choice(left)

    def state(self) -> object:
        """Return a value that is equal as long as the dimensions of all models are.

        To make it takes far less time than to list the dimensions.
        """
        own = {model: dict(domains) for model, domains in self.when.items()}
        return dict(self.domains), own, self.conditions.state()

    # --- dimensions

    def domain(
        self,
        name: str,
        model: str,
        prompt: str = "",
    ) -> Domain | None:
        """Return a dimension's domain for a model (with a prompt); None where it takes none."""
        domain = self._stated_domain(name, model, prompt)
        if name == "max_tokens":
            return self.conditions.within_caps(model, domain)
        return domain

    def _stated_domain(self, name: str, model: str, prompt: str) -> Domain | None:
        """Return a dimension's domain before the caps of the model limit it."""
        # The prompt's own domain goes before the model's: a prompt that asks for reasoning needs
        # a larger cap with every model.
        prompts_own = self._prompts_own(model, prompt)
        if name in prompts_own:
            return prompts_own[name]
        models_own = self.when.get(model, {})
        if name in models_own:
            return models_own[name]
        return self.domains.get(name)

    def _prompts_own(self, model: str, prompt: str) -> OwnDomains:
        """Return the own domains of a prompt that hold for a model."""
        models_own = self.when.get(model, {})
        found: OwnDomains = {}
        for name, domain in self.prompt_when.get(prompt, {}).items():
            # A prompt cannot make a model take what it refuses.
            is_refused = name in models_own and models_own[name] is None
            if not is_refused and not self.conditions.is_before_prompts(model, name):
                found[name] = domain
        return found

    def dimensions(self, model: str, prompt: str = "") -> dict[str, Domain]:
        """Return every dimension that a model takes (with a prompt), in a fixed order.

        The model is the first, with itself as its only value.
        """
        found: dict[str, Domain] = {"model": Choice((model,))}
        for name in (*self.domains, *self.when.get(model, {})):
            domain = self.domain(name, model, prompt)
            if domain is not None and name not in found:
                found[name] = domain
        return found

    def paid(
        self,
        model: str,
        free: Sequence[str] = FREE,
    ) -> dict[str, Domain]:
        """Return the dimensions of a model whose new values need new draws."""
        free = self.conditions.free_of(model, free)
        return {
            name: domain
            for name, domain in self.dimensions(model).items()
            if name not in free
        }

    # --- paid points

    def points(self, free: Sequence[str] = FREE) -> Iterator[Point]:
        """Yield every paid point once, model by model."""
        for model in self.models:
            paid = self.paid(model, free)
            domains = [domain.values for domain in paid.values()]
            # Different values may stand for one point; see `point_of`.
            seen: set[Point] = set()
            for values in itertools.product(*domains):
                point = self.point_of(dict(zip(paid, values, strict=True)))
                if point not in seen:
                    seen.add(point)
                    yield point

    def size(self, free: Sequence[str] = FREE) -> int:
        """Return the number of paid points; an upper bound where temperature 0 forbids n > 1."""
        total = 0
        for model in self.models:
            # By multiplication: a space of 10**12 points cannot be listed.
            points = 1
            for domain in self.paid(model, free).values():
                points *= domain.size
            total += points
        return total

    def sample(self, rng: random.Random, free: Sequence[str] = FREE) -> Point:
        """Return a random paid point: the model first, then each of its dimensions."""
        # One call of the generator a dimension, in a fixed order: the seed decides the point.
        values: dict[str, Value] = {}
        for name, domain in self.paid(rng.choice(self.models), free).items():
            values[name] = rng.choice(grid_values(domain))
        return self.point_of(values)

    def point_of(self, values: Mapping[str, Value]) -> Point:
        """Return the point that these values stand for.

        Settings that the model does not take beside the others are left out. At temperature 0 an
        answer is bought once, so n becomes 1. At n = 1 every aggregate becomes "first". Where the
        prompt has its own domain, a value outside it becomes the nearest one inside, or the first
        where it has no order.
        """
        point = self.conditions.kept(values)
        model, prompt = str(values.get("model")), str(values.get("prompt", ""))
        for name in self._prompts_own(model, prompt):
            own = self.domain(name, model, prompt)
            # The searcher proposes values from the model's domain, which the prompt's replaces.
            if name in point and own is not None and point[name] not in own.values:
                point[name] = nearest(point[name], own.values)
        if point.get("temperature") == 0 and "n" in point:
            point["n"] = 1
        if point.get("n") == 1 and "aggregate" in point:
            # Every rule makes the same of one answer.
            point["aggregate"] = "first"
        return Point(point)

    def is_consistent(self, values: Mapping[str, Value]) -> bool:
        """Tell whether these values go together unchanged."""
        return self.point_of(values) == Point(values)

    # --- what is read off a paid point

    def cap(self, point: Mapping[str, Any]) -> int:
        """Return the most tokens that a config of this paid point may take."""
        if "max_tokens" in point:
            return int(point["max_tokens"])
        domain = self.domain("max_tokens", *_owners(point))
        # A space without one is refused when it is made.
        assert domain is not None
        if isinstance(domain, Integers):
            # A range may have 10**12 values, too many to list.
            return domain.high
        return max(map(int, domain.values))  # type: ignore[arg-type]

    def common_stop(self, point: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the stop strings that every config of this paid point has.

        Draws may be bought with them.
        """
        if "stop" in point:
            return tuple(point["stop"] or ())
        domain = self.domain("stop", *_owners(point))
        if domain is None:
            return ()
        # In the order of the first; a stop that only some configs have would cut the others.
        first, *others = (tuple(value or ()) for value in domain.values)  # type: ignore[arg-type]
        shared = set(first).intersection(*others)
        return tuple(filter(shared.__contains__, first))

    def configs_of(
        self,
        point: Point,
        free: Sequence[str] = FREE,
    ) -> list[Config]:
        """Return every config that can be read off the draws of a paid point, the cheapest first.

        Values that cannot differ are read once: at n = 1 every aggregate is "first", and "first"
        looks at one answer, so it is read at the smallest n only.
        """
        choices = free_values(self.dimensions(*_owners(point)), point, free)
        return list(configs_with(point, tuple(choices.items())))


def _owners(point: Mapping[str, Any]) -> tuple[str, str]:
    """Return the model and the prompt of a point; "" for a point without a prompt."""
    return str(point["model"]), str(point.get("prompt", ""))
