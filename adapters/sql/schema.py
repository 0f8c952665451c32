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


def text(name: str, *constraints: sa.ForeignKey, key: bool = False) -> sa.Column[str]:
    """A text that is always there."""
    return sa.Column(name, sa.Text, *constraints, primary_key=key, nullable=False)


def maybe(name: str, *constraints: sa.ForeignKey) -> sa.Column[str]:
    """A text that may be missing."""
    return sa.Column(name, sa.Text, *constraints, nullable=True)


def number(name: str, *, key: bool = False) -> sa.Column[int]:
    """A whole number that we count ourselves."""
    return sa.Column(name, sa.BigInteger, primary_key=key, nullable=False, autoincrement=False)


def moment(name: str, *, nullable: bool = False) -> sa.Column[int]:
    """A time, in microseconds."""
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def thread(*, key: bool = False) -> tuple[sa.Column[str], ...]:
    """Where a conversation takes place."""
    names = ("platform", "workspace", "channel", "root")
    return tuple(text(name, key=key) for name in names)


def person(prefix: str = "", *, key: bool = False) -> tuple[sa.Column[str], ...]:
    """Somebody, as a platform names them."""
    return tuple(text(prefix + name, key=key) for name in ("platform", "workspace", "user"))


def partial(
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
    text("id", key=True),
    *thread(),
    text("event_key"),
    maybe("content_key"),
    text("lane"),
    text("state"),
    text("body"),
    moment("received_at"),
    sa.UniqueConstraint("platform", "event_key"),
    implicit_returning=False,
)
"""Accepted events. `state` is `pending`, or `done` once a command ended or a turn has it.

Every index costs every event a twentieth of what storing it takes, so there are only those that
somebody waits for: a start reads what is pending through the one by thread, and sorts it.
"""

partial(
    "ix_inbox_content_key",
    inbox.c.platform,
    inbox.c.content_key,
    where="content_key IS NOT NULL",
    unique=True,
)
partial(
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
    text("id", key=True),
    text("agent"),
    text("title"),
    number("summary"),
    number("covered"),
    moment("created_at"),
    implicit_returning=False,
)
"""Conversations, with the numbers of their latest summary (0 for none) and of the last entry that
it stands for. On Postgres the row is also the lock under which a turn begins.
"""

entries = sa.Table(
    "entries",
    metadata,
    text("conversation", sa.ForeignKey("conversations.id"), key=True),
    number("seq", key=True),
    text("body"),
    implicit_returning=False,
)
"""The logs: rows of one entry or a few that follow one another, under the first one's number.
Stored as they are written, not in the order of the key: rows of many turns then share the page that
a commit writes. In the order of the key each turn changes two or three pages of its own.
"""

bindings = sa.Table(
    "bindings",
    metadata,
    *thread(key=True),
    text("conversation", sa.ForeignKey("conversations.id")),
    implicit_returning=False,
    sqlite_with_rowid=False,
)
"""Which conversation a thread belongs to now."""

sa.Index("ix_bindings_conversation", bindings.c.conversation)

past_bindings = sa.Table(
    "past_bindings",
    metadata,
    *thread(key=True),
    text("conversation", sa.ForeignKey("conversations.id"), key=True),
    number("place"),
    implicit_returning=False,
    sqlite_with_rowid=False,
)
"""Which conversations a thread belonged to before, the one it left last with the highest place.

A thread may belong to one of them again; then `bindings` says so, and its place here is old.
"""

turns = sa.Table(
    "turns",
    metadata,
    text("id", key=True),
    text("conversation", sa.ForeignKey("conversations.id")),
    maybe("inbox"),
    text("run"),
    text("origin"),
    text("state"),
    text("owner"),
    number("attempt"),
    number("fence"),
    maybe("draft"),
    moment("started_at"),
    moment("ended_at", nullable=True),
    maybe("asked"),
    implicit_returning=False,
)
"""Turns. `inbox` is the message that began it; a run's turn has none, and its own id as `run`.
`asked` is the log's next entry, which goes there with the first thing that the turn says.
"""

partial(
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
    text("id"),
    *thread(),
    text("state"),
    number("attempts"),
    moment("not_before"),
    moment("created_at"),
    maybe("owner"),
    maybe("binds", sa.ForeignKey("conversations.id")),
    maybe("message_id"),
    text("error"),
    text("body"),
    maybe("turn"),
    maybe("agent"),
    maybe("taken_back"),
    sa.UniqueConstraint("id"),
    implicit_returning=False,
)
"""Messages on their way out, in the order in which they were written. `agent` is whose words they
bring, and `taken_back` why one that is being sent is not to be tried again.
"""

