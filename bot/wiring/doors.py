"""What comes in and what goes out: its doors, and who is told of trouble there."""

from collections.abc import Callable
from dataclasses import replace

from bot.wiring.process import Parts
from gateway.commands.grammar import looks_like_command, says_link_code
from gateway.commands.spelling import spelled
from gateway.inbound.bindings import Bindings
from gateway.inbound.ingress import Ingress
from gateway.inbound.strangers import Strangers
from gateway.inbound.urgent import Urgent
from gateway.notices import OwnerNotices
from gateway.outbound.aftermath import Aftermath
from gateway.outbound.dispatcher import Dispatcher
from runtime.activity import Activity
from runtime.halt import Halt
from runtime.mailboxes.mailboxes import Mailboxes
from runtime.mailboxes.queue import QueueDispatch
from runtime.model.address import Principal, ThreadRef
from runtime.model.messages import Content
from runtime.outbox import Splitter
from runtime.people.roster import Roster
from runtime.text import unmarked


def ingress(
    parts: Parts,
    bindings: Bindings,
    mailboxes: Mailboxes,
    activity: Activity,
    wake_outbox: Callable[[], None],
    roster: Roster,
    urgent: Urgent,
) -> Ingress:
    """The way in of everything that platforms and terminals say."""

    def introduces(who: Principal, words: str) -> bool:
        return says_link_code(words) and roster.may_try(who)

    return Ingress(
        parts.store,
        bindings,
        mailboxes if parts.alone else QueueDispatch(parts.durable),
        team=parts.team,
        is_command=looks_like_command,
        strangers=Strangers(
            parts.store.outbox,
            notices(parts, wake_outbox),
            team=parts.team,
            split=splitter(parts),
            clock=parts.clock,
            wake_outbox=wake_outbox,
        ),
        clock=parts.clock,
        ids=parts.ids,
        activity=activity,
        urgent=urgent,
        introduces=introduces,
    )


def dispatcher(parts: Parts, activity: Activity, aftermath: Aftermath, halt: Halt) -> Dispatcher:
    """The way out: what the outbox holds, to each platform, in order and once."""
    return Dispatcher(
        parts.store.outbox,
        parts.chats,
        parts.store.trust,
        team=parts.team,
        clock=parts.clock,
        ids=parts.ids,
        owner=parts.slot,
        alone=parts.alone,
        activity=activity,
        settled=aftermath,
        held=halt.holding,
    )


def notices(parts: Parts, wake_outbox: Callable[[], None]) -> OwnerNotices:
    """How the owners are told of what needs them."""
    return OwnerNotices(
        parts.store.outbox,
        parts.chats,
        team=parts.team,
        split=splitter(parts),
        clock=parts.clock,
        wake_outbox=wake_outbox,
    )


def splitter(parts: Parts) -> Splitter:
    """How long content is cut for a platform, with our own words as they are written there."""

    def split(thread: ThreadRef, content: Content) -> tuple[Content, ...]:
        """Cut as the platform says; a platform that is switched off takes it whole, later."""
        chat = parts.chats.get(thread.platform)
        if chat is None:
            return (replace(content, text=unmarked(content.text)) if content.ours else content,)
        if content.ours:
            content = replace(content, text=spelled(content.text, chat.limits, thread))
        return chat.split(content)

    return split
