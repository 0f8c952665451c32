"""Sentences that ask for what a command does or shows, or for what never changes. Pure.

As the rest of the grammar it is closed: a sentence is one of these from its first word to its last.
"""

import re

from adapters.models.howto import ASKS_HOW
from runtime.model.value import value


@value()
class Command:
    """A wish that a command fulfils.

    Attributes:
        line: the command, as people write it: `/schedule pause 3`.
    """

    line: str


@value()
class Told:
    """A question with the same answer in every state of the desk.

    Attributes:
        text: the answer.
    """

    text: str


_LONGEST = 120
"""Characters of a sentence that is looked at."""
_ANY = r"(?:(?:the|my|our|your|all|any|an?|that|this|every|current|open|of|nr|no|number) )*"
_WHICH = r"(?:(?:last|latest|next|past|previous|morning|daily|few|two|three|each|\d+) )*"
_N = r"(?P<number>\d{1,9})"
_NUMBER = rf"(?: (?:number|nr|no))?(?: #?{_N})?"
_NOW = r"(?: (?:now|please|again|today|for now|yesterday|last night|already|yet|properly))*"
_SHOW = r"(?:(?:show|list|see|give|tell|check)(?: me| us)? )?"
_HOW = rf"(?:(?:{ASKS_HOW}) )?"
_PLATFORM = r"(?P<platform>slack|telegram|discord)"
_SCHEDULE = rf"{_ANY}{_WHICH}(?:schedules?|jobs?|briefing|report){_NUMBER}"
_REMINDER = rf"{_ANY}{_WHICH}reminders?{_NUMBER}"
_RUNS = rf"{_ANY}{_WHICH}runs?"
_OF = rf"(?: (?:of|for) {_SCHEDULE})?"
_POST = r"(?:post|write|send(?: messages)?|talk|speak|read|listen|hear)(?: (?:in|into|to|on))?"
_LATER = r"(?: (?:for|by|to|until|till) .+)?"
_THERE = r"(?: (?:have|set|got|waiting|open|there|today|tomorrow|for me))*"

_COMMANDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "/schedule delete {number}",
        (rf"(?:cancel|delete|remove) (?:{_SCHEDULE}|#?(?P<bare>\d{{1,9}})){_NOW}",),
    ),
    (
        "/schedule pause {number}",
        (
            rf"(?:pause|stop|disable) (?:{_SCHEDULE}|#?(?P<bare>\d{{1,9}})){_NOW}",
            rf"(?:turn|switch) off {_SCHEDULE}{_NOW}",
        ),
    ),
    (
        "/schedule resume {number}",
        (
            rf"(?:resume|unpause|enable) (?:{_SCHEDULE}|#?(?P<bare>\d{{1,9}})){_NOW}",
            rf"(?:turn|switch) on {_SCHEDULE}{_NOW}",
        ),
    ),
    (
        "/schedule run {number}",
        (rf"(?:run|trigger|start) (?:{_SCHEDULE}|#?(?P<bare>\d{{1,9}})){_NOW}", r"run|trigger"),
    ),
    (
        "/schedule show {number}",
        (
            rf"(?:who (?:made|created|owns|set up)|when did \w+ (?:make|create)) {_SCHEDULE}",
            rf"(?:did|has) {_ANY}(?:schedule|job){_NUMBER} (?:run|worked|finish|finished){_NOW}",
            rf"when did {_ANY}(?:schedule|job){_NUMBER} (?:last run|run last|last finish){_NOW}",
            rf"when (?:was|did|is) {_RUNS}{_OF}(?: (?:finish|end|begin|start|finished|done))?",
            rf"how long (?:did|does|do|will) {_RUNS}{_OF} (?:take|last|run)",
        ),
    ),
    (
        "/schedule create in 1 minute post the briefing --channel {channel}",
        (
            rf"(?:post|send|write|share) {_ANY}{_WHICH}briefing (?:to|in|into) (?P<channel>#[\w-]+)"
            + _NOW,
        ),
    ),
    (
        "/cost schedule {number}",
        (
            rf"(?:what|how much) (?:did|do|does|has|have) {_RUNS}{_OF} (?:costs?|spend|spent)",
            rf"how expensive (?:was|were|is|are) {_RUNS}{_OF}",
        ),
    ),
    (
        "/budget",
        (r"who (?:has )?(?:spent|spends|used|uses|costs?) (?:the )?(?:most|what|how much)",),
    ),
    ("/remind cancel {number}", (rf"(?:cancel|delete|remove|stop) {_REMINDER}{_NOW}",)),
    (
        "/remind snooze {number} <when>",
        (rf"(?:snooze|postpone|delay|pause|move|change) {_REMINDER}{_LATER}",),
    ),
    (
        "/remind done {number}",
        (
            rf"(?:(?:mark|set) )?{_REMINDER}(?: (?:is|as))? done",
            rf"(?:(?:i am |i'm )?done with|finish) {_REMINDER}",
        ),
    ),
    (
        "/remind list",
        (
            rf"{_SHOW}{_ANY}reminders?(?: list)?{_NOW}",
            rf"(?:what|which|how many) reminders?(?: (?:do|have) (?:i|we)| are)?{_THERE}",
            r"what are my reminders|what did i ask you to remind me of",
            rf"(?:do i have|have i(?: got)?|are there|is there) {_ANY}reminders?{_THERE}",
            r"when (?:is|does|will) (?:my|the) (?:next )?reminder(?: (?:come|due|go off))?",
        ),
    ),
    ("/stop {number}", (rf"(?:stop|cancel|abort|kill|end) {_RUNS} of {_SCHEDULE}{_NOW}",)),
    (
        "/stop everything",
        (r"(?:pause|halt|freeze|disable|shut down) (?:everything|all agents|all of it|it all)",),
    ),
    (
        "/new",
        (r"start (?:over|again|anew|afresh)|(?:an? )?new (?:conversation|chat|thread)|reset",),
    ),
    (
        "/resume",
        (r"what did we (?:talk|speak) about(?: before| earlier| last time| yesterday)?",),
    ),
    ("/why", (r"why did you (?:say|answer|do|write|post|send) (?:that|this|so|it)",)),
    (
        "/policy show",
        (r"(?:what|which) (?:are the )?(?:rules|policy|policies)(?: are there| do we have)?",),
    ),
    (
        "/handoff show",
        (r"(?:which|what) agent (?:is this|am i talking to|are you|has this|answers here)",),
    ),
    (
        "/channel list",
        (
            rf"{_SHOW}{_ANY}channels?(?: list)?{_NOW}",
            r"(?:what|which) channels? (?:are there|do (?:you|we) (?:have|know))",
            rf"(?:what|which) channels? (?:do|can|may) you (?:see|{_POST})",
            r"(?:what|which) channels? are (?:you in|configured|set up|listed|allowed|connected)",
            rf"(?:where|in (?:what|which) channels?) (?:can|may|do) you {_POST}",
            rf"(?:can|may|do) you {_POST} (?:#[\w-]+|other channels|any channel)",
            r"are you in #[\w-]+",
        ),
    ),
    (
        "/channel test",
        (
            rf"(?:is|are) {_PLATFORM} (?:connected|working|up|online|set up|ok|okay)",
            rf"are you (?:connected to|on|in) {_PLATFORM}",
            rf"(?:test|check) (?:the )?connections?(?: to {_PLATFORM})?",
        ),
    ),
    (
        "/member list",
        (
            r"who(?:'s| is| are)?(?: all)? (?:in|on|part of) (?:the|this|our|my|your) team",
            rf"{_SHOW}(?:all |the |our |team )*(?:members?|team|people)",
            r"who (?:is|are) (?:the |an? |our )?(?:owners?|operators?|members?|guests?|admins?)",
        ),
    ),
    (
        "/whoami",
        (
            r"(?:am i|are we) (?:an? |the )?(?:owner|operator|member|guest|admin)s?|who am i",
            r"what(?:'s| is| are) my (?:role|rights|permissions?)|what role (?:do i have|am i)",
            r"what am i allowed(?: to do)?",
        ),
    ),
)
"""What is answered with a command, the first that the sentence is; a number that it does not say
is left open."""

