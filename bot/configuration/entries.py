"""The shape of `nightdesk.toml`: one model for each of its tables, each field with its own refusal.

A field's refusal is a `ValueError` whose message says what would be right. What needs more than
one entry to judge (a name that must exist, an id that came before) is judged in `team`.
"""

import re
from typing import Annotated, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from bot.configuration import discord, ids, telegram, zone
from bot.configuration.problems import did_you_mean, listed
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal
from runtime.model.team import Listen, MemberRole, Sharing
from runtime.model.value import value

MODEL_EXAMPLE = '"openai/gpt-4.1-mini" or "ollama_chat/llama3.2"'

_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
_MODEL = re.compile(r"[A-Za-z0-9_.-]+(/[^\s/]+)+")
_LISTEN = {"all": Listen.ALL, "mentions": Listen.MENTIONS, "off": Listen.OFF}


@value()
class Around:
    """What a field's reader knows of the rest of the file.

    Attributes:
        slack_workspace: Slack's workspace, where it is given.
        currency: the team's currency.
    """

    slack_workspace: str
    currency: str = "USD"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("write a text in quotes")
    if not value.strip():
        raise ValueError("it is empty: write a text, or leave the key out")
    return value.strip()


def _id_on(platform: Platform | None, value: object) -> str:
    """An id in quotes, or the number that it is on Telegram."""
    number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if number and platform == telegram.TELEGRAM else _text(value)


def _id(value: object, info: ValidationInfo) -> str:
    return _id_on(info.data.get("platform"), value)


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("write true or false, without quotes")
    return value


def _zone(value: str) -> str:
    if (refusal := zone.refusal(value)) is not None:
        raise ValueError(refusal)
    return value


def short_name(value: str) -> str:
    """A name that the team gives to an agent or a model.

    Raises:
        ValueError: it has characters that a name may not have.
    """
    if not _NAME.fullmatch(value):
        raise ValueError('a name is lower-case letters, digits, "-" and "_", such as "desk"')
    return value


def _role(value: str) -> MemberRole:
    roles = [role.value for role in MemberRole]
    if value not in roles:
        raise ValueError(did_you_mean(value, roles, f"a role is {listed(roles)}"))
    return MemberRole(value)


def _platform(value: str) -> Platform:
    if value not in ids.PLATFORMS:
        raise ValueError(did_you_mean(value, ids.PLATFORMS, f"it is {listed(ids.PLATFORMS)}"))
    return Platform(value)


def _listen(value: object) -> Listen:
    if isinstance(value, bool):
        return Listen.MENTIONS if value else Listen.OFF
    if not isinstance(value, str) or value not in _LISTEN:
        raise ValueError(
            "write true (mentions of the bot, and replies in its threads), false, "
            '"all", "mentions" or "off"'
        )
    return _LISTEN[value]


def _sharing(value: object) -> Sharing:
    words = [each.value for each in Sharing]
    if value not in words:
        there_are = f"it is {listed(words)}"
        raise ValueError(
            did_you_mean(value, words, there_are) if isinstance(value, str) else there_are
        )
    return Sharing(value)


