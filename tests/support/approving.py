"""A desk whose tools ask: people of every role, a tool that notes its runs, and a scripted policy."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from adapters.models.scripted import Script, Step, ToolCalls
from runtime.approvals import cards
from runtime.model.access import Action
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import Approval, ApprovalState
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role
from runtime.model.events import ButtonPress, FormSubmit
from runtime.model.messages import Button
from runtime.model.team import Member, MemberRole, Team
from runtime.model.tools import Risk, ToolCall, ToolSpec
from runtime.ports import Judged, Policy, ToolContext, Verdict
from runtime.tools.registry import Effect, Tool
from tests.support.build import ANN, DM, TERMINAL, team
from tests.support.chat import MemoryChat, Shown
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, running_desk

BOB = Principal(TERMINAL, "local", "bob")
CID = Principal(TERMINAL, "local", "cid")
MEL = Principal(TERMINAL, "local", "mel")


def people() -> Team:
    """Ann owns the team, Bob and Cid are operators, Mel is a member."""
    roles = (("Bob", BOB, MemberRole.OPERATOR), ("Cid", CID, MemberRole.OPERATOR))
    more = [Member(name=name, role=role, principals=(who,)) for name, who, role in roles]
    more.append(Member(name="Mel", role=MemberRole.MEMBER, principals=(MEL,)))
    return replace(team(), members=(*team().members, *more))


@dataclass
class Rules:
    """A policy as a test says: every tool asks, and needs so many people.

    Attributes:
        words: what is said of a call with exactly these arguments instead.
    """

    verdict: Verdict = Verdict.ASK
    needed: int = 1
    words: dict[str, Judged] = field(default_factory=dict)

    async def judge(
        self, call: ToolCall, spec: ToolSpec, context: ToolContext, *, counted: bool = True
    ) -> Judged:
        del spec, context, counted
        held = Judged(verdict=self.verdict, reason="team rule 3, line 12", needed=self.needed)
        return self.words.get(call.arguments, held)


@dataclass
class Noting(Rules):
    """The rules, and what they were asked: in which context, whether that counts, of which tool."""

    seen: list[tuple[ToolContext, bool]] = field(default_factory=list)
    specs: list[ToolSpec] = field(default_factory=list)

    async def judge(
        self, call: ToolCall, spec: ToolSpec, context: ToolContext, *, counted: bool = True
    ) -> Judged:
        self.seen.append((context, counted))
        self.specs.append(spec)
        return await super().judge(call, spec, context, counted=counted)


@dataclass
class World:
    """What outlives a life of the program.

    Attributes:
        ran: the branches that were pushed, in order.
        keys: what the pushes came under; where the effect is our own, a key that was there is none.
        rules: the policy, where `policy` is none.
        varies: the arguments of the tool that a yes for a time leaves open.
        calls: the arguments that the model asks with, one call each.
        before: called before the tool has its effect, and `after` after that.
    """

    folder: Path
    clock: ManualClock = field(default_factory=ManualClock)
    chat: MemoryChat = field(default_factory=MemoryChat)
    ran: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    rules: Rules = field(default_factory=Rules)
    policy: Policy | None = None
    risk: Risk = Risk.EXTERNAL
    effect: Effect = Effect.OUTSIDE
    varies: frozenset[str] = frozenset()
    calls: Sequence[object] = ({"branch": "main"},)
    about: str = "Push a branch."
    members: Team = field(default_factory=people)
    before: Callable[[], object] = lambda: None
    after: Callable[[], object] = lambda: None
    alone: bool = True

    def tool(self) -> Tool:
        async def push(
            _context: ToolContext, key: str, /, *, branch: str, force: bool = False
        ) -> str:
            self.before()
            if self.effect is not Effect.OWN or key not in self.keys:
                self.ran.append(branch)
                self.keys.append(key)
            self.after()
            return f"pushed {branch}{' by force' if force else ''}"

        async def pull(_context: ToolContext, _key: str, /, *, branch: str) -> str:
            self.ran.append(branch)
            return f"pushed {branch}"

        run = push if self.about == "Push a branch." else pull
        return Tool(
            name="git.push",
            about=self.about,
            run=run,
            needs=Action.CONVERSE,
            risk=self.risk,
            effect=self.effect,
            varies=self.varies,
        )

    def script(self, request: ModelRequest) -> Step:
        """Call the tool once for each of `calls`; then tell what it answered."""
        turn = request.entries[-1].turn
        told = [e.text for e in request.entries if e.role is Role.TOOL and e.turn == turn]
        if told:
            return "Told: " + " | ".join(told)
        return ToolCalls(tuple([("git.push", json.dumps(each)) for each in self.calls]))

    @asynccontextmanager
    async def life(self, script: Script | None = None) -> AsyncIterator["Asking"]:
        """One life of the program."""
        async with running_desk(
            self.folder,
            script or self.script,
            chat=self.chat,
            clock=self.clock,
            members=self.members,
            policy=self.policy or self.rules,
            tools=[self.tool()],
            alone=self.alone,
        ) as desk:
            yield Asking(self, desk)


@dataclass
class Asking:
    """One life, and what people do in it."""

    world: World
    desk: DeskUnderTest

    async def asked(self, text: str = "push it", *, sender: Principal = ANN) -> Approval:
        """Let somebody ask for the tool; the approval that waits then."""
        await self.desk.say(text, sender=sender)
        await self.desk.quiet()
        return (await self.waiting())[-1]

    async def waiting(self) -> list[Approval]:
        return await self.desk.desk.asks.approvals.waiting()

    async def now(self, approval: Approval) -> Approval:
        found = await self.desk.desk.parts.store.approvals.get(approval.id)
        assert found is not None
        return found

    async def state(self, approval: Approval) -> ApprovalState:
        return (await self.now(approval)).state

    def card(self, approval: Approval) -> Shown:
        """The card of the approval as people see it now."""
        seen = [shown for shown in self.desk.chat.shown if self._is_of(shown, approval)]
        # Cards in several threads go out side by side; presses come from Ann's where it is there.
        this = next((shown for shown in seen if shown.thread == DM), seen[0])
        latest = next(s for s in reversed(self.desk.chat.shown) if s.message == this.message)
        assert latest.thread == this.thread
        return latest

    def faces(self, approval: Approval) -> list[str]:
        """Every card of the approval as it is shown now."""
        first = {(s.thread, s.message) for s in self.desk.chat.shown if self._is_of(s, approval)}
        return [
            next(s for s in reversed(self.desk.chat.shown) if (s.thread, s.message) == place).text
            for place in sorted(first, key=str)
        ]

    @staticmethod
    def _is_of(shown: Shown, approval: Approval) -> bool:
        return any(b.value.startswith(approval.id) for b in shown.item.content.buttons)

    async def press(
        self,
        approval: Approval,
        action: str = cards.APPROVE,
        *,
        who: Principal = BOB,
        thread: ThreadRef = DM,
        wait: bool = True,
    ) -> str:
        """Let somebody press a button of the card; what they are told, if anything."""
        before = len(self.desk.chat.shown)
        press = ButtonPress(
            action=action, value=cards.handle(approval), message_id=self.card(approval).message
        )
        await self.desk.say(body=press, sender=who, thread=thread)
        if not wait:
            return ""
        await self.desk.quiet()
        said = self.desk.chat.shown[before:]
        return " ".join(s.text for s in said if s.item.only_for == who)

    async def submit(self, approval: Approval, action: str, who: Principal, **answers: str) -> None:
        form = FormSubmit(action=action, value=approval.id, answers=tuple(answers.items()))
        await self.desk.say(body=form, sender=who)
        await self.desk.quiet()

    async def command(self, text: str, *, who: Principal = BOB) -> str:
        await self.desk.command(text, sender=who)
        return self.desk.said()

    def buttons(self, approval: Approval) -> list[str]:
        content: tuple[Button, ...] = self.card(approval).item.content.buttons
        return [button.action for button in content]
