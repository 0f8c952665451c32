"""What a process says of itself to the audit log, and of the audit log to the ordinary one."""

import hashlib
import logging
from pathlib import Path

from bot.role import Role
from bot.settings import Settings
from runtime.model.audit import SYSTEM, AuditEvent, AuditKind
from runtime.ports import Audit

log = logging.getLogger("nightdesk.audit")

SAY_HEAD_EVERY = 86_400.0
"""Seconds between two lines of the log that say where the audit log ends."""


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


async def note_policy(audit: Audit, path: Path | None, *, usable: bool) -> None:
    """Record that the policy's file changed while we run, and whether it could be used."""
    kind = AuditKind.POLICY_LOADED if usable else AuditKind.POLICY_NOT_LOADED
    await audit.add([_loaded(kind, path)])


def _loaded(kind: AuditKind, path: Path | None, role: str = "", slot: str = "") -> AuditEvent:
    """The file by its digest; none where there is no file, so that what holds without it holds."""
    name, digest = (path.name, digest_of(path)) if path else ("", None)
    return AuditEvent(
        kind, SYSTEM, None, {"file": name, "sha256": digest, "role": role, "slot": slot}
    )


def digest_of(path: Path) -> str | None:
    """The SHA-256 of a file, in hexadecimal; None where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
