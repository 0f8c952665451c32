"""Answers that grow while the model writes: Slack's streams, and edits where those are refused.

A draft is known by its message alone, so that a draft of a process that died is finished like any
other: its stream is stopped, if it is one and still runs, and the message is set to the answer.
"""

import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeVar

from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack import render
from adapters.slack.faults import Refusal, written
from runtime.clock import Clock
from runtime.errors import Ambiguous, Retryable
from runtime.ids import MessageId
from runtime.model.address import Principal, ThreadRef
from runtime.model.messages import Content
from runtime.model.step import Step, StepState

log = logging.getLogger("nightdesk.slack")

K = TypeVar("K")
V = TypeVar("V")

EDIT_PAUSE = 1.0
"""Seconds between two edits in one channel."""
APPEND_PAUSE = 0.6
"""Seconds between two pieces of one stream. Slack allows some 100 a minute."""

_NOWHERE: Final = frozenset({"unknown_method", "missing_scope", "not_allowed_token_type"})
"""Refusals of a stream that hold for every channel."""
_NOT_THERE: Final = frozenset(
    {
        "channel_type_not_supported",
        "method_not_supported_for_channel_type",
        "missing_recipient_team_id",
        "missing_recipient_user_id",
    }
)
"""Refusals of a stream that hold for the channel."""
_STREAM_OVER: Final = "message_not_in_streaming_state"
_GONE: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""Refusals of an edit that hold for ever: the answer must become a message of its own."""
_REMEMBERED = 1_000
_LONGEST_STEP = 150
_STEP_STATUS: Final = {
    StepState.RUNNING: "in_progress",
    StepState.DONE: "complete",
    StepState.FAILED: "error",
}
"""Slack's words for the states of a task card."""


@dataclass(slots=True)
class _Draft:
    """A draft that this process began.

    Attributes:
        shown: the text that Slack has; None where that is not sure.
        streams: it is a stream that runs.
        at: when it last grew, in monotonic seconds.
    """

    shown: str | None
    streams: bool
    at: float


