"""The store in SQLite or Postgres. `adapters.sql.store.open_store` is the way in."""
