"""Medians and percentiles of what was measured."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import TypeVar

T = TypeVar("T")

NOTHING = float("nan")
"""What a figure is where nothing was measured: no comparison with it holds."""


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies, by the nearest rank."""
    if not values:
        return NOTHING
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def middle(rounds: Iterable[T], figure: Callable[[T], float]) -> float:
    """The median of one figure over the rounds."""
    values = [figure(one) for one in rounds]
    return median(values) if values else NOTHING


def paired(beside: Sequence[T], ours: Sequence[T], figure: Callable[[T], float]) -> float:
    """The median of the ratios round by round: what disturbs a round disturbs both halves of it."""
    return middle(zip(beside, ours, strict=False), lambda two: ratio(*map(figure, two)))


def ratio(value: float, beside: float) -> float:
    """One figure in terms of another, not a number where that is nothing."""
    return value / beside if beside else NOTHING
