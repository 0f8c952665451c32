"""The names of the providers that LiteLLM knows, read in its files: the package is not imported."""

import functools
import importlib.util
import json
import re
from pathlib import Path

_NAMES = Path("types") / "utils.py"
_MORE = Path("llms") / "openai_like" / "providers.json"
_CLASS = re.compile(r"^class LlmProviders\(.*?(?=^\S)", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r'^    [A-Z0-9_]+ = "([^"]+)"', re.MULTILINE)


@functools.cache
def known_providers() -> frozenset[str]:
    """What may stand before the first `/` of a model's name; empty where LiteLLM is not there.

    They are the members of its `LlmProviders`, and the keys of its list of servers that speak
    OpenAI's form: `litellm_core_utils/get_llm_provider_logic.py` looks in these two.
    """
    spec = importlib.util.find_spec("litellm")  # looks for it, and imports nothing
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        return read_providers(Path(place))
    return frozenset()


def read_providers(package: Path) -> frozenset[str]:
    """The names in the files of that LiteLLM; empty where one of them is not as it should be."""
    try:
        named = _CLASS.search((package / _NAMES).read_text(encoding="utf-8"))
        more = json.loads((package / _MORE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return frozenset()
    names = _NAME.findall(named[0]) if named else []
    return frozenset([*names, *more]) if names and isinstance(more, dict) else frozenset()
