"""Where each provider answers a question that costs nothing and asks for the key: a table.

Bases are those that LiteLLM calls (its `constants.py`, `llms/openai_like/providers.json` and
`litellm_core_utils/get_llm_provider_logic.py`); of servers that speak OpenAI's form a GET of
`<base>/models` is the list of models, which is free. The others are from the providers' own pages.
"""

from collections.abc import Mapping
from enum import StrEnum

from runtime.model.value import value


class KeyIn(StrEnum):
    """In which header the key goes; never in the address, which is logged."""

    BEARER = "Authorization"
    API_KEY = "x-api-key"
    GOOGLE = "x-goog-api-key"


@value(kw_only=True)
class FreeCall:
    """A question that costs nothing.

    Attributes:
        url: where it is asked, by GET.
        key_in: the header of the key.
        headers: those beside it.
        shows: the field that an answer about the account has; empty for a list of models.
    """

    url: str
    key_in: KeyIn = KeyIn.BEARER
    headers: tuple[tuple[str, str], ...] = ()
    shows: str = ""

    def with_key(self, key: str | None) -> dict[str, str]:
        """Its headers, without any key where there is none."""
        if not key:
            return dict(self.headers)
        said = f"Bearer {key}" if self.key_in is KeyIn.BEARER else key
        return {**dict(self.headers), self.key_in.value: said}


_OPENAI_FORM: Mapping[str, str] = {
    "abliteration": "https://api.abliteration.ai/v1",
    "ai21": "https://api.ai21.com/studio/v1",
    "ai21_chat": "https://api.ai21.com/studio/v1",
    "aihubmix": "https://aihubmix.com/v1",
    "aiml": "https://api.aimlapi.com/v1",
    "apertis": "https://api.stima.tech/v1",
    "assemblyai": "https://llm-gateway.assemblyai.com/v1",
    "baseten": "https://inference.baseten.co/v1",
    "cerebras": "https://api.cerebras.ai/v1",
    "charity_engine": "https://api.charityengine.services/remotejobs/v2/inference",
    "chutes": "https://llm.chutes.ai/v1",
    "clarifai": "https://api.clarifai.com/v2/ext/openai/v1",
    "codestral": "https://codestral.mistral.ai/v1",
    "cognition": "https://api.cognition.ai/v1",
    "cometapi": "https://api.cometapi.com/v1",
    "compactifai": "https://api.compactif.ai/v1",
    "cortecs": "https://api.cortecs.ai/v1",
    "crusoe": "https://managed-inference-api-proxy.crusoecloud.com/v1",
    "darkbloom": "https://api.darkbloom.dev/v1",
    "dashscope": "https://dashscope.aliyuncs.com/compatible-mode/v1",
    "deepinfra": "https://api.deepinfra.com/v1/openai",
    "deepseek": "https://api.deepseek.com",
    "edenai": "https://api.edenai.run/v3",
    "empiriolabs": "https://api.empiriolabs.ai/v1",
    "empower": "https://app.empower.dev/api/v1",
    "featherless_ai": "https://api.featherless.ai/v1",
    "fireworks_ai": "https://api.fireworks.ai/inference/v1",
    "friendliai": "https://api.friendli.ai/serverless/v1",
    "galadriel": "https://api.galadriel.com/v1",
    "github": "https://models.inference.ai.azure.com",
    "gmi": "https://api.gmi-serving.com/v1",
    "groq": "https://api.groq.com/openai/v1",
    "helicone": "https://ai-gateway.helicone.ai",
    "hyperbolic": "https://api.hyperbolic.xyz/v1",
    "inception": "https://api.inceptionlabs.ai/v1",
    "lambda_ai": "https://api.lambda.ai/v1",
    "libertai": "https://api.libertai.io/v1",
    "llamagate": "https://api.llamagate.dev/v1",
    "meta": "https://api.meta.ai/v1",
    "meta_llama": "https://api.llama.com/compat/v1",
    "minimax": "https://api.minimax.io/v1",
    "mistral": "https://api.mistral.ai/v1",
    "modelscope": "https://api-inference.modelscope.cn/v1",
    "moonshot": "https://api.moonshot.ai/v1",
    "morph": "https://api.morphllm.com/v1",
    "nano-gpt": "https://nano-gpt.com/api/v1",
    "nebius": "https://api.studio.nebius.ai/v1",
    "neosantara": "https://api.neosantara.xyz/v1",
    "novita": "https://api.novita.ai/v3/openai",
    "nscale": "https://inference.api.nscale.com/v1",
    "nvidia_nim": "https://integrate.api.nvidia.com/v1",
    "openai": "https://api.openai.com/v1",
    "ovhcloud": "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
    "parasail": "https://api.parasail.io/v1",
    "perplexity": "https://api.perplexity.ai",
    "pinstripes": "https://pinstripes.io/v1",
    "poe": "https://api.poe.com/v1",
    "prism": "https://api.prisminference.com/v1",
    "publicai": "https://api.publicai.co/v1",
    "qwen_ai_platform": "https://dashscope.aliyuncs.com/compatible-mode/v1",
    "qwencloud": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    "reka": "https://api.reka.ai/v1",
    "sail": "https://api.sailresearch.com/v1",
    "sambanova": "https://api.sambanova.ai/v1",
    "sarvam": "https://api.sarvam.ai/v1",
    "scaleway": "https://api.scaleway.ai/v1",
    "scx-ai": "https://api.scx.ai/v1",
    "synthetic": "https://api.synthetic.new/openai/v1",
    "tencent": "https://tokenhub-intl.tencentcloudmaas.com/v1",
    "tensormesh": "https://serverless.tensormesh.ai/v1",
    "together_ai": "https://api.together.xyz/v1",
    "v0": "https://api.v0.dev/v1",
    "veniceai": "https://api.venice.ai/api/v1",
    "volcengine": "https://ark.cn-beijing.volces.com/api/v3",
    "wandb": "https://api.inference.wandb.ai/v1",
    "xai": "https://api.x.ai/v1",
    "xiaomi_mimo": "https://api.xiaomimimo.com/v1",
    "zai": "https://api.z.ai/api/paas/v4",
}
"""Bases at which a provider speaks OpenAI's form."""

