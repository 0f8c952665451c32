"""The generated manifest asks for what the code uses, and for nothing else."""

import ast
import json
import re
from pathlib import Path
from typing import Any, cast

import pytest

import adapters.slack
from adapters.slack.manifest import EVENTS, PATHS, SCOPES, manifest
from adapters.slack.outbound import NEEDED_SCOPES
from runtime.errors import ConfigurationError

HERE = "https://nightdesk.example.com"

# The permission that each method of the SDK needs, from the vendor's method pages.
NEEDS = {
    "auth_test": set(),
    "chat_postMessage": {"chat:write"},
    "chat_postEphemeral": {"chat:write"},
    "chat_update": {"chat:write"},
    "chat_startStream": {"chat:write"},
    "chat_appendStream": {"chat:write"},
    "chat_stopStream": {"chat:write"},
    "conversations_open": {"im:write"},
    "conversations_history": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "conversations_replies": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "conversations_info": {"channels:read", "groups:read"},
    "assistant_threads_setStatus": {"assistant:write"},
    "assistant_threads_setSuggestedPrompts": {"assistant:write"},
    "agents_sessions_setStatus": {"chat:write"},
    "files_info": {"files:read"},
    "files_getUploadURLExternal": {"files:write"},
    "files_completeUploadExternal": {"files:write"},
    "views_open": set(),
    "views_publish": set(),
    # This one takes the app-level token, with connections:write.
    "apps_connections_open": set(),
}
# The permission that each event needs.
HEARS = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
    "member_joined_channel": "channels:read",
    "member_left_channel": "channels:read",
}
FREELY = {"agent_session_stopped", "app_home_opened", "app_uninstalled", "tokens_revoked"}
"""Events that need no permission of their own."""


def _heard_with(event: str) -> str:
    if event in HEARS:
        return HEARS[event]
    return "groups:read" if event.startswith("group_") else "channels:read"


def made(transport: Any = "http") -> dict[str, Any]:
    """As a person pastes it: through JSON."""
    return cast("dict[str, Any]", json.loads(json.dumps(manifest(HERE + "/", transport))))


def test_the_webhooks_are_at_the_three_addresses() -> None:
    app = made()
    settings = app["settings"]
    assert settings["event_subscriptions"]["request_url"] == HERE + "/slack/events"
    assert settings["interactivity"]["request_url"] == HERE + "/slack/interactivity"
    assert app["features"]["slash_commands"][0]["url"] == HERE + "/slack/commands"
    assert settings["socket_mode_enabled"] is False


def test_with_sockets_there_is_no_address_at_all() -> None:
    app = made("socket")
    assert HERE not in json.dumps(app)
    assert app["settings"]["socket_mode_enabled"] is True
    assert manifest("", "socket") == manifest(HERE, "socket")


def test_every_method_that_is_called_is_permitted_and_every_permission_is_used() -> None:
    called = _methods_called()
    assert called == NEEDS.keys()
    used = {scope for method in called for scope in NEEDS[method]}
    heard = {_heard_with(event) for event in EVENTS if event not in FREELY}
    assert used | heard | {"commands"} == SCOPES.keys()
    assert made()["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)
    assert SCOPES.keys() >= NEEDED_SCOPES


def test_it_keeps_to_slacks_limits() -> None:
    app = made()
    assert len(app["display_information"]["name"]) <= 35
    assert len(app["display_information"]["description"]) <= 140
    assert re.fullmatch("#[0-9a-f]{6}", app["display_information"]["background_color"])
    assert len(app["features"]["agent_view"]["suggested_prompts"]) <= 4
    assert len(app["features"]["agent_view"]["agent_description"]) <= 300
    assert app["settings"]["event_subscriptions"]["bot_events"] == sorted(EVENTS)
    assert set(PATHS) == {"events", "commands", "interactivity"}


@pytest.mark.parametrize(
    "address",
    ["", "nightdesk.example.com", "http://nightdesk.example.com", "https://", "https://e.org/?a=b"],
)
def test_an_address_that_slack_cannot_post_to_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="https://"):
        manifest(address)


def _methods_called() -> set[str]:
    """The SDK's methods that the adapter calls, read from its source."""
    folder = Path(adapters.slack.__file__).parent
    return {
        node.func.attr
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if ast.unparse(node.func.value).endswith("client")
    }
