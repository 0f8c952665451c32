"""The operator's own configuration, as the self-test starts it.

The file is read and judged as at any start. What is started is a copy in a temporary folder, alike
but for the models: every agent gets the offline one, so that nothing is paid for.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, time
from pathlib import Path
from typing import cast

from bot.configuration.document import read_document
from bot.configuration.problems import Problems, listed
from bot.configuration.team import FileConfiguration, read_team
from bot.environ import find_config, slack_by_webhook
from runtime.access import may
from runtime.errors import ConfigurationError
from runtime.model.access import Action
from runtime.model.team import Listen
from runtime.model.value import value

PLATFORMS = ("slack", "telegram", "discord")
_EXAMPLES = {
    "slack": 'slack = "U0123ABCD"',
    "telegram": "telegram = 123456789",
    "discord": 'discord = "123456789012345678"',
}


@value()
class Person:
    """A member, on one platform.

    Attributes:
        user: their id there.
        commands: they may use commands that look at things: anybody but a guest.
    """

    user: str
    commands: bool


@value()
class Room:
    """A channel of the file.

    Attributes:
        id: its id.
        listen: which messages of it reach the agent.
    """

    id: str
    listen: Listen


@value(kw_only=True)
class PlatformPlan:
    """What the file says of one platform.

    Attributes:
        platform: its name.
        workspace: the Slack workspace of most of its ids, else empty.
        guild: the first Discord server of the file, else empty.
        people: the members who are known there.
        rooms: the channels.
        by_webhook: it posts to the program; otherwise the program opens a connection.
    """

    platform: str
    workspace: str
    guild: str
    people: tuple[Person, ...]
    rooms: tuple[Room, ...]
    by_webhook: bool


@value(kw_only=True)
class Plan:
    """What is started.

    Attributes:
        source: the operator's file.
        document: the copy of it that is started, as TOML.
        platforms: what it says of each platform that is tested.
    """

    source: Path
    document: str
    platforms: tuple[PlatformPlan, ...]


def read_plan(
    only: Sequence[str] = (),
    *,
    environ: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
) -> Plan:
    """Read the operator's file.

    Args:
        only: the platforms to test; every one that the file names, where it is empty.
        environ: the environment: where the file is, and which transports are set up.
        cwd: the folder that relative paths start from; the process's own where it is None.

    Raises:
        ConfigurationError: there is no such file, it cannot be used, or it names nobody to test.
    """
    if unknown := [name for name in only if name not in PLATFORMS]:
        raise ConfigurationError(f"there is no platform {unknown[0]!r}: it is {listed(PLATFORMS)}")
    source = find_config(environ, cwd=cwd)
    if not source.exists():
        raise ConfigurationError(
            f"there is no {source}, so there is nothing to test: `nightdesk init` writes one to "
            "begin with, and NIGHTDESK_CONFIG says where another one is"
        )
    problems = Problems()
    document = read_document(source, name=str(source), problems=problems)
    file = read_team(document) if document else None
    problems.raise_if_any()
    assert document is not None and file is not None, "what cannot be read is a problem"  # noqa: PT018, S101
    named = [name for name in PLATFORMS if _people(file, name) or _rooms(file, name)]
    _check(named, only, source, file)
    return Plan(
        source=source,
        document=_copy(document.tables),
        platforms=tuple(_platform(file, name, environ) for name in only or named),
    )


def _check(
    named: Sequence[str], only: Sequence[str], source: Path, file: FileConfiguration
) -> None:
    """Refuse where there would be nothing to test, and say what to add."""
    if not named:
        lines = ", or ".join(f"`{example}`" for example in _EXAMPLES.values())
        raise ConfigurationError(
            f"{source} names no chat platform, so there is nothing to test: write {lines} under "
            "one of the [[members]]. These ids need not be real for the self-test."
        )
    for name in only or named:
        if not _people(file, name):
            what = "channels and no member there" if name in named else "nothing there"
            raise ConfigurationError(
                f"{source} has {what} for {name.capitalize()}, so nobody could speak to the bot: "
                f"write `{_EXAMPLES[name]}` under one of the [[members]]"
            )


def _platform(file: FileConfiguration, name: str, environ: Mapping[str, str]) -> PlatformPlan:
    workspace = _workspace(file) if name == "slack" else ""
    guild = next(iter(file.discord.guilds), "") if name == "discord" else ""
    return PlatformPlan(
        platform=name,
        workspace=workspace,
        guild=guild,
        people=_people(file, name, workspace),
        rooms=_rooms(file, name, workspace),
        by_webhook=_by_webhook(name, environ, gateway=file.discord.gateway),
    )


def _by_webhook(name: str, environ: Mapping[str, str], *, gateway: bool) -> bool:
    """The transport that is set up; where none is, the one that needs no public address."""
    match name:
        case "slack":
            return slack_by_webhook(environ)
        case "telegram":
            return _is_set(environ, "NIGHTDESK_TELEGRAM__WEBHOOK_URL")
        case _:
            return not gateway


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    return bool(environ.get(name) or environ.get(f"{name}_FILE"))


def _workspace(file: FileConfiguration) -> str:
    if file.slack_workspace:
        return file.slack_workspace
    found = Counter(r.ref.workspace for r in file.team.channels if r.ref.platform == "slack")
    found.update(
        who.workspace for m in file.team.members for who in m.principals if who.platform == "slack"
    )
    return next((workspace for workspace, _ in found.most_common(1)), "")


def _people(file: FileConfiguration, name: str, workspace: str = "") -> tuple[Person, ...]:
    return tuple(
        Person(who.user, commands=may(member.role, Action.SCHEDULE_READ))
        for member in file.team.members
        for who in member.principals
        if who.platform == name and (not workspace or who.workspace == workspace)
    )


def _rooms(file: FileConfiguration, name: str, workspace: str = "") -> tuple[Room, ...]:
    return tuple(
        Room(rule.ref.channel, rule.listen)
        for rule in file.team.channels
        if rule.ref.platform == name and (not workspace or rule.ref.workspace == workspace)
    )


# ------------------------------------------------------------------------------------ the copy


def _copy(tables: Mapping[str, object]) -> str:
    """The file as TOML, without its models."""
    kept = {key: value for key, value in tables.items() if key != "models"}
    agents = cast("Sequence[Mapping[str, object]]", kept.get("agents", ()))
    if agents:
        kept["agents"] = [{k: v for k, v in each.items() if k != "model"} for each in agents]
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in kept.items())


def _key(text: str) -> str:
    # JSON's strings are TOML's but for one control character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _key(value)
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return f"{{{', '.join(f'{_key(k)} = {_value(v)}' for k, v in value.items())}}}"
        case date() | time():
            return value.isoformat()
        case _:
            return repr(value)
