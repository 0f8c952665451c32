"""The store of approvals against a model of its own, written anew: every path, up to a length."""

import asyncio
import itertools
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from adapters.memory.store import MemoryStore
from runtime.errors import Conflict
from runtime.ids import (
    ApprovalId,
    Platform,
    TimeOrderedIds,
)
from runtime.model.address import Principal
from runtime.model.approval import Approval, ApprovalEvent, Frozen, Vote
from runtime.ports import Store
from tests.support.build import T0
from tests.support.clock import ManualClock
from tests.support.questions import question
from tests.support.stores import ADA

PEOPLE = {name: Principal(Platform("slack"), "T1", name) for name in ("a", "b")}
FROZEN = Frozen(tool="git.push", schema="s1", arguments='{"branch":"main"}')
HOUR = timedelta(hours=1)
STEPS = ("yes a", "yes b", "late", "deny", "expire", "cancel", "begin", "succeed", "fail", "lose")
LONGEST = 4


@dataclass
class Model:
    """What an approval is, in as few words as it takes.

    Attributes:
        where: `asked`, `yes`, `no`, `runs`, `over` or `?`.
        voices: who said yes.
        late: its time is over.
        ran: how often it began.
    """

    needed: int
    where: str = "asked"
    voices: set[str] = field(default_factory=set)
    late: bool = False
    ran: int = 0

    def step(self, name: str) -> bool:
        """Do it where it can be done; whether it could."""
        if name == "late":
            self.late = True
            return True
        if name.startswith("yes"):
            if self.where != "asked" or self.late:
                return False
            self.voices.add(name[-1])
            self.where = "yes" if len(self.voices) >= self.needed else "asked"
            return True
        able = {
            "deny": ("asked",),
            "expire": ("asked", "yes"),
            "cancel": ("asked", "yes"),
            "begin": ("yes",),
            "succeed": ("runs", "?"),
            "fail": ("runs", "?"),
            "lose": ("runs",),
        }[name]
        if self.where not in able or (name == "begin" and self.late):
            return False
        self.ran += name == "begin"
        self.where = {"begin": "runs", "succeed": "over", "fail": "over", "lose": "?"}.get(
            name, "no"
        )
        return True


WORDS = {
    "pending": "asked",
    "approved": "yes",
    "denied": "no",
    "expired": "no",
    "cancelled": "no",
    "executing": "runs",
    "done": "over",
    "failed": "over",
    "unknown": "?",
}


def asked_for(needed: int, clock: ManualClock, number: int) -> Approval:
    return question(str(number), frozen=FROZEN, at=clock.now(), requester=ADA, needed=needed)


async def done(store: Store, this: ApprovalId, name: str, clock: ManualClock, late: bool) -> bool:
    now = clock.now() + (HOUR if late else timedelta(0))
    try:
        if name.startswith("yes"):
            vote = Vote(by=PEOPLE[name[-1]], at=now)
            await store.approvals.vote(this, vote, digest=FROZEN.digest())
        elif name != "late":
            await store.approvals.change(this, ApprovalEvent(name), now=now)
    except Conflict:
        return False
    return True


async def walk(store: Store, clock: ManualClock, path: tuple[str, ...], number: int) -> None:
    needed = 1 + number % 2
    model = Model(needed)
    asked = await store.approvals.ask(asked_for(needed, clock, number))
    for name in path:
        late = model.late
        could = model.step(name)
        assert await done(store, asked.id, name, clock, late) is could, (path, name)
        now = await store.approvals.get(asked.id)
        assert now is not None
        assert WORDS[now.state] == model.where, (path, name)
        assert len(now.votes) == len(model.voices), (path, name)
    assert model.ran <= 1


async def walk_all(length: int, needed: int) -> int:
    """Every path of that length, on the store and on the model; how many there are."""
    clock = ManualClock(T0)
    store: Store
    place = 0
    for place, path in enumerate(itertools.product(STEPS, repeat=length)):
        if place % 500 == 0:  # looking for the question of a call is a walk through all
            store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
        await walk(store, clock, path, 2 * place + needed)
    return place + 1


@pytest.mark.parametrize("needed", [0, 1])
def test_every_path_of_the_store_is_one_of_the_model(needed: int) -> None:
    assert asyncio.run(walk_all(LONGEST, needed)) == len(STEPS) ** LONGEST


@pytest.mark.parametrize("store_kind", ["sqlite", "postgres"])
async def test_every_way_to_a_run_on_a_database_is_one_of_the_model(
    store: Store, clock: ManualClock
) -> None:
    ends = list(
        itertools.product(("begin", "late", "expire"), ("begin", "lose", "succeed", "fail"))
    )
    paths = [("yes a", "yes b", *end, again) for end in ends for again in ("begin", "succeed")]
    for number, path in enumerate([*paths, *paths[::-1]]):
        await walk(store, clock, path, number)
