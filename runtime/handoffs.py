"""Hand-offs: which agent may give a thread to which, and how that happens.

An agent asks with a tool, and the turn ends with it: the answer that says so, the thread's new
binding and the message that the next agent begins with are stored in the transaction that ends
the turn. A person decides with a command. The person for whom an agent acts stays the same. A
run of a schedule goes on with the next agent, which then has the thread of what the run posts.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence

from runtime.access import permits
from runtime.approvals.cards import fenced_text
from runtime.clock import Clock
from runtime.context import extract, files_of, listed
from runtime.errors import Refused
from runtime.ids import AgentName, ConversationId, MessageId, TurnId, derived
from runtime.model.access import Action
from runtime.model.address import Principal, ThreadRef
from runtime.model.conversation import Entry, Role
from runtime.model.ending import Ending, Handed, HandTo
from runtime.model.events import Inbound, Lane, Message, Received
from runtime.model.handoff import (
    DEEPEST,
    LONGEST_CONTEXT,
    LONGEST_TASK,
    Handoff,
    HandOver,
    next_conversation,
)
from runtime.model.team import Agent, Team
from runtime.model.turn import Turn, TurnState, handed_line, handed_row_of, handing_key
from runtime.model.value import value
from runtime.ports import Store

log = logging.getLogger("nightdesk.handoffs")

_TASK_SHOWN = 600
_CONTEXT_SHOWN = 300
_CARRIED = 4_000
"""Characters of what was said before that the next agent is told."""
_LINKS = 20
"""Hand-offs of a thread that are looked back on."""

Happened = Callable[[HandOver], Awaitable[None]]
"""Is told that a thread has come to another agent, and that a message may wait there."""


@value()
class EndedByTool:
    """How a turn ends that a tool ended.

    Attributes:
        text: what is said of it.
        over: the hand-off that happens with its end, or None.
    """

    text: str
    over: HandOver | None = None


class Handoffs:
    """Gives threads from agent to agent."""

    def __init__(self, store: Store, *, team: Callable[[], Team], clock: Clock) -> None:
        """Give threads of `store` to agents of `team`."""
        self._store = store
        self._team = team
        self._clock = clock
        self._listeners: list[Happened] = []

    def on_happened(self, listener: Happened) -> None:
        """Tell the listener of each hand-off, once it is stored."""
        self._listeners.append(listener)

    async def happened(self, over: HandOver) -> None:
        """A hand-off is stored: let the agent that has the thread now begin."""
        handoff = over.handoff
        log.info(
            "handoff.happened",
            extra={"from": handoff.giver, "to": handoff.taker, "depth": len(handoff.chain)},
        )
        for listener in self._listeners:
            await listener(over)

    # ---- by an agent

    def require(
        self,
        agent: AgentName,
        wish: HandTo,
        *,
        chain: Sequence[AgentName],
        requester: Principal,
    ) -> HandTo:
        """The wish, where that agent may hand that over as things are now.

        Raises:
            Refused: it may not; says why, for the model.
        """
        team = self._team()
        # Also as the turn ends, when it happens: the right may have been lost since the call.
        if not permits(team, requester, Action.HAND_OFF):
            raise Refused("Whoever asked for this may not have it handed over.")
        _require_words(wish)
        taker = self._reached(agent, wish.to)
        had = (*chain, agent)
        if taker in had:
            way = " → ".join(had)
            raise Refused(f"{taker} had this already ({way}).", hint="Answer, or say what is open.")
        if len(had) > DEEPEST:
            raise Refused(
                f"This was handed over {len(chain)} times, and {DEEPEST} is the most.",
                hint="Answer with what you have.",
            )
        return HandTo(to=taker, task=wish.task.strip(), context=wish.context.strip())

    def _reached(self, agent: AgentName, written: str) -> AgentName:
        team = self._team()
        giver, taker = team.agent(agent), _named(team, written)
        reach = giver.hands_to if giver is not None else ()
        hint = f"You may hand over to: {', '.join(reach) or 'nobody'}."
        if taker is None:
            raise Refused(f"There is no agent {written[:40]!r}.", hint=hint)
        if taker.name == agent:
            raise Refused("You are that agent: nobody hands anything to themselves.", hint=hint)
        if taker.name not in reach:
            raise Refused(f"You may not hand anything over to {taker.name}.", hint=hint)
        return taker.name

    async def end(
        self, turn: Turn, agent: AgentName, entries: Sequence[Entry], ending: Ending
    ) -> EndedByTool:
        """What the end of a turn says, and what happens with it.

        Raises:
            Refused: it cannot be handed over any more.
        """
        if ending.hands is None:
            return await self._done(turn, agent, entries, ending.outcome)
        wish = self.require(agent, ending.hands, chain=turn.chain, requester=turn.requester)
        if turn.thread is not None and await self._has_left(turn, turn.thread):
            raise Refused(
                f"Somebody gave this thread to another agent meanwhile, so I did not hand it to "
                f"{wish.to}."
            )
        handoff = Handoff(
            conversation=next_conversation(turn.id),
            before=turn.conversation,
            thread=turn.thread,
            giver=agent,
            taker=wish.to,
            task=wish.task,
            context=wish.context if turn.thread is None else "",
            requester=turn.requester,
            chain=(*turn.chain, agent),
            at=self._clock.now(),
        )
        over = HandOver(
            handoff=handoff,
            opening=(self._opening(handoff, turn.id, entries),),
            wakes=None if turn.thread is None else _wakes(turn.thread, handoff, turn, wish),
        )
        return EndedByTool(_card(handoff, wish), over)

    async def _has_left(self, turn: Turn, thread: ThreadRef) -> bool:
        """Whether somebody gave the thread to another agent while the turn was under way."""
        return await self._store.conversations.bound(thread) != turn.conversation

    async def _done(
        self, turn: Turn, agent: AgentName, entries: Sequence[Entry], outcome: str
    ) -> EndedByTool:
        """A task is done: a thread that was handed over for it goes back to who gave it."""
        handoff = await self._store.handoffs.of(turn.conversation)
        if handoff is None or not handoff.task or turn.thread is None:
            return EndedByTool(outcome)
        giver = self._team().agent(handoff.giver)
        bound = await self._store.conversations.bound(turn.thread)
        if giver is None or bound != turn.conversation:
            return EndedByTool(outcome)
        before = await self._store.conversations.entries(handoff.before)
        back = Handoff(
            conversation=next_conversation(turn.id),
            before=turn.conversation,
            thread=turn.thread,
            giver=agent,
            taker=giver.name,
            requester=turn.requester,
            at=self._clock.now(),
        )
        said = Entry(role=Role.ASSISTANT, text=outcome, at=back.at, turn=turn.id)
        opening = self._opening(back, turn.id, [*before, *entries, said])
        text = f"{outcome}\n\n_{agent} is done with this; {giver.name} has the thread again._"
        return EndedByTool(text, HandOver(handoff=back, opening=(opening,)))

    def _opening(self, handoff: Handoff, turn: TurnId, entries: Sequence[Entry]) -> Entry:
        """What was said before, bounded: the first thing that the next agent sees."""
        said = extract(entries, limit=_CARRIED) or "Nothing."
        files = files_of(entries)
        return Entry(
            role=Role.SUMMARY,
            text=f"{handoff.giver} had this conversation before you. What was said, shortened:\n"
            f"{said}{listed(files)}",
            at=self._clock.now(),
            turn=turn,
            files=files,
        )

    # ---- by a person

    async def who(self, thread: ThreadRef) -> tuple[AgentName, Handoff | None]:
        """The agent that has the thread, and how it came to it (None: it had it from the start)."""
        bound = await self._store.conversations.bound(thread)
        found = await self._store.conversations.get(bound) if bound is not None else None
        if found is None:
            return self._first(thread), None
        handoff = await self._store.handoffs.of(found.id)
        known = self._team().agent(found.agent)
        return (known or self._team().agents[0]).name, handoff

    async def way(self, thread: ThreadRef) -> list[Handoff]:
        """How the thread came to the agent that has it, the latest hand-off first."""
        found: list[Handoff] = []
        at = await self._store.conversations.bound(thread)
        while at is not None and len(found) < _LINKS:
            handoff = await self._store.handoffs.of(at)
            if handoff is None:
                break
            found.append(handoff)
            at = handoff.before
        return found

    async def move(self, thread: ThreadRef, written: str, by: Principal, *, key: str) -> Handoff:
        """Give the thread to the agent that a person names; the same `key` does it once.

        Raises:
            Refused: there is no such agent, it has the thread, or it is not for them to decide.
        """
        if done := await self._store.handoffs.of(_of_person(key)):
            return done
        team = self._team()
        taker = _named(team, written)
        if taker is None:
            known = ", ".join(agent.name for agent in team.agents)
            raise Refused(f"There is no agent “{written[:40]}”.", hint=f"There are: {known}.")
        giver, _ = await self.who(thread)
        return await self._give(thread, giver, taker, by, key=key)

    async def back(self, thread: ThreadRef, by: Principal, *, key: str) -> Handoff:
        """Give the thread back to the agent that had it before; the same `key` does it once.

        Raises:
            Refused: no other agent had it.
        """
        if done := await self._store.handoffs.of(_of_person(key)):
            return done
        agent, handoff = await self.who(thread)
        if handoff is None:
            raise Refused(f"{agent} has had this thread from the start.")
        giver = self._team().agent(handoff.giver)
        if giver is None:
            raise Refused(
                f"{handoff.giver}, which had it before, is no agent of the team any more.",
                hint="/handoff to AGENT gives it to another.",
            )
        return await self._give(thread, agent, giver, by, key=key, earlier=handoff.before)

    async def busy(self, handoff: Handoff) -> bool:
        """Whether the agent that gave the thread does something in it still, or waits."""
        going = (TurnState.RUNNING, TurnState.WAITING)
        works = await self._store.stops.under_way()
        return any(w.turn.conversation == handoff.before and w.state in going for w in works)

    def within_reach(self, thread: ThreadRef, giver: AgentName, written: str) -> bool:
        """Whether the agent that has the thread could hand it there, or it began with that one."""
        team = self._team()
        taker, has = _named(team, written), team.agent(giver)
        if taker is None:
            return True  # which is what is said then
        reach = has.hands_to if has is not None else ()
        return taker.name in (*reach, self._first(thread))

    async def _give(
        self,
        thread: ThreadRef,
        giver: AgentName,
        taker: Agent,
        by: Principal,
        *,
        key: str,
        earlier: ConversationId | None = None,
    ) -> Handoff:
        if taker.name == giver:
            raise Refused(f"{giver} has this thread already.")
        before = await self._store.conversations.bind(thread, giver)
        entries = await self._store.conversations.entries(before)
        if earlier is not None:
            entries = [*await self._store.conversations.entries(earlier), *entries]
        handoff = Handoff(
            conversation=_of_person(key),
            before=before,
            thread=thread,
            giver=giver,
            taker=taker.name,
            requester=by,
            by=by,
            at=self._clock.now(),
        )
        turn = TurnId(derived("by-hand", key))
        over = HandOver(handoff=handoff, opening=(self._opening(handoff, turn, entries),))
        if not await self._store.handoffs.record(over):
            raise Refused("The thread moved just now.", hint="/handoff show tells who has it.")
        await self.happened(over)
        return handoff

    def _first(self, thread: ThreadRef) -> AgentName:
        """The agent that a thread of that channel begins with."""
        team = self._team()
        rule = team.rule_of(thread.channel)
        return rule.agent if rule is not None else team.agents[0].name


def instruction_of(handoff: Handoff) -> str:
    """What the next agent of a run is told to do: the words of the agent that had it."""
    line = handed_line(Handed(chain=handoff.chain, context=handoff.context))
    return f"{handoff.task}\n\n{line}"


def _of_person(key: str) -> ConversationId:
    return ConversationId(derived("handed-by-hand", key))


def _named(team: Team, written: str) -> Agent | None:
    name = written.strip().removeprefix("@").casefold()
    return next((agent for agent in team.agents if agent.name.casefold() == name), None)


def _require_words(wish: HandTo) -> None:
    if not wish.task.strip():
        raise Refused("The task is empty: say what the other agent is to do.")
    for what, text, most in (
        ("task", wish.task, LONGEST_TASK),
        ("context", wish.context, LONGEST_CONTEXT),
    ):
        if len(text) > most:
            raise Refused(f"The {what} has {len(text):,} characters, and {most:,} is the most.")


def _wakes(thread: ThreadRef, handoff: Handoff, turn: Turn, wish: HandTo) -> Received:
    """The message that the next agent begins with: before what people wrote meanwhile."""
    return Received(
        id=handed_row_of(turn.id),
        lane=Lane.TURN,
        inbound=Inbound(
            event_key=handing_key(turn.id),
            thread=thread,
            sender=turn.requester,
            body=Message(
                text=wish.task,
                message_id=MessageId(""),
                handed=Handed(chain=handoff.chain, context=wish.context),
            ),
            sent_at=handoff.at,
        ),
        received_at=handoff.at,
    )


def _card(handoff: Handoff, wish: HandTo) -> str:
    """What people see in the thread: who has it now, and what for."""
    parts = [f"**{handoff.giver} handed this to {handoff.taker}**", _fence(wish.task, _TASK_SHOWN)]
    if wish.context:
        parts += ["With this context:", _fence(wish.context, _CONTEXT_SHOWN)]
    parts.append(
        f"{handoff.taker} goes on here. `/handoff back` gives it back to {handoff.giver}, "
        "`/handoff show` shows the way."
    )
    return "\n".join(parts)


def _fence(text: str, most: int) -> str:
    shown = fenced_text(text)
    rest = len(shown) - most
    return f"```\n{shown[:most]}\n```" + (f"\n{rest} more characters." if rest > 0 else "")
