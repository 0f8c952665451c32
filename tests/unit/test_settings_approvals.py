"""`[approvals]` of `nightdesk.toml`, and what is said where it is wrong."""

import pytest

from tests.unit.test_settings_team import read, said_of

CHANNELS = """\
[[channels]]
platform = "terminal"
id = "ops"
name = "#ops"
proactive = true
[[channels]]
platform = "terminal"
id = "quiet"
[[channels]]
platform = "file"
id = "notes"
name = "#notes"
proactive = true
"""


def test_without_a_word_the_owners_are_asked() -> None:
    assert read(CHANNELS).team.approvals is None
    assert read(f"{CHANNELS}[approvals]\n").team.approvals is None


@pytest.mark.parametrize("written", ["#ops", "ops"])
def test_the_channel_is_named_by_its_name_or_its_id(written: str) -> None:
    team = read(f'{CHANNELS}[approvals]\nchannel = "{written}"\n').team
    assert team.approvals == team.channels[0].ref


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[approvals]\nchannel = "#opps"', 2, "unknown: [[channels]] has #ops, #quiet and #notes"),
        ('[approvals]\nchannel = "#quiet"', 2, "give that channel proactive = true"),
        ('[approvals]\nchannel = "#notes"', 2, "nobody can answer there: file is for messages"),
        ("[approvals]\nchannel = 5", 2, "write"),
        ('[approvals]\nchanel = "#ops"', 2, "did you mean channel?"),
        ('[[approvals]]\nchannel = "#ops"', 1, "[approvals]"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, said: str) -> None:
    before = CHANNELS.count("\n")
    [problem] = said_of(f"{CHANNELS}{text}\n")
    assert problem.startswith(f"nightdesk.toml:{before + line}: "), problem
    assert said in problem