_OLLAMA = FreeCall(url="http://localhost:11434/api/tags")
_COHERE = FreeCall(url="https://api.cohere.com/v1/models")
_ANTHROPIC = (("anthropic-version", "2023-06-01"),)

FREE_CALLS: Mapping[str, FreeCall] = {
    **{name: FreeCall(url=f"{base}/models") for name, base in _OPENAI_FORM.items()},
    "anthropic": FreeCall(
        url="https://api.anthropic.com/v1/models", key_in=KeyIn.API_KEY, headers=_ANTHROPIC
    ),
    "cohere": _COHERE,
    "cohere_chat": _COHERE,
    "gemini": FreeCall(
        url="https://generativelanguage.googleapis.com/v1beta/models", key_in=KeyIn.GOOGLE
    ),
    "huggingface": FreeCall(url="https://huggingface.co/api/whoami-v2", shows="name"),
    "ollama": _OLLAMA,
    "ollama_chat": _OLLAMA,
    # Their lists of models are open to everybody, so they are asked about the key itself.
    "openrouter": FreeCall(url="https://openrouter.ai/api/v1/key", shows="data"),
    "replicate": FreeCall(url="https://api.replicate.com/v1/account", shows="username"),
    "vercel_ai_gateway": FreeCall(url="https://ai-gateway.vercel.sh/v1/credits", shows="balance"),
}
"""The question for each provider, by LiteLLM's name of it."""

_SIGNED = "its requests are signed with more than one key"
_OWN_PLACE = "its address is another one for each customer"
_LOGIN = "one logs in to it in the place of a key"

NO_FREE_CALL: Mapping[str, str] = {
    "azure": _OWN_PLACE,
    "azure_ai": _OWN_PLACE,
    "azure_text": _OWN_PLACE,
    "bedrock": _SIGNED,
    "bedrock_mantle": _SIGNED,
    "chatgpt": _LOGIN,
    "cloudflare": _OWN_PLACE,
    "databricks": _OWN_PLACE,
    "datarobot": _OWN_PLACE,
    "docker_model_runner": _OWN_PLACE,
    "gigachat": _LOGIN,
    "github_copilot": _LOGIN,
    "hosted_vllm": _OWN_PLACE,
    "litellm_proxy": _OWN_PLACE,
    "llamafile": _OWN_PLACE,
    "lm_studio": _OWN_PLACE,
    "oci": _SIGNED,
    "predibase": _OWN_PLACE,
    "ragflow": _OWN_PLACE,
    "sagemaker": _SIGNED,
    "sagemaker_chat": _SIGNED,
    "sap": _LOGIN,
    "snowflake": _OWN_PLACE,
    "vertex_ai": _LOGIN,
    "vertex_ai_beta": _LOGIN,
    "watsonx": _LOGIN,
    "watsonx_text": _LOGIN,
    "xinference": _OWN_PLACE,
}
"""Why a provider cannot be asked, where it is known; of others no free question is."""


def at_own_address(model: str, base_url: str) -> FreeCall:
    """The free question for a model at an address of one's own.

    Args:
        model: LiteLLM's name of it.
        base_url: the address, without `/` at its end.
    """
    vendor = model.partition("/")[0]
    if vendor.startswith("ollama"):
        return FreeCall(url=f"{base_url}/api/tags")
    if vendor == "anthropic":
        place = base_url.removesuffix("/v1")
        return FreeCall(url=f"{place}/v1/models", key_in=KeyIn.API_KEY, headers=_ANTHROPIC)
    return FreeCall(url=f"{base_url}/models")


def why_none(model: str) -> str:
    """Why a provider is not asked, in words."""
    return NO_FREE_CALL.get(model.partition("/")[0], "no free question of it is known")
