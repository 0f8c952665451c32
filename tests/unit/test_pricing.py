"""What a call may cost at the most, and what it cost."""

from dataclasses import replace

import pytest

from adapters.models.catalogue import ModelConfig, describe
from runtime.errors import Refused
from runtime.ids import ModelName
from runtime.model.completion import FREE, ModelInfo, ModelRequest, Price, Usage
from runtime.money.pricing import Worst, cost_of, costs_nothing, worst_case
from tests.support.models import said

CHEAP = Price(input=1_000_000, output=4_000_000, cached_input=100_000, cache_write=1_250_000)
LONG = Price(above_tokens=1_000, input=2_000_000, output=3_000_000)
MODEL = ModelInfo(name=ModelName("fast"), context_tokens=10_000, prices=(CHEAP,))
TIERS = replace(MODEL, prices=(CHEAP, LONG))
WORST = Worst(2_000, 500, 1_000_000)


def asked(text: str) -> ModelRequest:
    return ModelRequest(instructions="", entries=(said(text),), max_tokens=100)


def test_the_worst_case_is_a_token_a_byte_and_the_longest_answer() -> None:
    short, long = (worst_case(MODEL, asked(text), currency="USD") for text in ("", "é" * 50))
    assert long.prompt_tokens - short.prompt_tokens == 100
    assert long.completion_tokens == 100
    # What is written into the provider's cache is the dearest that a prompt can be.
    assert long.micros == -(-(long.prompt_tokens * 1_250_000 + 100 * 4_000_000) // 1_000_000)


def test_the_worst_case_is_of_every_tier_that_can_apply_the_dearest() -> None:
    worst = worst_case(TIERS, asked("x" * 1_000), currency="USD")
    assert worst.micros == worst.prompt_tokens * 2 + 100 * 4
    within = worst_case(TIERS, asked("x"), currency="USD")
    assert within.micros < within.prompt_tokens * 2 + 100 * 4


@pytest.mark.parametrize(
    ("model", "usage", "micros"),
    [
        (MODEL, Usage(1_000, 100), 1_400),
        (MODEL, Usage(0, 0), 0),
        (MODEL, Usage(1, 0), 1),
        (MODEL, Usage(1_000, 0, cached_tokens=800), 280),
        (MODEL, Usage(1_000, 0, cache_write_tokens=400), 1_100),
        (MODEL, Usage(1_000, 0, cached_tokens=5_000), 100),
        (MODEL, Usage(1_000, 0, cached_tokens=-5), 1_000),
        (TIERS, Usage(1_000, 0), 1_000),
        (TIERS, Usage(1_001, 0), 2_002),
    ],
)
def test_a_call_costs_what_it_used(model: ModelInfo, usage: Usage, micros: int) -> None:
    cost = cost_of(model, usage, WORST)
    assert (cost.micros, cost.note) == (micros, "")


@pytest.mark.parametrize(
    ("usage", "micros", "said"),
    [
        (Usage(None, 100), 2_400, "did not say how long the prompt was"),
        (Usage(1_000, None), 3_000, "did not say how long the answer was"),
        (Usage(-1, 100), 2_400, "said -1 tokens of prompt"),
        (Usage(1_000, -1), 3_000, "said -1 tokens of answer"),
        (Usage(10**15, 100), 10_400, "10000 were counted"),
        (Usage(1_000, 10**15), 41_000, "10000 were counted"),
    ],
)
def test_what_cannot_be_true_counts_as_the_most(usage: Usage, micros: int, said: str) -> None:
    cost = cost_of(MODEL, usage, WORST)
    assert cost.micros == micros
    assert said in cost.note


def test_what_is_more_than_was_held_counts_in_full_and_is_noted() -> None:
    cost = cost_of(MODEL, Usage(1_000, 100), replace(WORST, micros=1_000))
    assert cost.micros == 1_400
    assert cost.note == "400 micro-units more than were reserved"


def test_a_model_of_this_machine_costs_nothing() -> None:
    local = describe(
        ModelConfig(name="house", model="openai/llama", base_url="http://127.0.0.1:8000/v1")
    )
    assert costs_nothing(local)
    assert worst_case(local, asked("x"), currency="EUR").micros == 0
    assert cost_of(local, Usage(100, 10), Worst(100, 10, 0)).micros == 0


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("prices", [(), (FREE,), (FREE, LONG), MODEL.prices])
def test_what_costs_nothing_never_has_a_worst_case(
    *, local: bool, allowed: bool, prices: tuple[Price, ...]
) -> None:
    model = replace(MODEL, local=local, unpriced_allowed=allowed, prices=prices)
    assert costs_nothing(model) is (prices == (FREE,) or (not prices and (local or allowed)))
    if costs_nothing(model):
        assert worst_case(model, asked("x" * 1_000), currency="EUR").micros == 0


def test_an_unknown_price_is_refused_unless_it_is_allowed() -> None:
    unknown = replace(MODEL, prices=())
    with pytest.raises(Refused, match="I do not know what the model fast costs"):
        worst_case(unknown, asked("x"), currency="USD")
    allowed = replace(unknown, unpriced_allowed=True)
    assert worst_case(allowed, asked("x"), currency="USD").micros == 0
    assert cost_of(allowed, Usage(1, 1), Worst(1, 1, 0)).note == "its price is not known"


def test_another_currency_than_the_teams_is_refused() -> None:
    with pytest.raises(Refused, match="is paid in USD, and the team's budget is in EUR"):
        worst_case(MODEL, asked("x"), currency="EUR")
