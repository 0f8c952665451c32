"""Application commands: the one grammar, as Discord lets people fill it in.

A noun is a command, its verbs are sub-commands, its arguments and options are options. What comes
back is put together to the same line of text that a person would have typed, so that there is one
parser, one help and one kind of usage error for all platforms.

Discord's rules: https://discord.com/developers/docs/interactions/application-commands.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, Protocol, cast

from adapters.discord import wire
from runtime.errors import Malformed
from runtime.text import clipped

MOST_COMMANDS = 100
MOST_CHOICES = 25
LONGEST_DESCRIPTION = 100
LONGEST_CHOICE = 100

Json = Mapping[str, object]

_SUBCOMMAND: Final = 1
_STRING: Final = 3
_INTEGER: Final = 4
_CHANNEL: Final = 7
_CHAT_INPUT: Final = 1
_TEXT_CHANNELS: Final = (0, 5)
"""Text channels and announcement channels: where a message can be posted."""
_IN_SERVERS_AND_DIRECT: Final = (0, 1)
_INSTALLED_IN_SERVERS: Final = (0,)
_LARGEST: Final = 999_999_999

_PART = re.compile(r"<(?P<needed>[^<>]+)>|\[(?P<free>[^\[\]]+)\]|(?P<word>[^\s<>\[\]]+)")
_NAME = re.compile(r"[^a-z0-9_-]+")
_PHRASES: Final = frozenset({"whose", "which"})
"""Arguments that may be several words, such as `agent desk`, and are typed without quotes."""
_LOOKED_UP: Final = frozenset({"number", "tz", "person", "role"})
"""Arguments for which there is something to choose from."""


class NamedOption(Protocol):
    """`--name value`, as `gateway.commands.forms.Option` has it."""

    @property
    def name(self) -> str:
        """Without its dashes."""
        ...

    @property
    def value(self) -> str:
        """What the value is."""
        ...

    @property
    def about(self) -> str:
        """What it does."""
        ...


class CommandForm(Protocol):
    """One way to write a command, as `gateway.commands.forms.Form` has it."""

    @property
    def noun(self) -> str:
        """The first word."""
        ...

    @property
    def verb(self) -> str:
        """The second word, or empty."""
        ...

    @property
    def arguments(self) -> str:
        """What follows: `<required>`, `[optional]` and plain words."""
        ...

    @property
    def most(self) -> int:
        """How many arguments there may be."""
        ...

    @property
    def tail(self) -> bool:
        """Everything behind the verb is one text."""
        ...

    @property
    def options(self) -> Sequence[NamedOption]:
        """The named arguments."""
        ...

    @property
    def about(self) -> str:
        """What it does, a sentence."""
        ...

    @property
    def example(self) -> str:
        """A whole command that works, or empty."""
        ...


class ApplicationCommands:
    """The commands of the grammar, in Discord's form and back."""

    def __init__(
        self, forms: Sequence[CommandForm], *, opens_form: Callable[[str], bool] = lambda _: False
    ) -> None:
        """Take the table of commands.

        Args:
            forms: the table.
            opens_form: whether a command without its arguments is answered with a form to fill
                in; none of its arguments is required then.
        """
        self._forms = tuple(forms)
        self._opens_form = opens_form

    def wanted(self) -> list[Json]:
        """The commands as Discord is to have them, at most 100."""
        made = [self._command(noun, list(forms)) for noun, forms in groupby(self._forms, _noun)]
        return made[:MOST_COMMANDS]

    def text(self, data: wire.InteractionData) -> str:
        """The line that a person would have typed: `schedule show 3`.

        Raises:
            Malformed: it is no command of text.
        """
        noun, verb, given = _taken_apart(data)
        form = next((f for f in self._forms if (f.noun, f.verb) == (noun, verb)), None)
        values = {option.name or "": _value(option) for option in given}
        if form is None:  # an older version of the commands is still out there: say what is there
            return " ".join([noun, verb, *values.values()]).strip()
        words = [noun, verb, *_arguments(form, values), *_options(form, values)]
        return " ".join(word for word in words if word)

    def wants(self, data: wire.InteractionData) -> tuple[str, str, str]:
        """The command, the argument that is being typed, and what of it is there.

        Raises:
            Malformed: nothing is being typed.
        """
        noun, verb, given = _taken_apart(data)
        focused = next((option for option in given if option.focused), None)
        if focused is None or not focused.name:
            raise Malformed("nothing is being typed")
        return f"{noun} {verb}".strip(), focused.name, _value(focused)

    def _command(self, noun: str, forms: Sequence[CommandForm]) -> Json:
        first = forms[0]
        if first.verb:
            about = f"{', '.join(form.verb for form in forms)}"
            options = [self._subcommand(form) for form in forms]
        else:
            about, options = first.about, self._arguments(first)
        return {
            "type": _CHAT_INPUT,
            "name": noun,
            "description": _short(about),
            "options": options,
            "contexts": list(_IN_SERVERS_AND_DIRECT),
            "integration_types": list(_INSTALLED_IN_SERVERS),
        }

    def _subcommand(self, form: CommandForm) -> Json:
        return {
            "type": _SUBCOMMAND,
            "name": form.verb,
            "description": _short(form.about),
            "options": self._arguments(form),
        }

    def _arguments(self, form: CommandForm) -> list[Json]:
        asked_for = self._opens_form(f"{form.noun} {form.verb}".strip())
        arguments = [
            _argument(name, form, required=needed and not asked_for)
            for name, needed in _names(form)
        ]
        return [*arguments, *map(_named, form.options)]


