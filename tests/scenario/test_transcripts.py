"""The conversations that the documents print are what the program really prints."""

import re
import subprocess
import sys
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
_TYPED = re.compile(r"^(?:you · .+?: |> )(.+)$", re.MULTILINE)
_TITLE = re.compile(r"“Briefing for .*”")
_DAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]* \d{1,2} [A-Z][a-z]+,? |tomorrow |yesterday )?"
_TIME = re.compile(_DAY + r"\d\d:\d\d(?: CES?T)?")


def transcripts(document: str) -> list[str]:
    """The blocks of a document that show a session in a script."""
    text = (ROOT / document).read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for block in blocks if "you · dm: " in block]


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
    assert timeless(done.stdout) == timeless(printed)
    assert done.stderr == ""
