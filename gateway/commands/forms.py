"""The table of commands: what there is, how it is written, what it does.

The parser, the usage errors and `/help` are made from it, so that they cannot disagree.
"""

from gateway.commands.budgetforms import BUDGET_FORMS
from gateway.commands.form import Form, Option

_ZONE = Option(
    name="tz",
    value="Area/City",
    about="the time zone that the times are in",
    also=("timezone", "zone"),
)


def _of_one(verb: str, about: str) -> Form:
    return Form(noun="schedule", verb=verb, arguments="<number>", least=1, most=1, about=about)


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
    ),
    Form(
        noun="remind",
        verb="cancel",
        arguments="<number>",
        least=1,
        most=1,
        about="Take a reminder back.",
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
    Form(noun="whoami", about="Show who you are here, where your role comes from, what it may."),
    Form(
        noun="link",
        arguments="[code]",
        most=3,
        about="Be the same person on another platform: get a code here, say it there.",
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
    Form(
        noun="approve",
        verb="this",
        about="Let run the one thing that waits in this thread; /approve alone does, too.",
        bare=True,
    ),
    Form(noun="approve", verb="list", about="Show what waits for a yes or a no."),
    Form(
        noun="approve",
        verb="show",
        arguments="<id>",
        least=1,
        most=1,
        about="Show all of what would run.",
    ),
    Form(
        noun="approve",
        verb="accept",
        arguments="<id> [hash]",
        least=1,
        most=2,
        implied=True,
        about="Let it run, exactly as shown, once; at a checkpoint, let the agent go on.",
    ),
    Form(
        noun="approve",
        verb="deny",
        arguments="<id> [reason]",
        tail=True,
        about="Do not let it run; the agent is told the reason.",
    ),
    Form(
        noun="approve",
        verb="edit",
        arguments="<id> <name = value>",
        tail=True,
        words=2,
        about="Ask for something else in its place, a change a line.",
    ),
    Form(
        noun="approve",
        verb="mark",
        arguments="<id> <done|failed>",
        least=2,
        most=2,
        about="Say what became of something that may have run when Nightdesk ended.",
    ),
    Form(
        noun="approve",
        verb="grants",
        arguments="[number]",
        most=1,
        about="Show what is allowed for a time, a page of it; from that number on.",
    ),
    Form(
        noun="approve",
        verb="revoke",
        arguments="<number>",
        least=1,
        most=1,
        about="End what was allowed for a time.",
    ),
    Form(
        noun="deny",
        arguments="[reason]",
        most=2_000,
        about="Do not let run the one thing that waits in this thread.",
        example="/deny not before the release",
    ),
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
        also=("unset", "clear", "reset"),
    ),
    Form(
        noun="model",
        verb="retry",
        arguments="<provider>",
        least=1,
        most=1,
        about="Ask a provider's models again that was taken out.",
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
    Form(noun="help", arguments="[command]", most=2, about="Show the commands, or one of them."),
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
