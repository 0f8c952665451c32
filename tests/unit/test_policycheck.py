"""The rules for tools that the documents print are rules that a start takes."""

import re
from pathlib import Path

import pytest

from bot.diagnosis import State
from bot.doctor.policycheck import look_at_policy
from bot.environ import load_settings
from tests.support.clock import ManualClock

DOCS = Path(__file__).parents[2] / "docs"
TEAM = '[[agents]]\nname = "desk"\n[[agents]]\nname = "night"\n'
_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED = [
    (page.name, block) for page in DOCS.glob("*.md") for block in _BLOCK.findall(page.read_text())
]


@pytest.mark.parametrize(("page", "rules"), PRINTED)
def test_rules_that_a_page_prints_can_be_used(page: str, rules: str, tmp_path: Path) -> None:
    (tmp_path / "nightdesk.toml").write_text(TEAM)
    (tmp_path / "policy.yaml").write_text(rules)
    found = look_at_policy(load_settings({"HOME": str(tmp_path)}, cwd=tmp_path), ManualClock())
    assert (found.state, found.todo) == (State.OK, ""), f"{page}: {found.found}"


def test_the_page_about_rules_prints_some() -> None:
    assert "policy.md" in dict(PRINTED)
