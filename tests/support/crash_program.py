"""The program under test for suites that kill it: everything is real but the model.

`python -m tests.support.crash_program` starts it by hand; the suites fork it from a process that
has imported everything (`tests.support.crash_world`), because a start costs a second of imports
and there are hundreds of them. The model answers with the words it was asked, so that an answer
carries the mark of its message.
"""

import ctypes
import functools
import gc
import importlib
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn, cast

import sqlalchemy as sa

from adapters.models.scripted import Pause, ScriptedModel, Step
from adapters.sql import outboxclaims, prepared, transaction
from adapters.sql.transaction import Statement
from bot.environ import load_settings
from bot.observability import Destination, Look, logging_to
from bot.parts import Opened, open_parts
from bot.program import complete
from bot.role import Role
from bot.running import duties, lifecycle
from bot.running.hardstop import ENDED_HARD, kill_children
from bot.running.lifecycle import Opening, run
from bot.settings import OFFLINE, Settings
from runtime.ids import ModelName
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role as Speaker
from runtime.ports import ChatPort
from runtime.turns import thinking
from tests.support.crash_points import (
    Fuse,
    Point,
    watched_chat,
    watched_durable,
    watched_model,
    watched_store,
)
from tests.support.crash_timer import Span, kill_after

_LAZY = (
    "adapters.discord.listener",
    "adapters.slack.listener",
    "adapters.durable.launch",
    "adapters.timing.scheduler",
    "adapters.models.dialogue",
    "adapters.sql.aside",
    "adapters.sql.postgres",
    "adapters.timing.moments",
    "adapters.timing.phrases",
    "adapters.timing.triggers",
    "aiosqlite",
    "alembic.command",
    "alembic.config",
    "apscheduler.executors.asyncio",
    "apscheduler.schedulers.asyncio",
    "bot.platforms.slack",
    "dbos._sys_db_postgres",
    "dbos._sys_db_sqlite",
    "encodings.ascii",
    "encodings.idna",
    "encodings.utf_8_sig",
    "fractions",
    "http.server",
    "markdown_it.rules_block.table",
    "sqlalchemy.ext.compiler",
    "uvloop",
)
"""What the program imports only when it needs it, and every process here does."""
_STATEMENTS = (sa.Select, sa.CompoundSelect, sa.Insert, sa.Update, sa.Delete)
_PR_SET_PDEATHSIG = 1
MARK = "marked "
"""What comes before a message's mark, in the message and in its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one process is to live.

    Attributes:
        settings: as read by `known`.
        folder: its working folder, and where its log goes.
        role: what it does.
        thinks: seconds that the model takes.
        streams: show the growing answer at once, so that a test need not wait a second for it.
        looks: seconds between two looks at the store and two signs of life; None for the product's,
            for which a test may have to wait.
        span: how much of a processor it may use until it is killed; None for any.
        point: where it dies by itself, or None.
        armed_by: see `Fuse`.
        trace: see `Fuse`.
    """

    settings: Settings
    folder: Path
    role: Role = Role.ALL
    thinks: float = 0.01
    streams: bool = False
    looks: float | None = None
    span: Span | None = None
    point: Point | None = None
    armed_by: Path | None = None
    trace: Path | None = None

    @property
    def log(self) -> Path:
        """Where it says what happens."""
        return self.folder / f"{self.settings.slot_for(self.role)}.log"


def known(environment: Mapping[str, str], folder: Path) -> Settings:
    """The settings of that environment and of the file in that folder.

    They are read by who starts a process, and once for all that are alike: that takes longer than
    a tenth of the life of most.
    """
    return _known(folder, tuple(sorted(environment.items())))


@functools.cache
def _known(folder: Path, environment: tuple[tuple[str, str], ...]) -> Settings:
    return replace(load_settings(dict(environment), cwd=folder), terminal=False)


def warm_up() -> None:
    """Load everything, in the process that the others are forked from."""
    for name in _LAZY:
        importlib.import_module(name)
    for statement in _statements():
        prepared.prepare(statement)
        transaction.compiled(statement)
    gc.collect()
    gc.freeze()  # a child that collected its garbage would copy all that memory first


