"""`nightdesk audit`: who did what, and whether the log of it is whole, on real database files."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from adapters.sql.store import DATABASE_FILE, open_store
from bot.audit import AuditDesk, found_in_words, in_words
from bot.commandline import app
from bot.deadletters import OutboxDesk
from bot.environ import load_settings
from bot.settings import Settings
from bot.witness import note_start
from runtime.errors import Refused
from runtime.ids import AgentName, OutboxId, Platform, TimeOrderedIds, TurnId
from runtime.model.address import Principal
from runtime.model.audit import (
    SYSTEM,
    AuditEvent,
    AuditKind,
    AuditRecord,
    Head,
    by_agent,
    by_person,
    digest_of,
    person_of,
    sealed,
)
from runtime.model.member import Enrolled, Enrolment
from runtime.model.outbox import OutboxState
from runtime.model.team import MemberRole
from runtime.model.tools import Json
from tests.support.build import TERMINAL, outbox_item
from tests.support.clock import ManualClock

ADA = Principal(Platform("terminal"), "local", "uada")
COUNT = 9
TOKEN = "xoxb-1-canary"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_sqlite: bytes) -> Settings:
    (tmp_path / "nightdesk.toml").write_text(
        '[team]\nname = "Acme"\ntimezone = "Europe/Berlin"\n\n'
        '[[members]]\nname = "Ada"\nrole = "owner"\nterminal = "uada"\n'
    )
    data = tmp_path / "desk"
    data.mkdir(mode=0o700)
    (data / DATABASE_FILE).write_bytes(migrated_sqlite)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_DATA_DIR", str(data))
    monkeypatch.chdir(tmp_path)
    return load_settings()


@pytest.fixture
def recorded(settings: Settings, clock: ManualClock) -> Settings:
    """A desk with some records."""
    events = [
        AuditEvent(AuditKind.TOOL_ENDED, by_agent(AgentName("desk")), TurnId("t1"), {"tool": "a"}),
        AuditEvent(AuditKind.GRANT_GIVEN, by_person(ADA), None, {"tool": TOKEN}),
        AuditEvent(AuditKind.TURN_ENDED, SYSTEM, TurnId("t1"), {"state": "done\x1b[31m"}),
    ]

    async def fill() -> None:
        async with open_store(
            None, data_dir=settings.data_dir, clock=clock, ids=TimeOrderedIds(clock)
        ) as store:
            for _ in range(COUNT // len(events)):
                await store.audit.add(events)
                await clock.advance(3600)

    asyncio.run(fill())
    return settings


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments])


def tampered(settings: Settings, *statements: str) -> None:
    """What somebody does who may write to the file, and knows how to get rid of the guards."""
    with closing(sqlite3.connect(settings.data_dir / DATABASE_FILE)) as file, file:
        file.execute("DROP TRIGGER audit_no_update")
        file.execute("DROP TRIGGER audit_no_delete")
        for statement in statements:
            file.execute(statement)


def records(settings: Settings) -> list[AuditRecord]:
    with closing(sqlite3.connect(settings.data_dir / DATABASE_FILE)) as file:
        return [AuditRecord(*row) for row in file.execute("SELECT * FROM audit ORDER BY seq")]


def test_the_guards_of_the_table_let_no_record_be_changed_or_deleted(recorded: Settings) -> None:
    with closing(sqlite3.connect(recorded.data_dir / DATABASE_FILE)) as file:
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            file.execute("UPDATE audit SET actor = 'x' WHERE seq = 2")
        with pytest.raises(sqlite3.IntegrityError, match="never deleted"):
            file.execute("DELETE FROM audit WHERE seq = 2")
    assert len(records(recorded)) == COUNT


def test_what_came_together_has_a_line_for_each(settings: Settings, clock: ManualClock) -> None:
    body: dict[str, Json] = {
        "planned": "2026-11-20T12:00:00+00:00",
        "runs": {"r1": "s1", "r2": "s2"},
    }
    event = AuditEvent(AuditKind.SCHEDULE_FIRED, SYSTEM, None, body)

    async def fill() -> None:
        async with open_store(
            None, data_dir=settings.data_dir, clock=clock, ids=TimeOrderedIds(clock)
        ) as store:
            await store.audit.add([event])

    asyncio.run(fill())
    line, *each = call("show", "--kind", "schedule").stdout.splitlines()[:-1]
    assert line.endswith("schedule.fired  system  planned=2026-11-20T12:00:00+00:00 runs=2")
    assert each == ["    schedule=s1 turn=r1", "    schedule=s2 turn=r2"]
    [told] = json.loads(call("show", "--json").stdout)["records"]
    assert json.loads(told["body"]) == body


def test_a_whole_log_is_whole(recorded: Settings) -> None:
    head = Head(COUNT, records(recorded)[-1].hash)
    found = call("verify", "--head", str(head))
    assert found.exit_code == 0
    assert found.stdout == f"The audit log is whole: {COUNT} records. It ends with {head}\n"
    assert json.loads(call("verify", "--json").stdout) == {
        "whole": True,
        "records": COUNT,
        "head": str(head),
        "broken_at": None,
        "why": None,
    }


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "at + 1"),
        ("at", "'yesterday'"),
        ("kind", "'grant.revoked'"),
        ("actor", "'system'"),
        ("turn", "'t9'"),
        ("body", "'{}'"),
        ("body", "'[]'"),
        ("body", "'no json'"),
        ("body", "x'ff00'"),
        ("before", "hash"),
        ("hash", "before"),
    ],
)
def test_a_change_of_any_field_is_found_and_can_still_be_looked_at(
    recorded: Settings, column: str, value: str
) -> None:
    tampered(recorded, f"UPDATE audit SET {column} = {value} WHERE seq = 5")  # noqa: S608 - ours
    found = call("verify")
    assert found.exit_code == 1
    assert found.stdout.startswith(
        "The audit log is broken at record 5: changed: its hash is not the hash of what it says.\n"
        "Whole up to there: 4 records, to 4:"
    )
    assert call("show").exit_code == 0
    assert call("show", "--json").exit_code == 0


def forge_the_end(records: list[AuditRecord]) -> str:
    """One more record whose hash is right, and that follows another chain."""
    event = AuditEvent(AuditKind.GRANT_GIVEN, by_person(ADA), None, {"tool": "shell.run"})
    forged = sealed(event, Head(COUNT, "f" * 64), at=records[-1].at)
    return f"INSERT INTO audit VALUES {tuple(forged)}"  # noqa: S608 - ours


def forge_the_middle(records: list[AuditRecord]) -> str:
    """A record in the place of another, with a hash of its own that is right."""
    forged = records[4]._replace(actor="agent:desk")
    return f"UPDATE audit SET actor = '{forged.actor}', hash = '{digest_of(forged)}' WHERE seq = 5"  # noqa: S608 - ours


@pytest.mark.parametrize(
    ("statements", "place", "why"),
    [
        (["DELETE FROM audit WHERE seq = 5"], 5, "missing: record 5 is not there"),
        (
            [
                "INSERT INTO audit SELECT 0, at, kind, actor, turn, body, before, hash FROM audit LIMIT 1"
            ],
            0,
            "added: no record ever had that number",
        ),
        (["DELETE FROM audit WHERE seq < 4"], 1, "missing: records 1 to 3 are not there"),
        (
            [
                "UPDATE audit SET seq = 100 WHERE seq = 4",
                "UPDATE audit SET seq = 4 WHERE seq = 6",
                "UPDATE audit SET seq = 6 WHERE seq = 100",
            ],
            4,
            "reordered: what stands here was recorded as number 6",
        ),
        (forge_the_middle, 6, "replaced: "),
        (forge_the_end, COUNT + 1, "replaced: "),
    ],
)
def test_what_was_done_to_the_log_is_found(
    recorded: Settings,
    statements: list[str] | Callable[[list[AuditRecord]], str],
    place: int,
    why: str,
) -> None:
    made = [statements(records(recorded))] if callable(statements) else statements
    tampered(recorded, *made)
    found = call("verify")
    assert found.exit_code == 1
    assert found.stdout.startswith(f"The audit log is broken at record {place}: {why}")


def test_a_cut_end_shows_with_a_head_that_was_noted(recorded: Settings) -> None:
    third, last = (Head(seq, records(recorded)[seq - 1].hash) for seq in (3, COUNT))
    tampered(recorded, "DELETE FROM audit WHERE seq > 6")
    assert call("verify").exit_code == 0
    found = call("verify", "--head", str(last))
    assert found.exit_code == 1
    assert "broken at record 7: cut: the chain ends with record 6" in found.stdout
    assert found.stdout.endswith("No head that you gave vouches for what lies before it.\n")
    found = call("verify", "--head", str(third), "--head", str(last))
    assert found.stdout.endswith(f"As you noted it: 3 records, to {third}\n")


def test_a_log_that_was_written_anew_shows_with_a_head_that_was_noted(recorded: Settings) -> None:
    kept = records(recorded)
    head = Head()
    anew = ["DELETE FROM audit"]
    for one in kept:
        event = AuditEvent(AuditKind(one.kind), SYSTEM)
        record = sealed(event, head, at=one.at)
        head = Head(record.seq, record.hash)
        anew.append(f"INSERT INTO audit VALUES {tuple(record)}")  # noqa: S608 - ours
    tampered(recorded, *anew)
    assert call("verify").exit_code == 0
    found = call("verify", "--head", f"{COUNT}:{kept[-1].hash}")
    assert found.exit_code == 1
    assert f"broken at record {COUNT}: it is another record" in found.stdout


def test_a_record_that_is_not_as_noted_is_handed_out_as_no_head(recorded: Settings) -> None:
    third, fifth = (Head(seq, records(recorded)[seq - 1].hash) for seq in (3, 5))
    wrong = f"5:{'a' * 64}"
    found = call("verify", "--head", wrong)
    assert found.exit_code == 1
    assert "broken at record 5: it is another record" in found.stdout
    assert found.stdout.endswith("No head that you gave vouches for what lies before it.\n")
    found = call("verify", "--head", str(third), "--head", wrong)
    assert found.stdout.endswith(f"As you noted it: 3 records, to {third}\n")
    found = call("verify", "--head", wrong, "--head", str(fifth), "--json")
    assert (found.exit_code, json.loads(found.stdout)["records"]) == (1, 0)


def test_a_break_before_a_head_leaves_what_no_head_vouches_for(recorded: Settings) -> None:
    third, last = (Head(seq, records(recorded)[seq - 1].hash) for seq in (3, COUNT))
    tampered(recorded, "UPDATE audit SET actor = 'x' WHERE seq = 5")
    assert "\nWhole up to there: 4 records" in call("verify", "--head", str(third)).stdout
    found = call("verify", "--head", str(third), "--head", str(last))
    assert "broken at record 5: changed" in found.stdout
    assert found.stdout.endswith(f"As you noted it: 3 records, to {third}\n")


def test_times_are_shown_with_their_zone(recorded: Settings) -> None:
    assert call("show", "--limit", "1").stdout.split("  ")[1].endswith(":00 CET")


def test_records_are_shown_with_names_and_without_secrets(
    recorded: Settings,
) -> None:
    shown = call("show", "--limit", "3").stdout.splitlines()
    assert shown[0].split("  ")[2:] == ["tool.ended", "agent:desk", "tool=a turn=t1"]
    assert shown[1].split("  ")[2:4] == ["grant.given", "Ada"]
    assert TOKEN not in shown[1]
    assert shown[2].endswith("state=done\N{REPLACEMENT CHARACTER}[31m turn=t1")
    assert shown[3] == f"The audit log ends with {COUNT}:{records(recorded)[-1].hash}"
    assert TOKEN not in call("show", "--json").stdout


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (["--kind", "tool"], [1, 4, 7]),
        (["--kind", "Grant.given"], [2, 5, 8]),
        (["--actor", "ada"], [2, 5, 8]),
        (["--actor", "UADA", "--limit", "1"], [8]),
        (["--actor", "desk"], [1, 4, 7]),
        (["--actor", "system", "--kind", "grant"], []),
        (["--actor", "person:terminal/local/uada"], [2, 5, 8]),
        (["--since", "2999-01-01"], []),
    ],
)
def test_records_are_chosen(recorded: Settings, arguments: list[str], numbers: list[int]) -> None:
    found = json.loads(call("show", "--json", *arguments).stdout)
    assert [record["seq"] for record in found["records"]] == numbers
    assert found["head"].startswith(f"{COUNT}:")


async def test_a_span_counts_from_now(recorded: Settings, clock: ManualClock) -> None:
    desk = AuditDesk(recorded, clock)
    shown = await desk.show(since="90m", kind="", actor="", limit=50)
    assert [record.seq for record in shown.records] == [7, 8, 9]
    assert "No record fits." in in_words(await desk.show(since="5m", kind="", actor="", limit=5))


async def test_people_of_the_chat_are_known_beside_the_process_that_owns_the_file(
    settings: Settings, clock: ManualClock
) -> None:
    bob, gone, nobody = (replace(ADA, user=user) for user in ("ubob", "u gone", "unobody"))
    async with open_store(
        None, data_dir=settings.data_dir, clock=clock, ids=TimeOrderedIds(clock)
    ) as store:
        for who, name, role, was in (
            (bob, "Bob", MemberRole.OPERATOR, None),
            (gone, "Gus", MemberRole.MEMBER, None),
            (gone, "Gus", None, MemberRole.MEMBER),
        ):
            said = Enrolment(
                who=who, name=name, role=role, was=was, by=ADA, at=clock.now(), key=f"{name}{role}"
            )
            assert await store.members.put(said, owned=True) is Enrolled.DONE
        phone = replace(ADA, platform=Platform("telegram"), workspace="", user="7")
        later = clock.now() + timedelta(hours=1)
        await store.people.offer("hash", ADA, now=clock.now(), expires_at=later)
        assert await store.people.redeem("hash", phone, now=clock.now()) == ADA
        people = (bob, gone, nobody, phone)
        await store.audit.add(
            [AuditEvent(AuditKind.GRANT_GIVEN, by_person(who), None) for who in people]
        )
        desk = AuditDesk(settings, clock)
        every = in_words(await desk.show(since="", kind="grant", actor="", limit=9))
        found = {
            word: [
                str(record.actor)
                for record in (await desk.show(since="", kind="grant", actor=word, limit=9)).records
            ]
            for word in ("bob", "UBOB", "Ada", by_person(gone))
        }
        with pytest.raises(Refused, match="Nobody in the team is called “Gus”"):
            await desk.show(since="", kind="", actor="Gus", limit=9)
    said_of = [line.split("  ")[3].strip() for line in every.splitlines()[:-1]]
    assert said_of == ["Bob", "Gus", "person:terminal/local/unobody", "Ada"]
    assert found == {
        "bob": [by_person(bob)],
        "UBOB": [by_person(bob)],
        "Ada": [by_person(phone)],
        "person:terminal/local/u%20gone": [by_person(gone)],
    }


@pytest.mark.parametrize("who", ["agent:desk", "system", "person:a/b", "person:a/b/%00", "x:a/b/c"])
def test_what_names_no_person_is_none(who: str) -> None:
    assert person_of(who) is None
    assert person_of(by_person(replace(ADA, user="a/b:c %"))) == replace(ADA, user="a/b:c %")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "--since", "whenever"], "“whenever” is no time. Write 30m, 24h or 7d"),
        (["show", "--kind", "gossip"], "There is no kind “gossip”. There are turn, "),
        (["show", "--actor", "Bob"], "Nobody in the team is called “Bob”."),
        (["verify", "--head", "12"], "“12” is no head of an audit log."),
    ],
)
def test_what_cannot_be_understood_is_said(
    recorded: Settings, arguments: list[str], said: str
) -> None:
    found = call(*arguments)
    assert found.exit_code == 2
    assert " ".join(found.stderr.split()).startswith(f"nightdesk: {said}")


@pytest.mark.parametrize("arguments", [["show"], ["verify"]])
def test_without_a_database_it_says_so(settings: Settings, arguments: list[str]) -> None:
    (settings.data_dir / DATABASE_FILE).unlink()
    found = call(*arguments)
    assert found.exit_code == 2
    assert "The database is not made yet" in found.stderr


async def test_what_the_shell_does_beside_that_process_is_in_the_same_chain(
    settings: Settings, clock: ManualClock
) -> None:
    async with open_store(
        None, data_dir=settings.data_dir, clock=clock, ids=TimeOrderedIds(clock)
    ) as store:
        await store.outbox.enqueue([outbox_item(key="o1", at=clock.now())])
        await store.outbox.claim(now=clock.now(), owner="here", platforms=[TERMINAL])
        await store.outbox.settle(OutboxId("o1"), 1, OutboxState.DEAD, error="")
        await OutboxDesk(settings, clock).drop("o1")
        await store.audit.add([AuditEvent(AuditKind.POLICY_LOADED, SYSTEM)])
        checked = await AuditDesk(settings, clock).verify([])
        actors = [record.actor for record in await store.audit.page()]
    assert (checked.count, checked.broken) == (3, None)
    assert actors == ["system", "shell", "system"]


async def test_it_works_beside_the_process_that_owns_the_file(
    settings: Settings, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="nightdesk.audit")
    async with open_store(
        None, data_dir=settings.data_dir, clock=clock, ids=TimeOrderedIds(clock)
    ) as store:
        await note_start(store.audit, settings, "all")
        checked = await AuditDesk(settings, clock).verify([])
        shown = await AuditDesk(settings, clock).show(since="", kind="", actor="", limit=5)
    assert checked.broken is None
    assert "is whole: 2 records" in found_in_words(checked)
    configuration, policy = shown.records
    assert len(str(configuration.facts()["sha256"])) == 64
    assert policy.facts() == {"file": "policy.yaml", "sha256": None, "role": "all", "slot": "all-0"}
    assert [getattr(line, "head", "") for line in caplog.records] == [str(shown.head)]
