"""The keys of providers: whose are taken from where, and what is missing."""

from pathlib import Path

import pytest

from adapters.models.catalogue import describe
from bot.configuration.providerkeys import PROVIDER_KEYS
from bot.environ import load_settings
from bot.settings import ModelSettings
from bot.wiring.models import config_of
from runtime.errors import ConfigurationError
from runtime.ids import ModelName

FAST = '[models.fast]\nmodel = "{model}"\n'


def model_of(home: Path, written: str, **environ: str) -> ModelSettings:
    """The model `fast` of that table."""
    (home / "nightdesk.toml").write_text(written)
    settings = load_settings({"HOME": str(home), **environ}, cwd=home)
    for model in settings.models.values():
        if model.api_key is not None:
            assert model.api_key.get_secret_value() in settings.secrets(), "hidden in the log"
    return settings.models[ModelName("fast")]


def key_of(model: ModelSettings) -> str | None:
    return model.api_key.get_secret_value() if model.api_key is not None else None


@pytest.mark.parametrize("provider", PROVIDER_KEYS)
def test_a_provider_s_own_variable_is_the_key_where_there_is_none_of_ours(
    provider: str, tmp_path: Path
) -> None:
    table = FAST.format(model=f"{provider}/m")
    for name in PROVIDER_KEYS[provider]:
        model = model_of(tmp_path, table, **{name: " canary "})
        assert (key_of(model), model.lacks) == ("canary", ())
    both = {PROVIDER_KEYS[provider][0]: "theirs", "NIGHTDESK_MODELS__FAST__API_KEY": "ours"}
    assert key_of(model_of(tmp_path, table, **both)) == "ours"
    none = model_of(tmp_path, table, **{PROVIDER_KEYS[provider][0]: " "})
    assert key_of(none) is None
    assert none.lacks == ("NIGHTDESK_MODELS__FAST__API_KEY", *PROVIDER_KEYS[provider])
    assert describe(config_of(none)).lacks == none.lacks


def test_another_key_of_the_provider_is_another_credential(tmp_path: Path) -> None:
    table = FAST.format(model="openai/m")
    one, two = (model_of(tmp_path, table, OPENAI_API_KEY=key) for key in ("k1", "k2"))
    assert describe(config_of(one)).credential != describe(config_of(two)).credential


def test_a_server_of_ones_own_gets_no_provider_s_key_and_needs_none(tmp_path: Path) -> None:
    table = FAST.format(model="openai/m") + 'base_url = "http://127.0.0.1:8080/v1"\n'
    model = model_of(tmp_path, table, OPENAI_API_KEY="canary")
    assert (model.api_key, model.lacks) == (None, ())


@pytest.mark.parametrize(
    "name", ["ollama_chat/llama3.2", "bedrock/m", "vertex_ai/m", "azure/m", "petals/m"]
)
def test_what_takes_no_key_or_more_than_one_lacks_nothing_that_we_know_of(
    name: str, tmp_path: Path
) -> None:
    model = model_of(tmp_path, FAST.format(model=name), OPENAI_API_KEY="canary")
    assert (model.api_key, model.lacks) == (None, ())


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("sk-canary\nb", "there is a control character inside: write it again"),
        ("sk-canary b", "there is a blank inside: was it copied whole, and only once?"),
        ("<your-canary>", "it is still a placeholder: give it a value"),
    ],
)
def test_a_provider_s_own_variable_is_checked_as_ours_is(
    key: str, said: str, tmp_path: Path
) -> None:
    two = FAST.format(model="openai/m") + '[models.large]\nmodel = "openai/large"\n'
    with pytest.raises(ConfigurationError) as raised:
        model_of(tmp_path, two, OPENAI_API_KEY=key)
    assert str(raised.value).count(f"OPENAI_API_KEY: {said}") == 1
    assert "canary" not in str(raised.value)
    own = model_of(tmp_path, FAST.format(model="mistral/m"), OPENAI_API_KEY=key)
    assert own.api_key is None, "what no model takes is not looked at"


def test_what_does_instead_of_a_key_is_left_to_litellm(tmp_path: Path) -> None:
    table = FAST.format(model="anthropic/m")
    model = model_of(tmp_path, table, ANTHROPIC_AUTH_TOKEN="canary")
    assert (model.api_key, model.lacks) == (None, ())


def test_the_model_of_the_quick_way_has_its_own_variable(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "NIGHTDESK_MODEL": "openai/gpt-4.1-mini"}
    without = load_settings(environ, cwd=tmp_path).models[ModelName("openai/gpt-4.1-mini")]
    assert without.lacks == ("NIGHTDESK_MODEL_API_KEY", "OPENAI_API_KEY")
    environ["OPENAI_API_KEY"] = "canary"
    settings = load_settings(environ, cwd=tmp_path)
    assert key_of(settings.models[ModelName("openai/gpt-4.1-mini")]) == "canary"
    assert settings.secrets() == {"canary"}


def test_one_provider_is_one_address_with_one_key_and_keeps_its_name_when_a_key_changes(
    tmp_path: Path,
) -> None:
    house = 'base_url = "http://127.0.0.1:8080/v1"\n'
    names = ("fast", "large", "second", "near", "far")
    tables = "".join(f'[models.{name}]\nmodel = "openai/{name}"\n' for name in names[:3])
    tables += "".join(f'[models.{name}]\nmodel = "openai/m"\n{house}' for name in names[3:])

    def providers(**keys: str) -> list[str]:
        (tmp_path / "nightdesk.toml").write_text(tables)
        ours = {f"NIGHTDESK_MODELS__{name.upper()}__API_KEY": key for name, key in keys.items()}
        settings = load_settings({"HOME": str(tmp_path), **ours}, cwd=tmp_path)
        return [describe(config_of(settings.models[ModelName(name)])).provider for name in names]

    at = "openai@127.0.0.1:8080"
    assert providers(fast="k1", large="k1", second="k2", near="k1") == [
        "openai",
        "openai",
        "openai#second",
        at,
        at,
    ]
    assert providers(fast="k3", large="k3", second="k4")[:3] == [
        "openai",
        "openai",
        "openai#second",
    ]
    assert providers(near="k1", far="k2")[3:] == [at, f"{at}#far"]


def test_a_provider_with_a_second_key_can_be_limited_by_its_name(tmp_path: Path) -> None:
    limit = '[[limits]]\nscope = "provider"\nof = "{of}"\nday = 1\n'
    two = FAST.format(model="openai/m") + '[models.second]\nmodel = "openai/large"\n'
    keys = {"OPENAI_API_KEY": "k1", "NIGHTDESK_MODELS__SECOND__API_KEY": "k2"}
    for of in ("openai", "openai@", "openai#second"):
        assert key_of(model_of(tmp_path, limit.format(of=of) + two, **keys)) == "k1"
    with pytest.raises(ConfigurationError) as raised:
        model_of(tmp_path, limit.format(of="openai#other") + two, **keys)
    assert "unknown: the models have openai, openai#second and openai@" in str(raised.value)
