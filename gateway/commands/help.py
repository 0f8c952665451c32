"""`/help`: made from the table of commands."""

from collections.abc import Mapping

from gateway.commands.form import Form
from gateway.commands.forms import FORMS, NOUNS, form_of, forms_of, noun_of
from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from runtime.errors import Refused
from runtime.ids import Platform
from runtime.ports import ChatPort

_IN_THREADS = (
    "In a thread, where slash commands do not reach, write `!schedule list`, or mention me and go "
    "on with `schedule list`. "
)
_MORE = (
    "`/help schedule` tells more of one command. Anything else you write to me goes to the agent."
)


class HelpCommand:
    """`/help`."""

    def __init__(self, chats: Mapping[Platform, ChatPort]) -> None:
        """Say how commands are written on each of the platforms."""
        self._chats = chats

    async def __call__(self, command: ParsedCommand, request: Request) -> Answer:
        """All commands, or those of one noun.

        Raises:
            Refused: there is no such command.
        """
        if command.args:
            return _of_noun(command)
        chat = self._chats.get(request.thread.platform)
        return Answer(_overview(_IN_THREADS if chat and chat.limits.command else ""))


def _of_noun(command: ParsedCommand) -> Answer:
    noun = noun_of(command.args[0].lstrip("/!"))
    if noun is None:
        raise Refused(
            f"There is no command “{command.args[0][:40]}”.",
            hint=f"There are: {', '.join(NOUNS)}.",
        )
    verb = command.args[1] if len(command.args) > 1 else ""
    form = form_of(noun, verb) if verb else None
    details = [_detail(each) for each in ((form,) if form else forms_of(noun))]
    lost = [f"“{noun}” has no “{verb[:40]}”. It has:"] if verb and form is None else []
    return Answer("\n\n".join([*lost, *details]))


def _overview(in_threads: str) -> str:
    lines = [f"- `{form.usage}` {form.about}" for form in FORMS]
    return "**Commands**\n" + "\n".join(lines) + f"\n\n{in_threads}{_MORE}"


def _detail(form: Form) -> str:
    lines = [f"`{form.usage}`", form.about]
    lines += [f"- `--{option.name} {option.value}`: {option.about}" for option in form.options]
    if form.example:
        lines.append(f"For example: `{form.example}`")
    return "\n".join(lines)
