"""`/why`: how an answer came about."""

from collections.abc import Callable
from urllib.parse import urlsplit

from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from runtime.access import authorize
from runtime.errors import Refused
from runtime.explaining import Explainer
from runtime.ids import MessageId
from runtime.model.access import Action
from runtime.model.address import ThreadRef
from runtime.model.team import Team

_LONGEST = 300
_DECIMALS = 6
"""Digits behind the point of a message's id that a link spells without the point: Slack's `p...`,
https://api.slack.com/methods/chat.getPermalink."""
_GROUP = "-100"
"""Before the number of a group that a link names without it: Telegram,
https://core.telegram.org/api/bots/ids."""


class WhyCommand:
    """Explains messages of agents to those who can read them."""

    def __init__(self, explainer: Explainer, *, team: Callable[[], Team]) -> None:
        """Let `explainer` tell the people of `team`."""
        self._explainer = explainer
        self._team = team

    async def __call__(self, command: ParsedCommand, request: Request) -> Answer:
        """`/why [link or id]`."""
        authorize(self._team(), request.sender, Action.CONVERSE)
        messages = _named(command.args[0], request.thread) if command.args else ()
        return Answer(await self._explainer.why(request.thread, request.sender, messages))


def _named(written: str, place: ThreadRef) -> tuple[MessageId, ...]:
    """What the platform may call the message.

    Raises:
        Refused: it is neither a link nor an id, or the link leads elsewhere.
    """
    link = written.strip("<>").partition("|")[0]
    if "://" not in link:
        return (_id(written.strip("`#")),)
    try:
        path = urlsplit(link).path
    except ValueError:
        raise _no_message(written) from None
    parts = [part for part in path.split("/") if part]
    here = {place.channel.channel, place.root} - {""}
    if not here & {*parts, *(f"{_GROUP}{part}" for part in parts)}:
        raise Refused(
            "That is no link to a message here, and I explain a message only where it stands.",
            hint="Ask there: `/why` with the link, or in its thread.",
        )
    last = parts[-1]
    digits = last.removeprefix("p")
    if last.startswith("p") and digits.isdecimal() and len(digits) > _DECIMALS:
        return (MessageId(f"{digits[:-_DECIMALS]}.{digits[-_DECIMALS:]}"),)
    return (_id(last),)


def _id(written: str) -> MessageId:
    if not written or len(written) > _LONGEST or not written.isprintable():
        raise _no_message(written)
    return MessageId(written)


def _no_message(written: str) -> Refused:
    return Refused(
        f"“{written[:40]}” is no link to a message, and no id of one.",
        hint="Copy the link of the message, or write `/why` alone for the last answer.",
    )
