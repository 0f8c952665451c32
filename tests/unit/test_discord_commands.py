"""Application commands: what Discord is given, and what it gives back as a line of text."""

import json
from typing import Any

import pytest

from adapters.discord.commands import ApplicationCommands, choices, same
from adapters.discord.wire import Given, InteractionData
from bot.platforms.discord import grammar
from bot.selftest.discord import rules
from gateway.commands.forms import FORMS
from gateway.commands.grammar import ParsedCommand, parse
from runtime.errors import Malformed
from tests.support import fake_discord, specs

PUT = "PUT /applications/{application_id}/commands"


def filled(noun: str, verb: str = "", **values: Any) -> InteractionData:
    given = [Given(name=name, value=value) for name, value in values.items()]
    if verb:
        given = [Given(name=verb, type=1, options=given)]
    return InteractionData(name=noun, type=1, options=given)


def test_discord_takes_the_commands() -> None:
    specs.required(fake_discord.SPEC)
    wanted = grammar().wanted()
    assert list(fake_discord.by_schema(PUT, {"commands": wanted})) == []
    assert list(rules.breaches(PUT, {"commands": wanted})) == []


def test_every_form_of_the_grammar_is_there() -> None:
    there = set()
    for made in grammar().wanted():
        options: Any = made["options"]
        verbs = [option["name"] for option in options if option["type"] == 1]
        there |= {(made["name"], verb) for verb in verbs or [""]}
    assert there == {(form.noun, form.verb) for form in FORMS}


def test_what_opens_a_form_requires_nothing() -> None:
    [schedule] = [made for made in grammar().wanted() if made["name"] == "schedule"]
    options: Any = schedule["options"]
    required = {option["name"]: [o["required"] for o in option["options"]] for option in options}
    assert required["create"] == [False] * 5
    assert required["show"] == [True]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (filled("status"), "status"),
        (filled("schedule", "list"), "schedule list"),
        (filled("schedule", "show", number=3), "schedule show 3"),
        (filled("schedule", "show", number=3.0), "schedule show 3"),
        (filled("resume", which="2"), "resume 2"),
        (filled("stop", which="agent desk"), "stop agent desk"),
        (
            filled("budget", "set", whose="agent desk", amount="2", per="day"),
            "budget set agent desk 2 day",
        ),
        (filled("budget", "raise", whose="team", amount="25%"), "budget raise team 25%"),
        (filled("cost", whose="schedule 3"), "cost schedule 3"),
        (filled("resume"), "resume"),
        (filled("help", command="schedule list"), "help schedule list"),
        (
            filled("remind", "me", when="in 2 hours", what="call Bob"),
            "remind me in 2 hours to call Bob",
        ),
        (
            filled("remind", "snooze", number=3, when="tomorrow at 9am"),
            "remind snooze 3 tomorrow at 9am",
        ),
        (filled("remind", "me"), "remind me"),
        (filled("schedule", "create"), "schedule create"),
        (
            filled(
                "schedule", "create", channel="200000000000000001", instruction="Do it", when="at 9"
            ),
            'schedule create "at 9" Do it --channel <#200000000000000001>',
        ),
        (
            filled("schedule", "create", when='at "9"', instruction="x", tz="Europe/Berlin"),
            "schedule create \"at '9'\" x --tz Europe/Berlin",
        ),
        # Of an older version, still registered: the answer is the grammar's usage error.
        (filled("schedule", "explode", number=3), "schedule explode 3"),
        (filled("juggle"), "juggle"),
    ],
)
def test_a_command_comes_back_as_a_line(data: InteractionData, text: str) -> None:
    assert grammar().text(data) == text


def test_the_line_means_to_the_grammar_what_was_filled_in() -> None:
    data = filled(
        "schedule",
        "create",
        when="every weekday at 8:30",
        instruction='Say "good morning" --loudly\nto all',
        channel="200000000000000001",
        tz="America/New York",
    )
    command = parse(grammar().text(data))
    assert isinstance(command, ParsedCommand)
    assert (command.noun, command.verb) == ("schedule", "create")
    assert command.options == {"channel": "<#200000000000000001>", "tz": "America/New York"}
    assert command.tail == ('"every weekday at 8:30" Say "good morning" --loudly\nto all')


def test_what_is_no_command_of_text_is_malformed() -> None:
    for data in (InteractionData(), InteractionData(name="x", type=2)):
        with pytest.raises(Malformed):
            grammar().text(data)
    with pytest.raises(Malformed):
        grammar().wants(filled("schedule", "show", number=3))


def test_what_discord_adds_makes_no_difference_and_what_people_see_does() -> None:
    wanted = ApplicationCommands(FORMS).wanted()
    there: list[dict[str, Any]] = [
        {
            **{key: value for key, value in made.items() if value != []},
            "id": "1",
            "version": "7",
            "nsfw": False,
            "dm_permission": True,
            "name_localizations": None,
        }
        for made in reversed(wanted)
    ]
    assert same(wanted, there)
    assert same([], [])
    assert not same(wanted, there[1:])
    for key, value in (("description", "other"), ("contexts", [0]), ("options", [])):
        changed = [{**there[-1], key: value}, *there[:-1]]
        assert not same(wanted, changed), key


def test_choices_are_as_many_and_as_long_as_discord_takes() -> None:
    specs.required(fake_discord.SPEC)
    made = json.loads(choices([("x" * 500, number) for number in range(99)]))
    assert len(made["data"]["choices"]) == 25
    assert {len(choice["name"]) for choice in made["data"]["choices"]} == {100}
    callback = "POST /interactions/{interaction_id}/{interaction_token}/callback"
    assert list(fake_discord.by_schema(callback, made)) == []
