"""What was counted and set before each currency had meters of its own is in the team's currency."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from adapters.sql.store import DATABASE_FILE, migrate, open_store
from bot.commandline import app
from bot.environ import load_settings
from bot.parts import open_parts
from bot.role import Role
from runtime.errors import Conflict
from runtime.ids import ConversationId, HoldId, ModelName, TimeOrderedIds, TurnId
from runtime.model.budget import Alert, AlertId, LimitChange, Pause
from runtime.model.ledger import Call, CallState, Settlement, Spender
from runtime.model.meter import DOLLARS, Balance, Bound, Meter, Period, Scope
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.ready import place
from tests.support.stores import ADA, DESK, THREAD

HELD, ENDED = HoldId("held"), HoldId("ended")
ALL = Meter(scope=Scope.ORGANISATION, subject="", period=Period.DAY, stamp="2026-11-21")
ITS = Meter(scope=Scope.AGENT, subject="desk", period=Period.MONTH, stamp="2026-11")
METERS = (ALL, ITS)
BOUND = Bound(ALL, 50)
_WITHOUT = (
    "UPDATE ledger_calls SET body = REPLACE(body, ',\"currency\":\"USD\"', '')",
    "UPDATE ledger_limits SET body = REPLACE(body, ',\"currency\":\"USD\"', '')",
    "UPDATE ledger_alerts SET body = REPLACE(body, ',\"currency\":\"USD\"', '')",
    "UPDATE ledger_pauses SET body = REPLACE(body, ',\"currency\":\"USD\"', '')",
    "ALTER TABLE ledger_meters DROP COLUMN currency",
    "ALTER TABLE ledger_calls DROP COLUMN currency",
    "ALTER TABLE turns DROP COLUMN asked",  # 0020 adds it again
    "UPDATE alembic_version SET version_num = '0018'",
)


def _call(clock: ManualClock, name: HoldId) -> Call:
    return Call(
        id=name,
        spender=Spender(provider="openai", agent=DESK, run=TurnId("t1"), person=ADA, thread=THREAD),
        model=ModelName("fast"),
        at=clock.now(),
        expires_at=clock.now() + timedelta(hours=1),
        worst=40,
        meters=METERS,
    )


def _cost(clock: ManualClock, spent: int) -> Settlement:
    return Settlement(state=CallState.SETTLED, spent=spent, at=clock.now())


def _limit(clock: ManualClock) -> LimitChange:
    return LimitChange(
        scope=Scope.AGENT,
        subject="desk",
        period=Period.DAY,
        micros=5,
        before=None,
        base=None,
        by=ADA,
        at=clock.now(),
        key="k",
    )


def _alert(clock: ManualClock) -> Alert:
    return Alert(id=AlertId("a"), bound=BOUND, share=80, at=clock.now())


def _pause(clock: ManualClock) -> Pause:
    return Pause(
        turn=TurnId("t1"),
        conversation=ConversationId("c"),
        thread=THREAD,
        bound=BOUND,
        wanted=40,
        until=None,
        at=clock.now(),
    )


@pytest.fixture(params=["sqlite", "postgres"])
def old(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> str:
    """The address of a database at 0018, in which money was counted and decided about."""
    if request.param == "sqlite":
        place(tmp_path / DATABASE_FILE, request.getfixturevalue("migrated_sqlite"))
        url = driver = f"sqlite:///{tmp_path / DATABASE_FILE}"
    else:
        url = request.getfixturevalue("postgres_url")
        driver = url.replace("postgresql:", "postgresql+psycopg:", 1)
    asyncio.run(_fill(url, tmp_path, clock))
    engine = sa.create_engine(driver, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        for statement in _WITHOUT:
            connection.exec_driver_sql(statement)
    engine.dispose()
    return url


async def _fill(url: str, folder: Path, clock: ManualClock) -> None:
    async with open_store(url, data_dir=folder, clock=clock, ids=TimeOrderedIds(clock)) as store:
        for name in (ENDED, HELD):
            await store.ledger.reserve(_call(clock, name), [])
        await store.ledger.settle(ENDED, _cost(clock, 7))
        await store.budgets.set_limit(_limit(clock))
        await store.budgets.raise_alert(_alert(clock))
        await store.budgets.pause(_pause(clock))


async def _counts(store: Store, clock: ManualClock, currency: str) -> None:
    """What was there is in that currency, as if it had always been."""
    meters = tuple(replace(meter, currency=currency) for meter in METERS)
    bound = Bound(meters[0], BOUND.limit)
    ledger, budgets = store.ledger, store.budgets
    says = [Balance(meter, spent=7, held=40, calls=1) for meter in meters]
    assert await ledger.balances(meters) == says
    assert await ledger.spent(since=clock.now(), currency=currency) == 7
    assert await ledger.dearest(Scope.AGENT, Period.MONTH, "2026-11", currency=currency) == says[1:]
    assert await ledger.series(Scope.ORGANISATION, "", Period.DAY, currency=currency) == says[:1]
    assert await budgets.limits(since=clock.now()) == [replace(_limit(clock), currency=currency)]
    assert await budgets.open_alerts() == [replace(_alert(clock), bound=bound)]
    assert await budgets.pauses() == [replace(_pause(clock), bound=bound)]
    more = replace(_call(clock, HoldId("more")), meters=meters)
    assert await ledger.reserve(more, [bound]) is not None, "3 are left"
    ended = await ledger.settle(HELD, _cost(clock, 9))
    assert (ended.meters, ended.currency) == (meters, currency)
    assert [(one.spent, one.held) for one in await ledger.balances(meters)] == [(16, 0)] * 2
    with pytest.raises(Conflict):
        await ledger.settle(ENDED, _cost(clock, 7))


@pytest.mark.parametrize("currency", ["EUR", DOLLARS])
async def test_what_has_no_currency_is_in_that_of_the_team(
    currency: str, old: str, tmp_path: Path, clock: ManualClock
) -> None:
    ids = TimeOrderedIds(clock)
    opened = open_store(old, data_dir=tmp_path, clock=clock, ids=ids, currency=currency)
    async with opened as store:
        await _counts(store, clock, currency)
    # What is there now has a currency, and keeps it.
    async with open_store(old, data_dir=tmp_path, clock=clock, ids=ids, currency="GBP") as store:
        [limit] = await store.budgets.limits(since=clock.now())
        assert limit.currency == currency
        assert await store.ledger.spent(since=clock.now(), currency="GBP") == 0


@pytest.mark.parametrize("old", ["postgres"], indirect=True)
async def test_processes_that_start_at_once_take_it_over_once(
    old: str, tmp_path: Path, clock: ManualClock
) -> None:
    await asyncio.gather(
        *(migrate(old, data_dir=tmp_path, clock=clock, currency="EUR") for _ in range(4))
    )

    ids = TimeOrderedIds(clock)
    async with open_store(old, data_dir=tmp_path, clock=clock, ids=ids, currency="EUR") as store:
        await _counts(store, clock, "EUR")


@pytest.mark.parametrize("old", ["sqlite"], indirect=True)
@pytest.mark.parametrize("by", ["migrate", "start"])
def test_the_file_says_which_currency_that_is(
    by: str, old: str, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nightdesk.toml").write_text('[budget]\ncurrency = "EUR"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    async def start() -> None:
        async with open_parts(load_settings(), Role.ALL) as opened:
            await _counts(opened.parts.store, clock, "EUR")

    async def look() -> None:
        ids = TimeOrderedIds(clock)
        async with open_store(old, data_dir=tmp_path, clock=clock, ids=ids) as store:
            await _counts(store, clock, "EUR")

    if by == "migrate":
        done = CliRunner().invoke(app, ["migrate"])
        assert done.exit_code == 0, done.output
    asyncio.run(look() if by == "migrate" else start())
