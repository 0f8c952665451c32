"""The settings: read once at start, frozen, handed down. The only reader of the environment.

Secrets and what belongs to the machine come from `NIGHTDESK_…` variables, what the team decides
from `nightdesk.toml`. Everything that is wrong in either is told at once, as one
`ConfigurationError`, each problem with its file, line or variable and with what would be right.
`docs/configuration.md` lists every key.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretStr

from bot.configuration.document import Document, parse_document, read_document
from bot.configuration.entries import MODEL_EXAMPLE, is_model, model_key
from bot.configuration.environment import (
    Environment,
    LogFormat,
    LogLevel,
    read_environment,
)
from bot.configuration.first import first_config, write_config
from bot.configuration.problems import Problems, did_you_mean, listed, shown
from bot.configuration.team import OFFLINE, FileConfiguration, read_team
from bot.role import Role
from runtime.ids import ModelName
from runtime.model.team import Team

__all__ = [
    "OFFLINE",
    "HttpSettings",
    "LogFormat",
    "LogLevel",
    "ModelSettings",
    "Settings",
    "SlackSettings",
    "find_config",
    "load_settings",
    "write_first_config",
]

FILE_NAME = "nightdesk.toml"
"""What the team's file is called."""

LOG_NAME = "nightdesk.log"
"""What the log file in the data folder is called."""

_DEFAULT_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Where the HTTP listener is.

    Attributes:
        host: the address to listen on.
        port: the port; 0 for any free one.
    """

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSettings:
    """How to talk with Slack.

    Attributes:
        signing_secret: what Slack signs its requests with.
        previous_signing_secret: the one before, while it is being replaced.
        bot_token: what the bot signs in with.
        base_url: where the Web API is; ends with a slash.
        workspace: the workspace that the file names for all its ids, or None.
    """

    signing_secret: SecretStr
    previous_signing_secret: SecretStr | None
    bot_token: SecretStr
    base_url: str
    workspace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """A language model.

    Attributes:
        name: what the team calls it.
        model: provider and model, as LiteLLM spells them.
        base_url: where its server is; None for the provider's own.
        api_key: its key; None where it needs none.
        context_tokens: its context window; None to use what is known of it.
        timeout_seconds: how long to wait for the first word of an answer.
    """

    name: ModelName
    model: str
    base_url: str | None = None
    api_key: SecretStr | None = None
    context_tokens: int | None = None
    timeout_seconds: float = _DEFAULT_TIMEOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that was decided before the start.

    Attributes:
        team: what the team decides; each agent's model is a key of `models` or `OFFLINE`.
        models: the language models by name.
        slack: how to talk with Slack; None where it is not connected.
        http: where the HTTP listener is.
        data_dir: the data folder, absolute; it may not exist yet.
        database_url: SQLAlchemy's address of the database; None for SQLite in the data folder.
        config_path: the team's file, absolute.
        config_found: it exists; if not, `team` is what the first start would write.
        log_level: the least important line that is logged.
        log_format: how a log line looks.
        slot: the stable name of this process, if one was given; see `slot_for`.
        no_spend: refuse to call any model off this machine.
        drain_seconds: how long work under way may go on after SIGTERM.
        terminal: show the terminal chat in the role `ALL`.
    """

    team: Team
    models: Mapping[ModelName, ModelSettings]
    slack: SlackSettings | None
    http: HttpSettings
    data_dir: Path
    database_url: str | None = field(repr=False)  # it may hold a password
    config_path: Path
    config_found: bool
    log_level: LogLevel
    log_format: LogFormat
    slot: str | None
    no_spend: bool
    drain_seconds: float
    terminal: bool = True

    def slot_for(self, role: Role) -> str:
        """The stable name of this process in that role: what was given, or `<role>-0`."""
        return self.slot or f"{role}-0"

    @property
    def on_sqlite(self) -> bool:
        """The database is a SQLite file, which one process owns."""
        return self.database_url is None or self.database_url.startswith("sqlite")

    @property
    def log_path(self) -> Path:
        """The log file in the data folder."""
        return self.data_dir / LOG_NAME

    def secrets(self) -> frozenset[str]:
        """The value of every secret, for whoever keeps them out of the log."""
        url = urlsplit(self.database_url or "")
        passwords = [unquote(url.password or ""), *parse_qs(url.query).get("password", ())]
        inside = (*_secrets_in(self.slack), *_secrets_in(self.models))
        return frozenset(secret for secret in (*passwords, *inside) if secret)


