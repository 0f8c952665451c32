"""What people do in the fake Telegram, as updates."""

import re
from itertools import count
from typing import Any

from bot.selftest.telegram.names import ADA, GROUP
from bot.selftest.telegram.rules import units
from bot.selftest.telegram.world import Fields, Posted, World
from runtime.model.value import value

_COMMAND = re.compile(r"/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]+)?")
_MENTION = re.compile(r"(?<![A-Za-z0-9_/])@[A-Za-z0-9_]{2,32}")
_PRESSES = count(1)


@value()
class Sender:
    """Makes things happen in a world. Each returns the update, which waits to be taken."""

    world: World

    def message(
        self,
        text: str = "",
        *,
        user: int = ADA,
        chat: int | None = None,
        topic: int | None = None,
        reply_to: int | None = None,
        **fields: Any,
    ) -> Fields:
        """A person writes; in private where no chat is named."""
        place = user if chat is None else chat
        said = {"text": text, "entities": entities(text)} if text else {}
        if said and not said["entities"]:
            del said["entities"]
        written = self.world.write(
            place, self.world.person(user), topic=topic, reply_to=reply_to, **{**said, **fields}
        )
        return self.world.happen(message=written)

    def press(self, posted: Posted, button: int = 0, *, user: int = ADA) -> Fields:
        """A person presses a button of a message of the bot."""
        return self.world.happen(
            callback_query={
                "id": f"press-{next(_PRESSES)}",
                "from": self.world.person(user),
                "message": self.world.message(posted.chat, posted.id),
                "chat_instance": "1",
                "data": posted.buttons[button][1],
            }
        )

    def edit(self, message: Fields, text: str) -> Fields:
        """A person edits a message."""
        changed = {**message["message"], "text": text, "edit_date": int(self.world.now())}
        return self.world.happen(edited_message=changed)

    def bot_is(self, was: str, now: str, *, chat: int = GROUP, user: int = ADA) -> Fields:
        """A person changes what the bot is in a chat."""
        return self.world.happen(
            my_chat_member={
                "chat": self.world.chat(chat),
                "from": self.world.person(user),
                "date": int(self.world.now()),
                "old_chat_member": {"status": was, "user": self.world.me},
                "new_chat_member": {"status": now, "user": self.world.me},
            }
        )

    def migrate(self, chat: int, to: int) -> Fields:
        """A group becomes a supergroup."""
        self.world.add_chat(to)
        written = self.world.write(
            chat, self.world.person(ADA), topic=None, reply_to=None, migrate_to_chat_id=to
        )
        self.world.moved[chat] = to
        return self.world.happen(message=written)


def entities(text: str) -> list[Fields]:
    """What Telegram finds in a text by itself: commands and mentions."""
    found = [("bot_command", match) for match in _COMMAND.finditer(text)]
    found += [("mention", match) for match in _MENTION.finditer(text)]
    return [
        {"type": kind, "offset": units(text[: m.start()]), "length": units(m.group())}
        for kind, m in sorted(found, key=lambda pair: pair[1].start())
    ]
