"""What the logs of the latest conversations said when their last turn began."""

from collections import OrderedDict
from sys import getsizeof

from runtime.ids import ConversationId
from runtime.model.conversation import Entry

MOST = 4_000_000
"""Bytes of memory for what is kept."""
_EACH = 450
"""What an entry takes besides its text."""
_MET = 500
"""Conversations of which it is remembered that they had a turn."""

Log = tuple[Entry, ...]

_NOTHING: tuple[int, Log] = (0, ())


class RecentLogs:
    """Keeps logs, so that the next turn of a conversation reads only what came since.

    Reading and decoding fifty entries is a third of what a turn costs. Entries are kept once
    they are in the log on disk, and an entry never changes, so what is kept is never wrong,
    whoever else writes; it may only be short of what came later.

    A log is kept from its second turn on. Where each message is in another conversation none
    is asked for again, and to keep them all would cost a tenth of a turn.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._size = 0
        self._logs: OrderedDict[ConversationId, tuple[int, Log]] = OrderedDict()
        self._met: dict[ConversationId, None] = {}

    def get(self, conversation: ConversationId) -> Log:
        """What is known of a log; empty where nothing is."""
        return self._logs.get(conversation, _NOTHING)[1]

    def keep(self, conversation: ConversationId, log: Log, *, but: int = 0) -> None:
        """Remember what a log says, and forget the ones not asked for the longest.

        The last `but` entries are not in it yet.
        """
        if conversation not in self._logs and self._is_first(conversation):
            return
        log = log[: len(log) - but]
        before, known = self._logs.pop(conversation, _NOTHING)
        # Most have only grown since: what was counted is not looked through again.
        size = before + _size(log[len(known) :]) if _begins(log, known) else _size(log)
        self._size += size - before
        self._logs[conversation] = size, log
        while self._size > self._most:
            _, (forgotten, _log) = self._logs.popitem(last=False)
            self._size -= forgotten

    def _is_first(self, conversation: ConversationId) -> bool:
        """Whether it had no turn in a while; from now on it had one."""
        if conversation in self._met:
            del self._met[conversation]
            return False
        self._met[conversation] = None
        if len(self._met) > _MET:
            del self._met[next(iter(self._met))]
        return True


def _begins(log: Log, known: Log) -> bool:
    """Whether the log begins with what was known of it."""
    if not known or len(known) > len(log):
        return False
    return log[0] is known[0] and log[len(known) - 1] is known[-1]


def _size(log: Log) -> int:
    # Not its length: one character above U+00FF makes each of a text take two bytes, or four.
    return len(log) * _EACH + sum([getsizeof(entry.text) for entry in log])
