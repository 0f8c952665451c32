"""The course of one turn: model calls and tool calls until there is an answer."""

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from itertools import takewhile

from runtime.clock import Clock
from runtime.context import covered_by, extract, files_of, listed, overflow, summary_request
from runtime.errors import (
    ModelError,
    ModelKeyRefused,
    ModelOutputUnusable,
    ModelRateLimited,
    ModelTimeout,
    ModelUnavailable,
    Refused,
)
from runtime.ids import IdSource, ModelName, Platform
from runtime.live import LiveAnswer
from runtime.model.completion import Finished, ModelRequest, StopReason, TextDelta
from runtime.model.conversation import Entry, Role, made_by
from runtime.model.files import OutFile
from runtime.model.step import Step, StepState
from runtime.model.team import Agent, Team
from runtime.model.tools import ToolCall, ToolResult, ToolSpec
from runtime.model.turn import TurnStart
from runtime.outbox import Splitter
from runtime.ports import Budget, ChatPort, ModelPort, Policy, Store, ToolContext, Tools, Verdict

log = logging.getLogger("nightdesk.turns")

MAX_MODEL_CALLS = 8
"""Model calls in one turn; a model that still asks for tools then is going in circles."""
MODEL_TRIES = 3
"""Tries of one model call that failed for a passing reason."""
ANSWER_TOKENS = 2048
"""The most that one model call may answer."""
LEAST_ROOM = 512
"""Tokens of conversation that a model is shown at the least, however long its instructions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDeps:
    """What turns need from outside; every field is a port or a value."""

    store: Store
    models: Mapping[ModelName, ModelPort]
    chats: Mapping[Platform, ChatPort]
    team: Callable[[], Team]
    tools: Tools
    policy: Policy
    budget: Budget
    split: Splitter
    clock: Clock
    ids: IdSource
    owner: str
    alone: bool
    wake_outbox: Callable[[], None]


class Course:
    """The course of one turn: model calls and tool calls until there is an answer."""

    def __init__(
        self, deps: TurnDeps, start: TurnStart, agent: Agent, *, live: LiveAnswer | None
    ) -> None:
        self._deps = deps
        self._turn = start.turn
        self._entries = list(start.entries)
        self._agent = agent
        self._live = live
        self._specs = deps.tools.specs(agent.name)

    async def answer(self) -> str:
        """Go on from the log until the model answers without asking for a tool."""
        await self._settle_open_calls()
        for _ in range(MAX_MODEL_CALLS):
            finished = await self._ask()
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
            for call in finished.tool_calls:
                await self._run(call)
        raise Refused(
            f"I asked for tools {MAX_MODEL_CALLS} times without coming to an answer, so I stopped.",
            hint="Please ask for a smaller step.",
        )

    @property
    def made(self) -> tuple[OutFile, ...]:
        """What this turn's tools made to go out with its answer, as its log says it."""
        mine = takewhile(lambda entry: entry.turn == self._turn.id, reversed(self._entries))
        return made_by(list(mine)[::-1])

    # ---- the model

    async def _ask(self) -> Finished:
        model = self._model()
        await self._compact(model)
        request = self._request(self._entries)
        tries = 0
        while True:
            tries += 1
            hold = await self._deps.budget.reserve(self._turn.id, model.info, request)
            finished: Finished | None = None
            try:
                finished = await self._stream(model, request)
            except (ModelUnavailable, ModelTimeout) as error:
                if tries >= MODEL_TRIES or isinstance(error, ModelKeyRefused):
                    raise
                log.info("model.retry", extra={"turn": self._turn.id, "try": tries})
                wait = error.after if isinstance(error, ModelRateLimited) else None
                await self._deps.clock.sleep(wait if wait is not None else 2.0**tries)
            else:
                return finished
            finally:
                await self._deps.budget.settle(hold, finished)

    async def _stream(self, model: ModelPort, request: ModelRequest) -> Finished:
        if self._live:
            self._live.restart()
        finished: Finished | None = None
        chunks = model.stream(request)
        try:
            async for chunk in chunks:
                match chunk:
                    case TextDelta(text):
                        if self._live:
                            await self._live.add(text)
                    case Finished():
                        finished = chunk
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()
        if finished is None:
            raise ModelOutputUnusable("the model's stream ended without saying so")
        return finished

    def _model(self) -> ModelPort:
        found = self._deps.models.get(self._agent.model)
        if found is None:
            raise Refused(
                f"The agent {self._agent.name} uses the model {self._agent.model}, "
                "which this process does not know.",
                hint="Check [models] in nightdesk.toml, or run nightdesk doctor.",
            )
        return found

    def _request(self, entries: list[Entry]) -> ModelRequest:
        return ModelRequest(
            instructions=self._agent.instructions,
            entries=tuple([entry for entry in entries if entry.role is not Role.EXECUTING]),
            tools=self._specs,
            max_tokens=ANSWER_TOKENS,
        )

    async def _compact(self, model: ModelPort) -> None:
        """Where the conversation outgrew the model, summarise its oldest turns, in the log too."""
        room = model.info.context_tokens - ANSWER_TOKENS - len(self._agent.instructions) // 4
        cut = overflow(self._entries, room=max(room, LEAST_ROOM))
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
        self._entries = [summary, *cut.recent]

    async def _summarise(self, model: ModelPort, old: tuple[Entry, ...]) -> str:
        question = Entry(
            role=Role.USER,
            text=summary_request(old),
            at=self._deps.clock.now(),
            turn=self._turn.id,
        )
        request = ModelRequest(instructions="", entries=(question,), max_tokens=600)
        hold = await self._deps.budget.reserve(self._turn.id, model.info, request)
        finished: Finished | None = None
        live, self._live = self._live, None
        try:
            finished = await self._stream(model, request)
        except ModelError as error:
            log.warning("turn.summary_failed", extra={"turn": self._turn.id}, exc_info=error)
            return ""
        finally:
            self._live = live
            await self._deps.budget.settle(hold, finished)
        return finished.text

    # ---- tools

    async def _settle_open_calls(self) -> None:
        """After a crash: run the calls that had not begun, and ask about the one that had."""
        if self._turn.fence == 1:
            return  # nobody had it before, so nothing of it is in the log but the message
        turn = self._turn.id
        mine = [entry for entry in self._entries if entry.turn == turn]
        calls = [call for entry in mine for call in entry.tool_calls]
        if not calls:
            return
        answered = {entry.call for entry in mine if entry.role is Role.TOOL}
        begun = {entry.call for entry in mine if entry.role is Role.EXECUTING}
        for call in calls:
            if call.id in answered:
                continue
            spec = self._spec(call)
            if call.id in begun and not (spec and spec.repeatable):
                await self._append_result(
                    ToolResult(
                        call=call.id,
                        text=f"unknown: {call.name} was running when the process died; it may or "
                        "may not have taken effect, and it was not run again. Ask the person.",
                        failed=True,
                    )
                )
            else:
                await self._run(call)

    async def _run(self, call: ToolCall) -> None:
        """Judge, record as executing, run, record."""
        spec = self._spec(call)
        if spec is None:
            known = ", ".join(spec.name for spec in self._specs) or "none"
            await self._append_result(
                ToolResult(
                    call=call.id, text=f"no tool {call.name}; there are: {known}", failed=True
                )
            )
            return
        context = self._context()
        verdict = await self._deps.policy.judge(call, spec, context)
        if verdict.verdict is not Verdict.ALLOW:
            await self._append_result(
                ToolResult(call=call.id, text=f"policy does not allow {call.name}", failed=True)
            )
            return
        await self._show(call, StepState.RUNNING)
        if not spec.repeatable:
            await self._append(
                Entry(
                    role=Role.EXECUTING,
                    text=call.name,
                    at=self._deps.clock.now(),
                    turn=self._turn.id,
                    call=call.id,
                )
            )
        result = await self._deps.tools.run(call, context)
        await self._append_result(result)
        await self._show(call, StepState.FAILED if result.failed else StepState.DONE)

    async def _show(self, call: ToolCall, state: StepState) -> None:
        """Show how far the call is to whoever looks on."""
        if self._live:
            await self._live.step(Step(id=call.id, title=call.name, state=state))

    def _spec(self, call: ToolCall) -> ToolSpec | None:
        return next((spec for spec in self._specs if spec.name == call.name), None)

    def _context(self) -> ToolContext:
        return ToolContext(
            turn=self._turn.id,
            conversation=self._turn.conversation,
            agent=self._agent.name,
            requester=self._turn.requester,
            thread=self._turn.thread,
            attended=self._turn.thread is not None,
            files=tuple([file for entry in self._entries for file in entry.files]),
            sending=self.made,
        )

    async def _append_result(self, result: ToolResult) -> None:
        await self._append(
            Entry(
                role=Role.TOOL,
                text=result.text,
                at=self._deps.clock.now(),
                turn=self._turn.id,
                call=result.call,
                files=result.files,
            )
        )

    async def _append(self, entry: Entry) -> None:
        await self._deps.store.turns.append(self._turn.id, self._turn.fence, [entry])
        self._entries.append(entry)


def _note_on(reason: StopReason) -> str:
    return (
        "\n\n_(cut off: the answer reached its length limit)_"
        if reason is StopReason.LENGTH
        else ""
    )
