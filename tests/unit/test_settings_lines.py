"""On which line each key of a TOML file stands, however the file is laid out."""

import tomllib
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.configuration.lines import locate
from bot.configuration.problems import Place


def places(value: object, place: Place = ()) -> list[Place]:
    """Every place of a parsed document."""
    if isinstance(value, dict):
        return [
            p for key, each in value.items() for p in [(*place, key), *places(each, (*place, key))]
        ]
    if isinstance(value, list):
        return [
            p for i, each in enumerate(value) for p in [(*place, i), *places(each, (*place, i))]
        ]
    return []


def lines_of(text: str) -> dict[Place, int]:
    """What `locate` found, after checking that it found exactly what the parser did."""
    found = locate(text)
    assert set(found) == set(places(tomllib.loads(text)))
    return found


def test_tables_and_keys() -> None:
    found = lines_of(
        dedent("""\
        top = 1

        [team]      # a comment with [brackets] and = signs
        name = "x"
        [team.deep]
        key = 2
        """)
    )
    assert found == {
        ("top",): 1,
        ("team",): 3,
        ("team", "name"): 4,
        ("team", "deep"): 5,
        ("team", "deep", "key"): 6,
    }


def test_arrays_of_tables_count_on_and_hold_tables_of_their_own() -> None:
    found = lines_of(
        dedent("""\
        [[channels]]
        id = "a"
        [channels.extra]
        deep = 1
        [[ channels ]]
        id = "b"
        [[channels.rules]]
        x = 1
        [[channels.rules]]
        x = 2
        """)
    )
    assert found["channels", 0, "id"] == 2
    assert found["channels", 0, "extra", "deep"] == 4
    assert found["channels", 1] == 5
    assert found["channels", 1, "rules", 1, "x"] == 10


def test_dotted_and_quoted_keys() -> None:
    found = lines_of(
        dedent("""\
        a.b . c = 1
        a.b.d = 2
        "quoted key"."x.y" = 3
        'literal' = 4
        "caf\\u00e9" = 5
        [models."my.model"]
        model = "m"
        """)
    )
    assert found["a", "b"] == 1
    assert found["a", "b", "d"] == 2
    assert found["quoted key", "x.y"] == 3
    assert found["literal",] == 4
    assert found["café",] == 5
    assert found["models", "my.model", "model"] == 7


def test_inline_tables_and_arrays_over_several_lines() -> None:
    found = lines_of(
        dedent("""\
        members = [
          { name = "a", ids = ["x", "y"] },  # }]
          # a comment between
          { name = "b", deep = { key = 1 } },
        ]
        empty = []
        nothing = {}
        matrix = [[1, 2],
          [3, 4]]
        after = true
        """)
    )
    assert found["members", 0, "ids", 1] == 2
    assert found["members", 1, "deep", "key"] == 4
    assert found["matrix", 1, 0] == 9
    assert found["after",] == 10


@pytest.mark.parametrize(
    "value",
    [
        '"""\nfake = 1\n[fake]\n"""',
        "'''\nfake = 1\n[[fake]]\n'''",
        '"""\nends in quotes\n\n""""',
        "''''quoted'\n\n\n'''",
        '"""a \\""" b\n\n\n"""',
    ],
)
def test_what_stands_in_a_multi_line_text_is_no_key(value: str) -> None:
    found = lines_of(f"text = {value}\nafter = 1\n")
    assert found["after",] == value.count("\n") + 2


@pytest.mark.parametrize(
    "value",
    ['"#"', '"]"', "'='", '"\\""', '""', "''", "1979-05-27 07:32:00", "1_000", "-inf", '"a\\\\"'],
)
def test_values_that_look_like_punctuation(value: str) -> None:
    found = lines_of(
        f"array = [{value}, {value}]\ntable = {{ a = {value}, b = {value} }}\nkey = {value} # x\nafter = 1\n"
    )
    assert found["after",] == 4


def test_windows_line_ends() -> None:
    assert lines_of("a = 1\r\n[b]\r\nc = 2\r\n")["b", "c"] == 3


# A document is generated as statements, each on a line that we know, in mixed layouts.
_names = st.sampled_from(["a", "b", "c", '"q d"', "'l.t'"])
_scalars = st.sampled_from(["1", '"x"', "''", "true", '"]#"', '"""\n[no]\n"""', "2020-01-01"])
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda v: "[" + ",\n ".join(v) + "]"),
        st.lists(inner, max_size=3).map(
            lambda v: "[ # ]\n" + "".join(f"{x}, # ,\n" for x in v) + "]"
        ),
        st.dictionaries(_names, _scalars.filter(lambda s: "\n" not in s), max_size=3).map(
            lambda d: "{" + ", ".join(f"{k} = {v}" for k, v in d.items()) + "}"
        ),
    ),
    max_leaves=6,
)
_statements = st.lists(
    st.one_of(
        st.tuples(st.just("key"), _names, _values),
        st.tuples(
            st.sampled_from(["[[{}]]", "[{}]", "[ {} . deep ]", "# {} = 1", ""]), _names, _scalars
        ),
    ),
    max_size=12,
)


@given(_statements)
def test_every_place_the_parser_sees_is_found_on_a_line_that_names_it(
    statements: list[tuple[str, str, str]],
) -> None:
    text = "".join(
        f"{name} = {value}\n" if form == "key" else form.format(name) + "\n"
        for form, name, value in statements
    )
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = text.split("\n")
    for place, line in lines_of(text).items():
        if isinstance(place[-1], str):
            assert place[-1] in lines[line - 1]
