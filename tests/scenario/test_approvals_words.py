"""What people are told who decide at a moment when it means something else than usual."""

from pathlib import Path

import pytest

from runtime.model.approval import ApprovalState
from tests.support.approving import CID, MEL, Asking, World
from tests.support.build import ANN


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def told(life: Asking, command: str) -> str:
    """All that people are told while Bob's command is carried out."""
    before = len(life.desk.chat.texts)
    await life.command(command)
    return "\n".join(life.desk.chat.texts[before:])


@pytest.mark.parametrize("stopped", ["everything", "agent desk"])
async def test_while_it_is_stopped_a_yes_is_for_after_that(world: World, stopped: str) -> None:
    async with world.life() as life:
        approval = await life.asked(sender=MEL)
        await life.command(f"stop {stopped}", who=ANN)
        said = await told(life, f"approve {approval.id[:8]}")
        runs = f"`git.push` runs, once resumed by `/resume {stopped}`."
        assert f"Approved: {runs}" in said
        again = await told(life, f"approve {approval.id[:8]}")
        assert f"Approved by Bob: {runs}" in again
        assert world.ran == []
        await life.command(f"resume {stopped}", who=ANN)
        await life.desk.fire()
        await life.desk.quiet()
        assert world.ran == ["main"]


@pytest.mark.parametrize(
    ("then", "became"),
    [
        ("deny", "It is denied by Bob: `git.push` does not run."),
        ("accept", "Approved by Bob: `git.push` has run."),
    ],
)
async def test_whoever_edits_again_is_told_what_became_of_the_first(
    world: World, then: str, became: str
) -> None:
    async with world.life() as life:
        old = await life.asked(sender=MEL)
        await life.command(f"approve edit {old.id[:8]} branch = dev")
        (new,) = await life.waiting()
        await life.command(f"approve {then} {new.id[:8]}")
        await life.desk.quiet()
        said = await told(life, f"approve edit {old.id[:8]} branch = dev")
        assert said == f"That was asked already, as approval `{new.id[:8]}`. {became}"


async def test_what_follows_an_id_may_begin_on_a_line_of_its_own(world: World) -> None:
    async with world.life() as life:
        old = await life.asked(sender=MEL)
        await life.command(f"approve edit {old.id[:8]}\nbranch = dev")
        (new,) = await life.waiting()
        assert new.id != old.id
        assert "git.push: not “yet”." in await life.command(f"approve deny {new.id[:8]}\nnot “yet”")


async def test_who_may_not_approve_is_told_who_may_and_not_to_look(world: World) -> None:
    async with world.life() as life:
        await life.asked()  # only just now
        said = await life.command("approve", who=MEL)
        assert "Who may: " in said
        assert "/approve again" not in said


async def test_what_still_waits_cannot_be_marked(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        assert "It has not run yet" in await told(life, f"approve mark {approval.id[:8]} done")
        assert await life.state(approval) is ApprovalState.PENDING


async def test_five_characters_are_said_to_be_too_few(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        assert "write its first 6 characters" in await told(life, f"approve {approval.id[:5]}")
        assert await life.command(f"approve {approval.id[:6]}", who=CID)
        assert await life.state(approval) is ApprovalState.DONE
