"""Killed at every named fault point: each effect once.

A fault point is just before or just after a call of a port (`tests.support.crash_points`). Each
course through the program has its list of them, and a test holds the list to what is really called.
One life dies at one point, and the next one recovers and then dies at the next point.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from runtime.model.schedule import Schedule
from tests.support.crash_places import Places
from tests.support.crash_points import AFTER, BEFORE, Point
from tests.support.crash_process import Process
from tests.support.crash_schedules import due, far, put
from tests.support.crash_world import World, channel, world
from tests.support.eventually import eventually

SIDE_BY_SIDE = 2
"""Chains of lives at once: much of a life is waiting. Each chain costs a database and a life."""
KILLED_WITHIN = 120.0
"""Seconds, on the busiest of machines, after which a point is taken for one that is not passed."""

QUEUE = ("durable.start", "step.work", "work.work")
"""On Postgres a queue stands between the inbox and the mailboxes."""
AT_ONCE = ("chat.send", "outbox.sent")
"""The answer of a turn is claimed as it is written."""
DELIVERY = ("outbox.claim", *AT_ONCE)
TURN = ("model.stream", "model.piece", "turns.finish")
DRAFT = ("chat.status", "chat.begin_draft", "turns.set_draft", "chat.grow_draft")
FIRING = (
    *("step.turn", "work.turn", "schedules.occurrence", "schedules.by_id"),
    *("conversations.create", "turns.begin_run", "outbox.enqueue"),
    *("schedules.end_occurrence", "schedules.note_delivery"),
)
ELSEWHERE = {
    "outbox.next_time": "when to look again; it writes nothing",
    "outbox.holds": "a look right before the send; it writes nothing",
    "outbox.binds_soon": "a look at where a reply belongs; it writes nothing",
    "conversations.bound": "the same",
    "conversations.bound_among": "the same",
    "conversations.earlier": "a look at what may be stopped; it writes nothing",
    "conversations.entries": "a look at a log; it writes nothing",
    "stops.active": "a look at who is stopped; it writes nothing",
    "stops.lifted": "the same",
    "stops.lifted_with": "the same",
    "stops.under_way": "the same",
    "turns.state": "a look whether a run waits for money; it writes nothing",
    "schedules.all": "what is asked for; it writes nothing",
    "turns.hand_back": "changes nothing of a turn that was stopped",
    "outbox.hand_back": "where nobody heard how a turn's end was stored: no course comes there",
    "turns.append": "of nothing: a look whether a turn that takes long is still ours",
    "schedules.next_time": "a point of the course of a due schedule",
    "schedules.unfinished": "at the end: whether there is something to wait for",
    "durable.state": "a look at a run that was started before; it writes nothing",
    "inbox.pending": "the same; a point of a recovery",
    "inbox.unbegun": "a look at what may be stopped; it writes nothing",
    "inbox.unbegun_of": "the same",
    "turns.open_conversations": "the same",
    "turns.parked": "a look at the turns that wait for people; it writes nothing",
    "durable.close": "the end",
    "workers.beat": "a sign of life every three seconds, on every course",
    "workers.known": "a look every second whether another died; it writes nothing",
    "workers.let_go": "the end",
}
"""What is called on a course and is no point of it."""

RECOVERIES = (
    ("inbox.append", AFTER, ("inbox.pending",)),
    ("model.stream", BEFORE, ("turns.begin", "model.stream")),
    ("chat.send", BEFORE, ("outbox.take_on", "outbox.postpone", "outbox.claim")),
    ("chat.send", AFTER, ("outbox.take_on", "chat.find", "outbox.sent")),
)
"""What a life dies of, and the methods at which the one that recovers from it dies."""

PRIVATE_TWICE = ("chat.send:after", "outbox.sent:before")
"""Where a private answer may be shown once more: Slack cannot say whether it was."""

Trigger = Callable[[World, int], Awaitable[object]]


async def _write(people: World, number: int) -> None:
    await people.mention(place=channel(number), twice=False)


async def _ask_for_schedule(people: World, number: int) -> None:
    await people.command("schedule create every weekday at 8:30 do it", place=channel(number))


async def _stop(people: World, number: int) -> None:
    root = await people.ask(place=channel(number))
    place = channel(number)
    await eventually(
        lambda: people.slack.visible(place), "the growing answer", within=KILLED_WITHIN
    )
    await people.stop(place=channel(number), root=root)


async def _ask_privately(people: World, number: int) -> None:
    await people.command("schedule list", place=channel(number), answered_at=f"p{number}")


async def _ask_to_run(people: World, number: int) -> None:
    await people.command(f"schedule run {number + 1}", place=channel(number))


@dataclass(frozen=True, slots=True)
class Course:
    """A way through the program.

    Attributes:
        name: its name.
        methods: the ports' methods that are called on it.
        on_postgres: those that are called there besides.
        trigger: sets it off in the channel of that number; returns when it was acknowledged.
        posts: what people see of it, in messages.
        streams: the growing answer is shown.
        prepared: schedules that are there before, one for each channel.
        thinks: seconds that the model takes.
        private: one person sees it, at an address of its own.
    """

    name: str
    methods: tuple[str, ...]
    on_postgres: tuple[str, ...]
    trigger: Trigger
    posts: int = 1
    streams: bool = False
    prepared: bool = False
    thinks: float = 0.01
    private: bool = False

    def place(self, number: int) -> str:
        """Where what people see of it is kept."""
        return f"response:p{number}" if self.private else channel(number)

    def fits(self, seen: int, point: Point) -> bool:
        """Whether so many messages are right after a kill at the point."""
        twice = self.private and str(point) in PRIVATE_TWICE
        return seen == self.posts or (twice and seen == self.posts + 1)

    def points(self, *, postgres: bool) -> list[Point]:
        """Before and after each method."""
        methods = self.methods + (self.on_postgres if postgres else ())
        return [Point(method, phase) for method in methods for phase in (BEFORE, AFTER)]


MESSAGE = Course(
    "message",
    ("inbox.append", "conversations.bind", "turns.begin", *TURN, *AT_ONCE),
    QUEUE,
    _write,
)
GROWING = Course("growing answer", (*DRAFT, "turns.finish", *AT_ONCE), (), _write, streams=True)
COMMAND = Course(
    "command",
    ("inbox.append", "schedules.add", "inbox.finish", *DELIVERY),
    (*QUEUE, "inbox.get"),
    _ask_for_schedule,
)
RUN_NOW = Course(
    "run now",
    ("schedules.get", "schedules.add_occurrence", "durable.start", *FIRING, *TURN, *DELIVERY),
    (),
    _ask_to_run,
    posts=2,
    prepared=True,
)
STOP = Course(
    "stop",
    ("stops.order", "inbox.finish", "chat.send", "outbox.sent"),
    (),
    _stop,
    posts=2,
    streams=True,
    thinks=60.0,
)
PRIVATE = Course("private answer", ("chat.send", "outbox.sent"), (), _ask_privately, private=True)
COURSES = (MESSAGE, GROWING, COMMAND, RUN_NOW, STOP, PRIVATE)
DUE = (
    "schedules.next_time",
    "schedules.due",
    "schedules.claim",
    "durable.start",
    "schedules.move_on",
)


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)
async def test_killed_at_any_point_each_effect_comes_once(course: Course, places: Places) -> None:
    points = course.points(postgres=places.server is not None)
    async with asyncio.TaskGroup() as tasks:
        chains = [
            tasks.create_task(_chain(course, points[number::SIDE_BY_SIDE], places, f"{number}"))
            for number in range(SIDE_BY_SIDE)
        ]
    assert [wrong for chain in chains for wrong in chain.result()] == []


async def test_killed_while_it_fires_a_due_schedule_fires_once(places: Places) -> None:
    points = [Point(method, phase) for method in DUE for phase in (BEFORE, AFTER)]
    folder, url = places.new("due")
    async with world(folder, url=url) as people:
        for number, point in enumerate(points):
            await _put(people, [due(number, channel(number))])
            process = people.start(point=point)
            await _killed(process, point)
        process = people.start()
        await process.ready()
        await people.quiet()
        await process.stop()
        assert _wrong(people, points, MESSAGE) == []
        planned = people.rows("SELECT schedule FROM occurrences")
        assert sorted(planned) == sorted((f"schedule-{n}",) for n in range(len(points)))
        assert people.rows("SELECT DISTINCT state, delivery FROM occurrences") == [("done", "sent")]


async def test_killed_while_it_recovers_each_effect_comes_once(places: Places) -> None:
    twice = [
        (Point(first, at), Point(method, phase))
        for first, at, methods in RECOVERIES
        for method in methods
        for phase in (BEFORE, AFTER)
    ]
    async with asyncio.TaskGroup() as tasks:
        chains = [
            tasks.create_task(_dying_twice(twice[number::SIDE_BY_SIDE], places, f"{number}"))
            for number in range(SIDE_BY_SIDE)
        ]
    assert [wrong for chain in chains for wrong in chain.result()] == []


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)
async def test_every_call_of_a_port_on_a_course_is_a_fault_point(
    course: Course, places: Places
) -> None:
    folder, url = places.new("traced")
    async with world(folder, url=url) as people:
        if course.prepared:
            await _put(people, [far(0, channel(0))])
        arm, trace = folder / "arm", folder / "trace"
        process = people.start(
            armed_by=arm, trace=trace, streams=course.streams, thinks=course.thinks
        )
        await process.ready()
        arm.touch()
        await course.trigger(people, 0)
        await people.quiet()
        await process.stop()
    called = set(trace.read_text().split())
    listed = {point.method for point in course.points(postgres=url is not None)}
    everywhere = {point.method for each in COURSES for point in each.points(postgres=True)}
    assert called - everywhere - ELSEWHERE.keys() == set()
    assert listed - called == set()


async def _chain(course: Course, points: Sequence[Point], places: Places, name: str) -> list[str]:
    """Live, and die at the next point, and live; what was wrong in the end."""
    folder, url = places.new(name)
    async with AsyncExitStack() as stack:
        people = await stack.enter_async_context(world(folder, url=url))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        if course.prepared:
            await _put(people, [far(n, channel(n)) for n in range(len(points))])
        delivered: asyncio.Task[object] | None = None
        for number, point in enumerate(points):
            arm = folder / f"arm{number}"
            process = people.start(
                point=point, armed_by=arm, streams=course.streams, thinks=course.thinks
            )
            await _recovered(process, people, delivered)
            arm.touch()
            delivered = tasks.create_task(_triggered(course, people, number))
            await _killed(process, point)
        process = people.start(streams=course.streams, thinks=course.thinks)
        await _recovered(process, people, delivered)
        await process.stop()
        return _wrong(people, points, course)


async def _dying_twice(
    twice: Sequence[tuple[Point, Point]], places: Places, name: str
) -> list[str]:
    """Live, die at the first point, recover and die at the second, and so on; what was wrong."""
    folder, url = places.new(name)
    async with AsyncExitStack() as stack:
        people = await stack.enter_async_context(world(folder, url=url))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        delivered: asyncio.Task[object] | None = None
        for number, (first, second) in enumerate(twice):
            arm = folder / f"arm{number}"
            process = people.start(point=first, armed_by=arm)
            await _recovered(process, people, delivered)
            arm.touch()
            delivered = tasks.create_task(_triggered(MESSAGE, people, number))
            await _killed(process, first)
            await _killed(people.start(point=second), second)
        process = people.start()
        await _recovered(process, people, delivered)
        await process.stop()
        return _wrong(people, [second for _, second in twice], MESSAGE)


async def _killed(process: Process, point: Point) -> None:
    try:
        async with asyncio.timeout(KILLED_WITHIN):
            code = await process.ended()
    except TimeoutError as error:
        raise AssertionError(f"{point} was not reached in {KILLED_WITHIN} s") from error
    assert code == -signal.SIGKILL, f"{point} killed nothing"


async def _recovered(
    process: Process, people: World, delivered: "asyncio.Task[object] | None"
) -> None:
    """Wait until the life has done what the one before it left."""
    await process.ready()
    if delivered is not None:
        await delivered
    await people.quiet()


async def _triggered(course: Course, people: World, number: int) -> object:
    return await course.trigger(people, number)


def _wrong(people: World, points: Sequence[Point], course: Course) -> list[str]:
    """What people see that they should not, or do not see, for each point; and what was refused."""
    wrong = [f"violation: {violation}" for violation in people.slack.violations]
    for number, point in enumerate(points):
        seen = [post.markdown or post.text for post in people.slack.visible(course.place(number))]
        if not course.fits(len(seen), point):
            wrong.append(f"{point}: {seen}")
    unsent = people.rows("SELECT id, state, error FROM outbox WHERE state <> 'sent'")
    verdict = people.verdict()
    twice = (*verdict.double_turns, *verdict.double_posts)
    return [*wrong, *map(str, unsent), *verdict.lost, *twice]


async def _put(people: World, schedules: Sequence[Schedule]) -> None:
    await put(schedules, url=people.url, folder=people.folder)
