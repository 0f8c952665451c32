"""Values of the settings. They stay in memory to the end, so they need no library."""

from dataclasses import field
from enum import StrEnum

from runtime.ids import ModelName
from runtime.model.value import value

OFFLINE = ModelName("offline")
"""The model that every desk has: the built-in assistant, which is no language model."""


@value()
class Secret:
    """A secret, which shows itself to nobody who does not ask for it."""

    _value: str = field(repr=False)

    def get_secret_value(self) -> str:
        """The secret."""
        return self._value


class LogLevel(StrEnum):
    """The least important line that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a log line looks."""

    AUTO = "auto"
    """Text on a terminal, else JSON."""
    JSON = "json"
    TEXT = "text"
