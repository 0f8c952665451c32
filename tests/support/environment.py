"""The environment that tests run in: nobody's keys, nobody's settings, no way to spend money."""

import re
from collections.abc import MutableMapping

CLOSED = {
    # Read by LiteLLM when it is imported: without it, it asks the network for its price list.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    # The fuse: a model adapter refuses every address off this machine (runtime.errors.SpendingForbidden).
    "NIGHTDESK_NO_SPEND": "1",
    # Libraries that look for models or send usage reports stay at home.
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}

# NIGHTDESK_SPECS stays: it tells the tests where the platforms' published schemas lie.
_PRIVATE = re.compile(
    r"^(NIGHTDESK_(?!SPECS$)|DBOS_|OPENAI_|ANTHROPIC_|AZURE_|AWS_|GOOGLE_|GEMINI_|VERTEX|LITELLM_|OLLAMA_"
    r"|SLACK_|TELEGRAM_|DISCORD_|PG[A-Z]+$)"
    r"|(_API_KEY|_ACCESS_KEY|_TOKEN|_SECRET|_PASSWORD)$"
    r"|^(https?|all|no)_proxy$",
    re.IGNORECASE,
)


def close(environment: MutableMapping[str, str]) -> None:
    """Take out everything that belongs to the person who runs the tests; put the fuse in."""
    for name in [name for name in environment if _PRIVATE.search(name)]:
        del environment[name]
    environment.update(CLOSED)
