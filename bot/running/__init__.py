"""A process while it runs: its tasks and duties, its slot, signals, and its orderly end."""
