"""Chat platforms, and what some of them can do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from runtime.ids import MessageId, Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.forms import FormSpec
from runtime.model.home import HomePage
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from runtime.model.probe import Finding
from runtime.model.step import Step
from runtime.model.value import value


@value(kw_only=True)
class ChatLimits:
    """What a platform can take.

    Attributes:
        per_channel: messages a second in one channel.
        overall: messages a second in all.
        burst: how many may go at once before `per_channel` holds.
        draft_after: seconds before an answer is shown while it grows: where each costs calls
            against the rate limit, a quick one is not worth it.
        draft_every: seconds between two updates of an answer that grows.
        may_repeat: the platform can never tell whether an ambiguous send arrived, and a message
            that is there twice is better there than one that is not: it is sent once more.
        command: the one slash command behind which all others are written, without its slash,
            where there is but one and it does not reach threads (Slack); else empty.
        images: a picture that is sent is shown, not only offered as a file.
    """

    per_channel: float
    overall: float
    burst: int = 1
    draft_after: float = 1.0
    draft_every: float = 1.0
    may_repeat: bool = False
    command: str = ""
    images: bool = False


class ChatPort(Protocol):
    """A chat platform, outbound. Nothing else may send there."""

    @property
    def platform(self) -> Platform:
        """Which platform."""
        ...

    @property
    def limits(self) -> ChatLimits:
        """How fast it may be sent to."""
        ...

    def split(self, content: Content) -> tuple[Content, ...]:
        """Cut the content into pieces that fit one message each; at least one, in order.

        Pure. Never cuts a code fence open, a grapheme or a link; buttons go under the last piece.
        """
        ...

    async def send(self, item: OutboxItem) -> MessageId:
        """Send one message; where it has a draft, the draft becomes it.

        The item's id is the idempotency key: it travels with the message where the platform
        has room for it.

        Raises:
            Retryable: it was not sent; try later, after `after` seconds where given.
            Permanent: it can never be sent.
            Ambiguous: it may have been sent.
        """
        ...

    async def find(self, item: OutboxItem) -> MessageId | None:
        """The message that an ambiguous send made, by its idempotency key, or None.

        Raises:
            Retryable: the platform could not be asked.
            Permanent: the platform cannot tell, and will never be able to. A message that only
                one person sees is then sent once more: twice is better than never for it.
        """
        ...

    async def direct(self, who: Principal) -> ThreadRef:
        """The direct conversation with that person, for notices to an owner.

        Raises:
            Retryable: the platform could not be asked.
            Permanent: there is none and none can be opened.
        """
        ...

    async def status(self, thread: ThreadRef, text: str) -> None:
        """Show that the agent works, or clear it with an empty text. Best effort, never raises."""
        ...

    async def begin_draft(
        self, thread: ThreadRef, *, requester: Principal, text: str
    ) -> MessageId | None:
        """Start a message that will grow; None where that cannot be done here or now."""
        ...

    async def grow_draft(self, thread: ThreadRef, draft: MessageId, text: str) -> None:
        """Show the answer so far. Best effort, never raises."""
        ...

    async def find_draft(self, thread: ThreadRef, *, since: datetime) -> MessageId | None:
        """The draft that was begun in the thread since then and has not become a message, or None.

        For a process that died between beginning one and remembering it: no other draft may grow
        in the thread meanwhile. Best effort, never raises.
        """
        ...

    async def probe(self, channel: ChannelRef | None = None) -> Sequence[Finding]:
        """Test the connection by a real round trip, for `nightdesk doctor` and `/channel test`.

        Every adapter has its own: it asks the platform who we are, and names each permission
        (scope), intent or admission that is missing. With a channel it looks at that channel too:
        whether we are in it, may post there, and whether others than the team can read it.
        Changes nothing and posts nothing. Never raises: what fails is a finding. Never empty.
        """
        ...


@runtime_checkable
class OpensForms(Protocol):
    """A chat platform that opens a form after a command or a press was acknowledged."""

    async def open_form(
        self, form: FormSpec, *, trigger: str, value: str, thread: ThreadRef, reply_url: str = ""
    ) -> None:
        """Show the form to whoever the trigger belongs to.

        What comes back is a `FormSubmit` of the same action, value and `reply_url`, said in
        `thread`.

        Raises:
            Retryable: it was perhaps not shown, and the trigger may be used up.
            Permanent: it cannot be shown; the trigger is too old, say.
        """
        ...


@runtime_checkable
class ShowsHome(Protocol):
    """A chat platform on which the app has a page of its own for each person."""

    async def show_home(self, page: HomePage, *, who: Principal, thread: ThreadRef) -> None:
        """Draw the person's page anew, and offer its prompts in their direct conversation.

        Args:
            page: what it shows.
            who: whose page it is.
            thread: the person's direct conversation.

        Raises:
            Retryable: the platform could not be asked.
            Permanent: it cannot be drawn.
        """
        ...


@runtime_checkable
class ShowsSteps(Protocol):
    """A chat platform that shows what an agent does on the way to its answer."""

    async def show_step(self, thread: ThreadRef, draft: MessageId, step: Step) -> None:
        """Show how far a step is, in the growing answer. Best effort, never raises."""
        ...
