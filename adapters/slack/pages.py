"""The App Home of a person, and what is offered to them where they write to the bot.

https://docs.slack.dev/surfaces/app-home
"""

import logging
from collections.abc import Iterator
from typing import Final

from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack import render
from adapters.slack.faults import Refusal, written
from runtime.errors import Ambiguous, Retryable
from runtime.model.home import HomePage, Section
from runtime.text import split

log = logging.getLogger("nightdesk.slack")

_PROMPTS: Final = 4
"""Slack shows so many."""
_LONGEST_TITLE: Final = 150
_LONGEST_PAGE: Final = 10_000
"""Characters of all sections; Slack takes 12,000 of Markdown in a view."""
_CUT: Final = "\n\n_There is more than fits here._"


async def publish(client: AsyncWebClient, page: HomePage, *, user: str, channel: str) -> None:
    """Draw the page, then offer its prompts in the person's direct conversation.

    Raises:
        Retryable: Slack could not be asked.
        Refusal: Slack said no.
    """
    view = {"type": "home", "blocks": list(_blocks(page))}
    try:
        await written(client.views_publish(user_id=user, view=view))
    except Ambiguous as error:
        raise Retryable(str(error)) from error  # drawing it twice is drawing it once
    if page.prompts and channel:
        await _offer(client, page, channel)


async def _offer(client: AsyncWebClient, page: HomePage, channel: str) -> None:
    prompts = [
        {"title": render.quiet(prompt.title), "message": prompt.message}
        for prompt in page.prompts[:_PROMPTS]
    ]
    try:
        await written(
            client.assistant_threads_setSuggestedPrompts(channel_id=channel, prompts=prompts)
        )
    except (Refusal, Retryable, Ambiguous) as error:
        log.info("slack.no_prompts", extra={"why": str(error)})


def _blocks(page: HomePage) -> Iterator[render.Block]:
    room = _LONGEST_PAGE // max(1, len(page.sections))
    for section in page.sections:
        title = render.quiet(section.title)[:_LONGEST_TITLE]
        yield {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}
        yield {"type": "markdown", "text": _fitting(section, room)}


def _fitting(section: Section, room: int) -> str:
    shown = render.markdown(section.text)
    if len(shown) <= room:
        return shown or "…"
    first = split(section.text, room - len(_CUT), measure=lambda text: len(render.markdown(text)))[
        0
    ]
    return render.markdown(first) + _CUT
