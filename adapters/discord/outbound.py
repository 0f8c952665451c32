"""Discord, outbound: everything that is said there goes through this one client.

What makes a message go out once: a plain message carries a nonce made of its outbox id, and
Discord, which remembers nonces for some minutes, answers a second one with the first. After that
the channel is read back. The reply to an interaction is an edit, which can be made again.
"""

import hashlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.discord import history, probe, render, replies, wire
from adapters.discord.drafts import Drafts, edit_of, post_to, reference
from adapters.discord.faults import (
    ARCHIVED,
    MISSING_ACCESS,
    MISSING_PERMISSIONS,
    NO_DIRECT_MESSAGES,
    UNKNOWN_CHANNEL,
    UNKNOWN_MESSAGE,
    Refusal,
)
from adapters.discord.files import DiscordFiles, ReadFile
from adapters.discord.places import DISCORD, Places
from adapters.discord.rest import DISCORD_API, DiscordRest, Route, Upload
from adapters.discord.threads import Spot, Threads
from runtime.clock import Clock
from runtime.errors import Ambiguous, ConfigurationError, Permanent, Retryable
from runtime.ids import MessageId, Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.files import FileRef
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from runtime.model.probe import Finding
from runtime.ports import ChatLimits

log = logging.getLogger("nightdesk.discord")

CONTENT_INTENT = 1 << 18 | 1 << 19
"""Flags of an application that may read what is said without its name being called."""

_NONCE_HOLDS = timedelta(seconds=60)
"""How long a nonce surely keeps a message from being made twice. Discord says some minutes."""
_DISCORD_EARLIER = timedelta(seconds=30)
"""By how much Discord's clock may be behind ours."""
_ALLOW_DIRECT = (
    "I answer that in private and cannot write to you: allow direct messages from members of this "
    "server, and ask again."
)
_ELSEWHERE = frozenset({UNKNOWN_CHANNEL, MISSING_ACCESS, MISSING_PERMISSIONS})

_NOTHING_EXPECTED = probe.Expected()


