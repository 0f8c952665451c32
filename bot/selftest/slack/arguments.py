"""The arguments that Slack takes, of the methods that the fake has.

Tests compare this table with the vendor's published schema, as far as that goes.
"""

_BLOCKS = {"blocks": "array"}
_PAGED = {"limit": "integer", "cursor": "string"}
_BETWEEN = {
    "channel": "string!",
    "oldest": "number",
    "latest": "number",
    "inclusive": "boolean",
    "include_all_metadata": "boolean",
    **_PAGED,
}
_MESSAGE = {
    "channel": "string!",
    "text": "string",
    "attachments": "string",
    "link_names": "boolean",
    "parse": "string",
    "markdown_text": "string",
    **_BLOCKS,
}
_STREAM = {"channel": "string!", "markdown_text": "string", "chunks": "array"}

ARGUMENTS: dict[str, dict[str, str]] = {
    "auth.test": {},
    "apps.connections.open": {},
    "chat.postMessage": {
        **_MESSAGE,
        "thread_ts": "string",
        "reply_broadcast": "boolean",
        "mrkdwn": "boolean",
        "unfurl_links": "boolean",
        "unfurl_media": "boolean",
        "metadata": "object",
    },
    "chat.postEphemeral": {**_MESSAGE, "user": "string!", "thread_ts": "string"},
    "chat.update": {**_MESSAGE, "ts": "string!", "metadata": "object"},
    "chat.startStream": {
        **_STREAM,
        "thread_ts": "string!",
        "recipient_user_id": "string",
        "recipient_team_id": "string",
        "task_display_mode": "string",
    },
    "chat.appendStream": {**_STREAM, "ts": "string!"},
    "chat.stopStream": {
        **_STREAM,
        "ts": "string!",
        **_BLOCKS,
        "metadata": "object",
        "session_status": "string",
    },
    "conversations.history": dict(_BETWEEN),
    "conversations.replies": {**_BETWEEN, "ts": "number"},
    "conversations.open": {"channel": "string", "users": "string", "return_im": "boolean"},
    "conversations.info": {
        "channel": "string",
        "include_locale": "boolean",
        "include_num_members": "boolean",
    },
    "assistant.threads.setStatus": {
        "channel_id": "string!",
        "thread_ts": "string!",
        "status": "string!",
        "loading_messages": "array",
    },
    "assistant.threads.setSuggestedPrompts": {
        "channel_id": "string!",
        "prompts": "array!",
        "title": "string",
    },
    "agents.sessions.setStatus": {
        "channel_id": "string!",
        "thread_ts": "string",
        "status": "string!",
        "title": "string",
        "initiator_user_id": "string",
    },
    "views.open": {"trigger_id": "string!", "view": "object!"},
    "views.publish": {"user_id": "string!", "view": "object!", "hash": "string"},
    "files.info": {"file": "string!"},
    "files.getUploadURLExternal": {
        "filename": "string!",
        "length": "integer!",
        "alt_txt": "string",
    },
    "files.completeUploadExternal": {
        "files": "array!",
        "channel_id": "string",
        "thread_ts": "string",
        "initial_comment": "string",
    },
    # What is posted to the address that comes with a command or a button.
    "response_url": {
        "response_type": "string!",
        "replace_original": "boolean!",
        "text": "string!",
        "thread_ts": "string",
        "unfurl_links": "boolean",
        "unfurl_media": "boolean",
        **_BLOCKS,
    },
}
"""Each method's arguments and their types, `!` behind the required ones."""
