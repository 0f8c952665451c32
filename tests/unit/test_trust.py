"""Channels that change: what is trusted from then on, and what the owners hear, once."""

from datetime import timedelta

import pytest

from adapters.memory.store import MemoryStore
from runtime.ids import Platform, TimeOrderedIds
from runtime.model.address import ChannelRef
from runtime.model.events import ChannelChange, ChannelChanged
from runtime.trust import OwnerNotice, TrustService
from tests.support.build import ANN, OPS, T0, team
from tests.support.clock import ManualClock

SLACK = Platform("slack")
HERE = OPS.channel
ELSEWHERE = ChannelRef(HERE.platform, HERE.workspace, "C-elsewhere")


@pytest.fixture
def trust(clock: ManualClock) -> TrustService:
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    return TrustService(store.trust, team=team)


async def note(
    trust: TrustService,
    change: ChannelChange,
    detail: str = "",
    channel: ChannelRef = HERE,
    *,
    later: int = 0,
) -> OwnerNotice | None:
    at = T0 + timedelta(minutes=later)
    return await trust.note(channel, ChannelChanged(change=change, detail=detail), at=at)


async def reason(trust: TrustService, channel: ChannelRef = HERE) -> ChannelChange | None:
    state = await trust.of(channel)
    return state.change if state else None


@pytest.mark.parametrize(
    ("change", "detail", "said"),
    [
        (ChannelChange.SHARED, "T0ACME", "shared with another organisation (T0ACME)"),
        (ChannelChange.MOVED, "-100777", "the new id, `-100777`"),
        (ChannelChange.BOT_REMOVED, "", "the bot was removed from"),
        (ChannelChange.ARCHIVED, "", "until it is unarchived"),
        (ChannelChange.ARCHIVED, "deleted", "was deleted"),
    ],
)
async def test_a_channel_that_got_worse_is_distrusted_and_the_owners_hear_why_once(
    trust: TrustService, change: ChannelChange, detail: str, said: str
) -> None:
    word = await note(trust, change, detail)
    assert word is not None
    assert said in word.text
    assert await reason(trust) is change
    assert await note(trust, change, detail) == word, "a row that is carried out again"
    if change is not ChannelChange.ARCHIVED:
        assert await note(trust, change, detail, later=1) == word, "the same key: it is said once"
    assert await trust.trust(HERE, ANN)
    assert await reason(trust) is None
    later = await note(trust, change, detail, later=2)
    assert later is not None
    assert later.key != word.key, "that is news again"


async def test_a_better_channel_stays_distrusted_until_an_owner_says_so(
    trust: TrustService,
) -> None:
    assert await note(trust, ChannelChange.UNSHARED) is None
    await note(trust, ChannelChange.SHARED)
    word = await note(trust, ChannelChange.UNSHARED)
    assert word is not None
    assert "/channel trust" in word.text
    assert await reason(trust) is ChannelChange.SHARED
    assert await note(trust, ChannelChange.BOT_ADDED) is None


async def test_a_bot_that_is_added_again_does_not_trust_by_that(trust: TrustService) -> None:
    await note(trust, ChannelChange.BOT_REMOVED)
    word = await note(trust, ChannelChange.BOT_ADDED)
    assert word is not None
    assert await reason(trust) is ChannelChange.BOT_REMOVED


async def test_an_unarchived_channel_is_as_it_was(trust: TrustService) -> None:
    await note(trust, ChannelChange.ARCHIVED)
    assert await note(trust, ChannelChange.UNARCHIVED) is None
    assert await reason(trust) is None
    await note(trust, ChannelChange.SHARED)
    await note(trust, ChannelChange.ARCHIVED)
    await note(trust, ChannelChange.UNARCHIVED)
    assert await reason(trust) is ChannelChange.SHARED


async def test_a_new_name_is_only_shown(trust: TrustService) -> None:
    assert await note(trust, ChannelChange.RENAMED, "operations") is None
    state = await trust.of(HERE)
    assert state is not None
    assert (state.name, state.change) == ("operations", None)


async def test_of_a_channel_that_the_team_does_not_use_the_owners_hear_nothing(
    trust: TrustService,
) -> None:
    assert await note(trust, ChannelChange.SHARED, channel=ELSEWHERE) is None
    assert await reason(trust, ELSEWHERE) is ChannelChange.SHARED, "it may be configured later"


async def test_an_app_that_was_removed_from_the_workspace_is_said_once(
    trust: TrustService,
) -> None:
    everywhere = ChannelRef(HERE.platform, HERE.workspace, "")
    word = await note(trust, ChannelChange.BOT_REMOVED, "app_uninstalled", everywhere)
    assert word is not None
    assert HERE.workspace in word.text
    assert await note(trust, ChannelChange.BOT_REMOVED, "tokens_revoked", everywhere) == word
    await note(trust, ChannelChange.BOT_ADDED)
    later = await note(trust, ChannelChange.BOT_REMOVED, "app_uninstalled", everywhere, later=2)
    assert later is not None
    assert later.key != word.key
