"""Whatever a model writes, Telegram's rules are kept: checked by the strict fake's own judge."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.telegram import message
from adapters.telegram.render import growing, pieces, shown
from bot.selftest.telegram import rules
from runtime.model.messages import Content
from tests.property.test_markup import anything

ATOMS = ["@ada ", "@", "**@b**", "`@c`", "# @d\n", "> ", "- ", "| @e | x |\n|-|-|\n", "👨‍👩‍👧‍👦", "```\n", "tg://user?id=5", "\u202e", "[f](tg://user?id=1)"]  # fmt: skip
hostile = st.lists(st.sampled_from(ATOMS), max_size=40).map("".join)


@given(text=st.one_of(anything, hostile))
def test_every_text_keeps_the_rules(text: str) -> None:
    for found in (shown(text), growing(text)):
        fields = {"chat_id": 1, **message.said(found)}
        fields = {name: value for name, value in fields.items() if value is not None}
        assert list(rules.breaches("sendMessage", fields)) == []


@given(text=st.one_of(anything, hostile), times=st.integers(1, 400))
def test_every_piece_of_a_long_text_keeps_them(text: str, times: int) -> None:
    long = (text * times)[:9_000]
    for part in pieces(Content(long)):
        fields = {"chat_id": 1, **message.said(shown(part.text))}
        fields = {name: value for name, value in fields.items() if value is not None}
        assert list(rules.breaches("sendMessage", fields)) == []
