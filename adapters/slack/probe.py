"""A test of the connection to Slack by real calls that change nothing."""

from collections.abc import AsyncIterator, Mapping

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from adapters.slack.faults import Refusal, read
from adapters.slack.manifest import SCOPES
from runtime.errors import Retryable
from runtime.model.address import ChannelRef
from runtime.model.probe import Finding

REACH = "Check that this machine reaches Slack (https://slack.com/api/)."
_AGAIN = (
    "Paste the output of `nightdesk slack manifest` into the app's page (App Manifest), save, and "
    "install the app again."
)
_INVITE = "Invite the bot there: /invite @nightdesk"
_SOCKETS = (
    "Make an app-level token with the permission connections:write (Basic Information) and set "
    "NIGHTDESK_SLACK__APP_TOKEN."
)


async def findings(
    client: AsyncWebClient, channel: ChannelRef | None, app_token: str
) -> AsyncIterator[Finding]:
    """Every finding, the token's first; nothing further where that is not good."""
    try:
        who = await read(client.auth_test())
    except (Retryable, Refusal) as error:
        yield _failed("the bot token", error)
        return
    yield Finding(ok=True, what=f"the bot token: good, as {who['user_id']} in {who['team_id']}")
    missing = _missing(who)
    if missing is not None:
        yield missing
    if app_token:
        yield await _app(client, app_token)
    if channel is not None:
        async for finding in _channel(client, channel.channel):
            yield finding


def _missing(who: AsyncSlackResponse) -> Finding | None:
    """The permissions, as Slack lists them beside its answer; None where it lists none."""
    granted = who.headers.get("x-oauth-scopes")
    if granted is None:
        return None
    lacking = sorted(set(SCOPES) - {part.strip() for part in granted.split(",")})
    if not lacking:
        return Finding(ok=True, what=f"the permissions: all {len(SCOPES)} are there")
    uses = "; ".join(f"{scope}, to {SCOPES[scope]}" for scope in lacking)
    return Finding(
        ok=False,
        what=f"the permissions: missing are {uses}",
        missing=" ".join(lacking),
        todo=_AGAIN,
    )


async def _app(client: AsyncWebClient, token: str) -> Finding:
    """The token of Socket Mode: Slack is asked for an address, which goes unused."""
    try:
        await read(client.apps_connections_open(app_token=token))
    except Refusal as error:
        missing = error.needed or ("connections:write" if error.code == "missing_scope" else "")
        what = f"the app-level token: {error}"
        return Finding(ok=False, what=what, missing=missing, todo=_SOCKETS)
    except Retryable as error:
        return _failed("the app-level token", error)
    return Finding(ok=True, what="the app-level token: good, Socket Mode is on")


async def _channel(client: AsyncWebClient, channel: str) -> AsyncIterator[Finding]:
    try:
        answer = await read(client.conversations_info(channel=channel))
    except (Retryable, Refusal) as error:
        yield _failed(f"the channel {channel}", error)
        return
    found = answer.get("channel")
    found = found if isinstance(found, Mapping) else {}
    shown = f"the channel {channel}" + (f" (#{found['name']})" if found.get("name") else "")
    direct = found.get("is_im") or channel.startswith("D")
    if found.get("is_archived"):
        yield Finding(ok=False, what=f"{shown}: archived", todo="Unarchive it in Slack.")
    elif not direct and not found.get("is_member"):
        what = f"{shown}: the bot is not in it"
        yield Finding(ok=False, what=what, missing="membership", todo=_INVITE)
    else:
        yield Finding(ok=True, what=f"{shown}: the bot is in it")
    if found.get("is_ext_shared") or found.get("is_pending_ext_shared"):
        yield Finding(
            ok=True, what=f"{shown}: shared, so people of another organisation can read it"
        )


def _failed(what: str, error: Retryable | Refusal) -> Finding:
    if isinstance(error, Retryable):
        return Finding(ok=False, what=f"{what}: {error}", todo=REACH)
    missing = error.needed if error.code == "missing_scope" else ""
    words, _, todo = str(error).partition(": ")
    return Finding(
        ok=False,
        what=f"{what}: {words}" + ("" if f"({error.code}" in words else f" ({error.code})"),
        missing=missing,
        todo=_AGAIN if missing else todo[:1].upper() + todo[1:],
    )
