"""Telegram: updates by webhook or by long polling in; the Bot API out.

python-telegram-bot, and httpx, which it speaks with, bring along what nothing here uses: the
command line of httpx, and with that rich, click and pygments (5 MB and 60 ms of a start);
cryptography, which opens what people show of their passports (8 MB and 20 ms); and h2, for HTTP/2.
They go without where those are not installed, and so they do where the table of modules says so.
"""

import importlib
import sys

# https://docs.python.org/3/reference/import.html#the-module-cache
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # typeshed leaves out None

_hidden = {name: None for name in ("cryptography", "h2") if name not in sys.modules}
sys.modules.update(_hidden)  # type: ignore[arg-type]  # the same
try:
    for _name in ("telegram", "httpcore"):
        importlib.import_module(_name)
finally:
    # Only so long: who checks signatures loads the one later, who asks for HTTP/2 the other.
    for _name in _hidden:
        del sys.modules[_name]
