"""The command line: what it starts, what it says, and what it ends with."""

import errno
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from bot import program
from bot.commandline import app
from bot.environ import load_settings
from bot.observability import Destination
from bot.role import Role
from bot.settings import Settings
from runtime.errors import (
    ConfigurationError,
    DataFolderInUse,
    NightdeskError,
    Refused,
    StorageDamaged,
)

CANARY = "xoxb-1-canary"
ANN = '[[members]]\nname = "Ann"\nrole = "owner"\nterminal = "you"'
Live = Callable[[Settings, Role], Awaitable[int]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where nothing is set up; commands run in its home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> Callable[[Live], None]:
    """Puts a process of the test's own in the place of the real one."""

    def put(live: Live) -> None:
        monkeypatch.setitem(sys.modules, "bot.running.lifecycle", SimpleNamespace(run=live))

    return put


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def raising(error: BaseException) -> Live:
    async def live(settings: Settings, role: Role, **_: object) -> int:
        raise error

    return live


def data(home: Path) -> Path:
    return home / ".local/share/nightdesk"


# ---------------------------------------------------------------------------------- processes


@pytest.mark.parametrize(
    ("arguments", "role", "terminal"),
    [
        (["run"], Role.ALL, True),
        (["run", "--no-terminal"], Role.ALL, False),
        (["web"], Role.WEB, False),
        (["worker"], Role.WORKER, False),
        (["clock"], Role.CLOCK, False),
    ],
)
def test_each_command_runs_its_role_and_ends_as_it_does(
    home: Path,
    lives: Callable[[Live], None],
    arguments: list[str],
    role: Role,
    terminal: bool,
) -> None:
    lived: list[tuple[Role, bool]] = []

    async def live(settings: Settings, role: Role, **_: object) -> int:
        lived.append((role, settings.terminal))
        assert settings.data_dir.is_dir()
        return 3

    lives(live)
    (home / "nightdesk.toml").write_text(ANN)
    assert call(*arguments).exit_code == 3
    assert lived == [(role, terminal)]


def test_the_first_run_writes_the_file_and_says_so_the_second_does_not(
    home: Path, lives: Callable[[Live], None]
) -> None:
    teams: list[str] = []

    async def live(settings: Settings, role: Role, **_: object) -> int:
        teams.append(settings.team.zone)
        return 0

    lives(live)
    first, second = call("run"), call("run")
    path = data(home) / "nightdesk.toml"
    assert first.stderr == f"Wrote {path}: your team, channels and agents.\n"
    assert second.stderr == ""
    assert teams == ["Europe/Berlin", "Europe/Berlin"]
    assert path.read_text().startswith("# What your team decides")


@pytest.mark.parametrize("command", ["web", "worker", "clock"])
def test_a_process_beside_others_expects_the_file(home: Path, command: str) -> None:
    result = call(command)
    assert result.exit_code == 2
    assert f"there is no {data(home)}/nightdesk.toml. `nightdesk init` writes one" in result.stderr
    assert not data(home).exists()


@pytest.mark.parametrize(
    ("stdin", "terminal", "role", "members", "destination"),
    [
        (True, True, Role.ALL, 'terminal = "you"', Destination.FILE),
        (False, True, Role.ALL, 'terminal = "you"', Destination.FILE_AND_WARNINGS),
        (True, False, Role.ALL, 'terminal = "you"', Destination.STDERR),
        (True, True, Role.ALL, 'role = "owner"', Destination.STDERR),
        (True, False, Role.WEB, 'terminal = "you"', Destination.STDERR),
    ],
)
def test_the_log_keeps_off_the_screen_of_the_terminal_chat(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    stdin: bool,
    terminal: bool,
    role: Role,
    members: str,
    destination: Destination,
) -> None:
    (home / "nightdesk.toml").write_text(f'[[members]]\nname = "Ana"\n{members}\n')
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: stdin, fileno=lambda: -1))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: True))
    this = program.Program()
    settings = this.load_to_run(role, terminal=terminal)
    assert program.destination(settings, role) is destination


# --------------------------------------------------------------------------------- refusals


