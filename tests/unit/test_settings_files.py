"""`[files]` of `nightdesk.toml`, and what is said of it where it is wrong."""

import pytest

from runtime.model.files import FileKind, FileRules
from tests.unit.test_settings_team import read, said_of


def test_without_it_everything_but_programs_is_taken_up_to_20_mb() -> None:
    assert read("").team.files == FileRules(
        most=20_000_000, kinds=frozenset(FileKind) - {FileKind.PROGRAM}
    )


def test_a_team_may_take_less() -> None:
    rules = read('[files]\nmax_mb = 1.5\ntypes = ["text", "pdf"]\n').team.files
    assert (rules.most, rules.kinds) == (1_500_000, frozenset({FileKind.TEXT, FileKind.PDF}))


def test_a_team_may_take_nothing() -> None:
    assert read("[files]\ntypes = []\n").team.files.kinds == frozenset()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("max_mb = 0", "max_mb = 0: write a number of megabytes, above 0 and up to 100"),
        ("max_mb = 101", "up to 100, without quotes"),
        ("max_mb = nan", "write a number of megabytes"),
        ("max_mb = inf", "write a number of megabytes"),
        ("max_mb = true", "write a number of megabytes"),
        ('max_mb = "20"', "write a number of megabytes"),
        ("max_mb = 1e-9", "that is less than a byte"),
        ('types = "text"', 'write a list such as ["text", "image"]; there are text, image'),
        ("types = [1]", "write a list"),
        ('types = ["txt"]', "did you mean text?"),
        ('types = ["program"]', "programs are never taken"),
        ("max_size = 3", "unknown key"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(line: str, said: str) -> None:
    [problem] = said_of(f"[files]\n{line}\n")
    assert problem.startswith("nightdesk.toml:2: files.")
    assert said in problem


def test_it_is_one_table() -> None:
    [problem] = said_of("[[files]]\nmax_mb = 3\n")
    assert "write [files] on a line of its own, and its keys below it" in problem
