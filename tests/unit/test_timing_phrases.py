"""The words for times: what each form means, and what is refused and why."""

import subprocess
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from adapters.timing.timetable import CronsimTimetable
from runtime.errors import NotATime, Refused
from runtime.model.schedule import WhenKind

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 18, 15, 30, tzinfo=NEW_YORK).astimezone(UTC)
"""A Wednesday afternoon."""
TIMETABLE = CronsimTimetable()


def cron(said: str) -> str:
    return TIMETABLE.read(said, now=NOW, zone="America/New_York").cron


def once(said: str, now: datetime = NOW) -> str:
    at = TIMETABLE.read(said, now=now, zone="America/New_York").at
    assert at is not None
    return f"{at.astimezone(NEW_YORK):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        # intervals
        ("every minute", "* * * * *"),
        ("every 15 minutes", "*/15 * * * *"),
        ("every 15 min", "*/15 * * * *"),
        ("every 15m", "*/15 * * * *"),
        ("every fifteen minutes", "*/15 * * * *"),
        ("every half hour", "*/30 * * * *"),
        ("every half an hour", "*/30 * * * *"),
        ("every quarter of an hour", "*/15 * * * *"),
        ("every 120 seconds", "*/2 * * * *"),
        ("hourly", "0 * * * *"),
        ("every hour", "0 * * * *"),
        ("every 60 minutes", "0 * * * *"),
        ("every other hour", "0 */2 * * *"),
        ("every 2 hours", "0 */2 * * *"),
        ("every 120 minutes", "0 */2 * * *"),
        ("Every 12 Hours", "0 */12 * * *"),
        # between hours, on some days
        ("every 15 minutes on weekdays", "*/15 * * * 1-5"),
        ("every hour weekends", "0 * * * 6,0"),
        ("every 15 minutes from monday to friday", "*/15 * * * 1-5"),
        ("every hour on monday and thursday", "0 * * * 1,4"),
        ("every 30 minutes on sundays", "*/30 * * * 0"),
        ("every hour from 9 to 17", "0 9-17 * * *"),
        ("hourly from 9am to 5 pm", "0 9-17 * * *"),
        ("every hour from 9 to 17 on weekdays", "0 9-17 * * 1-5"),
        ("every 2 hours on weekdays from 9:00 to 17:00", "0 9-17/2 * * 1-5"),
        ("every 15 minutes between 9 and 17", "*/15 9-16 * * *"),
        ("every 15 minutes, but only on weekdays, from 9 to 17", "*/15 9-16 * * 1-5"),
        ("every 20 minutes from 9-17", "*/20 9-16 * * *"),
        ("every 15 minutes from noon to midnight", "*/15 12-23 * * *"),
        # days
        ("daily at 17:00", "0 17 * * *"),
        ("every day at noon", "0 12 * * *"),
        ("every day at midnight", "0 0 * * *"),
        ("each day at 9", "0 9 * * *"),
        ("every day at 9am", "0 9 * * *"),
        ("every day at 9 a.m.", "0 9 * * *"),
        ("every day at 12am", "0 0 * * *"),
        ("every day at 12 pm", "0 12 * * *"),
        ("every day at 9 o\u2019clock", "0 9 * * *"),
        ("every day @ 9:15", "15 9 * * *"),
        ("every day 9:15", "15 9 * * *"),
        ("every day at 9.15", "15 9 * * *"),
        ("every day at 9h15", "15 9 * * *"),
        ("every day at 9 and 17", "0 9,17 * * *"),
        ("every day at 9 & 17", "0 9,17 * * *"),
        ("every day at 9:30, 12:30 and 17:30", "30 9,12,17 * * *"),
        ("every day at 9am, noon, & 5pm", "0 9,12,17 * * *"),
        ("every monday&thursday at 9&17", "0 9,17 * * 1,4"),
        ("every day at 9 in the evening", "0 21 * * *"),
        ("every day at 9 in the morning", "0 9 * * *"),
        ("every day at 10 at night", "0 22 * * *"),
        ("every morning at 8", "0 8 * * *"),
        ("every evening at 6", "0 18 * * *"),
        ("every night at 12", "0 0 * * *"),
        ("every evening at 12", "0 0 * * *"),
        ("every friday night at 11", "0 23 * * 5"),
        ("every night at 2", "0 2 * * *"),
        ("nightly at 11", "0 23 * * *"),
        ("at 8:30 every weekday", "30 8 * * 1-5"),
        ("9am every day", "0 9 * * *"),
        # days of the week
        ("every weekday at 8:30", "30 8 * * 1-5"),
        ("weekdays at 8:30", "30 8 * * 1-5"),
        ("on weekdays at 8:30", "30 8 * * 1-5"),
        ("every workday at 8:30", "30 8 * * 1-5"),
        ("every weekday morning at 8:30", "30 8 * * 1-5"),
        ("weekends at 10", "0 10 * * 6,0"),
        ("every monday at 9am", "0 9 * * 1"),
        ("mondays at 9", "0 9 * * 1"),
        ("on mondays at 9", "0 9 * * 1"),
        ("every Sunday evening at 7", "0 19 * * 0"),
        ("every monday and thursday at 9", "0 9 * * 1,4"),
        ("mondays, wednesdays, and fridays at 9", "0 9 * * 1,3,5"),
        ("monday to friday at 9", "0 9 * * 1-5"),
        ("Mon\u2013Fri 9:00", "0 9 * * 1-5"),
        ("every monday through sunday at 9", "0 9 * * 1-7"),
        ("friday to monday at 9", "0 9 * * 5-7,1"),
        # days of the month and of the year
        ("on the 1st of the month at 9:00", "0 9 1 * *"),
        ("the 1st of every month at 9", "0 9 1 * *"),
        ("on the 1st and 15th of each month at 9", "0 9 1,15 * *"),
        ("every month on the 15th at 8am", "0 8 15 * *"),
        ("monthly on the 15 at 8am", "0 8 15 * *"),
        ("on the last day of the month at 18:00", "0 18 L * *"),
        ("the first day of the month at 9", "0 9 1 * *"),
        ("the first monday of the month at 9", "0 9 * * 1#1"),
        ("every second monday of the month at 9", "0 9 * * 1#2"),
        ("on the 3rd sunday of every month at 9", "0 9 * * 0#3"),
        ("every last friday of the month at 16:00", "0 16 * * 5L"),
        ("every year on 1 march at 9", "0 9 1 3 *"),
        ("march 1st every year at 9", "0 9 1 3 *"),
        ("every december 24th at 12:00", "0 12 24 12 *"),
        # cron
        ("@daily", "0 0 * * *"),
        ("@Hourly", "0 * * * *"),
        ("0 9 * * mon-sun", "0 9 * * mon-sun"),
        ("  30   8 * *  1-5 ", "30 8 * * 1-5"),
        ("0 9 L * *", "0 9 L * *"),
        ("0 0 29 2 *", "0 0 29 2 *"),
        ("5 4 3 2 1", "5 4 3 2 1"),
    ],
)
def test_words_that_repeat(said: str, meant: str) -> None:
    assert cron(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        # so much later
        ("in 2 hours", "2026-11-18 17:30"),
        ("in two hours", "2026-11-18 17:30"),
        ("in 2h", "2026-11-18 17:30"),
        ("in 1h30m", "2026-11-18 17:00"),
        ("in 1 hour and 30 minutes", "2026-11-18 17:00"),
        ("in 1.5 hours", "2026-11-18 17:00"),
        ("in an hour", "2026-11-18 16:30"),
        ("in an hour and a half", "2026-11-18 17:00"),
        ("in half an hour", "2026-11-18 16:00"),
        ("in a quarter of an hour", "2026-11-18 15:45"),
        ("in 90 min", "2026-11-18 17:00"),
        ("in a couple of hours", "2026-11-18 17:30"),
        ("2 hours from now", "2026-11-18 17:30"),
        ("after 20 minutes", "2026-11-18 15:50"),
        ("in 3 days", "2026-11-21 15:30"),
        ("in a week", "2026-11-25 15:30"),
        ("in 2 months", "2027-01-18 15:30"),
        # a day and a time
        ("today at 17:00", "2026-11-18 17:00"),
        ("17:00 today", "2026-11-18 17:00"),
        ("tonight at 8", "2026-11-18 20:00"),
        ("8pm tonight", "2026-11-18 20:00"),
        ("tonight at midnight", "2026-11-19 00:00"),
        ("this evening at 12", "2026-11-19 00:00"),
        ("this night at 1", "2026-11-19 01:00"),
        ("tomorrow night at 1", "2026-11-20 01:00"),
        ("tomorrow night at midnight", "2026-11-20 00:00"),
        ("tomorrow night at 11", "2026-11-19 23:00"),
        ("tomorrow evening at 12", "2026-11-20 00:00"),
        ("friday night at 12", "2026-11-21 00:00"),
        ("friday night at 1", "2026-11-21 01:00"),
        ("friday at 12 at night", "2026-11-21 00:00"),
        ("friday at 1 at night", "2026-11-20 01:00"),
        ("wednesday night at 1", "2026-11-19 01:00"),
        ("next wednesday night at 1", "2026-11-26 01:00"),
        ("tuesday night at 1", "2026-11-25 01:00"),
        ("this evening at 7", "2026-11-18 19:00"),
        ("tomorrow at 9am", "2026-11-19 09:00"),
        ("tomorrow, 9:00", "2026-11-19 09:00"),
        ("noon tomorrow", "2026-11-19 12:00"),
        ("tomorrow morning at 9", "2026-11-19 09:00"),
        ("tomorrow at 7 in the evening", "2026-11-19 19:00"),
        ("the day after tomorrow at 9", "2026-11-20 09:00"),
        ("in 3 days at 9", "2026-11-21 09:00"),
        ("in two weeks at 9", "2026-12-02 09:00"),
        ("monday at 10", "2026-11-23 10:00"),
        ("next monday 10:00", "2026-11-23 10:00"),
        ("on friday at 15:00", "2026-11-20 15:00"),
        ("this friday afternoon at 3", "2026-11-20 15:00"),
        ("wednesday at 16:00", "2026-11-18 16:00"),
        ("wednesday at 15:00", "2026-11-25 15:00"),
        ("next wednesday at 16:00", "2026-11-25 16:00"),
        # only a time
        ("15:45", "2026-11-18 15:45"),
        ("at 15:00", "2026-11-19 15:00"),
        ("9am", "2026-11-19 09:00"),
        ("noon", "2026-11-19 12:00"),
        ("at 5 in the afternoon", "2026-11-18 17:00"),
        # dates
        ("2026-12-01 14:00", "2026-12-01 14:00"),
        ("2026-12-01 at 2pm", "2026-12-01 14:00"),
        ("2026-12-01T14:00", "2026-12-01 14:00"),
        ("2026-12-01T14:00Z", "2026-12-01 09:00"),
        ("2026-12-01T14:00:00+01:00", "2026-12-01 08:00"),
        ("2026-12-01 14:00 Europe/Berlin", "2026-12-01 08:00"),
        ("1 December 2026 at 14:00", "2026-12-01 14:00"),
        ("the 1st of December at 14:00", "2026-12-01 14:00"),
        ("Dec 1, 2026, 2pm", "2026-12-01 14:00"),
        ("Tuesday, December 1 at 14:00", "2026-12-01 14:00"),
        ("1.12.2026 14:00", "2026-12-01 14:00"),
        ("1 march at 9", "2027-03-01 09:00"),
        ("18 november at 17:00", "2026-11-18 17:00"),
        ("18 november at 9:00", "2027-11-18 09:00"),
        ("29 february at 9:00", "2028-02-29 09:00"),
        ("may 5 at 9", "2027-05-05 09:00"),
    ],
)
def test_words_that_mean_one_moment(said: str, meant: str) -> None:
    assert once(said) == meant


