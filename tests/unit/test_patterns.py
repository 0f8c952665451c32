"""What a yes for a time covers, in words."""

import json

import pytest

from runtime.approvals.patterns import in_words
from runtime.model.approval import Frozen, pattern_of


def words(arguments: dict[str, object], *varies: str) -> str:
    call = Frozen(tool="message.send", schema="s", arguments=json.dumps(arguments))
    return in_words(pattern_of(call, varies))


@pytest.mark.parametrize(
    ("arguments", "varies", "said"),
    [
        ({"text": "hello"}, (), "exactly this"),
        ({}, (), "exactly this"),
        ({"text": "hi"}, ("text",), "`message.send` with nothing else, whatever the `text`"),
        (
            {"text": "hi", "channel": "#ops"},
            ("text",),
            '`message.send` with `channel` = `"#ops"`, whatever the `text`',
        ),
        (
            {"b": True, "a": -3, "text": ""},
            ("version", "text", "value"),
            (
                "`message.send` with `a` = `-3` and `b` = `true`, whatever the `text`, the `value` and "
                "the `version`"
            ),
        ),
        (
            {"a": 1, "b": 2, "c": 3},
            ("text",),
            "`message.send` with `a` = `1`, `b` = `2` and `c` = `3`, whatever the `text`",
        ),
        (
            {"a": 1, "b": 2, "c": 3, "d": 4},
            ("text",),
            "`message.send` with its 4 other arguments as shown, whatever the `text`",
        ),
    ],
)
def test_what_stays_and_what_may_be_anything(
    arguments: dict[str, object], varies: tuple[str, ...], said: str
) -> None:
    assert words(arguments, *varies) == said


@pytest.mark.parametrize(
    "value",
    [
        "a" * 40,
        "slack:T1/C1",
        "@ann",
        "a-b_c.d",
        10**12 - 1,
        1 - 10**12,
        0,
        False,
    ],
)
def test_a_short_plain_value_is_named(value: object) -> None:
    said = f"`message.send` with `a` = `{json.dumps(value)}`, whatever the `text`"
    assert words({"a": value}, "text") == said


@pytest.mark.parametrize(
    "value",
    [
        "a" * 41,
        "",
        "two words",
        "a`b",
        "a\n",
        "\u0430",
        "a*",
        10**12,
        -(10**12),
        1.5,
        None,
        [],
        {"b": 1},
    ],
)
def test_every_other_value_is_shown_elsewhere(value: object) -> None:
    assert words({"a": value}, "text") == (
        "`message.send` with the `a` as shown, whatever the `text`"
    )
