"""`nightdesk doctor`: every layer from the ground up, and the one thing to do about each.

It reads only, and works beside a running process.
"""

import json
import os
import platform
import shutil
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path

from adapters.charts.pillow import PillowCharts
from adapters.sql.glance import Glance, glance, holder_of, sqlite_file
from adapters.sql.owner import Holder
from adapters.sql.sqlite import check_version
from bot import currency, stops
from bot.deadletters import described, one_line
from bot.diagnosis import Diagnosis, State, healthy
from bot.doctor.askcheck import look_at_questions
from bot.doctor.connections import connections
from bot.doctor.modelcheck import look_at, taken_out
from bot.doctor.outdated import behind
from bot.doctor.policycheck import look_at_policy
from bot.doctor.reach import get
from bot.environ import load_settings
from bot.redaction import redactor
from bot.settings import OFFLINE, HttpSettings, ModelSettings, Settings
from bot.status import describe_database, processes, read_outbox
from runtime.access import may
from runtime.clock import Clock, SystemClock
from runtime.errors import (
    ConfigurationError,
    NightdeskError,
    Permanent,
    StorageBusy,
    StorageDamaged,
    StorageFull,
    StorageUnavailable,
)
from runtime.ids import Platform, TimeOrderedIds
from runtime.model.access import Action
from runtime.model.chart import DaySeries
from runtime.model.localtime import show_time
from runtime.model.team import Team, models_of
from runtime.money.limits import LimitBook
from runtime.ports import Charts

_LEAST_FREE = 200_000_000
"""Bytes; below that a busy day may fill the disk."""
_NEWER = "Install the version that wrote it, or restore a backup."


async def examine(
    load: Callable[[], Settings] = load_settings,
    clock: Clock | None = None,
    charts: Charts | None = None,
) -> list[Diagnosis]:
    """Look at every layer that can be looked at; None is the real clock, and Pillow."""
    findings = [_python(), await _pictures(charts or PillowCharts())]
    try:
        settings = load()
    except ConfigurationError as error:
        todo = "Correct it, then run `nightdesk doctor` again: what builds on it was not checked."
        return [*findings, Diagnosis("configuration", State.WRONG, str(error), todo)]
    hide = redactor(settings.secrets())
    findings += [finding async for finding in _layers(settings, clock or SystemClock())]
    return [Diagnosis(f.layer, f.state, hide(f.found), hide(f.todo)) for f in findings]


async def _layers(settings: Settings, clock: Clock) -> AsyncIterator[Diagnosis]:
    file = sqlite_file(settings.database_url, settings.data_dir)
    owner = holder_of(file.parent) if file else None
    yield _folder(settings.data_dir, owner)
    for stop in stops.asked_for(settings, clock):
        yield _stopped(stop, settings)
    yield _configuration(settings)
    yield look_at_policy(settings, clock)
    async for finding in _database(settings, clock):
        yield finding
    yield await _http(settings.http)
    async for finding in connections(settings, clock):
        yield finding
    for model in _models_in_use(settings):
        team = settings.team
        yield await look_at(model, no_spend=settings.no_spend, currency=team.budget.currency)
    yield _proactive(settings.team)


# ------------------------------------------------------------------------------- the machine


def _python() -> Diagnosis:
    found = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    try:
        check_version(sqlite3.sqlite_version_info, sys.version_info[:3])
    except ConfigurationError as error:
        return Diagnosis("python", State.WRONG, found, str(error))
    return Diagnosis("python", State.OK, found)


async def _pictures(charts: Charts) -> Diagnosis:
    """Whether the chart of `/budget` can be drawn: one of a day is."""
    try:
        await charts.spending(DaySeries(days=((date(2026, 1, 1), 1),), limit=None, currency="USD"))
    except Permanent as error:
        todo = "Install Nightdesk again: Pillow comes with it. Until then /budget is text alone."
        return Diagnosis("pictures", State.MISSING, str(error), todo)
    return Diagnosis("pictures", State.OK, f"Pillow {version('pillow')} draws the chart of /budget")


def _folder(folder: Path, owner: Holder | None) -> Diagnosis:
    layer = "data folder"
    if not os.path.exists(folder):  # noqa: PTH110 - False too where it cannot be looked at
        parent = next(each for each in folder.parents if os.path.exists(each))  # noqa: PTH110
        if not os.access(parent, os.W_OK | os.X_OK):
            todo = f"Make {parent} writable, or set NIGHTDESK_DATA_DIR to another folder."
            return Diagnosis(layer, State.WRONG, f"{folder} cannot be made", todo)
        todo = "Nothing: the first `nightdesk run` makes it."
        return Diagnosis(layer, State.MISSING, f"{folder} is not there yet", todo)
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        todo = f"Make {folder} a folder that this user can write, or set NIGHTDESK_DATA_DIR."
        return Diagnosis(layer, State.WRONG, f"{folder} cannot be written", todo)
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE:
        todo = "Free some space: without it nothing can be accepted."
        return Diagnosis(layer, State.WRONG, f"{folder}: only {free // 1_000_000} MB left", todo)
    used = f"in use by process {owner.pid} ({owner.role}) since {owner.since}" if owner else "free"
    return Diagnosis(layer, State.OK, f"{folder}, {used}")


