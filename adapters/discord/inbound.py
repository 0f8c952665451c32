"""What an interaction or a message of Discord means. Pure."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Final, Literal

from adapters.discord import commands, quoted, wire
from adapters.discord.places import DIRECT, THREAD_TYPES, Place, Places, person
from runtime.errors import Malformed
from runtime.ids import MessageId
from runtime.model.address import ThreadRef
from runtime.model.events import (
    ButtonPress,
    Challenge,
    Command,
    FormSubmit,
    Ignored,
    Inbound,
    Message,
    Parsed,
    Wanted,
)
from runtime.model.forms import FormSpec
from runtime.model.wire import VerifiedRequest

BOT = "bot"
EMPTY = "empty"
SYSTEM = "system"
OTHER_GUILD = "other_guild"
UNKNOWN_KIND = "unknown_kind"

JSON: Final = "application/json"
EPHEMERAL: Final = 1 << 6
SUPPRESS_EMBEDS: Final = 1 << 2
NO_MENTIONS: Final = {"parse": [], "users": [], "replied_user": False}
PONG: Final = '{"type":1}'
LATER: Final = json.dumps(
    {"type": 5, "data": {"flags": EPHEMERAL, "allowed_mentions": NO_MENTIONS}},
    separators=(",", ":"),
)
"""The answer to a command comes later, and for the time being only its sender sees that."""
LATER_HERE: Final = '{"type":6}'
"""The same for a button, whose message stays as it is until then."""
NOT_HERE: Final = "This Nightdesk does not work in this place. It works in its own team's servers."

SEPARATOR: Final = ":"
"""Between the action of a button or a form and its value."""

Answers = Literal["answer", "under", "within"]
"""How an interaction is answered: by filling in the reply that was put off (`answer`), by a message
of its own (`under` a message that all see, `within` one that only its reader sees)."""

FormFor = Callable[[Command | ButtonPress], FormSpec | None]

_PING, _COMMAND, _COMPONENT, _TYPING, _FORM = 1, 2, 3, 4, 5
_BUTTON = 2
_TEXT_INPUT = 4
_LABEL = 18
_ROW = 1
_DEFAULT, _REPLY = 0, 19
_BOT_DIRECT = 1
_TOKEN = re.compile(r"[A-Za-z0-9_.=-]{1,1000}")


class DiscordInbound:
    """Reads interactions and messages.

    Raises of every method:
        Malformed: it is not of the shape that Discord gives it.
    """

    def __init__(
        self,
        places: Places,
        *,
        guilds: frozenset[str],
        grammar: commands.ApplicationCommands,
        form_for: FormFor = lambda _: None,
    ) -> None:
        """Read.

        Args:
            places: who we are, and which thread is in which channel.
            guilds: the servers whose people are heard; all others are not.
            grammar: turns a command back into its line of text.
            form_for: the form that a command or a press is answered with.
        """
        self._places = places
        self._guilds = guilds
        self._grammar = grammar
        self._form_for = form_for

    def parse_interaction(self, request: VerifiedRequest) -> Parsed:
        """A request to `/discord/interactions`."""
        return self.interaction(request.body)

    def interaction(self, body: bytes) -> Parsed:
        """An interaction, from wherever it came."""
        came = wire.interaction(body)
        if came.type == _PING:
            return Challenge(answer=PONG, media_type=JSON)
        if not self._is_ours(came):
            return _not_here(came)
        match came.type:
            case 2:
                return self._command(came)
            case 3:
                return self._press(came)
            case 4:
                return self._typing(came)
            case 5:
                return _submitted(came, self._places)
            case _:
                return Ignored(reason=UNKNOWN_KIND)

    def message(self, said: wire.Message, place: Place) -> Parsed:
        """A message, said in that place."""
        reason = self._why_ignored(said)
        if reason:
            return Ignored(reason=reason)
        message = wire.snowflake(said.id, "id")
        text, mentioned = self._text(said)
        files = tuple(quoted.files(said))
        others = tuple(quoted.texts(said))
        if not (text or files or others or mentioned):
            # Without the intent for contents, this is what most messages look like.
            return Ignored(reason=EMPTY)
        root = "" if place.direct else self._answers_ours(said) or message
        return Inbound(
            event_key=f"message:{message}",
            thread=place.ref(root),
            sender=person(wire.snowflake((said.author or wire.User()).id, "author")),
            body=Message(
                text=text,
                message_id=MessageId(message),
                direct=place.direct,
                mentioned=mentioned,
                quoted=others,
                files=files,
            ),
            sent_at=wire.moment(message),
        )

    # ------------------------------------------------------------------------------ messages

    def _why_ignored(self, said: wire.Message) -> str:
        author = said.author or wire.User()
        if author.bot or author.system or said.webhook_id or author.id == self._places.user_id:
            return BOT
        if said.guild_id and said.guild_id not in self._guilds:
            return OTHER_GUILD
        return "" if said.type in {None, _DEFAULT, _REPLY} else SYSTEM

    def _text(self, said: wire.Message) -> tuple[str, bool]:
        """What was typed without the mention of the bot, and whether it was mentioned."""
        user, text = self._places.user_id, said.content or ""
        marks = [f"<@{user}>", f"<@!{user}>"] if user else []
        marks += [f"<@&{role}>" for role in self._places.own_roles]
        named = user in {each.id for each in said.mentions or ()} if user else False
        named |= bool(self._places.own_roles.intersection(said.mention_roles or ()))
        for mark in marks:
            named |= mark in text
            text = text.replace(mark, " ")
        return quoted.readable(text), named

    def _answers_ours(self, said: wire.Message) -> str:
        """The message of ours, or the one that it answered, where this one answers it.

        So a person who replies to a briefing goes on with it, and a conversation in a channel
        where no thread can be opened hangs together.
        """
        answered = said.referenced_message
        if answered is None or answered.id is None or not wire.is_snowflake(answered.id):
            return ""
        if not self._places.user_id or (answered.author or wire.User()).id != self._places.user_id:
            return ""
        before = (answered.message_reference or wire.Reference()).message_id
        return before if before and wire.is_snowflake(before) else answered.id

    # -------------------------------------------------------------------------- interactions

    def _is_ours(self, came: wire.Interaction) -> bool:
        """Whether it comes from a place of the team, and from an app that was installed there.

        A person can install an app for themselves and call it in any server.
        """
        if self._places.application_id and came.application_id not in {
            None,
            self._places.application_id,
        }:
            return False
        owners = came.authorizing_integration_owners
        if came.guild_id:
            return came.guild_id in self._guilds and (owners is None or "0" in owners)
        return came.context in {None, _BOT_DIRECT}

    def _command(self, came: wire.Interaction) -> Parsed:
        text = self._grammar.text(came.data or wire.InteractionData())
        reply = _reply_url(came, "answer")
        body = Command(text=text, direct=not came.guild_id, reply_url=reply)
        form = self._form_for(body)
        if form is not None:
            return Challenge(answer=modal(form, ""), media_type=JSON)
        return _inbound(came, _place(came, self._places).ref(), body, LATER)

    def _press(self, came: wire.Interaction) -> Parsed:
        data = came.data or wire.InteractionData()
        if data.component_type != _BUTTON or not data.custom_id:
            return Ignored(reason=UNKNOWN_KIND)
        on = came.message or wire.Pressed()
        message = wire.snowflake(on.id, "message")
        private = bool((on.flags or 0) & EPHEMERAL)
        action, _, value = data.custom_id.partition(SEPARATOR)
        body = ButtonPress(
            action=action,
            value=value,
            message_id=MessageId(message),
            reply_url=_reply_url(came, "within" if private else "under"),
        )
        form = self._form_for(body)
        if form is not None:
            return Challenge(answer=modal(form, value), media_type=JSON)
        place = _place(came, self._places)
        # A private message is in nobody's history, so nothing can hang from it.
        root = "" if private or place.direct else message
        return _inbound(came, place.ref(root), body, LATER_HERE)

    def _typing(self, came: wire.Interaction) -> Parsed:
        command, argument, typed = self._grammar.wants(came.data or wire.InteractionData())
        wanted = Wanted(
            sender=person(_who(came)), command=command, argument=argument, typed=typed[:100]
        )
        return Challenge(answer=commands.choices([]), media_type=JSON, wants=wanted)


def modal(form: FormSpec, value: str) -> str:
    """The form as the answer to an interaction; only an answer at once can be one."""
    fields = [
        {
            "type": _LABEL,
            "label": field.label[:45],
            "component": {
                "type": _TEXT_INPUT,
                "custom_id": field.name,
                "style": 2 if field.multiline else 1,
                "required": field.required,
                "max_length": field.longest,
                **({"placeholder": field.placeholder[:100]} if field.placeholder else {}),
            },
        }
        for field in form.fields
    ]
    custom_id = f"{form.action}{SEPARATOR}{value}"
    return json.dumps(
        {
            "type": 9,
            "data": {"custom_id": custom_id, "title": form.title[:45], "components": fields},
        }
    )


def privately(text: str) -> str:
    """The text as the answer to an interaction, for its sender only."""
    flags = EPHEMERAL | SUPPRESS_EMBEDS
    data = {"content": text, "flags": flags, "allowed_mentions": NO_MENTIONS}
    return json.dumps({"type": 4, "data": data})


def _place(came: wire.Interaction, places: Places) -> Place:
    channel = came.channel or wire.Channel()
    here = wire.snowflake(channel.id or came.channel_id, "channel")
    parent = channel.parent_id if channel.type in THREAD_TYPES else None
    if channel.type is None:
        parent = places.parent(here)
    if parent:
        return Place(wire.snowflake(parent, "channel"), here)
    return Place(here, direct=channel.type == DIRECT or not came.guild_id)


def _not_here(came: wire.Interaction) -> Parsed:
    if came.type == _TYPING:
        return Challenge(answer=commands.choices([]), media_type=JSON)
    if came.type in {_COMMAND, _COMPONENT, _FORM}:
        return Challenge(answer=privately(NOT_HERE), media_type=JSON)
    return Ignored(reason=OTHER_GUILD)


def _submitted(came: wire.Interaction, places: Places) -> Parsed:
    data = came.data or wire.InteractionData()
    action, _, value = (data.custom_id or "").partition(SEPARATOR)
    if not action:
        raise Malformed("the form has no name")
    body = FormSubmit(
        action=action,
        value=value,
        answers=tuple(_filled(data.components or [])),
        reply_url=_reply_url(came, "answer"),
    )
    return _inbound(came, _place(came, places).ref(), body, LATER)


def _filled(components: list[wire.Component], depth: int = 0) -> Iterator[tuple[str, str]]:
    """The names of the fields and what was written there, however they are wrapped."""
    for part in components:
        if part.type == _TEXT_INPUT and part.custom_id:
            yield part.custom_id, (part.value or "").replace("\0", "\ufffd").strip()
        elif part.type in {_ROW, _LABEL} and depth == 0:
            inner = [part.component] if part.component else part.components or []
            yield from _filled(inner, depth + 1)


def _inbound(
    came: wire.Interaction,
    thread: ThreadRef,
    body: Command | ButtonPress | FormSubmit,
    acknowledgement: str,
) -> Inbound:
    interaction = wire.snowflake(came.id, "id")
    return Inbound(
        event_key=f"interaction:{interaction}",
        thread=thread,
        sender=person(_who(came)),
        body=body,
        sent_at=wire.moment(interaction),
        acknowledgement=acknowledgement,
    )


def _who(came: wire.Interaction) -> str:
    """Who did it: Discord tells a member in servers, and a user elsewhere."""
    user = (came.member.user if came.member else None) or came.user or wire.User()
    return wire.snowflake(user.id, "user")


def _reply_url(came: wire.Interaction, answers: Answers) -> str:
    """Where the answer goes, relative to the API: the token in it is a secret for 15 minutes."""
    if not came.token or not _TOKEN.fullmatch(came.token):
        raise Malformed("the interaction has no token")
    return f"{answers}/{wire.snowflake(came.application_id, 'application_id')}/{came.token}"
