"""Imported by the process that the programs under test are forked from, and by nobody else."""

from tests.support.crash_program import warm_up

warm_up()
