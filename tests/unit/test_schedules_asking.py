"""What a sentence leaves unsaid: which of its words are the time, and where results go."""

from dataclasses import replace

import pytest

from adapters.timing.timetable import CronsimTimetable
from runtime.asking import default_target, named_target, read_sentence, split_sentence
from runtime.errors import NotATime, Refused
from runtime.ids import MessageId
from tests.support.build import DM, OPS, QUIET, T0, team

TIMETABLE = CronsimTimetable()


def split(sentence: str) -> tuple[str, str]:
    asked = split_sentence(sentence, TIMETABLE, now=T0, zone="Europe/Berlin")
    return asked.when.said, asked.instruction


@pytest.mark.parametrize(
    ("sentence", "said", "instruction"),
    [
        ("every weekday at 8:30 write", "every weekday at 8:30", "write"),
        ("0 9 * * 1-5 write", "0 9 * * 1-5", "write"),
        ("in 2 hours 30 minutes check", "in 2 hours 30 minutes", "check"),
        ("every day at 9 and 17 look", "every day at 9 and 17", "look"),
        ("every day at 9 and look", "every day at 9", "look"),
        ("every day at 9, 17 and post it", "every day at 9, 17", "post it"),
        ("every day at 9 and then look", "every day at 9", "look"),
        ("every day at 9, look", "every day at 9", "look"),
        ("every day at 9: look, then tell", "every day at 9", "look, then tell"),
        ("tomorrow at 9: 10 am meeting notes", "tomorrow at 9", "10 am meeting notes"),
        ("in 10 minutes; 5pm call with Bob", "in 10 minutes", "5pm call with Bob"),
        ('"in 10 minutes" 5pm call with Bob', "in 10 minutes", "5pm call with Bob"),
        ('"in 10 minutes", 5pm call with Bob', "in 10 minutes", "5pm call with Bob"),
        ("“tomorrow at 9” and 5pm call", "tomorrow at 9", "and 5pm call"),
        ("every day at 9 plus points", "every day at 9", "plus points"),
        ("every day at 9 :wave:", "every day at 9", ":wave:"),
        ("every monday at 9 2 ideas", "every monday at 9", "2 ideas"),
        ("tomorrow at 9am", "tomorrow at 9am", ""),
        ("at 9 in the evening call", "at 9 in the evening", "call"),
        ("every day at 9 Europe/London call", "every day at 9", "call"),
        ("  hourly\n- look\n- tell", "hourly", "- look\n- tell"),
        ("noon tell me what happened 2 hours ago", "noon", "tell me what happened 2 hours ago"),
    ],
)
def test_the_longest_beginning_that_is_a_time_is_the_time(
    sentence: str, said: str, instruction: str
) -> None:
    assert split(sentence) == (said, instruction)


def test_a_time_that_cannot_be_kept_is_the_reason_and_not_the_words_around_it() -> None:
    with pytest.raises(Refused, match="more than once a minute"):
        split("every 10 seconds look at the queue")
    with pytest.raises(Refused, match="At what time of day"):
        split("every weekday write the briefing at length")


@pytest.mark.parametrize(
    ("sentence", "second"),
    [
        ("every monday at 9 and thursday at 17:00 write", "thursday at 17:00"),
        ("every monday at 9am, friday at 5pm write", "friday at 5pm"),
        ("tomorrow at 9, and every day at noon write", "every day at noon"),
        ("in 2 hours or tomorrow at 9 write", "tomorrow at 9"),
        ("every monday at 9 & thursday at 17 look", "thursday at 17"),
        ("every monday at 9 &thursday at 17 look", "thursday at 17"),
        ("every monday at 9 plus thursday at 17 look", "thursday at 17"),
        ("every monday at 9 as well as thursday at 17 look", "thursday at 17"),
        ("every monday at 9, and then thursday at 17 look", "thursday at 17"),
        ("every monday at 9 Then thursday at 17 look", "thursday at 17"),
    ],
)
def test_a_second_time_is_not_taken_for_what_to_do(sentence: str, second: str) -> None:
    with pytest.raises(Refused, match=f"“{second}” is a second time") as refused:
        split(sentence)
    assert "Ask for each time by itself." in refused.value.hint
    assert f'" {second} …' in refused.value.hint


@pytest.mark.parametrize(
    ("sentence", "limit"),
    [
        ("every day at 9 from 9 to 17 look", "from 9 to 17"),
        ("every day at noon, between 9am and 5pm look", "between 9am and 5pm"),
        ("every hour from 9 o'clock to 17 o'clock look", "from 9 o'clock to 17 o'clock"),
        ("every day at 9 on monday look", "on monday"),
        ("every day at 9 only on weekdays look", "only on weekdays"),
        ("every hour on the 1st look", "on the 1st"),
        ("every 15 minutes during weekdays look", "during weekdays"),
        ("every 15 minutes during business hours look", "during business hours"),
        ("every day at 9, but only weekdays, look", "but only weekdays"),
        ("every weekday at 9 except friday look", "except friday"),
        ("every weekday at 9, but not on fridays, look", "but not on fridays"),
        ("every weekday at 9 except on public holidays look", "except on public holidays"),
        ("every day at 9 until december look", "until december"),
        ("every hour until 17:00 look", "until 17:00"),
        ("every day at 9 until the end of the month look", "until the end of"),
        ("every day at 9 starting monday look", "starting monday"),
        ("every day at 9 from next week on look", "from next week"),
        ("every day at 9 from 2027-01-01 look", "from 2027-01-01"),
        ("every monday at 9 in December look", "in December"),
        ("every day at 9, but not at weekends, look", "but not at weekends"),
        ("every weekday at 9 except bank holidays look", "except bank holidays"),
        ("every day at 9 except in august look", "except in august"),
        ("every day at 9 weekdays only look", "weekdays only"),
        ("every minute for 10 minutes look", "for 10 minutes"),
        ("every minute for an hour look", "for an hour"),
        ("every day at 9 for two weeks look", "for two weeks"),
        ("every day at 9 for the next 3 weeks look", "for the next 3 weeks"),
        ("0 9 * * 1-5 until june look", "until june"),
    ],
)
def test_what_limits_a_time_is_not_taken_for_what_to_do(sentence: str, limit: str) -> None:
    with pytest.raises(Refused, match=f"“{limit}” limits the time") as refused:
        split(sentence)
    assert "*/15 9-16 * * 1-5" in refused.value.hint
    assert refused.value.hint.endswith(f'" {limit} …')


