"""Telegram: updates by webhook or by long polling in; the Bot API out.

python-telegram-bot and httpx, which it speaks with, bring along what nothing here uses: httpx its
command line, and with that rich, click and pygments (5 MB and 60 ms of a start); the library itself
cryptography (8 MB and 20 ms), with which it opens what people show of their passports. Both go
without where those are not installed, and so they do where the table of modules says so.
"""

import importlib
import sys

# https://docs.python.org/3/reference/import.html#the-module-cache
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # typeshed leaves out None

if "cryptography" not in sys.modules:
    sys.modules["cryptography"] = None  # type: ignore[assignment]  # the same
    try:
        importlib.import_module("telegram")
    finally:
        # Who checks signatures loads it later.
        del sys.modules["cryptography"]
