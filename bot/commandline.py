"""The command line of `nightdesk`, as people see it.

What a command needs is imported inside it, so that `nightdesk --help` answers at once.
"""

# ruff: noqa: PLC0415 - imports inside commands are the point of this module
from pathlib import Path
from typing import Annotated

import typer

from bot.role import Role
from bot.running.start import work

app = typer.Typer(
    name="nightdesk",
    help="Talk to your team's autonomous agents, and oversee them.",
    epilog="Nothing has to be set up first: try `nightdesk run`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

slack = typer.Typer(help="Connect Slack.", no_args_is_help=True)
discord = typer.Typer(help="Connect Discord.", no_args_is_help=True)
outbox = typer.Typer(
    help="See what could not be delivered, and send it again or drop it.", no_args_is_help=True
)
audit = typer.Typer(help="See who did what, and whether that log is whole.", no_args_is_help=True)

_WORK = "Work"
_LOOK = "Look and set up"

app.add_typer(slack, name="slack", rich_help_panel=_LOOK)
app.add_typer(discord, name="discord", rich_help_panel=_LOOK)
app.add_typer(outbox, name="outbox", rich_help_panel=_LOOK)
app.add_typer(audit, name="audit", rich_help_panel=_LOOK)


_SELFTEST_EXAMPLES = (
    "Examples: `nightdesk selftest`, `nightdesk selftest --platform slack --no-crash`, "
    "`nightdesk selftest --messages 200 --seconds 60 --json`. docs/selftest.md explains the table."
)
_EXAMPLE_URL = "https://nightdesk.example.com"

Letter = Annotated[str, typer.Argument(metavar="ID", help="As `nightdesk outbox list` shows it.")]
Sure = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]
Heads = Annotated[
    list[str] | None,
    typer.Option("--head", metavar="N:HASH", help="Where it ended, as you noted it elsewhere."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for machines.")]


@app.command(rich_help_panel=_WORK)
def run(
    no_terminal: Annotated[
        bool, typer.Option("--no-terminal", help="Without the terminal chat, as a service.")
    ] = False,
) -> None:
    """Do everything in one process, with the terminal chat. The first start needs no set-up.

    Where standard input is no terminal, each of its lines is a message, and the
    program ends when the last is answered. Where it is closed, or with
    --no-terminal, it runs as a service until SIGTERM.
    """
    work(Role.ALL, terminal=not no_terminal)


@app.command(rich_help_panel=_WORK)
def web() -> None:
    """Receive events and deliver messages; one of several processes over Postgres."""
    work(Role.WEB)


@app.command(rich_help_panel=_WORK)
def worker() -> None:
    """Run turns and scheduled work; one of several processes over Postgres."""
    work(Role.WORKER)


@app.command(rich_help_panel=_WORK)
def clock() -> None:
    """Fire schedules; one of several processes over Postgres."""
    work(Role.CLOCK)


@app.command(rich_help_panel=_WORK)
def stop() -> None:
    """Stop everything that agents do, whatever the processes on this machine are doing just now."""
    from bot import stopfile
    from bot.program import complete, say, supervised

    with supervised() as program:
        from runtime.clock import SystemClock

        path = program.load().data_dir / stopfile.NAME
        stopfile.write(path)
        if complete(stopfile.taken_up(path, SystemClock())):
            typer.echo("Everything is stopped. `/resume everything`, in a chat, lets it go on.")
            return
        say(
            "Nightdesk did not take that up, so it does not run, or does not listen to anything.",
            f"The stop holds from its next start on. To take it back before that, remove {path}.",
        )
        raise SystemExit(1)


@app.command(rich_help_panel=_LOOK)
def init(
    here: Annotated[
        bool, typer.Option("--here", help="In this folder; else where it is looked for.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace one that is there; a copy is kept.")
    ] = False,
) -> None:
    """Write a commented nightdesk.toml to begin with."""
    from bot.environ import find_config, write_first_config
    from bot.program import supervised
    from bot.settings import FILE_NAME

    with supervised():
        path = Path.cwd() / FILE_NAME if here else find_config()
        copy = write_first_config(path, replace=force)
        if copy is not None:
            typer.echo(f"The earlier file is now {copy}.")
        typer.echo(f"Wrote {path}. Edit it, then check it with `nightdesk doctor`.")


@app.command(rich_help_panel=_LOOK)
def doctor(as_json: AsJson = False) -> None:
    """Check everything from the ground up, and say the one thing to do about each."""
    from bot.diagnosis import healthy
    from bot.doctor.examination import examine, in_words, to_json
    from bot.program import complete, supervised

    with supervised():
        findings = complete(examine())
        typer.echo(to_json(findings) if as_json else in_words(findings))
        raise SystemExit(0 if healthy(findings) else 1)


@app.command(rich_help_panel=_LOOK, epilog=_SELFTEST_EXAMPLES)
def selftest(
    platform: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="slack, telegram or discord; else all of your file."),
    ] = None,
    messages: Annotated[int, typer.Option(min=1, max=2000, help="Messages on each platform.")] = 30,
    seconds: Annotated[
        int, typer.Option(min=2, max=3600, help="Seconds over which they are said.")
    ] = 12,
    crash: Annotated[
        bool, typer.Option("--crash/--no-crash", help="Kill the program in the middle (kill -9).")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Run your own configuration against fake platforms, and count what goes wrong.

    Your members talk with your agents in your channels while deliveries repeat,
    answers get lost, connections break and the program is killed. Nothing real is
    reached, nothing is paid for, and nothing of yours is changed. Ends with 1
    where something was lost, doubled or misplaced.
    """
    from bot.program import complete, supervised

    with supervised():
        from bot.selftest.plan import read_plan
        from bot.selftest.rehearsal import Load, rehearse
        from bot.selftest.report import passed, print_table, progress, to_json

        plan = read_plan(platform or [])
        load = Load(messages=messages, seconds=seconds, crash=crash)
        with progress(shown=not as_json) as tell:
            result = complete(rehearse(plan, load, tell=tell))
        if as_json:
            typer.echo(to_json(result))
        else:
            print_table(result)
        raise SystemExit(0 if passed(result) else 1)


@app.command(rich_help_panel=_LOOK)
def status(as_json: AsJson = False) -> None:
    """Show what runs, what comes next and what waits."""
    from bot.program import complete, supervised
    from bot.status import in_words, read_status, to_json

    with supervised() as program:
        found = complete(read_status(program.load()))
        typer.echo(to_json(found) if as_json else in_words(found))


@app.command(rich_help_panel=_LOOK)
def migrate() -> None:
    """Bring the database up to date."""
    from bot.program import complete, supervised

    with supervised() as program:
        from adapters.sql.store import migrate as bring_up_to_date
        from runtime.clock import SystemClock

        settings = program.load()
        complete(
            bring_up_to_date(
                settings.database_url,
                data_dir=settings.data_dir,
                clock=SystemClock(),
                currency=settings.team.budget.currency,
            )
        )
        typer.echo("The database is up to date.")


@app.command(rich_help_panel=_LOOK)
def version() -> None:
    """Show the version, and what it runs on."""
    import platform
    import sqlite3
    from importlib.metadata import version as version_of

    python = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    typer.echo(f"nightdesk {version_of('nightdesk')} ({python})")


def _show_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


@app.callback()
def nightdesk(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Talk to your team's autonomous agents, and oversee them."""


@discord.command()
def sync(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether they differ; then the exit code is 1.")
    ] = False,
) -> None:
    """Give Discord this version's commands, where it has others."""
    from bot.program import complete, say, supervised

    with supervised() as program:
        from bot.platforms.discord import synchronise_commands
        from runtime.clock import SystemClock

        settings = program.load()
        differ = complete(synchronise_commands(settings, SystemClock(), check=check))
        if not differ:
            say("Discord has the commands of this version already.")
        elif check:
            say("Discord has other commands than this version: run `nightdesk discord sync`.")
            raise SystemExit(1)
        else:
            say("Discord has the commands of this version now; people see them within a minute.")


@discord.command()
def invite() -> None:
    """Print the address at which an administrator lets the bot into a server."""
    from bot.program import complete, supervised

    with supervised() as program:
        from bot.platforms.discord import address_to_invite
        from runtime.clock import SystemClock

        typer.echo(complete(address_to_invite(program.load(), SystemClock())))


@slack.command()
def manifest(
    url: Annotated[
        str, typer.Option(help="Where Slack reaches this Nightdesk from outside, for webhooks.")
    ] = "",
    socket: Annotated[
        bool, typer.Option("--socket", help="For Socket Mode, which needs no public address.")
    ] = False,
) -> None:
    """Print the manifest to create the Slack app from, in JSON.

    Without an option it is for the transport that is configured; for Socket Mode where none is.
    """
    import json

    from bot.environ import slack_by_webhook
    from bot.program import say, supervised

    with supervised():
        from adapters.slack.manifest import manifest as manifest_of
        from runtime.errors import ConfigurationError

        if url and socket:
            raise ConfigurationError("--url is for webhooks, --socket for Socket Mode: use one.")
        if not socket and (url or slack_by_webhook()):
            typer.echo(json.dumps(manifest_of(url or _EXAMPLE_URL), indent=2))
            if not url:
                say(f"Put your own address in the place of {_EXAMPLE_URL}, or use --url.")
        else:
            typer.echo(json.dumps(manifest_of("", "socket"), indent=2))
            say("This is for Socket Mode, which needs no public address; --url is for webhooks.")


@outbox.command("list")
def list_outbox(
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 10,
) -> None:
    """Show the messages that could not be delivered, the latest first."""
    from bot.deadletters import OutboxDesk, in_words, to_json
    from bot.program import complete, supervised

    with supervised() as program:
        letters = complete(OutboxDesk(program.load()).latest(limit))
        typer.echo(to_json(letters) if as_json else in_words(letters))


@outbox.command()
def retry(letter: Letter, sure: Sure = False) -> None:
    """Send one again, as if it had been written now; a running desk does so within a minute.

    Where the reason says that nobody can tell whether it was sent, it may arrive twice.
    """
    _decide(letter, "" if sure else f"Send {letter} again?", again=True)
    typer.echo(f"{letter} waits to be sent.")


@outbox.command()
def drop(letter: Letter, sure: Sure = False) -> None:
    """Delete one for good, unsent."""
    _decide(letter, "" if sure else f"Delete {letter} for good?", again=False)
    typer.echo(f"{letter} is gone.")


def _decide(letter: str, question: str, *, again: bool) -> None:
    """Send a dead letter again or drop it, once a person said yes to the question, if any."""
    from bot.deadletters import OutboxDesk
    from bot.program import complete, supervised

    if question:
        with supervised() as program:
            complete(OutboxDesk(program.load()).check(letter))
        typer.confirm(question, abort=True, err=True)
    with supervised() as program:
        desk = OutboxDesk(program.load())
        complete(desk.retry(letter) if again else desk.drop(letter))


@audit.command("show")
def show_audit(
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="30m, 24h, 7d, or a date: 2026-11-21T08:30.")
    ] = "",
    kind: Annotated[
        str, typer.Option(metavar="KIND", help="Such as approval, or tool.refused.")
    ] = "",
    actor: Annotated[
        str, typer.Option(metavar="WHO", help="A member, an agent, system, or shell.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The latest of them.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show who did what, oldest first, and where the log ends: note that elsewhere."""
    from bot.audit import AuditDesk, in_words, to_json
    from bot.program import ExitCode, complete, supervised

    with supervised(failed=ExitCode.CONFIGURATION) as program:
        desk = AuditDesk(program.load())
        shown = complete(desk.show(since=since, kind=kind, actor=actor, limit=limit))
        typer.echo(to_json(shown) if as_json else in_words(shown))


@audit.command("verify")
def verify_audit(head: Heads = None, as_json: AsJson = False) -> None:
    """Walk the whole log, and say where it was tampered with first.

    Ends with 1 where it was, and with 2 where it could not look.

    That nothing was cut from its end, or all of it written anew, only shows with --head.
    """
    from bot.audit import AuditDesk, found_in_json, found_in_words
    from bot.program import ExitCode, complete, supervised

    with supervised(failed=ExitCode.CONFIGURATION) as program:
        checked = complete(AuditDesk(program.load()).verify(head or ()))
        typer.echo(found_in_json(checked) if as_json else found_in_words(checked))
        raise SystemExit(0 if checked.broken is None else 1)
