"""The shapes of Slack's events that are no messages; as for `adapters.slack.wire`."""

import msgspec

from adapters.slack.wire import Authorization, Kind, Shape, decode, unreadable


class _Named(Shape, frozen=True):
    """A channel or a person where Slack sends more than the id."""

    id: str | None = None
    name: str | None = None


class AssistantThread(Shape, frozen=True):
    """A conversation that a person began from the app's own pane."""

    user_id: str | None = None
    channel_id: str | None = None


class Tokens(Shape, frozen=True):
    """Tokens that are no longer good, as users' ids."""

    bot: list[str] | None = None


class Happening(Shape, frozen=True):
    """An event that is no message."""

    type: str = ""
    user: str | _Named | None = None
    channel: str | _Named | None = None
    user_team: str | None = None
    thread_ts: str | None = None
    event_ts: str | None = None
    connected_team_id: str | None = None
    previously_connected_team_id: str | None = None
    old_channel_id: str | None = None
    new_channel_id: str | None = None
    tokens: Tokens | None = None
    assistant_thread: AssistantThread | None = None

    @property
    def user_id(self) -> str | None:
        """Who did it."""
        return self.user.id if isinstance(self.user, _Named) else self.user

    @property
    def channel_id(self) -> str | None:
        """Where."""
        return self.channel.id if isinstance(self.channel, _Named) else self.channel

    @property
    def channel_name(self) -> str | None:
        """What the channel is called, where that is said."""
        return self.channel.name if isinstance(self.channel, _Named) else None


class HappeningEnvelope(Shape, frozen=True):
    """A request of the Events API whose event is no message."""

    type: str
    team_id: str | None = None
    api_app_id: str | None = None
    event_id: str | None = None
    event_time: int | None = None
    authorizations: list[Authorization] | None = None
    event: Happening | None = None


class _OddEnvelope(Shape, frozen=True):
    """A request of the Events API whose event has fields of other types than any that we know."""

    type: str
    event: Kind
    team_id: str | None = None
    api_app_id: str | None = None
    event_id: str | None = None
    event_time: int | None = None
    authorizations: list[Authorization] | None = None


_HAPPENING = msgspec.json.Decoder(HappeningEnvelope)
_ODD = msgspec.json.Decoder(_OddEnvelope)


def happening(body: bytes) -> HappeningEnvelope:
    """Read a request of the Events API whose event is no message; the loose ends were refused.

    Of an event with fields of unexpected types only the kind is read.

    Raises:
        Malformed: it is none.
    """
    try:
        return _HAPPENING.decode(body)
    except msgspec.ValidationError:
        odd = decode(_ODD, body)
        return HappeningEnvelope(
            odd.type,
            odd.team_id,
            odd.api_app_id,
            odd.event_id,
            odd.event_time,
            odd.authorizations,
            Happening(f"{odd.event.type} of a strange shape"),
        )
    except (msgspec.DecodeError, RecursionError) as error:
        raise unreadable(error) from error
