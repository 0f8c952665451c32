"""The team, as its configuration file says: who is who, which channels, which agents."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from runtime.ids import AgentName, ModelName
from runtime.model.address import ChannelRef, Principal
from runtime.model.budget import BudgetRules
from runtime.model.choice import Phase, Preference, Signal
from runtime.model.files import FileRules
from runtime.model.value import value


class MemberRole(StrEnum):
    """What a person may do; each may do what the later ones may."""

    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"
    MEMBER = "member"
    GUEST = "guest"


class Listen(StrEnum):
    """Which messages of a channel reach the agent."""

    OFF = "off"
    MENTIONS = "mentions"
    """Those that name the bot, and every reply in a thread that is bound to a conversation."""
    ALL = "all"


@value(kw_only=True)
class Added:
    """Who let a member in, or gave them their role, in the chat, and when.

    Who did so by a one-time code did it themselves.
    """

    by: Principal
    at: datetime


@value(kw_only=True)
class Member:
    """A person, on each platform where they are known.

    Attributes:
        name: for showing only; it carries no authority.
        role: what they may do.
        principals: who they are on each platform, by platform id.
        zone: the IANA name of their own time zone; empty for the team's.
        bot: it is a program: it is answered a few times in a row only, and can ask for nothing that
            reaches further than the answer.
        added: who the chat has them from; None where the configuration names them.
    """

    name: str
    role: MemberRole
    principals: tuple[Principal, ...]
    zone: str = ""
    bot: bool = False
    added: Added | None = None


@value(kw_only=True)
class ChannelRule:
    """A channel that the team uses.

    Attributes:
        ref: the channel, by id.
        name: for showing and for `--channel #name`; it carries no authority.
        listen: which messages reach the agent.
        proactive: agents may post here unasked.
        agent: who answers here.
    """

    ref: ChannelRef
    name: str
    listen: Listen = Listen.OFF
    proactive: bool = False
    agent: AgentName = AgentName("desk")


class Sharing(StrEnum):
    """What an agent may do with what agents share."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    """Read it, too."""


@value(kw_only=True)
class Agent:
    """An agent.

    Attributes:
        name: its name.
        model: the model it uses.
        instructions: its system prompt.
        hands_to: the agents that it may hand a conversation to.
        sharing: what it may do with what agents share.
        models: what else it may use: to fall back to, and to prefer.
        prefer: what to prefer among them; None for the order in which they are named.
        phases: the model for a phase, where it has one of its own for it.
        temperature: how freely its models choose words; 0 for always the likeliest, None for
            their own.
    """

    name: AgentName
    model: ModelName
    instructions: str
    hands_to: tuple[AgentName, ...] = ()
    sharing: Sharing = Sharing.NONE
    models: tuple[ModelName, ...] = ()
    prefer: Preference | None = None
    phases: tuple[tuple[Phase, ModelName], ...] = ()
    temperature: float | None = None


@value(kw_only=True)
class Team:
    """Everything the team decides.

    Attributes:
        name: the team's name.
        zone: the IANA name of its time zone.
        members: who may speak; nobody else.
        channels: the channels in use; all others are closed.
        agents: the agents by name; the first is the default.
        files: which files of people are taken.
        budget: what may be spent.
        signals: words that call for a model.
        approvals: the channel in which people are asked what a run asks; None for the owners alone.
    """

    name: str
    zone: str
    members: tuple[Member, ...]
    channels: tuple[ChannelRule, ...]
    agents: tuple[Agent, ...]
    files: FileRules = field(default_factory=FileRules)
    budget: BudgetRules = field(default_factory=BudgetRules)
    signals: tuple[Signal, ...] = ()
    approvals: ChannelRef | None = None
    _members: dict[Principal, Member] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _rules: dict[ChannelRef, ChannelRule] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Index the members and channels, which are asked for with every event."""
        self._members.update({who: m for m in self.members for who in m.principals})
        self._rules.update({rule.ref: rule for rule in self.channels})

    def member_of(self, who: Principal) -> Member | None:
        """The member that the person is, or None for a stranger."""
        return self._members.get(who)

    def is_bot(self, who: Principal) -> bool:
        """Whether it is a program and no person."""
        member = self._members.get(who)
        return member is not None and member.bot

    def zone_of(self, who: Principal) -> str:
        """The IANA name of the person's time zone: their own, or else the team's."""
        member = self._members.get(who)
        return (member.zone if member else "") or self.zone

    def rule_of(self, channel: ChannelRef) -> ChannelRule | None:
        """The rule of the channel, or None where the team does not use it."""
        return self._rules.get(channel)

    def agent(self, name: AgentName) -> Agent | None:
        """The agent of that name."""
        for agent in self.agents:  # asked in each turn: no generator
            if agent.name == name:
                return agent
        return None

    def owners(self) -> tuple[Principal, ...]:
        """Everybody who is told when something needs an owner."""
        return tuple(
            who for m in self.members if m.role is MemberRole.OWNER for who in m.principals
        )


def models_of(agent: Agent) -> tuple[ModelName, ...]:
    """Every model that the agent may use, each once: its usual one first."""
    phases = (name for _, name in agent.phases)
    return tuple(dict.fromkeys((agent.model, *agent.models, *phases)))
