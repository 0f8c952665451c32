"""A person's own page: what they have scheduled, what waits for them, how to go on."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from gateway.commands.scheduletext import next_time, place
from gateway.commands.spelling import spelled
from runtime.access import may
from runtime.approvals.cards import short_id
from runtime.approvers import deciders, name_of
from runtime.clock import Clock
from runtime.errors import Permanent, Retryable
from runtime.facts import FactsReader
from runtime.ids import Platform
from runtime.model.access import Action
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import Approval, ApprovalState
from runtime.model.facts import DeskFacts
from runtime.model.home import HomePage, Prompt, Section
from runtime.model.localtime import show_distance, show_time
from runtime.model.meter import Meter, Period, Scope
from runtime.model.reminder import Reminder, ReminderState
from runtime.model.schedule import Schedule
from runtime.model.team import Member, Team
from runtime.money.amounts import at_most, show_amount, show_limit
from runtime.money.limits import LimitBook
from runtime.money.spenders import stamp_of, when_of
from runtime.ports import ChatPort, ShowsHome, Store
from runtime.text import clipped, verbatim

log = logging.getLogger("nightdesk.home")

PROMPTS = (
    Prompt(title="What happened overnight?", message="What ran overnight, and did anything fail?"),
    Prompt(title="What comes next?", message="What is scheduled for today?"),
    Prompt(title="What needs me?", message="Does anything wait for an approval?"),
    Prompt(title="Help", message="What can you do?"),
)
_MOST = 20
"""Lines of one list."""
_SHORT = 100
_HELP = (
    "Write to me here, or mention me in a channel and go on in the thread. `/help` shows the "
    "commands; in a thread write `!help`."
)


class Home:
    """Draws people's pages."""

    def __init__(
        self,
        store: Store,
        facts: FactsReader,
        chats: Mapping[Platform, ChatPort],
        limits: LimitBook,
        *,
        team: Callable[[], Team],
        clock: Clock,
    ) -> None:
        """Draw on those of `chats` that have such pages."""
        self._store = store
        self._facts = facts
        self._chats = chats
        self._limits = limits
        self._team = team
        self._clock = clock

    async def draw(self, who: Principal, thread: ThreadRef) -> None:
        """Draw the person's page as things are now. A platform that refuses it is only logged."""
        chat = self._chats.get(thread.platform)
        if chat is None or not isinstance(chat, ShowsHome):
            return
        page = await self.page(who)
        sections = tuple(
            replace(each, text=spelled(each.text, chat.limits, thread)) for each in page.sections
        )
        page = replace(page, sections=sections)
        try:
            await chat.show_home(page, who=who, thread=thread)
        except (Retryable, Permanent) as error:
            # It is drawn anew when it is opened again.
            log.warning("home.not_drawn", extra={"why": str(error)})

    async def page(self, who: Principal) -> HomePage:
        """The person's page."""
        team = self._team()
        member = team.member_of(who)
        people = member.principals if member else (who,)
        sections = [await self._reminders(people, team.zone_of(who))]
        if member is not None and may(member.role, Action.SCHEDULE_READ):
            facts = await self._facts.read(team, team.agents[0].name)
            asked = await self._approvals(member, team)
            sections = [await self._schedules(people, team), asked, *sections]
            if may(member.role, Action.BUDGET_READ):
                sections.append(await self._budget(facts, team))
        sections.append(Section(title="How to go on", text=_HELP))
        return HomePage(sections=tuple(sections), prompts=PROMPTS)

    async def _schedules(self, people: tuple[Principal, ...], team: Team) -> Section:
        mine = [each for each in await self._store.schedules.all() if each.made_by in people]
        now = self._clock.now()

        def line(schedule: Schedule) -> str:
            return (
                f"- **{schedule.number}** {verbatim(_short(schedule.instruction))}: "
                f"{schedule.when.said}, to {place(team, schedule.target)}, "
                f"{next_time(schedule, now=now)}"
            )

        text = _listed([line(schedule) for schedule in mine])
        none = "You have none. `/schedule create` makes one."
        return Section(title="Your schedules", text=text or none)

    async def _budget(self, facts: DeskFacts, team: Team) -> Section:
        """What the whole team may spend, and what is left of it."""
        limits, now = await self._limits.now(), self._clock.now()
        meters = [
            Meter(
                scope=Scope.ORGANISATION,
                subject="",
                period=period,
                stamp=stamp_of(period, now, team.zone),
            )
            for period in (Period.DAY, Period.MONTH)
        ]
        lines = []
        for balance in await self._store.ledger.balances(meters):
            limit = limits.of(balance.meter)
            if limit is not None:
                left = show_amount(at_most(max(0, limit - balance.taken)), facts.currency)
                when = when_of(balance.meter.scope, balance.meter.period)
                lines.append(f"- {left} of {show_limit(limit, facts.currency)} {when} left")
        spent = show_amount(facts.spent_micros, facts.currency)
        lines.append(f"- {spent} spent in the last 24 hours. `/budget` tells more.")
        return Section(title="Budget", text="\n".join(lines))

    async def _approvals(self, member: Member, team: Team) -> Section:
        """What waits for a person, this one's first, and how to look at it."""
        found = await self._store.approvals.unclear()
        found += await self._store.approvals.open()
        theirs = [one for one in found if member in deciders(team, one)]
        now = self._clock.now()

        def line(approval: Approval) -> str:
            asker = name_of(team, approval.requester)
            which = f"`/approve show {short_id(approval)}`"
            if approval.state is ApprovalState.UNKNOWN:
                return f"- **{approval.frozen.tool}** for {asker}, did it happen? {which}"
            left = show_distance(approval.expires_at - now)
            return f"- **{approval.frozen.tool}** for {asker}, expires {left}: {which}"

        lines = [line(one) for one in theirs]
        others = len(found) - len(theirs)
        if others:
            lines.append(f"{others} wait{'s' * (others == 1)} for other people.")
        return Section(title="Approvals", text=_listed(lines) or "Nothing waits for you.")

    async def _reminders(self, people: tuple[Principal, ...], zone: str) -> Section:
        found = await self._store.reminders.open_of(people)
        now = self._clock.now()

        def line(reminder: Reminder) -> str:
            if reminder.state is not ReminderState.WAITING or reminder.next_at is None:
                when = "you were reminded"
            else:
                at = show_time(reminder.next_at, zone, now=now)
                when = f"{show_distance(reminder.next_at - now)}, {at}"
            return f"- **{reminder.number}** {verbatim(_short(reminder.text))}: {when}"

        text = _listed([line(reminder) for reminder in found])
        return Section(
            title="Your reminders", text=text or "You have none. `/remind me` makes one."
        )


def _listed(lines: list[str]) -> str:
    more = [f"- and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return "\n".join([*lines[:_MOST], *more])


def _short(text: str) -> str:
    return clipped(" ".join(text.split()), _SHORT)
