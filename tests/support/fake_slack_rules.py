"""The product's rules for requests to Slack, and the vendor's published schema beside them."""

from collections.abc import Iterator

from bot.selftest.slack import rules
from bot.selftest.slack.rules import Args, markdown_of
from tests.support import specs

__all__ = ["breaches", "markdown_of", "signature"]

# Arguments that the published schema (2021) does not know yet, from the vendor's SDK of 2026.
_BLOCKS = {"blocks": "array"}
_SINCE: dict[str, dict[str, str]] = {
    "chat.postMessage": {**_BLOCKS, "metadata": "object", "markdown_text": "string"},
    # The schema calls link_names of chat.update a string, the documentation and SDK a boolean.
    "chat.update": {
        **_BLOCKS,
        "metadata": "object",
        "markdown_text": "string",
        "link_names": "boolean",
    },
    "chat.postEphemeral": {**_BLOCKS, "markdown_text": "string"},
    "conversations.replies": {"include_all_metadata": "boolean"},
    "conversations.history": {"include_all_metadata": "boolean"},
    # It calls a view a string, which is how a form carries it; it goes as JSON.
    "views.open": {"view": "object!"},
    "views.publish": {"view": "object!"},
}
_NEWER = frozenset(
    {
        "apps.connections.open",
        "chat.startStream",
        "chat.appendStream",
        "chat.stopStream",
        "response_url",
        "assistant.threads.setStatus",
        "assistant.threads.setSuggestedPrompts",
        "agents.sessions.setStatus",
        "files.getUploadURLExternal",
        "files.completeUploadExternal",
    }
)
"""Methods that it does not know at all."""


def signature(method: str) -> dict[str, str] | None:
    """The arguments of a method by the published schema; None where it cannot say."""
    schema = specs.load("slack/web-api-openapi-v2.json")
    if schema is None or method in _NEWER:
        return None
    operations = schema["paths"].get(f"/{method}")
    if operations is None:
        return {}
    (operation,) = operations.values()
    known = {
        p["name"]: p["type"] + ("!" if p.get("required") else "")
        for p in operation["parameters"]
        if p["name"] != "token"
    }
    return known | _SINCE.get(method, {})


def by_schema(method: str, args: Args, *, form: bool) -> Iterator[str]:
    """What is wrong with the arguments of a call by the published schema."""
    known = signature(method)
    if known is not None:
        yield from rules.against(known, method, args, form=form)


def breaches(method: str, args: Args, *, form: bool) -> Iterator[str]:
    """What is wrong with the arguments of a call."""
    yield from rules.breaches(method, args, form=form)
    yield from by_schema(method, args, form=form)
