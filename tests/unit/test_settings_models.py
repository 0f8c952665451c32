"""What `nightdesk.toml` says of models and how they are chosen, and what is wrong with it."""

import pytest

from runtime.ids import AgentName, ModelName
from runtime.model.choice import Phase, Preference, Signal
from runtime.model.completion import Price
from tests.unit.test_settings_team import read, said_of

TWO = '[models.fast]\nmodel = "a/b"\n[models.large]\nmodel = "a/c"\n'


def test_a_model_says_what_it_costs_and_can() -> None:
    found = read("""\
        [budget]
        currency = "EUR"
        [models.fast]
        model = "openai/gpt-4.1-mini"
        client = "litellm"
        prices = [
          { input = 0.1, output = 1.60, cached_input = 0.000001 },
          { above_tokens = 200000, input = 3, output = 4, cache_write = 5 },
        ]
        currency = "EUR"
        unknown_price = true
        max_output_tokens = 4096
        tools = false
        vision = true
        streaming = false
        quality = 7
        """).models[ModelName("fast")]
    assert found.prices == (
        Price(input=100_000, output=1_600_000, cached_input=1),
        Price(above_tokens=200_000, input=3_000_000, output=4_000_000, cache_write=5_000_000),
    )
    assert (found.client, found.currency, found.unknown_price) == ("litellm", "EUR", True)
    assert (found.max_output_tokens, found.quality) == (4096, 7)
    assert (found.tools, found.vision, found.streaming) == (False, True, False)


def test_an_agent_says_which_models_it_uses_and_routing_says_it_for_the_others() -> None:
    team = read(
        TWO
        + """\
[routing]
models = ["large"]
prefer = "latency"
unknown_prices = true
[[agents]]
name = "desk"
model = "fast"
models = ["offline", "large"]
prefer = "cost"
phases = { heartbeat = "fast", briefing = "large" }
temperature = 0
[[agents]]
name = "night"
model = "fast"
[[signals]]
words = ["outage", "on fire"]
model = "large"
"""
    )
    desk, night = (team.team.agent(AgentName(name)) for name in ("desk", "night"))
    assert desk is not None
    assert night is not None
    assert (desk.models, desk.prefer, desk.temperature) == (
        ("offline", "large"),
        Preference.COST,
        0.0,
    )
    assert desk.phases == ((Phase.HEARTBEAT, "fast"), (Phase.BRIEFING, "large"))
    assert (night.models, night.prefer, night.phases) == (("large",), Preference.LATENCY, ())
    assert night.temperature is None
    assert team.team.signals == (Signal(words=("outage", "on fire"), model=ModelName("large")),)
    assert team.unknown_prices


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prices = 5", "write prices for a million tokens, such as [{ input"),
        ("prices = []", "the first price is for every prompt"),
        ("prices = [{ input = 1 }]", "write prices for a million tokens, such as"),
        ("prices = [{ input = -1, output = 1 }]", "a price is from 0 to 1000000"),
        ("prices = [{ input = nan, output = 1 }]", "a price is from 0 to 1000000"),
        ("prices = [{ input = 2000000, output = 1 }]", "a price is from 0 to 1000000"),
        ('prices = [{ input = "1", output = 1 }]', "write prices for a million tokens"),
        ("prices = [{ input = true, output = 1 }]", "write prices for a million tokens"),
        ("prices = [{ input = 1, outptu = 1 }]", "did you mean output?"),
        ("prices = [{ input = 1, output = 1, above_tokens = 5 }]", "the first price is for every"),
        ("prices = [{ input = 1, output = 1, above_tokens = 0.5 }]", "a whole number of tokens"),
        ('currency = "euro"', "the three capital letters of a currency"),
        ('client = "openai"', "it is direct or litellm"),
        ("quality = 11", "a whole number from 1 to 10"),
        ("quality = 0", "a whole number from 1 to 10"),
        ("max_output_tokens = 0", "a whole number of tokens, at least 1"),
        ('tools = "yes"', "write true or false"),
        ("unknown_price = 1", "write true or false"),
        ("cost = 1", "unknown key"),
    ],
)
def test_a_model_that_is_written_wrong_is_refused_with_its_line(text: str, said: str) -> None:
    (problem,) = said_of(f'[models.fast]\nmodel = "a/b"\n{text}\n')
    assert problem.startswith("nightdesk.toml:3: models.fast."), problem
    assert said in problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('models = ["lrage"]', "there is no [models.lrage]: did you mean large?"),
        ('models = ["large", "large"]', "one of them is there twice"),
        ("models = [5]", "write a list of texts"),
        ('prefer = "money"', "it is quality, cost or latency"),
        ('phases = { night = "large" }', "the phases are chat, briefing, schedule or heartbeat"),
        ('phases = { chat = "gone" }', "there is no [models.gone]: add it, or write "),
        ("phases = { chat = 5 }", "a phase has the name of a model"),
        ('phases = "large"', 'write { heartbeat = "local"'),
        ("temperature = 3", "a number from 0"),
        ("temperature = true", "write a number"),
    ],
)
def test_what_an_agent_says_wrong_of_models_is_refused_with_its_line(text: str, said: str) -> None:
    (problem,) = said_of(f'{TWO}[[agents]]\nname = "desk"\nmodel = "fast"\n{text}\n')
    assert problem.startswith("nightdesk.toml:8: agents[0]."), problem
    assert said in problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[routing]\nmodels = ["gone"]\n', "nightdesk.toml:6: routing.models"),
        ("[routing]\nunknown_prices = 1\n", "nightdesk.toml:6: routing.unknown_prices = 1: write true"),
        ('[[signals]]\nwords = []\nmodel = "fast"\n', "nightdesk.toml:6: signals[0].words"),
        ('[[signals]]\nwords = ["x"]\nmodel = "gone"\n', "nightdesk.toml:7: signals[0].model"),
        ('[[signals]]\nmodel = "fast"\n', "nightdesk.toml:5: signals[0]: words is missing"),
        ("[[routing]]\n", "nightdesk.toml:5: routing: write [routing] on a line of its own"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_rules_is_refused_with_its_line(text: str, said: str) -> None:
    (problem,) = said_of(TWO + text)
    assert problem.startswith(said), problem
