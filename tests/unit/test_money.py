"""Amounts as people write them, and the days and months that they count in."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from runtime.model.budget import BudgetRules, LimitChange, LimitRule
from runtime.model.meter import Bound, Meter, Period, Scope
from runtime.money.amounts import (
    at_most,
    bare_amount,
    decimals_for,
    enough,
    in_decimals,
    read_amount,
    show_amount,
    show_limit,
)
from runtime.money.limits import Limits
from runtime.money.spenders import end_of, stamp_of
from tests.support.build import ANN, T0

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        ("5", 5_000_000),
        ("0", 0),
        ("0.50", 500_000),
        ("0,5", 500_000),
        (" 12.345678 ", 12_345_678),
        ("5 USD", 5_000_000),
        ("usd 5", 5_000_000),
        ("$5", 5_000_000),
        ("5$", 5_000_000),
        ("0.125", 125_000),
        ("1000.5", 1_000_500_000),
        ("999999999", 999_999_999_000_000),
    ],
)
def test_amounts_are_read(written: str, micros: int) -> None:
    assert read_amount(written, "USD") == micros


@pytest.mark.parametrize(
    "written",
    [
        "",
        "-1",
        "1e3",
        "1.2345678",
        "1.2.3",
        "5 US",
        "five",
        "\u0665",
        "1_000",
        "1000000000",
        "5$0",
        "$5$",
    ],
)
def test_what_is_no_amount_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"write an amount like 5 or 0\.50"):
        read_amount(written, "USD")


@pytest.mark.parametrize("written", ["1,000", "1.000", "999,999", "12.500 USD", "$1,000"])
def test_what_may_be_thousands_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="may be meant in thousands: write 1000 for a thousand"):
        read_amount(written, "USD")


def test_where_a_dot_cannot_mean_thousands_it_does_not() -> None:
    assert read_amount("1.125", "USD", exact=True) == 1_125_000


@pytest.mark.parametrize(
    ("micros", "shown"), [(67_500, "0.06"), (9_999, "0.009999"), (0, "0.00"), (999_999, "0.99")]
)
def test_what_is_left_is_never_shown_as_more(micros: int, shown: str) -> None:
    assert bare_amount(at_most(micros)) == shown


@pytest.mark.parametrize(
    ("amounts", "limit", "decimals"),
    [
        ((0,), 1_000_000, 2),
        ((0, 26_100), 20_000, 2),
        ((0, 24_100), 20_480, 5),
        ((300,), 20_000_000, 4),
        ((999_999,), 1_000_000, 6),
        ((850_000, 150_000, 150_400), 1_000_000, 4),
        ((1, 2), 3, 6),
    ],
)
def test_amounts_that_differ_are_shown_apart(
    amounts: tuple[int, ...], limit: int, decimals: int
) -> None:
    assert decimals_for(*amounts, limit=limit) == decimals


@pytest.mark.parametrize(
    ("micros", "decimals", "up", "shown"),
    [
        (26_441, 2, None, "0.03"),
        (26_441, 3, None, "0.026"),
        (26_441, 2, False, "0.02"),
        (26_441, 3, True, "0.027"),
        (20_000, 5, None, "0.02"),
        (1_250_000, 6, True, "1.25"),
        (0, 4, True, "0.00"),
    ],
)
def test_amounts_are_rounded_as_it_is_safe(
    micros: int, decimals: int, up: bool | None, shown: str
) -> None:
    assert in_decimals(micros, decimals, up=up) == shown


@pytest.mark.parametrize(
    ("micros", "said"), [(55_000, "0.055"), (1, "0.000001"), (5_000_000, "5.00"), (0, "0.00")]
)
def test_limits_are_shown_exactly(micros: int, said: str) -> None:
    assert show_limit(micros, "EUR") == f"{said} EUR"


@pytest.mark.parametrize(
    ("micros", "raised"), [(24_100, 30_000), (20_000, 20_000), (340, 340), (0, 0), (10_001, 20_000)]
)
def test_what_is_enough_is_round_and_never_less(micros: int, raised: int) -> None:
    assert enough(micros) == raised


def test_another_currency_is_refused_and_named() -> None:
    with pytest.raises(ValueError, match="the team's currency is EUR, and this is USD"):
        read_amount("5 USD", "EUR")


@pytest.mark.parametrize(
    ("micros", "said"),
    [
        (0, "0.00"),
        (1, "0.000001"),
        (300, "0.0003"),
        (9_999, "0.009999"),
        (10_000, "0.01"),
        (994_999, "0.99"),
        (995_000, "1.00"),
        (1_250_000, "1.25"),
        (12_999_999, "13.00"),
        (-1_250_000, "-1.25"),
        (-300, "-0.0003"),
    ],
)
def test_amounts_are_shown(micros: int, said: str) -> None:
    assert bare_amount(micros) == said
    assert show_amount(micros, "EUR") == f"{said} EUR"


@pytest.mark.parametrize(
    ("at", "day", "month"),
    [
        (datetime(2026, 11, 30, 22, 59, tzinfo=UTC), "2026-11-30", "2026-11"),
        (datetime(2026, 11, 30, 23, 0, tzinfo=UTC), "2026-12-01", "2026-12"),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), "2027-01-01", "2027-01"),
        (datetime(2026, 3, 28, 23, 30, tzinfo=UTC), "2026-03-29", "2026-03"),
    ],
)
def test_days_and_months_are_those_of_the_teams_zone(at: datetime, day: str, month: str) -> None:
    assert stamp_of(Period.DAY, at, BERLIN) == day
    assert stamp_of(Period.MONTH, at, BERLIN) == month


@pytest.mark.parametrize(
    ("at", "day", "month"),
    [
        (T0, "2026-11-21T00:00:00+01:00", "2026-12-01T00:00:00+01:00"),
        # The day of 23 hours, and the month that ends in summer time.
        (
            datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
            "2026-03-30T00:00:00+02:00",
            "2026-04-01T00:00:00+02:00",
        ),
        (
            datetime(2026, 12, 31, 22, 0, tzinfo=UTC),
            "2027-01-01T00:00:00+01:00",
            "2027-01-01T00:00:00+01:00",
        ),
        (
            datetime(2026, 1, 31, 12, 0, tzinfo=UTC),
            "2026-02-01T00:00:00+01:00",
            "2026-02-01T00:00:00+01:00",
        ),
    ],
)
def test_periods_end_at_midnight_there(at: datetime, day: str, month: str) -> None:
    assert str(end_of(Period.DAY, at, BERLIN)).replace(" ", "T") == day
    assert str(end_of(Period.MONTH, at, BERLIN)).replace(" ", "T") == month
    assert end_of(Period.FIRING, at, BERLIN) is None


# ---- which limit holds

DESK = Meter(scope=Scope.AGENT, subject="desk", period=Period.DAY, stamp="2026-11-20")
OTHER = Meter(scope=Scope.AGENT, subject="other", period=Period.DAY, stamp="2026-11-20")
RULES = BudgetRules(
    limits=(
        LimitRule(scope=Scope.AGENT, period=Period.DAY, micros=10),
        LimitRule(scope=Scope.AGENT, subject="desk", period=Period.DAY, micros=20),
    )
)


def changed(
    micros: int | None, subject: str = "desk", *, stamp: str = "", base: int | None = 20
) -> LimitChange:
    return LimitChange(
        scope=Scope.AGENT,
        subject=subject,
        period=Period.DAY,
        stamp=stamp,
        micros=micros,
        before=None,
        base=base,
        by=ANN,
        at=T0,
        key="k",
    )


@pytest.mark.parametrize(
    ("changes", "desk", "other"),
    [
        ((), 20, 10),
        ((changed(5),), 5, 10),
        ((changed(0),), 0, 10),
        ((changed(None), changed(5)), 20, 10),
        ((changed(7), changed(5)), 7, 10),
        # For one day: that day alone, and a later word for good ends it.
        ((changed(50, stamp="2026-11-20"), changed(5)), 50, 10),
        ((changed(50, stamp="2026-11-19"), changed(5)), 5, 10),
        ((changed(5), changed(50, stamp="2026-11-20")), 5, 10),
        # For each of them, what is said of one is nearer.
        ((changed(3, "", base=10),), 20, 3),
        # The file was changed since: its word is later.
        ((changed(5, base=15),), 20, 10),
        ((changed(5, "other", base=None),), 20, 5),
    ],
)
def test_the_nearer_limit_holds_and_then_the_later(
    changes: tuple[LimitChange, ...], desk: int, other: int
) -> None:
    limits = Limits(RULES, changes)
    assert (limits.of(DESK), limits.of(OTHER)) == (desk, other)
    month = Meter(scope=Scope.AGENT, subject="desk", period=Period.MONTH, stamp="2026-11")
    assert limits.of(month) is None


def test_a_limit_of_another_currency_is_no_limit_of_this_one() -> None:
    """Neither an amount that people set in it, nor what a meter of it says."""
    lower, raised = changed(5), changed(50)
    euros = replace(RULES, currency="EUR")
    in_euros = replace(DESK, currency="EUR")
    assert Limits(RULES, (lower,)).of(DESK) == 5
    assert Limits(euros, (lower, raised)).of(in_euros) == 20, "that of the configuration"
    assert Limits(euros, (replace(lower, currency="EUR"), raised)).of(in_euros) == 5
    assert Limits(euros, ()).of(DESK) is None
    assert Limits(euros, ()).bounds([DESK, in_euros]) == [Bound(in_euros, 20)]
    assert DESK.id != in_euros.id
