"""What somebody who wrote a word wrong may have meant."""

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> list[str]:
    """The known word that is nearest, alone in a list; an empty list where none is near enough.

    Args:
        word: what was written.
        known: what there is.
        cutoff: how alike two words must be, from 0 to 1, as `difflib` measures it.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - not before somebody writes one wrong

    return get_close_matches(word, list(known), n=1, cutoff=cutoff)
