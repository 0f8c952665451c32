"""Entries of logs as lists: half the time to read, and a quarter shorter."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_AT_ONCE = 500
_ORDER = ("role", "text", "at", "turn", "seq", "sender", "model")
_RARE: dict[str, object] = {
    "tool_calls": [],
    "call": None,
    "covers": 0,
    "files": [],
    "ending": None,
}
"""What follows, with what each is where it is empty; nothing follows where all are."""

_entries = sa.table("entries", sa.column("conversation"), sa.column("seq"), sa.column("body"))
_of = sa.and_(
    _entries.c.conversation == sa.bindparam("of"), _entries.c.seq == sa.bindparam("place")
)


def upgrade() -> None:
    connection = op.get_bind()
    change = sa.update(_entries).where(_of).values(body=sa.bindparam("becomes"))
    key = sa.tuple_(_entries.c.conversation, _entries.c.seq)
    page = sa.select(_entries).where(_entries.c.body.like("{%")).order_by(*key).limit(_AT_ONCE)
    rows = connection.execute(page).all()
    while rows:
        changes = [{"of": of, "place": seq, "becomes": _as_list(body)} for of, seq, body in rows]
        connection.execute(change, changes)
        rows = connection.execute(page.where(key > sa.tuple_(*rows[-1][:2]))).all()


def _as_list(body: str) -> str:
    said = json.loads(body)
    usual = [said.get("model", "") if name == "model" else said.get(name) for name in _ORDER]
    rare = [said.get(name, empty) for name, empty in _RARE.items()]
    fields = usual if rare == list(_RARE.values()) else [*usual, *rare]
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
