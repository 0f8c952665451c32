"""Telegram: updates by webhook or by long polling in; the Bot API out.

httpx, which python-telegram-bot speaks with, brings the command line `httpx` along, and with that
rich, click and pygments: 5 MB and 60 ms of a start. It goes without where those are not installed,
and so it does where the table of modules says that its command line is not there.
"""

import sys

# https://docs.python.org/3/reference/import.html#the-module-cache
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # typeshed leaves out None
