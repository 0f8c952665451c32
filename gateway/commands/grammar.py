"""The grammar of commands. Pure: text in, a command or what is wrong with it out."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from gateway.commands.form import Form
from gateway.commands.forms import (
    FORMS,
    NOUN_ALIASES,
    NOUNS,
    SIGNED_ONLY,
    VERB_ALIASES,
    form_of,
    forms_of,
    noun_of,
)
from gateway.commands.words import Word, cut, option_in
from runtime.model.value import value
from runtime.near import nearest

LONGEST = 4_000
"""Characters of a command, its instruction included."""
# Whoever writes "STOP!!!" means it; and in groups Telegram adds the bot: /status@nightdesk_bot.
_FIRST_WORD = re.compile(r"(?P<word>[A-Za-z][A-Za-z-]*)(?:@\w+)?[.!?]*")
# Twelve characters in three groups, one of them at least a digit where the dashes are left out.
_LINK_CODE = re.compile(r"\w{4}-\w{4}-\w{4}|(?=\D*\d)[A-Za-z0-9]{12}")
# The same with nothing around it: the alphabet of codes, and not a number with dashes.
_BARE_CODE = re.compile(r"(?![2-9-]+\Z)[2-9A-Z]{4}(?:-[2-9A-Z]{4}){2}")
_OURSELVES = "nightdesk"
_EVERYTHING = ("everything", "all")
# What insists, and the words of a stop with them: "stop everything now, please!".
_INSISTS = frozenset({"", "immediately", "now", "please", "right"})
_WORDS_OF_A_STOP = 6
_REQUIRED = re.compile(r"<[^>]*>")
_NEAR = 0.7
_NOUNS = (*NOUNS, *NOUN_ALIASES)
_KNOWN = frozenset(_NOUNS)
_SIGNS = frozenset({"/", "!"})
_CODE_LENGTH = len("AAAA-2222-AAAA")


@value(kw_only=True)
class ParsedCommand:
    """A command that fits its form.

    Attributes:
        noun: the first word, its aliases resolved.
        verb: the second word, or empty.
        args: the arguments in order, without their quotes; for a form with a tail empty.
        options: the named arguments.
        tail: for a form with a tail, everything that is no option, as it was written.
    """

    noun: str
    verb: str = ""
    args: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    tail: str = ""


@value(kw_only=True)
class UsageError:
    """What is wrong with a command, and the nearest right form.

    Attributes:
        problem: what is wrong, a sentence.
        forms: the forms that were perhaps meant, the nearest first.
    """

    problem: str
    forms: tuple[Form, ...] = ()


def parse(text: str) -> ParsedCommand | UsageError:
    """Read a command, with the prefix `/` or `!` or without one. Never raises.

    A one-time code with nothing around it is the command that takes it.
    """
    if _BARE_CODE.fullmatch(text.strip()):
        return ParsedCommand(noun="link", args=(text.strip(),))
    _, body = _signed(text)
    if len(body) > LONGEST:
        return UsageError(problem=f"That is too long: a command has at most {LONGEST} characters.")
    words = cut(body)
    if not words:
        return UsageError(problem="No command was written.", forms=forms_of("help"))
    noun = noun_of(_plain_word(words[0].text))
    if noun is None:
        return _unknown_noun(words)
    return _parse_noun(noun, body, words[1:])


def looks_like_command(text: str) -> bool:
    """Whether a message to the bot is a command and not a sentence for the agent.

    With a prefix: its first word is a command, or nearly one, or all there is. Without one it must
    be exact, because people begin sentences with such words: a known noun and a known verb of it,
    or a noun that stands alone and does. So must be a one-time code, with nothing around it.
    """
    first = text.split(maxsplit=1)
    if not first or not _may_begin(first[0]):
        return False
    if _BARE_CODE.fullmatch(text.strip()):
        return True
    sign, body = _signed(text)
    words = body.split(maxsplit=3)
    if not words:
        return False
    word = _plain_word(words[0])
    noun = noun_of(word)
    if sign:
        return bool(word) and (noun is not None or len(words) == 1 or bool(_near(word, _NOUNS)))
    if noun is None or noun in SIGNED_ONLY:
        return False
    if form_of(noun, "") is None:
        bare = any(form.bare for form in forms_of(noun))
        return form_of(noun, words[1]) is not None if len(words) > 1 else bare
    return _stands_alone(noun, words[1:]) and isinstance(parse(text), ParsedCommand)


def cannot_wait(text: str) -> bool:
    """Whether the words are a command that is carried out before everything else: `stop`."""
    if "stop" not in text.casefold():
        return False
    command = parse(text)
    return isinstance(command, ParsedCommand) and command.noun == "stop"


def says_link_code(text: str) -> bool:
    """Whether the words are `link` with a code, which a stranger may say in a direct message."""
    command = parse(text)
    return (
        isinstance(command, ParsedCommand)
        and command.noun == "link"
        and _LINK_CODE.fullmatch("".join(command.args)) is not None
    )


def explain(error: UsageError) -> str:
    """A usage error in words: the problem, then the nearest right forms."""
    if not error.forms:
        return error.problem
    if len(error.forms) == 1:
        form = error.forms[0]
        example = f"\nFor example: `{form.example}`" if form.example else ""
        return f"{error.problem}\nWrite: `{form.usage}`{example}"
    lines = "\n".join(f"- `{form.usage}`" for form in error.forms)
    return f"{error.problem}\nYou can write:\n{lines}"


def _signed(text: str) -> tuple[str, str]:
    """The prefix, and the rest without our own name: `/nightdesk schedule list` is the same."""
    stripped = text.strip()
    sign, body = stripped[:1], stripped[1:].lstrip()
    spaced = len(body) < len(stripped) - 1
    # "/ schedule" is no command; but whoever writes "/ stop" must not be missed.
    if sign not in _SIGNS or (spaced and _plain_word(body.split(None, 1)[0]) != "stop"):
        return "", _without_insisting(stripped)
    name, _, rest = body.partition(" ")
    return sign, _without_insisting(rest.lstrip() if name.casefold() == _OURSELVES else body)


def _without_insisting(body: str) -> str:
    """`stop everything` of `stop everything now!`: who insists on a stop must not be missed."""
    words = body.split(maxsplit=_WORDS_OF_A_STOP)
    if not 1 < len(words) <= _WORDS_OF_A_STOP or _plain_word(words[0]) != "stop":
        return body
    while len(words) > 1:
        words[-1] = words[-1].rstrip(".,!?")
        if words[-1].casefold() not in _INSISTS:
            break
        words.pop()
    return " ".join(words)


def _stands_alone(noun: str, others: Sequence[str]) -> bool:
    """Whether words after a noun without verbs are its arguments and not the rest of a sentence."""
    match noun, others:
        case _, []:
            return True
        case "help", [other]:
            return noun_of(other.lstrip("/!")) is not None
        case "help", [other, verb]:
            return form_of(noun_of(other) or "", verb) is not None
        case "link", _:
            return _LINK_CODE.fullmatch("".join(others)) is not None
        case "resume", [word]:
            return word.isdecimal() or word.casefold() in _EVERYTHING
        case "stop", [word]:
            return word.casefold() in (*_EVERYTHING, "mine")
        case (("stop" | "resume"), [word, _]):
            return word.casefold() == "agent"
        case _:
            return False


def _may_begin(word: str) -> bool:
    """Whether a command may begin with the word. Asked of every message: most often it may not."""
    bare = word.partition("@")[0].rstrip(".!?")
    return bare.casefold() in _KNOWN or word[0] in _SIGNS or len(word) == _CODE_LENGTH


def _plain_word(word: str) -> str:
    """The word where it can be a command's first, else an empty string."""
    match = _FIRST_WORD.fullmatch(word)
    return match["word"].casefold() if match else ""


