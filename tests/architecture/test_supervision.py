"""A broad `except` stands only where one piece of work is supervised; a task always has an owner."""

import ast
from collections.abc import Iterator

from tests.architecture import source

SUPERVISION: dict[str, str] = {
    # "package/module.py function": "why anything at all may be caught here, and where it goes",
    "adapters/discord/listener.py _understood": "one event: logged with a reference, the rest go on",
    "adapters/models/deadline.py within": "one wait: its one failure is raised outside of the group",
    "adapters/sql/connectionthread.py _run": "one unit of work: raised where the unit is awaited",
    "adapters/sql/connectionthread.py _transact": "one commit: raised where each of its units is awaited",
    "adapters/telegram/listener.py _one": "one update: logged, tried again, then passed over",
    "bot/program.py supervised": "one command line: kept in the log, a person gets a reference",
    "gateway/outbound/answers.py _heard": "one delivery: logged with a reference, then looked for",
    "gateway/http/webhook.py _deliver": "one request: logged with a reference, and the platform retries",
    "gateway/http/webhook.py _event": "the same on its short way: done again by `_deliver`",
    "gateway/http/webhook.py _offer": "the same for all that came together",
    "gateway/http/express.py _read": "one line of many: told to the loop, and the line is ended",
    "gateway/http/express.py done": "the same at its answer: others were stored with it",
    "runtime/turns/intake.py _all": "one file: logged with a reference that the person gets, the rest go on",
    "runtime/mailboxes/commands.py _answer": "one command: logged with a reference that the person gets",
    "runtime/tools/registry.py run": "one tool call: its failure is a result, with a reference",
    "runtime/turns/runner.py _attempt": "one turn: logged with a reference that the person gets",
}
"""Every place that catches `Exception`. Adding a line here is an architectural decision."""

GROUPS = {"ExceptionGroup", "BaseExceptionGroup"}
BROAD = {"Exception", "BaseException"} | GROUPS


def test_a_broad_except_stands_only_at_the_named_places() -> None:
    found = {where for module in source.modules() for where in _broad_handlers(module)}
    assert found - SUPERVISION.keys() == set(), "catch what you expect, or name the place"
    assert SUPERVISION.keys() - found == set(), "the list names a place that is gone"


def test_every_task_has_an_owner() -> None:
    # ruff bans asyncio.create_task; a loop's own create_task would be the way around it.
    ownerless = [
        f"{module.path}:{line}"
        for module in source.modules()
        for line, called, call in source.calls(module.tree)
        if called == "create_task"
        and isinstance(call.func, ast.Attribute)
        and "loop" in ast.unparse(call.func.value)
    ]
    assert ownerless == []


def _broad_handlers(module: source.Module) -> Iterator[str]:
    for function, node in _with_function(module.tree, "the module"):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or _names(node.type) & BROAD
            if broad and not _reraises(node):
                yield f"{module.path} {function}"
        elif isinstance(node, ast.Call) and _suppresses_broadly(node):
            yield f"{module.path} {function}"


def _suppresses_broadly(call: ast.Call) -> bool:
    suppresses = ast.unparse(call.func).endswith("suppress")
    return suppresses and any(_names(argument) & BROAD for argument in call.args)


def _with_function(tree: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(tree):
        inner = (
            child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        )
        yield inner, child
        yield from _with_function(child, inner)


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _reraises(handler: ast.ExceptHandler) -> bool:
    """Whether it only cleans up, ending in a bare `raise`, or takes a task group's error apart."""
    last = handler.body[-1]
    if not isinstance(last, ast.Raise):
        return False
    return last.exc is None or (handler.type is not None and _names(handler.type) <= GROUPS)
