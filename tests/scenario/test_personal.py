"""What is one person's own: reminders by direct message, and accounts on several platforms."""

import re
from datetime import timedelta
from pathlib import Path

from runtime.model.address import Principal
from runtime.model.events import ButtonPress
from tests.support.build import ANN, DM, OPS, STRANGER
from tests.support.desk import running_desk


async def test_a_reminder_comes_at_its_time_and_its_buttons_work(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        answer = await desk.ask("/remind me in 2 hours to call Bob", thread=DM)
        assert "Mon 5 Jan 11:00 CET" in answer

        await desk.clock.advance(timedelta(hours=2))
        await desk.fire()

        card = desk.chat.shown[1]
        assert card.text == "**Reminder:** call Bob"
        assert card.thread == await desk.chat.direct(ANN)
        done = card.item.content.buttons[0]
        press = ButtonPress(action=done.action, value=done.value, message_id=card.message)
        await desk.say("", thread=card.thread, body=press)
        await desk.quiet()
        updated = desk.chat.shown[2]
        assert updated.message == card.message
        assert updated.item.content.buttons == ()
        assert "Done" in updated.text


async def test_a_reminder_survives_a_restart_and_comes_once(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await desk.ask("/remind me in 2 hours to call Bob")
        clock = desk.clock
    await clock.advance(timedelta(hours=3))
    for texts in (["**Reminder:** call Bob\n_It was for Mon 5 Jan 11:00 CET._"], []):
        async with running_desk(tmp_path, clock=clock) as desk:
            await desk.fire()
            assert desk.chat.texts == texts


async def test_a_stranger_with_a_code_is_who_gave_it(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        found = re.search(r"`link ([A-Z0-9-]+)`", await desk.ask("/link"))
        assert found is not None

        await desk.say(f"link {found[1]}", sender=STRANGER, thread=DM)
        await desk.quiet()

        assert "you are Ann" in desk.chat.texts[-1]
        assert await desk.ask("hello", sender=STRANGER) == "Fine."


async def test_a_code_can_be_said_by_a_command_too(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        found = re.search(r"`link ([A-Z0-9-]+)`", await desk.ask("/link"))
        assert found is not None

        await desk.command(f"link {found[1]}", sender=STRANGER)

        assert "you are Ann" in desk.chat.texts[-1]
        refused = len(desk.chat.texts)
        other = Principal(STRANGER.platform, STRANGER.workspace, "mallory")
        await desk.command("schedule list", sender=other)
        assert any("not a member" in text for text in desk.chat.texts[refused:])


async def test_a_stranger_without_one_stays_a_stranger(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        found = re.search(r"`link ([A-Z0-9-]+)`", await desk.ask("/link"))
        assert found is not None
        # In a channel everybody would read the code.
        await desk.say(f"link {found[1]}", sender=STRANGER, thread=OPS, mentioned=True)
        for _ in range(8):
            await desk.say("link AAAA-BBBB-CCCC", sender=STRANGER, thread=DM)
        await desk.quiet()

        refusals = [text for text in desk.chat.texts if "code is not good" in text]
        assert len(refusals) == 5
        assert not any("you are Ann" in text for text in desk.chat.texts)