@pytest.mark.parametrize(
    ("said", "now", "meant"),
    [
        # The clocks go back on Sunday, 1 November 2026, at 02:00, and forward on 14 March 2027.
        ("tomorrow at 9am", "2026-10-31 12:00", "2026-11-01 09:00"),
        ("in 24 hours", "2026-10-31 12:00", "2026-11-01 11:00"),
        ("in 1 day", "2026-10-31 12:00", "2026-11-01 12:00"),
        ("tomorrow at 1:30", "2026-10-31 12:00", "2026-11-01 01:30"),
        ("tomorrow at 2:30", "2027-03-13 12:00", "2027-03-14 03:00"),
        ("in 2 hours", "2027-03-14 01:00", "2027-03-14 04:00"),
        ("in 1 day", "2027-03-13 02:30", "2027-03-14 03:00"),
        # Said in the night itself.
        ("saturday night at 1", "2026-11-22 00:30", "2026-11-22 01:00"),
        ("saturday night at 1", "2026-11-22 01:30", "2026-11-29 01:00"),
        ("next saturday night at 1", "2026-11-22 00:30", "2026-11-29 01:00"),
    ],
)
def test_a_moment_across_a_change_of_the_clocks(said: str, now: str, meant: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=NEW_YORK).astimezone(UTC)
    assert once(said, at) == meant


