"""Rules, as values: which calls they are about, and what they say of them."""

import fnmatch
import posixpath
from collections.abc import Mapping
from enum import StrEnum

from runtime.model.checkpoint import CHECKPOINT
from runtime.model.tools import Json, Risk
from runtime.model.value import value


class Permission(StrEnum):
    """What a rule says of a call, from the laxest to the strictest."""

    AUTONOMOUS = "autonomous"
    """It runs."""
    NOTIFY = "notify"
    """It runs, and people are told."""
    APPROVAL = "approval"
    """A person is asked first."""
    BLOCKED = "blocked"
    """It does not run."""

    @property
    def strictness(self) -> int:
        """Its place among the others; more is stricter."""
        return _ORDER[self]


_ORDER = {permission: place for place, permission in enumerate(Permission)}


class Comparison(StrEnum):
    """How a condition looks at an argument."""

    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"
    MATCHES = "matches"
    """A shell pattern over the whole text: `release/*`."""
    NOT_MATCHES = "not_matches"
    UNDER = "under"
    """A path that lies in the folder, once `..` is resolved."""
    AT_MOST = "at_most"
    MORE_THAN = "more_than"
    LONGER_THAN = "longer_than"


@value(kw_only=True)
class Condition:
    """Something that an argument must be for the rule to apply.

    Attributes:
        argument: its name.
        test: how it is looked at.
        value: what it is held against.
    """

    argument: str
    test: Comparison
    value: Json

    def holds(self, arguments: Mapping[str, Json]) -> bool:
        """Whether it is so. An argument that is missing, or of another kind, is not."""
        if self.argument not in arguments:
            return False
        return _COMPARISONS[self.test](arguments[self.argument], self.value)

    def __str__(self) -> str:
        """In words."""
        return f"{self.argument} {self.test.value.replace('_', ' ')} {self.value!r}"


@value(kw_only=True)
class Rate:
    """How often something may happen by itself before a person is asked.

    Attributes:
        most: times.
        seconds: within so many.
    """

    most: int
    seconds: int


@value(kw_only=True)
class Rule:
    """A rule.

    Attributes:
        name: how it is called in explanations: `team rule 3, line 12`.
        tools: which tools it is about: a name, or a shell pattern such as `git.*`.
        when: all of these must hold.
        permission: what it says.
        rate: where it lets things happen, how often.
        people: how many people must say yes, where it asks; None for the risk's own number.
    """

    name: str
    tools: str
    when: tuple[Condition, ...] = ()
    permission: Permission
    rate: Rate | None = None
    people: int | None = None

    def is_about(self, tool: str) -> bool:
        """Whether it is about the tool of that name, whatever its arguments."""
        return fnmatch.fnmatchcase(tool, self.tools)

    def applies(self, tool: str, arguments: Mapping[str, Json]) -> bool:
        """Whether it is about this call."""
        return self.is_about(tool) and all(one.holds(arguments) for one in self.when)


class Preset(StrEnum):
    """What holds for a tool that no rule of the layer is about."""

    READ_ONLY = "read_only"
    """Look at everything, change Nightdesk's own state only with a person's yes."""
    GIT_SAFE = "git_safe"
    """Change what is the agent's own and can be undone; ask for what reaches further."""
    FULL_AUTO = "full_auto"
    """Do everything but what is dangerous."""


PRESETS: Mapping[Preset, Mapping[Risk, Permission]] = {
    Preset.READ_ONLY: {
        Risk.READ: Permission.AUTONOMOUS,
        Risk.WRITE: Permission.APPROVAL,
        Risk.EXTERNAL: Permission.BLOCKED,
        Risk.DANGEROUS: Permission.BLOCKED,
    },
    Preset.GIT_SAFE: {
        Risk.READ: Permission.AUTONOMOUS,
        Risk.WRITE: Permission.NOTIFY,
        Risk.EXTERNAL: Permission.APPROVAL,
        Risk.DANGEROUS: Permission.APPROVAL,
    },
    Preset.FULL_AUTO: {
        Risk.READ: Permission.AUTONOMOUS,
        Risk.WRITE: Permission.AUTONOMOUS,
        Risk.EXTERNAL: Permission.AUTONOMOUS,
        Risk.DANGEROUS: Permission.APPROVAL,
    },
}

