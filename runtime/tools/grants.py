"""Which agent has which tool, as the team's configuration says."""

from runtime.ids import AgentName
from runtime.model.team import Sharing, Team

HAND_OFF = "handoff.to"
_READ_SHARED = frozenset({"state.shared.get", "state.shared.list"})
_WRITE_SHARED = frozenset({"state.shared.set", "state.shared.delete"})


def granted(team: Team, agent: AgentName, tool: str) -> bool:
    """Whether the agent has the tool of that name: what needs a grant is off without one."""
    found = team.agent(agent)
    if tool == HAND_OFF:
        return found is not None and bool(found.hands_to)
    if tool in _READ_SHARED:
        return found is not None and found.sharing is not Sharing.NONE
    if tool in _WRITE_SHARED:
        return found is not None and found.sharing is Sharing.WRITE
    return True
