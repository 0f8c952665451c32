"""What the self-test makes of the operator's file, and the guard around the program."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bot.selftest.guard import SAID, leads_out
from bot.selftest.plan import PlatformPlan, read_plan
from runtime.errors import ConfigurationError
from runtime.model.team import Listen

FILE = """
[team]
name = "Night \\"shift\\" ☾"
[slack]
workspace = "T0123ABCD"
[discord]
guilds = ["123456789012345678"]
gateway = false
[[members]]
name = "Ann"
role = "owner"
slack = "U0123ANN1"
telegram = 123456789
terminal = "ann"
[[members]]
name = "Gus"
role = "guest"
discord = "223456789012345678"
[[channels]]
platform = "slack"
id = "C0123OPS1"
listen = "all"
[[channels]]
platform = "email"
id = "ops@example.org"
proactive = true
[[agents]]
name = "desk"
model = "fast"
instructions = "Be brief.\\nAnd kind."
[models.fast]
model = "openai/gpt-4.1-mini"
"""


def written(folder: Path, text: str = FILE) -> Path:
    (folder / "nightdesk.toml").write_text(text, "utf-8")
    return folder


def plans(folder: Path, *only: str, **variables: str) -> dict[str, PlatformPlan]:
    plan = read_plan(only, environ={"HOME": str(folder), **variables}, cwd=folder)
    return {each.platform: each for each in plan.platforms}


def refusal(folder: Path, *only: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_plan(only, environ={"HOME": str(folder)}, cwd=folder)
    return str(caught.value)


def test_the_people_and_channels_of_the_file_are_tested(tmp_path: Path) -> None:
    found = plans(written(tmp_path))
    assert list(found) == ["slack", "telegram", "discord"]
    slack = found["slack"]
    assert (slack.workspace, [p.user for p in slack.people]) == ("T0123ABCD", ["U0123ANN1"])
    assert [(room.id, room.listen) for room in slack.rooms] == [("C0123OPS1", Listen.ALL)]
    assert found["discord"].guild == "123456789012345678"
    assert [person.commands for person in found["discord"].people] == [False]


def test_the_transport_is_the_one_that_is_set_up(tmp_path: Path) -> None:
    here = written(tmp_path)
    assert [plan.by_webhook for plan in plans(here).values()] == [False, False, True]
    (tmp_path / "secret").write_text("8f742231b10e8888abcd99yyyzzz85a5")
    chosen = plans(here, NIGHTDESK_SLACK__SIGNING_SECRET_FILE=str(tmp_path / "secret"))
    assert chosen["slack"].by_webhook
    url = "https://bot.example.org"
    assert plans(here, NIGHTDESK_TELEGRAM__WEBHOOK_URL=url)["telegram"].by_webhook


def test_what_is_started_says_the_same_but_for_the_models(tmp_path: Path) -> None:
    plan = read_plan(environ={"HOME": str(tmp_path)}, cwd=written(tmp_path))
    before, after = tomllib.loads(FILE), tomllib.loads(plan.document)
    del before["models"], before["agents"][0]["model"]
    assert after == before
    assert tomllib.loads((tmp_path / "nightdesk.toml").read_text("utf-8")) == tomllib.loads(FILE)


def test_only_what_is_asked_for_is_tested(tmp_path: Path) -> None:
    assert list(plans(written(tmp_path), "telegram")) == ["telegram"]
    assert "it is slack, telegram or discord" in refusal(tmp_path, "irc")


def test_without_a_file_it_says_how_to_make_one(tmp_path: Path) -> None:
    assert "`nightdesk init` writes one" in refusal(tmp_path)


def test_a_file_that_names_no_platform_is_told_what_to_add(tmp_path: Path) -> None:
    said = refusal(written(tmp_path, '[[members]]\nname = "Ann"\nterminal = "ann"\n'))
    assert "names no chat platform" in said
    assert 'slack = "U0123ABCD"' in said


def test_a_platform_in_which_nobody_may_speak_is_told_what_to_add(tmp_path: Path) -> None:
    text = '[[channels]]\nplatform = "telegram"\nid = -1001234567890\n'
    assert "write `telegram = 123456789` under one of the [[members]]" in refusal(
        written(tmp_path, text)
    )
    assert "has nothing there for Slack" in refusal(tmp_path, "slack")


def test_a_file_that_cannot_be_used_is_refused_as_at_a_start(tmp_path: Path) -> None:
    assert "nightdesk.toml:1: tema: unknown key" in refusal(written(tmp_path, "[tema]\n"))


@pytest.mark.parametrize(
    ("event", "arguments", "host"),
    [
        ("socket.connect", (None, ("127.0.0.1", 80)), ""),
        ("socket.connect", (None, ("::1", 80, 0, 0)), ""),
        ("socket.connect", (None, "/run/a.sock"), ""),
        ("socket.connect", (None, ("192.0.2.1", 443)), "192.0.2.1"),
        ("socket.connect", (None, ("2001:db8::1", 443, 0, 0)), "2001:db8::1"),
        ("socket.sendto", (None, ("192.0.2.1", 53)), "192.0.2.1"),
        ("socket.sendmsg", (None, None), ""),
        ("socket.getaddrinfo", ("slack.com", 443, 0, 0, 0), "slack.com"),
        ("socket.getaddrinfo", (b"slack.com", 443, 0, 0, 0), "slack.com"),
        ("socket.getaddrinfo", ("localhost", 443, 0, 0, 0), ""),
        ("socket.getaddrinfo", (None, 443, 0, 0, 0), ""),
        ("socket.bind", (None, ("192.0.2.1", 80)), ""),
    ],
)
def test_the_guard_knows_what_leaves_the_machine(
    event: str, arguments: tuple[object, ...], host: str
) -> None:
    assert leads_out(event, arguments) == host


def test_the_guard_refuses_a_connection_of_the_loop_that_the_program_gets() -> None:
    code = (
        "import asyncio\n"
        "from bot.selftest import guard\n"
        "guard.install()\n"
        "try:\n"
        "    asyncio.run(asyncio.open_connection('192.0.2.1', 443))\n"
        "except PermissionError:\n"
        "    print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("refused\n", f"{SAID} 192.0.2.1\n")


def nightdesk(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call the program as a person does, who has nothing configured but a file in that folder."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=folder,
        env={"HOME": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_refuses_what_it_cannot_test_in_one_line(tmp_path: Path) -> None:
    done = nightdesk(written(tmp_path, '[[members]]\nname = "Ann"\n'), "selftest")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("nightdesk: ")
    assert "names no chat platform" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_explains_itself_with_examples(tmp_path: Path) -> None:
    done = nightdesk(tmp_path, "selftest", "--help")
    assert done.returncode == 0
    assert "Nothing real is reached" in " ".join(done.stdout.split())
    assert "nightdesk selftest --platform slack --no-crash" in " ".join(done.stdout.split())
