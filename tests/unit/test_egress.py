"""Only listed channels get what nobody asked for just now."""

from dataclasses import replace

from runtime.egress import Withheld, clear, clear_owner_notice, objection_now
from runtime.ids import OutboxId
from runtime.model.address import ThreadRef
from runtime.model.events import ChannelChange
from runtime.model.messages import Cleared, Content, Proactive
from runtime.model.team import Team
from runtime.model.trust import ChannelState
from runtime.outbox import compose
from tests.support.build import ANN, DM, OPS, QUIET, STRANGER, T0, outbox_item, team


def proactive(thread: ThreadRef) -> Proactive:
    """A message that nobody asked for."""
    return Proactive(id=OutboxId("p"), thread=thread, content=Content("hi"))


def without_list() -> Team:
    """The same team with the default: nothing listed."""
    rules = tuple(replace(rule, proactive=False) for rule in team().channels)
    return replace(team(), channels=rules)


def test_a_listed_channel_is_cleared() -> None:
    assert clear(proactive(OPS), team(), None) == Cleared(proactive(OPS))


def test_a_channel_that_is_configured_but_not_listed_is_withheld_with_the_reason() -> None:
    withheld = clear(proactive(QUIET), team(), None)
    assert isinstance(withheld, Withheld)
    assert "proactive = true" in withheld.reason


def test_a_channel_that_is_not_configured_is_withheld() -> None:
    assert isinstance(clear(proactive(DM), team(), None), Withheld)


def test_the_default_list_is_empty_and_silent() -> None:
    assert isinstance(clear(proactive(OPS), without_list(), None), Withheld)


def test_a_waiting_message_is_judged_by_the_list_of_the_moment() -> None:
    waiting = outbox_item(thread=OPS, proactive=True)
    assert objection_now(waiting, team(), None) == ""
    assert "ops" in objection_now(waiting, without_list(), None)


def test_a_distrusted_channel_is_withheld_with_the_reason() -> None:
    known = ChannelState(channel=OPS.channel, name="ops", change=ChannelChange.SHARED)
    withheld = clear(proactive(OPS), team(), known)
    assert isinstance(withheld, Withheld)
    assert "shared with another organisation" in withheld.reason
    assert "/channel trust" in withheld.reason
    assert objection_now(outbox_item(thread=OPS, proactive=True), team(), known)
    assert objection_now(outbox_item(thread=OPS), team(), known) == "", (
        "an answer is always allowed"
    )
    trusted = ChannelState(channel=OPS.channel, name="operations")
    assert clear(proactive(OPS), team(), trusted) == Cleared(proactive(OPS))


def test_a_direct_reply_needs_no_list() -> None:
    assert objection_now(outbox_item(thread=DM), without_list(), None) == ""


def test_a_notice_goes_to_an_owner_and_to_nobody_else() -> None:
    notice = proactive(DM)
    cleared = clear_owner_notice(notice, team(), ANN)
    assert cleared == Cleared(notice, listed=False)
    assert isinstance(clear_owner_notice(notice, team(), STRANGER), Withheld)


def test_an_owner_s_notice_is_not_asked_for_a_list_when_it_is_sent() -> None:
    cleared = clear_owner_notice(proactive(DM), team(), ANN)
    assert isinstance(cleared, Cleared)
    [row] = compose(cleared, split=lambda _, content: (content,), now=T0)
    assert objection_now(row, team(), None) == ""
