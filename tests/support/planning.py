"""A schedule that comes due."""

from runtime.ids import AgentName
from runtime.model.address import Principal, ThreadRef
from runtime.schedules.service import NewSchedule
from tests.support.approving import Asking
from tests.support.build import ANN, DM, OPS

_HOUR = 3600.0


async def planned(
    life: Asking,
    instruction: str = "look around",
    *,
    target: ThreadRef = OPS,
    maker: Principal = ANN,
) -> None:
    """Let an hourly schedule come due, of Ann's where it does not say whose; it fires at the next look."""
    desk = life.desk
    when = desk.desk.parts.timetable.read("every hour", now=desk.clock.now(), zone="Europe/Berlin")
    await desk.desk.schedules.create(
        NewSchedule(
            key="s",
            when=when,
            instruction=instruction,
            agent=AgentName("desk"),
            target=target,
            made_by=maker,
            made_in=DM,
        )
    )
    await desk.clock.advance(_HOUR)