partial("ix_outbox_due", outbox.c.not_before, where="state = 'pending'")
partial(
    "ix_outbox_open",
    outbox.c.platform,
    outbox.c.workspace,
    outbox.c.channel,
    outbox.c.root,
    outbox.c.position,
    where="state IN ('pending', 'sending')",
)
partial("ix_outbox_aside", outbox.c.state, where="state IN ('dead', 'withheld')")
partial("ix_outbox_held", outbox.c.state, where="state = 'held'")

schedules = sa.Table(
    "schedules",
    metadata,
    text("id", key=True),
    number("number"),
    text("state"),
    moment("next_at", nullable=True),
    moment("created_at"),
    text("body"),
    maybe("held"),
    sa.UniqueConstraint("number"),
    implicit_returning=False,
)
"""Schedules. What a person decided is the `body`; what time changes are columns. `held` is the run
that paused it because whoever made it may have none any more."""

partial("ix_schedules_due", schedules.c.next_at, schedules.c.id, where="state = 'active'")

occurrences = sa.Table(
    "occurrences",
    metadata,
    text("run", key=True),
    text("schedule", sa.ForeignKey("schedules.id")),
    moment("planned_at"),
    text("manual"),
    text("state"),
    moment("finished_at", nullable=True),
    text("result"),
    text("delivery"),
    text("error"),
    sa.UniqueConstraint("schedule", "planned_at", "manual"),
    implicit_returning=False,
)
"""Planned times. `manual` is the run where a person asked for it, and empty where time did: so one
index keeps planned times apart, lets people ask as often as they like, and finds a schedule's.
"""

sa.Index("ix_occurrences_planned_at", occurrences.c.planned_at)
partial("ix_occurrences_due", occurrences.c.planned_at, where="state = 'due'")

workers = sa.Table(
    "workers",
    metadata,
    text("slot", key=True),
    text("role"),
    moment("seen_at"),
    moment("taken_at", nullable=True),
    maybe("taken_by"),
    maybe("life"),
    implicit_returning=False,
)
"""Process slots. `taken_at` is the sign of life after which somebody took the work over, `taken_by`
who is still at it. `life` is the life of the process that holds the slot.
"""

counters = sa.Table(
    "counters",
    metadata,
    text("name", key=True),
    number("value"),
    implicit_returning=False,
)
"""Numbers that people use, given out without gaps. The row is the lock."""

files = sa.Table(
    "files",
    metadata,
    text("id", key=True),
    text("name"),
    text("media_type"),
    number("size"),
    moment("kept_at"),
    implicit_returning=False,
)
"""Whole files: what came in with messages, and what goes out with them."""

file_pieces = sa.Table(
    "file_pieces",
    metadata,
    text("file", key=True),
    number("number", key=True),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
    moment("kept_at"),
    implicit_returning=False,
)
"""The bytes of files, in order; those of a file that has no row in `files` never became whole."""

sa.Index("ix_file_pieces_kept_at", file_pieces.c.kept_at)

reminders = sa.Table(
    "reminders",
    metadata,
    text("id", key=True),
    number("number"),
    *person(),
    text("state"),
    moment("next_at", nullable=True),
    moment("created_at"),
    text("body"),
    sa.UniqueConstraint("number"),
    implicit_returning=False,
)
"""What people want to be told. The person is who is reminded."""

sa.Index("ix_reminders_person", reminders.c.platform, reminders.c.workspace, reminders.c.user)
partial("ix_reminders_next_at", reminders.c.next_at, where="state = 'waiting'")

links = sa.Table(
    "links",
    metadata,
    *person(key=True),
    *person("anchor_"),
    moment("linked_at"),
    implicit_returning=False,
)
"""Who somebody is on a further platform: the anchor is named in the configuration."""

link_codes = sa.Table(
    "link_codes",
    metadata,
    text("code", key=True),
    *person("anchor_"),
    moment("expires_at"),
    implicit_returning=False,
)
"""One-time codes that were not used yet, as their hashes."""

channel_states = sa.Table(
    "channel_states",
    metadata,
    *(text(name, key=True) for name in ("platform", "workspace", "channel")),
    text("name"),
    text("change"),
    text("detail"),
    moment("since", nullable=True),
    implicit_returning=False,
)
"""What platforms told of channels. `change` is empty where the channel is trusted."""
