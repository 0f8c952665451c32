"""From what is to be said to rows of the outbox: one for each message of the platform."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from runtime.ids import AgentName, OutboxId, TurnId, derived
from runtime.model.address import ThreadRef
from runtime.model.messages import Cleared, Content, Proactive, Reply
from runtime.model.outbox import OutboxItem, OutboxState

Splitter = Callable[[ThreadRef, Content], tuple[Content, ...]]
"""Cuts content into pieces that fit one message of the thread's platform each.

Before that, it writes commands in our own words as people write them in that thread.
"""


_PENDING, _SENDING = OutboxState.PENDING, OutboxState.SENDING
_MOST_ROWS = 100
"""Rows of one message that are recognised; long texts become files well before that."""


def is_row_of(row: OutboxId, message: OutboxId) -> bool:
    """Whether the row is one of those that `compose` makes of that message."""
    return row == message or any(
        row == derived(message, str(place)) for place in range(1, _MOST_ROWS)
    )


def whole(thread: ThreadRef, content: Content) -> tuple[Content, ...]:  # noqa: ARG001 - a `Splitter`
    """The splitter for a few words of ours that name no command and fit one message anywhere."""
    return (content,)


def compose(
    message: Reply | Cleared,
    *,
    split: Splitter,
    now: datetime,
    turn: TurnId | None = None,
    agent: AgentName | None = None,
    claimed: bool = False,
) -> list[OutboxItem]:
    """The outbox rows of a message, in the order in which they go out.

    `agent` is whose words they are, and a stop of that agent holds them; None for our own.
    `claimed` says that the first of them is to be claimed as it is stored: see `Turns.finish`.
    The ids follow from the message's id, so composing it again makes the same rows. A draft
    becomes the first row, and the thread under the first row is the one that is bound.
    """
    said: Reply | Proactive = message.message if isinstance(message, Cleared) else message
    listed = isinstance(message, Cleared) and message.listed
    pieces = split(said.thread, said.content)
    return [
        _row(said, piece, place, now, turn, agent, listed=listed, claimed=claimed and place == 0)
        for place, piece in enumerate(pieces)
    ]


def without_files(item: OutboxItem, split: Callable[[Content], Sequence[Content]]) -> OutboxItem:
    """The message without its files, where the platform does not take them.

    Its text says so, where that fits into the one message that it is: `split` is the platform's.
    """
    count = len(item.content.files)
    files = "A file" if count == 1 else f"{count} files"
    note = f"_{files} could not be sent here; an owner finds out why with `nightdesk doctor`._"
    text = "\n\n".join(part for part in (item.content.text, note) if part)
    said = replace(item.content, text=text, files=())
    alone = replace(item.content, files=())
    return replace(item, content=said if len(split(said)) == 1 else alone)


def _row(
    said: Reply | Proactive,
    piece: Content,
    place: int,
    now: datetime,
    turn: TurnId | None,
    agent: AgentName | None,
    *,
    listed: bool,
    claimed: bool,
) -> OutboxItem:
    reply = said if isinstance(said, Reply) else None
    return OutboxItem(
        id=said.id if place == 0 else OutboxId(derived(said.id, str(place))),
        thread=said.thread,
        content=replace(piece, ours=False) if piece.ours else piece,
        proactive=listed,
        only_for=reply.only_for if reply else None,
        reply_url=reply.reply_url if reply else "",
        draft=reply.draft if reply and place == 0 else None,
        binds=said.binds if isinstance(said, Proactive) and place == 0 else None,
        turn=turn,
        agent=agent,
        state=_SENDING if claimed else _PENDING,
        not_before=now,
        created_at=now,
    )
