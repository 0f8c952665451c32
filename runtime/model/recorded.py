"""What the audit log records of each thing that happens: who, what and by which rule, by id.

Every store records with these, so that its twins record the same. What people and models wrote is
left out: instructions, answers, arguments, the reasons that people give. Arguments are there as
their digest, so that it can be shown later what it was that somebody allowed.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from runtime.ids import AgentName, ConversationId, InboxId, OutboxId, RunId, ScheduleId, TurnId
from runtime.model.address import ChannelRef, Principal
from runtime.model.approval import Approval, Grant, Vote
from runtime.model.audit import SHELL, SYSTEM, Actor, AuditEvent, AuditKind, by_agent, by_person
from runtime.model.budget import AlertId, AlertState, LimitChange
from runtime.model.events import ChannelChange
from runtime.model.handoff import Handoff
from runtime.model.member import Enrolment
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.schedule import Occurrence, OccurrenceState, Schedule, ScheduleState
from runtime.model.stop import Stop
from runtime.model.tools import Json, ToolCall
from runtime.model.turn import Turn, TurnState


def channel_name(channel: ChannelRef) -> str:
    """A channel, by ids."""
    return f"{channel.platform}/{channel.workspace}/{channel.channel}"


def whoever(who: Principal | None) -> Actor:
    """The person, or the system where nobody did it."""
    return by_person(who) if who is not None else SYSTEM


# ---- turns


def turn_started(turn: Turn, agent: str) -> AuditEvent:
    """A turn began: by a message, by a hand-off, or by the run that it is a part of."""
    body: dict[str, Json] = {"conversation": turn.conversation, "agent": agent}
    if turn.thread is None:
        body["trigger"] = "run"
    else:
        body["trigger"] = "handoff" if turn.chain else "message"
        if turn.chain:
            body["from"] = turn.chain[-1]
        body["channel"] = channel_name(turn.thread.channel)
    return AuditEvent(AuditKind.TURN_STARTED, by_person(turn.requester), turn.id, body)


def turn_ended(
    turn: TurnId, conversation: ConversationId, state: TurnState, model: str
) -> AuditEvent:
    """A turn answered, or gave up."""
    body: dict[str, Json] = {"conversation": conversation, "state": str(state)}
    if model:
        body["model"] = model
    return AuditEvent(AuditKind.TURN_ENDED, SYSTEM, turn, body)


def turn_stopped(turn: Turn, by: Principal | None) -> AuditEvent:
    """Somebody stopped a turn."""
    body: dict[str, Json] = {"conversation": turn.conversation}
    return AuditEvent(AuditKind.TURN_STOPPED, whoever(by), turn.id, body)


def stop_ordered(stop: Stop) -> AuditEvent:
    """Somebody stopped an agent, or everything."""
    return AuditEvent(AuditKind.STOP_ORDERED, by_person(stop.by), None, _stop(stop))


def stop_lifted(stop: Stop, by: Principal) -> AuditEvent:
    """Somebody let it go on."""
    return AuditEvent(AuditKind.STOP_LIFTED, by_person(by), None, _stop(stop))


def _stop(stop: Stop) -> dict[str, Json]:
    return {"stop": stop.id, "kind": stop.kind.value, "agent": stop.agent}


def handed_over(handoff: Handoff) -> AuditEvent:
    """A thread, or a run, came to another agent: by a person's word, or by its agent's."""
    actor = by_agent(handoff.giver) if handoff.by is None else by_person(handoff.by)
    body: dict[str, Json] = {
        "from": handoff.giver,
        "to": handoff.taker,
        "conversation": handoff.conversation,
        "before": handoff.before,
    }
    if handoff.thread is not None:
        body["channel"] = channel_name(handoff.thread.channel)
    return AuditEvent(AuditKind.TURN_HANDED_OVER, actor, None, body)


# ---- tools


def tool(
    kind: AuditKind, call: ToolCall, *, turn: TurnId, agent: AgentName, **more: Json
) -> AuditEvent:
    """An agent's call of a tool began, ended or was refused; `more` says by which rule, and how.

    The arguments are there as their digest, and only the name of a tool that there is.
    """
    arguments = hashlib.sha256(call.arguments.encode("utf-8", "surrogatepass")).hexdigest()
    body: dict[str, Json] = {"tool": call.name, "call": call.id, "arguments": arguments, **more}
    return AuditEvent(kind, by_agent(agent), turn, body)


def command(
    row: InboxId, did: str, who: Principal, channel: ChannelRef, *, refused: bool
) -> AuditEvent:
    """A person's command, button or form was carried out, or refused."""
    kind = AuditKind.COMMAND_REFUSED if refused else AuditKind.COMMAND_DONE
    body: dict[str, Json] = {"command": did, "channel": channel_name(channel), "row": row}
    return AuditEvent(kind, by_person(who), None, body)