def test_a_configuration_that_cannot_be_used_is_told_whole_with_code_2(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "nightdesk.toml").write_text('[team]\nnane = "x"\ntimezone = "Mars"\n')
    monkeypatch.setenv("NIGHTDESK_HTTP__PORT", "x")
    result = call("run")
    assert result.exit_code == 2
    assert result.stderr == (
        "nightdesk cannot go on:\n"
        '  NIGHTDESK_HTTP__PORT = "x": write a whole number from 0 to 65535\n'
        "  nightdesk.toml:2: team.nane: unknown key: did you mean name?\n"
        '  nightdesk.toml:3: team.timezone = "Mars": there is no such time zone: a time zone is '
        'written as "Europe/Berlin" or "America/New_York"; "UTC" works too\n'
    )
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DataFolderInUse("process 7 uses it"), 2, "nightdesk: process 7 uses it\n"),
        (StorageDamaged("broken"), 1, "nightdesk: broken\n"),
        (StorageDamaged("broken\n\tin two places"), 1, "nightdesk: broken\n  in two places\n"),
        (Refused("No.", hint="Try this."), 1, "nightdesk: No. Try this.\n"),
        (
            ExceptionGroup(
                "two", [NightdeskError("one"), ExceptionGroup("", [NightdeskError("two")])]
            ),
            1,
            "nightdesk cannot go on:\n  one\n  two\n",
        ),
        (ExceptionGroup("", [ConfigurationError("no token")]), 2, "nightdesk: no token\n"),
    ],
)
def test_what_was_expected_to_go_wrong_is_one_clear_message(
    home: Path, lives: Callable[[Live], None], error: Exception, code: int, said: str
) -> None:
    (home / "nightdesk.toml").write_text("")
    lives(raising(error))
    result = call("web")
    assert (result.exit_code, result.stderr) == (code, said)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_wherever_it_comes_from(
    home: Path, lives: Callable[[Live], None], code: int
) -> None:
    (home / "nightdesk.toml").write_text("")
    lives(raising(ExceptionGroup("", [OSError(code, "No space left", "/data/nightdesk.lock")])))
    result = call("web")
    said = "the disk is full (/data/nightdesk.lock). Make room, then start again."
    assert (result.exit_code, result.stderr) == (1, f"nightdesk: {said}\n")


def test_a_file_of_somebody_elses_is_named(home: Path, lives: Callable[[Live], None]) -> None:
    (home / "nightdesk.toml").write_text("")
    lives(raising(PermissionError(errno.EACCES, "Permission denied", "/data/nightdesk.db")))
    result = call("web")
    said = "/data/nightdesk.db cannot be used: Permission denied. Let this user read and write it."
    assert (result.exit_code, result.stderr) == (2, f"nightdesk: {said}\n")


