"""Which agent has which tool, by the configuration: what needs a grant is off without one."""

from collections.abc import Mapping

from runtime.ids import AgentName
from runtime.model.team import Sharing, Team

HAND_OFF = "handoff.to"

_NOTHING: frozenset[str] = frozenset()
_HANDING = frozenset({HAND_OFF})
_WRITING = frozenset({"state.shared.set", "state.shared.delete"})
_SHARING: Mapping[Sharing, frozenset[str]] = {
    Sharing.NONE: _WRITING | {"state.shared.get", "state.shared.list"},
    Sharing.READ: _WRITING,
    Sharing.WRITE: _NOTHING,
}


def withheld(team: Team, agent: AgentName) -> frozenset[str]:
    """The tools that the agent does not have. Asked in every turn, so made of what is there."""
    found = team.agent(agent)
    if found is None:
        return _HANDING | _SHARING[Sharing.NONE]
    kept_back = _SHARING[found.sharing]
    return kept_back if found.hands_to else kept_back | _HANDING
