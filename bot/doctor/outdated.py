"""Which of the processes that run have not read the team's file as it is now."""

from collections.abc import Mapping, Sequence

from bot.settings import Settings
from bot.status import ProcessLine
from bot.witness import digest_of
from runtime.model.audit import AuditKind
from runtime.ports import Audit, AuditQuery

_STARTS = 200
"""Starts that are looked through for the last of each process."""


async def behind(
    audit: Audit, settings: Settings, running: Sequence[ProcessLine]
) -> list[ProcessLine]:
    """Those of what runs whose last start read another team's file than is there now.

    A start is known by its slot, and by its role where the slot is not told, as of the one owner of
    a SQLite file.
    """
    kind, now = AuditKind.CONFIGURATION_LOADED, digest_of(settings.config_path)
    starts = [each.facts() for each in await audit.find(AuditQuery(kind=kind, limit=_STARTS))]

    def last(process: ProcessLine) -> Mapping[str, object] | None:
        mine = [start for start in starts if start.get("slot") == process.name]
        mine += [start for start in starts if start.get("role") == process.role]
        return mine[0] if mine else None

    found = [(process, last(process)) for process in running]
    return [process for process, read in found if read is not None and read["sha256"] != now]
