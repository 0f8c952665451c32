"""The types that carry trust are built in one place each, so that nothing can go around the guard."""

import pytest

from tests.architecture import source

BUILT_ONLY_IN = {
    "VerifiedRequest": ("gateway/verify/",),
    "Cleared": ("runtime/egress.py",),
    # Which agents had something is known from what is stored: no platform and no model says it.
    "Handed": ("runtime/handoffs.py",),
    "HandOver": ("runtime/handoffs.py",),
}


@pytest.mark.parametrize(("name", "places"), BUILT_ONLY_IN.items())
def test_only_the_guard_builds_it(name: str, places: tuple[str, ...]) -> None:
    elsewhere = [
        f"{module.path}:{line}"
        for module in source.modules()
        if not module.path.startswith(places)
        for line, called, _ in source.calls(module.tree)
        if called == name
    ]
    assert elsewhere == []
