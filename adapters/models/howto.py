"""Questions how something is done, and wishes, which the help of a command answers. Pure.

As the rest of the grammar it is closed: a verb that the command has, what it is done to, and few
words around them. "How do I write a pull request" is about no request of the desk.
"""

import re

from runtime.model.value import value


@value()
class HowTo:
    """A question how something is done, which the help of its command answers.

    Attributes:
        command: the command: `schedule`.
        explains: it is asked what the command, or what it is about, is; nothing is to be done.
    """

    command: str
    explains: bool = False


ASKS_HOW = r"how (?:do|can|would|could|should) (?:i|we|you|one)|how to"
_FEW = r"(?:(?:an?|the|my|our|this|that|another|new|all|daily|weekly|monthly|recurring) )*"
_FOR_WHOM = (
    r"(?: (?:for|of|in|on|to) (?:(?:an?|the|my|our|this|that|each|every|one) )?"
    r"(?:team|agent|person|people|channel|thread|schedule|provider|run|day|month|us|me))*"
)
_SEE = "list|show|see|check|find"
_MAKE = "make|create|add|set|set up"
_UNDO = "cancel|delete|remove|stop"
_DOES: dict[str, tuple[str, str]] = {
    "schedule": (rf"{_MAKE}|{_SEE}|{_UNDO}|pause|resume|run|start|trigger", "schedules?"),
    "remind": (rf"{_MAKE}|schedule|get|{_SEE}|{_UNDO}|snooze", "reminders?"),
    "approve": (
        rf"approve|deny|accept|reject|answer|edit|revoke|give|{_SEE}",
        "(?:approval )?requests?|approvals?",
    ),
    "budget": (
        rf"set|raise|increase|lower|reduce|change|{_SEE}",
        "budgets?|(?:budget |spending )?limits?",
    ),
    "channel": (rf"test|trust|{_SEE}", "channels?"),
    "member": (rf"add|remove|delete|{_SEE}", "(?:team )?members?"),
}
"""What each command does, and to what, as people say it."""
_HOW_TO = tuple(
    (
        command,
        re.compile(
            rf"(?:{ASKS_HOW}|(?:i need )?help(?: me)?(?: to)?) (?:{verbs}) {_FEW}"
            rf"(?:{nouns}){_FOR_WHOM}"
            rf"|(?:i need |show me )?help(?: me)?(?: (?:with|on|for|about))? {_FEW}(?:{nouns})"
        ),
    )
    for command, (verbs, nouns) in _DOES.items()
)
_BY_VERB = re.compile(
    rf"(?:{ASKS_HOW}) (?P<verb>approve|deny|schedule)"
    r"(?: (?:something|anything|things?|it|this|that|these|them|one"
    rf"|{_FEW}(?:run|call|tool|briefing|job)s?))?"
)
_MONEY = (
    r"(?: (?:to|by|of|at|for|from|the|an?|per|each|every|day|month|daily|monthly|today|team|agent"
    r"|schedule|run|dollars?|usd|euros?|eur|percent|cents?|bucks?|it|again|now|please"
    r"|(?:[a-z]{3})?\d+))*"
)
_OURS = {
    "schedule": "schedule", "schedules": "schedule", "reminder": "remind", "reminders": "remind",
    "remind": "remind", "approval": "approve", "approvals": "approve", "approve": "approve",
    "deny": "deny", "budget": "budget", "budgets": "budget", "limits": "budget",
    "channel": "channel", "member": "member", "stop": "stop", "resume": "resume",
    "handoff": "handoff", "policy": "policy", "cost": "cost", "why": "why", "status": "status",
    "whoami": "whoami", "link": "link",
}  # fmt: skip
"""What has a command, as people call it."""
_EXPLAINS = re.compile(
    rf"(?:how (?:do|does) (?:an? |the )?|what (?:is|are) an? |what does (?:the )?(?:command )?"
    rf"|(?:{ASKS_HOW}) use (?:the )?(?:command )?)(?P<what>{'|'.join(_OURS)})"
    r"(?: command)?(?: (?:work|do))?"
)
"""Questions what something of ours is, and how it works."""
_WISHES = (
    (
        "budget",
        re.compile(
            r"(?:raise|increase|lower|reduce|cut|change|set|double|halve|add to|extend) "
            r"(?:(?:the|my|our|an?|team|team's|daily|monthly|spending) )*(?:budgets?|limits?)"
            rf"{_MONEY}"
            r"|(?:(?:give|get) (?:me|us|it|you)|(?:i|we|you) (?:need|want)|allow) "
            r"(?:an? |some )?(?:more|bigger|higher|larger) (?:money|budget|limit)"
        ),
    ),
    (
        "stop",
        re.compile(
            r"(?:stop|cancel|abort|kill|end|halt) "
            r"(?:(?:the|all|every|any|that|this|my|our|current|running|last) )*"
            r"(?:runs?|turns?|agents?|work|what (?:you are|you're|it is|it's) doing|working)"
            r"(?: (?:now|please|under way|at once))*"
        ),
    ),
    (
        "member",
        re.compile(
            rf"(?:(?:{ASKS_HOW}) )?(?:add|invite|let|bring|remove) (?:[\w@'-]+ ){{1,3}}"
            r"(?:to|into|in|from) (?:the|our|this|my) team"
        ),
    ),
)
"""What is asked for and not only asked about, and has more than one way: its help tells them."""
_WANTS_TO_KNOW = re.compile(rf"(?:{ASKS_HOW}|(?:i need )?help)\b")


def how_to(words: str) -> HowTo | None:
    """What plain words ask how to do, where one command is for it."""
    verb = _BY_VERB.fullmatch(words)
    if verb is not None:
        return HowTo(verb["verb"])
    what = _EXPLAINS.fullmatch(words)
    if what is not None:
        return HowTo(_OURS[what["what"]], explains=True)
    known = (*_HOW_TO, *_WISHES)
    return next((HowTo(command) for command, how in known if how.fullmatch(words)), None)


def asks_how(words: str) -> bool:
    """Whether plain words ask how something is done, be it something of the desk or not."""
    return _WANTS_TO_KNOW.match(words) is not None
