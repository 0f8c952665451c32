"""A small desk behind a real terminal, to be started as a process: it answers by rule, without a model.

`python -m tests.support.terminal_desk [DATA_FOLDER]`
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from adapters.terminal.listener import TerminalListener
from adapters.terminal.rooms import PLATFORM, WORKSPACE, place_of
from adapters.terminal.terminal import open_terminal
from runtime.clock import SystemClock
from runtime.errors import Refused, Retryable, StorageFull
from runtime.ids import AgentName, ConversationId, OutboxId, TimeOrderedIds
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.events import ButtonPress, Command, Inbound, Message
from runtime.model.messages import Button, Content
from runtime.model.outbox import OutboxItem
from runtime.model.team import ChannelRule, Listen
from runtime.ports import ChatPort

RULES = (
    ChannelRule(
        ref=ChannelRef(PLATFORM, WORKSPACE, "ops"),
        name="ops",
        listen=Listen.MENTIONS,
        proactive=True,
        agent=AgentName("desk"),
    ),
)

FORMS = {
    "help [topic]": "what there is",
    "schedule create <when> <instruction> [--channel #room] [--tz ZONE]": "work at a time",
    "/schedule list": "the schedules",
    "schedule show <number>": "one schedule",
    "status": "how it goes",
    "new": "begin afresh",
}

BRIEFING = """# Morning briefing

Two things ran overnight, **one failed**:

- `backup` finished in 12 min
- `report` failed: *no space left* ([log](https://example.com/log))

| job | state |
|---|---|
| backup | ok |
| report | failed |

```python
print("hello")
```
<b>not bold</b> and ![chart](https://example.com/x.png)
second line \x1b[31mred?\x1b[0m
"""


class Desk:
    """Answers at once, in the order asked."""

    def __init__(self, chat: ChatPort, now: Callable[[], datetime], *, stream: bool) -> None:
        self._chat = chat
        self._now = now
        self._stream = stream
        self._clock = SystemClock()
        self.heard: list[Inbound] = []
        self._work: asyncio.Queue[Inbound] = asyncio.Queue()

    async def accept(self, inbound: Inbound) -> None:
        self.heard.append(inbound)
        match inbound.body:
            case Message(text="full"):
                raise StorageFull
            case Message(text="refuse"):
                raise Refused("That is not possible.", hint="Ask for something else.")
            case _:
                self._work.put_nowait(inbound)

    async def idle(self) -> None:
        await self._work.join()

    async def serve(self) -> None:
        while True:
            inbound = await self._work.get()
            try:
                await self._answer(inbound)
            except Retryable:
                return  # as an outbox does, it keeps what could not be sent: it is never idle again
            self._work.task_done()

    async def _answer(self, inbound: Inbound) -> None:
        match inbound.body:
            case Command(text="brief"):
                await self._send(
                    "brief-" + inbound.event_key, place_of("ops"), Content(BRIEFING), binds=True
                )
                await self._send(inbound.event_key, inbound.thread, Content("Done."))
            case Command(text="ask"):
                buttons = (Button("Approve", "approve", "a1"), Button("Deny", "deny", "a1"))
                await self._send(
                    inbound.event_key, inbound.thread, Content("Delete the old backups?", buttons)
                )
            case Command(text=text):
                await self._send(
                    inbound.event_key,
                    inbound.thread,
                    Content(f"No command `{text}`."),
                    private=True,
                )
            case ButtonPress(action=action, value=value):
                await self._send(inbound.event_key, inbound.thread, Content(f"{action} {value}"))
            case Message(text=text):
                await self._talk(
                    inbound, f"You said: {text}\nin **{inbound.thread.root or 'the room'}**"
                )
            case _:
                raise AssertionError(f"the terminal does not say {inbound.body!r}")

    async def _talk(self, inbound: Inbound, text: str) -> None:
        if self._stream:
            text += "\n\n" + " ".join(f"And word number {n} of a long answer." for n in range(60))
            await self._chat.status(inbound.thread, "is thinking…")
            await self._clock.sleep(0.2)
            draft = await self._chat.begin_draft(inbound.thread, requester=inbound.sender, text="…")
            for end in range(0, len(text), 60):
                if draft is not None:
                    await self._chat.grow_draft(inbound.thread, draft, text[:end] or "…")
                    await self._clock.sleep(0.03)
        await self._send(inbound.event_key, inbound.thread, Content(text))

    async def _send(
        self,
        key: str,
        thread: ThreadRef,
        content: Content,
        *,
        binds: bool = False,
        private: bool = False,
    ) -> None:
        now = self._now()
        await self._chat.send(
            OutboxItem(
                id=OutboxId("answer-" + key),
                thread=thread,
                content=content,
                proactive=binds,
                only_for=self.heard[-1].sender if private else None,
                binds=ConversationId("c1") if binds else None,
                not_before=now,
                created_at=now,
            )
        )


async def talk(data: Path | None) -> None:
    clock = SystemClock()
    ids = TimeOrderedIds(clock)
    terminal = open_terminal(
        stdin=sys.stdin,
        stdout=sys.stdout,
        ids=ids,
        rules=RULES,
        forms=FORMS,
        data=data,
        zone="Europe/Berlin",
    )
    desk = Desk(terminal.chat, clock.now, stream=terminal.keyboard is not None)
    listener = TerminalListener(
        terminal,
        accept=desk.accept,
        idle=desk.idle,
        ids=ids,
        clock=clock,
        offline_notice="No language model is connected; one setting connects one: /model says which.",
    )
    await _until(listener.run, desk.serve)


async def _until(
    main: Callable[[], Awaitable[None]], beside: Callable[[], Awaitable[None]]
) -> None:
    async def serve() -> None:
        await beside()

    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve())
        await main()
        serving.cancel()


if __name__ == "__main__":
    asyncio.run(talk(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
