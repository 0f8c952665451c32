"""The five layers, as tables."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

import pytest

from runtime.ids import AgentName, ModelName, Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.choice import (
    Choice,
    Chosen,
    Known,
    Need,
    Phase,
    Preference,
    RoutingLayer,
    Signal,
)
from runtime.model.completion import FREE, ModelInfo, Price
from runtime.model.team import Agent
from runtime.routing.router import is_priced, route, sole, will_do
from tests.support.clock import START

ANN = Principal(Platform("slack"), "T1", "U1")
CHANNEL = ThreadRef(ChannelRef(Platform("slack"), "T1", "C1"))
THREAD = replace(CHANNEL, root="1.1")
DESK = AgentName("desk")


def model(
    name: str,
    *,
    price: int | None = 100,
    local: bool = False,
    context: int = 10_000,
    tools: bool = True,
    vision: bool = False,
    quality: int = 0,
    out: str = "",
    wait: float | None = None,
    latency: float | None = None,
) -> Known:
    prices = () if price is None else (FREE if local else Price(input=price, output=2 * price),)
    info = ModelInfo(
        name=ModelName(name),
        context_tokens=context,
        local=local,
        prices=prices,
        tools=tools,
        vision=vision,
        quality=quality,
    )
    return Known(info=info, out=out, wait=wait, latency=latency)


def catalogue(*models: Known) -> Mapping[ModelName, Known]:
    return {known.info.name: known for known in models}


SMALL = model("small", price=10, latency=0.5, quality=3)
LARGE = model("large", price=1_000, latency=3.0, quality=9)
LOCAL = model("local", local=True, latency=5.0, quality=1)
ALL = catalogue(SMALL, LARGE, LOCAL)


def agent(
    usual: str = "small",
    *others: str,
    prefer: Preference | None = None,
    phases: Mapping[Phase, str] | None = None,
) -> Agent:
    return Agent(
        name=DESK,
        model=ModelName(usual),
        instructions="",
        models=tuple(map(ModelName, others)),
        prefer=prefer,
        phases=tuple((phase, ModelName(name)) for phase, name in (phases or {}).items()),
    )


def chosen(scope: ThreadRef | Principal | AgentName, name: str) -> Chosen:
    return Chosen(scope=scope, model=ModelName(name), by=ANN, at=START)


def signal(name: str, *words: str) -> Signal:
    return Signal(words=words, model=ModelName(name))


def order(choice: Choice) -> str:
    return " ".join(choice.order)


CHAT = Need(phase=Phase.CHAT, prompt_tokens=500, answer_tokens=100)
BEAT = replace(CHAT, phase=Phase.HEARTBEAT)


@pytest.mark.parametrize(
    ("who", "signals", "said", "need", "expected"),
    [
        # the agent's own
        (agent("small"), (), (), CHAT, "small"),
        (agent("small", "large", "local"), (), (), CHAT, "small large local"),
        (agent("small", "small", "large"), (), (), CHAT, "small large"),
        # 1. explicit: thread, channel, person, agent
        (agent("small"), (), (chosen(THREAD, "large"),), CHAT, "large small"),
        (agent("small"), (), (chosen(THREAD, "large"), chosen(ANN, "local")), CHAT,
         "large local small"),
        (agent("small"), (), (chosen(ANN, "local"), chosen(DESK, "large")), CHAT,
         "local large small"),
        (agent("small", prefer=Preference.COST), (signal("local", "x"),), (chosen(ANN, "large"),),
         replace(CHAT, text="x"), "large local small"),
        # 2. profile: the phase's own; a heartbeat goes to what is local or cheapest
        (agent("small", phases={Phase.BRIEFING: "large"}), (), (), CHAT, "small"),
        (agent("small", phases={Phase.BRIEFING: "large"}), (), (),
         replace(CHAT, phase=Phase.BRIEFING), "large small"),
        (agent("large", "small"), (), (), BEAT, "small large"),
        (agent("large", "small", "local"), (), (), BEAT, "local small large"),
        (agent("large", "small", phases={Phase.HEARTBEAT: "large"}), (), (), BEAT, "large small"),
        (agent("large"), (), (), BEAT, "large"),
        (agent("large", "local"), (), (chosen(DESK, "large"),), BEAT, "large local"),
        # 3. signals: whole words, in whatever case, phrases too
        (agent("small"), (signal("large", "outage"),), (), replace(CHAT, text="An OUTAGE!"),
         "large small"),
        (agent("small"), (signal("large", "outage"),), (), replace(CHAT, text="outages"), "small"),
        (agent("small"), (signal("large", "on fire"),), (), replace(CHAT, text="it is on fire."),
         "large small"),
        (agent("small"), (signal("large", "c++"),), (), replace(CHAT, text="in c++, please"),
         "large small"),
        (agent("small"), (signal("large", "a"), signal("local", "b")), (),
         replace(CHAT, text="b a"), "large local small"),
        # 4. preference
        (agent("large", "small", "local", prefer=Preference.COST), (), (), CHAT,
         "local small large"),
        (agent("large", "small", "local", prefer=Preference.LATENCY), (), (), CHAT,
         "small large local"),
        (agent("local", "small", "large", prefer=Preference.QUALITY), (), (), CHAT,
         "large small local"),
    ],
)  # fmt: skip
def test_the_order_is_that_of_the_layers(
    who: Agent, signals: tuple[Signal, ...], said: tuple[Chosen, ...], need: Need, expected: str
) -> None:
    choice = route(who, signals, said, ALL, need)
    assert order(choice) == expected
    assert [reason.layer for reason in choice.why()] == list(RoutingLayer)
    assert all(reason.said for reason in choice.why()[:4])
    assert choice == route(who, signals, said, dict(reversed(list(ALL.items()))), need)


@pytest.mark.parametrize(
    ("known", "need", "expected", "why"),
    [
        ((SMALL, model("large", out="openai failed")), CHAT, "small", "openai failed"),
        ((SMALL,), CHAT, "small", "`large`: it is not set up"),
        ((SMALL, model("large", price=None)), CHAT, "small", "its price is not known"),
        ((model("small", tools=False), LARGE), replace(CHAT, tools=True), "large", "cannot call"),
        ((model("small", tools=False), LARGE), CHAT, "small large", ""),
        ((SMALL, model("large", vision=True)), replace(CHAT, vision=True), "large", "pictures"),
        ((SMALL, model("large", context=90_000)), replace(CHAT, prompt_tokens=9_950), "large",
         "10,050 tokens do not fit into its 10,000"),
        ((SMALL, model("large", context=9_000)), replace(CHAT, prompt_tokens=99_000),
         "small large", ""),
    ],
)  # fmt: skip
def test_what_cannot_do_it_is_left_out_and_named(
    known: tuple[Known, ...], need: Need, expected: str, why: str
) -> None:
    choice = route(agent("small", "large"), (), (), catalogue(*known), need)
    assert order(choice) == expected
    assert why in choice.why()[-1].said


def test_a_choice_that_cannot_be_asked_is_explained_and_the_next_layer_answers() -> None:
    broken = catalogue(SMALL, model("large", out="openai failed again and again"))
    choice = route(agent("small"), (), (chosen(THREAD, "large"),), broken, CHAT)
    assert order(choice) == "small"
    assert "`large` is set for this thread" in choice.why()[0].said
    assert choice.why()[-1].said == "`large`: openai failed again and again"


def test_where_none_is_left_it_says_how_long_until_one_may_be() -> None:
    out = catalogue(
        model("small", out="slow down", wait=9.0), model("large", out="failed", wait=4.0)
    )
    choice = route(agent("small", "large"), (), (), out, CHAT)
    assert (choice.order, choice.wait) == ((), 4.0)
    for_ever = route(agent("small"), (), (), catalogue(model("small", out="key")), CHAT)
    assert (for_ever.order, for_ever.wait) == ((), None)
    well = route(agent("small", "large"), (), (), catalogue(SMALL, model("large", wait=4.0)), CHAT)
    assert well.wait is None


def test_what_was_never_measured_is_neither_first_nor_last() -> None:
    fast, slow, new = (
        model("fast", latency=0.1),
        model("slow", latency=9.0),
        model("new", latency=None),
    )
    who = agent("slow", "new", "fast", prefer=Preference.LATENCY)
    assert order(route(who, (), (), catalogue(fast, slow, new), CHAT)) == "fast new slow"


def test_what_nobody_rated_counts_by_its_price() -> None:
    who = agent("small", "large", prefer=Preference.QUALITY)
    both = catalogue(model("small", price=10), model("large", price=1_000))
    assert order(route(who, (), (), both, CHAT)) == "large small"


def test_the_cost_is_that_of_this_call_at_its_dearest() -> None:
    """Cheap to ask and dear to answer, or the other way round."""
    reader, writer = model("reader"), model("writer")
    cheap_prompt = replace(reader.info, prices=(Price(input=1, output=100),))
    cheap_answer = replace(writer.info, prices=(Price(input=10, output=10),))
    both = catalogue(replace(reader, info=cheap_prompt), replace(writer, info=cheap_answer))
    who = agent("reader", "writer", prefer=Preference.COST)
    long = replace(CHAT, prompt_tokens=10_000, answer_tokens=10)
    assert order(route(who, (), (), both, long)).startswith("reader")
    short = replace(CHAT, prompt_tokens=10, answer_tokens=1_000)
    assert order(route(who, (), (), both, short)).startswith("writer")


def test_the_offline_assistant_needs_no_price_and_takes_no_heartbeat_from_a_model() -> None:
    assistant = ModelInfo(
        name=ModelName("offline"), context_tokens=9_000, language_model=False, local=True
    )
    assert is_priced(replace(assistant, local=False))
    both = {**ALL, ModelName("offline"): Known(info=assistant)}
    beaten = route(agent("large", "offline"), (), (), both, BEAT)
    assert order(beaten) == "large offline"
    assert order(route(agent("offline"), (), (), both, BEAT)) == "offline"


def _every() -> Iterator[tuple[Agent, tuple[Chosen, ...], Need, Mapping[ModelName, Known]]]:
    outs = ("", "out")
    for prefer, phase, scope, small, large in product(
        (None, *Preference), Phase, (None, THREAD, CHANNEL, ANN, DESK), outs, outs
    ):
        said = (chosen(scope, "large"),) if scope is not None else ()
        known = catalogue(replace(SMALL, out=small), replace(LARGE, out=large), LOCAL)
        who = agent("small", "local", prefer=prefer)
        yield who, said, replace(CHAT, phase=phase), known


def test_whatever_is_asked_only_what_can_be_called_is_chosen_once_and_explained() -> None:
    count = 0
    for who, said, need, known in _every():
        choice = route(who, (), said, known, need)
        assert len(set(choice.order)) == len(choice.order)
        assert all(not known[name].out for name in choice.order)
        assert "local" in choice.order
        wanted = {"small", "local", *(each.model for each in said)}
        assert {*choice.order} <= wanted
        for name in wanted - {*choice.order}:
            assert f"`{name}`" in choice.why()[-1].said
        if said and not known[ModelName("large")].out:
            assert choice.order[0] == "large"
        count += 1
    assert count == 4 * 4 * 5 * 4


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("tools", [False, True])
@pytest.mark.parametrize("vision", [False, True])
@pytest.mark.parametrize("prompt", [10, 1_000_000])
def test_the_short_way_of_an_agent_with_one_model_chooses_what_the_long_one_does(
    phase: Phase, prompt: int, *, tools: bool, vision: bool
) -> None:
    need = Need(phase=phase, prompt_tokens=prompt, answer_tokens=10, tools=tools, vision=vision)
    models = [
        model("m", tools=able, vision=sees, price=price, local=local, out=out)
        for able, sees, price, local, out in product(
            (False, True), (False, True), (None, 100), (False, True), ("", "it is out")
        )
    ]
    for prefer in (None, *Preference):
        one = agent("m", prefer=prefer)
        assert sole(one, need) == (None if phase is Phase.HEARTBEAT else ModelName("m"))
        for known in models:
            choice = route(one, (), (), {**ALL, ModelName("m"): known}, need)
            if phase is not Phase.HEARTBEAT:
                assert (choice.order == ("m",)) == will_do(known, need)


def test_an_agent_with_more_models_than_one_has_no_short_way() -> None:
    need = Need(phase=Phase.CHAT)
    assert sole(agent("small", "large"), need) is None
    assert sole(agent("small", phases={Phase.CHAT: "large"}), need) is None
