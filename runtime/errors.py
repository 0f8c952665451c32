"""Every error Nightdesk raises on purpose, split by what the caller does next.

The docstring of a class is its default message. `Refused` messages are written for the person
in the chat; every other message is for the log, and a person gets a reference id instead.
"""


class NightdeskError(Exception):
    """Something in Nightdesk went wrong."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().split("\n")[0])


class Refused(NightdeskError):
    """The request cannot be done; tell the person why and what would work.

    Attributes:
        message: what was wrong, in words for the person who asked.
        hint: what would be right, or an empty string.
    """

    def __init__(self, message: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = str(self)
        self.hint = hint


class NotATime(Refused):
    """The words are no time that I can read.

    Apart from other refusals so that a sentence can be searched for the words that are a time: a
    time that was understood and cannot be kept (in the past, too often) is a plain `Refused`.
    """


LONGEST_WAIT = 86_400.0
"""Seconds. Who asks for more, or for no number at all, is asked again after a day."""


class Retryable(NightdeskError):
    """A try failed that may succeed later.

    Attributes:
        after: seconds the other side asked us to wait, a day at the most; None where it said
            nothing.
    """

    def __init__(self, message: str = "", after: float | None = None) -> None:
        super().__init__(message)
        self.after = None if after is None else min(LONGEST_WAIT, after)


class Permanent(NightdeskError):
    """It will never succeed as it stands; set it aside and tell the owner."""


class Ambiguous(NightdeskError):
    """It may or may not have happened; ask the other side before trying again."""


class Malformed(NightdeskError):
    """What came in cannot be read; refuse it, nothing was stored."""


class Conflict(NightdeskError):
    """Somebody else changed it first; reload and decide again."""


class RunFailed(Permanent):
    """The run failed."""


class RunCancelled(Permanent):
    """The run was cancelled."""


class ConfigurationError(NightdeskError):
    """The configuration cannot be used; stop and say which line."""


class StorageUnavailable(Retryable):
    """The database cannot be used just now; nothing was stored."""


class StorageBusy(StorageUnavailable):
    """Another program holds the database; nothing was stored."""


class StorageFull(StorageUnavailable):
    """The disk is full; nothing was stored and nothing was acknowledged."""


class StorageDamaged(NightdeskError):
    """The database is damaged; stop rather than write on."""


class DatabaseTooNew(ConfigurationError):
    """The database was written by a newer Nightdesk; install that version or restore a backup."""


class DataFolderInUse(ConfigurationError):
    """Another process owns this data folder."""


class ModelError(NightdeskError):
    """The model did not give a usable answer."""


class ModelTimeout(ModelError):
    """The model did not answer in time."""


class ModelUnavailable(ModelError):
    """The model's server refused, failed or could not be reached.

    Attributes:
        undone: it did nothing for the call and charges nothing: it was not reached, or refused
            clearly. False where nobody can say.
    """

    def __init__(self, message: str = "", *, undone: bool = False) -> None:
        super().__init__(message)
        self.undone = undone


class ModelRateLimited(ModelUnavailable):
    """The model's server asked us to slow down.

    Attributes:
        after: seconds to wait, or None where it said nothing.
    """

    def __init__(self, message: str = "", after: float | None = None) -> None:
        super().__init__(message, undone=True)
        self.after = after


class ModelKeyRefused(ModelUnavailable):
    """The model's server refused the key."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message, undone=True)


class ModelMissing(ModelUnavailable):
    """The model's server has no such model, or nothing that answers is at its address."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message, undone=True)


class ModelNotRunning(ModelUnavailable):
    """Nothing answers at the model's address, which is on this machine."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message, undone=True)


class ModelOutputUnusable(ModelError):
    """The model's answer could not be read: cut off, empty or malformed."""


class ContextTooLong(ModelError):
    """The conversation does not fit the model's context window."""


class SpendingForbidden(NightdeskError):
    """A paid model was about to be called where spending is switched off."""
