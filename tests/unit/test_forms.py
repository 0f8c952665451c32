"""Which commands and buttons are answered with a form, and what every platform can show of it."""

import pytest

from gateway.commands.forms import VERB_ALIASES, form_of
from runtime.forms import FORMS, REMINDER_SNOOZE, form_for
from runtime.ids import MessageId
from runtime.model.events import ButtonPress, Command
from runtime.model.forms import FormSpec
from tests.support.build import form_named

SLACKS_TITLE = 24
DISCORDS_LABEL = 45
DISCORDS_PLACEHOLDER = 100
DISCORDS_FIELDS = 5
SLACKS_TEXT = 3_000


@pytest.mark.parametrize(
    "text",
    [
        "schedule create",
        "/schedule create",
        "!schedule  Create ",
        "/nightdesk schedule create",
        *(f"schedule {word}" for word, verb in VERB_ALIASES.items() if verb == "create"),
    ],
)
def test_a_schedule_without_its_words_is_asked_for_with_a_form(text: str) -> None:
    form = form_for(Command(text=text))
    assert form is not None
    assert form.action == "schedule.create"
    asked = form_of("schedule", "create")
    assert asked is not None
    options = {option.name for option in asked.options}
    assert {field.name for field in form.fields} == {"when", "instruction"} | options


@pytest.mark.parametrize("text", ["remind me", "/remind", "!remind me "])
def test_a_reminder_without_its_words_is_asked_for_with_a_form(text: str) -> None:
    form = form_for(Command(text=text))
    assert form is not None
    assert [field.name for field in form.fields] == ["when", "what"]


@pytest.mark.parametrize(
    "text",
    ["", "schedule", "schedule list", "schedule create every day at 9 greet", "create", "remind x"],
)
def test_a_command_that_says_what_it_wants_gets_no_form(text: str) -> None:
    assert form_for(Command(text=text)) is None


def test_a_press_gets_the_form_of_its_action() -> None:
    def pressed(action: str) -> FormSpec | None:
        return form_for(ButtonPress(action=action, value="7", message_id=MessageId("1")))

    assert pressed(REMINDER_SNOOZE) is form_named(REMINDER_SNOOZE)
    assert pressed("schedule.create") is None, "this form belongs to a command"
    assert pressed("strange") is None


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.action)
def test_every_platform_can_show_the_form(form: FormSpec) -> None:
    assert 0 < len(form.title) <= SLACKS_TITLE
    assert 0 < len(form.submit) <= SLACKS_TITLE
    assert 0 < len(form.fields) <= DISCORDS_FIELDS
    assert len({field.name for field in form.fields}) == len(form.fields)
    for field in form.fields:
        assert 0 < len(field.label) <= DISCORDS_LABEL
        assert len(field.placeholder) <= DISCORDS_PLACEHOLDER
        assert 0 < field.longest <= SLACKS_TEXT