def test_no_message_carries_a_secret(
    home: Path, lives: Callable[[Live], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_SLACK__BOT_TOKEN", CANARY)
    monkeypatch.setenv("NIGHTDESK_SLACK__SIGNING_SECRET", "canarycanarycanarycanarycanary00")
    (home / "nightdesk.toml").write_text("")
    lives(raising(NightdeskError(f"refused: {CANARY} canarycanarycanarycanarycanary00")))
    assert call("web").stderr == "nightdesk: refused: [hidden] [hidden]\n"


@pytest.mark.parametrize(
    "error", [ValueError("broken"), ExceptionGroup("", [NightdeskError("x"), KeyError("broken")])]
)
def test_what_nobody_expected_is_a_reference_to_the_log_and_no_stack_trace(
    home: Path,
    lives: Callable[[Live], None],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    monkeypatch.setenv("NIGHTDESK_MODEL", "openai/gpt-4.1-mini")
    monkeypatch.setenv("NIGHTDESK_MODEL_API_KEY", "canary-key")
    error.add_note("canary-key")
    (home / "nightdesk.toml").write_text("")
    lives(raising(error))
    result = call("web")
    assert result.exit_code == 70
    file = data(home) / "nightdesk.log"
    told = re.fullmatch(
        rf"nightdesk: .* The details are in {file}, reference ([0-9a-f]{{8}})\.\n", result.stderr
    )
    assert told
    [line] = [json.loads(line) for line in file.read_text().splitlines()]
    assert (line["event"], line["reference"]) == ("process.crashed", told[1])
    assert "broken" in line["exception"]
    assert "canary" not in file.read_text()


def test_a_mistake_before_there_is_a_data_folder_is_kept_as_well(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Settings:
        raise ValueError("broken")

    monkeypatch.setattr(program, "load_settings", broken)
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    result = call("status")
    assert result.exit_code == 70
    assert "broken" in (home / f"nightdesk-{os.getuid()}.log").read_text()


def test_a_mistake_is_kept_elsewhere_where_the_log_file_cannot_be_written(
    home: Path, lives: Callable[[Live], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "nightdesk.toml").write_text("")
    (data(home) / "nightdesk.log").mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    lives(raising(ValueError("broken")))
    result = call("web")
    assert (result.exit_code, "Traceback" in result.stderr) == (70, False)
    assert f"The details are in {home}/nightdesk-{os.getuid()}.log" in result.stderr
    assert "broken" in (home / f"nightdesk-{os.getuid()}.log").read_text()


def test_a_data_folder_that_cannot_be_made_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "nightdesk.toml").write_text("")
    (home / "file").write_text("")
    monkeypatch.setenv("NIGHTDESK_DATA_DIR", str(home / "file"))
    result = call("run")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"nightdesk: the data folder {home}/file cannot be made: ")


# ---------------------------------------------------------------------------------- commands


def test_init_writes_a_file_that_loads_and_never_overwrites_one(home: Path) -> None:
    path = data(home) / "nightdesk.toml"
    assert call("init").stdout == f"Wrote {path}. Edit it, then check it with `nightdesk doctor`.\n"
    assert load_settings({"HOME": str(home)}, cwd=home).config_found
    path.write_text("# ours\n")
    again = call("init")
    assert (again.exit_code, path.read_text()) == (2, "# ours\n")
    assert "is there already and was left as it is" in again.stderr
    forced = call("init", "--force")
    assert f"The earlier file is now {path}.bak." in forced.stdout
    assert path.with_name("nightdesk.toml.bak").read_text() == "# ours\n"


def test_init_here(home: Path) -> None:
    assert call("init", "--here").exit_code == 0
    assert load_settings({"HOME": str(home)}, cwd=home).config_path == home / "nightdesk.toml"


def test_version_names_what_it_runs_on(home: Path) -> None:
    assert re.fullmatch(
        r"nightdesk \d+\.\d+\.\d+ \(Python [\d.]+, SQLite [\d.]+\)\n", call("version").stdout
    )
    assert call("--version").stdout == call("version").stdout


def test_the_manifest_is_for_the_address_that_is_given(home: Path) -> None:
    given = call("slack", "manifest", "--url", "https://desk.example.org/")
    assert given.stderr == ""
    settings = json.loads(given.stdout)["settings"]
    url = settings["event_subscriptions"]["request_url"]
    assert url == "https://desk.example.org/slack/events"


def test_without_an_address_the_manifest_is_for_sockets_and_says_so(home: Path) -> None:
    made = call("slack", "manifest")
    assert json.loads(made.stdout)["settings"]["socket_mode_enabled"] is True
    assert "--url is for webhooks" in made.stderr
    assert call("slack", "manifest", "--socket").stdout == made.stdout


def test_the_manifest_is_for_the_transport_that_is_configured(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_SLACK__BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("NIGHTDESK_SLACK__SIGNING_SECRET", "0123456789abcdef0123456789abcdef")
    example = call("slack", "manifest")
    assert json.loads(example.stdout)["settings"]["socket_mode_enabled"] is False
    assert "Put your own address in the place of https://nightdesk.example.com" in example.stderr
    asked = call("slack", "manifest", "--socket")
    assert json.loads(asked.stdout)["settings"]["socket_mode_enabled"] is True
    monkeypatch.delenv("NIGHTDESK_SLACK__SIGNING_SECRET")
    monkeypatch.setenv("NIGHTDESK_SLACK__APP_TOKEN", "xapp-1")
    by_socket = call("slack", "manifest")
    assert json.loads(by_socket.stdout)["settings"]["socket_mode_enabled"] is True


def test_a_manifest_is_for_the_transport_that_is_meant_where_the_settings_are_wrong(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_SLACK__SIGNING_SECRET", "mistyped")
    made = call("slack", "manifest")
    assert json.loads(made.stdout)["settings"]["socket_mode_enabled"] is False
    assert "Put your own address in the place of https://nightdesk.example.com" in made.stderr


def test_a_manifest_for_both_transports_is_refused(home: Path) -> None:
    refused = call("slack", "manifest", "--url", "https://desk.example.org/", "--socket")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == (
        "nightdesk: --url is for webhooks, --socket for Socket Mode: use one.\n"
    )


def test_a_manifest_for_an_address_that_slack_cannot_reach_is_refused(home: Path) -> None:
    refused = call("slack", "manifest", "--url", "http://localhost")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("nightdesk: Slack cannot post to 'http://localhost'")


def test_migrate_makes_the_tables(home: Path) -> None:
    assert call("migrate").stdout == "The database is up to date.\n"
    assert (data(home) / "nightdesk.db").exists()
    assert call("migrate").exit_code == 0


def test_doctor_ends_with_1_where_something_is_wrong(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HTTP__PORT", "0")
    well = call("doctor")
    assert (well.exit_code, well.stderr) == (0, "")
    assert well.stdout.startswith("ok       python")
    (home / "nightdesk.toml").write_text("[teem]\n")
    ill = call("doctor", "--json")
    assert ill.exit_code == 1
    assert json.loads(ill.stdout)["ok"] is False


def test_status_before_anything_ran(home: Path) -> None:
    assert call("status").stdout.startswith("Running    nothing\n")
    assert json.loads(call("status", "--json").stdout)["processes"] == []


def test_an_unknown_command_names_the_nearest(home: Path) -> None:
    result = call("docter")
    assert result.exit_code == 2
    assert "Did you mean 'doctor'?" in result.stderr


# ------------------------------------------------------------------------- the real program


def test_help_answers_without_loading_what_commands_need() -> None:
    code = (
        "import sys\nfrom bot.commandline import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'structlog', 'sqlalchemy', 'aiohttp', 'asyncio', 'bot.settings'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    commands = ["run", "web", "worker", "clock", "migrate", "doctor", "status", "init", "slack"]
    for command in commands:
        assert f" {command} " in done.stdout


def test_a_command_without_a_log_prints_no_line_of_a_library() -> None:
    code = (
        "import logging\nfrom bot.program import supervised\n"
        "with supervised(): logging.getLogger('library').warning('of no use')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_as_a_module_and_with_a_reader_that_leaves_early(home: Path) -> None:
    reader = f"{sys.executable} -m bot doctor --json | head -c 1"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        ["bash", "-c", f"cd {root} && {reader}"], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("{", "")
