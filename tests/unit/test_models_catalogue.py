"""What is known of a model before it is asked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.models.catalogue import Client, ModelConfig, describe
from adapters.models.prices import listed
from adapters.models.providers import known_providers, read_providers
from runtime.ids import ModelName
from runtime.model.completion import FREE, ModelInfo, Price, worst_price

KEY = "sk-made-up-0123456789"


def info(**config: object) -> ModelInfo:
    return describe(ModelConfig(name="m", **config))  # type: ignore[arg-type]


def test_a_model_of_the_list_has_its_prices_window_and_abilities() -> None:
    found = info(model="openai/gpt-4.1-mini")
    assert found.prices == (Price(input=400_000, output=1_600_000, cached_input=100_000),)
    assert found.currency == "USD"
    assert found.context_tokens == 131_072, "a larger window is not used without being asked"
    assert found.max_output_tokens == 32_768
    assert (found.tools, found.vision, found.local) == (True, True, False)
    assert found.provider == "openai"
    assert not found.prompt_cache, "its provider finds the beginning by itself"


def test_claude_wants_the_beginning_of_a_prompt_marked() -> None:
    found = info(model="anthropic/claude-sonnet-4-5")
    assert found.prompt_cache
    assert found.prices[0].cache_write == 3_750_000


def test_a_model_that_the_list_has_not_has_no_price_and_none_is_made_up() -> None:
    assert info(model="openai/gpt-99").prices == ()
    assert info(model="groq/gpt-4.1-mini").prices == (), "the one of that name is another's"


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-4o-mini-search-preview",
        "openai/gpt-5-search-api",
        "perplexity/sonar",
        "perplexity/sonar-deep-research",
        "vercel_ai_gateway/perplexity/sonar",
        "openai/o3-deep-research",
    ],
)
def test_what_always_searches_is_paid_by_the_call_and_has_no_price_for_tokens(model: str) -> None:
    assert listed(model) is not None
    assert info(model=model).prices == ()
    own = Price(input=1, output=2)
    assert info(model=model, prices=(own,)).prices == (own,)


@pytest.mark.parametrize(
    "model", ["openai/gpt-4o", "gemini/gemini-2.5-pro", "nebius/NousResearch/Hermes-4-70B"]
)
def test_what_could_search_and_is_never_told_to_has_its_price_for_tokens(model: str) -> None:
    assert info(model=model).prices


def test_a_server_of_ones_own_is_not_the_provider_of_that_name() -> None:
    found = info(model="openai/gpt-4.1-mini", base_url="http://10.0.0.7:8000/v1")
    assert found.prices == ()
    assert (found.provider, found.local) == ("openai@10.0.0.7:8000", False)


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("openai/qwen3", "http://127.0.0.1:8080/v1"),
        ("ollama_chat/llama3.2", None),
        ("ollama/llama3.2", None),
        ("hosted_vllm/qwen3", "http://[::1]:8000/v1"),
    ],
)
def test_a_server_of_this_machine_costs_nothing(model: str, url: str | None) -> None:
    assert info(model=model, base_url=url).prices == (FREE,)


@pytest.mark.parametrize(
    "vendor", ["ollama", "ollama_chat", "llamafile", "lm_studio", "hosted_vllm"]
)
def test_what_it_costs_elsewhere_is_not_known_whatever_the_server_is_called(vendor: str) -> None:
    elsewhere = info(model=f"{vendor}/qwen3", base_url="https://models.example.com/v1")
    assert (elsewhere.local, elsewhere.prices) == (False, ())
    own = Price(input=0, output=0)
    said = info(model=f"{vendor}/qwen3", base_url="http://10.0.0.7:8000/v1", prices=(own,))
    assert said.prices == (own,)


def test_what_is_not_said_in_the_configuration_is_assumed_carefully() -> None:
    infos = [
        info(model="openai/m", base_url="http://127.0.0.1:8080/v1"),
        info(model="ollama_chat/llama3.2"),
        info(model="openai/unheard-of"),
    ]
    assert [(found.local, found.context_tokens) for found in infos] == [
        (True, 8_192),
        (True, 8_192),
        (False, 32_768),
    ]
    assert all(found.language_model for found in infos)


def test_configuration_comes_before_the_list() -> None:
    own = Price(input=1, output=2)
    found = info(
        model="openai/gpt-4.1-mini",
        prices=(own,),
        currency="EUR",
        context_tokens=4_000,
        max_output_tokens=500,
        tools=False,
        vision=False,
        quality=7,
    )
    assert (found.prices, found.currency, found.context_tokens) == ((own,), "EUR", 4_000)
    assert (found.max_output_tokens, found.tools, found.vision) == (500, False, False)
    assert found.quality == 7


@pytest.mark.parametrize(
    ("model", "url", "client"),
    [
        ("openai/qwen3", "http://127.0.0.1:8080/v1", Client.DIRECT),
        ("hosted_vllm/qwen3", "http://127.0.0.1:8080/v1", Client.DIRECT),
        ("openai/gpt-4.1-mini", None, Client.LITELLM),
        ("ollama_chat/llama3.2", None, Client.LITELLM),
        ("anthropic/claude-sonnet-4-5", "http://127.0.0.1:8080", Client.LITELLM),
    ],
)
def test_our_own_client_calls_what_speaks_openai_at_an_address_of_its_own(
    model: str, url: str | None, client: Client
) -> None:
    assert ModelConfig(name="m", model=model, base_url=url).called_with is client
    said = ModelConfig(name="m", model=model, base_url=url, client=Client.LITELLM)
    assert said.called_with is Client.LITELLM


def test_a_key_is_told_from_another_and_not_shown() -> None:
    one, other = (info(model="openai/m", api_key=key).credential for key in (KEY, KEY + "x"))
    assert one != other
    assert one not in KEY
    assert KEY not in repr(info(model="openai/m", api_key=KEY))
    assert info(model="openai/m").credential == ""


# ---- the list


def the_list(tmp_path: Path, **entries: object) -> Path:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(entries, indent=4), "utf-8")
    return path


TIERED = {
    "input_cost_per_token": 1.25e-06,
    "output_cost_per_token": 1e-05,
    "input_cost_per_token_above_200k_tokens": 2.5e-06,
    "output_cost_per_token_above_200k_tokens": 1.5e-05,
    "input_cost_per_token_above_200k_tokens_priority": 9.0,
    "input_cost_per_token_above_272k_tokens": 5e-06,
}


def test_longer_prompts_have_prices_of_their_own(tmp_path: Path) -> None:
    found = listed("a/b", path=the_list(tmp_path, **{"a/b": TIERED}))
    assert found is not None
    assert [(p.above_tokens, p.input, p.output) for p in found.prices] == [
        (0, 1_250_000, 10_000_000),
        (200_000, 2_500_000, 15_000_000),
        (272_000, 5_000_000, 10_000_000),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"input_cost_per_token": 0, "output_cost_per_token": 0},
        {"input_cost_per_token": 1e-6},
        {"input_cost_per_token": -1e-6, "output_cost_per_token": 1e-6},
        {"input_cost_per_token": 5, "output_cost_per_token": 1e-6},
        {"input_cost_per_token": "NaN", "output_cost_per_token": 1e-6},
        {"input_cost_per_token": True, "output_cost_per_token": 1e-6},
        {"input_cost_per_token": None, "output_cost_per_token": [1e-6]},
        {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "input_cost_per_query": 0.01},
        {"tiered_pricing": "yes"},
        {"tiered_pricing": [{"range": [0, 5]}]},
    ],
)
def test_a_price_that_is_none_is_unknown(tmp_path: Path, entry: dict[str, object]) -> None:
    found = listed("a/b", path=the_list(tmp_path, **{"a/b": entry}))
    assert found is not None
    assert found.prices == ()


def test_thinking_is_paid_as_part_of_the_answer(tmp_path: Path) -> None:
    entry = {
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6,
        "output_cost_per_reasoning_token": 6e-6,
    }
    found = listed("a/b", path=the_list(tmp_path, **{"a/b": entry}))
    assert found is not None
    assert found.prices[0].output == 6_000_000


@pytest.mark.parametrize("text", ["", "[]", '{"a/b": ', '{"a/b": {"input', '{"a/b": 5}'])
def test_a_list_that_is_broken_has_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text, "utf-8")
    assert listed("a/b", path=path) is None
    assert listed("a/b", path=tmp_path / "missing.json") is None


def test_the_list_is_read_without_bringing_litellm_in() -> None:
    program = """
