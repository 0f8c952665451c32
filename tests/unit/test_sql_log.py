"""Rows of a conversation's log as they are stored, those of earlier programs among them."""

from adapters.sql import log
from runtime.ids import Platform
from runtime.model.address import Principal, key_of, principal_of
from runtime.model.conversation import Role
from tests.support.models import ANNA, BEN, said

_EARLIER = (
    '["user","what ran?","2026-11-21T02:14:00Z","t1",1,'
    '{"platform":"terminal","workspace":"","user":"anna"},""]'
)
"""As rows were written while people were stored by three names and their values."""


def test_a_person_is_stored_as_one_text() -> None:
    body = log.encode_one(said("hi"), 3)

    assert '"terminal//anna"' in body
    assert [entry.sender for entry in log.decode(body)] == [ANNA]


def test_rows_of_both_forms_are_read_together() -> None:
    bodies = [_EARLIER, log.encode_one(said("and now?", BEN), 2)]

    entries = log.decode(",".join(bodies))

    assert [(entry.seq, entry.text) for entry in entries] == [(1, "what ran?"), (2, "and now?")]
    assert [entry.sender for entry in entries] == [ANNA, BEN]
    assert {entry.role for entry in entries} == {Role.USER}
    assert entries[0].by == key_of(ANNA)


def test_no_two_people_have_one_text() -> None:
    many = [
        Principal(Platform(platform), workspace, user)
        for platform in ("slack", "sl/ack")
        for workspace in ("", "T1", "T/1", "%2F", "é")
        for user in ("", "U1", "1/U1", "/", "a b")
    ]

    assert [principal_of(key_of(who)) for who in many] == many
    assert len({key_of(who) for who in many}) == len(many)
