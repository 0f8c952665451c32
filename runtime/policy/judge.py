"""The judge: one answer for each call, from the rules alone, with the rule's name.

Each layer has its word: its first rule that applies, or else its preset. The strictest word of all
layers holds, and no word is laxer than the floor of the tool's risk. So a lower layer can only be
stricter than a higher one; a rule that tries otherwise is refused when it is read.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from runtime.clock import Clock
from runtime.ids import AgentName
from runtime.model.tools import Json, ToolSpec
from runtime.model.value import value
from runtime.policy.rules import (
    ALWAYS_ASKED,
    ASKED_FOR,
    FLOORS,
    PART_OF_THE_ANSWER,
    PEOPLE,
    PRESETS,
    SYSTEM,
    Layer,
    Permission,
    Rate,
    Rule,
)


@value(kw_only=True)
class Word:
    """What one layer, or a floor, says of a call.

    Attributes:
        permission: what.
        source: which rule, preset or floor, in words.
        rule: the rule, where it is one.
        layer: whose word it is: `system` for floors, and for what no layer has a word on.
    """

    permission: Permission
    source: str
    rule: Rule | None = None
    layer: str = SYSTEM


@value(kw_only=True)
class Decision:
    """What holds for a call.

    Attributes:
        permission: what.
        source: whose word that is, in words: it is shown on cards and by `/policy explain`.
        people: how many people must say yes, where a person is asked.
        words: everything that was said, the layers from the top down.
        looked_at: the arguments that rules about the tool look at, whatever they are.
    """

    permission: Permission
    source: str
    people: int
    words: tuple[Word, ...]
    looked_at: frozenset[str] = frozenset()


def decide(
    layers: Sequence[Layer],
    spec: ToolSpec,
    arguments: Mapping[str, Json],
    *,
    attended: bool,
) -> Decision:
    """What the layers say of the call. Pure.

    Args:
        layers: from the highest to the lowest.
        spec: the tool.
        arguments: the call's, read.
        attended: the person that the agent acts for is there and talking.
    """
    asked_for = (attended and spec.name in ASKED_FOR) or spec.name in PART_OF_THE_ANSWER
    words = [
        word
        for layer in layers
        if (word := _word_of(layer, spec, arguments, asked_for=asked_for)) is not None
    ]
    floor = _floor(spec)
    if not words:
        words = [Word(permission=Permission.BLOCKED, source="no layer says anything of it")]
    holds = max([*words, floor], key=lambda word: word.permission.strictness)
    ruled = [word.rule.people for word in words if word.rule and word.rule.people is not None]
    return Decision(
        permission=holds.permission,
        source=holds.source,
        people=max([PEOPLE[spec.risk], *ruled]),
        words=(*words, floor),
        looked_at=frozenset(
            condition.argument
            for layer in layers
            for rule in layer.rules
            if rule.when and rule.is_about(spec.name)
            for condition in rule.when
        ),
    )


def _floor(spec: ToolSpec) -> Word:
    """The laxest that there can be for the tool."""
    if spec.name in ALWAYS_ASKED:
        return Word(permission=Permission.APPROVAL, source=f"{spec.name} always asks people")
    return Word(permission=FLOORS[spec.risk], source=f"the floor for {spec.risk} tools")


def _word_of(
    layer: Layer, spec: ToolSpec, arguments: Mapping[str, Json], *, asked_for: bool
) -> Word | None:
    for rule in layer.rules:
        if rule.applies(spec.name, arguments):
            return Word(permission=rule.permission, source=rule.name, rule=rule, layer=layer.name)
    if layer.preset is None:
        return None
    if asked_for:
        source = (
            f"{spec.name} is part of the answer"
            if spec.name in PART_OF_THE_ANSWER
            else f"{spec.name} does only what the person who asks could do by a command"
        )
        return Word(permission=Permission.AUTONOMOUS, source=source, layer=layer.name)
    permission = PRESETS[layer.preset][spec.risk]
    source = f"{layer.name} preset {layer.preset.value}, {spec.risk} tools"
    return Word(permission=permission, source=source, layer=layer.name)


@value(kw_only=True)
class TooLax:
    """A rule that is laxer than a higher layer lets it be.

    Attributes:
        rule: the rule.
        tool: a tool for which it is.
        least: what the higher layers say of that tool at the least, whatever its arguments.
    """

    rule: Rule
    tool: str
    least: Permission


def too_lax(layers: Sequence[Layer], specs: Iterable[ToolSpec]) -> list[TooLax]:
    """The rules that could never have their way, because of a layer above or of a floor."""
    found = []
    known = list(specs)
    for depth, layer in enumerate(layers):
        for rule in layer.rules:
            about = [spec for spec in known if rule.is_about(spec.name)]
            # A pattern over more than what always asks has its way with the rest of them.
            only_asks = all(spec.name in ALWAYS_ASKED for spec in about)
            for spec in about:
                above = [_least(higher, spec) for higher in layers[:depth]]
                floor = _floor(spec).permission if only_asks else FLOORS[spec.risk]
                least = max([floor, *above], key=lambda one: one.strictness)
                if rule.permission.strictness < least.strictness:
                    found.append(TooLax(rule=rule, tool=spec.name, least=least))
                    break
    return found


def _least(layer: Layer, spec: ToolSpec) -> Permission:
    """The laxest that the layer can say of the tool, over all arguments."""
    could_be = []
    for rule in layer.rules:
        if rule.is_about(spec.name):
            could_be.append(rule.permission)
            if not rule.when:
                return min(could_be, key=lambda one: one.strictness)
    if layer.preset is None:
        return Permission.AUTONOMOUS
    if spec.name in ASKED_FOR | PART_OF_THE_ANSWER:
        return Permission.AUTONOMOUS
    could_be.append(PRESETS[layer.preset][spec.risk])
    return min(could_be, key=lambda one: one.strictness)


class Rates:
    """How often things happened by themselves, by rule and agent, in this process.

    A restart begins to count anew: a rate is there to stop a loop, and a loop that restarts the
    process has other limits.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._times: dict[tuple[str, AgentName], deque[float]] = {}

    def exceeded(self, rule: Rule, rate: Rate, agent: AgentName) -> bool:
        """Count one more, and say whether that is too many."""
        now = self._clock.monotonic()
        times = self._times.setdefault((rule.name, agent), deque())
        while times and times[0] <= now - rate.seconds:
            times.popleft()
        if len(times) >= rate.most:
            return True
        times.append(now)
        return False
