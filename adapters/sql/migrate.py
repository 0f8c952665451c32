"""Brings the tables to this version's shape, with Alembic, without an ini file or an `env.py`."""

from pathlib import Path

import sqlalchemy as sa

from runtime.errors import DatabaseTooNew
from runtime.model.meter import DOLLARS

_FOLDER = Path(__file__).with_name("migrations")
_VERSION = "SELECT version_num FROM alembic_version"
_IS_THERE = {
    "postgresql": "SELECT to_regclass('alembic_version')",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'",
}
"""Whether the version's table is there, by the name of the dialect: NULL or no row where not."""
_LOCK = 0x6E696768  # "nigh": the number of our advisory lock in a Postgres database


def revisions() -> list[str]:
    """The migrations that this version knows, oldest first: the names of their files say it."""
    return sorted(file.name.split("_")[0] for file in (_FOLDER / "versions").glob("[0-9]*.py"))


def current(connection: sa.Connection) -> str | None:
    """The migration that the database is at, None where it has no tables yet."""
    # As text: to compile it takes longer than to ask, and this is a part of every start.
    if connection.exec_driver_sql(_IS_THERE[connection.dialect.name]).scalar() is None:
        return None
    found: str | None = connection.exec_driver_sql(_VERSION).scalar()
    return found


def bring_up_to_date(connection: sa.Connection, currency: str = DOLLARS) -> None:
    """Run the migrations that the database has not seen, in the connection's transaction.

    Alembic is imported only where there is one to run: it takes a third of a second, and most
    starts have nothing to do.

    Args:
        connection: to the database.
        currency: that of the team. Money that was counted before currencies were kept is in it.

    Raises:
        DatabaseTooNew: it is at a migration that this version does not know; nothing is written.
    """
    known = revisions()
    if _is_up_to_date(connection, known):
        return
    if connection.dialect.name == "postgresql":
        # Whoever starts at the same moment waits here, and then finds it done.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        if _is_up_to_date(connection, known):
            return
    _upgrade(connection, currency)


def _is_up_to_date(connection: sa.Connection, known: list[str]) -> bool:
    found = current(connection)
    if found is not None and found not in known:
        raise DatabaseTooNew(
            f"The database is at version {found}, and this Nightdesk knows versions up to "
            f"{known[-1]}. Install the newer Nightdesk that wrote it, or restore a backup from "
            "before the upgrade. Nothing was changed."
        )
    return found == known[-1]


def _upgrade(connection: sa.Connection, currency: str) -> None:
    from alembic.config import Config  # noqa: PLC0415 - only where there is something to run
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    # The separator is for percent signs in the path, which Alembic would take for its own.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["currency"] = currency
    scripts = ScriptDirectory.from_config(config)
    with EnvironmentContext(
        config,
        scripts,
        fn=lambda at, _: scripts._upgrade_revs("head", at),  # noqa: SLF001
    ) as environment:
        # Batch mode: SQLite cannot alter a column, so Alembic rebuilds its table.
        environment.configure(connection=connection, render_as_batch=True)
        environment.run_migrations()
