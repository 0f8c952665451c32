"""What a person decided since they gave a command: a crash has a command carried out again.

Between a decision and its answer there are two transactions. A process that dies between them
leaves the command to be carried out once more, and what it decided stands then. What names an
approval finds it by its id; here is found what a command did that names none.
"""

from collections.abc import Callable
from datetime import datetime

from runtime.approvers import person
from runtime.ids import ApprovalId
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import Approval, ApprovalState
from runtime.model.audit import AuditKind, AuditRecord, by_person
from runtime.model.team import Team
from runtime.ports import Store

_PAGE = 200
"""Records at the end of the audit log that are looked at in one go: a crash was a moment ago."""
_MOST_PAGES = 250
"""So often, at the most, are those before them looked at."""


class Decided:
    """Finds what people decided."""

    def __init__(self, store: Store, *, team: Callable[[], Team]) -> None:
        """Look into the audit log of `store`, for people of `team`."""
        self._store = store
        self._team = team

    async def accepted(
        self, thread: ThreadRef, who: Principal, *, since: datetime
    ) -> Approval | None:
        """What that person said yes to in the thread since then; None where they did not."""
        found = await self.yes(who, since=since)
        return next((one for one in found if one.is_in(thread)), None)

    async def denied(
        self, thread: ThreadRef, who: Principal, reason: str, *, since: datetime
    ) -> Approval | None:
        """What that person's `/deny` of then, with that reason, said no to; None where it did not.

        It names nothing, so it is a no only where one thing waits. What waits since before then
        shows that it was not carried out: whatever was denied meanwhile, a button denied.
        """
        waiting = await self._store.approvals.open()
        if any(one.is_in(thread) and one.created_at <= since for one in waiting):
            return None
        found = await self.no(who, since=since)
        said = (one for one in found if one.note == reason.strip())
        return next((one for one in said if one.is_in(thread)), None)

    async def yes(self, who: Principal, *, since: datetime) -> list[Approval]:
        """The approvals that the person said yes to after that moment, oldest first."""
        found = await self._records(AuditKind.APPROVAL_VOTED, who, since)
        return await self._approvals(found)

    async def no(self, who: Principal, *, since: datetime) -> list[Approval]:
        """The approvals that the person said no to after that moment, oldest first."""
        found = await self._records(AuditKind.APPROVAL_CHANGED, who, since)
        denied = [one for one in found if one.facts().get("state") == ApprovalState.DENIED]
        return await self._approvals(denied)

    async def revoked(self, number: int, who: Principal, *, since: datetime) -> str:
        """The tool of the grant of that number that the person ended after that moment, or ""."""
        for record in await self._records(AuditKind.GRANT_REVOKED, who, since):
            facts = record.facts()
            if facts.get("grant") == number:
                return str(facts.get("tool"))
        return ""

    async def _records(self, kind: AuditKind, who: Principal, since: datetime) -> list[AuditRecord]:
        """What is recorded of that kind and person, oldest first.

        Only what is later than the command: at the very moment that it came nothing was done of it.
        """
        actor = by_person(person(self._team(), who))
        found: list[AuditRecord] = []
        end = (await self._store.audit.head()).seq
        for _ in range(_MOST_PAGES):
            begin = max(end - _PAGE, 0)
            page = await self._store.audit.page(after=begin, limit=end - begin)
            later = [one for one in page if one.moment and one.moment > since]
            found[:0] = [one for one in later if one.kind == kind and one.actor == actor]
            if not later:
                break
            end = begin
        return found

    async def _approvals(self, records: list[AuditRecord]) -> list[Approval]:
        ids = [ApprovalId(str(one.facts().get("approval"))) for one in records]
        found = [await self._store.approvals.get(this) for this in ids]
        return [one for one in found if one is not None]
