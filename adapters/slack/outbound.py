"""Slack, outbound: the Web API through one client and one pool of connections.

The SDK's own retries are off: it would send again after a connection that broke once the request
was written, and the message would be there twice. The dispatcher asks first (`find`).
"""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack import pages, probe, render
from adapters.slack.answers import AnswerUrls
from adapters.slack.drafts import Drafts
from adapters.slack.faults import Refusal, read, written
from adapters.slack.files import ReadFile, SlackFiles
from adapters.slack.forms import view as modal
from adapters.slack.history import messages, ts_of
from adapters.slack.inbound import PRIVATE, SLACK
from adapters.slack.sessions import Sessions
from runtime.clock import Clock
from runtime.errors import Ambiguous, ConfigurationError, Permanent, Retryable
from runtime.ids import MessageId, Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.files import FileRef, OutFile
from runtime.model.forms import FormSpec
from runtime.model.home import HomePage
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from runtime.model.probe import Finding
from runtime.model.step import Step
from runtime.model.value import value
from runtime.ports import ChatLimits

log = logging.getLogger("nightdesk.slack")

SLACK_API = "https://slack.com/api/"
NEEDED_SCOPES = frozenset({"chat:write"})
"""Permissions without which nothing works."""

_METADATA = "nightdesk_message"
_ELSEWHERE = frozenset({"channel_not_found", "not_in_channel"})
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10, sock_connect=10)
_SLACK_EARLIER = timedelta(seconds=60)
"""By how much Slack's clock may be behind ours."""


@value()
class _Parts:
    """What there is while the connection is open."""

    client: AsyncWebClient
    drafts: Drafts
    sessions: Sessions
    answers: AnswerUrls
    files: SlackFiles


