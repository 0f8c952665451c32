"""Whether the channel of `[approvals]` takes the questions that are asked in it."""

from bot.diagnosis import Diagnosis, State
from runtime.approvals.cards import ACTIONS
from runtime.model.outbox import OutboxItem
from runtime.model.team import Team
from runtime.ports import DeadLetters

_LAYER = "approvals"
_LOOK_AT = 100


async def look_at_questions(letters: DeadLetters, team: Team) -> Diagnosis:
    """What became of the questions of schedules that went there lately."""
    channel = team.approvals
    if channel is None:
        return Diagnosis(_LAYER, State.OK, "what schedules ask goes to the owners' direct messages")
    rule = team.rule_of(channel)
    name = f"#{rule.name if rule else channel.channel} ({channel.platform})"
    dead = await letters.latest(limit=_LOOK_AT)
    refused = [one for one in dead if one.thread.channel == channel and _is_card(one)]
    if not refused:
        return Diagnosis(_LAYER, State.OK, f"what schedules ask goes to {name}")
    questions = "a question" if len(refused) == 1 else f"{len(refused)} questions"
    found = f"{name} did not take {questions}, asked in direct messages then: {refused[0].error}"
    todo = (
        "Let the bot into the channel, or name another one under [approvals]; then "
        f"`nightdesk outbox drop {refused[0].id}`{', and so on' if len(refused) > 1 else ''}."
    )
    return Diagnosis(_LAYER, State.WRONG, found, todo)


def _is_card(item: OutboxItem) -> bool:
    return any(button.action in ACTIONS for button in item.content.buttons)
