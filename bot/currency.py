"""Limits that people set in another currency than the team has now: they do not hold, and are told.

Numbers of one currency never become those of another. What is counted begins at nothing in the new
one, and so do the limits of the chat; those of `nightdesk.toml` hold, which says the currency.
"""

import logging
from collections.abc import Callable, Sequence

from bot.diagnosis import Diagnosis, State
from bot.wiring import doors
from bot.wiring.process import Parts
from runtime.ids import derived
from runtime.model.budget import LimitChange
from runtime.model.team import Team
from runtime.money.amounts import show_limit
from runtime.money.limits import LimitBook
from runtime.money.spenders import when_of, whose

log = logging.getLogger("nightdesk.money")

_TODO = "`/budget set` sets them again, and `/budget` shows what holds."


async def tell_of_others(parts: Parts, limits: LimitBook, wake_outbox: Callable[[], None]) -> None:
    """Tell the owners, once for each such limit; and the log at each start."""
    found = await limits.without_force()
    if not found:
        return
    team = parts.team()
    log.warning(
        "budget.other_currency", extra={"limits": len(found), "currency": team.budget.currency}
    )
    key = derived("currency", team.budget.currency, *sorted(change.key for change in found))
    await doors.notices(parts, wake_outbox).tell(key, f"{in_words(found, team)} {_TODO}")


def finding(found: Sequence[LimitChange], team: Team) -> Diagnosis | None:
    """What `nightdesk doctor` says of it; None where there are none such."""
    return Diagnosis("budget", State.WRONG, in_words(found, team), _TODO) if found else None


def in_words(found: Sequence[LimitChange], team: Team) -> str:
    """What changed, and which limits do not hold for that."""
    currency = team.budget.currency
    before = " and ".join(dict.fromkeys(change.currency for change in found))
    listed = ", ".join(
        f"{whose(team, one.scope, one.subject)} {show_limit(one.micros or 0, one.currency)} "
        f"{when_of(one.scope, one.period)}"
        for one in found
    )
    return (
        f"The budget is in {currency} now. What was spent in {before} is not counted in it, and "
        f"limits that were set in {before} do not hold: {listed}."
    )
