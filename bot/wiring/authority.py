"""What asks people and runs tools, put together."""

from collections.abc import Callable

from bot.wiring.policy import LivePolicy
from bot.wiring.process import Parts
from runtime.approvals.book import ApprovalBook, QuestionLimits
from runtime.approvals.posting import Cards
from runtime.approvals.questions import Questions
from runtime.approvals.service import ApprovalService
from runtime.approvals.vigil import Vigil
from runtime.halt import Halt
from runtime.mailboxes.queue import QueueDispatch
from runtime.model.value import value
from runtime.outbox import Splitter
from runtime.parked import Parked
from runtime.policy.engine import RulePolicy
from runtime.resuming import Resumption
from runtime.tools.registry import Toolbox
from runtime.turns.executor import Executor


@value(kw_only=True)
class Authority:
    """What asks people and runs tools.

    Attributes:
        executor: runs tools.
        questions: what the executor asks people.
        approvals: what people say.
        book: every change of an approval.
        vigil: what time does to approvals.
        resumption: takes parked turns up again.
        parked: which conversations wait.
        rules: what the policy's file says now.
        tools: the tools there are.
    """

    executor: Executor
    questions: Questions
    approvals: ApprovalService
    book: ApprovalBook
    vigil: Vigil
    resumption: Resumption
    parked: Parked
    rules: LivePolicy
    tools: Toolbox


def authority(
    parts: Parts,
    tools: Toolbox,
    rules: LivePolicy,
    *,
    halt: Halt,
    split: Splitter,
    wake_outbox: Callable[[], None],
) -> Authority:
    """Put it together."""
    limits, parked = QuestionLimits(), Parked()
    policy = parts.policy or RulePolicy(rules.book, read=tools.arguments, clock=parts.clock)
    store, team, clock = parts.store, parts.team, parts.clock
    queue = None if parts.alone else QueueDispatch(parts.durable)
    resumption = Resumption(store, parts.durable, halt=halt, queue=queue)
    book = ApprovalBook(
        store,
        Cards(parts.chats, team=team, split=split, clock=clock),
        team=team,
        clock=clock,
        resume=resumption,
        wake_outbox=wake_outbox,
    )
    questions = Questions(book, tools, policy, limits)
    return Authority(
        executor=Executor(tools, policy, questions, team=team, clock=clock),
        questions=questions,
        approvals=ApprovalService(book, tools, questions),
        book=book,
        vigil=Vigil(book, questions, parked, take_up=resumption.turn),
        resumption=resumption,
        parked=parked,
        rules=rules,
        tools=tools,
    )
