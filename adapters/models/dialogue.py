"""What the offline assistant says next in a conversation. Pure."""

import re

import msgspec

from adapters.models import briefing, times
from adapters.models.answers import SECTIONS, answer
from adapters.models.commanded import Command, Told
from adapters.models.howto import HowTo
from adapters.models.intents import (
    Ask,
    CheckFirst,
    Deliver,
    HandOn,
    Intent,
    NeedsModel,
    Recall,
    Small,
    of_instruction,
    of_message,
    telling,
)
from adapters.models.topics import SAID_OF_THE_DESK, Topic
from adapters.models.wishes import MakeSchedule, SeveralTimes
from runtime.model.checkpoint import (
    CHECKPOINT,
    GO_ON,
    LONGEST_THEN,
    LONGEST_TITLE,
    NOT_AGAIN,
    STAY,
    YES,
)
from runtime.model.completion import ModelInfo, ModelRequest
from runtime.model.conversation import Entry, Role
from runtime.model.facts import DeskFacts
from runtime.model.turn import FILE, HANDED
from runtime.model.value import value
from runtime.text import verbatim

FACTS_TOOL = "desk.facts"
"""Takes no arguments; answers with `runtime.model.facts.DeskFacts` as JSON."""
SCHEDULE_TOOL = "schedule.create"
"""Takes `when` and `instruction`, both in words; answers with a sentence for the person."""

REMINDER_TOOL = "reminder.create"
"""Takes `when` and `text`; the person alone is told, by direct message."""

HANDOFF_TOOL = "handoff.to"
"""Takes `agent` and `task`; ends the turn."""

_FOR_ALL = re.compile(r"\b(?:us|everyone|everybody|all|team)\b", re.IGNORECASE)
_REMINDER = "Reminder: "
_LONGEST_REASON = 300
_DOES = "A command does that, and this one tells how"
_WHEN = "When should I do that?"
_UNDERSTOOD = "\nWhat I understood is: "


@value()
class ToolWanted:
    """A tool to call before there is an answer."""

    name: str
    arguments: dict[str, str]


