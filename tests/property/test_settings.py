"""No file and no environment makes reading fail in any other way than by a list of problems."""

from collections.abc import Mapping
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bot.configuration.document import parse_document
from bot.configuration.environment import VARIABLES, read_environment
from bot.configuration.problems import Problems
from bot.configuration.team import read_team
from bot.environ import load_settings
from runtime.errors import ConfigurationError

_words = st.sampled_from(
    ["", " ", "desk", "fast", "offline", "#ops", "T012AB/U0123", "C0123ABCD", "slack", "terminal"]
) | st.text(max_size=8)
_scalars = st.one_of(_words, st.booleans(), st.integers(-9, 10**9), st.floats(allow_nan=False))
_keys = st.sampled_from(
    (
        *("name", "role", "slack", "terminal", "platform", "id", "listen", "proactive", "agent"),
        *("model", "instructions", "base_url", "timeout_seconds", "timezone", "workspace", "x y"),
    )
)


def _table(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.dictionaries(_keys, values, max_size=4)


_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=2) | _table(inner), max_leaves=4
)
_documents = st.dictionaries(
    st.sampled_from(["team", "slack", "members", "channels", "agents", "models", "http"]),
    _values | _table(_values) | st.lists(_table(_values), max_size=3),
)


def toml(value: object) -> str:
    """A value as TOML, all on one line."""
    match value:
        case bool():
            return str(value).lower()
        case Mapping():
            return "{" + ", ".join(f"{toml(str(k))} = {toml(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case str():
            return '"' + "".join(f"\\U{ord(c):08x}" for c in value) + '"'
        case _:
            return str(value).replace("inf", "0.0") if "inf" in str(value) else str(value)


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    problems = Problems()
    document = parse_document(raw, name="f", problems=problems)
    assert (document is None) == bool(problems.found)


@given(_documents)
def test_any_document_of_the_right_keys_with_any_values(tables: Mapping[str, object]) -> None:
    problems = Problems()
    raw = "".join(f"{key} = {toml(value)}\n" for key, value in tables.items()).encode()
    document = parse_document(raw, name="f", problems=problems)
    assert document is not None
    read_team(document)
    assert all(problem.line > 0 and problem.text for problem in problems.found)


@given(st.dictionaries(st.sampled_from(VARIABLES), _words | st.text(max_size=12), max_size=5))
def test_any_values_of_the_variables(variables: Mapping[str, str]) -> None:
    problems = Problems()
    read_environment(variables, problems)
    for problem in problems.found:
        assert any(problem.text.startswith(name) for name in variables)


@given(st.text(min_size=1, max_size=8), _words)
def test_whatever_is_set_it_loads_or_names_the_variable(name: str, value: str) -> None:
    told = ""
    try:
        load_settings({"HOME": "/nowhere", f"NIGHTDESK_{name}": value}, cwd=Path("/nowhere"))
    except ConfigurationError as error:
        told = str(error)
    assert not told or told.startswith("NIGHTDESK_")
