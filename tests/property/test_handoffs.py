"""Whatever an agent asks for: what may be handed over is to another, in reach, new, and not too deep."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory.store import MemoryStore
from runtime.errors import Refused
from runtime.handoffs import Handoffs
from runtime.ids import AgentName, TimeOrderedIds
from runtime.model.address import Principal
from runtime.model.ending import HandTo
from runtime.model.handoff import DEEPEST, LONGEST_CONTEXT, LONGEST_TASK
from runtime.model.team import Agent, Member, MemberRole, Team
from tests.support.build import ANN, STRANGER, TERMINAL, team
from tests.support.clock import ManualClock

GUEST, PROGRAM = (
    Member(name=name, role=role, principals=(Principal(TERMINAL, "local", name),), bot=bot)
    for name, role, bot in (("gus", MemberRole.GUEST, False), ("ci", MemberRole.OWNER, True))
)
NAMES = tuple(AgentName(f"a{number}") for number in range(8))
names = st.sampled_from(NAMES)
words = st.one_of(
    names, st.sampled_from(["", " a1 ", "@a2", "A3", "nobody", "a\u202e1"]), st.text()
)
reaches = st.dictionaries(names, st.lists(st.sampled_from([*NAMES, AgentName("gone")]), max_size=8))
chains = st.lists(names, max_size=7)
long_enough = st.sampled_from(["x" * LONGEST_TASK, "x" * (LONGEST_CONTEXT + 1)])
texts = st.one_of(st.text(max_size=20), long_enough)


def agents(reach: dict[AgentName, list[AgentName]]) -> Team:
    model = team().agents[0].model
    return replace(
        team(),
        members=(*team().members, GUEST, PROGRAM),
        agents=tuple(
            Agent(name=name, model=model, instructions="", hands_to=tuple(reach.get(name, ())))
            for name in NAMES
        ),
    )


@given(
    reach=reaches,
    agent=names,
    to=words,
    task=texts,
    context=texts,
    chain=chains,
    requester=st.sampled_from([ANN, STRANGER, *GUEST.principals, *PROGRAM.principals]),
)
def test_nothing_else_is_handed_over(
    reach: dict[AgentName, list[AgentName]],
    agent: AgentName,
    to: str,
    task: str,
    context: str,
    chain: list[AgentName],
    requester: Principal,
) -> None:
    ours, clock = agents(reach), ManualClock()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    handoffs = Handoffs(store, team=lambda: ours, clock=clock)
    wish = HandTo(to=AgentName(to), task=task, context=context)
    try:
        given_to = handoffs.require(agent, wish, chain=chain, requester=requester)
    except Refused:
        return
    assert requester == ANN
    assert given_to.to in NAMES
    assert given_to.to in reach[agent]
    assert given_to.to not in (*chain, agent)
    assert len(chain) < DEEPEST
    assert 0 < len(given_to.task) <= LONGEST_TASK
    assert len(given_to.context) <= LONGEST_CONTEXT


def test_who_has_no_right_to_it_has_nothing_handed_over() -> None:
    """Asked again as the turn ends, when it happens."""
    first, second, *_ = NAMES
    ours, clock = agents({first: [second]}), ManualClock()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    handoffs = Handoffs(store, team=lambda: ours, clock=clock)
    wish = HandTo(to=second, task="find out", context="")
    for who in (STRANGER, *GUEST.principals, *PROGRAM.principals):
        with pytest.raises(Refused, match="may not have it handed over"):
            handoffs.require(first, wish, chain=(), requester=who)
    assert handoffs.require(first, wish, chain=(), requester=ANN) == wish


@given(reach=reaches, first=names, wanted=st.lists(names, max_size=40))
def test_one_cause_ends_within_five_whatever_is_wanted(
    reach: dict[AgentName, list[AgentName]], first: AgentName, wanted: list[AgentName]
) -> None:
    ours, clock = agents(reach), ManualClock()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    handoffs = Handoffs(store, team=lambda: ours, clock=clock)
    chain: list[AgentName] = []
    agent = first
    for to in wanted:
        try:
            wish = handoffs.require(agent, HandTo(to=to, task="x"), chain=chain, requester=ANN)
        except Refused:
            continue
        chain.append(agent)
        agent = wish.to
    assert len(chain) <= DEEPEST
    assert len({*chain, agent}) == len(chain) + 1
