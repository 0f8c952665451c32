"""What goes out to a chat platform, in one vocabulary for all of them."""

from runtime.ids import ConversationId, MessageId, OutboxId
from runtime.model.address import Principal, ThreadRef
from runtime.model.files import OutFile
from runtime.model.value import value


@value()
class Button:
    """A button under a message.

    Attributes:
        label: what it says, at most 75 characters (Slack's limit for a button).
        action: which action it asks for.
        value: an opaque id, at most 40 characters so that it fits Telegram's 64 bytes.
    """

    label: str
    action: str
    value: str


@value()
class Content:
    """What a message shows.

    Attributes:
        text: CommonMark. It may come from a model: each platform renders it without pings,
            previews or images.
        buttons: under the text, in order.
        files: sent with the text, in order; an image is shown where the platform shows images.
        ours: the words are our own, so commands in them are written as the platform takes them.
            Until it is a row of the outbox: there they are.
    """

    text: str
    buttons: tuple[Button, ...] = ()
    files: tuple[OutFile, ...] = ()
    ours: bool = False


@value(kw_only=True)
class Reply:
    """An answer where a person wrote: always allowed.

    Attributes:
        id: the same for the same answer, however often it is made.
        thread: where the person wrote.
        content: what it says.
        only_for: show it to this person only, where the platform can; None for everybody there.
        reply_url: the platform's own address for this answer, or empty. A secret.
        draft: a message that already shows a part of the answer and becomes it.
    """

    id: OutboxId
    thread: ThreadRef
    content: Content
    only_for: Principal | None = None
    reply_url: str = ""
    draft: MessageId | None = None


@value(kw_only=True)
class Proactive:
    """A message that nobody asked for just now: it passes `runtime.egress` before the outbox.

    Attributes:
        id: the same for the same message, however often it is made.
        thread: the channel to post to (its root empty), or a thread of it.
        content: what it says.
        binds: the conversation that the thread under the sent message belongs to.
    """

    id: OutboxId
    thread: ThreadRef
    content: Content
    binds: ConversationId | None = None


@value()
class Cleared:
    """A proactive message that may go out. Only `runtime.egress` builds one.

    Attributes:
        message: the message.
        listed: the allow-list let it through, and is asked again when it is sent. False for a
            notice to an owner's own direct conversation, which is on no list.
    """

    message: Proactive
    listed: bool = True
