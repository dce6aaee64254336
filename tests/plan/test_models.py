"""The models of a space: their places, prices and stated lengths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.order import order
from tune.errors import InputError, PriceError
from tune.plan.models import (
    check_price_names,
    find_prices,
    length_names,
    named_entries,
    read_lengths,
    read_prices,
)
from tune.plan.read_options import read_options
from tune.pricing.prices import Price
from tune.providers.entries import Entry


def test_an_entry_of_the_options_goes_before_the_base_url() -> None:
    there = {"small": {"model": "small-2", "base_url": "http://127.0.0.1:1/v1"}}
    plan = order(
        models=there, base_url="http://127.0.0.1:2/v1", key_env="KEY", allow_http=True
    )
    assert plan.entries["small"].base_url == "http://127.0.0.1:1/v1"
    assert plan.entries["small"].key_env is None
    assert plan.entries["large"].base_url == "http://127.0.0.1:2/v1"
    assert plan.entries["large"].key_env == "KEY"
    assert all(entry.allow_http for entry in plan.entries.values())


def test_a_stated_price_goes_before_that_of_the_entry() -> None:
    entry = Entry("m", "m-2", price=Price(1.0, 1.0))
    assert find_prices([entry], None)["m"] == Price(1.0, 1.0)
    assert find_prices([entry], {"m": Price(2.0, 2.0)})["m"] == Price(2.0, 2.0)
    assert find_prices([entry], {"m-2": Price(3.0, 3.0)})["m"] == Price(3.0, 3.0)


def test_a_model_on_this_machine_has_a_notional_price() -> None:
    from tune.providers.local.endpoint import NOTIONAL_PRICE

    assert find_prices([Entry("local:x", "local:x")], None) == {
        "local:x": NOTIONAL_PRICE
    }


@pytest.mark.parametrize("given", ["1/2", "m=1/2", ["m=1/2"], (1, 2), {"m": "1/2"}])
def test_a_price_is_read_in_every_form(given: Any) -> None:
    price = read_prices(given, ["m"])["m"]
    assert (price.input, price.output) == (1.0, 2.0)


def test_a_price_without_a_name_needs_a_single_model() -> None:
    with pytest.raises(PriceError, match="as a=IN/OUT"):
        read_prices("1/2", ["a", "b"])


JUDGED = [Entry("m", "m-2"), Entry("judge", "judge")]


@pytest.mark.parametrize("given", [None, "m=1/2", {"m-2": "1/2"}, {"judge": (1, 2)}])
def test_a_price_is_stated_by_either_name_of_a_model_that_is_called(given: Any) -> None:
    check_price_names(JUDGED, given)


@pytest.mark.parametrize(
    "given", ["jugde=3/9", ["m=1/2", "jugde=3/9"], {"jugde": (3, 9)}]
)
def test_a_price_with_a_misspelt_name_is_refused_with_the_model_that_lacks_it(
    given: Any,
) -> None:
    words = "names the model 'jugde', and model 'judge' has none: is 'judge' meant"
    with pytest.raises(PriceError, match=words):
        check_price_names(JUDGED, given)


def test_a_table_of_prices_may_have_models_that_are_not_called() -> None:
    check_price_names(JUDGED, {"elsewhere": (3, 9)})
    check_price_names(JUDGED, {"judge": (1, 2), "judge-2": (3, 9)})
    nano = Entry("gpt-4.1-nano", "gpt-4.1-nano")
    check_price_names([nano], {"gpt-4.1-mini": (3, 9)})
    with pytest.raises(PriceError, match=r"is 'gpt-4\.1-nano' meant"):
        check_price_names([nano], {"gpt-4.1-nona": (3, 9)})


def test_a_length_is_stated_for_both_then_the_prompt_then_the_model_then_all() -> None:
    assert length_names("m", "p") == ("m/p", "p", "m", "")
    assert read_lengths(7, ["m"], ["p"]) == {"": 7.0}
    assert read_lengths(["m/p=7", "p=3"], ["m"], ["p"]) == {"m/p": 7.0, "p": 3.0}
    assert read_lengths("a=b=7", ["a=b"], ["p"]) == {"a=b": 7.0}
    assert read_lengths(None, ["m"], ["p"]) == {}


@pytest.mark.parametrize("given", [0, True, "m=many", {"other": 3}])
def test_a_length_that_cannot_be_is_refused(given: Any) -> None:
    if given is True:
        given = {"m": True}
    with pytest.raises(InputError, match="output_tokens"):
        read_lengths(given, ["m"], ["p"])


@pytest.mark.parametrize("name", ["./model.gguf", "model.gguf", "folder"])
def test_a_model_that_is_a_path_is_asked_to_say_local(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "openvino_model.xml").write_text("")
    # A folder may have the name of a hosted model by chance.
    (tmp_path / "mistral").mkdir()
    with pytest.raises(InputError, match=f"name it local:{name}"):
        named_entries([name], {}, read_options(budget=1))
    assert named_entries(["mistral"], {}, read_options(budget=1))
    served = read_options(budget=1, base_url="http://localhost:8000/v1")
    assert named_entries([name], {}, served), "a server may call its model so"


def test_a_deployment_has_the_price_of_the_model_that_it_is() -> None:
    there = {
        "base_url": "https://x.openai.azure.com/openai/v1",
        "price_as": "gpt-6-luna",
    }
    published = find_prices([Entry("gpt-6-luna", "gpt-6-luna")], None)["gpt-6-luna"]
    assert find_prices([Entry("d", "mine", **there)], None)["d"] == published
    gateway = Entry("d", "mine", base_url="https://gw.test/v1", price_as="gpt-6-luna")
    assert find_prices([gateway], None)["d"] == published
    with pytest.raises(PriceError, match="no price is known for model 'nothing-like'"):
        find_prices(
            [
                Entry(
                    "d", "mine", base_url="https://gw.test/v1", price_as="nothing-like"
                )
            ],
            None,
        )
    with pytest.raises(PriceError, match="add --price mine=IN/OUT"):
        find_prices([Entry("d", "mine", base_url="https://gw.test/v1")], None)


def test_every_model_without_a_price_is_named_at_once() -> None:
    called = [Entry(name, name, "http://h/v1") for name in ("a", "b", "c")]
    with pytest.raises(PriceError, match=r"model 'a' at h: .*is one known for 'c'$"):
        find_prices(called, {"b": (1, 2)})


def test_places_of_one_model_have_one_price() -> None:
    here = Entry("m", "gpt-6-luna")
    azure = Entry("m", "gpt-6-luna", base_url="https://x.openai.azure.com/openai/v1")
    assert find_prices([replace(here, others=(azure,))], None)["m"].output > 0
    other = Entry("m", "mine", base_url="https://gw.test/v1", price_as="gpt-6-sol")
    with pytest.raises(PriceError, match="different published prices"):
        find_prices([replace(here, others=(other,))], None)
