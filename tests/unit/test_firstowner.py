"""The first owner: a code that is shown once, and makes whoever says it in private the owner."""

import logging
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from runtime.ids import Platform
from runtime.model.address import Principal
from runtime.model.events import Command
from runtime.model.team import Member, MemberRole
from runtime.people.firstowner import FirstOwner
from runtime.people.roster import ALPHABET, CODE_LENGTH
from tests.support.build import ANN, DM, OPS, STRANGER, TERMINAL, role_of, team
from tests.support.commands import CommandBench, command_bench

CODE = "FRST-2345-WNER"
MEL = Principal(TERMINAL, "local", "mel")
EVE = STRANGER
NOBODY = replace(team(), members=())


@pytest.fixture
def give() -> CommandBench:
    """A team of which nobody is known."""
    return command_bench(configured=NOBODY)


def role_now(give: CommandBench, who: Principal) -> MemberRole | None:
    return role_of(give.roster.team(), who)


async def test_whoever_says_the_code_in_private_is_owner(give: CommandBench) -> None:
    assert await give.people.first.offer("all-0") == CODE
    answer = await give(f"link {CODE}", sender=EVE)
    assert "You are the owner of Night shift now" in answer
    assert "/member add" in answer
    assert role_now(give, EVE) is MemberRole.OWNER
    assert "the one-time code of the first owner" in await give("/whoami", sender=EVE)
    assert "is operator from now on" in await give("/member add mel operator Mel", sender=EVE)


@pytest.mark.parametrize("said", [CODE, CODE.lower(), f"/link {CODE}", "link FRST 2345 WNER"])
async def test_the_code_may_be_typed_as_people_type(give: CommandBench, said: str) -> None:
    await give.people.first.offer("all-0")
    said = f"link {said}" if said == CODE.lower() else said
    assert "You are the owner" in await give(said, sender=EVE)


async def test_it_counts_in_a_direct_message_only(give: CommandBench) -> None:
    await give.people.first.offer("all-0")
    for thread in (OPS, DM):
        said = Command(text=f"link {CODE}", direct=False)
        assert "not good" in await give("", sender=EVE, thread=thread, body=said)
    assert role_now(give, EVE) is None
    assert "You are the owner" in await give(f"link {CODE}", sender=EVE)


async def test_it_works_once(give: CommandBench) -> None:
    await give.people.first.offer("all-0")
    await give(f"link {CODE}", sender=EVE)
    assert "not good" in await give(f"link {CODE}", sender=MEL)
    assert role_now(give, MEL) is None


async def test_said_again_after_a_crash_it_is_answered_the_same(give: CommandBench) -> None:
    await give.people.first.offer("all-0")
    first = await give(f"link {CODE}", sender=EVE, key="row")
    assert await give(f"link {CODE}", sender=EVE, key="row") == first
    assert "You are the owner" in first


async def test_it_lives_an_hour_and_a_new_start_makes_a_new_one(give: CommandBench) -> None:
    await give.people.first.offer("all-0")
    await give.clock.advance(timedelta(hours=1))
    assert "not good" in await give(f"link {CODE}", sender=EVE)
    codes = iter(["AAAA2222AAAA", "BBBB2222BBBB"])
    first = FirstOwner(
        give.store.members,
        give.roster,
        live={TERMINAL},
        clock=give.clock,
        new_code=lambda: next(codes),
    )
    assert await first.offer("all-0") == "AAAA-2222-AAAA"
    assert await first.offer("all-0") == "BBBB-2222-BBBB"
    assert "not good" in await give("link AAAA-2222-AAAA", sender=EVE)
    assert "You are the owner" in await give("link BBBB-2222-BBBB", sender=EVE)


async def test_two_processes_show_a_code_each_and_the_first_that_is_said_ends_both(
    give: CommandBench,
) -> None:
    codes = iter(["AAAA2222AAAA", "BBBB2222BBBB"])
    first = FirstOwner(
        give.store.members,
        give.roster,
        live={TERMINAL},
        clock=give.clock,
        new_code=lambda: next(codes),
    )
    await first.offer("web-1")
    await first.offer("web-2")
    assert "You are the owner" in await give("link AAAA-2222-AAAA", sender=EVE)
    assert "not good" in await give("link BBBB-2222-BBBB", sender=MEL)


