"""Which interpreter the two commands take: `requirements/find-python.sh`."""

import subprocess
import sys
from pathlib import Path

import pytest

from adapters.sql.sqlite import check_version
from runtime.errors import ConfigurationError

SCRIPT = Path(__file__).parents[2] / "requirements" / "find-python.sh"
POSTGRES = "postgresql://nightdesk@db.example/nightdesk"
Version = tuple[int, ...]


def interpreter(folder: Path, name: str, *, python: Version, sqlite: Version) -> Path:
    """A command that says that it is this Python with this SQLite, and is the present one."""
    folder.mkdir(exist_ok=True)
    said, library = (".".join(map(str, each)) for each in (python, sqlite))
    pretends = (
        f'import sys, sqlite3; sys.version_info, sys.version = {python}, "{said} (fake)"; '
        f'sqlite3.sqlite_version_info, sqlite3.sqlite_version = {sqlite}, "{library}"; '
        "exec(sys.argv[2])"
    )
    path = folder / name
    path.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{pretends}' \"$@\"\n")
    path.chmod(0o755)
    return path


def find(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Look for one among the commands of the folder alone."""
    return subprocess.run(
        ["/bin/sh", SCRIPT],
        env={"PATH": str(folder), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("python", "sqlite"),
    [
        ((3, 11, 7), (3, 34, 1)),
        ((3, 11, 7), (3, 35, 0)),
        ((3, 12, 0), (3, 41, 2)),
        ((3, 12, 0), (3, 42, 0)),
        ((3, 13, 1), (3, 40, 1)),
    ],
)
def test_an_interpreter_is_taken_that_the_store_takes(
    tmp_path: Path, python: Version, sqlite: Version
) -> None:
    path = interpreter(tmp_path, "python3", python=python, sqlite=sqlite)
    found = find(tmp_path)
    try:
        check_version(sqlite, python)
    except ConfigurationError:
        assert (found.returncode, found.stdout) == (1, "")
        version = ".".join(map(str, sqlite))
        assert f"Python {'.'.join(map(str, python))} with SQLite {version}\n" in found.stderr
        assert "SQLite 3.35 or newer, from Python 3.12 on 3.42" in found.stderr
        assert "NIGHTDESK_DATABASE_URL=postgresql://" in found.stderr
    else:
        assert (found.returncode, found.stdout, found.stderr) == (0, f"{path}\n", "")


def test_the_next_one_is_taken_where_the_first_is_too_old(tmp_path: Path) -> None:
    interpreter(tmp_path, "python3", python=(3, 10, 2), sqlite=(3, 45, 0))
    interpreter(tmp_path, "python3.12", python=(3, 12, 1), sqlite=(3, 41, 2))
    fits = interpreter(tmp_path, "python3.11", python=(3, 11, 2), sqlite=(3, 40, 1))
    assert find(tmp_path).stdout == f"{fits}\n"


def test_with_postgres_an_old_sqlite_is_taken_with_a_word_and_an_old_python_is_not(
    tmp_path: Path,
) -> None:
    path = interpreter(tmp_path, "python3", python=(3, 13, 1), sqlite=(3, 34, 1))
    taken = find(tmp_path, NIGHTDESK_DATABASE_URL=POSTGRES)
    assert (taken.returncode, taken.stdout) == (0, f"{path}\n")
    assert "too old to keep anything in" in taken.stderr
    assert find(tmp_path, NIGHTDESK_DATABASE_URL="sqlite:///night.db").returncode == 1
    interpreter(tmp_path, "python3", python=(3, 10, 1), sqlite=(3, 45, 0))
    assert find(tmp_path, NIGHTDESK_DATABASE_URL=POSTGRES).returncode == 1


@pytest.mark.parametrize(
    ("held", "fits"),
    [
        (f"{POSTGRES}\n", True),
        (f" {POSTGRES}", True),
        (f"\n{POSTGRES}\n\n", True),
        ("sqlite:///night.db\n", False),
        (f"sqlite:///night.db\n{POSTGRES}\n", False),
        ("", False),
    ],
)
def test_the_database_may_be_named_by_a_file(tmp_path: Path, held: str, *, fits: bool) -> None:
    interpreter(tmp_path, "python3", python=(3, 13, 1), sqlite=(3, 34, 1))
    file = tmp_path / "the url"
    file.write_text(held)
    found = find(tmp_path, NIGHTDESK_DATABASE_URL_FILE=str(file))
    assert (found.returncode == 0) is fits
    assert "the url" not in found.stderr


@pytest.mark.parametrize("name", ["not there", "."])
def test_a_file_that_cannot_be_read_names_no_database(tmp_path: Path, name: str) -> None:
    interpreter(tmp_path, "python3", python=(3, 13, 1), sqlite=(3, 34, 1))
    found = find(tmp_path, NIGHTDESK_DATABASE_URL_FILE=str(tmp_path / name))
    assert found.returncode == 1
    assert found.stderr.startswith("Nightdesk needs Python")


def test_a_command_that_exists_and_fails_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    found = find(tmp_path)
    assert (found.returncode, found.stdout) == (1, "")
    assert "python3: not there, or without venv or sqlite3" in found.stderr