def _near(word: str, known: Iterable[str]) -> str | None:
    return nearest(word, known, cutoff=_NEAR)


def _unknown_noun(words: Sequence[Word]) -> UsageError:
    """A first word that is no noun: a near one, or a verb that lost its noun."""
    word = words[0].text
    problem = f"There is no command “{word[:40]}”."
    if near := _near(word, _NOUNS):
        noun = noun_of(near) or near
        second = words[1].text if len(words) > 1 else ""
        form = form_of(noun, second) or form_of(noun, "")
        return UsageError(problem=problem, forms=(form,) if form else forms_of(noun))
    verb = VERB_ALIASES.get(word.casefold(), word.casefold())
    forms = tuple(form for form in FORMS if form.verb and form.verb == verb)
    return UsageError(problem=problem, forms=forms or forms_of("help"))


def _parse_noun(noun: str, body: str, words: Sequence[Word]) -> ParsedCommand | UsageError:
    """What follows a known noun: a verb where the noun has verbs, then its arguments."""
    alone = form_of(noun, "")
    if alone is not None:
        return _parse_form(alone, body, words)
    bare = next((form for form in forms_of(noun) if form.bare), None)
    if not words and bare is not None:
        return _parse_form(bare, body, words)
    if not words:
        return UsageError(problem=f"“{noun}” alone is not enough.", forms=forms_of(noun))
    form = form_of(noun, words[0].text)
    if form is not None:
        return _parse_form(form, body, words[1:])
    verbs = [form.verb for form in forms_of(noun)]
    near = _near(words[0].text, [*verbs, *VERB_ALIASES])
    implied = next((form for form in forms_of(noun) if form.implied), None)
    if implied is not None and not near:
        return _parse_form(implied, body, words)
    meant = form_of(noun, near) if near else None
    return UsageError(
        problem=f"“{noun}” has no “{words[0].text[:40]}”.",
        forms=(meant,) if meant else forms_of(noun),
    )


