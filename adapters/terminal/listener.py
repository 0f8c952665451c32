"""What is typed at the terminal, line by line, handed to the gateway."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from adapters.terminal.inbound import (
    LOCAL_FORMS,
    LONGEST,
    Explain,
    Leave,
    ListRooms,
    LocalCommand,
    Move,
    parse_line,
)
from adapters.terminal.lines import LineReader
from adapters.terminal.rooms import DIRECT, Room
from adapters.terminal.screen import Interrupted, Keyboard, Said, ScreenGone
from adapters.terminal.terminal import Terminal
from runtime.clock import Clock
from runtime.errors import Refused, Retryable, StorageFull
from runtime.ids import IdSource
from runtime.model.address import ThreadRef
from runtime.model.conversation import Entry, Role
from runtime.model.events import ButtonPress, Command, Inbound, Message
from runtime.model.team import Listen
from runtime.ports import Accept, Conversations

_ECHOED = 200
_RECALLED = 6
_THREADS_LISTED = 10

_T = TypeVar("_T")


class TerminalListener:
    """Reads what is typed and hands it to the gateway, until the person leaves or input ends.

    With a keyboard, a person talks: `run` returns on `/quit`, Ctrl-D, or Ctrl-C pressed twice.
    Without one, each line is a message; the next is read only once everything that the last one
    began is answered and delivered, so that the same lines make the same transcript.
    """

    def __init__(
        self,
        terminal: Terminal,
        *,
        accept: Accept,
        idle: Callable[[], Awaitable[None]],
        ids: IdSource,
        clock: Clock,
        offline_notice: str = "",
        conversations: Conversations | None = None,
    ) -> None:
        """Listen at the terminal.

        Args:
            terminal: where.
            accept: takes what was said.
            idle: returns once everything accepted so far is answered and delivered.
            ids: for events.
            clock: for when they were said.
            offline_notice: one line saying that no model is connected; empty where one is.
            conversations: where to look up what was said before; None shows nothing of it.
        """
        self._terminal = terminal
        self._chat = terminal.chat
        self._board = terminal.chat.board
        self._screen = terminal.chat.screen
        self._accept = accept
        self._idle = idle
        self._ids = ids
        self._clock = clock
        self._offline_notice = offline_notice
        self._conversations = conversations
        self._explained = False

    async def run(self) -> None:
        """Listen until the person leaves, input ends, or nobody reads the output any more."""
        keyboard = self._terminal.keyboard
        try:
            if keyboard is None:
                await self._read_script()
            else:
                with keyboard.held():
                    await self._converse(keyboard)
        except ScreenGone:
            return

    async def _read_script(self) -> None:
        async with LineReader(self._terminal.source, longest=LONGEST) as lines:
            while (line := await self._unless_gone(lines.next())) is not None:
                if not await self._take(line):
                    break
                await self._unless_gone(self._settled())
        await self._unless_gone(self._settled())

    async def _settled(self) -> None:
        await self._idle()

    async def _unless_gone(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Wait for the work.

        Raises:
            ScreenGone: nobody reads the output any more; the work was cancelled.
        """
        async with asyncio.TaskGroup() as group:
            done = group.create_task(work)
            gone = group.create_task(self._screen.gone.wait())
            await asyncio.wait({done, gone}, return_when=asyncio.FIRST_COMPLETED)
            finished = done.done()
            done.cancel()
            gone.cancel()
        if not finished:
            raise ScreenGone
        return done.result()

    async def _converse(self, keyboard: Keyboard) -> None:
        await keyboard.greet(*self._welcome())
        await self._recall(self._board.place)
        interrupted = False
        while True:
            try:
                line = await keyboard.read()
            except EOFError:
                return
            except Interrupted:
                if interrupted:
                    return
                interrupted = True
                await self._screen.note("Ctrl-C once more, or Ctrl-D, leaves.")
                continue
            interrupted = False
            if not await self._take(line):
                return

    async def _take(self, line: str) -> bool:
        """Do what the line asks for; False where it asks to leave."""
        now = self._clock.now()
        try:
            meaning = parse_line(line, self._board.here(), key=self._ids.new(), now=now)
        except Refused as refusal:
            await self._screen.echo(line[:_ECHOED])
            await self._refuse(refusal)
            return True
        match meaning:
            case None:
                return True
            case Inbound():
                await self._hand_over(meaning, line)
            case _:
                await self._screen.echo(line.strip())
                await self._navigate(meaning)
        return not isinstance(meaning, Leave)

    async def _navigate(self, command: LocalCommand) -> None:
        match command:
            case Move(to):
                self._board.place = to
                await self._screen.note(await self._arrival(to))
                await self._recall(to)
            case Explain(form):
                await self._screen.note(f"/{form}: {LOCAL_FORMS[form]}.")
            case ListRooms():
                await self._screen.note(*await self._overview())
            case Leave():
                return

    async def _hand_over(self, inbound: Inbound, line: str) -> None:
        body, place = inbound.body, inbound.thread
        begins = isinstance(body, Message) and place.root == body.message_id
        if isinstance(body, Message) and begins:
            await self._chat.thread_begun(place, title=body.text)
        await self._screen.say(
            Said(
                speaker=self._board.user,
                place=self._board.label(place),
                text=self._board.press(body) if isinstance(body, ButtonPress) else line.strip(),
                mine=True,
            )
        )
        await self._explain(inbound, begins=begins)
        try:
            await self._accept(inbound)
        except StorageFull:
            await self._screen.warn(
                "The disk is full, so that was not stored. Make room, then say it again."
            )
        except Refused as refusal:
            await self._refuse(refusal)
        except Retryable:
            await self._screen.warn("That could not be taken just now. Say it again in a moment.")

    async def _explain(self, inbound: Inbound, *, begins: bool) -> None:
        """Say what a newcomer could not know, where it matters."""
        body, room = inbound.body, self._board.room(inbound.thread)
        if isinstance(body, Command) and body.text.strip().lower() == "help":
            forms = ", ".join(f"/{form}" for form in LOCAL_FORMS)
            await self._screen.note(f"In this terminal also: {forms}.")
        if not isinstance(body, Message) or not (begins or await self._is_nobodys(inbound.thread)):
            return
        if not _hears(room, body):
            await self._screen.note(f"In {room.label}: {_habits(room)}")
        elif begins and self._screen.live and not self._explained:
            self._explained = True
            number, _ = self._board.number(inbound.thread)
            await self._screen.note(f"That began a thread: /thread {number} goes on in it.")

    async def _is_nobodys(self, place: ThreadRef) -> bool:
        """Whether the place is a thread that no agent has: words in it are heard as in the room."""
        if not place.root or self._conversations is None:
            return False
        return await self._conversations.bound(place) is None

    async def _refuse(self, refusal: Refused) -> None:
        await self._screen.warn(" ".join(filter(None, (refusal.message, refusal.hint))))

    def _welcome(self) -> list[str]:
        room, *channels = self._board.rooms
        posts = ", ".join(c.label for c in channels if c.proactive)
        lines = [f"Nightdesk: you are in the direct message with {room.agent}."]
        if self._offline_notice:
            lines.append(self._offline_notice)
        if posts:
            lines.append(f"Briefings arrive in {posts}; /rooms lists the rooms, /join opens one.")
        return [
            *lines,
            "Say hello to begin. /help lists the commands, Tab completes them, Ctrl-D leaves.",
        ]

    async def _arrival(self, place: ThreadRef) -> str:
        if not place.root:
            return f"You are in {self._board.label(place)}. {_habits(self._board.room(place))}"
        return f"You are in {await self._titled(place)}. /back closes the thread."

    async def _overview(self) -> list[str]:
        lines = [f"{room.label}: {_habits(room)}" for room in self._board.rooms]
        latest = list(self._board.threads.values())[-_THREADS_LISTED:]
        lines += [await self._titled(thread) for thread in latest]
        return [*lines, f"You are in {self._board.label(self._board.place)}."]

    async def _titled(self, thread: ThreadRef) -> str:
        """The thread's label and title; of a thread from before a restart the stored title."""
        title = self._board.title(thread)
        if not title and self._conversations is not None:
            bound = await self._conversations.bound(thread)
            stored = await self._conversations.get(bound) if bound is not None else None
            title = stored.title if stored is not None else ""
        return self._board.label(thread) + (f" “{title.rstrip('.')}”" if title else "")

    async def _recall(self, place: ThreadRef) -> None:
        """Show a person the end of what was said there before."""
        if not self._screen.live or self._conversations is None:
            return
        conversation = await self._conversations.bound(place)
        if conversation is None:
            return
        entries = await self._conversations.entries(conversation, limit=4 * _RECALLED)
        for entry in [e for e in entries if _worth_showing(e)][-_RECALLED:]:
            asker = entry.sender if entry.role is Role.USER else None
            await self._screen.say(
                Said(
                    speaker=asker.user if asker else self._board.room(place).agent,
                    place=f"{self._board.label(place)} · earlier",
                    text=entry.text,
                    mine=asker == self._board.sender,
                    at=entry.at,
                )
            )


def _worth_showing(entry: Entry) -> bool:
    """What was said, and neither the instruction of a run nor the work of tools."""
    said = entry.role is Role.ASSISTANT or (entry.role is Role.USER and entry.sender is not None)
    return said and bool(entry.text.strip())


def _hears(room: Room, message: Message) -> bool:
    return room.listen is Listen.ALL or (room.listen is Listen.MENTIONS and message.mentioned)


def _habits(room: Room) -> str:
    """What happens in the room."""
    posts = " Agents post here." if room.proactive else ""
    if room.id == DIRECT:
        return f"{room.agent} answers every message."
    match room.listen:
        case Listen.ALL:
            return f"{room.agent} answers every message.{posts}"
        case Listen.MENTIONS:
            return (
                f"{room.agent} answers where you name it, @{room.agent}, and in its threads.{posts}"
            )
        case Listen.OFF:
            return f"New messages here reach nobody.{posts}"