def load_settings(environ: Mapping[str, str] | None = None, *, cwd: Path | None = None) -> Settings:
    """Read the environment and the team's file.

    Args:
        environ: the environment; the process's own where it is None.
        cwd: the folder that relative paths start from; the process's own where it is None.

    Raises:
        ConfigurationError: something in them cannot be used; one line for each problem.
    """
    environ, cwd = _surroundings(environ, cwd)
    problems = Problems()
    variables = read_environment(environ, problems)
    data_dir = _data_dir(variables, environ, cwd)
    config_path = _config_path(variables, data_dir, environ, cwd)
    found = config_path.exists()
    if variables.config is not None and not found:
        said = f"there is no file {config_path}; `nightdesk init` writes one there"
        problems.variable("NIGHTDESK_CONFIG", said)
    document = _document(config_path, environ, cwd, problems)
    file = read_team(document) if document else None
    slack = _slack(variables, file, problems)
    models = _models(variables, file, problems) if file else {}
    shortcut = _shortcut(variables, models, problems)
    problems.raise_if_any()
    assert file is not None, "a file that cannot be read is a problem"  # noqa: S101
    return Settings(
        team=_instead_of_offline(file.team, shortcut) if shortcut else file.team,
        models=models | {shortcut.name: shortcut} if shortcut else models,
        slack=slack,
        http=HttpSettings(host=variables.http.host, port=variables.http.port),
        data_dir=data_dir,
        database_url=variables.database_url,
        config_path=config_path,
        config_found=found,
        log_level=variables.log_level,
        log_format=variables.log_format,
        slot=variables.slot,
        no_spend=variables.no_spend,
        drain_seconds=float(variables.drain_seconds),
    )


def find_config(environ: Mapping[str, str] | None = None, *, cwd: Path | None = None) -> Path:
    """Where the team's file is, or would be written.

    Raises:
        ConfigurationError: a variable that says where cannot be used.
    """
    environ, cwd = _surroundings(environ, cwd)
    problems = Problems()
    variables = read_environment(environ, problems)
    problems.raise_if_any()
    return _config_path(variables, _data_dir(variables, environ, cwd), environ, cwd)


def write_first_config(
    path: Path, *, environ: Mapping[str, str] | None = None, replace: bool = False
) -> Path | None:
    """Write the commented file for a first start, with the machine's time zone in it.

    Returns the copy of the file that it replaces, if it does.

    Raises:
        ConfigurationError: there is one already and it is not to be replaced, or it cannot be
            written.
    """
    environ, _ = _surroundings(environ, Path())
    return write_config(path, first_config(environ), replace=replace)


# ------------------------------------------------------------------------------------- where


def _data_dir(variables: Environment, environ: Mapping[str, str], cwd: Path) -> Path:
    if variables.data_dir is not None:
        return _absolute(variables.data_dir, environ, cwd)
    # https://specifications.freedesktop.org/basedir-spec: a relative path is to be ignored.
    shared = Path(environ.get("XDG_DATA_HOME", ""))
    base = shared if shared.is_absolute() else _home(environ) / ".local" / "share"
    return base / "nightdesk"


def _config_path(
    variables: Environment, data_dir: Path, environ: Mapping[str, str], cwd: Path
) -> Path:
    if variables.config is not None:
        return _absolute(variables.config, environ, cwd)
    here = cwd / FILE_NAME
    return here if here.exists() else data_dir / FILE_NAME


def _document(
    path: Path, environ: Mapping[str, str], cwd: Path, problems: Problems
) -> Document | None:
    name = str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
    if path.exists():
        return read_document(path, name=name, problems=problems)
    return parse_document(first_config(environ).encode(), name=name, problems=problems)


def _absolute(path: Path, environ: Mapping[str, str], cwd: Path) -> Path:
    first, *rest = path.parts or (".",)
    if first == "~":
        return _home(environ).joinpath(*rest)
    return Path(os.path.normpath(cwd / path))


def _surroundings(
    environ: Mapping[str, str] | None, cwd: Path | None
) -> tuple[Mapping[str, str], Path]:
    return os.environ if environ is None else environ, Path.cwd() if cwd is None else cwd


