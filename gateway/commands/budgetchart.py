"""The picture of what was spent, for the platforms that show pictures."""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.commands.budgettext import DAYS
from gateway.commands.ports import Request
from runtime.errors import Permanent
from runtime.ids import FileId, Platform, derived
from runtime.model.chart import DaySeries
from runtime.model.files import OutFile
from runtime.model.meter import Balance
from runtime.model.team import Team
from runtime.model.value import value
from runtime.money.amounts import show_amount, show_limit
from runtime.ports import Charts, ChatPort, Files

log = logging.getLogger("nightdesk.commands")

_LARGEST = 1_000_000
"""Bytes of a picture, at most; they have about ten thousand."""


def series(found: Iterable[Balance], limit: int | None, team: Team, *, now: datetime) -> DaySeries:
    """The last days until today, those that cost nothing among them."""
    spent = {one.meter.stamp: one.spent for one in found}
    today = now.astimezone(ZoneInfo(team.zone)).date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return DaySeries(
        days=tuple((day, spent.get(day.isoformat(), 0)) for day in days),
        limit=limit,
        currency=team.budget.currency,
    )


@value(kw_only=True)
class SpendingPictures:
    """Makes pictures, and keeps them where what is sent takes them from.

    Attributes:
        charts: draws.
        files: where files that go out are kept.
        chats: the platforms by name.
    """

    charts: Charts
    files: Files
    chats: Mapping[Platform, ChatPort]

    async def of(self, shown: DaySeries, request: Request) -> tuple[OutFile, ...]:
        """The picture, the same one for the same request.

        None where the platform shows no pictures, where nothing was spent, and where it cannot be
        drawn: the text says all of it, too.
        """
        chat = self.chats.get(request.thread.platform)
        if chat is None or not chat.limits.images or not any(spent for _, spent in shown.days):
            return ()
        try:
            drawn = await self.charts.spending(shown)
        except Permanent as error:
            log.warning("budget.no_picture", extra={"why": str(error)})
            return ()

        async def pieces() -> AsyncIterator[bytes]:
            yield drawn

        last, _ = shown.days[-1]
        kept = await self.files.keep(
            FileId(derived("spending", request.id)),
            pieces(),
            name=f"spent-each-day-until-{last}.png",
            media_type="image/png",
            most=_LARGEST,
        )
        return (replace(kept, alt=_words(shown)),)


def _words(shown: DaySeries) -> str:
    """What the picture shows, for who cannot see it."""
    day, most = max(shown.days, key=lambda pair: pair[1])
    said = (
        f"A bar for each of the {len(shown.days)} days until {_date(shown.days[-1][0])}: what was "
        f"spent on it. The highest is {show_amount(most, shown.currency)}, on {_date(day)}."
    )
    if shown.limit is None:
        return said
    return f"{said} A red line is the limit of a day: {show_limit(shown.limit, shown.currency)}."


def _date(day: date) -> str:
    return f"{day.day} {day:%B}"