@pytest.mark.parametrize(
    ("said", "because"),
    [
        ("every 7 minutes", "does not fit evenly"),
        ("every 90 minutes", "does not fit evenly"),
        ("every 5 hours", "does not fit evenly"),
        ("every 24 hours", "does not fit evenly"),
        ("every 0 minutes", "more than once a minute"),
        ("every second", "more than once a minute"),
        ("every 3 days at 9", "cannot be kept"),
        ("every other day at 9", "cannot be kept"),
        ("every 2 weeks", "cannot be kept"),
        ("every second monday at 9", "cannot be kept"),
        ("every 15 minutes at 9", "cannot be kept"),
        ("every day", "At what time of day"),
        ("mondays", "At what time of day"),
        ("monday", "At what time of day"),
        ("tomorrow", "At what time of day, tomorrow"),
        ("1 december", "At what time of day"),
        ("every week", "On which day"),
        ("weekly at 9", "On which day"),
        ("monthly", "On which day"),
        ("monday and thursday at 9", "Once, or every week"),
        ("tomorrow at 9 and 10", "more than one time"),
        ("in 10 minutes & 20 minutes", "more than one time"),
        ("in 10 minutes and 20 minutes", "more than one time"),
        ("in 1 hour, 2 hours", "more than one time"),
        ("in 30 minutes and 2 hours", "more than one time"),
        ("10 minutes and 20 minutes from now", "more than one time"),
        ("every day at 9:30 and 17", "cannot be kept as one"),
        ("every day at 25:00", "is no time of day"),
        ("every day at 9:61", "is no time of day"),
        ("tomorrow at 13pm", "is no time of day"),
        ("on the 32nd of the month at 9", "“32” is no day of the month"),
        ("31 june at 9", "no such day"),
        ("2026-02-30 10:00", "no such day"),
        ("2027-13-01 10:00", "no such day"),
        ("2027-00-10T10:00", "no such day"),
        ("31.11.2027 10:00", "no such day"),
        ("0001-01-01 00:00", "in the past"),
        ("9999-12-30 23:59", "more than fifty years"),
        ("9999-12-31 23:59", "too far away"),
        ("31 december 9999 at 23:59", "too far away"),
        ("2026-12-01T25:00Z", "no such time"),
        ("12/1/2026 14:00", "one day in Europe and another in America"),
        ("this morning at 9", "in the past"),
        ("today at 15:30", "in the past"),
        ("2 hours ago", "in the past"),
        ("an hour ago", "in the past"),
        ("last friday at 9", "in the past"),
        ("in 0 minutes", "“in 0 minutes” is now"),
        ("the 15th at 9", "“the 15th” of which month"),
        ("on the 15th", "“the 15th” of which month"),
        ("tuesday 23 november at 9", "23 November 2026 is a Monday"),
        ("monday 2026-11-24 9:00", "24 November 2026 is a Tuesday"),
        ("every friday night at 1", "is after midnight, and so on the next day"),
        ("every friday evening at 12", "is after midnight, and so on the next day"),
        ("every friday night at 11 and 1", "is after midnight, and so on the next day"),
        ("every 7 minutes on weekdays", "does not fit evenly"),
        ("every 15 minutes from 9:30 to 17", "“from 9:30 to 17” is not from one full hour"),
        ("every hour from 9 to 5", "“from 9 to 5” is not from one full hour"),
        ("every hour from 22 to 6", "“from 22 to 6” is not from one full hour"),
        ("every hour from 9 to midnight", "“from 9 to midnight” is not from one full hour"),
        ("every hour from 9 to 25", "is no time of day"),
        (
            "every hour from 1 to 5pm",
            "“from 1 to 5pm” may begin in the morning or in the afternoon",
        ),
        ("every 15 minutes between 8 and 10 pm", "may begin in the morning or in the afternoon"),
        ("every day at 9 utc+2", "“utc.2” does not say which time zone"),
        ("in 30 seconds", "kept to the minute"),
        ("2999-01-01 10:00", "more than fifty years away"),
        ("in 9999 weeks at 9", "more than fifty years away"),
        ("tomorrow at 9am pst", "“pst” does not say which time zone"),
        ("tomorrow at 9am PST", "“PST” does not say which time zone"),
        ("every day at 9 Europe/Lodnon", "There is no time zone “Europe/Lodnon”"),
        ("61 8 * * *", "“61” is no minute"),
        ("0 24 * * *", "“24” is no hour"),
        ("0 9 0 * *", "“0” is no day of the month"),
        ("0 9 * 13 *", "“13” is no month"),
        ("0 9 * * 8", "“8” is no day of the week"),
        ("0 9 * * fri-mon", "“fri-mon” is no day of the week"),
        ("0 9 ? * mon", "“[?]” is no day of the month"),
        ("0 9 * *", "has 4 fields"),
        ("*", "has 1 field, not five"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("3.5", "could mean many times"),
    ],
)
def test_what_was_understood_and_cannot_be_kept_is_refused(said: str, because: str) -> None:
    with pytest.raises(Refused, match=because) as refused:
        TIMETABLE.read(said, now=NOW, zone="America/New_York")
    assert not isinstance(refused.value, NotATime)


@pytest.mark.parametrize(
    ("said", "example"),
    [
        ("every week", "every monday at 9:00"),
        ("weekly at 9", "every monday at 9:00"),
        ("every month", "on the 1st of the month at 9:00"),
        ("yearly", "every year on 1 march at 9:00"),
        ("every year on 30 february at 9:00", "the last day of the month at 9:00"),
        ("0 9 30 2 *", "0 9 L * *"),
    ],
)
def test_what_lacks_its_day_is_refused_with_an_example_of_its_kind(said: str, example: str) -> None:
    with pytest.raises(Refused) as refused:
        TIMETABLE.read(said, now=NOW, zone="America/New_York")
    assert f": {example}." in refused.value.hint
    assert TIMETABLE.read(example, now=NOW, zone="America/New_York").kind is WhenKind.CRON


@pytest.mark.parametrize(
    ("said", "example"),
    [
        ("tonight", "tonight at 22:00"),
        ("this evening", "this evening at 20:00"),
        ("friday afternoon", "friday afternoon at 15:00"),
        ("tomorrow", "tomorrow at 9:00"),
    ],
)
def test_a_day_without_its_time_is_refused_with_one_that_fits(said: str, example: str) -> None:
    with pytest.raises(Refused) as refused:
        TIMETABLE.read(said, now=NOW, zone="America/New_York")
    assert refused.value.hint == f"For example: {example}."
    assert TIMETABLE.read(example, now=NOW, zone="America/New_York").kind is WhenKind.ONCE


@pytest.mark.parametrize(
    ("said", "now", "second"),
    [
        ("1:45", "2026-11-01T05:50+00:00", True),  # 01:50, the first time
        ("1:45", "2026-11-01T06:10+00:00", True),  # 01:10, the second time
        ("today at 1:45", "2026-11-01T06:10+00:00", True),
        ("1:45", "2026-11-01T05:10+00:00", False),
        ("1 november at 1:45", "2026-11-01T06:10+00:00", True),
    ],
)
def test_of_a_time_that_comes_twice_it_is_the_first_still_to_come(
    said: str, now: str, *, second: bool
) -> None:
    at = TIMETABLE.read(said, now=datetime.fromisoformat(now), zone="America/New_York").at
    assert at == datetime(2026, 11, 1, 6 if second else 5, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("*/15 * * * *", "every 15 minutes"),
        ("*/7 * * * *", "every seventh minute of every hour"),
        ("*/15 9-16 * * 1-5", "every 15 minutes from 09:00 through 16:59 on Monday through Friday"),
        ("*/30 * * * 6,0", "every 30 minutes on Saturday and Sunday"),
        ("*/15 */2 * * *", "every 15th minute past every second hour"),
        ("0 */12 * * *", "every 12 hours, from midnight"),
        ("0 */2 * * 1-5", "every 2 hours, from midnight, on Monday through Friday"),
        ("0 */5 * * *", "at minute 0 past every fifth hour"),
        ("0 9-17 * * 1-5", "every hour from 09:00 through 17:00 on Monday through Friday"),
        ("0 9-18/2 * * *", "every 2 hours from 09:00 through 17:00"),
        ("0 * * * *", "at the start of every hour"),
        ("* * * * *", "every minute"),
    ],
)
def test_a_repetition_is_told_as_people_say_it(expression: str, words: str) -> None:
    when = TIMETABLE.read(expression, now=NOW, zone="America/New_York")
    assert TIMETABLE.describe(when) == words


