"""What import-linter cannot see: the standard library as a limit, imports by name, import time."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator

from tests.architecture import source

HEAVY = {"PIL", "litellm", "mcp", "openai"}
"""Long to import, so imported in a thread when first needed, never at the top of a module."""


def test_the_runtime_imports_the_standard_library_only() -> None:
    allowed = sys.stdlib_module_names | {"runtime"}
    strangers = [
        f"{module.path}:{line} imports {name}"
        for module in source.modules()
        if module.path.startswith("runtime/")
        for line, name in source.imported(module.tree)
        if name.split(".")[0] not in allowed
    ]
    assert strangers == []


def test_the_four_packages_hold_a_docstring_and_nothing_else() -> None:
    # A re-export in runtime/__init__ would hand the services to the adapters behind the linter.
    inits = {m.path: m.tree for m in source.modules() if m.path.count("/") == 1}
    for package in source.PACKAGES:
        tree = inits[f"{package}/__init__.py"]
        assert ast.get_docstring(tree), package
        assert len(tree.body) == 1, package


def test_a_library_is_not_imported_by_its_name_as_text_outside_its_home() -> None:
    owners = {
        library: [importer.removesuffix(".**") for importer in contract["allowed_importers"]]
        for contract in source.pyproject()["tool"]["importlinter"]["contracts"]
        if contract["type"] == "home"
        for library in contract["protected_modules"]
    }
    astray = [
        f"{module.path}:{line} imports {name}"
        for module in source.modules()
        for line, name in _imports_by_text(module.tree)
        if name in owners and not module.name.startswith(tuple(owners[name]))
    ]
    assert astray == []


def test_importing_the_whole_program_loads_nothing_heavy_and_starts_nothing() -> None:
    names = [m.name for m in source.modules() if "/migrations/" not in m.path]
    program = (
        "import importlib, json, sys, threading\n"
        f"for name in {names!r}:\n"
        "    if not name.endswith('__main__'): importlib.import_module(name)\n"
        "print(json.dumps([sorted(sys.modules), threading.active_count()]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=source.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded, threads = json.loads(done.stdout)
    assert HEAVY & set(loaded) == set()
    assert threads == 1


def _imports_by_text(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for line, called, call in source.calls(tree):
        if called in {"import_module", "__import__"}:
            for argument in call.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield line, argument.value.split(".")[0]


def test_no_start_imports_the_fakes() -> None:
    importers = {
        module.path
        for module in source.modules()
        for _, name in source.imported(module.tree)
        if name.startswith("bot.selftest") and not module.path.startswith("bot/selftest/")
    }
    assert importers <= {"bot/commandline.py"}, "only the command that asks for them"
