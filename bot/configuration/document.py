"""Bytes -> a TOML document whose every key knows its line."""

import re
import tomllib
from pathlib import Path

from bot.configuration.lines import locate
from bot.configuration.problems import FileProblems, Problem, Problems
from runtime.errors import ConfigurationError
from runtime.model.value import value

_LARGEST = 1_000_000
_POSITION = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


@value()
class Document:
    """What a file says, unjudged.

    Attributes:
        tables: its content.
        problems: where to note what is wrong with it, by place.
    """

    tables: dict[str, object]
    problems: FileProblems


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder.

    Raises:
        ConfigurationError: nobody can say, for its folder is closed to this user.
    """
    try:
        return path.exists()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}. Let this user read its folder, or say where "
            "another one is: NIGHTDESK_CONFIG for the file, NIGHTDESK_DATA_DIR for the data."
        ) from error


def read_document(path: Path, *, name: str, problems: Problems) -> Document | None:
    """Read a file that is called `name` in what is said of it; None where it cannot be read."""
    if path.is_dir():
        said = "it is a folder: name the file in it, such as nightdesk.toml"
        problems.found.append(Problem(str(path) if name == "." else name, 0, said))
        return None
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        problems.found.append(Problem(name, 0, f"it cannot be read: {error.strerror}"))
        return None
    return parse_document(raw, name=name, problems=problems)


def parse_document(raw: bytes, *, name: str, problems: Problems) -> Document | None:
    """Parse the bytes of a file; None, and a problem, where they are no TOML."""
    if len(raw) > _LARGEST:
        problems.found.append(Problem(name, 0, f"it is larger than {_LARGEST} bytes"))
        return None
    try:
        text = raw.decode("utf-8-sig")
        return Document(tomllib.loads(text), FileProblems(problems, name, locate(text)))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problems.found.append(Problem(name, line, "this is not UTF-8 text: save the file as UTF-8"))
    except tomllib.TOMLDecodeError as error:
        problems.found.append(_syntax(name, raw, str(error)))
    except RecursionError:
        problems.found.append(Problem(name, 0, "its lists are nested too deeply"))
    return None


def _syntax(name: str, raw: bytes, said: str) -> Problem:
    """The parser's words; its position becomes the line."""
    position = _POSITION.search(said)
    last = raw.rstrip().count(b"\n") + 1
    line = int(position["line"] or last) if position else 0
    text = _POSITION.sub("", said)
    return Problem(name, line, f"this is not valid TOML: {text[:1].lower()}{text[1:]}")