# ---- approvals


def approval_asked(approval: Approval) -> AuditEvent:
    """An agent asked people."""
    body: dict[str, Json] = {
        **_asked(approval),
        "risk": approval.risk.value,
        "rule": approval.reason.partition("\n")[0],
        "needed": approval.needed,
        "requester": by_person(approval.requester),
        "state": approval.state.value,
    }
    if approval.replaces is not None:
        body["replaces"] = approval.replaces
    return AuditEvent(AuditKind.APPROVAL_ASKED, by_agent(approval.agent), approval.turn, body)


def approval_voted(approval: Approval, vote: Vote) -> AuditEvent:
    """A person said yes; the approval is as it is with that."""
    body: dict[str, Json] = {
        **_asked(approval),
        "state": approval.state.value,
        "votes": len(approval.votes),
        "needed": approval.needed,
    }
    return AuditEvent(AuditKind.APPROVAL_VOTED, by_person(vote.by), approval.turn, body)


def approval_moved(approval: Approval, refused: ChannelRef) -> AuditEvent:
    """That channel does not take its card, so it is asked elsewhere."""
    body: dict[str, Json] = {**_asked(approval), "channel": channel_name(refused)}
    return AuditEvent(AuditKind.APPROVAL_MOVED, SYSTEM, approval.turn, body)


def approval_changed(approval: Approval, by: Principal | None) -> AuditEvent:
    """Something else happened to it; the approval is as it is with that."""
    body: dict[str, Json] = {**_asked(approval), "state": approval.state.value}
    return AuditEvent(AuditKind.APPROVAL_CHANGED, whoever(by), approval.turn, body)


def _asked(approval: Approval) -> dict[str, Json]:
    return {
        "approval": approval.id,
        "tool": approval.frozen.tool,
        "digest": approval.digest,
        "call": approval.call,
    }


def grant_given(grant: Grant) -> AuditEvent:
    """A person allowed something for a time."""
    body: dict[str, Json] = {**_granted(grant), "until": grant.expires_at.isoformat()}
    return AuditEvent(AuditKind.GRANT_GIVEN, by_person(grant.given_by), None, body)


def grant_revoked(grant: Grant, by: Principal | None) -> AuditEvent:
    """A person ended that."""
    return AuditEvent(AuditKind.GRANT_REVOKED, whoever(by), None, _granted(grant))


def _granted(grant: Grant) -> dict[str, Json]:
    return {
        "grant": grant.number,
        "approval": grant.id,
        "agent": grant.agent,
        "tool": grant.frozen.tool,
        "varies": list(grant.varies),
        "digest": grant.digest,
    }


# ---- schedules


def schedule_made(schedule: Schedule) -> AuditEvent:
    """A schedule was stored."""
    when = schedule.when
    body: dict[str, Json] = {
        "schedule": schedule.id,
        "number": schedule.number,
        "agent": schedule.agent,
        "channel": channel_name(schedule.target.channel),
        "when": when.cron or (when.at.isoformat() if when.at else ""),
        "zone": when.zone,
    }
    return AuditEvent(AuditKind.SCHEDULE_MADE, by_person(schedule.made_by), None, body)


def schedule_changed(
    schedule: ScheduleId, was: ScheduleState, becomes: ScheduleState, by: Principal | None
) -> AuditEvent:
    """It was paused, resumed, deleted; or it ran out of times."""
    body: dict[str, Json] = {"schedule": schedule, "was": was.value, "becomes": becomes.value}
    return AuditEvent(AuditKind.SCHEDULE_CHANGED, whoever(by), None, body)


MOST_TOGETHER = 100
"""Schedules in one record, so that none is longer than a screen or two."""


def occurrences_claimed(occurrences: Iterable[Occurrence]) -> list[AuditEvent]:
    """Planned times that one claim wrote: what was missed first, then what came.

    Schedules that come at the same moment are one record, which names each with its run: a
    thousand can, and somebody waits for all of them until each has its record.
    """
    missed, come = list[AuditEvent](), dict[datetime, list[Occurrence]]()
    for one in occurrences:
        if one.state is OccurrenceState.MISSED or one.manual:
            missed.append(occurrence_claimed(one))
        else:
            come.setdefault(one.planned_at, []).append(one)
    groups = [
        together[start : start + MOST_TOGETHER]
        for together in come.values()
        for start in range(0, len(together), MOST_TOGETHER)
    ]
    return missed + [_fired(group) for group in groups]


