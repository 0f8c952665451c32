"""What people change in the arguments of a call, a line for each, and the difference they see."""

import pytest

from runtime.approvals.edits import changed
from runtime.errors import Refused
from runtime.signature import DEEPEST

CALL = '{"branch": "main", "count": 1, "force": true, "names": ["a"]}'
ABOUT = "Write a change a line: name = value. A value that is no text is JSON; null leaves it out."


@pytest.mark.parametrize(
    ("written", "arguments", "difference"),
    [
        (
            "branch = dev",
            '{"branch": "dev", "count": 1, "force": true, "names": ["a"]}',
            '- branch: "main"\n+ branch: "dev"',
        ),
        (
            "  branch=a = b \n\n   \ncount = 2",
            '{"branch": "a = b", "count": 2, "force": true, "names": ["a"]}',
            '- branch: "main"\n+ branch: "a = b"\n- count: 1\n+ count: 2',
        ),
        (
            "branch = 12",  # a text stays one
            '{"branch": "12", "count": 1, "force": true, "names": ["a"]}',
            '- branch: "main"\n+ branch: "12"',
        ),
        (
            'branch = "x"',
            '{"branch": "x", "count": 1, "force": true, "names": ["a"]}',
            '- branch: "main"\n+ branch: "x"',
        ),
        (
            "count = two",
            '{"branch": "main", "count": "two", "force": true, "names": ["a"]}',
            '- count: 1\n+ count: "two"',
        ),
        (
            "branch = null\nforce = null\ngone = null",
            '{"count": 1, "names": ["a"]}',
            '- branch: "main"\n- force: true',
        ),
        (
            "xyz = zoë",
            '{"branch": "main", "count": 1, "force": true, "names": ["a"], "xyz": "zoë"}',
            '+ xyz: "zoë"',
        ),
        (
            "count = true",  # which Python takes for 1
            '{"branch": "main", "count": true, "force": true, "names": ["a"]}',
            "- count: 1\n+ count: true",
        ),
        (
            "count = 1.0\nnames = [true]\nbranch = dev",
            '{"branch": "dev", "count": 1.0, "force": true, "names": [true]}',
            '- branch: "main"\n+ branch: "dev"\n- count: 1\n+ count: 1.0\n- names: ["a"]\n+ names: [true]',
        ),
    ],
)
def test_a_change_is_made_and_shown(written: str, arguments: str, difference: str) -> None:
    assert changed(CALL, written) == (arguments, difference)


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ("", "That changes nothing.", ABOUT),
        ("branch = main\ncount = 1", "That changes nothing.", ABOUT),
        ("gone = null", "That changes nothing.", ABOUT),
        ("branch dev", "“branch dev” is no change.", ABOUT),
        (" = dev", "“ = dev” is no change.", ABOUT),
        ("x" * 99, f"“{'x' * 60}” is no change.", ABOUT),
        ("brnch = dev", "There is no argument brnch; did you mean branch?", ""),
        (
            f"{'branch' * 9} = {'[' * (DEEPEST + 1)}",
            f"The value of {('branch' * 9)[:40]} is nested too deeply.",
            "",
        ),
    ],
)
def test_what_is_no_change_is_refused_in_words(written: str, message: str, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        changed(CALL, written)
    assert (refused.value.message, refused.value.hint or "") == (message, hint)


def test_a_near_name_is_quoted_in_part() -> None:
    long = "a" * 60
    with pytest.raises(Refused) as refused:
        changed(f'{{"{long}": 1}}', f"{long}b = 2")
    assert refused.value.message == f"There is no argument {'a' * 40}; did you mean {long}?"


def test_what_is_nested_as_deeply_as_it_may_be_is_taken() -> None:
    deep = "[" * DEEPEST + "]" * DEEPEST
    assert changed(CALL, f"names = {deep}")[1] == f'- names: ["a"]\n+ names: {deep}'
