"""What places are called. Pure."""

from runtime.model.address import ThreadRef
from runtime.model.team import Team


def place_name(team: Team, thread: ThreadRef) -> str:
    """The place as people call it: the configured name of its channel, else the channel's id."""
    rule = team.rule_of(thread.channel)
    return f"#{rule.name.removeprefix('#')}" if rule else thread.channel.channel