class DiscordChat:
    """The `ChatPort` of Discord."""

    def __init__(
        self,
        token: str,
        *,
        clock: Clock,
        places: Places,
        base_url: str = DISCORD_API,
        application_id: str | None = None,
        read: ReadFile | None = None,
        expected: probe.Expected = _NOTHING_EXPECTED,
    ) -> None:
        """Speak as one bot.

        Args:
            token: the bot's token.
            clock: keeps the rate limits, and how long an interaction takes answers.
            places: what is known of Discord's places; who we are is written there.
            base_url: where the REST API is; another only for tests and proxies.
            application_id: the application that the token must belong to; None for any.
            read: the bytes of a file that goes out; without it, no files do.
            expected: what the configuration says, for a test of the connection.
        """
        self.rest = DiscordRest(token, base_url=base_url, clock=clock)
        self.application = wire.Application()
        self._clock = clock
        self.places = places
        self._expected = application_id
        self._configured = expected
        self._files = DiscordFiles(self.rest, read)
        self._threads = Threads(self.rest, places)
        self._drafts = Drafts(self.rest, clock)
        self._replies = replies.Replies(self.rest)
        self._direct: dict[str, str] = {}

    @property
    def platform(self) -> Platform:
        """Discord."""
        return DISCORD

    @property
    def limits(self) -> ChatLimits:
        """Five messages in five seconds in a channel; just under the 50 requests a second."""
        return ChatLimits(per_channel=1.0, overall=48.0, burst=5, images=True)

    @property
    def hears_everything(self) -> bool:
        """Whether Discord tells us what is said in channels without our name being called."""
        return bool((self.application.flags or 0) & CONTENT_INTENT)

    async def open(self) -> None:
        """Connect, and ask Discord who we are.

        Raises:
            ConfigurationError: the token is not good, or not for this application.
            Retryable: Discord cannot be asked.
        """
        self.rest.open()
        try:
            user = await self.rest.read(wire.User, Route("GET", "/users/@me"))
            found = await self.rest.read(wire.Application, Route("GET", "/applications/@me"))
        except Refusal as refusal:
            raise ConfigurationError(f"Discord: {refusal}") from refusal
        if self._expected is not None and found.id != self._expected:
            raise ConfigurationError(
                f"the Discord token belongs to application {found.id}, and "
                f"NIGHTDESK_DISCORD__APPLICATION_ID is {self._expected}: use the token of that "
                "application, or change the id"
            )
        self.application = found
        self.places.user_id, self.places.application_id = user.id or "", found.id or ""

    async def close(self) -> None:
        """Disconnect."""
        await self.rest.close()

    def split(self, content: Content) -> tuple[Content, ...]:
        """Cut the content into messages of at most 2,000 characters as they are shown."""
        return render.pieces(content)

    async def send(self, item: OutboxItem) -> MessageId:
        """Send one message; see `ChatPort.send`."""
        reply = replies.usable(item, now=self._clock.now())
        if reply is not None and reply.answers == "within" and item.draft is not None:
            return await self._replies.update(reply, await self._message(item, private=True))
        if reply is not None and item.only_for is not None and item.draft is None:
            body, uploads = await self._message(item, private=True)
            sent = await self._replies.privately(reply, item.id, (body, uploads))
            if sent is not None:
                return sent
        if item.only_for is not None:
            return await self._posted_privately(item, item.only_for)
        try:
            sent = await self._posted(item)
        except Refusal as refusal:
            # A command can be typed where the bot cannot post; its own reply is good there too.
            if reply is None or refusal.code not in _ELSEWHERE:
                raise
            await self._replies.take_back(reply)  # the follow-up would fill it in, in private
            return await self._replies.follow_up(reply, await self._message(item))
        await self._replies.take_back(reply)
        return sent

    async def find(self, item: OutboxItem) -> MessageId | None:
        """Look for the message: at its interaction, as the draft it was, in its channel."""
        reply = replies.usable(item, now=self._clock.now())
        body, _ = await self._message(item, files=False)
        if reply is not None and item.only_for is not None and item.draft is None:
            return await self._replies.find(reply, item.id, str(body["content"]))
        spot = await self._spot(await self.direct(item.only_for) if item.only_for else item.thread)
        if item.draft is not None:
            there = await history.message(self.rest, spot.channel, item.draft)
            if there is not None and there.content == body["content"]:
                return item.draft
            # It may have been posted beside a draft that could not be edited then.
        tried = max(item.created_at, item.not_before)
        old = self._clock.now() - tried > _NONCE_HOLDS
        async for message in self._said(spot, since=tried):
            # While the nonce holds, sending again is the surest way to find the message.
            alike = old and message.nonce is None and message.content == body["content"]
            if str(message.nonce) == nonce(item) or alike:
                if item.only_for is None:  # who sent it may have died before this
                    await self._replies.take_back(reply)
                return MessageId(message.id or "")
        return None

    async def direct(self, who: Principal) -> ThreadRef:
        """The direct conversation with that person; opened if it is not open."""
        channel = self._direct.get(who.user)
        if channel is None:
            route = Route("POST", "/users/@me/channels")
            try:
                made = await self.rest.told(wire.Channel, route, {"recipient_id": who.user})
            except Ambiguous as error:
                raise Retryable(str(error)) from error  # opening it twice opens one
            if not made.id:
                raise Retryable("Discord did not say where the direct messages are")
            channel = made.id
            self._direct[who.user] = channel
        return ThreadRef(ChannelRef(DISCORD, "", channel))

    async def status(self, thread: ThreadRef, text: str) -> None:
        """Show that the bot is typing; Discord stops showing it by itself."""
        if not text:
            return
        try:
            spot = await self._spot(thread)
        except (Retryable, Permanent) as error:
            log.debug("discord.no_typing", extra={"why": str(error)})
            return
        await self._drafts.typing(spot.channel)

    async def begin_draft(
        self, thread: ThreadRef, *, requester: Principal, text: str
    ) -> MessageId | None:
        """Begin a message that is edited while the answer grows."""
        try:
            spot = await self._spot(thread)
        except (Retryable, Permanent) as error:
            log.info("discord.no_draft", extra={"why": str(error)})
            return None
        return await self._drafts.begin(spot, requester, text)

    async def grow_draft(self, thread: ThreadRef, draft: MessageId, text: str) -> None:
        """Show the answer so far, at most every one and a half seconds."""
        try:
            spot = await self._spot(thread)
        except (Retryable, Permanent) as error:
            log.debug("discord.draft_stuck", extra={"why": str(error)})
            return
        await self._drafts.grow(spot.channel, draft, text)
        await self._drafts.typing(spot.channel)

    async def find_draft(self, thread: ThreadRef, *, since: datetime) -> MessageId | None:
        """Look for a message of ours that still has the mark of a draft.

        In a channel without threads it is one that answers this conversation's question. Where
        that was deleted nothing tells whose a draft is, and none is taken.
        """
        try:
            spot = await self._spot(thread)
            if thread.root not in {"", spot.channel, spot.answers}:
                return None
            async for message in self._said(spot, since=since):
                asked = (message.message_reference or wire.Reference()).message_id or ""
                if asked == spot.answers and render.is_growing(message.content or ""):
                    return MessageId(message.id or "")
        except (Retryable, Permanent) as error:
            log.warning("discord.draft_not_looked_for", extra={"why": str(error)})
        return None

    def fetch(self, file: FileRef, *, most: int) -> AsyncIterator[bytes]:
        """The bytes of a file that came with a message; see `FetchesFiles.fetch`."""
        return self._files.fetch(file, most=most)

    async def probe(self, channel: ChannelRef | None = None) -> Sequence[Finding]:
        """Test the connection: the token, the intent, the servers, the channel, the commands."""
        found: list[Finding] = []
        try:
            await self.open()
            async for finding in probe.findings(
                self.rest,
                self.places,
                channel.channel if channel else None,
                contents=self.hears_everything,
                expected=self._configured,
            ):
                found.append(finding)  # noqa: PERF401 - what was found before a failure is kept
        except (ConfigurationError, Permanent) as error:
            found.append(Finding(ok=False, what=str(error), todo=probe.REFUSED_TODO))
        except Retryable as error:
            found.append(Finding(ok=False, what=str(error), todo=probe.REACH_TODO))
        return found

    async def acknowledge(self, interaction: str, token: str, answer: bytes) -> None:
        """Answer an interaction that came over the gateway.

        Raises:
            Retryable, Ambiguous, Refusal: as of every request.
        """
        await self._replies.acknowledge(interaction, token, answer)

    # --------------------------------------------------------------------------- messages

    async def _posted_privately(self, item: OutboxItem, who: Principal) -> MessageId:
        """What no interaction takes as a reply goes into the person's direct messages.

        Who takes none is told in the channel how to, and nothing else.
        """
        try:
            return await self._posted(replace(item, thread=await self.direct(who)))
        except Refusal as refusal:
            if refusal.code != NO_DIRECT_MESSAGES:
                raise
        return await self._posted(replace(item, content=Content(_ALLOW_DIRECT), draft=None))

    async def _posted(self, item: OutboxItem) -> MessageId:
        """The message as everybody sees it: the draft that becomes it, or a new one."""
        spot = await self._spot(item.thread)
        body, uploads = await self._message(item)
        try:
            if item.draft is not None and await self._edited(spot, item.draft, body, uploads):
                return item.draft
            body |= {"nonce": nonce(item), "enforce_nonce": True} | reference(spot)
            made = await self.rest.told(wire.Message, post_to(spot.channel), body, uploads=uploads)
        except Refusal as refusal:
            if refusal.code != UNKNOWN_CHANNEL or spot.channel != item.thread.root:
                raise
            self.places.forget(spot.channel)  # the thread was deleted: another one is opened
            raise Retryable(str(refusal), after=0.1) from refusal
        if not made.id:
            raise Ambiguous("Discord did not say which message it made")
        return MessageId(made.id)

    async def _edited(
        self, spot: Spot, draft: str, body: dict[str, object], uploads: Sequence[Upload]
    ) -> bool:
        """Make the draft the message; False where it is no longer there, or cannot be edited.

        In an archived thread no message can be; a new one takes the thread out of the archive.
        """
        try:
            await self.rest.told(wire.Message, edit_of(spot.channel, draft), body, uploads=uploads)
        except Refusal as refusal:
            if refusal.code not in {UNKNOWN_MESSAGE, ARCHIVED}:
                raise
            return False
        self._drafts.finished(spot.channel, draft)
        return True

    async def _message(
        self, item: OutboxItem, *, private: bool = False, files: bool = True
    ) -> tuple[dict[str, object], list[Upload]]:
        body = render.message(item.content, mention=item.only_for, private=private)
        uploads = [await self._files.upload(file) for file in item.content.files] if files else []
        if uploads:
            body["attachments"] = [
                {"id": str(number), "filename": upload.name}
                | ({"description": upload.alt} if upload.alt else {})
                for number, upload in enumerate(uploads)
            ]
        return body, uploads

    def _said(self, spot: Spot, *, since: datetime) -> AsyncIterator[wire.Message]:
        """Our messages there since then, oldest first."""
        since -= _DISCORD_EARLIER
        return history.messages(self.rest, spot.channel, since=since, by=self.places.user_id)

    async def _spot(self, thread: ThreadRef) -> Spot:
        try:
            return await self._threads.spot(thread)
        except Ambiguous as error:
            raise Retryable(str(error)) from error  # opening a thread twice opens one


def nonce(item: OutboxItem) -> str:
    """The idempotency key: the outbox id in the 25 characters that Discord has room for."""
    return hashlib.sha256(item.id.encode()).hexdigest()[:25]
