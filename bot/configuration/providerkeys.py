"""The keys of providers, in the variables of their own that LiteLLM reads.

They are read here and handed over, so that they are hidden in the log, that doctor can test them,
and that a model without any is left out before it is asked. A provider that is not listed takes
more than a key, as Azure, Bedrock and Vertex do, or is not known here: LiteLLM finds what it needs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from adapters.models.catalogue import ModelConfig, provider_of
from bot.configuration.environment import what_is_wrong
from bot.configuration.problems import Problems
from bot.configuration.values import Secret
from bot.settings import ModelSettings

PROVIDER_KEYS: Mapping[str, tuple[str, ...]] = {
    "abliteration": ("ABLITERATION_API_KEY",),
    "ai21": ("AI21_API_KEY",),
    "ai21_chat": ("AI21_API_KEY",),
    "aihubmix": ("AIHUBMIX_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "apertis": ("STIMA_API_KEY",),
    "assemblyai": ("ASSEMBLYAI_API_KEY",),
    "baseten": ("BASETEN_API_KEY",),
    "cerebras": ("CEREBRAS_API_KEY",),
    "charity_engine": ("CHARITY_ENGINE_API_KEY",),
    "chutes": ("CHUTES_API_KEY",),
    "codestral": ("CODESTRAL_API_KEY",),
    "cognition": ("COGNITION_API_KEY",),
    "cohere": (
        "COHERE_API_KEY",
        "CO_API_KEY",
    ),
    "cortecs": ("CORTECS_API_KEY",),
    "crusoe": ("CRUSOE_API_KEY",),
    "darkbloom": ("DARKBLOOM_API_KEY",),
    "dashscope": ("DASHSCOPE_API_KEY",),
    "deepinfra": ("DEEPINFRA_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "empiriolabs": ("EMPIRIOLABS_API_KEY",),
    "empower": ("EMPOWER_API_KEY",),
    "featherless_ai": (
        "FEATHERLESS_AI_API_KEY",
        "FEATHERLESS_API_KEY",
    ),
    "fireworks_ai": (
        "FIREWORKS_API_KEY",
        "FIREWORKS_AI_API_KEY",
        "FIREWORKSAI_API_KEY",
        "FIREWORKS_AI_TOKEN",
    ),
    "friendliai": (
        "FRIENDLIAI_API_KEY",
        "FRIENDLI_TOKEN",
    ),
    "galadriel": ("GALADRIEL_API_KEY",),
    "gemini": (
        "GOOGLE_API_KEY",
        "GEMINI_API_KEY",
    ),
    "github": ("GITHUB_API_KEY",),
    "gmi": ("GMI_API_KEY",),
    "groq": ("GROQ_API_KEY",),
    "helicone": ("HELICONE_API_KEY",),
    "huggingface": (
        "HF_TOKEN",
        "HUGGINGFACE_API_KEY",
    ),
    "libertai": ("LIBERTAI_API_KEY",),
    "llamagate": ("LLAMAGATE_API_KEY",),
    "meta": ("META_API_KEY",),
    "meta_llama": ("LLAMA_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "modelscope": ("MODELSCOPE_API_KEY",),
    "moonshot": ("MOONSHOT_API_KEY",),
    "nano-gpt": ("NANOGPT_API_KEY",),
    "nebius": ("NEBIUS_API_KEY",),
    "neosantara": ("NEOSANTARA_API_KEY",),
    "novita": ("NOVITA_API_KEY",),
    "nscale": ("NSCALE_API_KEY",),
    "nvidia_nim": ("NVIDIA_NIM_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "openrouter": (
        "OPENROUTER_API_KEY",
        "OR_API_KEY",
    ),
    "parasail": ("PARASAIL_API_KEY",),
    "perplexity": (
        "PERPLEXITYAI_API_KEY",
        "PERPLEXITY_API_KEY",
    ),
    "pinstripes": ("PINSTRIPES_API_KEY",),
    "poe": ("POE_API_KEY",),
    "prism": ("PRISM_API_KEY",),
    "publicai": ("PUBLICAI_API_KEY",),
    "reka": ("REKA_API_KEY",),
    "replicate": (
        "REPLICATE_API_KEY",
        "REPLICATE_API_TOKEN",
    ),
    "sail": ("SAIL_API_KEY",),
    "sambanova": ("SAMBANOVA_API_KEY",),
    "sarvam": ("SARVAM_API_KEY",),
    "scaleway": ("SCW_SECRET_KEY",),
    "scx-ai": ("SCX_API_KEY",),
    "synthetic": ("SYNTHETIC_API_KEY",),
    "tencent": ("TENCENT_API_KEY",),
    "tensormesh": ("TENSORMESH_INFERENCE_API_KEY",),
    "together_ai": (
        "TOGETHER_API_KEY",
        "TOGETHER_AI_API_KEY",
        "TOGETHERAI_API_KEY",
        "TOGETHER_AI_TOKEN",
    ),
    "veniceai": ("VENICE_AI_API_KEY",),
    "vercel_ai_gateway": ("VERCEL_AI_GATEWAY_API_KEY",),
    "volcengine": ("VOLCENGINE_API_KEY",),
    "wandb": ("WANDB_API_KEY",),
    "xai": ("XAI_API_KEY",),
    "xiaomi_mimo": ("XIAOMI_MIMO_API_KEY",),
    "zai": ("ZAI_API_KEY",),
}
"""Of each provider that takes one key and nothing else, in the order in which LiteLLM looks."""

_OTHERWISE: Mapping[str, str] = {"anthropic": "ANTHROPIC_AUTH_TOKEN"}
"""What does instead of a key, and is no key: LiteLLM reads it by itself."""


def told_apart(models: Iterable[ModelSettings]) -> list[ModelSettings]:
    """The models, each with what tells its key from the first that is used at the same place.

    That is the name of the first model with that key: it stays as it is when the key is changed, so
    what was spent with it goes on to count. A model without a key goes with the first.
    """
    accounts: dict[str, dict[str, str]] = {}
    told = []
    for model in models:
        where = ModelConfig(name=model.name, model=model.model, base_url=model.base_url)
        here = accounts.setdefault(provider_of(where), {})
        key = model.api_key.get_secret_value() if model.api_key is not None else None
        if key is not None:
            here.setdefault(key, model.name if here else "")
        told.append(replace(model, account=here.get(key, "") if key is not None else ""))
    return told


def with_key(
    model: ModelSettings, ours: str, environ: Mapping[str, str], problems: Problems
) -> ModelSettings:
    """The model with its provider's key, where we have none for it; or with what it lacks.

    Args:
        model: a model.
        ours: the variable for a key of ours.
        environ: the environment.
        problems: gets what is wrong with the variable that is taken.
    """
    provider = model.model.partition("/")[0]
    names = PROVIDER_KEYS.get(provider, ())
    # A server of one's own may want none, and must not get the provider's.
    if model.api_key is not None or model.base_url is not None or not names:
        return model
    if environ.get(_OTHERWISE.get(provider, ""), "").strip():
        return model
    found = next((name for name in names if environ.get(name, "").strip()), None)
    if found is None:
        return replace(model, lacks=(ours, *names))
    key = environ[found].strip()
    if wrong := what_is_wrong(key, secret=True):
        if not problems.names(found):
            problems.variable(found, wrong)
        return model
    return replace(model, api_key=Secret(key))
