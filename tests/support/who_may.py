"""P6, as a matrix: every kind of event, from everybody there can be, on every platform.

What is expected is written here by hand, as sets of roles, and says nothing of the judge; what
happens is seen from outside the whole wired core: did a model get asked, was an approval decided,
was anything said, drawn, opened or suggested. The rows of commands are made from the grammar, those
of buttons and forms from their tables, so that a new one comes in by itself; a new kind of event
without a row is found by `missing`.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import get_args

from adapters.memory.store import MemoryStore
from adapters.models.scripted import Step
from bot.platforms.discord import Suggestions
from gateway.commands.form import Form
from gateway.commands.forms import FORMS
from runtime import forms
from runtime.approvals import cards
from runtime.ids import (
    AgentName,
    ApprovalId,
    ConversationId,
    MessageId,
    Platform,
    TimeOrderedIds,
    ToolCallId,
    TurnId,
)
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.approval import Approval, ApprovalEvent, ApprovalState, Card, Frozen
from runtime.model.checkpoint import CHECKPOINT
from runtime.model.completion import ModelRequest
from runtime.model.events import (
    Body,
    ButtonPress,
    ChannelChange,
    ChannelChanged,
    Command,
    FormSubmit,
    HomeOpened,
    Inbound,
    Message,
    Unknown,
    Wanted,
)
from runtime.model.files import FileRef
from runtime.model.forms import FormSpec
from runtime.model.home import HomePage
from runtime.model.member import Enrolment
from runtime.model.team import ChannelRule, Listen, Member, MemberRole, Team
from runtime.model.tools import Risk
from runtime.reminders import SNOOZE_UNTIL
from tests.support.approving import Rules
from tests.support.build import T0, team
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, running_desk
from tests.support.who_may_change import (
    DEEDS,
    FAR,
    NIGHT,
    PRESSES,
    THIS,
    Given,
    Scene,
    bound_of,
    let_go_on,
    others_reminder_id,
    own_reminder_id,
    seen_of,
    with_this,
)

PLATFORMS = tuple(map(Platform, ("slack", "telegram", "discord", "terminal")))
_WORKSPACE = {"slack": "T1", "terminal": "local"}
REFUSALS = (
    "You are not a member of ",
    "That code is not good",
    "Those were too many wrong codes",
    "This account is in the team already",
)
"""How the only words begin that somebody who is not in the team is told, with a code or without."""
_ANONYMOUS = {"telegram": "1087968824", "slack": "USLACKBOT", "discord": "", "terminal": ""}
"""Who speaks where the platform does not say who: a group's anonymous admin, a service."""

_AT_ONCE = 20
"""Rows that one core meets: a store that grows full makes each further one slower."""

OWNER, ADMIN, OPERATOR, MEMBER, GUEST = "owner", "admin", "operator", "member", "guest"
LINKED = "linked"
PROGRAM = "program"
"""A member that is a program: it may talk, and do nothing else, whatever its role."""
EVERYBODY = frozenset({OWNER, ADMIN, OPERATOR, MEMBER, GUEST})
DECIDE = frozenset({OWNER, ADMIN, OPERATOR})
READ = frozenset({OWNER, ADMIN, OPERATOR, MEMBER})
NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """Somebody.

    Attributes:
        name: what they are to the team.
        role: the role that they have by it, or empty where they are to have none.
        who: who they are on a platform.
    """

    name: str
    role: str
    who: Callable[[Platform], Principal]


def _user(user: str) -> Callable[[Platform], Principal]:
    return lambda platform: Principal(platform, _WORKSPACE.get(platform, ""), user)


def _anonymous(platform: Platform) -> Principal:
    return Principal(platform, _WORKSPACE.get(platform, ""), _ANONYMOUS[platform])


def _foreign(platform: Platform) -> Principal:
    """The id of the owner, in another workspace."""
    return Principal(platform, "T2-elsewhere", OWNER)


def _other_platform(platform: Platform) -> Principal:
    """The id of the owner, vouched for by another platform."""
    other = next(each for each in PLATFORMS if each != platform)
    return Principal(other, _WORKSPACE.get(platform, ""), OWNER)


