"""Opens what a process is made of, in the order in which the pieces need each other."""

import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from adapters.durable.dbos import DbosDurable
from adapters.models.factory import build_model
from adapters.sql.store import open_store
from adapters.timing.ticker import ApschedulerTicker
from adapters.timing.timetable import CronsimTimetable
from bot import collector, stopfile
from bot.ondemand import OnDemandDurable
from bot.platforms.connecting import side_by_side
from bot.platforms.opened import Hear, MakeRoute, OpenPlatform
from bot.role import Role
from bot.settings import OFFLINE, Settings
from bot.wiring.desk import Parts
from bot.wiring.models import configured
from bot.wiring.policy import Read as ReadPolicy
from gateway.commands.forms import FORMS
from runtime.clock import Clock, SystemClock
from runtime.errors import ConfigurationError
from runtime.ids import AgentName, IdSource, ModelName, Platform, TimeOrderedIds, TurnId
from runtime.model.files import OutFile
from runtime.model.team import Team
from runtime.model.tools import ToolSpec
from runtime.model.value import value
from runtime.people.roster import Roster
from runtime.policy.book import PolicyBook
from runtime.ports import Accept, Durable, ModelPort, Store, Ticker

if TYPE_CHECKING:
    from adapters.terminal.terminal import Terminal

log = logging.getLogger("nightdesk.parts")

TERMINAL = Platform("terminal")
ONE_WAY = (Platform("email"), Platform("webhook"), Platform("file"))
"""Channels of these only take messages."""


class Listener(Protocol):
    """Hears what people say, until they leave."""

    async def run(self) -> None:
        """Listen; return when nobody is there any more."""
        ...


MakeListener = Callable[[Accept, Callable[[], Awaitable[None]], Store], Listener]


@value(kw_only=True)
class Opened:
    """What was opened.

    Attributes:
        parts: for the wiring.
        ticker: calls the process's duties.
        serves_http: there is something to serve.
        routes: the webhooks, once there is somebody to accept their events.
        hears: the listeners of platforms that need no public address, in a process that
            takes events in.
        listener: the terminal, where there is one.
    """

    parts: Parts
    ticker: Ticker
    serves_http: bool
    routes: Sequence[MakeRoute]
    hears: Sequence[Hear] = ()
    listener: MakeListener | None


@asynccontextmanager
async def open_parts(settings: Settings, role: Role) -> AsyncIterator[Opened]:
    """Open everything; close it in the other order when the block ends.

    Raises:
        ConfigurationError: something cannot be opened as it is configured.
    """
    _refuse_split_roles_on_sqlite(settings, role)
    clock = SystemClock()
    ids = TimeOrderedIds(clock)
    timetable = CronsimTimetable()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_store(
                settings.database_url,
                data_dir=settings.data_dir,
                clock=clock,
                ids=ids,
                role=role,
                currency=settings.team.budget.currency,
            )
        )
        roster = Roster(_team_of(settings), store.people, store.members, clock=clock)
        await roster.refresh()
        platforms = await _open_platforms(settings, clock, stack, store, roster.team)
        chats = {platform.chat.platform: platform.chat for platform in platforms}
        routes = [route for platform in platforms for route in platform.routes]
        terminal = _terminal(settings, role, ids, _reader(store))
        if terminal is not None:
            chats[TERMINAL] = terminal.chat
        yield Opened(
            parts=Parts(
                role=role,
                slot=settings.slot_for(role),
                team=roster.team,
                roster=roster,
                alone=settings.on_sqlite,
                clock=clock,
                ids=ids,
                store=store,
                durable=_durable(settings, role, clock),
                models=_models(settings, clock, stack),
                chats=chats,
                timetable=timetable,
                looks=[platform.look for platform in platforms],
                policy_path=settings.policy_path,
                read_policy=_policy_reader(settings.policy_path),
                kept=timedelta(days=settings.retention_days),
                totals=timedelta(days=settings.totals_days),
                stop_file=settings.data_dir / stopfile.NAME,
                stopped_among=_aside(settings),
            ),
            ticker=ApschedulerTicker(clock),
            serves_http=role in (Role.ALL, Role.WEB) and bool(routes or terminal is None),
            routes=routes,
            hears=[hear for platform in platforms for hear in platform.hears]
            if role in (Role.ALL, Role.WEB)
            else (),
            listener=_listener(settings, terminal, ids, clock),
        )


