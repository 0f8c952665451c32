"""The promises of `runtime.ports.ModelBook`, on every implementation."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from runtime.ids import AgentName, ModelName, Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.choice import Chosen, Explanation, Outage, Phase, Purse, Reason, RoutingLayer
from runtime.model.meter import Scope
from runtime.ports import ChoiceScope, Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, Opener

CHANNEL = ThreadRef(ChannelRef(Platform("slack"), "T1", "C1"))
THREAD = replace(CHANNEL, root="1767600000.000100")
DESK = AgentName("desk")
BOB = Principal(Platform("slack"), "T1", "U2")


def chosen(clock: ManualClock, scope: ChoiceScope, model: str) -> Chosen:
    return Chosen(scope=scope, model=ModelName(model), by=BOB, at=clock.now())


async def test_choices_are_found_in_the_order_they_are_asked_for_after_a_restart(
    open_again: Opener, clock: ManualClock
) -> None:
    purses = (Purse(Scope.ORGANISATION), Purse(Scope.AGENT, "desk"))
    made = [chosen(clock, scope, "m") for scope in (DESK, THREAD, ADA, CHANNEL, *purses)]
    async with open_again() as store:
        for each in made:
            await store.modelbook.choose(each)
    async with open_again() as store:
        book = store.modelbook
        assert await book.chosen([THREAD, CHANNEL, ADA, DESK]) == [
            made[1],
            made[3],
            made[2],
            made[0],
        ]
        assert await book.chosen([BOB, ADA]) == [made[2]]
        assert await book.chosen([*purses, Purse(Scope.PERSON, "desk")]) == made[4:]
        assert await book.chosen([AgentName("other"), replace(THREAD, root="2")]) == []
        assert await book.chosen([]) == []
        every = await book.every()
        assert len(every) == len(made)
        assert all(each in every for each in made)


async def test_a_choice_takes_the_place_of_the_one_before_and_can_be_forgotten(
    store: Store, clock: ManualClock
) -> None:
    book = store.modelbook
    await book.choose(chosen(clock, THREAD, "first"))
    await clock.advance(1)
    await book.choose(chosen(clock, THREAD, "second"))
    assert [(c.model, c.at) for c in await book.chosen([THREAD])] == [("second", clock.now())]
    assert await book.forget(THREAD)
    assert not await book.forget(THREAD)
    assert await book.chosen([THREAD]) == []


async def test_why_a_model_was_asked_is_kept_for_each_thread_and_not_for_ever(
    open_again: Opener, clock: ManualClock
) -> None:
    why = Explanation(
        agent=DESK,
        phase=Phase.CHAT,
        order=(ModelName("a"), ModelName("b")),
        reasons=(
            Reason(RoutingLayer.SIGNALS, "“outage” calls for `a`"),
            Reason(RoutingLayer.USABLE, ""),
        ),
        tried=((ModelName("a"), "it did not answer in time"),),
        answered=ModelName("b"),
        at=clock.now(),
    )
    async with open_again() as store:
        await store.modelbook.explain(CHANNEL, replace(why, answered=ModelName("a")))
        await store.modelbook.explain(THREAD, why)
        await store.modelbook.explain(CHANNEL, why)
    async with open_again() as store:
        book = store.modelbook
        assert await book.explanation(THREAD) == why
        assert await book.explanation(CHANNEL) == why
        assert await book.explanation(replace(THREAD, root="2")) is None
        await clock.advance(timedelta(days=31))
        later = replace(why, at=clock.now())
        await book.explain(THREAD, later)
        assert await book.explanation(CHANNEL) is None
        assert await book.explanation(THREAD) == later


async def test_an_outage_is_told_once_for_each_key_however_many_find_it(
    open_again: Opener, clock: ManualClock
) -> None:
    out = Outage(provider="openai", credential="aa", why="status 401", since=clock.now())
    async with open_again() as store:
        book = store.modelbook
        first = await asyncio.gather(*(book.take_out(out) for _ in range(4)))
        assert sorted(first) == [False, False, False, True]
        assert not await book.take_out(replace(out, why="status 403"))
        assert await book.take_out(replace(out, credential="bb"))
        assert await book.take_out(replace(out, provider="anthropic"))
    async with open_again() as store:
        book = store.modelbook
        known = [(o.provider, o.credential, o.why) for o in await book.outages()]
        assert sorted(known) == [
            ("anthropic", "aa", "status 401"),
            ("openai", "aa", "status 401"),
            ("openai", "bb", "status 401"),
        ]
        assert await book.put_back("openai")
        assert not await book.put_back("openai")
        assert [o.provider for o in await book.outages()] == ["anthropic"]
