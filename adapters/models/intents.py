"""What a message to the offline assistant means: a grammar, not a model. Pure.

The vocabulary is closed. A question counts as one about the desk only where nearly every word of
it is known here; "what should we do next about the French economy" asks for nothing that the desk
knows, and guessing from the word "next" would be pretending.
"""

import re
from enum import StrEnum

from adapters.models.commanded import Command, Told, by_command
from adapters.models.howto import HowTo, asks_how, how_to
from adapters.models.otherwise import topic_in_other_words
from adapters.models.topics import FILLERS, SAID_OF_THE_DESK, Topic, topic_of, topics_in
from adapters.models.wishes import MakeSchedule, SeveralTimes, wish_in, without_manners
from runtime.model.value import value


class Small(StrEnum):
    """What is answered without looking anything up."""

    GREETING = "greeting"
    THANKS = "thanks"
    FAREWELL = "farewell"
    HELP = "help"
    MODEL = "model"


@value()
class Ask:
    """A question about the desk.

    Attributes:
        topic: what about.
        about: words that may name a schedule, to be found in the facts; empty for all of them.
    """

    topic: Topic
    about: tuple[str, ...] = ()


@value()
class Recall:
    """A question about what was said earlier in the conversation.

    Attributes:
        place: which point of it, from 1, -1 for the last; None for all of it.
        about: words that the points have which are meant; empty for all of them.
    """

    place: int | None = None
    about: tuple[str, ...] = ()


@value()
class Deliver:
    """An instruction to say exactly this: a reminder.

    Attributes:
        text: what to say.
    """

    text: str


@value()
class HandOn:
    """A wish that another agent goes on with this.

    Attributes:
        to: the agent, as it was written.
        task: what it is to do; empty where that was not said.
    """

    to: str
    task: str


@value()
class CheckFirst:
    """A wish that people are asked before something is done.

    Attributes:
        then: what is to be done after a yes, as it was written.
    """

    then: str


@value()
class NeedsModel:
    """Anything else: only a language model could answer."""


Intent = (
    Small
    | Ask
    | HowTo
    | MakeSchedule
    | SeveralTimes
    | Command
    | Told
    | Recall
    | Deliver
    | HandOn
    | CheckFirst
    | NeedsModel
)

_LONGEST_QUESTION = 14
_MOST_UNKNOWN = 2
_SHORTEST_NAME = 3


_ORDINALS = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4,
    "fifth": 5, "5th": 5, "sixth": 6, "6th": 6, "last": -1,
}  # fmt: skip

