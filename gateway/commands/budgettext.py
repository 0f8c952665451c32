"""What the commands of `budget` and `cost` say."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.commands.ports import Answer
from runtime.approvers import name_of
from runtime.model.budget import LimitChange
from runtime.model.localtime import MONTHS, show_time
from runtime.model.messages import Content
from runtime.model.meter import Balance, Period
from runtime.model.team import Team
from runtime.money.amounts import bare_amount, bare_limit, show_amount, show_limit
from runtime.money.spenders import end_of, when_of

_BAR = 10
_STEPS = " ▁▂▃▄▅▆▇█"
DAYS = 14
"""Days that the row of bars shows."""


def meter(label: str, balance: Balance, limit: int) -> str:
    """One meter as a line: a bar, the share, and the amounts."""
    share = 100 if not limit else min(100 * balance.taken // limit, 999)
    full = min(share * _BAR // 100, _BAR)
    bar = "▰" * full + "▱" * (_BAR - full)
    held = f", {bare_amount(balance.held)} held" if balance.held else ""
    amounts = f"{bare_amount(balance.spent)} of {bare_limit(limit)}"
    when = when_of(balance.meter.scope, balance.meter.period)
    return f"{bar} {share:3} %  {amounts} {when}{held}  {label}"


def forecast(month: Balance, limit: int | None, team: Team, *, now: datetime) -> str:
    """What the month will have cost at its end, if it goes on like this.

    On its first day, and where nothing was spent, what was so far and from when on more is said: a
    few hours, taken for a month, would be any number.
    """
    zone = ZoneInfo(team.zone)
    today, currency = now.astimezone(zone).date(), team.budget.currency
    second = today.replace(day=2)
    if not month.spent or today < second:
        sofar = f"{show_amount(month.spent, currency)} spent this month so far"
        once = [] if month.spent else ["once something is spent"]
        when = [f"from 2 {MONTHS[second.month - 1]} on"] if today < second else []
        return f"{sofar}. A forecast is given {', '.join([*once, *when])}."
    start = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = end_of(Period.MONTH, now, team.zone) or now
    passed, whole = (now - start) // timedelta(seconds=1), (end - start) // timedelta(seconds=1)
    expected = month.spent * whole // max(passed, 1)
    text = f"At this pace: {show_amount(expected, currency)} by the end of the month"
    if limit is None:
        return f"{text}."
    word = "above" if expected > limit else "within"
    return f"{text}, {word} the limit of {show_limit(limit, currency)}."


def days(found: Iterable[Balance], team: Team, *, now: datetime) -> str:
    """The last days as a row of bars, the highest for the dearest; empty where all cost nothing."""
    spent = {one.meter.stamp: one.spent for one in found}
    today = now.astimezone(ZoneInfo(team.zone)).date()
    stamps = [f"{today - timedelta(days=back):%Y-%m-%d}" for back in range(DAYS - 1, -1, -1)]
    row = [spent.get(stamp, 0) for stamp in stamps]
    most = max(row)
    if not most:
        return ""
    bars = "".join(_STEPS[-(-each * (len(_STEPS) - 1) // most)] for each in row)
    return (
        f"`{bars}` the last {DAYS} days, at most {show_amount(most, team.budget.currency)} in one"
    )


def changed(made: Sequence[LimitChange]) -> list[LimitChange]:
    """Those that changed anything.

    Beside a limit for one period alone, one that lasts may change and what holds now stay as it is.
    """
    once = {_whose(one) for one in made if one.stamp}
    return [one for one in made if _whose(one) in once or _became(one) != one.before]


def _whose(made: LimitChange) -> tuple[str, str, str]:
    return made.scope, made.subject, made.period


def _became(made: LimitChange) -> int | None:
    return made.base if made.micros is None else made.micros


def change(label: str, made: LimitChange, team: Team, *, now: datetime) -> str:
    """One line of the history."""
    currency = made.currency
    before = "none" if made.before is None else show_limit(made.before, currency)
    after = "the configuration's" if made.micros is None else show_limit(made.micros, currency)
    once = f", for {made.stamp} only" if made.stamp and made.period is not Period.FIRING else ""
    at = show_time(made.at, team.zone, now=now)
    by = name_of(team, made.by)
    when = when_of(made.scope, made.period)
    return f"- {at}: {label} {when}, from {before} to {after}{once}, by {by}"


def without_force(named: Sequence[tuple[str, LimitChange]], team: Team) -> str:
    """Which limits do not hold because they were set in another currency; empty for none."""
    if not named:
        return ""
    said = "; ".join(
        f"{label} {show_limit(made.micros or 0, made.currency)} {when_of(made.scope, made.period)}"
        for label, made in named
    )
    return (
        f"Set in another currency than {team.budget.currency}, so they do not hold: {said}. "
        "`/budget set` sets them again."
    )


def cost(label: str, months: Sequence[Balance], team: Team, *, now: datetime) -> str:
    """What something cost in all, this month and today's month among it."""
    if not any(one.calls or one.taken for one in months):
        return f"{label} called no model that was counted yet."
    currency = team.budget.currency
    this_month = f"{now.astimezone(ZoneInfo(team.zone)):%Y-%m}"
    total = sum(one.spent for one in months)
    held = sum(one.held for one in months)
    here = sum(one.spent for one in months if one.meter.stamp == this_month)
    tokens = sum(one.prompt_tokens + one.completion_tokens for one in months)
    lasting = months[0].meter.period is Period.MONTH
    parts = [f"**{label}: {show_amount(total, currency)}**"]
    if lasting:
        parts.append(f"{show_amount(here, currency)} of it this month")
    if held:
        parts.append(f"{show_amount(held, currency)} held for calls under way")
    calls = sum(one.calls for one in months)
    parts.append(f"{calls} call{'' if calls == 1 else 's'}, {tokens:,} tokens")
    return "; ".join(parts) + "."


def waited(answer: Answer) -> Answer:
    """The answer to a button of a card about money; the card then says what became of it."""
    face = Content(f"**It waited for money.** {answer.text}", ours=True)
    return replace(answer, updates=face)
