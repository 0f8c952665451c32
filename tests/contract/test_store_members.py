"""The promises of `runtime.ports.Members`, on every implementation."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from runtime.ids import Platform
from runtime.model.address import Principal
from runtime.model.member import Enrolled, Enrolment
from runtime.model.team import MemberRole
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, Opener

BOB = Principal(Platform("slack"), "T1", "U2")
CID = Principal(Platform("telegram"), "", "42")
TWIN = Principal(Platform("slack"), "T2", "U2")
HOUR = timedelta(hours=1)


def enrolment(
    clock: ManualClock,
    who: Principal = BOB,
    role: MemberRole | None = MemberRole.MEMBER,
    name: str = "Bob",
    was: MemberRole | None = None,
) -> Enrolment:
    return Enrolment(
        who=who, name=name, role=role, was=was, by=ADA, at=clock.now(), key=f"{was}-{role}"
    )


async def owners(store: Store, clock: ManualClock, *who: Principal) -> None:
    for each in who:
        said = enrolment(clock, each, MemberRole.OWNER, name=each.user)
        assert await store.members.put(said, owned=False) is Enrolled.DONE


async def test_who_is_added_stays_added(open_again: Opener, clock: ManualClock) -> None:
    said = enrolment(clock)
    async with open_again() as store:
        assert await store.members.all() == []
        assert await store.members.get(BOB) is None
        assert await store.members.put(said, owned=True) is Enrolled.DONE
    async with open_again() as store:
        assert await store.members.all() == [said]
        assert await store.members.get(BOB) == said
        assert await store.members.get(TWIN) is None


async def test_a_change_holds_only_where_the_role_is_as_it_was_seen(
    store: Store, clock: ManualClock
) -> None:
    said = enrolment(clock)
    await store.members.put(said, owned=True)
    raised = enrolment(clock, role=MemberRole.OPERATOR, was=MemberRole.MEMBER)

    for was in (None, MemberRole.GUEST):
        late = replace(raised, was=was)
        assert await store.members.put(late, owned=True) is Enrolled.CHANGED
        assert await store.members.all() == [said]
    assert await store.members.put(raised, owned=True) is Enrolled.DONE
    assert await store.members.all() == [raised]


async def test_of_two_who_change_the_same_person_at_once_one_does(
    store: Store, clock: ManualClock
) -> None:
    said = [enrolment(clock, role=role) for role in (MemberRole.GUEST, MemberRole.ADMIN)]
    won = await asyncio.gather(*(store.members.put(one, owned=True) for one in said))
    assert sorted(won) == [Enrolled.CHANGED, Enrolled.DONE]
    assert await store.members.all() == [said[won.index(Enrolled.DONE)]]


async def test_who_was_let_go_is_known_but_no_member_and_can_come_back(
    store: Store, clock: ManualClock
) -> None:
    said = enrolment(clock)
    gone = replace(said, role=None, was=MemberRole.MEMBER, key="row-2")
    await store.members.put(said, owned=True)
    assert await store.members.put(gone, owned=True) is Enrolled.DONE
    assert await store.members.all() == []
    assert await store.members.get(BOB) == gone
    assert await store.members.put(said, owned=True) is Enrolled.DONE
    assert await store.members.all() == [said]


async def test_the_last_owner_of_the_list_stays(store: Store, clock: ManualClock) -> None:
    await owners(store, clock, BOB)
    for role in (MemberRole.ADMIN, None):
        lower = enrolment(clock, role=role, was=MemberRole.OWNER)
        put = await store.members.put(lower, owned=False)
        assert put is Enrolled.LAST_OWNER
    same = enrolment(clock, role=MemberRole.OWNER, name="Robert", was=MemberRole.OWNER)
    assert await store.members.put(same, owned=False) is Enrolled.DONE
    assert await store.members.all() == [same]
    gone = enrolment(clock, role=None, was=MemberRole.OWNER)
    assert await store.members.put(gone, owned=True) is Enrolled.DONE


async def test_two_owners_cannot_let_each_other_go_at_once(
    store: Store, clock: ManualClock
) -> None:
    for _ in range(8):
        await owners(store, clock, BOB, CID)
        owner = MemberRole.OWNER
        gone = [enrolment(clock, who, None, who.user, owner) for who in (BOB, CID)]
        won = await asyncio.gather(*(store.members.put(one, owned=False) for one in gone))
        assert sorted(won) == [Enrolled.DONE, Enrolled.LAST_OWNER]
        [left] = await store.members.all()
        freed = replace(left, role=None, was=owner)
        assert await store.members.put(freed, owned=True) is Enrolled.DONE


async def test_the_list_is_by_name(store: Store, clock: ManualClock) -> None:
    for who, name in ((BOB, "Zoe"), (CID, "Ann"), (TWIN, "Mel")):
        await store.members.put(enrolment(clock, who, name=name), owned=True)
    assert [each.name for each in await store.members.all()] == ["Ann", "Mel", "Zoe"]


async def test_a_code_makes_one_owner(open_again: Opener, clock: ManualClock) -> None:
    async with open_again() as store:
        await store.members.offer("hash", "all-0", expires_at=clock.now() + HOUR)
        await store.members.offer("other", "web-1", expires_at=clock.now() + HOUR)
        people = (BOB, CID, TWIN)
        said = [enrolment(clock, who, MemberRole.OWNER, name=who.user) for who in people]
        won = await asyncio.gather(
            *(store.members.claim("hash", each, now=clock.now()) for each in said)
        )
        assert sorted(won) == [False, False, True]
    async with open_again() as store:
        assert await store.members.all() == [said[won.index(True)]]
        assert not await store.members.claim("other", said[0], now=clock.now())


async def test_a_code_raises_who_is_in_the_list(store: Store, clock: ManualClock) -> None:
    await store.members.put(enrolment(clock), owned=True)
    await store.members.offer("hash", "all-0", expires_at=clock.now() + HOUR)
    owner = enrolment(clock, role=MemberRole.OWNER)
    assert await store.members.claim("hash", owner, now=clock.now())
    assert await store.members.all() == [owner]


async def test_a_code_ends_by_time_by_a_new_one_and_by_being_withdrawn(
    store: Store, clock: ManualClock
) -> None:
    owner = enrolment(clock, role=MemberRole.OWNER)
    await store.members.offer("late", "all-0", expires_at=clock.now() + HOUR)
    await clock.advance(HOUR)
    assert not await store.members.claim("late", owner, now=clock.now())
    for code in ("first", "second"):
        await store.members.offer(code, "all-0", expires_at=clock.now() + HOUR)
    assert not await store.members.claim("first", owner, now=clock.now())
    await store.members.withdraw()
    assert not await store.members.claim("second", owner, now=clock.now())
    assert await store.members.all() == []
