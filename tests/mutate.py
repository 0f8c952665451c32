"""`python -m tests.mutate`: changes the code that says no, and counts what no test notices.

mutmut makes the changes, by `[tool.mutmut]` of `pyproject.toml`, in the folder `mutants`, and keeps
what it found there: a second run looks only at what has changed since.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LEAST = 90.0
"""Percent of the mutants that a test has to notice."""
_STATS = Path("mutants/mutmut-cicd-stats.json")
_NOTICED = ("killed", "timeout", "segfault")
"""A mutant that hangs or crashes the interpreter is noticed, too."""


def main(arguments: Sequence[str]) -> int:
    """Run it; 0 where enough are noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("--at-once", type=int, default=2, help="processes (2)")
    parser.add_argument("--survivors", action="store_true", help="name those that nobody noticed")
    parser.add_argument("names", nargs="*", help="only these, such as 'runtime.access*'")
    options = parser.parse_args(arguments)
    if code := _mutmut("run", *options.names, "--max-children", str(options.at_once)):
        return code
    if code := _mutmut("export-cicd-stats"):
        return code
    if options.survivors:
        _mutmut("results")
    stats = json.loads(_STATS.read_text("utf-8"))
    print(line(stats))
    return 0 if share(stats) >= LEAST else 1


def share(stats: Mapping[str, int]) -> float:
    """Percent of those looked at that a test noticed."""
    noticed = sum(stats[name] for name in _NOTICED)
    seen = noticed + stats["survived"] + stats["no_tests"] + stats["suspicious"]
    return 100 * noticed / seen if seen else 0.0


def line(stats: Mapping[str, int]) -> str:
    """The outcome on one line, in the form of `make prove`."""
    noticed = sum(stats[name] for name in _NOTICED)
    left = stats["total"] - noticed - stats["survived"] - stats["no_tests"] - stats["suspicious"]
    unseen = f", {left:,} not looked at" if left else ""
    percent = share(stats)
    verdict = "pass" if percent >= LEAST else "short"
    return (
        f"MUT {stats['total']:,} mutants{unseen}, {percent:.1f} % noticed  "
        f"target {LEAST:.0f} %  {verdict}"
    )


def _mutmut(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "mutmut", *arguments], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