def _statements() -> Iterator[Statement]:
    """What the program asks of a database, as far as it is in constants; compiled once for all lives."""
    for name, module in [*sys.modules.items()]:
        if name.startswith("adapters.sql."):
            yield from (found for found in vars(module).values() if isinstance(found, _STATEMENTS))
    for platforms in (1, 2):
        yield outboxclaims.claiming(platforms)
        yield outboxclaims.taking_on(platforms)


def live_by(plan: Plan, ready: Connection, *, opening: Opening | None = None) -> None:
    """Be the program, until it is told to stop or killed; says when it became ready.

    What it says is the time, the seconds of a processor that it used, and the names of the modules
    that it had to import. `opening` opens its parts, where they are not those of the plan.
    """
    if plan.span is not None and plan.span.starts is not None:
        kill_after(plan.span.starts)
    # Nothing outlives the suite, however that ends: https://man7.org/linux/man-pages/man2/prctl.2.html
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    settings = plan.settings
    if plan.streams:
        thinking.STATUS_AFTER = 0.01
    if plan.looks is not None:
        lifecycle.LOOK_AT_STORE_EVERY = duties.BEAT_EVERY = plan.looks
    log = plan.log
    errors = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(errors, sys.stderr.fileno())
    with (
        logging_to(
            Destination.STDERR, file=log, level="info", look=Look.JSON, secrets=settings.secrets()
        ),
        _told(ready, plan.span),
    ):
        live = run(settings, plan.role, opening=opening or _opening(plan), hard=_end_hard)
        code = complete(live)
    sys.exit(code)


def _end_hard(_why: str) -> NoReturn:
    """End at once: a process that was forked cannot begin the program anew in its place."""
    kill_children(os.getpid())
    os._exit(ENDED_HARD)


@contextmanager
def _told(ready: Connection, span: Span | None) -> Iterator[None]:
    """Tell when the log says that the process is ready, and what that took; from then on it works."""
    # Counted: to look at the name of each would cost a copy of all that memory.
    warm = len(sys.modules)

    class Tell(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.msg == "process.ready":
                imported = [*sys.modules][warm:] if len(sys.modules) > warm else []
                used = time.process_time()
                ready.send((time.monotonic(), used, imported))
                if span is not None:
                    kill_after(used * span.works)

    handler, logger = Tell(), logging.getLogger("nightdesk.lifecycle")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _opening(plan: Plan) -> Opening:
    fuse = Fuse(point=plan.point, armed_by=plan.armed_by, trace=plan.trace)

    @asynccontextmanager
    async def opening(settings: Settings, role: Role) -> AsyncIterator[Opened]:
        async with open_parts(settings, role) as opened:
            parts = opened.parts
            model = _Echo(plan)
            parts = replace(
                parts,
                store=watched_store(parts.store, fuse),
                durable=watched_durable(parts.durable, fuse),
                models={ModelName(OFFLINE): watched_model(model, fuse)},
                chats={
                    name: watched_chat(_eager(chat) if plan.streams else chat, fuse)
                    for name, chat in parts.chats.items()
                },
            )
            yield replace(opened, parts=parts)

    return opening


def _eager(chat: ChatPort) -> ChatPort:
    """The platform, on which an answer is shown from its first word on."""
    return cast("ChatPort", _Eager(chat))


class _Eager:
    def __init__(self, inner: ChatPort) -> None:
        self._inner = inner
        self.limits = replace(inner.limits, draft_after=0.01, draft_every=0.01)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Echo(ScriptedModel):
    """Says again what was said last; it remembers no request, however long it lives."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(self._echo, name=OFFLINE)
        self._plan = plan

    def _echo(self, asked: ModelRequest) -> Sequence[Step]:
        self.requests.clear()
        said = [entry.text for entry in asked.entries if entry.role is Speaker.USER]
        steps: list[Step] = []
        for piece in ("I ", "think ", "that you said: ") if self._plan.streams else ():
            steps += [piece, Pause(0.05)]
        return [*steps, Pause(self._plan.thinks), said[-1]]


def _main() -> None:
    """Run in this process's own environment: `[role [seconds that the model thinks]]`."""
    role = Role(sys.argv[1]) if len(sys.argv) > 1 else Role.ALL
    thinks = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    folder = Path.cwd()
    plan = Plan(settings=known(os.environ, folder), folder=folder, role=role, thinks=thinks)
    sys.exit(complete(run(plan.settings, role, opening=_opening(plan))))


if __name__ == "__main__":
    _main()
