"""The table of the commands about money, as `gateway.commands.forms` holds the others."""

from gateway.commands.form import Form

BUDGET_FORMS = (
    Form(
        noun="budget",
        verb="show",
        about="Show what models cost: the limits, who spent what, and where the month is going.",
        bare=True,
        also=("forecast", "chart", "meters", "status"),
    ),
    Form(
        noun="budget",
        verb="set",
        arguments="<whose> <amount> [per]",
        least=2,
        most=6,
        about="Set a limit from now on, 0 for nothing at all, “default” for the configuration's. "
        "Whose: team, agent <name>, schedule <number>, person <name>, channel <name>, thread, run, "
        "workflow, provider <name>. "
        "Per: day, month or each.",
        example="/budget set agent desk 2 day",
    ),
    Form(
        noun="budget",
        verb="raise",
        arguments="<whose> <amount> [per]",
        least=2,
        most=7,
        about="Raise a limit, to or by an amount, or by so many %; what waits for money goes on.",
        example="/budget raise team 25% day",
        also=("increase", "up"),
    ),
    Form(
        noun="budget",
        verb="lower",
        arguments="<whose> <amount> [per]",
        least=2,
        most=7,
        about="Lower a limit at once, to or by an amount, or by so many %.",
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
        arguments="[whose]",
        most=3,
        about="Show what this thread cost, or a schedule <number>, an agent <name>, a run <id>, a "
        "workflow <id of its first run>, a person <name>.",
        example="/cost agent desk",
    ),
)
