"""The connection of a platform, tested by real round trips: the same that `/channel test` makes."""

from collections.abc import Sequence

from runtime.model.probe import Finding
from runtime.model.team import Team
from runtime.model.value import value
from runtime.ports import ChatPort

_MOST_CHANNELS = 20
"""Each costs a call; a team with more of them can test one with `/channel test`."""


@value()
class Connection:
    """What was found.

    Attributes:
        ok: everything works.
        found: in words, a line for each thing that is not as it should be, or one where all is.
        todo: what to do about it, or empty.
    """

    ok: bool
    found: str
    todo: str = ""


async def connection_of(chat: ChatPort, team: Team) -> Connection:
    """Test the platform, and each channel of it that the team uses."""
    found = list(await chat.probe())
    channels = [rule.ref for rule in team.channels if rule.ref.platform == chat.platform]
    for channel in channels[:_MOST_CHANNELS] if all(each.ok for each in found) else ():
        found += [each for each in await chat.probe(channel) if each not in found]
    wrong = [each for each in found if not each.ok]
    if wrong:
        return Connection(False, _lines(wrong), " ".join(_todos(wrong)))
    looked = f"; channels looked at: {len(channels[:_MOST_CHANNELS])}" if channels else ""
    return Connection(True, f"connected: {found[0].what}{looked}")


def _lines(found: Sequence[Finding]) -> str:
    return "\n".join(
        each.what + (f" (missing: {each.missing})" if each.missing else "") for each in found
    )


def _todos(found: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(each.todo for each in found if each.todo))
