"""What an engine is told when it is made."""

from pathlib import Path

from runtime.clock import Clock
from runtime.model.value import value


@value(kw_only=True)
class Pace:
    """How often the database is asked, in seconds: idle cost against delay.

    Attributes:
        queue: for runs that wait in a partition.
        signal: on SQLite, for the signals of each run that waits; Postgres tells of them.
        result: for the end of a run that somebody waits for.
        watch: on Postgres, for runs that wait here and were cancelled by another process.
        claims: on Postgres, for runs that were taken up here with nobody hearing of it; they are
            put back at the second look.
    """

    queue: float = 0.2
    signal: float = 0.5
    result: float = 0.1
    watch: float = 2.0
    claims: float = 10.0


@value(kw_only=True)
class Settings:
    """The settings of one process slot.

    Attributes:
        url: a Postgres database, where DBOS gets the schema `dbos`; None for the file `dbos.db`
            in the data folder.
        data_dir: the data folder.
        slot: the name of this process slot.
        clock: stamps the rows of the file, and paces the look for runs cancelled elsewhere.
        takes_work: whether runs that wait in a partition are done here.
        pace: how often the database is asked.
    """

    url: str | None
    data_dir: Path
    slot: str
    clock: Clock
    takes_work: bool
    pace: Pace