def _home(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME", "")
    return Path(home) if home else Path.home()


# ---------------------------------------------------------------------------------- the parts


def _slack(
    variables: Environment, file: FileConfiguration | None, problems: Problems
) -> SlackSettings | None:
    """Both secrets or neither: with one alone we could hear but not speak, or the reverse."""
    slack = variables.slack
    secret, token = slack.signing_secret, slack.bot_token
    if secret is not None and token is not None:
        return SlackSettings(
            signing_secret=secret,
            previous_signing_secret=slack.previous_signing_secret,
            bot_token=token,
            base_url=f"{slack.base_url}/",
            workspace=file.slack_workspace if file else None,
        )
    if problems.names("NIGHTDESK_SLACK__SIGNING_SECRET", "NIGHTDESK_SLACK__BOT_TOKEN"):
        return None  # what is there cannot be used, and that was said
    if secret is None and (token is not None or slack.previous_signing_secret is not None):
        said = "it is missing, and Slack needs it (Basic Information, Signing Secret)"
        problems.variable("NIGHTDESK_SLACK__SIGNING_SECRET", said)
    if secret is not None:
        said = "it is missing, and Slack needs it (OAuth & Permissions, begins with xoxb-)"
        problems.variable("NIGHTDESK_SLACK__BOT_TOKEN", said)
    return None


def _models(
    variables: Environment, file: FileConfiguration, problems: Problems
) -> dict[ModelName, ModelSettings]:
    """The models of the file, each with its key."""
    keys = {name: part.api_key for name, part in variables.models.items()}
    _check_keys(keys, file.model_names, problems)
    return {
        name: ModelSettings(
            name=name,
            model=entry.model,
            base_url=entry.base_url,
            api_key=keys.get(_in_variables(name)),
            context_tokens=entry.context_tokens,
            timeout_seconds=entry.timeout_seconds,
        )
        for name, entry in file.models.items()
    }


def _check_keys(keys: Iterable[str], names: Iterable[str], problems: Problems) -> None:
    """Refuse a key for a model that the file does not have."""
    known = [_in_variables(name) for name in names]
    there_are = f"the file has {listed(known, 'and')}" if known else "the file has no models"
    for name in set(keys).difference(known):
        said = f"there is no [models.{name}]; {did_you_mean(name, known, there_are)}"
        problems.variable(model_key(name), said)


def _in_variables(name: str) -> str:
    """A model's name as an environment variable has it, where there is no "-"."""
    return name.replace("-", "_")


def _shortcut(
    variables: Environment, models: Mapping[ModelName, ModelSettings], problems: Problems
) -> ModelSettings | None:
    """The model of `NIGHTDESK_MODEL`: one of the file by its name, or one of its own."""
    extras = {"API_KEY": variables.model_api_key, "BASE_URL": variables.model_base_url}
    given = [f"NIGHTDESK_MODEL_{key}" for key, value in extras.items() if value is not None]
    if variables.model is None or variables.model == OFFLINE:
        for variable in given:
            problems.variable(variable, f"it needs NIGHTDESK_MODEL, such as {MODEL_EXAMPLE}")
        return None
    known = models.get(ModelName(variables.model))
    if known is not None:
        for variable in given:
            said = f"{known.name} is a model of the file, which says where it is"
            problems.variable(variable, f"{said}; its key is {model_key(known.name)}")
        return known
    if not is_model(variables.model):
        said = f"write provider/model, such as {MODEL_EXAMPLE}"
        problems.variable(f"NIGHTDESK_MODEL = {shown(variables.model)}", said)
        return None
    return ModelSettings(
        name=ModelName(variables.model),
        model=variables.model,
        base_url=variables.model_base_url,
        api_key=variables.model_api_key,
    )


def _instead_of_offline(team: Team, model: ModelSettings) -> Team:
    """The team with that model for every agent that has none."""
    agents = (replace(a, model=model.name) if a.model == OFFLINE else a for a in team.agents)
    return replace(team, agents=tuple(agents))


def _secrets_in(value: object) -> Iterator[str]:
    """Every secret inside a value, however deep."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets_in(each)
    elif is_dataclass(value):
        for each in fields(value):
            yield from _secrets_in(getattr(value, each.name))
