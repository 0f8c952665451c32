"""Nightdesk itself, for measuring: its real parts, wired as the program wires them.

Two things are replaced, both behind their ports: the model answers at once, and the platform takes
every message at once. Everything between them is the code that runs in production.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from aiohttp import web

from adapters.models.scripted import Pause, ScriptedModel, Step
from adapters.slack.inbound import SLACK
from adapters.slack.render import pieces
from bench import slack
from bench.servers.common import listening
from bot.environ import load_settings
from bot.parts import Opened, open_parts
from bot.role import Role
from bot.settings import Settings
from runtime.ids import MessageId, ModelName, Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.completion import Chunk, Finished, ModelInfo, ModelRequest, TextDelta, Usage
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from runtime.model.probe import Finding
from runtime.ports import ChatLimits, Durable

ANN: Final = Principal(SLACK, slack.TEAM_ID, slack.PERSON)
OPS: Final = ChannelRef(SLACK, slack.TEAM_ID, slack.CHANNEL)

TEAM_FILE = f"""
[team]
name = "Night shift"
timezone = "Europe/Berlin"

[[members]]
name = "Ann"
role = "owner"
slack = "{slack.TEAM_ID}/{slack.PERSON}"

[[channels]]
platform = "slack"
id = "{slack.TEAM_ID}/{slack.CHANNEL}"
name = "#ops"
listen = true
proactive = true

[[agents]]
name = "desk"
model = "offline"
instructions = "You are the operations desk of this team. Answer briefly and to the point."
"""

SLOWLY = "Take your time."
"""How a message begins whose answer is to take two seconds."""
_PIECES = 8
_PIECE = 0.25
_ANSWER = (
    "The deploy of the billing service went out at 02:14 and is healthy. Two migrations ran, both "
    "in under a minute. Nothing is left to do before the morning; the next one is at 22:00."
)

_MODEL = ModelInfo(name=ModelName("offline"), context_tokens=128_000, local=True)
_CHUNKS: Sequence[Chunk] = (TextDelta(_ANSWER), Finished(text=_ANSWER, usage=Usage(0, 0)))


@dataclass(slots=True)
class InstantChat:
    """A `runtime.ports.ChatPort` that takes every message at once and keeps none.

    Attributes:
        sent: how many messages it took.
        on_sent: is told of each.
    """

    platform: Platform = SLACK
    limits: ChatLimits = field(
        default_factory=lambda: ChatLimits(per_channel=1e9, overall=1e9, burst=10)
    )
    sent: int = 0
    on_sent: Callable[[OutboxItem], None] | None = None

    def split(self, content: Content) -> tuple[Content, ...]:
        """Cut as Slack does."""
        return pieces(content)

    async def send(self, item: OutboxItem) -> MessageId:
        """Take it."""
        self.sent += 1
        if self.on_sent is not None:
            self.on_sent(item)
        return MessageId(f"1796083200.{self.sent:06d}")

    async def find(self, item: OutboxItem) -> MessageId | None:  # noqa: ARG002 - the port's signature
        """No message ever was ambiguous."""
        return None

    async def direct(self, who: Principal) -> ThreadRef:
        """A direct conversation."""
        return ThreadRef(ChannelRef(SLACK, who.workspace, f"D{who.user}"))

    async def status(self, thread: ThreadRef, text: str) -> None:
        """Show nothing."""

    async def probe(self, channel: ChannelRef | None = None) -> Sequence[Finding]:  # noqa: ARG002
        """All is well."""
        return [Finding(ok=True, what="there")]

    async def begin_draft(
        self,
        thread: ThreadRef,  # noqa: ARG002 - the port's signature
        *,
        requester: Principal,  # noqa: ARG002
        text: str,  # noqa: ARG002
    ) -> MessageId | None:
        """No answer takes long enough to be shown while it grows."""
        return None

    async def grow_draft(self, thread: ThreadRef, draft: MessageId, text: str) -> None:
        """Show nothing."""

    async def find_draft(
        self,
        thread: ThreadRef,  # noqa: ARG002 - the port's signature
        *,
        since: datetime,  # noqa: ARG002
    ) -> MessageId | None:
        """Nothing was shown."""
        return None


class InstantModel:
    """A `runtime.ports.ModelPort` with one answer, which takes no time, ours neither.

    To whoever asks it to take its time it gives the answer in pieces, over two seconds.
    """

    def __init__(self) -> None:
        self._slow = ScriptedModel(self._slowly)

    @property
    def info(self) -> ModelInfo:
        """A local model with room for every conversation here."""
        return _MODEL

    def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Answer, whatever was asked."""
        if request.entries[-1].text.startswith(SLOWLY):
            return self._slow.stream(request)
        return _AtOnce(iter(_CHUNKS))

    def _slowly(self, _: ModelRequest) -> Sequence[Step]:
        self._slow.requests.clear()
        piece: list[Step] = [Pause(_PIECE), TextDelta(_ANSWER)]
        return piece * _PIECES