class Dialogue:
    """One request, read once.

    Attributes:
        asked: the message to answer.
        earlier: what the assistant said before that message, latest first.
        results: the tools' answers since, by the tool's name.
    """

    def __init__(self, request: ModelRequest, info: ModelInfo) -> None:
        place = max(
            (at for at, entry in enumerate(request.entries) if entry.role is Role.USER), default=-1
        )
        self._connect = info.how_to_connect
        abilities = [*info.abilities, "and `/help` lists every command."]
        self._can = "\n".join(["I can", *(f"- {each}" for each in abilities)])
        self.asked = request.entries[place] if place >= 0 else None
        before = request.entries[: max(place, 0)]
        self.earlier = [
            entry.text for entry in reversed(before) if entry.role is Role.ASSISTANT and entry.text
        ]
        self._first = not self.earlier and all(entry.role is not Role.SUMMARY for entry in before)
        self.results = _results(request.entries[place + 1 :])
        self._tools = {spec.name for spec in request.tools}

    def reply(self) -> str | ToolWanted:
        """The answer, or the tool whose answer is wanted first."""
        if self.asked is None:
            return self._with_notice(self._can)
        by_person = self.asked.sender is not None
        intent = self._of_message() if by_person else self._of_instruction()
        said = self._reply(intent)
        if isinstance(said, ToolWanted):
            return said
        return self._with_notice(said) if by_person else self._with_source(said, intent)

    def _of_message(self) -> Intent:
        """What the person asks; a bare time is the answer to "When should I do that?", if any."""
        text = self.asked.text.partition(f"\n\n{FILE}")[0] if self.asked is not None else ""
        asked = bool(self.earlier) and self.earlier[0].startswith(_WHEN)
        _, _, instruction = (self.earlier[0] if self.earlier else "").partition(_UNDERSTOOD)
        split = times.at_start(text.strip())
        alone = split is not None and not split.rest
        if split is None or not alone or (asked and not instruction):
            return of_message(text)
        if asked:
            return MakeSchedule(when=split.when, instruction=instruction.partition("\n")[0])
        meant = of_message(text)
        only_a_time = MakeSchedule(when=split.when, instruction="")
        return only_a_time if isinstance(meant, NeedsModel) else meant

    def _of_instruction(self) -> Intent:
        """What a schedule tells, or another agent hands on: a task that a person could ask, too."""
        text, _, handed = (self.asked.text if self.asked else "").partition(f"\n\n{HANDED}")
        return of_message(text) if handed else of_instruction(text)

    def _reply(self, intent: Intent) -> str | ToolWanted:  # noqa: C901, PLR0911 - one for each intent
        match intent:
            case Small():
                return self._small(intent)
            case Ask():
                return self._ask(intent)
            case HowTo():
                tells = "This command tells" if intent.explains else _DOES
                return f"{tells}: `/help {intent.command}`"
            case MakeSchedule():
                return self._make(intent)
            case SeveralTimes():
                return _several(intent)
            case Command():
                return f"A command does that: `{intent.line}`"
            case Told():
                return intent.text
            case Recall():
                return self._recall(intent)
            case Deliver():
                return verbatim(intent.text)
            case HandOn():
                return self._hand_on(intent)
            case CheckFirst():
                return self._check_first(intent)
            case NeedsModel():
                return self._needs_model()

    def _small(self, which: Small) -> str:
        match which:
            case Small.GREETING:
                return f"Hello. {self._can}"
            case Small.HELP:
                return self._can
            case Small.THANKS:
                return "You are welcome."
            case Small.FAREWELL:
                return "Until later. What is scheduled comes at its time."
            case Small.MODEL:
                return (
                    "No language model is connected. I am the offline assistant: a fixed grammar "
                    f"over what this desk knows about itself. {self._connect}"
                )

    def _ask(self, ask: Ask) -> str | ToolWanted:
        before = self._from_briefing(ask.topic)
        if FACTS_TOOL not in self._tools:
            return before or (
                "I cannot look that up here. `/schedule list` shows the schedules, and `/help` "
                "every command."
            )
        if FACTS_TOOL not in self.results:
            return ToolWanted(FACTS_TOOL, {})
        text = self.results[FACTS_TOOL]
        facts = _read(text)
        if facts is None:
            return f"{before}\n\n{_not_read(text)}" if before else _not_read(text)
        said = answer(ask, facts)
        if said is None:
            return self._needs_model()
        if before and all(f"> {point}" in before for point in briefing.points_of(said)):
            return f"{before}\n\nThat still holds."
        return f"{before}\n\nNow: {said}" if before else said

    def _from_briefing(self, topic: Topic) -> str:
        """What the briefing above said of the topic, quoted; empty where there is none."""
        title = SECTIONS.get(topic, "")
        for text in self.earlier:
            lines = briefing.section_of(text, title)
            if lines:
                return f"The briefing above said, under {title}:\n{briefing.quoted(lines)}"
        return ""

    def _hand_on(self, wish: HandOn) -> str | ToolWanted:
        if HANDOFF_TOOL in self.results:  # it ends the turn where it does what it is asked
            return f"I could not hand this on: {self.results[HANDOFF_TOOL]}"
        if HANDOFF_TOOL not in self._tools:
            return f"I may hand nothing on. A command does that: `/handoff to {wish.to}`"
        task = wish.task or "Go on with this conversation."
        return ToolWanted(HANDOFF_TOOL, {"agent": wish.to, "task": task})

    def _check_first(self, wish: CheckFirst) -> str | ToolWanted:
        """Ask people; after their yes do what they said comes next, which they may have changed."""
        if CHECKPOINT not in self._tools:
            return "I cannot ask people here, so I do not begin with it."
        if len(wish.then) > LONGEST_THEN:
            return (
                f"What comes next has {len(wish.then):,} characters, and people can be asked about "
                f"{LONGEST_THEN} at most, so I do not begin with it. Say the gist of it."
            )
        if CHECKPOINT not in self.results:
            done = "Nothing yet: people are asked first."
            title = briefing.cut(wish.then, LONGEST_TITLE)
            return ToolWanted(CHECKPOINT, {"title": title, "done": done, "then": wish.then})
        heard = self.results[CHECKPOINT]
        if not (heard.startswith(YES) and heard.endswith(GO_ON)):
            return f"I stop here. {_for_people(heard)}".strip()
        then = heard.partition("\n")[2].rpartition("\n")[0]
        by_person = self.asked is not None and self.asked.sender is not None
        intent = of_message(then) if by_person else of_instruction(then)
        if isinstance(intent, CheckFirst):
            return "I can ask people once for a message, so I stop here."
        said = self._reply(intent)
        if isinstance(said, ToolWanted):
            return said
        if isinstance(intent, NeedsModel):
            said = f"“{briefing.short(then)}” needs a language model, so nothing was done."
        return f"{heard.partition(' at the checkpoint ')[0]}.\n\n{said}"

    def _recall(self, recall: Recall) -> str:
        if not self.earlier:
            return "I have said nothing in this conversation yet."
        if recall.about:
            return self._said_of(recall.about) or self._needs_model()
        if recall.place is None:
            return f"I said:\n\n{briefing.quoted(self.earlier[0].splitlines())}"
        points = next((found for text in self.earlier if (found := self._points(text))), [])
        if not points:
            return "There is no list in what I said above, so no such point either."
        place = recall.place - 1 if recall.place > 0 else recall.place
        if not -len(points) <= place < len(points):
            many = "1 point" if len(points) == 1 else f"{len(points)} points"
            return f"What I said above has {many}; there is no such one."
        point = points[place]
        named = re.search(r"#(\d+)", point)
        number = named[1] if named is not None else "<number>"
        return (
            f"That point says:\n{briefing.quoted([point])}\n\n"
            f"I know no more than that; `/schedule show {number}` shows the schedule and its runs."
        )

    def _said_of(self, words: tuple[str, ...]) -> str:
        """The points made above that have one of the words, quoted; empty where none has."""
        for text in self.earlier:
            lines = [
                line for line in self._points(text) if any(word in line.lower() for word in words)
            ]
            if lines:
                return f"I said above:\n{briefing.quoted(lines)}"
        return ""

    def _points(self, text: str) -> list[str]:
        """The points of what was said, but for those of its own abilities."""
        return briefing.points_of(text.replace(self._can, ""))

    def _make(self, wish: MakeSchedule) -> str | ToolWanted:
        if REMINDER_TOOL in self.results:
            return self.results[REMINDER_TOOL]
        if SCHEDULE_TOOL in self.results:
            return self.results[SCHEDULE_TOOL] + self._warning(wish)
        if not wish.instruction:
            return _what_then(wish.when)
        if not wish.when:
            return (
                f'{_WHEN} For example: "in 2 hours", "tomorrow at 9am" or "every weekday at 8:30".'
                f"{_UNDERSTOOD}{verbatim(wish.instruction)}"
            )
        if self._is_personal(wish) and REMINDER_TOOL in self._tools:
            text = wish.instruction.removeprefix(_REMINDER)
            return ToolWanted(REMINDER_TOOL, {"when": wish.when, "text": text})
        if SCHEDULE_TOOL not in self._tools:
            return (
                "I cannot make schedules here. This command does:\n"
                f'`/schedule create "{wish.when}" {verbatim(wish.instruction)}`'
            )
        return ToolWanted(SCHEDULE_TOOL, {"when": wish.when, "instruction": wish.instruction})

    def _is_personal(self, wish: MakeSchedule) -> bool:
        """Whether it is a reminder for the person who asks, and nobody else."""
        asked = self.asked.text if self.asked is not None else ""
        return wish.instruction.startswith(_REMINDER) and not _FOR_ALL.search(asked)

    def _warning(self, wish: MakeSchedule) -> str:
        if not isinstance(of_instruction(wish.instruction), NeedsModel):
            return ""
        return (
            "\n\nNote: that instruction needs a language model, and none is connected. "
            f"{self._connect}"
        )

    def _needs_model(self) -> str:
        if self._first:
            return f"That needs a language model. {self._can}"
        words = telling(self.asked.text) if self.asked is not None else ()
        above = self._said_of(tuple(word for word in words if word not in SAID_OF_THE_DESK))
        more = f"{above}\n\nMore than that" if above else "That"
        return f"{more} needs a language model, and none is connected. {self._connect}"

    def _with_notice(self, said: str) -> str:
        """The first answer of a conversation says what one talks to."""
        if not self._first or self._connect in said:
            return said
        return f"{said}\n\nNo language model is connected: I answer by fixed rules. {self._connect}"

    def _with_source(self, said: str, intent: Intent) -> str:
        """What a schedule posts says what composed it, unless it repeats a person's own words."""
        if isinstance(intent, Deliver) or self._connect in said:
            return said
        if isinstance(intent, NeedsModel):
            asked = briefing.short(self.asked.text) if self.asked is not None else ""
            return (
                f'"{asked}" needs a language model, and none is connected, so nothing was done. '
                f"{self._connect}"
            )
        return f"{said}\n\n_Composed from facts; no language model is connected. {self._connect}_"