class SlackChat:
    """The `ChatPort` of Slack."""

    def __init__(
        self,
        token: str,
        *,
        base_url: str = SLACK_API,
        clock: Clock,
        team: str | None = None,
        app_token: str = "",
        read_file: ReadFile | None = None,
    ) -> None:
        """Connect to one workspace.

        Args:
            token: the Bot User OAuth Token.
            base_url: where the Web API is; another only for tests and proxies.
            clock: times edits, and how long a command's own address is good for.
            team: the id of the workspace that the token must belong to; None for any.
            app_token: the app-level token of Socket Mode, which `probe` looks at too; or empty.
            read_file: the bytes of a file that goes out; None where none ever does.
        """
        self._token = token
        self._base_url = base_url
        self._clock = clock
        self._team = team
        self._app_token = app_token
        self._session: aiohttp.ClientSession | None = None
        self._read_file = read_file
        self._opened: _Parts | None = None
        self._direct: dict[str, str] = {}
        self.bot_user_id = ""
        self.team_id = ""

    @property
    def platform(self) -> Platform:
        """Slack."""
        return SLACK

    @property
    def limits(self) -> ChatLimits:
        """One message a second in a channel, a few at once; Slack's documented rate."""
        return ChatLimits(per_channel=1.0, overall=20.0, burst=3, command="nightdesk", images=True)

    async def open(self) -> None:
        """Connect, and ask Slack who we are.

        Raises:
            ConfigurationError: the token is not good, or not for this workspace.
            Retryable: Slack cannot be asked.
        """
        client = AsyncWebClient(
            self._token, base_url=self._base_url, retry_handlers=[], logger=_quiet_logger()
        )
        # The SDK takes a proxy from the environment; files go where its own requests go.
        self._session = client.session = aiohttp.ClientSession(
            timeout=_TIMEOUT,
            connector=aiohttp.TCPConnector(limit=50),
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=client.proxy,
        )
        try:
            await self._introduce(client)
        except BaseException:
            await self.close()
            raise
        self._opened = _Parts(
            client,
            Drafts(client, self._clock),
            Sessions(client),
            AnswerUrls(self._session, base_url=self._base_url, clock=self._clock),
            SlackFiles(
                client,
                self._session,
                token=self._token,
                base_url=self._base_url,
                user=self.bot_user_id,
                read_file=self._read_file or _no_file,
            ),
        )

    async def close(self) -> None:
        """Disconnect."""
        self._opened = None
        if self._session is not None:
            await self._session.close()
            self._session = None

    def split(self, content: Content) -> tuple[Content, ...]:
        """Cut the content into messages of at most 11,000 characters as they are shown."""
        return render.pieces(content)

    async def send(self, item: OutboxItem) -> MessageId:
        """Send one message, its files first, as a message of their own; see `ChatPort.send`.

        What only one person may see goes to their direct conversation: no other file is private.
        """
        if item.content.files:
            alone = item.only_for is not None and not _is_direct(item)
            place = await self.direct(item.only_for) if alone and item.only_for else item.thread
            tried = item.created_at - _SLACK_EARLIER if item.attempts > 1 else None
            await self._open_parts().files.share(item.content.files, place, tried_since=tried)
        sent = await self._send(item)
        if item.only_for is None:
            await self._open_parts().sessions.done(item.thread)
        return sent

    async def _send(self, item: OutboxItem) -> MessageId:
        if item.only_for is not None and (item.reply_url or not _is_direct(item)):
            return await self._send_privately(item, item.only_for)
        channel = item.thread.channel.channel
        if item.draft is not None:
            if item.draft.startswith(PRIVATE):
                return item.draft  # what one person was shown cannot become what all see
            finished = await self._drafts.finish(channel, item.draft, item.content, _metadata(item))
            if finished:
                return item.draft
        try:
            return await self._post(item)
        except Refusal as refusal:
            # A command can be typed where the bot is not; its own address is good there too.
            if refusal.code in _ELSEWHERE and await self._answers.answered(item, "in_channel"):
                return _unnamed(item)
            raise

    async def find(self, item: OutboxItem) -> MessageId | None:
        """Look for a message with the item's id among those since it was written."""
        if item.only_for is not None and (item.reply_url or not _is_direct(item)):
            raise Permanent("Slack cannot say whether a person was shown a private answer")
        if item.draft is not None:
            drafts = messages(self._client, item.thread, oldest=item.draft, latest=item.draft)
            async for message in drafts:
                if _is(message, item):
                    return MessageId(str(message["ts"]))
        oldest = ts_of(item.created_at - _SLACK_EARLIER)
        async for message in messages(self._client, item.thread, oldest=oldest, latest=None):
            if _is(message, item):
                return MessageId(str(message["ts"]))
        return None

    async def direct(self, who: Principal) -> ThreadRef:
        """The direct conversation with that person; opened if it is not open."""
        channel = self._direct.get(who.user)
        if channel is None:
            answer = await read(self._client.conversations_open(users=[who.user]))
            channel = str((answer["channel"] or {}).get("id") or "")
            if not channel:
                raise Retryable("Slack did not say where the direct messages are")
            self._direct[who.user] = channel
        return ThreadRef(ChannelRef(SLACK, self.team_id, channel))

    async def status(self, thread: ThreadRef, text: str) -> None:
        """Show "Nightdesk is ..." under the thread, with Slack's stop button."""
        if self._opened is not None:
            await self._opened.sessions.status(thread, text)

    async def begin_draft(
        self, thread: ThreadRef, *, requester: Principal, text: str
    ) -> MessageId | None:
        """Begin a message that grows: a stream where Slack takes one, else one that is edited."""
        began = self._clock.now() - _SLACK_EARLIER
        try:
            return await self._drafts.begin(thread, requester, text)
        except Ambiguous as error:
            # It may be there, and an answer of its own would leave it growing for ever.
            log.info("slack.draft_unheard", extra={"why": str(error)})
            return await self.find_draft(thread, since=began)

    async def grow_draft(self, thread: ThreadRef, draft: MessageId, text: str) -> None:
        """Show the answer so far, at most about once a second."""
        await self._drafts.grow(thread, draft, text)

    async def find_draft(self, thread: ThreadRef, *, since: datetime) -> MessageId | None:
        """Look for a message of ours without an id: an answer gets its id when it is finished."""
        try:
            async for message in messages(self._client, thread, oldest=ts_of(since), latest=None):
                ours = message.get("user") == self.bot_user_id
                if ours and not message.get("metadata") and not message.get("files"):
                    return MessageId(str(message["ts"]))
        except (Retryable, Permanent) as error:
            log.warning("slack.draft_not_looked_for", extra={"why": str(error)})
        return None

    async def probe(self, channel: ChannelRef | None = None) -> Sequence[Finding]:
        """Ask Slack about the tokens, the permissions and the channel; see `ChatPort.probe`."""
        if self._opened is None:
            return [Finding(ok=False, what="Slack: not reached yet", todo=probe.REACH)]
        return [f async for f in probe.findings(self._client, channel, self._app_token)]

    async def show_step(self, thread: ThreadRef, draft: MessageId, step: Step) -> None:
        """Show what the agent does as a task card in its growing answer, where that streams."""
        await self._drafts.show_step(thread, draft, step)

    async def open_form(
        self, form: FormSpec, *, trigger: str, value: str, thread: ThreadRef, reply_url: str = ""
    ) -> None:
        """Open a modal; see `runtime.ports.OpensForms`."""
        view = modal(form, value=value, thread=thread, reply_url=reply_url)
        try:
            await written(self._client.views_open(trigger_id=trigger, view=view))
        except Ambiguous as error:
            raise Retryable(str(error)) from error

    async def show_home(self, page: HomePage, *, who: Principal, thread: ThreadRef) -> None:
        """Draw the person's App Home; see `runtime.ports.ShowsHome`."""
        channel = thread.channel.channel
        await pages.publish(self._client, page, user=who.user, channel=channel)

    def fetch(self, file: FileRef, *, most: int) -> AsyncIterator[bytes]:
        """The bytes of a file that came with a message; see `runtime.ports.FetchesFiles`."""
        return self._open_parts().files.fetch(file, most=most)

    @property
    def _client(self) -> AsyncWebClient:
        return self._open_parts().client

    @property
    def _drafts(self) -> Drafts:
        return self._open_parts().drafts

    @property
    def _answers(self) -> AnswerUrls:
        return self._open_parts().answers

    def _open_parts(self) -> "_Parts":
        if self._opened is None:
            raise Retryable("the connection to Slack is not open")
        return self._opened

    async def _introduce(self, client: AsyncWebClient) -> None:
        """Learn who we are, and whether we may do what we must."""
        try:
            answer = await read(client.auth_test())
        except Refusal as error:
            raise ConfigurationError(f"Slack: {error}") from error
        self.bot_user_id, self.team_id = str(answer["user_id"]), str(answer["team_id"])
        if self._team is not None and self._team != self.team_id:
            raise ConfigurationError(
                f"the Slack token belongs to workspace {self.team_id}, and nightdesk.toml names "
                f"{self._team}: use the token of that workspace, or change the id"
            )
        granted = answer.headers.get("x-oauth-scopes")
        missing = NEEDED_SCOPES - {part.strip() for part in (granted or "").split(",")}
        if granted is not None and missing:
            raise ConfigurationError(f"Slack: {Refusal('missing_scope', ', '.join(missing))}")

    async def _post(self, item: OutboxItem) -> MessageId:
        answer = await written(
            self._client.chat_postMessage(
                channel=item.thread.channel.channel,
                text=render.plain(item.content.text),
                blocks=render.blocks(item.content),
                thread_ts=item.thread.root or None,
                unfurl_links=False,
                unfurl_media=False,
                link_names=False,
                mrkdwn=False,
                parse="none",
                metadata=_metadata(item),
            )
        )
        return MessageId(str(answer["ts"]))

    async def _send_privately(self, item: OutboxItem, who: Principal) -> MessageId:
        if await self._answers.answered(item, "ephemeral"):
            return _unnamed(item)
        answer = await written(
            self._client.chat_postEphemeral(
                channel=item.thread.channel.channel,
                user=who.user,
                text=render.plain(item.content.text),
                blocks=render.blocks(item.content),
                thread_ts=item.thread.root or None,
                link_names=False,
                parse="none",
            )
        )
        return MessageId(str(answer["message_ts"]))


async def _no_file(file: OutFile) -> bytes:
    raise Permanent(f"{file.name} cannot be read here")


def _unnamed(item: OutboxItem) -> MessageId:
    """What stands for a message of which Slack does not say which it is; nobody can edit it."""
    return MessageId(f"unnamed-{item.id}")


def _is_direct(item: OutboxItem) -> bool:
    return item.thread.channel.channel.startswith("D")


def _metadata(item: OutboxItem) -> dict[str, object]:
    """The idempotency key: it travels with the message and is read back."""
    return {"event_type": _METADATA, "event_payload": {"id": str(item.id)}}


def _is(message: Mapping[str, object], item: OutboxItem) -> bool:
    return message.get("metadata") == _metadata(item)


def _quiet_logger() -> logging.Logger:
    """The SDK's log without its debug level, at which it writes down what people say."""
    logger = logging.getLogger("nightdesk.slack.sdk")
    logger.setLevel(logging.INFO)
    return logger
