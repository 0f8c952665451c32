"""The grammar of commands takes any text, and reads back what it is given."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gateway.commands.form import Form
from gateway.commands.forms import FORMS, NOUN_ALIASES, VERB_ALIASES, form_of, noun_of
from gateway.commands.grammar import (
    LONGEST,
    ParsedCommand,
    UsageError,
    cannot_wait,
    explain,
    looks_like_command,
    parse,
)
from gateway.commands.words import cut

WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=12)
PIECES = st.sampled_from(
    ["/", "!", "schedule", "create", "list", "help", "new", "resume", "stop", "--tz", "--channel=",
     "-", "—", '"', "“", "”", "'", "\u2019", "=", " ", "\n", "\t", "3", "every day at 9", "@bot", "nightdesk"]
)  # fmt: skip
CHATTER = st.lists(PIECES | WORDS, max_size=12).map("".join)


@given(CHATTER | st.text())
@example("/")
@example("//")
@example("! !")
@example("/schedule create --tz")
@example("/deny")
@example("/schedule create --tz --channel x")
@example('"')
@example("\u0000")
def test_any_text_is_a_command_or_a_usage_error_with_words(text: str) -> None:
    read = parse(text)
    looks_like_command(text)
    if isinstance(read, UsageError):
        assert read.problem
        assert explain(read)
    else:
        form = form_of(read.noun, read.verb)
        assert form is not None
        assert form.least <= len(read.args) <= form.most
        assert set(read.options) <= {option.name for option in form.options}
        assert bool(read.tail) is form.tail or not form.words


@given(CHATTER | st.text())
def test_the_words_of_a_text_are_all_of_it_but_the_space_between(text: str) -> None:
    words = cut(text)
    place = 0
    for word in words:
        assert text[place : word.start].strip() == ""
        assert word.start < word.end
        assert word.text in text[word.start : word.end].replace('"', "") or word.text in text
        place = word.end
    assert text[place:].strip() == ""


_MANY = 60
# A plain word: nothing that begins an option or a quote.
VALUES = st.from_regex(r"[A-Za-z0-9#:./_][A-Za-z0-9#:./_'-]{0,10}", fullmatch=True)
SENTENCES = st.lists(VALUES, min_size=1, max_size=6).map(" ".join)


@st.composite
def commands(draw: st.DrawFn) -> ParsedCommand:
    form: Form = draw(st.sampled_from(FORMS))
    names = draw(st.sets(st.sampled_from([o.name for o in form.options]))) if form.options else ()
    count = draw(st.integers(form.least, min(form.most, _MANY)))
    return ParsedCommand(
        noun=form.noun,
        verb=form.verb,
        args=tuple(draw(st.lists(VALUES | SENTENCES, min_size=count, max_size=count))),
        options={name: draw(VALUES | SENTENCES) for name in sorted(names)},
        tail=draw(SENTENCES.filter(lambda text: len(text.split()) >= form.words))
        if form.tail
        else "",
    )


def written(command: ParsedCommand, draw: st.DataObject) -> str:
    """The command as somebody may type it: other names, other quotes, options anywhere."""
    nouns = [command.noun, *(a for a, n in NOUN_ALIASES.items() if n == command.noun)]
    aliases = [a for a, v in VERB_ALIASES.items() if v == command.verb]
    own = form_of(command.noun, command.verb)
    verbs = [command.verb, *(a for a in aliases if form_of(command.noun, a) is own)]
    words = [draw.draw(st.sampled_from(nouns)), draw.draw(st.sampled_from(verbs))]
    words += [_quoted(arg, draw) for arg in command.args]
    options = [_option(name, value, draw) for name, value in command.options.items()]
    before = draw.draw(st.integers(0, len(options)))
    words += [*options[:before], command.tail, *options[before:]]
    sign = draw.draw(st.sampled_from(["/", "!", "", " /", "/nightdesk "]))
    return sign + " ".join(word for word in words if word)


def _option(name: str, value: str, draw: st.DataObject) -> str:
    dashes = draw.draw(st.sampled_from(["--", "—", "\u2013"]))
    between = draw.draw(st.sampled_from(["=", " "]))
    return f"{dashes}{name}{between}{_quoted(value, draw)}"


def _quoted(text: str, draw: st.DataObject) -> str:
    if " " not in text and draw.draw(st.booleans()):
        return text
    quotes = draw.draw(st.sampled_from(['""', "“”", "„“", "«»"]))
    return f"{quotes[0]}{text}{quotes[1]}"


@given(commands(), st.data())
def test_what_is_written_is_what_is_read(command: ParsedCommand, data: st.DataObject) -> None:
    # Of a stop the end of the sentence is taken off.
    assume(command.noun != "stop" or not "".join(command.args[-1:]).endswith("."))
    assert parse(written(command, data)) == command


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("!schedule list", True),
        ("/schedule list", True),
        ("schedule list", True),
        ("Schedules LS", True),
        ("schedule create every day at 9 look", True),
        ("schedule show", True),
        ("schedule a meeting for tomorrow", False),
        ("schedule", False),
        ("!schedule", True),
        ("!schedul list", True),
        ("!frobnicate", True),
        ("!important: read this first", False),
        ("/etc/hosts is broken", False),
        ("/ schedule list", False),
        ("/ stop", True),
        ("! stop everything", True),
        ("/\u00a0Stop!", True),
        ("STOP!!!", True),
        ("/ stop...", True),
        ("! stop 3", True),
        ("/ stopwatch", False),
        ("/ stops", False),
        ("/ resume everything", False),
        ("/status@nightdesk_bot", True),
        ("/start", True),
        ("stop", True),
        ("Stop!", True),
        ("stop the deployment", False),
        ("Stop everything.", True),
        ("STOP EVERYTHING NOW!!", True),
        ("stop, please", False),
        ("stop now", True),
        ("stop the build now", False),
        ("stop everything that is red", False),
        ("help", True),
        ("help schedule", True),
        ("help schedule create", True),
        ("help me with the build", False),
        ("help me", False),
        ("new", True),
        ("new ideas please", False),
        ("resume 2", True),
        ("resume the work", False),
        ("model", True),
        ("status", True),
        ("status of the build?", False),
        ("what is on the schedule list", False),
        ("", False),
        ("!", False),
        ("!!!", False),
        ("👍", False),
    ],
)
def test_a_message_is_a_command_only_where_it_cannot_be_a_sentence(text: str, is_one: bool) -> None:
    assert looks_like_command(text) is is_one


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("/stop everything!", ("everything",)),
        ("/ stop all, please !", ("all",)),
        ("/stop Everything right now.", ("Everything",)),
        ("/nightdesk stop agent desk immediately", ("agent", "desk")),
        ("/stop 3 now", ("3",)),
        ("/stop please", ()),
    ],
)
def test_who_insists_on_a_stop_is_understood(text: str, args: tuple[str, ...]) -> None:
    assert parse(text) == ParsedCommand(noun="stop", args=args)
    assert cannot_wait(text)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("/schedul list", "/schedule list"),
        ("/schedule lst", "/schedule list"),
        ("/schedule pasue 3", "/schedule pause <number>"),
        ("/create every day at 9 look", "/schedule create <when> <instruction>"),
        ("/list schedule", "/schedule list"),
        ("/pause 3", "/schedule pause <number>"),
        ("/schedule show", "/schedule show <number>"),
        ("/schedule show 1 2", "/schedule show <number>"),
        ("/schedule list --tz UTC", "/schedule list"),
        ("/schedule create --tz UTC", "/schedule create <when> <instruction>"),
        ("/schedule create --tz UTC --tz UTC x", "/schedule create <when> <instruction>"),
        ("/statsu", "/status"),
        ("/frobnicate", "/help [command]"),
        ("/schedule frobnicate", "/schedule create <when> <instruction>"),
        ("", "/help [command]"),
    ],
)
def test_a_usage_error_shows_the_nearest_right_form(text: str, nearest: str) -> None:
    read = parse(text)
    assert isinstance(read, UsageError)
    assert read.forms[0].usage.startswith(nearest)
    assert nearest in explain(read)


def test_a_command_that_is_too_long_is_refused_and_the_longest_is_read() -> None:
    start = "/schedule create "
    assert isinstance(parse(start + "x" * LONGEST), UsageError)
    assert isinstance(parse(start + "x" * (LONGEST - len(start) + 1)), ParsedCommand)


def test_every_alias_means_something_that_is_there() -> None:
    assert all(noun_of(alias) for alias in NOUN_ALIASES)
    assert all(form_of("schedule", alias) for alias in VERB_ALIASES)
    # A noun that has the very word means its own.
    assert all(form_of(form.noun, form.verb) is form for form in FORMS)
