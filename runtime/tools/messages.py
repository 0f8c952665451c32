"""The tool that posts to a channel: only where the team's list lets agents post unasked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from runtime.clock import Clock
from runtime.egress import Withheld, clear
from runtime.errors import Refused
from runtime.ids import ConversationId, OutboxId, derived
from runtime.model.access import Action
from runtime.model.address import ThreadRef
from runtime.model.conversation import Entry, Role
from runtime.model.messages import Content, Proactive
from runtime.model.team import ChannelRule, Team
from runtime.model.tools import Json, Risk
from runtime.model.value import value
from runtime.outbox import Splitter, compose
from runtime.ports import Store, ToolContext
from runtime.signature import Arguments
from runtime.tools.registry import Effect, Tool

LONGEST = 8_000
"""Characters of a message."""


@value(kw_only=True)
class MessageTools:
    """The functions of the tools.

    Attributes:
        store: where messages wait to be sent, and what became known of channels.
        team: the configuration as it is now.
        split: cuts a message as its platform takes it.
        clock: the clock.
        wake_outbox: says that there is something to send.
    """

    store: Store
    team: Callable[[], Team]
    split: Splitter
    clock: Clock
    wake_outbox: Callable[[], None]

    def tools(self) -> tuple[Tool, ...]:
        """The tools, for the registry."""
        return (
            Tool(
                name="message.send",
                about="Post a message to a channel of the team, by its name. Only channels on the "
                "proactive list take it. What people answer there comes to you.",
                run=self.send,
                needs=Action.POST,
                risk=Risk.EXTERNAL,
                # It goes out from the outbox under the key of the call: twice is once.
                effect=Effect.OWN,
                varies=frozenset({"text"}),
                exact=self.exact,
            ),
        )

    async def exact(self, arguments: Arguments, context: ToolContext) -> Mapping[str, Json]:
        """The channel itself: its name may be another's on another platform, or tomorrow.

        Raises:
            Refused: there is no such channel, it could be more than one, or it is not the place.
        """
        rule = _rule(self.team(), arguments["channel"], context.thread, arguments["place"])
        return {"place": _place(rule)}

    async def send(
        self,
        context: ToolContext,
        key: str,
        /,
        *,
        channel: Annotated[str, "The channel: #name."],
        text: Annotated[str, f"What it says, at most {LONGEST:,} characters of Markdown."],
        place: Annotated[str | None, "Leave it out: we fill it in, for people to see."] = None,
    ) -> str:
        """`message.send`."""
        team, this = self.team(), OutboxId(derived("message", key))
        # Done twice, after a crash, its channel may be off the list by now, and has it.
        if await self.store.outbox.get(this) is not None:
            return _sent(channel)
        if not text.strip():
            raise Refused("The message is empty: say what is to be posted.")
        if len(text) > LONGEST:
            raise Refused(
                f"The message has {len(text):,} characters, and {LONGEST:,} is the most.",
                hint="Post the gist of it.",
            )
        rule = _rule(team, channel, context.thread, place)
        talk = ConversationId(derived("message", "talk", key))
        message = Proactive(
            id=this,
            thread=ThreadRef(rule.ref),
            content=Content(text),
            binds=talk,
        )
        cleared = clear(message, team, await self.store.trust.of(rule.ref))
        if isinstance(cleared, Withheld):
            raise Refused(f"It was not posted: {cleared.reason}.", hint=_listed(team))
        now = self.clock.now()
        said = Entry(role=Role.ASSISTANT, text=text, at=now, turn=context.turn)
        await self.store.conversations.create(talk, context.agent, opening=[said])
        rows = compose(cleared, split=self.split, now=now, turn=context.turn, agent=context.agent)
        await self.store.outbox.enqueue(rows)
        self.wake_outbox()
        return _sent(rule.name)


def _sent(channel: str) -> str:
    return f"The message is on its way to #{channel.strip().removeprefix('#')}."


def _place(rule: ChannelRule) -> str:
    """Which channel that is, for sure: `slack:T1/C1`."""
    ref = rule.ref
    return f"{ref.platform}:{ref.workspace}/{ref.channel}"


def _rule(team: Team, written: str, thread: ThreadRef | None, place: str | None) -> ChannelRule:
    """The channel that is meant; of several with that name, the one on the asker's platform.

    Where the place is said, it is that one of them and no other, wherever it is asked for.

    Raises:
        Refused: there is none, it could be more than one, or none of that name is at the place.
    """
    name = written.strip().removeprefix("#").casefold()
    found = [r for r in team.channels if name in (r.name.casefold(), r.ref.channel.casefold())]
    if found and place is not None:
        return _at(found, written, place)
    here = [r for r in found if thread is not None and r.ref.platform == thread.platform]
    meant = here if len(found) > 1 and here else found
    if len(meant) == 1:
        return meant[0]
    if not meant:
        raise Refused(f"There is no channel {written[:40]!r}.", hint=_listed(team))
    ids = ", ".join(f"{rule.ref.channel} ({rule.ref.platform})" for rule in meant)
    raise Refused(
        f"There are several channels {written[:40]!r}.", hint=f"Name one by its id: {ids}."
    )


def _at(found: Sequence[ChannelRule], written: str, place: str) -> ChannelRule:
    for rule in found:
        if _place(rule) == place:
            return rule
    places = " or ".join(_place(rule) for rule in found)
    raise Refused(
        f"The channel {written[:40]!r} is {places}, not {place[:80]!r}.",
        hint="Leave the place out: it is found by the channel.",
    )


def _listed(team: Team) -> str:
    names = ", ".join(f"#{rule.name}" for rule in team.channels if rule.proactive)
    return f"Channels that take messages: {names or 'none'}."
