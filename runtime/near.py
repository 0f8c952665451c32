"""What somebody who wrote a word wrong may have meant."""

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known word that is nearest, whatever its case; None where none is near enough.

    Args:
        word: what was written.
        known: what there is.
        cutoff: how alike two words must be, from 0 to 1, as `difflib` measures it.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - not before somebody writes one wrong

    by_fold = {each.casefold(): each for each in known}
    found = get_close_matches(word.casefold(), by_fold, n=1, cutoff=cutoff)
    return by_fold[found[0]] if found else None
