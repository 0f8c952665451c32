"""What a person can ask for, as the one authorisation function judges it."""

from enum import StrEnum


class Action(StrEnum):
    """An action that somebody may or may not do."""

    CONVERSE = "converse"
    """Talk to an agent."""
    SCHEDULE_READ = "schedule_read"
    SCHEDULE_WRITE = "schedule_write"
    """Create, pause, resume, delete or run a schedule."""
    STOP = "stop"
    """Stop a running turn."""
    APPROVAL_READ = "approval_read"
    """See what waits for a person, and what is allowed for a time."""
    APPROVE = "approve"
    """End what was allowed for a time. Who may say yes to what, `runtime.approvers` says."""
    POLICY_READ = "policy_read"
    """See the rules for what agents may do."""
    REMIND = "remind"
    """Have and change reminders of one's own."""
    LINK = "link"
    """Link a further account of one's own."""
    CHANNEL_READ = "channel_read"
    """See the channels, and whether they are trusted."""
    CHANNEL_TEST = "channel_test"
    """Test the connections."""
    CHANNEL_TRUST = "channel_trust"
    """Trust a channel again that changed."""
    STATUS = "status"
    """See how the desk does."""
