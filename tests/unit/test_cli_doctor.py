"""`nightdesk doctor`: each layer, how it is and what to do about it."""

import json
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from os import getpid
from pathlib import Path

import pytest
from aiohttp import web

from adapters.models.catalogue import describe
from adapters.sql.failures import of_sqlite
from adapters.sql.glance import glance, sqlite_file
from adapters.sql.migrate import revisions
from adapters.sql.store import open_store
from bot.diagnosis import Diagnosis, State, healthy
from bot.doctor.examination import examine, in_words, remedy, to_json
from bot.doctor.reach import get
from bot.environ import load_settings
from bot.settings import Settings
from bot.status import read_outbox
from bot.wiring.models import config_of
from bot.witness import note_start
from runtime.approvals.cards import APPROVE
from runtime.errors import Permanent, StorageUnavailable
from runtime.ids import ModelName, OutboxId, Platform, TimeOrderedIds
from runtime.model.address import Principal
from runtime.model.chart import DaySeries
from runtime.model.choice import Outage
from runtime.model.member import Enrolment
from runtime.model.messages import Button, Content
from runtime.model.outbox import OutboxState
from runtime.model.team import MemberRole
from runtime.ports import Worker
from tests.support.build import OPS as OPS_THREAD
from tests.support.clock import ManualClock
from tests.support.fake_slack import APP_TOKEN, SCOPES, TOKEN, FakeSlack
from tests.support.fake_telegram import GROUP, FakeTelegram
from tests.support.fake_telegram import TOKEN as TELEGRAM_TOKEN
from tests.support.smtp import MailBox, mail_server
from tests.support.stores import Rows

OWNER = '[[members]]\nname = "You"\nrole = "owner"\nterminal = "you"\n'
OPS = '[[channels]]\nplatform = "terminal"\nid = "ops"\nproactive = true\n'
FAST = '[[agents]]\nname = "desk"\nmodel = "fast"\n[models.fast]\nmodel = "openai/gpt-4.1-mini"\n'


class Machine:
    """A machine with a home folder, on which doctor looks at things."""

    def __init__(self, home: Path, clock: ManualClock) -> None:
        self.home = home
        self.clock = clock
        self.variables = {"HTTP__PORT": "0"}

    @property
    def data(self) -> Path:
        return self.home / ".local/share/nightdesk"

    def load(self) -> Settings:
        ours = {f"NIGHTDESK_{name}": value for name, value in self.variables.items()}
        return load_settings({"HOME": str(self.home), **ours}, cwd=self.home)

    def configure(self, text: str) -> None:
        (self.home / "nightdesk.toml").write_text(text)

    async def look(self) -> dict[str, Diagnosis]:
        return {finding.layer: finding for finding in await examine(self.load, self.clock)}


