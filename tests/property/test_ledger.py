"""However calls interleave, each meter says the sum of its entries, and no limit is passed."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.memory.ledger import MemoryLedger
from runtime.errors import Conflict
from runtime.ids import AgentName, HoldId, ModelName, Platform, ScheduleId, TurnId
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.completion import (
    ModelInfo,
    ModelRequest,
    Price,
    Usage,
)
from runtime.model.ledger import Call, CallState, Settlement, Spender
from runtime.model.meter import Bound, Meter
from runtime.money.pricing import cost_of, worst_case
from runtime.money.spenders import meters_of
from runtime.ports import Ledger, Store
from tests.support.build import ANN, OPS, team
from tests.support.clock import START
from tests.support.models import said

SPENDERS = (
    Spender(provider="a", agent=AgentName("desk"), run=TurnId("r1"), person=ANN, thread=OPS),
    Spender(
        provider="a",
        agent=AgentName("other"),
        run=TurnId("r2"),
        person=Principal(Platform("x"), "", "bob"),
        thread=ThreadRef(ChannelRef(Platform("x"), "", "c"), "root"),
    ),
    Spender(
        provider="b",
        agent=AgentName("desk"),
        run=TurnId("r3"),
        person=ANN,
        schedule=ScheduleId("s1"),
    ),
)
LIMIT = 300

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("reserve", "settle", "release", "sweep", "wait", "overrun")),
        st.integers(0, 2),
        st.integers(0, 120),
        st.integers(0, 11),
    ),
    max_size=40,
)


async def play(ledger: Ledger, steps: Sequence[tuple[str, int, int, int]], mark: str) -> None:
    """Play the steps, with every meter of every call limited, and compare the books after each."""
    now, calls = START, list[Call]()
    over = Counter[Meter]()
    for number, (what, who, amount, which) in enumerate(steps):
        spender = replace(SPENDERS[who], provider=f"{mark}{SPENDERS[who].provider}")
        match what:
            case "wait":
                now += timedelta(minutes=amount)
            case "sweep":
                await ledger.sweep(now=now)
            case "reserve":
                call = Call(
                    id=HoldId(f"{mark}{number}"),
                    spender=spender,
                    model=ModelName("m"),
                    at=now,
                    expires_at=now + timedelta(minutes=60),
                    worst=amount,
                    meters=tuple(
                        replace(meter, subject=f"{mark}{meter.subject}")
                        for meter in meters_of(spender, team(), at=now)
                    ),
                )
                bounds = [Bound(meter, LIMIT) for meter in call.meters]
                if await ledger.reserve(call, bounds) is None:
                    calls.append(call)
            case _ if calls:
                call = calls[which % len(calls)]
                spent = {"release": 0, "overrun": call.worst + amount}.get(
                    what, min(amount, call.worst)
                )
                state = CallState.RELEASED if what == "release" else CallState.SETTLED
                with suppress(Conflict):
                    await ledger.settle(call.id, Settlement(state=state, spent=spent, at=now))
                    over.update(dict.fromkeys(call.meters, max(spent - call.worst, 0)))
            case _:
                pass  # nothing is under way that could be settled
        await agree(ledger, calls, over)


async def agree(ledger: Ledger, calls: Sequence[Call], over: Counter[Meter]) -> None:
    """Each meter says the sum of the entries of its calls, and stays within its limit."""
    held, spent = Counter[Meter](), Counter[Meter]()
    for call in calls:
        for entry in await ledger.entries(call.id):
            for meter in call.meters:
                held[meter] += entry.held
                spent[meter] += entry.spent
    meters = sorted({m for call in calls for m in call.meters}, key=lambda meter: meter.id)
    for balance in await ledger.balances(meters):
        assert (balance.spent, balance.held) == (spent[balance.meter], held[balance.meter])
        assert balance.held >= 0
        # Only what a provider charged beyond the hold can pass a limit, and counts then.
        assert balance.taken <= LIMIT + over[balance.meter]


@settings(max_examples=60, deadline=None)
@given(STEPS)
async def test_the_books_agree_in_memory(steps: Sequence[tuple[str, int, int, int]]) -> None:
    await play(MemoryLedger(), steps, "")


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS)
@pytest.mark.parametrize("store_kind", ["sqlite", "postgres"], indirect=True)
async def test_the_books_agree_in_a_database(
    store: Store, steps: Sequence[tuple[str, int, int, int]]
) -> None:
    MARKS.append(len(MARKS))
    await play(store.ledger, steps[:20], f"{len(MARKS)}/")


MARKS: list[int] = []
"""One for each example: they share a database, and no meter."""

PRICES = st.builds(
    Price,
    above_tokens=st.sampled_from((0, 0, 200)),
    input=st.integers(0, 10**8),
    output=st.integers(0, 10**8),
    cached_input=st.none() | st.integers(0, 10**8),
    cache_write=st.none() | st.integers(0, 10**8),
)
TOKENS = st.none() | st.integers(-(10**9), 10**12)


@settings(deadline=None)
@given(
    prices=st.lists(PRICES, min_size=1, max_size=3),
    text=st.text(max_size=40),
    usage=st.builds(Usage, TOKENS, TOKENS, TOKENS, TOKENS),
    tokens=st.integers(0, 2048),
)
def test_what_a_call_costs_is_never_negative_and_within_its_worst_case_if_its_usage_is(
    prices: list[Price], text: str, usage: Usage, tokens: int
) -> None:
    first = replace(prices[0], above_tokens=0)
    tiers = (first, *(price for price in prices[1:] if price.above_tokens))
    info = ModelInfo(name=ModelName("m"), context_tokens=4096, prices=tiers)
    request = ModelRequest(instructions=text, entries=(said(text),), max_tokens=tokens)
    worst = worst_case(info, request, currency="USD")
    cost = cost_of(info, usage, worst)

    assert worst.micros >= 0
    assert cost.micros >= 0
    odd = (usage.prompt_tokens, usage.completion_tokens)
    if all(count is None or count < 0 for count in odd):
        assert cost.note
    fits = (
        0 <= (usage.prompt_tokens or 0) <= worst.prompt_tokens
        and 0 <= (usage.completion_tokens or 0) <= worst.completion_tokens
    )
    dearer_cache = any((tier.cached_input or 0) > tier.input for tier in tiers)
    if fits and not dearer_cache:
        assert cost.micros <= worst.micros
