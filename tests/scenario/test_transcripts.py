"""The conversations that the documents print are what the program really prints."""

import re
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = """
[team]
name = "Night shift"
timezone = "Europe/Berlin"

[[members]]
name = "You"
role = "owner"
terminal = "you"

[[channels]]
platform = "terminal"
id = "ops"
name = "#ops"
listen = true
proactive = true
"""
CUT = "[…]"
"""Stands in a document for the rest of a line, or for what is left out of it."""
LONGEST = 99
"""Characters of a line in the README's sessions: it has to be read without scrolling."""
_TYPED = re.compile(r"^(?:you · .+?: |> )(.+)$", re.MULTILINE)
_TITLE = re.compile(r"“Briefing for .*”")
_DAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]* \d{1,2} [A-Z][a-z]+,? |tomorrow |yesterday )?"
_TIME = re.compile(_DAY + r"\d\d:\d\d(?: CES?T)?")


def transcripts(document: str) -> list[str]:
    """The blocks of a document that show a session in a script."""
    text = (ROOT / document).read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for block in blocks if "you · dm: " in block]


def as_cut(said: str, printed: str) -> str:
    """What was said, with each line cut where the document cuts it, as it says by `[…]`."""
    lines, cuts = said.splitlines(keepends=True), printed.splitlines(keepends=True)
    return "".join(_cut(*pair) for pair in zip_longest(lines, cuts, fillvalue=""))


def _cut(line: str, printed: str) -> str:
    head, mark, tail = printed.partition(CUT)
    cut = mark and line.startswith(head) and line.endswith(tail)
    return printed if cut and len(line) > len(printed) else line


def timeless(transcript: str) -> str:
    """The transcript without what differs from day to day."""
    return _TIME.sub("<time>", _TITLE.sub("“<title>”", transcript))


@pytest.mark.parametrize("document", ["README.md", "docs/terminal.md"])
def test_a_printed_session_is_a_real_one(document: str, tmp_path: Path) -> None:
    [printed] = transcripts(document)
    printed = re.sub(r"\A\$ .*\n", "", printed)
    config = tmp_path / "nightdesk.toml"
    config.write_text(CONFIG)
    environ = {
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "NIGHTDESK_CONFIG": str(config),
        "NIGHTDESK_DATA_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "bot", "run"],
        input="\n".join(_TYPED.findall(printed)),
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    printed = timeless(printed)
    assert as_cut(timeless(done.stdout), printed) == printed
    assert done.stderr == ""


def test_no_line_of_a_session_in_the_readme_is_too_long_to_read() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```.*?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert [line for block in blocks for line in block.splitlines() if len(line) > LONGEST] == []


def test_a_line_is_cut_only_where_it_says_so() -> None:
    assert as_cut("one two three\nfour\n", "one […]\nfour\n") == "one […]\nfour\n"
    assert as_cut("one two three\nfour\n", "two […]\nfour\n") == "one two three\nfour\n"
    assert as_cut("one two three\nfour\n", "one […]\n") == "one […]\nfour\n"
