"""The platforms' published schemas, which lie beside the project and are never copied into it."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

_BESIDE = Path(__file__).parents[3] / "shared" / "specs"


def folder() -> Path:
    """Where the schemas are looked for: `$NIGHTDESK_SPECS`, else `shared/specs` beside the checkout."""
    return Path(os.environ.get("NIGHTDESK_SPECS") or _BESIDE)


@cache
def load(name: str) -> Any | None:
    """A schema, `slack/events/MessagePayload.json`; None where it is absent."""
    path = folder() / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def required(name: str) -> Any:
    """The same; skips the test, saying so, where it is absent."""
    found = load(name)
    if found is None:
        import pytest  # noqa: PLC0415 - the fakes run without it, after `make run` alone

        pytest.skip(f"the schema {name} is not at {folder()}; set NIGHTDESK_SPECS to its folder")
    return found
