"""`python -m tests.prove`: the long proofs, one line for each guarantee; 1 where one is short."""

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from tests.support import environment

# Before anything of the program is imported: some libraries read the environment at import.
environment.close(os.environ)

from tests.prove import (  # noqa: E402
    approvals,
    gateway,
    kills,
    kills_platforms,
    loops,
    model,
    money,
    planned,
    service,
    stops,
    storage,
    who_may,
)
from tests.prove.report import NotRun, Outcome, not_run  # noqa: E402

Proof = Callable[[], Outcome]

PROOFS: Mapping[str, Proof] = {
    "P1": gateway.only_slack,
    "P2": kills_platforms.acknowledged_once,
    "P3": kills_platforms.answered_once,
    "P4": approvals.nothing_again,
    "P5": approvals.only_what_was_approved,
    "P6": who_may.every_cell,
    "P7": stops.stops_everything,
    "P8": money.never_passed,
    "P9": money.idle,
    "P13": kills.nothing_tempting,
    "P14": loops.come_to_an_end,
    "P15": planned.once_each,
    "P16": storage.survives,
    "P17": service.quick_and_flat,
    "LLM": model.real_server,
}


def main(arguments: Sequence[str], proofs: Mapping[str, Proof] = PROOFS) -> int:
    """Run what was asked for; the exit code."""
    options = _options(proofs).parse_args(arguments)
    # Programs that are killed on purpose say so; the lines are what people read.
    logging.getLogger().addHandler(logging.NullHandler())
    good = True
    found: list[dict[str, object]] = []
    for name in options.only or proofs:
        began = time.monotonic()
        try:
            outcome = proofs[name]()
        except NotRun as reason:
            good = False
            found.append({"id": name, "pass": False, "not run": str(reason)})
            lines = [not_run(name, str(reason))]
        else:
            good = good and outcome.ok
            found.append({**outcome.to_json(name), "seconds": time.monotonic() - began})
            more = outcome.details() if options.details or not outcome.ok else []
            lines = [outcome.line(name), *more]
        if not options.json:
            print(*lines, sep="\n", flush=True)
    if options.json:
        print(json.dumps(found, indent=2))
    return 0 if good else 1


def _options(proofs: Mapping[str, Proof]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.prove",
        description="Proves what Nightdesk promises. docs/promises.md explains it.",
    )

    def ids(text: str) -> list[str]:
        asked = [name.strip().upper() for name in text.split(",")]
        if unknown := [name for name in asked if name not in proofs]:
            raise argparse.ArgumentTypeError(
                f"there is no {', '.join(unknown)}; there are {', '.join(proofs)}"
            )
        return asked

    parser.add_argument("--json", action="store_true", help="one JSON document, for machines")
    parser.add_argument("--only", type=ids, metavar="P1,P2", help="run these only")
    parser.add_argument("--details", action="store_true", help="the figures behind the lines, too")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
