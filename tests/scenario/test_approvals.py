"""Approvals over the whole desk: asked, parked, decided by people, run once as shown."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.approvals import cards
from runtime.forms import CHANGES, REASON
from runtime.ids import MessageId, TurnId
from runtime.model.address import Principal
from runtime.model.approval import Approval, ApprovalState, Vote
from runtime.model.events import ButtonPress, Message
from runtime.model.team import Member, MemberRole
from runtime.model.tools import Risk
from runtime.model.turn import TurnState
from runtime.policy.book import PolicyBook
from runtime.policy.engine import RulePolicy
from runtime.policy.rules import Layer, Permission, Preset, Rate, Rule
from runtime.ports import Judged, Verdict
from tests.support.approving import BOB, CID, MEL, Asking, World, people
from tests.support.asking import question
from tests.support.build import ANN, DM, QUIET, TERMINAL

HOUR = 3600.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_button_lets_exactly_what_was_shown_run_once(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        assert world.ran == []
        assert '"branch": "main"' in life.card(approval).text
        assert "team rule 3, line 12" in life.card(approval).text
        turns = life.desk.desk.parts.store.turns
        assert await turns.state(approval.turn) is TurnState.WAITING
        assert life.desk.desk.mailboxes.turning == 0

        assert await life.press(approval) == ""

        assert world.ran == ["main"]
        assert life.desk.chat.texts[-1] == "Told: pushed main"
        assert life.faces(approval)
        assert all("**Done: " in face for face in life.faces(approval))
        assert life.buttons(approval) == []
        assert await life.state(approval) is ApprovalState.DONE


async def test_a_list_that_nobody_could_read_says_how_much_more_waits(world: World) -> None:
    async with world.life() as life:
        store = life.desk.desk.parts.store
        for number in range(203):
            lost = question(f"{number:03}", state=ApprovalState.UNKNOWN)
            await store.approvals.ask(lost)
        assert (await life.command("approve list")).endswith("\n- and 3 more")


@pytest.mark.parametrize("action", [cards.APPROVE, cards.DENY])
async def test_a_pressed_card_is_changed_once_for_each_thing_that_became_of_it(
    world: World, action: str
) -> None:
    async with world.life() as life:
        approval = await life.asked()
        pressed = life.card(approval).message
        await life.press(approval, action)
        faces = [
            shown.text
            for shown in life.desk.chat.shown
            if shown.item.draft == pressed and shown.message == pressed
        ]
        assert len(faces) == len(set(faces))
        assert faces
        # Pressed again, it may be that somebody sees an old one: it is drawn once more.
        before = len(life.desk.chat.shown)
        await life.press(approval, action)
        again = [s for s in life.desk.chat.shown[before:] if s.item.draft == pressed]
        assert [shown.text for shown in again] == faces[-1:]


@pytest.mark.parametrize("action", [cards.APPROVE, cards.DENY])
@pytest.mark.parametrize("elsewhere", [True, False])
async def test_a_pressed_message_that_is_no_card_we_know_of_shows_what_was_decided(
    world: World, action: str, *, elsewhere: bool
) -> None:
    async with world.life() as life:
        approval = await life.asked()
        card = life.card(approval)
        # Sent, and the process died before that was noted; ids are those of a channel.
        thread, message = (QUIET, card.message) if elsewhere else (DM, MessageId("forgotten"))
        press = ButtonPress(action=action, value=cards.handle(approval), message_id=message)

        await life.desk.say(body=press, sender=BOB, thread=thread)
        await life.desk.quiet()

        seen = [s for s in life.desk.chat.shown if (s.thread, s.message) == (thread, message)]
        decided = "**Approved" if action == cards.APPROVE else "**Denied"
        assert [decided in shown.text for shown in seen] == [True]


async def test_it_waits_over_restarts_and_runs_in_the_next_life(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
    async with world.life() as life:
        await life.desk.quiet()
        assert [one.id for one in await life.waiting()] == [approval.id]
        await life.press(approval)
        assert world.ran == ["main"]
        assert life.desk.chat.texts[-1] == "Told: pushed main"
    async with world.life() as life:
        await life.desk.quiet()
        assert world.ran == ["main"]


async def test_of_two_at_the_same_moment_one_decides_and_the_other_is_told_who(
    world: World,
) -> None:
    async with world.life() as life:
        approval = await life.asked()
        await life.press(approval, who=BOB, wait=False)
        await life.press(approval, cards.DENY, who=CID, wait=False)
        await life.desk.quiet()

        state = await life.state(approval)
        winner, loser = (BOB, CID) if state is ApprovalState.DONE else (CID, BOB)
        names = {BOB: "Bob", CID: "Cid"}
        told = [s.text for s in life.desk.chat.shown if s.item.only_for == loser]
        assert any(f"decided by {names[winner]}" in text for text in told)
        assert world.ran == (["main"] if winner == BOB else [])


@pytest.mark.parametrize("presses", [2, 20])
async def test_many_presses_are_one_run(world: World, presses: int) -> None:
    async with world.life() as life:
        approval = await life.asked()
        for number in range(presses):
            await life.press(approval, who=(BOB, CID, ANN)[number % 3], wait=False)
        await life.desk.quiet()
        assert world.ran == ["main"]


async def test_the_wrong_person_is_told_who_may(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        told = await life.press(approval, who=MEL)
        assert "needs the role operator" in told
        assert "Ann, Bob, Cid" in told
        assert await life.state(approval) is ApprovalState.PENDING
        assert world.ran == []


async def test_a_press_after_its_time_runs_nothing_and_the_card_says_so(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        await life.desk.clock.advance(HOUR)
        assert "time is over" in await life.press(approval)
        assert world.ran == []
        assert await life.state(approval) is ApprovalState.EXPIRED
        assert "**Expired: " in life.card(approval).text
        assert "nobody decided in time" in life.desk.chat.texts[-1]


async def test_the_ticker_ends_what_nobody_decides_and_reminds_and_escalates_before(
    world: World,
) -> None:
    async with world.life() as life:
        approval = await life.asked()
        await life.desk.clock.advance(HOUR / 2)
        await life.desk.fire()
        assert any("still waits for a yes or a no" in text for text in life.desk.chat.texts)
        said = len(life.desk.chat.shown)
        await life.desk.fire()
        assert len(life.desk.chat.shown) == said
        await life.desk.clock.advance(HOUR / 6)
        await life.desk.fire()
        assert asked_since(life, said) == ["dm-bob", "dm-cid"]
        await life.desk.clock.advance(HOUR / 6 - 1)
        await life.desk.fire()
        assert asked_since(life, said) == ["dm-bob", "dm-cid"]
        await life.desk.clock.advance(1)
        await life.desk.fire()
        assert asked_since(life, said) == ["dm-ann", "dm-bob", "dm-cid"]
        await life.desk.clock.advance(HOUR / 6)
        await life.desk.fire()
        assert await life.state(approval) is ApprovalState.EXPIRED
        assert len(life.faces(approval)) == 4
        assert all("**Expired: " in face for face in life.faces(approval))
        assert world.ran == []


def asked_since(life: Asking, said: int) -> list[str]:
    """The channels that were written to since then."""
    return sorted({shown.thread.channel.channel for shown in life.desk.chat.shown[said:]})


DEB = Principal(TERMINAL, "local", "deb")


async def test_each_group_is_asked_in_its_turn_and_once_over_restarts(world: World) -> None:
    admin = Member(name="Deb", role=MemberRole.ADMIN, principals=(DEB,))
    world.members = replace(people(), members=(*people().members, admin))
    asked = []
    async with world.life() as life:
        approval = await life.asked(sender=MEL)
        life.desk.chat.shown.clear()
    # Mel is alone with the bot, so the operators have been asked; then the admins, then the owners.
    for _ in range(8):
        async with world.life() as life:
            await life.desk.clock.advance(HOUR / 8)
            await life.desk.fire()
            await life.desk.fire()
            await life.desk.quiet()
            cards_of = [s for s in life.desk.chat.shown if s.item.content.buttons]
            asked.append(sorted({shown.thread.channel.channel for shown in cards_of}))
            life.desk.chat.shown.clear()
    assert asked[:5] == [[], [], [], [], []]
    assert asked[5:] == [["dm-deb"], ["dm-ann"], []]
    assert approval.thread is not None


async def test_who_was_asked_is_not_asked_again_after_a_vote_and_a_restart(world: World) -> None:
    world.rules.needed = 2
    async with world.life() as life:
        approval = await life.asked(sender=MEL)
        await life.desk.clock.advance(HOUR * 3 / 4)
        await life.desk.fire()
        assert asked_since(life, 0) == ["dm", "dm-ann", "dm-bob", "dm-cid"]
        await life.press(approval, who=BOB)
        said = len(life.desk.chat.shown)
    async with world.life() as life:
        await life.desk.fire()
        await life.desk.quiet()
        assert not [s for s in life.desk.chat.shown[said:] if s.item.content.buttons]
        assert await life.state(approval) is ApprovalState.PENDING


async def test_who_lost_the_role_since_has_said_nothing(world: World) -> None:
    async with world.life() as life:
        world.rules.needed = 2
        approval = await life.asked()
        assert await life.press(approval, who=BOB) == ""
        members = [
            replace(m, role=MemberRole.MEMBER) if m.name == "Bob" else m
            for m in life.desk.team.members
        ]
        life.desk.team = replace(life.desk.team, members=tuple(members))
        await life.press(approval, who=CID)
        assert world.ran == []
        assert await life.state(approval) is ApprovalState.CANCELLED
        assert "may no longer say it" in life.desk.chat.texts[-1]


async def test_two_people_are_needed_and_not_the_one_who_asked(world: World) -> None:
    world.rules.needed, world.risk = 2, Risk.DANGEROUS
    async with world.life() as life:
        approval = await life.asked(sender=BOB)
        assert "asked for this yourself" in await life.press(approval, who=BOB)
        assert cards.ALWAYS not in life.buttons(approval)
        await life.press(approval, who=CID)
        await life.press(approval, who=CID)
        assert world.ran == []
        assert "Yes from Cid" in life.card(approval).text
        await life.press(approval, who=ANN)
        assert world.ran == ["main"]


async def test_a_question_that_too_few_could_answer_is_not_asked(world: World) -> None:
    world.rules.needed = 4
    async with world.life() as life:
        await life.desk.ask("push it")
        assert await life.waiting() == []
        assert "asks for 4 people" in life.desk.chat.texts[-1]


async def test_a_tool_that_changed_since_does_not_run(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
    world.about = "Pull a branch."
    async with world.life() as life:
        await life.press(approval)
        assert world.ran == []
        assert "tool changed" in life.desk.chat.texts[-1]
        assert await life.state(approval) is ApprovalState.CANCELLED


async def test_an_edit_asks_anew_with_the_difference_and_takes_the_old_question_back(
    world: World,
) -> None:
    async with world.life() as life:
        old = await life.asked()
        await life.submit(old, cards.EDIT, BOB, **{CHANGES: "branch = release/2\nforce = true"})
        (new,) = await life.waiting()
        text = life.card(new).text
        assert '- branch: "main"' in text
        assert '+ branch: "release/2"' in text
        assert "+ force: true" in text
        assert await life.state(old) is ApprovalState.CANCELLED
        assert "Edited by Bob" in life.card(old).text
        assert "already cancelled" in await life.press(old, who=CID)
        assert world.ran == []

        await life.press(new, who=CID)
        assert world.ran == ["release/2"]
        assert life.desk.chat.texts[-1] == "Told: pushed release/2 by force"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ("branch main", "is no change"),
        ("brnch = main", "did you mean branch"),
        ("branch = main", "changes nothing"),
        ("force = maybe", "must be true or false"),
        ("branch = null", "branch is missing"),
        ("branch = " + "[" * 3_000, "nested too deeply"),
    ],
)
async def test_an_edit_that_does_not_fit_changes_nothing(
    world: World, changes: str, why: str
) -> None:
    async with world.life() as life:
        old = await life.asked()
        assert why in await life.command(f"approve edit {old.id[:8]} {changes}")
        assert [one.id for one in await life.waiting()] == [old.id]


RELEASE = '{"branch":"release/2"}'


def once_an_hour(world: World) -> RulePolicy:
    """A real policy: a push runs by itself, but once an hour at the most."""
    rate = Rate(most=1, seconds=int(HOUR))
    often = Rule(name="team rule 1", tools="git.*", permission=Permission.AUTONOMOUS, rate=rate)
    book = PolicyBook(team=Layer(name="team", preset=Preset.FULL_AUTO, rules=(often,)))
    return RulePolicy(lambda: book, read=lambda call: json.loads(call.arguments), clock=world.clock)


async def test_no_grant_lifts_a_rate(world: World) -> None:
    world.policy = once_an_hour(world)
    async with world.life() as life:
        assert await life.desk.ask("push it") == "Told: pushed main"
        approval = await life.asked("again")
        assert "more often than it may happen by itself" in life.card(approval).text
        assert life.buttons(approval) == [cards.APPROVE, cards.DENY, cards.EDIT]
        assert "Always" not in life.card(approval).text
        assert "asked for because it happens too often" in await life.press(approval, cards.ALWAYS)
        assert await life.state(approval) is ApprovalState.PENDING
        await life.press(approval)
        assert world.ran == ["main", "main"]

    # Nor one that was given for another reason.
    world.policy = None
    async with world.life() as life:
        await life.press(await life.asked(), cards.ALWAYS)
        assert await life.desk.ask("by the grant") == "Told: pushed main"
        assert len(world.ran) == 4
    world.policy = once_an_hour(world)
    async with world.life() as life:
        assert await life.desk.ask("push it") == "Told: pushed main"
        await life.asked("again")
        assert len(world.ran) == 5
        assert len(await life.waiting()) == 1


DISCORD_MOST = 2_000


@pytest.mark.parametrize("changes", [300, 600, 1_190, 3_000])
async def test_the_card_of_a_long_edit_is_one_message_everywhere(
    world: World, changes: int
) -> None:
    world.calls = ({"branch": "a" * changes},)
    async with world.life() as life:
        old = await life.asked()
        await life.command(f"approve edit {old.id[:8]} branch = {'b' * changes}")
        (new,) = await life.waiting()
        text = life.card(new).text
        assert len(text) <= DISCORD_MOST
        assert text.count("```") == 4
        assert '- branch: "aaa' in text
        assert '"branch": "bbb' in text
        assert (cards.APPROVE in life.buttons(new)) == cards.is_whole(new)


async def test_a_yes_that_grew_too_old_is_called_that(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        store = life.desk.desk.parts.store.approvals
        vote = Vote(by=BOB, at=life.desk.clock.now())
        await store.vote(approval.id, vote, digest=approval.digest)
        await life.desk.clock.advance(HOUR)
        await life.desk.fire()
        assert await life.state(approval) is ApprovalState.EXPIRED
        text = life.card(approval).text
        assert "Approved by Bob, but it did not run in time, so it was not done." in text
        assert "was approved, but did not run in time" in life.desk.chat.texts[-1]
        assert world.ran == []


async def test_who_asked_may_say_no_by_the_command_whatever_their_role(world: World) -> None:
    guests = [replace(m, role=MemberRole.GUEST) if m.name == "Mel" else m for m in people().members]
    world.members = replace(people(), members=tuple(guests))
    async with world.life() as life:
        other = await life.asked(sender=ANN)
        told = await life.command(f"approve deny {other.id[:8]}", who=MEL)
        assert await life.state(other) is ApprovalState.PENDING
        assert "needs the role" in told
        await life.command(f"approve deny {other.id[:8]}", who=BOB)
        own = await life.asked(sender=MEL)
        await life.command(f"approve deny {own.id[:8]} never mind", who=MEL)
        assert await life.state(own) is ApprovalState.DENIED


async def test_an_edit_into_what_is_blocked_is_refused(world: World) -> None:
    world.rules.words[RELEASE] = Judged(verdict=Verdict.DENY, reason="team rule 1, line 4")
    async with world.life() as life:
        old = await life.asked()
        told = await life.command(f"approve edit {old.id[:8]} branch = release/2")
        assert "policy does not allow git.push with that: team rule 1, line 4" in told
        assert [one.id for one in await life.waiting()] == [old.id]


async def test_an_edit_into_what_takes_two_people_takes_two(world: World) -> None:
    world.rules.words[RELEASE] = Judged(verdict=Verdict.ASK, reason="team rule 2", needed=2)
    async with world.life() as life:
        old = await life.asked()
        await life.command(f"approve edit {old.id[:8]} branch = release/2")
        (new,) = await life.waiting()
        assert new.needed == 2
        assert "Why: team rule 2; edited by Bob" in life.card(new).text
        accept = f"approve accept {new.id[:8]} {cards.short_hash(new)}"
        await life.command(accept, who=BOB)
        assert world.ran == []
        await life.command(accept, who=CID)
        await life.desk.quiet()
        assert world.ran == ["release/2"]


async def test_the_button_edit_says_how_to_while_the_question_is_open(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        this = cards.short_id(approval)
        assert f"`/approve edit {this} name = value`" in await life.press(approval, cards.EDIT)
        assert "needs the role operator" in await life.press(approval, cards.EDIT, who=MEL)
        await life.press(approval, cards.DENY, who=CID)
        told = await life.press(approval, cards.EDIT)
        assert told == "It is already denied: decided by Cid."
        assert "**Denied" in life.card(approval).text


async def test_the_button_edit_of_what_has_run_or_expired_says_so(world: World) -> None:
    async with world.life() as life:
        done = await life.asked()
        await life.press(done)
        assert "It is already done" in await life.press(done, cards.EDIT)
        late = await life.asked("again, please")
        await life.desk.clock.advance(HOUR)
        assert "time is over" in await life.press(late, cards.EDIT)
        assert await life.state(late) is ApprovalState.EXPIRED


async def test_an_edit_lifts_none_of_the_people_that_were_needed(world: World) -> None:
    world.rules.needed = 2
    world.rules.words[RELEASE] = Judged(verdict=Verdict.ALLOW, reason="team rule 2")
    async with world.life() as life:
        old = await life.asked()
        await life.command(f"approve edit {old.id[:8]} branch = release/2")
        (new,) = await life.waiting()
        assert new.needed == 2
        assert cards.ALWAYS not in life.buttons(new)


async def test_an_edit_that_takes_more_people_than_there_are_is_refused(world: World) -> None:
    world.rules.words[RELEASE] = Judged(verdict=Verdict.ASK, reason="team rule 2", needed=3)
    async with world.life() as life:
        old = await life.asked()
        told = await life.command(f"approve edit {old.id[:8]} branch = release/2")
        assert "asks for 3 people who may approve it, and the team has 2" in told
        assert [one.id for one in await life.waiting()] == [old.id]


async def test_an_edit_into_another_call_that_waits_is_refused(world: World) -> None:
    world.calls = ({"branch": "main"}, {"branch": "release/2"})
    async with world.life() as life:
        await life.asked()
        first, second = await life.waiting()
        main, other = (first, second) if "main" in first.frozen.arguments else (second, first)
        told = await life.command(f"approve edit {main.id[:8]} branch = release/2")
        assert f"waits for approval {other.id[:8]} already" in told
        assert len(await life.waiting()) == 2


async def test_a_rule_that_blocks_it_since_holds_over_a_yes(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        world.rules.verdict = Verdict.DENY
        await life.press(approval)
        assert world.ran == []
        assert await life.state(approval) is ApprovalState.CANCELLED
        why = "The policy does not allow it any more: team rule 3, line 12"
        assert why in life.desk.chat.texts[-1]
        assert all(why in face for face in life.faces(approval))


async def test_a_rule_that_asks_for_more_people_since_holds_over_a_yes(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        world.rules.needed = 2
        await life.press(approval)
        assert world.ran == []
        assert await life.state(approval) is ApprovalState.CANCELLED
        why = "The policy asks for 2 people now: team rule 3, line 12"
        assert all(why in face for face in life.faces(approval))


async def test_a_rule_that_is_laxer_since_changes_nothing_about_a_yes(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        world.rules.verdict = Verdict.ALLOW
        await life.press(approval)
        assert world.ran == ["main"]


async def test_always_covers_exactly_that_until_it_is_revoked(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        await life.press(approval, cards.ALWAYS)
        assert world.ran == ["main"]
        assert await life.desk.ask("again") == "Told: pushed main"
        assert world.ran == ["main", "main"]

        world.calls = ({"branch": "main", "force": True},)
        other = await life.asked()
        await life.command(f"approve deny {other.id[:8]} not by force")
        assert "not by force" in "\n".join(life.desk.chat.texts)

        assert '"branch": "main"' in await life.command("approve grants")
        assert "Revoked" in await life.command("approve revoke 1")
        world.calls = ({"branch": "main"},)
        await life.asked()
        assert len(await life.waiting()) == 1
        assert world.ran == ["main", "main"]


async def test_a_grant_of_one_person_is_not_enough_where_the_rule_asks_for_two_by_now(
    world: World,
) -> None:
    async with world.life() as life:
        await life.press(await life.asked(), cards.ALWAYS)
        world.rules.needed = 2
        await life.asked()
        assert len(await life.waiting()) == 1
        assert world.ran == ["main"]


async def test_a_grant_dies_with_the_role_of_who_gave_it(world: World) -> None:
    async with world.life() as life:
        await life.press(await life.asked(), cards.ALWAYS, who=BOB)
        members = tuple(m for m in life.desk.team.members if m.name != "Bob")
        life.desk.team = replace(life.desk.team, members=members)
        await life.asked()
        assert len(await life.waiting()) == 1
        assert world.ran == ["main"]


async def test_what_does_not_fit_a_card_needs_its_hash(world: World) -> None:
    world.calls = ({"branch": "x" * 100_000},)
    async with world.life() as life:
        approval = await life.asked()
        assert cards.APPROVE not in life.buttons(approval)
        assert len(life.card(approval).text) < 1_900
        assert "does not show all" in await life.press(approval)
        this = approval.id[:8]
        assert "beginning of its hash" in await life.command(f"approve accept {this}")
        assert "not what the approval" in await life.command(f"approve accept {this} 00000000")
        shown = await life.command(f"approve show {this}")
        assert approval.digest[:8] in shown
        (file,) = life.desk.chat.shown[-1].item.content.files
        whole = await life.desk.desk.parts.store.files.read(file.id)
        assert b"x" * 100_000 in whole
        assert world.ran == []
        await life.command(f"approve accept {this} {approval.digest[:8]}")
        assert world.ran == ["x" * 100_000]


async def test_an_argument_of_a_megabyte_is_refused_in_words(world: World) -> None:
    world.calls = ({"branch": "x" * 900_000},)
    async with world.life() as life:
        said = await life.desk.ask("push it")
        assert said.startswith("Told: the arguments are longer than 200000 characters.")
        assert await life.waiting() == []
        assert world.ran == []


async def test_invisible_and_look_alike_characters_are_written_out(world: World) -> None:
    world.calls = ({"branch": "ma\u202ein\u200b p\u0430ypal ``` **x**"},)
    async with world.life() as life:
        text = life.card(await life.asked()).text
        for hidden in ("\u202e", "\u200b", "\u0430"):
            assert hidden not in text
        for written in ("⟨U+202E⟩", "⟨U+200B⟩", "⟨U+0430⟩"):
            assert written in text
        assert text.count("```") == 2


@pytest.mark.parametrize(
    "said",
    ["yes", "ok", "approve", "approve accept {}", "Approve it!", "> /approve accept {}", "ja {}"],
)
async def test_words_never_approve(world: World, said: str) -> None:
    async with world.life() as life:
        approval = await life.asked()
        await life.desk.say(said.format(approval.id), sender=ANN)
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.PENDING
        assert world.ran == []


async def test_a_quoted_command_does_nothing(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        quoted = Message(
            text="look",
            message_id=MessageId("q"),
            direct=True,
            quoted=(f"/approve accept {approval.id}",),
        )
        await life.desk.say(body=quoted, sender=ANN)
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.PENDING
        assert world.ran == []


async def test_who_writes_meanwhile_is_told_what_it_waits_for_and_answered_after(
    world: World,
) -> None:
    async with world.life() as life:
        approval = await life.asked()
        await life.desk.say("and what else?")
        await life.desk.quiet()
        waits = f"waits for approval `{approval.id[:8]}` of `git.push`"
        assert waits in life.desk.chat.texts[-1]
        assert f"desk {waits}, for Ann" in await life.command("status")
        world.calls = ({"branch": "other"},)
        await life.press(approval)
        assert world.ran == ["main"]
        (second,) = await life.waiting()
        assert second.turn != approval.turn


async def test_stop_takes_the_question_back_and_the_next_message_is_answered(
    world: World,
) -> None:
    async with world.life() as life:
        approval = await life.asked()
        await life.desk.say("next")
        await life.desk.quiet()
        await life.desk.command("stop")
        assert await life.state(approval) is ApprovalState.CANCELLED
        assert "**Cancelled: " in life.card(approval).text
        assert world.ran == []
        assert len(await life.waiting()) == 1


async def test_what_is_stopped_takes_its_question_back_before_the_next_message_is_begun(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.life() as life:
        approval = await life.asked()
        await life.desk.say("next")
        await life.desk.quiet()
        approvals, mailboxes = life.desk.desk.parts.store.approvals, life.desk.desk.mailboxes
        of_turn, turning = approvals.of_turn, list[int]()

        async def looked_at(turn: TurnId) -> list[Approval]:
            if turn == approval.turn:
                turning.append(mailboxes.turning)
            return await of_turn(turn)

        monkeypatch.setattr(approvals, "of_turn", looked_at)
        await life.desk.command("stop")
        assert turning == [0]
        (second,) = await life.waiting()
        assert second.turn != approval.turn


async def test_a_no_with_a_reason_reaches_the_agent_and_the_card(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        await life.submit(approval, cards.DENY, BOB, **{REASON: "not on Friday"})
        assert "Bob said no to git.push: not on Friday" in life.desk.chat.texts[-1]
        assert "Denied by Bob: not on Friday" in life.card(approval).text


async def test_the_same_request_is_asked_once_and_three_at_the_most(world: World) -> None:
    world.calls = (
        {"branch": "a"},
        {"branch": "a"},
        {"branch": "b"},
        {"branch": "c"},
        {"branch": "d"},
    )
    async with world.life() as life:
        await life.asked()
        assert sorted([one.frozen.arguments for one in await life.waiting()]) == [
            f'{{"branch":"{name}"}}' for name in "abc"
        ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
async def test_of_several_cards_each_decides_its_own(
    world: World, order: tuple[int, int, int]
) -> None:
    world.calls = ({"branch": "a"}, {"branch": "b"}, {"branch": "c"})
    async with world.life() as life:
        await life.asked()
        waiting = sorted(await life.waiting(), key=lambda one: one.frozen.arguments)
        await life.press(waiting[order[0]])
        await life.press(waiting[order[1]], cards.DENY)
        await life.press(waiting[order[2]])
        assert world.ran == ["abc"[order[0]], "abc"[order[2]]]


async def test_an_agent_that_asks_too_often_is_told_to_do_without(world: World) -> None:
    async with world.life() as life:
        for number in range(10):
            world.calls = ({"branch": f"b{number}"},)
            await life.press(await life.asked(), cards.DENY)
        world.calls = ({"branch": "b11"},)
        assert "10 times within the hour" in await life.desk.ask("again")
        await life.desk.clock.advance(HOUR + 1)
        await life.asked()
        assert len(await life.waiting()) == 1


async def test_a_member_alone_with_the_bot_is_not_the_only_one_who_sees_it(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked(sender=MEL)
        places = {s.thread.channel.channel for s in life.desk.chat.shown}
        assert places == {DM.channel.channel, "dm-bob", "dm-cid"}
        await life.press(approval, who=CID)
        assert len(life.faces(approval)) == 3
        assert all("**Done: " in face for face in life.faces(approval))


async def test_a_change_of_a_message_that_is_no_card_of_it_decides_nothing(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        forged = ButtonPress(
            action=cards.APPROVE, value=f"{approval.id}:00000000", message_id=MessageId("m1")
        )
        await life.desk.say(body=forged, sender=BOB)
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.PENDING


async def test_people_may_be_owners_alone(world: World) -> None:
    world.members = replace(
        people(), members=(Member(name="Ann", role=MemberRole.OWNER, principals=(ANN,)),)
    )
    async with world.life() as life:
        await life.press(await life.asked(), who=ANN)
        assert world.ran == ["main"]
