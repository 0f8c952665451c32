"""Amounts of money, as people write and read them. Whole micro-units inside, never a float."""

import re
from decimal import Decimal

from runtime.model.budget import MICROS

_AMOUNT = re.compile(r"(?P<number>[0-9]{1,9}(?:[.,][0-9]{1,6})?)\s*(?P<currency>[A-Za-z]{3})?")
_CURRENCY = re.compile(r"(?P<currency>[A-Za-z]{3})\s+(?P<number>[0-9]{1,9}(?:[.,][0-9]{1,6})?)")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
"""Three digits behind a dot or comma: a thousand to some, a thousandth to others."""
_CENT = MICROS // 100
"""Micro-units in a hundredth; below it, hundredths say too little."""
_DECIMALS = 6
"""Decimals of a micro-unit."""


def read_amount(written: str, currency: str, *, exact: bool = False) -> int:
    """The micro-units that a person means by `5`, `0.50`, `0,50`, `5 USD` or `USD 5`.

    Args:
        written: the amount.
        currency: the team's.
        exact: its dot is before the decimals, and never before thousands.

    Raises:
        ValueError: it is no amount, or one in another currency; says which.
    """
    text = written.strip()
    if currency == "USD":
        text = text[1:] if text.startswith("$") else text.removesuffix("$")
    match = _AMOUNT.fullmatch(text.strip()) or _CURRENCY.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            "write an amount like 5 or 0.50, from 0 to 999999999 and of at most six decimals"
        )
    if not exact and _THOUSANDS.fullmatch(match["number"]):
        raise ValueError(
            f"{match['number']} may be meant in thousands: write 1000 for a thousand, 1.00 for one"
        )
    said = (match["currency"] or currency).upper()
    if said != currency:
        raise ValueError(f"the team's currency is {currency}, and this is {said}")
    return int(Decimal(match["number"].replace(",", ".")) * MICROS)


def show_amount(micros: int, currency: str) -> str:
    """`1.25 USD`; with up to six decimals where the amount is small, so that none is shown as 0."""
    return f"{bare_amount(micros)} {currency}"


def bare_amount(micros: int) -> str:
    """The same without its currency, rounded to hundredths."""
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    whole, rest = divmod(micros, MICROS)
    decimals = f"{rest:06d}"
    if whole or micros >= _CENT or not micros:
        cents = (micros + _CENT // 2) // _CENT
        return f"{sign}{cents // 100}.{cents % 100:02d}"
    return f"{sign}{whole}.{decimals.rstrip('0')}"


def at_most(micros: int) -> int:
    """The amount in whole hundredths, where it is shown so, and never more than it is."""
    return micros if micros < _CENT else micros - micros % _CENT


def show_limit(micros: int, currency: str) -> str:
    """`0.055 USD`: exactly what it is, for what people set is not rounded."""
    return f"{bare_limit(micros)} {currency}"


def bare_limit(micros: int) -> str:
    """The same without its currency."""
    return in_decimals(micros, _DECIMALS)


def decimals_for(*amounts: int, limit: int) -> int:
    """How many decimals show the limit exactly, tell apart what differs, and nothing as 0 else."""
    return next(
        (each for each in range(2, _DECIMALS) if _are_apart((*amounts, limit), limit, each)),
        _DECIMALS,
    )


def in_decimals(micros: int, decimals: int, *, up: bool | None = None) -> str:
    """The amount with so many decimals: rounded up, or not up, or to the nearest where it is None.

    There are two at least, and no zeros behind them.
    """
    whole, rest = divmod(_rounded(micros, decimals, up=up), 10**decimals)
    said = f"{rest:0{decimals}d}"
    return f"{whole}.{said[:2]}{said[2:].rstrip('0')}"


def enough(micros: int) -> int:
    """The amount in whole hundredths, where it is shown so, and never less than it is."""
    return micros if micros < _CENT else -(-micros // _CENT) * _CENT


def _are_apart(amounts: tuple[int, ...], limit: int, decimals: int) -> bool:
    shown = {amount: _rounded(amount, decimals) for amount in amounts}
    exact = not limit % _unit(decimals)
    return exact and len(set(shown.values())) == len(shown) and all(shown[e] for e in shown if e)


def _rounded(micros: int, decimals: int, *, up: bool | None = None) -> int:
    """In units of the last of the decimals."""
    unit = _unit(decimals)
    more = unit // 2 if up is None else unit - 1 if up else 0
    return (micros + more) // unit


def _unit(decimals: int) -> int:
    unit: int = 10 ** (_DECIMALS - decimals)
    return unit
