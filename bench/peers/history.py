"""Conversations in SQLite written by hand: the tables of the limit and of the naive peer."""

import json
from collections.abc import Sequence

from bench.spoken import HISTORY, SENTENCE

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE inbox (id INTEGER PRIMARY KEY, event_key TEXT UNIQUE, conversation INTEGER, body TEXT,
                    done INTEGER NOT NULL DEFAULT 0);
CREATE TABLE conversations (id INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL);
CREATE TABLE entries (conversation INTEGER, seq INTEGER, body TEXT, PRIMARY KEY (conversation, seq))
    WITHOUT ROWID;
CREATE TABLE outbox (id INTEGER PRIMARY KEY, conversation INTEGER, body TEXT,
                     sent INTEGER NOT NULL DEFAULT 0);
"""
INBOX = "INSERT INTO inbox (event_key, conversation, body) VALUES (?, ?, ?)"
ADVANCE = "UPDATE conversations SET last_seq = last_seq + 1 WHERE id = ? RETURNING last_seq"
ENTRY = "INSERT INTO entries VALUES (?, ?, ?)"
LOAD = "SELECT body FROM entries WHERE conversation = ? ORDER BY seq DESC LIMIT 50"
OUTBOX = "INSERT INTO outbox (conversation, body) VALUES (?, ?)"
DONE = "UPDATE inbox SET done = 1 WHERE id = ?"
SENT = "UPDATE outbox SET sent = 1 WHERE id = ?"

MESSAGE = json.dumps({"role": "user", "text": SENTENCE, "at": "2026-11-21T02:14:00Z"})
ANSWER = json.dumps({"role": "assistant", "text": SENTENCE, "at": "2026-11-21T02:14:01Z"})


def conversations(count: int) -> tuple[Sequence[tuple[int, int]], Sequence[tuple[int, int, str]]]:
    """The rows of so many conversations, and of their messages."""
    heads = [(number, HISTORY) for number in range(count)]
    log = [(number, seq, MESSAGE) for number in range(count) for seq in range(1, HISTORY + 1)]
    return heads, log
