"""What a picture shows."""

from datetime import date

from runtime.model.value import value


@value(kw_only=True)
class DaySeries:
    """What was spent on each of some days.

    Attributes:
        days: each day with what was spent on it, in micro-units; the earliest first.
        limit: what a day may cost now, in micro-units, or None.
        currency: in what, by its three letters.
    """

    days: tuple[tuple[date, int], ...]
    limit: int | None
    currency: str
