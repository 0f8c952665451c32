"""What a typed line means. Pure."""

import re
from datetime import datetime

from adapters.terminal.rooms import DIRECT, Here, Shown, place_of
from adapters.terminal.text import received
from runtime.errors import Refused
from runtime.ids import MessageId
from runtime.model.address import ThreadRef
from runtime.model.events import Body, ButtonPress, Command, Inbound, Message
from runtime.model.value import value

LONGEST = 16_000
"""Characters of one line; a longer one is refused as a whole, so that nothing is cut unseen."""


@value()
class Move:
    """Open a room or a thread."""

    to: ThreadRef


@value()
class ListRooms:
    """Show the rooms and the threads."""


@value()
class Leave:
    """Leave the terminal."""


@value()
class Explain:
    """Say what the terminal's own command of that form does."""

    form: str


LocalCommand = Move | ListRooms | Leave | Explain

LOCAL_FORMS: dict[str, str] = {
    "join #room": "open a room",
    "dm": "open the direct message",
    "thread number": "open a thread, to reply in it",
    "back": "close the thread",
    "rooms": "list the rooms and threads",
    "quit": "leave (Ctrl-D does it too)",
}
"""What the terminal does by itself, and what it does, for help and completion."""

_SIGNS = ("/", "!")
_COMMAND = re.compile(r"[/!](?=[a-z]|\s+stop[.!?]*(?:\s|$))(.*)", re.IGNORECASE | re.DOTALL)
"""`/ stop` is STOP: of all commands this one must not be missed for a space."""
_OURSELVES = re.compile(r"nightdesk\s+(?=\S)", re.IGNORECASE)
"""Who is used to Slack writes `/nightdesk schedule list`, and means the same here."""
_PRESS = re.compile(r"(press\s+)?\[?([0-9]{1,6})\]?", re.IGNORECASE)


def parse_line(line: str, here: Here, *, key: str, now: datetime) -> Inbound | LocalCommand | None:
    """What the line asks for; None where it is empty.

    Args:
        line: as typed, with or without its end of line.
        here: where it was typed, and what was on the screen.
        key: a fresh id, so that the same line typed again is a new message.
        now: when it was typed.

    Raises:
        Refused: the line is too long, or names a room, thread or button that is not there.
    """
    text = received(line).strip()
    if not text:
        return None
    if len(text) > LONGEST:
        raise Refused(
            f"That line has {len(text):,} characters; {LONGEST:,} are the most.",
            hint="Nothing was sent; send it in parts.",
        )
    local = _local(text, here)
    if local is not None:
        return local
    thread, body = _said(text, here, MessageId(key))
    return Inbound(event_key=key, thread=thread, sender=here.sender, body=body, sent_at=now)


def _local(text: str, here: Here) -> LocalCommand | None:
    """The terminal's own commands."""
    words = text.split()
    argument = " ".join(words[1:])
    match words[0][1:].lower() if text.startswith(_SIGNS) else "":
        case "join":
            return Move(_room(argument, here))
        case "thread":
            return Move(_thread(argument, here))
        case "help" if form := _forms().get(argument.lstrip("/!").lower()):
            return Explain(form)
        case "dm" | "back" | "rooms" | "quit" | "exit" as word:
            if argument:
                raise Refused(f"“{argument[:40]}” is too much.", hint=f"Write: /{word}")
            return _alone(word, here)
        case _:
            return None


def _forms() -> dict[str, str]:
    """The terminal's own forms by their first words."""
    return {form.split()[0]: form for form in LOCAL_FORMS}


def _alone(word: str, here: Here) -> LocalCommand:
    match word:
        case "dm":
            return Move(place_of(DIRECT))
        case "back":
            return Move(place_of(here.place.channel.channel))
        case "rooms":
            return ListRooms()
        case _:
            return Leave()


def _room(name: str, here: Here) -> ThreadRef:
    channel = here.rooms.get(name.removeprefix("#").lower())
    if channel is None:
        rooms = ", ".join("dm" if room == DIRECT else f"#{room}" for room in _names(here))
        raise Refused(
            f"There is no room {name}." if name else "Which room?", hint=f"There are: {rooms}."
        )
    return place_of(channel)


def _names(here: Here) -> list[str]:
    """One name for each room, as people see it."""
    names: dict[str, str] = {}
    for name, channel in here.rooms.items():
        names.setdefault(channel, name)
    return list(names.values())


def _thread(number: str, here: Here) -> ThreadRef:
    digits = number.strip("[]#")
    thread = here.threads.get(int(digits)) if re.fullmatch("[0-9]{1,9}", digits) else None
    if thread is None:
        raise Refused(
            f"There is no thread {number}." if number else "Which thread?",
            hint="/rooms lists the threads; each message shows the number of its own, as in [1].",
        )
    return thread


def _said(text: str, here: Here, message: MessageId) -> tuple[ThreadRef, Body]:
    """What goes to the desk, and from where."""
    shown = _pressed(text, here)
    if shown is not None:
        button = shown.button
        press = ButtonPress(action=button.action, value=button.value, message_id=shown.message)
        return shown.place, press
    command = _COMMAND.fullmatch(text)
    if command:
        words = _OURSELVES.sub("", command[1].strip())
        return here.place, Command(text=words, direct=here.place.channel.channel == DIRECT)
    if text in _SIGNS:
        raise Refused("That is no command yet.", hint="/help lists the commands.")
    direct = here.place.channel.channel == DIRECT
    # As in Slack, a message in a channel begins a thread that hangs from it.
    starts_thread = not direct and not here.place.root
    return (
        here.place.under(message) if starts_thread else here.place,
        _message(text, here, message, direct=direct),
    )


def _pressed(text: str, here: Here) -> Shown | None:
    press = _PRESS.fullmatch(text)
    if press is None:
        return None
    number = int(press[2])
    if press[1] is None:
        return here.buttons.get(number) if number in here.fresh else None
    if number not in here.buttons:
        raise Refused(
            f"There is no button {number} on the screen.",
            hint="Numbers begin anew with each start; /approve list and /remind list show what "
            "still waits.",
        )
    return here.buttons[number]


def _message(text: str, here: Here, message: MessageId, *, direct: bool) -> Message:
    names = "|".join(sorted(map(re.escape, here.names), key=len, reverse=True))
    named = re.compile(rf"(?<![\w@])@(?:{names})(?![\w-])[,:]?\s*", re.IGNORECASE)
    leading = named.match(text)
    # A mention in the middle is part of the sentence; at the start it is only an address.
    said = (text[leading.end() :] if leading else text) or text
    # Two slashes say that what follows is no command.
    verbatim = said.startswith("//")
    return Message(
        text=said[1:] if verbatim else said,
        message_id=message,
        direct=direct,
        mentioned=named.search(text) is not None,
        verbatim=verbatim,
    )
