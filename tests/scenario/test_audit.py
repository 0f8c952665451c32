"""The audit log over the whole desk: what is recorded of a day's work, and what `/why` makes of it."""

from pathlib import Path

import pytest

from adapters.models.scripted import Step, ToolCalls
from runtime.approvals import cards
from runtime.chain import walk
from runtime.model.audit import AuditRecord
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role
from runtime.ports import Verdict
from tests.support.approving import BOB, MEL, Asking, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def recorded(life: Asking) -> list[AuditRecord]:
    """Everything so far; the chain is whole."""
    audit = life.desk.desk.parts.store.audit
    checked = await walk(lambda after: audit.page(after=after))
    assert checked.broken is None
    return await audit.page()


def kinds(records: list[AuditRecord]) -> list[str]:
    return [record.kind for record in records]


async def test_a_call_that_is_allowed_is_recorded_before_and_after_it_runs(world: World) -> None:
    world.rules.verdict = Verdict.ALLOW
    async with world.life() as life:
        await life.desk.say("push it")
        await life.desk.quiet()
        records = await recorded(life)
    assert kinds(records) == ["turn.started", "tool.begun", "tool.ended", "turn.ended"]
    begun, ended = (record.facts() for record in records[1:3])
    assert begun["rule"] == ended["rule"] == "team rule 3, line 12"
    assert (begun["tool"], ended["failed"]) == ("git.push", False)
    assert begun["arguments"] == ended["arguments"]
    assert len({record.turn for record in records}) == 1
    assert records[0].actor == "person:terminal/local/ann"
    assert records[1].actor == "agent:desk"
    whole = str(records)
    assert "push it" not in whole
    assert "main" not in whole
    assert "Told" not in whole


async def test_a_call_that_policy_blocks_or_that_is_none_is_recorded_as_refused(
    world: World,
) -> None:
    def script(request: ModelRequest) -> Step:
        if any(entry.role is Role.TOOL for entry in request.entries):
            return "I may not."
        return ToolCalls((("git.push", '{"branch":"main"}'), ("my secret is 42", "{}")))

    world.rules.verdict = Verdict.DENY
    async with world.life(script) as life:
        await life.desk.say("push it")
        await life.desk.quiet()
        records = await recorded(life)
    assert kinds(records) == ["turn.started", "tool.refused", "tool.refused", "turn.ended"]
    assert [record.facts()["rule"] for record in records[1:3]] == [
        "team rule 3, line 12",
        "there is no such tool",
    ]
    assert records[2].facts()["tool"] == ""
    assert "secret" not in str(records)


async def test_an_approval_is_recorded_with_who_pressed_what_and_explained_afterwards(
    world: World,
) -> None:
    async with world.life() as life:
        approval = await life.asked()
        await life.press(approval, who=MEL)
        await life.press(approval, who=BOB)
        records = await recorded(life)
        await life.desk.say("/why")
        await life.desk.quiet()
        told = life.desk.chat.texts[-1]
    said = [(record.kind, record.actor.rpartition("/")[2]) for record in records]
    # The turn goes on beside the command that let it, in whatever order.
    assert sorted(said) == sorted(
        [
            ("turn.started", "ann"),
            ("approval.asked", "agent:desk"),
            ("command.refused", "mel"),
            ("approval.voted", "bob"),
            ("command.done", "bob"),
            ("approval.changed", "system"),  # executing
            ("approval.changed", "system"),  # done
            ("tool.ended", "agent:desk"),
            ("turn.ended", "system"),
        ]
    )
    digests = {r.facts()["digest"] for r in records if r.kind.startswith("approval.")}
    assert digests == {approval.digest}
    lines = told.splitlines()
    assert lines[0].startswith("- Trigger: a message of Ann, ")
    assert lines[2].startswith(
        "- Tool `git.push`: asked for, because team rule 3, line 12; approved by Bob, "
    )
    assert "; done, " in lines[2]
    assert lines[-2].startswith("- Ended: answered, ")


async def test_what_a_grant_lets_run_names_the_grant_and_its_giver(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        await life.press(approval, cards.ALWAYS, who=BOB)
        await life.desk.say("once more")
        await life.desk.quiet()
        records = await recorded(life)
        await life.desk.say("/why")
        await life.desk.quiet()
        told = life.desk.chat.texts[-1]
    assert world.ran == ["main", "main"]
    assert [r.actor for r in records if r.kind == "grant.given"] == ["person:terminal/local/bob"]
    assert [r.facts().get("grant") for r in records if r.kind == "tool.begun"] == [1]
    assert "allowed: team rule 3, line 12, by grant 1 (Bob, " in told


async def test_commands_are_recorded_by_their_words_and_without_their_arguments(
    world: World,
) -> None:
    async with world.life() as life:
        await life.desk.say("/schedule create every day at 8:30 tell my secret")
        await life.desk.quiet()
        await life.desk.say("/schedule create every day at 8:30 tell my secret", sender=MEL)
        await life.desk.say("/schedule nonsense")
        await life.desk.quiet()
        records = await recorded(life)
    said = [(r.kind, r.facts().get("command", ""), r.actor.rpartition("/")[2]) for r in records]
    assert said[0] == ("schedule.made", "", "ann")
    assert said[1] == ("command.done", "schedule create", "ann")
    assert said[2:] == [("command.refused", "schedule create", "mel")]
    assert "secret" not in str(records)
