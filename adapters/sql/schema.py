"""The tables, once, for SQLite and for Postgres.

Columns hold only text and integers (and pieces of files, bytes), so that a statement needs no
conversion on either database: times are microseconds since 1970 in UTC, states are their words,
and whatever is only ever read as a whole is JSON in a `body`. The indexes on the keys of the hot
questions are partial: they hold the few rows that are still to be worked on, however long the
history grows.
"""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, *constraints: sa.ForeignKey, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, *constraints, primary_key=key, nullable=False)


def _maybe(name: str, *constraints: sa.ForeignKey) -> sa.Column[str]:
    return sa.Column(name, sa.Text, *constraints, nullable=True)


def _number(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=key, nullable=False, autoincrement=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _thread(*, key: bool = False) -> tuple[sa.Column[str], ...]:
    names = ("platform", "workspace", "channel", "root")
    return tuple(_text(name, key=key) for name in names)


def _person(prefix: str = "", *, key: bool = False) -> tuple[sa.Column[str], ...]:
    return tuple(_text(prefix + name, key=key) for name in ("platform", "workspace", "user"))


def _partial(
    name: str, *columns: sa.Column[str] | sa.Column[int], where: str, unique: bool = False
) -> None:
    """An index over the rows that the words of `where` select, on both databases."""
    condition = sa.text(where)
    index = sa.Index(name, *columns, unique=unique, sqlite_where=condition)

    @sa.event.listens_for(metadata, "before_create")
    def said_to_postgres(_: sa.MetaData, connection: sa.Connection, **__: object) -> None:
        # Not before there is one: the option alone would load every driver of Postgres, 3 MB.
        if connection.dialect.name == "postgresql":
            index.dialect_options["postgresql"]["where"] = condition


inbox = sa.Table(
    "inbox",
    metadata,
    _text("id", key=True),
    *_thread(),
    _text("event_key"),
    _maybe("content_key"),
    _text("lane"),
    _text("state"),
    _text("body"),
    _moment("received_at"),
    sa.UniqueConstraint("platform", "event_key"),
    sa.UniqueConstraint("platform", "content_key"),
    implicit_returning=False,
)
"""Accepted events. `state` is `pending`, or `done` once a command ended or a turn has it."""

_partial("ix_inbox_pending", inbox.c.id, where="state = 'pending'")
_partial(
    "ix_inbox_pending_thread",
    inbox.c.platform,
    inbox.c.workspace,
    inbox.c.channel,
    inbox.c.root,
    where="state = 'pending'",
)

conversations = sa.Table(
    "conversations",
    metadata,
    _text("id", key=True),
    _text("agent"),
    _text("title"),
    _number("summary"),
    _number("covered"),
    _moment("created_at"),
    implicit_returning=False,
)
"""Conversations, with the numbers of their latest summary (0 for none) and of the last entry that
it stands for. On Postgres the row is also the lock under which a turn begins.
"""

entries = sa.Table(
    "entries",
    metadata,
    _text("conversation", sa.ForeignKey("conversations.id"), key=True),
    _number("seq", key=True),
    _text("body"),
    implicit_returning=False,
    sqlite_with_rowid=False,
)
"""The logs. Stored in the order of the key, so that a conversation is read in one go, and its last
number is found at the end of its key.
"""

bindings = sa.Table(
    "bindings",
    metadata,
    *_thread(key=True),
    _text("conversation", sa.ForeignKey("conversations.id")),
    implicit_returning=False,
    sqlite_with_rowid=False,
)
"""Which conversation a thread belongs to now."""

sa.Index("ix_bindings_conversation", bindings.c.conversation)

past_bindings = sa.Table(
    "past_bindings",
    metadata,
    *_thread(key=True),
    _text("conversation", sa.ForeignKey("conversations.id"), key=True),
    _number("place"),
    implicit_returning=False,
    sqlite_with_rowid=False,
)
"""Which conversations a thread belonged to before, the one it left last with the highest place.

A thread may belong to one of them again; then `bindings` says so, and its place here is old.
"""

turns = sa.Table(
    "turns",
    metadata,
    _text("id", key=True),
    _text("conversation", sa.ForeignKey("conversations.id")),
    _maybe("inbox"),
    _text("run"),
    _text("origin"),
    _text("state"),
    _text("owner"),
    _number("attempt"),
    _number("fence"),
    _maybe("draft"),
    _moment("started_at"),
    _moment("ended_at", nullable=True),
    implicit_returning=False,
)
"""Turns. `inbox` is the message that began it; a run's turn has none, and its own id as `run`."""

_partial(
    "ix_turns_running",
    turns.c.conversation,
    turns.c.run,
    where="state = 'running' OR state = 'waiting'",
    unique=True,  # at most one that a message began
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column(
        "position",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        sa.Identity(),
        primary_key=True,
    ),
    _text("id"),
    *_thread(),
    _text("state"),
    _number("attempts"),
    _moment("not_before"),
    _moment("created_at"),
    _maybe("owner"),
    _maybe("binds", sa.ForeignKey("conversations.id")),
    _maybe("message_id"),
    _text("error"),
    _text("body"),
    sa.UniqueConstraint("id"),
    implicit_returning=False,
)
"""Messages on their way out, in the order in which they were written."""

_partial("ix_outbox_due", outbox.c.not_before, where="state = 'pending'")
_partial(
    "ix_outbox_open",
    outbox.c.platform,
    outbox.c.workspace,
    outbox.c.channel,
    outbox.c.root,
    outbox.c.position,
    where="state IN ('pending', 'sending')",
)
_partial("ix_outbox_aside", outbox.c.state, where="state IN ('dead', 'withheld')")

schedules = sa.Table(
    "schedules",
    metadata,
    _text("id", key=True),
    _number("number"),
    _text("state"),
    _moment("next_at", nullable=True),
    _moment("created_at"),
    _text("body"),
    sa.UniqueConstraint("number"),
    implicit_returning=False,
)
"""Schedules. What a person decided is the `body`; what time changes are columns."""

_partial("ix_schedules_due", schedules.c.next_at, where="state = 'active'")

occurrences = sa.Table(
    "occurrences",
    metadata,
    _text("run", key=True),
    _text("schedule", sa.ForeignKey("schedules.id")),
    _moment("planned_at"),
    _text("manual"),
    _text("state"),
    _moment("finished_at", nullable=True),
    _text("result"),
    _text("delivery"),
    _text("error"),
    sa.UniqueConstraint("schedule", "planned_at", "manual"),
    implicit_returning=False,
)
"""Planned times. `manual` is the run where a person asked for it, and empty where time did: so one
index keeps planned times apart, lets people ask as often as they like, and finds a schedule's.
"""

sa.Index("ix_occurrences_planned_at", occurrences.c.planned_at)
_partial("ix_occurrences_due", occurrences.c.planned_at, where="state = 'due'")

workers = sa.Table(
    "workers",
    metadata,
    _text("slot", key=True),
    _text("role"),
    _moment("seen_at"),
    _moment("taken_at", nullable=True),
    _maybe("taken_by"),
    _maybe("life"),
    implicit_returning=False,
)
"""Process slots. `taken_at` is the sign of life after which somebody took the work over, `taken_by`
who is still at it. `life` is the life of the process that holds the slot.
"""

counters = sa.Table(
    "counters",
    metadata,
    _text("name", key=True),
    _number("value"),
    implicit_returning=False,
)
"""Numbers that people use, given out without gaps. The row is the lock."""

files = sa.Table(
    "files",
    metadata,
    _text("id", key=True),
    _text("name"),
    _text("media_type"),
    _number("size"),
    _moment("kept_at"),
    implicit_returning=False,
)
"""Whole files: what came in with messages, and what goes out with them."""

file_pieces = sa.Table(
    "file_pieces",
    metadata,
    _text("file", key=True),
    _number("number", key=True),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
    _moment("kept_at"),
    implicit_returning=False,
)
"""The bytes of files, in order; those of a file that has no row in `files` never became whole."""

sa.Index("ix_file_pieces_kept_at", file_pieces.c.kept_at)

reminders = sa.Table(
    "reminders",
    metadata,
    _text("id", key=True),
    _number("number"),
    *_person(),
    _text("state"),
    _moment("next_at", nullable=True),
    _moment("created_at"),
    _text("body"),
    sa.UniqueConstraint("number"),
    implicit_returning=False,
)
"""What people want to be told. The person is who is reminded."""

sa.Index("ix_reminders_person", reminders.c.platform, reminders.c.workspace, reminders.c.user)
_partial("ix_reminders_next_at", reminders.c.next_at, where="state = 'waiting'")

links = sa.Table(
    "links",
    metadata,
    *_person(key=True),
    *_person("anchor_"),
    _moment("linked_at"),
    implicit_returning=False,
)
"""Who somebody is on a further platform: the anchor is named in the configuration."""

link_codes = sa.Table(
    "link_codes",
    metadata,
    _text("code", key=True),
    *_person("anchor_"),
    _moment("expires_at"),
    implicit_returning=False,
)
"""One-time codes that were not used yet, as their hashes."""

channel_states = sa.Table(
    "channel_states",
    metadata,
    *(_text(name, key=True) for name in ("platform", "workspace", "channel")),
    _text("name"),
    _text("change"),
    _text("detail"),
    _moment("since", nullable=True),
    implicit_returning=False,
)
"""What platforms told of channels. `change` is empty where the channel is trusted."""

approvals = sa.Table(
    "approvals",
    metadata,
    _text("id", key=True),
    _text("turn"),
    _text("call"),
    _text("conversation"),
    _text("agent"),
    _text("digest"),
    _text("state"),
    _maybe("decided"),
    _text("note"),
    _moment("created_at"),
    _moment("expires_at"),
    _text("body"),
    sa.UniqueConstraint("turn", "call"),
    implicit_returning=False,
)
"""Questions to people. A call asks once, however often its turn is taken up."""

_partial(
    "ix_approvals_open",
    approvals.c.expires_at,
    where="state = 'pending' OR state = 'approved'",
)
_partial("ix_approvals_executing", approvals.c.created_at, where="state = 'executing'")
_partial("ix_approvals_unknown", approvals.c.created_at, where="state = 'unknown'")
sa.Index("ix_approvals_agent", approvals.c.agent, approvals.c.created_at)

approval_votes = sa.Table(
    "approval_votes",
    metadata,
    _text("approval", key=True),
    *_person(key=True),
    _moment("voted_at"),
    implicit_returning=False,
)
"""Who said yes: one row for each person."""

approval_cards = sa.Table(
    "approval_cards",
    metadata,
    _text("approval", key=True),
    *_thread(key=True),
    _text("message", key=True),
    implicit_returning=False,
)
"""Messages that show an approval."""

grants = sa.Table(
    "grants",
    metadata,
    _text("id", key=True),
    _number("number"),
    _text("agent"),
    _text("digest"),
    _text("body"),
    _moment("given_at"),
    _moment("expires_at"),
    _moment("revoked_at", nullable=True),
    sa.UniqueConstraint("number"),
    implicit_returning=False,
)
"""What people allowed for a time."""

_partial("ix_grants_in_force", grants.c.agent, grants.c.digest, where="revoked_at IS NULL")
