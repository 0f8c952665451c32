"""The names of time zones, and the nearest right one to a wrong one."""

from functools import cache
from importlib import resources

from runtime.errors import Refused

_LONGEST = 64


def proper_zone(name: str) -> str:
    """The IANA name as it is written properly: `europe/berlin` is `Europe/Berlin`.

    Raises:
        Refused: there is no such zone; the hint names near ones.
    """
    wanted = name.strip().replace(" ", "_")
    if found := _names().get(wanted.casefold()):
        return found
    raise Refused(f"There is no time zone “{name.strip()[:_LONGEST]}”.", hint=_hint(wanted))


@cache
def _names() -> dict[str, str]:
    """Every name by its folded form, read once from the list that the package tzdata ships.

    `zoneinfo.available_timezones` opens each of some 1,800 files to see what is in it, and offers
    what the machine has besides; one list is quick and the same on every machine.
    """
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return {name.casefold(): name for name in listed.split()}


def _hint(wanted: str) -> str:
    near = _near(wanted.casefold()[:_LONGEST])
    if near:
        return f"Near it: {', '.join(near)}."
    return "Write an IANA name such as Europe/Berlin or America/New_York."


def _near(wanted: str) -> list[str]:
    """Zones of a city of that name, else zones that are spelled nearly so."""
    from difflib import get_close_matches  # noqa: PLC0415 - not before somebody writes one wrong

    names = _names()
    cities: dict[str, list[str]] = {}
    for folded, name in names.items():
        cities.setdefault(folded.rpartition("/")[2], []).append(name)
    city = get_close_matches(wanted.rpartition("/")[2], cities, n=2, cutoff=0.8)
    by_city = [name for found in city for name in cities[found]]
    by_name = [names[found] for found in get_close_matches(wanted, names, n=3, cutoff=0.7)]
    return list(dict.fromkeys(by_name + by_city))[:3]
