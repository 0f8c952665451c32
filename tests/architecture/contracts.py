"""A contract of our own for import-linter: the homes of a library (see `pyproject.toml`)."""

import grimp
from importlinter import ContractCheck
from importlinter.contracts.protected import ProtectedContract


class HomeContract(ProtectedContract):
    """Like `protected`, but a library that nobody imports yet, or a home not yet built, is no error.

    Where a library belongs is decided before its first import.
    """

    type_name = "home"

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:
        options = vars(self)  # import-linter sets each option of a contract as an attribute
        for option in ("protected_modules", "allowed_importers"):
            options[option] = [
                module
                for module in options[option]
                if module.has_wildcard_expression() or module.expression in graph.modules
            ]
        return super().check(graph, verbose)
