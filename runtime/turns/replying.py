"""How a turn's answer goes out: written with the turn's end, and sent from there where that can be.

Most answers are sent by the process that writes them, and nothing of their thread stands before
them. Such a one is claimed by the commit that stores it, and nobody has to look for it. Everything
else waits in the outbox until the dispatcher comes to it.
"""

from collections.abc import Callable, Sequence

from runtime.clock import Clock
from runtime.ids import OutboxId, following
from runtime.model.conversation import Entry
from runtime.model.handoff import HandOver
from runtime.model.messages import Content, Reply
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.turn import Turn, TurnStart, TurnState
from runtime.outbox import Splitter, compose
from runtime.ports import Sender, Turns
from runtime.text import is_whole
from runtime.turns.live import LiveAnswer


class Replying:
    """Writes the answers of turns, and has them sent."""

    def __init__(
        self,
        turns: Turns,
        sender: Sender,
        *,
        owner: str,
        clock: Clock,
        wake_outbox: Callable[[], None],
    ) -> None:
        """Write answers.

        Args:
            turns: where they are stored.
            sender: who sends in this process.
            owner: names this process in the rows that it claims.
            clock: the clock.
            wake_outbox: says that there is something to send.
        """
        self._turns = turns
        self._sender = sender
        self._owner = owner
        self._clock = clock
        self._wake_outbox = wake_outbox

    def rows(
        self, start: TurnStart, live: LiveAnswer | None, said: Content, split: Splitter
    ) -> tuple[OutboxItem, ...]:
        """The rows of an answer; none where nobody hears it."""
        turn = start.turn
        if turn.thread is None:
            return ()
        reply = Reply(
            id=OutboxId(following("answer", turn.id)),
            thread=turn.thread,
            content=said,
            draft=live.draft if live else turn.draft,
        )
        # Sent as it would be read: halves of surrogate pairs are replaced where it is stored.
        claimed = is_whole(said.text) and not said.files and self._sender.claims(turn.thread)
        now = self._clock.now()
        return tuple(
            compose(reply, split=split, now=now, turn=turn.id, agent=start.agent, claimed=claimed)
        )

    async def finish(
        self,
        turn: Turn,
        *,
        state: TurnState,
        entries: Sequence[Entry],
        replies: Sequence[OutboxItem],
        over: HandOver | None,
    ) -> None:
        """End the turn: see `Turns.finish`; its replies are on their way when this returns.

        All tries of it stand in one block of `ending`.

        Raises:
            Conflict: the turn is not ours any more.
        """
        claimed = await self._turns.finish(
            turn.id,
            turn.fence,
            state=state,
            entries=entries,
            replies=replies,
            over=over,
            sender=self._owner,
        )
        self._sender.take(claimed)
        # Most turns bring about one answer, which is on its way. A hand-over sends nothing.
        if len(claimed) < len(replies):
            self._wake_outbox()

    def ending(self, turn: Turn, replies: Sequence[OutboxItem]) -> "_Ending":
        """Around all tries to end the turn with these replies, from the first to the last.

        A try may have been stored though nobody heard of it: then they are claimed by us, and the
        next try is a conflict. Only when no try follows are they handed back: one that succeeds
        has them sent. What was stored unclaimed is looked for then.
        """
        return _Ending(self._sender, turn, replies, self._wake_outbox)


class _Ending:
    """A block that hands back what is claimed where it does not come to its end."""

    def __init__(
        self,
        sender: Sender,
        turn: Turn,
        replies: Sequence[OutboxItem],
        wake_outbox: Callable[[], None],
    ) -> None:
        self._sender = sender
        self._turn = turn
        self._replies = replies
        self._wake_outbox = wake_outbox

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        mine = [reply for reply in self._replies if reply.state is OutboxState.SENDING]
        if mine:
            self._sender.let_go(self._turn, mine)
        else:
            self._wake_outbox()