async def _open_platforms(
    settings: Settings,
    clock: Clock,
    stack: AsyncExitStack,
    store: Store,
    team: Callable[[], Team],
) -> list[OpenPlatform]:
    """Connect to every platform that is configured; what is not used is not loaded."""
    read = _reader(store)
    opening: list[AbstractAsyncContextManager[OpenPlatform]] = []
    if settings.slack is not None:
        from bot.platforms.slack import open_slack  # noqa: PLC0415 - what is not used is not loaded

        opening.append(open_slack(settings.slack, clock, read_file=read))
    if settings.telegram is not None:
        from bot.platforms.telegram import open_telegram  # noqa: PLC0415 - the same

        telegram = open_telegram(
            settings.telegram, clock, team=team, positions=store.inbox, read_file=read
        )
        opening.append(telegram)
    if settings.discord is not None:
        from bot.platforms.discord import open_discord  # noqa: PLC0415 - the same

        discord = open_discord(
            settings.discord,
            clock,
            team=team,
            store=store,
            read=read,
        )
        opening.append(discord)
    platforms = await stack.enter_async_context(side_by_side(opening))
    used = {rule.ref.platform for rule in settings.team.channels}
    if used & set(ONE_WAY):
        from bot.platforms import oneway  # noqa: PLC0415 - what is not used is not loaded

        if settings.email is not None:
            platforms.append(oneway.open_email(settings.email, clock, read))
        if settings.webhook is not None:
            webhook = oneway.open_webhook(settings.webhook, clock, read)
            platforms.append(await stack.enter_async_context(webhook))
        platforms.append(oneway.open_file(settings.data_dir, clock, read))
    return platforms


def _refuse_split_roles_on_sqlite(settings: Settings, role: Role) -> None:
    if role is not Role.ALL and settings.on_sqlite:
        raise ConfigurationError(
            f"the role {role} shares its database with other processes, and SQLite has one owner: "
            "set NIGHTDESK_DATABASE_URL to a Postgres database, or use `nightdesk run`, "
            "which does everything in one process"
        )


def _policy_reader(path: Path) -> ReadPolicy:
    def read(specs: Sequence[ToolSpec], agents: Sequence[AgentName]) -> PolicyBook:
        if not path.exists():
            return PolicyBook()
        from bot.configuration.policyfile import read_policy  # noqa: PLC0415 - YAML, where it is used

        return read_policy(path, specs=specs, agents=agents)

    return read


def _aside(settings: Settings) -> Callable[[Sequence[TurnId]], bool] | None:
    """Looks for stops of other processes from a thread; None where there are none."""
    if settings.on_sqlite or settings.database_url is None:
        return None
    from adapters.sql.aside import Aside  # noqa: PLC0415 - only among many

    return Aside(settings.database_url).stopped_among


def _team_of(settings: Settings) -> Callable[[], Team]:
    return lambda: settings.team


def _durable(settings: Settings, role: Role, clock: Clock) -> Durable:
    durable = DbosDurable(
        None if settings.on_sqlite else settings.database_url,
        data_dir=settings.data_dir,
        slot=settings.slot_for(role),
        clock=clock,
        takes_work=role in (Role.ALL, Role.WORKER),
    )
    return OnDemandDurable(durable, opened=collector.keep) if settings.on_sqlite else durable


def _models(
    settings: Settings, clock: Clock, stack: AsyncExitStack
) -> Mapping[ModelName, ModelPort]:
    models: dict[ModelName, ModelPort] = {}
    for config in configured(settings):
        model = build_model(config, clock=clock, allow_spending=not settings.no_spend)
        stack.push_async_callback(model.aclose)
        models[ModelName(config.name)] = model
    return models


def _reader(store: Store) -> Callable[[OutFile], Awaitable[bytes]]:
    async def read(file: OutFile) -> bytes:
        return await store.files.read(file.id)

    return read


def _terminal(
    settings: Settings, role: Role, ids: IdSource, read: Callable[[OutFile], Awaitable[bytes]]
) -> "Terminal | None":
    if role is not Role.ALL or not settings.terminal:
        return None
    team = settings.team
    user = next(
        (who.user for m in team.members for who in m.principals if who.platform == TERMINAL), None
    )
    if user is None:
        log.info("terminal.off", extra={"why": "no member has a terminal id"})
        return None
    from adapters.terminal.terminal import open_terminal  # noqa: PLC0415 - where there is one

    return open_terminal(
        stdin=sys.stdin,
        stdout=sys.stdout,
        ids=ids,
        rules=team.channels,
        forms={form.usage: form.about for form in FORMS},
        data=settings.data_dir,
        user=user,
        agent=team.agents[0].name,
        zone=team.zone,
        read=read,
    )


def _listener(
    settings: Settings, terminal: "Terminal | None", ids: IdSource, clock: Clock
) -> MakeListener | None:
    if terminal is None:
        return None
    from adapters.terminal.listener import TerminalListener  # noqa: PLC0415 - where there is one

    notice = (
        ""
        if settings.team.agents[0].model != OFFLINE
        else ("No language model is connected; set NIGHTDESK_MODEL to connect one.")
    )

    def listen(accept: Accept, idle: Callable[[], Awaitable[None]], store: Store) -> Listener:
        return TerminalListener(
            terminal,
            accept=accept,
            idle=idle,
            ids=ids,
            clock=clock,
            offline_notice=notice,
            conversations=store.conversations,
        )

    return listen
