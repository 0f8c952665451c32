"""The rooms of the terminal, and what is on its screen: thread numbers, buttons, where one is."""

from collections.abc import Iterable, Mapping

from runtime.ids import MessageId, Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import ButtonPress
from runtime.model.messages import Button
from runtime.model.team import ChannelRule, Listen
from runtime.model.value import value

PLATFORM = Platform("terminal")
WORKSPACE = "local"
DIRECT = "dm"
"""The id of the one direct message."""

_BUTTONS_KEPT = 200
_THREADS_KEPT = 500


@value(kw_only=True)
class Room:
    """A channel, or the direct message.

    Attributes:
        id: the channel's id.
        label: how it is shown: `dm`, `#ops`.
        agent: who answers there.
        listen: which messages are heard there.
        proactive: agents may post there unasked.
    """

    id: str
    label: str
    agent: str
    listen: Listen = Listen.ALL
    proactive: bool = False


@value(kw_only=True)
class Shown:
    """A button on the screen.

    Attributes:
        button: the button.
        message: the message that it is under.
        place: where that message stands.
    """

    button: Button
    message: MessageId
    place: ThreadRef


@value(kw_only=True)
class Here:
    """Everything that decides what a line means.

    Attributes:
        sender: who types.
        names: what the agents answer to, in lower case.
        place: the room or thread that is open.
        rooms: the ids of the rooms by their names in lower case, without `#`.
        threads: the threads by number.
        buttons: the buttons by number.
        fresh: the numbers that may be pressed by the number alone.
    """

    sender: Principal
    names: frozenset[str]
    place: ThreadRef
    rooms: Mapping[str, str]
    threads: Mapping[int, ThreadRef]
    buttons: Mapping[int, Shown]
    fresh: frozenset[int] = frozenset()


def place_of(channel: str, root: str = "") -> ThreadRef:
    """The address of a room of this terminal, or of a thread of it."""
    return ThreadRef(ChannelRef(PLATFORM, WORKSPACE, channel), root)


class Board:
    """What the person at the terminal has in front of them. In memory; one for each terminal."""

    def __init__(
        self, rules: Iterable[ChannelRule] = (), *, user: str = "you", agent: str = "desk"
    ) -> None:
        self.user = user
        self.place = place_of(DIRECT)
        rooms = [Room(id=DIRECT, label=DIRECT, agent=agent)]
        rooms += [_room(rule) for rule in rules if rule.ref.platform == PLATFORM]
        self._rooms = {room.id: room for room in rooms}
        self._threads: dict[int, ThreadRef] = {}
        self._numbers: dict[ThreadRef, int] = {}
        self._titles: dict[ThreadRef, str] = {}
        self._last_thread = 0
        self._buttons: dict[int, Shown] = {}
        self._last_button = 0
        self._pressed: set[MessageId] = set()

    @property
    def sender(self) -> Principal:
        """The person, as the platform vouches for them."""
        return Principal(PLATFORM, WORKSPACE, self.user)

    @property
    def rooms(self) -> tuple[Room, ...]:
        """The direct message first, then the channels as configured."""
        return tuple(self._rooms.values())

    @property
    def threads(self) -> Mapping[int, ThreadRef]:
        """The latest threads by number, oldest first."""
        return self._threads

    def room(self, place: ThreadRef) -> Room:
        """The room of the place; one that is not configured shows under its id."""
        channel = place.channel.channel
        known = self._rooms.get(channel)
        return known or Room(
            id=channel, label=f"#{channel}", agent=self._rooms[DIRECT].agent, listen=Listen.OFF
        )

    def label(self, place: ThreadRef) -> str:
        """How the place is shown: `dm`, `#ops`, `#ops [1]`."""
        number = self._numbers.get(place)
        label = self.room(place).label
        return label if number is None else f"{label} [{number}]"

    def number(self, thread: ThreadRef, *, title: str = "") -> tuple[int, bool]:
        """The number of the thread, and whether it is a new one: the next in order."""
        if title:
            self._titles.setdefault(thread, title)
        known = self._numbers.get(thread)
        if known is not None:
            return known, False
        self.restore(self._last_thread + 1, thread)
        return self._last_thread, True

    def restore(self, number: int, thread: ThreadRef) -> None:
        """Give the thread the number that it had before a restart."""
        self._threads[number] = thread
        self._numbers[thread] = number
        self._last_thread = max(self._last_thread, number)
        if len(self._threads) > _THREADS_KEPT:
            oldest = next(iter(self._threads))
            self._titles.pop(self._threads[oldest], None)
            del self._numbers[self._threads.pop(oldest)]

    def title(self, thread: ThreadRef) -> str:
        """The first words of the thread, as far as this terminal has seen them."""
        return self._titles.get(thread, "")

    def put(
        self, buttons: Iterable[Button], *, message: MessageId, place: ThreadRef
    ) -> tuple[tuple[int, str], ...]:
        """Number the buttons of a message; a number is never given to a second button."""
        numbered = []
        for button in buttons:
            self._last_button += 1
            self._buttons[self._last_button] = Shown(button=button, message=message, place=place)
            numbered.append((self._last_button, button.label))
        for number in list(self._buttons)[: max(0, len(self._buttons) - _BUTTONS_KEPT)]:
            del self._buttons[number]
        return tuple(numbered)

    def press(self, press: ButtonPress) -> str:
        """Note the press; returns the button as it stands on the screen: `[1] Approve`.

        From now on the message's buttons need the word `press`: a bare number is text again.
        """
        self._pressed.add(press.message_id)
        pressed = (press.message_id, press.action, press.value)
        return next(
            f"[{number}] {shown.button.label}"
            for number, shown in self._buttons.items()
            if (shown.message, shown.button.action, shown.button.value) == pressed
        )

    def here(self) -> Here:
        """What the next line is read against."""
        rooms = {room.label.removeprefix("#").lower(): room.id for room in self.rooms}
        return Here(
            sender=self.sender,
            names=frozenset({"nightdesk", *(room.agent.lower() for room in self.rooms)}),
            place=self.place,
            rooms=rooms | {room.id.lower(): room.id for room in self.rooms},
            threads=self._threads,
            buttons=self._buttons,
            fresh=frozenset(
                number
                for number, shown in self._buttons.items()
                if shown.place.channel == self.place.channel and shown.message not in self._pressed
            ),
        )


def _room(rule: ChannelRule) -> Room:
    return Room(
        id=rule.ref.channel,
        label="#" + (rule.name or rule.ref.channel).removeprefix("#"),
        agent=str(rule.agent),
        listen=rule.listen,
        proactive=rule.proactive,
    )
