"""A rule of `docs/adapters.md` has a test, a test has a rule, and it runs for who declares it."""

import re
import subprocess
import sys
from functools import cache
from types import ModuleType

import pytest

from tests.architecture import source
from tests.contract import test_chat_adapter as suite
from tests.support.adapters.harness import Harness
from tests.support.adapters.pigeon import PigeonHarness
from tests.support.adapters.platforms import HARNESSES
from tests.support.adapters.rules import keeps, objections

PAGE = (source.ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
PAGES = ("adapters.md", "adding-a-platform.md")
SUITE = "tests/contract/test_chat_adapter.py"


@cache
def collected() -> frozenset[str]:
    """What pytest would run of the suite."""
    program = [sys.executable, "-m", "pytest", "--collect-only", "-q", SUITE]
    done = subprocess.run(program, cwd=source.ROOT, check=True, capture_output=True, text=True)
    return frozenset(re.findall(r"::(\S+)$", done.stdout, re.MULTILINE))


def against(
    page: str = PAGE, module: ModuleType = suite, *more: type[Harness], without: str = "-"
) -> list[str]:
    cases = [case for case in collected() if not case.startswith(without)]
    return objections(page, module, cases, [*HARNESSES, *more])


def test_the_rules_the_tests_and_the_adapters_fit() -> None:
    assert against() == []


def test_the_rules_are_numbered_in_order() -> None:
    numbers = re.findall(r"^\| (A\d\d) \|", PAGE, re.MULTILINE)
    assert numbers == [f"A{number:02}" for number in range(1, len(numbers) + 1)]
    assert len(numbers) >= 15


def test_no_test_of_the_suite_is_skipped() -> None:
    text = (source.ROOT / SUITE).read_text(encoding="utf-8")
    assert re.findall(r"pytest\.skip|mark\.skip|xfail|importorskip", text) == []


def test_a_rule_without_a_test_is_seen() -> None:
    assert "A16 has no test" in against(
        PAGE.replace("\n\nThe faults", "\n| A16 | More. | |\n\nThe faults")
    )


def test_a_test_that_is_not_there_is_seen() -> None:
    page = PAGE.replace("`test_a_private_answer_is", "`test_a_public_answer_is")
    assert any("A13 names test_a_public_answer_is" in found for found in against(page))
    assert any("is not named by A13" in found for found in against(page))


def test_a_test_of_an_unknown_rule_is_seen() -> None:
    @keeps("A99")
    def test_something() -> None:
        """Of no rule."""

    module = ModuleType("suite")
    vars(module).update(vars(suite), test_something=test_something)
    assert "test_something shows A99, which is no rule" in against(PAGE, module)


def test_a_rule_whose_test_does_not_run_for_an_adapter_is_seen() -> None:
    found = against(without="test_a_private_answer_is_shown_to_its_person_only[discord")
    assert found == ["discord declares A13, and no test of it runs for it"]


@pytest.mark.parametrize("name", ["exceptions", "differences"])
def test_an_exception_that_the_page_does_not_show_is_seen(name: str) -> None:
    lazy = type("LazyHarness", (PigeonHarness,), {name: {"A13": "Pigeons gossip."}})
    assert any("Pigeons gossip." in found for found in against(PAGE, suite, lazy))
    unknown = type("LazyHarness", (PigeonHarness,), {name: {"A98": "Pigeons gossip."}})
    assert any("A98, which is no rule" in found for found in against(PAGE, suite, unknown))


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_name_only_files_that_are_there(name: str) -> None:
    text = (source.ROOT / "docs" / name).read_text(encoding="utf-8")
    paths = re.findall(r"`((?:adapters|bot|docs|gateway|runtime|tests)/[\w/.-]+)`", text)
    assert paths
    assert [path for path in paths if not (source.ROOT / path).exists()] == []