def test_a_day_that_no_month_has_is_named_as_it_was_written() -> None:
    for said in ("every year on 30 february at 9:00", "0 9 30 2 *", "30 February every year at 9"):
        with pytest.raises(Refused) as refused:
            TIMETABLE.read(said, now=NOW, zone="America/New_York")
        assert f"“{said}” never comes: no month named there has that day." == refused.value.message


@pytest.mark.parametrize(
    "said",
    [
        "every",
        "at",
        "in",
        "in hours",
        "every full moon at 9",
        "every day at",
        "next week",
        "@reboot",
        "write ideas at 9 and 10",
        "every day at 9 report what happened 2 hours ago",
        "every day at 9 check src/main",
        "every day at 9 write about UTC",
        "every 15 minutes on monday blah friday",
        "every 15 minutes on the moon",
        "may I deploy",
        "sun mon tue wed thu",
        "every " + "9" * 5_000 + " minutes",
        "in " + "9" * 100 + " hours",
    ],
)
def test_sentences_that_only_contain_a_time_are_not_taken_for_one(said: str) -> None:
    with pytest.raises(NotATime):
        TIMETABLE.read(said, now=NOW, zone="America/New_York")


def test_a_zone_at_the_end_of_the_words_goes_before_the_other() -> None:
    when = TIMETABLE.read("every day at 9 Asia/Kolkata", now=NOW, zone="America/New_York")
    assert (when.cron, when.zone, when.said) == ("0 9 * * *", "Asia/Kolkata", "every day at 9")


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("Berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("Europe/Lodnon", "Europe/London"),
        ("America/Kolkata", "Asia/Kolkata"),
        ("PST", "Write an IANA name"),
        ("", "Write an IANA name"),
        ("x" * 10_000, "Write an IANA name"),
        ("../../etc/passwd", "Write an IANA name"),
        ("localtime", "Write an IANA name"),
    ],
)
def test_a_wrong_zone_is_refused_with_the_nearest_right_ones(wrong: str, near: str) -> None:
    with pytest.raises(Refused, match="There is no time zone") as refused:
        TIMETABLE.check_zone(wrong)
    assert near in refused.value.hint
    assert len(str(refused.value)) < 120


def test_what_looks_like_a_zone_behind_a_time_may_be_what_is_to_be_done() -> None:
    with pytest.raises(Refused, match="There is no time zone “client/server”") as refused:
        TIMETABLE.read("every day at 9 client/server", now=NOW, zone="UTC")
    assert refused.value.hint.endswith("put the time in quotes.")


def test_the_libraries_are_loaded_when_first_asked_and_not_before() -> None:
    program = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from adapters.timing.timetable import CronsimTimetable\n"
        "from adapters.timing.ticker import ApschedulerTicker\n"
        "late = {'dateparser', 'cronsim', 'apscheduler'}\n"
        "assert not late & set(sys.modules), late & set(sys.modules)\n"
        "read, now = CronsimTimetable().read, datetime(2026, 1, 1, tzinfo=UTC)\n"
        "read('0 8 * * *', now=now, zone='UTC')\n"
        "assert late & set(sys.modules) == {'cronsim'}\n"
        "read('in 3 hours', now=now, zone='UTC')\n"
        "assert late & set(sys.modules) == {'cronsim', 'dateparser'}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
