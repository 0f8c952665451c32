"""Reading the environment, and the whole of the settings."""

import re
from pathlib import Path

import pytest

from bot.configuration import entries, models
from bot.configuration.environment import VARIABLES
from bot.environ import find_config, load_settings, write_first_config
from bot.role import Role
from bot.settings import OFFLINE, LogFormat, LogLevel, Settings
from runtime.errors import ConfigurationError
from runtime.ids import ModelName
from runtime.model.team import Listen, MemberRole

TOKEN = "xoxb-123-canary"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
BEFORE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A machine where nothing is set up; the working folder is its home."""
    return tmp_path


def load(home: Path, toml: str | None = None, **variables: str) -> Settings:
    if toml is not None:
        (home / "nightdesk.toml").write_text(toml)
    environ = {"HOME": str(home)} | {
        f"NIGHTDESK_{name}": value for name, value in variables.items()
    }
    return load_settings(environ, cwd=home)


def refusal(home: Path, toml: str | None = None, **variables: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(home, toml, **variables)
    return str(caught.value)


def test_nothing_set_up_is_enough_to_start(home: Path) -> None:
    settings = load(home)
    assert settings.data_dir == home / ".local/share/nightdesk"
    assert settings.config_path == settings.data_dir / "nightdesk.toml"
    assert not settings.config_found
    assert settings.database_url is None
    assert settings.slack is None
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8787)
    assert (settings.log_level, settings.log_format) == (LogLevel.INFO, LogFormat.AUTO)
    assert (settings.drain_seconds, settings.no_spend, settings.terminal) == (10.0, False, True)
    assert settings.slot_for(Role.CLOCK) == "clock-0"
    assert not settings.data_dir.exists(), "loading writes nothing"


def test_every_variable_is_read(home: Path) -> None:
    settings = load(
        home,
        '[models.fast]\nmodel = "openai/gpt-4.1-mini"\n',
        DATA_DIR="~/desk",
        DATABASE_URL="postgresql://desk:pw@db/nightdesk",
        HTTP__HOST="0.0.0.0",  # noqa: S104
        HTTP__PORT="0",
        SLACK__SIGNING_SECRET=SECRET,
        SLACK__PREVIOUS_SIGNING_SECRET=BEFORE,
        SLACK__BOT_TOKEN=TOKEN,
        SLACK__APP_TOKEN="xapp-1",
        SLACK__BASE_URL="http://127.0.0.1:9/api",
        MODEL="ollama_chat/llama3.2",
        MODEL_API_KEY="key-1",
        MODEL_BASE_URL="http://127.0.0.1:11434/",
        MODELS__FAST__API_KEY="key-2",
        LOG_LEVEL="DEBUG",
        LOG_FORMAT="json",
        SLOT="worker-7",
        NO_SPEND="1",
        DRAIN_SECONDS="3",
        RETENTION_DAYS="90",
        TOTALS_DAYS="800",
    )
    assert settings.data_dir == home / "desk"
    assert settings.database_url == "postgresql+psycopg://desk:pw@db/nightdesk"
    assert (settings.http.host, settings.http.port) == ("0.0.0.0", 0)  # noqa: S104
    assert settings.slack is not None
    assert settings.slack.signing_secret is not None
    assert settings.slack.signing_secret.get_secret_value() == SECRET
    assert settings.slack.app_token is not None
    assert settings.slack.app_token.get_secret_value() == "xapp-1"
    assert settings.slack.bot_token.get_secret_value() == TOKEN
    assert settings.slack.base_url == "http://127.0.0.1:9/api/"
    fast = settings.models[ModelName("fast")]
    assert fast.api_key is not None
    assert fast.api_key.get_secret_value() == "key-2"
    shortcut = settings.models[ModelName("ollama_chat/llama3.2")]
    assert shortcut.base_url == "http://127.0.0.1:11434"
    assert (settings.log_level, settings.log_format) == (LogLevel.DEBUG, LogFormat.JSON)
    assert settings.slot_for(Role.WORKER) == "worker-7"
    assert (settings.no_spend, settings.drain_seconds) == (True, 3.0)
    assert (settings.retention_days, settings.totals_days) == (90, 800)
    assert settings.secrets() == {"pw", SECRET, BEFORE, TOKEN, "xapp-1", "key-1", "key-2"}


def test_no_secret_shows_in_the_representation(home: Path) -> None:
    settings = load(
        home,
        DATABASE_URL="postgresql://u:canary-pw@h/d",
        SLACK__SIGNING_SECRET="canarycanarycanarycanarycanary00",
        SLACK__BOT_TOKEN=TOKEN,
        MODEL="openai/gpt-4.1-mini",
        MODEL_API_KEY="canary-key",
    )
    assert "canary" not in repr(settings)
    assert len(settings.secrets()) == 4


@pytest.mark.parametrize(
    "url", ["postgresql://u:can%40ary@h/d", "postgresql://h/d?user=u&password=can%40ary"]
)
def test_the_password_of_the_database_is_a_secret(home: Path, url: str) -> None:
    assert load(home, DATABASE_URL=url).secrets() == {"can@ary"}


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("postgres://h/d", "postgresql+psycopg://h/d"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg://h/d"),
        ("sqlite:////srv/x.db", "sqlite+aiosqlite:////srv/x.db"),
        ("sqlite+aiosqlite:////srv/x.db", "sqlite+aiosqlite:////srv/x.db"),
    ],
)
def test_a_database_address_is_normalised(home: Path, given: str, normal: str) -> None:
    assert load(home, DATABASE_URL=given).database_url == normal


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "HTTP__PRT",
            "1",
            "NIGHTDESK_HTTP__PRT: unknown variable: did you mean NIGHTDESK_HTTP__PORT?",
        ),
        ("SLACK_BOT_TOKEN", "x", "did you mean NIGHTDESK_SLACK__BOT_TOKEN?"),
        ("DATADIR", "x", "did you mean NIGHTDESK_DATA_DIR?"),
        ("ZZZZ", "x", "unknown variable: docs/configuration.md lists what there is"),
        ("MODELS__A__B__API_KEY", "x", "NIGHTDESK_MODELS__A__B__API_KEY: unknown variable"),
        ("SLACK", "{}", "NIGHTDESK_SLACK: unknown variable"),
        (
            "HTTP__PORT",
            "http",
            'NIGHTDESK_HTTP__PORT = "http": write a whole number from 0 to 65535',
        ),
        ("HTTP__HOST", "http://0.0.0.0:1", "write an address alone, such as 127.0.0.1"),
        ("HTTP__PORT", "65536", "write a whole number from 0 to 65535"),
        ("DRAIN_SECONDS", "0.3", 'NIGHTDESK_DRAIN_SECONDS = "0.3": write a whole number from 0'),
        ("HTTP__PORT", "-1", "write a whole number from 0 to 65535"),
        ("DATA_DIR", "", "NIGHTDESK_DATA_DIR: it is empty: give it a value, or remove it"),
        ("SLACK__SIGNING_SECRET", " ", "NIGHTDESK_SLACK__SIGNING_SECRET: it is empty"),
        ("SLACK__SIGNING_SECRET", "${UNSET}", "it is still a placeholder: give it"),
        ("SLACK__BOT_TOKEN", "$TOKEN", "it is still a placeholder: give it"),
        ("SLACK__BOT_TOKEN", "<your token>", "it is still a placeholder"),
        ("SLACK__BOT_TOKEN", "xapp-1-A", "NIGHTDESK_SLACK__BOT_TOKEN: this is an app-level token"),
        ("SLACK__BOT_TOKEN", SECRET, "NIGHTDESK_SLACK__BOT_TOKEN: a bot token begins with xoxb-"),
        (
            "SLACK__BOT_TOKEN",
            f"{TOKEN} {TOKEN}",
            "NIGHTDESK_SLACK__BOT_TOKEN: there is a blank inside",
        ),
        ("SLACK__SIGNING_SECRET", "99", "a signing secret has 32 digits and small letters"),
        ("SLACK__PREVIOUS_SIGNING_SECRET", SECRET[1:], "a signing secret has 32 digits"),
        ("SLACK__SIGNING_SECRET", TOKEN, "this is a token; the signing secret is under Basic"),
        (
            "SLACK__BASE_URL",
            "slack.com",
            'NIGHTDESK_SLACK__BASE_URL = "slack.com": write a web address',
        ),
        ("SLACK__BASE_URL", "http://[::1", "write a web address"),
        (
            "DATABASE_URL",
            "postgresql://[::1/canary",
            'NIGHTDESK_DATABASE_URL: write "postgresql://',
        ),
        ("DATABASE_URL", "postgresql://h:canary/d", 'NIGHTDESK_DATABASE_URL: write "postgresql://'),
        ("LOG_LEVEL", "debgu", 'NIGHTDESK_LOG_LEVEL = "debgu": did you mean debug?'),
        ("LOG_LEVEL", "x", "write debug, info, warning or error"),
        ("LOG_FORMAT", "xml", "write auto, json or text"),
        ("NO_SPEND", "maybe", 'NIGHTDESK_NO_SPEND = "maybe": write 1 or 0'),
        (
            "DRAIN_SECONDS",
            "ten",
            'NIGHTDESK_DRAIN_SECONDS = "ten": write a whole number from 0 to 600',
        ),
        (
            "RETENTION_DAYS",
            "7",
            'NIGHTDESK_RETENTION_DAYS = "7": write a whole number from 8 to 36500',
        ),
        (
            "TOTALS_DAYS",
            "61",
            'NIGHTDESK_TOTALS_DAYS = "61": write a whole number from 62 to 36500',
        ),
        ("SLOT", "a b", 'NIGHTDESK_SLOT = "a b": write up to 64 letters'),
        ("DATABASE_URL", "mysql://u:canary@h/d", 'NIGHTDESK_DATABASE_URL: write "postgresql://'),
        (
            "MODEL",
            "gpt",
            'NIGHTDESK_MODEL = "gpt": write provider/model, such as "openai/gpt-4.1-mini"',
        ),
        ("MODEL_API_KEY", "k", "NIGHTDESK_MODEL_API_KEY: it needs NIGHTDESK_MODEL, such as"),
        ("MODELS__FAST__API_KEY", "k", "there is no [models.fast]; the file has no models"),
        ("CONFIG", "elsewhere.toml", "NIGHTDESK_CONFIG: there is no file"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_with_what_would_be_right(
    home: Path, name: str, value: str, said: str
) -> None:
    told = refusal(home, **{name: value})
    assert said in told
    assert "canary" not in told


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"SLACK__BOT_TOKEN": TOKEN}, "NIGHTDESK_SLACK__SIGNING_SECRET: it is missing"),
        ({"SLACK__SIGNING_SECRET": SECRET}, "NIGHTDESK_SLACK__BOT_TOKEN: it is missing"),
        ({"SLACK__APP_TOKEN": "xapp-1"}, "NIGHTDESK_SLACK__BOT_TOKEN: it is missing"),
        ({"SLACK__APP_TOKEN": "xoxb-1"}, "NIGHTDESK_SLACK__APP_TOKEN: an app-level token begins"),
        (
            {"SLACK__PREVIOUS_SIGNING_SECRET": SECRET},
            "NIGHTDESK_SLACK__SIGNING_SECRET: it is missing",
        ),
    ],
)
def test_half_of_slack_is_refused_by_the_name_of_the_other_half(
    home: Path, given: dict[str, str], missing: str
) -> None:
    assert refusal(home, **given).startswith(missing)


def test_sockets_need_no_signing_secret(home: Path) -> None:
    settings = load(home, SLACK__BOT_TOKEN=TOKEN, SLACK__APP_TOKEN="xapp-1")
    assert settings.slack is not None
    assert settings.slack.signing_secret is None
    assert settings.secrets() == {TOKEN, "xapp-1"}


def test_a_half_of_slack_that_cannot_be_used_is_not_called_missing_as_well(home: Path) -> None:
    told = refusal(home, SLACK__SIGNING_SECRET=SECRET, SLACK__BOT_TOKEN="hello").splitlines()
    assert [line.split(" begins")[0] for line in told] == [
        "NIGHTDESK_SLACK__BOT_TOKEN: a bot token"
    ]
    told = refusal(home, SLACK__BOT_TOKEN=TOKEN, SLACK__SIGNING_SECRET_FILE="/nope").splitlines()
    assert len(told) == 1


def test_problems_of_the_environment_and_of_the_file_are_told_together(home: Path) -> None:
    told = refusal(home, "[team]\nname = 1\n", HTTP__PORT="x", LOG_LEVEL="y").splitlines()
    assert [line.split(" ")[0] for line in told] == [
        "NIGHTDESK_HTTP__PORT",
        "NIGHTDESK_LOG_LEVEL",
        "nightdesk.toml:2:",
    ]


def test_a_secret_can_be_in_a_file(home: Path) -> None:
    (home / "token").write_text(TOKEN + "\n")
    settings = load(home, SLACK__BOT_TOKEN_FILE=str(home / "token"), SLACK__SIGNING_SECRET=SECRET)
    assert settings.slack is not None
    assert settings.slack.bot_token.get_secret_value() == TOKEN


@pytest.mark.parametrize(
    ("content", "also", "said"),
    [
        (None, {}, "the file cannot be read: No such file or directory"),
        ("", {}, "NIGHTDESK_SLACK__BOT_TOKEN: it is empty"),
        (TOKEN, {"SLACK__BOT_TOKEN": TOKEN}, "NIGHTDESK_SLACK__BOT_TOKEN is set too: keep one"),
    ],
)
def test_a_secret_file_that_cannot_be_used(
    home: Path, content: str | None, also: dict[str, str], said: str
) -> None:
    if content is not None:
        (home / "token").write_text(content)
    told = refusal(
        home, SLACK__BOT_TOKEN_FILE=str(home / "token"), SLACK__SIGNING_SECRET=SECRET, **also
    )
    assert said in told
    assert "canary" not in told


def test_only_secrets_have_a_file_form(home: Path) -> None:
    assert "NIGHTDESK_HTTP__PORT_FILE: unknown variable" in refusal(home, HTTP__PORT_FILE="x")


def test_model_for_every_agent_that_has_none(home: Path) -> None:
    toml = """
    [[agents]]
    name = "desk"
    [[agents]]
    name = "night"
    model = "fast"
    [models.fast]
    model = "openai/gpt-4.1-mini"
    """
    models = [a.model for a in load(home, toml, MODEL="ollama_chat/llama3.2").team.agents]
    assert models == ["ollama_chat/llama3.2", "fast"]
    models = [a.model for a in load(home, toml, MODEL="fast").team.agents]
    assert models == ["fast", "fast"], "a model of the file can be named as well"
    models = [a.model for a in load(home, toml, MODEL="offline").team.agents]
    assert models == [OFFLINE, "fast"]
    told = refusal(home, toml, MODEL="fast", MODEL_API_KEY="k")
    assert "its key is NIGHTDESK_MODELS__FAST__API_KEY" in told


def test_a_models_key_is_found_though_variables_know_no_hyphen(home: Path) -> None:
    toml = '[models.very-fast]\nmodel = "openai/b"\n'
    key = load(home, toml, MODELS__VERY_FAST__API_KEY="k1").models[ModelName("very-fast")].api_key
    assert key is not None
    assert key.get_secret_value() == "k1"
    told = refusal(home, toml, MODELS__VERY_FATS__API_KEY="k1")
    assert "there is no [models.very_fats]; did you mean very_fast?" in told


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("opnai/gpt-4.1-mini", "did you mean openai?"),
        ("OpenAI/gpt-4.1-mini", "did you mean openai or"),
        ("mistrl/small", "did you mean mistral?"),
        ("tohether_ai/x", "did you mean together_ai?"),
        ("fantasia/x", 'write one such as "openai/gpt-4.1-mini"'),
    ],
)
def test_a_provider_that_nobody_knows_is_named_with_the_nearest_ones(
    home: Path, model: str, said: str
) -> None:
    """Not "its price is not known", which sends people to write prices for a typing mistake."""
    provider = model.partition("/")[0]
    told = refusal(home, f'[models.fast]\nmodel = "{model}"\nunknown_price = true\n')
    assert told == (
        f'nightdesk.toml:2: models.fast.model = "{model}": '
        f"LiteLLM knows no provider {provider}: {told.rpartition(': ')[2]}"
    )
    assert said in told
    told = refusal(home, "", MODEL=model)
    assert told.startswith(f'NIGHTDESK_MODEL = "{model}": LiteLLM knows no provider {provider}: ')
    assert said in told


def test_our_own_client_needs_no_provider_that_litellm_knows(home: Path) -> None:
    where = 'base_url = "http://127.0.0.1:8000/v1"\n'
    house = f'[models.fast]\nmodel = "house/x"\n{where}'
    assert load(home, f'{house}client = "direct"\n').models
    assert "LiteLLM knows no provider house" in refusal(home, house)


def test_the_file_in_the_working_folder_comes_before_the_one_in_the_data_folder(home: Path) -> None:
    data = home / ".local/share/nightdesk"
    data.mkdir(parents=True)
    (data / "nightdesk.toml").write_text('[team]\nname = "data"\n')
    assert load(home).team.name == "data"
    (home / "here.toml").write_text('[team]\nname = "named"\n')
    assert load(home, CONFIG="here.toml").team.name == "named"
    assert load(home, '[team]\nname = "here"\n').team.name == "here"


@pytest.mark.parametrize(
    ("xdg", "expected"), [("/srv/share", "/srv/share/nightdesk"), ("share", None), ("", None)]
)
def test_the_data_folder_follows_the_desktop_convention(
    home: Path, xdg: str, expected: str | None
) -> None:
    settings = load_settings({"HOME": str(home), "XDG_DATA_HOME": xdg}, cwd=home)
    assert settings.data_dir == Path(expected or home / ".local/share/nightdesk")


def test_a_file_that_cannot_be_read_is_told(home: Path) -> None:
    (home / "nightdesk.toml").mkdir()
    folder = "it is a folder: name the file in it, such as nightdesk.toml"
    assert refusal(home) == f"nightdesk.toml: {folder}"
    assert refusal(home, CONFIG=str(home)) == f"{home}: {folder}"
    assert refusal(home, CONFIG="/proc/self/mem").startswith("/proc/self/mem: it cannot be read: ")


@pytest.mark.parametrize("name", ["CONFIG", "DATA_DIR"])
def test_a_place_that_cannot_be_looked_at_is_told(home: Path, name: str) -> None:
    """A name that is too long, for one; a folder that is closed to this user, for another."""
    said = refusal(home, **{name: f"/tmp/{'long' * 100}"})  # noqa: S108 - nothing is made there
    assert "cannot be read: File name too long. Let this user read its folder" in said
    assert "NIGHTDESK_CONFIG" in said


# ------------------------------------------------------------------------------ the first file


def test_the_first_file_opens_ops_of_the_terminal_and_nothing_else(home: Path) -> None:
    path = home / "nightdesk.toml"
    write_first_config(path, environ={"TZ": "Europe/Berlin"})
    team = load(home).team
    assert team.zone == "Europe/Berlin"
    [owner] = team.members
    assert (owner.role, owner.principals[0].user) == (MemberRole.OWNER, "you")
    [ops] = team.channels
    assert (ops.ref.platform, ops.name, ops.proactive) == ("terminal", "ops", True)
    assert ops.listen is Listen.MENTIONS
    assert [agent.model for agent in team.agents] == [OFFLINE]
    assert "list of proactive channels" in path.read_text()


def test_the_first_file_is_written_once_and_for_its_owner(home: Path) -> None:
    path = home / "new" / "nightdesk.toml"
    write_first_config(path, environ={})
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("# ours\n")
    with pytest.raises(ConfigurationError, match="is there already and was left as it is"):
        write_first_config(path, environ={})
    assert path.read_text() == "# ours\n"
    copy = write_first_config(path, environ={}, replace=True)
    assert copy is not None
    assert copy.read_text() == "# ours\n"
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "nightdesk.toml",
        "nightdesk.toml.bak",
    ]


def test_a_second_new_file_leaves_the_first_copy_as_it_is(home: Path) -> None:
    path = home / "nightdesk.toml"
    for words in ("# ours\n", "# theirs\n", "# yours\n"):
        path.write_text(words)
        write_first_config(path, environ={}, replace=True)
    kept = {each.name: each.read_text() for each in path.parent.glob("nightdesk.toml.*")}
    assert kept == {
        "nightdesk.toml.bak": "# ours\n",
        "nightdesk.toml.bak.1": "# theirs\n",
        "nightdesk.toml.bak.2": "# yours\n",
    }


def test_a_folder_that_cannot_be_written_is_told(home: Path) -> None:
    (home / "file").write_text("")
    with pytest.raises(
        ConfigurationError, match=r"nightdesk\.toml cannot be written: .*/file is no folder"
    ):
        write_first_config(home / "file" / "nightdesk.toml", environ={})


def test_the_examples_in_the_first_file_work_once_their_sign_is_taken_away(home: Path) -> None:
    path = home / "nightdesk.toml"
    write_first_config(path, environ={})
    lines = path.read_text().splitlines()
    settings = load(home, "\n".join(re.sub(r"^#(?=[\[a-z])", "", line) for line in lines))
    assert [m.name for m in settings.team.members] == ["You", "Ana"]
    assert set(settings.models) == {"fast", "local"}
    assert len(settings.team.channels) == 4
    assert settings.team.approvals == settings.team.channels[0].ref


def test_where_the_file_would_be_written(home: Path) -> None:
    environ = {"HOME": str(home)}
    assert find_config(environ, cwd=home) == home / ".local/share/nightdesk/nightdesk.toml"
    assert find_config(environ | {"NIGHTDESK_CONFIG": "x.toml"}, cwd=home) == home / "x.toml"


# -------------------------------------------------------------------------------- documentation


def test_the_documentation_lists_every_variable_and_key() -> None:
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    tables = (
        entries.TeamEntry,
        entries.SlackEntry,
        entries.MemberEntry,
        entries.ChannelEntry,
        models.RoutedAgentEntry,
        models.ModelEntry,
        models.RoutingEntry,
        models.SignalEntry,
    )
    keys = [f"`{key}`" for table in tables for key in table.model_fields]
    missing = [key for key in (*VARIABLES, *keys) if key not in text]
    assert missing == []
