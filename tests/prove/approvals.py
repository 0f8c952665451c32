"""P4 and P5: nothing with effects outside runs again by itself, and what was approved is what ran.

P4 cuts the power at every await of the executor and of what it asks, before and after each, in a
life that asks a person, in one whose call a person edits (with an effect outside, and with one of
our own), and in one that is allowed to run; the next life opens the same database.
P5 walks every path of the state machine of an approval beside a model of its own, and takes ten
guards away, one at a time: each time a proof has to fail.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from runtime.tools.registry import Effect
from tests.property.test_approvals_model import STEPS, walk_all
from tests.prove.report import Check, Outcome
from tests.scenario.test_approvals_crash import cut_everywhere
from tests.scenario.test_approvals_mutants import PAIRS, notices
from tests.support.approving import World

LONGEST = 5
Life = tuple[bool, bool, Effect]
_LIVES: dict[str, Life] = {
    "approved": (True, False, Effect.OUTSIDE),
    "allowed": (False, False, Effect.OUTSIDE),
    "edited": (True, True, Effect.OUTSIDE),
    "edited, of our own": (True, True, Effect.OWN),
}
"""Whether a person is asked, whether they edit it first, and what the tool leaves behind."""


def nothing_again() -> Outcome:
    """Cuts at every await of the executor."""
    found: dict[str, int] = {}
    broken: list[str] = []
    for name, life in _LIVES.items():

        async def cut(folder: Path, name: str = name, life: Life = life) -> None:
            asks, edited, effect = life
            found[name] = await cut_everywhere(folder, asks=asks, edited=edited, effect=effect)

        broken += _broken(cut)
    return Outcome(
        tried=f"killed at each of {sum(found.values())} awaits",
        checks=(
            Check(
                what="lives that ran something again, or nothing, or told nobody", value=len(broken)
            ),
            Check(what="lives that came to no end", value=len(_LIVES) - len(found)),
        ),
        figures={f"awaits, {name}": count for name, count in found.items()},
        notes=broken,
    )


def only_what_was_approved() -> Outcome:
    """The state machine beside its model, and mutants."""
    paths = 0

    async def walk(_: Path) -> None:
        nonlocal paths
        for needed in (0, 1):
            paths += await walk_all(LONGEST, needed)

    broken = _broken(walk)
    unguarded = [name for name in PAIRS if not _noticed(name)]
    unproved = [name for name in PAIRS if not _holds(name)]
    return Outcome(
        tried=f"{paths:,} paths of up to {LONGEST} of {len(STEPS)} steps, {len(PAIRS)} mutants",
        checks=(
            Check(what="paths unlike the model", value=len(broken)),
            Check(what="mutants that survived", value=len(unguarded)),
            Check(what="proofs that fail with every guard there", value=len(unproved)),
        ),
        notes=[*broken, *unguarded, *unproved],
    )


def _holds(name: str) -> bool:
    async def hold(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            await PAIRS[name].proof(World(folder), patch)

    return not _broken(hold)


def _noticed(name: str) -> bool:
    with (
        tempfile.TemporaryDirectory(prefix="nd-prove-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        return asyncio.run(notices(name, Path(folder), patch))


def _broken(proof: Callable[[Path], Awaitable[None]]) -> list[str]:
    """What the proof found wrong, or nothing."""
    broken: list[str] = []

    async def run(folder: Path) -> None:
        try:
            await proof(folder)
        except* AssertionError as errors:
            broken.extend(str(error) for error in errors.exceptions)

    with tempfile.TemporaryDirectory(prefix="nd-prove-") as folder:
        asyncio.run(run(Path(folder)))
    return broken
