"""The table of commands: what there is, how it is written, what it does.

The parser, the usage errors and `/help` are made from it, so that they cannot disagree.
"""

from gateway.commands.approvalforms import APPROVAL_FORMS
from gateway.commands.budgetforms import BUDGET_FORMS
from gateway.commands.form import Form, Option

_ZONE = Option(
    name="tz",
    value="Area/City",
    about="the time zone that the times are in",
    also=("timezone", "zone"),
)


def _of_one(verb: str, about: str) -> Form:
    return Form(
        noun="schedule",
        verb=verb,
        arguments="<number>",
        least=1,
        most=1,
        about=about,
        example=f"/schedule {verb} 3",
    )


FORMS = (
    Form(
        noun="schedule",
        verb="create",
        arguments="<when> <instruction>",
        tail=True,
        options=(
            Option(name="channel", value="#name", about="where the results go"),
            Option(name="budget", value="0.50", about="the most that each of its runs may cost"),
            _ZONE,
        ),
        about="Let an agent work by itself at certain times.",
        example="/schedule create every weekday at 8:30 Write the morning briefing --channel #ops",
    ),
    Form(noun="schedule", verb="list", about="Show all schedules and when they come next."),
    _of_one("show", "Show one schedule, its next times and its last results."),
    _of_one("pause", "Let no more of its times come until it is resumed."),
    _of_one("resume", "Go on with a paused schedule at its next time."),
    _of_one("delete", "Delete a schedule."),
    _of_one("run", "Carry a schedule out now, besides its times."),
    Form(
        noun="schedule",
        verb="budget",
        arguments="<number> <amount>",
        least=2,
        most=3,
        about="Limit what each of its runs may cost; “default” for no limit of its own.",
        example="/schedule budget 3 0.50",
    ),
    Form(
        noun="remind",
        verb="me",
        arguments="<when> to <what>",
        tail=True,
        options=(_ZONE,),
        about="Get a direct message at a time, or again and again.",
        example="/remind me in 2 hours to call Bob",
        implied=True,
    ),
    Form(noun="remind", verb="list", about="Show your reminders."),
    Form(
        noun="remind",
        verb="snooze",
        arguments="<number> <when>",
        least=2,
        most=12,
        about="Be reminded again later.",
        example="/remind snooze 3 tomorrow at 9am",
    ),
    Form(
        noun="remind",
        verb="done",
        arguments="<number>",
        least=1,
        most=1,
        about="Say that it is done.",
        example="/remind done 3",
    ),
    Form(
        noun="remind",
        verb="cancel",
        arguments="<number>",
        least=1,
        most=1,
        about="Take a reminder back.",
        example="/remind cancel 3",
        also=("delete", "remove", "rm", "del", "stop"),
    ),
    Form(noun="member", verb="list", about="Show who is in the team, and with which role."),
    Form(
        noun="member",
        verb="add",
        arguments="<person> <role> [name]",
        least=2,
        most=12,
        about="Let somebody in. The person is named by their platform id, or by a mention.",
        example="/member add slack:T0123ABCD/U0456EFGH operator Ana",
    ),
    Form(
        noun="member",
        verb="role",
        arguments="<person> <role>",
        least=2,
        most=3,
        about="Change what somebody may do who was added in the chat.",
        example="/member role telegram:123456789 member",
        also=("set", "promote", "demote"),
    ),
    Form(
        noun="member",
        verb="remove",
        arguments="<person>",
        least=1,
        most=2,
        about="Let somebody go who was added in the chat.",
        example="/member remove telegram:123456789",
        also=("delete", "rm", "del", "kick"),
    ),
    Form(noun="whoami", about="Show who you are here, what you may do."),
    Form(
        noun="link",
        arguments="[code]",
        most=3,
        about="Be the same person on another platform: get a code here, say it there.",
        example="/link ABCD-2345-WXYZ",
    ),
    Form(noun="unlink", about="Undo that for the account you write from."),
    Form(
        noun="channel",
        verb="list",
        about="Show the channels: what I hear there, whether I post unasked, whether I trust them.",
    ),
    Form(
        noun="channel",
        verb="test",
        arguments="[#name]",
        most=1,
        about="Test the connection to each platform, or to one channel, by a real round trip.",
        example="/channel test #ops",
    ),
    Form(
        noun="channel",
        verb="trust",
        arguments="<#name>",
        least=1,
        most=1,
        about="Post unasked again where a channel was shared, moved or left. For owners.",
        example="/channel trust #ops",
    ),
    *APPROVAL_FORMS,
    Form(
        noun="handoff",
        verb="show",
        about="Show which agent has this thread, and how it came to it.",
        bare=True,
    ),
    Form(
        noun="handoff",
        verb="back",
        about="Give this thread back to the agent that had it before.",
    ),
    Form(
        noun="handoff",
        verb="to",
        arguments="<agent>",
        least=1,
        most=1,
        about="Give this thread to another agent, which is told what was said.",
        example="/handoff to desk",
    ),
    Form(noun="policy", verb="show", about="Show the rules for what agents may do."),
    Form(
        noun="policy",
        verb="explain",
        arguments="<tool> [arguments as JSON]",
        tail=True,
        options=(Option(name="agent", value="name", about="for which agent"),),
        about="Say what the rules say of a tool, and which of them says it.",
        example="/policy explain schedule.create",
    ),
    *BUDGET_FORMS,
    Form(noun="new", about="Begin a fresh conversation in this thread."),
    Form(
        noun="resume",
        arguments="[which]",
        most=2,
        about="Go back to an earlier conversation of this thread, by its number; or let go on what "
        "was stopped: agent <name>, everything.",
        example="/resume everything",
    ),
    Form(
        noun="stop",
        arguments="[which]",
        most=2,
        about="Stop what the agent does in this thread; or a run by its id, a schedule's run by "
        "its number, agent <name>, mine, everything.",
        example="/stop everything",
    ),
    Form(noun="model", verb="show", about="Show which model answers here.", bare=True),
    Form(noun="model", verb="list", about="Show the models: prices, abilities, how they do."),
    Form(noun="model", verb="why", about="Show why the last model here was asked."),
    Form(
        noun="model",
        verb="set",
        arguments="<model> [whose]",
        least=1,
        most=3,
        about="Let one model answer. Whose: thread for all here, me, or agent [name] wherever it "
        "answers.",
        example="/model set fast me",
        also=("use",),
    ),
    Form(
        noun="model",
        verb="auto",
        arguments="[whose]",
        most=2,
        about="Take back what was set for thread, me or agent [name], or by cards about money: "
        "budget.",
        example="/model auto me",
        also=("unset", "clear", "reset"),
    ),
    Form(
        noun="model",
        verb="retry",
        arguments="<provider>",
        least=1,
        most=1,
        about="Try a provider again that was taken out of service.",
        example="/model retry openai",
    ),
    Form(
        noun="why",
        arguments="[link to a message or its id]",
        most=1,
        about="Show how an answer came about: trigger, rules, approvals, tools, model, cost.",
        example="/why",
    ),
    Form(noun="status", about="Show whether everything works."),
    Form(
        noun="help",
        arguments="[command]",
        most=2,
        about="Show the commands, or one of them.",
        example="/help schedule create",
    ),
)

