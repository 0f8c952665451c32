"""Which events are heard: what is meant for us, of people who may speak, and nothing else."""

from dataclasses import dataclass, field, replace

import pytest

from gateway.inbound.judging import ASK, Drop, Judge
from runtime.ids import MessageId
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import (
    Body,
    ButtonPress,
    ChannelChange,
    ChannelChanged,
    Command,
    FormSubmit,
    HomeOpened,
    Inbound,
    Message,
    Unknown,
)
from runtime.model.team import Listen, Member, MemberRole, Team
from tests.support.build import ANN, DM, OPS, QUIET, STRANGER, inbound, team

CODE = "ABCD-2345-WXYZ"
UNUSED = ThreadRef(ChannelRef(OPS.channel.platform, OPS.channel.workspace, "elsewhere"))
CLOSED = replace(
    team(), channels=tuple(replace(rule, listen=Listen.OFF) for rule in team().channels)
)
PRESS = ButtonPress(action="approve", value=CODE, message_id=MessageId("m"))
FORM = FormSubmit(action="deny", value=CODE, answers=(("why", CODE),))
SPOKEN: tuple[Body, ...] = (Command(text="status"), PRESS, FORM, HomeOpened())
TOLD: tuple[Body, ...] = (ChannelChanged(change=ChannelChange.ARCHIVED), Unknown(kind="new"))


