"""Cards: whatever is to be approved, a person sees all of it, and nothing in it can hide or break out."""

import json
import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.approvals import cards
from runtime.approvals.cards import ALWAYS, APPROVE, ROOM, card, is_whole, shown
from runtime.approvals.shown import reveal
from runtime.model.approval import Approval, ApprovalState, Frozen
from runtime.signature import canonical
from tests.support.approving import people
from tests.support.build import T0
from tests.support.questions import question

_WRITTEN = re.compile(r"⟨U\+([0-9A-F]{4,6})⟩")

odd = st.text(
    alphabet=st.characters(exclude_categories=["Cs"])
    | st.sampled_from("`\u202e\u200b⟨⟩ \t\u0430\u0435\u043eU+0041")
)
arguments = st.dictionaries(odd, odd | st.integers() | st.booleans() | st.lists(odd), max_size=4)


def frozen(given_arguments: object) -> Frozen:
    assert isinstance(given_arguments, dict)
    return Frozen(tool="git.push", schema="s", arguments=canonical(given_arguments))


def approval(of: Frozen, varies: tuple[str, ...] = ()) -> Approval:
    return replace(question(frozen=of, reason="r" * 300), varies=varies)


@given(arguments)
def test_what_is_shown_has_every_byte(given_arguments: dict[str, object]) -> None:
    text = shown(frozen(given_arguments))
    back = _WRITTEN.sub(lambda found: chr(int(found[1], 16)), text)
    assert canonical(json.loads(back)) == canonical(given_arguments)


@given(arguments)
def test_nothing_shown_hides_or_closes_the_fence(given_arguments: dict[str, object]) -> None:
    text = shown(frozen(given_arguments))
    assert "```" not in text
    hidden = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
    assert not [c for c in text if unicodedata.category(c) in hidden and c != "\n"]


@given(arguments, st.sampled_from([(), ("text",), ("text", "value", "version")]))
def test_a_button_is_there_exactly_where_all_of_it_is_shown(
    given_arguments: dict[str, object], varies: tuple[str, ...]
) -> None:
    one = approval(frozen(given_arguments), varies)
    face = card(one, people(), now=T0)
    assert len(face.text) <= 2_000
    assert (shown(one.frozen) in face.text) is is_whole(one)
    assert any(b.action == APPROVE for b in face.buttons) is is_whole(one)
    assert all(len(button.value) <= 40 for button in face.buttons)


@pytest.mark.parametrize("room", [ROOM - 30, ROOM - 130, ROOM - 200, ROOM])
def test_the_largest_card_that_is_whole_is_one_message(room: int) -> None:
    text = "x" * room
    for one in (
        approval(frozen({"text": text})),
        approval(frozen({"channel": "#" + "c" * 38, "text": text}), ("text",)),
        approval(frozen({"channel": "#" + "c" * 38, "text": text}), ("text", "value", "version")),
    ):
        face = card(one, people(), now=T0)
        assert len(face.text) <= 1_900
        assert any(b.action == ALWAYS for b in face.buttons) is is_whole(one)
        assert ("\nAlways: " in face.text) is is_whole(one)


@pytest.mark.parametrize(
    "unit", ["x", "\u0430\u0440\u0440\u04cf\u0435 ", "e\u0301\u0300", "\u202e", "`", "a\n"]
)
def test_of_the_longest_arguments_a_card_looks_at_what_it_shows(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To write all of it out takes seconds, in which nobody else would be served."""
    looked: list[int] = []

    def counting(text: str) -> str:
        looked.append(len(text))
        return reveal(text)

    monkeypatch.setattr(cards, "reveal", counting)
    long = unit * (200_000 // len(unit))
    waits = replace(approval(frozen({"text": long})), varies=("text",))
    edited = replace(waits, reason=f'rule\n- text: "{long}"\n+ text: "{long}"')
    denied = replace(waits, state=ApprovalState.DENIED, note=long)
    for one in (waits, edited, denied):
        face = card(one, people(), now=T0)
        assert len(face.text) <= 2_000
        assert not any(button.action == APPROVE for button in face.buttons)
    assert sum(looked) < 20_000
    for character in ("\u202e", "\u0301", "\u0430"):
        assert character not in card(waits, people(), now=T0).text


def test_the_beginning_that_is_shown_is_that_of_the_whole() -> None:
    of = frozen({"text": "ma\u202ein p\u0430ypal ``` and " * 1_000})
    text = card(approval(of), people(), now=T0).text
    beginning = text.partition("```\n")[2].partition("\n```")[0]
    assert 590 < len(beginning) <= 600
    assert shown(of).startswith(beginning)


@pytest.mark.parametrize("room", range(4))
def test_what_is_cut_is_cut_before_an_emoji_and_not_in_it(room: int) -> None:
    flags = "x" * room + "🇩🇪" * 1_000
    long = replace(approval(frozen({"text": flags})), reason=f'rule\n- text: "{flags}"\n+ text: ""')
    for fence in card(long, people(), now=T0).text.split("```")[1::2]:
        assert fence.count("🇩") == fence.count("🇪")


def test_of_a_short_text_nothing_is_cut_where_what_was_changed_is_long() -> None:
    of = frozen({"text": "hi"})
    long = replace(approval(of), reason=f'rule\n- text: "{"x" * 2_000}"\n+ text: "hi"')
    text = card(long, people(), now=T0).text
    assert f"```\n{shown(of)}\n```\n**Not all of it fits here**" in text
