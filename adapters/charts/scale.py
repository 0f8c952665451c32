"""The amounts beside a picture: round steps, and short words for them."""

from fractions import Fraction

from runtime.model.value import value

HIGHEST = 10**19
"""The most that is shown, in micro-units: more than a 64-bit number holds."""
_UNIT = 1_000_000
"""Micro-units in one of the currency."""
_STEPS = 5
"""Steps on a scale, at most."""
_LETTERS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
"""Above ten thousand of the currency, amounts are told in thousands of it, and so on."""
_FROM = 10
_DECIMALS = 6


@value()
class Scale:
    """From 0 to the top, in micro-units.

    Attributes:
        top: the highest amount; a whole number of steps, never 0.
        step: between two lines.
    """

    top: int
    step: int

    def label(self, micros: int) -> str:
        """An amount that is on a line, with as many decimals as the steps need."""
        by, letter = self._unit()
        decimals = 0
        while decimals < _DECIMALS and self.step * 10**decimals % by:
            decimals += 1
        return f"{float(Fraction(micros, by)):,.{decimals}f}{letter}"

    def _unit(self) -> tuple[int, str]:
        """What one is on this scale, in micro-units, and the letter for it."""
        for by, letter in _LETTERS:
            if self.top >= _FROM * by * _UNIT:
                return by * _UNIT, letter
        return _UNIT, ""


def amount(micros: int) -> str:
    """Any amount in full, with two decimals at least."""
    whole, rest = divmod(micros, _UNIT)
    decimals = f"{rest:06d}"
    return f"{whole:,}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def scale_to(most: int) -> Scale:
    """The scale on which that amount has room, in steps of 1, 2 or 5 and zeros; one for 0."""
    if not most:
        return Scale(_UNIT, _UNIT // _STEPS)
    size = 1
    while True:
        for first in (1, 2, 5):
            step = first * size
            steps = -(-most // step)
            if steps <= _STEPS:
                return Scale(steps * step, step)
        size *= 10