_CHANGE = r"(?:change|edit|move|reschedule|rename|modify|update|postpone|delay|shift)"
_TO = r"(?:'s)?(?: (?:to|by|from|until|into|for|time|channel|name|so)(?: .*)?)?"
_CONNECT = r"(?:connect|add|set up|use|install|configure|link)(?: (?:you|this|nightdesk))?"
_IT = r"(?: (?:it|this|that|things?|something|requests?|runs?|approvals?))?"
_DECIDED = r"(?:approved|denied|decided|rejected|accepted)"
_REQUEST = rf"(?: {_ANY}{_WHICH}(?:requests?|runs?|one|it|that))?"
_DOCS = r"(?:documentation|docs|manual|handbook|readme|guide)"
_HERE = r"(?:#[\w-]+|here|(?:this|the) channel)"
_TOLD: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        """\
No command changes a schedule. Make the new one with `/schedule create`, and take the old one away \
with `/schedule delete {number}`.""",
        (rf"{_HOW}{_CHANGE} (?:the time of )?{_ANY}(?:schedules?|jobs?){_NUMBER}{_TO}",),
    ),
    (
        """\
Each request says who may: `/approve show <id>`. The rules are in `/policy show`, and what you may \
yourself in `/whoami`.""",
        (
            r"who (?:can|may|must|should|has to|is allowed to|needs to) (?:approve|decide|say yes)"
            + _IT,
            rf"(?:can|may) i approve{_IT}",
        ),
    ),
    (
        """\
What was decided, and by whom, is in the audit: `nightdesk audit` on the machine shows it.""",
        (rf"(?:who|what|which requests?)(?: (?:was|were|has been))? {_DECIDED}{_REQUEST}{_NOW}",),
    ),
    (
        """\
A plain yes or no decides nothing: `/approve list` shows what waits for one, and `/help approve` \
tells how it is decided.""",
        (r"y|n|yes|yep|yeah|no|nope|sure|(?:yes )?(?:go ahead|do it|please do)|don't do it",),
    ),
    (
        """\
What can be taken back says so in its answer, with the command: `/schedule delete <number>`, \
`/remind cancel <number>`.""",
        (
            r"(?:undo|revert|take back|cancel)(?: (?:that|it|this|the last(?: one)?))",
            r"undo|revert|take (?:that|it) back",
        ),
    ),
    (
        """\
Limits for a day begin anew at midnight in the team's time zone, limits for a month on its first \
day.""",
        (rf"when (?:do|does|will|is) {_ANY}(?:budgets?|limits?)(?: be)? (?:reset|renewed)",),
    ),
    (
        """\
Channels are written in `nightdesk.toml`, under `[[channels]]`; with `proactive = true` I may post \
there unasked. `/channel list` shows them.""",
        (
            rf"{_HOW}(?:add|remove|configure|set up|allow) {_ANY}(?:new )?channels?(?: #?[\w-]+)?",
            rf"(?:{ASKS_HOW}) (?:let|allow|make) you (?:to )?{_POST}(?: {_ANY}#?[\w-]+)?",
        ),
    ),
    (
        """\
The setup of {platform} is told step by step in docs/{platform}.md, and `nightdesk doctor` says \
what is missing.""",
        (rf"{_HOW}{_CONNECT}(?: (?:to|with|in|on))? {_ANY}{_PLATFORM}(?: (?:workspace|bot|app))?",),
    ),
    (
        "I work in Slack, Telegram, Discord and the terminal: docs/ tells how to connect each.",
        (
            r"(?:what|which) (?:platforms?|chats?|apps?) (?:do you support|do you work with)",
            rf"(?:do|can) you (?:work|run|live|support)(?: (?:in|with|on))? {_PLATFORM}",
        ),
    ),
    (
        "`nightdesk doctor` on the machine names the folder and the files that I read.",
        (
            rf"where (?:is|are|do i find) {_ANY}(?:data|config(?:uration)?|settings?|logs?|files?)"
            + r"(?: (?:file|folder|stored|kept))*",
        ),
    ),
    (
        """\
Agents are written in `nightdesk.toml`, under `[[agents]]`; `/handoff show` says which has this \
thread.""",
        (r"(?:what|which) agents (?:are there|do (?:you|we) have)|(?:list|show) (?:the )?agents",),
    ),
    (
        "`nightdesk version` on the machine says it.",
        (r"(?:what|which) version(?: (?:are you|is (?:this|it|nightdesk)|do you (?:run|have)))?",),
    ),
    (
        "The README lists the documentation, which is in docs/; here, `/help` tells every command.",
        (rf"(?:where (?:is|are|can i find) |{_SHOW}){_ANY}{_DOCS}",),
    ),
    (
        """\
Nightdesk is free, and so is the offline assistant. A language model costs what its provider \
charges; `/budget` shows what was spent, and what may be.""",
        (
            r"(?:is|are) (?:it|this|nightdesk|you) (?:for )?free(?: of charge)?",
            r"(?:what|how much) (?:do|does|will) (?:you|this|it|nightdesk) costs?(?: me| us)?",
        ),
    ),
    (
        """\
I post into a channel unasked only what a schedule has for it: `/schedule list` shows those, and \
`/schedule pause <number>` keeps one quiet. With `proactive = false` in `nightdesk.toml` I post \
nothing there unasked.""",
        (
            rf"(?:mute|silence|unsubscribe(?: from)?) (?:yourself|{_HERE})",
            rf"(?:stop|don't|do not) (?:post|writ|send)(?:e|ing)?(?: (?:in|into|to))? {_HERE}",
            r"(?:be|keep|stay) (?:quiet|silent)",
        ),
    ),
    (
        """\
The team's time zone is `timezone` in `nightdesk.toml`; a schedule or a reminder takes one of its \
own with `--tz`.""",
        (rf"{_HOW}(?:change|set|configure) {_ANY}time ?zones?(?: (?:to|for|of) .*)?",),
    ),
)
"""What is answered with a sentence."""

_BY_COMMAND = tuple((line, re.compile(each)) for line, those in _COMMANDS for each in those)
_BY_SENTENCE = tuple((text, re.compile(each)) for text, those in _TOLD for each in those)


def by_command(words: str) -> Command | Told | None:
    """What plain words are answered with, where a command or a sentence of ours does."""
    if len(words) > _LONGEST:
        return None
    for line, pattern in _BY_COMMAND:
        if found := pattern.fullmatch(words):
            return Command(_filled(line, found))
    for text, pattern in _BY_SENTENCE:
        if found := pattern.fullmatch(words):
            return Told(_filled(text, found))
    return None


def _filled(template: str, found: re.Match[str]) -> str:
    said = found.groupdict()
    return template.format(
        number=said.get("number") or said.get("bare") or "<number>",
        channel=said.get("channel") or "",
        platform=said.get("platform") or "",
    )
