"""Whatever a model writes, Telegram's rules are kept: checked by the strict fake's own judge."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters.telegram import message
from adapters.telegram.render import Shown, growing, pieces, shown
from bot.selftest.telegram import rules
from runtime.model.messages import Content
from tests.property.test_markup import anything

ATOMS = ["@ada ", "@", "**@b**", "`@c`", "# @d\n", "> ", "- ", "| @e | x |\n|-|-|\n", "👨‍👩‍👧‍👦", "```\n", "tg://user?id=5", "\u202e", "@\u2028ada", "@\x00", "[f](tg://user?id=1)"]  # fmt: skip
hostile = st.lists(st.sampled_from(ATOMS), max_size=40).map("".join)


def written(found: Shown) -> dict[str, Any]:
    """The fields of a message as they go over the wire."""
    said = message.said(found)
    fields: dict[str, Any] = {
        "chat_id": 1,
        "text": said["text"],
        "link_preview_options": said["link_preview_options"].to_dict(),
    }
    if said["entities"]:
        fields["entities"] = [entity.to_dict() for entity in said["entities"]]
    return fields


@given(text=st.one_of(anything, hostile))
def test_every_text_keeps_the_rules(text: str) -> None:
    for found in (shown(text), growing(text)):
        assert list(rules.breaches("sendMessage", written(found))) == []


@given(text=st.one_of(anything, hostile), times=st.integers(1, 400))
def test_every_piece_of_a_long_text_keeps_them(text: str, times: int) -> None:
    long = (text * times)[:9_000]
    for part in pieces(Content(long)):
        assert list(rules.breaches("sendMessage", written(shown(part.text)))) == []