def _fired(together: Sequence[Occurrence]) -> AuditEvent:
    """The same moment came for these."""
    if len(together) == 1:
        return occurrence_claimed(together[0])
    runs: dict[str, Json] = {one.run: one.schedule for one in together}
    body: dict[str, Json] = {"planned": together[0].planned_at.isoformat(), "runs": runs}
    return AuditEvent(AuditKind.SCHEDULE_FIRED, SYSTEM, None, body)


def occurrence_claimed(occurrence: Occurrence) -> AuditEvent:
    """A planned time came, or was missed."""
    missed = occurrence.state is OccurrenceState.MISSED
    kind = AuditKind.SCHEDULE_MISSED if missed else AuditKind.SCHEDULE_FIRED
    body: dict[str, Json] = {
        "schedule": occurrence.schedule,
        "planned": occurrence.planned_at.isoformat(),
    }
    if occurrence.manual:
        body["manual"] = True
    return AuditEvent(kind, SYSTEM, TurnId(occurrence.run), body)


def occurrence_ended(run: RunId, state: OccurrenceState) -> AuditEvent:
    """What a planned time began has ended."""
    return AuditEvent(AuditKind.SCHEDULE_ENDED, SYSTEM, TurnId(run), {"state": state.value})


# ---- messages


def message_unasked(item: OutboxItem) -> AuditEvent:
    """An agent's message went out that nobody had asked for just then."""
    body: dict[str, Json] = {"message": item.id, "channel": channel_name(item.thread.channel)}
    return AuditEvent(AuditKind.MESSAGE_UNASKED, SYSTEM, item.turn, body)


def message_settled(item: OutboxId, state: OutboxState) -> AuditEvent:
    """A message did not go out, and will not by itself."""
    dead = state is OutboxState.DEAD
    kind = AuditKind.MESSAGE_DEAD if dead else AuditKind.MESSAGE_WITHHELD
    return AuditEvent(kind, SYSTEM, None, {"message": item})


def message_retried(item: OutboxId) -> AuditEvent:
    """Somebody put a dead message in line again."""
    return AuditEvent(AuditKind.MESSAGE_RETRIED, SHELL, None, {"message": item})


def message_dropped(item: OutboxId) -> AuditEvent:
    """Somebody deleted a dead message."""
    return AuditEvent(AuditKind.MESSAGE_DROPPED, SHELL, None, {"message": item})


# ---- people and channels


def account_linked(who: Principal, anchor: Principal) -> AuditEvent:
    """A code linked an account to a member."""
    return AuditEvent(AuditKind.ACCOUNT_LINKED, by_person(who), None, {"member": by_person(anchor)})


def account_unlinked(who: Principal) -> AuditEvent:
    """An account was unlinked."""
    return AuditEvent(AuditKind.ACCOUNT_UNLINKED, by_person(who), None, {})


def member_changed(enrolment: Enrolment) -> AuditEvent:
    """Somebody was let in, let go, or given another role; by a one-time code, by themselves."""
    body: dict[str, Json] = {
        "member": by_person(enrolment.who),
        "role": enrolment.role.value if enrolment.role else "",
        "was": enrolment.was.value if enrolment.was else "",
    }
    return AuditEvent(AuditKind.MEMBER_CHANGED, by_person(enrolment.by), None, body)


def limit_changed(change: LimitChange) -> AuditEvent:
    """A person set a limit for money, in micro-units; none means the configuration's."""
    body: dict[str, Json] = {
        "scope": change.scope.value,
        "subject": change.subject,
        "period": change.period.value,
        "stamp": change.stamp,
        "limit": change.micros,
        "before": change.before,
    }
    return AuditEvent(AuditKind.BUDGET_CHANGED, by_person(change.by), None, body)


def alert_answered(alert: AlertId, state: AlertState, by: Principal) -> AuditEvent:
    """A person did something about a limit that was used up."""
    body: dict[str, Json] = {"alert": alert, "state": state.value}
    return AuditEvent(AuditKind.BUDGET_ANSWERED, by_person(by), None, body)


def channel_distrusted(channel: ChannelRef, change: ChannelChange) -> AuditEvent:
    """A platform told of a change, and nothing is posted there unasked any more."""
    body: dict[str, Json] = {"channel": channel_name(channel), "change": change.value}
    return AuditEvent(AuditKind.CHANNEL_DISTRUSTED, SYSTEM, None, body)


def channel_trusted(channel: ChannelRef, by: Principal | None) -> AuditEvent:
    """A person, or the end of a passing reason, had it trusted again."""
    body: dict[str, Json] = {"channel": channel_name(channel)}
    return AuditEvent(AuditKind.CHANNEL_TRUSTED, whoever(by), None, body)
