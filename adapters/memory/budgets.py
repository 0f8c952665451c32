"""What people decided about money, in memory: the twin of what is in a database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adapters.memory.modelbook import MemoryModelBook
from adapters.memory.tables import Tables
from runtime.errors import Conflict
from runtime.ids import TurnId
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.model.budget import Alert, AlertId, AlertState, LimitChange, Pause
from runtime.model.choice import Chosen
from runtime.model.outbox import OutboxItem


class MemoryBudgets:
    """`runtime.ports.Budgets` in memory."""

    def __init__(self, tables: Tables, modelbook: MemoryModelBook) -> None:
        self._tables = tables
        self._modelbook = modelbook
        self._changes: list[LimitChange] = []
        self._alerts: dict[AlertId, Alert] = {}
        self._pauses: dict[TurnId, Pause] = {}

    async def set_limit(self, change: LimitChange) -> None:
        """Remember a limit: see the port."""
        if all(known.key != change.key for known in self._changes):
            self._changes.append(change)
            self._tables.audit.record(recorded.limit_changed(change))

    async def limits(self, *, since: datetime, limit: int = 1_000_000) -> list[LimitChange]:
        """Limits that people set: see the port."""
        found = [change for change in self._changes if not change.stamp or change.at >= since]
        return found[::-1][:limit]

    async def raise_alert(self, alert: Alert, rows: Sequence[OutboxItem] = ()) -> bool:
        """Store an alert: see the port."""
        self._tables.check_outbox(rows)
        if alert.id in self._alerts:
            return False
        self._alerts[alert.id] = alert
        self._tables.enqueue(rows)
        return True

    async def alert(self, alert: AlertId) -> Alert | None:
        """The alert: see the port."""
        return self._alerts.get(alert)

    async def open_alerts(self) -> list[Alert]:
        """Alerts that nobody answered: see the port."""
        return [alert for alert in self._alerts.values() if alert.state is AlertState.OPEN]

    async def answer_alert(
        self,
        alert: AlertId,
        *,
        state: AlertState,
        by: Principal,
        note: str,
        chosen: Chosen | None = None,
    ) -> Alert:
        """Note what a person did about it: see the port."""
        known = self._alerts.get(alert)
        if known is None or known.state is not AlertState.OPEN:
            raise Conflict("somebody did something about the alert before")
        self._alerts[alert] = replace(known, state=state, by=by, note=note)
        if chosen is not None:
            self._modelbook.keep(chosen)
        self._tables.audit.record(recorded.alert_answered(alert, state, by))
        return self._alerts[alert]

    async def pause(self, pause: Pause) -> None:
        """Remember that a turn waits: see the port."""
        self._pauses[pause.turn] = pause

    async def pauses(self) -> list[Pause]:
        """Turns that wait: see the port."""
        return sorted(self._pauses.values(), key=lambda pause: (pause.at, pause.turn))

    async def paused(self, turn: TurnId) -> Pause | None:
        """What the turn waits for: see the port."""
        return self._pauses.get(turn)

    async def forget_pause(self, pause: Pause) -> None:
        """The turn waits no more since then: see the port."""
        known = self._pauses.get(pause.turn)
        if known is not None and known.at == pause.at:
            del self._pauses[pause.turn]
