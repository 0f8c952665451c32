"""The certificates of the system, whose owners are trusted: read once.

To read them takes 20 ms and 1 MB each time. aiohttp does so twice as it is loaded: for its context
that checks who answers, and for the one that checks nothing. Telegram's client needs a third.
"""

import importlib
import ssl
import sys
from functools import cache


@cache
def checking() -> ssl.SSLContext:
    """The context of this process that checks who answers, for every client of HTTP/1.1."""
    return ssl.create_default_context()


def load_aiohttp() -> None:
    """Load aiohttp, with that context for its own; the one that checks nothing reads nothing.

    It has no setting for either, so that it finds the standard library changed meanwhile. Nothing
    happens where it was loaded before.
    """
    if "aiohttp" in sys.modules:
        return
    context = checking()
    make, read = ssl.create_default_context, ssl.SSLContext.set_default_verify_paths

    def give() -> ssl.SSLContext:
        return context

    def read_to_check(one: ssl.SSLContext) -> None:
        if one.verify_mode is not ssl.CERT_NONE:
            read(one)

    ssl.create_default_context = give  # type: ignore[assignment]
    ssl.SSLContext.set_default_verify_paths = read_to_check  # type: ignore[method-assign,assignment]
    try:
        importlib.import_module("aiohttp")
    finally:
        ssl.create_default_context = make
        del ssl.SSLContext.set_default_verify_paths  # what it inherits is there again
