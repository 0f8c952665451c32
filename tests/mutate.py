"""`python -m tests.mutate`: changes the code that says no, and counts what no test notices.

mutmut makes the changes, by `[tool.mutmut]` of `pyproject.toml`, in the folder `mutants`, and keeps
what it found there: a second run looks only at what has changed since.
"""

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

LEAST = 90.0
"""Percent of a module's mutants that a test has to notice."""
_NOTICED = ("killed", "timeout", "segfault")
"""A mutant that hangs or crashes the interpreter is noticed, too."""
_UNNOTICED = ("survived", "no tests", "suspicious")
_REACHED = Path("mutants", "mutmut-stats.json")
"""Which tests reach which function. mutmut brings it up to date only for tests that are new, so that
a function that is new would be tried by none of the others."""

Outcomes = Mapping[str, str]
"""What became of each mutant, by its name, in mutmut's words."""


def main(arguments: Sequence[str]) -> int:
    """Run it; 0 where enough are noticed in each module that was looked at."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("--at-once", type=int, default=2, help="processes (2)")
    parser.add_argument("--survivors", action="store_true", help="name those that nobody noticed")
    parser.add_argument("names", nargs="*", help="only these, such as 'runtime.access*'")
    options = parser.parse_args(arguments)
    _REACHED.unlink(missing_ok=True)
    run = _mutmut("run", *options.names, "--max-children", str(options.at_once))
    if code := subprocess.run(run, check=False).returncode:
        return code
    results = _mutmut("results", "--all", "true")
    said = subprocess.run(results, check=True, stdout=subprocess.PIPE, text=True).stdout
    outcomes = read(said)
    if options.survivors:
        for name, outcome in outcomes.items():
            if outcome in _UNNOTICED:
                print(f"{name}: {outcome}")
    print(report(outcomes))
    return 0 if is_enough(outcomes) else 1


def read(said: str) -> Outcomes:
    """What `mutmut results` says, a mutant a line: `runtime.access.x_may__mutmut_1: killed`."""
    lines = (line.strip().rpartition(": ") for line in said.splitlines())
    return {name: outcome for name, _, outcome in lines if "__mutmut_" in name}


def report(outcomes: Outcomes) -> str:
    """A line for each module, and one for all of them in the form of `make prove`."""
    lines = []
    for module, counts in _by_module(outcomes).items():
        noticed, seen = _noticed(counts), _seen(counts)
        lines.append(f"{module:32}{noticed:>5} of {seen:>4}  {_share(counts)}")
    counts = Counter(outcomes.values())
    left = counts.total() - _seen(counts)
    unseen = f", {left:,} not looked at" if left else ""
    verdict = "pass" if is_enough(outcomes) else "short"
    lines.append(
        f"MUT {counts.total():,} mutants{unseen}, {_share(counts)} noticed  "
        f"target {LEAST:.0f} % in each module  {verdict}"
    )
    return "\n".join(lines)


def is_enough(outcomes: Outcomes) -> bool:
    """Whether tests notice enough in each module that was looked at, and one was."""
    modules = [counts for counts in _by_module(outcomes).values() if _seen(counts)]
    return bool(modules) and all(_percent(counts) >= LEAST for counts in modules)


def _by_module(outcomes: Outcomes) -> Mapping[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for name, outcome in outcomes.items():
        found.setdefault(name.rpartition(".")[0], Counter())[outcome] += 1
    return found


def _noticed(counts: Counter[str]) -> int:
    return sum(counts[outcome] for outcome in _NOTICED)


def _seen(counts: Counter[str]) -> int:
    return _noticed(counts) + sum(counts[outcome] for outcome in _UNNOTICED)


def _percent(counts: Counter[str]) -> float:
    return 100 * _noticed(counts) / _seen(counts)


def _share(counts: Counter[str]) -> str:
    return f"{_percent(counts):.1f} %" if _seen(counts) else "not looked at"


def _mutmut(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mutmut", *arguments]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
