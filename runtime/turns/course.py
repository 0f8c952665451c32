"""The course of one turn: model calls and tool calls until there is an answer."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from itertools import takewhile
from operator import attrgetter

from runtime.context import (
    covered_by,
    extract,
    files_of,
    has_calls,
    length_of,
    listed,
    on_commands,
    overflow,
    summary_request,
)
from runtime.errors import ModelError, ModelOutputUnusable, Refused
from runtime.model.address import ThreadRef
from runtime.model.approval import Approval
from runtime.model.audit import AuditEvent
from runtime.model.choice import Phase
from runtime.model.completion import Finished, ModelInfo, ModelRequest, StopReason, TextDelta
from runtime.model.conversation import Entry, Role, made_by
from runtime.model.ending import Ending
from runtime.model.files import OutFile
from runtime.model.step import Step, StepState
from runtime.model.team import Agent
from runtime.model.tools import ToolCall
from runtime.model.turn import TurnStart
from runtime.notices import Notice
from runtime.ports import ModelPort, Paid, ToolContext
from runtime.routing.asking import Inquiry, need_of, phase_of
from runtime.text import unmarked
from runtime.turns.deps import TurnDeps
from runtime.turns.executor import Job, MustWait, deciding, not_begun
from runtime.turns.live import LiveAnswer

log = logging.getLogger("nightdesk.turns")

MAX_MODEL_CALLS = 8
"""Model calls in one turn; a model that still asks for tools then is going in circles."""
ANSWER_TOKENS = 2048
"""The most that one model call may answer."""
LEAST_ROOM = 512
"""Tokens of conversation that a model is shown at the least, however long its instructions."""

_role_of = attrgetter("role")
# Kept by name: the members of an enumeration are looked up slowly.
_HEARTBEAT, _LENGTH = Phase.HEARTBEAT, StopReason.LENGTH


class Course:
    """The course of one turn: model calls and tool calls until there is an answer."""

    def __init__(
        self, deps: TurnDeps, start: TurnStart, agent: Agent, *, live: LiveAnswer | None
    ) -> None:
        self._deps = deps
        self._turn = start.turn
        self._entries = start.entries
        mine = takewhile(lambda entry: entry.turn == start.turn.id, reversed(start.entries))
        self._mine = [*mine][::-1]
        self._agent = agent
        self._live = live
        self._instructions = _instructions(deps, agent, start.turn.thread)
        self._phase = phase_of(start.turn, start.entries)
        self._called, self._length = False, 0
        self._specs = deps.tools.specs(agent.name)
        self.model = ""
        """The model that wrote the answer, by the provider's own name."""
        self.ours = False
        """Whether the words of the answer are our own: those of the offline assistant."""

    async def answer(self) -> str:
        """Go on from the log until the model answers without asking for a tool.

        Empty where a tool ended the turn: `ending` says how.

        Raises:
            MustWait: people must decide first; the turn goes on from its log then.
        """
        if self._turn.fence > 1:  # else nobody had it before: its log has nothing but the message
            await self._settle_open_calls()
        for _ in range(MAX_MODEL_CALLS):
            if self.ending is not None:
                return ""
            finished = await self._ask()
            self.model = finished.model
            if not finished.tool_calls:
                return finished.text + _note_on(finished.reason)
            await self._append(
                Entry(
                    role=Role.ASSISTANT,
                    text=finished.text,
                    at=self._deps.clock.now(),
                    turn=self._turn.id,
                    tool_calls=finished.tool_calls,
                    model=finished.model,
                )
            )
            await self._each(finished.tool_calls, self._run)
        if self.ending is not None:
            return ""
        raise Refused(
            f"I asked for tools {MAX_MODEL_CALLS} times without coming to an answer, so I stopped.",
            hint="Please ask for a smaller step.",
        )

    @property
    def made(self) -> tuple[OutFile, ...]:
        """What this turn's tools made to go out with its answer, as its log says it."""
        return made_by(self._mine)

    @property
    def ending(self) -> Ending | None:
        """How a tool ended this turn, as its log says it; None where none did."""
        for entry in self._mine:
            if entry.ending is not None:
                return entry.ending
        return None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The conversation as the turn knows it."""
        return self._entries

    # ---- the model

    async def _ask(self) -> Finished:
        """One answer, of whichever model gives one."""
        self._called = has_calls(self._entries)
        self._length = length_of(self._entries, called=self._called)
        need = need_of(
            self._phase,
            self._agent,
            self._entries,
            length=self._length,
            tools=len(self._specs),
            answer_tokens=ANSWER_TOKENS,
        )
        turn = self._turn
        asking = Inquiry(agent=self._agent, thread=turn.thread, asker=turn.requester, need=need)
        return await self._deps.routing.answer(asking, self._call)

    async def _call(self, model: ModelPort) -> Finished:
        info = model.info
        self.ours = not info.language_model
        room = info.context_tokens - ANSWER_TOKENS - len(self._instructions) // 4
        room = max(room, LEAST_ROOM)
        if self._length > room:
            await self._compact(model, room)
        return await self._paid(model, self._request(info))

    async def _paid(self, model: ModelPort, request: ModelRequest) -> Finished:
        """Make the call inside the budget, which settles it however it ends.

        What is always answered the same is asked, and paid, once in a turn.
        """
        self._deps.halt.require(self._agent.name)
        budget, replays, info = self._deps.budget, self._deps.replays, model.info
        if (kept := replays.find(self._turn.id, info.name, request)) is not None:
            return kept
        async with budget.call(self._turn, self._agent.name, info, request) as paid:
            finished = await self._stream(model, request, paid)
            paid.ended(finished)
        replays.keep(self._turn.id, info.name, request, finished)
        return finished

    async def _stream(self, model: ModelPort, request: ModelRequest, paid: Paid) -> Finished:
        if self._live:
            self._live.restart()
        finished: Finished | None = None
        chunks = model.stream(request)
        try:
            async for chunk in chunks:
                paid.began()
                match chunk:
                    case TextDelta(text):
                        if self._live:
                            await self._live.add(unmarked(text))
                    case Finished():
                        finished = chunk
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()
        if finished is None:
            raise ModelOutputUnusable("the model's stream ended without saying so")
        return finished

    def _request(self, info: ModelInfo) -> ModelRequest:
        temperature = self._agent.temperature
        if temperature is None and self._phase is _HEARTBEAT:
            temperature = 0.0
        entries = self._entries
        if self._called and Role.EXECUTING in map(_role_of, entries):
            entries = tuple([entry for entry in entries if entry.role is not Role.EXECUTING])
        return ModelRequest(
            instructions=self._instructions,
            entries=entries,
            tools=self._specs,
            max_tokens=min(ANSWER_TOKENS, info.max_output_tokens or ANSWER_TOKENS),
            temperature=temperature,
        )

    async def _compact(self, model: ModelPort, room: int) -> None:
        """The conversation outgrew the model: summarise its oldest turns, in the log too."""
        cut = overflow(self._entries, room=room)
        if cut is None:
            return
        text = extract(cut.old)
        if model.info.language_model:
            text = await self._summarise(model, cut.old) or text
        files = files_of(cut.old)
        summary = Entry(
            role=Role.SUMMARY,
            text=text + listed(files),
            at=self._deps.clock.now(),
            turn=self._turn.id,
            covers=covered_by(cut.old),
            files=files,
        )
        await self._deps.store.turns.append(self._turn.id, self._turn.fence, [summary])
        self._entries = (summary, *cut.recent)
        self._length = length_of(self._entries, called=self._called)

    async def _summarise(self, model: ModelPort, old: tuple[Entry, ...]) -> str:
        question = Entry(
            role=Role.USER,
            text=summary_request(old),
            at=self._deps.clock.now(),
            turn=self._turn.id,
        )
        request = ModelRequest(
            instructions="", entries=(question,), max_tokens=600, temperature=0.0
        )
        live, self._live = self._live, None
        try:
            finished = await self._paid(model, request)
        except ModelError as error:
            log.warning("turn.summary_failed", extra={"turn": self._turn.id}, exc_info=error)
            return ""
        finally:
            self._live = live
        return finished.text

    # ---- tools

    async def _settle_open_calls(self) -> None:
        """Go on with the calls that have no result: after a crash, or when people decided."""
        turn = self._turn.id
        mine = [entry for entry in self._entries if entry.turn == turn]
        calls = [call for entry in mine for call in entry.tool_calls]
        answered = {entry.call for entry in mine if entry.role is Role.TOOL}
        calls = [call for call in calls if call.id not in answered]
        if not calls:
            return
        begun = {entry.call for entry in mine if entry.role is Role.EXECUTING}
        asked = await self._deps.questions.of_turn(turn)
        take_up = self._deps.executor.take_up

        async def go_on(call: ToolCall) -> Approval | None:
            approval = deciding(call, asked)
            if self.ending is not None and call.id not in begun and not_begun(approval):
                await self._too_late(call, approval)
                return None
            return await take_up(call, self._job(), begun=call.id in begun, asked=asked)

        await self._each(calls, go_on)

    async def _run(self, call: ToolCall) -> Approval | None:
        if self.ending is not None:
            await self._too_late(call, None)
            return None
        return await self._deps.executor.run(call, self._job())

    async def _too_late(self, call: ToolCall, approval: Approval | None) -> None:
        """A call before it ended the turn: nothing was done of this one, and nothing is."""
        if approval is not None:
            await self._deps.questions.orphaned(approval)
        await self._append(
            Entry(
                role=Role.TOOL,
                text="not run: the turn had ended by then",
                at=self._deps.clock.now(),
                turn=self._turn.id,
                call=call.id,
            )
        )

    async def _each(
        self, calls: Sequence[ToolCall], do: Callable[[ToolCall], Awaitable[Approval | None]]
    ) -> None:
        """Do it to each of the calls, one after the other.

        Raises:
            MustWait: some of them wait for people.
        """
        asked: list[tuple[ToolCall, Approval]] = []
        for call in calls:
            self._deps.halt.require(self._agent.name)
            approval = await do(call)
            asked += [] if approval is None else [(call, approval)]
        if self.ending is not None:
            asked = [(call, one) for call, one in asked if not await self._taken_back(call, one)]
        if asked:
            raise MustWait([approval for _, approval in asked])

    async def _taken_back(self, call: ToolCall, approval: Approval) -> bool:
        """Take a question back that a call after it made needless; False where it may have run."""
        if not_begun(approval):
            await self._too_late(call, approval)
        return not_begun(approval)

    async def _show(self, call: ToolCall, state: StepState) -> None:
        """Show how far the call is to whoever looks on."""
        if self._live:
            await self._live.step(Step(id=call.id, title=call.name, state=state))

    def _job(self) -> Job:
        # Made where it is used: kept, it would be a circle with its course, and the conversation
        # would wait for the garbage collector, which then looks at as much again.
        return Job(context=self._context, append=self._append, show=self._show)

    def _context(self) -> ToolContext:
        return ToolContext(
            turn=self._turn.id,
            conversation=self._turn.conversation,
            agent=self._agent.name,
            requester=self._turn.requester,
            thread=self._turn.thread,
            # What an agent hands over is in its words, and not in those of the person.
            attended=self._turn.thread is not None and not self._turn.chain,
            files=tuple([file for entry in self._entries for file in entry.files]),
            sending=self.made,
            chain=self._turn.chain,
        )

    async def _append(
        self, entry: Entry, audit: Sequence[AuditEvent] = (), notice: Notice | None = None
    ) -> None:
        turn = self._turn
        told = await self._deps.notices.rows(notice, self._context()) if notice else []
        await self._deps.store.turns.append(turn.id, turn.fence, [entry], audit=audit, notices=told)
        self._entries = (*self._entries, entry)
        self._mine.append(entry)
        if told:
            self._deps.wake_outbox()


def _instructions(deps: TurnDeps, agent: Agent, thread: ThreadRef | None) -> str:
    """The agent's own, and how people write commands where it answers."""
    chat = deps.chats.get(thread.platform) if thread is not None else None
    if chat is None or thread is None:
        return agent.instructions
    commands = on_commands(chat.limits.command, thread)
    if not commands or not agent.instructions:
        return agent.instructions or commands
    return f"{agent.instructions}\n\n{commands}"


def _note_on(reason: StopReason) -> str:
    return "\n\n_(cut off: the answer reached its length limit)_" if reason is _LENGTH else ""
