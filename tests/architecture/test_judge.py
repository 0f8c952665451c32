"""There is one judge: nobody else compares roles, so that nothing can be decided around it."""

import ast
from collections.abc import Iterator

from tests.architecture import source

JUDGE = "runtime/access.py"
MAY_KNOW_ROLES = (
    JUDGE,
    # Who holds which role, and the last owner of the list, whom a statement counts.
    "runtime/model/team.py",
    "runtime/people/firstowner.py",
    "adapters/memory/members.py",
    "adapters/sql/members.py",
)
READS = ("bot/configuration/",)
"""What turns the words of a file into roles, and gives those without one theirs."""


def test_nobody_else_compares_roles() -> None:
    found = [
        f"{module.path}:{line}"
        for module in source.modules()
        if module.path not in MAY_KNOW_ROLES
        for line in _comparisons(module.tree)
    ]
    assert found == []


def test_nobody_else_ranks_roles_or_keeps_them_in_tables() -> None:
    found = [
        f"{module.path}:{node.lineno}"
        for module in source.modules()
        if module.path not in MAY_KNOW_ROLES and not module.path.startswith(READS)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Dict | ast.Set | ast.Tuple | ast.List)
        and any(_is_role(part) for part in ast.iter_child_nodes(node))
    ]
    assert found == []


def test_a_comparison_of_roles_is_found() -> None:
    for text in (
        "if member.role is MemberRole.OWNER: pass",
        "if role in (MemberRole.ADMIN, other): pass",
        "if MemberRole.GUEST < member.role: pass",
        "if membership.member.role == other.member.role: pass",
        "match member.role:\n    case MemberRole.OWNER: pass",
    ):
        assert list(_comparisons(ast.parse(text))), text
    # The roles of a conversation's entries and of processes are other things.
    for text in ("if entry.role is Role.USER: pass", "if self._parts.role is Role.ALL: pass"):
        assert not list(_comparisons(ast.parse(text))), text


def _comparisons(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(map(_is_about_roles, ast.walk(node))):
            yield node.lineno
        if isinstance(node, ast.MatchValue) and _is_role(node.value):
            yield node.lineno


def _is_about_roles(node: ast.AST) -> bool:
    """A member's role, or one of the roles."""
    if _is_role(node):
        return True
    if not (isinstance(node, ast.Attribute) and node.attr == "role"):
        return False
    return "member" in ast.unparse(node.value).casefold()


def _is_role(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "MemberRole"
    )
