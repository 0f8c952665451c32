"""The four columns that name a thread."""

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.transaction import Value
from runtime.ids import Platform
from runtime.model.address import ChannelRef, ThreadRef


def thread_values(thread: ThreadRef) -> dict[str, Value]:
    """The columns' values, by their names."""
    place = thread.channel
    return {
        "platform": place.platform,
        "workspace": place.workspace,
        "channel": place.channel,
        "root": thread.root,
    }


def thread_of(platform: str, workspace: str, channel: str, root: str) -> ThreadRef:
    """The thread that the columns name."""
    return ThreadRef(ChannelRef(Platform(platform), workspace, channel), root)


def thread_columns(table: sa.Table) -> tuple[sa.Column[str], ...]:
    """The columns of a table, in the order of `thread_of`."""
    return (table.c.platform, table.c.workspace, table.c.channel, table.c.root)


def is_thread(table: sa.Table, *, prefix: str = "") -> sa.ColumnElement[bool]:
    """The row is of the thread whose values are given by the columns' names.

    An `UPDATE` needs a prefix: a parameter named like a column would be taken for a change of it.
    """
    return sa.and_(
        *(column == bindparam(f"{prefix}{column.name}") for column in thread_columns(table))
    )


def same_thread(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    """The rows of two tables are of the same thread."""
    names = ("platform", "workspace", "channel", "root")
    return sa.and_(*(one.c[name] == other.c[name] for name in names))
