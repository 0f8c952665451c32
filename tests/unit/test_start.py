"""What a process that works loads, the child that reads its settings, and who may chat."""

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from bot.apart import apart
from bot.program import Program
from bot.role import Role

ROOT = Path(__file__).parents[2]


def program(text: str) -> str:
    """What a program prints; in a process of its own, for the test's may have other threads."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_process_that_works_loads_nothing_that_its_start_does_not_need() -> None:
    loaded = program("""
        import importlib, sys
        for name in ("bot.cli", "bot.program", "bot.running.lifecycle", "bot.platforms.slack"):
            importlib.import_module(name)
        print(" ".join(sorted({
            "PIL",              # when a picture is drawn
            "adapters.models.dialogue",  # when the offline assistant is asked
            "adapters.models.litellm",   # where a model is reached through LiteLLM
            "adapters.timing.moments",   # when somebody writes a time
            "adapters.timing.phrases",   # the same
            "adapters.terminal.listener",  # where a person or a script chats at the terminal
            "alembic",          # when a migration is due
            "bot.selftest",     # when the self-test runs
            "dateparser",       # when somebody writes a time
            "dbos",             # when a run is started
            "difflib",          # when somebody writes a word wrong
            "greenlet",         # on Postgres
            "httpx",            # with Telegram, or when a model is called
            "litellm",          # when a model is called
            "markdown_it",      # when a message is shown
            "prompt_toolkit",   # when a person sits at the terminal
            "psycopg",          # on Postgres
            "pydantic",         # in the child that reads the settings
            "rich",             # when a person sits at the terminal
            "sqlalchemy.dialects.postgresql",
            "slack_bolt",       # where Slack is heard over sockets
            "slack_sdk.socket_mode",
            "sqlalchemy.orm",
            "statistics",
            "structlog",        # when a person reads the log
            "telegram",         # with Telegram
            "typer",            # when a command line has to be read
        } & set(sys.modules))))
    """)
    assert loaded == ""


def test_telegram_and_discord_load_no_part_of_their_libraries_that_is_not_used() -> None:
    loaded = program("""
        import sys
        import bot.platforms.telegram, bot.platforms.discord
        print(" ".join(sorted({
            "click",
            "cryptography",     # with the first request in the form of Discord's
            "discord",          # when the gateway is listened at
            "h2",               # for HTTP/2
            "pygments",
            "rich",             # with httpx's command line
            "telegram.ext",     # the framework; the bot and its types are in `telegram`
            "tornado",
        } & set(sys.modules))))
    """)
    assert loaded == ""


def test_discord_alone_loads_what_checks_signatures_with_the_first_one() -> None:
    loaded = program("""
        import sys
        import bot.platforms.discord
        print(" ".join(sorted({"cryptography", "discord"} & set(sys.modules))))
    """)
    assert loaded == ""


def test_signatures_can_be_checked_after_telegram_was_loaded_without_what_checks_them() -> None:
    # RFC 8032, section 7.1, test 1: the empty message.
    assert (
        program("""
            import bot.platforms.telegram
            from gateway.verify.ed25519 import signed_by

            key = bytes.fromhex(
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
            )
            signature = bytes.fromhex(
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
                "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            )
            print(signed_by(key, signature, b""), signed_by(key, signature, b"x"))
        """)
        == "True False"
    )


def test_http_2_is_there_for_who_asks_for_it_after_telegram_was_loaded_without() -> None:
    # LiteLLM does, where it is told so by a variable of its own.
    assert (
        program("""
            import importlib
            import adapters.telegram
            import httpx

            httpx.AsyncClient(http2=True)
            print(importlib.import_module("httpcore._async.http2").AsyncHTTP2Connection.__name__)
        """)
        == "AsyncHTTP2Connection"
    )


def test_what_was_loaded_before_telegram_stays_loaded() -> None:
    assert (
        program("""
            import sys
            import cryptography
            import adapters.telegram, telegram
            print(sys.modules["cryptography"] is cryptography)
        """)
        == "True"
    )


def test_a_library_of_telegram_that_cannot_be_loaded_hides_nothing_else() -> None:
    assert (
        program("""
            import sys

            sys.modules["telegram"] = None
            try:
                import adapters.telegram
            except ImportError:
                print("cryptography" in sys.modules)
        """)
        == "False"
    )


def test_a_start_reads_the_certificates_of_the_system_once() -> None:
    told = program("""
        import asyncio, gc, ssl

        before = ssl.create_default_context, ssl.SSLContext.set_default_verify_paths
        import bot.cli, bot.program
        from bot.running import start

        gc.disable()
        start._import_the_rest()
        gc.unfreeze()
        import aiohttp
        from bot.certificates import checking
        from bot.platforms.telegram import open_telegram
        from bot.settings import Secret, TelegramSettings
        from runtime.clock import SystemClock

        ME = b'{"ok": true, "result": {"id": 1, "is_bot": true, "first_name": "Desk"}}'

        async def answer(reader, writer):
            await reader.readuntil(b"\\r\\n\\r\\n")
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(ME) + ME)
            await writer.drain()
            writer.close()

        async def work():
            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            host, port = server.sockets[0].getsockname()
            settings = TelegramSettings(
                bot_token=Secret("1:x"), webhook_secret=None, previous_webhook_secret=None,
                webhook_url=None, base_url=f"http://{host}:{port}",
            )
            async with server, open_telegram(
                settings, SystemClock(), team=None, positions=None, read_file=None
            ) as opened:
                assert (await opened.look()).detail == "connected as @"
                return [one for one in gc.get_objects() if isinstance(one, ssl.SSLContext)]

        made = asyncio.run(work())
        print(aiohttp.connector._SSL_CONTEXT_VERIFIED is checking())
        print(before == (ssl.create_default_context, ssl.SSLContext.set_default_verify_paths))
        for one in made:
            print(one is checking(), one.check_hostname, one.verify_mode.name, end=" ")
            trusted = len(ssl.create_default_context().get_ca_certs()) if one is checking() else 0
            print(len(one.get_ca_certs()) == trusted)
    """)
    is_aiohttps, restored, *contexts = told.splitlines()
    assert (is_aiohttps, restored) == ("True", "True")
    assert sorted(contexts) == ["False False CERT_NONE True", "True True CERT_REQUIRED True"]


def test_aiohttp_that_is_there_already_is_left_as_it_is() -> None:
    assert (
        program("""
            import aiohttp, ssl
            from bot.certificates import checking, load_aiohttp

            load_aiohttp()
            print(checking.cache_info().currsize)
        """)
        == "0"
    )


def test_work_is_done_in_a_child_and_its_result_comes_back() -> None:
    assert (
        program("""
            import os, sys
            from bot.apart import apart

            def work():
                import decimal
                return os.getpid(), {"a": [1]}

            process, value = apart(work)()
            print(process != os.getpid(), value, "decimal" in sys.modules)
        """)
        == "True {'a': [1]} False"
    )


def test_what_is_wrong_comes_back_as_the_error_that_it_is() -> None:
    assert (
        program("""
            from bot.apart import apart
            from runtime.errors import ConfigurationError

            def work():
                raise ConfigurationError("line one\\nline two")

            try:
                apart(work)()
            except ConfigurationError as error:
                print(error)
        """)
        == "line one\nline two"
    )


def test_work_whose_child_dies_is_done_here() -> None:
    assert (
        program("""
            import os
            from bot.apart import apart

            here = os.getpid()

            def work():
                if os.getpid() != here:
                    os.kill(os.getpid(), 9)
                return "done here"

            print(apart(work)())
        """)
        == "done here"
    )


def test_a_mistake_of_ours_is_raised_where_it_can_be_told() -> None:
    assert (
        program("""
            from bot.apart import apart

            try:
                apart(lambda: {}["missing"])()
            except KeyError as error:
                print(error.__traceback__ is not None)
        """)
        == "True"
    )


def test_beside_other_threads_work_is_done_here() -> None:
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    try:
        assert apart(threading.current_thread)() is threading.current_thread()
    finally:
        stop.set()
        other.join()


def test_input_that_nobody_says_is_refused_and_not_left_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nightdesk.toml").write_text("")
    monkeypatch.setenv("NIGHTDESK_CONFIG", str(tmp_path / "nightdesk.toml"))
    monkeypatch.setenv("NIGHTDESK_DATA_DIR", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-m", "bot", "run"],
        input="hello\n",
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"nightdesk: standard input is to be read as messages, but no member of "
        f"{tmp_path}/nightdesk.toml has a name at the terminal, so they would be nobody's. To chat "
        'here, write terminal = "you" under one of the [[members]]. To run as a service, which '
        "reads no input: `nightdesk run --no-terminal`.\n"
    )


@pytest.mark.parametrize("asked", [True, False])
def test_without_input_and_without_a_member_it_is_a_service_and_says_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    asked: bool,
) -> None:
    (tmp_path / "nightdesk.toml").write_text("")
    monkeypatch.setenv("NIGHTDESK_CONFIG", str(tmp_path / "nightdesk.toml"))
    monkeypatch.setenv("NIGHTDESK_DATA_DIR", str(tmp_path))
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        settings = Program().load_to_run(Role.ALL, terminal=asked)
    assert not settings.terminal
    said = (
        f"There is no chat here, for no member of {tmp_path}/nightdesk.toml has a name at the "
        "terminal: this runs as a service.\n"
        'To chat here, write terminal = "you" under one of the [[members]]; '
        "`nightdesk run --no-terminal` says that a service is meant.\n"
    )
    assert capsys.readouterr().err == (said if asked else "")


def test_a_closed_standard_input_is_a_service_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIGHTDESK_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", None)
    assert not Program().load_to_run(Role.ALL, terminal=True).terminal
    said = capsys.readouterr().err
    assert "Standard input is closed, so there is no chat here: this runs as a service." in said
    assert "`nightdesk run --no-terminal` says that a service is meant." in said


def test_a_start_on_dev_null_says_why_it_ends_and_what_a_service_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIGHTDESK_DATA_DIR", str(tmp_path))
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        assert Program().load_to_run(Role.ALL, terminal=True).terminal
    said = capsys.readouterr().err
    assert "Standard input has no messages to read (/dev/null), so this ends.\n" in said
    assert "To run as a service, which reads no input: `nightdesk run --no-terminal`." in said


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_standard_stream_that_is_closed_is_held_so_that_nothing_else_takes_its_number(
    closed: int,
) -> None:
    code = (
        f"import os; os.close({closed})\n"
        "from bot.cli import hold_standard_streams\n"
        "hold_standard_streams()\n"
        f"same = os.path.samestat(os.fstat({closed}), os.stat(os.devnull))\n"
        "other = os.open(os.devnull, os.O_RDONLY)\n"
        "os._exit(0 if same and other > 2 else 1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=90)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("closed", "errors"), [(">&-", ""), ("2>&-", None), (">&- 2>&-", None)], ids=["1", "2", "1+2"]
)
def test_the_program_runs_where_its_output_is_closed(
    tmp_path: Path, closed: str, errors: str | None
) -> None:
    (tmp_path / "nightdesk.toml").write_text('[[members]]\nname = "Ann"\nterminal = "ann"\n')
    environ = {
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "NIGHTDESK_CONFIG": str(tmp_path / "nightdesk.toml"),
        "NIGHTDESK_DATA_DIR": str(tmp_path),
        "NIGHTDESK_HTTP__PORT": "0",
    }
    done = subprocess.run(
        ["bash", "-c", f"printf '/status\\n' | {sys.executable} -m bot run {closed}"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    if errors is not None:
        assert done.stderr == errors