@pytest.fixture
def machine(tmp_path: Path, clock: ManualClock) -> Machine:
    return Machine(tmp_path, clock)


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@asynccontextmanager
async def server(
    path: str, *, status: int = 200, said: object = None, locked: bool = False
) -> AsyncIterator[tuple[str, list[str]]]:
    """Answers one address; yields where it is, and the keys it was shown. Locked, it wants one."""
    keys: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        keys.append(request.headers.get("Authorization", ""))
        if locked and not keys[-1]:
            return web.json_response({"error": "no key"}, status=401)
        return web.json_response(said or {"data": []}, status=status)

    app = web.Application()
    app.router.add_get(path, answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", keys
    finally:
        await runner.cleanup()


class NoPaint:
    """Charts that cannot be drawn."""

    async def spending(self, series: DaySeries) -> bytes:
        raise Permanent(f"Pillow cannot draw it: no paint for {len(series.days)} day")


async def test_it_says_whether_charts_can_be_drawn(machine: Machine) -> None:
    found = (await machine.look())["pictures"]
    assert (found.state, found.found.endswith("draws the chart of /budget")) == (State.OK, True)
    every = await examine(machine.load, machine.clock, NoPaint())
    [found] = [finding for finding in every if finding.layer == "pictures"]
    assert (found.state, found.found) == (
        State.MISSING,
        "Pillow cannot draw it: no paint for 1 day",
    )
    assert "Install Nightdesk again" in found.todo


async def test_before_the_first_start_nothing_is_wrong_and_nothing_is_made(
    machine: Machine,
) -> None:
    found = await machine.look()
    assert {layer: finding.state for layer, finding in found.items()} == {
        "python": State.OK,
        "pictures": State.OK,
        "data folder": State.MISSING,
        "configuration": State.MISSING,
        "policy": State.OK,
        "database": State.MISSING,
        "owner": State.OK,
        "http": State.OK,
        "chat": State.MISSING,
        "model": State.MISSING,
        "proactive": State.OK,
    }
    assert all(finding.todo for finding in found.values() if finding.state is State.MISSING)
    assert list(machine.home.iterdir()) == []


async def test_beside_a_running_process(machine: Machine) -> None:
    machine.configure(OWNER + OPS)
    ids = TimeOrderedIds(machine.clock)
    async with open_store(None, data_dir=machine.data, clock=machine.clock, ids=ids):
        found = await machine.look()
    assert "in use by process" in found["data folder"].found
    assert found["database"].state is State.OK
    assert found["outbox"].found == "0 waiting, 0 undeliverable, 0 withheld"
    assert found["configuration"].found.endswith(
        "1 member (1 of them owner), 1 channel, 1 agent, times in UTC"
    )


async def test_a_configuration_that_cannot_be_used_ends_the_examination(machine: Machine) -> None:
    machine.configure("[teem]\n")
    machine.variables["HTTP__PORT"] = "x"
    found = await machine.look()
    assert list(found) == ["python", "pictures", "configuration"]
    wrong = found["configuration"]
    assert wrong.state is State.WRONG
    assert wrong.found.splitlines() == [
        'NIGHTDESK_HTTP__PORT = "x": write a whole number from 0 to 65535',
        "nightdesk.toml:1: teem: unknown key: did you mean team?",
    ]


async def test_rules_for_tools_that_would_end_a_start_are_wrong(machine: Machine) -> None:
    machine.configure(OWNER)
    (machine.home / "policy.yaml").write_text("team:\n  preset: git_save\n")
    wrong = (await machine.look())["policy"]
    assert wrong.state is State.WRONG
    assert wrong.found.startswith("policy.yaml:2: ")
    assert "did you mean git_safe?" in wrong.found


async def test_rules_for_tools_that_can_be_used_are_counted(machine: Machine) -> None:
    machine.configure(OWNER)
    rules = "[{tools: message.send, permission: approval}]"
    night = "agents:\n  desk:\n    preset: full_auto\n"
    (machine.home / "policy.yaml").write_text(f"team:\n  rules: {rules}\n{night}")
    right = (await machine.look())["policy"]
    said = "policy.yaml: team preset read_only, 1 rule; agent desk preset full_auto, 0 rules"
    assert (right.state, right.found) == (State.OK, f"{machine.home}/{said}")


async def test_a_file_that_changed_after_the_start_is_said_to_need_another(
    machine: Machine,
) -> None:
    machine.configure(OWNER)
    settings, clock = machine.load(), machine.clock
    ids = TimeOrderedIds(clock)
    async with open_store(None, data_dir=machine.data, clock=clock, ids=ids) as store:
        await note_start(store.audit, settings, "all")
        assert "running" not in await machine.look()
        machine.configure(OWNER + OPS)
        changed = (await machine.look())["running"]
        assert changed.state is State.MISSING
        assert (
            changed.found == f"{settings.config_path} changed after process {getpid()} had read it"
        )
        assert changed.todo.startswith("Restart Nightdesk: ")
    assert "running" not in await machine.look()


def _living(role: str, clock: ManualClock) -> Worker:
    return Worker(slot=f"{role}-0", role=role, seen_at=clock.now(), life="one")


async def test_on_postgres_too_a_file_that_changed_after_the_start_is_said(
    machine: Machine, postgres_url: str
) -> None:
    machine.variables["DATABASE_URL"] = postgres_url
    machine.configure(OWNER)
    settings, clock = machine.load(), machine.clock
    ids = TimeOrderedIds(clock)
    url = settings.database_url
    async with open_store(url, data_dir=machine.data, clock=clock, ids=ids) as store:
        await note_start(store.audit, settings, "worker")
        machine.configure(OWNER + OPS)
        assert "running" not in await machine.look()
        await store.workers.beat(_living("worker", clock))
        found = (await machine.look())["running"].found
    assert found == f"{settings.config_path} changed after worker-0 had read it"


async def test_of_several_processes_those_are_named_that_have_not_read_the_file_as_it_is(
    machine: Machine, postgres_url: str
) -> None:
    machine.variables["DATABASE_URL"] = postgres_url
    machine.configure(OWNER)
    clock, url = machine.clock, machine.load().database_url
    async with open_store(
        url, data_dir=machine.data, clock=clock, ids=TimeOrderedIds(clock)
    ) as store:
        for role in ("web", "worker", "clock"):
            await note_start(store.audit, machine.load(), role)
            await store.workers.beat(_living(role, clock))
        assert "running" not in await machine.look()
        machine.configure(OWNER + OPS)
        await note_start(store.audit, machine.load(), "web")
        found = (await machine.look())["running"].found
        for role in ("worker", "clock"):
            await note_start(store.audit, machine.load(), role)
        assert "running" not in await machine.look()
        machine.configure(OWNER)
        assert "running" in await machine.look()
        for role in ("web", "worker", "clock"):
            assert await store.workers.let_go(_living(role, clock))
        assert "running" not in await machine.look(), "what has ended has nothing to read again"
    before, _, names = found.removesuffix(" had read it").partition(" changed after ")
    assert before == str(machine.load().config_path)
    assert sorted(names.split(", ")) == ["clock-0", "worker-0"]


async def test_a_file_that_is_gone_while_what_had_read_it_runs_is_to_be_put_back(
    machine: Machine,
) -> None:
    machine.configure(OWNER)
    settings, clock = machine.load(), machine.clock
    ids = TimeOrderedIds(clock)
    async with open_store(None, data_dir=machine.data, clock=clock, ids=ids) as store:
        await note_start(store.audit, settings, "all")
        settings.config_path.unlink()
        gone = (await machine.look())["running"]
    one = f"there is no nightdesk.toml here any more, and process {getpid()} had read one"
    assert gone.found == one
    assert "put the file back" in gone.todo


async def test_a_team_without_an_owner_is_wrong(machine: Machine) -> None:
    machine.configure('[[members]]\nname = "Bo"\nterminal = "bo"\n')
    found = (await machine.look())["owner"]
    assert (found.state, found.todo) == (
        State.WRONG,
        'Give one of the [[members]] role = "owner".',
    )


async def test_an_owner_counts_where_people_can_write_to_the_bot(machine: Machine) -> None:
    machine.configure(OWNER)
    machine.variables |= {"TELEGRAM__BOT_TOKEN": TELEGRAM_TOKEN}
    machine.variables |= {"TELEGRAM__BASE_URL": "http://127.0.0.1:1"}
    found = (await machine.look())["owner"]
    assert found.state is State.MISSING
    assert found.found == "nobody is owner on telegram, so nobody hears of what needs one"
    assert "one-time code" in found.todo

    who = Principal(Platform("telegram"), "", "42")
    said = Enrolment(
        who=who,
        name="Ann",
        role=MemberRole.OWNER,
        was=None,
        by=who,
        at=machine.clock.now(),
        key="row",
    )
    ids = TimeOrderedIds(machine.clock)
    async with open_store(None, data_dir=machine.data, clock=machine.clock, ids=ids) as store:
        await store.members.put(said, owned=True)
    found = (await machine.look())["owner"]
    assert (found.state, found.found) == (State.OK, "1 account of an owner, 1 of them by the chat")


async def test_nowhere_to_post_unasked_is_missing(machine: Machine) -> None:
    machine.configure(OWNER)
    found = (await machine.look())["proactive"]
    assert (found.state, found.found) == (State.MISSING, "agents may post nowhere unasked")


async def test_a_data_folder_that_is_a_file_is_wrong(machine: Machine) -> None:
    (machine.home / "file").write_text("")
    machine.variables["DATA_DIR"] = str(machine.home / "file")
    assert (await machine.look())["data folder"].state is State.WRONG


async def test_messages_that_were_set_aside_are_wrong(machine: Machine) -> None:
    clock = machine.clock
    ids = TimeOrderedIds(clock)
    async with open_store(None, data_dir=machine.data, clock=clock, ids=ids) as store:
        item = Rows(clock).item()
        await store.outbox.enqueue([item])
        await store.outbox.claim(now=clock.now(), owner="x", platforms=[item.thread.platform])
        await store.outbox.settle(item.id, 1, OutboxState.DEAD, error="channel_not_found")
    found = (await machine.look())["outbox"]
    assert found.state is State.WRONG
    assert found.found == (
        "0 waiting, 1 undeliverable, 0 withheld\n"
        "out-1  C1 (slack), less than a minute ago: channel_not_found"
    )
    assert "nightdesk outbox retry" in found.todo


async def test_a_channel_that_takes_no_questions_is_wrong(machine: Machine) -> None:
    machine.configure(f'{OWNER}{OPS}[approvals]\nchannel = "ops"\n')
    clock = machine.clock
    ids = TimeOrderedIds(clock)
    async with open_store(None, data_dir=machine.data, clock=clock, ids=ids) as store:
        found = (await machine.look())["approvals"]
        assert (found.state, found.found) == (
            State.OK,
            "what schedules ask goes to #ops (terminal)",
        )
        button = Button("Approve", APPROVE, "a1:12345678")
        card = replace(Rows(clock).item(), content=Content("push?", (button,)), thread=OPS_THREAD)
        other = replace(card, id=OutboxId("out-2"), content=Content("news"), thread=OPS_THREAD)
        await store.outbox.enqueue([card, other])
        for row in (card, other):
            await store.outbox.claim(now=clock.now(), owner="x", platforms=[OPS_THREAD.platform])
            await store.outbox.settle(row.id, 1, OutboxState.DEAD, error="not_in_channel")
    found = (await machine.look())["approvals"]
    assert found.state is State.WRONG
    why = "did not take a question, asked in direct messages then: not_in_channel"
    assert found.found == f"#ops (terminal) {why}"
    assert found.todo.endswith("then `nightdesk outbox drop out-1`.")


async def test_a_damaged_database_is_wrong(machine: Machine) -> None:
    machine.data.mkdir(parents=True)
    (machine.data / "nightdesk.db").write_text("this is no database at all" * 100)
    found = (await machine.look())["database"]
    assert found.state is State.WRONG
    assert "put a backup in its place" in found.todo


async def test_a_database_that_this_user_may_not_open_is_not_called_damaged(
    machine: Machine,
) -> None:
    machine.variables["DATABASE_URL"] = f"sqlite:////{'long' * 100}/nightdesk.db"
    found = (await machine.look())["database"]
    assert (found.state, "File name too long" in found.found) == (State.WRONG, True)
    assert found.todo.startswith("Let this user read and write the file")


@pytest.mark.parametrize(
    ("code", "todo"),
    [
        (sqlite3.SQLITE_BUSY, "End the other program"),
        (sqlite3.SQLITE_LOCKED, "End the other program"),
        (sqlite3.SQLITE_FULL, "Free some space"),
        (sqlite3.SQLITE_CANTOPEN, "Let this user read and write"),
        (sqlite3.SQLITE_READONLY, "Let this user read and write"),
        (sqlite3.SQLITE_CORRUPT, "Keep a copy"),
        (sqlite3.SQLITE_ERROR, "Look up what the database says"),
    ],
)
def test_what_to_do_about_a_file_fits_what_is_wrong_with_it(code: int, todo: str) -> None:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_CODE"
    assert remedy(of_sqlite(error), on_sqlite=True).startswith(todo)


def test_what_to_do_about_a_server_is_another_thing() -> None:
    assert remedy(StorageUnavailable("refused"), on_sqlite=False).startswith("Start the database")


async def test_a_database_server_that_does_not_answer_is_wrong_and_its_password_hidden(
    machine: Machine,
) -> None:
    with taken_port() as port:
        pass
    machine.variables["DATABASE_URL"] = f"postgresql://u:canary@127.0.0.1:{port}/d"
    found = (await machine.look())["database"]
    assert found.state is State.WRONG
    assert "canary" not in in_words([found])


async def test_a_postgres_database_is_read_and_left_as_it_is(
    machine: Machine,
    postgres_url: str,
) -> None:
    machine.variables["DATABASE_URL"] = postgres_url
    assert (await machine.look())["database"].state is State.MISSING
    settings, clock = machine.load(), machine.clock
    ids = TimeOrderedIds(clock)
    assert sqlite_file(settings.database_url, machine.data) is None
    async with open_store(settings.database_url, data_dir=machine.data, clock=clock, ids=ids):
        assert (await machine.look())["database"].found == f"up to date (version {revisions()[-1]})"
    async with glance(settings.database_url, data_dir=machine.data, clock=clock, ids=ids) as found:
        assert found is not None
        assert (await read_outbox(found.store)).waiting == 0


# ------------------------------------------------------------------------------------- http


async def test_a_port_that_somebody_else_uses_is_wrong(machine: Machine) -> None:
    async with server("/other") as (url, _):
        machine.variables["HTTP__PORT"] = url.rpartition(":")[2]
        found = (await machine.look())["http"]
    assert found.state is State.WRONG
    assert "Address already in use" in found.found


async def test_a_port_that_nightdesk_uses_is_right(machine: Machine) -> None:
    async with server("/healthz") as (url, _):
        machine.variables["HTTP__PORT"] = url.rpartition(":")[2]
        found = (await machine.look())["http"]
    assert (found.state, found.found) == (State.OK, f"Nightdesk answers at {url[7:]}")


# ------------------------------------------------------------------------------------ slack


async def test_slack_is_asked_who_we_are(machine: Machine) -> None:
    async with FakeSlack() as slack:
        machine.variables |= {
            "SLACK__BASE_URL": slack.url,
            "SLACK__BOT_TOKEN": TOKEN,
            "SLACK__SIGNING_SECRET": "canarycanarycanarycanarycanary00",
        }
        assert (await machine.look())["slack"].state is State.OK
        assert {call.method for call in slack.calls} == {"auth.test"}
        slack.scopes = "chat:write"
        lacking = (await machine.look())["slack"]
        assert lacking.state is State.WRONG
        assert "channels:history" in lacking.found
        assert "nightdesk slack manifest" in lacking.todo
        slack.scopes = SCOPES
        machine.variables["SLACK__BOT_TOKEN"] = "xoxb-other-canary"
        wrong = (await machine.look())["slack"]
        assert wrong.state is State.WRONG
        machine.variables["SLACK__BOT_TOKEN"] = TOKEN
        machine.configure('[slack]\nworkspace = "T0OTHER99"\n')
        other = (await machine.look())["slack"]
    assert "T0OTHER99" in other.found
    assert "canary" not in wrong.found + wrong.todo
    unreachable = (await machine.look())["slack"]
    assert unreachable.state is State.WRONG
    assert "Check that this machine reaches" in unreachable.todo


async def test_each_channel_of_slack_is_looked_at(machine: Machine) -> None:
    machine.configure(
        '[slack]\nworkspace = "T0TEAM"\n[[channels]]\nplatform = "slack"\nid = "C0OPS"\n'
    )
    async with FakeSlack() as slack:
        machine.variables |= {
            "SLACK__BASE_URL": slack.url,
            "SLACK__BOT_TOKEN": TOKEN,
            "SLACK__APP_TOKEN": APP_TOKEN,
        }
        found = (await machine.look())["slack"]
        assert (found.state, found.todo) == (State.OK, "")
        assert "channels looked at: 1" in found.found
        assert slack.called("apps.connections.open")
        slack.absent.add("C0OPS")
        wrong = (await machine.look())["slack"]
        assert wrong.state is State.WRONG
        assert "the bot is not in it" in wrong.found
        assert "/invite" in wrong.todo
        slack.app_token = "xapp-another"
        assert "app-level" in (await machine.look())["slack"].found


async def test_channels_of_slack_without_slack_are_named(machine: Machine) -> None:
    machine.configure('[[channels]]\nplatform = "slack"\nid = "T012AB/C012AB"\n')
    found = (await machine.look())["slack"]
    assert found.found == "not connected, though nightdesk.toml names channels or members of it"


async def test_where_no_chat_platform_is_connected_all_of_them_are_named(machine: Machine) -> None:
    machine.configure(OWNER + OPS)
    found = await machine.look()
    assert found["chat"].state is State.MISSING
    assert "neither Slack nor Telegram nor Discord" in found["chat"].found
    assert not {"slack", "telegram", "discord"} & found.keys()


async def test_telegram_is_asked_who_we_are_and_what_we_may_in_each_chat(machine: Machine) -> None:
    machine.configure(
        f'{OWNER}[[channels]]\nplatform = "telegram"\nid = {GROUP}\nname = "#ops"\nlisten = "all"\n'
    )
    async with FakeTelegram() as telegram:
        machine.variables |= {
            "TELEGRAM__BOT_TOKEN": TELEGRAM_TOKEN,
            "TELEGRAM__BASE_URL": telegram.url,
        }
        deaf = (await machine.look())["telegram"]
        assert deaf.state is State.WRONG
        assert "/setprivacy" in deaf.todo
        telegram.world.privacy = False
        good = (await machine.look())["telegram"]
        assert (good.state, good.todo) == (State.OK, "")
        assert "the bot is in it as member" in good.found
        telegram.world.rights[GROUP] = {"status": "kicked"}
        gone = (await machine.look())["telegram"]
        assert gone.state is State.WRONG
        assert "(membership)" in gone.found
        assert "Add the bot to the group" in gone.todo
        telegram.token = "another"
        refused = (await machine.look())["telegram"]
        assert "NIGHTDESK_TELEGRAM__BOT_TOKEN" in refused.todo
        assert telegram.violations == []


async def test_chats_of_telegram_without_telegram_are_named(machine: Machine) -> None:
    machine.configure(f'[[channels]]\nplatform = "telegram"\nid = {GROUP}\n')
    found = (await machine.look())["telegram"]
    assert found.state is State.MISSING
    assert "NIGHTDESK_TELEGRAM__BOT_TOKEN" in found.todo


# ------------------------------------------------------------------- channels that only take


async def test_the_mail_server_is_asked_without_a_message(machine: Machine) -> None:
    box = MailBox()
    async with mail_server(box) as server:
        machine.configure('[[channels]]\nplatform = "email"\nid = "ops@example.org"\n')
        machine.variables["EMAIL__SMTP_URL"] = f"smtp+plain://127.0.0.1:{server.port}"
        machine.variables["EMAIL__SENDER"] = "desk@example.org"
        found = (await machine.look())["email"]
        assert (found.state, box.messages) == (State.OK, [])
        assert "channels looked at: 1" in found.found
    refused = (await machine.look())["email"]
    assert refused.state is State.WRONG
    assert "NIGHTDESK_EMAIL__SMTP_URL" in refused.todo


async def test_each_webhook_is_looked_at_without_a_message(machine: Machine) -> None:
    with taken_port() as port:
        pass
    async with server("/hook") as (url, _):
        machine.configure(f'[[channels]]\nplatform = "webhook"\nid = "{url}/hook"\n')
        machine.variables["WEBHOOK__SECRET"] = "a-secret-of-the-team"
        private = (await machine.look())["webhook"]
        machine.variables["WEBHOOK__ALLOW_PRIVATE"] = "1"
        found = (await machine.look())["webhook"]
    machine.configure(f'[[channels]]\nplatform = "webhook"\nid = "http://127.0.0.1:{port}/x"\n')
    gone = (await machine.look())["webhook"]
    assert [each.state for each in (private, found, gone)] == [State.WRONG, State.OK, State.WRONG]
    assert "private" in private.found
    assert "nightdesk.toml" in gone.todo


# ------------------------------------------------------------------------------------ models


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        (200, State.OK, "fast: openai/gpt-4.1-mini answers"),
        (401, State.WRONG, "fast: the key is not accepted (status 401)"),
        (500, State.WRONG, "fast: it cannot be reached (status 500)"),
    ],
)
async def test_a_model_is_asked_for_its_list_which_is_free(
    machine: Machine, status: int, state: State, said: str
) -> None:
    async with server("/v1/models", status=status, locked=True) as (url, keys):
        machine.configure(FAST + f'base_url = "{url}/v1"\n')
        machine.variables["MODELS__FAST__API_KEY"] = "canary-key"
        found = (await machine.look())["model"]
    assert (found.state, found.found) == (state, said)
    bare = [""] if status == 200 else []
    assert keys == ["Bearer canary-key", *bare], "what is open to all says nothing of a key"


