"""What the self-test says at its end, as a table for people or JSON for machines."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table

from bot.selftest.rehearsal import Progress, Result
from bot.selftest.stage import PlatformResult

_EXAMPLES = 5
_ROWS = (
    "heard by",
    "messages to answer",
    "inbound lost",
    "answered twice",
    "sent to the wrong place",
    "mentions and previews leaked",
    "strangers refused",
    "acknowledged, p50",
    "acknowledged, p99",
    "verdict",
)


def passed(result: Result) -> bool:
    """Whether every platform fared well, and nothing outside was reached for."""
    return not result.refused and all(not _faults(outcome) for outcome in result.outcomes)


def to_json(result: Result) -> str:
    """The result for machines; times in milliseconds, None where nothing is acknowledged."""
    found = {
        "passed": passed(result),
        "seconds": round(result.seconds, 1),
        "kills": result.kills,
        "refused_connections": list(result.refused),
        "platforms": [_plain(outcome) for outcome in result.outcomes],
    }
    return json.dumps(found, indent=2)


def print_table(result: Result) -> None:
    """The result for people."""
    console = Console()
    table = Table("", *(outcome.platform for outcome in result.outcomes), title=_title(result))
    columns = [_column(outcome) for outcome in result.outcomes]
    for number, name in enumerate(_ROWS):
        table.add_row(name, *(column[number] for column in columns))
    console.print(table)
    for line in notes(result):
        console.print(line, markup=False, highlight=False)


def notes(result: Result) -> Iterator[str]:
    """What the table has no room for."""
    for outcome in result.outcomes:
        if outcome.count.repeated:
            yield (
                f"{outcome.platform}: shown once more, {outcome.count.repeated} times: nobody "
                "could tell whether the answer was there when the reply to it was lost or the "
                "program was killed. That is allowed (docs/selftest.md)."
            )
        said = [*outcome.count.examples, *outcome.leaks, *outcome.refused]
        yield from (f"{outcome.platform}: {words}" for words in said[:_EXAMPLES])
        if len(said) > _EXAMPLES:
            yield f"{outcome.platform}: and {len(said) - _EXAMPLES} more"
    yield from (f"the program tried to reach {host}, and was refused" for host in result.refused)


@contextmanager
def progress(*, shown: bool) -> Iterator[Callable[[Progress], None]]:
    """Show on standard error how far it is while the block runs."""
    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield lambda _: None
        return
    with Bar(BarColumn(), TextColumn("{task.description}"), console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def tell(now: Progress) -> None:
            bar.update(task, completed=now.share, description=now.doing)

        yield tell


def percentile(values: Sequence[float], share: float) -> float | None:
    """The least value that so large a share of them does not exceed; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _title(result: Result) -> str:
    killed = f", killed {result.kills} time{'s' * (result.kills != 1)}" if result.kills else ""
    return f"Self-test: {result.seconds:.0f} seconds{killed}"


def _faults(outcome: PlatformResult) -> list[str]:
    """What falls short, in a word each."""
    count, slowest = outcome.count, percentile(outcome.acknowledged, 0.99)
    late = slowest is not None and outcome.deadline is not None and slowest > outcome.deadline
    found = {
        "nothing was asked": not count.asked,
        "lost": count.lost,
        "twice": count.twice,
        "wrong place": count.wrong,
        "leaked": outcome.leaks,
        "let strangers in": count.let_in,
        "wrong requests": outcome.refused,
        "slow": late,
    }
    return [words for words, wrong in found.items() if wrong]


def _column(outcome: PlatformResult) -> tuple[str, ...]:
    count, faults = outcome.count, _faults(outcome)
    refused = f"{count.strangers - count.let_in} of {count.strangers}"
    return (
        outcome.transport,
        str(count.asked),
        str(count.lost),
        str(count.twice),
        str(count.wrong),
        str(len(outcome.leaks)),
        refused,
        _milliseconds(outcome, 0.5),
        _milliseconds(outcome, 0.99),
        f"[red]FAILED: {', '.join(faults)}[/]" if faults else "[green]passed[/]",
    )


def _milliseconds(outcome: PlatformResult, share: float) -> str:
    found = percentile(outcome.acknowledged, share)
    return "-" if found is None else f"{found * 1000:.0f} ms"


def _plain(outcome: PlatformResult) -> dict[str, object]:
    count = outcome.count
    times = (percentile(outcome.acknowledged, share) for share in (0.5, 0.99))
    p50, p99 = (None if found is None else round(found * 1000, 1) for found in times)
    return {
        "platform": outcome.platform,
        "transport": outcome.transport,
        "asked": count.asked,
        "lost": count.lost,
        "answered_twice": count.twice,
        "repeats_allowed": count.repeated,
        "wrong_place": count.wrong,
        "leaked": list(outcome.leaks),
        "wrong_requests": list(outcome.refused),
        "strangers": count.strangers,
        "strangers_let_in": count.let_in,
        "ack_p50_ms": p50,
        "ack_p99_ms": p99,
        "examples": count.examples,
        "faults": _faults(outcome),
    }