_GREETING = re.compile(
    r"(?:hi|hello|hey|hey there|hi there|hello there|howdy|yo|moin|hallo|greetings"
    r"|good (?:morning|afternoon|evening|day))(?: (?:desk|nightdesk|bot|all|team|everyone|there))?"
)
_THANKS = re.compile(
    r"(?:ok |okay |great |perfect |nice |cool |many )?(?:thanks|thank you|thx|ty|cheers|danke)"
    r"(?: (?:a lot|so much|very much|you|desk|nightdesk|again|all))*"
    r"|(?:ok|okay|great|perfect|nice|cool|good|got it|well done|never mind|nevermind)"
)
_FAREWELL = re.compile(
    r"(?:good ?night|night|(?:good ?)?bye(?: bye)?|see you|see ya|ciao|so long|until later)"
    r"(?: (?:desk|nightdesk|bot|all|team|everyone|for now|later|tomorrow|soon|then))*"
)
_HELP = re.compile(
    r"(?:(?:i need )?help(?: me)?|menu|(?:(?:show|list)(?: me)? )?(?:the |all )?commands?|usage|h"
    r"|(?:what|which) commands(?: are there| (?:do|can) (?:you|i) \w+| exist)?|what is nightdesk"
    r"|what (?:can|are) (?:you|i) (?:able to )?(?:do|ask|say)(?: here| you)?"
    r"|what do you do|what are you(?: for)?"
    r"|how (?:do|does) (?:i use you|you work|this work|it work)"
    r"|what (?:can|should) i (?:ask|do|say)|how can you help(?: me)?|show help)"
)
_SPAN = re.compile(
    r"\b(?P<which>last|past|previous|next) (?:(?P<day>24 hours)|(?:\d+|few|couple of|two|three"
    r"|four|five|six|seven|eight|nine|ten)"
    r" (?P<unit>(?:minute|hour|day|week|month|year|run)s))\b"
)
_NUMBERED = re.compile(
    r"\b(?:(?P<noun>schedules?|jobs?) (?:(?:number|no|nr) )?|(?:number|nr) )#?(?=\d+\b)"
)
_MODEL = re.compile(
    r"(?:which|what)(?:'s| is| are)?(?: \w+){0,3} (?:model|llm)\b.*|(?:model|llm|which model)"
    r"|(?:are|r) (?:you|u) (?:an? )?(?:ai|llm|gpt\S*|chatgpt|claude|human|real|robot|bot|offline"
    r"|language model|real person|person|online|smart).*"
    r"|(?:who|what) are you|why are you (?:offline|so (?:dumb|limited|stupid))"
    r"|(?:is|are) (?:there )?(?:an? |the |any )?(?:language )?(?:models?|llm)\b.*"
    r"|(?:how (?:do|can) (?:i|we) )?(?:connect|configure|set up|add|use|change|switch)"
    r" (?:an? |the |to an? |another )?(?:language |real |different |other |new )?(?:model|llm)\b.*"
)
_RECALL = re.compile(
    r"(?:say|tell me|show me|show|post) (?:that|it|this) again"
    r"|repeat(?: (?:that|it|this|the briefing|yourself|please))*"
    r"|what did (?:you|it|the (?:briefing|report|message)) (?:just )?say\b.*"
    r"|what (?:was|is|were|does)(?: in)? (?:that|this|it|the (?:briefing|report|message|above))"
    r"(?: (?:about|say|mean|all about|briefing|report|again|above))*"
    r"|(?:tell me )?more(?: (?:about (?:that|it|this|them|these)|details?))?|(?:more )?details?"
    r"|explain(?: (?:that|it|this|please))?|what do you mean(?: by (?:that|this|it))?"
    r"|quote (?:it|that|the briefing)|(?:and )?what else"
)
_PLACE = re.compile(
    r"(?:(?:can you )?(?:tell me|explain|say|show me|give me|what about|what is|what was|quote"
    r"|expand on|elaborate on|how about|and|details on|repeat)\s+)?"
    r"(?:(?:some )?more )?(?:details? )?(?:about |on |of )?(?:the |point |number |item |no |nr |#)*"
    r"(?P<place>first|1st|second|2nd|third|3rd|fourth|4th|fifth|5th|sixth|6th|last|\d{1,2})"
    r"(?: (?:one|point|item|line|entry|thing|of (?:these|those|them)))?"
)
_ABOUT = re.compile(
    r"what (?:about|(?:did|does) (?:you|it|the (?:briefing|report|message)) (?:just )?say"
    r" (?:about|on|of)) (?P<about>.+)"
)
_HAND_ON = re.compile(
    r"(?:please\s+)?(?:hand|pass|give)\s+(?:this|it|that|the\s+thread)(?:\s+(?:over|on))?\s+to"
    r"\s+@?(?P<to>[\w-]+)(?:\s*[:,]\s*(?P<task>.*[^\s.!]))?[\s.!]*+",
    re.IGNORECASE | re.DOTALL,
)
_CHECK_FIRST = re.compile(
    r"(?:please\s+)?(?:stop\s+and\s+)?ask(?:\s+(?:me|us|people|somebody|someone|the\s+team|first))*"
    r"(?:\s+before\s+you\s+|,?\s+(?:and\s+)?then\s+)(?P<then>.*[^\s.!])[\s.!]*+",
    re.IGNORECASE | re.DOTALL,
)
_AUDIENCE = re.compile(
    r"(?<!\s)\s++(?:to|in|into|for)\s+(?:the\s+)?(?:[\w-]+\s+)?(?:#[\w-]+|team|channel|everyone|us|me)\b[\s.!]*$",
    re.IGNORECASE,
)
_QUOTES = "\"'\u201c\u201d\u2018\u2019"
_REMINDER = re.compile(
    r"(?:reminder\s*:|(?:remind|tell)\s+(?:me|us|everyone|everybody|all|the\s+team)"
    r"\s+(?:to|that|about|of)\b|remind\s+(?:me|us|everyone|everybody|all|the\s+team)\b)"
    r"\s*(?P<text>.+)",
    re.IGNORECASE | re.DOTALL,
)
_COMPOSE = re.compile(
    r"(?:write|prepare|create|make|compile|share|draft|collect|generate|produce|publish|compose"
    r"|summari[sz]e|sum up)\s+(?:up\s+)?(?=\S)"
)
"""What a briefing can be told to be done with, in the plain words of an instruction."""
_SAY = re.compile(
    r"(?:say\b|(?:post|send|write|announce|tell\s+(?:us|everyone|the\s+team))\s*"
    rf"(?::|(?=[{_QUOTES}])))\s*(?P<text>.+)",
    re.IGNORECASE | re.DOTALL,
)


