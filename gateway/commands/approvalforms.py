"""The table of the commands about approvals, as `gateway.commands.forms` holds the others."""

from gateway.commands.form import Form

APPROVAL_FORMS = (
    Form(
        noun="approve",
        verb="this",
        about="Approve the one thing that waits in this thread; /approve alone does the same.",
        bare=True,
    ),
    Form(noun="approve", verb="list", about="Show what waits for a yes or a no."),
    Form(
        noun="approve",
        verb="show",
        arguments="<id>",
        least=1,
        most=1,
        about="Show all of what would run, and its hash.",
        example="/approve show 3f9k2m1a",
    ),
    Form(
        noun="approve",
        verb="accept",
        arguments="<id> [hash]",
        least=1,
        most=2,
        implied=True,
        about="Let it run, exactly as shown, once; at a checkpoint, let the agent go on. What is "
        "too long for its card needs the hash, too.",
        example="/approve accept 3f9k2m1a",
    ),
    Form(
        noun="approve",
        verb="deny",
        arguments="<id> [reason]",
        tail=True,
        about="Do not let it run; the agent is told the reason.",
        example="/approve deny 3f9k2m1a not before the release",
    ),
    Form(
        noun="approve",
        verb="edit",
        arguments="<id> <name = value>",
        tail=True,
        words=2,
        about="Ask for the same with other arguments in its place, a change a line.",
        example="/approve edit 3f9k2m1a text = The release is out",
    ),
    Form(
        noun="approve",
        verb="mark",
        arguments="<id> <done|failed>",
        least=2,
        most=2,
        about="Say what became of something that may have run when Nightdesk ended.",
        example="/approve mark 3f9k2m1a done",
    ),
    Form(
        noun="approve",
        verb="grants",
        arguments="[number]",
        most=1,
        about="List what may run without asking; with a number, from that one on.",
        example="/approve grants 21",
    ),
    Form(
        noun="approve",
        verb="revoke",
        arguments="<number>",
        least=1,
        most=1,
        about="End what was allowed for a time.",
        example="/approve revoke 3",
    ),
    Form(
        noun="deny",
        arguments="[reason]",
        tail=True,
        words=0,
        about="Refuse the one thing that waits in this thread.",
        example="/deny not before the release",
    ),
)