def _what_then(when: str) -> str:
    """A question for what is to be done at that time; what is said next stands for itself."""
    time = verbatim(when) or "in 2 hours"
    return (
        "What should I do then? Say it with the time, as in "
        f"“{time} post the morning briefing” or “remind me {time} to call Bob”."
    )


def _several(wish: SeveralTimes) -> str:
    *others, last = (f"“{time}”" for time in wish.times)
    return (
        f"{', '.join(others)} and {last} are {len(wish.times)} times, and each is a schedule or a "
        "reminder of its own. Ask for each by itself, please."
    )


def _results(entries: tuple[Entry, ...]) -> dict[str, str]:
    """What each tool answered, by its name; the latest answer of each."""
    names = {call.id: call.name for entry in entries for call in entry.tool_calls}
    return {
        names[entry.call]: entry.text
        for entry in entries
        if entry.role is Role.TOOL and entry.call is not None and entry.call in names
    }


def _for_people(heard: str) -> str:
    """What was heard at a checkpoint, without what only tells a model what to do."""
    said = heard.strip().removesuffix(STAY).rstrip()
    return said.removesuffix(NOT_AGAIN).rstrip()


def _read(text: str) -> DeskFacts | None:
    try:
        return msgspec.json.decode(text, type=DeskFacts)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _not_read(text: str) -> str:
    """A tool that failed answers with its reason, in words; anything else is not worth showing."""
    reason = " ".join(text.split())
    if " " not in reason or reason[0] in '{["':
        return "I could not look that up: the desk's facts came in a form that I cannot read."
    return f"I could not look that up: {reason[:_LONGEST_REASON]}"
