"""Which events are heard: those that are meant for us, of people who may speak. Pure.

It is asked with every event before the platform is told that we have it, so it judges by the
configuration and by what the process knows. What only the database knows is left to the caller.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from gateway.inbound.strangers import spoken_to_us
from runtime.access import authorize, wanted_by
from runtime.errors import Refused
from runtime.model.address import Principal, ThreadRef
from runtime.model.events import Body, Command, Inbound, Message
from runtime.model.team import Listen, Team
from runtime.model.value import value


@value()
class Drop:
    """An event that starts nothing, and why (a constant for the log, and words for a stranger)."""

    reason: str
    refused: Refused | None = None


ASK = Drop("ask")
"""No verdict: it depends on whether the thread has a conversation, which the database knows."""
_NOT_ADDRESSED = Drop("not_addressed")
# Kept by name: the members of an enumeration are looked up slowly, and this is for each event.
_OFF, _MENTIONS, _ALL = Listen.OFF, Listen.MENTIONS, Listen.ALL


class Judge:
    """Judges events."""

    def __init__(
        self,
        team: Callable[[], Team],
        *,
        is_command: Callable[[str], bool],
        introduces: Callable[[Principal, str], bool],
        ours: Callable[[ThreadRef], bool],
    ) -> None:
        """Judge.

        Args:
            team: the configuration as it is now.
            is_command: whether words to the bot are a command.
            introduces: whether a stranger's direct message is to be heard all the same.
            ours: whether the process knows that a thread has a conversation, or will have one.
        """
        self._team = team
        self._is_command = is_command
        self._introduces = introduces
        self._ours = ours

    def __call__(self, inbound: Inbound, *, bound: bool | None = None) -> Inbound | Drop:
        """The event as it is to be stored, or why it is not; `ASK` where that is not known.

        Args:
            inbound: the event.
            bound: whether the thread has a conversation; None where nobody has asked.
        """
        return self._verdict(self._team(), inbound, bound)

    def each(self, events: Sequence[Inbound]) -> Sequence[Inbound | Drop]:
        """The same for each of what came together, where nobody has asked."""
        verdict, team = self._verdict, self._team()
        return [verdict(team, inbound, None) for inbound in events]

    def _verdict(self, team: Team, inbound: Inbound, bound: bool | None) -> Inbound | Drop:  # noqa: FBT001
        body = inbound.body
        action = wanted_by(body)
        if action is None:
            return inbound
        if isinstance(body, Message) and not body.direct:
            addressed = self._addressed(team, inbound.thread, body)
            if addressed is None and bound is None:
                return ASK
            if not (addressed or bound):
                return _NOT_ADDRESSED
        try:
            authorize(team, inbound.sender, action)
        except Refused as refused:
            words = _words_alone(body)
            if words and self._introduces(inbound.sender, words):
                said = isinstance(body, Message)
                command = Command(text=words, direct=True)
                return replace(inbound, body=command) if said else inbound
            return Drop("stranger", refused)
        if isinstance(body, Message) and not body.verbatim and self._is_command(body.text):
            return replace(inbound, body=Command(text=body.text, direct=body.direct))
        return inbound

    def calls_us(self, inbound: Inbound) -> bool:
        """Whether the event is meant for us whatever its thread is."""
        if spoken_to_us(inbound.body):
            return True
        rule = self._team().rule_of(inbound.thread.channel)
        return rule is not None and rule.listen is _ALL

    def _addressed(self, team: Team, thread: ThreadRef, body: Message) -> bool | None:
        """Whether words in a channel are meant for us; None where that is so in a bound thread."""
        rule = team.rule_of(thread.channel)
        listen = rule.listen if rule else _OFF
        if listen is _MENTIONS:
            return body.mentioned or self._ours(thread) or None
        return listen is _ALL


def _words_alone(body: Body) -> str:
    """What somebody said to us and nobody else: by a command, or in a direct message."""
    match body:
        case Command(text=text) | Message(text=text, direct=True):
            return text
        case _:
            return ""
