"""Constants written into the text of a statement."""

from enum import StrEnum

import sqlalchemy as sa


def word(value: StrEnum) -> sa.ColumnElement[str]:
    """A state as it stands in a statement.

    Not a parameter: a partial index serves only a statement whose text says the index's condition.
    """
    return sa.literal_column(f"'{value.value}'", sa.Text)


SIGN: sa.Select[tuple[int]] = sa.select(sa.literal_column("1", sa.Integer))
"""The smallest question there is: whether the database answers."""
