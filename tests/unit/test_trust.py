"""Channels that change: what is trusted from then on, and what the owners hear, once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.memory.store import MemoryStore
from runtime.ids import Platform, TimeOrderedIds
from runtime.model.address import ChannelRef
from runtime.model.audit import AuditKind, by_person
from runtime.model.events import ChannelChange, ChannelChanged
from runtime.model.team import ChannelRule
from runtime.model.trust import ChannelState
from runtime.trust import OwnerNotice, TrustService, happened
from tests.support.build import ANN, OPS, T0, team
from tests.support.clock import ManualClock

SLACK = Platform("slack")
HERE = OPS.channel
ELSEWHERE = ChannelRef(HERE.platform, HERE.workspace, "C-elsewhere")


@pytest.fixture
def store(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock=clock, ids=TimeOrderedIds(clock))


@pytest.fixture
def trust(store: MemoryStore) -> TrustService:
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


# ---- what is kept and said, word for word


async def test_who_trusted_it_again_is_in_the_audit_log(
    trust: TrustService, store: MemoryStore
) -> None:
    await note(trust, ChannelChange.SHARED)
    assert await trust.trust(HERE, ANN)
    assert not await trust.trust(HERE, ANN), "it was trusted"
    record = (await store.audit.page())[-1]
    assert (record.kind, record.actor) == (AuditKind.CHANNEL_TRUSTED, str(by_person(ANN)))


@pytest.mark.parametrize(
    ("change", "detail", "said"),
    [
        (
            ChannelChange.SHARED,
            "T0ACME",
            (
                "#ops was shared with another organisation (T0ACME). I post nothing there unasked "
                "until you say `/channel trust #ops`."
            ),
        ),
        (
            ChannelChange.MOVED,
            "-100777",
            (
                "#ops moved to another id (-100777). I post nothing there unasked any more: put the "
                "new id, `-100777`, in the place of `ops` in nightdesk.toml."
            ),
        ),
        (
            ChannelChange.BOT_REMOVED,
            "",
            (
                "#ops is a channel that the bot was removed from. I post nothing there unasked until "
                "you say `/channel trust #ops`."
            ),
        ),
        (
            ChannelChange.ARCHIVED,
            "",
            "#ops was archived. I post nothing there unasked until it is unarchived.",
        ),
        (
            ChannelChange.ARCHIVED,
            "deleted",
            "#ops was deleted. I post nothing there unasked until it is unarchived.",
        ),
    ],
)
async def test_the_owners_hear_what_happened_and_what_they_can_do(
    store: MemoryStore, change: ChannelChange, detail: str, said: str
) -> None:
    for name in ("ops", "#ops"):
        word = await note(_with(store, replace(team().channels[0], name=name)), change, detail)
        assert word is not None
        assert word.text == said


@pytest.mark.parametrize(
    ("worse", "better", "said"),
    [
        (
            ChannelChange.SHARED,
            ChannelChange.UNSHARED,
            "#ops is no longer shared with another organisation.",
        ),
        (ChannelChange.BOT_REMOVED, ChannelChange.BOT_ADDED, "#ops has the bot again."),
    ],
)
async def test_the_owners_hear_that_the_reason_is_gone(
    trust: TrustService, worse: ChannelChange, better: ChannelChange, said: str
) -> None:
    first, word = await note(trust, worse), await note(trust, better)
    assert first is not None
    assert word is not None
    again = "I post there unasked again once you say `/channel trust #ops`."
    assert word.text == f"{said} {again}"
    assert word.key not in {"", None, first.key}
    assert happened(ChannelState(channel=HERE)) == "is trusted"


async def test_each_change_of_each_channel_is_news_of_its_own(store: MemoryStore) -> None:
    places = (
        HERE,
        replace(HERE, channel="other"),
        replace(HERE, workspace="other"),
        replace(HERE, platform=SLACK),
    )
    rules = tuple(replace(team().channels[0], ref=place) for place in places)
    trust = _with(store, *rules)
    keys = set[str]()
    changes = (ChannelChange.SHARED, ChannelChange.MOVED)
    for place in places:
        for change in changes:
            word = await note(trust, change, channel=place)
            assert word is not None
            keys.add(word.key)
            assert await trust.trust(place, ANN)
    assert len(keys) == len(places) * len(changes)


def _with(store: MemoryStore, *rules: ChannelRule) -> TrustService:
    """Of a team that uses those channels."""
    here = replace(team(), channels=rules)
    return TrustService(store.trust, team=lambda: here)
