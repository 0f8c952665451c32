"""What a limit is to become, as people write it: an amount, by how much, or by how many per cent.

Pure. Nothing that is written is taken for something else: what cannot be meant is refused.
"""

import re

from gateway.commands.subjects import EXAMPLES
from runtime.errors import Refused
from runtime.money.amounts import read_amount, show_limit

SIGNS = {"raise": "+", "lower": "-"}
"""The sign that a part may have with each verb that takes one."""
_BACK = frozenset({"default", "none", "reset"})
_PERCENT = re.compile(r"(?P<sign>[+-]?)(?P<number>[0-9]{1,4})\s?%")
_OVER = re.compile(r"(?P<period>hour|week|quarter|year)(?:ly)?$", re.IGNORECASE)
"""What people write in the place of a time over which a limit can be."""
_MOST_PERCENT = {"raise": 9_999, "lower": 100}
_DONE = {"raise": "raised", "lower": "lowered"}


def new_limit(verb: str, words: str, before: int | None, *, currency: str, when: str) -> int | None:
    """The limit that is wished, in micro-units; None for that of the configuration.

    Args:
        verb: `set`, `raise` or `lower`.
        words: `5`, `to 5`, `by 5`, `25 %`, `by 25 %`, or `default` to set.
        before: the limit as it is, or None.
        currency: the team's.
        when: the limit's period, in words.

    Raises:
        Refused: it is no amount, or nothing that the limit can be raised or lowered to.
    """
    if words.casefold() in _BACK and verb == "set":
        return None
    head, _, rest = words.partition(" ")
    way = head.casefold() if head.casefold() in ("by", "to") else ""
    amount = rest if way else words
    if "%" in amount:
        after = _part(verb, words, amount, before, is_whole=way == "to")
    elif way == "by":
        after = _by(verb, words, amount, before, currency=currency, when=when)
    else:
        after = _amount(amount, currency)
    if before is not None and verb in SIGNS:
        holds = f"The limit is {show_limit(before, currency)} {when}"
        if verb == "raise" and after <= before:
            raise Refused(f"{holds}, and that is not more.")
        if verb == "lower" and after >= before:
            raise Refused(f"{holds}, and that is not less.")
    return after


def _amount(written: str, currency: str) -> int:
    try:
        return read_amount(written, currency)
    except ValueError as error:
        if (word := _OVER.search(written)) is not None:
            raise Refused(
                f"A limit is not for each {word['period']}: it is day, month or each.",
                hint=EXAMPLES,
            ) from None
        raise Refused(f"“{written[:40]}” is no amount: {error}.", hint=EXAMPLES) from None


def _by(
    verb: str, words: str, written: str, before: int | None, *, currency: str, when: str
) -> int:
    """The limit, raised or lowered by an amount."""
    amount = _amount(written, currency)
    before = _known(verb, words, before)
    if verb == "raise":
        return before + amount
    if amount > before:
        holds, less = show_limit(before, currency), show_limit(amount, currency)
        raise Refused(f"The limit is {holds} {when}, and {less} is more than that.", hint=EXAMPLES)
    return before - amount


def _part(verb: str, words: str, written: str, before: int | None, *, is_whole: bool) -> int:
    """The limit, raised or lowered by so many per cent of what it is."""
    percent = _PERCENT.fullmatch(written)
    if percent is None:
        said = f"“{words[:40]}” is no share of a limit: write whole per cent, such as 25 %."
        many = re.fullmatch(r"[+-]?[0-9]+\s?%", written)
        raise Refused(_too_much(verb) if many and verb in SIGNS else said, hint=EXAMPLES)
    if is_whole or verb not in SIGNS or percent["sign"] not in ("", SIGNS[verb]):
        raise Refused(f"“{words[:40]}” says nothing with {verb}.", hint=EXAMPLES)
    before, share = _known(verb, words, before), int(percent["number"])
    if share > _MOST_PERCENT[verb]:
        raise Refused(_too_much(verb), hint=EXAMPLES)
    part = before * share // 100
    return before - part if verb == "lower" else before + part


def _known(verb: str, words: str, before: int | None) -> int:
    """The limit that is raised or lowered by something."""
    if verb not in SIGNS:
        raise Refused(f"“{words[:40]}” says nothing with {verb}.", hint=EXAMPLES)
    if before is None:
        raise Refused("There is no limit yet of which that could be a part.", hint=EXAMPLES)
    return before


def _too_much(verb: str) -> str:
    return f"A limit can be {_DONE[verb]} by 1 to {_MOST_PERCENT[verb]} %."
