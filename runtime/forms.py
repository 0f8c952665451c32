"""The forms there are: which command or press is answered with one, and what it asks.

A command that says everything is carried out as it is; the same command without its words is
answered with a form where the platform has forms, and with its usage where it has none. What comes
back is a `FormSubmit` with the form's action. Showing a form changes nothing.
"""

from typing import Final

from runtime.model.events import ButtonPress, Command
from runtime.model.forms import FormField, FormSpec

SCHEDULE_CREATE: Final = "schedule.create"
REMINDER_CREATE: Final = "reminder.create"
REMINDER_SNOOZE: Final = "reminder.snooze_until"
APPROVAL_DENY: Final = "approval.deny"
APPROVAL_EDIT: Final = "approval.edit"

WHEN: Final = "when"
INSTRUCTION: Final = "instruction"
CHANNEL: Final = "channel"
ZONE: Final = "tz"
BUDGET: Final = "budget"
WHAT: Final = "what"
UNTIL: Final = "until"
REASON: Final = "reason"
CHANGES: Final = "changes"

_LONGEST_TIME: Final = 120
_LONGEST_NAME: Final = 100
_LONGEST_WORDS: Final = 3_000
_LONGEST_REASON: Final = 500

FORMS: Final = (
    FormSpec(
        action=SCHEDULE_CREATE,
        title="New schedule",
        fields=(
            FormField(
                name=WHEN,
                label="When",
                placeholder="every weekday at 8:30",
                longest=_LONGEST_TIME,
            ),
            FormField(
                name=INSTRUCTION,
                label="What the agent is to do then",
                placeholder="Write the morning briefing",
                multiline=True,
                longest=_LONGEST_WORDS,
            ),
            FormField(
                name=CHANNEL,
                label="Channel for the results",
                placeholder="#ops; left out, it is chosen for you",
                required=False,
                longest=_LONGEST_NAME,
            ),
            FormField(
                name=ZONE,
                label="Time zone",
                placeholder="Europe/Berlin; left out, the team's",
                required=False,
                longest=_LONGEST_NAME,
            ),
            FormField(
                name=BUDGET,
                label="What one run may cost",
                placeholder="0.50; left out, there is no limit of its own",
                required=False,
                longest=_LONGEST_NAME,
            ),
        ),
        submit="Create",
    ),
    FormSpec(
        action=REMINDER_CREATE,
        title="New reminder",
        fields=(
            FormField(
                name=WHEN, label="When", placeholder="tomorrow at 9am", longest=_LONGEST_TIME
            ),
            FormField(
                name=WHAT,
                label="What I am to remind you of",
                placeholder="call the bank",
                multiline=True,
                longest=_LONGEST_WORDS,
            ),
        ),
        submit="Remind me",
    ),
    FormSpec(
        action=REMINDER_SNOOZE,
        title="Remind me again",
        fields=(
            FormField(name=UNTIL, label="When", placeholder="in 2 hours", longest=_LONGEST_TIME),
        ),
        submit="Snooze",
    ),
    FormSpec(
        action=APPROVAL_DENY,
        title="Deny",
        fields=(
            FormField(
                name=REASON,
                label="Why not? The agent is told.",
                placeholder="not before the release",
                required=False,
                multiline=True,
                longest=_LONGEST_REASON,
            ),
        ),
        submit="Deny",
    ),
    FormSpec(
        action=APPROVAL_EDIT,
        title="Ask for something else",
        fields=(
            FormField(
                name=CHANGES,
                label="What to change, a line for each",
                placeholder="branch = release/2",
                multiline=True,
                longest=_LONGEST_WORDS,
            ),
        ),
        submit="Ask anew",
    ),
)
"""Every form."""

_BY_ACTION: Final = {form.action: form for form in FORMS}
_BY_COMMAND: Final = {
    "schedule create": SCHEDULE_CREATE,
    "schedule add": SCHEDULE_CREATE,
    "schedule new": SCHEDULE_CREATE,
    "schedule make": SCHEDULE_CREATE,
    "schedules create": SCHEDULE_CREATE,
    "sched create": SCHEDULE_CREATE,
    "remind": REMINDER_CREATE,
    "remind me": REMINDER_CREATE,
}
"""The commands without their words, in small letters, and the form that asks for those."""
_BY_PRESS: Final = frozenset({REMINDER_SNOOZE, APPROVAL_DENY, APPROVAL_EDIT})
"""The buttons whose form has the button's own action."""
_OURSELVES: Final = "nightdesk"


def form_for(body: Command | ButtonPress) -> FormSpec | None:
    """The form that the command or press is answered with, or None where it needs none.

    The form of a press is opened with the press's `value`, and that of a command with none.
    """
    if isinstance(body, ButtonPress):
        return _BY_ACTION[body.action] if body.action in _BY_PRESS else None
    action = _BY_COMMAND.get(_words(body.text))
    return _BY_ACTION[action] if action else None


def _words(text: str) -> str:
    """The words of a command without its prefix and our own name."""
    words = text.strip().removeprefix("/").removeprefix("!").casefold().split()
    return " ".join(words[1:] if words[:1] == [_OURSELVES] else words)
