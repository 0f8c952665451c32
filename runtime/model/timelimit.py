"""What people say to limit a time that repeats, which no schedule keeps. Pure."""

import re

_DAY = (
    r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:r?s(?:day)?)?|fri(?:day)?|saturday"
    r"|sunday)s?"
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_CLOCK = r"(?:\d{1,2}(?:[:.]\d{2})?(?: ?[ap]m)?(?: o['\u2019]clock)?|noon|midnight)"
_DATE = (
    rf"(?:the )?(?:{_DAY}|{_MONTH}|today|tomorrow|next (?:week|month|year|{_DAY}|{_MONTH})|end of"
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.? {_MONTH})|\d{{4}}-\d\d-\d\d|\d{{1,2}}\.\d{{1,2}}\.)"
)
_COUNT = r"(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve)"
_NARROWS = re.compile(
    rf"(?:(?:but|and) )?(?:only )?(?:(?:between|from) {_CLOCK} ?(?:and|to|till|until|-) ?{_CLOCK}"
    rf"|on (?:weekdays|weekends|(?:the )?\d{{1,2}}(?:st|nd|rd|th)|{_DAY})"
    rf"|only (?:weekdays|weekends|{_DAY})"
    r"|during (?:the )?"
    rf"(?:weekdays|weekends|week|day|night|(?:work(?:ing)?|business|office) hours|{_DAY})"
    rf"|(?:except|excluding|not|without)(?: for)?(?: on| at| in)?(?: the)? "
    rf"(?:weekdays?|weekends?|(?:public |bank )?holidays|{_DAY}|{_DATE})"
    rf"|(?:weekdays|weekends|{_DAY}) only"
    rf"|(?:until|till) (?:{_CLOCK}|\d{{4}}|{_DATE})"
    rf"|(?:starting|beginning|from)(?: on| from| in)? {_DATE}"
    rf"|in {_MONTH}"
    rf"|for (?:the (?:next|first) )?{_COUNT} (?:minute|min|hour|day|week|month|year)s?)"
    r"(?![\w'\u2019-])",
    re.IGNORECASE,
)
"""What limits a time that repeats: `except friday`, `until december`, `for 10 minutes`."""


def limit_in(text: str) -> str:
    """What the text begins with that limits a time: `except friday`; empty where nothing does."""
    match = _NARROWS.match(" ".join(text.split()))
    return match[0] if match is not None else ""
