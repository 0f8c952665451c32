"""Forms as Slack's modal views, and what comes back of them.

The view carries, in a part that only we see, where the form was asked for.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from adapters.slack import wire
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import FormSubmit, Ignored, Inbound, Parsed
from runtime.model.forms import FormField, FormSpec

View = dict[str, object]

CLOSED: Final = '{"response_action":"clear"}'
"""What Slack is answered: close the form, whatever it lies on. What is wrong with it is said in
the thread, because judging it takes longer than Slack waits."""

_SLACK: Final = Platform("slack")
_LONGEST_PLACEHOLDER: Final = 150


class _Origin(msgspec.Struct, frozen=True):
    """Where a form was asked for.

    Attributes:
        w: the workspace.
        c: the channel.
        r: the root of the thread, or empty.
        v: the opaque id that the form was opened with.
        u: where the answer goes, while that is good, or empty. A secret.
    """

    w: str
    c: str
    r: str = ""
    v: str = ""
    u: str = ""


_DECODER = msgspec.json.Decoder(_Origin)


def view(form: FormSpec, *, value: str, thread: ThreadRef, reply_url: str) -> View:
    """The form as a modal."""
    place = thread.channel
    origin = _Origin(place.workspace, place.channel, thread.root, value, reply_url)
    return {
        "type": "modal",
        "callback_id": form.action,
        "title": _plain(form.title),
        "submit": _plain(form.submit),
        "close": _plain("Cancel"),
        "private_metadata": msgspec.json.encode(origin).decode(),
        "blocks": [_input(field) for field in form.fields],
    }


def submitted(sent: wire.Interaction, *, at: datetime) -> Parsed:
    """What came back; `Ignored` where the form is none of ours.

    Raises:
        Malformed: it does not say whose or which it is.
    """
    shown = sent.view or wire.View()
    origin = _origin(shown.private_metadata)
    if origin is None:
        return Ignored(reason="unknown_kind")
    user = sent.user or wire.User()
    team = wire.given((sent.team or wire.Team()).id or user.team_id, "team")
    who = wire.given(user.id, "user")
    return Inbound(
        event_key=wire.key("form", team, who, shown.id, shown.hash or "-"),
        thread=ThreadRef(ChannelRef(_SLACK, origin.w, origin.c), origin.r),
        sender=Principal(_SLACK, user.team_id or team, who),
        body=FormSubmit(
            action=wire.given(shown.callback_id, "callback_id"),
            value=origin.v,
            answers=tuple(_answers(shown)),
            reply_url=origin.u,
        ),
        sent_at=at,
        acknowledgement=CLOSED,
    )


def _origin(text: str | None) -> _Origin | None:
    try:
        return _DECODER.decode(text or "")
    except msgspec.DecodeError:
        return None


def _answers(shown: wire.View) -> Iterator[tuple[str, str]]:
    for name, elements in ((shown.state or wire.ViewState()).values or {}).items():
        for answer in elements.values():
            yield name, (answer.value or "").replace("\0", "\ufffd").strip()


def _input(field: FormField) -> View:
    element: View = {
        "type": "plain_text_input",
        "action_id": field.name,
        "multiline": field.multiline,
        "max_length": field.longest,
    }
    if field.placeholder:
        element["placeholder"] = _plain(field.placeholder[:_LONGEST_PLACEHOLDER])
    return {
        "type": "input",
        "block_id": field.name,
        "label": _plain(field.label),
        "optional": not field.required,
        "element": element,
    }


def _plain(text: str) -> View:
    return {"type": "plain_text", "text": text, "emoji": False}
