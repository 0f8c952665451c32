"""Nightdesk's way from a request to its acknowledgement: route, verifier, parser, ingress, store.

Accepted events are handed over to their conversations as ever, which begin no turn: the other
measurements are about those.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from bench.child import live
from bench.desk import TEAM_FILE, opened
from bench.machine import SERVER_CORE
from bench.servers.common import take_orders
from bench.slack import HOST
from bot.parts import Opened
from bot.running.lifecycle import working
from bot.wiring.desk import Parts, wire
from gateway.commands.grammar import cannot_wait, looks_like_command
from gateway.health import Check
from gateway.http.server import build_app, serve
from gateway.inbound.bindings import Bindings
from gateway.inbound.ingress import Ingress
from gateway.inbound.strangers import Strangers
from gateway.inbound.urgent import Urgent
from gateway.notices import OwnerNotices
from runtime.activity import Activity
from runtime.ids import ConversationId
from runtime.model.events import Received
from runtime.outbox import whole
from runtime.ports import Store


class _NobodyAsks:
    """Readiness, which no request here is about."""

    async def readiness(self) -> Sequence[Check]:
        """Nothing to say."""
        return ()


class _BeginsNothing:
    """A `runtime.ports.Dispatch` that leaves rows in the inbox."""

    async def post(self, conversation: ConversationId, received: Received) -> None:
        """Leave it."""


def _strangers(parts: Parts) -> Strangers:
    """Nobody writes to owners here."""
    outbox, team, clock = parts.store.outbox, parts.team, parts.clock
    notices = OwnerNotices(
        outbox, {}, team=team, split=whole, clock=clock, wake_outbox=lambda: None
    )
    return Strangers(outbox, notices, team=team, split=whole, clock=clock, wake_outbox=lambda: None)


def _ingress(own: Opened) -> Ingress:
    """The ingress as the program wires it, but for what comes after it."""
    parts, activity = own.parts, Activity()
    return Ingress(
        parts.store,
        Bindings(parts.store.conversations, alone=True),
        _BeginsNothing(),
        team=parts.team,
        is_command=looks_like_command,
        strangers=_strangers(parts),
        clock=parts.clock,
        ids=parts.ids,
        activity=activity,
        urgent=Urgent(cannot_wait, activity=activity),
    )


async def clear(store: Store) -> int:
    """Mark what is pending as processed, as turns do within moments; returns how much it was."""
    count = 0
    while rows := await store.inbox.pending(limit=1_000):
        async with asyncio.TaskGroup() as tasks:
            for row in rows:
                tasks.create_task(store.inbox.finish(row.id, ()))
        count += len(rows)
    return count


@asynccontextmanager
async def serving(
    folder: Path, *, also: Mapping[str, str] | None = None, team: str = TEAM_FILE
) -> AsyncIterator[tuple[int, Store]]:
    """Serve while the block runs; the port, and the store behind it."""
    async with opened(folder, also=also, team=team) as own:
        ingress = _ingress(own)
        routes = [make(ingress) for make in own.routes]
        app = build_app(routes, _NobodyAsks(), clock=own.parts.clock)
        # The desk works as ever beside it, and has nothing to do.
        async with (
            working(wire(own.parts), own),
            asyncio.TaskGroup() as tasks,
            serve(app, HOST, 0) as port,
        ):
            handing_over = tasks.create_task(ingress.run())
            yield port, own.parts.store
            handing_over.cancel()


async def _live(arguments: Sequence[str]) -> None:
    async with serving(Path(arguments[0])) as (port, store):

        async def cleared(_: msgspec.Raw) -> object:
            return await clear(store)

        await take_orders(port, {"clear": cleared})


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
