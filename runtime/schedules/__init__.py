"""Schedules and their runs: planned, claimed, fired, led to their end, or given up."""
