"""Pictures of figures."""

from typing import Protocol

from runtime.model.chart import DaySeries


class Charts(Protocol):
    """Draws figures."""

    async def spending(self, series: DaySeries) -> bytes:
        """A PNG with a bar for each day, and the limit as a line.

        Raises:
            Permanent: it cannot be drawn; says why.
        """
        ...
