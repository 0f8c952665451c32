"""A conversation, from a typed message to its answer, and what must not happen to it."""

from pathlib import Path

from adapters.models.scripted import Pause, Step, ToolCalls
from runtime.errors import ModelTimeout, ModelUnavailable, Permanent, Retryable
from runtime.ids import MessageId
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role
from runtime.model.events import Command, Message
from tests.support.build import DM, OPS, QUIET, STRANGER
from tests.support.chat import MemoryChat
from tests.support.desk import passing, running_desk
from tests.support.eventually import eventually


def echo(request: ModelRequest) -> str:
    """Answer with what was said so far, so that a test sees what the model was shown."""
    return " | ".join(entry.text for entry in request.entries)


async def test_a_message_gets_one_answer_where_it_was_written(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        assert await desk.ask("hello") == "Fine."
        assert [shown.thread for shown in desk.chat.shown] == [DM]


async def test_an_answer_knows_what_was_said_before(tmp_path: Path) -> None:
    async with running_desk(tmp_path, echo) as desk:
        await desk.ask("one")
        assert await desk.ask("two") == "one | one | two"


async def test_text_that_its_sender_calls_no_command_is_none(tmp_path: Path) -> None:
    async with running_desk(tmp_path, echo) as desk:
        for text in ("/schedule list", "/stop", "schedule list"):
            said = Message(text=text, message_id=MessageId(text), direct=True, verbatim=True)
            await desk.say(body=said)
            await desk.quiet()
            assert desk.said().endswith(text)


async def test_threads_share_nothing(tmp_path: Path) -> None:
    async with running_desk(tmp_path, echo) as desk:
        await desk.ask("a secret", thread=QUIET)
        assert await desk.ask("hello", thread=DM) == "hello"


async def test_a_delivery_that_comes_twice_is_answered_once(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        for _ in range(3):
            await desk.say("hello", key="same")
        await desk.quiet()
        assert desk.chat.texts == ["Fine."]


async def test_messages_sent_during_a_turn_are_answered_in_order(tmp_path: Path) -> None:
    def slow(request: ModelRequest) -> list[Step]:
        return [Pause(5.0), request.entries[-1].text]

    async with running_desk(tmp_path, slow) as desk:
        for text in ("one", "two", "three"):
            await desk.say(text)
        await passing(desk, 5.0, lambda: len(desk.chat.shown) == 3)
        assert desk.chat.texts == ["one", "two", "three"]


async def test_a_message_behind_a_long_turn_is_told_that_it_waits(tmp_path: Path) -> None:
    async with running_desk(tmp_path, lambda _: [Pause(60.0), "Fine."]) as desk:
        await desk.say("one")
        await eventually(lambda: desk.clock.sleeping >= 2)
        await desk.clock.advance(5.0)
        await desk.say("two")
        await eventually(lambda: desk.chat.shown)
        assert desk.chat.texts[0].startswith("Queued")


async def test_a_message_that_waits_while_the_thread_starts_afresh_is_answered(
    tmp_path: Path,
) -> None:
    def slow_at_first(request: ModelRequest) -> list[Step]:
        return [Pause(60.0), "old"] if request.entries[-1].text == "one" else ["new"]

    async with running_desk(tmp_path, slow_at_first) as desk:
        await desk.say("one")
        await eventually(lambda: desk.clock.sleeping >= 2)
        await desk.say("two")
        await desk.say(body=Command(text="new"))
        await eventually(lambda: "new" in desk.chat.texts)
        await desk.clock.advance(60.0)
        await desk.quiet()
        assert desk.chat.texts[-1] == "old"


async def test_a_stranger_is_told_once_and_gets_no_turn(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        for _ in range(3):
            await desk.say("hello", sender=STRANGER)
        await desk.quiet()
        [refusal] = [shown for shown in desk.chat.shown if shown.thread == DM]
        assert "not a member" in refusal.text
        assert refusal.item.only_for == STRANGER


async def test_a_channel_that_hears_mentions_hears_nothing_else(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await desk.say("chatter among people", thread=OPS.under(MessageId("m1")))
        await desk.quiet()
        assert desk.chat.texts == []
        await desk.ask("please look", thread=OPS.under(MessageId("m1")), mentioned=True)
        assert await desk.ask("and then?", thread=OPS.under(MessageId("m1"))) == "Fine."


async def test_a_passing_fault_of_the_model_is_tried_again(tmp_path: Path) -> None:
    faults: list[Exception] = [ModelUnavailable("503"), ModelTimeout("slow")]

    def script(_: ModelRequest) -> Step:
        return faults.pop(0) if faults else "Fine."

    async with running_desk(tmp_path, script) as desk:
        await desk.say("hello")
        await passing(desk, 5.0, lambda: desk.chat.shown)
        assert desk.chat.texts == ["Fine."]


async def test_a_model_that_stays_away_is_said_plainly(tmp_path: Path) -> None:
    async with running_desk(tmp_path, lambda _: ModelTimeout("slow")) as desk:
        await desk.say("hello")
        await passing(desk, 10.0, lambda: desk.chat.shown)
        assert desk.chat.texts == ["The model did not answer in time. Please try again."]


async def test_a_defect_shows_a_reference_and_no_trace(tmp_path: Path) -> None:
    async with running_desk(tmp_path, lambda _: RuntimeError("token xoxb-1")) as desk:
        answer = await desk.ask("hello")
        assert answer.startswith("Something went wrong on our side. Reference: ")
        assert "xoxb" not in answer
        assert await desk.ask("again") != answer


async def test_a_tool_that_is_not_there_is_told_to_the_model(tmp_path: Path) -> None:
    def script(request: ModelRequest) -> Step:
        if request.entries[-1].role is Role.TOOL:
            return request.entries[-1].text
        return ToolCalls.of("shell.run")

    async with running_desk(tmp_path, script) as desk:
        assert "no tool shell.run" in await desk.ask("hello")


async def test_a_model_that_goes_in_circles_is_stopped(tmp_path: Path) -> None:
    async with running_desk(tmp_path, lambda _: ToolCalls.of("desk.facts")) as desk:
        assert "without coming to an answer" in await desk.ask("hello")


async def test_a_long_answer_goes_out_in_pieces_in_order(tmp_path: Path) -> None:
    chat = MemoryChat(longest=5)
    async with running_desk(tmp_path, lambda _: "abcdefghijkl", chat=chat) as desk:
        await desk.ask("hello")
        assert desk.chat.texts == ["abcde", "fghij", "kl"]


async def test_a_rejected_answer_is_set_aside_and_the_owner_is_told(tmp_path: Path) -> None:
    chat = MemoryChat()
    chat.faults.append(Permanent("channel_not_found"))
    async with running_desk(tmp_path, chat=chat) as desk:
        await desk.say("hello")
        await desk.quiet()
        [notice] = desk.chat.shown
        assert notice.thread.channel.channel == "dm-ann"
        assert "channel_not_found" in notice.text


async def test_a_notice_that_dies_is_not_reported_in_turn(tmp_path: Path) -> None:
    chat = MemoryChat()
    chat.faults.extend([Permanent("gone"), Permanent("gone too")])
    async with running_desk(tmp_path, chat=chat) as desk:
        await desk.say("hello")
        await desk.quiet()
        assert desk.chat.shown == []


async def test_a_platform_that_says_wait_is_obeyed(tmp_path: Path) -> None:
    chat = MemoryChat()
    chat.faults.append(Retryable("ratelimited", after=30.0))
    async with running_desk(tmp_path, chat=chat) as desk:
        await desk.say("hello")
        await desk.quiet()
        assert desk.chat.shown == []
        await desk.clock.advance(29.0)
        assert desk.chat.shown == []
        await desk.clock.advance(2.0)
        await desk.quiet()
        assert desk.chat.texts == ["Fine."]