def _lacking(form: Form, given: int) -> str:
    """What a command with so many words lacks that it must have, as the usage line names it."""
    needed = list(_REQUIRED.finditer(form.arguments))
    lacks = form.arguments[needed[min(given, len(needed) - 1)].start() : needed[-1].end()]
    return f"`{lacks}` is missing."


def _parse_form(form: Form, body: str, words: Sequence[Word]) -> ParsedCommand | UsageError:
    try:
        options, rest = _take_options(form, words)
    except _Wrong as wrong:
        return UsageError(problem=str(wrong), forms=(form,))
    if form.tail:
        tail = " ".join(_runs(body, rest))
        if len(rest) < form.words:
            return UsageError(problem=_lacking(form, len(rest)), forms=(form,))
        return ParsedCommand(noun=form.noun, verb=form.verb, options=options, tail=tail)
    if len(rest) < form.least:
        return UsageError(problem=_lacking(form, len(rest)), forms=(form,))
    if len(rest) > form.most:
        extra = rest[form.most].text
        return UsageError(problem=f"“{extra[:40]}” is too much.", forms=(form,))
    args = tuple(word.text for word in rest)
    return ParsedCommand(noun=form.noun, verb=form.verb, args=args, options=options)


class _Wrong(Exception):
    """An option that cannot be read."""


def _take_options(form: Form, words: Sequence[Word]) -> tuple[dict[str, str], list[Word]]:
    """The named arguments, and the words that are none."""
    options: dict[str, str] = {}
    rest: list[Word] = []
    waiting = ""
    for word in words:
        found = option_in(word)
        if waiting:
            if found:
                break
            options[waiting], waiting = word.text, ""
        elif found is None or (name := _option_name(found[0], form)) is None:
            rest.append(word)
        elif name in options:
            raise _Wrong(f"--{name} was written twice.")
        elif found[1]:
            options[name] = found[1]
        else:
            waiting = name
    if waiting:
        raise _Wrong(f"--{waiting} needs a value.")
    return options, rest


def _option_name(written: str, form: Form) -> str | None:
    """The option of the form that is meant; in an instruction a strange one is just text."""
    known = {name: option.name for option in form.options for name in (option.name, *option.also)}
    if written in known:
        return known[written]
    near = _near(written, known)
    if form.tail and not near:
        return None
    meant = f" Did you mean --{near}?" if near else ""
    raise _Wrong(f"There is no option --{written} here.{meant}")


def _runs(body: str, words: Sequence[Word]) -> Iterator[str]:
    """The text of the words as it was written, broken only where an option was taken out."""
    start: int | None = None
    end = 0
    for word in words:
        if start is not None and body[end : word.start].strip():
            yield body[start:end]
            start = None
        start = word.start if start is None else start
        end = word.end
    if start is not None:
        yield body[start:end]
