"""The way out: rows of the outbox become messages, in order within a thread, and once."""