async def test_a_list_that_is_open_to_everybody_is_no_test_of_the_key(machine: Machine) -> None:
    async with server("/v1/models") as (url, _):
        machine.configure(FAST + f'base_url = "{url}/v1"\n')
        machine.variables["MODELS__FAST__API_KEY"] = "canary-key"
        found = (await machine.look())["model"]
    assert found.state is State.OK
    assert found.found.endswith("it does so without a key, too, so the key was not tested")


@pytest.mark.parametrize(
    ("table", "path", "said", "state", "found"),
    [
        ('"openai/good"', "/v1/models", {"data": [{"id": "good"}]}, State.OK, "good answers"),
        ('"openai/other"', "/v1/models", {"data": [{"id": "good"}]}, State.MISSING, "not list other"),
        ('"openai/good"', "/models", {"data": [{"id": "good"}]}, State.WRONG, "no list of models"),
        ('"openai/good"', "/v1/models", ["odd"], State.WRONG, "no list of models"),
        ('"ollama_chat/one"', "/v1/api/tags", {"models": [{"name": "one:latest"}]}, State.OK, "one"),
        ('"ollama_chat/two"', "/v1/api/tags", {"models": [{"name": "one:latest"}]}, State.MISSING,
         "not list two"),
    ],
)  # fmt: skip
async def test_a_server_of_ones_own_is_asked_whether_it_has_the_model(
    machine: Machine, table: str, path: str, said: object, state: State, found: str
) -> None:
    async with server(path, said=said) as (url, _):
        machine.configure(f'[models.fast]\nmodel = {table}\nbase_url = "{url}/v1"\n')
        looked = (await machine.look())["model"]
    assert looked.state is state
    assert found in looked.found
    if state is not State.OK:
        assert looked.todo


