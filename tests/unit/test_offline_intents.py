"""The grammar of the offline assistant: one table, one line for each sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models.commanded import Command, Told
from adapters.models.howto import HowTo
from adapters.models.intents import (
    Ask,
    Deliver,
    Intent,
    NeedsModel,
    Recall,
    Small,
    of_instruction,
    of_message,
)
from adapters.models.topics import Topic
from adapters.models.wishes import MakeSchedule, SeveralTimes
from gateway.commands.grammar import ParsedCommand, parse

CHANGED = (
    "No command changes a schedule. Make the new one with `/schedule create`, and take the old one "
    "away with `/schedule delete {}`."
)

MESSAGES: dict[str, Intent] = {
    # Small talk, and what it is
    "hello": Small.GREETING,
    "Good morning, desk!": Small.GREETING,
    "Thanks a lot": Small.THANKS,
    "good night": Small.FAREWELL,
    "Bye, desk!": Small.FAREWELL,
    "see you tomorrow": Small.FAREWELL,
    "help": Small.HELP,
    "What can you do?": Small.HELP,
    "Hi, what can you do?": Small.HELP,
    "Which model are you using?": Small.MODEL,
    "are you an AI?": Small.MODEL,
    "who are you": Small.MODEL,
    "how do I connect a model?": Small.MODEL,
    # The desk's state
    "What is scheduled?": Ask(Topic.SCHEDULES),
    "schedule list": Ask(Topic.SCHEDULES),
    "schedules?": Ask(Topic.SCHEDULES),
    "what's next?": Ask(Topic.NEXT),
    "what happens at 8:30?": Ask(Topic.NEXT),
    "what happens tomorrow?": Ask(Topic.NEXT),
    "what happens at 3am tomorrow?": Ask(Topic.NEXT),
    "When is the next one?": Ask(Topic.NEXT),
    "when does the next schedule run": Ask(Topic.NEXT),
    "what ran overnight?": Ask(Topic.RUNS),
    "list everything that ran this morning": Ask(Topic.RUNS),
    "what failed last night?": Ask(Topic.FAILED),
    "What failed, and why?": Ask(Topic.FAILED),
    "which of these failed?": Ask(Topic.FAILED),
    "why?": Ask(Topic.FAILED),
    "failed runs": Ask(Topic.FAILED),
    "did anything fail while we were asleep?": Ask(Topic.FAILED),
    "show what failed today": Ask(Topic.FAILED),
    "and the missed ones?": Ask(Topic.MISSED),
    "what ran and what failed?": Ask(Topic.RUNS),
    "what ran, and what comes next?": Ask(Topic.BRIEFING),
    "any approvals waiting for me?": Ask(Topic.APPROVALS),
    "what did we spend?": Ask(Topic.SPENT),
    "what did we spend today?": Ask(Topic.SPENT_TODAY),
    "budget": Ask(Topic.BUDGET),
    "were there dead letters?": Ask(Topic.UNSENT),
    "status": Ask(Topic.BRIEFING),
    "give me the briefing please": Ask(Topic.BRIEFING),
    "How are things?": Ask(Topic.BRIEFING),
    "what time is it?": Ask(Topic.CLOCK),
    # A word that may name a schedule is looked for in the facts
    "did the backup fail?": Ask(Topic.FAILED, ("backup",)),
    "when is the standup next?": Ask(Topic.NEXT, ("standup",)),
    # Wishes for a schedule
    "remind me in 2 hours to call Bob": MakeSchedule("in 2 hours", "Reminder: call Bob"),
    "Remind us at 5pm that the office closes": MakeSchedule(
        "at 5pm", "Reminder: the office closes"
    ),
    "remind me tomorrow at 9 to call Bob": MakeSchedule("tomorrow at 9", "Reminder: call Bob"),
    "remind me today at 17:00 to go": MakeSchedule("today at 17:00", "Reminder: go"),
    "remind me tonight at 8 about dinner": MakeSchedule("tonight at 8", "Reminder: dinner"),
    "remind me in 2 hours: forget it": MakeSchedule("in 2 hours", "Reminder: forget it"),
    "remind me to call Bob tomorrow at 9am": MakeSchedule("tomorrow at 9am", "Reminder: call Bob"),
    "remind me to submit it by friday": MakeSchedule("friday", "Reminder: submit it"),
    "can you remind me in half an hour about the tea?": MakeSchedule(
        "in half an hour", "Reminder: the tea"
    ),
    "set a reminder for tomorrow at 9am to water the plants": MakeSchedule(
        "tomorrow at 9am", "Reminder: water the plants"
    ),
    "remind me in 1 hour & 30 minutes to stretch": MakeSchedule(
        "in 1 hour & 30 minutes", "Reminder: stretch"
    ),
    # The timetable refuses what it is told here: that is more than one time.
    "remind me in 10 minutes & 20 minutes to look": MakeSchedule(
        "in 10 minutes & 20 minutes", "Reminder: look"
    ),
    "in 20 minutes remind me to stretch": MakeSchedule("in 20 minutes", "Reminder: stretch"),
    "every weekday at 8:30 post the morning briefing": MakeSchedule(
        "every weekday at 8:30", "post the morning briefing"
    ),
    "every 15 minutes from 9 to 17 on weekdays check the queue": MakeSchedule(
        "every 15 minutes from 9 to 17 on weekdays", "check the queue"
    ),
    "check the queue every hour on weekdays": MakeSchedule(
        "every hour on weekdays", "check the queue"
    ),
    "Please post the briefing every weekday at 8:30.": MakeSchedule(
        "every weekday at 8:30", "post the briefing"
    ),
    "schedule a briefing every weekday at 8:30": MakeSchedule(
        "every weekday at 8:30", "a briefing"
    ),
    "schedule 0 9 * * 1-5 post the briefing": MakeSchedule("0 9 * * 1-5", "post the briefing"),
    "every day at 7am summarise the mail": MakeSchedule("every day at 7am", "summarise the mail"),
    "on friday at 17:00 post the status report": MakeSchedule(
        "on friday at 17:00", "post the status report"
    ),
    "2026-12-01 14:00 post the briefing": MakeSchedule("2026-12-01 14:00", "post the briefing"),
    "remind me to drink water": MakeSchedule("", "Reminder: drink water"),
    "remind me every day at 9 except friday to stretch": MakeSchedule(
        "every day at 9 except friday", "Reminder: stretch"
    ),
    "every day at 9 for 10 minutes remind me to stretch": NeedsModel(),
    "schedule every day at 9 until december post the briefing": MakeSchedule(
        "every day at 9 until december", "post the briefing"
    ),
    "remind me tomorrow at 9 for 10 minutes of yoga": MakeSchedule(
        "tomorrow at 9", "Reminder: 10 minutes of yoga"
    ),
    "wake me at 7": MakeSchedule("at 7", "Reminder: wake up"),
    "Please wake me up tomorrow at 6:30": MakeSchedule("tomorrow at 6:30", "Reminder: wake up"),
    "tomorrow at 7 wake me up": MakeSchedule("tomorrow at 7", "Reminder: wake up"),
    "set an alarm for 7am": MakeSchedule("7am", "Reminder: alarm"),
    "set an alarm for 7am to feed the cat": MakeSchedule("7am", "Reminder: feed the cat"),
    "wake me": MakeSchedule("", "Reminder: wake up"),
    "wake me when the deploy is done": NeedsModel(),
    "I want a daily briefing": MakeSchedule("", "Post the briefing"),
    "we need a morning briefing in #ops": MakeSchedule("", "Post the briefing"),
    "I want a briefing every weekday at 8:30": MakeSchedule(
        "every weekday at 8:30", "Post the briefing"
    ),
    "I want a daily briefing at 9": MakeSchedule("every day at 9", "Post the briefing"),
    "send us a weekly report on monday at 9": MakeSchedule(
        "every monday at 9", "send us a weekly report"
    ),
    "schedule a daily briefing for 9am": MakeSchedule("every day 9am", "a daily briefing"),
    "I want a daily briefing on weekdays at 9": MakeSchedule(
        "on weekdays at 9", "Post the briefing"
    ),
    "post a daily briefing in 2 hours": MakeSchedule("in 2 hours", "post a daily briefing"),
    "remind me at 9 to write a daily report": MakeSchedule(
        "at 9", "Reminder: write a daily report"
    ),
    "remind me in 2 hours": MakeSchedule("in 2 hours", ""),
    "every day at 9:30, 12:30 and 17:30 post the briefing": MakeSchedule(
        "every day at 9:30, 12:30 and 17:30", "post the briefing"
    ),
    "every day at 9 and 17 post the briefing": MakeSchedule(
        "every day at 9 and 17", "post the briefing"
    ),
    "remind me in 10 minutes: 5pm call with Bob": MakeSchedule(
        "in 10 minutes", "Reminder: 5pm call with Bob"
    ),
    # What would be several
    "every monday at 9 and thursday at 10 post the briefing": SeveralTimes(
        ("every monday at 9", "thursday at 10")
    ),
    "every monday at 9, friday at 17 post the briefing": SeveralTimes(
        ("every monday at 9", "friday at 17")
    ),
    "every monday at 9, tuesday at 10 and friday at 17 post the briefing": SeveralTimes(
        ("every monday at 9", "tuesday at 10", "friday at 17")
    ),
    "schedule every monday at 9 & thursday at 10 a briefing": SeveralTimes(
        ("every monday at 9", "thursday at 10")
    ),
    "remind me tomorrow at 9 and friday at 5pm to call Bob": SeveralTimes(
        ("tomorrow at 9", "friday at 5pm")
    ),
    "post the briefing every monday at 9 and thursday at 10": SeveralTimes(
        ("every monday at 9", "thursday at 10")
    ),
    "remind me to call Bob tomorrow at 9 or friday at 5pm": SeveralTimes(
        ("tomorrow at 9", "friday at 5pm")
    ),
    # Questions about what was said
    "repeat that": Recall(),
    "What was the briefing about?": Recall(),
    "tell me more about the first": Recall(1),
    "what about the second one?": Recall(2),
    "#3": Recall(3),
    "the last one": Recall(-1),
    "what did you say about the backups?": Recall(about=("backups",)),
    # What commands do
    "delete schedule 3": Command("/schedule delete 3"),
    "delete 3": Command("/schedule delete 3"),
    "pause the briefing": Command("/schedule pause <number>"),
    "run schedule #2 now": Command("/schedule run 2"),
    "who made schedule 1?": Command("/schedule show 1"),
    "what did the last 2 runs cost?": Command("/cost schedule <number>"),
    "how expensive was the last run?": Command("/cost schedule <number>"),
    "cancel my reminder": Command("/remind cancel <number>"),
    "cancel reminder 1": Command("/remind cancel 1"),
    "snooze reminder 1 for an hour": Command("/remind snooze 1 <when>"),
    "mark reminder 2 as done": Command("/remind done 2"),
    "list my reminders": Command("/remind list"),
    "What reminders do I have?": Command("/remind list"),
    "stop the run of schedule 3": Command("/stop 3"),
    "what channels are there?": Command("/channel list"),
    "can you post in #random?": Command("/channel list"),
    "is slack connected?": Command("/channel test"),
    "who is in the team?": Command("/member list"),
    "am I an owner?": Command("/whoami"),
    "stop the run": HowTo("stop"),
    "raise the budget to 10": HowTo("budget"),
    "set a budget of 5 dollars a day": HowTo("budget"),
    "lower our daily limit by 20%": HowTo("budget"),
    "we need more budget": HowTo("budget"),
    "add Bob to the team": HowTo("member"),
    "how do approvals work?": HowTo("approve", explains=True),
    "what is a schedule?": HowTo("schedule", explains=True),
    "what does /remind do?": HowTo("remind", explains=True),
    "did schedule 1 run today?": Command("/schedule show 1"),
    "how long did the last run take?": Command("/schedule show <number>"),
    "turn off the briefing": Command("/schedule pause <number>"),
    "post the briefing in #ops": Command(
        "/schedule create in 1 minute post the briefing --channel #ops"
    ),
    "pause everything": Command("/stop everything"),
    "start over": Command("/new"),
    "why did you say that?": Command("/why"),
    "what did we talk about before?": Command("/resume"),
    "which agent am I talking to?": Command("/handoff show"),
    "resume schedule 2": Command("/schedule resume 2"),
    "who spent the most?": Command("/budget"),
    "run": Command("/schedule run <number>"),
    "what did we spend last night?": Ask(Topic.SPENT),
    "did my job do anything overnight?": Ask(Topic.RUNS),
    "who spent the night?": NeedsModel(),
    "we need more time": NeedsModel(),
    "what rules are there?": Command("/policy show"),
    # What is the same whatever the desk does
    "change schedule 1 to 9am": Told(CHANGED.format(1)),
    "how do I edit a schedule?": Told(CHANGED.format("<number>")),
    "yes": Told(
        "A plain yes or no decides nothing: `/approve list` shows what waits for one, and "
        "`/help approve` tells how it is decided."
    ),
    # Free text decides nothing: it is told what waits
    "approve the last one": Ask(Topic.APPROVALS),
    "deny request 3": Ask(Topic.APPROVALS),
    "where do briefings go?": Ask(Topic.SCHEDULES),
    "which channel is the briefing sent to": Ask(Topic.SCHEDULES),
    "show me schedule 1": Ask(Topic.SCHEDULES, ("#1",)),
    "is schedule 9 running?": Ask(Topic.UNDER_WAY, ("#9",)),
    "write the briefing now": Ask(Topic.BRIEFING),
    "what's on today?": Ask(Topic.NEXT),
    "how often does the briefing run?": Ask(Topic.SCHEDULES),
    "what are you doing?": Ask(Topic.UNDER_WAY),
    "are there open requests?": Ask(Topic.APPROVALS),
    "were all messages sent?": Ask(Topic.UNSENT),
    "how much have we used so far?": Ask(Topic.BUDGET),
    "show the last 3 runs": Ask(Topic.RUNS),
    "what timezone are you in?": Ask(Topic.CLOCK),
    "tomorrow at 7 alarm the press": NeedsModel(),
    "I need a briefing on the French economy": Ask(Topic.BRIEFING, ("french", "economy")),
    "what version are you?": Told("`nightdesk version` on the machine says it."),
    # Everything else needs a model, however near its words come
    "tell me a joke": NeedsModel(),
    "set the limit of the function to zero": NeedsModel(),
    "stop the agent from Vienna": NeedsModel(),
    "change the job description to a shorter one": NeedsModel(),
    "what is a mortgage?": NeedsModel(),
    "how do photons work?": NeedsModel(),
    "what's on the radio today?": NeedsModel(),
    "who are the Beatles": NeedsModel(),
    "connect Slack with our wiki by a script": NeedsModel(),
    "Summarise yesterday's Hacker News": NeedsModel(),
    "What is the capital of France?": NeedsModel(),
    "Monday is a holiday": NeedsModel(),
    "every day I wake up at 7": NeedsModel(),
    "what should we do next about the French economy and its banks?": NeedsModel(),
    "": NeedsModel(),
    "?!": NeedsModel(),
    "日本語": NeedsModel(),
}

INSTRUCTIONS: dict[str, Intent] = {
    "Post the morning briefing": Ask(Topic.BRIEFING),
    "post the morning briefing to #ops": Ask(Topic.BRIEFING),
    "Post the daily briefing for the platform team.": Ask(Topic.BRIEFING),
    "a briefing": Ask(Topic.BRIEFING),
    "status report": Ask(Topic.BRIEFING),
    "Report what ran, failed and was missed overnight, and what waits for approval.": Ask(
        Topic.BRIEFING
    ),
    "post what failed overnight": Ask(Topic.FAILED),
    "say what failed overnight": Ask(Topic.FAILED),
    "What is next?": Ask(Topic.NEXT),
    "Reminder: call Bob": Deliver("Reminder: call Bob"),
    "Reminder: check the status": Deliver("Reminder: check the status"),
    "remind us to stretch": Deliver("Reminder: stretch"),
    "tell the team to stretch": Deliver("Reminder: stretch"),
    "say hello": Deliver("hello"),
    "post: lunch!": Deliver("lunch!"),
    'tell the team "stand-up now"': Deliver("stand-up now"),
    "Summarise yesterday's Hacker News": NeedsModel(),
    "Write a haiku": NeedsModel(),
    "Summarise the error log": NeedsModel(),
    "Water the errors": NeedsModel(),
    "Write a report on sales": NeedsModel(),
    "Write the morning briefing": Ask(Topic.BRIEFING),
    "Prepare a status report for the team": Ask(Topic.BRIEFING),
    "Summarise what failed overnight": Ask(Topic.FAILED),
    "check whether the backup failed": Ask(Topic.FAILED, ("whether", "backup")),
    "Check the disk": NeedsModel(),
    "Post a briefing on our competitors' new pricing model": NeedsModel(),
    "every weekday at 8:30 post the briefing": NeedsModel(),
}


@pytest.mark.parametrize("text", MESSAGES)
def test_a_message_means(text: str) -> None:
    assert of_message(text) == MESSAGES[text]


@pytest.mark.parametrize(
    "line",
    sorted({meant.line for meant in MESSAGES.values() if isinstance(meant, Command)}),
)
def test_what_is_named_is_a_command_that_there_is(line: str) -> None:
    filled = line.replace("<number>", "1").replace("<when>", "in 1 hour")
    assert isinstance(parse(filled), ParsedCommand)


@pytest.mark.parametrize("text", INSTRUCTIONS)
def test_an_instruction_means(text: str) -> None:
    assert of_instruction(text) == INSTRUCTIONS[text]


def test_case_and_blanks_change_nothing_but_how_words_are_passed_on() -> None:
    assert of_message("  WHAT   failed\nlast NIGHT ?? ") == Ask(Topic.FAILED)
    assert of_message("REMIND ME  in 2 Hours to call  BOB") == MakeSchedule(
        "in 2 Hours", "Reminder: call BOB"
    )


@given(st.text(max_size=200))
def test_any_text_means_something(text: str) -> None:
    of_message(text)
    of_instruction(text)


@given(st.text(alphabet="0123456789:*/,- atevrydoninm", max_size=400))
def test_no_text_of_times_takes_long(text: str) -> None:
    # Ends within pytest's time limit: the expressions do not run away on what nearly fits them.
    of_message(f"remind me {text}")


@pytest.mark.parametrize("piece", ["every ", "in 1 hour ", "1 ", "at 9 ", "monday, ", "- ", "* "])
def test_a_long_row_of_the_same_piece_is_read_at_once(piece: str) -> None:
    of_message("post it " + piece * 2_000)
