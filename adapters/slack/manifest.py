"""The app manifest: everything that an app of Slack is asked for on a dozen pages, in one file.

Fields: https://docs.slack.dev/reference/app-manifest.
"""

from typing import Literal
from urllib.parse import urlsplit

from runtime.errors import ConfigurationError

Manifest = dict[str, object]

SCOPES = {
    "app_mentions:read": "hear its name in channels",
    "assistant:write": "show that it is working",
    "channels:history": "hear replies in its threads; find a message whose sending broke off",
    "channels:read": "learn that a channel was shared, renamed or archived",
    "chat:write": "answer",
    "commands": "be called with /nightdesk",
    "files:read": "read a file that somebody sent to it",
    "files:write": "send reports and charts",
    "groups:history": "the same as channels:history in private channels",
    "groups:read": "the same as channels:read of private channels",
    "im:history": "hear direct messages",
    "im:write": "tell an owner what went wrong",
    "mpim:history": "the same in group messages",
}
"""The permissions of the bot, and what each is for."""

EVENTS = (
    "agent_session_stopped",
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "channel_archive",
    "channel_deleted",
    "channel_id_changed",
    "channel_left",
    "channel_rename",
    "channel_shared",
    "channel_unarchive",
    "channel_unshared",
    "group_archive",
    "group_deleted",
    "group_left",
    "group_rename",
    "group_unarchive",
    "member_joined_channel",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "tokens_revoked",
)
"""What the app is told. It reacts to what the team's configuration lists, and drops the rest."""

PATHS = {
    "events": "/slack/events",
    "commands": "/slack/commands",
    "interactivity": "/slack/interactivity",
}
"""The three addresses of the webhooks."""

_PROMPTS = (
    ("What happened overnight?", "What ran overnight, and did anything fail?"),
    ("What comes next?", "What is scheduled for today?"),
    ("What needs me?", "Does anything wait for an approval?"),
    ("Help", "What can you do?"),
)
"""Slack shows four at the most."""


def manifest(base_url: str, transport: Literal["http", "socket"] = "http") -> Manifest:
    """The manifest, as `nightdesk slack manifest` prints it.

    Args:
        base_url: where Slack reaches the program from outside, `https://nightdesk.example.com`.
            Not used with sockets.
        transport: webhooks, or Socket Mode, for which no port is open.

    Raises:
        ConfigurationError: the address is none that Slack can post to.
    """
    http = transport == "http"
    address = _checked(base_url) if http else ""
    events: Manifest = {"bot_events": list(EVENTS)}
    interactivity: Manifest = {"is_enabled": True}
    command: Manifest = {
        "command": "/nightdesk",
        "description": "Talk to the night desk: schedules, status, help",
        "usage_hint": "help | schedule list | schedule create every weekday at 8:30 ...",
        # A channel that is picked from the list then comes with its id.
        "should_escape": True,
    }
    if http:
        events["request_url"] = address + PATHS["events"]
        interactivity["request_url"] = address + PATHS["interactivity"]
        command["url"] = address + PATHS["commands"]
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "Nightdesk",
            "description": "The team's autonomous agents, and the desk that oversees them",
            "background_color": "#1d2433",
        },
        "features": _features(command),
        "oauth_config": {"scopes": {"bot": sorted(SCOPES)}},
        "settings": {
            "event_subscriptions": events,
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": not http,
            "token_rotation_enabled": False,
        },
    }


def _features(command: Manifest) -> Manifest:
    return {
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "bot_user": {"display_name": "nightdesk", "always_online": True},
        "agent_view": {
            "agent_description": "Runs work on schedules, reports in the morning, answers here.",
            "suggested_prompts": [
                {"title": title, "message": message} for title, message in _PROMPTS
            ],
        },
        "slash_commands": [command],
    }


def _checked(base_url: str) -> str:
    """The address without a slash at its end."""
    parts = urlsplit(base_url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError(
            f"Slack cannot post to {base_url!r}: give the address at which the program is reached "
            "from outside, such as https://nightdesk.example.com"
        )
    return base_url.rstrip("/")
