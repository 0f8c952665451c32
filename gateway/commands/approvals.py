"""`/approve`, with the buttons and forms of cards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

from gateway.commands.grammar import ParsedCommand
from gateway.commands.grants import GrantCommands
from gateway.commands.ports import Answer, Request
from runtime import words
from runtime.access import authorize
from runtime.approvals import cards
from runtime.approvals.service import ApprovalService
from runtime.approvers import name_of
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.forms import CHANGES, REASON
from runtime.halt import how_to_resume
from runtime.ids import AgentName, FileId, derived
from runtime.model.access import Action
from runtime.model.approval import Approval, ApprovalState
from runtime.model.checkpoint import CHECKPOINT
from runtime.model.events import ButtonPress, FormSubmit
from runtime.model.files import OutFile
from runtime.model.localtime import show_time
from runtime.model.stop import Stop
from runtime.model.team import Team
from runtime.ports import Files

_LONGEST_FILE = 4_000_000
_LISTED = 200
_SEEN_AFTER = timedelta(seconds=2)
"""A card must have been there so long before a bare `/approve` is a yes to what it shows."""

Decide = Callable[[Approval, Request, str], Awaitable[Approval]]
"""What a press does: the approval, who presses, and the hash that the card showed."""


class ApprovalCommands:
    """The commands of the noun `approve`, and the buttons and forms of cards."""

    def __init__(
        self,
        service: ApprovalService,
        files: Files,
        *,
        team: Callable[[], Team],
        holds: Callable[[AgentName], Stop | None],
        clock: Clock,
    ) -> None:
        """Decide through `service`; what is too long for a message goes into `files`.

        `holds` tells the stop that holds an agent: what it may do goes on after that.
        """
        self._service = service
        self._files = files
        self._team = team
        self._holds = holds
        self._clock = clock
        self._grants = GrantCommands(service, team=team, clock=clock)

    async def __call__(self, command: ParsedCommand, request: Request) -> Answer:
        """Carry out one of them."""
        # Who asked may take it back, whatever their role.
        needed = Action.CONVERSE if command.verb == "deny" else Action.APPROVAL_READ
        authorize(self._team(), request.sender, needed)
        match command.verb:
            case "this":
                return await self._accept_here(request)
            case "list" | "grants":
                listed = self._list() if command.verb == "list" else self._grants.list(command)
                return await listed
            case "show":
                return await self._show(command.args[0])
            case "accept":
                return await self._accept(command.args, request)
            case "deny":
                this, reason = _cut(command.tail)
                denied = await self._service.deny(await self._find(this), request.sender, reason)
                return Answer(f"Denied: {_no(denied)}.", private=False)
            case "edit":
                this, changes = _cut(command.tail)
                return await self._edited(await self._find(this), changes, request)
            case "mark":
                return await self._mark(command.args, request)
            case _:
                authorize(self._team(), request.sender, Action.APPROVE)
                return await self._grants.revoke(command.args[0], request)

    async def deny_here(self, command: ParsedCommand, request: Request) -> Answer:
        """`/deny [reason]`: no to the one thing that waits in the thread."""
        authorize(self._team(), request.sender, Action.CONVERSE)
        reason = command.tail
        decided, who = self._service.decided, request.sender
        denied = await decided.denied(request.thread, who, reason, since=request.at)
        if denied is None:
            approval = await self._here(request)
            denied = await self._service.deny(approval, request.sender, reason)
        return Answer(f"Denied: {_no(denied)}.", private=False)

    # ---- buttons and forms

    async def approve(self, press: ButtonPress, request: Request) -> Answer:
        """The button Approve."""
        return await self._pressed(press, request, self._approve)

    async def always(self, press: ButtonPress, request: Request) -> Answer:
        """The button that allows exactly this for a time."""
        return await self._pressed(press, request, self._always)

    async def deny(self, press: ButtonPress, request: Request) -> Answer:
        """The button Deny, where the platform has no form to ask for a reason with."""

        async def no(approval: Approval, request: Request, _: str) -> Approval:
            return await self._service.deny(approval, request.sender, "")

        return await self._pressed(press, request, no)

    async def happened(self, press: ButtonPress, request: Request) -> Answer:
        """The button of somebody who looked: it did happen."""
        return await self._looked(press, request, happened=True)

    async def not_happened(self, press: ButtonPress, request: Request) -> Answer:
        """The button of somebody who looked: it did not, or not rightly."""
        return await self._looked(press, request, happened=False)

    async def edit(self, press: ButtonPress, request: Request) -> Answer:
        """The button Edit, where the platform has no form to ask for the changes with."""
        approval = await self._of(press.value)
        this = cards.short_id(approval)
        try:
            await self._service.require_editable(approval, request.sender)
        except Refused as refused:
            return await self._refused(approval, refused)
        return Answer(
            f"Write what to change, a line for each: `/approve edit {this} name = value`. "
            "It is asked anew then, with the difference shown."
        )

    async def deny_form(self, form: FormSubmit, request: Request) -> Answer:
        """The form that asks for the reason of a no."""
        reason = dict(form.answers).get(REASON, "")
        denied = await self._service.deny(await self._of(form.value), request.sender, reason)
        return Answer(f"Denied: {_no(denied)}.")

    async def edit_form(self, form: FormSubmit, request: Request) -> Answer:
        """The form that asks for changes."""
        changes = dict(form.answers).get(CHANGES, "")
        return await self._edited(await self._of(form.value), changes, request)

    async def _pressed(self, press: ButtonPress, request: Request, decide: Decide) -> Answer:
        """Decide; the pressed card shows the truth then, whoever was first."""
        approval = await self._of(press.value)
        try:
            decided = await decide(approval, request, press.value.partition(":")[2])
        except Refused as refused:
            return await self._refused(approval, refused)
        if decided.state is approval.state and decided.state is not ApprovalState.PENDING:
            return Answer(self._became(decided), updates=self._service.face(decided))
        # What the cards become that were known is stored with the decision, in one transaction.
        place = request.thread.channel, press.message_id
        changed = any((card.thread.channel, card.message) == place for card in approval.cards)
        return Answer("", updates=None if changed else self._service.face(decided))

    async def _refused(self, approval: Approval, refused: Refused) -> Answer:
        """Why a press decides nothing; its card shows the truth then."""
        now = await self._service.find(approval.id)
        still = now.state is approval.state and now.state is ApprovalState.PENDING
        face = None if still else self._service.face(now)
        return Answer(words.explain(refused), updates=face, refused=True)

    async def _approve(self, approval: Approval, request: Request, shown: str) -> Approval:
        if not cards.is_whole(approval):
            raise Refused(
                "Its card does not show all of it, so no button approves it.",
                hint=f"/approve show {cards.short_id(approval)} shows it all.",
            )
        return await self._service.approve(approval, request.sender, shown=shown)

    async def _always(self, approval: Approval, request: Request, shown: str) -> Approval:
        if not cards.is_whole(approval):
            raise Refused("Its card does not show all of it, so it must be asked for each time.")
        approved, _ = await self._service.always(approval, request.sender, shown=shown)
        return approved

    def _runs(self, approval: Approval) -> str:
        """What a yes means for what it was about: nothing, while its agent is stopped."""
        tool, stop = approval.frozen.tool, self._holds(approval.agent)
        runs = "the agent goes on" if tool == CHECKPOINT else f"`{tool}` runs"
        return f"{runs}, once resumed by `{how_to_resume(stop)}`" if stop else runs

    def _became(self, approval: Approval) -> str:
        """What became of it, for whoever decided it before."""
        team, tool = self._team(), approval.frozen.tool
        voters = " and ".join(name_of(team, vote.by) for vote in approval.votes)
        by = name_of(team, approval.decided_by) if approval.decided_by else ""
        yes = f"Approved by {voters}" if voters else f"Decided by {by}"
        match approval.state:
            case ApprovalState.APPROVED | ApprovalState.EXECUTING:
                return f"{yes}: {self._runs(approval)}."
            case ApprovalState.DONE:
                return f"{yes}: `{tool}` has run."
            case ApprovalState.FAILED:
                return f"{yes}: `{tool}` has failed."
            case ApprovalState.UNKNOWN:
                this = cards.short_id(approval)
                return (
                    f"{yes}. `{tool}` may have run already: please look, and say what became of "
                    f"it.\n`/approve mark {this} done`, or `failed`"
                )
            case _:
                by = f" by {by}" if by else ""
                return f"It is {approval.state}{by}: {_no(approval)}."

    async def _looked(self, press: ButtonPress, request: Request, *, happened: bool) -> Answer:
        async def look(approval: Approval, request: Request, _: str) -> Approval:
            return await self._service.looked(approval, request.sender, happened=happened)

        return await self._pressed(press, request, look)

    async def _of(self, value: str) -> Approval:
        """The approval that a button or a form carries."""
        return await self._service.find(value.partition(":")[0])

    # ---- commands

    async def _list(self) -> Answer:
        waiting = await self._service.waiting()
        if not waiting:
            return Answer("Nothing waits for an approval.")
        lines = ["**Waiting for people**", *map(self._line, waiting[:_LISTED])]
        if len(waiting) > _LISTED:
            lines.append(f"- and {len(waiting) - _LISTED} more")
        return Answer("\n".join(lines))

    def _line(self, approval: Approval) -> str:
        team, this = self._team(), cards.short_id(approval)
        who = f"{approval.agent} for {name_of(team, approval.requester)}"
        if approval.state is ApprovalState.UNKNOWN:
            return (
                f"- `{this}` `{approval.frozen.tool}`, {who}: it may have run; look, then "
                f"`/approve mark {this} done` or `failed`"
            )
        until = show_time(approval.expires_at, team.zone, now=self._clock.now())
        return f"- `{this}` `{approval.frozen.tool}` ({approval.risk}), {who}, until {until}"

    async def _show(self, written: str) -> Answer:
        approval = await self._find(written)
        text = self._service.face(approval).text
        if cards.is_whole(approval):
            return Answer(text)
        return Answer(text, files=(await self._file(approval),))

    async def _file(self, approval: Approval) -> OutFile:
        """All of what would run, as a file."""

        async def pieces() -> AsyncIterator[bytes]:
            # Of the longest arguments that takes seconds, in which others are served.
            yield (await asyncio.to_thread(cards.full, approval)).encode()

        return await self._files.keep(
            FileId(derived("approval", approval.id)),
            pieces(),
            name=f"approval-{cards.short_id(approval)}.txt",
            media_type="text/plain",
            most=_LONGEST_FILE,
        )

    async def _here(self, request: Request) -> Approval:
        """The one question whose card is in the thread.

        Raises:
            Refused: there is none, or there are several; says how to name one.
        """
        waiting = await self._service.in_thread(request.thread)
        if len(waiting) == 1:
            return waiting[0]
        if not waiting:
            raise Refused(
                "Nothing waits for a yes or a no in this thread.", hint="See /approve list."
            )
        lines = "\n".join(map(self._line, waiting))
        raise Refused(
            f"{len(waiting)} things wait in this thread. Which one?\n{lines}",
            hint="Name it: /approve accept ID, or /approve deny ID.",
        )

    async def _accept_here(self, request: Request) -> Answer:
        service, who = self._service, request.sender
        # A crash has a command carried out again.
        if before := await service.decided.accepted(request.thread, who, since=request.at):
            return await self._accept((before.id, before.digest), request)
        approval = await self._here(request)
        service.require_right(approval, who)
        this = f"/approve accept {cards.short_id(approval)}"
        # A bare yes names nothing, so it may be meant for what stood there a moment ago.
        if approval.replaces is not None:
            raise Refused("This was edited since it was asked.", hint=f"Name it: {this}")
        seen = self._service.seen_since(approval, request.thread)
        if seen is None:
            raise Refused(
                f"The card of `{approval.frozen.tool}` has not arrived in this thread.",
                hint=f"/approve show {cards.short_id(approval)} shows it; then {this}",
            )
        if seen > request.at - _SEEN_AFTER:
            raise Refused(
                f"This was asked only just now: `{approval.frozen.tool}`. Look at it first.",
                hint=f"Then /approve again, or {this}",
            )
        return await self._accept((approval.id,), request)

    async def _accept(self, args: tuple[str, ...], request: Request) -> Answer:
        approval = await self._find(args[0])
        written = args[1].casefold() if len(args) > 1 else ""
        this = cards.short_id(approval)
        if not written and not cards.is_whole(approval):
            raise Refused(
                "It is too long to be shown whole, so I need the beginning of its hash, too.",
                hint=f"/approve show {this} shows it all; then /approve accept {this} HASH.",
            )
        if written and len(written) < len(cards.short_hash(approval)):
            raise Refused("Write the first eight characters of its hash, or more.")
        approved = await self._service.approve(
            approval, request.sender, shown=written or approval.digest
        )
        if approved.state is ApprovalState.PENDING:
            return Answer("Your yes is noted; it needs another person's.", private=False)
        if approval.state is not ApprovalState.PENDING:
            return Answer(self._became(approved))
        return Answer(f"Approved: {self._runs(approved)}.", private=False)

    async def _edited(self, approval: Approval, changes: str, request: Request) -> Answer:
        asked = await self._service.edit(approval, request.sender, changes)
        this = cards.short_id(asked)
        if asked.state is not ApprovalState.PENDING:
            return Answer(f"That was asked already, as approval `{this}`. {self._became(asked)}")
        return Answer(
            f"It is asked anew, as approval `{this}`, with the difference shown.", private=False
        )

    async def _mark(self, args: tuple[str, ...], request: Request) -> Answer:
        ends = {"done": True, "failed": False}
        said = args[1].casefold() if len(args) > 1 else ""
        if said not in ends:
            raise Refused("Mark it done or failed.", hint=f"/approve mark {args[0]} done")
        approval = await self._find(args[0])
        marked = await self._service.looked(approval, request.sender, happened=ends[said])
        return Answer(f"Noted: `{marked.frozen.tool}` is {marked.state}.", private=False)

    async def _find(self, written: str) -> Approval:
        return await self._service.find(written.strip("`#").casefold())


def _cut(tail: str) -> tuple[str, str]:
    """The id, which a space or a line ends, and what follows it as it was written."""
    this, *rest = tail.split(maxsplit=1)
    return this, "".join(rest)


def _no(approval: Approval) -> str:
    """What a no means for what it was about."""
    tool = approval.frozen.tool
    return "the agent does not go on" if tool == CHECKPOINT else f"`{tool}` does not run"
