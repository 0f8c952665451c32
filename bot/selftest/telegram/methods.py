"""The methods of the fake Bot API: what each does in the world, and how it refuses."""

from collections.abc import Callable
from typing import Any

from bot.selftest.telegram.names import BOT
from bot.selftest.telegram.world import Fields, Posted, World


class Says(Exception):
    """Telegram says no."""

    def __init__(self, status: int, description: str, **parameters: object) -> None:
        super().__init__(description)
        self.status = status
        self.parameters = parameters


def perform(world: World, method: str, fields: Fields) -> Any:
    """Do it; the result.

    Raises:
        Says: Telegram refuses.
    """
    return _METHODS[method](world, fields)


def _send(world: World, fields: Fields) -> Fields:
    chat = _chat(world, fields)
    topic = fields.get("message_thread_id")
    if topic is not None and not (chat.get("is_forum") or world.me.get("has_topics_enabled")):
        raise Says(400, "Bad Request: message thread not found")
    asked = fields.get("reply_parameters") or {}
    reply_to = asked.get("message_id")
    if reply_to is not None and world.message(chat["id"], reply_to) is None:
        if not asked.get("allow_sending_without_reply"):
            raise Says(400, "Bad Request: message to be replied not found")
        reply_to = None
    file, name = next(
        ((fields[part], fields["_name"]) for part in ("document", "photo") if part in fields),
        (b"", ""),
    )
    shown = {"text": fields["text"]} if "text" in fields else {}
    if name:
        shown = {"document": {"file_id": f"out-{name}", "file_unique_id": "u", "file_name": name}}
    said = world.write(chat["id"], world.me, topic=topic, reply_to=reply_to, **shown)
    world.posted.append(
        Posted(
            chat=chat["id"],
            id=said["message_id"],
            text=fields.get("text") or fields.get("caption") or "",
            entities=fields.get("entities") or fields.get("caption_entities") or [],
            topic=topic,
            reply_to=reply_to,
            buttons=_buttons(fields),
            file=name,
            content=file,
        )
    )
    return said


def _edit(world: World, fields: Fields) -> Fields:
    chat = _chat(world, fields)
    found = [p for p in world.posted if (p.chat, p.id) == (chat["id"], fields["message_id"])]
    if not found:
        raise Says(400, "Bad Request: message to edit not found")
    (posted,) = found
    if "text" in fields and posted.file:
        raise Says(400, "Bad Request: there is no text in the message to edit")
    text = fields.get("text") or fields.get("caption") or ""
    entities = fields.get("entities") or fields.get("caption_entities") or []
    if (text, entities, _buttons(fields)) == (posted.text, posted.entities, posted.buttons):
        raise Says(
            400,
            "Bad Request: message is not modified: specified new message content and reply markup "
            "are exactly the same as a current content and reply markup of the message",
        )
    posted.text, posted.entities, posted.buttons = text, entities, _buttons(fields)
    posted.edits += 1
    return world.message(posted.chat, posted.id) or {}


def _draft(world: World, fields: Fields) -> bool:
    chat = _chat(world, fields)
    if chat["type"] != "private":
        raise Says(400, "Bad Request: TEXTDRAFT_PEER_INVALID")
    world.drafts.setdefault((chat["id"], fields["draft_id"]), []).append(fields.get("text", ""))
    return True


def _action(world: World, fields: Fields) -> bool:
    world.actions.append(_chat(world, fields)["id"])
    return True


def _answer(world: World, fields: Fields) -> bool:
    query = fields["callback_query_id"]
    if query in world.presses:
        raise Says(400, "Bad Request: query is too old and response timeout expired")
    world.presses.append(query)
    return True