def _configuration(settings: Settings) -> Diagnosis:
    layer, team = "configuration", settings.team
    if not settings.config_found:
        todo = "Nothing: the first `nightdesk run` writes one. `nightdesk init` does so now."
        return Diagnosis(layer, State.MISSING, f"there is no {settings.config_path} yet", todo)
    owners = len({team.member_of(who) for who in team.owners()})
    counts = (
        f"{_count(team.members, 'member')} ({owners} of them owner), "
        f"{_count(team.channels, 'channel')}, {_count(team.agents, 'agent')}, times in {team.zone}"
    )
    return Diagnosis(layer, State.OK, f"{settings.config_path}: {counts}")


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


async def _http(http: HttpSettings) -> Diagnosis:
    place = f"{http.host}:{http.port}"
    why = _why_not_free(http)
    if why is None:
        return Diagnosis("http", State.OK, f"{place} is free")
    host = "127.0.0.1" if http.host in {"0.0.0.0", "::"} else http.host  # noqa: S104 - compared
    ready = await get(f"http://{f'[{host}]' if ':' in host else host}:{http.port}/healthz")
    if ready.status == 200:  # noqa: PLR2004 - the HTTP status
        return Diagnosis("http", State.OK, f"Nightdesk answers at {place}")
    todo = "Stop what uses it, or set NIGHTDESK_HTTP__HOST and NIGHTDESK_HTTP__PORT."
    return Diagnosis("http", State.WRONG, f"{place} cannot be listened on: {why}", todo)


def _why_not_free(http: HttpSettings) -> str | None:
    family = socket.AF_INET6 if ":" in http.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((http.host, http.port))
        except OSError as error:
            return error.strerror or str(error)
    return None


# ------------------------------------------------------------------------------ the database


async def _database(settings: Settings, clock: Clock) -> AsyncIterator[Diagnosis]:
    opened = glance(
        settings.database_url,
        data_dir=settings.data_dir,
        clock=clock,
        ids=TimeOrderedIds(clock),
    )
    try:
        async with opened as found:
            yield _revision(found)
            yield await _owner(found, settings)
            if found is not None and found.readable:
                for stop in await stops.in_force(found.store, settings.team):
                    yield _stopped(stop, settings)
                for finding in await _changed(found, settings, clock.now()):
                    yield finding
                yield await _outbox(found, settings, clock.now())
                yield await look_at_questions(found.store.dead_letters, settings.team)
                for finding in taken_out(settings, await found.store.modelbook.outages()):
                    yield finding
                limits = LimitBook(
                    found.store.budgets, team=lambda: settings.team, clock=clock, alone=True
                )
                if odd := currency.finding(await limits.without_force(), settings.team):
                    yield odd
    except NightdeskError as error:
        todo = remedy(error, on_sqlite=settings.on_sqlite)
        yield Diagnosis("database", State.WRONG, f"it cannot be read: {error}", todo)


def remedy(error: NightdeskError, *, on_sqlite: bool) -> str:
    """What to do about a database that cannot be read for that reason."""
    match error:
        case StorageDamaged():
            return "Keep a copy of it, and put a backup in its place."
        case StorageFull():
            return "Free some space on its disk: without it nothing can be accepted."
        case StorageBusy():
            return "End the other program that holds the file, such as a database browser."
        case StorageUnavailable() | ConfigurationError() if on_sqlite:
            return "Let this user read and write the file, and the folder that it is in."
        case StorageUnavailable() | ConfigurationError():
            return "Start the database, or correct NIGHTDESK_DATABASE_URL."
        case _:
            return "Look up what the database says in its own manual."


