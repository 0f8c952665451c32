"""What the self-test counts as lost, doubled, misplaced or let in."""

import pytest

from bot.selftest.rehearsal import Result
from bot.selftest.report import notes, passed, percentile, to_json
from bot.selftest.stage import PlatformResult
from bot.selftest.tally import Shown, Utterance, Wants, tally

REFUSAL = "You are not a member of Night shift, so I cannot do that for you."


def outcome(
    fault: str = "",
    count: int = 1,
    *,
    leaks: tuple[str, ...] = (),
    acks: tuple[float, ...] = (0.01,),
    deadline: float | None = 3.0,
) -> PlatformResult:
    found = tally([Utterance("C1:1")], [Shown("C1:1", "yes")])
    if fault:
        setattr(found, fault, count)
    return PlatformResult(
        platform="slack",
        transport="webhook",
        count=found,
        leaks=leaks,
        refused=(),
        acknowledged=acks,
        deadline=deadline,
    )


def result(*outcomes: PlatformResult, refused: tuple[str, ...] = ()) -> Result:
    return Result(outcomes=outcomes, kills=1, refused=refused, seconds=20.0)


def test_an_answer_in_the_place_of_its_question_is_right() -> None:
    found = tally(
        [Utterance("C1:1", mark="zq1"), Utterance("D1")], [Shown("C1:1", "zq1"), Shown("D1", "hi")]
    )
    assert (found.asked, found.lost, found.twice, found.wrong) == (2, 0, 0, 0)


@pytest.mark.parametrize("mark", ["", "zq1"])
def test_a_question_without_an_answer_is_lost(mark: str) -> None:
    assert tally([Utterance("C1:1", mark=mark)], []).lost == 1


@pytest.mark.parametrize("mark", ["", "zq1"])
def test_what_no_platform_promised_to_deliver_may_have_no_answer(mark: str) -> None:
    assert tally([Utterance("C1:1", mark=mark, promised=False)], []).lost == 0


@pytest.mark.parametrize("mark", ["", "zq1"])
def test_a_second_answer_is_one_too_many(mark: str) -> None:
    answer = Shown("C1:1", f"the answer {mark}")
    found = tally([Utterance("C1:1", mark=mark)], [answer, answer])
    assert (found.twice, found.lost) == (1, 0)


def test_as_many_answers_may_repeat_as_nobody_could_tell_about() -> None:
    answer = Shown("1", "zq1")
    asked = [Utterance("1", mark="zq1", may_repeat=True)]
    found = tally(asked, [answer, answer, answer], allowed=1)
    assert (found.repeated, found.twice) == (1, 1)
    assert tally([Utterance("1", mark="zq1")], [answer, answer], allowed=1).twice == 1


def test_a_marked_answer_elsewhere_is_in_the_wrong_place_wherever_that_is() -> None:
    asked = [Utterance("C1:1", mark="zq1"), Utterance("C1:2", mark="zq2")]
    found = tally(asked, [Shown("C1:2", "zq1"), Shown("C1:2", "zq2")])
    assert (found.wrong, found.lost, found.twice) == (1, 0, 0)


def test_a_private_answer_may_stand_in_the_person_s_own_chat() -> None:
    found = tally([Utterance("-1:5", mark="zq1", or_place="77")], [Shown("77", "zq1")])
    assert (found.wrong, found.lost) == (0, 0)


def test_an_answer_where_nobody_asked_is_wrong() -> None:
    assert tally([Utterance("C1:1")], [Shown("C1:1", "yes"), Shown("C9:1", "yes")]).wrong == 1


def test_what_is_none_of_the_bot_s_business_is_not_to_be_answered() -> None:
    asked = [Utterance("C1:1", Wants.NOTHING)]
    assert tally(asked, []).wrong == 0
    assert tally(asked, [Shown("C1:1", "yes")]).wrong == 1


def test_a_stranger_may_be_refused_and_not_answered() -> None:
    asked = [Utterance("C1:1", Wants.REFUSAL)]
    refused = tally(asked, [Shown("C1:1", REFUSAL)])
    assert (refused.strangers, refused.let_in, refused.wrong) == (1, 0, 0)
    assert tally(asked, [Shown("D9", REFUSAL)], private=["D9"]).wrong == 0
    assert tally(asked, [Shown("C1:1", "There are no schedules.")]).let_in == 1


def test_a_member_who_is_refused_is_a_refusal_in_the_wrong_place_and_an_answer_lost() -> None:
    found = tally([Utterance("D1")], [Shown("D1", REFUSAL)])
    assert (found.wrong, found.lost) == (1, 1)


def test_words_to_the_owners_are_no_answers() -> None:
    words = [
        "Somebody who is not in Night shift wrote in #ops, and I refused.",
        "A message to slack C1 could not be sent and was set aside.\nIt began: “zq1”",
        "Queued: I answer this after the message before it.",
    ]
    found = tally([Utterance("D1", mark="zq1")], [Shown("D1", text) for text in [*words, "zq1"]])
    assert (found.twice, found.wrong, found.lost) == (0, 0, 0)


@pytest.mark.parametrize("fault", ["lost", "twice", "wrong", "let_in"])
def test_one_fault_is_enough_to_fail(fault: str) -> None:
    assert passed(result(outcome()))
    assert not passed(result(outcome(), outcome(fault)))


def test_a_leak_a_slow_acknowledgement_and_a_way_out_fail() -> None:
    assert not passed(result(outcome(leaks=("previews are on",))))
    assert not passed(result(outcome(acks=(0.1, 3.5))))
    assert passed(result(outcome(acks=(0.1, 3.5), deadline=None)))
    assert not passed(result(outcome(), refused=("slack.com",)))
    assert not passed(result(outcome("asked", 0)))


def test_repeats_that_are_allowed_are_told_and_no_failure() -> None:
    found = result(outcome("repeated"))
    assert passed(found)
    assert "shown once more, 1 times" in next(notes(found))


def test_machines_get_the_same() -> None:
    said = to_json(result(outcome("lost", 2)))
    assert '"passed": false' in said
    assert '"lost": 2' in said
    assert '"ack_p99_ms": 10.0' in said


def test_a_percentile_of_nothing_is_nothing() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
