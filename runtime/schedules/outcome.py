"""How the agents' part of a run ended."""

from runtime.ids import AgentName, ConversationId
from runtime.model.files import OutFile
from runtime.model.messages import Content
from runtime.model.schedule import OccurrenceState, Schedule
from runtime.model.value import value
from runtime.text import verbatim
from runtime.turns.outcome import Outcome


@value()
class RunOutcome:
    """What the agents of a run said and made, or why they could not.

    Attributes:
        text: what they said; empty where they could not.
        error: why they could not, in words for a person.
        files: what they made.
        missed: it was stopped before it began.
        way: where it was handed over, the agents in order, the last of which wrote it.
        conversation: where it was handed over, that of the last one.
        ours: where the words are our own, the text with the marks of `runtime.text.verbatim`.
    """

    text: str
    error: str
    files: tuple[OutFile, ...] = ()
    missed: bool = False
    way: tuple[AgentName, ...] = ()
    conversation: ConversationId | None = None
    ours: str = ""

    @property
    def state(self) -> OccurrenceState:
        """What becomes of the planned time."""
        if self.missed:
            return OccurrenceState.MISSED
        return OccurrenceState.FAILED if self.error else OccurrenceState.DONE

    def content(self, schedule: Schedule) -> Content:
        """What is sent of it to the schedule's channel."""
        way = " → ".join(self.way)
        note = f"_Handed over: {way}, which has this thread now._" if way else ""
        if self.text or self.files:
            said = self.ours or self.text
            text = "\n\n".join(part for part in (said, note) if part)
            return Content(text, files=self.files, ours=bool(self.ours))
        what = verbatim(schedule.instruction)
        failure = f"Schedule {schedule.number} could not run ({what}).\n{self.error}"
        return Content(f"{failure}\n\n{note}" if note else failure, ours=True)

    @classmethod
    def of_turn(cls, outcome: Outcome) -> "RunOutcome":
        """What came of the turn of one agent."""
        if outcome.failed:
            return cls("", outcome.text)
        return cls(outcome.text, "", outcome.files, ours=outcome.own_words)
