"""The methods of the fake REST API, by method and path as Discord's specification names them."""

import re
from collections.abc import Callable
from typing import Any

from bot.selftest.discord.content import Json, Room, person
from bot.selftest.discord.gateway import Gateway
from bot.selftest.discord.names import ADA, APP, BOT
from bot.selftest.discord.world import DiscordSays, World

Handle = Callable[..., Any]

_IDS = re.compile(r"\{[a-z_]+\}")


class Methods:
    """What the API can do."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        """Act on `world`, and say where the gateway is."""
        self._world = world
        self._at = gateway
        message = "/channels/{channel_id}/messages/{message_id}"
        webhook = "/webhooks/{webhook_id}/{webhook_token}"
        commands = "/applications/{application_id}/commands"
        callback = "/interactions/{interaction_id}/{interaction_token}/callback"
        table: dict[str, Handle] = {
            "GET /users/@me": lambda _: person(BOT, bot=True),
            "GET /applications/@me": self._application,
            "GET /oauth2/applications/@me": self._application,
            "GET /gateway/bot": self._gateway,
            "POST /users/@me/channels": self._direct,
            "GET /channels/{channel_id}": lambda _, channel: world.enter(channel).json(),
            "GET /channels/{channel_id}/messages": self._history,
            "POST /channels/{channel_id}/messages": self._post,
            f"GET {message}": lambda _, *ids: self._message(*ids).json(),
            f"PATCH {message}": self._edit,
            f"POST {message}/threads": self._thread,
            "POST /channels/{channel_id}/typing": self._typing,
            f"POST {callback}": lambda args, _, token: world.acknowledge(token, args),
            f"POST {webhook}": self._follow_up,
            f"GET {webhook}/messages/@original": lambda _, *ids: self._original(*ids).json(),
            f"PATCH {webhook}/messages/@original": self._fill,
            f"DELETE {webhook}/messages/@original": self._take_back,
            f"GET {commands}": lambda *_: [self._stored(made) for made in world.commands],
            f"PUT {commands}": self._set_commands,
            "GET /guilds/{guild_id}": self._guild,
            "GET /guilds/{guild_id}/members/{user_id}": self._member,
        }
        self._table = [
            (re.compile(_IDS.sub("([^/]+)", name.partition(" ")[2])), name, handle)
            for name, handle in table.items()
        ]

    def find(self, method: str, path: str) -> tuple[str, Handle, tuple[str, ...]] | None:
        """The name of a method, what does it, and the ids in the path."""
        for pattern, name, handle in self._table:
            found = pattern.fullmatch(path)
            if found and name.startswith(f"{method} "):
                return name, handle, found.groups()
        return None

    # ---- who and what

    def _application(self, _: Json) -> Json:
        world = self._world
        return {
            "id": APP,
            "name": "Nightdesk",
            "description": "",
            "icon": None,
            "rpc_origins": [],
            "bot_public": True,
            "bot_require_code_grant": False,
            "owner": person(ADA),
            "summary": "",
            "team": None,
            "verify_key": world.verify_key,
            "flags": world.flags,
            "interactions_endpoint_url": world.endpoint,
        }

    def _gateway(self, _: Json) -> Json:
        limit = {
            "total": 1_000,
            "remaining": self._at.sessions_left,
            "reset_after": 14_400_000,
            "max_concurrency": 1,
        }
        return {"url": self._at.url, "shards": 1, "session_start_limit": limit}

    def _direct(self, args: Json) -> Json:
        user, world = str(args["recipient_id"]), self._world
        if user not in world.direct:
            channel = world.snowflake()
            world.rooms[channel] = Room(channel, 1, guild="", name="")
            world.direct[user] = channel
        return world.rooms[world.direct[user]].json()

    def _guild(self, _: Json, guild: str) -> Json:
        if guild not in self._world.member_of:
            raise DiscordSays(404, 10_004, "Unknown Guild")
        return self._world.guild(guild)

    def _member(self, _: Json, guild: str, user: str) -> Json:
        self._guild({}, guild)
        return {"user": person(user, bot=user == BOT), "roles": []}

    # ---- messages

    def _post(self, args: Json, channel: str) -> Json:
        room = self._world.enter(channel, write=True)
        closed = [self._world.direct.get(user) for user in self._world.closed_to_bot]
        if channel in closed:
            raise DiscordSays(403, 50_007, "Cannot send messages to this user")
        room.archived = False
        return self._world.post(room.id, args).json()

    def _message(self, channel: str, message: str) -> Any:
        self._world.enter(channel)
        return self._world.message(channel, message)

    def _edit(self, args: Json, channel: str, message: str) -> Json:
        posted = self._message(channel, message)
        if self._world.rooms[channel].archived:
            raise DiscordSays(400, 50_083, "Thread is archived")
        if posted.author != BOT:
            raise DiscordSays(403, 50_005, "Cannot edit a message authored by another user")
        self._world.change(posted, args)
        posted.edits += 1
        self._world.tell("MESSAGE_UPDATE", posted)
        return dict(posted.json())

    def _history(self, args: Json, channel: str) -> list[Json]:
        self._world.enter(channel)
        after, most = int(args.get("after", 0)), int(args.get("limit", 50))
        there = [
            one
            for one in self._world.messages
            if one.channel == channel and one.seen_by is None and int(one.id) > after
        ]
        there.sort(key=lambda one: int(one.id))
        # The oldest ones behind `after`, and of those the latest first.
        return [one.json() for one in reversed(there[:most])]

    def _thread(self, args: Json, channel: str, message: str) -> Json:
        world = self._world
        world.enter(channel)
        if not world.threads_allowed:
            raise DiscordSays(403, 50_013, "Missing Permissions")
        if message in world.rooms:
            raise DiscordSays(400, 160_004, "A thread has already been created for this message")
        world.message(channel, message)
        return world.open_thread(channel, message=message, name=args["name"]).json()

    def _typing(self, _: Json, channel: str) -> None:
        self._world.typing.append(self._world.enter(channel, write=True).id)

    # ---- interactions

    def _original(self, application: str, token: str) -> Any:
        asked = self._asked(application, token)
        for posted in self._world.messages:
            if asked.original is not None and posted.id == asked.original:
                return posted
        raise DiscordSays(404, 10_008, "Unknown Message")

    def _fill(self, args: Json, application: str, token: str) -> Json:
        posted = self._original(application, token)
        self._world.change(posted, args)
        posted.edits += 1
        return dict(posted.json())

    def _take_back(self, _: Json, application: str, token: str) -> None:
        self._world.messages.remove(self._original(application, token))

    def _follow_up(self, args: Json, application: str, token: str) -> Json:
        asked = self._asked(application, token)
        return self._world.follow_up(asked, args).json()

    def _asked(self, application: str, token: str) -> Any:
        if application != APP:
            raise DiscordSays(404, 10_015, "Unknown Webhook")
        return self._world.reply(token)

    # ---- commands

    def _set_commands(self, args: Json, application: str) -> list[Json]:
        if application != APP:
            raise DiscordSays(403, 20_012, "You are not authorized for this application")
        self._world.commands = args["commands"]
        return [self._stored(made) for made in self._world.commands]

    def _stored(self, made: Json) -> Json:
        """A command with what Discord adds to it, and without what says nothing."""
        added = {"id": "1", "application_id": APP, "version": "2", "nsfw": False}
        kept = {key: value for key, value in made.items() if value not in ([], None)}
        return {**kept, **added, "default_member_permissions": None, "dm_permission": True}