def _agents(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError('write a list of agents in quotes: ["research"]')
    return tuple(dict.fromkeys(name.strip() for name in value))


def _heard(value: Listen, info: ValidationInfo) -> Listen:
    platform: Platform | None = info.data.get("platform")
    if platform in ids.ONE_WAY and value is not Listen.OFF:
        raise ValueError(f"nobody writes to us from {platform}: leave it out")
    return value


def is_model(text: str) -> bool:
    """Whether it is written as provider/model."""
    return _MODEL.fullmatch(text) is not None


def model_key(name: str) -> str:
    """The environment variable for the key of the model of that name."""
    return f"NIGHTDESK_MODELS__{name.replace('-', '_').upper()}__API_KEY"


def is_url(text: str) -> bool:
    """Whether it can be taken apart as a URL, its port included."""
    try:
        urlsplit(text).port  # noqa: B018 - reading it is the check
    except ValueError:
        return False
    return True


def web_address(value: str) -> str:
    """An http address, without its last slash.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(value if is_url(value) else "")
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError(
            'write a web address such as "https://example.com/api" or "http://127.0.0.1:11434", '
            "without a password"
        )
    return value.rstrip("/")


def _slack_people(value: object, info: ValidationInfo) -> tuple[Principal, ...]:
    return _people(ids.SLACK, value, info)


def _telegram_people(value: object, info: ValidationInfo) -> tuple[Principal, ...]:
    return _people(telegram.TELEGRAM, value, info)


def _discord_people(value: object, info: ValidationInfo) -> tuple[Principal, ...]:
    return _people(discord.DISCORD, value, info)


def _guilds(value: object) -> tuple[str, ...]:
    said = value if isinstance(value, list) else [value]
    return tuple(discord.guild(_text(each)) for each in said)


def _terminal_people(value: object, info: ValidationInfo) -> tuple[Principal, ...]:
    return _people(ids.TERMINAL, value, info)


def _people(platform: Platform, value: object, info: ValidationInfo) -> tuple[Principal, ...]:
    """One id, or a list of them for a person with several accounts."""
    said = value if isinstance(value, list) else [value]
    workspace = cast("Around", info.context).slack_workspace
    return tuple(
        ids.principal(platform, _id_on(platform, each), slack_workspace_id=workspace)
        for each in said
    )


def _channel(value: str, info: ValidationInfo) -> ChannelRef:
    platform: Platform | None = info.data.get("platform")
    if platform is None:  # that is a problem of its own, and the entry is refused for it
        return ChannelRef(Platform(""), "", value)
    workspace = cast("Around", info.context).slack_workspace
    return ids.channel(platform, value, slack_workspace_id=workspace)


def number(value: object) -> float:
    """A number that is none in quotes.

    Raises:
        ValueError: it is no number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("write a number, without quotes")
    return float(value)


def seconds(value: float) -> float:
    """A time-out.

    Raises:
        ValueError: nobody waits so short, or so long.
    """
    if not 1 <= value <= _LONGEST_TIMEOUT:
        raise ValueError(f"write seconds from 1 to {_LONGEST_TIMEOUT}")
    return value


def tokens(value: float) -> int:
    """A context window.

    Raises:
        ValueError: nothing fits into it, or it is no whole number.
    """
    if value != int(value) or value < _LEAST_CONTEXT:
        raise ValueError(f"write a whole number of tokens, at least {_LEAST_CONTEXT}")
    return int(value)


_LONGEST_TIMEOUT = 3600
_LEAST_CONTEXT = 1024

Text = Annotated[str, BeforeValidator(_text)]
Name = Annotated[Text, AfterValidator(short_name)]
Switch = Annotated[bool, BeforeValidator(_yes_or_no)]


class Entry(BaseModel):
    """A table of the file. A key that it does not have is refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, protected_namespaces=()
    )


class TeamEntry(Entry):
    """`[team]`."""

    name: Text = "this team"
    timezone: Annotated[Text, AfterValidator(_zone)] = "UTC"


class SlackEntry(Entry):
    """`[slack]`."""

    workspace: Annotated[Text, AfterValidator(ids.slack_workspace)]


class DiscordEntry(Entry):
    """`[discord]`."""

    guilds: Annotated[tuple[str, ...], BeforeValidator(_guilds)] = ()
    gateway: Switch = True


class MemberEntry(Entry):
    """`[[members]]`."""

    name: Text
    role: Annotated[MemberRole, BeforeValidator(_role), BeforeValidator(_text)] = MemberRole.MEMBER
    slack: Annotated[tuple[Principal, ...], BeforeValidator(_slack_people)] = ()
    telegram: Annotated[tuple[Principal, ...], BeforeValidator(_telegram_people)] = ()
    discord: Annotated[tuple[Principal, ...], BeforeValidator(_discord_people)] = ()
    terminal: Annotated[tuple[Principal, ...], BeforeValidator(_terminal_people)] = ()
    timezone: Annotated[Text, AfterValidator(_zone)] | None = None
    bot: Switch = False


class ChannelEntry(Entry):
    """`[[channels]]`. The platform is read first: the form of the id depends on it."""

    platform: Annotated[Platform, AfterValidator(_platform), BeforeValidator(_text)]
    id: Annotated[ChannelRef, BeforeValidator(_channel), BeforeValidator(_id)]
    name: Text = ""
    listen: Annotated[Listen, AfterValidator(_heard), BeforeValidator(_listen)] = Listen.OFF
    proactive: Switch = False
    agent: Text = ""


class AgentEntry(Entry):
    """`[[agents]]`."""

    name: Name
    model: Text = "offline"
    instructions: Text = ""
    hands_to: Annotated[tuple[str, ...], BeforeValidator(_agents)] = ()
    shared_state: Annotated[Sharing, BeforeValidator(_sharing)] = Sharing.NONE
