"""Which models can go on for less with a call that has no room."""

import pytest

from runtime.ids import ModelName
from runtime.model.choice import Known
from runtime.model.completion import FREE, ModelInfo, ModelRequest, Price
from runtime.model.tools import ToolSpec
from runtime.money.cheaper import cheaper, costs_less

ASKED = ModelRequest(
    instructions="x" * 4_000,
    entries=(),
    tools=(ToolSpec(name="look", description="Look.", parameters={}),),
    max_tokens=1_000,
)
THAN = 1_000_000


def model(name: str, price: int | None = 10_000_000, **known: object) -> Known:
    out = str(known.pop("out", ""))
    given: dict[str, object] = {
        "context_tokens": 32_000,
        "prices": () if price is None else (Price(input=price, output=price),),
        **known,
    }
    return Known(info=ModelInfo(name=ModelName(name), **given), out=out)  # type: ignore[arg-type]


def found(*known: Known, than: int = THAN) -> list[str]:
    return [info.name for info, _ in cheaper(known, ASKED, than=than, currency="USD")]


def test_what_costs_nothing_comes_first_and_then_the_cheapest() -> None:
    here = model("here", None, local=True, prices=(FREE,))
    assert found(model("b", 20_000_000), model("a", 30_000_000), here) == ["here", "b", "a"]


def test_nothing_is_nothing_in_every_currency() -> None:
    assert found(model("here", local=True, prices=(FREE,), currency="EUR")) == ["here"]


def test_of_equals_it_is_always_the_same() -> None:
    assert found(model("b"), model("a")) == found(model("a"), model("b")) == ["a", "b"]


@pytest.mark.parametrize(
    "one",
    [
        model("x", 900_000_000),
        model("x", None),
        model("x", None, unpriced_allowed=True),
        model("x", currency="EUR"),
        model("x", tools=False),
        model("x", context_tokens=2_000),
        model("x", language_model=False),
        model("x", out="its key was refused"),
    ],
    ids=["dearer", "no price", "price let be", "euros", "no tools", "small", "offline", "out"],
)
def test_what_cannot_do_it_for_less_is_left_out(one: Known) -> None:
    assert found(one) == []


def test_a_model_that_answers_shortly_is_asked_for_what_it_can() -> None:
    long, short = model("long"), model("short", max_output_tokens=100)
    pairs = cheaper([long, short], ASKED, than=THAN, currency="USD")
    assert [(info.name, worst.completion_tokens) for info, worst in pairs] == [
        ("short", 100),
        ("long", 1_000),
    ]


def less(*known: Known) -> str:
    dear = model("dear", 50_000_000, tools=True)
    return costs_less([dear, *known], ModelName("dear"), currency="USD")


def test_for_calls_to_come_what_costs_nothing_is_taken_and_then_the_cheapest() -> None:
    here = model("here", None, local=True, prices=(FREE,), currency="EUR")
    assert less(model("b", 20_000_000), model("a", 30_000_000), here) == "here"
    assert less(model("b", 20_000_000), model("a", 20_000_000)) == "a"
    assert costs_less([here], ModelName("gone"), currency="USD") == ""


@pytest.mark.parametrize(
    "one",
    [
        model("x", 50_000_000),
        model("x", None),
        model("x", currency="EUR"),
        model("x", tools=False),
        model("x", language_model=False),
        model("x", out="its key was refused"),
    ],
    ids=["as dear", "no price", "euros", "no tools", "offline", "out"],
)
def test_what_cannot_take_the_calls_to_come_for_less_is_left_out(one: Known) -> None:
    assert less(one) == ""