@dataclass
class Ears:
    """A judge, and what it is told by others."""

    teams: list[Team] = field(default_factory=lambda: [team()])
    ours: set[ThreadRef] = field(default_factory=set)
    introduced: list[tuple[Principal, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.judge = Judge(
            lambda: self.teams[-1],
            is_command=lambda text: text.startswith("!"),
            introduces=self.introduces,
            ours=self.ours.__contains__,
        )

    def introduces(self, who: Principal, words: str) -> bool:
        self.introduced.append((who, words))
        return CODE in words


@pytest.fixture
def ears() -> Ears:
    return Ears()


def said(text: str = "hello", *, thread: ThreadRef = OPS, mentioned: bool = False) -> Inbound:
    """Ann says it in a channel."""
    return inbound(text, thread=thread, direct=False, mentioned=mentioned)


# ---- what is meant for us


def test_where_mentions_are_heard_a_mention_is_heard(ears: Ears) -> None:
    event = said(mentioned=True)
    assert ears.judge(event) is event
    assert ears.judge(event, bound=False) is event


def test_where_mentions_are_heard_other_words_count_in_a_thread_of_ours_only(ears: Ears) -> None:
    event = said()
    assert ears.judge(event) is ASK, "the database knows"
    assert ears.judge(event, bound=True) is event
    assert ears.judge(event, bound=False) == Drop("not_addressed")
    ears.ours.add(OPS)
    assert ears.judge(event) is event


def test_where_everything_is_heard_nothing_has_to_be_asked(ears: Ears) -> None:
    event = said(thread=QUIET)
    assert ears.judge(event) is event


@pytest.mark.parametrize("mentioned", [True, False])
@pytest.mark.parametrize("thread", [OPS, QUIET, UNUSED])
def test_in_a_channel_that_is_off_or_not_configured_no_words_are_heard(
    ears: Ears, thread: ThreadRef, *, mentioned: bool
) -> None:
    ears.teams.append(CLOSED)
    ears.ours.add(thread)
    assert ears.judge(said(thread=thread, mentioned=mentioned)) == Drop("not_addressed")


@pytest.mark.parametrize("body", SPOKEN)
def test_what_can_only_be_meant_for_us_is_heard_in_every_channel(ears: Ears, body: Body) -> None:
    ears.teams.append(CLOSED)
    for thread in (OPS, UNUSED, DM):
        event = inbound(thread=thread, body=body)
        assert ears.judge(event) is event


def test_a_direct_message_is_heard_whatever_is_configured(ears: Ears) -> None:
    ears.teams.append(CLOSED)
    event = inbound(thread=DM)
    assert ears.judge(event) is event


def test_the_configuration_of_the_moment_counts(ears: Ears) -> None:
    event = said(thread=QUIET)
    assert ears.judge(event) is event
    ears.teams.append(CLOSED)
    assert ears.judge(event) == Drop("not_addressed")


def test_words_that_are_a_command_are_taken_as_one_and_from_where_they_came(ears: Ears) -> None:
    heard = ears.judge(inbound("!status"))
    assert heard == replace(inbound("!status"), body=Command(text="!status", direct=True))
    heard = ears.judge(said("!status", mentioned=True))
    assert heard == replace(said(), body=Command(text="!status", direct=False))


def test_what_was_said_to_be_no_command_is_none(ears: Ears) -> None:
    body = Message(text="!status", message_id=MessageId("e1"), direct=True, verbatim=True)
    event = inbound(body=body)
    assert ears.judge(event) is event


# ---- who may speak


def _by_stranger(event: Inbound) -> Inbound:
    return replace(event, sender=STRANGER)


@pytest.mark.parametrize(
    "event",
    [
        inbound(),
        said(mentioned=True),
        said(thread=QUIET),
        *(inbound(thread=thread, body=body) for body in SPOKEN for thread in (DM, OPS)),
    ],
)
def test_a_stranger_is_not_heard_by_any_kind_of_event_and_the_reason_is_kept(
    ears: Ears, event: Inbound
) -> None:
    verdict = ears.judge(_by_stranger(event))
    assert isinstance(verdict, Drop)
    assert verdict.reason == "stranger"
    assert "not a member of Night shift" in str(verdict.refused)


def test_a_stranger_in_a_thread_of_ours_is_a_stranger(ears: Ears) -> None:
    for bound in (None, True):
        ears.ours.add(OPS)
        verdict = ears.judge(_by_stranger(said()), bound=bound)
        assert isinstance(verdict, Drop)
        assert verdict.reason == "stranger"


def test_a_stranger_who_speaks_to_others_is_no_stranger_to_refuse(ears: Ears) -> None:
    assert ears.judge(_by_stranger(said(thread=UNUSED))) == Drop("not_addressed")
    assert ears.judge(_by_stranger(said()), bound=False) == Drop("not_addressed")


@pytest.mark.parametrize("body", TOLD)
def test_what_the_platform_tells_needs_nobody_who_may(ears: Ears, body: Body) -> None:
    event = inbound(thread=UNUSED, sender=replace(ANN, user=""), body=body)
    assert ears.judge(event) is event


def test_the_lowest_role_and_a_program_of_the_team_are_heard(ears: Ears) -> None:
    program = Member(name="CI", role=MemberRole.GUEST, principals=(STRANGER,), bot=True)
    ears.teams.append(replace(team(role=MemberRole.GUEST), members=(*team().members, program)))
    for event in (inbound(), _by_stranger(inbound())):
        assert ears.judge(event) is event


# ---- a stranger who says who they are


def test_a_stranger_s_one_time_code_in_private_is_heard_as_a_command(ears: Ears) -> None:
    event = _by_stranger(inbound(CODE))
    assert ears.judge(event) == replace(event, body=Command(text=CODE, direct=True))
    assert ears.introduced == [(STRANGER, CODE)]
    command = _by_stranger(inbound(thread=OPS, body=Command(text=f"link {CODE}")))
    assert ears.judge(command) is command, "where it was given is judged where it is taken"


@pytest.mark.parametrize(
    "event",
    [
        said(CODE, mentioned=True),
        said(CODE, thread=QUIET),
        inbound(body=PRESS),
        inbound(body=FORM),
        inbound(body=HomeOpened()),
    ],
)
def test_a_code_that_others_can_read_or_nobody_typed_introduces_nobody(
    ears: Ears, event: Inbound
) -> None:
    verdict = ears.judge(_by_stranger(event))
    assert isinstance(verdict, Drop)
    assert verdict.reason == "stranger"
    assert ears.introduced == []


def test_who_says_nothing_introduces_nobody(ears: Ears) -> None:
    verdict = ears.judge(_by_stranger(inbound("")))
    assert isinstance(verdict, Drop)
    assert ears.introduced == []


def test_a_member_introduces_nobody(ears: Ears) -> None:
    event = inbound(CODE)
    assert ears.judge(event) is event
    assert ears.introduced == []


# ---- several, and the backlog


def test_several_are_judged_each_by_itself_as_one_is(ears: Ears) -> None:
    events = [
        said(),
        said(mentioned=True),
        said(thread=UNUSED),
        inbound("!status"),
        _by_stranger(inbound(CODE)),
        said(thread=QUIET),
    ]
    assert ears.judge.each(events) == [ears.judge(event) for event in events]
    [stranger] = ears.judge.each([_by_stranger(inbound())])
    assert isinstance(stranger, Drop)
    assert stranger.reason == "stranger"


@pytest.mark.parametrize(
    ("event", "calls"),
    [
        (said(), False),
        (said(thread=UNUSED), False),
        (said(mentioned=True), True),
        (said(thread=QUIET), True),
        (inbound(), True),
        (inbound(thread=OPS, body=PRESS), True),
    ],
)
def test_an_event_calls_us_whatever_its_thread_is_where_it_names_us_or_all_is_heard(
    ears: Ears, event: Inbound, *, calls: bool
) -> None:
    assert ears.judge.calls_us(event) is calls
