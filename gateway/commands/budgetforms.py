"""The table of the commands about money, as `gateway.commands.forms` holds the others."""

from gateway.commands.form import Form

BUDGET_FORMS = (
    Form(
        noun="budget",
        verb="show",
        about="Show what models cost: the limits, who spent what, and where the month is going.",
        bare=True,
    ),
    Form(
        noun="budget",
        verb="set",
        arguments="<team | agent <name> | schedule <number> | …> <amount> [day | month | each]",
        least=2,
        most=6,
        about="Set a limit from now on, 0 for nothing at all; “default” for the configuration's.",
        example="/budget set agent desk 2 day",
    ),
    Form(
        noun="budget",
        verb="raise",
        arguments="<team | agent <name> | …> <amount or %> [day | month | each]",
        least=2,
        most=7,
        about="Raise a limit; what waits for money goes on.",
        example="/budget raise team 25% day",
        also=("increase", "up"),
    ),
    Form(
        noun="budget",
        verb="lower",
        arguments="<team | agent <name> | …> <amount or %> [day | month | each]",
        least=2,
        most=7,
        about="Lower a limit, at once.",
        example="/budget lower agent desk 0.50",
        also=("decrease", "down", "cut"),
    ),
    Form(
        noun="budget",
        verb="history",
        about="Show which limits were changed, when, and by whom.",
        also=("log",),
    ),
    Form(
        noun="cost",
        arguments="[thread | schedule <number> | agent <name> | run <id> | …]",
        most=3,
        about="Show what this thread cost, or something else.",
        example="/cost agent desk",
    ),
)