async def test_a_model_whose_server_is_down_is_wrong(machine: Machine) -> None:
    with taken_port() as port:
        pass
    machine.configure(FAST + f'base_url = "http://127.0.0.1:{port}"\n')
    found = (await machine.look())["model"]
    assert found.state is State.WRONG
    assert found.todo.startswith("Check that the server runs")


async def test_a_key_that_cannot_be_sent_is_said_in_words() -> None:
    async with server("/v1/models") as (url, keys):
        answer = await get(f"{url}/v1/models", {"Authorization": "Bearer canary\nb"})
    assert (answer.status, keys) == (None, [])
    assert answer.why.startswith("the key or the address cannot be sent")
    assert "canary" not in answer.why


async def test_every_model_is_looked_at_with_its_own_key_and_its_price(machine: Machine) -> None:
    two = '[models.large]\nmodel = "openai/large"\n[models.odd]\nmodel = "openai/odd"\n'
    machine.configure(FAST + two)
    every = await examine(machine.load, machine.clock)
    found = [finding for finding in every if finding.layer == "model"]
    assert [finding.found for finding in found] == [
        "fast: openai/gpt-4.1-mini, it has no key: not called",
        "large: openai/large, its price is not known: not called",
        "odd: openai/odd, its price is not known: not called",
    ]
    assert found[0].state is State.MISSING
    assert found[0].todo.startswith("Set NIGHTDESK_MODELS__FAST__API_KEY or OPENAI_API_KEY")
    assert "[models.large]" in found[1].todo


