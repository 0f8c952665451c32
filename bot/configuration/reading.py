"""Puts the settings together from the environment and the team's file."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from adapters.models.catalogue import ModelConfig
from bot.configuration import discord, oneway, telegram
from bot.configuration.budget import check_providers
from bot.configuration.document import Document, is_there, parse_document, read_document
from bot.configuration.entries import MODEL_EXAMPLE, is_model, model_key
from bot.configuration.environment import Environment, read_environment
from bot.configuration.first import first_config
from bot.configuration.problems import Problems, did_you_mean, listed, shown
from bot.configuration.providerkeys import told_apart, with_key
from bot.configuration.providernames import check_names, what_is_unknown
from bot.configuration.team import FileConfiguration, read_team
from bot.configuration.values import OFFLINE, Secret
from bot.settings import FILE_NAME, HttpSettings, ModelSettings, Settings, SlackSettings
from runtime.ids import ModelName
from runtime.model.team import Team


def load_settings(environ: Mapping[str, str], cwd: Path) -> Settings:
    """Read the environment and the team's file: see `bot.settings`."""
    problems = Problems()
    variables = read_environment(environ, problems)
    data_dir = _data_dir(variables, environ, cwd)
    config_path = _config_path(variables, data_dir, environ, cwd)
    found = is_there(config_path)
    if variables.config is not None and not found:
        said = f"there is no file {config_path}; `nightdesk init` writes one there"
        problems.variable("NIGHTDESK_CONFIG", said)
    document = _document(config_path, environ, cwd, problems)
    file = read_team(document) if document else None
    slack = _slack(variables, file, problems)
    on_telegram = telegram.settings_of(variables.telegram, problems)
    on_discord = discord.settings_of(variables.discord, file.discord if file else None, problems)
    email = oneway.email(variables, file.team if file else None, problems)
    webhook = oneway.webhook(variables, file.team if file else None, problems)
    models = _models(variables, file, problems, environ) if file else {}
    shortcut = _shortcut(variables, models, problems, environ)
    if shortcut is not None and file is not None and file.unknown_prices:
        shortcut = replace(shortcut, unpriced_allowed=True)
    all_of_them = models | {shortcut.name: shortcut} if shortcut else models
    every = told_apart(all_of_them.values())
    if document is not None:
        check_providers(document, [_where(model) for model in every])
        check_names(document, file.models if file else {})
    problems.raise_if_any()
    assert file is not None, "a file that cannot be read is a problem"  # noqa: S101
    return Settings(
        team=_instead_of_offline(file.team, shortcut) if shortcut else file.team,
        models={model.name: model for model in every},
        slack=slack,
        telegram=on_telegram,
        discord=on_discord,
        email=email,
        webhook=webhook,
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
        retention_days=variables.retention_days,
        totals_days=variables.totals_days,
    )


def find_config(environ: Mapping[str, str], cwd: Path) -> Path:
    """Where the team's file is, or would be written: see `bot.settings`."""
    problems = Problems()
    variables = read_environment(environ, problems)
    problems.raise_if_any()
    return _config_path(variables, _data_dir(variables, environ, cwd), environ, cwd)


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
    return here if is_there(here) else data_dir / FILE_NAME


def _document(
    path: Path, environ: Mapping[str, str], cwd: Path, problems: Problems
) -> Document | None:
    name = str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
    if is_there(path):
        return read_document(path, name=name, problems=problems)
    return parse_document(first_config(environ).encode(), name=name, problems=problems)


def _absolute(path: Path, environ: Mapping[str, str], cwd: Path) -> Path:
    first, *rest = path.parts or (".",)
    if first == "~":
        return _home(environ).joinpath(*rest)
    return Path(os.path.normpath(cwd / path))


def _home(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME", "")
    return Path(home) if home else Path.home()


# ---------------------------------------------------------------------------------- the parts


def _slack(
    variables: Environment, file: FileConfiguration | None, problems: Problems
) -> SlackSettings | None:
    """A way to hear and the token to speak, or neither: with one alone we could do nothing."""
    slack = variables.slack
    secret, token, sockets = slack.signing_secret, slack.bot_token, slack.app_token
    if (secret is not None or sockets is not None) and token is not None:
        return SlackSettings(
            signing_secret=_maybe(secret),
            app_token=_maybe(sockets),
            previous_signing_secret=_maybe(slack.previous_signing_secret),
            bot_token=_ours(token),
            base_url=f"{slack.base_url}/",
            workspace=file.slack_workspace if file else None,
        )
    named = ("SIGNING_SECRET", "BOT_TOKEN", "APP_TOKEN")
    if problems.names(*(f"NIGHTDESK_SLACK__{name}" for name in named)):
        return None  # what is there cannot be used, and that was said
    hears = secret is not None or sockets is not None
    if not hears and (token is not None or slack.previous_signing_secret is not None):
        said = (
            "it is missing, and Slack needs it (Basic Information, Signing Secret); without a "
            "public address set NIGHTDESK_SLACK__APP_TOKEN instead"
        )
        problems.variable("NIGHTDESK_SLACK__SIGNING_SECRET", said)
    if hears:
        said = "it is missing, and Slack needs it (OAuth & Permissions, begins with xoxb-)"
        problems.variable("NIGHTDESK_SLACK__BOT_TOKEN", said)
    return None


def _models(
    variables: Environment,
    file: FileConfiguration,
    problems: Problems,
    environ: Mapping[str, str],
) -> dict[ModelName, ModelSettings]:
    """The models of the file, each with its key."""
    keys = {name: part.api_key for name, part in variables.models.items()}
    _check_keys(keys, file.model_names, problems)
    models = {
        name: ModelSettings(
            name=name,
            model=entry.model,
            base_url=entry.base_url,
            api_key=_maybe(keys.get(_in_variables(name))),
            context_tokens=entry.context_tokens,
            timeout_seconds=entry.timeout_seconds,
            client=entry.client or "",
            prices=entry.prices,
            currency=entry.currency,
            unpriced_allowed=entry.unknown_price or file.unknown_prices,
            max_output_tokens=entry.max_output_tokens,
            tools=entry.tools,
            vision=entry.vision,
            streaming=entry.streaming,
            quality=entry.quality,
        )
        for name, entry in file.models.items()
    }
    return {
        name: with_key(model, model_key(name), environ, problems) for name, model in models.items()
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
    variables: Environment,
    models: Mapping[ModelName, ModelSettings],
    problems: Problems,
    environ: Mapping[str, str],
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
    if wrong := what_is_unknown(variables.model):
        problems.variable(f"NIGHTDESK_MODEL = {shown(variables.model)}", wrong)
        return None
    model = ModelSettings(
        name=ModelName(variables.model),
        model=variables.model,
        base_url=variables.model_base_url,
        api_key=_maybe(variables.model_api_key),
    )
    return with_key(model, "NIGHTDESK_MODEL_API_KEY", environ, problems)


def _where(model: ModelSettings) -> ModelConfig:
    return ModelConfig(
        name=model.name, model=model.model, base_url=model.base_url, account=model.account
    )


def _instead_of_offline(team: Team, model: ModelSettings) -> Team:
    """The team with that model for every agent that has none."""
    agents = (replace(a, model=model.name) if a.model == OFFLINE else a for a in team.agents)
    return replace(team, agents=tuple(agents))


def _ours(secret: SecretStr) -> Secret:
    return Secret(secret.get_secret_value())


def _maybe(secret: SecretStr | None) -> Secret | None:
    return None if secret is None else _ours(secret)
