"""Builders for values that many tests need, with sensible defaults."""

from datetime import UTC, datetime

from runtime.forms import FORMS
from runtime.ids import AgentName, InboxId, MessageId, ModelName, OutboxId, Platform, TurnId
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.conversation import Entry, Role
from runtime.model.events import Body, Inbound, Lane, Message, Received
from runtime.model.forms import FormSpec
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from runtime.model.team import Agent, ChannelRule, Listen, Member, MemberRole, Team

TERMINAL = Platform("terminal")
T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ANN = Principal(TERMINAL, "local", "ann")
STRANGER = Principal(TERMINAL, "local", "eve")
DM = ThreadRef(ChannelRef(TERMINAL, "local", "dm"))
OPS = ThreadRef(ChannelRef(TERMINAL, "local", "ops"))
QUIET = ThreadRef(ChannelRef(TERMINAL, "local", "quiet"))


def team(*, model: str = "scripted", role: MemberRole = MemberRole.OWNER) -> Team:
    """Ann's team: `#ops` is proactive, `#quiet` is not, one agent."""
    return Team(
        name="Night shift",
        zone="Europe/Berlin",
        members=(Member(name="Ann", role=role, principals=(ANN,)),),
        channels=(
            ChannelRule(ref=OPS.channel, name="ops", listen=Listen.MENTIONS, proactive=True),
            ChannelRule(ref=QUIET.channel, name="quiet", listen=Listen.ALL),
        ),
        agents=(Agent(name=AgentName("desk"), model=ModelName(model), instructions="Be brief."),),
    )


def role_of(team: Team, who: Principal) -> MemberRole | None:
    """The role of the person, or None for a stranger."""
    member = team.member_of(who)
    return member.role if member else None


def form_named(action: str) -> FormSpec:
    """The form that comes back under that action."""
    return next(form for form in FORMS if form.action == action)


def inbound(
    text: str = "hello",
    *,
    key: str = "e1",
    thread: ThreadRef = DM,
    sender: Principal = ANN,
    body: Body | None = None,
    content_key: str = "",
    direct: bool = True,
    mentioned: bool = False,
) -> Inbound:
    """A message from Ann in her direct conversation."""
    said = body or Message(text=text, message_id=MessageId(key), direct=direct, mentioned=mentioned)
    return Inbound(
        event_key=key,
        content_key=content_key,
        thread=thread,
        sender=sender,
        body=said,
        sent_at=T0,
    )


def received(text: str = "hello", *, key: str = "e1", lane: Lane = Lane.TURN) -> Received:
    """The same, as a row of the inbox whose id is its key."""
    return Received(id=InboxId(key), lane=lane, inbound=inbound(text, key=key), received_at=T0)


def outbox_item(
    text: str = "hello",
    *,
    key: str = "o1",
    thread: ThreadRef = DM,
    proactive: bool = False,
    at: datetime = T0,
    attempts: int = 0,
) -> OutboxItem:
    """A message on its way out."""
    return OutboxItem(
        id=OutboxId(key),
        thread=thread,
        content=Content(text),
        proactive=proactive,
        attempts=attempts,
        not_before=at,
        created_at=at,
    )


def entry(text: str, *, role: Role = Role.USER, seq: int = 0, turn: str = "t1") -> Entry:
    """A row of a conversation's log."""
    return Entry(role=role, text=text, at=T0, turn=TurnId(turn), seq=seq)
