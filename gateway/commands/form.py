"""The shape of a command: how it is written, and what it does."""

from runtime.model.value import value


@value(kw_only=True)
class Option:
    """A named argument, `--name value`.

    Attributes:
        name: without its dashes.
        value: what the value is, for the usage line.
        about: what it does.
        also: other names for it.
    """

    name: str
    value: str
    about: str
    also: tuple[str, ...] = ()


@value(kw_only=True)
class Form:
    """One way to write a command.

    Attributes:
        noun: the first word.
        verb: the second word, or empty where the noun stands alone.
        arguments: what follows, for the usage line; `<required>` and `[optional]`.
        least: how many arguments there must be.
        most: how many there may be.
        tail: everything after the verb is one text, kept as it was written.
        words: how many words a tail has at the least.
        options: its named arguments.
        about: what it does, a sentence.
        example: a whole command that works.
        implied: it is meant where the second word is no verb at all: `/remind in 2 hours to …`.
        also: other words for the verb, for this noun alone.
        bare: it is meant where the noun stands alone: `/approve`.
    """

    noun: str
    verb: str = ""
    arguments: str = ""
    least: int = 0
    most: int = 0
    tail: bool = False
    words: int = 1
    options: tuple[Option, ...] = ()
    about: str
    example: str = ""
    implied: bool = False
    also: tuple[str, ...] = ()
    bare: bool = False

    @property
    def usage(self) -> str:
        """How it is written: `/schedule create <when> <instruction> [--channel #name]`."""
        words = [f"/{self.noun}", self.verb, self.arguments]
        words += [f"[--{option.name} {option.value}]" for option in self.options]
        return " ".join(word for word in words if word)
