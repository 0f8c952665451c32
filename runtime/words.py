"""Errors in words for a person: what happened and what to do, never a stack trace."""

from runtime.errors import (
    ContextTooLong,
    ModelError,
    ModelKeyRefused,
    ModelMissing,
    ModelNotRunning,
    ModelOutputUnusable,
    ModelRateLimited,
    ModelTimeout,
    ModelUnavailable,
    NightdeskError,
    Refused,
    SpendingForbidden,
)

_MODEL_WORDS: tuple[tuple[type[NightdeskError], str], ...] = (
    (
        ModelKeyRefused,
        "The model's provider refused the key. An owner can check it: nightdesk doctor.",
    ),
    (
        ModelMissing,
        "The model is not at that server or address. An owner can check it: nightdesk doctor.",
    ),
    (
        ModelNotRunning,
        "No model's server answers on this machine. Is it running (Ollama, for example)?",
    ),
    (ModelRateLimited, "The model's provider asks us to slow down. Please try again in a minute."),
    (ModelTimeout, "The model did not answer in time. Please try again."),
    (ModelUnavailable, "The model cannot be reached right now. Please try again in a few minutes."),
    (ModelOutputUnusable, "The model's answer broke off or could not be read. Please try again."),
    (ContextTooLong, "This conversation has grown too long for the model. Start afresh with /new."),
    (ModelError, "The model gave no usable answer. Please try again."),
    (SpendingForbidden, "Calling a paid model is switched off here (NIGHTDESK_NO_SPEND)."),
)


def explain(error: NightdeskError) -> str:
    """What to tell a person about an error that ended what they asked for."""
    if isinstance(error, Refused):
        return f"{error.message}\n{error.hint}" if error.hint else error.message
    for kind, words in _MODEL_WORDS:
        if isinstance(error, kind):
            return words
    return "That could not be done. The log says why."