STANDINGS = (
    *(Standing(role, role, _user(role)) for role in (OWNER, ADMIN, OPERATOR, MEMBER, GUEST)),
    Standing("added in the chat", OPERATOR, _user("added")),
    Standing("linked by a code", ADMIN, _user(LINKED)),
    Standing("program of the team", PROGRAM, _user(PROGRAM)),
    Standing("let go", "", _user("gone")),
    Standing("linked to who was let go", "", _user("orphan")),
    Standing("stranger", "", _user("eve")),
    Standing("nobody", "", _user("")),
    Standing("bot", "", _user("B0BOT")),
    Standing("anonymous", "", _anonymous),
    Standing("foreign workspace", "", _foreign),
    Standing("other platform", "", _other_platform),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """What an event causes.

    Attributes:
        turn: a model was asked.
        decided: the approval that waited was decided, or another asked in its place.
        seen: who sent it was shown something other than that they are not in the team.
        changed: something is otherwise than before that people may change: members, stops,
            schedules, limits, grants, reminders, links of accounts, choices of models, the thread's
            conversation.
    """

    turn: bool
    decided: bool
    seen: bool
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of event in one form, and which roles it does something for.

    Attributes:
        name: for people.
        event: makes the body, or what is wanted, for an approval that waits.
        turn: who causes a turn by it.
        decides: who decides the approval by it.
        sees: who is shown something.
        place: where it is said: `direct`, `ops` (mentions are heard), `all` (everything is),
            `bound` (a thread of ours), `closed` (a channel off the list).
        changes: who changes something by it.
        given: makes ready what it needs, or None.
        checkpoint: the approval that waits is a checkpoint.
    """

    name: str
    event: Callable[[Approval], Body | Wanted]
    turn: frozenset[str] = NONE
    decides: frozenset[str] = NONE
    sees: frozenset[str] = EVERYBODY
    place: str = "direct"
    changes: frozenset[str] = NONE
    given: Given | None = None
    checkpoint: bool = False

    def expected(self, role: str) -> Cell:
        """What somebody of that role causes by it; the empty role causes nothing."""
        if role == PROGRAM:
            talks = self.turn == EVERYBODY
            return Cell(turn=talks, decided=False, seen=talks)
        return Cell(
            turn=role in self.turn,
            decided=role in self.decides,
            seen=role in self.sees,
            changed=role in self.changes,
        )


def _says(text: str = "hello", **named: object) -> Callable[[Approval], Message]:
    number = count()
    message = Message(text=text, message_id=MessageId(""), **named)  # type: ignore[arg-type]
    return lambda _: replace(message, message_id=MessageId(f"said-{next(number)}"))


def _command(text: str, *, typed: bool = False) -> Callable[[Approval], Body]:
    def made(approval: Approval) -> Body:
        words = text.replace("<id>", cards.short_id(approval))
        words = words.replace("<hash>", cards.short_hash(approval))
        if typed:
            return Message(text=f"!{words}", message_id=MessageId("typed"), direct=True)
        return Command(text=words, direct=True)

    return made


def _press(action: str) -> Callable[[Approval], Body]:
    return lambda approval: ButtonPress(
        action=action, value=cards.handle(approval), message_id=MessageId("card")
    )


def _carries(action: str, value: str) -> Callable[[Approval], Body]:
    return lambda _: ButtonPress(action=action, value=value, message_id=MessageId("card"))


def _submit(form: FormSpec, **answers: str) -> Callable[[Approval], Body]:
    return lambda approval: FormSubmit(
        action=form.action, value=approval.id, answers=tuple(answers.items())
    )


def _wanted(command: str, argument: str) -> Callable[[Approval], Wanted]:
    nobody = Principal(PLATFORMS[0], "", "")
    return lambda _: Wanted(sender=nobody, command=command, argument=argument, typed="")


_EDIT = "number = null"
"""A change of the call that waits, which is asked anew with it."""
_FILE = FileRef(handle="F1", name="a.txt", media_type="text/plain", size=3)
_ANSWERS = {
    forms.SCHEDULE_CREATE: {forms.WHEN: "every day at 9", forms.INSTRUCTION: "Look"},
    forms.REMINDER_CREATE: {forms.WHEN: "in 2 hours", forms.WHAT: "stretch"},
    forms.REMINDER_SNOOZE: {forms.UNTIL: "in 2 hours"},
    forms.APPROVAL_DENY: {forms.REASON: "no"},
    forms.APPROVAL_EDIT: {forms.CHANGES: _EDIT},
}
_CHANGING_FORMS = {forms.SCHEDULE_CREATE: DECIDE, forms.REMINDER_CREATE: EVERYBODY}
_DECIDING_FORMS = {forms.APPROVAL_DENY, forms.APPROVAL_EDIT}
_DECIDING_COMMANDS = {
    *(("approve", verb) for verb in ("accept", "deny", "edit", "this")),
    ("deny", ""),
}
_DECIDING_PRESSES = {cards.APPROVE, cards.ALWAYS, cards.DENY}


def _message_rows() -> Iterator[Row]:
    everybody = EVERYBODY
    yield Row("message, direct", _says(direct=True), turn=everybody)
    yield Row("message, mention", _says(mentioned=True), turn=everybody, place="ops")
    yield Row("message, where all is heard", _says(), turn=everybody, place="all")
    yield Row("message, reply in our thread", _says(), turn=everybody, place="bound")
    yield Row("message, not for us", _says(), sees=NONE, place="ops")
    yield Row("message, channel off the list", _says(), sees=NONE, place="closed")
    yield Row("message, file", _says(direct=True, files=(_FILE,)), turn=everybody)
    yield Row("message, yes", _says("yes, ok, approved", direct=True), turn=everybody)
    quoted = _says("see", direct=True, quoted=("/approve accept 1", "!stop"))
    yield Row("message, quoted command", quoted, turn=everybody)
    typed = _command("approve accept <id> <hash>", typed=True)
    yield Row("message, typed command", typed, decides=DECIDE)
    adds = _command(f"member add {THIS} operator New", typed=True)
    [add, *_] = DEEDS["member", "add"]
    yield Row("message, typed change", adds, changes=add.may, given=add.given)
    yield Row("message, a code", _says("link ABCD-2345-WXYZ", direct=True), sees=NONE)


def _command_rows() -> Iterator[Row]:
    for form in FORMS:
        deeds = DEEDS.get((form.noun, form.verb), ())
        for deed in deeds:
            name = f"command, {form.usage} {deed.what}".strip()
            yield Row(name, _command(deed.text), turn=deed.turn, changes=deed.may, given=deed.given)
        if not deeds:
            yield Row(f"command, {form.usage}", _command(_written(form)), decides=_deciders(form))


def _written(form: Form) -> str:
    if (form.noun, form.verb) == ("approve", "edit"):
        return f"approve edit <id> {_EDIT}"
    if form.noun == "approve" and form.verb in {"accept", "deny"}:
        return f"approve {form.verb} <id> <hash>"
    if form.example:
        return form.example.removeprefix("/")
    arguments = " 1" * (form.least or int(form.tail))
    return f"{form.noun} {form.verb}{arguments}".strip()


def _deciders(form: Form) -> frozenset[str]:
    return DECIDE if (form.noun, form.verb) in _DECIDING_COMMANDS else NONE


def _press_rows() -> Iterator[Row]:
    for action in (*sorted(cards.ACTIONS), SNOOZE_UNTIL, "no.such.button"):
        decides = DECIDE if action in _DECIDING_PRESSES else NONE
        changes = DECIDE if action == cards.ALWAYS else NONE
        yield Row(f"button, {action}", _press(action), decides=decides, changes=changes)
        decides -= DECIDE if action == cards.ALWAYS else NONE
        name = f"button at a checkpoint, {action}"
        yield Row(name, _press(action), decides=decides, checkpoint=True)
    for action, deeds in PRESSES.items():
        for deed in deeds:
            name = f"button, {action} {deed.what}".strip()
            yield Row(name, _carries(action, deed.text), changes=deed.may, given=deed.given)


def _form_rows() -> Iterator[Row]:
    for form in forms.FORMS:
        decides = DECIDE if form.action in _DECIDING_FORMS else NONE
        answers = _submit(form, **_ANSWERS[form.action])
        changes = _CHANGING_FORMS.get(form.action, NONE)
        yield Row(f"form, {form.action}", answers, decides=decides, changes=changes)
    again = dict(_ANSWERS[forms.REMINDER_SNOOZE])
    for whose, may, given in (
        ("one's own", EVERYBODY, own_reminder_id),
        ("another's", NONE, others_reminder_id),
    ):
        name = f"form, {forms.REMINDER_SNOOZE} {whose}"
        snooze = FormSubmit(action=forms.REMINDER_SNOOZE, value=THIS, answers=tuple(again.items()))
        yield Row(name, lambda _, it=snooze: it, changes=may, given=given)  # type: ignore[misc]


def _told_rows() -> Iterator[Row]:
    yield Row("home", lambda _: HomeOpened())
    for change in ChannelChange:
        told = ChannelChanged(change=change, detail="T9")
        yield Row(f"channel, {change}", lambda _, told=told: told, sees=NONE, place="all")  # type: ignore[misc]
    yield Row("unknown kind", lambda _: Unknown(kind="reaction_added"), sees=NONE)


def _wanted_rows() -> Iterator[Row]:
    yield Row("typing, schedule", _wanted("schedule show", "number"), sees=READ)
    yield Row("typing, zone", _wanted("schedule create", "tz"), sees=READ)
    yield Row("typing, person", _wanted("member role", "person"), sees=READ)
    yield Row("typing, role", _wanted("member add", "role"), sees=READ)


ROWS: Sequence[Row] = (
    *_message_rows(),
    *_command_rows(),
    *_press_rows(),
    *_form_rows(),
    *_told_rows(),
    *_wanted_rows(),
)


def missing(rows: Iterable[Row] = ROWS) -> set[type]:
    """Kinds of events that have no row."""
    sample = _approval(Platform("slack"), 0, None, T0)
    return {*get_args(Body), Wanted} - {type(row.event(sample)) for row in rows}


@dataclass
class GateChat(MemoryChat):
    """A platform with pages and forms of its own.

    Attributes:
        pages: for whom a page was drawn.
    """

    pages: list[Principal] = field(default_factory=list)
    opened: int = 0

    async def show_home(self, page: HomePage, *, who: Principal, thread: ThreadRef) -> None:
        del page, thread
        self.pages.append(who)

    async def open_form(
        self,
        form: FormSpec,
        *,
        trigger: str,
        value: str,
        thread: ThreadRef,
        reply_url: str,
    ) -> None:
        del form, trigger, value, thread, reply_url
        self.opened += 1


@dataclass
class Gate:
    """A whole core on one platform, and what was seen of it from outside."""

    platform: Platform
    desk: DeskUnderTest
    chat: GateChat
    asked: list[str]
    suggest: Suggestions
    number: int = 0

    async def meet(self, row: Row, standing: Standing) -> Cell:
        """Let them send it; what it caused."""
        self.number += 1
        who, thread = standing.who(self.platform), self._place(row.place)
        store = self.desk.desk.parts.store
        asked_at = self.desk.clock.now() - timedelta(hours=1)
        approval = _approval(self.platform, self.number, thread, asked_at)
        if row.checkpoint:
            approval = _at_a_checkpoint(approval)
        if row.place == "bound":
            await store.conversations.bind(thread, AgentName("desk"))
        if who.user == LINKED:
            await _link(self.desk, self.platform)  # a row before may have undone it
        scene = Scene(self.desk, _user(OWNER)(self.platform), who, thread, self.number)
        this = "" if row.given is None else await row.given(scene)
        await self.desk.clock.advance(0.001)  # so that the same said again is told from before
        before, bound = await seen_of(scene, this), await bound_of(scene)
        asked, shown, pages = len(self.asked), len(self.chat.shown), len(self.chat.pages)
        event = row.event(approval)
        if isinstance(event, Wanted):
            answer = json.loads(await self.suggest(replace(event, sender=who)))
            return Cell(turn=False, decided=False, seen=bool(answer["data"]["choices"]))
        approval = await store.approvals.ask(approval)
        await store.approvals.note_card(approval.id, Card(thread=thread, message=MessageId("card")))
        await self.desk.desk.ingress(
            Inbound(
                event_key=f"{row.name} {self.number}",
                thread=thread,
                sender=who,
                body=with_this(event, this),
                sent_at=self.desk.clock.now(),
            )
        )
        await self.desk.quiet()
        after = await store.approvals.get(approval.id)
        # An owner is written to directly about what a platform tells; nobody else may be.
        places = {thread} if standing.role else {thread, await self.chat.direct(who)}
        said = [
            each.text
            for each in self.chat.shown[shown:]
            if each.thread in places and not each.text.startswith(REFUSALS)
        ]
        decided = after is None or after.state is not ApprovalState.PENDING
        if not decided:  # so that each event finds one that waits
            await store.approvals.change(
                approval.id, ApprovalEvent.CANCEL, now=self.desk.clock.now()
            )
        cell = Cell(
            turn=len(self.asked) > asked,
            decided=decided,
            # A decision shows itself on the card of who decided.
            seen=bool(said) or len(self.chat.pages) > pages or decided,
            changed=not isinstance(event, ChannelChanged)  # that, the platform says
            and (
                await seen_of(scene, this) != before
                # What a first message binds was bound to nothing before.
                or (bound is not None and await bound_of(scene) != bound)
            ),
        )
        await let_go_on(scene)
        return cell

    def _place(self, place: str) -> ThreadRef:
        workspace = _WORKSPACE.get(self.platform, "")
        if place in {"direct", "closed"}:
            return ThreadRef(ChannelRef(self.platform, workspace, f"{place}-{self.number}"))
        channel = "all" if place == "all" else "ops"
        root = "" if place == "all" else f"root-{self.number}"
        return ThreadRef(ChannelRef(self.platform, workspace, channel), root)


@asynccontextmanager
async def gate(platform: Platform) -> AsyncIterator[Gate]:
    """A core on that platform, with somebody of each role in its team."""
    asked: list[str] = []

    def answer(request: ModelRequest) -> Step:
        asked.append(request.entries[-1].text)
        return "Fine."

    chat, clock = GateChat(platform=platform), ManualClock()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    members = _team(platform)
    async with running_desk(
        store, answer, chat=chat, clock=clock, members=members, policy=Rules()
    ) as desk:
        await _enrol(desk, platform)
        await desk.desk.people.roster.refresh()
        suggest = Suggestions(desk.desk.people.roster.team, desk.desk.parts.store)
        opened = Gate(platform, desk, chat, asked, suggest)
        schedule = Command(text="schedule create every day at 9 Look", direct=True)
        await desk.say(sender=_user(OWNER)(platform), thread=opened._place("direct"), body=schedule)
        await desk.quiet()
        yield opened


async def every_cell(platform: Platform) -> AsyncIterator[tuple[Row, Standing, Cell]]:
    """Let everybody send everything on that platform, and look what it causes."""
    for first in range(0, len(ROWS), _AT_ONCE):
        async with gate(platform) as opened:
            for row in ROWS[first : first + _AT_ONCE]:
                for standing in STANDINGS:
                    yield row, standing, await opened.meet(row, standing)


def _team(platform: Platform) -> Team:
    workspace = _WORKSPACE.get(platform, "")
    members = tuple(
        Member(name=role.title(), role=role, principals=(_user(role)(platform),))
        for role in MemberRole
    )
    program = Member(
        name="CI", role=MemberRole.OWNER, principals=(_user(PROGRAM)(platform),), bot=True
    )
    ops, everything = (ChannelRef(platform, workspace, name) for name in ("ops", "all"))
    channels = (
        ChannelRule(ref=ops, name="ops", listen=Listen.MENTIONS, proactive=True),
        ChannelRule(ref=everything, name="all", listen=Listen.ALL),
    )
    [desk] = team().agents
    agents = (
        replace(desk, hands_to=(NIGHT,)),
        *(replace(desk, name=name) for name in (NIGHT, FAR)),
    )
    return replace(team(), members=(*members, program), channels=channels, agents=agents)


async def _enrol(desk: DeskUnderTest, platform: Platform) -> None:
    """Add one by the chat, link one to the admin, and let one go who had a second account."""
    store, now = desk.desk.parts.store, desk.clock.now()
    by = _user(OWNER)(platform)

    async def says(user: str, role: MemberRole | None, was: MemberRole | None) -> None:
        said = Enrolment(
            who=_user(user)(platform), name=user, role=role, was=was, by=by, at=now, key=user
        )
        await store.members.put(said, owned=True)

    await says("added", MemberRole.OPERATOR, None)
    await says("gone", MemberRole.OWNER, None)
    await _link(desk, platform)
    await says("gone", None, MemberRole.OWNER)


async def _link(desk: DeskUnderTest, platform: Platform) -> None:
    store, now = desk.desk.parts.store, desk.clock.now()
    for anchor, account in ((ADMIN, LINKED), ("gone", "orphan")):
        later = now + timedelta(hours=1)
        await store.people.offer(anchor, _user(anchor)(platform), now=now, expires_at=later)
        await store.people.redeem(anchor, _user(account)(platform), now=now)
    await desk.desk.people.roster.refresh()


def _at_a_checkpoint(approval: Approval) -> Approval:
    """The same, where what waits for a yes is an agent that stopped."""
    said = {"title": approval.id, "done": "It is ready.", "then": "Go on."}
    arguments = json.dumps(said, sort_keys=True, separators=(",", ":"))
    frozen = replace(approval.frozen, tool=CHECKPOINT, arguments=arguments)
    return replace(approval, frozen=frozen, digest=frozen.digest(), risk=Risk.READ)


def _approval(
    platform: Platform, number: int, thread: ThreadRef | None, asked_at: datetime
) -> Approval:
    """A call that waits for a yes, asked by nobody who is in any row."""
    frozen = Frozen(tool="desk.facts", schema="", arguments=f'{{"number": {number}}}')
    return Approval(
        id=ApprovalId(f"{number:08}-{platform}"),
        frozen=frozen,
        digest=frozen.digest(),
        risk=Risk.EXTERNAL,
        reason="a rule",
        turn=TurnId(f"turn-{number}"),
        call=ToolCallId(f"call-{number}"),
        conversation=ConversationId(f"conversation-{number}"),
        agent=AgentName("desk"),
        requester=Principal(platform, "", "asker"),
        thread=thread,
        created_at=asked_at,
        expires_at=asked_at + timedelta(days=3650),
    )
