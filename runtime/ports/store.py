"""Everything that is stored, by name."""

from typing import Protocol

from runtime.ports.audit import Audit
from runtime.ports.authority import Approvals, Grants
from runtime.ports.conversations import Conversations, Inbox, Turns
from runtime.ports.files import Files
from runtime.ports.handoffs import HandoffLog
from runtime.ports.ledger import Budgets, Ledger
from runtime.ports.modelbook import ModelBook
from runtime.ports.people import ChannelTrust, Members, People
from runtime.ports.processes import Workers
from runtime.ports.schedules import Reminders, Schedules
from runtime.ports.sending import DeadLetters, Outbox
from runtime.ports.state import States
from runtime.ports.stops import Stops


class Store(Protocol):
    """The database. Each part is a port of its own; some transactions span parts, and say so."""

    @property
    def inbox(self) -> Inbox:
        """Accepted events."""
        ...

    @property
    def conversations(self) -> Conversations:
        """Conversations and bindings."""
        ...

    @property
    def turns(self) -> Turns:
        """Turns."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Messages on their way out."""
        ...

    @property
    def dead_letters(self) -> DeadLetters:
        """Messages that could not be delivered."""
        ...

    @property
    def schedules(self) -> Schedules:
        """Schedules and their planned times."""
        ...

    @property
    def workers(self) -> Workers:
        """Processes."""
        ...

    @property
    def files(self) -> Files:
        """Files that came in or are to go out."""
        ...

    @property
    def reminders(self) -> Reminders:
        """What people want to be told."""
        ...

    @property
    def people(self) -> People:
        """Who is who over the platforms."""
        ...

    @property
    def members(self) -> Members:
        """Who was made a member in the chat."""
        ...

    @property
    def approvals(self) -> Approvals:
        """Questions to people."""
        ...

    @property
    def grants(self) -> Grants:
        """What people allowed for a time."""
        ...

    @property
    def trust(self) -> ChannelTrust:
        """What became known of channels."""
        ...

    @property
    def ledger(self) -> Ledger:
        """What was spent and is held."""
        ...

    @property
    def budgets(self) -> Budgets:
        """What people decided about money."""
        ...

    @property
    def handoffs(self) -> HandoffLog:
        """How threads came to their agents."""
        ...

    @property
    def states(self) -> States:
        """What agents keep."""
        ...

    @property
    def audit(self) -> Audit:
        """What was decided and done."""
        ...

    @property
    def stops(self) -> Stops:
        """What people stopped."""
        ...

    @property
    def modelbook(self) -> ModelBook:
        """What people chose of models, and which providers are out."""
        ...

    async def check(self) -> None:
        """Return where the database answers; raise where it does not."""
        ...
