"""What a process says of itself to the audit log, and of the audit log to the ordinary one."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.role import Role
from bot.settings import Settings
from bot.status import ProcessLine
from runtime.model.audit import SYSTEM, AuditEvent, AuditKind
from runtime.ports import Audit, AuditQuery

log = logging.getLogger("nightdesk.audit")

SAY_HEAD_EVERY = 86_400.0
"""Seconds between two lines of the log that say where the audit log ends."""
_STARTS = 200
"""Starts that are looked through for the last of each process."""


async def say_head(audit: Audit) -> None:
    """Say in the log where the chain ends: a copy of that elsewhere is what shows tampering."""
    log.info("audit.head", extra={"head": str(await audit.head())})


async def note_start(audit: Audit, settings: Settings, role: str) -> None:
    """Record with which files this process began to work, and say where the chain ends."""
    files = (
        (AuditKind.CONFIGURATION_LOADED, settings.config_path),
        (AuditKind.POLICY_LOADED, settings.policy_path),
    )
    slot = settings.slot_for(Role(role))
    await audit.add([_loaded(kind, path, role, slot) for kind, path in files])
    await say_head(audit)


async def behind(
    audit: Audit, settings: Settings, running: Sequence[ProcessLine]
) -> list[ProcessLine]:
    """Those of what runs whose last start read another team's file than is there now.

    A start is known by its slot, and by its role where the slot is not told, as of the one owner of
    a SQLite file.
    """
    kind, now = AuditKind.CONFIGURATION_LOADED, _digest(settings.config_path)
    starts = [each.facts() for each in await audit.find(AuditQuery(kind=kind, limit=_STARTS))]

    def last(process: ProcessLine) -> Mapping[str, object] | None:
        mine = [start for start in starts if start.get("slot") == process.name]
        mine += [start for start in starts if start.get("role") == process.role]
        return mine[0] if mine else None

    found = [(process, last(process)) for process in running]
    return [process for process, read in found if read is not None and read["sha256"] != now]


async def note_policy(audit: Audit, path: Path | None, *, usable: bool) -> None:
    """Record that the policy's file changed while we run, and whether it could be used."""
    kind = AuditKind.POLICY_LOADED if usable else AuditKind.POLICY_NOT_LOADED
    await audit.add([_loaded(kind, path)])


def _loaded(kind: AuditKind, path: Path | None, role: str = "", slot: str = "") -> AuditEvent:
    """The file by its digest; none where there is no file, so that what holds without it holds."""
    name, digest = (path.name, _digest(path)) if path else ("", None)
    return AuditEvent(
        kind, SYSTEM, None, {"file": name, "sha256": digest, "role": role, "slot": slot}
    )


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
