"""The store: `runtime.ports.Store` over a SQLite file or a Postgres database."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import sqlalchemy as sa

from adapters.sql.approvals import SqlApprovals
from adapters.sql.audit import SqlAudit
from adapters.sql.budgets import SqlBudgets
from adapters.sql.conversations import SqlConversations
from adapters.sql.database import Database
from adapters.sql.deadletters import SqlDeadLetters
from adapters.sql.files import SqlFiles
from adapters.sql.grants import SqlGrants
from adapters.sql.handoffs import SqlHandoffs
from adapters.sql.heard import Heard
from adapters.sql.inbox import SqlInbox
from adapters.sql.ledger import SqlLedger
from adapters.sql.members import SqlMembers
from adapters.sql.modelbook import SqlModelBook
from adapters.sql.outbox import SqlOutbox
from adapters.sql.people import SqlPeople
from adapters.sql.reminders import SqlReminders
from adapters.sql.schedules import SqlSchedules
from adapters.sql.sqlite import open_sqlite
from adapters.sql.state import SqlStates
from adapters.sql.stops import SqlStops
from adapters.sql.trust import SqlChannelTrust
from adapters.sql.turns import SqlTurns
from adapters.sql.unsaid import Unsaid
from adapters.sql.workers import SqlWorkers
from runtime.clock import Clock
from runtime.errors import ConfigurationError
from runtime.ids import IdSource
from runtime.model.meter import DOLLARS

DATABASE_FILE = "nightdesk.db"


class SqlStore:
    """The ports of the store over one database."""

    def __init__(self, database: Database, *, clock: Clock, ids: IdSource) -> None:
        self._database = database
        heard, unsaid = Heard(), Unsaid()
        self._inbox = SqlInbox(database, heard)
        self._conversations = SqlConversations(database, clock=clock, ids=ids)
        self._turns = SqlTurns(database, clock=clock, heard=heard, unsaid=unsaid)
        self._outbox = SqlOutbox(database)
        self._dead_letters = SqlDeadLetters(database)
        self._schedules = SqlSchedules(database)
        self._workers = SqlWorkers(database)
        self._files = SqlFiles(database, clock=clock)
        self._reminders = SqlReminders(database)
        self._people = SqlPeople(database)
        self._members = SqlMembers(database)
        self._approvals = SqlApprovals(database)
        self._grants = SqlGrants(database)
        self._trust = SqlChannelTrust(database)
        self._modelbook = SqlModelBook(database)
        self._stops = SqlStops(database, clock=clock, unsaid=unsaid)
        self._ledger = SqlLedger(database)
        self._budgets = SqlBudgets(database)
        self._audit = SqlAudit(database)
        self._states = SqlStates(database)
        self._handoffs = SqlHandoffs(database)

    @property
    def inbox(self) -> SqlInbox:
        """Accepted events."""
        return self._inbox

    @property
    def conversations(self) -> SqlConversations:
        """Conversations and bindings."""
        return self._conversations

    @property
    def turns(self) -> SqlTurns:
        """Turns."""
        return self._turns

    @property
    def outbox(self) -> SqlOutbox:
        """Messages on their way out."""
        return self._outbox

    @property
    def dead_letters(self) -> SqlDeadLetters:
        """Messages that could not be delivered."""
        return self._dead_letters

    @property
    def schedules(self) -> SqlSchedules:
        """Schedules and their planned times."""
        return self._schedules

    @property
    def workers(self) -> SqlWorkers:
        """Processes."""
        return self._workers

    @property
    def files(self) -> SqlFiles:
        """Files that came in or are to go out."""
        return self._files

    @property
    def reminders(self) -> SqlReminders:
        """What people want to be told."""
        return self._reminders

    @property
    def people(self) -> SqlPeople:
        """Who is who over the platforms."""
        return self._people

    @property
    def members(self) -> SqlMembers:
        """Who was made a member in the chat."""
        return self._members

    @property
    def approvals(self) -> SqlApprovals:
        """Questions to people."""
        return self._approvals

    @property
    def grants(self) -> SqlGrants:
        """What people allowed for a time."""
        return self._grants

    @property
    def trust(self) -> SqlChannelTrust:
        """What became known of channels."""
        return self._trust

    @property
    def handoffs(self) -> SqlHandoffs:
        """How threads came to their agents."""
        return self._handoffs

    @property
    def states(self) -> SqlStates:
        """What agents keep."""
        return self._states

    @property
    def audit(self) -> SqlAudit:
        """What was decided and done."""
        return self._audit

    @property
    def ledger(self) -> SqlLedger:
        """What was spent and is held."""
        return self._ledger

    @property
    def budgets(self) -> SqlBudgets:
        """What people decided about money."""
        return self._budgets

    @property
    def stops(self) -> SqlStops:
        """What people stopped."""
        return self._stops

    @property
    def modelbook(self) -> SqlModelBook:
        """What people chose of models, and which providers are out."""
        return self._modelbook

    async def check(self) -> None:
        """Return where the database can be read and written; raise where it cannot."""
        await self._database.check()


@asynccontextmanager
async def open_store(
    url: str | None,
    *,
    data_dir: Path,
    clock: Clock,
    ids: IdSource,
    role: str = "all",
    currency: str = DOLLARS,
) -> AsyncIterator[SqlStore]:
    """Open the database, migrated, for as long as the context lasts.

    Args:
        url: `postgresql://...`, `sqlite:///path`, or None for a SQLite file in the data folder.
        data_dir: the data folder; made with mode 0700 where it is missing.
        clock: tells when something was written.
        ids: makes the ids of conversations.
        role: what this process does, for whoever finds the data folder in use.
        currency: that of the team, in which money is that was counted before currencies were kept.

    Raises:
        ConfigurationError: the url is of no database that we know, or SQLite is too old.
        DataFolderInUse: another process owns the SQLite file's folder.
        DatabaseTooNew: a newer Nightdesk wrote it.
        StorageDamaged: the SQLite file is damaged.
        StorageUnavailable: Postgres cannot be reached.
    """
    async with _database(
        url, data_dir=data_dir, clock=clock, role=role, currency=currency
    ) as database:
        yield SqlStore(database, clock=clock, ids=ids)


async def migrate(
    url: str | None, *, data_dir: Path, clock: Clock, currency: str = DOLLARS
) -> None:
    """Bring the database's tables up to date and let go of it; raises as `open_store` does."""
    async with _database(url, data_dir=data_dir, clock=clock, role="migrate", currency=currency):
        pass


def _database(
    url: str | None, *, data_dir: Path, clock: Clock, role: str, currency: str
) -> AbstractAsyncContextManager[Database]:
    if url is None:
        return open_sqlite(data_dir / DATABASE_FILE, clock=clock, role=role, currency=currency)
    parsed = _parse(url)
    match parsed.get_backend_name():
        case "postgresql":
            # The asynchronous engine: 9 MB that SQLite does without.
            from adapters.sql.postgres import open_postgres  # noqa: PLC0415

            return open_postgres(
                parsed.set(drivername="postgresql+psycopg"), clock=clock, currency=currency
            )
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return open_sqlite(Path(parsed.database), clock=clock, role=role, currency=currency)
        case _:
            raise ConfigurationError(_NOT_OURS)


def _parse(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except sa.exc.ArgumentError:
        # Not the url itself: it may hold a password.
        raise ConfigurationError(_NOT_OURS) from None


_NOT_OURS = (
    "NIGHTDESK_DATABASE_URL is no address of a database that Nightdesk can use. Write "
    "postgresql://user:password@host/name, or sqlite:///path/to/file.db, or leave it out for a "
    "SQLite file in the data folder."
)