import sys
from adapters.models.prices import listed
from adapters.models.providers import known_providers, read_providers
print(listed("openai/gpt-4.1-mini") is not None, "litellm" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"]


def test_the_providers_that_litellm_knows_are_read_without_importing_it(tmp_path: Path) -> None:
    known = known_providers()
    assert {"openai", "anthropic", "gemini", "ollama_chat", "together_ai", "veniceai"} <= known
    assert len(known) > 100
    assert read_providers(tmp_path) == frozenset(), "a LiteLLM of another shape refuses nothing"


# ---- the dearest that can come


def priced(*prices: Price, local: bool = False) -> ModelInfo:
    return ModelInfo(name=ModelName("m"), context_tokens=9, prices=prices, local=local)


def test_the_worst_price_is_the_dearest_of_every_tier_that_can_apply() -> None:
    cheap_and_long = (
        Price(input=5, output=50, cache_write=9),
        Price(above_tokens=100, input=3, output=70),
    )
    short, long = (worst_price(priced(*cheap_and_long), length) for length in (100, 101))
    assert short == Price(input=9, output=50)
    assert long == Price(above_tokens=100, input=9, output=70)


def test_an_unknown_price_stays_unknown_and_a_local_model_is_free() -> None:
    assert worst_price(priced(), 5) is None
    assert worst_price(priced(Price(above_tokens=9, input=1, output=1)), 5) is None
    assert worst_price(priced(local=True), 5) == FREE
    assert worst_price(priced(Price(input=1, output=1), local=True), 5) == Price(input=1, output=1)
