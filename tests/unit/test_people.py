"""One person on several platforms: by configuration, and by a one-time code."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from runtime.errors import Refused
from runtime.ids import Platform
from runtime.model.address import Principal
from runtime.model.team import MemberRole
from runtime.people.roster import ALPHABET, CODE_LENGTH, TRIES, TRIES_WITHIN, Roster
from tests.support.build import ANN, STRANGER, role_of, team
from tests.support.commands import CommandBench, command_bench

ELSEWHERE = Principal(Platform("telegram"), "", "42")
OTHER = Principal(Platform("discord"), "", "7")
CODE = "ABCD-2345-WXYZ"


@pytest.fixture
def give() -> CommandBench:
    return command_bench()


async def test_a_code_makes_the_other_account_the_same_person(give: CommandBench) -> None:
    answer = await give("/link")
    assert CODE in answer

    answer = await give(f"link {CODE}", sender=ELSEWHERE)

    assert "you are Ann" in answer
    assert role_of(give.roster.team(), ELSEWHERE) is MemberRole.OWNER
    assert "There are no schedules yet" in await give("/schedule list", sender=ELSEWHERE)


@pytest.mark.parametrize("said", ["abcd2345wxyz", "ABCD 2345 WXYZ", "abcd-2345-wxyz"])
async def test_a_code_may_be_typed_as_people_type(give: CommandBench, said: str) -> None:
    await give("/link")
    assert "you are Ann" in await give(f"/link {said}", sender=ELSEWHERE)


async def test_a_code_works_once_and_for_ten_minutes(give: CommandBench) -> None:
    await give("/link")
    await give(f"/link {CODE}", sender=ELSEWHERE)
    assert "That code is not good" in await give(f"/link {CODE}", sender=OTHER)

    await give("/link")
    await give.clock.advance(timedelta(minutes=10))
    assert "That code is not good" in await give(f"/link {CODE}", sender=OTHER)
    assert role_of(give.roster.team(), OTHER) is None


async def test_wrong_codes_are_counted(give: CommandBench) -> None:
    await give("/link")
    for _ in range(5):
        assert "not good" in await give("/link WRON-GWRO-NG11", sender=ELSEWHERE)
    assert "too many wrong codes" in await give(f"/link {CODE}", sender=ELSEWHERE)
    assert "you are Ann" in await give(f"/link {CODE}", sender=OTHER)
    await give.clock.advance(timedelta(hours=1))
    await give("/link")
    assert "you are Ann" in await give(f"/link {CODE}", sender=ELSEWHERE)


async def test_who_tried_too_often_is_not_worth_hearing_for_an_hour(give: CommandBench) -> None:
    for _ in range(TRIES):
        assert give.roster.may_try(ELSEWHERE)
        give.roster.count_try(ELSEWHERE)
    assert not give.roster.may_try(ELSEWHERE)
    assert give.roster.may_try(OTHER)
    with pytest.raises(Refused) as refused:
        give.roster.count_try(ELSEWHERE)
    assert refused.value.message == "Those were too many wrong codes."
    assert refused.value.hint == "Try again in an hour."
    await give.clock.advance(TRIES_WITHIN - 1)
    assert not give.roster.may_try(ELSEWHERE)
    await give.clock.advance(1)
    assert give.roster.may_try(ELSEWHERE)


async def test_a_good_code_ends_the_count_of_wrong_ones(give: CommandBench) -> None:
    give.roster.forget_tries(ELSEWHERE)
    for _ in range(TRIES - 1):
        give.roster.count_try(ELSEWHERE)
    give.roster.count_try(OTHER)
    await give("/link")
    assert "you are Ann" in await give(f"/link {CODE}", sender=ELSEWHERE)
    for _ in range(TRIES):
        assert give.roster.may_try(ELSEWHERE)
        give.roster.count_try(ELSEWHERE)
    for _ in range(TRIES - 1):
        give.roster.count_try(OTHER)
    assert not give.roster.may_try(OTHER), "that of somebody else goes on"


async def test_what_is_refused_says_what_to_do_instead(give: CommandBench) -> None:
    await give("/link")
    assert await give(f"/link {CODE}") == (
        "(This account is in the team already, by itself.\n"
        "Ask for a code here with /link, and say it on the other platform.)"
    )
    assert await give("/link WRON-GWRO-NG11", sender=ELSEWHERE) == (
        "(That code is not good: it works once, for ten minutes.\n"
        "Ask for a new one with /link where you are known.)"
    )
    with pytest.raises(Refused, match=r"^Only members of the team can link another account to"):
        await give.roster.offer(STRANGER)


async def test_a_code_of_somebody_who_left_meanwhile_is_not_good(give: CommandBench) -> None:
    await give("/link")
    give.teams.append(replace(team(), members=()))
    assert "not good" in await give(f"/link {CODE}", sender=ELSEWHERE)
    assert role_of(give.roster.team(), ELSEWHERE) is None


async def test_what_becomes_of_codes_is_logged_and_no_code_is(
    give: CommandBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await give("/link")
    await give("/link WRON-GWRO-NG11", sender=ELSEWHERE)
    await give(f"/link {CODE}", sender=ELSEWHERE)
    await give("/unlink", sender=ELSEWHERE)
    said = [
        (each.levelname, each.getMessage(), vars(each)["platform"], vars(each)["user"])
        for each in caplog.records
        if each.name == "nightdesk.people"
    ]
    assert said == [
        ("INFO", "people.code_offered", ANN.platform, ANN.user),
        ("WARNING", "people.code_refused", ELSEWHERE.platform, ELSEWHERE.user),
        ("INFO", "people.linked", ELSEWHERE.platform, ELSEWHERE.user),
        ("INFO", "people.unlinked", ELSEWHERE.platform, ELSEWHERE.user),
    ]
    assert not any(CODE[:4] in repr(vars(each)) for each in caplog.records)


async def test_a_stranger_gets_no_code(give: CommandBench) -> None:
    assert "not a member" in await give("/link", sender=STRANGER)


async def test_somebody_configured_is_not_linked_to_another(give: CommandBench) -> None:
    await give("/link")
    assert "in the team already" in await give(f"/link {CODE}")


async def test_a_linked_account_can_offer_a_code_and_be_unlinked(give: CommandBench) -> None:
    await give("/link")
    await give(f"/link {CODE}", sender=ELSEWHERE)
    await give("/link", sender=ELSEWHERE)
    assert "you are Ann" in await give(f"/link {CODE}", sender=OTHER)

    assert "no longer linked" in await give("/unlink", sender=ELSEWHERE)

    assert role_of(give.roster.team(), ELSEWHERE) is None
    assert role_of(give.roster.team(), OTHER) is MemberRole.OWNER
    assert await give("/unlink") == (
        "(This account is not linked by a code, so there is nothing to undo.)"
    )


async def test_the_link_ends_with_the_membership_and_follows_the_role(give: CommandBench) -> None:
    await give("/link")
    await give(f"/link {CODE}", sender=ELSEWHERE)

    give.teams.append(team(role=MemberRole.GUEST))
    assert role_of(give.roster.team(), ELSEWHERE) is MemberRole.GUEST
    give.teams.append(replace(team(), members=()))
    assert role_of(give.roster.team(), ELSEWHERE) is None


async def test_reminders_are_the_persons_on_every_platform(give: CommandBench) -> None:
    await give("/link")
    await give(f"/link {CODE}", sender=ELSEWHERE)
    await give("/remind me in 2 hours to call Bob", sender=ELSEWHERE)

    assert "call Bob" in await give("/remind list", sender=ANN)


async def test_another_process_learns_of_a_link(give: CommandBench) -> None:
    other = Roster(lambda: give.teams[-1], give.store.people, give.store.members, clock=give.clock)
    await give("/link")
    await give(f"/link {CODE}", sender=ELSEWHERE)
    assert role_of(other.team(), ELSEWHERE) is None

    await other.refresh()

    assert role_of(other.team(), ELSEWHERE) is MemberRole.OWNER


async def test_codes_are_drawn_by_chance(give: CommandBench) -> None:
    roster = Roster(lambda: give.teams[-1], give.store.people, give.store.members, clock=give.clock)
    codes = {(await roster.offer(ANN)).replace("-", "") for _ in range(50)}

    assert len(codes) == 50
    assert all(len(code) == CODE_LENGTH and set(code) <= set(ALPHABET) for code in codes)
