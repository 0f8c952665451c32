"""P4: kill at every await of the executor, and of what it asks: nothing runs twice by itself."""

import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.commands.approvals import ApprovalCommands
from gateway.commands.grammar import ParsedCommand, parse
from gateway.commands.ports import Request
from runtime.approvals import cards
from runtime.forms import CHANGES
from runtime.ids import InboxId
from runtime.model.address import Principal
from runtime.model.approval import Approval, ApprovalState
from runtime.model.audit import AuditKind
from runtime.ports import AuditQuery, Store, Verdict
from runtime.tools.registry import Effect
from tests.support.approving import BOB, CID, Asking, World
from tests.support.build import DM

MOST = 400


class PowerCut(BaseException):
    """The process dies here."""


class Fuse:
    """Dies at the n-th await, before or after what is awaited; a dead process awaits nothing more."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.dead = False

    def pass_by(self) -> None:
        self.left -= 1
        if self.left <= 0:
            self.dead = True
            raise PowerCut

    def watch(self, store: Store, *more: object) -> None:
        """Count the calls of everything that the executor and the turn write to, and of `more`."""
        for part in (store.approvals, store.turns, store.grants, *more):
            for name, method in inspect.getmembers(part, inspect.iscoroutinefunction):
                if not name.startswith("_"):
                    setattr(part, name, self._watched(method))

    def _watched(
        self, method: Callable[..., Awaitable[object]]
    ) -> Callable[..., Awaitable[object]]:
        async def call(*args: object, **named: object) -> object:
            self.pass_by()
            result = await method(*args, **named)
            self.pass_by()
            return result

        return call


async def cut_while(life: Asking, fuse: Fuse, work: Callable[[], Awaitable[object]]) -> None:
    fuse.watch(life.desk.desk.parts.store)
    life.world.before = fuse.pass_by
    life.world.after = fuse.pass_by
    await work()


async def one_try(world: World, at: int, *, asks: bool, edited: bool) -> bool:
    """A life that dies at that await, and another that goes on; False where it did not die."""
    fuse = Fuse(at)
    try:
        async with world.life() as life:
            if asks:
                approval = await life.asked()
                if edited:
                    change = {CHANGES: "branch = release/2"}
                    await life.submit(approval, cards.EDIT, BOB, **change)
                    (approval,) = await life.waiting()
                await cut_while(life, fuse, lambda: life.press(approval))
            else:
                await cut_while(life, fuse, lambda: life.desk.ask("push it"))
    except* PowerCut:
        pass
    world.before = world.after = lambda: None
    ran_before = len(world.ran)
    async with world.life() as life:
        await life.desk.quiet()
        await life.desk.fire()
        for waits in await life.waiting():
            await _look_after(life, waits)
        assert len(world.ran) <= 1, f"ran twice, cut at {at}"
        assert await life.waiting() == []
        assert life.desk.chat.texts[-1] or ran_before
        said = [text for text in life.desk.chat.texts if text.startswith("Told: ")]
        assert len(said) == 1, f"the turn has {len(said)} answers, cut at {at}"
        if not world.ran:
            assert "looked after a crash" in said[0], f"never ran, cut at {at}"
    return fuse.dead


async def _look_after(life: Asking, approval: Approval) -> None:
    if approval.state is ApprovalState.UNKNOWN:
        assert "**It may have run: " in life.card(approval).text
        ran = bool(life.world.ran)
        action = cards.HAPPENED if ran else cards.FAILED
        before = len(life.world.ran)
        await life.press(approval, action)
        assert len(life.world.ran) == before
    else:
        await life.press(approval, who=BOB)


async def cut_everywhere(
    folder: Path, *, asks: bool, edited: bool = False, effect: Effect = Effect.OUTSIDE
) -> int:
    """A life for each await that there is, cut there; how many there are."""
    for at in range(1, MOST):
        world = World(folder / str(at))
        world.folder.mkdir(mode=0o700, parents=True)
        world.rules.verdict = Verdict.ASK if asks else Verdict.ALLOW
        world.effect = effect
        if not await one_try(world, at, asks=asks, edited=edited):
            return at - 1
    raise AssertionError("it never came to an end")


@pytest.mark.parametrize("asks", [True, False], ids=["approved", "allowed"])
async def test_killed_at_any_await_a_tool_never_runs_twice(tmp_path: Path, *, asks: bool) -> None:
    assert await cut_everywhere(tmp_path, asks=asks) > 10


@pytest.mark.parametrize("effect", [Effect.OUTSIDE, Effect.OWN])
async def test_killed_at_any_await_what_was_edited_never_runs_twice(
    tmp_path: Path, effect: Effect
) -> None:
    assert await cut_everywhere(tmp_path, asks=True, edited=True, effect=effect) > 10


async def test_what_was_running_at_the_end_of_a_life_is_asked_about_on_every_card(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    fuse = Fuse(MOST)
    async with world.life() as life:
        approval = await life.asked()
    try:
        async with world.life() as life:
            world.after = fuse.pass_by
            fuse.left = 1
            await life.press(approval)
    except* PowerCut:
        pass
    world.after = lambda: None
    async with world.life() as life:
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.UNKNOWN
        assert all("**It may have run: " in face for face in life.faces(approval))
        assert "may have run already" in await life.press(approval, cards.APPROVE)
        assert world.ran == ["main"]
        assert "may have run" in await life.command("approve list")
        answer = (
            f"a person's answer whether `git.push` happened (`/approve show {approval.id[:8]}`)"
        )
        assert f"desk waits for {answer}, for Ann" in await life.command("status")
        await life.command(f"approve mark {approval.id[:8]} done")
        assert await life.state(approval) is ApprovalState.DONE
        assert any("Told: Bob looked" in text for text in life.desk.chat.texts)
        assert world.ran == ["main"]


def cut_at(part: object, name: str, *, after: bool) -> None:
    """The process dies at the next call of that method, before or after what it does."""
    method: Callable[..., Awaitable[object]] = getattr(part, name)

    async def cut(*args: object, **named: object) -> object:
        if after:
            await method(*args, **named)
        raise PowerCut

    setattr(part, name, cut)


async def recorded(life: Asking, kind: AuditKind) -> int:
    """How many records of that kind the audit log has."""
    found = await life.desk.desk.parts.store.audit.find(AuditQuery(limit=100))
    return sum(record.kind == kind for record in found)


async def pressed_and_cut(
    world: World, action: str, where: tuple[str, str], *, after: bool
) -> Approval:
    """Bob presses, and the process dies there: a part of the store, and its method."""
    part, method = where
    async with world.life() as life:
        approval = await life.asked()
    try:
        async with world.life() as life:
            cut_at(getattr(life.desk.desk.parts.store, part), method, after=after)
            await life.press(approval, action)
    except* PowerCut:
        pass
    else:
        raise AssertionError(f"it did not die at {method}")
    return approval


CUTS = [("vote", False), ("vote", True), ("add", False), ("add", True), ("finish", False)]
PARTS = {"vote": "approvals", "add": "grants", "finish": "inbox"}


@pytest.mark.parametrize(("method", "after"), CUTS)
async def test_killed_while_it_is_allowed_for_a_time_it_is_granted_once(
    tmp_path: Path, method: str, *, after: bool
) -> None:
    world = World(tmp_path)
    where = (PARTS[method], method)
    approval = await pressed_and_cut(world, cards.ALWAYS, where, after=after)
    async with world.life() as life:
        await life.desk.quiet()
        store = life.desk.desk.parts.store
        granted = await store.grants.active(now=world.clock.now())
        assert [grant.id for grant in granted] == [approval.id]
        assert await recorded(life, AuditKind.GRANT_GIVEN) == 1
        assert await recorded(life, AuditKind.APPROVAL_VOTED) == 1
        assert await recorded(life, AuditKind.COMMAND_REFUSED) == 0
        assert len(world.ran) <= 1  # it may have been about to run when it died


async def test_what_was_approved_before_a_crash_is_no_refusal(tmp_path: Path) -> None:
    world = World(tmp_path)
    approval = await pressed_and_cut(world, cards.APPROVE, ("inbox", "finish"), after=False)
    async with world.life() as life:
        await life.desk.quiet()
        [told] = [shown.text for shown in life.desk.chat.shown if shown.item.only_for == BOB]
        assert told.startswith("Approved by Bob")
        assert await recorded(life, AuditKind.COMMAND_REFUSED) == 0
        assert await recorded(life, AuditKind.APPROVAL_VOTED) == 1
        # Somebody else who comes after him is too late.
        await life.press(approval, cards.APPROVE, who=CID)
        assert await recorded(life, AuditKind.COMMAND_REFUSED) == 1
        assert len(world.ran) <= 1


async def test_what_was_denied_before_a_crash_is_no_refusal(tmp_path: Path) -> None:
    world = World(tmp_path)
    approval = await pressed_and_cut(world, cards.DENY, ("inbox", "finish"), after=False)
    async with world.life() as life:
        await life.desk.quiet()
        assert "It is denied by Bob: `git.push` does not run." in life.desk.chat.texts
        assert await recorded(life, AuditKind.COMMAND_REFUSED) == 0
        assert "already denied" in await life.press(approval, cards.DENY, who=CID)
        assert "already denied" in await life.press(approval, cards.APPROVE)
        assert world.ran == []


@pytest.mark.parametrize("action", [cards.HAPPENED, cards.FAILED])
async def test_what_was_looked_at_before_a_crash_is_no_refusal(tmp_path: Path, action: str) -> None:
    world = World(tmp_path)
    world.after = _cut
    async with world.life() as life:
        approval = await life.asked()
    for press, who in ((cards.APPROVE, BOB), (action, CID)):
        try:
            async with world.life() as life:
                await life.desk.quiet()
                if press == action:
                    cut_at(life.desk.desk.parts.store.inbox, "finish", after=False)
                await life.press(approval, press, who=who)
        except* PowerCut:
            world.after = lambda: None
        else:
            raise AssertionError(f"it did not die at {press}")
    async with world.life() as life:
        await life.desk.quiet()
        assert await recorded(life, AuditKind.COMMAND_REFUSED) == 0
        other = cards.FAILED if action == cards.HAPPENED else cards.HAPPENED
        assert "It is already " in await life.press(approval, other, who=CID)
        assert world.ran == ["main"]


def _cut() -> None:
    raise PowerCut


@pytest.mark.parametrize(
    ("where", "after"),
    [
        (("approvals", "exchange"), False),
        (("approvals", "exchange"), True),
        (("outbox", "enqueue"), False),
        (("inbox", "finish"), False),
    ],
)
async def test_killed_while_it_is_edited_one_question_is_left(
    tmp_path: Path, where: tuple[str, str], *, after: bool
) -> None:
    world = World(tmp_path)
    part, method = where
    async with world.life() as life:
        old = await life.asked()
    try:
        async with world.life() as life:
            cut_at(getattr(life.desk.desk.parts.store, part), method, after=after)
            await life.submit(old, cards.EDIT, BOB, **{CHANGES: "branch = dev"})
    except* PowerCut:
        pass
    else:
        raise AssertionError(f"it did not die at {method}")
    async with world.life() as life:
        await life.desk.quiet()
        assert await life.state(old) is ApprovalState.CANCELLED
        [new] = await life.waiting()
        assert new.replaces == old.id
        assert await recorded(life, AuditKind.COMMAND_REFUSED) == 0
        await life.press(new, who=CID)
        assert world.ran == ["dev"]


# ---- commands


def takes_a_moment(world: World, life: Asking) -> None:
    """What is decided is decided after the command came, as on any machine."""
    for part, method in MOMENTS:
        _slowly(world, getattr(life.desk.desk.parts.store, part), method)


def _slowly(world: World, part: object, name: str) -> None:
    method: Callable[..., Awaitable[object]] = getattr(part, name)

    async def slow(*args: object, **named: object) -> object:
        await world.clock.advance(0.1)
        return await method(*args, **named)

    setattr(part, name, slow)


MOMENTS = (("approvals", "vote"), ("approvals", "change"), ("grants", "revoke"))
SEEN = 5.0
"""Seconds after which a card has been seen."""


async def commanded_and_cut(world: World, text: str, *, who: Principal = BOB) -> None:
    """Somebody gives a command, and the process dies when it is done and not answered."""
    try:
        async with world.life() as life:
            await life.desk.quiet()
            takes_a_moment(world, life)
            cut_at(life.desk.desk.parts.store.inbox, "finish", after=False)
            await life.command(text, who=who)
    except* PowerCut:
        pass
    else:
        raise AssertionError("it did not die")


async def asked_for_some_time(world: World) -> Approval:
    """A question whose card was there for a while."""
    async with world.life() as life:
        approval = await life.asked()
        await world.clock.advance(SEEN)
    return approval


@pytest.mark.parametrize("written", ["approve accept {}", "approve {}", "approve"])
async def test_a_typed_yes_that_a_crash_cut_off_stands(tmp_path: Path, written: str) -> None:
    world = World(tmp_path)
    approval = await asked_for_some_time(world)
    await commanded_and_cut(world, written.format(approval.id[:8]))
    async with world.life() as life:
        await life.desk.quiet()
        told = [shown.text for shown in life.desk.chat.shown if shown.item.only_for == BOB]
        assert len(told) == 1
        assert told[0].startswith("Approved by Bob")
        assert await recorded(life, AuditKind.COMMAND_REFUSED) == 0
        assert await recorded(life, AuditKind.APPROVAL_VOTED) == 1
        assert len(world.ran) <= 1
        # Somebody else, who comes after him, is told who was first.
        said = await life.command(f"approve accept {approval.id[:8]}", who=CID)
        assert said.startswith("It is already ")
        assert "decided by Bob" in said or "It may have run" in said


@pytest.mark.parametrize("written", ["approve deny {} too risky", "deny too risky"])
async def test_a_typed_no_that_a_crash_cut_off_stands(tmp_path: Path, written: str) -> None:
    world = World(tmp_path)
    approval = await asked_for_some_time(world)
    await commanded_and_cut(world, written.format(approval.id[:8]))
    async with world.life() as life:
        await life.desk.quiet()
        assert life.desk.chat.texts.count("Denied: `git.push` does not run.") == 1
        assert await recorded(life, AuditKind.COMMAND_REFUSED) == 0
        assert any("Bob said no to git.push: too risky" in text for text in life.desk.chat.texts)
        assert world.ran == []
        said = await life.command(f"approve accept {approval.id[:8]}", who=CID)
        assert said == "It is already denied: decided by Bob."


@pytest.mark.parametrize("written", ["/approve", "/deny"])
async def test_a_command_that_is_done_again_means_nothing_that_was_asked_since(
    tmp_path: Path, written: str
) -> None:
    world = World(tmp_path)
    async with world.life() as life:
        first = await life.asked()
        await world.clock.advance(SEEN)
        takes_a_moment(world, life)
        desk = life.desk.desk
        team, clock = (lambda: life.desk.team), world.clock
        commands = ApprovalCommands(
            desk.asks.approvals,
            desk.parts.store.files,
            team=team,
            holds=lambda _: None,
            clock=clock,
        )
        request = Request(id=InboxId("row"), thread=DM, sender=BOB, at=clock.now())
        command = parse(written)
        assert isinstance(command, ParsedCommand)
        carry_out = commands if command.noun == "approve" else commands.deny_here
        said = await carry_out(command, request)
        await life.desk.quiet()
        decided = await life.state(first)
        # The turn goes on, and asks for something else, before the row is carried out again.
        world.calls = ({"branch": "next"},)
        second = await life.asked("and the next?")
        await world.clock.advance(SEEN)
        again = await carry_out(command, request)
        assert await life.state(second) is ApprovalState.PENDING
        assert await life.state(first) is decided
        assert said.text.startswith("Denied" if written == "/deny" else "Approved: ")
        assert again.text.startswith("Denied" if written == "/deny" else "Approved by Bob")


async def test_a_typed_edit_that_a_crash_cut_off_stands(tmp_path: Path) -> None:
    world = World(tmp_path)
    old = await asked_for_some_time(world)
    await commanded_and_cut(world, f"approve edit {old.id[:8]} branch = dev")
    async with world.life() as life:
        await life.desk.quiet()
        [new] = await life.waiting()
        asked_anew = f"It is asked anew, as approval `{new.id[:8]}`, with the difference shown."
        assert life.desk.chat.texts.count(asked_anew) == 1
        assert await recorded(life, AuditKind.COMMAND_REFUSED) == 0
        await life.press(new, who=CID)
        assert world.ran == ["dev"]


@pytest.mark.parametrize("ended", ["done", "failed"])
async def test_a_typed_mark_that_a_crash_cut_off_stands(tmp_path: Path, ended: str) -> None:
    world = World(tmp_path)
    world.after = _cut
    async with world.life() as life:
        approval = await life.asked()
    try:
        async with world.life() as life:
            await life.press(approval)
    except* PowerCut:
        world.after = lambda: None
    await commanded_and_cut(world, f"approve mark {approval.id[:8]} {ended}")
    async with world.life() as life:
        await life.desk.quiet()
        assert life.desk.chat.texts.count(f"Noted: `git.push` is {ended}.") == 1
        assert await recorded(life, AuditKind.COMMAND_REFUSED) == 0
        assert world.ran == ["main"]


async def test_a_grant_that_was_revoked_before_a_crash_is_no_refusal(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.life() as life:
        await life.press(await life.asked(), cards.ALWAYS)
    await commanded_and_cut(world, "approve revoke 1")
    async with world.life() as life:
        await life.desk.quiet()
        said = "Revoked: `git.push` is asked for again, each time."
        assert life.desk.chat.texts.count(said) == 1
        assert await recorded(life, AuditKind.COMMAND_REFUSED) == 0
        assert await recorded(life, AuditKind.GRANT_REVOKED) == 1
        assert "There is no grant 1." in await life.command("approve revoke 1", who=CID)
