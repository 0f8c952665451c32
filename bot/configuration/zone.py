"""Which time zone the machine is in, and whether a zone's name is right."""

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from bot.configuration.problems import did_you_mean

_ZONE_FOLDER = "/zoneinfo/"
_NO_NAME = ("posix/", "right/", "localtime", "posixrules", "Factory")  # files beside the zones
_ALSO_UTC = {"Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu", "GMT0"}


def is_zone(name: str) -> bool:
    """Whether that is an IANA name, spelled properly."""
    if name.startswith(_NO_NAME):
        return False
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        # Malformed, a folder of zones such as "Europe", or unknown.
        return False
    return True


def refusal(name: str) -> str | None:
    """Why `name` is no time zone and what would be one, or None where it is one."""
    if is_zone(name):
        return None
    example = 'a time zone is written as "Europe/Berlin" or "America/New_York"; "UTC" works too'
    near = did_you_mean(name, sorted(available_timezones()), otherwise="")
    return (
        f"there is no such time zone; {near}" if near else f"there is no such time zone: {example}"
    )


def machine_zone(environ: Mapping[str, str], *, etc: Path = Path("/etc")) -> str:
    """The IANA name of the machine's zone; `UTC` where it cannot be found.

    Looked for in `TZ`, then in where `/etc/localtime` leads, then in `/etc/timezone`.
    """
    for name in (environ.get("TZ", "").removeprefix(":"), _linked(etc), _written(etc)):
        name = name.rpartition(_ZONE_FOLDER)[2].strip()  # noqa: PLW2901 - a path's last part names it
        if name and is_zone(name):
            return "UTC" if name in _ALSO_UTC else name
    return "UTC"


def _linked(etc: Path) -> str:
    try:
        return str((etc / "localtime").readlink())
    except OSError:  # not there, or a copy instead of a link
        return ""


def _written(etc: Path) -> str:
    try:
        return (etc / "timezone").read_text("ascii")
    except (OSError, ValueError):
        return ""
