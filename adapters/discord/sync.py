"""The application commands on Discord's side, written there only when they are others."""

from collections.abc import Sequence

from adapters.discord import commands
from adapters.discord.places import Places
from adapters.discord.rest import DiscordRest, Route

_COMMANDS = "/applications/{}/commands"


async def synchronise(
    rest: DiscordRest, places: Places, wanted: Sequence[commands.Json], *, check: bool = False
) -> bool:
    """Give Discord the commands where it has others; whether it had. With `check`, only look.

    Raises:
        Retryable, Ambiguous, Refusal: as of every request.
    """
    application = places.application_id
    there = await rest.read(list[dict[str, object]], Route("GET", _COMMANDS, (application,)))
    if commands.same(wanted, there):
        return False
    if not check:
        await rest.write(Route("PUT", _COMMANDS, (application,)), list(wanted))
    return True