async def test_wrong_codes_are_counted_of_members_too(give: CommandBench) -> None:
    give.teams.append(replace(team(), members=(_member(MEL, MemberRole.MEMBER),)))
    await give.people.first.offer("all-0")
    for who in (EVE, MEL):
        for _ in range(5):
            assert "too many" not in await give("link WRON-GWRO-NG22", sender=who)
        assert "too many wrong codes" in await give(f"link {CODE}", sender=who)
    assert role_now(give, EVE) is None


async def test_it_is_offered_only_where_nobody_is_owner_on_a_connected_platform(
    give: CommandBench,
) -> None:
    give.teams.append(team())
    assert await give.people.first.offer("all-0") == ""
    elsewhere = Principal(Platform("telegram"), "", "42")
    give.teams.append(replace(team(), members=(_member(elsewhere, MemberRole.OWNER),)))
    assert await give.people.first.offer("all-0") == CODE


async def test_it_is_void_once_somebody_is_owner(give: CommandBench) -> None:
    await give.people.first.offer("all-0")
    give.teams.append(team())  # Ann owns it from now on, by the file
    assert "not good" in await give(f"link {CODE}", sender=EVE)
    assert await give.people.first.offer("all-0") == ""
    give.teams.append(NOBODY)
    assert "not good" in await give(f"link {CODE}", sender=EVE)


async def test_whom_the_configuration_names_is_sent_there(give: CommandBench) -> None:
    give.teams.append(replace(team(), members=(_member(ANN, MemberRole.MEMBER),)))
    await give.people.first.offer("all-0")
    answer = await give(f"link {CODE}")
    assert "nightdesk.toml names you as member" in answer
    assert 'Write role = "owner" there, and start Nightdesk again.' in answer
    assert "You are the owner" in await give(f"link {CODE}", sender=EVE)  # it is not used up


async def test_somebody_of_the_list_is_raised_and_keeps_their_name(give: CommandBench) -> None:
    give.teams.append(team())
    await give("/member add mel member Mel")
    give.teams.append(NOBODY)
    await give.people.first.offer("all-0")
    assert "You are the owner" in await give(f"link {CODE}", sender=MEL)
    member = give.roster.team().member_of(MEL)
    assert member is not None
    assert (member.name, member.role) == ("Mel", MemberRole.OWNER)
    said = await give.store.members.get(MEL)
    assert said is not None
    assert (said.was, said.by) == (MemberRole.MEMBER, MEL)


async def test_an_account_that_stands_for_somebody_else_makes_nobody_owner(
    give: CommandBench,
) -> None:
    give.teams.append(team())
    await give("/member add mel member Mel")
    offered = await give("/link", sender=MEL)
    code = next(word for word in re.findall(r"\w{4}-\w{4}-\w{4}", offered))
    await give(f"link {code}", sender=EVE)
    assert role_now(give, EVE) is MemberRole.MEMBER
    give.teams.append(NOBODY)
    await give.people.first.offer("all-0")
    await give(f"link {CODE}", sender=EVE)
    assert (role_now(give, EVE), role_now(give, MEL)) == (MemberRole.MEMBER, MemberRole.MEMBER)
    assert "You are the owner" in await give(f"link {CODE}", sender=MEL)


async def test_codes_are_drawn_by_chance_and_stored_as_hashes(
    give: CommandBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert await give.people.first.offer("web-1")
    [said] = [line for line in caplog.records if line.getMessage() == "people.owner_code_offered"]
    assert vars(said)["slot"] == "web-1"
    first = FirstOwner(give.store.members, give.roster, live={TERMINAL}, clock=give.clock)
    codes = {(await first.offer("all-0")).replace("-", "") for _ in range(50)}
    assert len(codes) == 50
    assert all(len(code) == CODE_LENGTH and set(code) <= set(ALPHABET) for code in codes)
    assert not any(code[:4] in caplog.text for code in codes)
    assert not any(code in repr(vars(give.store.members)) for code in codes)


def _member(who: Principal, role: MemberRole) -> Member:
    return Member(name=who.user.title(), role=role, principals=(who,))
