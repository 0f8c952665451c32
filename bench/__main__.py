"""`python -m bench`: measure, print one line for each speed id, exit 1 where one falls short."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence

from bench import (
    acknowledge,
    asking,
    fanout,
    fire,
    idle,
    mixed,
    reserving,
    start,
    turn,
    webhooks,
)
from bench.machine import describe
from bench.report import Report

Measure = Callable[[], Report]

MEASURES: Mapping[str, Measure] = {
    "S1": acknowledge.measure,
    "S2": webhooks.telegram,
    "S3": webhooks.discord,
    "S4": fire.measure,
    "S5": turn.measure,
    "S7": asking.measure,
    "S8": start.measure,
    "S9": fanout.measure,
    "S10": idle.measure,
    "S11": mixed.measure,
    "S12": reserving.measure,
}


def main(arguments: Sequence[str], measures: Mapping[str, Measure] = MEASURES) -> int:
    """Measure what was asked for; the exit code."""
    options = _options(measures).parse_args(arguments)
    if not sys.platform.startswith("linux"):
        print("make bench reads /proc and pins processes to cores: it needs Linux", file=sys.stderr)
        return 2
    if not options.json:
        print(f"    {describe()}", flush=True)
    reports = []
    for name in options.only or measures:
        report = measures[name]()
        reports.append(report)
        if not options.json:
            print(report.line(), *([] if options.brief else report.table()), sep="\n", flush=True)
    if options.json:
        found = {"machine": describe(), "reports": [report.to_json() for report in reports]}
        print(json.dumps(found, indent=2))
    return 0 if all(report.ok for report in reports) else 1


def _options(measures: Mapping[str, Measure]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures what Nightdesk promises about speed. docs/benchmarks.md explains it.",
    )

    def ids(text: str) -> list[str]:
        asked = [name.strip().upper() for name in text.split(",")]
        if unknown := [name for name in asked if name not in measures]:
            raise argparse.ArgumentTypeError(
                f"there is no {', '.join(unknown)}; there are {', '.join(measures)}"
            )
        return asked

    parser.add_argument("--json", action="store_true", help="one JSON document, for machines")
    parser.add_argument("--only", type=ids, metavar="S1,S5", help="measure these only")
    parser.add_argument("--brief", action="store_true", help="the lines, without their figures")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
