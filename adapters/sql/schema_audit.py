"""The table of the audit log, which is only ever added to, as `adapters.sql.schema` has the others.

The triggers stop mistakes and careless hands. Whoever may change the schema can take them away,
and is found out by the chain: see `docs/audit.md`.
"""

import sqlalchemy as sa

from adapters.sql.schema import metadata, moment, partial, text

audit = sa.Table(
    "audit",
    metadata,
    sa.Column(
        "seq",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    moment("at"),
    text("kind"),
    text("actor"),
    text("turn"),
    text("body"),
    text("before"),
    text("hash"),
    implicit_returning=False,
)
"""What was decided and done. `runtime.model.audit` says what the columns mean and how they hash."""

partial("ix_audit_turn", audit.c.turn, where="turn <> ''")

_NO_UPDATE = """CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'records of the audit log are never changed'); END"""
_NO_DELETE = """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'records of the audit log are never deleted'); END"""
_REFUSE = """CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'records of the audit log are never changed or deleted'; END $$"""
_NO_CHANGE = """CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION audit_refuse()"""
_NO_TRUNCATE = """CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"""

GUARDS = {"sqlite": (_NO_UPDATE, _NO_DELETE), "postgresql": (_REFUSE, _NO_CHANGE, _NO_TRUNCATE)}
"""What forbids changes, for each database."""


@sa.event.listens_for(audit, "after_create")
def _guard(_: sa.Table, connection: sa.Connection, **__: object) -> None:
    for statement in GUARDS[connection.dialect.name]:
        connection.exec_driver_sql(statement)