class Drafts:
    """The drafts of one Slack app."""

    def __init__(self, client: AsyncWebClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._drafts: OrderedDict[tuple[str, str], _Draft] = OrderedDict()
        self._edited: OrderedDict[str, float] = OrderedDict()
        self._streams_nowhere = False
        self._no_streams_in: OrderedDict[str, None] = OrderedDict()

    async def begin(self, thread: ThreadRef, requester: Principal, text: str) -> MessageId | None:
        """Begin a draft; None where Slack takes none here or now.

        Raises:
            Ambiguous: it may be there.
        """
        channel, shown = thread.channel.channel, render.growing(text)
        streams = bool(thread.root) and not self._without_streams(channel)
        try:
            ts = await self._start(thread, requester, shown) if streams else None
            streams = ts is not None
            ts = ts or await self._post(thread, shown)
        except (Retryable, Refusal) as error:
            log.info("slack.no_draft", extra={"channel": channel, "why": str(error)})
            return None
        self._remember(channel, ts, _Draft(shown, streams, self._clock.monotonic()))
        return MessageId(ts)

    async def grow(self, thread: ThreadRef, ts: MessageId, text: str) -> None:
        """Show the answer so far. Too soon after the last time it does nothing."""
        channel, now = thread.channel.channel, self._clock.monotonic()
        draft = self._drafts.get((channel, ts))
        if draft is None or draft.shown is None or not self._may_grow(channel, draft, now):
            return
        shown = render.growing(text)
        if shown == draft.shown or not shown.startswith(draft.shown if draft.streams else ""):
            return
        draft.at = now
        try:
            if draft.streams:
                await self._append(channel, ts, draft, shown)
            else:
                self._remember_edit(channel, now)
                await self._edit(channel, ts, Content(shown))
            draft.shown = shown
        except Retryable as error:
            draft.at = now + (error.after or 0.0)
        except Ambiguous:
            draft.shown = None
        except Refusal as error:
            log.info("slack.draft_stuck", extra={"channel": channel, "why": str(error)})

    async def show_step(self, thread: ThreadRef, ts: MessageId, step: Step) -> None:
        """Show a step as a task card, where the draft is a stream that runs; else nothing."""
        channel = thread.channel.channel
        draft = self._drafts.get((channel, ts))
        if draft is None or not draft.streams:
            return
        chunk = {
            "type": "task_update",
            "id": step.id,
            "title": render.quiet(step.title)[:_LONGEST_STEP],
            "status": _STEP_STATUS[step.state],
        }
        try:
            await written(self._client.chat_appendStream(channel=channel, ts=ts, chunks=[chunk]))
        except Refusal as error:
            draft.streams = error.code != _STREAM_OVER
            log.info("slack.no_step", extra={"channel": channel, "why": str(error)})
        except (Retryable, Ambiguous) as error:
            log.info("slack.no_step", extra={"channel": channel, "why": str(error)})

    async def finish(
        self, channel: str, ts: str, content: Content, metadata: dict[str, object]
    ) -> bool:
        """Make the draft the answer; False where there is no such message any more.

        It can be done again after any failure.

        Raises:
            Retryable: try again.
            Ambiguous: it may be done.
            Refusal: Slack does not let it be done.
        """
        draft = self._drafts.get((channel, ts))
        known, streams = (None, True) if draft is None else (draft.shown, draft.streams)
        if draft is not None:
            draft.shown = None  # from here on, only Slack knows
        done = streams and await self._stop(channel, ts, known, content, metadata)
        if draft is not None:
            draft.streams = False
        try:
            if not done:
                await self._edit(channel, ts, content, metadata)
        except Refusal as error:
            if error.code not in _GONE:
                raise
            return False
        self._drafts.pop((channel, ts), None)
        return True

    async def _start(self, thread: ThreadRef, requester: Principal, shown: str) -> str | None:
        """Begin a stream; None where Slack refuses one."""
        channel = thread.channel.channel
        try:
            answer = await written(
                self._client.chat_startStream(
                    channel=channel,
                    thread_ts=thread.root,
                    # Slack demands both in channels.
                    recipient_user_id=requester.user,
                    recipient_team_id=requester.workspace,
                    markdown_text=shown or None,
                )
            )
        except Refusal as error:
            self._learn(channel, error)
            return None
        return str(answer["ts"])

    async def _post(self, thread: ThreadRef, shown: str) -> str:
        content = Content(shown or "…")
        answer = await written(
            self._client.chat_postMessage(
                channel=thread.channel.channel,
                text=render.plain(content.text),
                blocks=render.blocks(content),
                thread_ts=thread.root or None,
                unfurl_links=False,
                unfurl_media=False,
                link_names=False,
                mrkdwn=False,
                parse="none",
            )
        )
        return str(answer["ts"])

    async def _append(self, channel: str, ts: str, draft: _Draft, shown: str) -> None:
        added = shown[len(draft.shown or "") :]
        try:
            await written(
                self._client.chat_appendStream(channel=channel, ts=ts, markdown_text=added)
            )
        except Refusal as error:
            # Slack ends a stream after some minutes: go on by edits. Else wait for the answer.
            if error.code == _STREAM_OVER:
                draft.streams = False
            else:
                draft.shown = None
            raise

    async def _stop(
        self,
        channel: str,
        ts: str,
        shown: str | None,
        content: Content,
        metadata: dict[str, object],
    ) -> bool:
        """Stop the stream; True where that made it the answer, so that no edit is needed."""
        answer = render.markdown(content.text)
        completes = shown is not None and answer.startswith(shown)
        try:
            if not completes:
                await written(self._client.chat_stopStream(channel=channel, ts=ts))
                return False
            await written(
                self._client.chat_stopStream(
                    channel=channel,
                    ts=ts,
                    markdown_text=answer[len(shown or "") :] or None,
                    blocks=render.buttons(content.buttons) or None,
                    metadata=metadata,
                    session_status="active",
                )
            )
        except Refusal as error:
            log.info("slack.stream_over", extra={"channel": channel, "why": error.code})
            if completes and error.code != _STREAM_OVER:
                return await self._stop(channel, ts, None, content, metadata)
            return False  # it is no stream, or no longer: the edit says whether it is a message
        return True

    async def _edit(
        self, channel: str, ts: str, content: Content, metadata: dict[str, object] | None = None
    ) -> None:
        await written(
            self._client.chat_update(
                channel=channel,
                ts=ts,
                text=render.plain(content.text),
                blocks=render.blocks(content),
                link_names=False,
                parse="none",
                metadata=metadata,
            )
        )

    def _may_grow(self, channel: str, draft: _Draft, now: float) -> bool:
        if draft.streams:
            return now - draft.at >= APPEND_PAUSE
        return now - max(draft.at, self._edited.get(channel, 0.0)) >= EDIT_PAUSE

    def _without_streams(self, channel: str) -> bool:
        return self._streams_nowhere or channel in self._no_streams_in

    def _learn(self, channel: str, error: Refusal) -> None:
        """Remember where Slack takes no streams, and say so once."""
        log.info("slack.no_stream", extra={"channel": channel, "why": str(error)})
        if error.code in _NOWHERE:
            self._streams_nowhere = True
        elif error.code in _NOT_THERE:
            self._no_streams_in[channel] = None
            _bound(self._no_streams_in)

    def _remember(self, channel: str, ts: str, draft: _Draft) -> None:
        self._drafts[channel, ts] = draft
        _bound(self._drafts)

    def _remember_edit(self, channel: str, now: float) -> None:
        self._edited[channel] = now
        self._edited.move_to_end(channel)
        _bound(self._edited)


def _bound(places: OrderedDict[K, V]) -> None:
    while len(places) > _REMEMBERED:
        places.popitem(last=False)