def same(wanted: Sequence[Json], there: Sequence[Json]) -> bool:
    """Whether Discord has the commands already, whatever else it tells of them."""
    return _plain(wanted) == _plain(there)


def choices(found: Sequence[tuple[str, str | int]]) -> str:
    """The answer to somebody who is typing: what there is to choose from, name and value."""
    shown = [{"name": name[:LONGEST_CHOICE], "value": value} for name, value in found if name]
    return json.dumps({"type": 8, "data": {"choices": shown[:MOST_CHOICES]}})


def _noun(form: CommandForm) -> str:
    return form.noun


def _taken_apart(data: wire.InteractionData) -> tuple[str, str, list[wire.Given]]:
    """The noun, the verb or nothing, and the arguments."""
    if not data.name or data.type not in {None, _CHAT_INPUT}:
        raise Malformed("it is no command of text")
    options = data.options or []
    if len(options) == 1 and options[0].type == _SUBCOMMAND:
        return data.name, options[0].name or "", options[0].options or []
    return data.name, "", options


def _names(form: CommandForm) -> Iterator[tuple[str, bool]]:
    """The arguments of the usage line: how Discord may call them, and whether they are needed."""
    for part in _PART.finditer(form.arguments):
        if part["word"] is None:
            yield _discords(part["needed"] or part["free"]), part["needed"] is not None


def _arguments(form: CommandForm, values: Mapping[str, str]) -> Iterator[str]:
    """The arguments as they are typed, in the order and with the words of the usage line."""
    named = [name for name, _ in _names(form)]
    last = named[-1] if named else ""
    pending: list[str] = []
    parts = list(_PART.finditer(form.arguments))
    for place, part in enumerate(parts):
        if part["word"] is not None:
            pending.append(part["word"])
            continue
        name = _discords(part["needed"] or part["free"])
        value = values.get(name, "").strip()
        if not value:
            pending.clear()
            continue
        yield from pending
        pending.clear()
        as_it_is = name in _PHRASES or (name == last and (form.tail or form.most > len(named)))
        # A word of the usage line behind it ends it as well as quotes do.
        ended = place + 1 < len(parts) and parts[place + 1]["word"] is not None
        yield value if as_it_is or ended else _quoted(value)


def _options(form: CommandForm, values: Mapping[str, str]) -> Iterator[str]:
    for option in form.options:
        value = values.get(option.name, "").strip()
        if value:
            shown = f"<#{value}>" if _is_channel(option) and value.isdecimal() else _quoted(value)
            yield f"--{option.name} {shown}"


def _quoted(text: str) -> str:
    """One word of the grammar."""
    if not re.search(r"[\s\"“”„«»'‘-]", text):  # noqa: RUF001 - these quotes are meant
        return text
    return '"' + re.sub(r'["“”]', "'", text) + '"'


def _value(given: wire.Given) -> str:
    value = given.value
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return "" if value is None else str(value).replace("\0", "\ufffd")


def _argument(name: str, form: CommandForm, *, required: bool) -> Json:
    number = name == "number"
    about = f"the number, as /{form.noun} list shows it" if form.verb else "the number"
    example = f"{name}, as in {form.example}" if form.example else name
    made: dict[str, object] = {
        "type": _INTEGER if number else _STRING,
        "name": name,
        "description": _short(about if number else example),
        "required": required,
    }
    if number:
        made |= {"min_value": 1, "max_value": _LARGEST}
    return made | ({"autocomplete": True} if name in _LOOKED_UP else {})


def _named(option: NamedOption) -> Json:
    made: dict[str, object] = {
        "type": _CHANNEL if _is_channel(option) else _STRING,
        "name": option.name,
        "description": _short(option.about),
        "required": False,
    }
    if _is_channel(option):
        made["channel_types"] = list(_TEXT_CHANNELS)
    return made | ({"autocomplete": True} if option.name in _LOOKED_UP else {})


def _is_channel(option: NamedOption) -> bool:
    return option.value.startswith("#")


def _discords(name: str) -> str:
    """An argument's name as Discord takes it: small letters, digits and dashes, 32 at the most."""
    return _NAME.sub("-", name.casefold()).strip("-")[:32] or "text"


def _short(text: str) -> str:
    return clipped(text, LONGEST_DESCRIPTION)


_COMPARED: Final[Mapping[str, object]] = {
    "type": _CHAT_INPUT,
    "name": "",
    "description": "",
    "required": False,
    "autocomplete": False,
    "min_value": None,
    "max_value": None,
    "channel_types": None,
    "contexts": None,
    "integration_types": None,
}
"""What is compared of a command or an option, and what it is where Discord leaves it out."""


def _plain(made: Sequence[Json]) -> list[object]:
    """The commands without what Discord adds, sorted by their names."""
    return sorted((_plain_one(one) for one in made), key=str)


def _plain_one(one: Json) -> object:
    compared = {key: _sorted(one.get(key) or other) for key, other in _COMPARED.items()}
    # The order of options is what a person sees, so it counts.
    options = cast("Sequence[Json]", one.get("options") or ())
    return [*compared.items(), [_plain_one(option) for option in options]]


def _sorted(value: object) -> object:
    return sorted(value) if isinstance(value, list) else value
