"""Small on purpose: a reader holds a module in the head."""

import ast
from statistics import median, quantiles

from tests.architecture import source

MODULE_LINES = 400
FUNCTION_LINES = 60
"""With signature and docstring."""
MEDIAN_FUNCTION_LINES = 14
P95_FUNCTION_LINES = 45


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    lengths = {m.path: len(m.text.splitlines()) for m in source.modules()}
    assert {path: n for path, n in lengths.items() if n > MODULE_LINES} == {}


def test_no_function_is_long() -> None:
    assert {where: n for where, n in _functions().items() if n > FUNCTION_LINES} == {}


def test_most_functions_are_short() -> None:
    lengths = list(_functions().values())
    assert median(lengths) <= MEDIAN_FUNCTION_LINES
    assert quantiles(lengths, n=20)[-1] <= P95_FUNCTION_LINES


def _functions() -> dict[str, int]:
    return {
        f"{module.path}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module in source.modules()
        # A migration is a list of statements about tables, read once and never changed.
        if "/migrations/" not in module.path
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
