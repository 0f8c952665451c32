"""Questions about the desk that use none of the words by which their topic is known. Pure."""

import re

from adapters.models.topics import Topic

_HOW_IS_IT = frozenset(
    {
        "what's up",
        "whats up",
        "how are things",
        "what's new",
        "catch me up",
        "sup",
        "how is it going",
        "how's it going",
        "what's going on",
        "anything new",
        "is everything ok",
        "is everything okay",
        "is everything fine",
        "is everything all right",
        "did everything work",
        "is all well",
    }
)
_WHAT_IS_LEFT = frozenset(
    {
        "how much is left",
        "how much is still left",
        "how much do we have left",
        "how much do i have left",
        "how much have we got left",
    }
)
_PATTERNS: tuple[tuple[Topic, re.Pattern[str]], ...] = (
    (
        Topic.APPROVALS,
        re.compile(
            r"(?:(?:what|anything|is anything|is there anything|does anything)(?: is|'s| that)?"
            r"|what's) (?:waiting|waits?|needs?)"
            r"(?:(?: for)? (?:me|us|a person|attention|my attention))?"
        ),
    ),
    (
        Topic.APPROVALS,
        re.compile(
            r"(?:approve|accept|deny|reject|decline|refuse)"
            r"(?: (?:it|that|this|them|all|everything|the|last|first|next|one|of|pending|waiting"
            r"|requests?|approvals?|number|nr|please|now|#?\d+))*"
        ),
    ),
    (
        Topic.APPROVALS,
        re.compile(
            r"(?:are there|is there|have we|do we have) (?:(?:any|an|open|pending|waiting) )*"
            r"requests?(?: (?:open|pending|waiting|for me|for us))*"
        ),
    ),
    (
        Topic.SCHEDULES,
        re.compile(
            r"(?:where|(?:to |in )?(?:which|what) channels?) (?:do|does|did|is|are|will)"
            r"(?: (?:the|my|our|your|all|morning|daily))*"
            r" (?:briefings?|reports?|results?|schedules?)"
            r"(?: (?:go|goes|sent|posted|come|appear|arrive|be|show|up|to|in|delivered|post))*"
        ),
    ),
    (
        Topic.SCHEDULES,
        re.compile(
            r"how often (?:do|does|will|is|are) (?:(?:the|my|our|morning|daily) )*"
            r"(?:briefings?|reports?|schedules?) (?:run|come|sent|posted|appear|go out)"
        ),
    ),
    (
        Topic.NEXT,
        re.compile(
            r"what(?:'s| is) on(?: (?:for|today|tomorrow|tonight|this|week|next))+"
            r"|what (?:happens|runs|comes|will happen|will run|is going to happen)"
            r"(?: (?:today|tomorrow|tonight|this|next|week|morning|afternoon|evening|at|on"
            r"|\d+(?:am|pm)?|am|pm|noon|midnight|(?:mon|tues|wednes|thurs|fri|satur|sun)day))+"
        ),
    ),
    (Topic.UNDER_WAY, re.compile(r"are you (?:working|busy|doing anything)|what are you doing")),
    (
        Topic.UNSENT,
        re.compile(
            r"(?:are|is|were|was|did) (?:(?:any|all|every|the|some|your|our) )*(?:messages?|posts?)"
            r"(?: not)? (?:stuck|sent|delivered|waiting|lost|arrive|arrived|go out)"
        ),
    ),
    (
        Topic.BUDGET,
        re.compile(r"what (?:may|can) (?:(?:still )?be spent|(?:i|we|you) (?:still )?spend)"),
    ),
    (
        Topic.BUDGET,
        re.compile(r"how much (?:have|did) (?:we|i|you) (?:used?|spent|spend) (?:so far|already)"),
    ),
)


def topic_in_other_words(words: str) -> Topic | None:
    """What plain words ask about that are a phrase of their own; None where they are none."""
    if words in _HOW_IS_IT:
        return Topic.BRIEFING
    if words in _WHAT_IS_LEFT:
        return Topic.BUDGET
    return next((topic for topic, how in _PATTERNS if how.fullmatch(words)), None)
