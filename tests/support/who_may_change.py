"""What P6's matrix looks at to see that an event changed something, and what it may change.

`DEEDS` is written by hand from docs/security-model.md and says nothing of the judge: for each
command that changes something, in words that take effect, the roles for which they may. What a
deed needs is there before each of its cells, fresh. A command that is neither among them nor in
`LOOKS` is found by `undescribed`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from gateway.commands.form import Form
from gateway.commands.forms import FORMS
from runtime.approvals import cards
from runtime.ids import (
    AgentName,
    ApprovalId,
    ConversationId,
    ReminderId,
    ScheduleId,
    ToolCallId,
    TurnId,
)
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import Approval, ApprovalState, Frozen, Grant
from runtime.model.budget import Alert, AlertId, Pause
from runtime.model.events import Body, ButtonPress, ChannelChange, Command, FormSubmit, Message
from runtime.model.meter import Bound, Meter, Period, Scope
from runtime.model.reminder import Reminder
from runtime.model.schedule import When, WhenKind
from runtime.model.tools import Risk
from runtime.money.cards import KEEP, RAISE, STOP, USE
from runtime.reminders import DONE, SNOOZE
from tests.support.build import T0
from tests.support.desk import DeskUnderTest

ALL = frozenset({"owner", "admin", "operator", "member", "guest"})
MEMBERS = ALL - {"guest"}
OPERATORS = MEMBERS - {"member"}
ADMINS = OPERATORS - {"operator"}
OWNERS = frozenset({"owner"})
NOBODY: frozenset[str] = frozenset()

THIS = "<this>"
"""Stands in a text for what was made ready."""
NIGHT, FAR = AgentName("night"), AgentName("far")
"""An agent that the default one may hand to, and one that it may not."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where somebody is about to do something.

    Attributes:
        desk: the core.
        owner: an owner, for what has to be there already.
        who: whoever is about to.
        thread: where.
        number: of the event, which is no other's.
    """

    desk: DeskUnderTest
    owner: Principal
    who: Principal
    thread: ThreadRef
    number: int

    async def owner_says(self, text: str) -> None:
        """Let the owner give a command in the same thread."""
        body = Command(text=text, direct=True)
        await self.desk.say(sender=self.owner, thread=self.thread, body=body)
        await self.desk.quiet()


Given = Callable[[Scene], Awaitable[str]]
"""Makes ready what a deed needs; returns what `THIS` stands for in it."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Words that change something for some.

    Attributes:
        text: the command.
        may: the roles for which it changes something.
        given: makes ready what it needs, or None.
        what: tells it from others of the same command.
        turn: the roles for which an agent works by it at once.
    """

    text: str
    may: frozenset[str]
    given: Given | None = None
    what: str = ""
    turn: frozenset[str] = NOBODY


# ---- what is made ready


async def _person(scene: Scene) -> str:
    return f"telegram:{1_000_000_000 + scene.number}"


async def _added(scene: Scene) -> str:
    person = await _person(scene)
    await scene.owner_says(f"member add {person} operator New")
    return person


async def _added_owner(scene: Scene) -> str:
    person = await _person(scene)
    await scene.owner_says(f"member add {person} owner New")
    return person


async def schedule_of(scene: Scene, whose: Principal) -> str:
    """The number of a new schedule of theirs."""
    known = await scene.desk.desk.parts.store.schedules.get(1)
    assert known is not None
    another = replace(known, id=ScheduleId(f"schedule-{scene.number}"), number=0, made_by=whose)
    made = await scene.desk.desk.parts.store.schedules.add(another)
    return str(made.number)


async def _schedule(scene: Scene) -> str:
    return await schedule_of(scene, scene.owner)


async def _limited(scene: Scene) -> str:
    number = await _schedule(scene)
    await scene.owner_says(f"schedule budget {number} 1")
    return number


async def _own_schedule(scene: Scene) -> str:
    return await schedule_of(scene, scene.who)


async def _paused(scene: Scene) -> str:
    number = await _schedule(scene)
    await scene.owner_says(f"schedule pause {number}")
    return number


async def _reminder(scene: Scene, whose: Principal) -> Reminder:
    at = scene.desk.clock.now() + timedelta(hours=9)
    when = When(kind=WhenKind.ONCE, at=at, zone="Europe/Berlin", said="in 9 hours")
    return await scene.desk.desk.parts.store.reminders.add(
        Reminder(
            id=ReminderId(f"reminder-{scene.number}"),
            person=whose,
            text="stretch",
            when=when,
            made_in=scene.thread,
            next_at=at,
            created_at=scene.desk.clock.now(),
        )
    )


async def _own_reminder(scene: Scene) -> str:
    return str((await _reminder(scene, scene.who)).number)


async def _others_reminder(scene: Scene) -> str:
    return str((await _reminder(scene, _another(scene))).number)


async def own_reminder_id(scene: Scene) -> str:
    """The id of a new reminder of whoever is about to press."""
    return (await _reminder(scene, scene.who)).id


async def others_reminder_id(scene: Scene) -> str:
    """The id of a new reminder of somebody else."""
    return (await _reminder(scene, _another(scene))).id


def _another(scene: Scene) -> Principal:
    return replace(scene.owner, user="asker")


async def _distrusted(scene: Scene) -> str:
    store, ops = scene.desk.desk.parts.store, scene.desk.team.channels[0].ref
    now = scene.desk.clock.now()
    await store.trust.distrust(ops, ChannelChange.SHARED, detail="", now=now)
    return ""


async def _grant(scene: Scene) -> str:
    frozen = Frozen(tool="desk.facts", schema="", arguments=f'{{"granted": {scene.number}}}')
    now = scene.desk.clock.now()
    grant = await scene.desk.desk.parts.store.grants.add(
        Grant(
            id=ApprovalId(f"granted-{scene.number}"),
            agent=AgentName("desk"),
            frozen=frozen,
            digest=frozen.digest(),
            given_by=scene.owner,
            given_at=now,
            expires_at=now + timedelta(days=7),
        )
    )
    return str(grant.number)


async def _asked(scene: Scene, state: ApprovalState) -> str:
    """The id of a further approval that is in that state."""
    frozen = Frozen(tool="desk.facts", schema="", arguments=f'{{"again": {scene.number}}}')
    now, this = scene.desk.clock.now(), f"{scene.number:08}-further"
    approval = Approval(
        id=ApprovalId(this),
        frozen=frozen,
        digest=frozen.digest(),
        risk=Risk.EXTERNAL,
        reason="a rule",
        turn=TurnId(this),
        call=ToolCallId(this),
        conversation=ConversationId(this),
        agent=AgentName("desk"),
        requester=_another(scene),
        thread=None,
        state=state,
        created_at=now,
        expires_at=now + timedelta(days=7),
    )
    return (await scene.desk.desk.parts.store.approvals.ask(approval)).id


async def _lost(scene: Scene) -> str:
    return await _asked(scene, ApprovalState.UNKNOWN)


async def _waiting(scene: Scene) -> str:
    return await _asked(scene, ApprovalState.PENDING)


async def _linked(scene: Scene) -> str:
    """A link of the account, where it is in the team anyhow: nobody comes in by it."""
    people, now = scene.desk.desk.parts.store.people, scene.desk.clock.now()
    if scene.desk.desk.people.roster.team().member_of(scene.who) is not None:
        later = now + timedelta(hours=1)
        await people.offer("linked", scene.owner, now=now, expires_at=later)
        await people.redeem("linked", scene.who, now=now)
    return ""


async def _bound(scene: Scene) -> str:
    await scene.desk.desk.parts.store.conversations.bind(scene.thread, AgentName("desk"))
    return ""


async def _handed(scene: Scene) -> str:
    await _bound(scene)
    await scene.owner_says(f"handoff to {NIGHT}")
    return ""


async def _two_conversations(scene: Scene) -> str:
    await _bound(scene)
    await scene.desk.clock.advance(0.001)  # conversations are numbered by age
    await scene.owner_says("new")
    return ""


def _owner_says(text: str) -> Given:
    async def given(scene: Scene) -> str:
        await scene.owner_says(text)
        return ""

    return given


async def _alert(scene: Scene, share: int = 80) -> str:
    """A limit that is nearly used up, or wholly."""
    await scene.owner_says("budget set agent desk 1 day")
    now = scene.desk.clock.now()
    stamp = f"{now.astimezone(ZoneInfo(scene.desk.team.zone)):%Y-%m-%d}"
    meter = Meter(scope=Scope.AGENT, subject="desk", period=Period.DAY, stamp=stamp)
    alert = Alert(
        id=AlertId(f"alert-{scene.number}"), bound=Bound(meter, 1_000_000), share=share, at=now
    )
    await scene.desk.desk.parts.store.budgets.raise_alert(alert)
    return alert.id


async def _cheaper(scene: Scene) -> str:
    """A limit that is used up, and a turn of the thread that could go on with a cheaper model."""
    this = await _alert(scene, 100)
    budgets = scene.desk.desk.parts.store.budgets
    alert = await budgets.alert(AlertId(this))
    assert alert is not None
    model = next(iter(scene.desk.desk.parts.models))
    pause = Pause(
        turn=TurnId(f"waits-{scene.number}"),
        conversation=ConversationId(f"waits-{scene.number}"),
        thread=scene.thread,
        bound=alert.bound,
        wanted=2_000_000,
        until=None,
        at=scene.desk.clock.now(),
        instead=model,
    )
    await budgets.pause(pause)
    return this


# ---- what may be done

_SET = "budget set agent desk 1 day"

DEEDS: Mapping[tuple[str, str], tuple[Deed, ...]] = {
    ("schedule", "create"): (
        Deed("schedule create every weekday at 8:30 Write it --channel #ops", OPERATORS),
    ),
    ("schedule", "pause"): (
        Deed("schedule pause <this>", OPERATORS, _schedule),
        Deed("schedule pause <this>", ALL, _own_schedule, "one's own"),
    ),
    ("schedule", "resume"): (Deed("schedule resume <this>", OPERATORS, _paused),),
    ("schedule", "delete"): (
        Deed("schedule delete <this>", OPERATORS, _schedule),
        Deed("schedule delete <this>", ALL, _own_schedule, "one's own"),
    ),
    ("schedule", "run"): (Deed("schedule run <this>", OPERATORS, _schedule, turn=OPERATORS),),
    ("schedule", "budget"): (
        Deed("schedule budget <this> 1", OPERATORS, _schedule, "where none was"),
        Deed("schedule budget <this> 2", ADMINS, _limited, "higher"),
    ),
    ("remind", "me"): (Deed("remind me in 2 hours to call Bob", ALL),),
    ("remind", "snooze"): (
        Deed("remind snooze <this> tomorrow at 9am", ALL, _own_reminder),
        Deed("remind snooze <this> tomorrow at 9am", NOBODY, _others_reminder, "another's"),
    ),
    ("remind", "done"): (
        Deed("remind done <this>", ALL, _own_reminder),
        Deed("remind done <this>", NOBODY, _others_reminder, "another's"),
    ),
    ("remind", "cancel"): (
        Deed("remind cancel <this>", ALL, _own_reminder),
        Deed("remind cancel <this>", NOBODY, _others_reminder, "another's"),
    ),
    ("member", "add"): (
        Deed("member add <this> operator New", ADMINS, _person),
        Deed("member add <this> owner New", OWNERS, _person, "an owner"),
    ),
    ("member", "role"): (
        Deed("member role <this> guest", ADMINS, _added),
        Deed("member role <this> owner", OWNERS, _added, "to owner"),
        Deed("member role <this> guest", OWNERS, _added_owner, "of an owner"),
    ),
    ("member", "remove"): (
        Deed("member remove <this>", ADMINS, _added),
        Deed("member remove <this>", OWNERS, _added_owner, "an owner"),
    ),
    ("channel", "trust"): (Deed("channel trust #ops", OWNERS, _distrusted),),
    ("approve", "revoke"): (Deed("approve revoke <this>", OPERATORS, _grant),),
    ("approve", "mark"): (
        Deed("approve mark <this> done", OPERATORS, _lost),
        Deed("approve mark <this> failed", OPERATORS, _lost, "as failed"),
        Deed("approve mark <this> done", NOBODY, _waiting, "what did not begin"),
    ),
    ("link", ""): (Deed("link", ALL),),
    ("unlink", ""): (Deed("unlink", ALL, _linked),),
    ("handoff", "back"): (Deed("handoff back", MEMBERS, _handed),),
    ("handoff", "to"): (
        Deed(f"handoff to {NIGHT}", MEMBERS, _bound),
        Deed(f"handoff to {FAR}", OPERATORS, _bound, "out of reach"),
    ),
    ("budget", "set"): (
        Deed(_SET, ADMINS, _owner_says("budget set agent desk 0.10 day"), "higher"),
        Deed(_SET, OPERATORS, _owner_says("budget set agent desk 90 day"), "lower"),
    ),
    ("budget", "raise"): (Deed("budget raise agent desk 25% day", ADMINS, _owner_says(_SET)),),
    ("budget", "lower"): (Deed("budget lower agent desk 25% day", OPERATORS, _owner_says(_SET)),),
    ("new", ""): (Deed("new", ALL, _bound),),
    ("resume", ""): (
        Deed("resume everything", OPERATORS, _owner_says("stop everything")),
        Deed("resume agent desk", OPERATORS, _owner_says("stop agent desk"), "an agent"),
        Deed("resume 1", ALL, _two_conversations, "a conversation"),
    ),
    ("stop", ""): (
        Deed("stop everything", OPERATORS),
        Deed("stop agent desk", OPERATORS, None, "an agent"),
    ),
    ("model", "set"): (
        Deed("model set scripted me", MEMBERS),
        Deed("model set scripted thread", OPERATORS, None, "a thread's"),
        Deed("model set scripted agent", ADMINS, None, "an agent's"),
    ),
    ("model", "auto"): (
        Deed("model auto thread", OPERATORS, _owner_says("model set scripted thread")),
        Deed("model auto agent", ADMINS, _owner_says("model set scripted agent"), "an agent's"),
    ),
}
"""What each command that changes something does, and for whom."""

LOOKS = frozenset(
    {
        *((noun, "list") for noun in ("schedule", "remind", "member", "channel", "approve")),
        *((noun, "show") for noun in ("schedule", "approve", "handoff", "policy", "budget")),
        *(("model", verb) for verb in ("show", "list", "why", "retry")),
        ("approve", "grants"),
        ("policy", "explain"),
        ("channel", "test"),
        ("budget", "history"),
        *((noun, "") for noun in ("cost", "why", "status", "help", "whoami")),
        # What they change is the approval, which the matrix looks at by itself.
        *(("approve", verb) for verb in ("this", "accept", "deny", "edit")),
        ("deny", ""),
    }
)
"""Commands that change nothing of what `seen_of` holds."""

PRESSES: Mapping[str, tuple[Deed, ...]] = {
    DONE: (
        Deed(THIS, ALL, own_reminder_id),
        Deed(THIS, NOBODY, others_reminder_id, "another's"),
    ),
    SNOOZE: (
        Deed(f"{THIS}:1h", ALL, own_reminder_id),
        Deed(f"{THIS}:1h", NOBODY, others_reminder_id, "another's"),
    ),
    RAISE: (Deed(f"{THIS}:25", ADMINS, _alert),),
    KEEP: (Deed(THIS, OPERATORS, _alert),),
    STOP: (Deed(THIS, NOBODY, _alert),),
    USE: (Deed(THIS, OPERATORS, _cheaper),),  # a choice of model, for the thread
    cards.HAPPENED: (Deed(THIS, OPERATORS, _lost, "of what may have run"),),
    cards.FAILED: (Deed(THIS, OPERATORS, _lost, "of what may have run"),),
}
"""What the buttons of reminders and of cards do that carry something; the text is what."""


def undescribed(forms: Iterable[Form] = FORMS) -> set[tuple[str, str]]:
    """Commands of which nobody said whether they change something."""
    return {(form.noun, form.verb) for form in forms} - {*DEEDS, *LOOKS}


def with_this(body: Body, this: str) -> Body:
    """The event, with what was made ready in it."""
    match body:
        case Command() | Message():
            return replace(body, text=body.text.replace(THIS, this))
        case ButtonPress() | FormSubmit():
            return replace(body, value=body.value.replace(THIS, this))
        case _:
            return body


# ---- what is looked at


async def seen_of(scene: Scene, this: str) -> tuple[object, ...]:
    """Everything that a person may change: equal before and after where nothing changed.

    Members, trust, stops, schedules with their runs, limits, the alert and the reminder that were
    made ready, grants, the approval that was made ready, links of accounts, codes that were shown,
    choices of models, and the thread's conversation where there is one.
    """
    store, now = scene.desk.desk.parts.store, scene.desk.clock.now()
    people = {scene.who, _another(scene)}
    further = await store.approvals.get(ApprovalId(this))
    return (
        await store.members.all(),
        await store.trust.all(),
        await store.stops.active(),
        await store.schedules.all(),
        [one.run for one in await store.schedules.history(limit=10_000)],
        await store.budgets.limits(since=T0 - timedelta(days=90)),
        await store.budgets.alert(AlertId(this)),
        [
            await store.reminders.open_of([person], limit=10_000)
            for person in sorted(people, key=str)
        ],
        await store.grants.active(now=now, limit=10_000),
        None if further is None else (further.state, further.votes, further.decided_by),
        await store.people.links(),
        sum(text.startswith("Your code is ") for text in scene.desk.chat.texts),
        sorted(await store.modelbook.every(), key=str),
    )


async def bound_of(scene: Scene) -> object:
    """The conversation that the thread has, or None."""
    return await scene.desk.desk.parts.store.conversations.bound(scene.thread)


async def let_go_on(scene: Scene) -> None:
    """Lift what was stopped, so that the next one is met by a core that answers."""
    store = scene.desk.desk.parts.store
    if await store.stops.active():
        await scene.owner_says("resume everything")
        await scene.owner_says("resume agent desk")