async def _owner(found: Glance | None, settings: Settings) -> Diagnosis:
    """Whether somebody is owner where people can write to the bot, by the file or by the chat."""
    layer = "owner"
    platforms = {
        "slack": settings.slack,
        "telegram": settings.telegram,
        "discord": settings.discord,
    }
    live = {Platform(name) for name, how in platforms.items() if how is not None}
    readable = found is not None and found.readable
    listed = await found.store.members.all() if found is not None and readable else []
    added = [each for each in listed if each.role and may(each.role, Action.TOLD)]
    everywhere = {*settings.team.owners(), *(each.who for each in added)}
    owners = [who for who in everywhere if not live or who.platform in live]
    if owners:
        by_chat = f", {len(added)} of them by the chat" if added else ""
        return Diagnosis(layer, State.OK, f"{_count(owners, 'account')} of an owner{by_chat}")
    where = f" on {', '.join(sorted(live))}" if live else ""
    todo = (
        "Start Nightdesk: it shows a one-time code; send it to the bot in a direct message "
        "(docs/people.md)."
        if live
        else 'Give one of the [[members]] role = "owner".'
    )
    state = State.MISSING if everywhere else State.WRONG
    return Diagnosis(
        layer, state, f"nobody is owner{where}, so nobody hears of what needs one", todo
    )


async def _changed(found: Glance, settings: Settings, now: datetime) -> list[Diagnosis]:
    """That what runs read the team's file before it was changed."""
    running = await processes(found.store, settings, now)
    late = await behind(found.store.audit, settings, running)
    if not late:
        return []
    names, path = ", ".join(process.name for process in late), settings.config_path
    if not settings.config_found:
        words = f"there is no {path.name} here any more, and {names} had read one"
        todo = "Look from the folder where that was started, or put the file back before it starts."
        return [Diagnosis("running", State.MISSING, words, todo)]
    words = f"{path} changed after {names} had read it"
    todo = "Restart Nightdesk: what is said here of people, channels, agents and models holds then."
    return [Diagnosis("running", State.MISSING, words, todo)]


def _stopped(stop: stops.StopLine, settings: Settings) -> Diagnosis:
    """That agents do nothing because somebody said so."""
    since = show_time(stop.since, settings.team.zone)
    found = f"{stop.what} was stopped by {stop.by}, {since}: none of it answers or runs"
    return Diagnosis("stop", State.MISSING, found, f"{stop.ends[0].upper()}{stop.ends[1:]}.")


def _revision(found: Glance | None) -> Diagnosis:
    layer, words = "database", describe_database(found)
    if found is None or found.revision is None:
        return Diagnosis(layer, State.MISSING, words, "Nothing: the first start makes it.")
    if found.readable:
        return Diagnosis(layer, State.OK, words)
    if found.revision in found.known:
        todo = "Run `nightdesk migrate`, or start: that does it too."
        return Diagnosis(layer, State.MISSING, words, todo)
    return Diagnosis(layer, State.WRONG, words, _NEWER)


async def _outbox(found: Glance, settings: Settings, now: datetime) -> Diagnosis:
    outbox = await read_outbox(found.store)
    counts = f"{outbox.waiting} waiting, {outbox.dead} undeliverable, {outbox.withheld} withheld"
    if outbox.dead:
        letters = await described(found.store.dead_letters, settings, now=now)
        todo = (
            "Correct the cause (most often the bot is not in the channel), then send one again "
            "with `nightdesk outbox retry ID`, or delete it with `nightdesk outbox drop ID`."
        )
        return Diagnosis("outbox", State.WRONG, "\n".join([counts, *map(one_line, letters)]), todo)
    return Diagnosis("outbox", State.OK, counts)


# ------------------------------------------------------------------------------ the outside


def _models_in_use(settings: Settings) -> Iterator[ModelSettings | None]:
    """Every model that may be asked, once; None for the built-in assistant where it is alone."""
    team = settings.team
    named = [name for agent in team.agents for name in models_of(agent)]
    named += [signal.model for signal in team.signals]
    used = [name for name in dict.fromkeys([*named, *settings.models]) if name != OFFLINE]
    yield from (settings.models[name] for name in used)
    if not used:
        yield None


def _proactive(team: Team) -> Diagnosis:
    names = [f"#{rule.name} ({rule.ref.platform})" for rule in team.channels if rule.proactive]
    if not names:
        todo = "To let agents post a briefing: proactive = true at one of the [[channels]]."
        return Diagnosis("proactive", State.MISSING, "agents may post nowhere unasked", todo)
    return Diagnosis("proactive", State.OK, f"agents may post unasked in {', '.join(names)}")


# ------------------------------------------------------------------------------------- words


def to_json(findings: Sequence[Diagnosis]) -> str:
    """The findings for machines."""
    report = {"ok": healthy(findings), "findings": [asdict(finding) for finding in findings]}
    return json.dumps(report, ensure_ascii=False, indent=2)


def in_words(findings: Sequence[Diagnosis]) -> str:
    """The findings for people."""
    return "\n".join(line for finding in findings for line in _lines(finding))


def _lines(finding: Diagnosis) -> Iterator[str]:
    first, *more = finding.found.splitlines()
    yield f"{finding.state:<8} {finding.layer:<14} {first}"
    yield from (f"{'':<24}{line}" for line in more)
    if finding.todo:
        yield f"{'':<24}-> {finding.todo}"
