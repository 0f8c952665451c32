"""Every port of the core: what it needs from outside, and what each must promise.

An implementation lives in one folder of `adapters`, is chosen in `bot.wiring`, and is held to its
promise by one contract suite for each port (`tests/contract`). Every method of a store is one
transaction: when it returns, its effect is on disk; when it raises, nothing of it is.
"""

from runtime.ports.audit import Audit, AuditQuery
from runtime.ports.authority import Approvals, Grants, Judged, Policy, ToolContext, Tools, Verdict
from runtime.ports.charts import Charts
from runtime.ports.conversations import Conversations, Inbox, Turns
from runtime.ports.files import FetchesFiles, Files
from runtime.ports.handoffs import HandoffLog
from runtime.ports.inbound import Accept, Answered, Commands, Dispatch, Stored
from runtime.ports.ledger import Budgets, Ledger
from runtime.ports.modelbook import ChoiceScope, ModelBook
from runtime.ports.models import Budget, ModelPort, Paid
from runtime.ports.people import ChannelTrust, Link, Members, People
from runtime.ports.platforms import ChatLimits, ChatPort, OpensForms, ShowsHome, ShowsSteps
from runtime.ports.processes import Durable, RunContext, Worker, Workers, Workflow
from runtime.ports.schedules import Claim, Reminders, Schedules, Ticker, Timetable
from runtime.ports.sending import DeadLetters, Outbox, Sender
from runtime.ports.state import States
from runtime.ports.stops import Closing, Stops
from runtime.ports.store import Store

__all__ = [
    "Accept",
    "Answered",
    "Approvals",
    "Audit",
    "AuditQuery",
    "Budget",
    "Budgets",
    "ChannelTrust",
    "Charts",
    "ChatLimits",
    "ChatPort",
    "ChoiceScope",
    "Claim",
    "Closing",
    "Commands",
    "Conversations",
    "DeadLetters",
    "Dispatch",
    "Durable",
    "FetchesFiles",
    "Files",
    "Grants",
    "HandoffLog",
    "Inbox",
    "Judged",
    "Ledger",
    "Link",
    "Members",
    "ModelBook",
    "ModelPort",
    "OpensForms",
    "Outbox",
    "Paid",
    "People",
    "Policy",
    "Reminders",
    "RunContext",
    "Schedules",
    "Sender",
    "ShowsHome",
    "ShowsSteps",
    "States",
    "Stops",
    "Store",
    "Stored",
    "Ticker",
    "Timetable",
    "ToolContext",
    "Tools",
    "Turns",
    "Verdict",
    "Worker",
    "Workers",
    "Workflow",
]
