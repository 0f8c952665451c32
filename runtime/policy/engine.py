"""The policy that turns ask: the rules as they are now, and how often things happened."""

import logging
from collections.abc import Callable, Mapping

from runtime.clock import Clock
from runtime.errors import Refused
from runtime.model.tools import Json, ToolCall, ToolSpec
from runtime.policy.book import PolicyBook
from runtime.policy.judge import Decision, Rates, Word, decide
from runtime.policy.rules import Permission
from runtime.ports import Judged, ToolContext, Verdict

log = logging.getLogger("nightdesk.policy")

_VERDICTS: Mapping[Permission, Verdict] = {
    Permission.AUTONOMOUS: Verdict.ALLOW,
    Permission.NOTIFY: Verdict.ALLOW,
    Permission.APPROVAL: Verdict.ASK,
    Permission.BLOCKED: Verdict.DENY,
}

ReadArguments = Callable[[ToolCall], Mapping[str, Json]]
"""Reads a call's arguments as its tool declares them; raises `Refused` where they do not fit."""


class RulePolicy:
    """Judges by the rules. Implements `runtime.ports.Policy`."""

    def __init__(
        self, book: Callable[[], PolicyBook], *, read: ReadArguments, clock: Clock
    ) -> None:
        """Judge.

        Args:
            book: the rules as they are now.
            read: reads arguments, so that a rule looks at what the tool will be given.
            clock: times rates.
        """
        self._book = book
        self._read = read
        self._rates = Rates(clock)

    async def judge(
        self, call: ToolCall, spec: ToolSpec, context: ToolContext, *, counted: bool = True
    ) -> Judged:
        """The verdict: see the port. The same call has the same one, but for rates."""
        try:
            arguments = self._read(call)
        except Refused:
            # The tool refuses it in words before it does anything.
            return Judged(verdict=Verdict.ALLOW, reason="its arguments do not fit the tool")
        decision = self.explain(spec, arguments, context)
        exceeded = self._exceeded(decision, context) if counted else None
        if exceeded is not None:
            reason = f"{exceeded.source}: more often than it may happen by itself"
            return Judged(
                verdict=Verdict.ASK,
                reason=reason,
                needed=decision.people,
                too_often=True,
                looked_at=decision.looked_at,
            )
        if counted and decision.permission is Permission.NOTIFY:
            log.warning(
                "policy.notify",
                extra={"tool": call.name, "agent": context.agent, "rule": decision.source},
            )
        return Judged(
            verdict=_VERDICTS[decision.permission],
            reason=decision.source,
            needed=decision.people,
            notify=decision.permission is Permission.NOTIFY,
            looked_at=decision.looked_at,
        )

    def explain(
        self, spec: ToolSpec, arguments: Mapping[str, Json], context: ToolContext
    ) -> Decision:
        """What holds for a call, and whose words it is made of; nothing is counted.

        What was handed over is judged by the rules of every agent that had it: the strictest holds.
        """
        book = self._book()
        layers = list(book.layers(context.agent))
        for agent in context.chain:
            layers += [layer for layer in book.layers(agent) if layer not in layers]
        return decide(layers, spec, arguments, attended=context.attended)

    def _exceeded(self, decision: Decision, context: ToolContext) -> Word | None:
        """The word whose rule lets this happen less often, where it would happen by itself."""
        if _VERDICTS[decision.permission] is not Verdict.ALLOW:
            return None
        over = [
            word
            for word in decision.words
            if word.rule is not None
            and word.rule.rate is not None
            and self._rates.exceeded(word.rule, word.rule.rate, context.agent)
        ]
        return over[0] if over else None
