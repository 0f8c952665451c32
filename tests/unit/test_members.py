"""`/member` and `/whoami`: who may change what, what is answered, and who is told."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from runtime.errors import Permanent
from runtime.ids import MessageId, Platform
from runtime.model.address import Principal
from runtime.model.member import Enrolled, Enrolment
from runtime.model.messages import Content
from runtime.model.team import Added, Member, MemberRole, Team
from runtime.people.roster import Roster
from tests.support.build import ANN, STRANGER, TERMINAL, role_of, team
from tests.support.chat import MemoryChat
from tests.support.commands import CommandBench, command_bench

BOB = Principal(TERMINAL, "local", "bob")
CID = Principal(TERMINAL, "local", "cid")
TEL = Principal(Platform("telegram"), "", "42")


def people(**roles: MemberRole) -> Team:
    """Ann owns the team by its file; the others have the roles that are named."""
    more = tuple(
        Member(name=name.title(), role=role, principals=(Principal(TERMINAL, "local", name),))
        for name, role in roles.items()
    )
    return replace(team(), members=(*team().members, *more))


@pytest.fixture
def give() -> CommandBench:
    return command_bench()


def role_now(give: CommandBench, who: Principal) -> MemberRole | None:
    return role_of(give.roster.team(), who)


async def told(give: CommandBench) -> Sequence[tuple[str, str]]:
    """Who was written to since the last look, and what."""
    found: list[tuple[str, str]] = []
    claim = partial(give.store.outbox.claim, owner="test", platforms=[TERMINAL, TEL.platform])
    while rows := await claim(now=give.clock.now()):
        for row in rows:
            found.append((row.thread.channel.channel, row.content.text))
            await give.store.outbox.sent(row.id, row.attempts, MessageId(f"m-{row.id}"))
    return found


# ---- add


async def test_who_is_added_is_a_member_at_once_and_is_told(give: CommandBench) -> None:
    answer = await give("/member add bob operator Bob Builder")
    assert answer == (
        "Bob Builder (`terminal:bob`) is operator from now on. Undo: `/member remove terminal:bob`."
    )
    assert role_now(give, BOB) is MemberRole.OPERATOR
    assert "There are no schedules yet" in await give("/schedule list", sender=BOB)
    [(where, words)] = await told(give)
    assert where == "dm-bob"
    assert words == (
        "Ann let you into Night shift as operator. Write to me here; /help shows what I know, and "
        "/whoami what you may do."
    )


async def test_the_team_knows_who_added_somebody_or_changed_their_role(give: CommandBench) -> None:
    await give("/member add bob member Bob")
    await give("/member add cid owner Cid")
    added = give.roster.team().member_of(BOB)
    assert added is not None
    assert added.added == Added(by=ANN, at=give.clock.now())
    await give("/member role bob operator", sender=CID)
    changed = give.roster.team().member_of(BOB)
    assert changed is not None
    assert changed.added == Added(by=CID, at=give.clock.now())


async def test_carried_out_again_after_a_crash_it_says_and_does_the_same(
    give: CommandBench,
) -> None:
    for line in (
        "/member add bob operator Bob",
        "/member role bob member",
        "/member remove bob",
    ):
        first = await give(line, key=line)
        assert await give(line, key=line) == first
        assert "Undo" in first
    assert len(await told(give)) == 3
    assert role_now(give, BOB) is None


async def test_another_process_learns_of_it(give: CommandBench) -> None:
    other = Roster(lambda: give.teams[-1], give.store.people, give.store.members, clock=give.clock)
    await give("/member add bob operator")
    assert role_of(other.team(), BOB) is None
    await other.refresh()
    assert role_of(other.team(), BOB) is MemberRole.OPERATOR
    await give("/member remove bob")
    await other.refresh()
    assert role_of(other.team(), BOB) is None


async def test_somebody_of_another_platform_is_added_by_their_id_there(give: CommandBench) -> None:
    for written in ("telegram:42", "telegram: 42"):
        answer = await give(f"/member add {written} guest Tel")
        assert "`telegram:42`" in answer
        assert role_now(give, TEL) is MemberRole.GUEST
        await give("/member remove telegram:42")
    assert await told(give) == []  # that platform is not connected


@pytest.mark.parametrize(
    ("written", "who"),
    [
        ("slack:T0123ABCD/U0456EFGH", ("slack", "T0123ABCD", "U0456EFGH")),
        ("discord:223456789012345678", ("discord", "", "223456789012345678")),
        ("discord:<@223456789012345678>", ("discord", "", "223456789012345678")),
        ("discord:<@!223456789012345678>", ("discord", "", "223456789012345678")),
    ],
)
async def test_ids_and_mentions_with_ids_are_taken(
    give: CommandBench, written: str, who: tuple[str, str, str]
) -> None:
    await give(f"/member add {written} member")
    assert role_now(give, Principal(Platform(who[0]), who[1], who[2])) is MemberRole.MEMBER


async def test_a_mention_on_slack_means_the_workspace_of_who_writes() -> None:
    here = Principal(Platform("slack"), "T0123ABCD", "U0ANN")
    owner = Member(name="Ann", role=MemberRole.OWNER, principals=(here,))
    give = command_bench(configured=replace(team(), members=(owner,)))
    for written in ("<@U0456EFGH>", "<@U0456EFGH|ana>", "U0456EFGH"):
        await give(f"/member add {written} member", sender=here)
        assert role_now(give, replace(here, user="U0456EFGH")) is MemberRole.MEMBER
        await give(f"/member remove {written}", sender=here)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("telegram:@bob", "a person is named by their number here, such as 123456789"),
        ("discord:bob", "Developer Mode"),
        ("slack:@bob", "Copy member ID"),
        ("slack:U0456EFGH", "which workspace?"),
        ("Bob!", "a person at the terminal is a short lower-case word"),
        ("irc:bob", "There is no platform “irc”"),
    ],
)
async def test_a_name_is_refused_with_what_would_be_right(
    give: CommandBench, written: str, says: str
) -> None:
    answer = await give(f"/member add {written} member")
    assert says in answer
    assert len(give.roster.team().members) == 1


async def test_a_role_that_there_is_not_is_refused_with_those_there_are(
    give: CommandBench,
) -> None:
    answer = await give("/member add bob boss")
    assert "There is no role “boss”." in answer
    assert "owner, admin, operator, member, guest" in answer
    assert "`<role>` is missing" in await give("/member add bob")


async def test_who_is_there_already_is_not_added_again(give: CommandBench) -> None:
    await give("/member add bob member Bob")
    answer = await give("/member add bob admin")
    assert "Bob is in the team already, as member." in answer
    assert "/member role terminal:bob admin" in answer
    assert role_now(give, BOB) is MemberRole.MEMBER


# ---- who may


@pytest.mark.parametrize("asks", list(MemberRole))
@pytest.mark.parametrize("role", list(MemberRole))
async def test_nobody_gives_or_takes_a_role_above_their_own(
    asks: MemberRole, role: MemberRole
) -> None:
    give = command_bench(configured=people(bob=asks))
    order = list(MemberRole)
    allowed = asks in (MemberRole.OWNER, MemberRole.ADMIN) and order.index(asks) <= order.index(
        role
    )

    await give(f"/member add cid {role}", sender=BOB)
    assert (role_now(give, CID) is role) is allowed
    if not allowed:
        await give(f"/member add cid {role}")  # Ann, who may
    other = MemberRole.GUEST if role is not MemberRole.GUEST else MemberRole.MEMBER
    await give(f"/member role cid {other}", sender=BOB)
    assert (role_now(give, CID) is other) is allowed
    if allowed:
        await give(f"/member role cid {role}")
    await give("/member remove cid", sender=BOB)
    assert (role_now(give, CID) is None) is allowed


async def test_an_admin_cannot_raise_themselves(give: CommandBench) -> None:
    await give("/member add bob admin Bob")
    answer = await give("/member role bob owner", sender=BOB)
    assert "You are admin, so you can neither give the role owner nor take it." in answer
    assert role_now(give, BOB) is MemberRole.ADMIN


async def test_strangers_and_members_learn_and_change_nothing(give: CommandBench) -> None:
    for verb in ("list", "add cid member", "role bob guest", "remove bob"):
        assert "not a member" in await give(f"/member {verb}", sender=STRANGER)
    await give("/member add bob guest")
    assert "needs the role member" in await give("/member list", sender=BOB)


# ---- the configuration, and the last owner


async def test_what_the_configuration_says_stays() -> None:
    give = command_bench(configured=people(bob=MemberRole.OPERATOR))
    for line in ("/member role bob guest", "/member role bob owner", "/member remove bob"):
        answer = await give(line)
        assert "nightdesk.toml names Bob as operator" in answer
        assert "[[members]]" in answer
    assert role_now(give, BOB) is MemberRole.OPERATOR
    assert await give("/member add bob owner") == (
        "(Bob is in the team already, as operator.\n"
        "Change it under [[members]] in nightdesk.toml, and start Nightdesk again.)"
    )


async def test_a_role_that_somebody_has_is_not_proposed(give: CommandBench) -> None:
    await give("/member add bob operator Bob")
    assert await give("/member add bob operator") == "(Bob is in the team already, as operator.)"
    assert "/member role terminal:bob guest" in await give("/member add bob guest")


async def test_a_name_that_is_too_long_is_refused_and_not_cut(give: CommandBench) -> None:
    told = "That name is too long: it has at most 60 characters."
    assert told in await give(f"/member add bob member {'x' * 61}")
    assert role_now(give, BOB) is None
    assert "x" * 60 in await give(f"/member add bob member {'x' * 60}")


async def test_an_id_of_another_platform_is_told_to_need_its_name(give: CommandBench) -> None:
    said = await give("/member add U0123ABCD member")
    assert "names nobody on terminal" in said
    assert "another platform: slack:T0123ABCD/U0456EFGH, telegram:" in said
    assert "another platform" not in await give("/member add telegram:x member")


async def test_the_configuration_goes_before_the_chat_once_it_names_somebody(
    give: CommandBench,
) -> None:
    await give("/member add bob admin Bob")
    give.teams.append(people(bob=MemberRole.GUEST))
    assert role_now(give, BOB) is MemberRole.GUEST
    give.teams.append(team())
    assert role_now(give, BOB) is MemberRole.ADMIN


async def test_the_last_owner_stays() -> None:
    nobody = replace(team(), members=())
    give = command_bench(configured=team())
    await give("/member add bob owner Bob")
    give.teams.append(nobody)
    for line in ("/member role bob admin", "/member remove bob"):
        assert "Bob is the last owner" in await give(line, sender=BOB)
    await give("/member add cid owner Cid", sender=BOB)
    assert "is admin from now on" in await give("/member role bob admin", sender=BOB)
    assert "is the last owner" in await give("/member remove cid", sender=CID)


async def test_an_owner_of_the_configuration_counts_where_they_can_be_reached(
    give: CommandBench,
) -> None:
    await give("/member add bob owner Bob")
    assert "is let go" in await give("/member remove bob")


async def test_whom_the_chat_added_and_the_configuration_names_now_is_the_configuration_s(
    give: CommandBench,
) -> None:
    await give("/member add bob guest Bob")
    give.teams.append(people(bob=MemberRole.OPERATOR))
    for line in ("/member role bob member", "/member remove bob"):
        assert await give(line) == (
            "(nightdesk.toml names Bob as operator, and the chat cannot change what it says.\n"
            "Change it under [[members]] in nightdesk.toml, and start Nightdesk again.)"
        )
    assert role_now(give, BOB) is MemberRole.OPERATOR
    membership = give.roster.membership(BOB)
    assert membership is not None
    assert membership.enrolment is None
    assert await give("/member add bob guest") == (
        "(Bob is in the team already, as operator.\n"
        "Change it under [[members]] in nightdesk.toml, and start Nightdesk again.)"
    )


# ---- role, remove


@pytest.mark.parametrize("line", ["/member role bob operator", "/member remove bob"])
async def test_of_two_changes_at_the_same_moment_one_holds(
    give: CommandBench, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    await give("/member add bob member Bob")
    put = give.store.members.put

    async def late(enrolment: Enrolment, *, owned: bool) -> Enrolled:
        monkeypatch.setattr(give.store.members, "put", put)
        await give("/member role bob guest")
        return await put(enrolment, owned=owned)

    monkeypatch.setattr(give.store.members, "put", late)
    answer = await give(line)
    assert answer == "(Somebody else changed that just now.\nSee /member list.)"
    assert role_now(give, BOB) is MemberRole.GUEST


async def test_what_is_refused_says_what_to_do_instead(give: CommandBench) -> None:
    await give("/member add bob owner Bob")
    give.teams.append(replace(team(), members=()))
    assert await give("/member remove bob", sender=BOB) == (
        "(Bob is the last owner, and somebody has to be.\n"
        "Make somebody else owner first: /member role <person> owner.)"
    )
    assert await give("/member remove cid", sender=BOB) == (
        "(Nobody with the id terminal:cid was added in the chat.\n/member list shows who was.)"
    )
    assert (await give("/member role cid guest", sender=BOB)).endswith(
        "/member list shows who was; /member add terminal:cid guest adds them.)"
    )


async def test_who_changed_whom_is_in_the_log_and_each_of_several_is_told(
    give: CommandBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="nightdesk.people")
    await give("/member add bob operator Bob")
    await give("/member role bob guest")
    said = [
        tuple(vars(each)[name] for name in ("who", "role", "was", "by"))
        for each in caplog.records
        if each.getMessage() == "people.changed"
    ]
    by, guest, operator = str(ANN), MemberRole.GUEST, MemberRole.OPERATOR
    assert said == [(str(BOB), operator, None, by), (str(BOB), guest, operator, by)]
    assert len(await told(give)) == 2


async def test_a_role_is_changed_both_ways_and_the_person_hears_of_it(give: CommandBench) -> None:
    await give("/member add bob operator Bob")
    answer = await give("/member role bob member")
    assert answer.endswith("Undo: `/member role terminal:bob operator`.")
    assert "Bob is member already" in await give("/member role bob member")
    assert "needs the role operator" in await give("/schedule delete 1", sender=BOB)
    assert (await told(give))[-1] == (
        "dm-bob",
        "You are member of Night shift now, Ann says; before, you were operator.",
    )


async def test_who_is_let_go_is_a_stranger_and_can_come_back(give: CommandBench) -> None:
    await give("/member add bob operator Bob")
    answer = await give("/member remove bob")
    assert "`/member add terminal:bob operator Bob`" in answer
    assert "not a member" in await give("/schedule list", sender=BOB)
    assert (await told(give))[-1][1].startswith("Ann let you go from Night shift")
    for line in ("/member remove bob", "/member role bob guest"):
        assert "Nobody with the id terminal:bob" in await give(line)
    assert "Bob (" in await give("/member add bob guest")
    assert role_now(give, BOB) is MemberRole.GUEST


async def test_a_linked_account_stands_for_its_person(give: CommandBench) -> None:
    await give("/member add bob operator Bob")
    await give("/link", sender=BOB)
    await give("/link ABCD-2345-WXYZ", sender=CID)
    assert role_now(give, CID) is MemberRole.OPERATOR
    assert "Bob is in the team already" in await give("/member add cid guest")
    await give("/member role cid guest")
    assert role_now(give, BOB) is MemberRole.GUEST
    await give("/member remove cid")
    assert role_now(give, CID) is None
    assert role_now(give, BOB) is None


async def test_somebody_whom_no_platform_reaches_is_changed_all_the_same(
    monkeypatch: pytest.MonkeyPatch, give: CommandBench, caplog: pytest.LogCaptureFixture
) -> None:
    async def nowhere(_: MemoryChat, _who: Principal) -> Content:
        raise Permanent("no direct message")

    monkeypatch.setattr(MemoryChat, "direct", nowhere)
    caplog.set_level(logging.INFO, logger="nightdesk.people")
    assert "is guest from now on" in await give("/member add bob guest")
    assert await told(give) == []
    [said] = [each for each in caplog.records if each.getMessage() == "people.not_told"]
    assert (vars(said)["who"], vars(said)["why"]) == (str(BOB), "no direct message")


# ---- list, whoami


async def test_the_list_says_where_each_comes_from(give: CommandBench) -> None:
    await give("/member add telegram:42 operator Tel")
    answer = await give("/member list")
    assert '- Ann, **owner**: `terminal = "ann"` (nightdesk.toml)' in answer
    assert "- Tel, **operator**: `telegram = 42` (the chat: Ann said so, " in answer


@pytest.mark.parametrize("role", list(MemberRole))
async def test_whoami_has_words_for_every_right(role: MemberRole) -> None:
    configured = replace(
        team(), members=(Member(name="Ann", role=role, principals=team().members[0].principals),)
    )
    answer = await command_bench(configured=configured)("/whoami")
    assert "You may talk to agents" in answer
    assert "_" not in answer.partition("You may ")[2]


async def test_whoami_says_id_role_origin_accounts_and_rights(give: CommandBench) -> None:
    answer = await give("/whoami")
    assert "You are **Ann**, owner of Night shift." in answer
    assert '`terminal = "ann"`' in answer
    assert "Your role comes from nightdesk.toml." in answer
    assert "Your other accounts: none" in answer
    assert "let people in and go" in answer

    await give("/member add bob guest Bob")
    answer = await give("/whoami", sender=BOB)
    assert "Bob**, guest" in answer
    assert "the chat: Ann said so" in answer
    assert "make schedules" not in answer

    await give("/link")
    await give("/link ABCD-2345-WXYZ", sender=TEL)
    answer = await give("/whoami", sender=TEL)
    assert "`telegram = 42`" in answer
    assert 'your account `terminal = "ann"`, linked by a code' in answer
    assert "not a member" in await give("/whoami", sender=STRANGER)
