"""Reads the settings. The only reader of the environment.

What they are read with (`bot.configuration.reading`, and pydantic under it) is needed once and
takes 12 MB, so it is imported by whoever reads them: `bot.program` does so in a child.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from bot.settings import Settings


def load_settings(environ: Mapping[str, str] | None = None, *, cwd: Path | None = None) -> Settings:
    """Read the environment and the team's file.

    Args:
        environ: the environment; the process's own where it is None.
        cwd: the folder that relative paths start from; the process's own where it is None.

    Raises:
        ConfigurationError: something in them cannot be used; one line for each problem.
    """
    from bot.configuration import reading  # noqa: PLC0415 - see above

    return reading.load_settings(*_surroundings(environ, cwd))


def find_config(environ: Mapping[str, str] | None = None, *, cwd: Path | None = None) -> Path:
    """Where the team's file is, or would be written.

    Raises:
        ConfigurationError: a variable that says where cannot be used.
    """
    from bot.configuration import reading  # noqa: PLC0415 - see above

    return reading.find_config(*_surroundings(environ, cwd))


def slack_by_webhook(environ: Mapping[str, str] | None = None) -> bool:
    """Whether Slack is to post to this program, whatever else is missing or wrong yet."""
    given = os.environ if environ is None else environ
    variable = "NIGHTDESK_SLACK__SIGNING_SECRET"
    return bool(given.get(variable) or given.get(f"{variable}_FILE"))


def write_first_config(
    path: Path, *, environ: Mapping[str, str] | None = None, replace: bool = False
) -> Path | None:
    """Write the commented file for a first start, with the machine's time zone in it.

    Returns the copy of the file that it replaces, if it does.

    Raises:
        ConfigurationError: there is one already and it is not to be replaced, or it cannot be
            written.
    """
    from bot.configuration.first import first_config, write_config  # noqa: PLC0415 - see above

    environ, _ = _surroundings(environ, Path())
    return write_config(path, first_config(environ), replace=replace)


def _surroundings(
    environ: Mapping[str, str] | None, cwd: Path | None
) -> tuple[Mapping[str, str], Path]:
    return os.environ if environ is None else environ, Path.cwd() if cwd is None else cwd
