"""Durable execution by DBOS Transact; `adapters.durable.dbos` is its door."""
