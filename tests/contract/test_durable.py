"""What every durable engine promises (`runtime.ports.Durable`)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from runtime.errors import (
    ConfigurationError,
    ModelRateLimited,
    NightdeskError,
    Permanent,
    Refused,
    Retryable,
    RunCancelled,
    RunFailed,
)
from runtime.ids import RunId
from runtime.model.run import RunState
from runtime.model.tools import Json
from runtime.ports import Durable, RunContext, Workflow
from tests.support.clock import ManualClock
from tests.support.durable import DbosHouse, MemoryHouse, copied, migrated
from tests.support.eventually import eventually
from tests.support.postgres import PostgresServer

# DBOS cancels what is under way where it is closed; a connection that is just being opened is left
# to the garbage collector then, and psycopg says so whenever that comes.
pytestmark = pytest.mark.filterwarnings("ignore:.*was deleted while still open:ResourceWarning")
RUN = RunId("run-1")


class House(Protocol):
    """A place where runs are kept."""

    def opened(self, workflows: Mapping[str, Workflow]) -> AbstractAsyncContextManager[Durable]:
        """An engine over it, for as long as the block lasts."""
        ...


@pytest.fixture(scope="module")
def template(postgres_server: PostgresServer) -> Iterator[str]:
    with migrated(postgres_server) as name:
        yield name


@pytest.fixture
def database(postgres_server: PostgresServer, template: str) -> Iterator[str]:
    with copied(postgres_server, template) as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> House:
    if request.param == "memory":
        return MemoryHouse(clock)
    url = request.getfixturevalue("database") if request.param == "postgres" else None
    return DbosHouse(url=url, data_dir=tmp_path, clock=clock)


class Trace:
    """Workflows that say what they did, and stop where a test wants them to."""

    def __init__(self) -> None:
        self.done: list[Json] = []
        self.waiting = 0
        """How many came to a wait: what they did before is stored."""
        self.gate = asyncio.Event()
        self.reached = asyncio.Event()

    def note(self, what: Json) -> Callable[[], Awaitable[Json]]:
        async def work() -> Json:
            self.done.append(what)
            return what

        return work

    def held(self, what: Json) -> Callable[[], Awaitable[Json]]:
        """Work that notes that it began, waits for the gate, and notes that it ended."""

        async def work() -> Json:
            self.done.append(f"{what} begins")
            self.reached.set()
            await self.gate.wait()
            self.done.append(f"{what} ends")
            return what

        return work


@pytest.fixture
def trace() -> Trace:
    return Trace()


def two_steps(trace: Trace) -> Workflow:
    async def workflow(context: RunContext, payload: Json) -> Json:
        first = await context.step("first", trace.note(["first", payload]))
        second = await context.step("second", trace.note("second"))
        return [first, second]

    return workflow


def waiter(trace: Trace) -> Workflow:
    async def workflow(context: RunContext, _payload: Json) -> Json:
        await context.step("before", trace.note("before"))
        trace.waiting += 1
        answer = await context.wait("answer")
        await context.step("after", trace.note("after"))
        return answer

    return workflow


# --------------------------------------------------------------------------------- starting


async def test_a_run_does_its_steps_and_returns_their_results(house: House, trace: Trace) -> None:
    async with house.opened({"two": two_steps(trace)}) as durable:
        await durable.start("two", RUN, {"x": 1})
        assert await durable.result(RUN) == [["first", {"x": 1}], "second"]
        assert trace.done == [["first", {"x": 1}], "second"]
        assert await durable.state(RUN) is RunState.COMPLETED


async def test_starting_the_same_run_again_changes_nothing(house: House, trace: Trace) -> None:
    async with house.opened({"wait": waiter(trace)}) as durable:
        await durable.start("wait", RUN, 1)
        await durable.start("wait", RUN, 2)
        await durable.signal(RUN, "answer", "yes", key="1")
        assert await durable.result(RUN) == "yes"
        await durable.start("wait", RUN, 3)
        assert await durable.result(RUN) == "yes"
        assert trace.done == ["before", "after"]


async def test_starting_the_same_run_again_in_a_partition_changes_nothing(
    house: House, trace: Trace
) -> None:
    async with house.opened({"two": two_steps(trace)}) as durable:
        for _ in range(3):
            await durable.start("two", RUN, 1, partition="p")
        await durable.result(RUN)
        await durable.start("two", RUN, 1, partition="p")
        await durable.start("two", RunId("run-2"), 2, partition="p")
        await durable.result(RunId("run-2"))
        assert [what for what in trace.done if what != "second"] == [["first", 1], ["first", 2]]


async def test_a_workflow_that_nobody_registered_is_refused(house: House) -> None:
    async with house.opened({}) as durable:
        with pytest.raises(ConfigurationError, match="'nothing'"):
            await durable.start("nothing", RUN, None)
        assert await durable.state(RUN) is None


async def test_a_workflow_is_registered_once_and_before_opening(house: House, trace: Trace) -> None:
    async with house.opened({"two": two_steps(trace)}) as durable:
        with pytest.raises(ConfigurationError, match="'late'"):
            durable.register("late", two_steps(trace))


async def test_nothing_can_be_started_once_it_is_closed(house: House, trace: Trace) -> None:
    async with house.opened({"two": two_steps(trace)}) as durable:
        pass
    with pytest.raises(ConfigurationError, match="not open"):
        await durable.start("two", RUN, None)


async def test_a_run_that_was_never_started_has_no_state_and_no_result(house: House) -> None:
    async with house.opened({}) as durable:
        assert await durable.state(RunId("never")) is None
        with pytest.raises(Permanent, match="never was never started"):
            await durable.result(RunId("never"))
        with pytest.raises(Permanent, match="never was never started"):
            await durable.signal(RunId("never"), "answer", 1, key="1")
        await durable.cancel(RunId("never"))


# ----------------------------------------------------------------------------------- values


VALUES: list[Json] = [
    None,
    True,
    0,
    -(2**60),
    1.5,
    "Grüße \N{SNOWMAN} \N{PARTY POPPER} \x00 \ud7ff",
    [],
    {},
    {"error": {"name": "Refused", "message": "no"}},
    {"value": [1, {"a": [None, "b"]}]},
]


async def test_payloads_results_and_signals_come_out_as_they_went_in(house: House) -> None:
    async def workflow(context: RunContext, payload: Json) -> Json:
        async def work() -> Json:
            return payload

        return [payload, await context.step("work", work), await context.wait("answer")]

    async with house.opened({"all": workflow}) as durable:
        for n, value in enumerate(VALUES):
            run = RunId(f"run-{n}")
            await durable.start("all", run, value)
            await durable.signal(run, "answer", value, key="1")
        for n, value in enumerate(VALUES):
            assert await durable.result(RunId(f"run-{n}")) == [value, value, value]


async def test_a_payload_that_json_cannot_hold_is_refused_and_nothing_starts(
    house: House, trace: Trace
) -> None:
    moment: Json = datetime(2026, 1, 1, tzinfo=UTC)  # type: ignore[assignment]
    async with house.opened({"two": two_steps(trace)}) as durable:
        with pytest.raises(TypeError):
            await durable.start("two", RUN, moment)
        with pytest.raises(ValueError, match="JSON"):
            await durable.start("two", RUN, float("nan"))
        assert await durable.state(RUN) is None


async def test_a_step_gives_what_it_would_give_after_a_crash(house: House) -> None:
    async def work() -> Json:
        return {1: ("a", "b")}  # type: ignore[dict-item]

    seen: list[Json] = []

    async def workflow(context: RunContext, _payload: Json) -> Json:
        seen.append(await context.step("work", work))
        return None

    async with house.opened({"odd": workflow}) as durable:
        await durable.start("odd", RUN, None)
        await durable.result(RUN)
    assert seen == [{"1": ["a", "b"]}]


async def test_a_result_that_json_cannot_hold_fails_the_run(house: House) -> None:
    async def workflow(_context: RunContext, _payload: Json) -> Json:
        return {1, 2}  # type: ignore[return-value]

    async with house.opened({"odd": workflow}) as durable:
        await durable.start("odd", RUN, None)
        with pytest.raises(RunFailed, match="set"):
            await durable.result(RUN)
        assert await durable.state(RUN) is RunState.FAILED


# ----------------------------------------------------------------------------------- errors


ERRORS: list[NightdeskError] = [
    Refused("no such channel", hint="try #ops"),
    Retryable("slow down", after=2.5),
    ModelRateLimited("slower", after=9),
    Permanent("gone"),
    RunFailed("it broke"),
]


async def test_a_run_fails_with_the_error_it_raised(house: House) -> None:
    async def workflow(_context: RunContext, payload: Json) -> Json:
        raise ERRORS[int(str(payload))]

    async with house.opened({"fail": workflow}) as durable:
        for n, error in enumerate(ERRORS):
            run = RunId(f"run-{n}")
            await durable.start("fail", run, n)
            with pytest.raises(type(error)) as raised:
                await durable.result(run)
            assert str(raised.value) == str(error)
            assert _extras(raised.value) == _extras(error)
            assert await durable.state(run) is RunState.FAILED


async def test_a_run_fails_with_what_is_not_ours_named_in_the_message(house: House) -> None:
    async def workflow(_context: RunContext, _payload: Json) -> Json:
        raise ZeroDivisionError("by zero")

    async with house.opened({"fail": workflow}) as durable:
        await durable.start("fail", RUN, None)
        with pytest.raises(RunFailed, match="ZeroDivisionError: by zero"):
            await durable.result(RUN)


async def test_a_workflow_may_catch_what_a_step_raises(house: House) -> None:
    async def work() -> Json:
        raise Retryable("busy", after=3.0)

    async def workflow(context: RunContext, _payload: Json) -> Json:
        try:
            return await context.step("work", work)
        except Retryable as error:
            return error.after

    async with house.opened({"catch": workflow}) as durable:
        await durable.start("catch", RUN, None)
        assert await durable.result(RUN) == 3.0


# -------------------------------------------------------------------------------- partitions


async def test_a_partition_is_done_in_order_and_one_at_a_time(house: House) -> None:
    done: list[tuple[str, str, int]] = []

    async def workflow(context: RunContext, payload: Json) -> Json:
        assert isinstance(payload, list)
        line, number = str(payload[0]), int(str(payload[1]))

        async def begin() -> Json:
            done.append((line, "begins", number))
            return None

        async def end() -> Json:
            done.append((line, "ends", number))
            return None

        await context.step("begin", begin)
        await context.step("end", end)
        return None

    # Ids that sort against the order of starting, as derived ids may.
    runs = [RunId(f"run-{99 - n}-{line}") for n in range(12) for line in "ab"]
    async with house.opened({"item": workflow}) as durable:
        for position, run in enumerate(runs):
            line = "ab"[position % 2]
            await durable.start("item", run, [line, position // 2], partition=line)
        for run in runs:
            await durable.result(run)
    for line in "ab":
        mine = [(what, number) for where, what, number in done if where == line]
        assert mine == [(what, n) for n in range(12) for what in ("begins", "ends")]


async def test_runs_started_at_once_keep_the_order_of_the_calls(house: House) -> None:
    done: list[Json] = []

    async def workflow(_context: RunContext, payload: Json) -> Json:
        done.append(payload)
        return None

    async with house.opened({"item": workflow}) as durable:
        await asyncio.gather(
            *(durable.start("item", RunId(f"run-{99 - n}"), n, partition="p") for n in range(12))
        )
        for n in range(12):
            await durable.result(RunId(f"run-{99 - n}"))
    assert done == list(range(12))


async def test_a_run_that_waits_holds_its_partition_and_no_other(
    house: House, trace: Trace
) -> None:
    workflows = {"wait": waiter(trace), "two": two_steps(trace)}
    async with house.opened(workflows) as durable:
        await durable.start("wait", RUN, None, partition="p")
        await durable.start("two", RunId("behind"), 1, partition="p")
        await durable.start("two", RunId("beside"), 2, partition="q")
        await durable.result(RunId("beside"))
        await eventually(lambda: "before" in trace.done, "the run in front")
        assert await durable.state(RunId("behind")) is RunState.QUEUED
        assert await durable.state(RUN) is RunState.RUNNING
        await durable.signal(RUN, "answer", None, key="1")
        await durable.result(RunId("behind"))


async def test_a_failed_run_lets_its_partition_go_on(house: House, trace: Trace) -> None:
    async def fail(_context: RunContext, _payload: Json) -> Json:
        raise Permanent("no")

    async with house.opened({"fail": fail, "two": two_steps(trace)}) as durable:
        await durable.start("fail", RUN, None, partition="p")
        await durable.start("two", RunId("behind"), 1, partition="p")
        assert await durable.result(RunId("behind")) == [["first", 1], "second"]


# ----------------------------------------------------------------------------------- signals


async def test_a_run_waits_for_a_signal(house: House, trace: Trace) -> None:
    async with house.opened({"wait": waiter(trace)}) as durable:
        await durable.start("wait", RUN, None)
        await eventually(lambda: trace.done == ["before"], "the first step")
        assert await durable.state(RUN) is RunState.RUNNING
        await durable.signal(RUN, "answer", {"approved": True}, key="1")
        assert await durable.result(RUN) == {"approved": True}


async def test_a_signal_may_come_before_the_wait(house: House, trace: Trace) -> None:
    async def workflow(context: RunContext, _payload: Json) -> Json:
        await context.step("held", trace.held("step"))
        return await context.wait("answer")

    async with house.opened({"late": workflow}) as durable:
        await durable.start("late", RUN, None)
        await durable.signal(RUN, "answer", "early", key="1")
        trace.gate.set()
        assert await durable.result(RUN) == "early"


async def test_a_signal_with_the_same_key_is_not_delivered_twice(house: House) -> None:
    async def workflow(context: RunContext, _payload: Json) -> Json:
        return [await context.wait("answer"), await context.wait("answer")]

    async with house.opened({"pair": workflow}) as durable:
        await durable.start("pair", RUN, None)
        await durable.signal(RUN, "answer", "first", key="1")
        await durable.signal(RUN, "answer", "again", key="1")
        await durable.signal(RUN, "answer", "second", key="2")
        assert await durable.result(RUN) == ["first", "second"]
        await durable.signal(RUN, "answer", "after the end", key="3")
        assert await durable.result(RUN) == ["first", "second"]


async def test_signals_of_a_topic_are_taken_in_the_order_they_came_one_by_one(
    house: House,
) -> None:
    async def workflow(context: RunContext, _payload: Json) -> Json:
        other = await context.wait("other")
        return [other, *[await context.wait("answer") for _ in range(6)]]

    async with house.opened({"many": workflow}) as durable:
        await durable.start("many", RUN, None)
        for n in range(6):
            await durable.signal(RUN, "answer", n, key=f"{99 - n}")
        await durable.signal(RUN, "other", "go", key="other")
        assert await durable.result(RUN) == ["go", 0, 1, 2, 3, 4, 5]


async def test_the_same_key_may_go_to_two_runs(house: House, trace: Trace) -> None:
    async with house.opened({"wait": waiter(trace)}) as durable:
        for run in ("a", "b"):
            await durable.start("wait", RunId(run), None)
            await durable.signal(RunId(run), "answer", run, key="1")
        assert [await durable.result(RunId(run)) for run in ("a", "b")] == ["a", "b"]


# ------------------------------------------------------------------------------ cancellation


async def test_a_cancelled_run_does_no_further_step(house: House, trace: Trace) -> None:
    async def workflow(context: RunContext, _payload: Json) -> Json:
        await context.step("held", trace.held("step"))
        await context.step("next", trace.note("next"))
        return None

    async with house.opened({"held": workflow}) as durable:
        await durable.start("held", RUN, None)
        await trace.reached.wait()
        await durable.cancel(RUN)
        trace.gate.set()
        with pytest.raises(RunCancelled):
            await durable.result(RUN)
        await eventually(lambda: "step ends" in trace.done, "the step under way to return")
        assert await durable.state(RUN) is RunState.CANCELLED
    assert trace.done == ["step begins", "step ends"]


async def test_a_run_is_cancelled_while_it_waits(house: House, trace: Trace) -> None:
    left = asyncio.Event()

    async def workflow(context: RunContext, _payload: Json) -> Json:
        try:
            return await context.wait("answer")
        finally:
            left.set()

    async with house.opened({"wait": workflow}) as durable:
        await durable.start("wait", RUN, None)
        assert await durable.state(RUN) is RunState.RUNNING
        await durable.cancel(RUN)
        with pytest.raises(RunCancelled):
            await durable.result(RUN)
        await asyncio.wait_for(left.wait(), 45)
        await durable.signal(RUN, "answer", 1, key="1")
        assert await durable.state(RUN) is RunState.CANCELLED


async def test_children_are_cancelled_with_their_parent(house: House, trace: Trace) -> None:
    async def parent(context: RunContext, _payload: Json) -> Json:
        return await context.child("middle", RunId("middle"), None)

    async def middle(context: RunContext, _payload: Json) -> Json:
        return await context.child("wait", RunId("child"), None)

    workflows = {"parent": parent, "middle": middle, "wait": waiter(trace)}
    async with house.opened(workflows) as durable:
        await durable.start("parent", RUN, None)
        await eventually(lambda: trace.done == ["before"], "the child's first step")
        await durable.cancel(RUN)
        for run in (RUN, RunId("middle"), RunId("child")):
            with pytest.raises(RunCancelled):
                await durable.result(run)
            assert await durable.state(run) is RunState.CANCELLED
        await durable.signal(RunId("child"), "answer", 1, key="1")
    assert trace.done == ["before"]


async def test_a_run_that_has_ended_is_not_cancelled_any_more(house: House, trace: Trace) -> None:
    async with house.opened({"two": two_steps(trace)}) as durable:
        await durable.start("two", RUN, 1)
        await durable.result(RUN)
        await durable.cancel(RUN)
        assert await durable.state(RUN) is RunState.COMPLETED
        assert await durable.result(RUN) == [["first", 1], "second"]


async def test_a_cancelled_run_is_not_begun_and_holds_up_nobody(house: House, trace: Trace) -> None:
    workflows = {"wait": waiter(trace), "two": two_steps(trace)}
    async with house.opened(workflows) as durable:
        await durable.start("wait", RUN, None, partition="p")
        await eventually(lambda: trace.done == ["before"], "the run in front")
        await durable.start("two", RunId("second"), 2, partition="p")
        await durable.start("two", RunId("third"), 3, partition="p")
        await durable.cancel(RunId("second"))
        assert await durable.state(RunId("second")) is RunState.CANCELLED
        await durable.cancel(RUN)
        assert await durable.result(RunId("third")) == [["first", 3], "second"]
    assert ["first", 2] not in trace.done


async def test_the_next_of_a_partition_waits_for_the_last_step_of_a_cancelled_run(
    house: House, trace: Trace
) -> None:
    async def held(context: RunContext, _payload: Json) -> Json:
        return await context.step("held", trace.held("step"))

    async with house.opened({"held": held, "two": two_steps(trace)}) as durable:
        await durable.start("held", RUN, None, partition="p")
        await durable.start("two", RunId("behind"), 1, partition="p")
        await trace.reached.wait()
        await durable.cancel(RUN)
        await durable.start("two", RunId("elsewhere"), 2, partition="q")
        await durable.result(RunId("elsewhere"))
        assert ["first", 1] not in trace.done
        trace.gate.set()
        await durable.result(RunId("behind"))
    assert trace.done.index("step ends") < trace.done.index(["first", 1])


async def test_a_cancelled_workflow_cannot_catch_its_way_on(house: House, trace: Trace) -> None:
    async def stubborn(context: RunContext, _payload: Json) -> Json:
        try:
            await context.wait("answer")
        except NightdeskError:
            await context.step("on", trace.note("on"))
        return "won"

    async with house.opened({"stubborn": stubborn}) as durable:
        await durable.start("stubborn", RUN, None)
        await durable.cancel(RUN)
        with pytest.raises(RunCancelled):
            await durable.result(RUN)
        assert await durable.state(RUN) is RunState.CANCELLED


# ---------------------------------------------------------------------------------- children


async def test_a_child_runs_and_its_parent_gets_its_result(house: House, trace: Trace) -> None:
    async def parent(context: RunContext, payload: Json) -> Json:
        return ["parent", await context.child("two", RunId(f"{context.run}-child"), payload)]

    async with house.opened({"parent": parent, "two": two_steps(trace)}) as durable:
        await durable.start("parent", RUN, 7)
        assert await durable.result(RUN) == ["parent", [["first", 7], "second"]]
        assert await durable.result(RunId("run-1-child")) == [["first", 7], "second"]


async def test_a_parent_sees_why_its_child_failed(house: House) -> None:
    async def child(_context: RunContext, payload: Json) -> Json:
        if payload == "ours":
            raise Refused("not that", hint="this")
        raise ZeroDivisionError("by zero")

    async def parent(context: RunContext, _payload: Json) -> Json:
        seen: list[Json] = []
        for kind in ("ours", "theirs"):
            try:
                await context.child("child", RunId(f"child-{kind}"), kind)
            except NightdeskError as error:
                seen.append([type(error).__name__, str(error)])
        return seen

    async with house.opened({"parent": parent, "child": child}) as durable:
        await durable.start("parent", RUN, None)
        assert await durable.result(RUN) == [
            ["Refused", "not that"],
            ["RunFailed", "ZeroDivisionError: by zero"],
        ]


async def test_a_parent_outlives_a_child_that_was_cancelled(house: House, trace: Trace) -> None:
    async def parent(context: RunContext, _payload: Json) -> Json:
        try:
            return await context.child("wait", RunId("child"), None)
        except RunCancelled:
            return "went on alone"

    async with house.opened({"parent": parent, "wait": waiter(trace)}) as durable:
        await durable.start("parent", RUN, None)
        await eventually(lambda: trace.done == ["before"], "the child's first step")
        await durable.cancel(RunId("child"))
        assert await durable.result(RUN) == "went on alone"


async def test_a_step_may_start_signal_and_ask_about_other_runs(house: House, trace: Trace) -> None:
    opened: list[Durable] = []

    async def work() -> Json:
        (durable,) = opened
        await durable.start("wait", RunId("other"), None)
        await durable.signal(RunId("other"), "answer", "from a step", key="1")
        return await durable.result(RunId("other"))

    async def workflow(context: RunContext, _payload: Json) -> Json:
        return await context.step("work", work)

    async with house.opened({"outer": workflow, "wait": waiter(trace)}) as durable:
        opened.append(durable)
        await durable.start("outer", RUN, None)
        assert await durable.result(RUN) == "from a step"
        await durable.start("wait", RunId("third"), None)
        await durable.cancel(RUN)
        assert await durable.state(RunId("other")) is RunState.COMPLETED


# ---------------------------------------------------------------------- stopping, going on


async def test_closing_leaves_a_run_to_be_gone_on_with_and_repeats_no_completed_step(
    house: House, trace: Trace
) -> None:
    workflows = {"wait": waiter(trace)}
    async with house.opened(workflows) as durable:
        await durable.start("wait", RUN, None)
        await eventually(lambda: trace.waiting == 1, "the wait")
    async with house.opened(workflows) as durable:
        await durable.signal(RUN, "answer", "later", key="1")
        assert await durable.result(RUN) == "later"
    assert trace.done == ["before", "after"]


async def test_a_step_broken_off_by_closing_is_done_again(house: House, trace: Trace) -> None:
    async def workflow(context: RunContext, _payload: Json) -> Json:
        await context.step("first", trace.note("first"))
        return await context.step("held", trace.held("step"))

    workflows = {"held": workflow}
    async with house.opened(workflows) as durable:
        await durable.start("held", RUN, None)
        await trace.reached.wait()
    trace.gate.set()
    async with house.opened(workflows) as durable:
        assert await durable.result(RUN) == "step"
    assert trace.done == ["first", "step begins", "step begins", "step ends"]


async def test_what_failed_before_a_restart_is_seen_the_same_after_it(
    house: House, trace: Trace
) -> None:
    seen: list[Json] = []

    async def work() -> Json:
        trace.done.append("work")
        raise Retryable("busy", after=1.5)

    async def workflow(context: RunContext, _payload: Json) -> Json:
        try:
            await context.step("work", work)
        except Retryable as error:
            seen.append([str(error), error.after])
        return await context.wait("answer")

    workflows = {"fail": workflow}
    async with house.opened(workflows) as durable:
        await durable.start("fail", RUN, None)
        await eventually(lambda: seen, "the step to fail")
    async with house.opened(workflows) as durable:
        await durable.signal(RUN, "answer", None, key="1")
        await durable.result(RUN)
    assert seen == [["busy", 1.5], ["busy", 1.5]]
    assert trace.done == ["work"]


async def test_a_partition_keeps_its_order_over_a_restart(house: House, trace: Trace) -> None:
    async def held(context: RunContext, payload: Json) -> Json:
        return await context.step("held", trace.held(payload))

    workflows = {"held": held}
    runs = [RunId(f"run-{9 - n}") for n in range(4)]
    async with house.opened(workflows) as durable:
        for n, run in enumerate(runs):
            await durable.start("held", run, n, partition="p")
        await trace.reached.wait()
    trace.gate.set()
    async with house.opened(workflows) as durable:
        for run in runs:
            await durable.result(run)
    assert [what for what in trace.done if str(what).endswith("ends")] == [
        f"{n} ends" for n in range(4)
    ]


async def test_a_parent_and_its_child_go_on_after_a_restart(house: House, trace: Trace) -> None:
    async def parent(context: RunContext, _payload: Json) -> Json:
        await context.step("parent", trace.note("parent"))
        return await context.child("wait", RunId("child"), None)

    workflows = {"parent": parent, "wait": waiter(trace)}
    async with house.opened(workflows) as durable:
        await durable.start("parent", RUN, None)
        await eventually(lambda: trace.waiting == 1, "the child's wait")
    async with house.opened(workflows) as durable:
        await durable.signal(RunId("child"), "answer", "done", key="1")
        assert await durable.result(RUN) == "done"
    assert trace.done == ["parent", "before", "after"]


async def test_a_signal_sent_before_a_restart_is_there_after_it(house: House, trace: Trace) -> None:
    async def workflow(context: RunContext, _payload: Json) -> Json:
        await context.step("held", trace.held("step"))
        return await context.wait("answer")

    workflows = {"late": workflow}
    async with house.opened(workflows) as durable:
        await durable.start("late", RUN, None)
        await trace.reached.wait()
        await durable.signal(RUN, "answer", "kept", key="1")
    trace.gate.set()
    async with house.opened(workflows) as durable:
        await durable.signal(RUN, "answer", "twice", key="1")
        assert await durable.result(RUN) == "kept"


async def test_a_run_cancelled_before_a_restart_stays_cancelled(house: House, trace: Trace) -> None:
    async def held(context: RunContext, _payload: Json) -> Json:
        return await context.step("held", trace.held("step"))

    workflows = {"held": held, "two": two_steps(trace)}
    async with house.opened(workflows) as durable:
        await durable.start("held", RUN, None, partition="p")
        await trace.reached.wait()
        await durable.cancel(RUN)
    async with house.opened(workflows) as durable:
        assert await durable.state(RUN) is RunState.CANCELLED
        await durable.start("two", RunId("behind"), 1, partition="p")
        await durable.result(RunId("behind"))
        with pytest.raises(RunCancelled):
            await durable.result(RUN)
    assert "step ends" not in trace.done


async def test_taking_over_from_nobody_finds_nothing(house: House) -> None:
    async with house.opened({}) as durable:
        assert await durable.take_over("nobody") == 0


async def test_closing_twice_is_harmless(house: House) -> None:
    async with house.opened({}) as durable:
        await durable.close()


def _extras(error: NightdeskError) -> dict[str, object]:
    return {name: getattr(error, name, None) for name in ("hint", "after")}


# ------------------------------------------------------------------------------- forgetting

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ONE_DAY = datetime(2200, 1, 1, tzinfo=UTC)


async def test_runs_that_ended_before_that_time_are_forgotten(house: House, trace: Trace) -> None:
    workflows = {"two": two_steps(trace), "wait": waiter(trace)}
    async with house.opened(workflows) as durable:
        for run in ("run-1", "run-2", "run-3"):
            await durable.start("two", RunId(run), None)
            await durable.result(RunId(run))
        await durable.start("wait", RunId("waits"), None)
        await durable.start("wait", RunId("cancelled"), None)
        await eventually(lambda: trace.waiting == 2, "both to wait")
        await durable.cancel(RunId("cancelled"))
        with pytest.raises(RunCancelled):
            await durable.result(RunId("cancelled"))

        assert await durable.forget(before=LONG_AGO) == 0
        assert await durable.forget(before=ONE_DAY) == 4
        assert await durable.forget(before=ONE_DAY) == 0

        assert await durable.state(RUN) is None
        assert await durable.state(RunId("waits")) is RunState.RUNNING
        await durable.signal(RunId("waits"), "answer", "yes", key="1")
        assert await durable.result(RunId("waits")) == "yes"
        await durable.start("two", RUN, "anew")
        assert await durable.result(RUN) == [["first", "anew"], "second"]


async def test_a_family_is_forgotten_together_and_not_before_the_last_has_ended(
    house: House, trace: Trace
) -> None:
    async def parent(context: RunContext, _payload: Json) -> Json:
        first = await context.child("two", RunId("first child"), 1)
        return [first, await context.child("wait", RunId("second child"), None)]

    workflows = {"two": two_steps(trace), "wait": waiter(trace), "parent": parent}
    async with house.opened(workflows) as durable:
        await durable.start("parent", RUN, None)
        await eventually(lambda: trace.waiting == 1, "the second child to wait")
        assert await durable.forget(before=ONE_DAY) == 0
        assert await durable.state(RunId("first child")) is RunState.COMPLETED

        await durable.signal(RunId("second child"), "answer", "yes", key="1")
        await durable.result(RUN)
        assert await durable.forget(before=ONE_DAY) == 3
        assert await durable.state(RunId("first child")) is None
        assert await durable.state(RunId("second child")) is None
