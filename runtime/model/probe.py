"""What a test of a connection found: one thing that works, or one that lacks something."""

from runtime.model.value import value


@value(kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        ok: it works.
        what: what was looked at and how it is, for people: `the token: good, as U0BOT in T0TEAM`.
        missing: the permission (scope), intent or admission that is lacking, as the platform
            spells it; empty where nothing is.
        todo: the one thing to do about it; empty where it works.
    """

    ok: bool
    what: str
    missing: str = ""
    todo: str = ""
