"""What DBOS stores of us is JSON, and can only ever become JSON or an error of ours."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.durable import wire
from runtime import errors
from runtime.errors import NightdeskError, RunFailed
from runtime.model.tools import Json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abé\x00"), inner),
    max_leaves=20,
)
KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, NightdeskError)
]


@given(JSON)
def test_a_value_comes_back_as_it_was(value: Json) -> None:
    assert wire.read(wire.write(value)) == value
    assert wire.plain(value) == value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_of_ours_comes_back_as_itself(kind: type[NightdeskError]) -> None:
    error = kind("what was wrong")
    for name, value in (("hint", "what is right"), ("after", 2.5)):
        if hasattr(error, name):
            setattr(error, name, value)
    read = wire.read(wire.write(error))
    assert type(read) is kind
    assert str(read) == "what was wrong"
    assert vars(read) == vars(error)


def test_an_error_of_others_comes_back_as_a_failed_run_that_names_it() -> None:
    read = wire.read(wire.write(ZeroDivisionError("by zero")))
    assert type(read) is RunFailed
    assert str(read) == "ZeroDivisionError: by zero"


def test_a_row_cannot_choose_a_class() -> None:
    for name in ("SystemExit", "object", "os.system", "Path"):
        read = wire.read(json.dumps({"error": {"name": name, "message": "x"}}))
        assert type(read) is RunFailed


def test_a_value_that_looks_like_an_error_stays_a_value() -> None:
    value: Json = {"error": {"name": "Refused", "message": "no"}}
    assert wire.read(wire.write(value)) == value


@pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), {1, 2}, b"bytes", object()])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        wire.write(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_spell_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        wire.write(value)
