"""`/channel`: list, test, trust; and what is told of channels that change."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from gateway.commands.words import picked_channel
from runtime.access import authorize
from runtime.asking import named_target
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.ids import Platform
from runtime.model.access import Action
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.events import ChannelChanged
from runtime.model.localtime import show_time
from runtime.model.probe import Finding
from runtime.model.team import ChannelRule, Listen, Team
from runtime.model.trust import ChannelState
from runtime.ports import ChatPort, Outbox
from runtime.trust import TrustService, happened

TellOwners = Callable[[str, str], Awaitable[bool]]
"""Tells every owner something, once for each key."""

_HEARS = {
    Listen.OFF: "hears nothing but commands",
    Listen.MENTIONS: "hears mentions and its own threads",
    Listen.ALL: "hears everything",
}
_ACTIONS = {
    "list": Action.CHANNEL_READ,
    "test": Action.CHANNEL_TEST,
    "trust": Action.CHANNEL_TRUST,
}


class ChannelCommands:
    """The commands of the noun `channel`."""

    def __init__(
        self,
        trust: TrustService,
        chats: Mapping[Platform, ChatPort],
        outbox: Outbox,
        *,
        team: Callable[[], Team],
        clock: Clock,
        tell_owners: TellOwners,
    ) -> None:
        """Show the channels of `team`, and test the connections of `chats`."""
        self._trust = trust
        self._chats = chats
        self._outbox = outbox
        self._team = team
        self._clock = clock
        self._tell_owners = tell_owners

    async def __call__(self, command: ParsedCommand, request: Request) -> Answer:
        """Carry out one of them."""
        authorize(self._team(), request.sender, _ACTIONS[command.verb])
        match command.verb:
            case "list":
                return await self._list(request)
            case "test":
                return await self._test(command.args[0] if command.args else "", request)
            case _:
                return await self._trusted(command.args[0], request)

    async def changed(self, changed: ChannelChanged, request: Request) -> None:
        """Take note of a channel that changed, and tell the owners where they should know."""
        word = await self._trust.note(request.thread.channel, changed, at=request.at)
        if word is not None:
            await self._tell_owners(word.key, word.text)

    async def _list(self, request: Request) -> Answer:
        team = self._team()
        if not team.channels:
            return Answer(
                "No channel is configured yet: nightdesk.toml lists them under [[channels]]."
            )
        states, sent = await self._trust.all(), await self._outbox.last_sent()
        now, zone = self._clock.now(), team.zone_of(request.sender)

        def line(rule: ChannelRule) -> str:
            at = sent.get(rule.ref)
            last = "nothing sent yet" if at is None else f"last sent {show_time(at, zone, now=now)}"
            return f"{_line(rule, states.get(rule.ref))}; {last}"

        return Answer("\n".join(map(line, team.channels)))

    async def _test(self, name: str, request: Request) -> Answer:
        if name:
            channel = self._named(name, request.thread)
            chats = {channel.platform: self._chat(channel.platform)}
        else:
            channel, chats = None, dict(self._chats)
        parts = [
            f"**{platform}**\n{_findings(await chat.probe(channel))}"
            for platform, chat in chats.items()
        ]
        return Answer("\n\n".join(parts) or "No chat platform is connected to this process.")

    async def _trusted(self, name: str, request: Request) -> Answer:
        channel = self._named(name, request.thread)
        shown = _shown(self._team().rule_of(channel), channel)
        state = await self._trust.of(channel)
        if not await self._trust.trust(channel, request.sender) or state is None:
            return Answer(f"{shown} is trusted already.")
        rule = self._team().rule_of(channel)
        posts = "" if rule and rule.proactive else " if it is set to `proactive = true`"
        return Answer(
            f"{shown} {happened(state)}, and is trusted from now on: I post there unasked"
            f"{posts} again.",
            private=False,
        )

    def _named(self, name: str, asked_in: ThreadRef) -> ChannelRef:
        return named_target(self._team(), picked_channel(name), asked_in).thread.channel

    def _chat(self, platform: Platform) -> ChatPort:
        chat = self._chats.get(platform)
        if chat is None:
            raise Refused(
                f"{platform} is not connected here.",
                hint="`nightdesk doctor` says what it needs.",
            )
        return chat


def _line(rule: ChannelRule, state: ChannelState | None) -> str:
    posts = "posts unasked" if rule.proactive else "never posts unasked"
    trusted = "trusted"
    if state is not None and state.change is not None:
        trusted = f"**not trusted: it {happened(state)}**"
    renamed = ""
    if state is not None and state.name and state.name != rule.name.removeprefix("#"):
        renamed = f", by now called #{state.name}"
    return (
        f"- {_shown(rule, rule.ref)} ({rule.ref.platform}, `{rule.ref.channel}`{renamed}): "
        f"{_HEARS[rule.listen]}, {posts}, {trusted}"
    )


def _findings(found: Sequence[Finding]) -> str:
    lines = []
    for finding in found:
        lines.append(f"- {'ok' if finding.ok else '**not ok**'}: {finding.what}")
        if finding.missing:
            lines.append(f"  Missing: `{finding.missing}`")
        if finding.todo:
            lines.append(f"  {finding.todo}")
    return "\n".join(lines)


def _shown(rule: ChannelRule | None, channel: ChannelRef) -> str:
    return f"#{rule.name.removeprefix('#')}" if rule else f"`{channel.channel}`"
