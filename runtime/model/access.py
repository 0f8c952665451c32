"""What a person can ask for, and of what, as the one authorisation function judges it."""

from enum import StrEnum

from runtime.model.address import Principal
from runtime.model.team import MemberRole
from runtime.model.value import value


class Action(StrEnum):
    """An action that somebody may or may not do."""

    CONVERSE = "converse"
    """Talk to an agent."""
    SCHEDULE_READ = "schedule_read"
    SCHEDULE_WRITE = "schedule_write"
    """Create, resume or run a schedule; what a schedule does, it does with this right."""
    SCHEDULE_STOP = "schedule_stop"
    """Pause or delete a schedule."""
    STOP = "stop"
    """Stop a running turn."""
    STOP_ALL = "stop_all"
    """Stop an agent or everything, and let it go on again."""
    APPROVAL_READ = "approval_read"
    """See what waits for a person, and what is allowed for a time."""
    APPROVE = "approve"
    """Decide for a person who waits, and end what was allowed for a time. Whose yes counts for
    which approval, `runtime.approvers` says."""
    POLICY_READ = "policy_read"
    """See the rules for what agents may do."""
    REMIND = "remind"
    """Have and change reminders."""
    LINK = "link"
    """Link a further account of one's own, and see who one is."""
    MEMBER_READ = "member_read"
    """See who is in the team."""
    MEMBER_WRITE = "member_write"
    """Let people in, change what they may do, and let them go."""
    CHANNEL_READ = "channel_read"
    """See the channels, and whether they are trusted."""
    CHANNEL_TEST = "channel_test"
    """Test the connections."""
    CHANNEL_TRUST = "channel_trust"
    """Trust a channel again that changed."""
    NOTES = "notes"
    """Have an agent read and change the notes that it keeps."""
    SHARED_READ = "shared_read"
    """See what agents share."""
    SHARED_WRITE = "shared_write"
    """Change what agents share."""
    POST = "post"
    """Have an agent post to a channel."""
    HAND_OFF = "hand_off"
    """Give a thread back, or to an agent that the one which has it could hand it to; have an agent
    hand it on."""
    CHECKPOINT = "checkpoint"
    """Have an agent stop, and ask people whether it may go on."""
    ASSIGN = "assign"
    """Give a thread to any agent."""
    BUDGET_READ = "budget_read"
    """See what was spent, and the limits."""
    BUDGET_LOWER = "budget_lower"
    """Lower a limit, set a new one, or leave one as it is."""
    BUDGET_RAISE = "budget_raise"
    """Raise a limit, or take it away."""
    MODEL_OWN = "model_own"
    """Choose the model that answers oneself."""
    MODEL_THREAD = "model_thread"
    """Choose the model of a thread, or of a channel, and ask a provider again that was out."""
    MODEL_AGENT = "model_agent"
    """Choose the model of an agent, everywhere."""
    STATUS = "status"
    """See how the desk does."""
    TOLD = "told"
    """Be told of the desk's own trouble."""
    ANY_TOOL = "any_tool"
    """Have an agent run a tool that does not say which right it takes."""


@value(kw_only=True)
class Resource:
    """What an action is about, where the right to it depends on that.

    Attributes:
        belongs_to: whose it is: a turn, a reminder, a schedule; None where it is nobody's.
        role: the highest role that it gives or takes; None where it has to do with none.
    """

    belongs_to: Principal | None = None
    role: MemberRole | None = None