@dataclass(slots=True)
class _AtOnce:
    """Chunks that are there already."""

    chunks: Iterator[Chunk]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        for chunk in self.chunks:
            return chunk
        raise StopAsyncIteration


def settings_in(
    folder: Path,
    *,
    slack_url: str,
    level: str = "warning",
    also: Mapping[str, str] | None = None,
    team: str = TEAM_FILE,
) -> Settings:
    """Settings as an operator would make them, for a data folder that is to be made.

    Args:
        folder: the data folder.
        slack_url: where Slack's Web API is.
        level: the log level.
        also: further variables.
        team: the team's file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nightdesk.toml").write_text(team)
    environ = environment(folder, slack_url=slack_url) | {"NIGHTDESK_LOG_LEVEL": level}
    environ |= also or {}
    return replace(load_settings(environ, cwd=folder), terminal=False)


def environment(folder: Path, *, slack_url: str) -> dict[str, str]:
    """The environment that connects Slack and keeps everything in that folder."""
    return {
        "HOME": str(folder),
        "NIGHTDESK_DATA_DIR": str(folder),
        "NIGHTDESK_HTTP__PORT": "0",
        "NIGHTDESK_SLACK__SIGNING_SECRET": slack.SIGNING_SECRET,
        "NIGHTDESK_SLACK__BOT_TOKEN": slack.BOT_TOKEN,
        "NIGHTDESK_SLACK__BASE_URL": slack_url,
    }


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    chat: InstantChat | None = None,
    durable: Durable | None = None,
    also: Mapping[str, str] | None = None,
    team: str = TEAM_FILE,
) -> AsyncIterator[Opened]:
    """The parts of a process that does everything, opened by the program's own code.

    Args:
        folder: the data folder.
        chat: takes messages; none is sent where there is none.
        durable: runs workflows; the program's own where there is none.
        also: further variables.
        team: the team's file.
    """
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fake_slack())
        settings = settings_in(folder, slack_url=url, also=also, team=team)
        own = await stack.enter_async_context(open_parts(settings, Role.ALL))
        parts = replace(
            own.parts,
            chats={SLACK: chat or InstantChat()},
            models={ModelName("offline"): InstantModel()},
            durable=durable or own.parts.durable,
        )
        yield replace(own, parts=parts)


@asynccontextmanager
async def fake_slack() -> AsyncIterator[str]:
    """Just enough of Slack for a process to connect."""

    async def who_am_i(_: web.Request) -> web.Response:
        return web.json_response(
            {
                "ok": True,
                "team_id": slack.TEAM_ID,
                "user_id": slack.BOT_USER,
                "bot_id": "B0DESK",
            },
            headers={"X-OAuth-Scopes": "chat:write,app_mentions:read,commands"},
        )

    app = web.Application()
    app.router.add_post("/api/auth.test", who_am_i)
    async with listening(app) as port:
        yield f"http://{slack.HOST}:{port}/api/"
