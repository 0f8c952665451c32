"""Channels that other tables of `nightdesk.toml` name, and `[approvals]`."""

from collections.abc import Sequence

from bot.configuration import ids
from bot.configuration.entries import Entry, Text
from bot.configuration.problems import FileProblems, Place, listed
from runtime.model.address import ChannelRef
from runtime.model.team import ChannelRule


class ApprovalsEntry(Entry):
    """`[approvals]`."""

    channel: Text = ""


def find_channel(
    problems: FileProblems, channels: Sequence[ChannelRule], place: Place, name: str
) -> ChannelRule | None:
    """The channel of that name or id; None, and told, where it is none or several."""
    wanted = name.removeprefix("#")
    found = [rule for rule in channels if rule.ref.channel == name]
    found = found or [rule for rule in channels if rule.name == wanted]
    if len(found) == 1:
        return found[0]
    names = [f"#{rule.name}" for rule in channels]
    several = f"there are {len(found)} channels of that name: write its id"
    known = f"[[channels]] has {listed(names, 'and')}" if names else "there is no channel"
    problems.value(place, name, several if found else f"unknown: {known}")
    return None


def posting_channel(
    problems: FileProblems, channels: Sequence[ChannelRule], place: Place, name: str
) -> ChannelRef | None:
    """The channel of that name, which is written to unasked; None, and told, where it may not."""
    rule = find_channel(problems, channels, place, name) if name else None
    if rule is not None and not rule.proactive:
        said = "agents may not post there unasked: give that channel proactive = true"
        problems.value(place, name, said)
    return rule.ref if rule else None


def asking_channel(
    problems: FileProblems, channels: Sequence[ChannelRule], entry: ApprovalsEntry | None
) -> ChannelRef | None:
    """The channel in which people are asked; None, and told, where nobody can answer in it."""
    name, place = entry.channel if entry else "", ("approvals", "channel")
    ref = posting_channel(problems, channels, place, name)
    if ref is not None and ref.platform in ids.ONE_WAY:
        said = f"nobody can answer there: {ref.platform} is for messages from us only"
        problems.value(place, name, f"{said}. Name a channel that people write in")
    return ref
