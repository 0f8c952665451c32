"""`docs/security-model.md` says what the code does: who may do what, and which test shows it."""

import re
from dataclasses import replace
from pathlib import Path

from runtime.access import permits
from runtime.model.access import Action, Resource
from runtime.model.team import MemberRole
from tests.support.build import ANN, team

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security-model.md").read_text("utf-8")
_ROW = re.compile(r"^\| `(?P<action>\w+)` \|(?P<cells>.*)\|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)`")
_LINK = re.compile(r"\]\((?P<path>[\w./-]+)\)")


def _cell(role: MemberRole, action: Action) -> str:
    """What a person of that role may do it to."""
    ours = team(role=role)
    somebody = replace(ANN, user="somebody-else")
    if permits(ours, ANN, action, Resource(belongs_to=somebody)):
        return "yes"
    return "own" if permits(ours, ANN, action, Resource(belongs_to=ANN)) else ""


def test_the_table_of_roles_is_the_judges() -> None:
    said = {
        match["action"]: [cell.strip() for cell in match["cells"].split("|")]
        for match in _ROW.finditer(PAGE)
    }
    assert said == {action.value: [_cell(role, action) for role in MemberRole] for action in Action}


def test_every_test_that_it_names_is_there() -> None:
    named = set(_TEST.findall(PAGE))
    assert len(named) > 20
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []


def test_every_page_that_it_links_is_there() -> None:
    for page in ("docs/security-model.md", "docs/audit.md", "SECURITY.md"):
        folder = (ROOT / page).parent
        links = _LINK.findall((ROOT / page).read_text("utf-8"))
        assert [link for link in links if not (folder / link).exists()] == []