SYSTEM = "system"
"""The highest layer: the floors. It is part of the program, and no file changes it."""

FLOORS: Mapping[Risk, Permission] = {
    Risk.READ: Permission.AUTONOMOUS,
    Risk.WRITE: Permission.AUTONOMOUS,
    Risk.EXTERNAL: Permission.AUTONOMOUS,
    Risk.DANGEROUS: Permission.APPROVAL,
}
"""The laxest there can be for a tool, whatever any layer says."""

ASKED_FOR = frozenset({"desk.facts", "time.now", "schedule.create", "reminder.create"})
"""Tools that only do, for the person who is talking, what that person could do by a command; the
commands' own judge asks whether the person may. They run wherever a person is talking."""

PART_OF_THE_ANSWER = frozenset({"file.send", "task.complete"})
"""Tools that only add to what the agent answers, which goes where the answer goes, by its rules."""

ALWAYS_ASKED = frozenset({CHECKPOINT})
"""Tools that do nothing but ask people, so that nothing makes a yes of its own for them: no preset,
no rule, and no yes for a time."""

PEOPLE: Mapping[Risk, int] = {
    Risk.READ: 1,
    Risk.WRITE: 1,
    Risk.EXTERNAL: 1,
    Risk.DANGEROUS: 2,
}
"""How many people must say yes where nothing else is said."""


@value(kw_only=True)
class Layer:
    """The rules of the team, or of one agent.

    Attributes:
        name: `team`, `agent night`.
        preset: what holds where no rule applies; None where the layer adds rules only.
        rules: looked at in order; the first that applies is the layer's word.
    """

    name: str
    preset: Preset | None = None
    rules: tuple[Rule, ...] = ()


def _is(value: Json, wanted: Json) -> bool:
    """The same value of the same kind: 1 is 1.0, and neither is true or "1"."""
    one = _number(value)
    if one is not None:
        return one == _number(wanted)
    if isinstance(value, list) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(map(_is, value, wanted))
    return type(value) is type(wanted) and value == wanted


def _in(value: Json, wanted: Json) -> bool:
    return isinstance(wanted, list) and any(_is(value, one) for one in wanted)


def _matches(value: Json, wanted: Json) -> bool:
    return isinstance(value, str) and isinstance(wanted, str) and fnmatch.fnmatchcase(value, wanted)


def _not_matches(value: Json, wanted: Json) -> bool:
    return isinstance(value, str) and not _matches(value, wanted)


def _under(value: Json, wanted: Json) -> bool:
    """Pure: a link in the path is the sandbox's business."""
    if not isinstance(value, str) or not isinstance(wanted, str) or "\0" in value:
        return False
    path, folder = posixpath.normpath(value), posixpath.normpath(wanted)
    if posixpath.isabs(path) is not posixpath.isabs(folder) or path.startswith(".."):
        return False
    return folder in {".", path} or path.startswith(folder.rstrip("/") + "/")


def _number(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _at_most(value: Json, wanted: Json) -> bool:
    one, other = _number(value), _number(wanted)
    return one is not None and other is not None and one <= other


def _more_than(value: Json, wanted: Json) -> bool:
    one, other = _number(value), _number(wanted)
    return one is not None and other is not None and one > other


def _longer_than(value: Json, wanted: Json) -> bool:
    most = _number(wanted)
    return isinstance(value, str | list) and most is not None and len(value) > most


_COMPARISONS = {
    Comparison.IS: _is,
    Comparison.IS_NOT: lambda value, wanted: not _is(value, wanted),
    Comparison.IN: _in,
    Comparison.NOT_IN: lambda value, wanted: not _in(value, wanted),
    Comparison.MATCHES: _matches,
    Comparison.NOT_MATCHES: _not_matches,
    Comparison.UNDER: _under,
    Comparison.AT_MOST: _at_most,
    Comparison.MORE_THAN: _more_than,
    Comparison.LONGER_THAN: _longer_than,
}
