"""Markdown as Slack may show it: no pings, no images, no hidden addresses, and it fits."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack import render
from bot.selftest.slack import rules
from runtime.model.messages import Button, Content

Z = "\u200b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<!channel> look", f"<{Z}!channel> look"),
        ("<!subteam^S01>", f"<{Z}!subteam^S01>"),
        ("<@U0ADA>, <#C0OPS>", f"<{Z}@U0ADA>, <{Z}#C0OPS>"),
        ("&lt;!here&gt; &#60;!here> &#x3C;!here>", f"&lt;{Z}!here&gt; &#60;{Z}!here> &#x3C;{Z}!here>"),
        (r"<\!channel>", rf"<\{Z}!channel>"),
        ("@channel @Here @everyone", f"@{Z}channel @{Z}Here @{Z}everyone"),
        ("&#64;channel &commat;here", f"&#64;{Z}channel &commat;{Z}here"),
        ("`<!channel>`", f"`<{Z}!channel>`"),
        ("<&#33;channel>", f"<{Z}&#33;channel>"),
        ("&lt;&excl;here>", f"&lt;{Z}&excl;here>"),
        ("<&commat;U123>", f"<{Z}&commat;U123>"),
        ("@&#99;hannel", f"@{Z}&#99;hannel"),
        ("@her&#x65;", f"@{Z}her&#x65;"),
        ("`Vec<&str>` 3<&0 https://e.org/?by=ada@desk&page=2", "`Vec<&str>` 3<&0 https://e.org/?by=ada@desk&page=2"),
        ("```\n@channel\n```", f"```\n@{Z}channel\n```"),
        ("mail ada@heretic.org, a < b, x <y>", "mail ada@heretic.org, a < b, x <y>"),
        ("# Title\n\n- *a* **b** ~~c~~\n\n| a | b |\n|---|---|\n| 1 | 2 |", None),
        ("```python\nx = a[0](b)\n```", None),
        ("call `f[0](x)` now", None),
        ("[docs](https://e.org/a_(b))", "docs (<https://e.org/a_(b)>)"),
        ('[docs](<https://e.org> "title")', "docs (<https://e.org>)"),
        ("[https://e.org](https://e.org)", "<https://e.org>"),
        ("[https://good.org](https://evil.org)", "https://good.org (<https://evil.org>)"),
        ("![chart](https://e.org/x.png?q=secret)", "chart (<https://e.org/x.png?q=secret>)"),
        ("![](https://e.org/x.png)", "<https://e.org/x.png>"),
        ("[![alt](https://e.org/i.png)](https://e.org)", "alt (<https://e.org/i.png>) (<https://e.org>)"),
        ("[two\nlines](https://e.org)", "two\nlines (<https://e.org>)"),
        ("[run](javascript:alert)", "run (javascript:alert)"),
        ("[empty]()", "empty"),
        ("<https://evil.org|good.org>", "good.org (<https://evil.org>)"),
        ("<https://e.org>", "<https://e.org>"),
        ("[text][1]\n\n[1]: https://e.org", "[text][1]\n\n1: https://e.org"),
        ("> [1]: https://e.org", "> 1: https://e.org"),
        ("[a](https://e.org/((deep)))", None),
        ("- [ ] todo\n- [x] done", "- [ ] todo\n- [x] done"),
    ],
)  # fmt: skip
def test_what_is_shown(text: str, shown: str | None) -> None:
    if shown is not None:
        assert render.markdown(text) == shown
    else:
        assert render.markdown(text).replace(Z, "") == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# Title\n\nSome *bold* `code`\nmore", "Title\nSome bold code\nmore"),
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
        ("&lt;!channel&gt;", f"&lt;{Z}!channel&gt;"),
        ("- one\n- two", "one\ntwo"),
        ("```sh\nls\n```", "ls"),
        ("[docs](https://e.org)", "docs (https://e.org)"),
        ("![pic](https://e.org/i.png)", "pic (https://e.org/i.png)"),
        ("<b>@here</b>", f"&lt;b&gt;@{Z}here&lt;/b&gt;"),
        ("", "…"),
        (" \n", "…"),
    ],
)
def test_the_text_for_notifications_is_plain(text: str, words: str) -> None:
    assert render.plain(text) == words


def test_the_text_for_notifications_is_short() -> None:
    assert len(render.plain("word " * 5000)) == render.FALLBACK_LIMIT


def test_buttons_are_unique_and_within_limits() -> None:
    row = tuple(Button("Approve " * 20, "approve", f"id{n}") for n in range(30))
    blocks = render.blocks(Content("Sure?", row))
    assert [block["type"] for block in blocks] == ["markdown", "actions", "actions"]
    assert list(rules.breaches("chat.postMessage", {"blocks": blocks}, form=False))[:0] == []
    assert list(rules.blocks(blocks)) == []


def test_long_content_is_cut_and_its_buttons_stand_at_the_end() -> None:
    content = Content("A sentence of words. " * 2000, (Button("Go", "go", "1"),))
    parts = render.pieces(content)
    assert [bool(part.buttons) for part in parts] == [False] * (len(parts) - 1) + [True]
    assert len(parts) == 4


def test_text_that_grows_when_it_is_defused_still_fits() -> None:
    for part in render.pieces(Content("<!here> @channel " * 3000)):
        assert len(render.markdown(part.text)) <= render.MARKDOWN_LIMIT


words = st.sampled_from(
    ["<", "!", "@", "#", "channel", "here", "[", "]", "(", ")", "`", "```", "\n", " ", "a",
     "https://e.org", "&lt;", "&#60;", "\\", "|", ">", "*", "1. ", "- ", "![", "](", "[a](b)"]
)  # fmt: skip
hostile = st.one_of(st.text(max_size=80), st.lists(words, max_size=40).map("".join))


@given(text=hostile)
def test_nothing_that_a_model_writes_pings_or_hides_an_address(text: str) -> None:
    args = {"text": render.plain(text), "blocks": render.blocks(Content(text))}
    assert list(rules._promises("chat.update", args)) == []


@given(text=hostile)
def test_what_was_made_harmless_stays_as_it_is(text: str) -> None:
    quiet = render.quiet(text)
    assert render.quiet(quiet) == quiet
    assert quiet.replace(Z, "") == text.replace(Z, "")


@given(text=hostile, cuts=st.lists(st.integers(0, 80), min_size=1, max_size=6))
def test_a_growing_answer_never_shows_more_than_it_has(text: str, cuts: list[int]) -> None:
    for cut in sorted(cuts):
        shown = render.growing(text[:cut])
        assert list(rules.markdown(shown)) == []
        assert len(shown.replace(Z, "")) <= 2 * len(text[:cut]) + 5


ANSWER = (
    "Here is **the report**: see [the run](https://e.org/runs/1) and `make [all](x)` now.\n\n"
    "```python\nfor x in y:\n    print(x)\n```\n\n- one @channel item\n- two ![i](https://e.org/i.png) x"
)


def test_a_growing_answer_only_ever_adds() -> None:
    shown = ""
    for at in range(len(ANSWER) + 1):
        now = render.growing(ANSWER[:at])
        assert now.startswith(shown), (ANSWER[:at], now, shown)
        shown = now
    assert render.markdown(ANSWER).startswith(shown)
    assert len(shown) > len(ANSWER) * 0.8


def test_a_growing_answer_stays_in_its_first_message() -> None:
    text = "word " * 5000
    assert len(render.growing(text)) <= render.MARKDOWN_LIMIT
    assert render.growing(text).startswith(render.growing(text[:9000]))


@pytest.mark.parametrize(
    "piece", ["[", "](", "`", "``", "<", "[a](", "![", "[[", "[a](b)", "> [", "&lt;"]
)
def test_hostile_text_is_rendered_soon(piece: str) -> None:
    text = piece * (11_000 // len(piece))
    began = time.thread_time()
    assert not re.search(r"<[!@#]", render.markdown(text))
    render.plain(text)
    render.growing(text + " ")
    assert time.thread_time() - began < 5  # seconds of this thread's, whatever else runs
