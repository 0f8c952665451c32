"""What was accepted before and not processed, handed over page by page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from runtime.ids import InboxId
from runtime.model.events import Received


@dataclass(slots=True)
class Backlog:
    """The state of one such handing over.

    Attributes:
        before: a time; what was received later is passed over. None at a start, when what comes
            in meanwhile keeps behind the backlog.
        after: the last row of the page before.
        since: what came in meanwhile, which is handed over anyway.
        behind: that of it which keeps behind.
    """

    before: datetime | None
    after: InboxId | None = None
    since: set[InboxId] = field(default_factory=set)
    behind: list[Received] = field(default_factory=list)

    def of_page(self, rows: Sequence[Received]) -> list[Received]:
        """What of the next page, which is not empty, is to be handed over."""
        self.after = rows[-1].id
        return [row for row in rows if self._is_old(row) and row.id not in self.since]

    def _is_old(self, row: Received) -> bool:
        return self.before is None or row.received_at < self.before