def _file(world: World, fields: Fields) -> Fields:
    name = fields["file_id"]
    if name not in world.files:
        raise Says(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
    size = len(world.files[name])
    if size > 20_000_000:
        raise Says(400, "Bad Request: file is too big")
    return {
        "file_id": name,
        "file_unique_id": f"u{name}",
        "file_size": size,
        "file_path": f"documents/{name}.bin",
    }


def _set_webhook(world: World, fields: Fields) -> bool:
    world.webhook.url = fields["url"]
    world.webhook.secret = fields.get("secret_token", "")
    world.webhook.kinds = fields.get("allowed_updates") or []
    return True


def _delete_webhook(world: World, fields: Fields) -> bool:
    world.webhook.url = ""
    if fields.get("drop_pending_updates"):
        world.updates.clear()
    return True


def _info(world: World, _: Fields) -> Fields:
    info: Fields = {
        "url": world.webhook.url,
        "has_custom_certificate": False,
        "pending_update_count": len(world.updates),
    }
    if world.webhook.failed_at:
        info |= {
            "last_error_date": int(world.webhook.failed_at),
            "last_error_message": world.webhook.failure,
        }
    return info


def _menu(world: World, fields: Fields) -> list[Fields]:
    return world.menus.get(_scope(fields), [])


def _set_menu(world: World, fields: Fields) -> bool:
    chat = (fields.get("scope") or {}).get("chat_id")
    if chat is not None:
        _chat(world, {"chat_id": chat}, to_look=True)
    world.menus[_scope(fields)] = fields["commands"]
    return True


def _look(world: World, fields: Fields) -> Fields:
    chat = _chat(world, fields, to_look=True)
    gifts = dict.fromkeys(_GIFTS, False)
    return chat | {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": gifts}


def _member(world: World, fields: Fields) -> Fields:
    chat = _chat(world, fields, to_look=True)
    if fields["user_id"] != BOT:
        return {"status": "member", "user": world.person(fields["user_id"])}
    rights = world.rights.get(chat["id"], {})
    status = rights.get("status", "member")
    return {"status": status, "user": world.me, **_RIGHTS.get(status, {}), **rights}


def _chat(world: World, fields: Fields, *, to_look: bool = False) -> Fields:
    number = fields["chat_id"]
    moved = world.moved.get(number)
    if moved is not None:
        raise Says(
            400,
            "Bad Request: group chat was upgraded to a supergroup chat",
            migrate_to_chat_id=moved,
        )
    chat = world.chat(number)
    if chat is None:
        raise Says(400, "Bad Request: chat not found")
    if number in world.blocked:
        if to_look:
            raise Says(400, "Bad Request: chat not found")
        raise Says(403, "Forbidden: bot can't initiate conversation with a user")
    if not to_look and world.rights.get(number, {}).get("status") in {"left", "kicked"}:
        raise Says(403, "Forbidden: bot was kicked from the supergroup chat")
    return chat


def _scope(fields: Fields) -> str:
    scope = fields.get("scope") or {"type": "default"}
    return f"{scope['type']}:{scope['chat_id']}" if "chat_id" in scope else str(scope["type"])


def _buttons(fields: Fields) -> list[tuple[str, str]]:
    rows = (fields.get("reply_markup") or {}).get("inline_keyboard", ())
    return [(button["text"], button["callback_data"]) for row in rows for button in row]


_GIFTS = (
    "unlimited_gifts",
    "limited_gifts",
    "unique_gifts",
    "premium_subscription",
    "gifts_from_channels",
)
_OF_MEMBERS = (
    *("is_member", "can_send_messages", "can_send_audios", "can_send_documents"),
    *("can_send_photos", "can_send_videos", "can_send_video_notes", "can_send_voice_notes"),
    *("can_send_polls", "can_send_other_messages", "can_add_web_page_previews"),
    *("can_react_to_messages", "can_edit_tag", "can_change_info", "can_invite_users"),
    *("can_pin_messages", "can_manage_topics"),
)
_OF_ADMINS = (
    *("can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages"),
    *("can_manage_video_chats", "can_restrict_members", "can_promote_members"),
    *("can_change_info", "can_invite_users", "can_post_stories", "can_edit_stories"),
    "can_delete_stories",
)
_RIGHTS: dict[str, Fields] = {
    "creator": {"is_anonymous": False},
    "administrator": dict.fromkeys(_OF_ADMINS, False),
    "restricted": dict.fromkeys(_OF_MEMBERS, False) | {"until_date": 0},
    "kicked": {"until_date": 0},
}
"""What Telegram says of a member beside its status, by that; a test's own words go before."""


_METHODS: dict[str, Callable[[World, Fields], Any]] = {
    "getMe": lambda world, _: world.me,
    "getWebhookInfo": _info,
    "setWebhook": _set_webhook,
    "deleteWebhook": _delete_webhook,
    "sendMessage": _send,
    "sendDocument": _send,
    "sendPhoto": _send,
    "sendMessageDraft": _draft,
    "sendChatAction": _action,
    "editMessageText": _edit,
    "editMessageCaption": _edit,
    "answerCallbackQuery": _answer,
    "getFile": _file,
    "getMyCommands": _menu,
    "setMyCommands": _set_menu,
    "getChat": _look,
    "getChatMember": _member,
}
