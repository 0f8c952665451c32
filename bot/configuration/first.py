"""The file that a first start writes."""

import os
from collections.abc import Mapping
from importlib.resources import files
from itertools import chain, count
from pathlib import Path

from bot.configuration.document import is_there
from bot.configuration.zone import machine_zone
from runtime.errors import ConfigurationError

_ZONE = 'timezone = "UTC"'


def first_config(environ: Mapping[str, str]) -> str:
    """The commented template, with the machine's time zone in it."""
    template = files("bot").joinpath("template.toml").read_text("utf-8")
    return template.replace(_ZONE, f'timezone = "{machine_zone(environ)}"', 1)


def write_config(path: Path, text: str, *, replace: bool = False) -> Path | None:
    """Write the file whole or not at all, readable by its owner alone.

    Returns the copy of the earlier file, where there was one to replace.

    Raises:
        ConfigurationError: there is one already and it is not to be replaced, or the folder
            cannot be written.
    """
    if is_there(path) and not replace:
        raise ConfigurationError(
            f"{path} is there already and was left as it is. "
            "`nightdesk init --force` writes a new one and keeps a copy of this one."
        )
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.touch(mode=0o600)
        fresh.write_text(text, "utf-8")
        replaced = _keep_copy(path)
        os.replace(fresh, path)  # noqa: PTH105 - Path.replace reads as if it were text
    except (FileExistsError, NotADirectoryError):
        raise ConfigurationError(f"{path} cannot be written: {path.parent} is no folder.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from error
    return replaced


def _keep_copy(path: Path) -> Path | None:
    """Copy the file to the first free name beside it: an earlier copy stays as it is."""
    if not path.exists():
        return None
    names = chain([f"{path.name}.bak"], (f"{path.name}.bak.{number}" for number in count(1)))
    copy = next(each for each in map(path.with_name, names) if not is_there(each))
    copy.touch(mode=0o600, exist_ok=False)
    copy.write_bytes(path.read_bytes())
    return copy