def of_message(text: str) -> Intent:
    """What a person's message asks for."""
    gate = _CHECK_FIRST.fullmatch(text.strip())
    if gate is not None:
        return CheckFirst(gate["then"])
    wish = wish_in(text)
    if wish is not None:
        return wish
    handed = _HAND_ON.fullmatch(text.strip())
    if handed is not None:
        return HandOn(handed["to"], (handed["task"] or "").strip())
    words = _plain(text)
    bare = _plain(without_manners(text)) or words
    return (
        _small(words)
        or _small(bare)
        or how_to(bare)
        or by_command(words)
        or by_command(bare)
        or _recall(bare)
        or _ask_or_compose(bare)
    )


def of_instruction(text: str) -> Intent:
    """What a schedule's instruction asks for, at its time."""
    gate = _CHECK_FIRST.fullmatch(text.strip())
    if gate is not None:
        return CheckFirst(gate["then"])
    reminder = _REMINDER.fullmatch(text.strip())
    if reminder is not None:
        return Deliver(f"Reminder: {reminder['text'].strip()}")
    words = _plain(_AUDIENCE.sub("", without_manners(text)))
    small = _small(words)
    if small in {Small.HELP, Small.MODEL}:
        return small
    wanted = _COMPOSE.sub("", words)
    asked = _ask(wanted)
    # "Write a report on sales" and "water the errors" name no schedule, whatever theirs is called.
    foreign = asked.about if isinstance(asked, Ask) else ()
    if foreign and (wanted != words or words.split()[0] in foreign):
        asked = NeedsModel()
    said = _SAY.fullmatch(text.strip())
    if said is None or (isinstance(asked, Ask) and not asked.about):
        return asked
    return Deliver(said["text"].strip().strip(_QUOTES))


def _plain(text: str) -> str:
    """Lower case, single blanks, plain apostrophes, and no punctuation but what is in a word."""
    lowered = re.sub("[\u2019`]", "'", text.lower())
    kept = re.sub(r"[^\w\s'#-]|(?<!\w)'|'(?!\w)", " ", lowered)
    return " ".join(kept.split())


def _small(words: str) -> Small | None:
    for pattern, meaning in (
        (_GREETING, Small.GREETING),
        (_THANKS, Small.THANKS),
        (_FAREWELL, Small.FAREWELL),
        (_HELP, Small.HELP),
        (_MODEL, Small.MODEL),
    ):
        if pattern.fullmatch(words):
            return meaning
    return None


def _recall(words: str) -> Recall | None:
    found = _PLACE.fullmatch(words)
    if found is not None:
        spelled = found["place"]
        return Recall(_ORDINALS[spelled] if spelled in _ORDINALS else int(spelled))
    about = _ABOUT.fullmatch(words)
    if about is not None:
        return Recall(about=telling(about["about"]))
    return Recall() if _RECALL.fullmatch(words) else None


def telling(text: str) -> tuple[str, ...]:
    """The words of the text that can name something: long enough, and none of everyday use."""
    words = _plain(text).split()
    return tuple(word for word in words if len(word) >= _SHORTEST_NAME and word not in FILLERS)


def _ask_or_compose(words: str) -> Ask | NeedsModel:
    """A question, or "write the briefing", which asks for the same."""
    asked, wanted = _ask(words), _COMPOSE.sub("", words, count=1)
    if asked == Ask(Topic.BRIEFING, ()) or wanted == words:
        return asked
    composed = _ask(wanted)
    return composed if composed == Ask(Topic.BRIEFING) else asked


def _ask(words: str) -> Ask | NeedsModel:
    topic = topic_in_other_words(words)
    if topic is not None:
        return Ask(topic)
    said = [word.removesuffix("'s").strip("-'") for word in _numbered(words).split()]
    topics = topics_in(said)
    if not topics or len(said) > _LONGEST_QUESTION:
        return NeedsModel()
    unknown = tuple(
        word for word in said if word and word not in FILLERS and word not in SAID_OF_THE_DESK
    )
    if len(unknown) > _MOST_UNKNOWN or (unknown and _names_nothing(words, unknown)):
        return NeedsModel()
    return Ask(topic_of(topics, said), unknown)


def _numbered(words: str) -> str:
    """The words with `#2` for the schedule of that number, and periods without theirs."""

    def span(found: re.Match[str]) -> str:
        return f"{found['which']} {'day' if found['day'] else found['unit']}"

    def number(found: re.Match[str]) -> str:
        return f"{found['noun']} #" if found["noun"] else "#"

    return _NUMBERED.sub(number, _SPAN.sub(span, words))


def _names_nothing(words: str, unknown: tuple[str, ...]) -> bool:
    """Whether the unknown words name no schedule: bare numbers, or how something is done."""
    if all(word.isdecimal() for word in unknown):
        return True
    return asks_how(words)
