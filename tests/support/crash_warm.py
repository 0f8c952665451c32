"""Imported by the process that the programs under test are forked from, and by nobody else."""

import tests.support.durable_child  # noqa: F401 - the other program that is forked
from tests.support.crash_program import warm_up

warm_up()