NOUNS = tuple(dict.fromkeys(form.noun for form in FORMS))

NOUN_ALIASES = {
    "schedules": "schedule",
    "reminder": "remind",
    "reminders": "remind",
    "approvals": "approve",
    "sched": "schedule",
    "members": "member",
    "channels": "channel",
    "models": "model",
    "health": "status",
    "commands": "help",
    "start": "help",
    "budgets": "budget",
    "costs": "cost",
    "handoffs": "handoff",
    "hand-off": "handoff",
}
"""Other first words for the same; `start` is what a chat platform sends to begin with a bot."""

SIGNED_ONLY = frozenset({"approve", "budget", "member", "deny", "handoff", "why"})
"""First words that need their prefix: no sentence without one may decide anything, and "why?" is
a question to the agent."""

VERB_ALIASES = {
    "add": "create",
    "new": "create",
    "make": "create",
    "ls": "list",
    "view": "show",
    "info": "show",
    "history": "show",
    "stop": "pause",
    "unpause": "resume",
    "continue": "resume",
    "rm": "delete",
    "remove": "delete",
    "del": "delete",
    "trigger": "run",
    "now": "run",
}


def noun_of(word: str) -> str | None:
    """The noun that the word means, or None."""
    folded = word.casefold()
    noun = NOUN_ALIASES.get(folded, folded)
    return noun if noun in NOUNS else None


def forms_of(noun: str) -> tuple[Form, ...]:
    """The forms of a noun, in the order of the table."""
    return tuple(form for form in FORMS if form.noun == noun)


def form_of(noun: str, verb: str) -> Form | None:
    """The form of a noun with that verb, or with what the verb is another word for."""
    folded = verb.casefold()
    own = next((f for f in forms_of(noun) if folded and folded in (f.verb, *f.also)), None)
    if own is not None:
        return own
    meant = VERB_ALIASES.get(folded, folded)
    return next((form for form in forms_of(noun) if form.verb == meant), None)
