"""What people allowed for a time: which of it covers a call, and what became of it since.

A grant covers calls that differ from the one that was shown in nothing but the arguments that its
card said may vary. Whether it does is asked anew at each call, of the tool's declaration and of the
policy as they are then: a grant that left more open than they do now covers nothing.
"""

from runtime.access import permits
from runtime.approvals.book import ApprovalBook
from runtime.approvals.judging import Judging, call_of, context_of, left_open
from runtime.errors import Refused
from runtime.ids import AgentName, ConversationId, TurnId
from runtime.model.access import Action
from runtime.model.address import Principal
from runtime.model.approval import Frozen, Grant, Pattern, pattern_of
from runtime.model.tools import Risk, ToolCall, ToolSpec
from runtime.model.value import value
from runtime.policy.rules import ALWAYS_ASKED
from runtime.ports import Judged, Policy, ToolContext, Tools, Verdict


@value(kw_only=True)
class Coverage:
    """What a yes for a time is to one call.

    Attributes:
        pattern: what one would cover that was given with it.
        grant: the one that covers it now, or None.
    """

    pattern: Pattern
    grant: Grant | None


class Granting:
    """Finds the grants that cover calls."""

    def __init__(self, book: ApprovalBook, tools: Tools, policy: Policy) -> None:
        """Find them in `book`, for calls of `tools`, as far as `policy` lets them hold."""
        self._book = book
        self._tools = tools
        self._policy = policy
        self._judging = Judging(tools, policy)

    async def find(
        self, frozen: Frozen, judged: Judged, spec: ToolSpec, context: ToolContext
    ) -> Grant | None:
        """The grant by which somebody allowed this for a time, and may still do so.

        None for what nothing lifts: what is dangerous, takes two people, or happens too often.
        """
        if not _may_stand(spec, judged):
            return None
        grants, now = self._book.store.grants, self._book.clock.now()
        pattern = pattern_of(frozen, left_open(spec, judged))
        for covers in dict.fromkeys((pattern, Pattern(frozen=frozen))):
            for grant in await grants.find(context.agent, covers.digest(), now=now):
                may = permits(self._book.team(), grant.given_by, Action.APPROVE)
                if may and grant.pattern == covers:
                    return grant
        return None

    async def coverage(self, call: ToolCall, agent: AgentName, who: Principal) -> Coverage | None:
        """What a yes for a time is to a call that the agent makes by itself for that person.

        None where the policy does not ask for it, or nothing lifts that it is asked for.

        Raises:
            Refused: the arguments do not fit, or the agent has no such tool.
        """
        context = ToolContext(
            turn=TurnId(""),
            conversation=ConversationId(""),
            agent=agent,
            requester=who,
            thread=None,
            attended=False,
        )
        frozen = await self._tools.frozen(call, context)
        spec = next(one for one in self._tools.specs(agent) if one.name == call.name)
        judged = await self._policy.judge(call, spec, context, counted=False)
        if judged.verdict is not Verdict.ASK or not _may_stand(spec, judged):
            return None
        return Coverage(
            pattern=pattern_of(frozen, left_open(spec, judged)),
            grant=await self.find(frozen, judged, spec, context),
        )

    async def ended_by(self, grant: Grant) -> str:
        """Why a grant in force covers nothing as things are now; empty where it covers its calls.

        It is tried on the call that it was given for.
        """
        approval = await self._book.approvals.get(grant.id)
        if approval is None:
            return ""
        another = "the tool is another one by now"
        try:
            now = await self._tools.frozen(call_of(approval), context_of(approval))
        except Refused:
            return another
        spec, context = self._judging.spec(approval), context_of(approval)
        if spec is None or now.schema != grant.frozen.schema:
            return another
        judged = await self._judging.judged(approval, context)
        if judged.verdict is Verdict.DENY:
            return f"the policy does not allow it: {judged.reason}"
        if judged.verdict is Verdict.ALLOW:
            return ""
        held = await self.find(now, judged, spec, context)
        return "" if held else "the tool, the policy, or the role of who gave it has changed"


def _may_stand(spec: ToolSpec, judged: Judged) -> bool:
    """Whether a yes for a time may answer it."""
    may = spec.risk is not Risk.DANGEROUS and spec.name not in ALWAYS_ASKED
    return may and judged.needed == 1 and not judged.too_often
