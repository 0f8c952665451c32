"""One private distribution with four short package names: docs/adr/0002."""

import re
import subprocess
import sys
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

from tests.architecture import source

REQUIREMENTS = source.ROOT / "requirements"
LOCKS = sorted(path.name for path in REQUIREMENTS.glob("*.lock"))


def test_nobody_else_installs_a_package_of_our_names() -> None:
    owners = packages_distributions()
    assert {name: set(owners.get(name, [])) - {"nightdesk"} for name in source.PACKAGES} == {
        name: set() for name in source.PACKAGES
    }


def test_the_distribution_is_private_and_has_one_command() -> None:
    nightdesk = distribution("nightdesk")
    assert "Private :: Do Not Upload" in nightdesk.metadata.get_all("Classifier", [])
    assert [(e.name, e.value) for e in nightdesk.entry_points] == [("nightdesk", "bot.cli:main")]


def test_the_wheel_holds_the_four_packages_and_no_tests(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(
        [*build, "--directory", str(tmp_path)], cwd=source.ROOT, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("nightdesk-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {n.split("/")[0] for n in names if ".dist-info" not in n} == set(source.PACKAGES)
    assert {f"{package}/py.typed" for package in source.PACKAGES} <= set(names)
    assert {module.path for module in source.modules()} <= set(names)


def test_importing_an_sdk_finds_the_sdk() -> None:
    # A folder of tests, or of ours, named like an SDK would be found in its place.
    program = (
        "import discord, slack_bolt, slack_sdk, telegram\n"
        "telegram.Bot, discord.Client, slack_sdk.WebClient, slack_bolt.App\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=source.ROOT, check=True)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_with_hashes_and_names_no_source(name: str) -> None:
    pinned = _pinned(name)
    assert pinned
    for line in (REQUIREMENTS / name).read_text().splitlines():
        assert re.match(r"[a-z0-9][a-z0-9._-]*==\S+ |    --hash=sha256:[0-9a-f]{64}", line), line


def test_the_locks_agree() -> None:
    run, dev, prove = (_pinned(f"{name}.lock") for name in ("run", "dev", "prove"))
    assert run.items() <= dev.items()
    assert {name: dev[name] for name in prove.keys() & dev.keys()} == {
        name: prove[name] for name in prove.keys() & dev.keys()
    }


def test_the_project_asks_for_what_the_lock_holds() -> None:
    wanted = re.findall(r"^[A-Za-z][\w.-]*", (REQUIREMENTS / "run.in").read_text(), re.MULTILINE)
    declared = [re.match(r"[\w.-]+", d) for d in source.pyproject()["project"]["dependencies"]]
    build_tools = {"hatchling", "editables"}
    assert {_normal(name) for name in wanted} - build_tools == {
        _normal(found.group()) for found in declared if found
    }


def _pinned(lock: str) -> dict[str, str]:
    text = (REQUIREMENTS / lock).read_text()
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", text, re.MULTILINE))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