@pytest.mark.parametrize(
    ("sentence", "instruction"),
    [
        (sentence, sentence.removeprefix("every day at 9 "))
        for sentence in (
            "every day at 9 on call report",
            "every day at 9 on mondays' board: what is new",
            "every day at 9 on sun exposure",
            "every day at 9 from 3 sources collect the news",
            "every day at 9 from monday's board take a card",
            "every day at 9 from now on report",
            "every day at 9 between jobs clean up",
            "every day at 9 between 9 teams share the work",
            "every day at 9 for 3 customers write",
            "every day at 9 for each day of work",
            "every day at 9 for a weekly letter write",
            "every day at 9 without weekend-only tasks plan",
            "every day at 9 in many words report",
            "every day at 9 in maybe ten words report",
            "every day at 9 until done retry",
            "every day at 9 starting with a summary report",
            "every day at 9 not later than noon report",
            "every day at 9 except for bugs list the issues",
        )
    ]
    + [
        ("tomorrow at 9 for 10 minutes stretch", "for 10 minutes stretch"),
        ("every day at 9: on monday look ahead", "on monday look ahead"),
        ('"every day at 9" on monday look ahead', "on monday look ahead"),
        ('"every day at 9", in may look back', "in may look back"),
        ("“every day at 9” pt exercises", "pt exercises"),
        ("every day at 9 wet the plants", "wet the plants"),
        ("every day at 9 west coast numbers", "west coast numbers"),
        ("every day at 9 UTC-based report", "UTC-based report"),
    ],
)
def test_what_only_begins_like_a_limit_is_what_to_do(sentence: str, instruction: str) -> None:
    assert split(sentence)[1] == instruction


@pytest.mark.parametrize(
    "sentence",
    [
        "tomorrow at 9am pst report",
        "every day at 9 cet report",
        "every day at 9 MEZ report",
        "every day at 9 UTC+2 report",
        "every day at 9 gmt -5 report",
        "every day at 9, est report",
    ],
)
def test_a_zone_that_is_not_understood_is_not_taken_for_what_to_do(sentence: str) -> None:
    with pytest.raises(Refused, match="does not say which time zone") as refused:
        split(sentence)
    assert "put the time in quotes" in refused.value.hint


def test_a_zone_is_read_in_small_letters() -> None:
    asked = split_sentence("every day at 9 utc look", TIMETABLE, now=T0, zone="Europe/Berlin")
    assert (asked.when.zone, asked.instruction) == ("UTC", "look")


def test_a_reminder_is_limited_to_hours_and_days() -> None:
    when, rest = read_sentence(
        "every 15 minutes from 9 to 17 to drink", TIMETABLE, now=T0, zone="Europe/Berlin"
    )
    assert (when.cron, rest) == ("*/15 9-16 * * *", "drink")
    with pytest.raises(Refused, match="“until june” limits"):
        read_sentence("every hour until june to drink", TIMETABLE, now=T0, zone="Europe/Berlin")


def test_a_quote_around_both_times_is_not_doubled_in_what_would_be_right() -> None:
    with pytest.raises(Refused, match="“5pm” is a second time") as refused:
        split('"in 10 minutes, 5pm" call with Bob')
    assert refused.value.hint.endswith('"in 10 minutes" 5pm …')


def test_a_sentence_without_a_time_is_refused_with_what_would_be_one() -> None:
    with pytest.raises(NotATime, match="“write the briefing every day at 9” does not") as refused:
        split("write the briefing every day at 9")
    assert "every weekday at 8:30" in refused.value.hint
    with pytest.raises(NotATime):
        split("")


def test_results_go_where_they_were_asked_for_if_the_list_has_it() -> None:
    target = default_target(team(), OPS.under(MessageId("m")))
    assert (target.thread, target.elsewhere, target.listed) == (OPS, False, True)


def test_results_go_to_the_only_listed_channel_otherwise() -> None:
    target = default_target(team(), QUIET)
    assert (target.thread, target.elsewhere, target.listed) == (OPS, True, True)


def test_between_several_listed_channels_nothing_is_guessed() -> None:
    base = team()
    twice = replace(base.channels[0], ref=replace(OPS.channel, channel="ops2"))
    target = default_target(replace(base, channels=(*base.channels, twice)), DM)
    assert (target.thread, target.elsewhere, target.listed) == (DM, False, False)


def test_a_named_channel_is_a_configured_one() -> None:
    target = named_target(team(), " #Quiet ", DM)
    assert (target.thread, target.elsewhere, target.listed) == (QUIET, True, False)
    with pytest.raises(Refused, match="is no configured channel") as refused:
        named_target(team(), "nowhere", DM)
    assert refused.value.hint == "Configured: #ops, #quiet."
    with pytest.raises(Refused) as refused:
        named_target(replace(team(), channels=()), "ops", DM)
    assert "No channel is configured yet" in refused.value.hint
