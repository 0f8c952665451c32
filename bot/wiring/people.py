"""Who is who, put together: the list of the chat, and the first owner."""

import logging
import sys
from collections.abc import Callable

from bot.role import Role
from bot.wiring.doors import notices, splitter
from bot.wiring.process import Parts
from gateway.commands.members import PeopleServices
from runtime.errors import Refused
from runtime.ids import Platform
from runtime.model.address import Principal
from runtime.people.firstowner import CODE_AGE, FirstOwner
from runtime.people.members import MemberService
from runtime.people.roster import Roster
from runtime.schedules.holds import ScheduleHolds

log = logging.getLogger("nightdesk.people")

SLACK, TELEGRAM, DISCORD = Platform("slack"), Platform("telegram"), Platform("discord")
TERMINAL = Platform("terminal")
OTHERS = "slack:T0123ABCD/U0456EFGH, telegram:123456789 or discord:123456789012345678"
CHATS = frozenset({SLACK, TELEGRAM, DISCORD})
"""Platforms where strangers can write to the bot, so that the first of them can become owner."""


def roster_of(parts: Parts) -> Roster:
    """Who is who, for this process."""
    if parts.roster is not None:
        return parts.roster
    return Roster(parts.team, parts.store.people, parts.store.members, clock=parts.clock)


def people_services(
    parts: Parts, roster: Roster, wake_outbox: Callable[[], None]
) -> PeopleServices:
    """What the commands about people act through."""
    live = frozenset(parts.chats)
    return PeopleServices(
        roster=roster,
        members=MemberService(
            parts.store.members,
            parts.store.outbox,
            roster,
            parts.chats,
            live=live & (CHATS | {TERMINAL}),
            split=splitter(parts),
            clock=parts.clock,
            wake_outbox=wake_outbox,
        ),
        first=FirstOwner(parts.store.members, roster, live=live & CHATS, clock=parts.clock),
        read=read_person,
        alone=parts.alone,
    )


def schedule_holds(parts: Parts, wake_outbox: Callable[[], None]) -> ScheduleHolds:
    """Whether those who made schedules may still have them."""
    return ScheduleHolds(
        store=parts.store,
        chats=parts.chats,
        team=parts.team,
        split=splitter(parts),
        clock=parts.clock,
        tell_owners=notices(parts, wake_outbox).tell,
    )


async def offer_ownership(parts: Parts, people: PeopleServices) -> None:
    """Show the code of the first owner where one is wanted: on standard output, and nowhere else.

    Only in a process that hears what people write. It is in no log: the code is the key.
    """
    if parts.role not in (Role.ALL, Role.WEB):
        return
    code = await people.first.offer(parts.slot)
    if not code:
        return
    where = ", ".join(sorted(frozenset(parts.chats) & CHATS))
    minutes = int(CODE_AGE.total_seconds() // 60)
    words = (
        f"Nobody is owner on {where} yet. To become the owner, send this to the bot in a direct\n"
        f"message, within {minutes} minutes:\n"
        f"    link {code}\n"
        "It works once, and each start shows a new one. Show it to nobody.\n"
    )
    if sys.stdout is None:  # closed
        return
    try:
        sys.stdout.write(words)
        sys.stdout.flush()
    except OSError as error:
        log.warning("people.owner_code_not_shown", extra={"why": str(error)})


def read_person(written: str, sender: Principal) -> Principal:
    """The person that a word names, as somebody on their platform writes it.

    An id of another platform has that before it: `telegram:123456789`. A mention counts where the
    platform writes the id into it.

    Raises:
        Refused: it is no id; says what one looks like, and how to find it.
    """
    # What reads the configuration takes 10 MB: here, where somebody names a person.
    from bot.configuration import ids  # noqa: PLC0415

    platform, colon, rest = written.strip("\"'`").partition(":")
    if not colon:
        platform, rest = sender.platform, platform
    known = (SLACK, TELEGRAM, DISCORD, TERMINAL)
    if platform not in known:
        raise Refused(
            f"There is no platform “{platform[:20]}”.",
            hint=f"There are: {', '.join(known)}; for example telegram:123456789.",
        )
    plain = _mentioned(rest) if platform in (SLACK, DISCORD) else rest
    workspace = sender.workspace if sender.platform == SLACK else ""
    try:
        return ids.principal(Platform(platform), plain, slack_workspace_id=workspace)
    except ValueError as error:
        elsewhere = f"Somebody of another platform: {OTHERS}." if not colon else ""
        said = f"“{rest[:40]}” names nobody on {platform}: {error}."
        raise Refused(said, hint=elsewhere) from None


def _mentioned(written: str) -> str:
    """The id in a mention, `<@U0123ABCD>` or `<@!123456789012345678>`; else what is written."""
    if not (written.startswith("<@") and written.endswith(">")):
        return written
    return written[2:-1].partition("|")[0].removeprefix("!")