async def test_a_model_in_another_currency_is_wrong_and_a_free_one_is_not(machine: Machine) -> None:
    async with server("/v1/models") as (url, _):
        house = f'[models.house]\nmodel = "openai/m"\nbase_url = "{url}/v1"\n'
        free = house + "prices = [{ input = 0, output = 0 }]\n"
        machine.configure('[budget]\ncurrency = "EUR"\n' + FAST + free)
        every = await examine(machine.load, machine.clock)
    fast, here = (finding for finding in every if finding.layer == "model")
    assert (fast.state, here.state) == (State.WRONG, State.OK)
    assert fast.found == (
        "fast: openai/gpt-4.1-mini, it is paid in USD, and the team's budget is in EUR: not called"
    )
    assert 'currency = "EUR"' in fast.todo


async def test_a_model_that_is_out_since_its_key_was_refused_says_how_it_comes_back(
    machine: Machine,
) -> None:
    clock, ids = machine.clock, TimeOrderedIds(machine.clock)
    async with server("/v1/models") as (url, _):
        machine.configure(FAST + f'base_url = "{url}/v1"\n')
        machine.variables["MODELS__FAST__API_KEY"] = "canary-key"
        info = describe(config_of(machine.load().models[ModelName("fast")]))
        out = Outage(
            provider=info.provider,
            credential=info.credential,
            why="the model's server refused the key (status 401)",
            since=clock.now(),
        )
        async with open_store(None, data_dir=machine.data, clock=clock, ids=ids) as store:
            await store.modelbook.take_out(out)
        found = [one for one in await examine(machine.load, clock) if one.layer == "model"]
        assert [one.state for one in found] == [State.WRONG, State.OK], "the key is well by now"
        assert found[0].found.startswith("fast: not asked since ")
        assert "status 401" in found[0].found
        assert f"/model retry {info.provider}" in found[0].todo
        machine.variables["MODELS__FAST__API_KEY"] = "another-key"
        assert (await machine.look())["model"].state is State.OK, "another key is another chance"


async def test_with_spending_off_no_provider_is_asked(machine: Machine) -> None:
    machine.configure(FAST)
    machine.variables |= {"NO_SPEND": "1", "MODELS__FAST__API_KEY": "canary-key"}
    found = (await machine.look())["model"].found
    assert found.endswith("not asked (NIGHTDESK_NO_SPEND is set)")


# ------------------------------------------------------------------------------------- words


FINDINGS = [
    Diagnosis("python", State.OK, "Python 3.11"),
    Diagnosis("configuration", State.WRONG, "one\ntwo", "Correct it."),
]


def test_in_words_each_layer_is_a_line_and_what_to_do_is_below_it() -> None:
    assert in_words(FINDINGS).splitlines() == [
        "ok       python         Python 3.11",
        "wrong    configuration  one",
        "                        two",
        "                        -> Correct it.",
    ]


def test_for_machines() -> None:
    report = json.loads(to_json(FINDINGS))
    assert report["ok"] is healthy(FINDINGS) is False
    assert report["findings"][0] == {
        "layer": "python",
        "state": "ok",
        "found": "Python 3.11",
        "todo": "",
    }
